"""Reads the bodies of calls strictly: every fault at once, by its place, and none of the values repeated.

Each endpoint of a connector has a `Request` of its own; `read_request` makes one of a body, or raises the connector's `Refused`
with the codes of an `area`: `<area>_malformed` or `<area>_invalid`, whose words stand in its `refusals.csv`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, NoReturn, TypeVar

import msgspec

from connectors.kit.errors import Finding
from connectors.kit.refusals import Refused

_REQUEST = re.compile(r"[0-9A-Za-z._:-]{1,100}", re.ASCII)
_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]{0,99}", re.ASCII)
_PLACE = re.compile(r"\$(.*)$")
_STEP = re.compile(r"\.([A-Za-z_]+)|\[(\d+)\]")
_KINDS_VI = {
    "int": "Phải là số nguyên, không ngoặc kép, không phần thập phân.",
    "str": 'Phải là chữ, trong ngoặc kép "…".',
    "bool": "Phải là true hoặc false.",
    "array": "Phải là danh sách […].",
    "object": "Phải là đối tượng {…}.",
}


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A body. `choices` lists what fields of a closed list take, by name. Its `repr` says nothing: some speak of persons."""

    choices: ClassVar[Mapping[str, Sequence[str]]] = {}

    request_id: str

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def findings(self) -> Iterator[Finding]:
        """What is wrong with it beyond its types."""
        if not _REQUEST.fullmatch(self.request_id):
            yield finding("request_id", "/request_id", "Chỉ gồm chữ, số và . _ : -, từ 1 đến 100 ký tự.")


R = TypeVar("R", bound=Request)


def json_object(body: bytes) -> None:
    """Raises `ValueError` or `RecursionError` unless `body` is one JSON object, in UTF-8, with every name once."""
    if not isinstance(json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number), dict):
        raise ValueError


def read_request(
    body: bytes, kind: type[R], refused: type[Refused], area: str, strictly: Callable[[bytes], object] = json_object
) -> tuple[R, str]:
    """The request in `body`, and the SHA-256 of its meaning in hex. Raises a `refused` that names every fault."""
    try:
        strictly(body)
    except (ValueError, RecursionError):
        raise refused(f"{area}_malformed") from None
    try:
        request = msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise refused(f"{area}_invalid", findings=(_typed_fault(str(error), kind),)) from None
    except msgspec.DecodeError:  # what only the standard library reads, such as half of a surrogate pair
        raise refused(f"{area}_malformed") from None
    findings = tuple(request.findings())
    if findings:
        raise refused(f"{area}_invalid", findings=findings)
    return request, hashlib.sha256(msgspec.json.encode(request, order="sorted")).hexdigest()


def finding(code: str, pointer: str, message_vi: str) -> Finding:
    """A fault at a place of the body."""
    return Finding(code, pointer, message_vi)


def code_findings(pointer: str, value: str) -> Iterator[Finding]:
    """What is wrong with a code."""
    if not _CODE.fullmatch(value):
        yield finding("code", pointer, "Phải là một mã, không có khoảng trắng, nhiều nhất 100 ký tự.")


def words_findings(pointer: str, value: str, most: int = 200) -> Iterator[Finding]:
    """What is wrong with a text that people wrote: empty, too long, or with signs that nobody can print."""
    if not 1 <= len(value.strip()) <= most or not value.isprintable():
        yield finding("text", pointer, f"Không được để trống, nhiều nhất {most} ký tự, trên một dòng.")


def _typed_fault(text: str, kind: type[Request]) -> Finding:
    """What msgspec says is wrong, without the value: only the place is taken from its text."""
    place = _PLACE.search(text.rpartition(" - at ")[2].strip("`")) if " - at " in text else None
    steps = _STEP.findall(place[1]) if place else []
    pointer = "".join(f"/{name or number}" for name, number in steps)
    if "missing required field" in text or "unknown field" in text:
        name = re.search(r"field `([A-Za-z_]{1,40})`", text)
        verb = "Thiếu" if "missing" in text else "Không có"
        return finding("shape", pointer, f"{verb} trường {name[1] if name else ''}.")
    return finding("shape", pointer, _wanted(text, pointer.rpartition("/")[2], kind))


def _wanted(text: str, name: str, kind: type[Request]) -> str:
    """What a field takes."""
    expected = re.match(r"Expected `([a-z]+)", text)
    if expected and expected[1] in _KINDS_VI:
        return _KINDS_VI[expected[1]]
    if "RFC3339" in text:
        return "Phải là thời điểm có múi giờ, ví dụ 2026-09-21T14:30:05+07:00."
    if "enum" in text and name in kind.choices:
        return f"Phải là một trong: {', '.join(kind.choices[name])}."
    return "Giá trị không đúng kiểu của trường này; xem lược đồ của điểm gọi."


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _no_number(_text: str) -> NoReturn:
    raise ValueError
