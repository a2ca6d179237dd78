"""Every dialect of ours understands its simulated intermediary and is understood: two readings of the same facts agree."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
import pytest

from connectors.kit.contract import Notice
from connectors.kit.http_answers import HttpAnswer
from connectors.payment.client import dialect_of
from connectors.payment.model import Asked, Made, Order, RefundOrder, Statement, Verdict
from connectors.payment.profiles.keypay.options import KeypayOptions
from connectors.payment.profiles.paygov.options import PaygovOptions
from connectors.payment.profiles.pp.options import PpOptions
from connectors.payment.settings import PROFILES
from connectors.payment.simulator_options import PROVIDERS
from connectors.payment.speaking import Account, Ack, Bills, Call, Dialogue, Key, Refused
from tests.connectors.payment import accounts
from tests.connectors.payment_simulator.conftest import START, Ground, Heard, OpenGround

_PATHS = {
    "vnpay": {"pay": "/vnpay/paymentv2/vpcpay.html", "api": "/vnpay/merchant_webapi/api/transaction"},
    "momo": {
        "create": "/momo/v2/gateway/api/create",
        "query": "/momo/v2/gateway/api/query",
        "refund": "/momo/v2/gateway/api/refund",
        "refund_query": "/momo/v2/gateway/api/refund/query",
    },
    "zalopay": {name: f"/zalopay/v2/{name}" for name in ("create", "query", "refund", "query_refund")},
    "pp": {name: f"/pp/{name}" for name in ("init", "query", "bill")},
    "keypay": {name: f"/keypay/{name}" for name in ("create", "detail", "refund", "refund_detail")},
    "paygov": {"create": "/paygov/create"},
    "vietqr": {"feed": "/vietqr/feed"},
}
_REFUNDS = ("vnpay", "momo", "zalopay", "keypay")
_ASKED = tuple(name for name in _PATHS if name != "paygov")
_HUBS = ("pp", "keypay", "paygov")
_REF = accounts.REF
_CALLBACK = ("accessKey", "orderId", "requestCode", "transactionNo", "amount", "errorCode", "payDate")


@dataclass
class Speaker:
    """A dialogue of ours with the simulator."""

    name: str
    ground: Ground
    dialogue: Dialogue
    order: Order

    async def put(self) -> Made:
        """An attempt is made."""
        call = self.dialogue.create(self.order)
        made = call if isinstance(call, Made) else self.dialogue.created(self.order, await self.answer(call))
        assert isinstance(made, Made), made
        return made

    async def answer(self, call: Call) -> HttpAnswer:
        """What the simulator answers."""
        path = self.ground.base + _PATHS[self.name][call.endpoint]
        path += "?" + "&".join(f"{k}={v}" for k, v in call.query.items()) if call.query else ""
        status, headers, body = await self.ground.call(call.method, path, data=call.body or None, headers=call.headers)
        return HttpAnswer(status, headers, body, 1.0)

    def asked(self, made: Made) -> Asked:
        """The same attempt, to be asked about."""
        return accounts.asked(
            time_text=made.time_text, provider_ref=made.provider_ref, number=self.ground.clock.count()
        )

    async def told(self, asked: Asked) -> Statement:
        """What the simulator says of it now."""
        return self.dialogue.queried(asked, await self.question(asked))

    async def question(self, asked: Asked) -> HttpAnswer:
        """Its answer as it came."""
        call = self.dialogue.query(asked)
        assert call is not None
        return await self.answer(call)

    async def verdict(self, made: Made) -> tuple[Verdict, bool]:
        """What the simulator says of it now, and whether it may be believed."""
        said = await self.told(self.asked(made))
        return said.verdict, said.trusted


def _notice(heard: Heard) -> Notice:
    headers = {name.lower(): value for name, value in heard.headers.items()}
    return Notice(
        method="GET" if heard.query else "POST",
        path=f"/v1/callbacks/payment/{heard.provider}",
        query=heard.query,
        headers=headers,
        body=heard.body,
        peer="127.0.0.1",
    )


def _speaker(ground: Ground, name: str, options: msgspec.Struct | None = None) -> Speaker:
    dialect, own = dialect_of(name), ground.world.options.of(name)
    keys = {"main": own.secrets, "second": own.second, "access": (own.access,)}
    usual = PaygovOptions(callback_fields=_CALLBACK) if name == "paygov" else dialect.options_type()
    account = Account(
        name=name,
        merchant=own.merchant,
        keys=lambda role: tuple(Key(id=f"{role}-1", value=value) for value in keys.get(role, ()) if value),
        endpoints={key: ground.base + path for key, path in _PATHS[name].items()},
        options=options or usual,
        now=ground.clock.now,
    )
    notify = f"{ground.world.gateway_url}/v1/callbacks/payment/{name}"
    order = accounts.order(notify_url=notify, return_url="https://cong.example.gov.vn/payments/payment/return")
    return Speaker(name, ground, dialect.open(account), order)


@pytest.mark.parametrize("name", _PATHS)
async def test_what_is_made_here_is_paid_there_and_its_notice_is_believed(open_ground: OpenGround, name: str) -> None:
    """The whole way of an attempt; its acknowledgement settles the notice at once."""
    async with open_ground() as ground:
        speaker = _speaker(ground, name)
        made = await speaker.put()
        did = await ground.does("pay", address=made.pay_url or made.qr_text)
        (heard,) = ground.merchant.heard
        read = speaker.dialogue.hear(_notice(heard))
        assert read.ack is Ack.TAKEN
        assert read.statement is not None
        assert speaker.dialogue.acknowledge(Ack.TAKEN, read).status in (200, 204)
        told = read.statement
        books = (await ground.control("GET", "books"))["orders"][0]
        trusted = name != "keypay"  # Its callbacks only make us ask.
        assert (told.trusted, told.ours, told.ref, told.amount) == (trusted, True, _REF, 500_000)
        assert told.txn_id == books["transactions"][0]["txn_id"]
        if trusted:
            assert told.verdict is Verdict.PAID
            assert told.paid_at == ground.clock.now()
        back = speaker.dialogue.returned(urlsplit(did["location"]).query)
        assert back.ref == ("" if name == "vietqr" else _REF)


@pytest.mark.parametrize("name", _PATHS)
async def test_our_acknowledgements_end_and_prolong_the_tries_as_meant(open_ground: OpenGround, name: str) -> None:
    """What could not be stored comes again; what is taken, or was known, does not."""
    async with open_ground() as ground:
        speaker = _speaker(ground, name)
        house = ground.world.houses[name]
        refusals = (Ack.UNSTORED, Ack.BAD_SIGNATURE, Ack.UNKNOWN_REFERENCE) if name in _HUBS else (Ack.UNSTORED,)
        for ack, ends in ((Ack.TAKEN, True), (Ack.DUPLICATE, True), *((ack, False) for ack in refusals)):
            reply = speaker.dialogue.acknowledge(ack, None)
            assert house.settled(reply.status, reply.body) is ends, ack


@pytest.mark.parametrize("name", _ASKED)
async def test_a_question_tells_what_the_payer_did(open_ground: OpenGround, name: str) -> None:
    """Not paid yet, then paid; believed both times."""
    async with open_ground() as ground:
        speaker = _speaker(ground, name)
        made = await speaker.put()
        if name == "vnpay":
            await ground.call("GET", made.pay_url)
        # A bank knows no order, only that no line with its reference has come.
        unpaid = Verdict.NOT_FOUND if name == "vietqr" else Verdict.PENDING
        assert await speaker.verdict(made) == (unpaid, True)
        await ground.does("pay", address=made.pay_url or made.qr_text)
        paid = await speaker.told(speaker.asked(made))
        assert (paid.verdict, paid.trusted, paid.ours, paid.amount) == (Verdict.PAID, True, True, 500_000)
        books = (await ground.control("GET", "books"))["orders"][0]
        assert paid.txn_id == books["transactions"][0]["txn_id"]


@pytest.mark.parametrize("name", [name for name in _ASKED if name not in ("vietqr", "keypay")])
async def test_a_payment_that_failed_is_failed_in_the_answer_to_a_question(open_ground: OpenGround, name: str) -> None:
    """By its own code; KeyPay has no known word for it, a bank none at all."""
    async with open_ground() as ground:
        speaker = _speaker(ground, name)
        made = await speaker.put()
        await ground.does("cancel", address=made.pay_url or made.qr_text)
        assert await speaker.verdict(made) == (Verdict.FAILED, True)


@pytest.mark.parametrize(
    ("name", "lie"),
    [
        ("vnpay", "answer_other_ref"),
        ("vnpay", "answer_bad_signature"),
        ("vnpay", "answer_other_amount"),
        ("zalopay", "answer_other_amount"),
        *((name, lie) for name in ("momo", "pp", "keypay") for lie in ("answer_other_amount", "answer_other_ref")),
    ],
)
async def test_an_answer_that_lies_is_no_proof_of_payment(open_ground: OpenGround, name: str, lie: str) -> None:
    """Not believed, or it says itself that the amount is another one, which the guards see (A25)."""
    async with open_ground() as ground:
        speaker = _speaker(ground, name)
        made = await speaker.put()
        await ground.does("pay", address=made.pay_url or made.qr_text)
        await ground.lie(lie)
        asked = speaker.asked(made)
        said = await speaker.told(asked)
        assert said.amount != asked.amount if lie == "answer_other_amount" else not said.trusted


@pytest.mark.parametrize("name", ["vnpay", "momo", "zalopay", "pp", "keypay", "paygov", "vietqr"])
@pytest.mark.parametrize("lie", ["amount_lowered", "strangers_key", "no_signature", "short_signature", "not_hex"])
async def test_a_forged_notice_is_never_believed(open_ground: OpenGround, name: str, lie: str) -> None:
    """Whatever it says."""
    async with open_ground() as ground:
        speaker = _speaker(ground, name)
        made = await speaker.put()
        await ground.lie(lie)
        await ground.does("pay", address=made.pay_url or made.qr_text)
        read = speaker.dialogue.hear(_notice(ground.merchant.heard[0]))
        assert read.ack in (Ack.BAD_SIGNATURE, Ack.MALFORMED) or (
            read.statement is not None and not read.statement.trusted
        )


@pytest.mark.parametrize("encoder", ["php", "java", "dotnet", "js", "python"])
async def test_notices_of_every_encoder_are_believed(open_ground: OpenGround, encoder: str) -> None:
    """With the letters on which the languages differ (facts 3.5)."""
    async with open_ground(encoder=encoder) as ground:
        speaker = _speaker(ground, "vnpay")
        made = await speaker.put()
        await ground.call("GET", made.pay_url)
        next(iter(ground.world.books)).text = "Phí (50%) *A* ~B~ 'C' !"
        await ground.does("pay", address=made.pay_url or made.qr_text)
        assert speaker.dialogue.hear(_notice(ground.merchant.heard[0])).ack is Ack.TAKEN


async def _refunded(speaker: Speaker, ask: RefundOrder, *, question: bool) -> tuple[Verdict, str]:
    call = speaker.dialogue.query_refund(ask) if question else speaker.dialogue.refund(ask)
    assert call is not None
    answer = await speaker.answer(call)
    said = speaker.dialogue.refund_queried(ask, answer) if question else speaker.dialogue.refunded(ask, answer)
    return said.verdict, said.txn_id


@pytest.mark.parametrize("rejected", [False, True])
@pytest.mark.parametrize("name", _REFUNDS)
async def test_a_refund_is_followed_to_its_end(open_ground: OpenGround, name: str, rejected: bool) -> None:
    """Under way, then done or rejected, and the books count it or do not."""
    async with open_ground(speed={"pace": 1.0, "refund_s": 60}) as ground:
        speaker = _speaker(ground, name)
        made = await speaker.put()
        await ground.does("pay", address=made.pay_url or made.qr_text)
        txn_id = (await ground.control("GET", "books"))["orders"][0]["transactions"][0]["txn_id"]
        if rejected:
            await ground.lie("refund_rejected")
        ask = accounts.refund(txn_id=txn_id, amount=500_000, whole=True, time_text=made.time_text)
        first, refund_txn = await _refunded(speaker, ask, question=False)
        # MoMo says "being processed" of what it has taken: by facts 2.4 nobody knows then.
        assert rejected or first is (Verdict.UNKNOWN if name == "momo" else Verdict.REFUNDING)
        ground.clock.turn(61)
        ask = msgspec.structs.replace(ask, refund_txn_id=refund_txn, number=2)
        end = Verdict.REFUND_REJECTED if rejected else Verdict.REFUND_DONE
        assert (await _refunded(speaker, ask, question=True))[0] is end
        sums = (await ground.control("GET", "books"))["sums"][name]
        assert sums == {"paid": 500_000, "refunded": 0 if rejected else 500_000}


@pytest.mark.parametrize(("lie", "differs"), [("", ()), ("other_beneficiary", ("beneficiary_account",))])
async def test_an_account_that_a_hop_changed_is_seen_on_the_bill(
    open_ground: OpenGround, lie: str, differs: tuple[str, ...]
) -> None:
    """And a bill that is ours shows no difference (A22)."""
    async with open_ground() as ground:
        speaker = _speaker(ground, "pp")
        if lie:
            await ground.lie(lie)
        made = await speaker.put()
        await ground.does("pay", address=made.pay_url or made.qr_text)
        assert isinstance(speaker.dialogue, Bills)
        call = speaker.dialogue.bill(speaker.asked(made))
        assert call is not None
        billed = speaker.dialogue.billed(speaker.order, await speaker.answer(call))
        assert (billed.readable, billed.differences) == (True, differs)


@pytest.mark.parametrize("name", ["pp", "keypay"])
async def test_what_contracts_settle_of_hubs_is_read_as_configured(open_ground: OpenGround, name: str) -> None:
    """A failure that KeyPay has no published word for, and the code of what they do not know (payment facts 9)."""
    async with open_ground() as ground:
        plain = _speaker(ground, name)
        question = accounts.asked(time_text="20260921143005")
        answer = await plain.question(question)
        unknown = plain.dialogue.queried(question, answer)
        assert unknown.verdict is Verdict.UNKNOWN
        mapped = {unknown.code: "not_found"}
        options = PpOptions(code_map=mapped) if name == "pp" else KeypayOptions(code_map=mapped, status_map={"2": "F"})
        speaker = _speaker(ground, name, options)
        assert speaker.dialogue.queried(question, answer).verdict is Verdict.NOT_FOUND
        made = await speaker.put()
        await ground.does("fail", address=made.pay_url)
        assert (await speaker.told(speaker.asked(made))).verdict is Verdict.FAILED
        heard = speaker.dialogue.hear(_notice(ground.merchant.heard[-1]))
        assert heard.statement is not None and heard.statement.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("name", _HUBS)
async def test_the_same_order_twice_is_one_order(open_ground: OpenGround, name: str) -> None:
    """A repetition with the same reference is refused by them, and never taken for a new page."""
    async with open_ground() as ground:
        speaker = _speaker(ground, name)
        speaker.order = msgspec.structs.replace(speaker.order, created_at=START)
        await speaker.put()
        call = speaker.dialogue.create(speaker.order)
        assert isinstance(call, Call)
        assert isinstance(speaker.dialogue.created(speaker.order, await speaker.answer(call)), Refused)


async def test_an_lgsp_wraps_answers_into_a_text(open_ground: OpenGround) -> None:
    """Orders and questions, with the option and never without it."""
    async with open_ground(pp_wrapper="lgsp_string") as ground:
        wrapped = _speaker(ground, "pp", PpOptions(wrapper="lgsp_string"))
        asked = wrapped.asked(await wrapped.put())
        answer = await wrapped.question(asked)
        assert wrapped.dialogue.queried(asked, answer).verdict is Verdict.PENDING
        assert _speaker(ground, "pp").dialogue.queried(asked, answer).verdict is Verdict.UNKNOWN


async def test_a_bill_as_a_document_says_nothing(open_ground: OpenGround) -> None:
    """PDF: for people (payment facts 3.1)."""
    async with open_ground(pp_bill="pdf") as ground:
        speaker = _speaker(ground, "pp")
        made = await speaker.put()
        await ground.does("pay", address=made.pay_url)
        assert isinstance(speaker.dialogue, Bills)
        call = speaker.dialogue.bill(speaker.asked(made))
        assert call is not None
        answer = await speaker.answer(call)
        assert answer.body.startswith(b"%PDF") and not speaker.dialogue.billed(speaker.order, answer).readable


async def test_a_refund_above_the_rest_is_refused(open_ground: OpenGround) -> None:
    """KeyPay gives a part back, found by its own code; what is more than the rest it rejects."""
    async with open_ground() as ground:
        speaker = _speaker(ground, "keypay")
        made = await speaker.put()
        await ground.does("pay", address=made.pay_url)
        some = accounts.refund()
        taken, txn = await _refunded(speaker, some, question=False)
        assert taken is Verdict.REFUNDING and txn
        ground.clock.turn(200)
        done = await _refunded(speaker, msgspec.structs.replace(some, refund_txn_id=txn), question=True)
        assert done[0] is Verdict.REFUND_DONE
        assert (await ground.control("GET", "books"))["sums"]["keypay"] == {"paid": 500_000, "refunded": 200_000}
        more = await _refunded(speaker, accounts.refund(amount=400_000), question=False)
        assert more[0] is Verdict.REFUND_REJECTED


async def test_a_pay_later_order_is_taken(open_ground: OpenGround) -> None:
    """With a bill id, its answer under `data`."""
    async with open_ground() as ground:
        made = await _speaker(ground, "keypay", KeypayOptions(mode="pay_later")).put()
        assert urlsplit(made.pay_url).hostname == "127.0.0.1" and made.provider_ref == f"KP{_REF}"


def test_every_intermediary_is_simulated() -> None:
    """A new dialect needs its simulator, and its place above."""
    assert set(_PATHS) == set(PROFILES) == set(PROVIDERS)
