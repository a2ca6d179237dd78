"""Content sealed in chunks: it comes back whole at every size, and whatever is changed, cut, swapped or mixed is noticed."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal.chunks import CHUNK, PREFIX, TAG, ChunkSealer, header, opened, read_header
from gateway.journal.sealing import SealBroken

KEY = bytes(range(32))
LABEL = "000.00.00.G16-261120-0042/" + "ab" * 32
STATED = header(LABEL, b"p" * PREFIX)
SEALED_CHUNK = CHUNK + TAG

# Sizes on both sides of every border that the form has.
SIZES = st.one_of(
    st.integers(0, 40),
    st.builds(lambda chunks, off: max(0, chunks * CHUNK + off), st.integers(0, 3), st.integers(-2, 2)),
)


def content_of(size: int) -> bytes:
    """Content in which no two chunks are alike."""
    return b"".join(number.to_bytes(8, "big") for number in range(size // 8 + 1))[:size]


def seal(content: bytes, *, key: bytes = KEY, stated: bytes = STATED, step: int = 50_000) -> bytes:
    """The file of some content that came in pieces of `step` bytes."""
    sealer = ChunkSealer(key, stated)
    pieces = [sealer.update(content[at : at + step]) for at in range(0, len(content), step)]
    return stated + b"".join(pieces) + sealer.finish()


def open_all(file: bytes, key: bytes = KEY, label: str = LABEL) -> bytes:
    """The content of a file, read to its end."""
    return b"".join(opened(io.BytesIO(file), key, label))


def chunks_of(file: bytes) -> Iterator[bytes]:
    """The sealed chunks behind the header."""
    body = file[len(STATED) :]
    return (body[at : at + SEALED_CHUNK] for at in range(0, len(body), SEALED_CHUNK))


@given(size=SIZES, step=st.sampled_from([1_000, 65_535, 65_536, 65_537, 300_000]))
def test_content_comes_back_whole_at_every_size_and_in_every_step(size: int, step: int) -> None:
    """However it arrives, the file is the same, opens to the same bytes, and is 16 bytes a chunk longer."""
    content = content_of(size)
    file = seal(content, step=step)
    assert file == seal(content)
    assert open_all(file) == content
    assert len(file) == len(STATED) + size + TAG * max(1, -(-size // CHUNK))


@given(size=SIZES, at=st.integers(0), bit=st.integers(0, 7))
def test_one_changed_bit_is_noticed(size: int, at: int, bit: int) -> None:
    """In the header, in the content and in a tag."""
    file = bytearray(seal(content_of(size)))
    file[at % len(file)] ^= 1 << bit
    with pytest.raises(SealBroken):
        open_all(bytes(file))


@given(size=SIZES, cut=st.integers(1))
def test_a_file_that_was_cut_short_is_noticed(size: int, cut: int) -> None:
    """At any place, between two chunks too."""
    file = seal(content_of(size))
    with pytest.raises(SealBroken):
        open_all(file[: -(cut % len(file)) or -1])


@pytest.mark.parametrize("chunks", [1, 2, 3])
def test_whole_chunks_taken_from_the_end_are_noticed(chunks: int) -> None:
    """An end that is no end."""
    file = seal(content_of(4 * CHUNK))
    with pytest.raises(SealBroken):
        open_all(file[: -chunks * SEALED_CHUNK])


@given(size=st.integers(2 * CHUNK + 1, 4 * CHUNK), order=st.randoms())
def test_chunks_in_another_order_are_noticed(size: int, order: object) -> None:
    """Each chunk opens in its place only; one put in twice is noticed too."""
    file = seal(content_of(size))
    chunks = list(chunks_of(file))
    mixed = chunks[:]
    order.shuffle(mixed)  # type: ignore[attr-defined]  # Hypothesis gives a random.Random
    if mixed != chunks:
        with pytest.raises(SealBroken):
            open_all(STATED + b"".join(mixed))
    with pytest.raises(SealBroken):
        open_all(STATED + b"".join([chunks[0], *chunks]))


def test_a_chunk_of_another_file_is_noticed() -> None:
    """Another content under the same key, another nonce, another label: none of their chunks fits."""
    content = content_of(3 * CHUNK)
    mine = list(chunks_of(seal(content)))
    for stated in (header(LABEL, b"q" * PREFIX), header(LABEL.replace("0042", "0043"), b"p" * PREFIX)):
        foreign = list(chunks_of(seal(content, stated=stated)))
        with pytest.raises(SealBroken):
            open_all(STATED + b"".join([mine[0], foreign[1], mine[2]]))


def test_another_key_or_another_name_does_not_open() -> None:
    """A file opens as what it is, with its own key."""
    file = seal(b"x" * 10)
    with pytest.raises(SealBroken):
        open_all(file, key=bytes(32))
    with pytest.raises(SealBroken):
        open_all(file, label=LABEL.replace("0042", "0043"))
    with pytest.raises(SealBroken):
        open_all(file + b"\0")


@given(junk=st.binary(max_size=80))
def test_a_file_that_is_none_of_ours_is_noticed(junk: bytes) -> None:
    """Whatever lies in its place."""
    with pytest.raises(SealBroken):
        open_all(junk)
    with pytest.raises(SealBroken):
        read_header(io.BytesIO(STATED[:12] + junk[:1]))
