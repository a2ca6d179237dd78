"""From a parsed JSON tree to canonical values: readers compiled once from the canonical types, all faults collected.

A reader takes a raw JSON value and gives a canonical one or raises `CannotUnderstand` with pointers relative to that
value; the record above adds its own step to each pointer. So the good path pays for no pointers at all.
Rules of the values: dossier-model facts 2 (text NFC, times with zone to UTC, money an integer number of đồng).
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Union, get_args, get_origin, get_type_hints

from mappings.faults import CannotUnderstand, SectorFault
from mappings.partial_date import PartialDate
from mappings.text import is_blank, nfc

Reader = Callable[[object], object]
Renames = Mapping[str, Mapping[str, str]]

_INT64 = 2**63
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)?", re.ASCII)
_FRACTION = re.compile(r"\.(\d+)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_BIRTH = re.compile(r"\d{4}(-\d\d){0,2}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def wrong(code: str, message_vi: str, pointer: str = "") -> CannotUnderstand:
    """The exception for one fault of one value."""
    return CannotUnderstand((SectorFault(code, pointer, message_vi),))


def read_text(raw: object) -> str:
    """A text in NFC."""
    if type(raw) is not str:
        raise wrong("sai_kieu", "Giá trị phải là chuỗi ký tự.")
    return nfc(raw)


def read_required_text(raw: object) -> str:
    """A text in NFC with at least one visible sign."""
    text = read_text(raw)
    if is_blank(text):
        raise wrong("de_trong", "Giá trị bắt buộc, không được để trống hay chỉ có ký tự không nhìn thấy.")
    return text


def read_digest(raw: object) -> str:
    """A SHA-256 as 64 lower-case hexadecimal digits; upper case is lowered."""
    text = read_text(raw).lower()
    if not _SHA256.fullmatch(text):
        raise wrong("sai_dinh_dang", "Giá trị băm SHA-256 phải gồm 64 chữ số thập lục phân.")
    return text


def read_count(raw: object) -> int:
    """A whole number from zero to 2^63-1: đồng, bytes, versions, sequences. `1.0` and `true` are no whole numbers."""
    if type(raw) is not int:
        raise wrong("sai_kieu", "Giá trị phải là số nguyên.")
    if not 0 <= raw < _INT64:
        raise wrong("ngoai_pham_vi", "Giá trị phải là số nguyên không âm, trong phạm vi 64 bit.")
    return raw


def read_flag(raw: object) -> bool:
    """A JSON boolean."""
    if type(raw) is not bool:
        raise wrong("sai_kieu", "Giá trị phải là true hoặc false.")
    return raw


def read_time(raw: object) -> datetime:
    """An RFC 3339 time with its offset, as an aware time in UTC; digits beyond the microsecond are dropped."""
    if type(raw) is not str:
        raise wrong("sai_kieu", "Thời điểm phải là chuỗi ký tự theo RFC 3339.")
    match = _TIME.fullmatch(raw)
    if match is None:
        raise wrong("sai_thoi_diem", "Thời điểm phải theo RFC 3339, ví dụ 2026-11-20T15:04:05+07:00.")
    fraction, zone = match.group(1, 2)
    if zone is None:
        raise wrong("thieu_mui_gio", "Thời điểm thiếu múi giờ; hãy ghi rõ, ví dụ +07:00.")
    if fraction is not None and len(fraction) > 7:
        raw = _FRACTION.sub(lambda found: found[0][:7], raw, count=1)
    try:
        return datetime.fromisoformat(raw.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong("sai_thoi_diem", "Thời điểm không tồn tại trong lịch.") from None


def read_day(raw: object) -> date:
    """A calendar day `yyyy-mm-dd`."""
    if type(raw) is not str or not _DAY.fullmatch(raw):
        raise wrong("sai_ngay", "Ngày phải theo dạng năm-tháng-ngày, ví dụ 2026-11-20.")
    try:
        return date.fromisoformat(raw)
    except ValueError:
        raise wrong("sai_ngay", "Ngày không tồn tại trong lịch.") from None


def read_birth(raw: object) -> PartialDate:
    """A date of birth as far as it is known: `yyyy`, `yyyy-mm` or `yyyy-mm-dd`."""
    if type(raw) is not str or not _BIRTH.fullmatch(raw):
        raise wrong(
            "sai_ngay", "Ngày sinh phải theo dạng năm, năm-tháng hoặc năm-tháng-ngày, ví dụ 1950, 1950-03, 1950-03-31."
        )
    try:
        return PartialDate.parse(raw)
    except ValueError:
        raise wrong("sai_ngay", "Ngày sinh không tồn tại trong lịch.") from None


def code_reader(kind: type[StrEnum]) -> Reader:
    """A reader of one closed list."""
    members = {member.value: member for member in kind}
    allowed = ", ".join(members)

    def read_code(raw: object) -> StrEnum:
        member = members.get(raw) if type(raw) is str else None
        if member is None:
            raise wrong("gia_tri_khong_co", f"Mã không có trong danh mục; các mã được phép: {allowed}.")
        return member

    return read_code


@dataclass(frozen=True, slots=True)
class Step:
    """How one canonical field is read: the name, where it stands in the tree (alternatives, in order), and by what."""

    name: str
    paths: tuple[tuple[str, ...], ...]
    read: Reader
    required: bool
    inner: RecordReader | None = None
    many: bool = False


class RecordReader:
    """Reads a JSON object as one canonical type. Build it with `compile_reader`."""

    __slots__ = ("_flat", "kind", "steps")

    def __init__(self, kind: type, steps: Sequence[Step]) -> None:
        self.kind = kind
        self.steps = tuple(steps)
        self._flat = tuple((step.name, _plain_key(step), step.paths, step.read, step.required) for step in steps)

    def collect(self, raw: object) -> tuple[dict[str, object], list[SectorFault]]:
        """What could be read, by canonical field, and every fault. `null` counts as absent."""
        if not isinstance(raw, Mapping):
            return {}, [SectorFault("sai_kieu", "", "Giá trị phải là một đối tượng JSON.")]
        values: dict[str, object] = {}
        faults: list[SectorFault] = []
        for name, key, paths, read, required in self._flat:
            path = paths[0]
            if key is not None:
                value = raw.get(key)
            else:
                value, path = locate(raw, paths)
            if value is None:
                if required:
                    faults.append(SectorFault("thieu_truong", pointer_of(path), "Thiếu giá trị bắt buộc; hãy bổ sung."))
                continue
            try:
                values[name] = read(value)
            except CannotUnderstand as found:
                prefix = pointer_of(path)
                faults.extend(fault.under(prefix) for fault in found.faults)
        return values, faults

    def __call__(self, raw: object) -> object:
        values, faults = self.collect(raw)
        if faults:
            raise CannotUnderstand(faults)
        return self.kind(**values)


def _plain_key(step: Step) -> str | None:
    """The key of a field that stands in its object under one name: by far the usual case, and the quick one."""
    return step.paths[0][0] if len(step.paths) == 1 and len(step.paths[0]) == 1 else None


def pointer_of(path: Sequence[str]) -> str:
    """The JSON pointer of a path of keys (RFC 6901)."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in path)


