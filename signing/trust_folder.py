"""The folder in which an operator keeps trust anchors: a PEM file for each, in the folder of its domain, and anchors.toml.

    DIR/anchors.toml            [[anchor]] file, source, and optionally valid_from, valid_until, distrust_after
    DIR/public-duty/*.pem       anchors of the public-duty domain (NĐ 68/2024)
    DIR/public/*.pem            anchors of the public domain (NĐ 23/2025)

Nothing counts by lying about: a file that anchors.toml does not name, a named file that is not there, and an anchor or key that
stands in both domains are refused, and the sentence says which and what to do. No anchor is ever taken from the system's store.
"""

from __future__ import annotations

import base64
import binascii
import re
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from signing.chain.certificates import ReadCertificate, read_certificate
from signing.errors import Unusable, reason_vi
from signing.model import TrustDomain
from signing.trust import Anchor, TrustStore

_LARGEST_FILE = 65_536
_LARGEST_TABLE = 262_144
_MOST = 256
_KEYS = frozenset({"file", "source", "valid_from", "valid_until", "distrust_after"})
_PLACE = re.compile(r"(public-duty|public)/[^/\\]+\.pem")
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s*(.*?)-----END \1-----", re.DOTALL)
_OTHER_CERTIFICATES = (".cer", ".crt", ".der", ".p7b", ".p7c")
_CODE = "kho_tin_cay_sai"


def read_trust(folder: Path) -> TrustStore:
    """The anchors of this folder, by domain and file name. Raises Unusable, in Vietnamese, naming the file and the remedy."""
    if not folder.is_dir():
        raise Unusable(
            _CODE, f"{folder}: không có thư mục này. Hãy tạo thư mục gồm public-duty/, public/ và tệp anchors.toml."
        )
    rows = _rows(folder / "anchors.toml")
    _all_named(folder, frozenset(rows))
    anchors = []
    seen: dict[str, tuple[str, TrustDomain]] = {}
    keys: dict[bytes, tuple[str, TrustDomain]] = {}
    for name in sorted(rows):
        domain = TrustDomain(name.partition("/")[0])
        certificate = _certificate(folder / name, name)
        _apart(name, domain, seen.setdefault(certificate.sha256, (name, domain)), "chứng thư số")
        held = keys.setdefault(certificate.key, (name, domain))
        if held[1] is not domain:
            _apart(name, domain, held, "khóa công khai")
        anchors.append(_anchor(rows[name], certificate, domain))
    return TrustStore(tuple(anchors))


def _rows(table: Path) -> dict[str, Mapping[str, object]]:
    try:
        raw = table.read_bytes()
    except FileNotFoundError:
        raise Unusable(
            _CODE,
            f"{table}: không có tệp này. Hãy tạo và khai báo mỗi gốc tin cậy bằng một mục [[anchor]] (file, source).",
        ) from None
    except OSError as fault:
        raise Unusable(_CODE, f"{table}: không đọc được ({reason_vi(fault)}).") from None
    if len(raw) > _LARGEST_TABLE:
        raise Unusable(_CODE, f"{table}: lớn hơn {_LARGEST_TABLE} byte; đây không phải tệp anchors.toml.")
    try:
        read = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise Unusable(_CODE, f"{table}: không phải TOML hợp lệ ({fault}).") from None
    unknown = sorted(set(read) - {"anchor"})
    if unknown:
        raise Unusable(_CODE, f"{table}: không hiểu «{unknown[0]}»; chỉ dùng các mục [[anchor]].")
    entries = read.get("anchor", [])
    if not isinstance(entries, list) or not entries:
        raise Unusable(_CODE, f"{table}: chưa khai báo gốc tin cậy nào; thêm ít nhất một mục [[anchor]].")
    if len(entries) > _MOST:
        raise Unusable(_CODE, f"{table}: hơn {_MOST} gốc tin cậy.")
    found: dict[str, Mapping[str, object]] = {}
    for number, entry in enumerate(entries, 1):
        name = _checked(f"{table}: mục [[anchor]] thứ {number}", entry)
        if name in found:
            raise Unusable(_CODE, f"{table}: «{name}» được khai báo hai lần; giữ lại một mục.")
        found[name] = entry
    return found


