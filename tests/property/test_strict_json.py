"""Laws of the strict reader: it reads what JSON says, refuses what two parsers could read differently, never crashes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import Invalid
from gateway.intake.strict_json import parse

DEPTH = 12

_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_C1 = "".join(map(chr, range(0x7F, 0xA0)))
_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=_C1 + _TURNING), max_size=20).filter(
    lambda text: all(sign >= " " or sign in "\t\n\r" for sign in text)
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | _texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_texts, inner, max_size=5),
    max_leaves=30,
)
_objects = st.dictionaries(_texts, _values, max_size=6)


def depth(value: Any) -> int:
    """How many brackets are open at once."""
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(_objects, st.booleans(), st.sampled_from([None, 0, 3]))
def test_reads_every_plain_object(tree: dict[str, Any], ascii_only: bool, indent: int | None) -> None:
    """Escaped or not, indented or not: what was written is what is read, or it is too deep."""
    raw = json.dumps(tree, ensure_ascii=ascii_only, indent=indent).encode()
    if depth(tree) <= DEPTH:
        parsed = parse(raw, DEPTH)
        assert (parsed.tree, parsed.fractions) == (tree, ())
    else:
        assert refused(raw) == {"json_qua_sau"}


@given(st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_depth_limit_is_exact(levels: int, limit: int, objects: bool) -> None:
    """As deep as the limit is read, one deeper is not."""
    inner = b'{"a":' * levels + b"1" + b"}" * levels if objects else b"[" * (levels - 1) + b"]" * (levels - 1)
    raw = inner if objects else b'{"a":' + (inner or b"1") + b"}"
    try:
        parse(raw, limit)
        assert levels <= limit
    except Invalid as error:
        assert levels > limit and error.faults[0].code == "json_qua_sau"


def refused(raw: bytes) -> set[str]:
    """Codes of a refusal; empty when the bytes were read."""
    try:
        parse(raw, DEPTH)
    except Invalid as error:
        assert error.status == 400 and error.faults
        return {fault.code for fault in error.faults}
    return set()


@given(st.binary(max_size=60))
@example(b'"[[[[\\"{{{')
@example(b'{"a":"\\')
def test_never_crashes_on_bytes(raw: bytes) -> None:
    """Whatever comes in, it is read or refused."""
    refused(raw)


@given(st.text('{}[]",:\\abu0123d89e.-+ \n', max_size=60))
def test_accepts_nothing_that_json_does_not(text: str) -> None:
    """What is read is what the standard parser reads as well."""
    raw = text.encode()
    if not refused(raw):
        assert json.loads(raw) == parse(raw, DEPTH).tree


@given(_objects, st.data())
def test_a_duplicate_key_anywhere_is_refused(tree: dict[str, Any], data: st.DataObject) -> None:
    """One member written twice, wherever it stands, spoils the whole."""
    key = data.draw(_texts)
    value = json.dumps(data.draw(_values))
    twice = f'{{{json.dumps(key)}:{value},"{"x" * 30}":1,{json.dumps(key, ensure_ascii=False)}:{value}}}'
    raw = json.dumps(tree | {"@": "HERE"}).replace('"HERE"', twice).encode()
    assert refused(raw) & {"json_trung_khoa", "json_qua_sau"}


@given(st.integers())
@example(2**63)
@example(-(2**63) - 1)
def test_integers_are_bounded_by_64_bits(number: int) -> None:
    """Inside the bounds exactly read, outside refused."""
    raw = b'{"a":%d}' % number
    if -(2**63) <= number < 2**63:
        assert parse(raw, DEPTH).tree == {"a": number}
    else:
        assert refused(raw) == {"json_so_nguyen_qua_lon"}
