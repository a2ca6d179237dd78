"""The canonicaliser signs and verifies from data, in one time for all, and believes only what was signed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.payment.canonical import (
    DOTNET_PLAIN,
    JAVA_PLAIN,
    JAVASCRIPT_PLAIN,
    PHP_PLAIN,
    PYTHON_PLAIN,
    Algorithm,
    Output,
    Place,
    Recipe,
    form_encoded,
    same_text,
)
from connectors.payment.speaking import Key

PLAIN = Recipe(Algorithm.HMAC_SHA_256, names=("b", "a"))
FIELDS = {"a": "1", "b": "2"}


def key(value: str) -> Key:
    """A key named after its value."""
    return Key(id=value, value=value)


def test_the_text_follows_the_recipe() -> None:
    """Order, encoding, empty values and the place of the secret come from data (payment facts 4.1)."""
    pairs = Recipe(Algorithm.HMAC_SHA_512, by_name=True, pairs=True, separator="&", form=True, empty="skip")
    unkeyed = Recipe(Algorithm.SHA_256, names=("b", "a"), place=Place.SUFFIX)
    assert PLAIN.text(FIELDS, "s") == "2|1"
    assert pairs.text({"c": "Lệ phí", "b": "", "a": "x/y"}) == "a=x%2Fy&c=L%E1%BB%87+ph%C3%AD"
    assert unkeyed.text(FIELDS, "s") == "2|1|s"
    assert replace(unkeyed, place=Place.PREFIX, separator="").text(FIELDS, "s") == "s21"
    assert replace(unkeyed, place=Place.EMBEDDED, embedded="aa", names=("a", "aa", "b")).text(FIELDS, "s") == "1|s|2"
    assert replace(PLAIN, place=Place.KEY_AND_SUFFIX).text(FIELDS, "s") == "2|1|s"


def test_absent_and_empty_fields_are_told_apart() -> None:
    """One intermediary skips what is absent and keeps what is empty; another keeps the place of both."""
    three = replace(PLAIN, names=("a", "x", "b"))
    given = {"a": "", "b": "2"}
    assert three.text(given) == "||2"
    assert replace(three, absent="skip").text(given) == "|2"
    assert replace(three, empty="skip").text(given) == "2"


def test_names_are_sorted_by_their_bytes() -> None:
    """Capitals and digits come before small letters, as OnePay wants it (vector onepay-international-return-published)."""
    assert Recipe(Algorithm.HMAC_SHA_256, by_name=True, pairs=True).text({"a": "", "B": "", "3": ""}) == "3=|B=|a="


@pytest.mark.parametrize(
    ("plain", "written"),
    [
        (PHP_PLAIN, "%2A+%7E+%21+%28+%29+%27+-_."),
        (JAVA_PLAIN, "*+%7E+%21+%28+%29+%27+-_."),
        (DOTNET_PLAIN, "*+%7E+!+(+)+%27+-_."),
        (JAVASCRIPT_PLAIN, "*+~+!+(+)+'+-_."),
        (PYTHON_PLAIN, "%2A+~+%21+%28+%29+%27+-_."),
    ],
)
def test_five_languages_encode_differently(plain: str, written: str) -> None:
    """The table of payment facts 3.5."""
    assert form_encoded("* ~ ! ( ) ' -_.", plain) == written


@pytest.mark.parametrize("name", ["a", "b"])
def test_another_value_does_not_verify(name: str) -> None:
    """A signature is of these fields and of no others."""
    signature = PLAIN.sign(FIELDS, "s")
    assert PLAIN.verified(FIELDS, signature, (key("s"),)) == "s"
    assert PLAIN.verified({**FIELDS, name: "3"}, signature, (key("s"),)) == ""
    assert PLAIN.verified(FIELDS, signature, (key("t"),)) == ""


@pytest.mark.parametrize("presented", ["", "zz", "é", "\ud800", "0" * 64, " "])
def test_what_is_no_signature_verifies_nothing(presented: str) -> None:
    """Missing, short, strange and surrogate signatures are refused without a fault."""
    assert PLAIN.verified(FIELDS, presented, (key("s"),)) == ""
    assert PLAIN.verified(FIELDS, PLAIN.sign(FIELDS, "s") + presented, (key("s"),)) == "" or presented == ""
    assert PLAIN.verified({"a": "\ud800", "b": "2"}, presented, (key("s"),)) == ""


def test_case_is_ignored_for_hex_and_kept_for_base64() -> None:
    """Hex has one value in both cases, Base64 has not (abuse case A17)."""
    coded = replace(PLAIN, output=Output.BASE64)
    assert PLAIN.verified(FIELDS, PLAIN.sign(FIELDS, "s").upper(), (key("s"),)) == "s"
    assert coded.verified(FIELDS, coded.sign(FIELDS, "s"), (key("s"),)) == "s"
    assert coded.verified(FIELDS, coded.sign(FIELDS, "s").swapcase(), (key("s"),)) == ""


def test_without_a_key_nothing_verifies() -> None:
    """No key in force is a fault of the set-up, never an open door."""
    assert PLAIN.verified(FIELDS, PLAIN.sign(FIELDS, ""), ()) == ""


def test_a_hex_secret_that_is_none_verifies_nothing() -> None:
    """A wrongly configured secret refuses instead of failing."""
    assert replace(PLAIN, hex_key=True).verified(FIELDS, "00", (key("not hex"),)) == ""


@pytest.mark.parametrize(
    "contradiction",
    [
        {"algorithm": Algorithm.SHA_256, "place": Place.KEY},
        {"algorithm": Algorithm.HMAC_SHA_256, "place": Place.PREFIX},
        {"algorithm": Algorithm.MD5, "place": Place.EMBEDDED},
        {"algorithm": Algorithm.MD5, "place": Place.PREFIX, "embedded": "x"},
    ],
)
def test_a_recipe_that_contradicts_itself_is_refused(contradiction: dict[str, object]) -> None:
    """A secret that would be used nowhere, or a digest without one, is found when the program starts."""
    with pytest.raises(ValueError, match="with the secret as"):
        Recipe(**contradiction)  # type: ignore[arg-type]


def test_texts_are_compared_without_a_fault() -> None:
    """Equal is equal; what is no Unicode equals nothing."""
    assert same_text("é", "é")
    assert not same_text("e", "é")
    assert not same_text("\ud800", "\ud800")
