"""How a value of a foreign message is read: times in published forms, amounts with dots, numbers as texts, words for yes.

A reader takes a leaf as it was sent and gives the value as our own published message writes it, so that one schema
judges every dialect. Sources of the forms: dossier-model facts 5 (`z_means_local`, the impossible sentinel date),
national-portal facts 1.4 and 2.14.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from mappings.dates import VIETNAM
from mappings.reading import wrong
from mappings.text import nfc

ZONES: Mapping[str, tzinfo] = {"Asia/Ho_Chi_Minh": VIETNAM, "UTC": UTC}
KINDS = frozenset({"text", "code", "number", "amount", "boolean", "time", "day", "digest", "uuid"})

_TOKENS = {
    "yyyy": r"(?P<year>\d{4})",
    "MM": r"(?P<month>\d\d)",
    "dd": r"(?P<day>\d\d)",
    "HH": r"(?P<hour>\d\d)",
    "mm": r"(?P<minute>\d\d)",
    "ss": r"(?P<second>\d\d)",
    "SSS": r"(?P<fraction>\d{1,9})",
    "XXX": r"(?P<offset>Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)",
    "[": "(?:",
    "]": ")?",
}
_TOKEN = re.compile(r"yyyy|MM|dd|HH|mm|ss|SSS|XXX|.", re.DOTALL)
_NAMED = {"iso": "yyyy-MM-ddTHH:mm:ss[.SSS][XXX]", "iso-offset": "yyyy-MM-ddTHH:mm:ss[.SSS]XXX"}
_INT64 = 2**63
_NUMBER = re.compile(r"\d{1,19}", re.ASCII)
_AMOUNT = re.compile(r"\d{1,3}(?:\.\d{3})+|\d{1,19}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class TimeForm:
    """One published form of a time or a day: `written` as the publication has it."""

    written: str
    pattern: re.Pattern[str]


def time_form(written: str) -> TimeForm:
    """A form from its published spelling (`yyyyMMddHHmmss`, `dd/MM/yyyy[ HH:mm:ss]`, `iso`): yyyy MM dd HH mm ss SSS and
    XXX (offset) are read, [..] may be absent, T and everything that is no letter stands for itself. Raises `ValueError`."""
    parts = []
    for token in _TOKEN.findall(_NAMED.get(written, written)):
        if token.isalpha() and token not in _TOKENS and token != "T":
            raise ValueError(f"dạng thời gian “{written}” có ký hiệu lạ “{token}”")
        parts.append(_TOKENS.get(token) or re.escape(token))
    try:
        pattern = re.compile("".join(parts), re.ASCII)
    except re.error as fault:
        raise ValueError(f"dạng thời gian “{written}” không đọc được") from fault
    if not {"year", "month", "day"} <= pattern.groupindex.keys():
        raise ValueError(f"dạng thời gian “{written}” thiếu năm, tháng hoặc ngày")
    return TimeForm(written, pattern)


@dataclass(frozen=True, slots=True)
class Reading:
    """How one leaf is read. `absent` are texts that say "no value"; `zone` None: a time must carry its offset.

    `z_means_local`: a literal Z is written on local time (dossier-model facts 5). `yes` and `no` are the words of a boolean.
    `trimmed`: white space around a text is layout, as in XML, and no part of the value.
    """

    kind: str
    forms: tuple[TimeForm, ...] = ()
    zone: tzinfo | None = None
    z_means_local: bool = False
    absent: frozenset[str] = frozenset()
    yes: frozenset[str] = frozenset()
    no: frozenset[str] = frozenset()
    trimmed: bool = False

    def is_absent(self, raw: object) -> bool:
        """Whether the leaf says that there is no value."""
        return raw is None or (isinstance(raw, str) and self.text_of(raw) in self.absent)

    def text_of(self, raw: str) -> str:
        """The text without its layout."""
        return raw.strip(" \t\r\n") if self.trimmed else raw

    def __call__(self, raw: object) -> str | int | bool:
        """The value as our own message writes it; raises `CannotUnderstand` with one fault of empty pointer."""
        if isinstance(raw, str):
            raw = self.text_of(raw)
        return _READERS[self.kind](self, raw)


def _text(_how: Reading, raw: object) -> str:
    if type(raw) is not str:
        raise wrong("sai_kieu", "Giá trị phải là chuỗi ký tự.")
    return nfc(raw)


def read_code(raw: object) -> str:
    """A code, be it sent as a text or as a whole number; codes are texts for us, leading zeros included."""
    if type(raw) is int:
        return str(raw)
    if type(raw) is not str:
        raise wrong("sai_kieu", "Mã phải là chuỗi ký tự hoặc số nguyên.")
    return nfc(raw)


def _code(_how: Reading, raw: object) -> str:
    return read_code(raw)


def _number(how: Reading, raw: object) -> int:
    return _whole(raw, _AMOUNT if how.kind == "amount" else _NUMBER)


def _whole(raw: object, form: re.Pattern[str]) -> int:
    """A whole number from zero to 2^63-1, be it sent as a number or as a text of digits."""
    if type(raw) is int:
        value = raw
    elif type(raw) is str and form.fullmatch(raw):
        value = int(raw.replace(".", ""))
    elif form is _AMOUNT:
        raise wrong("sai_dinh_dang", "Số tiền phải là số nguyên đồng, ví dụ 1250000 hoặc 1.250.000.")
    else:
        raise wrong("sai_kieu", "Giá trị phải là số nguyên.")
    if not 0 <= value < _INT64:
        raise wrong("ngoai_pham_vi", "Giá trị phải là số nguyên không âm, trong phạm vi 64 bit.")
    return value


def _boolean(how: Reading, raw: object) -> bool:
    if type(raw) is bool and not (how.yes or how.no):
        return raw
    word = str(raw) if type(raw) in (str, int) else None
    if word is not None and word in how.yes:
        return True
    if word is not None and word in how.no:
        return False
    allowed = ", ".join((*sorted(how.yes), *sorted(how.no))) or "true, false"
    raise wrong("gia_tri_khong_co", f"Giá trị phải là một trong: {allowed}.")


def _time(how: Reading, raw: object) -> str:
    found = _matched(how, raw, "sai_thoi_diem", "Thời điểm")
    parts = found.groupdict()
    zone = how.zone
    offset = parts.get("offset")
    if offset and not (offset == "Z" and how.z_means_local):
        zone = UTC if offset == "Z" else _offset(offset)
    if zone is None:
        raise wrong("thieu_mui_gio", "Thời điểm thiếu múi giờ; hãy ghi rõ, ví dụ +07:00.")
    fraction = ((parts.get("fraction") or "") + "000000")[:6]
    hour, minute, second = (int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
    year, month, day = _calendar(parts)
    try:
        return datetime(year, month, day, hour, minute, second, int(fraction), tzinfo=zone).isoformat()
    except ValueError:
        raise wrong("sai_thoi_diem", "Thời điểm không tồn tại trong lịch.") from None


def _day(how: Reading, raw: object) -> str:
    found = _matched(how, raw, "sai_ngay", "Ngày")
    try:
        return date(*_calendar(found.groupdict())).isoformat()
    except ValueError:
        raise wrong("sai_ngay", "Ngày không tồn tại trong lịch.") from None


def _matched(how: Reading, raw: object, code: str, what: str) -> re.Match[str]:
    text = str(raw) if type(raw) in (str, int) else ""
    for form in how.forms:
        found = form.pattern.fullmatch(text)
        if found is not None:
            return found
    raise wrong(code, f"{what} phải viết theo dạng đã công bố: {' hoặc '.join(form.written for form in how.forms)}.")


def _calendar(parts: Mapping[str, str | None]) -> tuple[int, int, int]:
    year, month, day = (int(parts.get(name) or 0) for name in ("year", "month", "day"))
    return year, month, day


def _offset(text: str) -> timezone:
    hours, minutes = int(text[1:3]), int(text[-2:])
    shift = timedelta(hours=hours, minutes=minutes)
    return timezone(-shift if text[0] == "-" else shift)


def _digest(_how: Reading, raw: object) -> str:
    text = raw.lower() if isinstance(raw, str) else ""
    if not _SHA256.fullmatch(text):
        raise wrong("sai_dinh_dang", "Giá trị băm SHA-256 phải gồm 64 chữ số thập lục phân.")
    return text


def _uuid(_how: Reading, raw: object) -> str:
    text = raw.lower().removeprefix("{").removesuffix("}") if isinstance(raw, str) else ""
    if not _UUID.fullmatch(text):
        raise wrong("sai_uuid", "Phải là UUID, ví dụ 019a0f5e-7b1c-7c40-9a51-2f1d6c0a1111.")
    return text


_READERS: Mapping[str, Callable[[Reading, object], str | int | bool]] = {
    "text": _text,
    "code": _code,
    "number": _number,
    "amount": _number,
    "boolean": _boolean,
    "time": _time,
    "day": _day,
    "digest": _digest,
    "uuid": _uuid,
}
