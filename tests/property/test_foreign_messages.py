"""Random messages in each foreign dialect: mapped with nothing silently dropped, or refused with every fault.

What a message must become is said here by hand, leaf by leaf, and its leaves are walked by this file's own eyes (the
standard library's XML, not ours). `TTHC_FOREIGN_EXAMPLES=10000` runs so many messages for each profile (`make prove`).
"""

from __future__ import annotations

import json
import os
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.config import Intake
from gateway.errors import Invalid
from gateway.intake.foreign import Heard, hear, message, read
from gateway.intake.validate import Limits
from mappings.canonical import StatusEvent
from mappings.dialect_file import load_dialect
from mappings.translation import Fate, Leaf

EXAMPLES = int(os.environ.get("TTHC_FOREIGN_EXAMPLES", "250"))
LIMITS = Limits.of(Intake())
LOCAL = timezone(timedelta(hours=7))
ROWS, NTBD = load_dialect("dieuphoi_2026"), load_dialect("bieu_dien_xml")
NAMESPACE = "{urn:vi-du:nghe-thuat-bieu-dien:thong-bao:1}"
SHA = st.text("0123456789abcdef", min_size=64, max_size=64)
Tree = dict[str, Any]
Leaves = dict[str, object]


def share(part: float) -> Callable[[Any], Any]:
    """The part of a profile's examples that one test runs; a long run is given its time."""
    chosen = settings(
        max_examples=max(20, int(EXAMPLES * part)),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    return lambda test: pytest.mark.timeout(3600)(chosen(test))


# Letters of any script, marks, digits, signs: what forms hold. At least one sign can be seen.
TEXT = st.text(st.characters(categories=["L", "M", "N", "P", "Zs"]), min_size=1, max_size=30).map(
    lambda text: text + "ữ"
)
NUMBER = st.integers(0, 9_007_199_254_740_991)
AMOUNT = st.integers(0, 999_999_999_999)
MOMENT = st.datetimes(datetime(2024, 12, 1), datetime(2099, 1, 1)).map(lambda at: at.replace(microsecond=0))  # noqa: DTZ001 - local time
DAY = st.dates(date(1900, 1, 1), date(2199, 12, 31))
CODE = st.integers(0, 9999).map(lambda number: f"000.00.00.G16-261120-{number:04d}")


def dotted(amount: int) -> str:
    """1250000 as people write it."""
    return f"{amount:,}".replace(",", ".")


def slashed(day: date) -> str:
    """20/11/2026."""
    return f"{day.day:02d}/{day.month:02d}/{day.year:04d}"


def utc(local: datetime) -> datetime:
    """A local moment as the event holds it."""
    return local.replace(tzinfo=LOCAL).astimezone(UTC)


def nfc(text: str) -> str:
    """The one form of texts in the model."""
    return unicodedata.normalize("NFC", text)


def pointer_step(key: str) -> str:
    """One key of a JSON pointer."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def json_leaves(value: object, at: str = "") -> Iterator[tuple[str, object]]:
    """Every single value of a JSON tree; an empty list or object is one."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from json_leaves(item, at + pointer_step(key))
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from json_leaves(item, f"{at}/{number}")
    else:
        yield at, value


def xml_leaves(element: ET.Element, at: str = "") -> Iterator[tuple[str, object]]:
    """Every attribute and every text of an XML document, named as the gateway publishes it."""
    yield from ((f"{at}/@{name}", value) for name, value in element.attrib.items())
    names = [child.tag.removeprefix(NAMESPACE) for child in element]
    seen: dict[str, int] = {}
    for child, name in zip(element, names, strict=True):
        number = seen[name] = seen.get(name, -1) + 1
        place = at + pointer_step(name) + (f"/{number}" if names.count(name) > 1 else "")
        if len(child) or child.attrib:
            yield from xml_leaves(child, place)
        else:
            yield place, child.text or ""
    texts = [text for text in (element.text, *(child.tail for child in element)) if text and text.strip(" \t\r\n")]
    if len(texts) == 1:
        yield f"{at}/#text", texts[0]
    else:
        yield from ((f"{at}/#text/{number}", text) for number, text in enumerate(texts))


def check_fates(leaves: tuple[Leaf, ...], walked: Leaves) -> dict[str, Leaf]:
    """Every leaf that stands in the message was met once, with the value that stands there, and nothing else was."""
    met = {leaf.place.pointer: leaf for leaf in leaves}
    assert len(met) == len(leaves)
    assert {pointer: leaf.value for pointer, leaf in met.items()} == walked
    return met


def check_refused(error: Invalid, met: Mapping[str, Leaf]) -> None:
    """Every faulty leaf, and every unknown one of a strict profile, lies at or below a place that the refusal names."""
    named = {fault.pointer for fault in error.faults}
    assert error.faults and len(error.faults) <= 100
    if len(error.faults) == 100:
        return
    for pointer, leaf in met.items():
        if leaf.fate is Fate.FAULTY:
            assert any(pointer == place or pointer.startswith(place + "/") for place in named), (pointer, named)


# The JSON dialect: rows as a sector system sends them through LGSP.

WRITTEN: tuple[Callable[[datetime], str], ...] = (
    lambda at: at.isoformat(),
    lambda at: f"{at:%Y-%m-%dT%H:%M:%S}.000",
    lambda at: f"{at:%Y-%m-%dT%H:%M:%S}Z",  # a literal Z on local time
    lambda at: f"{at:%Y-%m-%dT%H:%M:%S}+0700",
    lambda at: f"{at:%Y%m%d%H%M%S}",
    lambda at: f"{at:%Y-%m-%d %H:%M:%S}",
)
STATES = {
    1: "submitted", 2: "received", 3: "intake_refused", 4: "processing", 5: "awaiting_supplement",
    6: "awaiting_payment", 7: "withdrawal_requested", 8: "stopped", 9: "resolved", 10: "returned",
}  # fmt: skip


@st.composite
def rows(draw: st.DrawFn) -> Tree:
    """A lawful row of any status, with any of its optional parts."""
    status = draw(st.sampled_from(sorted(STATES)))
    write = draw(st.sampled_from(WRITTEN))
    row: Tree = {
        "MaHoSo": draw(CODE),
        draw(st.sampled_from(["IDHoSo", "IdHoSo"])): draw(TEXT),
        "NguoiXuLy": draw(TEXT),
        "ThoiDiemXuLy": write(draw(MOMENT)),
        "NoiDungXuLy": draw(TEXT),
        "TrangThai": draw(st.sampled_from([status, str(status)])),
    }
    for name in ("ChucDanh", "PhongBanXuLy", "TenTrangThai", "MaTTHC"):
        if draw(st.booleans()):
            row[name] = draw(TEXT | st.sampled_from(["", None]))
    if status in (3, 5, 7, 8) or draw(st.booleans()):
        row["NoiDungYKien"] = draw(TEXT)
    for name in ("NgayBatDau", "NgayKetThucTheoQuyDinh"):
        if draw(st.booleans()):
            row[name] = draw(MOMENT.map(write) | st.sampled_from(["", "0000-00-00T00:00:00.000+0700"]))
    fee = st.fixed_dictionaries(
        {"MaPhiLePhi": TEXT | st.integers(1, 99), "TenPhiLePhi": TEXT, "Gia": AMOUNT | AMOUNT.map(dotted)},
        optional={"HinhThucThu": st.sampled_from([1, "2", 4]), "LoaiPhiLePhi": st.sampled_from([1, 2, "3"])},
    )
    paper = st.fixed_dictionaries(
        {"GiayToId": TEXT | st.integers(0, 9999), "TenGiayTo": TEXT, "HashTepTin": SHA | SHA.map(str.upper),
         "KichThuoc": NUMBER | NUMBER.map(str)},
        optional={"MaThanhPhanHoSo": TEXT, "IdTepTin": TEXT, "NgayCap": DAY.map(str) | DAY.map(slashed),
                  "DuongDanTepTinKetQua": st.just("https://vi-du.example/tep")},
    )  # fmt: skip
    if status == 6 or draw(st.booleans()):
        row["DanhSachLePhi"] = draw(st.lists(fee, min_size=int(status == 6), max_size=3))
    if status == 9 or draw(st.booleans()):
        row["DanhSachGiayToKetQua"] = draw(st.lists(paper, min_size=int(status == 9), max_size=3))
    return dict(draw(st.permutations(list(row.items()))))


def heard(raw: bytes, dialect: Any, media: str) -> Heard:
    """What the door makes of it."""
    return hear(message(raw, media), dialect, "SEC-X", LIMITS)


def wanted_row(row: Tree) -> Tree:
    """What the event must say, by hand; None where nothing is said."""
    status = int(row["TrangThai"])
    sector = str(row.get("IDHoSo") or row.get("IdHoSo"))
    said: Tree = {
        "dossier_code": row["MaHoSo"], "sector_dossier_id": nfc(sector), "state": STATES[status],
        "outcome": "granted" if status == 9 else "none", "raw_state": str(row["TrangThai"]),
        "actor": nfc(row["NguoiXuLy"]), "title": nfc(row.get("ChucDanh") or ""), "unit": nfc(row.get("PhongBanXuLy") or ""),
        "content": nfc(row["NoiDungXuLy"]), "reason": nfc(row["NoiDungYKien"]) if "NoiDungYKien" in row else None,
        "fees": len(row.get("DanhSachLePhi", ())), "results": len(row.get("DanhSachGiayToKetQua", ())),
    }  # fmt: skip
    for number, fee in enumerate(row.get("DanhSachLePhi", ())):
        amount = fee["Gia"] if isinstance(fee["Gia"], int) else int(fee["Gia"].replace(".", ""))
        said[f"fee{number}"] = (nfc(str(fee["MaPhiLePhi"])), nfc(fee["TenPhiLePhi"]), amount)
        said[f"kind{number}"] = {1: "charge", 2: "fee", 3: "other"}[int(fee.get("LoaiPhiLePhi", 1))]
        said[f"time{number}"] = {1: "on_receipt", 2: "on_supplement", 4: "on_return"}[int(fee.get("HinhThucThu", 1))]
    for number, paper in enumerate(row.get("DanhSachGiayToKetQua", ())):
        day = paper.get("NgayCap", "")
        issued = date.fromisoformat(day if "-" in day else "-".join(reversed(day.split("/")))) if day else None
        said[f"paper{number}"] = (
            nfc(str(paper["GiayToId"])), nfc(paper["TenGiayTo"]), paper["HashTepTin"].lower(), int(paper["KichThuoc"]),
            nfc(paper.get("MaThanhPhanHoSo", "")), nfc(paper.get("IdTepTin", "")), issued,
        )  # fmt: skip
    return said


def said_by(event: StatusEvent) -> Tree:
    """The same words from the event."""
    said: Tree = {
        "dossier_code": event.dossier_code, "sector_dossier_id": event.sector_dossier_id, "state": event.state.value,
        "outcome": event.outcome.value, "raw_state": event.raw_state, "actor": event.step.actor.name,
        "title": event.step.actor.title, "unit": event.step.actor.unit, "content": event.step.content,
        "reason": event.reason.text_vi if event.reason is not None else None,
        "fees": len(event.fees), "results": len(event.results),
    }  # fmt: skip
    for number, fee in enumerate(event.fees):
        said[f"fee{number}"] = (fee.id, fee.name, fee.amount)
        said[f"kind{number}"], said[f"time{number}"] = fee.kind.value, fee.collection_time.value
    for number, paper in enumerate(event.results):
        file = paper.file
        said[f"paper{number}"] = (
            paper.id, paper.name, file.sha256, file.size, paper.component_code, file.file_id, paper.issued_on,
        )  # fmt: skip
    return said


def moment_of(text: str) -> datetime:
    """A local moment in any of the published spellings."""
    digits = "".join(sign for sign in text.partition("+")[0] if sign.isdigit())[:14]
    return utc(datetime.strptime(digits, "%Y%m%d%H%M%S"))  # noqa: DTZ007 - local time by definition


@share(0.3)
@given(rows())
def test_a_lawful_row_is_mapped_whole(row: Tree) -> None:
    """Each leaf is in the event where it belongs, or is ignored by name, or says that it is absent."""
    heard_row = heard(json.dumps(row).encode(), ROWS, "application/json")
    event = heard_row.event
    assert said_by(event) == wanted_row(row)
    assert event.occurred_at == moment_of(row["ThoiDiemXuLy"])
    for name, told in (("NgayBatDau", event.step.started_at), ("NgayKetThucTheoQuyDinh", event.step.due_at)):
        text = row.get(name, "")
        assert told == (moment_of(text) if text and not text.startswith("0000") else None)
    supplement = event.supplement
    assert (supplement is not None) == (event.state == "awaiting_supplement")
    if supplement is not None:
        assert (supplement.content, supplement.requester) == (nfc(row["NoiDungYKien"]), nfc(row["NguoiXuLy"]))
    met = check_fates(heard_row.translation.leaves, dict(json_leaves(row)))
    ignored = {pointer for pointer, leaf in met.items() if leaf.fate is Fate.IGNORED}
    assert ignored == {f"/{name}" for name in ("MaTTHC", "TenTrangThai") if name in row}
    for pointer, leaf in met.items():
        empty = leaf.value in ("", None, [], "0000-00-00T00:00:00.000+0700")
        assert leaf.fate is (Fate.IGNORED if pointer in ignored else Fate.ABSENT if empty else Fate.MAPPED)
    assert heard_row.remarks == ()


def _put(name: str, *values: object) -> Callable[[Tree], tuple[Any, str, object] | None]:
    return lambda row: (row, name, values)


ROW_FAULTS: dict[str, tuple[object, ...]] = {
    "NguoiXuLy": (None, " ", 7, ["x"], {"a": 1}, "ữ" * 256),
    "ThoiDiemXuLy": ("31/02/2026", "2026-02-31T10:00:00", "2026-11-20", 5, ["x"], True),
    "NoiDungXuLy": (None, ["a", "b"], 3, "\u3164"),
    "TrangThai": (77, "x", [2], 2.5, True),
    "NgayBatDau": ({"a": 1}, "20261131000000", "hôm qua"),
    "MaHoSo": ("42", "000.00.00.G16-261120-00٤2"),
    "ChucDanh": (5, ["x"], "ữ" * 256),
}
FEE_FAULTS: dict[str, tuple[object, ...]] = {
    "Gia": ("12.50", "-1", -1, 1.5, "một triệu", 2**62, None), "TenPhiLePhi": (None, 5, " "),
    "LoaiPhiLePhi": (9, "phí", []), "HinhThucThu": (3, "0"),
}  # fmt: skip
PAPER_FAULTS: dict[str, tuple[object, ...]] = {
    "HashTepTin": ("zz", "", 5, None), "KichThuoc": (-1, "1.5", None, "1 KB"), "TenGiayTo": (None, 5, ""),
    "NgayCap": ("31/02/2026", "2026-13-01"), "DuongDanTepTinKetQua": ("ftp://x", "khong phai"),
}  # fmt: skip


def _spoil(target: Tree, name: str, value: object) -> None:
    """A missing member is a fault of its own."""
    if value is None:
        target.pop(name, None)
    else:
        target[name] = value


@st.composite
def spoilt_rows(draw: st.DrawFn) -> tuple[Tree, set[str]]:
    """A row with k independent faults, and where they are."""
    row = draw(rows())
    row["DanhSachLePhi"] = [*row.get("DanhSachLePhi", ()), {"MaPhiLePhi": "P", "TenPhiLePhi": "Phí", "Gia": 1}]
    row["DanhSachGiayToKetQua"] = [
        *row.get("DanhSachGiayToKetQua", ()),
        {"GiayToId": "1", "TenGiayTo": "Giấy", "HashTepTin": "0" * 64, "KichThuoc": 1},
    ]
    fee, paper = len(row["DanhSachLePhi"]) - 1, len(row["DanhSachGiayToKetQua"]) - 1
    places = [("", row, name, values) for name, values in ROW_FAULTS.items()]
    places += [(f"/DanhSachLePhi/{fee}", row["DanhSachLePhi"][fee], *item) for item in FEE_FAULTS.items()]
    places += [(f"/DanhSachGiayToKetQua/{paper}", row["DanhSachGiayToKetQua"][paper], *i) for i in PAPER_FAULTS.items()]
    chosen = draw(st.lists(st.sampled_from(range(len(places))), min_size=1, max_size=8, unique=True))
    for index in chosen:
        _, target, name, values = places[index]
        _spoil(target, name, draw(st.sampled_from(values)))
    return row, {f"{places[index][0]}/{places[index][2]}" for index in chosen}


@share(0.4)
@given(spoilt_rows())
def test_a_spoilt_row_is_refused_with_each_of_its_faults(spoilt: tuple[Tree, set[str]]) -> None:
    """k faults planted, the same k places named, and no other."""
    row, planted = spoilt
    with pytest.raises(Invalid) as refused:
        heard(json.dumps(row).encode(), ROWS, "application/json")
    assert {fault.pointer for fault in refused.value.faults} == planted


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
NAMES = st.sampled_from([*ROW_FAULTS, "IDHoSo", "IdHoSo", "DanhSachLePhi", "DanhSachGiayToKetQua", "NoiDungYKien"])


@share(0.3)
@given(rows(), st.dictionaries(NAMES | TEXT, ANYTHING, max_size=4))
def test_a_row_of_any_shape_is_mapped_or_refused_and_nothing_of_it_is_lost(row: Tree, odd: Tree) -> None:
    """Whatever stands anywhere: every leaf has a fate; what is unknown is told in the receipt, what is wrong refused."""
    tree = row | odd
    raw = json.dumps(tree).encode()
    met = check_fates(read(message(raw, "application/json"), ROWS, "SEC-X", LIMITS).leaves, dict(json_leaves(tree)))
    unknown = [pointer for pointer, leaf in met.items() if leaf.fate is Fate.UNKNOWN]
    try:
        accepted = heard(raw, ROWS, "application/json")
    except Invalid as refused:
        check_refused(refused, met)
        return
    assert not [pointer for pointer, leaf in met.items() if leaf.fate is Fate.FAULTY]
    named = " ".join(remark.message_vi for remark in accepted.remarks)
    assert all(any(f"/{part}" in named for part in pointer.split("/")[1:2]) for pointer in unknown)


# The XML dialect.

CODES = {
    "MOI_NOP": ("submitted", "none"), "DA_TIEP_NHAN": ("received", "none"), "TU_CHOI_TIEP_NHAN": ("intake_refused", "none"),
    "DANG_THAM_DINH": ("processing", "none"), "YEU_CAU_BO_SUNG": ("awaiting_supplement", "none"),
    "CHO_NOP_PHI": ("awaiting_payment", "none"), "XIN_RUT": ("withdrawal_requested", "none"),
    "DA_RUT": ("stopped", "withdrawn"), "DUNG_XU_LY": ("stopped", "none"), "DA_CAP": ("resolved", "granted"),
    "TU_CHOI_CAP": ("resolved", "refused"), "DA_TRA": ("returned", "none"),
}  # fmt: skip
Element = tuple[str, dict[str, str], list[Any]]
"""Name, attributes, content: texts and elements, as they are written."""


def xml_of(element: Element, top: bool = True) -> str:
    """The element as text."""
    name, attributes, content = element
    told = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    inner = "".join(escape(part) if isinstance(part, str) else xml_of(part, top=False) for part in content)
    space = f' xmlns="{NAMESPACE[1:-1]}"' if top else ""
    return f"<{name}{space}{told}>{inner}</{name}>"


def leaf(name: str, text: str) -> Element:
    """An element with text alone."""
    return (name, {}, [text])


def local(at: datetime) -> str:
    """A moment as the publication writes it."""
    return f"{slashed(at)} {at:%H:%M:%S}"


@st.composite
def notices(draw: st.DrawFn) -> tuple[Element, Tree]:
    """A lawful notice of any state with any optional part, and what the event must say."""
    code = draw(st.sampled_from(sorted(CODES)))
    dossier, own, number, at = draw(CODE), draw(TEXT), draw(st.integers(1, 10**9)), draw(MOMENT)
    actor, content = draw(TEXT), draw(TEXT)
    parts: list[Element] = [
        ("HoSo", {"maHoSo": dossier, "soNoiBo": own}, [leaf("TenVoDien", draw(TEXT))] if draw(st.booleans()) else []),
        leaf("LanThu", str(number)),
        leaf("ThoiDiem", local(at)),
        ("TrangThai", {"ma": code}, [draw(TEXT)] if draw(st.booleans()) else []),
        ("CanBo", {}, ["\n  ", leaf("HoTen", f"\n {actor} \t"), leaf("ChucVu", "")]),
        leaf("NoiDung", content),
    ]
    said: Tree = {
        "dossier": dossier, "own": nfc(own).strip(" "), "number": number, "at": utc(at), "state": CODES[code], "raw": code,
        "actor": nfc(actor).strip(" "), "content": nfc(content).strip(" "), "reason": None,
        "supplement": None, "fees": [], "papers": [],
    }  # fmt: skip
    state = CODES[code][0]
    if state in ("intake_refused", "awaiting_supplement", "stopped") or code == "TU_CHOI_CAP" or draw(st.booleans()):
        word, text = draw(TEXT), draw(TEXT)
        parts.append(("LyDo", {"ma": word}, [text]))
        said["reason"] = (nfc(word).strip(" "), nfc(text).strip(" "))
    if state == "awaiting_supplement" or draw(st.booleans()):
        word, asked = draw(TEXT), draw(DAY.filter(lambda day: day.year >= 1901 and day.year < 2100))
        day = slashed(asked)
        parts.append(
            ("YeuCauBoSung", {"so": "BS"}, [leaf("NguoiYeuCau", word), leaf("NoiDung", word), leaf("NgayYeuCau", day)])
        )
        said["supplement"] = (nfc(word).strip(" "), utc(datetime(asked.year, asked.month, asked.day)))  # noqa: DTZ001 - local
    for _ in range(draw(st.integers(int(state == "awaiting_payment"), 2))):
        amount, name = draw(AMOUNT), draw(TEXT)
        parts.append(("KhoanThu", {"ma": "P", "batBuoc": "Không"}, [leaf("Ten", name), leaf("SoTien", dotted(amount))]))
        said["fees"].append((nfc(name).strip(" "), amount))
    for _ in range(draw(st.integers(int(code == "DA_CAP"), 2))):
        sha, size, name = draw(SHA), draw(NUMBER), draw(TEXT)
        file = {"ten": "gp.pdf", "kieu": "application/pdf", "kichThuoc": str(size), "sha256": sha}
        parts.append(("KetQua", {"ma": "K"}, [leaf("TenGiayTo", name), ("Tep", file, []), leaf("KySo", "PAdES")]))
        said["papers"].append((nfc(name).strip(" "), sha, size))
    return ("ThongBaoXuLy", {"phienBan": "1.0", "maThongDiep": draw(TEXT)}, parts), said


def xml_said(event: StatusEvent) -> Tree:
    """The same words from the event."""
    reason, supplement = event.reason, event.supplement
    return {
        "dossier": event.dossier_code, "own": event.sector_dossier_id, "number": event.sequence, "at": event.occurred_at,
        "state": (event.state.value, event.outcome.value), "raw": event.raw_state, "actor": event.step.actor.name,
        "content": event.step.content, "reason": (reason.code, reason.text_vi) if reason else None,
        "supplement": (supplement.content, supplement.requested_at) if supplement else None,
        "fees": [(fee.name, fee.amount) for fee in event.fees],
        "papers": [(paper.name, paper.file.sha256, paper.file.size) for paper in event.results],
    }  # fmt: skip


def walked(text: str) -> Leaves:
    """The leaves as the standard library reads them."""
    return dict(xml_leaves(ET.fromstring(text)))


@share(0.3)
@given(notices())
def test_a_lawful_notice_is_mapped_whole(notice: tuple[Element, Tree]) -> None:
    """Attributes, texts and repeated elements: each leaf in the event where it belongs, or ignored by name."""
    text = xml_of(notice[0])
    told = heard(text.encode(), NTBD, "application/xml")
    assert xml_said(told.event) == notice[1]
    met = check_fates(told.translation.leaves, walked(text))
    fates = {pointer: found.fate for pointer, found in met.items()}
    assert fates.pop("/@phienBan") is Fate.EXPECTED
    for pointer, fate in fates.items():
        ignored = pointer in ("/TrangThai/#text", "/HoSo/TenVoDien")
        assert fate is (Fate.IGNORED if ignored else Fate.ABSENT if pointer == "/CanBo/ChucVu" else Fate.MAPPED)


def _child(parts: list[Any], name: str) -> int:
    return next(index for index, part in enumerate(parts) if part[0] == name)


def _replace(name: str, *contents: list[Any]) -> Callable[[Element, st.DrawFn], None]:
    def spoil(root: Element, draw: st.DrawFn) -> None:
        index = _child(root[2], name)
        root[2][index] = (name, dict(root[2][index][1]), draw(st.sampled_from(contents)))

    return spoil


def _attribute(name: str, key: str, *values: str) -> Callable[[Element, st.DrawFn], None]:
    def spoil(root: Element, draw: st.DrawFn) -> None:
        target = root if not name else root[2][_child(root[2], name)]
        target[1][key] = draw(st.sampled_from(values))

    return spoil


def _more(*parts: Element) -> Callable[[Element, st.DrawFn], None]:
    return lambda root, _draw: root[2].extend(parts)


XML_FAULTS: dict[str, Callable[[Element, st.DrawFn], None]] = {
    "/ThoiDiem": _replace("ThoiDiem", ["31/02/2026"], ["2026-11-20T10:00:00"], ["20/11/26"], []),
    "/LanThu": _replace("LanThu", ["0"], ["ba"], ["-1"], ["1.5"], []),
    "/NoiDung": _replace("NoiDung", [], ["  "], ["\u3164"]),
    "/@phienBan": _attribute("", "phienBan", "2.0", ""),
    "/TrangThai/@ma": _attribute("TrangThai", "ma", "LA", "da_cap"),
    "/HoSo/@maHoSo": _attribute("HoSo", "maHoSo", "42", "000.00.00.G16-261120-00٤2"),
    "/HoSo/@la": _attribute("HoSo", "la", "", "x"),
    "/@la": _attribute("", "la", "x"),
    "/La": _more(leaf("La", "x")),
    "/Nhom": _more(("Nhom", {"a": "1"}, [leaf("Con", "x"), leaf("Con", "y")])),
    "/#text": lambda root, _draw: root[2].append("chữ lạc"),
    "/CanBo/HoTen": _replace("CanBo", [], [leaf("HoTen", " ")], [leaf("ChucVu", "x")]),
    "/HanTraMoi": _more(leaf("HanTraMoi", "ngày mai")),
    "/ThoiDiemGui": _more(leaf("ThoiDiemGui", "20/11/2026"), leaf("ThoiDiemGui", "21/11/2026")),
}


@st.composite
def spoilt_notices(draw: st.DrawFn) -> tuple[str, set[str]]:
    """A notice with k independent faults, and where they are."""
    root, _ = draw(notices())
    chosen = draw(st.lists(st.sampled_from(sorted(XML_FAULTS)), min_size=1, max_size=8, unique=True))
    for pointer in chosen:
        XML_FAULTS[pointer](root, draw)
    return xml_of(root), set(chosen)


@share(0.4)
@given(spoilt_notices())
def test_a_spoilt_notice_is_refused_with_each_of_its_faults(spoilt: tuple[str, set[str]]) -> None:
    """k faults planted, the same k places named, and no other."""
    text, planted = spoilt
    with pytest.raises(Invalid) as refused:
        heard(text.encode(), NTBD, "application/xml")
    assert {fault.pointer for fault in refused.value.faults} == planted


PLACES = st.sampled_from(
    ["HoSo", "LanThu", "ThoiDiem", "TrangThai", "CanBo", "HoTen", "NoiDung", "LyDo", "KhoanThu", "KetQua", "Tep", "La"]
)
ODD: st.SearchStrategy[Any] = st.recursive(
    TEXT,
    lambda inner: st.tuples(
        PLACES,
        st.dictionaries(st.sampled_from(["ma", "so", "la", "ten"]), TEXT, max_size=2),
        st.lists(inner, max_size=3),
    ),
    max_leaves=8,
)


@share(0.3)
@given(notices(), st.lists(ODD, max_size=4), st.integers(0, 20))
def test_a_notice_of_any_shape_is_mapped_or_refused_and_nothing_of_it_is_lost(
    notice: tuple[Element, Tree], odd: list[Any], place: int
) -> None:
    """Repeated, misplaced, mixed and unknown elements: every leaf has a fate, and a strict profile lets nothing pass."""
    name, attributes, parts = notice[0]
    at = place % (len(parts) + 1)
    text = xml_of((name, attributes, [*parts[:at], *odd, *parts[at:]]))
    met = check_fates(read(message(text.encode(), "text/xml"), NTBD, "SEC-X", LIMITS).leaves, walked(text))
    try:
        heard(text.encode(), NTBD, "text/xml")
    except Invalid as refused:
        check_refused(refused, met)
    else:
        assert not [found for found in met.values() if found.fate in (Fate.FAULTY, Fate.UNKNOWN)]


@share(0.1)
@given(st.binary(max_size=300), st.sampled_from([ROWS, NTBD]))
def test_bytes_of_any_kind_raise_nothing_but_the_declared_refusal(raw: bytes, dialect: Any) -> None:
    """No other exception, whatever is sent under whichever media type is published."""
    media = "application/json" if dialect is ROWS else "application/xml"
    with pytest.raises(Invalid) as refused:
        heard(raw, dialect, media)
    assert refused.value.status in (400, 422)
