"""Who plays: dossiers of the ministry's own procedures for invented people, and the course of each as its systems report it.

Procedure names are real; every person, number and address is invented. A seed makes the whole cast repeatable.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import msgspec

from gateway.cli.demonstration import foreign
from gateway.cli.demonstration.dossiers import written
from gateway.cli.installation import RESOLUTION_SYSTEM
from gateway.clock import LOCAL_ZONE, uuid7
from mappings.tables import TableRow, load_table

SECTORS = ("SEC-DEMO", "SEC-DLVN")
FOREIGN = "SEC-NTBD"
"""Speaks the XML of its own publication, not our schema."""
LEAVING = "SEC-TTAO"
"""Its consent is revoked in the middle of the demonstration."""
SYSTEMS = (*SECTORS, FOREIGN, LEAVING)
DIALECTS: Mapping[str, str] = {FOREIGN: "bieu_dien_xml"}

_EVERY_LEAVING = 10

FAMILY = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Phan", "Vũ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Lý")
MIDDLE = ("Văn", "Thị", "Minh", "Thanh", "Đức", "Ngọc", "Quốc", "Thu", "Hữu", "Khánh")
GIVEN = (
    "An",
    "Bình",
    "Chi",
    "Dũng",
    "Giang",
    "Hà",
    "Hùng",
    "Lan",
    "Long",
    "Mai",
    "Nam",
    "Phúc",
    "Quỳnh",
    "Sơn",
    "Trang",
    "Yến",
)
_BUSINESS = (
    "Công ty TNHH Lữ hành",
    "Công ty Cổ phần Điện ảnh",
    "Công ty TNHH Tổ chức sự kiện",
    "Trung tâm Thể thao",
    "Công ty Cổ phần Du lịch",
)
_PLACES = ("Hồ Tây", "Sông Hương", "Ngũ Hành", "Tràng An", "Mộc Châu", "Hòn Gai", "Cửa Lò", "Đồng Xuân")
_OFFICERS = ("Trần Văn Mẫu", "Lê Thị Ví Dụ", "Phạm Đức Thử", "Hoàng Thu Minh", "Đỗ Khánh Họa")

# The courses, by the canonical states a system reports after the dossier was registered as submitted.
_COURSES: tuple[tuple[int, tuple[str, ...]], ...] = (
    (46, ("received", "processing", "resolved", "returned")),
    (18, ("received", "processing", "awaiting_supplement", "processing", "resolved", "returned")),
    (14, ("received", "processing", "awaiting_payment", "processing", "resolved", "returned")),
    (8, ("received", "processing", "stopped")),
    (6, ("intake_refused",)),
    (4, ("received", "processing", "withdrawal_requested", "stopped")),
    (4, ("received", "processing", "resolved")),
)

_CONTENT: Mapping[str, str] = {
    "received": "Tiếp nhận hồ sơ",
    "processing": "Chuyển phòng chuyên môn thẩm định",
    "awaiting_supplement": "Yêu cầu bổ sung giấy tờ",
    "awaiting_payment": "Thông báo nộp phí thẩm định",
    "withdrawal_requested": "Tổ chức, cá nhân đề nghị rút hồ sơ",
    "stopped": "Dừng giải quyết hồ sơ",
    "intake_refused": "Hồ sơ không đủ điều kiện tiếp nhận",
    "resolved": "Ký phát hành kết quả",
    "returned": "Trả kết quả cho tổ chức, cá nhân",
}


@dataclass(frozen=True, slots=True)
class Role:
    """One dossier and what its system will say about it, in order."""

    dossier: Mapping[str, object]
    system: str
    events: tuple[Mapping[str, object], ...]

    @property
    def code(self) -> str:
        """The dossier code."""
        return str(self.dossier["dossier_code"])

    @property
    def states(self) -> tuple[str, ...]:
        """The states that must be seen outside, in this order."""
        return tuple(str(event["state"]) for event in self.events)

    def first(self, count: int) -> Role:
        """The same role, ended after its first `count` events."""
        return replace(self, events=self.events[:count])

    def message(self, event: Mapping[str, object], result: foreign.Paper | None = None) -> tuple[str, bytes]:
        """Media type and bytes with which this system reports an event of the role; `result` in place of the unsigned one."""
        if self.system != FOREIGN:
            return "application/json", msgspec.json.encode(event)
        happened, number = str(event["state"]), int(str(event["sequence"]))
        paper_of = foreign.Paper(f"BS-{number}")
        if happened == "resolved":
            issued = paper(self.code)
            unsigned = foreign.Paper("GP-1", "Giấy phép biểu diễn (ví dụ)", len(issued), sha256(issued).hexdigest())
            paper_of = result or unsigned
        at = datetime.fromisoformat(str(event["occurred_at"])).astimezone(LOCAL_ZONE)
        return foreign.CONTENT_TYPE, foreign.message(self.code, number, happened, at, paper_of)


def paper(code: str) -> bytes:
    """The content of the result of a dossier: a small PDF of one empty page, the same at every performance."""
    parts = [b"%PDF-1.4\n"]
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
        f"<</Title(Giay phep vi du {code})>>".encode("ascii"),
    )
    starts = []
    for number, content in enumerate(objects, 1):
        starts.append(sum(map(len, parts)))
        parts.append(b"%d 0 obj%sendobj\n" % (number, content))
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    trailer = b"trailer<</Size 5/Root 1 0 R/Info 4 0 R>>\nstartxref\n%d\n%%%%EOF\n" % sum(map(len, parts))
    return b"".join((*parts, b"xref\n0 5\n0000000000 65535 f \n", table, trailer))


def cast(count: int, today: date, seed: int) -> tuple[Role, ...]:
    """`count` roles: a tenth of the leaving system, the rest shared evenly by the other sectors and the resolution system."""
    chance = random.Random(seed)
    procedures = load_table("procedures").rows
    usual = (*SECTORS, FOREIGN, RESOLUTION_SYSTEM)
    systems = (LEAVING if n % _EVERY_LEAVING == 0 else usual[n % len(usual)] for n in range(1, count + 1))
    return tuple(_role(number, system, procedures, today, chance) for number, system in enumerate(systems, 1))


def _course(system: str, chance: random.Random) -> tuple[str, ...]:
    """A course that this system has words for; one that leaves needs something to say before and after."""
    known = [
        (weight, course)
        for weight, course in _COURSES
        if (system != FOREIGN or foreign.STATES.keys() >= set(course)) and (system != LEAVING or len(course) > 2)
    ]
    return chance.choices([course for _, course in known], [weight for weight, _ in known])[0]


def _role(number: int, system: str, procedures: Sequence[TableRow], today: date, chance: random.Random) -> Role:
    row = chance.choice(procedures)
    days = int(row["days"])
    submitted = datetime.combine(today, datetime.min.time(), LOCAL_ZONE) - timedelta(
        days=chance.randint(days + 2, days + 20)
    )
    submitted = (submitted + timedelta(hours=8, minutes=chance.randint(0, 420))).astimezone(UTC)
    received = submitted + timedelta(minutes=chance.randint(20, 400))
    course = _course(system, chance)
    code = f"000.00.00.G16-{received.astimezone(LOCAL_ZONE):%y%m%d}-{number:04d}"
    late = chance.random() < 0.08
    due = received + timedelta(days=days)
    dossier = _dossier(code, row, (submitted, received, due), chance)
    span = (due - received) * (1.3 if late else chance.uniform(0.4, 0.9))
    events = _events(code, system, course, (received, span), chance)
    return Role(dossier, system, events)


def _dossier(
    code: str, row: TableRow, times: tuple[datetime, datetime, datetime], chance: random.Random
) -> dict[str, object]:
    submitted, received, due = times
    origin = chance.choice(("direct", "online_ministry", "online_ministry", "online_national", "post"))
    return {
        "schema_version": "1",
        "dossier_code": code,
        "version": 1,
        "origin": origin,
        "procedure": {name: row[name] for name in ("code", "national_code", "name", "field_code", "field_name")},
        "agency": {"code": "000.00.01.G16", "name": row["agency"], "handling_unit": row["agency"]},
        "applicant": _applicant(chance),
        "summary": f"Đề nghị giải quyết: {row['name']}",
        "state": "submitted",
        "outcome": "none",
        "times": {"submitted_at": written(submitted), "received_at": written(received), "due_at": written(due)},
        "delivery": {"result_method": "post" if origin == "post" else "direct"},
    }


def _applicant(chance: random.Random) -> dict[str, object]:
    phone = f"09{chance.randint(0, 99_999_999):08d}"
    if chance.random() < 0.45:
        name = f"{chance.choice(_BUSINESS)} {chance.choice(_PLACES)} (ví dụ)"
        number = f"01{chance.randint(0, 99_999_999):08d}"
        return {
            "kind": "business",
            "name": name,
            "id": {"type": "tax_code", "number": number},
            "phone": phone,
            "email": "vidu@example.vn",
        }
    name = " ".join((chance.choice(FAMILY), chance.choice(MIDDLE), chance.choice(GIVEN)))
    number = f"001{chance.randint(0, 999_999_999):09d}"
    return {"kind": "citizen", "name": name, "id": {"type": "cccd", "number": number}, "phone": phone, "email": ""}


def _events(
    code: str, system: str, course: Sequence[str], span: tuple[datetime, timedelta], chance: random.Random
) -> tuple[dict[str, object], ...]:
    received, length = span
    events = []
    for index, state in enumerate(course):
        at = received + length * index / max(1, len(course) - 1)
        event: dict[str, object] = {
            "schema_version": "1",
            "event_id": uuid7(at, chance.randbytes(10)),
            "system_code": system,
            "dossier_code": code,
            "sequence": index + 1,
            "occurred_at": written(at),
            "state": state,
            "outcome": "granted" if state in ("resolved", "returned") else "none",
            "step": {
                "actor": {"name": chance.choice(_OFFICERS), "title": "Chuyên viên", "unit": "Bộ phận Một cửa"},
                "content": f"{_CONTENT[state]} (bước {index + 1})",
            },
        }
        if index:
            event["previous_sequence"] = index
        events.append(event | _extras(state, code, at, chance))
    return tuple(events)


def _extras(state: str, code: str, at: datetime, chance: random.Random) -> dict[str, object]:
    """What a state must bring along (dossier-model 4.1)."""
    if state == "awaiting_supplement":
        content = "Bổ sung bản sao giấy chứng nhận đăng ký kinh doanh"
        supplement = {
            "id": f"BS-{code[-4:]}",
            "requester": chance.choice(_OFFICERS),
            "content": content,
            "requested_at": written(at),
        }
        return {"reason": _reason("THIEU_GIAY_TO", content), "supplement": supplement}
    if state == "awaiting_payment":
        return {
            "fees": [
                {
                    "id": f"PHI-{code[-4:]}",
                    "name": "Phí thẩm định",
                    "amount": chance.choice((500_000, 1_200_000, 3_000_000)),
                }
            ]
        }
    if state == "stopped":
        return {
            "reason": _reason("DUNG_XU_LY", "Tổ chức, cá nhân không tiếp tục thực hiện thủ tục"),
            "outcome": "withdrawn",
        }
    if state == "intake_refused":
        return {"reason": _reason("KHONG_DU_DIEU_KIEN", "Hồ sơ không thuộc thẩm quyền giải quyết của Bộ")}
    if state in ("resolved", "returned"):
        issued = paper(code)
        file = {
            "name": f"{code}-KQ1.pdf",
            "media_type": "application/pdf",
            "size": len(issued),
            "sha256": sha256(issued).hexdigest(),
        }
        return {"results": [{"id": "KQ1", "name": "Giấy phép (ví dụ)", "file": file, "signature": {"format": "pades"}}]}
    return {}


def _reason(code: str, text: str) -> dict[str, str]:
    return {"code": code, "text_vi": text, "legal_basis": "QĐ 3036/QĐ-BVHTTDL Điều 8 khoản 2"}
