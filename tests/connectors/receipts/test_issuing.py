"""A receipt is issued once, found again by its key, and whatever goes wrong is told to whom it concerns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from connectors.kit.contract import Found, Notice, RaiseAlarm, Sender
from connectors.kit.errors import (
    AnswerUnreadable,
    CannotMap,
    CredentialsRefused,
    DeliveryError,
    NoAnswer,
    Rejected,
    UpstreamFault,
)
from connectors.kit.faults import FaultKind, FaultPlan, ScriptedFault
from connectors.kit.receipting import ReceiptOrder
from tests.connectors.receipts.conftest import NOW, answers, delivery, order

if TYPE_CHECKING:
    from tests.connectors.receipts.conftest import Counter, Hands

PUBLISH, FETCH = "ImportAndPublishInv", "downloadInvFkeyNoPay"


def _said(operation: str, result: str) -> str:
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<{operation}Response xmlns="http://tempuri.org/"><{operation}Result>{result}</{operation}Result>'
        f"</{operation}Response></s:Body></s:Envelope>"
    )


def _play(counter: Counter, operation: str, result: str) -> None:
    fault = ScriptedFault(
        fault=FaultKind.ANSWER, match=operation, status=200, body=_said(operation, result), content_type="text/xml"
    )
    counter.simulation.plan = FaultPlan(script=(fault,))


def _lost(counter: Counter, kind: FaultKind = FaultKind.DROP_AFTER_COMMIT) -> None:
    counter.simulation.plan = FaultPlan(script=(ScriptedFault(fault=kind, match=PUBLISH),))


async def test_phi_and_le_phi_get_receipts_of_their_own_series(counter: Counter) -> None:
    """Each with its own number, told to the ledger that asked and kept in the book."""
    for asked in (order(), order(fkey="4q7k2m9p0a1bc-fee", fee_kind="fee", fee_name="Lệ phí cấp", amount=50_000)):
        receipt = await counter.connector.deliver_task(delivery(asked))
        [answer] = answers(receipt.inputs)
        assert answer.issued and (answer.form, answer.number) == ("EBL01", "1")
        counter.shelf.take(*receipt.inputs)
    assert counter.issued() == [
        ("4q7k2m9p0a1bc-charge", "26TAA", 1, 450_000),
        ("4q7k2m9p0a1bc-fee", "26TBB", 1, 50_000),
    ]
    assert {fkey: entry.symbol for fkey, (_, entry) in counter.shelf.entries.items()} == {
        "4q7k2m9p0a1bc-charge": "26TAA",
        "4q7k2m9p0a1bc-fee": "26TBB",
    }
    assert not [effect for effect in counter.shelf.effects if isinstance(effect, RaiseAlarm)]


async def test_a_receipt_that_was_issued_is_fetched_and_not_issued_again(counter: Counter) -> None:
    """ERR:13 on a repeat means that it is there (payment facts 7.2)."""
    first = await counter.connector.deliver_task(delivery(order()))
    again = await counter.connector.deliver_task(delivery(order()))
    assert again.duplicate and not first.duplicate
    [one], [two] = answers(first.inputs), answers(again.inputs)
    assert (one.form, one.symbol, int(one.number)) == (two.form, two.symbol, int(two.number)) == ("EBL01", "26TAA", 1)
    assert len(counter.issued()) == 1


async def test_a_lost_answer_is_found_out_by_the_key(counter: Counter) -> None:
    """With its number, so nothing is missing in the book."""
    _lost(counter)
    with pytest.raises(NoAnswer):
        await counter.connector.deliver_task(delivery(order()))
    enquiry = await counter.connector.enquire_task(delivery(order()))
    assert enquiry.found is Found.DONE and enquiry.receipt is not None
    [answer] = answers(enquiry.receipt.inputs)
    assert (answer.issued, answer.symbol, int(answer.number)) == (True, "26TAA", 1)


async def test_an_answer_that_is_asked_for_again_tells_nothing_new(counter: Counter) -> None:
    """The same keys, whenever it was told: a crash before the delivery is settled counts nothing twice."""
    first = await counter.connector.deliver_task(delivery(order()))
    enquiry = await counter.connector.enquire_task(delivery(order()))
    assert enquiry.receipt is not None
    told = [[(change.key, change.passing) for change in each.inputs] for each in (first, enquiry.receipt)]
    assert told[0] == told[1] and {passing for _, passing in told[0]} == {("at",)}


async def test_a_key_that_was_never_issued_may_be_sent_again(counter: Counter) -> None:
    """The connection broke before anything was done."""
    _lost(counter, FaultKind.DROP_BEFORE_COMMIT)
    with pytest.raises(NoAnswer):
        await counter.connector.deliver_task(delivery(order()))
    assert (await counter.connector.enquire_task(delivery(order()))).found is Found.NOT_FOUND
    await counter.connector.deliver_task(delivery(order()))
    assert len(counter.issued()) == 1


async def test_where_only_a_pdf_can_be_had_a_receipt_is_known_without_its_number(hands: Hands) -> None:
    """And a person is told to enter it."""
    counter = await hands.counter(lookup="pdf")
    _lost(counter)
    with pytest.raises(NoAnswer):
        await counter.connector.deliver_task(delivery(order()))
    enquiry = await counter.connector.enquire_task(delivery(order()))
    assert enquiry.receipt is not None
    [answer] = answers(enquiry.receipt.inputs)
    assert answer.issued and (answer.symbol, answer.number) == ("26TAA", "")
    counter.shelf.take(*enquiry.receipt.inputs)
    assert [effect.code for effect in counter.shelf.effects if isinstance(effect, RaiseAlarm)] == ["receipt_series"]


async def test_a_key_that_stands_for_another_amount_is_never_taken_for_ours(counter: Counter) -> None:
    """Somebody else's receipt under our key: a person decides, and the ledger that asked is told."""
    await counter.connector.deliver_task(delivery(order(amount=1_000)))
    with pytest.raises(Rejected) as caught:
        await counter.connector.deliver_task(delivery(order()))
    [answer] = answers(caught.value.inputs)
    assert (answer.issued, answer.code) == (False, "receipt_conflict")
    with pytest.raises(Rejected):
        await counter.connector.enquire_task(delivery(order()))


