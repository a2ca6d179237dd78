"""What comes from outside is read strictly: nothing twice, no floats, nothing that two readers could read differently."""

from __future__ import annotations

import pytest

from connectors.payment.strict import (
    MOST_BYTES,
    NotStrict,
    Number,
    as_object,
    form_values,
    raw_values,
    read_form,
    read_json,
    read_object,
    scalars_of,
    text_of,
    texts_of,
    whole,
)


def test_numbers_keep_their_text() -> None:
    """No float ever touches an amount or a transaction's number."""
    members = read_object(b'{"a":9007199254740993,"b":5E5,"c":500000.0,"d":"05"}')
    assert members["a"] == Number("9007199254740993")
    assert texts_of(members, ("a", "b", "c", "d", "e")) == {
        "a": "9007199254740993",
        "b": "5E5",
        "c": "500000.0",
        "d": "05",
    }


def test_scalars_are_text_and_the_rest_is_not() -> None:
    """null is empty, true is true; an object has no text."""
    members = read_object('{"n":null,"t":true,"f":false,"s":"Phí","o":{},"l":[]}'.encode())
    assert scalars_of(members) == {"n": "", "t": "true", "f": "false", "s": "Phí"}
    assert text_of(members, "missing") == ""
    with pytest.raises(NotStrict, match="not_text"):
        text_of(members, "o")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b'{"a":1,"a":1}', "doubled_name"),
        (b'{"o":{"a":1,"\\u0061":2}}', "doubled_name"),
        (b'{"a":NaN}', "not_a_number"),
        (b'{"a":-Infinity}', "not_a_number"),
        (b'{"a":"\\ud800"}', "not_text"),
        (b'{"\\udc00":1}', "not_text"),
        (b'{"a":"\xff"}', "not_utf8"),
        (b'\xef\xbb\xbf{"a":1}', "not_json"),
        (b'{"a":1} x', "not_json"),
        (b"{'a':1}", "not_json"),
        (b'{"a":"\n"}', "not_json"),
        (b"", "not_json"),
        (b"[" * 60_000, "not_json"),
        (b" " * (MOST_BYTES + 1), "too_long"),
    ],
)
def test_what_is_not_strict_json_is_refused(body: bytes, fault: str) -> None:
    """Each with a stable word, and without a word of what came."""
    with pytest.raises(NotStrict) as refused:
        read_json(body)
    assert str(refused.value) == refused.value.fault == fault


@pytest.mark.parametrize("body", [b"[]", b'"a"', b"1", b"null"])
def test_a_message_is_an_object(body: bytes) -> None:
    """Anything else is no message."""
    with pytest.raises(NotStrict, match="not_object"):
        as_object(read_json(body))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("500000", 500_000),
        ("999999999999999999", 999_999_999_999_999_999),
        *((bad, None) for bad in ("", "00", "05", "-1", "+1", "1.0", "5E5", " 1", "1 ", "1_000", "٥", "1" * 19, "1\n")),
    ],
)
def test_amounts_are_whole_numbers_only(text: str, number: int | None) -> None:
    """No sign, no point, no exponent, no blank, no other script's digits."""
    assert whole(text) == number


def test_a_form_keeps_what_was_written_beside_what_it_means() -> None:
    """Signed is the raw text; `%c3` and `%C3` mean the same and are not the same."""
    fields = read_form("a=ph%c3%ad+x&b=&c&d%20=%26%3d")
    assert form_values(fields) == {"a": "phí x", "b": "", "c": "", "d ": "&="}
    assert raw_values(fields) == {"a": "ph%c3%ad+x", "b": "", "c": "", "d%20": "%26%3d"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("vnp_Amount=1&vnp_Amount=100", "doubled_name"),
        ("a=1&%61=2", "doubled_name"),
        ("a=%zz", "not_a_form"),
        ("a=%", "not_a_form"),
        ("a=%E1%BB", "not_utf8"),
        ("a=\ud800", "not_utf8"),
        ("a=" + "1" * MOST_BYTES, "too_long"),
        ("&".join(f"a{number}=1" for number in range(201)), "too_many"),
    ],
)
def test_what_is_no_strict_form_is_refused(text: str, fault: str) -> None:
    """A name that stands twice is refused before anything is hashed, also when it is written differently (A15)."""
    with pytest.raises(NotStrict, match=fault):
        read_form(text)
