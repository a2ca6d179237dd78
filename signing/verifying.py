"""Verify a document: what it is by its content, what it contains, what that is worth. The one call for those outside.

`verify` gives the report, `examine` the facts that may be stored and judged again, `covered_bytes` what a signature proves and
nothing else: a business reader parses those bytes and not the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import file_digest, sha256
from pathlib import Path
from types import MappingProxyType

from signing.cms.files import content_of, is_cms, read_cms
from signing.confinement import Confinement, LimitReached, confined, confinement_for
from signing.errors import Unusable, reason_vi
from signing.grounds import Grounds
from signing.judge import judge
from signing.model import DocumentKind, Facts, Observation, SignatureFacts
from signing.pdf import read_pdf, revision_bytes
from signing.policy import DEFAULT_POLICY, Policy
from signing.report import Report
from signing.storing import decode_report, encode_report
from signing.xml import Wanted, read_xml
from signing.xml import covered_bytes as covered_xml

NOTHING: Mapping[str, bytes] = MappingProxyType({})
_XML_STARTS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe", b"\xfe\xff", b"\x00<", b"<\x00", b"\x00\x00\x00<", b"<\x00\x00\x00")
_HEAD = 1024


def kind_of(raw: bytes) -> DocumentKind:
    """What these bytes are by their beginning; the name of a file says nothing."""
    head = raw[:_HEAD]
    if head.startswith(b"%PDF-"):
        return DocumentKind.PDF
    if head.lstrip(b" \t\r\n").startswith(_XML_STARTS):
        return DocumentKind.XML
    if is_cms(raw):
        return DocumentKind.CMS
    # Other readers find a PDF behind some bytes that are none; ours says what is wrong with it.
    return DocumentKind.PDF if b"%PDF-" in head else DocumentKind.UNKNOWN


def examine(raw: bytes, policy: Policy = DEFAULT_POLICY, detached: Mapping[str, bytes] = NOTHING) -> Facts:
    """The facts of a document, steps 0 to 5 of signing facts 5.2; never raises over content.

    `detached`: what is signed but stands elsewhere, by the name under which an XML signature refers to it; a CMS signature
    names nothing and takes the only one.
    """
    limits = policy.limits
    if len(raw) > limits.max_bytes:
        return _unread(sha256(raw).hexdigest(), len(raw), "limits", f"{len(raw)} bytes")
    kind = kind_of(raw)
    if kind is DocumentKind.PDF:
        return read_pdf(raw, limits)
    if kind is DocumentKind.XML:
        return read_xml(raw, limits, policy.declared_transforms, detached)
    if kind is DocumentKind.CMS:
        return read_cms(raw, _only(detached), limits)
    return _unread(sha256(raw).hexdigest(), len(raw), "well_formed", "neither PDF nor XML nor CMS")


def verify(document: bytes | Path, grounds: Grounds, detached: Mapping[str, bytes] = NOTHING) -> Report:
    """The verdict on a document, in this process. Raises `Unusable` for a path that cannot be read, over content never."""
    raw = document if isinstance(document, bytes) else _read(document)
    return judge(examine(raw, grounds.policy, detached), grounds)


def verify_confined(document: Path, grounds: Grounds, detached: Mapping[str, Path] | None = None) -> Report:
    """The same in a process of its own, within the limits of the policy; for programs of one thread, such as the command line.

    A file that makes the reader run over time, out of memory or down gives TOTAL-FAILED, FORMAT_FAILURE with `limits`.
    """
    size = _size(document) + sum(_size(one) for one in (detached or {}).values())
    if size > grounds.policy.limits.max_bytes:
        return judge(_unread(_digest(document), _size(document), "limits", f"{size} bytes"), grounds)

    def work() -> bytes:
        beside = {name: _read(path) for name, path in (detached or {}).items()}
        return encode_report(verify(document, grounds, beside))

    return _bounded(work, confinement_for(size, grounds.policy.limits), document, grounds)


def covered_bytes(
    raw: bytes, facts: Facts, signature: str, policy: Policy = DEFAULT_POLICY, detached: Mapping[str, bytes] = NOTHING
) -> bytes:
    """Exactly the bytes that this signature (its id) proves, checked once more against the digest in the facts.

    Of a PDF: its signed revision, a document of its own; of XML: canonical bytes of the signed node; of CMS: the content.
    Raises `Unusable` (pham_vi_ky_khong_co) when it proves nothing, when these are not the facts of this file, or when the digest
    is another. Whether the signature is worth anything is the report's word: ask it first.
    """
    found = _signature(facts, signature)
    content: bytes | None = None
    if found is not None and found.covered.sha256 and _binds(found) and sha256(raw).hexdigest() == facts.sha256:
        content = _content(raw, facts, found, policy, detached)
    if found is None or content is None or sha256(content).hexdigest() != found.covered.sha256:
        raise Unusable("pham_vi_ky_khong_co", "Không có phần nội dung nào được chữ ký này chứng minh.")
    return content


def _binds(found: SignatureFacts) -> bool:
    """Whether its value and every digest held: a signature that does not fit proves nothing, by whatever key."""
    return all(
        any(one.code == code for one in found.observations)
        and all(one.ok for one in found.observations if one.code == code)
        for code in ("content_digest", "signature_value")
    )


def _content(
    raw: bytes, facts: Facts, found: SignatureFacts, policy: Policy, detached: Mapping[str, bytes]
) -> bytes | None:
    if facts.kind is DocumentKind.PDF:
        return revision_bytes(raw, found.covered)
    if facts.kind is DocumentKind.XML:
        return covered_xml(raw, policy.limits, found.id, Wanted(policy.declared_transforms, detached))
    if facts.kind is DocumentKind.CMS:
        return _only(detached) if found.covered.extent == "detached" else content_of(raw)
    return None


def _signature(facts: Facts, signature: str) -> SignatureFacts | None:
    """The one with this id; None when there is none or more than one."""
    found = [one for one in facts.signatures if one.id == signature]
    return found[0] if len(found) == 1 else None


def _bounded(work: Callable[[], bytes], bounds: Confinement, document: Path, grounds: Grounds) -> Report:
    try:
        return decode_report(confined(work, bounds))
    except LimitReached as stopped:
        facts = _unread(_digest(document), _size(document), "limits", f"limit: {stopped.reason}")
        return judge(facts, grounds)


def _unread(digest: str, size: int, code: str, detail: str) -> Facts:
    return Facts(digest, size, DocumentKind.UNKNOWN, observations=(Observation(code, False, detail),))


def _only(detached: Mapping[str, bytes]) -> bytes | None:
    return next(iter(detached.values())) if len(detached) == 1 else None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None


def _size(path: Path) -> int:
    try:
        if not path.is_file():
            why = "là thư mục" if path.is_dir() else "không phải là tệp thường" if path.exists() else "không có tệp này"
            raise Unusable("tep_khong_doc_duoc", f"{path}: {why}. Hãy nêu đường dẫn của tệp cần kiểm tra.")
        with path.open("rb"):
            return path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from None


def _digest(path: Path) -> str:
    """In pieces: the file may be larger than what we would read."""
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> Unusable:
    return Unusable("tep_khong_doc_duoc", f"Không đọc được {path}: {reason_vi(error)}.")
