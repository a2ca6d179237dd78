"""The portal's catalogues as rows: which services give them, under which keys, freed of trailing blanks, raw beside it.

Source: national-portal facts 2.0 (names), 2.1 and 2.3 (keys of three of them; of the others no key is known, so they are
open maps that are shown as they came).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from mappings.text import nfc

PROCEDURES = "LayDanhSachTTHC"
AGENCIES = "LayDanhMucCoQuan"
FIELDS = "LayDanhMucLinhVuc"
DECISION = "LayQDCB"

_SORTED = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True)
class Listing:
    """One catalogue: the columns of code and name ("" where nobody saw them), and of the owner where rows are others' too."""

    service: str
    code: str = ""
    name: str = ""
    owner: str = ""


LISTINGS: Mapping[str, Listing] = {
    listing.service: listing
    for listing in (
        Listing(PROCEDURES, "MATTHC", "TENTTHC"),
        Listing(AGENCIES, "MADONVI", "TENDONVI"),
        Listing(FIELDS, "MALINHVUC", "TENLINHVUC", owner="MANGANH"),
        *(
            Listing(f"LayDanhMuc{name}")
            for name in (
                *("DoiTuong", "CapThucHien", "CanCuPhapLy", "LePhi", "TinhThanh", "QuanHuyen", "PhuongXa", "QuocGia"),
                *("DanToc", "TonGiao", "TinhTrangHonNhan", "GioiTinh", "ThuTucThuocLoai", "NhomThuTuc"),
            )
        ),
        Listing(DECISION),
    )
}
"""Every catalogue of the facts by its service."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `code` as the portal gives it, or a digest of the row where its key is unknown; `raw` as it came."""

    code: str
    name: str
    raw: dict[str, Any]


def read_rows(service: str, result: Iterable[Mapping[str, Any]], madonvi: str) -> tuple[Row, ...]:
    """The rows of a catalogue, in order of code and each code once; those of other owners are left out (2.3)."""
    listing = LISTINGS[service]
    rows = {}
    for raw in result:
        owner = _text(raw.get(listing.owner)) if listing.owner else ""
        if owner and owner.casefold() != madonvi.casefold():
            continue
        code = _text(raw.get(listing.code)) if listing.code else ""
        rows[code or digest(raw)] = Row(code or digest(raw), _text(raw.get(listing.name)), dict(raw))
    return tuple(rows[code] for code in sorted(rows))


def digest(tree: object) -> str:
    """A short digest of JSON that does not depend on the order of its keys."""
    return hashlib.sha256(_SORTED.encode(tree)).hexdigest()[:16]


def _text(raw: object) -> str:
    return "" if raw is None else " ".join(nfc(str(raw)).split())
