"""Abuse cases of payment facts 6 that come in as notices: repeated, early, flooding, too large, or about other money."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import Counter
from typing import Any

import pytest

from connectors.kit.contract import Notice
from connectors.payment.model import Source, State, Verdict
from connectors.payment.references import attempt_ref, payment_id_of
from connectors.payment.settings import NoticeLimits

from .fees import AMOUNT, DOSSIER, ID, answered, fee, later, made
from .hearing import ACCESS, PARTNER, SECRET, UPSTREAM, Edge, edge, notice_of_keypay, notice_of_vnpay

REF = attempt_ref(ID, 1)
FAILED = {"ResponseCode": "24", "TransactionStatus": "02", "TransactionNo": "0"}


async def _asked(heard: Edge, **fields: Any) -> None:
    await heard.enter(ID, fee(**fields), made(), dossier_code=DOSSIER)
    heard.moment[0] = later(60)


def _momo(ref: str, **changes: Any) -> bytes:
    """A notice of MoMo, by this witness's own reading of facts 3.6."""
    told: dict[str, Any] = {
        "partnerCode": PARTNER,
        "orderId": ref,
        "requestId": ref,
        "amount": AMOUNT,
        "orderInfo": "Phí thẩm định",
        "orderType": "momo_wallet",
        "transId": 4088878653,
        "resultCode": 0,
        "message": "Giao dịch thành công.",
        "payType": "qr",
        "responseTime": 1790000000000,
        "extraData": "",
        **changes,
    }
    text = "&".join(f"{name}={value}" for name, value in sorted({**told, "accessKey": ACCESS}.items()))
    signature = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    return json.dumps({**told, "signature": signature}, ensure_ascii=False).encode()


async def test_a02_an_amount_that_differs_under_a_good_signature_is_for_people() -> None:
    """`04` however often it comes; kept as evidence, held, an alarm, never paid."""
    async with edge() as heard:
        await _asked(heard)
        answers = [await heard.vnpay(TxnRef=REF, Amount="5000000") for _ in range(2)]
        payment = await heard.payment(ID)
        assert [answer["RspCode"] for _, answer in answers] == ["04", "04"]
        assert (payment.state, payment.attempts[0].held) == (State.PENDING, "amount_differs")
        assert [inflow.counts for inflow in payment.attempts[0].inflows] == [False]
        assert heard.alarms == ["payment.amount_differs"]


@pytest.mark.parametrize("times", [2, 10, 100])
async def test_a06_one_notice_many_times_at_once_has_one_effect(times: int) -> None:
    """One transition, one proposal, one receipt for each kind; every other one is acknowledged as a repetition."""
    async with edge() as heard:
        await _asked(heard, receipts="bien-lai")
        gate = asyncio.Semaphore(20)

        async def once(number: int) -> str:
            async with gate:
                heard.moment[0] = later(60 + number)
                return (await heard.vnpay(TxnRef=REF))[1]["RspCode"]

        acks = Counter(await asyncio.gather(*map(once, range(times))))
        payment = await heard.payment(ID)
        # Notices that were read before the first was stored may each be told that they were taken: all of them were.
        assert acks["00"] >= 1 and set(acks) <= {"00", "02"} and acks.total() == times
        assert payment.state is State.PAID and len(payment.attempts[0].inflows) == 1
        assert len(await heard.rows("ledger.changed")) == 3 and heard.alarms == []
        assert len([row for row in await heard.rows("ledger.told") if b"payment.paid" in row.fields]) == 1
        effects = [json.loads(row.fields)["effects"] for row in await heard.rows("ledger.changed")]
        assert [sorted(told) for told in effects] == [["deliver"], [], ["deliver", "deliver", "propose", "tell"]]
        assert (await heard.vnpay(TxnRef=REF))[1]["RspCode"] == "02"


async def test_a06_the_same_news_from_a_query_first_is_a_repetition_for_the_notice() -> None:
    """The intermediary is told that we know; what it says is kept all the same."""
    async with edge() as heard:
        await _asked(heard)
        await heard.enter(ID, answered(50, Verdict.PAID))
        assert (await heard.vnpay(TxnRef=REF))[1]["RspCode"] == "02"
        payment = await heard.payment(ID)
        assert payment.paid_by is Source.QUERY and len(payment.attempts[0].said) == 2


