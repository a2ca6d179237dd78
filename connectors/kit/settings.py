"""Turns the `settings` table of an upstream into a connector's typed settings, naming every wrong key at once."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from connectors.kit.secrets import read_setting

S = TypeVar("S", bound=msgspec.Struct)

_KINDS_VI = {
    "str": 'chữ, trong ngoặc kép "…"',
    "int": "số nguyên, không ngoặc kép",
    "float": "số, không ngoặc kép",
    "bool": "true hoặc false",
    "array": "danh sách […]",
    "object": "một bảng",
    "null": "bỏ trống",
    "date": "ngày dạng 2026-09-02",
    "datetime": "thời điểm dạng 2026-09-02T07:00:00+07:00",
}
UNKNOWN = "khóa không tồn tại"
"""What is said of a key that nobody knows, before the list of those that are known."""

_EXPECTED = re.compile(r"Expected `([a-z| ]+)`, got `([a-z]+)`")
_WRITTEN = re.compile(r"Invalid RFC3339 encoded (datetime|date)")


def typed(tree: Mapping[str, object], kind: type[S]) -> tuple[S | None, tuple[str, ...]]:
    """`tree` as `kind`, or every fault of it: dotted key and Vietnamese sentence. Values are never repeated: some are secret."""
    faults = _struct_faults(tree, kind, "")
    if faults:
        return None, tuple(faults)
    try:
        return msgspec.convert(dict(tree), kind, strict=True, dec_hook=read_setting), ()
    except msgspec.ValidationError as error:
        # What `__post_init__` of the struct itself refused; its sentence is the connector's own.
        return None, (str(error),)


def _struct_faults(tree: Mapping[str, object], kind: type[msgspec.Struct], where: str) -> list[str]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    config = kind.__struct_config__
    known = set(fields) | ({config.tag_field} if config.tag_field else set())
    faults = [
        f"{where}{key}: {UNKNOWN} (các khóa hợp lệ: {', '.join(sorted(known))})" for key in tree if key not in known
    ]
    for name, field in fields.items():
        if name in tree:
            faults.extend(_faults(tree[name], field.type, f"{where}{name}"))
        elif field.required:
            faults.append(f"{where}{name}: bắt buộc phải có")
    return faults


def _faults(value: object, kind: Any, where: str) -> list[str]:
    struct = _struct_for(value, kind)
    if struct is not None and isinstance(value, Mapping):
        faults = _struct_faults(value, struct, f"{where}.")
        return faults or _refused(value, kind, where)
    arguments = get_args(kind)
    if isinstance(value, list | tuple) and get_origin(kind) in (list, tuple) and arguments[1:] in ((), (...,)):
        return [fault for at, item in enumerate(value) for fault in _faults(item, arguments[0], f"{where}[{at}]")]
    if isinstance(value, Mapping) and len(arguments) == 2 and arguments[0] is str:
        return [fault for key, item in value.items() for fault in _faults(item, arguments[1], f"{where}.{key}")]
    return _refused(value, kind, where)


def _struct_for(value: object, kind: Any) -> type[msgspec.Struct] | None:
    """The struct that `value` is meant to be: `kind` itself, or the member of a union that its tag names."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    if get_origin(kind) not in (Union, types.UnionType) or not isinstance(value, Mapping):
        return None
    structs = [member for member in get_args(kind) if isinstance(member, type) and issubclass(member, msgspec.Struct)]
    for struct in structs:
        config = struct.__struct_config__
        if config.tag_field and value.get(config.tag_field) == config.tag:
            return struct
    return structs[0] if len(structs) == 1 else None


def _refused(value: object, kind: Any, where: str) -> list[str]:
    try:
        msgspec.convert(value, kind, strict=True, dec_hook=read_setting)
    except msgspec.ValidationError as error:
        return [f"{where}: {_in_vietnamese(str(error), kind)}"]
    return []


def _in_vietnamese(told: str, kind: Any) -> str:
    """What is wanted, without the value; a sentence that is the connector's own stays as it is."""
    if told.startswith("Invalid enum value"):
        choices = [str(choice) for choice in get_args(kind)] if get_origin(kind) is Literal else []
        return f"phải là một trong: {', '.join(choices)}" if choices else "không phải là một giá trị hợp lệ"
    if written := _WRITTEN.match(told):
        return f"phải là {_KINDS_VI[written[1]]}"
    if expected := _EXPECTED.match(told):
        wanted = [_KINDS_VI.get(name, name) for name in expected[1].split(" | ") if name != "null"]
        return f"phải là {' hoặc '.join(wanted)}"
    return told.partition(" - at `$")[0]
