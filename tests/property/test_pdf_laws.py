"""Laws of PDF signatures that hold for all inputs (signing facts 5.3)."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signing.making import Profile
from signing.model import Facts
from signing.pdf.reading import revision_bytes
from tests.unit.signing.pdf import kit
from tests.unit.signing.pdf.kit import Signing

_FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
_MANY = settings(max_examples=200, deadline=None)


@cache
def _documents() -> tuple[bytes, ...]:
    """One signature on a table, one on streams, two with a stamp."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        table = kit.signed(kit.classic(kit.objects()), folder)
        streams = kit.signed(kit.packed(kit.objects()), folder)
        both = kit.signed(streams, folder, Signing("agency", profile=Profile.PDF_T))
    return table, streams, both


def _covered_bits(raw: bytes) -> list[tuple[int, int]]:
    """The ranges that the last signature covers."""
    return list(kit.read(raw).signatures[-1].covered.ranges)


@given(st.data())
@_MANY
def test_no_single_bit_of_a_covered_byte_can_be_turned(data: st.DataObject) -> None:
    """Wherever it is: in text, names, tables or ByteRange itself, some check of some signature fails."""
    raw = data.draw(st.sampled_from(_documents()))
    ranges = _covered_bits(raw)
    start, end = data.draw(st.sampled_from(ranges))
    at, bit = data.draw(st.integers(start, end - 1)), data.draw(st.integers(0, 7))
    turned = raw[:at] + bytes((raw[at] ^ (1 << bit),)) + raw[at + 1 :]
    assert not kit.holds(kit.read(turned))


@given(st.sampled_from((0, 1, 2)), st.binary(min_size=1, max_size=200), st.booleans())
@_MANY
def test_nothing_can_be_put_before_or_behind(which: int, more: bytes, before: bool) -> None:
    """A prefix or suffix of any bytes, line ends and zeros among them, never passes."""
    raw = _documents()[which]
    assert not kit.holds(kit.read(more + raw if before else raw + more))


@given(st.sampled_from((0, 1, 2)), st.data())
@_FEW
def test_nothing_can_be_cut_out_or_put_in(which: int, data: st.DataObject) -> None:
    """Cut anywhere, or with bytes pushed in anywhere, the last signature does not hold."""
    raw = _documents()[which]
    at = data.draw(st.integers(1, len(raw) - 1))
    gone = data.draw(st.integers(0, 64))
    put = data.draw(st.binary(max_size=64))
    other = raw[:at] + put + raw[at + gone :]
    if other != raw and not _only_case_of_hex(raw, other):
        facts = kit.read(other)
        assert not kit.holds(facts) or _earlier_revision(raw, other, facts)


def _only_case_of_hex(raw: bytes, other: bytes) -> bool:
    """The hex string of Contents may be written in either case: no value changes."""
    return raw.lower() == other.lower() and len(raw) == len(other)


def _earlier_revision(raw: bytes, other: bytes, facts: Facts) -> bool:
    """Cut exactly at the end of an earlier revision, the document is the earlier document: what was signed then."""
    return (
        raw.startswith(other)
        and facts.sha256 == hashlib.sha256(revision_bytes(raw, facts.signatures[-1].covered)).hexdigest()
    )


@given(st.binary(max_size=3000))
@_MANY
def test_random_bytes_never_hold_and_never_raise(noise: bytes) -> None:
    """Bare, with the head of a PDF, and with a head and an end."""
    for raw in (noise, b"%PDF-1.7\n" + noise, b"%PDF-1.7\n" + noise + b"startxref\n9\n%%EOF\n"):
        facts = kit.read(raw)
        assert not kit.holds(facts)
        assert not facts.signatures


_TEXT = rb"""<< >> [ ] ( ) % -1 null true 5_0_R 1_0_obj endobj stream endstream trailer <41> /Type /Sig /V /Kids
/Fields /AcroForm /ByteRange[0_1_2_3] /Contents<3000> xref_0_1_ /Prev_9 /Root_1_0_R /Size_9 startxref_9_%%EOF_ 99999999999
/Length_5 /W[1_2_1] /Type/XRef /Type/ObjStm /FT/Sig /T(a) /Encrypt_5_0_R /XRefStm_9 /Filter/FlateDecode _"""
_WORDS = st.sampled_from([word.replace(b"_", b"\n") for word in _TEXT.split()])


@given(st.data())
@_MANY
def test_mangled_documents_never_hold_and_never_raise(data: st.DataObject) -> None:
    """Words of the format put into the structure of a signed document at random: facts, and no exception."""
    raw = bytearray(data.draw(st.sampled_from(_documents())))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(9, len(raw)))
        word = data.draw(_WORDS)
        if data.draw(st.booleans()):
            raw[at : at + len(word)] = word
        else:
            raw[at:at] = word
    mangled = bytes(raw)
    if mangled not in _documents():
        facts = kit.read(mangled)
        original = {kit.read(one).sha256 for one in _documents()}
        assert not kit.holds(facts) or facts.sha256 in original or _contents_only(mangled)


def _contents_only(mangled: bytes) -> bool:
    """Whether what was covered by the last signature is untouched: its own hex string alone was written otherwise."""
    facts = kit.read(mangled)
    covered = [mangled[start:end] for start, end in facts.signatures[-1].covered.ranges]
    return any(
        covered == [raw[start:end] for start, end in kit.read(raw).signatures[-1].covered.ranges]
        for raw in _documents()
    )
