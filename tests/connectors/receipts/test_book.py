"""The book of receipts: what was issued stays issued, the day's summary is whole, and error notices are remembered."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.contract import Notice, RaiseAlarm, Sender
from connectors.kit.errors import CannotMap, SettingsError
from connectors.kit.ground import kit_of
from connectors.receipts.book import (
    Book,
    BookChange,
    Entry,
    ErrorNoticed,
    Issued,
    Refused,
    fee_of,
    number_claim,
)
from connectors.receipts.connector import create
from connectors.receipts.summary import cell, summary_csv
from tests.connectors.receipts.conftest import NOW, delivery, order, settings_of

if TYPE_CHECKING:
    from tests.connectors.receipts.conftest import Counter

FEE = fee_of(order())


def _issued(number: str = "7", **changed: str) -> Issued:
    whole = {"form": "EBL01", "symbol": "26TAA", "wanted_form": "EBL01", "wanted_symbol": "26TAA", **changed}
    return Issued(at=NOW, fee=FEE, collector_tax_code="0100000000", number=number, **whole)


_NOTICED = ErrorNoticed(
    at=NOW, request_id="r-1", notice_no="12/TB-CDL", notified_on=NOW.date(), field="payer_name", told_by="RES"
)
_COURSES = st.lists(
    st.sampled_from(
        [
            _issued(),
            _issued("8"),
            _issued(""),
            Refused(at=NOW, fee=FEE, code="ERR:3"),
            _NOTICED,
        ]
    ),
    max_size=8,
)


@given(_COURSES)
def test_a_receipt_that_was_issued_stays_issued_under_its_first_number(course: list[BookChange]) -> None:
    """Whatever comes after it, late or again; and a refusal that comes after it is no alarm."""
    book, entry = Book(), None
    alarms: list[str] = []
    numbers: list[str] = []
    for change in course:
        issued = entry is not None and entry.state == "issued"
        entry, effects = book.apply(entry, change)
        alarms += [effect.code for effect in effects if isinstance(effect, RaiseAlarm) and issued]
        numbers += [entry.number] if entry.number else []
    assert len(set(numbers)) <= 1
    if any(isinstance(change, Issued) for change in course):
        assert entry is not None and entry.state == "issued" and book.marks(entry) == ("day/20261120",)
    assert "receipt_refused" not in alarms


@pytest.mark.parametrize(
    ("issued", "alarm"),
    [
        (_issued(), False),
        (_issued(""), True),
        (_issued("123456789"), True),
        (_issued(symbol="26TBB"), True),
        (_issued(symbol="26TOO", wanted_symbol="26TOO"), True),
        (_issued(form="EBL02"), True),
    ],
)
def test_what_is_not_as_the_law_or_the_order_wants_it_is_an_alarm(issued: Issued, alarm: bool) -> None:
    """Symbol of five characters, number of at most eight digits, the series that was asked for (TT 91/2026/TT-BTC)."""
    _, effects = Book().apply(None, issued)
    assert any(isinstance(effect, RaiseAlarm) for effect in effects) is alarm


def test_a_number_is_claimed_for_its_collector_year_form_and_symbol() -> None:
    """Whether it was written with zeros in front or not; a receipt without number claims nothing."""
    assert number_claim(_issued("00000007")) == number_claim(_issued("7")) != number_claim(_issued("8"))
    assert number_claim(_issued("")) == ()
    assert number_claim(_issued(symbol="26TBB")) != number_claim(_issued())


def test_the_summary_of_a_day_has_the_columns_of_the_form_and_no_formula() -> None:
    """In the order of the numbers, which are numbers and not texts; what was not issued is no row."""
    late, _ = Book().apply(None, Refused(at=NOW, fee=FEE, code="ERR:3"))
    ten, _ = Book().apply(None, _issued("10"))
    evil = msgspec.structs.replace(FEE, name="=HYPERLINK(1)")
    nine, _ = Book().apply(None, msgspec.structs.replace(_issued("9"), fee=evil))
    nine, _ = Book().apply(nine, _NOTICED)
    raw = summary_csv([ten, late, nine])
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"))))
    assert raw.startswith(b"\xef\xbb\xbf") and len(rows[0]) == 13
    assert [row[:9] for row in rows[1:]] == [
        ["1", "EBL01", "26TAA", "9", "20/11/2026", "'=HYPERLINK(1)", "450000", "450000", "Có thông báo sai sót"],
        ["2", "EBL01", "26TAA", "10", "20/11/2026", "Phí thẩm định", "450000", "450000", "Mới"],
    ]
    assert rows[1][11] == "12/TB-CDL ngày 20/11/2026: tên người nộp"


@given(st.text(max_size=12))
def test_no_cell_begins_like_a_formula(text: str) -> None:
    """Whatever a fee is called."""
    assert not cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))


async def test_the_day_of_a_receipt_is_that_of_the_collection_in_viet_nam(counter: Counter) -> None:
    """00:30 there is still the day before in UTC."""
    after_midnight = datetime(2026, 11, 19, 17, 30, tzinfo=UTC)
    for turn, moment in enumerate((after_midnight, after_midnight - timedelta(hours=1))):
        receipt = await counter.connector.deliver_task(delivery(order(fkey=f"k-{turn}", collected_at=moment)))
        counter.shelf.take(*receipt.inputs)
    for day, numbers in (("2026-11-20", ["1"]), ("2026-11-19", ["2"]), ("2026-11-18", [])):
        reply = await _called(counter, "GET", "summaries/{day}", day=day)
        rows = list(csv.reader(io.StringIO(reply[1].decode("utf-8-sig"))))
        assert reply[0] == 200 and [row[3] for row in rows[1:]] == numbers
    assert (await _called(counter, "GET", "summaries/{day}", day="2026-13-01"))[0] == 422


async def test_an_error_notice_is_remembered_once_and_shown(counter: Counter) -> None:
    """201, then 200 for the same notice; the amount is nothing that a notice could put right."""
    receipt = await counter.connector.deliver_task(delivery(order()))
    counter.shelf.take(*receipt.inputs)
    asked = {"request_id": "r-1", "notice_no": "12/TB", "notified_on": "2026-11-20", "field": "payer_name"}
    path, fkey = "issued/{fkey}/error-notices", "4q7k2m9p0a1bc-charge"
    assert (await _called(counter, "POST", path, msgspec.json.encode(asked), fkey=fkey))[0] == 201
    status, body = await _called(counter, "POST", path, msgspec.json.encode(asked), fkey=fkey)
    assert status == 200 and [one["field"] for one in msgspec.json.decode(body)["receipt"]["notices"]] == ["payer_name"]
    for wrong in (asked | {"field": "amount"}, asked | {"notice_no": "=1"}, asked | {"more": 1}, {}):
        assert (await _called(counter, "POST", path, msgspec.json.encode(wrong), fkey=fkey))[0] == 422
    assert (await _called(counter, "POST", path, msgspec.json.encode(asked), fkey="unknown"))[0] == 404
    shown = await _called(counter, "GET", "issued/{fkey}", fkey=fkey)
    assert shown[0] == 200 and msgspec.json.decode(shown[1])["receipt"]["number"] == "1"


async def _called(counter: Counter, method: str, path: str, body: bytes = b"", **params: str) -> tuple[int, bytes]:
    """What an endpoint answers, with its changes taken before what comes after them."""
    endpoint = next(
        one for one in counter.connector.endpoints() if (one.method, one.path.endswith(path)) == (method, True)
    )
    notice = Notice(method, "", "", {}, body, "127.0.0.1", params=params, sender=Sender("RES", "resolution"))
    reply = await endpoint.handler(notice)
    counter.shelf.take(*reply.inputs)
    reply = await reply.then() if reply.then is not None else reply
    return reply.status, reply.body


_DELEGATED = {
    "issuer": {"name": "Trung tâm", "tax_code": "0100000001"},
    "document": "12/UN",
    "told_on": "2026-07-01",
    "valid_from": "2026-07-04",
}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"collector": {"name": "Cục", "tax_code": "12"}}, "collector.tax_code"),
        ({"series": []}, "series"),
        ({"series": [{"kind": "fee", "form": "EBL03", "letters": "AA"}]}, "EBL01"),
        ({"series": [{"kind": "fee", "form": "EBL01", "letters": "OO"}]}, "letters"),
        ({"series": [{"kind": "fee", "form": "BLP", "rule": "ND123"}]}, "ND123"),
        ({"series": [{"kind": "fee", "form": "EBL01", "letters": x} for x in ("AA", "BB")]}, "mỗi loại"),
        ({"delegation": _DELEGATED | {"told_on": "2026-07-02"}}, "3 ngày"),
    ],
)
def test_settings_that_no_receipt_could_come_of_are_refused_at_the_start(
    changed: dict[str, object], named: str
) -> None:
    """By name, before the first payer waits for a receipt."""
    with pytest.raises(SettingsError, match=named):
        create(settings_of("http://127.0.0.1:1", **changed), kit_of("receipts", {}))


async def test_nobody_issues_for_another_before_the_delegation_holds() -> None:
    """What was collected before belongs on receipts of the collector's own."""
    delegated = settings_of("http://127.0.0.1:1", delegation=_DELEGATED | {"valid_from": "2026-11-21"})
    kit = kit_of(
        "receipts", {"env:publishing": "made-up-publishing-password", "env:service": "made-up-service-password"}
    )
    connector = create(delegated, kit)
    with pytest.raises(CannotMap, match="ủy nhiệm"):
        await connector.deliver_task(delivery(order()))
    await connector.close()


def test_an_entry_survives_being_written_down() -> None:
    """As the gateway keeps it: JSON and back."""
    entry, _ = Book().apply(None, _issued())
    assert msgspec.json.decode(msgspec.json.encode(entry), type=Entry) == entry
