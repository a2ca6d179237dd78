"""The tables of carriers: every row is of the closed words, comes from somewhere, and is what some answer is read by."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import connectors.postal.profiles
from connectors.kit.case import FAMILIES
from connectors.kit.http_answers import HttpAnswer
from connectors.postal.model import Meaning, Placed, ShipmentState
from connectors.postal.outcomes import KINDS, UNLISTED, Answered, load_outcomes, shown
from connectors.postal.profiles.h2 import PROFILE as H2_PROFILE
from connectors.postal.profiles.h2.mapping import H2
from connectors.postal.profiles.h3 import PROFILE as H3_PROFILE
from connectors.postal.profiles.h3.mapping import H3
from connectors.postal.profiles.h3.options import H3Options, Services
from connectors.postal.speaking import CancelSaid
from connectors.postal.statuses import load_statuses
from mappings.tables import TableRow, load_table
from tests.connectors.postal.carrying import NOW, account, answer, order
from tests.planted import secret

_PROFILES = sorted(
    file.parent.name for file in Path(connectors.postal.profiles.__path__[0]).glob("[a-z]*/outcomes.csv")
)
_ENDS = {
    "done": {"done"},
    "duplicate": {"duplicate"},
    "absent": {"not_found"},
    "cancelled": {"done", "duplicate"},
    "requested": {"done"},
    "too_late": {"rejected"},
    "refused": {"rejected"},
    "unknown_order": {"not_found", "rejected"},
    "in_doubt": {"answer_unreadable", "upstream_fault"},
    "business": {"rejected", "not_found"},
    "busy": {"busy"},
    "auth": {"credentials_refused", "session_expired"},
    "unreadable": {"answer_unreadable", "upstream_fault"},
    "configuration": {"contract_changed", "consent_missing"},
}
"""What may follow from a row, by the family that the kit knows it under."""


def rows(profile: str, table: str) -> tuple[TableRow, ...]:
    """The rows of a table of a dialect."""
    keys = ("operation", "code", "pattern") if table == "outcomes" else ("code",)
    return load_table(table, files("connectors.postal.profiles") / profile, keys).rows


def dialogue(profile: str) -> H2 | H3:
    """The NGSP adapter, called directly or through an LGSP."""
    if profile == "h2":
        return H2(account(H2_PROFILE))
    services = Services(order="o", cancel="c", tracking="t", document="d", price="p")
    secrets = {role: secret(role) for role in H3_PROFILE.more_roles}
    return H3(account(H3_PROFILE, H3Options(services=services), secrets=secrets))


@pytest.mark.parametrize("profile", _PROFILES)
def test_every_outcome_is_of_the_closed_words(profile: str) -> None:
    """What follows from an answer, and the family that the line acts by, never contradict each other."""
    for row in rows(profile, "outcomes"):
        assert row["family"] in FAMILIES, row.number
        assert row["family"] in _ENDS[row["means"]], row.number
        assert row["meaning_vi"] and row.source, row.number


@pytest.mark.parametrize("profile", _PROFILES)
def test_every_status_is_mapped_or_kept_unmapped(profile: str) -> None:
    """Each code once at a time; `means` is a state of a parcel or a word beside it."""
    table = load_statuses(profile)
    for row in rows(profile, "statuses"):
        assert row["means"] in {*ShipmentState, *Meaning}, row.number
        at = datetime(row.valid_from.year, row.valid_from.month, row.valid_from.day, 5, tzinfo=UTC)
        assert table.meaning(row["code"], at, {}) == row["means"], row.number
        assert table.meaning(row["code"], at, {row["code"]: "exception"}) == "exception"
        assert table.name_vi(row["code"], at) == row["name_vi"] != ""


@pytest.mark.parametrize("profile", _PROFILES)
def test_a_code_that_no_table_knows_changes_nothing(profile: str) -> None:
    """It is kept and told, never guessed (postal facts 6.1)."""
    assert load_statuses(profile).meaning("987654", NOW, {}) == Meaning.UNMAPPED
    assert load_statuses(profile).name_vi("987654", NOW) == ""


@pytest.mark.parametrize(
    ("profile", "row"),
    [pytest.param(name, row, id=f"{name}-{row.number}") for name in ("h2", "h3") for row in rows(name, "outcomes")],
)
def test_every_row_of_the_adapter_is_what_some_answer_is_read_by(profile: str, row: TableRow) -> None:
    """An answer with its code and a sentence of its pattern ends as it says; no row stands behind another for nothing."""
    spoken = dialogue(profile)
    means, told = row["means"], _told(spoken, row)
    if row["operation"] == "feed" or means in KINDS:
        expected = "refused" if row["operation"] == "cancel" and means == "business" else means
        assert (told.outcome if isinstance(told, CancelSaid) else told.kind) == expected
        assert isinstance(told, CancelSaid) or told.message_vi == row["meaning_vi"]
    elif isinstance(told, Placed):
        assert told.duplicate == (means == "duplicate")
    elif isinstance(told, CancelSaid):
        assert told.outcome == means
    else:
        assert means == "done"


def _told(spoken: H2 | H3, row: TableRow) -> Any:
    """What the dialect makes of an answer that the row is about."""
    said = _answer(row)
    match row["operation"]:
        case "order":
            return spoken.placed(order(), said)
        case "register":
            return spoken.registered(order(), said)
        case "cancel":
            return spoken.cancelled(order(), said)
        case "price":
            assert isinstance(spoken, H3)
            return spoken.priced(said)
        case "feed":
            cursor = "f" * 24 if row["code"] == "feed_stuck" else ""
            return spoken.fed(cursor, said)
    return spoken.placed(order(), said)


def _answer(row: TableRow) -> HttpAnswer:
    code, sentence = row["code"], row["pattern"].partition("|")[0].replace(r"\b", "").replace(r"\d", "1")
    sentence = sentence.replace("[01]", "1")
    if code.startswith("http-"):
        status = int(code.removeprefix("http-").removesuffix("-later").replace("*", "99"))
        headers = {"Retry-After": "120"} if code.endswith("-later") else {}
        return replace(answer({"Message": sentence}, status), headers=headers)
    if row["operation"] == "price":
        content = {"success": {"price": "1000"}, "none": None, "unreadable": {"price": "?"}}
        return answer({"content": content[code]})
    page = [{"_id": {"$oid": f"{number:024x}"}} for number in (2, 1)]
    bodies: dict[str, object] = {
        "success": {"Status": 1, "Message": sentence},
        "status-*": {"Status": 99, "Message": sentence},
        "*": {"Message": sentence},
        "feed_unreadable": b"<html>",
        "feed_stuck": {"_total_pages": 1, "_embedded": {"rh:doc": page}},
        "feed_order": {"_total_pages": 2, "_embedded": {"rh:doc": page}},
    }
    return answer(bodies[code])


def test_rows_are_asked_in_their_order_and_an_unlisted_answer_is_no_refusal() -> None:
    """An exception stands above its rule; without a rule nothing is known."""
    table = load_outcomes("h2")
    assert table.conclude(Answered("order", "status-9", "ĐƠN HÀNG ĐÃ TỒN TẠI"), NOW).means == "duplicate"
    assert table.conclude(Answered("order", "status-9", "khác"), NOW).means == "business"
    assert table.conclude(Answered("order", "none"), datetime(2001, 1, 1, tzinfo=UTC)) == UNLISTED


@pytest.mark.parametrize(
    ("code", "seen"), [("status--3", "status--3"), ("", ""), ("Đã", "unreadable"), ("a" * 41, "unreadable")]
)
def test_a_code_from_outside_is_shown_only_where_it_is_harmless(code: str, seen: str) -> None:
    """Short, of plain letters."""
    assert shown(code) == seen


def test_a_conclusion_that_is_no_refusal_says_nothing_where_one_was_wanted() -> None:
    """A word of another operation is never taken for a yes or a no."""
    refused = load_outcomes("h2").conclude(Answered("order", "success"), NOW).refused("x")
    assert refused.kind == "unreadable"