async def test_an_answer_about_another_key_says_nothing_of_ours(counter: Counter) -> None:
    """It is asked about instead."""
    _play(counter, PUBLISH, "OK:EBL01;26TAA-someone-else_9")
    with pytest.raises(AnswerUnreadable) as caught:
        await counter.connector.deliver_task(delivery(order()))
    assert caught.value.inputs == ()


@pytest.mark.parametrize(
    "result", ["OK:EBL01;26TAA-4q7k2m9p0a1bc-charge_", "OK:", "ok", "OK:EBL01;26TAA-4q7k2m9p0a1bc-charge_1,x_2"]
)
async def test_an_answer_that_is_no_number_is_no_receipt(counter: Counter, result: str) -> None:
    """Half an answer, several receipts, a word: unknown, so the key is asked about."""
    _play(counter, PUBLISH, result)
    with pytest.raises(UpstreamFault):
        await counter.connector.deliver_task(delivery(order()))


async def test_a_receipt_of_another_series_is_issued_all_the_same_and_an_alarm(counter: Counter) -> None:
    """It exists, so the ledger is told; whoever keeps the series has to look."""
    _play(counter, PUBLISH, "OK:EBL01;26TBB-4q7k2m9p0a1bc-charge_3")
    receipt = await counter.connector.deliver_task(delivery(order()))
    counter.shelf.take(*receipt.inputs)
    [answer] = answers(receipt.inputs)
    assert answer.issued and answer.symbol == "26TBB"
    assert [effect.code for effect in counter.shelf.effects if isinstance(effect, RaiseAlarm)] == ["receipt_series"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"amount": 0}, "receipt_amount"),
        ({"amount_words": "Bốn trăm nghìn đồng"}, "receipt_words"),
        ({"receipt_rule": "ND123"}, "receipt_rule"),
        ({"fee_name": " "}, "receipt_fee_name"),
        ({"fkey": "a b"}, "receipt_fkey"),
        ({"collected_at": NOW.replace(month=6), "receipt_rule": "ND123"}, "receipt_series"),
    ],
)
async def test_what_the_law_would_refuse_is_refused_before_anything_is_sent(
    counter: Counter, changed: dict[str, Any], code: str
) -> None:
    """And told: the ledger that asked knows that no receipt is coming as things are."""
    with pytest.raises(CannotMap) as caught:
        await counter.connector.deliver_task(delivery(order(**changed)))
    assert code in {finding.code for finding in caught.value.findings}
    [answer] = answers(caught.value.inputs)
    assert (answer.issued, answer.code) == (False, caught.value.findings[0].code)
    assert counter.simulation.log.calls == []


