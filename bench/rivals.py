"""The documents that the bench of signatures works on, and who works on them: our engine, signxml, xmlsec, stock pyHanko.

Everybody gets bytes and gives bytes, holds the same key in memory and is asked for what it does by default; a rival that has a
cheaper way is given it. Results are checked once before anything is measured: nobody is quick by doing nothing.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import signxml
import xmlsec
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier
from signxml.xades.xades import XAdESSigner

from signing.algorithms import Scheme, SignatureAlgorithm, algorithm
from signing.grounds import Grounds
from signing.making import Order, Prepared, Profile
from signing.pdf import making as pdf_making
from signing.policy import DEFAULT_POLICY
from signing.verifying import verify
from signing.xml import making as xml_making
from signing.xml import read_xml
from tests import pki

Job = Callable[[], object]
SIGNER = "official-far"
"""Valid until 2059: pyHanko and xmlsec1 judge by the machine's clock."""
CHOSEN: SignatureAlgorithm = algorithm(Scheme.RSA_PKCS1, "sha256")
MOMENT = datetime.now(UTC) + timedelta(hours=1)
"""All is judged as of then, so that no claimed time of this run lies in the future."""
GROUNDS = Grounds(
    pki.trust(), MOMENT, replace(pki.evidence(SIGNER, at=MOMENT, ocsps=False), certificates=pki.chain(SIGNER))
)
_EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
_LIMITS = DEFAULT_POLICY.limits


def key() -> rsa.RSAPrivateKey:
    """The one key of this run; `tests.pki` loads it once."""
    found = pki.key(SIGNER)
    assert isinstance(found, rsa.RSAPrivateKey)
    return found


def xml_document(size: int) -> bytes:
    """A result as XML of at least so many bytes, an element for about 100 of them (as in signing facts, section 9)."""
    row = (
        '<muc id="m{0}"><ten>Hạng mục số {0} của hồ sơ đề nghị xếp hạng di tích lịch sử - văn hóa cấp quốc gia</ten>'
        "<diaDiem>Phường Phú Hậu, quận Phú Xuân, thành phố Huế, Việt Nam</diaDiem><gia>{0}000</gia>"
        "<ghiChu>Theo biên bản họp Hội đồng ngày 20 tháng 11 năm 2026</ghiChu></muc>"
    )
    rows: list[str] = []
    length = 120
    while length < size:
        rows.append(row.format(len(rows)))
        length += len(rows[-1].encode())
    body = "".join(rows)
    return f'<ketQua xmlns="urn:vn:ket-qua"><so>12/QĐ-BVHTTDL</so><ngay>2026-11-20</ngay>{body}</ketQua>'.encode()


def pdf_document(size: int) -> bytes:
    """A PDF 1.7 of two pages, one of which carries a stream that makes it at least so many bytes."""
    noise = random.Random(size).randbytes(max(0, size - 1000))
    text = b"BT /F1 12 Tf 72 720 Td (Quyet dinh) Tj ET"
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>",
        *(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 7 0 R >> >> /Contents %d 0 R >>"
            % n
            for n in (5, 6)
        ),
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(text), text),
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(noise), noise),
    ]
    file, places = io.BytesIO(), []
    file.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    for number, body in enumerate(bodies, 1):
        places.append(file.tell())
        file.write(b"%d 0 obj\n%b\nendobj\n" % (number, body))
    start = file.tell()
    file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1))
    file.writelines(b"%010d 00000 n \n" % place for place in places)
    file.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(bodies) + 1, start))
    return file.getvalue()


def raw_signature(digest: bytes) -> bytes:
    """What every competitor needs at least: one RSA-2048 signature over a digest."""
    return key().sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))


def raw_jobs() -> dict[str, Job]:
    """The raw operations."""
    digest = bytes(32)
    value, public = raw_signature(digest), key().public_key()
    return {
        "raw RSA-2048 sign": lambda: raw_signature(digest),
        "raw RSA-2048 verify": lambda: public.verify(value, digest, padding.PKCS1v15(), Prehashed(hashes.SHA256())),
    }


def order(profile: Profile, source: Path, target: Path) -> Order:
    """One signature of ours, no stamp."""
    return Order(profile, source, target, pki.certificate(SIGNER), pki.chain(SIGNER), CHOSEN, MOMENT)


def sign_xml(source: bytes, wanted: Order) -> bytes:
    """Our XAdES B-B, bytes in, bytes out."""
    prepared = xml_making.prepare_bytes(wanted, source)
    return xml_making.signed_bytes(prepared, source, raw_signature(prepared.digest), None)


def sign_file(wanted: Order) -> Path:
    """Our signature on a file, by the maker of its profile, with all that belongs to it: read, write, fsync, rename."""
    maker = pdf_making if wanted.profile is Profile.PDF_B else xml_making
    prepared: Prepared = maker.prepare(wanted)
    maker.complete(prepared, raw_signature(prepared.digest), None)
    return wanted.target


@dataclass(frozen=True, slots=True)
class Xml:
    """Jobs on one XML document."""

    sign: dict[str, Job]
    verify: dict[str, Job]