def _checked(where: str, entry: object) -> str:
    """The file name of one entry whose fields all have their form."""
    if not isinstance(entry, dict):
        raise Unusable(_CODE, f"{where} không phải là bảng.")
    unknown = sorted(set(entry) - _KEYS)
    if unknown:
        raise Unusable(_CODE, f"{where}: không hiểu «{unknown[0]}»; các trường được dùng: {', '.join(sorted(_KEYS))}.")
    name = entry.get("file")
    if not isinstance(name, str) or not _PLACE.fullmatch(name):
        raise Unusable(_CODE, f"{where}: «file» phải có dạng public-duty/TEN.pem hoặc public/TEN.pem.")
    source = entry.get("source")
    if not isinstance(source, str) or not source.strip():
        raise Unusable(_CODE, f"{where} ({name}): thiếu «source»; ghi rõ nhận chứng thư số từ đâu, ngày nào.")
    for field in ("valid_from", "valid_until", "distrust_after"):
        moment = entry.get(field)
        if moment is not None and (not isinstance(moment, datetime) or moment.tzinfo is None):
            raise Unusable(
                _CODE, f"{where} ({name}): «{field}» phải là thời điểm có múi giờ, ví dụ 2026-01-01T00:00:00+07:00."
            )
    starts, ends = entry.get("valid_from"), entry.get("valid_until")
    if starts is not None and ends is not None and starts >= ends:
        raise Unusable(_CODE, f"{where} ({name}): valid_from phải trước valid_until.")
    return name


def _all_named(folder: Path, named: frozenset[str]) -> None:
    for domain in TrustDomain:
        place = folder / domain
        for file in sorted(place.iterdir()) if place.is_dir() else ():
            name = f"{domain}/{file.name}"
            if file.suffix.lower() in _OTHER_CERTIFICATES:
                raise Unusable(
                    _CODE, f"{folder / name}: chỉ đọc tệp .pem; hãy chuyển sang PEM rồi khai báo trong anchors.toml."
                )
            if file.suffix.lower() == ".pem" and name not in named:
                raise Unusable(
                    _CODE,
                    f"{folder / name}: chưa khai báo trong anchors.toml; thêm mục [[anchor]] hoặc chuyển tệp đi nơi khác.",
                )


def _certificate(file: Path, name: str) -> ReadCertificate:
    try:
        with file.open("rb") as stream:
            raw = stream.read(_LARGEST_FILE + 1)
    except FileNotFoundError:
        raise Unusable(
            _CODE, f"{file}: được khai báo trong anchors.toml nhưng không có tệp; chép tệp vào hoặc bỏ mục «{name}»."
        ) from None
    except OSError as fault:
        raise Unusable(_CODE, f"{file}: không đọc được ({reason_vi(fault)}).") from None
    if len(raw) > _LARGEST_FILE:
        raise Unusable(_CODE, f"{file}: lớn hơn {_LARGEST_FILE} byte; mỗi tệp chỉ chứa một chứng thư số.")
    blocks = _BLOCK.findall(raw.decode("ascii", errors="replace"))
    if any("PRIVATE KEY" in label for label, _ in blocks):
        raise Unusable(
            _CODE, f"{file}: chứa khóa bí mật; xóa khóa khỏi tệp này ngay, kho tin cậy chỉ giữ chứng thư số."
        )
    if [label for label, _ in blocks] != ["CERTIFICATE"]:
        raise Unusable(_CODE, f"{file}: phải chứa đúng một khối «BEGIN CERTIFICATE».")
    try:
        der = base64.b64decode("".join(blocks[0][1].split()), validate=True)
    except (binascii.Error, ValueError):
        raise Unusable(_CODE, f"{file}: khối CERTIFICATE không phải base64 hợp lệ; hãy chép lại từ nguồn.") from None
    certificate = read_certificate(der)
    if certificate is None:
        raise Unusable(_CODE, f"{file}: không phải chứng thư số X.509 đọc được; hãy chép lại từ nguồn.")
    if certificate.fault:
        raise Unusable(_CODE, f"{file}: chứng thư số sai cấu trúc ({certificate.fault}).")
    if not certificate.is_authority and not _old_root(certificate):
        raise Unusable(_CODE, f"{file}: không phải chứng thư số của tổ chức cấp (CA); không dùng làm gốc tin cậy được.")
    return certificate


def _old_root(certificate: ReadCertificate) -> bool:
    """A self-issued root from before version 3, which cannot say that it is an authority."""
    return certificate.self_issued and certificate.asn1["tbs_certificate"]["version"].native == "v1"


def _apart(name: str, domain: TrustDomain, other: tuple[str, TrustDomain], what: str) -> None:
    if other == (name, domain):
        return
    if other[1] is domain:
        raise Unusable(_CODE, f"«{name}» và «{other[0]}» là cùng một {what}; giữ lại một tệp.")
    raise Unusable(
        _CODE, f"«{name}» và «{other[0]}» có cùng {what} ở hai miền; mỗi gốc chỉ thuộc một miền, hãy bỏ một trong hai."
    )


def _anchor(row: Mapping[str, object], certificate: ReadCertificate, domain: TrustDomain) -> Anchor:
    moments = {name: row.get(name) for name in ("valid_from", "valid_until", "distrust_after")}
    starts, ends, distrusted = (one if isinstance(one, datetime) else None for one in moments.values())
    return Anchor(certificate.der, domain, starts, ends, distrusted, str(row["source"]))
