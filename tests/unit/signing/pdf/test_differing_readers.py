"""Revisions that other readers understand otherwise than ours would: what one of them may show differently does not pass."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import pytest

from signing.model import Facts
from tests.unit.signing.pdf import kit
from tests.unit.signing.pdf.kit import appended, failures, holds, read, stream


def _rows(raw: bytes, rows: list[tuple[int, int, int]], index: bytes, size: int = 0) -> bytes:
    """A revision of a cross-reference stream alone, its own row last."""
    own = size or _size(raw)
    start, previous = len(raw), int(raw[raw.rindex(b"startxref") + 9 :].split()[0])
    written = b"".join(
        bytes([kind]) + place.to_bytes(4, "big") + detail.to_bytes(2, "big")
        for kind, place, detail in [*rows, (1, start, 0)]
    )
    head = b"/Type/XRef/W[1 4 2]/Index[%b %d 1]/Size %d/Root 1 0 R/Info 4 0 R/Prev %d" % (index, own, own + 1, previous)
    return raw + b"%d 0 obj\n%b\nendobj\nstartxref\n%d\n%%%%EOF\n" % (own, stream(written, head), start)


@pytest.fixture
def sole(tmp_path: Path) -> bytes:
    """One signature on a plain document."""
    return kit.signed(kit.classic(kit.objects()), tmp_path)


def _page(raw: bytes) -> bytes:
    found: list[bytes] = re.findall(rb"\n10 0 obj\n(.*?)\nendobj", raw, re.DOTALL)
    return found[-1]


def _uncovered(facts: Facts) -> bool:
    return not holds(facts) and "coverage" in failures(facts)


def test_a_size_that_hides_signed_objects_is_a_change(sole: bytes) -> None:
    """ISO 32000-2 table 15: an object whose number Size does not reach is missing, and some readers drop it."""
    previous = int(sole[sole.rindex(b"startxref") + 9 :].split()[0])
    end = (
        b"xref\n0 1\n0000000000 65535 f \ntrailer\n<</Size %d/Root 1 0 R/Info 4 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
    )
    assert _uncovered(read(sole + end % (11, previous, len(sole))))
    full = max(int(one) for one in re.findall(rb"/Size (\d+)", sole))
    assert holds(read(sole + end % (full, previous, len(sole))))
    # PDFBox may write an empty revision with a small Size; what counts is the newest.
    small = sole + end % (1, previous, len(sole))
    assert holds(read(small + end % (full, len(sole), len(small))))


def test_an_entry_of_an_unknown_kind_removes_its_object(tmp_path: Path) -> None:
    """7.5.8.3: it is the null object; a reader that skips the entry would still show what others do not."""
    raw = kit.signed(kit.packed(kit.objects()), tmp_path)
    assert holds(read(_rows(raw, [], b"")))
    assert _uncovered(read(_rows(raw, [(3, 0, 0)], b"11 1")))


def test_a_page_written_again_with_a_key_twice_is_a_change(sole: bytes) -> None:
    """Of two values some readers take the first and some the last, at the top as well as further inside."""
    page = _page(sole)
    assert holds(read(appended(sole, {10: page})))
    forged = stream(b"BT /F1 24 Tf 72 700 Td (gia mao) Tj ET")
    assert _uncovered(read(appended(sole, {10: b"<</Contents 90 0 R" + page[2:], 90: forged})))
    inside = page.replace(b"<</Font", b"<</Font<</F1 91 0 R>>/Font")
    assert inside != page
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Symbol>>"
    assert _uncovered(read(appended(sole, {10: inside, 91: font})))


def test_an_object_stream_that_the_security_store_names_is_not_evidence(tmp_path: Path) -> None:
    """Shadow: the store of the signed document lists the stream in which its pages lie; rewriting it rewrites the pages."""
    parts = kit.objects()
    store = max(parts) + 1
    parts[1] = b"<</Type/Catalog/Pages 2 0 R/Lang(vi)/DSS<</Certs[%d 0 R]>>>>" % store
    raw = kit.signed(kit.packed(parts), tmp_path)
    assert holds(read(raw))
    found = re.search(rb"%d 0 obj\n<<(.*?)/Length (\d+)>>\nstream\n" % store, raw, re.DOTALL)
    assert found is not None
    plain = zlib.decompress(raw[found.end() : found.end() + int(found[2])])
    forged = plain.replace(b"/Contents 11 0 R", b"/Contents 13 0 R")
    assert forged != plain
    written = b"%d 0 obj\n%b\nendobj\n" % (store, stream(zlib.compress(forged), found[1]))
    assert _uncovered(read(_rows(raw + written, [(1, len(raw), 0)], b"%d 1" % store, _size(raw))))


@pytest.mark.parametrize("more", [b"", b"/OCProperties<</OCGs[32 0 R]/D 31 0 R>>", b"/OpenAction 31 0 R"])
@pytest.mark.parametrize("fields", [b"[31 0 R]", b"33 0 R"])
def test_an_empty_field_that_is_something_else_besides_may_not_be_filled(
    tmp_path: Path, more: bytes, fields: bytes
) -> None:
    """Shadow: AS and F of a field mean layers and files where the same object is a configuration or an action."""
    field = b"<</FT/Sig/T(cho)/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/ON[32 0 R]/S/Launch%b>>"
    parts = kit.objects() | {
        1: b"<</Type/Catalog/Pages 2 0 R/Lang(vi)/AcroForm 30 0 R%b>>" % more,
        30: b"<</Fields %b/SigFlags 3>>" % fields,
        31: field % b"",
        32: b"<</Type/OCG/Name(lop)/Usage<</View<</ViewState/OFF>>>>>>",
        33: b"[31 0 R]",
    }
    raw = kit.signed(kit.classic(parts), tmp_path)
    stamp = b"<</Type/DocTimeStamp/Filter/Adobe.PPKLite/SubFilter/ETSI.RFC3161/ByteRange[0 1 2 3]/Contents<00>>>"
    layers = b"/V 70 0 R/AS[<</Event/View/OCGs[32 0 R]/Category[/View]>>]/F(gia.exe)"
    assert holds(read(raw))
    assert holds(read(appended(raw, {31: field % layers, 70: stamp}))) is (not more)


def _size(raw: bytes) -> int:
    return max(int(one) for one in re.findall(rb"/Size (\d+)", raw))
