"""Secrets leave bodies before they become evidence, whatever the body looks like."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.redact import masked, quotable

KEYS = ("session", "password")
SECRET = "s3cr3t-Ωmega"


@pytest.mark.parametrize(
    "body",
    [
        '{"session":"s3cr3t-Ωmega","madonvi":"G16"}',
        '{"Session": "s3cr3t-Ωmega"}',
        '{"data":[{"a":{"password":"s3cr3t-Ωmega"}}]}',
        '{"password":{"value":"s3cr3t-Ωmega"}}',
        '{"message":"{\\"error_code\\":0,\\"session\\":\\"s3cr3t-Ωmega\\"}"}',
        '{"session":"s3cr3t-Ωmega","cut',
        '{"message":"{\\"session\\":\\"s3cr3t-Ωmega\\",\\"cut',
        '{"message":"{\\"a\\":1,\\"password\\" : \\"s3cr3t-Ωmega',
        "username=a&password=s3cr3t-Ωmega&x=1",
        "{'session': 's3cr3t-Ωmega'}",
        "<Envelope><ns:password>s3cr3t-Ωmega</ns:password></Envelope>",
        "session: s3cr3t-Ωmega\nother",
    ],
)
def test_the_secret_is_gone_and_the_rest_is_there(body: str) -> None:
    """JSON at any depth, JSON inside JSON, cut-off JSON, forms, XML, headers."""
    clean = masked(body.encode(), KEYS)
    assert b"***" in clean
    assert SECRET.encode() not in clean


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe\x00", b'{"a": 1.50, "b" : "\\u0041"}', b'{"session": null}', b"[1, 2]"]
)
def test_a_body_without_secrets_is_kept_byte_for_byte(body: bytes) -> None:
    """It is evidence: not one space may change."""
    assert masked(body, KEYS) == body


@pytest.mark.parametrize("depth", [63, 64, 100, 900, 10_000])
def test_deep_nesting_is_survived(depth: int) -> None:
    """A body nested deeper than a stack is masked as text."""
    body = b"[" * depth + b'{"session":"s3cr3t"}' + b"]" * depth
    assert b"s3cr3t" not in masked(body, KEYS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(tree=JSON, place=st.sampled_from(["session", "PASSWORD"]), cut=st.booleans())
def test_no_json_hides_a_secret(tree: object, place: str, cut: bool) -> None:
    """Wherever the key stands in a tree, and even when the body is cut off after it."""
    body = json.dumps({"data": [tree, {place: "s3cr3t-value"}], "more": tree}).encode()
    if cut:
        body = body[: body.index(b"s3cr3t-value") + len(b"s3cr3t-value") + 1]
    assert b"s3cr3t-value" not in masked(body, KEYS)


@given(st.binary())
def test_no_bytes_break_it(body: bytes) -> None:
    """Whatever came over the wire can be masked."""
    masked(body, KEYS)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Thiếu trường NgayTiepNhan", "Thiếu trường NgayTiepNhan"),
        ("Vượt quá 10 bản ghi", "Vượt quá 10 bản ghi"),
        ("CCCD 001099012345 đã có", "CCCD *** đã có"),
        ("gọi 0900 000 123 hoặc (024) 3825-1234.", "gọi *** hoặc (024) ***."),
        ("sinh ngày 01/02/1990", "sinh ngày ***"),
        ("thư <a.b+c@bvhttdl.gov.vn>", "thư <***>"),
        ("của NGUYỄN THỊ MẪU, Mẫu", "của ***, Mẫu"),
        ("a\r\nGIẢ: dòng mới\u202e\x1b[31m", "a GIẢ: dòng mới [31m"),
        ("An khang", "*** khang"),
        ("", ""),
    ],
)
def test_what_an_upstream_said_is_quoted_without_personal_data(said: str, shown: str) -> None:
    """Numbers, addresses and the known names go; the reason stays, on one line."""
    assert quotable(said, ("Nguyễn Thị Mẫu", "An", "A", "")) == shown


def test_a_name_is_known_in_either_normal_form() -> None:
    """An upstream may answer in decomposed letters."""
    assert quotable(unicodedata.normalize("NFD", "của Nguyễn Thị Mẫu"), ("Nguyễn Thị Mẫu",)) == "của ***"


@given(st.text(), st.lists(st.text(min_size=5), max_size=3))
def test_a_quotation_is_one_short_line_without_long_numbers(said: str, known: list[str]) -> None:
    """For every text: at most 200 characters, no line break, no four digits in a row."""
    shown = quotable(said, known)
    assert len(shown) <= 200 and len(shown.splitlines()) <= 1
    assert re.search(r"\d{4}", shown) is None
