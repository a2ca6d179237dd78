"""Structure is refused first: each defect has its code, its place and its name here."""

from __future__ import annotations

import json

import pytest

from gateway.errors import Invalid
from gateway.intake.strict_json import MAX_FAULTS, escape, parse
from tests.effort import effort

DEPTH = 32


def faults(raw: bytes, depth: int = DEPTH) -> list[tuple[str, str]]:
    """Codes and pointers of a refusal, which is always a 400."""
    with pytest.raises(Invalid) as caught:
        parse(raw, depth)
    assert (caught.value.status, caught.value.code) == (400, "malformed")
    assert all(fault.message_vi for fault in caught.value.faults)
    return [(fault.code, fault.pointer) for fault in caught.value.faults]


def test_a_plain_object_is_read() -> None:
    """What every JSON parser reads the same way comes out as it went in."""
    tree = {"tên": "Trần Văn Mẫu 🏛", "n": -5, "b": [True, False, None, {}], "o": {"": ""}}
    assert parse(json.dumps(tree, ensure_ascii=False).encode(), DEPTH).tree == tree
    assert parse(json.dumps(tree).encode(), DEPTH).tree == tree


def test_bytes_that_are_not_utf8() -> None:
    """Other encodings are refused with the place of the first wrong byte, as are surrogates encoded in UTF-8."""
    assert faults('{"a":"é"}'.encode("latin-1")) == [("json_khong_phai_utf8", "")]
    assert faults(b'{"a":"\xed\xa0\x80"}') == [("json_khong_phai_utf8", "")]
    assert faults('{"a":1}'.encode("utf-16")) == [("json_khong_phai_utf8", "")]


def test_byte_order_mark() -> None:
    """A byte order mark is refused (RFC 8259 section 8.1)."""
    assert faults(b"\xef\xbb\xbf{}") == [("json_co_bom", "")]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":.5}',
        b'{"a":1 "b":2}',
        b"{} {}",
        b'{"a":"\n"}',
        b'{"a":"\\x"}',
        b'{"a":tru}',
        b"// c\n{}",
        b'{"a":"',
        b'"' + b"[" * 5000,
    ],
)
def test_malformed_json(raw: bytes) -> None:
    """What is no JSON is refused with line and column, and quotes nothing of it."""
    assert faults(raw) == [("json_sai_cu_phap", "")]


def test_malformed_json_names_line_and_column() -> None:
    """A person finds the place."""
    with pytest.raises(Invalid) as caught:
        parse(b'{"a": 1,\n "b": }', DEPTH)
    assert "dòng 2, cột 7" in caught.value.faults[0].message_vi


def test_duplicate_keys() -> None:
    """Two parsers would keep different ones: every duplicate is named, at any depth, escaped as RFC 6901 asks."""
    raw = b'{"a":1,"b":{"c/d":1,"c/d":2},"a":3,"e":[{"~":1,"~":1}],"a":4}'
    expected = [
        ("json_trung_khoa", "/b/c~1d"),
        ("json_trung_khoa", "/a"),
        ("json_trung_khoa", "/e/0/~0"),
        ("json_trung_khoa", "/a"),
    ]
    assert faults(raw) == expected


def test_duplicate_keys_in_different_spelling() -> None:
    """An escape does not hide a duplicate."""
    assert faults(b'{"sequence":7,"\\u0073equence":8}') == [("json_trung_khoa", "/sequence")]


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 100_000, b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"])
def test_deep_nesting(raw: bytes) -> None:
    """A hundred thousand brackets are refused at once, without reading recursively."""
    found: list[tuple[str, str]] = []
    assert effort(lambda: found.extend(faults(raw))) < 100
    assert found == [("json_qua_sau", "")]


def test_depth_is_counted_not_brackets() -> None:
    """Many shallow objects, and brackets inside strings, are not deep; one level too many is."""
    assert parse(json.dumps({"a": [{}] * 5000, "b": '[{"\\"[[' * 100}).encode(), 3).tree["b"]
    deep = b'{"a":' + b"[" * 31 + b"]" * 31 + b"}"
    assert parse(deep, 32).tree
    assert faults(deep, 31) == [("json_qua_sau", "")]


