"""Whether a question about a person is lawful: who asks, for which open dossier, about whom, for which fields. Pure.

Purpose, procedure, dossier, officer and unit are required; the caller must be listed, its consent must cover the dossier, and
only the fields that the minimisation table names for the procedure come back (Luật 91/2025/QH15 Điều 3; identity facts 2.10, 5).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from gateway.clock import LOCAL_ZONE
from gateway.config import Asker, Questions
from gateway.errors import Conflict, Fault, Forbidden, Invalid
from gateway.records.courses import Course
from mappings.canonical import Dossier
from mappings.names import NameForm, wire_name
from mappings.partial_date import PartialDate
from mappings.person_fields import AllowedFields, IdentityFields
from mappings.personal_numbers import bare

VERIFY: Final = "verify"
"""The operation that answers yes or no and brings no field back, so that no row of the table is needed for it."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,40}", re.ASCII)
_NUMBERS: Final = {
    "personal_id": re.compile(r"\d{12}", re.ASCII),
    "cmnd": re.compile(r"\d{9}(?:\d{3})?", re.ASCII),
}
# What is written into the trail must not carry a person's number along; the code of a dossier, with its dashes, may.
_NUMBER_INSIDE = re.compile(r"\d(?:[\s.]?\d){8,}")
_BETWEEN_DIGITS = re.compile(r"[\s._-]+")
_A_NUMBER = re.compile(r"\d{9}|\d{12}", re.ASCII)
_ANY = "*"


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks through which system, and why. `request_id` becomes `MaYeuCau`, `officer` `MaCanBo`, `unit` `MaDonVi`."""

    system: str
    request_id: str
    officer: str
    unit: str
    purpose: str
    officer_account: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One question as its caller put it. `fields` empty: whatever the table allows for the procedure."""

    asking: Asking
    operation: str
    dossier: str
    full_name: str = field(repr=False)
    personal_id: str = field(default="", repr=False)
    cmnd: str = field(default="", repr=False)
    birth: str = field(default="", repr=False)
    fields: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """The number that the question goes by."""
        return self.personal_id or self.cmnd

    def subject(self) -> dict[str, str]:
        """The words of the question, as a connector reads them (`Question.fields`)."""
        told = {
            "full_name": self.full_name,
            "personal_id": self.personal_id,
            "cmnd": self.cmnd,
            "birth": self.birth,
        }
        return {place: value for place, value in told.items() if value}


@dataclass(frozen=True, slots=True)
class Permit:
    """A lawful question: for which procedure (the national code), and what may come back of the answer."""

    wanted: Wanted
    procedure: str
    allowed: AllowedFields


@dataclass(frozen=True, slots=True)
class File:
    """The dossier that a question is asked for: its course, and its snapshot with the people in it."""

    course: Course
    snapshot: Dossier

    def numbers(self) -> frozenset[str]:
        """The numbers of its parties."""
        parties = (self.snapshot.applicant, self.snapshot.submitter)
        return frozenset(bare(party.id.number) for party in parties if party is not None) - {""}


@dataclass(frozen=True, slots=True)
class Law:
    """What the configuration and the minimisation table say."""

    questions: Questions
    table: IdentityFields

    def permit(self, wanted: Wanted, file: File, now: datetime) -> Permit:
        """The question, permitted; raises `Forbidden` or `Conflict`, and then nothing was asked."""
        asker = self.asker(wanted.asking, wanted.operation)
        codes = file.course.procedures()
        if not covers(asker.procedures, codes):
            raise _forbidden("Hệ thống này không được hỏi cho thủ tục của hồ sơ.")
        if file.course.state() not in self.questions.open_states:
            raise Conflict("Hồ sơ không còn đang được giải quyết nên không được hỏi.", code="dossier_not_open")
        if asker.subjects == "parties" and bare(wanted.number) not in file.numbers():
            raise _forbidden("Chỉ được hỏi về chủ hồ sơ hoặc người nộp, theo số giấy tờ ghi trong hồ sơ.")
        return Permit(wanted, file.course.national_procedure or file.course.procedure, self._fields(wanted, codes, now))

    def asker(self, asking: Asking, operation: str) -> Asker:
        """What the configuration lets a system ask; raises `Forbidden`."""
        asker = self.questions.callers.get(asking.system)
        if asker is None or operation not in asker.operations:
            raise _forbidden("Hệ thống này không được hỏi cơ sở dữ liệu theo thao tác này.")
        if asker.units and asking.unit not in asker.units:
            raise _forbidden("Hệ thống này không được hỏi thay cho đơn vị đã nêu.")
        return asker

    def _fields(self, wanted: Wanted, codes: Iterable[str], now: datetime) -> AllowedFields:
        """What may come back; of an answer without fields nothing, whatever the table says."""
        allowed = self.table.allowed(codes, wanted.operation, now.astimezone(LOCAL_ZONE).date())
        if wanted.operation == VERIFY:
            return replace(allowed, places=())
        if not allowed.places:
            raise _forbidden("Chưa có căn cứ trong bảng trường dữ liệu (identity_fields) cho thủ tục và thao tác này.")
        strange = [place for place in wanted.fields if place not in allowed]
        if strange:
            raise _forbidden("Có trường không cần cho thủ tục này; hãy bỏ khỏi fields.")
        if wanted.fields:
            return replace(allowed, places=tuple(place for place in allowed.places if place in wanted.fields))
        return allowed