async def test_an_order_that_is_none_is_refused_without_a_word_of_it(counter: Counter) -> None:
    """Its fields may speak of the payer."""
    asked = delivery(order())
    broken = replace(asked, task=replace(asked.task, fields={"payer_name": "Nguyễn Văn Thử"}))
    with pytest.raises(CannotMap) as caught:
        await counter.connector.deliver_task(broken)
    assert "Nguyễn" not in str(caught.value)


async def test_a_changed_password_needs_no_restart(counter: Counter) -> None:
    """Refused with the old one, taken with the new one."""
    right = counter.passwords["env:service"]
    counter.passwords["env:service"] = "sai"
    with pytest.raises(CredentialsRefused):
        await counter.connector.deliver_task(delivery(order()))
    assert not (await counter.connector.check()).ready
    counter.passwords["env:service"] = right
    assert (await counter.connector.check()).ready
    await counter.connector.deliver_task(delivery(order()))


async def test_evidence_holds_the_receipt_and_no_password(counter: Counter) -> None:
    """Of a success, and of a failure on the way."""
    receipt = await counter.connector.deliver_task(delivery(order()))
    _lost(counter, FaultKind.DROP_BEFORE_COMMIT)
    with pytest.raises(NoAnswer) as caught:
        await counter.connector.deliver_task(delivery(order(fkey="other")))
    for kept in (receipt.exchange.request, caught.value.exchange.request):
        assert b"<Total>450000</Total>" in kept
        assert not any(secret.encode() in kept for secret in counter.passwords.values())


async def test_the_payers_number_stays_here_unless_the_agency_wants_it_on_receipts(hands: Hands) -> None:
    """No more leaves than a receipt must show."""
    for wanted in (False, True):
        counter = await hands.counter(send_payer_number=wanted)
        receipt = await counter.connector.deliver_task(delivery(order()))
        assert (b"001090000000" in receipt.exchange.request) is wanted


async def test_texts_that_xml_knows_arrive_as_they_were_meant(counter: Counter) -> None:
    """Markup in a name is text; what XML cannot hold is left out."""
    asked = order(fee_name="Phí <A> & “B” ]]>\x00\x1f")
    await counter.connector.deliver_task(delivery(asked))
    [held] = counter.held.values()
    assert held.wanted.fee_name == "Phí <A> & “B” ]]>"


def test_an_order_shows_nothing_of_its_payer() -> None:
    """In no log, however it is printed."""
    assert "Nguyễn" not in repr(order()) and isinstance(order(), ReceiptOrder)
    assert msgspec.json.decode(msgspec.json.encode(order()), type=ReceiptOrder) == order()


async def test_the_document_of_a_receipt_is_handed_on_and_its_reading_can_be_noted(counter: Counter) -> None:
    """The PDF as the service gives it, with the dossier that the trail names; of what was never issued there is none."""
    receipt = await counter.connector.deliver_task(delivery(order()))
    counter.shelf.take(*receipt.inputs)
    read = next(one for one in counter.connector.endpoints() if one.path.endswith("/document"))

    def asked(fkey: str) -> Notice:
        return Notice("GET", "", "", {}, b"", "127.0.0.1", params={"fkey": fkey}, sender=Sender("RES", "resolution"))

    reply = await read.handler(asked("4q7k2m9p0a1bc-charge"))
    assert (reply.status, reply.content_type, reply.body[:5]) == (200, "application/pdf", b"%PDF-")
    assert reply.shows == ("receipts/4q7k2m9p0a1bc-charge", "000.00.00.G11-261120-000123")
    unknown = await read.handler(asked("4q7k2m9p0a1bc-fee"))
    assert (unknown.status, unknown.shows) == (404, None)


@pytest.mark.parametrize(
    ("result", "error"), [("ERR:1", CredentialsRefused), ("ERR:99", UpstreamFault), ("PDF", UpstreamFault)]
)
async def test_what_is_no_document_is_never_handed_on(
    counter: Counter, result: str, error: type[DeliveryError]
) -> None:
    """Whatever the service said in its place."""
    receipt = await counter.connector.deliver_task(delivery(order()))
    counter.shelf.take(*receipt.inputs)
    _play(counter, "downloadInvPDFFkeyNoPay", result)
    read = next(one for one in counter.connector.endpoints() if one.path.endswith("/document"))
    notice = Notice("GET", "", "", {}, b"", "127.0.0.1", params={"fkey": "4q7k2m9p0a1bc-charge"})
    with pytest.raises(error) as caught:
        await read.handler(notice)
    assert caught.value.exchange.response == b"", "a document is no evidence of ours"
