"""Sealing: what is sealed opens only with its key, in its place, unchanged; large values are files named by content."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.journal.sealing import KeyRing, SealBroken, Shelf, Stored, WrongKey, bound, seal, unseal

KEK = b"k" * 32


@given(plain=st.binary(max_size=300), label=st.text(max_size=20), dossier=st.text(max_size=20))
def test_what_was_sealed_opens_in_its_place(plain: bytes, label: str, dossier: str) -> None:
    """Sealing and opening give the same bytes, and no two seals of the same bytes are alike."""
    key, _ = KeyRing(KEK).create(dossier)
    sealed = seal(key, plain, bound(label, dossier))
    assert unseal(key, sealed, bound(label, dossier)) == plain
    assert seal(key, plain, bound(label, dossier)) != sealed


@given(plain=st.binary(max_size=60), at=st.integers(0), bit=st.integers(0, 7))
def test_one_changed_bit_is_noticed(plain: bytes, at: int, bit: int) -> None:
    """Nonce, text and tag are all protected."""
    key, _ = KeyRing(KEK).create("d")
    sealed = bytearray(seal(key, plain, b"place"))
    sealed[at % len(sealed)] ^= 1 << bit
    with pytest.raises(SealBroken):
        unseal(key, bytes(sealed), b"place")


def test_another_place_another_dossier_or_another_key_does_not_open() -> None:
    """The additional data binds place and dossier; each dossier has its own key."""
    ring = KeyRing(KEK)
    key, _ = ring.create("one")
    other, _ = ring.create("two")
    sealed = seal(key, b"x", bound("payload/1", "one"))
    for opener, place in (
        (key, bound("payload/2", "one")),
        (key, bound("payload/1", "two")),
        (other, bound("payload/1", "one")),
    ):
        with pytest.raises(SealBroken):
            unseal(opener, sealed, place)


@pytest.mark.parametrize("sealed", [b"", b"short", b"x" * 27])
def test_a_truncated_value_is_broken_not_a_crash(sealed: bytes) -> None:
    """Too few bytes for nonce and tag are a broken seal."""
    key, _ = KeyRing(KEK).create("d")
    with pytest.raises(SealBroken):
        unseal(key, sealed, b"")


def test_a_data_key_is_wrapped_for_its_dossier_by_its_kek() -> None:
    """The wrapped key opens with the same KEK for the same dossier only."""
    key, wrapped = KeyRing(KEK).create("one")
    sealed = seal(key, b"text", b"place")
    assert unseal(KeyRing(KEK).unwrap("one", wrapped), sealed, b"place") == b"text"
    with pytest.raises(SealBroken):
        KeyRing(KEK).unwrap("two", wrapped)
    with pytest.raises(SealBroken):
        KeyRing(b"o" * 32).unwrap("one", wrapped)


def test_opened_keys_are_kept_up_to_a_bound_the_least_used_go() -> None:
    """The cache cannot grow without end, and forgets what a lost transaction made."""
    ring = KeyRing(KEK, capacity=2)
    ring.create("a")
    ring.create("b")
    assert ring.cached("a") is not None
    ring.create("c")
    assert ring.cached("b") is None
    assert ring.cached("a") is not None
    ring.forget(["a", "never"])
    assert ring.cached("a") is None


def test_a_store_recognises_its_kek_without_keeping_it() -> None:
    """The proof opens with the same KEK only, and holds nothing of it."""
    ring = KeyRing(KEK)
    ring.check(ring.proof())
    assert KEK not in ring.proof()
    with pytest.raises(WrongKey):
        KeyRing(b"o" * 32).check(ring.proof())
    with pytest.raises(ConfigError):
        KeyRing(b"short")
    assert ring.kek_id != KeyRing(b"o" * 32).kek_id


def test_large_values_become_files_named_by_their_digest(tmp_path: Path) -> None:
    """Up to the bound in the row, above it in a file; the same bytes are the same file; no draft stays behind."""
    shelf = Shelf(tmp_path / "files", 10)
    assert shelf.put(b"x" * 10) == Stored(b"x" * 10, None)
    stored = shelf.put(b"x" * 11)
    assert stored.sealed is None
    assert shelf.put(b"x" * 11) == stored
    assert shelf.get(stored) == b"x" * 11
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert file.name == stored.file


def test_a_lost_or_changed_file_is_noticed(tmp_path: Path) -> None:
    """A file must hold what its name says."""
    shelf = Shelf(tmp_path / "files", 0)
    stored = shelf.put(b"content")
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    file.write_bytes(b"another")
    with pytest.raises(SealBroken):
        shelf.get(stored)
    file.unlink()
    with pytest.raises(SealBroken):
        shelf.get(stored)


def test_a_draft_that_could_not_be_written_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk must not fill up with halves of what it refused."""

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    shelf = Shelf(tmp_path, 16)
    monkeypatch.setattr("gateway.journal.sealing.os.fsync", full)
    (tmp_path / hashlib.sha256(b"x" * 100).hexdigest()[:2]).mkdir()
    with pytest.raises(OSError, match="no space left"):
        shelf.put(b"x" * 100)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_process_without_free_descriptors_does_not_take_a_file_for_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That passes; a lane held for it would need a person."""
    shelf = Shelf(tmp_path, 16)
    stored = shelf.put(b"x" * 100)

    def none_free(_path: Path) -> bytes:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(Path, "read_bytes", none_free)
    with pytest.raises(OSError, match="too many open files"):
        shelf.get(stored)
