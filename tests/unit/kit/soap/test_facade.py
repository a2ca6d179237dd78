"""SOAP as a string inside JSON: opened, or the gateway's own word, or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.kit.soap.facade import FacadeKeys, unwrapped
from connectors.kit.soap.reading import NotSoap
from tests.unit.kit.soap.ground import example, port

RECORD = example("tracuu-response.xml").decode()


@pytest.mark.parametrize("code", ["0", 0, "", None, "00"])
def test_an_envelope_in_json_is_the_answer(code: Any) -> None:
    """Route D of the facts; clients saw the code as text and as a number."""
    answer = unwrapped(json.dumps({"error_code": code, "message": RECORD}).encode())
    assert not answer.refused
    read = port().speak("TraCuuThongTinCongDan").read(answer.envelope)
    assert read.body["CongDan"][0]["NgayThangNamSinh"]["Nam"] == "1990"


@pytest.mark.parametrize(
    ("tree", "code"),
    [
        ({"error_code": "005", "message": "khong co quyen 001090000000"}, "005"),
        ({"error_code": 7, "message": RECORD}, "7"),
        ({"error_code": "0", "message": "he thong ban"}, "0"),
        ({"error_code": "-1"}, "-1"),
    ],
)
def test_the_gateways_own_word_is_told_apart(tree: dict[str, Any], code: str) -> None:
    """A code, or a message that is no XML (identity facts 2.7); nothing of the text is shown."""
    answer = unwrapped(json.dumps(tree).encode())
    assert answer.refused and answer.code == code
    assert "001090000000" not in repr(answer)


def test_other_names_of_the_keys_are_a_setting() -> None:
    """Facades differ in nothing but names."""
    keys = FacadeKeys("errorCode", "data", frozenset({"SUCCESS"}))
    assert not unwrapped(json.dumps({"errorCode": "SUCCESS", "data": RECORD}).encode(), keys).refused
    assert unwrapped(json.dumps({"errorCode": "0", "data": RECORD}).encode(), keys).code == "0"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'"text"',
        b"{}",
        b'{"error_code":"0"}',
        b'{"error_code":"0","message":{"a":1}}',
        b'{"error_code":true,"message":"<a/>"}',
        b'{"error_code":"0","message":"<a',
        b'{"error_code":"0","message":"\xff"}',
        b"[" * 100_000,
        b"<html><body>502 001090000000</body></html>",
        b'{"message":"' + b"x" * 2_097_152 + b'"}',
    ],
    ids=[
        "empty",
        "list",
        "text",
        "nothing",
        "no message",
        "tree",
        "boolean",
        "cut",
        "not utf-8",
        "deep",
        "html",
        "large",
    ],
)
def test_what_is_no_such_json_is_refused(raw: bytes) -> None:
    """Empty, cut, of other types, too deep, too large, a page: a reason that repeats nothing."""
    with pytest.raises(NotSoap) as refused:
        unwrapped(raw)
    assert refused.value.code in ("soap_json", "soap_html") and "001090000000" not in str(refused.value)
