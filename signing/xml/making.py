"""Make P-XML-B and P-XML-T: XAdES baseline, enveloped, around source bytes that are never written anew.

The document is parsed once, for its canonical digest; the Signature is then put into the source before the root's end tag. What
is written is canonical already (exclusive, with every namespace declared where that method writes it), so SignedInfo, properties
and value are signed and stamped as they stand. Sources: EN 319 132-1 clauses 5 and 6, XML Signature 1.1, RFC 6931; signing
facts 4.1.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC
from functools import lru_cache
from typing import NamedTuple

from signing import der
from signing.admission import NotAdmitted, admitted
from signing.algorithms import DIGESTS, Digest, Scheme, SignatureAlgorithm, raw_of, verifies
from signing.canonical import EXCLUSIVE, Element, NotCanonical, canonical_document, elements_named, parse_admitted
from signing.certificate import certificate_parts, signing_key
from signing.der import DerError
from signing.errors import SigningRefused, Unusable
from signing.making import Order, Prepared
from signing.policy import DEFAULT_POLICY
from signing.writing import read_source, write_whole
from signing.xml.coverage import SIGNATURE
from signing.xml.names import DS, ENVELOPED, EXC_C14N, PSS, RSA_PSS, SIGNED_PROPERTIES_TYPE, XADES, signature_uri
from signing.xml.reading import read_xml

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,63}")
_WEAK = frozenset({"md5", "sha1", "sha224"})
_LIMITS = DEFAULT_POLICY.limits


class _State(NamedTuple):
    """What `complete` needs of `prepare`: strings without NUL, which XML cannot hold, so they travel joined by it."""

    name: str
    source: str
    at: str
    close: str
    info: str
    properties: str

    @classmethod
    def of(cls, prepared: Prepared) -> _State:
        return cls(*prepared.state.decode().split("\0"))


def prepare(order: Order) -> Prepared:
    """What is to be signed for this order. Raises `SigningRefused` for a document that is not to be signed, `Unusable` else."""
    return prepare_bytes(order, read_source(order.source))


def prepare_bytes(order: Order, source: bytes) -> Prepared:
    """The same for a source in memory."""
    method, digest = _method(order.algorithm), order.algorithm.digest
    if digest.name in _WEAK:
        raise Unusable("thuat_toan_yeu", f"Không ký bằng {digest.name}.")
    body, root = _document(source)
    _refuse_broken(root, source)
    name = _free_name(order.name, body)
    place = _place(source, root)
    try:
        content = canonical_document(root, EXCLUSIVE)
    except NotCanonical:
        raise SigningRefused(
            "xml_khong_chuan_hoa", "Tài liệu XML có không gian tên tương đối nên không ký được."
        ) from None
    properties = _properties(order, name)
    info = _signed_info(
        f'<ds:SignatureMethod Algorithm="{method[0]}">{method[1]}</ds:SignatureMethod>',
        _reference(f'Id="{name}-content" URI=""', (ENVELOPED, EXC_C14N), order, content),
        _reference(
            f'Type="{SIGNED_PROPERTIES_TYPE}" URI="#{name}-properties"', (EXC_C14N,), order, properties.encode()
        ),
    )
    state = _State(name, hashlib.sha256(source).hexdigest(), str(place[0]), place[1], info, properties)
    return Prepared(order, digest.of(info.encode()), "\0".join(state).encode())


def imprint(prepared: Prepared, signature: bytes, digest: str) -> bytes:
    """The digest that a time-stamping authority stamps: of the canonical ds:SignatureValue (EN 319 132-1 clause 5.3)."""
    return DIGESTS[digest].of(stamped_bytes(prepared, signature))


def stamped_bytes(prepared: Prepared, signature: bytes) -> bytes:
    """What a stamp covers: the canonical ds:SignatureValue. `SigningRefused` when the value is not the certificate's."""
    return _value(_State.of(prepared).name, _encoded(prepared, signature)).encode()


def complete(prepared: Prepared, signature: bytes, token: bytes | None) -> None:
    """Write the signed document to the target: whole or not at all. Raises as `signed_bytes` does."""
    order = prepared.order
    write_whole(order.target, [signed_bytes(prepared, read_source(order.source), signature, token)])