def xml_jobs(source: bytes, folder: Path) -> Xml:
    """Signing and verifying by everybody; each signs its own output and verifies the same one, ours."""
    wanted = order(Profile.XML_B, folder / "source.xml", folder / "target.xml")
    wanted.source.write_bytes(source)
    certificate = x509.load_der_x509_certificate(pki.certificate(SIGNER))
    plain = XMLSigner(method=signxml.methods.enveloped, c14n_algorithm=_EXC_C14N)
    xades = XAdESSigner(
        method=signxml.methods.enveloped, c14n_algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
    )
    pem = key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    held = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatPem)
    held.load_cert_from_memory(pki.certificate(SIGNER), xmlsec.constants.KeyDataFormatCertDer)
    signing: dict[str, Job] = {
        "ours, XAdES B-B": lambda: sign_xml(source, wanted),
        "ours, file to file": lambda: sign_file(wanted),
        "signxml, XMLDSig": lambda: etree.tostring(plain.sign(etree.fromstring(source), key=key(), cert=[certificate])),
        "signxml, XAdES": lambda: etree.tostring(xades.sign(etree.fromstring(source), key=key(), cert=[certificate])),
        "xmlsec, XMLDSig": lambda: _xmlsec_sign(source, held),
    }
    dsig = signing["signxml, XMLDSig"]()
    assert isinstance(dsig, bytes)
    ours = sign_xml(source, wanted)
    public = xmlsec.Key.from_memory(pki.certificate(SIGNER), xmlsec.constants.KeyDataFormatCertDer)
    config = SignatureConfiguration(location="./")
    verifying: dict[str, Job] = {
        "ours, facts (as xmlsec)": lambda: _held(read_xml(dsig, _LIMITS)),
        "xmlsec, key given": lambda: _xmlsec_verify(dsig, public),
        "signxml, certificate given": lambda: XMLVerifier().verify(dsig, x509_cert=certificate, expect_config=config),
        "ours, whole verdict of it": lambda: verify(dsig, GROUNDS),
        "ours, XAdES facts": lambda: _held(read_xml(ours, _LIMITS)),
        "ours, XAdES whole verdict": lambda: verify(ours, GROUNDS),
    }
    for document in (dsig, ours, _xmlsec_sign(source, held)):
        report = verify(document, GROUNDS)
        assert report.conclusion == "TOTAL-PASSED", report.findings
    return Xml(signing, verifying)


def _held(facts: Any) -> object:
    assert all(seen.ok for one in facts.signatures for seen in one.observations)
    return facts


def _xmlsec_sign(source: bytes, held: Any) -> bytes:
    root = etree.fromstring(source)
    node = xmlsec.template.create(
        root, xmlsec.constants.TransformExclC14N, xmlsec.constants.TransformRsaSha256, ns="ds"
    )
    root.append(node)
    reference = xmlsec.template.add_reference(node, xmlsec.constants.TransformSha256, uri="")
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformEnveloped)
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformExclC14N)
    info = xmlsec.template.ensure_key_info(node)
    xmlsec.template.add_x509_data(info)
    context = xmlsec.SignatureContext()
    context.key = held
    context.sign(node)
    return bytes(etree.tostring(root))


def _xmlsec_verify(document: bytes, public: Any) -> None:
    node = xmlsec.tree.find_node(etree.fromstring(document), xmlsec.constants.NodeSignature)
    assert node is not None
    context = xmlsec.SignatureContext()
    context.key = public
    context.verify(node)


@dataclass(frozen=True, slots=True)
class Pdf:
    """Jobs on one PDF."""

    sign: dict[str, Job]
    verify: dict[str, Job]


def pdf_jobs(source: bytes, folder: Path) -> Pdf:
    """PAdES B-B by us and by stock pyHanko; both verify the same file, which pyHanko made."""
    wanted = order(Profile.PDF_B, folder / "source.pdf", folder / "target.pdf")
    wanted.source.write_bytes(source)
    authority = [asn1_x509.Certificate.load(one) for one in pki.chain(SIGNER)]
    raw_key = key().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    stock = signers.SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(pki.certificate(SIGNER)),
        signing_key=asn1_keys.PrivateKeyInfo.load(raw_key),
        cert_registry=SimpleCertificateStore.from_certs(authority),  # type: ignore[no-untyped-call]  # pyHanko has no types there
    )
    root = asn1_x509.Certificate.load(pki.certificate("duty-root"))

    def pyhanko_sign() -> bytes:
        writer = IncrementalPdfFileWriter(io.BytesIO(source))
        meta = signers.PdfSignatureMetadata("Chu-ky", md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES)
        made = signers.sign_pdf(writer, meta, signer=stock)
        return bytes(made.getvalue())

    def pyhanko_verify() -> object:
        reader = PdfFileReader(io.BytesIO(theirs))
        context = ValidationContext(trust_roots=[root], other_certs=authority, moment=MOMENT, allow_fetching=False)
        status = validate_pdf_signature(reader.embedded_signatures[0], context)
        assert status.bottom_line
        return status

    theirs = pyhanko_sign()
    assert verify(theirs, GROUNDS).conclusion == "TOTAL-PASSED"
    assert verify(sign_file(wanted), GROUNDS).conclusion == "TOTAL-PASSED"
    return Pdf(
        {"ours, file to file": lambda: sign_file(wanted), "stock pyHanko": pyhanko_sign},
        {"ours, whole verdict": lambda: verify(theirs, GROUNDS), "stock pyHanko": pyhanko_verify},
    )