def test_integer_beyond_64_bits() -> None:
    """The last integers that fit are read; the first that do not are refused with their place."""
    edges = parse(b'{"a":9223372036854775807,"b":-9223372036854775808}', DEPTH).tree
    assert edges == {"a": 2**63 - 1, "b": -(2**63)}
    raw = b'{"a":[9223372036854775808],"b":-9223372036854775809,"c":' + b"9" * 5000 + b"}"
    expected = [("json_so_nguyen_qua_lon", pointer) for pointer in ("/a/0", "/b", "/c")]
    assert faults(raw) == expected


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e99999"])
def test_number_that_is_not_finite(number: bytes) -> None:
    """Not a number, infinities, and numbers that overflow into them."""
    assert faults(b'{"a":{"b":' + number + b"}}") == [("json_so_khong_huu_han", "/a/b")]


def test_fractions_are_pointed_at() -> None:
    """1.0 and 1e0 are kept apart: a schema takes them for integers and not every reader does."""
    parsed = parse(b'{"a":1.0,"b":[2e0,3],"c":{"d":0.5}}', DEPTH)
    assert parsed.fractions == ("/a", "/b/0", "/c/d")
    assert parsed.tree == {"a": 1.0, "b": [2.0, 3], "c": {"d": 0.5}}


@pytest.mark.parametrize("text", [b"\\ud800", b"\\udfff", b"\\uDC00\\ud800", b"x\\ud83dx"])
def test_lone_surrogate(text: bytes) -> None:
    """Half a character is none: in values and in keys."""
    assert faults(b'{"a":"' + text + b'"}') == [("json_surrogate_le", "/a")]
    assert [code for code, _ in faults(b'{"' + text + b'":1}')] == ["json_surrogate_le"]


def test_surrogate_pairs_are_characters() -> None:
    """A pair of escapes is one character; an escaped backslash is no escape."""
    assert parse(b'{"a":"\\ud83c\\udfdb \\\\ud800 \\\\b"}', DEPTH).tree == {"a": "🏛 \\ud800 \\b"}


@pytest.mark.parametrize("text", [b"\\u0000", b"\\u001b[31m", b"\\b", b"\\f", b"\\u007f"])
def test_control_character_by_escape(text: bytes) -> None:
    """No screen, log or XML document downstream should meet one."""
    assert faults(b'{"a":["' + text + b'"]}') == [("json_ky_tu_dieu_khien", "/a/0")]


def test_lines_and_tabs_are_text() -> None:
    """People write them."""
    assert parse(b'{"a":"1\\n2\\t3\\r"}', DEPTH).tree == {"a": "1\n2\t3\r"}


@pytest.mark.parametrize("raw", [b"[]", b"1", b'"a"', b"null", b"true", b"[[1]]", b"1.5"])
def test_top_level_that_is_not_an_object(raw: bytes) -> None:
    """A request is one object."""
    assert faults(raw) == [("json_khong_phai_doi_tuong", "")]


def test_all_structural_faults_at_once() -> None:
    """A sender mends everything in one go."""
    found = faults(b'{"a":1e999,"a":"\\ud800","b":99999999999999999999}')
    assert [code for code, _ in found] == [
        "json_so_khong_huu_han",
        "json_trung_khoa",
        "json_surrogate_le",
        "json_so_nguyen_qua_lon",
    ]


def test_the_list_of_faults_is_bounded() -> None:
    """A hostile body does not buy a long answer."""
    raw = b'{"a":[' + b",".join([b"NaN"] * 5000) + b"]}"
    assert len(faults(raw)) == MAX_FAULTS


def test_pointer_tokens_are_bounded_and_printable() -> None:
    """A key of a stranger is shown shortened and harmless."""
    assert escape("a/b~c") == "a~1b~0c"
    assert len(escape("x" * 1000)) == 64
    assert escape("\x1b\ud800") == "\ufffd\ufffd"
