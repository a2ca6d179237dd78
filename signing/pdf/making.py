"""P-PDF-B and P-PDF-T made: PAdES B-B and B-T, invisible, in the three steps of `signing.making` (EN 319 142-1 clause 6).

The source stays as it is and one revision comes behind it; earlier signatures keep their worth, or the order is refused.
The claimed time stands in M and not in the CMS, which PAdES forbids (clause 6.3).
"""

from __future__ import annotations

import hashlib

from signing.algorithms import DIGESTS, Digest
from signing.cms.making import assemble, signed_attributes
from signing.errors import SigningRefused, Unusable
from signing.making import Order, Prepared
from signing.pdf.document import Document
from signing.pdf.fields import is_stamp
from signing.pdf.increment import Increment, free_name, increment
from signing.pdf.permissions import NOTHING, permission_of
from signing.pdf.signatures import find_signatures
from signing.pdf.syntax import Malformed
from signing.policy import ReadingLimits
from signing.writing import read_source, write_whole

_CMS_ROOM = 2_048
"""Bytes of a CMS beside certificates and signature value: attributes, identifiers, names of the issuer."""
_TOKEN_ROOM = 12_288
"""Bytes for a time-stamp token with the chain of its authority; those of public authorities take 3 to 7 KB."""
_NUMBER = 8


def prepare(order: Order) -> Prepared:
    """The revision to append and the signed attributes over it, as state, and the digest to be signed.

    Raises `SigningRefused` for documents that cannot be read or signed without harm, `Unusable` for a missing file.
    """
    raw = read_source(order.source)
    made = _increment(order, raw)
    digest = order.algorithm.digest
    content = _digest(digest, raw, made)
    attributes = signed_attributes(content, order.certificate, order.algorithm)
    numbers = (len(raw), made.gap, made.resume, len(attributes))
    state = b"".join((*(one.to_bytes(_NUMBER, "big") for one in numbers), attributes, made.content))
    return Prepared(order, digest.of(attributes), state)


def imprint(prepared: Prepared, signature: bytes, digest: str) -> bytes:
    """What a time-stamping authority stamps: the digest (by our name of it) of the signature value (RFC 3161 appendix A)."""
    return DIGESTS[digest].of(signature)


def complete(prepared: Prepared, signature: bytes, token: bytes | None) -> None:
    """Writes the target: the source, then the revision with the signature in it; whole, or not at all.

    Raises `Unusable` when a token is missing or the signature does not fit, `SigningRefused` when the source is no longer the
    document whose digest was signed (attack C3).
    """
    order = prepared.order
    if order.profile.stamped and token is None:
        raise Unusable("thieu_dau_thoi_gian", "Hồ sơ ký này đòi hỏi dấu thời gian nhưng chưa có.")
    size, attributes, made = _state(prepared.state)
    raw = read_source(order.source)
    digest = order.algorithm.digest
    content = _digest(digest, raw, made) if len(raw) == size else b""
    if signed_attributes(content or bytes(digest.size), order.certificate, order.algorithm) != attributes:
        raise SigningRefused("tep_da_doi", "Tệp cần ký đã bị thay đổi giữa lúc chuẩn bị và lúc ký; không ghi chữ ký.")
    message = assemble(attributes, signature, order.algorithm, (order.certificate, *order.chain), token)
    room = (made.resume - made.gap - 2) // 2
    if len(message) > room:
        raise Unusable(
            "chu_ky_qua_lon", f"Chữ ký và dấu thời gian dài {len(message)} byte, chỗ dành sẵn là {room} byte."
        )
    start = made.gap - size + 1
    written = message.hex().encode("ascii")
    pieces = (raw, made.content[:start], written, made.content[start + len(written) :])
    write_whole(order.target, pieces)


def _increment(order: Order, raw: bytes) -> Increment:
    limits = ReadingLimits()
    if len(raw) > limits.max_bytes:
        raise SigningRefused("pdf_qua_lon", f"Tệp PDF dài {len(raw)} byte, vượt giới hạn {limits.max_bytes} byte.")
    try:
        document = Document(raw, limits)
        if document.encrypted:
            raise SigningRefused("pdf_bi_ma_hoa", "Tệp PDF bị mã hóa nên không ký được; hãy bỏ mật khẩu trước khi ký.")
        if not document.whole:
            raise Malformed("the file does not end with its last revision")
        view = document.view()
        name = free_name(view, order.name)
        _allowed(document, name, limits)
        return increment(view, name, order.signing_time, _room(order))
    except Malformed as malformed:
        raise SigningRefused(
            "pdf_khong_doc_duoc", f"Tệp PDF không đọc được nên không ký ({malformed.detail})."
        ) from None


def _room(order: Order) -> int:
    """Bytes reserved for the signature: the same for every signature of one key and profile."""
    certificates = sum(map(len, (order.certificate, *order.chain)))
    return certificates + _CMS_ROOM + (_TOKEN_ROOM if order.profile.stamped else 0)


def _allowed(document: Document, name: str, limits: ReadingLimits) -> None:
    """Earlier signatures must allow one more (ISO 32000-2 12.8.2.2): theirs would break, so ours is not made."""
    for found in find_signatures(document, limits.max_signatures - 1):
        if is_stamp(found.dictionary):
            continue
        permission = permission_of(found.view, found.dictionary, found.field.dictionary)
        if permission.level == NOTHING or permission.locks(name):
            raise SigningRefused(
                "pdf_bi_khoa", f"Chữ ký {found.field.name[:64]!r} đã có trong tệp không cho phép thêm chữ ký nào nữa."
            )


def _digest(digest: Digest, raw: bytes, made: Increment) -> bytes:
    """The digest of the whole new file without the hex string of Contents."""
    running = hashlib.new(digest.name, raw)
    content = memoryview(made.content)
    running.update(content[: made.gap - len(raw)])
    running.update(content[made.resume - len(raw) :])
    return running.digest()


def _state(state: bytes) -> tuple[int, bytes, Increment]:
    size, gap, resume, length = (
        int.from_bytes(state[at : at + _NUMBER], "big") for at in range(0, 4 * _NUMBER, _NUMBER)
    )
    begin = 4 * _NUMBER
    return size, state[begin : begin + length], Increment(state[begin + length :], gap, resume)
