"""The simulated population database without its sockets: who may ask, what was asked, who is found, what is told of them.

It answers only when number, name and birth fit together, so that "not found" and "does not fit" look the same (identity facts
2.6); checks the audit fields (2.4), integration codes, licences and officers (2.7), and counts quotas (2.10). Written from the
facts alone: the client's mapping is unknown here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import msgspec

from connectors.vneid.simulator_envelope import POPULATION, STUB, Problem, Request, Tree
from connectors.vneid.simulator_persons import People, Person, compact
from connectors.vneid.simulator_shapes import Observed, Qcvn

VERIFY = "XacThucThongTinCongDan"
CODES: Mapping[str, str] = {
    VERIFY: "003",
    "TraCuuThongTinCongDan": "037",
    "XacMinhThongTinNhanThan": "038",
    "XacMinhThongTinChuHo": "039",
    "XacMinhThongTinNoiOHienTai": "040",
    "XacMinhTinhTrangHonNhan": "041",
    "CungCapThongTinHoGiaDinh": "042",
}
"""The operations and their integration codes; the first two were seen (2.3), the others are invented for the simulator."""

_LENGTHS = {"MaYeuCau": 40, "MaDVC": 20, "MaCanBo": 20, "MaDonVi": 35, "HoVaTen": 100}
_MOST_KEPT = 200_000
_DATE = re.compile(r"(\d{4})-?(\d\d)?-?(\d\d)?", re.ASCII)
_OURS = "Client"
_THEIRS = "Server"


class RegisterOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the population database behaves. Empty lists allow everybody and everything.

    `codes` are the integration codes by operation; `operations` those that are offered at all. `per_agency` and `per_officer`
    are questions in `quota_window_s` seconds, 0 without limit. `shape` is the form of a record (2.6), rotating: in turn.
    `withheld`: elements of a record that are never told, as an integration code may not be licensed for them.
    `birth_required`, `unit_required`: whether a question without them is refused. `stub_names` answers as the stubs of 2.3 do.
    `booleans` is how `TonTai` is written.
    """

    codes: dict[str, str] = msgspec.field(default_factory=lambda: dict(CODES))
    operations: tuple[str, ...] = tuple(CODES)
    licensed_procedures: tuple[str, ...] = ()
    officers: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    per_agency: int = 0
    per_officer: int = 0
    quota_window_s: float = 60.0
    shape: Literal["observed", "qcvn109", "rotating"] = "observed"
    birth_required: bool = True
    unit_required: bool = False
    withheld: tuple[str, ...] = ()
    stub_names: bool = False
    booleans: Literal["words", "digits"] = "words"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as it arrived and what came of it; `outcome` is found, not_found or the problem's code.

    `at` in seconds since the epoch. The subject's own values stand in `fields` for the control plane, and nowhere else.
    """

    at: float
    route: str
    operation: str
    fields: Mapping[str, str] = field(repr=False)
    outcome: str
    blocks: Mapping[str, str] = field(default_factory=dict, repr=False)

    def shown(self, *, with_subject: bool) -> dict[str, object]:
        """The question for the control plane."""
        who = {name: self.fields.get(name, "") for name in ("MaYeuCau", "MaDVC", "MaTichHop", "MaCanBo", "MaDonVi")}
        shown: dict[str, object] = {
            "at": self.at,
            "route": self.route,
            "operation": self.operation,
            "outcome": self.outcome,
            "order": list(self.fields),
            **who,
        }
        return {**shown, "fields": dict(self.fields), "blocks": dict(self.blocks)} if with_subject else shown


@dataclass(frozen=True, slots=True)
class Found:
    """The answer: who was found, and what of each is told, in the shape of this time. `verdict` for a verification.

    `as_of` is the moment that the records are of; `said` is how the verdict is written.
    """

    rows: tuple[Tree, ...] = field(repr=False)
    verdict: bool | None = None
    as_of: str = ""
    said: str = ""


class Denied(Exception):
    """No answer: the problem says why. Quotas say when it makes sense to ask again."""

    def __init__(self, problem: Problem, retry_after_s: float = 0.0) -> None:
        self.problem = problem
        self.retry_after_s = retry_after_s
        super().__init__(problem.code or problem.fault)


@dataclass(slots=True, repr=False)
class Register:
    """The register's state. `now` gives seconds since the epoch."""

    options: RegisterOptions
    people: People
    now: Callable[[], float]
    asked: list[Asked] = field(default_factory=list)
    _turns: int = 0
    _spent: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def forget(self) -> None:
        """Nothing was ever asked."""
        self.asked.clear()
        self._spent.clear()

    def answer(self, request: Request, route: str) -> Found:
        """The answer to a question; raises `Denied`. Either way it is written down."""
        operation = request.operation.removesuffix("Request")
        fields = _named(request.fields)
        outcome = "denied"
        try:
            self._judge(request, operation, fields)
            found = self._found(operation, fields)
            outcome = "found" if found.rows or found.verdict else "not_found"
        except Denied as denied:
            outcome = denied.problem.code or denied.problem.fault
            raise
        finally:
            if len(self.asked) >= _MOST_KEPT:
                del self.asked[: _MOST_KEPT // 10]
            blocks = {name: block for name, block in request.blocks.items() if isinstance(block, str)}
            self.asked.append(Asked(self.now(), route, operation, dict(request.fields), outcome, blocks))
        return found

    def _judge(self, request: Request, operation: str, fields: Mapping[str, str]) -> None:
        if operation not in self.options.operations:
            raise _denied(_OURS, "Dịch vụ không tồn tại")
        if request.namespace not in (POPULATION, STUB):
            raise _denied(_OURS, "Sai không gian tên của dịch vụ")
        for check in (self._form_fault, self._right_fault):
            problem = check(operation, fields)
            if problem is not None:
                raise Denied(problem)
        self._spend(fields)

    def _form_fault(self, _operation: str, fields: Mapping[str, str]) -> Problem | None:
        """Lengths and mandatory fields (2.4)."""
        mandatory = ["MaYeuCau", "MaDVC", "MaTichHop", "MaCanBo", "HoVaTen"]
        mandatory += ["MaDonVi"] if self.options.unit_required else []
        for name in mandatory:
            if not fields.get(name):
                return Problem(_OURS, f"Thiếu trường {name}")
        for name, length in _LENGTHS.items():
            if len(fields.get(name, "")) > length:
                return Problem(_OURS, f"Trường {name} quá dài")
        numbers = [fields.get("SoDinhDanh", ""), fields.get("SoCMND", "")]
        if not any(numbers):
            return Problem(_OURS, "Thiếu trường SoDinhDanh hoặc SoCMND")
        if not all(
            re.fullmatch(pattern, number) for pattern, number in zip((r"\d{12}|", r"\d{9}|"), numbers, strict=True)
        ):
            return Problem(_OURS, "Trường SoDinhDanh hoặc SoCMND không đúng định dạng")
        births = [value for name, value in fields.items() if name.startswith("NgayThangNamSinh")]
        if len(births) != 1 and (births or self.options.birth_required):
            return Problem(_OURS, "Trường NgayThangNamSinh phải có đúng một giá trị")
        return Problem(_OURS, "Ngày sinh không đúng định dạng") if births and _birth(births[0]) is None else None

    def _right_fault(self, operation: str, fields: Mapping[str, str]) -> Problem | None:
        """Integration code, licence of the procedure, right of the officer (2.7)."""
        options = self.options
        if fields["MaTichHop"] != options.codes.get(operation, ""):
            return Problem(_OURS, "Mã tích hợp không được cấp cho dịch vụ này", "006")
        if options.licensed_procedures and fields["MaDVC"] not in options.licensed_procedures:
            return Problem(_OURS, "Thủ tục chưa được cấp phép khai thác", "004")
        if options.officers and fields["MaCanBo"] not in options.officers:
            return Problem(_OURS, "Tài khoản cán bộ không có quyền khai thác", "005")
        if options.units and fields.get("MaDonVi", "") not in options.units:
            return Problem(_OURS, "Đơn vị không có quyền khai thác", "005")
        return None

    def _spend(self, fields: Mapping[str, str]) -> None:
        """Count the question against the quotas of its agency and its officer."""
        now, window = self.now(), self.options.quota_window_s
        limits = [("agency", fields.get("MaDonVi", ""), self.options.per_agency)]
        limits.append(("officer", fields["MaCanBo"], self.options.per_officer))
        for kind, name, most in limits:
            spent = [at for at in self._spent.get((kind, name), []) if at > now - window]
            if most and len(spent) >= most:
                problem = Problem(_THEIRS, "Vượt hạn mức khai thác (quota)", "429")
                raise Denied(problem, max(1.0, spent[0] + window - now))
            self._spent[kind, name] = [*spent, now]

    def _found(self, operation: str, fields: Mapping[str, str]) -> Found:
        person = self.people.numbered(fields.get("SoDinhDanh", ""), fields.get("SoCMND", ""))
        birth = next((value for name, value in fields.items() if name.startswith("NgayThangNamSinh")), "")
        fits = (
            person is not None
            and compact(fields["HoVaTen"]) == compact(person.full_name)
            and (not birth or births_fit(birth, person.birth))
        )
        if operation == VERIFY:
            words = ("1" if fits else "0") if self.options.booleans == "digits" else str(fits).lower()
            return Found((), fits, said=words)
        if person is None or not fits:
            return Found(())
        self._turns += 1
        shape = self.options.shape
        qcvn = shape == "qcvn109" or (shape == "rotating" and self._turns % 2 == 0)
        people = self.people.household_of(person) if operation == "CungCapThongTinHoGiaDinh" else [person]
        told = (_told(operation, one, Qcvn() if qcvn else Observed()) for one in people)
        kept = tuple({name: value for name, value in row.items() if name not in self.options.withheld} for row in told)
        return Found(kept, as_of=data_time(self.now()))


def births_fit(asked: str, held: str) -> bool:
    """Whether two births may be one day, as far as both say (2.4: a year alone is asked for and held)."""
    mine, theirs = _birth(asked), _birth(held)
    if mine is None or theirs is None:
        return False
    return all(a is None or b is None or a == b for a, b in zip(mine, theirs, strict=True))


def _birth(text: str) -> tuple[str | None, ...] | None:
    found = _DATE.fullmatch(text)
    return found.groups() if found is not None else None


def _named(fields: Mapping[str, str]) -> dict[str, str]:
    """Fields by the names of 2.4; the stub's `MaDichVu` is `MaTichHop`."""
    return {("MaTichHop" if name == "MaDichVu" else name): value for name, value in fields.items()}


def _denied(fault: str, message: str) -> Denied:
    return Denied(Problem(fault, message))


def data_time(seconds: float) -> str:
    """`ThoiDiemDuLieu`: the moment that the record is of."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_PARTS: Mapping[str, tuple[str, ...]] = {
    "XacMinhThongTinNhanThan": ("Cha", "Me", "VoChong", "NguoiDaiDien"),
    "XacMinhThongTinChuHo": ("ChuHo",),
    "XacMinhThongTinNoiOHienTai": ("NoiOHienTai",),
    "XacMinhTinhTrangHonNhan": ("TinhTrangHonNhan", "VoChong"),
    "CungCapThongTinHoGiaDinh": ("NgayThangNamSinh", "GioiTinh", "ThuongTru", "ChuHo"),
}
"""What an operation tells beside numbers and name; look-up tells everything ([assumed] by the operations' names, 2.3)."""


def _told(operation: str, person: Person, shape: Observed | Qcvn) -> Tree:
    whole: dict[str, str | Tree | None] = {
        "SoDinhDanh": person.personal_id,
        "SoCMND": person.cmnd,
        "HoVaTen": shape.own_name(person.full_name),
        "GioiTinh": person.sex,
        "DanToc": shape.coded("MaDanToc", person.ethnic_group),
        "TonGiao": shape.coded("MaTonGiao", person.religion),
        "TinhTrangHonNhan": person.marital_status,
        "NhomMau": person.blood_group,
        "NgayThangNamSinh": shape.birth(person.birth),
        "NoiDangKyKhaiSinh": shape.address(person.birth_registration),
        "QuocTich": shape.nationality(person.nationality),
        "QueQuan": shape.address(person.home_town),
        "ThuongTru": shape.address(person.permanent_address),
        "NoiOHienTai": shape.address(person.current_address),
        "Cha": shape.relative(person.father),
        "Me": shape.relative(person.mother),
        "VoChong": shape.relative(person.spouse),
        "NguoiDaiDien": shape.relative(person.representative),
        "ChuHo": shape.relative(person.head_of_household),
        "SoSoHoKhau": shape.household_book(person.household_book),
    }
    parts = ("SoDinhDanh", "SoCMND", "HoVaTen", *_PARTS[operation]) if operation in _PARTS else tuple(whole)
    return {name: whole[name] for name in whole if name in parts}
