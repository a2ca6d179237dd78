"""Our dialects and the simulated intermediaries, two readings of the same facts, understand each other over real HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from yarl import URL

from connectors.kit.contract import Notice
from connectors.kit.http_answers import HttpAnswer
from connectors.payment.model import Made, Verdict
from connectors.payment.profiles import keypay, paygov, pp
from connectors.payment.profiles.keypay.options import KeypayOptions
from connectors.payment.profiles.paygov.options import PaygovOptions
from connectors.payment.profiles.pp.options import PpOptions
from connectors.payment.speaking import Account, Ack, Bills, Call, Dialect, Dialogue, Key, Refused
from tests.connectors.payment.accounts import REF, asked, order, refund
from tests.connectors.payment_simulator.conftest import MERCHANTS, START, Ground, OpenGround

CALLBACK = ("accessKey", "orderId", "requestCode", "transactionNo", "amount", "errorCode", "payDate")
PATHS: Mapping[str, Mapping[str, str]] = {
    "pp": {"init": "/pp/init", "query": "/pp/query", "bill": "/pp/bill"},
    "keypay": {name: f"/keypay/{name}" for name in ("create", "detail", "refund", "refund_detail")},
    "paygov": {"create": "/paygov/create"},
}
HUBS = [pytest.param(one.PROFILE, id=one.PROFILE.name) for one in (pp, keypay, paygov)]
ASKABLE = HUBS[:2]


def ours(ground: Ground, dialect: Dialect, options: msgspec.Struct | None = None) -> Dialogue:
    """Our account there, with the keys of the vectors."""
    told: Any = MERCHANTS[dialect.name]
    keys = {"main": told["secrets"], "second": told.get("second", ()), "access": [told.get("access", "")]}
    usual = PaygovOptions(callback_fields=CALLBACK) if dialect.name == "paygov" else dialect.options_type()
    return dialect.open(
        Account(
            name=dialect.name,
            merchant=told["merchant"],
            keys=lambda role: [Key(id=role, value=value) for value in keys.get(role, ()) if value],
            endpoints={name: ground.base + path for name, path in PATHS[dialect.name].items()},
            options=options or usual,
            now=ground.clock.now,
        )
    )


async def put(ground: Ground, dialect: Dialect, call: Call | Made | None) -> HttpAnswer:
    """Make a call of a dialect as the client does."""
    assert isinstance(call, Call)
    path = PATHS[dialect.name][call.endpoint]
    status, headers, body = await ground.call(call.method, path, data=call.body, headers=dict(call.headers))
    return HttpAnswer(status, headers, body, 1.0)


async def begun(ground: Ground, dialect: Dialect, dialogue: Dialogue) -> Made:
    """An order of ours that they took."""
    wanted = order(created_at=START, beneficiary=order().beneficiary)
    made = dialogue.created(wanted, await put(ground, dialect, dialogue.create(wanted)))
    assert isinstance(made, Made), made
    return made


def last_notice(ground: Ground) -> Notice:
    """The newest notice as it reached the edge."""
    heard = ground.merchant.heard[-1]
    headers = {"content-type": heard.content_type}
    return Notice("POST", f"/v1/callbacks/payment/{heard.provider}", heard.query, headers, heard.body, "127.0.0.1")


@pytest.mark.parametrize("dialect", HUBS)
async def test_an_order_is_taken_paid_and_heard(open_ground: OpenGround, dialect: Dialect) -> None:
    """create, the payer's page, the notice and our acknowledgement, which ends its repetition."""
    async with open_ground() as ground:
        dialogue = ours(ground, dialect)
        made = await begun(ground, dialect, dialogue)
        await ground.does("pay", address=made.pay_url)
        heard = dialogue.hear(last_notice(ground))
        assert heard.ack is Ack.TAKEN and heard.statement is not None
        assert (heard.statement.ref, heard.statement.amount, heard.statement.ours) == (REF, 500_000, True)
        assert heard.statement.trusted is (dialect.name != "keypay")
        txn = (await ground.standing(REF))["transactions"][0]["txn_id"]
        assert heard.statement.txn_id == txn
        house = ground.world.houses[dialect.name]
        for ack in (Ack.TAKEN, Ack.DUPLICATE):
            reply = dialogue.acknowledge(ack, heard)
            assert house.settled(reply.status, reply.body)
        for ack in (Ack.UNSTORED, Ack.BAD_SIGNATURE, Ack.UNKNOWN_REFERENCE):
            reply = dialogue.acknowledge(ack, heard)
            assert not house.settled(reply.status, reply.body)


