"""Facts and reports as canonical JSON: stored, read again, judged again under another policy or date.

Written by `signing.canonical_json`. Reading is strict: another
version, an unknown key, a missing key or a value of another type raises `Unusable`, because what is stored is evidence.
"""

from __future__ import annotations

import base64
import binascii
import json
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from signing.canonical_json import canonical_json, plain
from signing.errors import Unusable
from signing.model import Facts
from signing.report import Report

VERSION = 1
"""Of both encodings. A field that is added with a default keeps it; anything else raises it."""

_FACTS, _REPORT = "tthc.signature-facts", "tthc.signature-report"
_T = TypeVar("_T")


def encode_facts(facts: Facts) -> bytes:
    """Facts as canonical JSON."""
    return _encoded(_FACTS, facts)


def decode_facts(raw: bytes) -> Facts:
    """Facts from their encoding; raises `Unusable` (luu_tru_sai)."""
    return _decoded(_FACTS, Facts, raw)


def encode_report(report: Report) -> bytes:
    """A whole report as canonical JSON, to be read again; the shape for other programs is `signing.rendering.as_json`."""
    return _encoded(_REPORT, report)


def decode_report(raw: bytes) -> Report:
    """A report from its encoding; raises `Unusable` (luu_tru_sai)."""
    return _decoded(_REPORT, Report, raw)


def _encoded(kind: str, value: Any) -> bytes:
    return canonical_json({"kind": kind, "version": VERSION, "value": plain(value)})


def _decoded(kind: str, wanted: type[_T], raw: bytes) -> _T:
    try:
        tree = json.loads(raw.decode("utf-8"))
        if not isinstance(tree, dict) or set(tree) != {"kind", "version", "value"}:
            raise ValueError("not an envelope")
        if tree["kind"] != kind or type(tree["version"]) is not int or tree["version"] != VERSION:
            raise ValueError(f"kind {tree['kind']!r}, version {tree['version']!r}")
        value = _built(wanted, tree["value"], "value")
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise Unusable("luu_tru_sai", f"Bản lưu không đọc được: {error}.") from None
    assert isinstance(value, wanted)
    return value


@cache
def _shape(wanted: type) -> Mapping[str, Any]:
    return get_type_hints(wanted)


def _built(wanted: Any, tree: Any, place: str) -> Any:
    """A value of the wanted type; raises ValueError that names the place."""
    origin = get_origin(wanted)
    if origin in (Union, types.UnionType):
        return (
            None
            if tree is None
            else _built(next(one for one in get_args(wanted) if one is not type(None)), tree, place)
        )
    if origin is tuple:
        return _tuple(get_args(wanted), tree, place)
    if is_dataclass(wanted):
        return _value_object(wanted, tree, place)
    if wanted in (bool, int, str):
        return _exactly(wanted, tree, place)
    if wanted is float:
        return float(_exactly(type(tree) if type(tree) in (int, float) else float, tree, place))
    text = _exactly(str, tree, place)
    if wanted is bytes:
        return base64.b64decode(text, validate=True)
    if wanted is datetime:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError(f"{place}: a time without zone")
        return moment.astimezone(UTC)
    return wanted(text)


def _tuple(inside: tuple[Any, ...], tree: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(tree, list):
        raise ValueError(f"{place}: a list is wanted")
    if len(inside) == 2 and inside[1] is ...:
        return tuple(_built(inside[0], one, f"{place}[{index}]") for index, one in enumerate(tree))
    if len(tree) != len(inside):
        raise ValueError(f"{place}: {len(inside)} values are wanted")
    return tuple(_built(kind, one, place) for kind, one in zip(inside, tree, strict=True))


def _value_object(wanted: Any, tree: Any, place: str) -> Any:
    if not isinstance(tree, dict):
        raise ValueError(f"{place}: an object is wanted")
    shape = _shape(wanted)
    unknown = set(tree) - set(shape)
    missing = {one.name for one in fields(wanted) if one.default is MISSING and one.default_factory is MISSING} - set(
        tree
    )
    if unknown or missing:
        raise ValueError(f"{place}: {', '.join(sorted(unknown | missing))}")
    return wanted(**{key: _built(shape[key], one, f"{place}.{key}") for key, one in tree.items()})


def _exactly(wanted: type, tree: Any, place: str) -> Any:
    if type(tree) is not wanted:
        raise ValueError(f"{place}: {wanted.__name__} is wanted")
    return tree
