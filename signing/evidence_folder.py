"""A folder of evidence beside a document: certificates, CRLs, OCSP responses, and who received which file when.

`*.cer *.crt *.der *.pem` certificates, `*.crl` lists, `*.ocsp` responses, DER or PEM, in any subfolder; `received.toml` holds
proofs of reception that whoever judges vouches for. All else is unjudged evidence. Format: docs/verification-manual.vi.md.
"""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from signing.errors import Unusable, reason_vi
from signing.model import Evidence, Existence
from signing.pem import pem_blocks

RECEIVED = "received.toml"
YEARS = range(1900, 9000)
"""In which moments of judging and of reception may lie: no sum of theirs leaves the calendar."""
_LARGEST = 134_217_728
_MOST_FILES = 10_000
_CERTIFICATES = frozenset({".cer", ".crt", ".der", ".pem"})


def read_evidence(folder: Path) -> Evidence:
    """The evidence in a folder; raises `Unusable` (chung_cu_khong_doc_duoc, chung_cu_sai) naming the file."""
    files = _files(folder)
    certificates: list[bytes] = []
    crls: list[bytes] = []
    ocsps: list[bytes] = []
    for path in files:
        kind = path.suffix.lower()
        if kind in _CERTIFICATES:
            certificates += _der(path, b"CERTIFICATE")
        elif kind == ".crl":
            crls += _der(path, b"X509 CRL")
        elif kind == ".ocsp":
            ocsps += _der(path, b"OCSP RESPONSE")
    received = folder / RECEIVED
    existences = _received(received) if received.exists() else ()
    return Evidence(
        tuple(dict.fromkeys(certificates)), tuple(dict.fromkeys(crls)), tuple(dict.fromkeys(ocsps)), existences
    )


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise Unusable("chung_cu_khong_doc_duoc", f"{folder}: không có thư mục chứng cứ này.")
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    if len(found) > _MOST_FILES:
        raise Unusable("chung_cu_khong_doc_duoc", f"Thư mục chứng cứ {folder} có quá {_MOST_FILES} tệp.")
    return found


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise Unusable("chung_cu_sai", f"{path}: lớn hơn {_LARGEST} byte.")
        return path.read_bytes()
    except OSError as error:
        raise Unusable("chung_cu_khong_doc_duoc", f"Không đọc được {path}: {reason_vi(error)}.") from None
    except ValueError:  # a name with a NUL in it
        raise Unusable("chung_cu_khong_doc_duoc", f"Không đọc được {str(path)!r}.") from None


def _der(path: Path, label: bytes) -> list[bytes]:
    """The DER in a file: the whole of it, or each PEM block of the kind."""
    raw = _bytes(path)
    if raw[:1] == b"\x30":
        return [raw]
    found = pem_blocks(raw, label)
    if not found or any(one[:1] != b"\x30" for one in found):
        raise Unusable("chung_cu_sai", f"{path}: không phải {label.decode()} dạng DER hay PEM.")
    return found


def _received(path: Path) -> tuple[Existence, ...]:
    try:
        tables = tomllib.loads(_bytes(path).decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise Unusable("chung_cu_sai", f"{path}: không phải TOML hợp lệ ({error}).") from None
    rows = tables.get("received", [])
    if set(tables) - {"received"} or not isinstance(rows, list):
        raise Unusable("chung_cu_sai", f"{path}: chỉ nhận các bảng [[received]].")
    return tuple(_existence(path, number, row) for number, row in enumerate(rows, 1))


def _existence(path: Path, number: int, row: Any) -> Existence:
    """`sha256` of the bytes, or `file` (beside received.toml) whose bytes they are; `at` with a zone; `source` in words."""
    place = f"{path}: [[received]] thứ {number}"
    if not isinstance(row, dict) or set(row) not in ({"sha256", "at", "source"}, {"file", "at", "source"}):
        raise Unusable("chung_cu_sai", f"{place}: phải có đúng at, source và một trong hai: sha256, file.")
    at, source = row["at"], row["source"]
    if not isinstance(at, datetime) or at.tzinfo is None or at.year not in YEARS:
        raise Unusable("chung_cu_sai", f"{place}: at phải là thời điểm có múi giờ.")
    if not isinstance(source, str) or not source:
        raise Unusable("chung_cu_sai", f"{place}: source phải là chuỗi.")
    if "file" in row:
        if not isinstance(row["file"], str) or Path(row["file"]).is_absolute() or ".." in Path(row["file"]).parts:
            raise Unusable("chung_cu_sai", f"{place}: file phải nằm trong thư mục chứng cứ.")
        digest = sha256(_bytes(path.parent / row["file"])).hexdigest()
    else:
        digest = row["sha256"] if isinstance(row["sha256"], str) else ""
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise Unusable("chung_cu_sai", f"{place}: sha256 phải là 64 chữ số thập lục phân viết thường.")
    return Existence(digest, at.astimezone(UTC), source)