def signed_bytes(prepared: Prepared, source: bytes, signature: bytes, token: bytes | None) -> bytes:
    """The source with its Signature in it. `SigningRefused` when the source has changed or the value is wrong."""
    state, order = _State.of(prepared), prepared.order
    if hashlib.sha256(source).hexdigest() != state.source:
        raise SigningRefused("tai_lieu_da_doi", "Tài liệu đã thay đổi từ lúc chuẩn bị ký.")
    if order.profile.stamped and token is None:
        raise Unusable("thieu_dau_thoi_gian", f"Cấu hình ký {order.profile} cần dấu thời gian.")
    value = _encoded(prepared, signature)
    element = _signature(state, order, value, token if order.profile.stamped else None)
    at = int(state.at)
    if not state.close:
        return source[:at] + element.encode() + source[at:]
    # An empty root "<r/>" is opened and closed; its canonical form stays the same.
    return source[:at] + b">" + element.encode() + state.close.encode() + source[at + 2 :]


def _document(source: bytes) -> tuple[bytes, Element]:
    try:
        body, encoding = admitted(source, _LIMITS)
        if encoding != "utf-8":
            raise SigningRefused("xml_khong_phai_utf8", "Chỉ ký XML mã hóa UTF-8 (TT 22/2020/TT-BTTTT).")
        return body, parse_admitted(body, _LIMITS)
    except NotAdmitted as fault:
        raise SigningRefused("xml_khong_doc_duoc", f"Không đọc được tài liệu XML ({fault.detail}).") from None


def _refuse_broken(root: Element, source: bytes) -> None:
    """A signature over the whole document would be broken by ours, and one that does not hold is not to be countersigned."""
    if not elements_named(root, SIGNATURE):
        return
    facts = read_xml(source, _LIMITS)
    if root.tag == SIGNATURE or any(one.covered.extent in ("document", "none") for one in facts.signatures):
        raise SigningRefused(
            "da_co_chu_ky",
            "Tài liệu đã có chữ ký bao trùm toàn bộ (hoặc không còn đúng); ký thêm sẽ làm hỏng chữ ký đó.",
        )


def _free_name(wanted: str, body: bytes) -> str:
    if wanted:
        if _NAME.fullmatch(wanted) is None or f'"{wanted}'.encode() in body or f"'{wanted}".encode() in body:
            raise Unusable("ten_chu_ky", "Tên chữ ký không hợp lệ hoặc đã có trong tài liệu.")
        return wanted
    number = 1
    while f"signature-{number}".encode() in body:
        number += 1
    return f"signature-{number}"


def _place(source: bytes, root: Element) -> tuple[int, str]:
    """Where the Signature goes: before the root's end tag; for an empty root tag, its "/>" and the end tag to write."""
    name = f"{root.prefix}:" if root.prefix else ""
    name += str(root.tag).rpartition("}")[2]
    end = _end_of_root(source)
    start = source.rfind(b"<", 0, end)
    tag = source[start:end]
    if tag.startswith(b"</") and tag[2:-1].strip() == name.encode():
        return start, ""
    if tag.endswith(b"/>") and re.match(rb"<%s[\s/]" % re.escape(name.encode()), tag):
        return end - 2, f"</{name}>"
    raise SigningRefused("xml_khong_tim_thay_cuoi", "Không xác định được thẻ kết thúc của tài liệu XML.")


def _end_of_root(source: bytes) -> int:
    """The end of the last tag: behind it stand only comments, instructions and white space (XML 1.0 2.8)."""
    end = len(source.rstrip(b" \t\r\n"))
    while True:
        if source.endswith(b"-->", 0, end):
            end = source.rfind(b"<!--", 0, end - 3)
        elif source.endswith(b"?>", 0, end):
            end = source.rfind(b"<?", 0, end)
        else:
            return end
        end = len(source[: max(end, 0)].rstrip(b" \t\r\n"))


def _method(chosen: SignatureAlgorithm) -> tuple[str, str]:
    """URI and content of ds:SignatureMethod, canonical."""
    uri = signature_uri(chosen)
    if uri is not None:
        return uri, ""
    if chosen.scheme is Scheme.RSA_PSS and chosen.salt:
        inner = f'<ds:DigestMethod Algorithm="{chosen.digest.uri}"></ds:DigestMethod>'
        return RSA_PSS, (
            f'<pss:RSAPSSParams xmlns:pss="{PSS}">{inner}'
            f'<pss:MaskGenerationFunction Algorithm="{PSS}MGF1">{inner}</pss:MaskGenerationFunction>'
            f"<pss:SaltLength>{chosen.salt}</pss:SaltLength></pss:RSAPSSParams>"
        )
    raise Unusable("thuat_toan_xml", f"XML không có định danh cho thuật toán {chosen.name}.")


def _reference(attributes: str, transforms: tuple[str, ...], order: Order, content: bytes) -> str:
    steps = "".join(f'<ds:Transform Algorithm="{uri}"></ds:Transform>' for uri in transforms)
    digest = order.algorithm.digest
    return (
        f"<ds:Reference {attributes}><ds:Transforms>{steps}</ds:Transforms>"
        f'<ds:DigestMethod Algorithm="{digest.uri}"></ds:DigestMethod>'
        f"<ds:DigestValue>{_base64(digest.of(content))}</ds:DigestValue></ds:Reference>"
    )