def covers(patterns: Collection[str], codes: Iterable[str]) -> bool:
    """Whether a code fits: a whole code, a beginning (`BVH-LH-*`), or `*`."""
    return any(
        code == pattern or (pattern.endswith(_ANY) and code.startswith(pattern[:-1]))
        for code in codes
        if code
        for pattern in patterns
    )


def asking_faults(asking: Asking) -> list[Fault]:
    """What is missing or cannot be sent of who asks and why (lengths: identity facts 2.4)."""
    faults = []
    if _REQUEST_ID.fullmatch(asking.request_id) is None or _A_NUMBER.fullmatch(asking.request_id):
        told = (
            "Từ 8 đến 40 ký tự chữ, số, dấu chấm, gạch dưới, gạch nối, không phải 9 hay 12 chữ số; mỗi câu hỏi một mã."
        )
        faults.append(Fault("sai_dinh_dang", "/request_id", told))
    texts: Mapping[str, tuple[str, int, int]] = {
        "officer": (asking.officer, 1, 20),
        "unit": (asking.unit, 1, 35),
        "purpose": (asking.purpose, 3, 200),
        "officer_account": (asking.officer_account, 0, 64),
    }
    for name, (text, least, most) in texts.items():
        if not least <= len(text) <= most or not text.isprintable():
            faults.append(Fault("thieu_truong", f"/{name}", f"Cần từ {least} đến {most} ký tự, trên một dòng."))
    for name in ("purpose", "officer_account"):
        if _NUMBER_INSIDE.search(texts[name][0]):
            faults.append(Fault("khong_ghi_so", f"/{name}", "Không ghi số giấy tờ, số điện thoại vào đây."))
    return faults


def subject_faults(wanted: Wanted) -> list[Fault]:
    """What is missing or cannot be asked of the person: the name, exactly one number, the date of birth (facts 2.4)."""
    faults = []
    if not 1 <= len(wanted.full_name) <= 100 or not wanted.full_name.isprintable():
        faults.append(Fault("thieu_truong", "/subject/full_name", "Họ tên, từ 1 đến 100 ký tự."))
    if bool(wanted.personal_id) == bool(wanted.cmnd):
        faults.append(
            Fault("thieu_mot_trong", "/subject", "Cần đúng một trong hai: personal_id (12 số) hoặc cmnd (9 số).")
        )
    for name, form in _NUMBERS.items():
        number = getattr(wanted, name)
        if number and form.fullmatch(number) is None:
            faults.append(Fault("sai_dinh_dang", f"/subject/{name}", "Chỉ gồm chữ số: personal_id 12 số, cmnd 9 số."))
    if not _is_birth(wanted.birth):
        told = "Ngày sinh dạng yyyy, yyyy-MM hoặc yyyy-MM-dd."
        faults.append(Fault("sai_ngay", "/subject/birth", told))
    return faults


def told_faults(wanted: Wanted) -> list[Fault]:
    """Where the words that the trail keeps for years name the very person who is asked about, by number or by name."""
    asking, faults = wanted.asking, []
    texts = {
        "request_id": asking.request_id,
        "purpose": asking.purpose,
        "unit": asking.unit,
        "officer_account": asking.officer_account,
    }
    name = wire_name(wanted.full_name, NameForm.ASCII_SPACED)
    for place, text in texts.items():
        if wanted.number and wanted.number in _BETWEEN_DIGITS.sub("", text):
            faults.append(Fault("khong_ghi_so", f"/{place}", "Không ghi số giấy tờ của người được hỏi vào đây."))
        # One word alone (“An”) stands in many a sentence.
        if " " in name and f" {name} " in f" {wire_name(text, NameForm.ASCII_SPACED)} ":
            faults.append(Fault("khong_ghi_ten", f"/{place}", "Không ghi họ tên của người được hỏi vào đây."))
    return faults


def check_faults(*found: list[Fault]) -> None:
    """Raise `Invalid` with every fault, if there is one."""
    faults = tuple(fault for some in found for fault in some)
    if faults:
        raise Invalid("Câu hỏi không hợp lệ; hãy sửa theo danh sách lỗi rồi gửi lại.", faults=faults)


def _is_birth(text: str) -> bool:
    try:
        PartialDate.parse(text)
    except ValueError:
        return False
    return True


def _forbidden(message_vi: str) -> Forbidden:
    return Forbidden(message_vi, code="question_not_allowed")