@pytest.mark.parametrize("dialect", ASKABLE)
async def test_the_answer_to_a_question_says_what_the_books_say(open_ground: OpenGround, dialect: Dialect) -> None:
    """Pending before, paid after, with the transaction of the books."""
    async with open_ground() as ground:
        dialogue = ours(ground, dialect)
        made = await begun(ground, dialect, dialogue)
        question = asked(time_text=made.time_text or "20260921143005")
        before = dialogue.queried(question, await put(ground, dialect, dialogue.query(question)))
        await ground.does("pay", address=made.pay_url)
        after = dialogue.queried(question, await put(ground, dialect, dialogue.query(question)))
        assert (before.verdict, before.trusted) == (Verdict.PENDING, True)
        assert (after.verdict, after.trusted, after.ours, after.amount) == (Verdict.PAID, True, True, 500_000)
        assert after.txn_id == (await ground.standing(REF))["transactions"][0]["txn_id"]


@pytest.mark.parametrize("dialect", ASKABLE)
async def test_a_payment_that_failed_is_said_to_have_failed(open_ground: OpenGround, dialect: Dialect) -> None:
    """KeyPay's word for it is configuration: payment facts name 0 and 1 only."""
    async with open_ground() as ground:
        options = KeypayOptions(status_map={"2": "F"}) if dialect.name == "keypay" else None
        dialogue = ours(ground, dialect, options)
        made = await begun(ground, dialect, dialogue)
        await ground.does("fail", address=made.pay_url)
        question = asked(time_text=made.time_text)
        assert (
            dialogue.queried(question, await put(ground, dialect, dialogue.query(question))).verdict is Verdict.FAILED
        )
        heard = dialogue.hear(last_notice(ground))
        assert heard.statement is not None and heard.statement.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("dialect", ASKABLE)
@pytest.mark.parametrize("lie", ["answer_other_ref", "answer_other_amount"])
async def test_a_lying_answer_is_not_taken_for_ours(open_ground: OpenGround, dialect: Dialect, lie: str) -> None:
    """Another reference is untrusted; another amount is told as it is, for the guards to refuse (abuse case A25)."""
    async with open_ground() as ground:
        dialogue = ours(ground, dialect)
        made = await begun(ground, dialect, dialogue)
        await ground.does("pay", address=made.pay_url)
        await ground.lie(lie)
        question = asked(time_text=made.time_text)
        told = dialogue.queried(question, await put(ground, dialect, dialogue.query(question)))
        assert told.amount != 500_000 if lie == "answer_other_amount" else not told.trusted


@pytest.mark.parametrize("dialect", ASKABLE)
async def test_what_they_do_not_know_is_configured_as_not_found(open_ground: OpenGround, dialect: Dialect) -> None:
    """Unknown by default; with a class for their code it allows the one repetition with the same reference."""
    async with open_ground() as ground:
        question = asked(time_text="20260921143005")
        plain = ours(ground, dialect)
        answer = await put(ground, dialect, plain.query(question))
        unknown = plain.queried(question, answer)
        assert unknown.verdict is Verdict.UNKNOWN
        mapped = {unknown.code: "not_found"}
        options = PpOptions(code_map=mapped) if dialect.name == "pp" else KeypayOptions(code_map=mapped)
        assert ours(ground, dialect, options).queried(question, answer).verdict is Verdict.NOT_FOUND


