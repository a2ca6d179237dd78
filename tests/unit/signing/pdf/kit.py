"""PDF files of our own making, and signatures on them: what the tests of PDF signatures start from."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from signing.algorithms import Scheme, SignatureAlgorithm, algorithm, signature_over
from signing.cms.making import assemble, signed_attributes
from signing.making import Order, Profile
from signing.model import Facts, Observation, SignatureFacts
from signing.pdf.making import complete, imprint, prepare
from signing.pdf.reading import read_pdf
from signing.policy import ReadingLimits
from tests import pki

TITLE = "Quyết định công nhận – Nguyễn Thị Ánh"
LIMITS = ReadingLimits()
PSS = algorithm(Scheme.RSA_PSS, "sha256")
RSA = algorithm(Scheme.RSA_PKCS1, "sha256")


def objects(pages: int = 2, filler: int = 0) -> dict[int, bytes]:
    """A document of some pages, with Vietnamese metadata, and a stream of `filler` bytes that do not compress."""
    kids = b" ".join(b"%d 0 R" % (10 + 2 * page) for page in range(pages))
    made = {
        1: b"<</Type/Catalog/Pages 2 0 R/Lang(vi)>>",
        2: b"<</Type/Pages/Kids[%b]/Count %d>>" % (kids, pages),
        3: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        4: b"<</Title<FEFF%b>/Producer(tests)>>" % TITLE.encode("utf-16-be").hex().encode(),
    }
    for page in range(pages):
        text = b"BT /F1 24 Tf 72 700 Td (Ket qua, trang %d) Tj ET" % page
        made[10 + 2 * page] = (
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R/Resources<</Font<</F1 3 0 R>>>>>>"
            % (11 + 2 * page)
        )
        made[11 + 2 * page] = stream(text)
    if filler:
        state, noise = 1, bytearray()
        block = bytes((state := (state * 1103515245 + 12345) & 0x7FFFFFFF) >> 16 & 0xFF for _ in range(4096))
        while len(noise) < filler:
            noise += block
        made[5] = stream(bytes(noise[:filler]))
    return made


def stream(content: bytes, more: bytes = b"") -> bytes:
    """A stream object as written."""
    return b"<<%b/Length %d>>\nstream\n%b\nendstream" % (more, len(content), content)


def classic(parts: Mapping[int, bytes], root: int = 1, info: int = 4, more: bytes = b"") -> bytes:
    """PDF 1.4: a cross-reference table."""
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = _bodies(out, parts)
    start = len(out)
    out += table(places) + b"trailer\n<</Size %d/Root %d 0 R/Info %d 0 R/ID[<41><42>]%b>>\n" % (
        max(parts) + 1,
        root,
        info,
        more,
    )
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def packed(parts: Mapping[int, bytes], root: int = 1, info: int = 4) -> bytes:
    """PDF 1.5: everything that may lie in an object stream does, and the cross-reference is a predicted stream."""
    out = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
    inside = {number: written for number, written in parts.items() if b"stream" not in written}
    places = _bodies(out, {number: written for number, written in parts.items() if number not in inside})
    store, own = max(parts) + 1, max(parts) + 2
    heads, body = bytearray(), bytearray()
    for number, written in inside.items():
        heads += b"%d %d " % (number, len(body))
        body += written + b" "
    orders = {number: order for order, number in enumerate(inside)}
    flate = zlib.compress(bytes(heads + body))
    more = b"/Type/ObjStm/N %d/First %d/Filter/FlateDecode" % (len(inside), len(heads))
    places |= _bodies(out, {store: stream(flate, more)})
    start = places[own] = len(out)
    rows = bytearray()
    for number in range(own + 1):
        order = orders.get(number, 0)
        kind = 2 if number in inside else 1 if number in places else 0
        place = store if kind == 2 else places.get(number, 0)
        rows += bytes([kind]) + place.to_bytes(4, "big") + order.to_bytes(2, "big")
    above, predicted = bytes(7), bytearray()
    for at in range(0, len(rows), 7):
        row = rows[at : at + 7]
        predicted += b"\x02" + bytes((a - b) & 0xFF for a, b in zip(row, above, strict=True))
        above = bytes(row)
    head = (
        b"/Type/XRef/W[1 4 2]/Size %d/Root %d 0 R/Info %d 0 R/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 7>>"
    )
    _bodies(out, {own: stream(zlib.compress(bytes(predicted)), head % (own + 1, root, info))})
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def appended(raw: bytes, parts: Mapping[int, bytes], *, free: tuple[int, ...] = (), more: bytes = b"") -> bytes:
    """One revision more, by the same rules of the format, whatever it holds; `more` goes into the trailer."""
    previous = int(raw[raw.rindex(b"startxref") + 9 :].split()[0])
    root = b"1 0 R" if b"/Root" not in more else b""
    out = bytearray(raw)
    places = _bodies(out, parts)
    start = len(out)
    size = max(_size(raw), *parts, *free, 0) + 1
    out += table(places, free) + b"trailer\n<</Size %d%b/Prev %d%b>>\n" % (
        size,
        b"/Root " + root if root else b"",
        previous,
        more,
    )
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def table(places: Mapping[int, int], free: tuple[int, ...] = ()) -> bytes:
    """A cross-reference table."""
    rows = bytearray(b"xref\n0 1\n0000000000 65535 f \n")
    for number in sorted({*places, *free}):
        row = b"%010d 00000 n \n" % places[number] if number in places else b"0000000000 00001 f \n"
        rows += b"%d 1\n" % number + row
    return bytes(rows)


def _bodies(out: bytearray, parts: Mapping[int, bytes]) -> dict[int, int]:
    places = {}
    for number, written in parts.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, written)
    return places


def _size(raw: bytes) -> int:
    return int(raw[raw.rindex(b"/Size") + 5 :].split(b"/")[0].split(b">")[0])


@dataclass(frozen=True, slots=True)
class Signing:
    """Who signs and how."""

    signer: str = "official"
    chosen: SignatureAlgorithm = RSA
    profile: Profile = Profile.PDF_B
    name: str = ""
    at: datetime = pki.NOW


def signed(source: bytes, folder: Path, how: Signing = Signing()) -> bytes:
    """The signed document, made by the three steps."""
    order = order_for(source, folder, how)
    prepared = prepare(order)
    value = raw_signature(prepared.digest, how)
    token = None
    if how.profile.stamped:
        assert len(imprint(prepared, value, "sha256")) == 32
        token = pki.stamp(value, at=how.at)
    complete(prepared, value, token)
    return order.target.read_bytes()


def order_for(source: bytes, folder: Path, how: Signing = Signing()) -> Order:
    """An order over these bytes."""
    path = folder / "kết quả.pdf"
    path.write_bytes(source)
    return Order(
        profile=how.profile,
        source=path,
        target=folder / "kết quả – đã ký.pdf",
        certificate=pki.certificate(how.signer),
        chain=pki.chain(how.signer),
        algorithm=how.chosen,
        signing_time=how.at,
        name=how.name,
    )


def raw_signature(digest: bytes, how: Signing) -> bytes:
    """What a key would answer."""
    return signature_over(pki.key(how.signer), how.chosen, digest)


def handmade(
    raw: bytes, how: Signing = Signing(), subfilter: bytes = b"ETSI.CAdES.detached", more: bytes = b""
) -> bytes:
    """A signature as other programs may write it: any subfilter, more keys, and no question what earlier ones allow."""
    forms = re.findall(rb"(\d+) 0 obj\n(<</?Fields[^>]*>>)\nendobj", raw)
    base, room = max(100, 10 * (len(forms) + 10)), 9_000
    head = b"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/%b%b/ByteRange%b/Contents<%b>>>"
    name = how.name.encode() or b"Signature1"
    parts = {
        base: b"<</FT/Sig/T(%b)/V %d 0 R/Type/Annot/Subtype/Widget/Rect[0 0 0 0]>>" % (name, base + 1),
        base + 1: head % (subfilter, more, b" " * 60, b"0" * room),
    }
    if forms:
        parts[int(forms[-1][0])] = re.sub(rb"\[([^\]]*)\]", rb"[\1 %d 0 R]" % base, forms[-1][1])
    else:
        parts[base + 2] = b"<</Fields[%d 0 R]/SigFlags 3>>" % base
        parts[1] = b"<</Type/Catalog/Pages 2 0 R/Lang(vi)/AcroForm %d 0 R>>" % (base + 2)
    made = appended(raw, parts)
    gap = made.rindex(b"<" + b"0" * room)
    resume = gap + room + 2
    numbers = b"[0 %d %d %d]" % (gap, resume, len(made) - resume)
    made = made.replace(b"/ByteRange" + b" " * 60, b"/ByteRange" + numbers.ljust(60))
    certificate = pki.certificate(how.signer)
    attributes = signed_attributes(how.chosen.digest.of(made[:gap] + made[resume:]), certificate, how.chosen)
    value = raw_signature(how.chosen.digest.of(attributes), how)
    message = assemble(attributes, value, how.chosen, (certificate, *pki.chain(how.signer)))
    return made[: gap + 1] + message.hex().encode().ljust(room, b"0") + made[resume - 1 :]


def read(raw: bytes) -> Facts:
    """The facts under the usual limits."""
    return read_pdf(raw, LIMITS)


def failures(facts: Facts, at: int = 0) -> set[str]:
    """What did not hold of the document and of one signature, warnings left out."""
    seen: tuple[Observation, ...] = facts.observations
    seen += facts.signatures[at].observations if facts.signatures else ()
    return {one.code for one in seen if not one.ok and decisive(one.code)}


def decisive(code: str) -> bool:
    """Whether the failure of this check is more than a warning."""
    from signing.catalogue import finding_rows

    return finding_rows()[code].on_failure is not None


def holds(facts: Facts) -> bool:
    """Whether a judge could pass every signature of this document: everything needed was seen and nothing failed."""
    needed = {
        "signing_certificate",
        "content_digest",
        "signature_value",
        "coverage",
        "byte_range",
        "signature_container",
    }
    return bool(facts.signatures) and all(
        not failures(facts, at) and needed <= _held(one) for at, one in enumerate(facts.signatures)
    )


def _held(one: SignatureFacts) -> set[str]:
    return {seen.code for seen in one.observations if seen.ok}
