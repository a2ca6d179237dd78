"""Signing facts 5.3: no change of one bit, and no bytes that nobody signed, ever give a CMS whose checks all hold."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kit.simulated_authority import stamps
from signing import der
from signing.catalogue import finding_rows
from signing.cms.files import read_cms
from signing.model import Facts, Observation
from signing.timestamp import read_answer, read_token
from tests import pki
from tests.unit.signing.cms.making import CONTENT, P256, Parts, good_attributes
from tests.unit.signing.test_timestamp import REQUEST

STAMPED = b"stamped"
ROUNDS = settings(max_examples=300, deadline=None)


@cache
def _message() -> bytes:
    """A signature with the signer's certificate alone: a chain is not covered by it, and is judged by its own signatures."""
    return Parts(signed=tuple(good_attributes().values())).message()


@cache
def _token() -> bytes:
    asked = stamps.Asked("sha256", P256.digest.of(STAMPED), wants_certificate=False)
    return pki.authority().stamp("tsa-duty", asked, pki.NOW)


def _observations(facts: Facts) -> list[Observation]:
    seen = list(facts.observations)
    for signature in facts.signatures:
        seen += signature.observations
        for token in signature.tokens:
            seen += token.observations
    return seen


def _failed(observations: list[Observation]) -> set[str]:
    assert all(one.code in finding_rows() for one in observations)
    return {one.code for one in observations if not one.ok}


def _of_message(message: bytes, content: bytes = CONTENT) -> set[str]:
    return _failed(_observations(read_cms(message, content)))


def _of_token(token: bytes) -> set[str]:
    return _failed(list(read_token(token, STAMPED, "signature", [pki.certificate("tsa-duty")]).observations))


def _flipped(message: bytes, bit: int) -> bytes:
    changed = bytearray(message)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)


def test_the_originals_hold() -> None:
    """Else the laws below would hold for a reader that refuses everything."""
    assert _of_message(_message()) == set() and _of_token(_token()) == set()


def test_no_flipped_bit_of_a_signature_or_token_is_overlooked() -> None:
    """One bit in each octet, the place in the octet going round: some check fails, and only in version numbers as a remark."""
    for original, read in ((_message(), _of_message), (_token(), _of_token)):
        remarks = 0
        for place in range(len(original)):
            failed = read(_flipped(original, place * 8 + place % 8))
            assert failed, place
            remarks += not any(finding_rows()[code].on_failure for code in failed)
            assert any(finding_rows()[code].on_failure for code in failed) or failed == {"cms_version_rule"}
        assert remarks <= 3


@ROUNDS
@given(st.data())
def test_any_flipped_bit_of_the_message_fails(data: st.DataObject) -> None:
    """Anywhere in the message."""
    bit = data.draw(st.integers(0, len(_message()) * 8 - 1))
    assert _of_message(_flipped(_message(), bit))


@ROUNDS
@given(st.integers(0, len(CONTENT) * 8 - 1))
def test_any_flipped_bit_of_the_content_fails(bit: int) -> None:
    """Anywhere in what was signed: nothing is covered any more."""
    facts = read_cms(_message(), _flipped(CONTENT, bit))
    assert "content_digest" in _failed(_observations(facts))
    assert [one.covered.extent for one in facts.signatures] == ["none"]


@ROUNDS
@given(st.binary(max_size=400), st.binary(max_size=40))
def test_bytes_that_nobody_signed_never_hold(raw: bytes, content: bytes) -> None:
    """As a message, as an armoured one, as a token and as an authority's answer; nothing is raised either."""
    for shape in (raw, b"\x30" + raw, b"-----BEGIN CMS-----\n" + raw + b"\n-----END CMS-----\n"):
        assert _of_message(shape, content)
        assert read_token(shape, content, "signature").gen_time is None
        assert read_answer(shape, REQUEST).token is None


@ROUNDS
@given(st.data())
def test_a_message_with_a_piece_replaced_cut_or_doubled_never_holds(data: st.DataObject) -> None:
    """Splices of the message with itself, and cuts: never an exception, never all checks held unless nothing changed."""
    message = _message()
    at, size = data.draw(st.integers(0, len(message))), data.draw(st.integers(0, 64))
    start = data.draw(st.integers(0, len(message)))
    piece = message[start : start + data.draw(st.integers(0, 64))]
    changed = message[:at] + piece + message[at + size :]
    assert _of_message(changed) or changed == message


@ROUNDS
@given(st.integers(-(2**300), 2**300))
def test_an_integer_is_read_as_it_was_written(value: int) -> None:
    """The shortest form, and no other."""
    assert der.integer(der.whole(der.encode_integer(value), der.INTEGER)) == value


@ROUNDS
@given(st.integers(0, 2), st.integers(0, 39), st.lists(st.integers(0, 2**40), max_size=5))
def test_an_identifier_is_read_as_it_was_written(first: int, second: int, rest: list[int]) -> None:
    """Arcs of any size, the first two in one."""
    dotted = ".".join(str(arc) for arc in (first, second, *rest))
    assert der.oid(der.element(der.encode_oid(dotted))) == dotted


_VALUES = st.recursive(
    st.tuples(st.sampled_from([0x02, 0x04, 0x05, 0x06, 0x0C, 0x80]), st.binary(max_size=200)),
    lambda inner: st.tuples(st.sampled_from([0x30, 0x31, 0xA0, 0xA1]), st.lists(inner, max_size=4)),
    max_leaves=12,
)


def _written(value: tuple[int, object], *, indefinite: bool) -> bytes:
    tag, inside = value
    if isinstance(inside, bytes):
        return der.encode(tag, inside)
    assert isinstance(inside, list)
    content = b"".join(_written(one, indefinite=indefinite) for one in inside)
    return bytes((tag, 0x80)) + content + b"\x00\x00" if indefinite else der.encode(tag, content)


@ROUNDS
@given(_VALUES, st.binary(max_size=8))
def test_indefinite_lengths_become_the_definite_ones_that_they_stand_for(
    value: tuple[int, object], behind: bytes
) -> None:
    """What `definite` makes of BER is the DER of the same value, and it says exactly how much it read."""
    plain, loose = _written(value, indefinite=False), _written(value, indefinite=True)
    assert der.definite(loose + behind) == (plain, len(loose))
    assert der.definite(plain + behind) == (plain, len(plain))
    assert der.object_size(loose + behind) == len(loose)


@ROUNDS
@given(st.binary(max_size=300))
def test_the_reader_of_encodings_raises_its_own_error_and_no_other(raw: bytes) -> None:
    """Whatever the bytes: a value, or `DerError`."""
    for start in (b"", b"\x30\x80", b"\x24\x80\xa0\x80"):
        size = der.object_size(start + raw)
        assert size is None or 0 < size <= len(start + raw)
        try:
            for one in der.children(der.element(start + raw)):
                assert one.raw.endswith(one.content)
        except der.DerError:
            continue