async def test_a07_failure_and_success_in_either_order_leave_it_paid() -> None:
    """A failure after success changes nothing but an alarm; a success after failure is late, and paid."""
    async with edge() as heard:
        await _asked(heard)
        assert [(await heard.vnpay(TxnRef=REF, **told))[1]["RspCode"] for told in (FAILED, FAILED, {}, FAILED)] == [
            "00",
            "02",
            "00",
            "02",
        ]
        payment = await heard.payment(ID)
        assert payment.state is State.PAID and "late_success" in payment.flags


async def test_a08_a_notice_before_our_create_was_answered_finds_its_row() -> None:
    """The row is on disk before anything is called, so there is something to pay."""
    async with edge() as heard:
        await heard.enter(ID, fee(), dossier_code=DOSSIER)
        assert (await heard.vnpay(TxnRef=REF))[1]["RspCode"] == "00"
        await heard.enter(ID, made(2))
        payment = await heard.payment(ID)
        assert payment.state is State.PAID and payment.attempts[0].made.pay_url


async def test_a13_a_transaction_pays_one_payment_only() -> None:
    """The second payment that claims it is refused whole, kept, audited, and an alarm."""
    other = payment_id_of("GQHS", "yc-2")
    async with edge() as heard:
        await _asked(heard)
        second = fee(payment_id=other, request_id="yc-2", body_sha256="b" * 64, dossier_code=f"{DOSSIER}-2")
        await heard.enter(other, second, dossier_code=f"{DOSSIER}-2")
        await heard.vnpay(TxnRef=REF)
        await heard.vnpay(TxnRef=attempt_ref(other, 1))
        assert (await heard.payment(ID)).state is State.PAID
        assert (await heard.payment(other)).state is State.CREATED
        assert heard.alarms == ["ledger.claimed_elsewhere"]


async def test_a28_a_very_large_notice_is_refused_before_it_is_read() -> None:
    """413 above 64 KiB, in the body or in the query; what is within is only judged."""
    async with edge() as heard:
        assert (await heard.post("momo", b"x" * 65_537))[0] == 413
        assert (await heard.get("vnp_OrderInfo=" + "x" * 5_000))[0] == 200
        assert (await heard.post("momo", b"x" * 300_000))[0] == 413


async def test_a28_a_notice_that_is_no_json_is_refused() -> None:
    """415 for another type, whatever the bytes are; JSON with a charset is JSON."""
    async with edge() as heard:
        await _asked(heard, provider="momo", method="ewallet")
        body = _momo(REF)
        assert (await heard.post("momo", body, {"Content-Type": "text/xml"}))[0] == 415
        assert (await heard.payment(ID)).state is State.PENDING
        assert (await heard.post("momo", body, {"Content-Type": "application/json; charset=UTF-8"}))[0] == 204
        assert (await heard.payment(ID)).state is State.PAID


async def test_a28_a_body_that_never_comes_is_given_up() -> None:
    """Who sends slowly holds no place for ever: the time limit of the edge ends it."""
    async with edge() as heard:
        reader, writer = await asyncio.open_connection("127.0.0.1", heard.server.port)
        head = f"POST /v1/callbacks/{UPSTREAM}/momo HTTP/1.1\r\nHost: edge\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        answer = await asyncio.wait_for(reader.readline(), 60)
        writer.close()
        assert answer.startswith((b"HTTP/1.1 408", b"HTTP/1.1 400")), answer


async def test_a29_a_flood_of_unknown_references_is_slowed_and_leaves_no_rows() -> None:
    """Nothing grows but the bounded trail; the same source can still tell of a payment that there is."""
    async with edge(NoticeLimits(unknown_per_minute=60, unknown_burst=5)) as heard:
        await _asked(heard)
        before = len(await heard.rows("ledger.changed"))
        told = [await heard.vnpay(TxnRef=attempt_ref(payment_id_of("X", str(n)), 1)) for n in range(100)]
        assert [status for status, _ in told[:5]] == [200] * 5 and told[0][1]["RspCode"] == "01"
        assert {status for status, _ in told[5:]} == {429}
        assert len(await heard.rows("ledger.changed")) == before
        assert 0 < len(await heard.rows("notice.refused")) <= 60
        assert (await heard.vnpay(TxnRef=REF))[1]["RspCode"] == "00"