@pytest.mark.parametrize("dialect", HUBS)
async def test_the_same_order_twice_is_one_order(open_ground: OpenGround, dialect: Dialect) -> None:
    """A repetition with the same reference is refused by them, and never taken for a new page."""
    async with open_ground() as ground:
        dialogue = ours(ground, dialect)
        await begun(ground, dialect, dialogue)
        again = dialogue.created(order(), await put(ground, dialect, dialogue.create(order(created_at=START))))
        assert isinstance(again, Refused)


async def test_an_lgsp_wraps_answers_into_a_text(open_ground: OpenGround) -> None:
    """Orders and questions, with the option and never without it."""
    async with open_ground(pp_wrapper="lgsp_string") as ground:
        wrapped = ours(ground, pp.PROFILE, PpOptions(wrapper="lgsp_string"))
        made = await begun(ground, pp.PROFILE, wrapped)
        question = asked(time_text=made.time_text)
        answer = await put(ground, pp.PROFILE, wrapped.query(question))
        assert wrapped.queried(question, answer).verdict is Verdict.PENDING
        assert ours(ground, pp.PROFILE).queried(question, answer).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("changed", [False, True])
async def test_a_bill_that_a_hop_changed_is_seen(open_ground: OpenGround, changed: bool) -> None:
    """GET_BILL after the payment shows whose account the platform was told (abuse case A22)."""
    async with open_ground() as ground:
        if changed:
            await ground.lie("other_beneficiary")
        dialogue = ours(ground, pp.PROFILE)
        assert isinstance(dialogue, Bills)
        made = await begun(ground, pp.PROFILE, dialogue)
        await ground.does("pay", address=made.pay_url)
        question = asked(time_text=made.time_text)
        billed = dialogue.billed(order(), await put(ground, pp.PROFILE, dialogue.bill(question)))
        assert billed.readable
        assert billed.differences == (("beneficiary_account",) if changed else ())


async def test_a_bill_as_a_document_says_nothing(open_ground: OpenGround) -> None:
    """PDF: for people (payment facts 3.1)."""
    async with open_ground(pp_bill="pdf") as ground:
        dialogue = ours(ground, pp.PROFILE)
        assert isinstance(dialogue, Bills)
        made = await begun(ground, pp.PROFILE, dialogue)
        await ground.does("pay", address=made.pay_url)
        answer = await put(ground, pp.PROFILE, dialogue.bill(asked(time_text=made.time_text)))
        assert answer.body.startswith(b"%PDF") and not dialogue.billed(order(), answer).readable


async def test_keypay_gives_money_back_and_says_when_it_is_done(open_ground: OpenGround) -> None:
    """Under way first; done only by refund detail, asked by KeyPay's own code; above the rest it is refused."""
    async with open_ground() as ground:
        dialogue = ours(ground, keypay.PROFILE)
        made = await begun(ground, keypay.PROFILE, dialogue)
        await ground.does("pay", address=made.pay_url)
        some = refund()
        taken = dialogue.refunded(some, await put(ground, keypay.PROFILE, dialogue.refund(some)))
        assert (taken.verdict, taken.amount) == (Verdict.REFUNDING, 200_000) and taken.txn_id
        ground.clock.turn(200)
        known = msgspec.structs.replace(some, refund_txn_id=taken.txn_id)
        done = dialogue.refund_queried(known, await put(ground, keypay.PROFILE, dialogue.query_refund(known)))
        assert (done.verdict, done.amount) == (Verdict.REFUND_DONE, 200_000)
        more = refund(amount=400_000)
        assert dialogue.refunded(more, await put(ground, keypay.PROFILE, dialogue.refund(more))).verdict is (
            Verdict.REFUND_REJECTED
        )


async def test_a_pay_later_order_is_taken(open_ground: OpenGround) -> None:
    """With a bill id, its answer under `data`."""
    async with open_ground() as ground:
        dialogue = ours(ground, keypay.PROFILE, KeypayOptions(mode="pay_later"))
        made = await begun(ground, keypay.PROFILE, dialogue)
        assert URL(made.pay_url).host == "127.0.0.1" and made.provider_ref == f"KP{REF}"