def _signed_info(method: str, *references: str) -> str:
    return (
        f'<ds:SignedInfo xmlns:ds="{DS}">'
        f'<ds:CanonicalizationMethod Algorithm="{EXC_C14N}"></ds:CanonicalizationMethod>'
        f"{method}{''.join(references)}</ds:SignedInfo>"
    )


def _properties(order: Order, name: str) -> str:
    """SignedProperties of EN 319 132-1: time, certificate by digest and by issuer and serial, media type."""
    time = order.signing_time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f'<xades:SignedProperties xmlns:xades="{XADES}" Id="{name}-properties"><xades:SignedSignatureProperties>'
        f"<xades:SigningTime>{time}</xades:SigningTime><xades:SigningCertificateV2><xades:Cert><xades:CertDigest>"
        f"{_named(order.certificate, order.algorithm.digest)}</xades:Cert></xades:SigningCertificateV2>"
        "</xades:SignedSignatureProperties><xades:SignedDataObjectProperties>"
        f'<xades:DataObjectFormat ObjectReference="#{name}-content"><xades:MimeType>text/xml</xades:MimeType>'
        "</xades:DataObjectFormat></xades:SignedDataObjectProperties></xades:SignedProperties>"
    )


@lru_cache(maxsize=64)
def _named(certificate: bytes, digest: Digest) -> str:
    """The certificate by digest and by issuer and serial; the same for every signature of a key."""
    try:
        parts = certificate_parts(certificate)
    except DerError:
        raise Unusable("chung_thu_khong_doc_duoc", "Chứng thư số của khóa ký không đọc được.") from None
    issuer = der.sequence(der.sequence(der.encode(0xA4, parts.issuer)), der.encode(der.INTEGER, parts.serial))
    return (
        f'<ds:DigestMethod xmlns:ds="{DS}" Algorithm="{digest.uri}"></ds:DigestMethod>'
        f'<ds:DigestValue xmlns:ds="{DS}">{_base64(digest.of(certificate))}</ds:DigestValue></xades:CertDigest>'
        f"<xades:IssuerSerialV2>{_base64(issuer)}</xades:IssuerSerialV2>"
    )


@lru_cache(maxsize=64)
def _carried(certificates: tuple[bytes, ...]) -> str:
    return "".join(f"<ds:X509Certificate>{_base64(one)}</ds:X509Certificate>" for one in certificates)


def _value(name: str, value: str) -> str:
    return f'<ds:SignatureValue xmlns:ds="{DS}" Id="{name}-value">{value}</ds:SignatureValue>'


def _encoded(prepared: Prepared, signature: bytes) -> str:
    """The value as XML has it (ECDSA: r||s), after it was held against the certificate (signing facts 7 C3)."""
    chosen = prepared.order.algorithm
    key = signing_key(certificate_parts(prepared.order.certificate).public_key)
    if key is None or not key.fits(chosen) or not verifies(key.key, chosen, prepared.digest, signature):
        raise SigningRefused("chu_ky_khong_khop", "Giá trị chữ ký không khớp với chứng thư số của khóa ký.")
    if chosen.scheme is Scheme.ECDSA:
        signature = raw_of(signature, key.key)  # type: ignore[arg-type]  # `fits` has just said that it is a curve's
    return _base64(signature)


def _signature(state: _State, order: Order, value: str, token: bytes | None) -> str:
    name = state.name
    chain = _carried((order.certificate, *order.chain))
    unsigned = "" if token is None else _stamp(name, token)
    return (
        f'<ds:Signature xmlns:ds="{DS}" Id="{name}">{state.info}{_value(name, value)}'
        f"<ds:KeyInfo><ds:X509Data>{chain}</ds:X509Data></ds:KeyInfo><ds:Object>"
        f'<xades:QualifyingProperties xmlns:xades="{XADES}" Target="#{name}">{state.properties}{unsigned}'
        "</xades:QualifyingProperties></ds:Object></ds:Signature>"
    )


def _stamp(name: str, token: bytes) -> str:
    return (
        "<xades:UnsignedProperties><xades:UnsignedSignatureProperties>"
        f'<xades:SignatureTimeStamp Id="{name}-stamp">'
        f'<ds:CanonicalizationMethod Algorithm="{EXC_C14N}"></ds:CanonicalizationMethod>'
        f"<xades:EncapsulatedTimeStamp>{_base64(token)}</xades:EncapsulatedTimeStamp></xades:SignatureTimeStamp>"
        "</xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
    )


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