async def test_a29_an_unknown_reference_is_looked_for_like_a_known_one() -> None:
    """One read of the store whether it can be ours, could be and is not, or cannot be: nothing tells them apart."""
    async with edge() as heard:
        await _asked(heard)
        reads: list[str] = []
        read = heard.shelf.read

        async def counted(ledger: str, ledger_id: str) -> Any:
            reads.append(ledger_id)
            return await read(ledger, ledger_id)

        heard.shelf.read = counted  # type: ignore[method-assign]  # counts, and does what it did
        unknown = [attempt_ref(payment_id_of("X", "1"), 1), "HD-2026-0001", f"{ID}a2", f"{ID}r1"]
        answers = [await heard.vnpay(TxnRef=ref) for ref in unknown]
        assert [answer for _, answer in answers] == [answers[0][1]] * 4 and answers[0][1]["RspCode"] == "01"
        assert len(reads) == 4


async def test_a29_a_source_that_is_not_listed_is_refused_whatever_it_knows() -> None:
    """Even a good signature, from somewhere else, changes nothing; from a listed network it counts."""
    async with edge(sources=("10.0.0.0/8", "2001:db8::/32")) as heard:
        await _asked(heard)
        assert (await heard.vnpay(TxnRef=REF))[1]["RspCode"] == "03"
        assert (await heard.payment(ID)).state is State.PENDING
    async with edge(sources=("127.0.0.0/8",)) as heard:
        await _asked(heard)
        assert (await heard.vnpay(TxnRef=REF))[1]["RspCode"] == "00"


async def test_a29_what_a_signature_does_not_cover_makes_no_new_rows() -> None:
    """KeyPay signs neither status nor transaction: one captured message, rewritten a hundred times, is one row."""
    async with edge() as heard:
        await _asked(heard, provider="keypay")
        before = len(await heard.rows("ledger.changed"))
        for number in range(100):
            assert (await heard.post("keypay", notice_of_keypay(REF, transaction_code=f"KP{number}")))[0] == 200
        payment = await heard.payment(ID)
        assert len(await heard.rows("ledger.changed")) == before + 1
        assert payment.state is State.PENDING and payment.attempts[0].inflows == ()
        assert payment.due is not None and payment.due <= later(63), "and it is asked about at once"


async def test_a30_a_notice_with_a_time_far_away_is_taken_and_flagged() -> None:
    """The money counts, the clock does not: complete when we knew it."""
    async with edge() as heard:
        await _asked(heard)
        assert (await heard.vnpay(TxnRef=REF, PayDate="20360101000000"))[1]["RspCode"] == "00"
        payment = await heard.payment(ID)
        assert payment.flags == ("clock_skew",) and payment.completed_at == later(60)


@pytest.mark.parametrize("around", [" {}", "{} ", "\u200b{}", "{}\u200d", "{}\n", "\ufeff{}", "{}\x00", "０{}"])
async def test_a33_a_reference_with_blanks_or_invisible_letters_is_another(around: str) -> None:
    """Exact or unknown, under a good signature too; also in capitals."""
    async with edge() as heard:
        await _asked(heard)
        for ref in (around.format(REF), REF.upper()):
            assert (await heard.vnpay(TxnRef=ref))[1]["RspCode"] in ("01", "97")
        assert (await heard.payment(ID)).state is State.PENDING


async def test_a_forged_notice_changes_nothing_and_is_audited_without_what_it_said() -> None:
    """Another key: refused in VNPAY's own words, one bounded row, no ledger touched."""
    async with edge() as heard:
        await _asked(heard)
        assert (await heard.vnpay("guessed", TxnRef=REF))[1]["RspCode"] == "97"
        [row] = await heard.rows("notice.refused")
        assert REF.encode() not in row.fields and (await heard.payment(ID)).state is State.PENDING


async def test_a_notice_that_cannot_be_stored_is_asked_for_again() -> None:
    """With the word of the intermediary for our own failure, so that it repeats the notice."""
    async with edge() as heard:
        await _asked(heard)
        call = Notice("GET", "/", notice_of_vnpay(TxnRef=REF), {}, b"", "127.0.0.1", profile="vnpay")
        reading = await heard.notices.read(call)
        assert reading.unstored is not None and b'"99"' in reading.unstored.body
