"""Attacks on PDF signatures, each named after its defect: what is done to a good document, and which check must see it.

Rows D1 to D8 of the signing facts, section 7. Every function takes our own signed output, so that attacks follow the format as
it is written today.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests import pki
from tests.unit.signing.pdf import kit
from tests.unit.signing.pdf.kit import Signing, appended, stream

FORGED = stream(b"BT /F1 24 Tf 72 700 Td (Noi dung gia mao) Tj ET")
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 11 0 R/Resources<</Font<</F1 3 0 R>>>>%b>>"


@dataclass(frozen=True, slots=True)
class Attack:
    """`row` of section 7; `make` from a signed document; `seen_by`: checks of which one must fail (for any signature)."""

    row: str
    make: Callable[[bytes], bytes]
    seen_by: frozenset[str]


def _sections(raw: bytes) -> tuple[int, int, int, int]:
    """ByteRange of the last signature."""
    found = re.findall(rb"/ByteRange\s*\[(\d+) (\d+) (\d+) (\d+)\]", raw)[-1]
    first, second, third, fourth = (int(one) for one in found)
    return first, second, third, fourth


def _put_range(raw: bytes, numbers: bytes) -> bytes:
    """Another ByteRange of the same width, so that nothing else moves."""
    old = re.findall(rb"/ByteRange(\s*\[[^\]]*\]\s*)/Contents", raw)[-1]
    assert len(numbers) <= len(old)
    return raw.replace(b"/ByteRange" + old, b"/ByteRange" + numbers.ljust(len(old)))


def _contents(raw: bytes, written: bytes) -> bytes:
    """Another value of Contents, and the rest of its room as white space."""
    _, gap, resume, _ = _sections(raw)
    return raw[:gap] + written.ljust(resume - gap) + raw[resume:]


def _page_of(raw: bytes, more: bytes = b"") -> bytes:
    """The first page as the signed revision has it, with something more in it."""
    found = re.findall(rb"10 0 obj\n<<(.*?)>>\nendobj", raw, re.DOTALL)[-1]
    assert isinstance(found, bytes)
    return b"<<" + found + more + b">>"


def _body_without_table(raw: bytes) -> bytes:
    return raw + b"11 0 obj\n" + FORGED + b"\nendobj\n"


def _body_with_table(raw: bytes) -> bytes:
    return appended(raw, {11: FORGED})


def _body_without_end(raw: bytes) -> bytes:
    return appended(raw, {11: FORGED}).removesuffix(b"%%EOF\n")


def _body_without_trailer(raw: bytes) -> bytes:
    made = appended(raw, {11: FORGED})
    return made[: made.rindex(b"trailer")] + made[made.rindex(b"startxref") :]


def _body_with_old_startxref(raw: bytes) -> bytes:
    """The appended end names the signed table: readers that trust startxref see the signed document, others the forged."""
    old = raw[raw.rindex(b"startxref") :]
    return raw + b"11 0 obj\n" + FORGED + b"\nendobj\n" + old


def _hidden_before_signature(raw: bytes) -> bytes:
    """D2: the second range moved behind a copy of itself, with forged objects in the room between."""
    first, gap, resume, length = _sections(raw)
    tail = raw[resume:]
    forged = b">>\nendobj\n11 0 obj\n" + FORGED + b"\nendobj\n"
    moved = resume + len(forged)
    out = raw[:resume] + forged + tail
    return _put_range(out, b"[%d %d %d %d]" % (first, gap, moved, length))


def _hidden_in_the_padding(raw: bytes) -> bytes:
    """D2: Contents ends early, and the rest of its room is a forged object that no digest covers."""
    _, _, resume, _ = _sections(raw)
    forged = b">/X 1>>endobj\n11 0 obj\n" + FORGED + b"\nendobj\n<<"
    return raw[: resume - len(forged)] + forged + raw[resume:]


def _three_ranges(raw: bytes) -> bytes:
    _, gap, resume, length = _sections(raw)
    return _put_range(raw, b"[0 %d %d %d 0 0]" % (gap, resume, length))


def _numbers(numbers: str) -> Callable[[bytes], bytes]:
    def attack(raw: bytes) -> bytes:
        _, gap, resume, length = _sections(raw)
        places = {"gap": gap, "resume": resume, "length": length, "end": resume + length}
        return _put_range(raw, numbers.format(**places).encode())

    return attack


def _arithmetic(write: Callable[[int, int, int], bytes]) -> Callable[[bytes], bytes]:
    def attack(raw: bytes) -> bytes:
        _, gap, resume, length = _sections(raw)
        return _put_range(raw, write(gap, resume, length))

    return attack


def _written(value: bytes) -> Callable[[bytes], bytes]:
    return lambda raw: _contents(raw, value)


def _without(key: bytes) -> Callable[[bytes], bytes]:
    """A key renamed, so that no place moves."""
    return lambda raw: raw[: raw.rindex(key)] + key[:-1] + b"_" + raw[raw.rindex(key) + len(key) :]


def _zeroed(raw: bytes) -> bytes:
    _, gap, resume, _ = _sections(raw)
    return raw[: gap + 1] + b"0" * (resume - gap - 2) + raw[resume - 1 :]


def _behind_the_cms(raw: bytes) -> bytes:
    """D7: the last padding byte is no zero."""
    _, _, resume, _ = _sections(raw)
    return raw[: resume - 2] + b"1" + raw[resume - 1 :]


def _spaced(raw: bytes) -> bytes:
    """D7: white space inside the hex string, which some readers skip."""
    _, _, resume, _ = _sections(raw)
    return raw[: resume - 3] + b"  " + raw[resume - 1 :]


def _wider_gap(raw: bytes) -> bytes:
    """D7: the gap takes a key of the signature dictionary with it."""
    _, gap, resume, length = _sections(raw)
    return _put_range(raw, b"[0 %d %d %d]" % (gap - 9, resume, length))


def _twice_in_its_table(raw: bytes) -> bytes:
    """D7: an object stands twice in one table: which one is it?"""
    made = appended(raw, {11: FORGED, 30: FORGED})
    row = made.rindex(b"30 1\n")
    return made[:row] + b"11 1\n" + made[row + 5 :]


def _unlisted_copy(raw: bytes) -> bytes:
    """D7: the revision holds a second copy of an object that its table does not name; rebuilding readers take it."""
    made = appended(raw, {30: b"null"})
    place = made.rindex(b"xref\n0 1")
    extra = b"11 0 obj\n" + FORGED + b"\nendobj\n"
    moved = made[:place] + extra + made[place:]
    return moved[: moved.rindex(b"startxref")] + b"startxref\n%d\n%%%%EOF\n" % (place + len(extra))


def _shadow_hide(raw: bytes) -> bytes:
    """D4: what covered the forged text is taken off the page."""
    return appended(raw, {10: _page_of(raw).replace(b"/Contents 11 0 R", b"/Contents 13 0 R")})


def _shadow_replace(raw: bytes) -> bytes:
    """D4: the font is another, the text the same."""
    return appended(raw, {3: b"<</Type/Font/Subtype/Type1/BaseFont/Symbol>>"})


def _shadow_reveal(raw: bytes) -> bytes:
    """D4, hide-and-replace: a new table names an object that was hidden in the signed bytes all along."""
    hidden = raw.index(b"11 0 obj", raw.index(b"11 0 obj") + 1)
    made = appended(raw, {30: b"null"})
    row = made.rindex(b"30 1\n")
    return made[:row] + b"11 1\n%010d 00000 n \n" % hidden + made[row:]


def _planted(raw: bytes) -> bytes:
    """D4: the signed page has always referred to an object that did not exist; now it does."""
    return appended(raw, {29: FORGED})


def _evil_annotation(raw: bytes) -> bytes:
    """D5: an annotation that covers the page."""
    note = b"<</Type/Annot/Subtype/FreeText/Rect[0 0 595 842]/Contents(gia mao)/DA(/F1 9 Tf)/P 10 0 R>>"
    return appended(raw, {10: _grown_annotations(raw, b"30 0 R"), 30: note})


def _grown_annotations(raw: bytes, more: bytes) -> bytes:
    page = _page_of(raw)
    return re.sub(rb"/Annots ?\[([^\]]*)\]", lambda found: b"/Annots[" + found[1] + b" " + more + b"]", page)


def _grown_form(raw: bytes, field: bytes) -> dict[int, bytes]:
    form = re.findall(rb"(\d+) 0 obj\n(<</?Fields[^>]*>>)\nendobj", raw)[-1]
    return {int(form[0]): re.sub(rb"\[([^\]]*)\]", rb"[\1 " + field + b"]", form[1])}


def _filled_form(raw: bytes) -> bytes:
    """A text field is added and filled."""
    text = b"<</FT/Tx/T(So tien)/V(900)/Type/Annot/Subtype/Widget/Rect[0 0 9 9]/P 10 0 R>>"
    return appended(raw, _grown_form(raw, b"30 0 R") | {30: text, 10: _grown_annotations(raw, b"30 0 R")})


def _sneaky_overlay(raw: bytes) -> bytes:
    """D5: an unsigned signature field whose appearance covers the page."""
    field = b"<</FT/Sig/T(Che)/Type/Annot/Subtype/Widget/Rect[0 0 595 842]/P 10 0 R/AP<</N 31 0 R>>>>"
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]"
    parts = {30: field, 31: stream(b"0 0 595 842 re f", form), 10: _grown_annotations(raw, b"30 0 R")}
    return appended(raw, _grown_form(raw, b"30 0 R") | parts)


def _field_with_script(raw: bytes) -> bytes:
    """D5, D8: a new signature field brings an action along."""
    field = b"<</FT/Sig/T(Lenh)/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/AA<</E<</S/JavaScript/JS(app.alert(1))>>>>>>"
    return appended(raw, _grown_form(raw, b"30 0 R") | {30: field})


def _shared_value(raw: bytes) -> bytes:
    """D6: another field takes up the same signature."""
    value = re.findall(rb"/V (\d+) 0 R", raw)[-1]
    field = b"<</FT/Sig/T(Ky lan hai)/V %b 0 R/Type/Annot/Subtype/Widget/Rect[0 0 0 0]>>" % value
    return appended(raw, _grown_form(raw, b"30 0 R") | {30: field})


def _removed_field(raw: bytes) -> bytes:
    """D6: the form forgets the signature."""
    form = re.findall(rb"(\d+) 0 obj\n<</?Fields[^>]*>>\nendobj", raw)[-1]
    return appended(raw, {int(form): b"<</Fields[]/SigFlags 3>>"})


def _new_catalog(raw: bytes) -> bytes:
    """Another catalog shows other pages."""
    pages = {31: b"<</Type/Pages/Kids[32 0 R]/Count 1>>", 32: PAGE % b"", 11: FORGED}
    return appended(raw, pages | {30: b"<</Type/Catalog/Pages 31 0 R>>"}, more=b"/Root 30 0 R")


def _added_page(raw: bytes) -> bytes:
    return appended(raw, {2: b"<</Type/Pages/Kids[10 0 R 12 0 R 30 0 R]/Count 3>>", 30: PAGE % b""})


def _open_action(raw: bytes) -> bytes:
    form = re.findall(rb"/AcroForm (\d+) 0 R", raw)[-1]
    catalog = b"<</Type/Catalog/Pages 2 0 R/Lang(vi)/AcroForm %b 0 R/OpenAction<</S/Launch/F(a.exe)>>>>" % form
    return appended(raw, {1: catalog})


def _other_title(raw: bytes) -> bytes:
    return appended(raw, {4: b"<</Title(Quyet dinh khac)/Producer(tests)>>"}, more=b"/Info 4 0 R")


def _freed(raw: bytes) -> bytes:
    return appended(raw, {}, free=(11,))


def _hybrid_after(raw: bytes) -> bytes:
    """D8: the appended table has a stream beside it that tells another story."""
    own = b"/Type/XRef/W[1 4 2]/Size 32/Index[11 1]/Root 1 0 R"
    place = len(raw)
    row = b"\x01" + place.to_bytes(4, "big") + b"\0\0"
    body = b"11 0 obj\n" + FORGED + b"\nendobj\n"
    start = place + len(body)
    beside = b"31 0 obj\n" + stream(row, own) + b"\nendobj\n"
    table = start + len(beside)
    previous = int(raw[raw.rindex(b"startxref") + 9 :].split()[0])
    trailer = b"xref\n0 0\ntrailer\n<</Size 32/Root 1 0 R/Prev %d/XRefStm %d>>\n" % (previous, start)
    return raw + body + beside + trailer + b"startxref\n%d\n%%%%EOF\n" % table


def _table_in_a_loop(raw: bytes) -> bytes:
    """D8: the appended table is its own predecessor; every older one is out of reach."""
    made = appended(raw, {30: b"null"})
    place = int(made[made.rindex(b"startxref") + 9 :].split()[0])
    before = made.rindex(b"/Prev ")
    return made[:before] + b"/Prev %d>>\n" % place + made[made.rindex(b"startxref") :]


def _prefixed(raw: bytes) -> bytes:
    return b"\n" + raw


def _suffixed(suffix: bytes) -> Callable[[bytes], bytes]:
    return lambda raw: raw + suffix


def _changed_text(raw: bytes) -> bytes:
    return raw.replace(b"trang 0", b"trang 9")


def _other_date(raw: bytes) -> bytes:
    return raw.replace(b"/M(D:2026", b"/M(D:2016")


def _lower_table(raw: bytes) -> bytes:
    """The appended Size is smaller than an object that it lists."""
    made = appended(raw, {40: FORGED, 10: _page_of(raw)})
    return made[: made.rindex(b"/Size 41")] + b"/Size 12" + made[made.rindex(b"/Size 41") + 8 :]


COVERAGE = frozenset({"coverage"})
FORMAT = frozenset({"byte_range", "signature_container", "well_formed", "signature_found", "limits"})
EITHER = COVERAGE | FORMAT
HASH = frozenset({"content_digest"})

ATTACKS: dict[str, Attack] = {
    "isa-body-without-xref": Attack("D1", _body_without_table, COVERAGE),
    "isa-body-with-xref": Attack("D1", _body_with_table, COVERAGE),
    "isa-body-without-eof": Attack("D1", _body_without_end, COVERAGE),
    "isa-body-without-trailer": Attack("D1", _body_without_trailer, COVERAGE),
    "isa-body-with-signed-startxref": Attack("D1", _body_with_old_startxref, COVERAGE),
    "isa-new-catalog": Attack("D1", _new_catalog, COVERAGE),
    "isa-added-page": Attack("D1", _added_page, COVERAGE),
    "isa-object-freed": Attack("D1", _freed, COVERAGE),
    "isa-other-title": Attack("D1", _other_title, COVERAGE),
    "isa-size-below-objects": Attack("D1", _lower_table, COVERAGE),
    "siwa-second-range-moved": Attack("D2", _hidden_before_signature, EITHER),
    "siwa-padding-used": Attack("D2", _hidden_in_the_padding, FORMAT),
    "siwa-three-ranges": Attack("D2", _three_ranges, FORMAT),
    "usf-contents-empty": Attack("D3", _written(b"<>"), FORMAT),
    "usf-contents-null": Attack("D3", _written(b"null"), FORMAT),
    "usf-contents-zero-byte": Attack("D3", _written(b"<00>"), FORMAT),
    "usf-contents-all-zero": Attack("D3", _zeroed, FORMAT),
    "usf-contents-literal-string": Attack("D3", _written(b"(0)"), FORMAT),
    "usf-contents-reference": Attack("D3", _written(b"4 0 R"), FORMAT),
    "usf-contents-missing": Attack("D3", _without(b"/Contents"), FORMAT),
    "usf-range-missing": Attack("D3", _without(b"/ByteRange"), FORMAT),
    "usf-range-null": Attack("D3", _numbers("null"), FORMAT),
    "usf-range-empty": Attack("D3", _numbers("[]"), FORMAT),
    "usf-range-zeros": Attack("D3", _numbers("[0 0 0 0]"), FORMAT),
    "usf-range-negative-start": Attack("D3", _numbers("[-1 {gap} {resume} {length}]"), FORMAT),
    "usf-range-negative-length": Attack("D3", _numbers("[0 {gap} {resume} -{length}]"), FORMAT),
    "usf-range-names": Attack("D3", _numbers("[/a /b /c /d]"), FORMAT),
    "usf-range-reals": Attack("D3", _numbers("[0 {gap}. {resume}. 9.]"), FORMAT),
    "usf-range-true": Attack("D3", _numbers("[false {gap} {resume} 9]"), FORMAT),
    "usf-range-huge": Attack("D3", _numbers("[0 {gap} {resume} 9999999999999]"), FORMAT),
    "usf-range-overlapping": Attack("D3", _arithmetic(lambda a, b, c: b"[0 %d %d %d]" % (b, a, c)), FORMAT),
    "usf-range-first-missing": Attack("D3", _arithmetic(lambda a, b, c: b"[%d %d %d %d]" % (1, a, b, c)), FORMAT),
    "usf-range-one-byte-short": Attack("D3", _arithmetic(lambda a, b, c: b"[0 %d %d %d]" % (a, b, c - 9)), FORMAT),
    "shadow-hide": Attack("D4", _shadow_hide, COVERAGE),
    "shadow-replace-font": Attack("D4", _shadow_replace, COVERAGE),
    "certified-evil-annotation": Attack("D5", _evil_annotation, COVERAGE),
    "certified-sneaky-overlay": Attack("D5", _sneaky_overlay, COVERAGE),
    "form-filled-after-signing": Attack("D5", _filled_form, COVERAGE),
    "field-with-script": Attack("D5", _field_with_script, COVERAGE),
    "value-shared-by-two-fields": Attack("D6", _shared_value, COVERAGE),
    "field-removed": Attack("D6", _removed_field, COVERAGE),
    "gap-wider-than-contents": Attack("D7", _wider_gap, FORMAT),
    "contents-with-byte-behind": Attack("D7", _behind_the_cms, FORMAT),
    "contents-with-spaces": Attack("D7", _spaced, FORMAT),
    "object-twice-in-a-table": Attack("D7", _twice_in_its_table, EITHER),
    "object-copied-unlisted": Attack("D7", _unlisted_copy, COVERAGE),
    "hybrid-after-signing": Attack("D8", _hybrid_after, COVERAGE),
    "table-in-a-loop": Attack("D8", _table_in_a_loop, EITHER),
    "launch-after-signing": Attack("D8", _open_action, COVERAGE),
    "prefix-line": Attack("D1", _prefixed, FORMAT),
    "suffix-line": Attack("D1", _suffixed(b"\n"), COVERAGE),
    "suffix-zeros": Attack("D1", _suffixed(bytes(512)), EITHER),
    "suffix-end-again": Attack("D1", _suffixed(b"%%EOF\n"), EITHER),
    "suffix-another-document": Attack("D1", _suffixed(kit.classic(kit.objects(1))), EITHER),
    "text-changed": Attack("D1", _changed_text, HASH),
    "claimed-date-changed": Attack("D1", _other_date, HASH),
}


def base(folder: Path) -> bytes:
    """One signature of the official on a plain document."""
    return kit.signed(kit.classic(kit.objects()), folder)


def planted(folder: Path) -> tuple[bytes, bytes]:
    """D4: a document made for a later attack, signed in good faith; as signed, and as attacked."""
    parts = {
        **kit.objects(),
        10: PAGE % b"/Annots[28 0 R]/PieceInfo<</A 29 0 R>>",
        28: b"<</Subtype/Text/Popup 29 0 R>>",
    }
    made = kit.signed(kit.classic(parts, more=b"").replace(b"/Size 29", b"/Size 30"), folder)
    return made, _planted(made)


def revealed(folder: Path) -> tuple[bytes, bytes]:
    """D4: a second object 11 lies in the signed bytes, in no table; as signed, and as attacked."""
    plain = kit.classic(kit.objects())
    hidden = b"11 0 obj\n" + FORGED + b"\nendobj\n"
    place = plain.rindex(b"xref\n0 1")
    start = int(plain[plain.rindex(b"startxref") + 9 :].split()[0])
    source = plain[:place] + hidden + plain[place:].replace(b"%d" % start, b"%d" % (start + len(hidden)))
    made = kit.signed(source, folder)
    return made, _shadow_reveal(made)


def stamped_over(folder: Path) -> bytes:
    """Person, then agency: what an honest office sends."""
    first = kit.signed(kit.classic(kit.objects()), folder, Signing(name="Nguoi ky"))
    return kit.signed(first, folder, Signing("agency", at=pki.NOW, name="Co quan"))