def locate(tree: Mapping[str, object], paths: Sequence[tuple[str, ...]]) -> tuple[object, tuple[str, ...]]:
    """The first value present under one of the paths, and its path; None and the first path when there is none."""
    for path in paths:
        value: object = tree
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            return value, path
    return None, paths[0]


def list_reader(read: Reader) -> Reader:
    """A reader of a JSON array as a tuple, every bad item reported."""

    def read_list(raw: object) -> tuple[object, ...]:
        if not isinstance(raw, list | tuple):
            raise wrong("sai_kieu", "Giá trị phải là một danh sách.")
        values: list[object] = []
        faults: list[SectorFault] = []
        for position, item in enumerate(raw):
            try:
                values.append(read(item))
            except CannotUnderstand as found:
                faults.extend(fault.under(f"/{position}") for fault in found.faults)
        if faults:
            raise CannotUnderstand(faults)
        return tuple(values)

    return read_list


_PLAIN: dict[object, Reader] = {
    str: read_text,
    int: read_count,
    bool: read_flag,
    datetime: read_time,
    date: read_day,
    PartialDate: read_birth,
}


def compile_reader(kind: type, renames: Renames, optional: frozenset[str] = frozenset()) -> RecordReader:
    """The reader of a canonical type. `renames` says where a field stands when its place is not its own name:

    type name -> field -> dotted path, alternatives separated by `|`. Fields in `optional` may be absent although the
    type has no default for them: the caller fills them in. Raises `KeyError` for a rename of an unknown field.
    """
    hints = get_type_hints(kind)
    places = renames.get(kind.__name__, {})
    known = {field.name for field in fields(kind)}
    if not set(places) <= known:
        raise KeyError(", ".join(sorted(set(places) - known)))
    steps = []
    for field in fields(kind):
        required = field.default is MISSING and field.default_factory is MISSING and field.name not in optional
        paths = tuple(tuple(path.split(".")) for path in places.get(field.name, field.name).split("|"))
        read, inner, many = _reader_for(hints[field.name], renames, required, field.name)
        steps.append(Step(field.name, paths, read, required, inner, many))
    return RecordReader(kind, steps)


def _reader_for(hint: object, renames: Renames, required: bool, name: str) -> tuple[Reader, RecordReader | None, bool]:
    """The reader for one type hint, with the record reader inside it and whether it reads a list."""
    if get_origin(hint) in (Union, types.UnionType):
        (inner_hint,) = (arm for arm in get_args(hint) if arm is not type(None))
        return _reader_for(inner_hint, renames, required, name)
    if get_origin(hint) is tuple:
        read, inner, _ = _reader_for(get_args(hint)[0], renames, required, name)
        return list_reader(read), inner, True
    if name == "sha256":
        return read_digest, None, False
    if hint is str and required:
        return read_required_text, None, False
    if hint in _PLAIN:
        return _PLAIN[hint], None, False
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return code_reader(hint), None, False
    if isinstance(hint, type) and is_dataclass(hint):
        inner = compile_reader(hint, renames)
        return inner, inner, False
    raise TypeError(f"no reader for {hint!r}")
