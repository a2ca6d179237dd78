"""What comes from the portal, with all the quirks that real clients have met (national-portal facts 1.6, 2.2)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from connectors.kit.errors import AnswerUnreadable
from connectors.national_dvc.profiles._mapi.messages import read_amount, read_answer, read_procedure


@pytest.mark.parametrize("spelling", ["0", '"0"', '"00"', '" 0 "'])
def test_every_spelling_of_success_is_zero(spelling: str) -> None:
    """A success code may be a number, a string, a padded string."""
    assert read_answer(f'{{"error_code": {spelling}, "message": "Thành công"}}'.encode()).code == "0"


@pytest.mark.parametrize(("spelling", "code"), [("-3", "-3"), ('"-3"', "-3"), ('"E17"', "E17"), ('"03"', "3")])
def test_a_refusal_keeps_its_code(spelling: str, code: str) -> None:
    """Numbers are normalised, words stay words."""
    assert read_answer(f'{{"error_code": {spelling}}}'.encode()).code == code


def test_an_answer_wrapped_as_a_string_is_decoded_twice(example: Callable[[str], dict[str, Any]]) -> None:
    """An LGSP hands the whole answer on as a string in `message`."""
    wrapped = next(a for a in example("04-lay-thu-tuc.json")["answers"] if "wrapped" in a["case"])
    answer = read_answer(json.dumps(wrapped["body"]).encode())
    assert answer.code == "0"
    assert answer.result[0]["TENTTHC"] == "Cấp giấy phép (ví dụ)"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad Gateway</html>",
        b"[]",
        b"{}",
        b'{"message": "ok"}',
        b'{"error_code": null}',
        b'{"error_code": []}',
        b"\xff",
    ],
)
def test_what_is_no_envelope_is_unreadable(body: bytes) -> None:
    """Nothing may be concluded from an answer that cannot be read."""
    with pytest.raises(AnswerUnreadable):
        read_answer(body)


def test_progress_may_answer_with_a_sentence_but_never_with_markup() -> None:
    """A plain sentence has no code; a proxy's page is not the portal speaking."""
    answer = read_answer("Cập nhật tiến độ thành công".encode(), plain_allowed=True)
    assert answer.plain and answer.message == "Cập nhật tiến độ thành công"
    assert read_answer('"Cập nhật thành công"'.encode(), plain_allowed=True).plain
    with pytest.raises(AnswerUnreadable):
        read_answer(b"<html>th\xc3\xa0nh c\xc3\xb4ng</html>", plain_allowed=True)


def test_the_catalogue_is_freed_of_its_quirks(example: Callable[[str], dict[str, Any]]) -> None:
    """Apostrophes, dotted thousands, "Không", numbers as text, trailing blanks (facts 2.2)."""
    found = next(a for a in example("04-lay-thu-tuc.json")["answers"] if a["case"] == "found")
    procedure = read_procedure(found["body"]["result"][0])
    assert (procedure.code, procedure.field_code, procedure.field_name) == ("1.999999", "G16-XX01", "Lĩnh vực ví dụ")
    assert [(d.channel, d.amount, d.unit) for d in procedure.durations] == [
        ("1", 5, "Ngày làm việc"),
        ("2", 5, "Ngày làm việc"),
        ("3", 7, "Ngày"),
    ]
    assert [(f.kind, f.amount) for f in procedure.fees] == [("1", 1_200_000), ("2", 0)]
    assert procedure.result_code == "KQ.G16.000456"


@pytest.mark.parametrize(
    ("raw", "amount"), [("", None), (None, None), ("theo quy định", None), (135000, 135000), ("0", 0)]
)
def test_an_amount_is_a_number_or_nothing(raw: object, amount: int | None) -> None:
    """Prose is not a number, and no number is made of it."""
    assert read_amount(raw) == amount
