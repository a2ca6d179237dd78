"""Certificates, lists and responses from files that people hand in, DER or PEM; what is something else is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from signing.chain.certificates import read_certificate
from signing.chain.lists import read_crl
from signing.chain.responses import read_ocsp
from signing.errors import Unusable, reason_vi
from signing.pem import pem_blocks

_LARGEST = 134_217_728


def certificate_file(path: Path) -> tuple[bytes, ...]:
    """The certificates in a file in their order: one in DER, one or more in PEM. Raises Unusable."""
    return _read(
        path, (b"CERTIFICATE", b"X509 CERTIFICATE"), "chứng thư số X.509", lambda der: bool(read_certificate(der))
    )


def crl_file(path: Path) -> tuple[bytes, ...]:
    """The revocation lists in a file. Raises Unusable."""
    return _read(path, (b"X509 CRL",), "danh sách thu hồi (CRL)", lambda der: bool(read_crl(der)))


def ocsp_file(path: Path) -> tuple[bytes, ...]:
    """The OCSP responses in a file. Raises Unusable, also for a responder's error answer, which says nothing of any status."""
    return _read(path, (b"OCSP RESPONSE",), "câu trả lời OCSP có nội dung", lambda der: bool(read_ocsp(der)))


def _read(path: Path, labels: tuple[bytes, ...], what: str, readable: Callable[[bytes], bool]) -> tuple[bytes, ...]:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_LARGEST + 1)
    except OSError as fault:
        raise Unusable("khong_doc_duoc_tep", f"{path}: không đọc được tệp ({reason_vi(fault)}).") from None
    if len(raw) > _LARGEST:
        raise Unusable("tep_qua_lon", f"{path}: lớn hơn {_LARGEST} byte.")
    found = (raw,) if raw[:1] == b"\x30" else tuple(pem_blocks(raw, *labels))
    if not found or not all(map(readable, found)):
        raise Unusable("tep_sai_loai", f"{path}: không phải {what} dạng DER hay PEM.")
    return found
