"""The acknowledgement contract of payment facts 4.4, byte for byte on a real edge, at every intermediary that sends notices."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from yarl import URL

from connectors.payment.model import State
from connectors.payment.notices import Voice
from connectors.payment.references import attempt_ref, payment_id_of
from gateway.errors import JournalUnavailable
from tests.connectors.payment.fees import DOSSIER, ID, T0, fee, later, made
from tests.connectors.payment.hearing import UPSTREAM, Edge, edge
from tests.connectors.payment.witnesses import KEYPAY, MOMO, PAYGOV, PP, VNPAY, WITNESSES, ZALOPAY, Fields, Witness

REF = attempt_ref(ID, 1)
NOBODY = attempt_ref(payment_id_of("GQHS", "khong-co"), 1)
WORDS = ("MaLoi", "return_code", "error_code", "RspCode")
"""The members in which each acknowledgement says its word; MoMo says it with the status alone."""

ROWS: list[tuple[Witness, dict[str, Any]]] = [
    (PP, {"first": "00", "again": "00", "signature": "99", "reference": "99", "amount": "99", "unstored": "99"}),
    (KEYPAY, {"first": 0, "again": 0, "signature": -1, "reference": -1, "amount": -1, "unstored": -1}),
    (
        PAYGOV,
        {
            "first": "SUCCESSFUL",
            "again": "SUCCESSFUL",
            "signature": "SIGNATURE_WRONG",
            "reference": "FAILED",
            "amount": "FAILED",
            "unstored": "FAILED",
        },
    ),
    (VNPAY, {"first": "00", "again": "02", "signature": "97", "reference": "01", "amount": "04", "unstored": "99"}),
    (MOMO, {"first": 204, "again": 204, "signature": 400, "reference": 204, "amount": 204, "unstored": 500}),
    (ZALOPAY, {"first": 1, "again": 2, "signature": -1, "reference": 2, "amount": 2, "unstored": 0}),
]


def contract(test: Any) -> Any:
    """A test for each row of the table."""
    rows = [pytest.param(witness, words, id=witness.name) for witness, words in ROWS]
    return pytest.mark.parametrize(("witness", "words"), rows)(test)


@asynccontextmanager
async def asked(witness: Witness) -> AsyncIterator[Edge]:
    """An edge on which only this intermediary is heard, and a fee that was put before it."""
    voice = Voice(witness.name, witness.dialogue(), witness.dialect.methods)
    async with edge(others=(voice,)) as heard:
        heard.moment[0] = T0
        await heard.enter(ID, fee(provider=witness.name), made(), dossier_code=DOSSIER)
        heard.moment[0] = later(60)
        yield heard


async def said(heard: Edge, witness: Witness, fields: Fields) -> Any:
    """The word of the acknowledgement."""
    notice = witness.sent(fields)
    path = f"/v1/callbacks/{UPSTREAM}/{witness.name}"
    if witness.by_get:
        address = URL(str(heard.server.make_url(path)) + f"?{notice.query}", encoded=True)
        async with heard.session.get(address) as answer:
            status, body = answer.status, await answer.read()
    else:
        status, body = await heard.post(witness.name, notice.body)
    if not body or witness is MOMO:
        return status
    told = json.loads(body)
    return next(told[word] for word in WORDS if word in told)


@contract
async def test_a_success_is_acknowledged_once_it_is_stored_and_a_repetition_as_such(
    witness: Witness, words: dict[str, Any]
) -> None:
    """The payment is paid before the answer leaves; KeyPay's word, whose status nobody signed, only makes it due."""
    async with asked(witness) as heard:
        notice = witness.told(**witness.about(REF))
        assert await said(heard, witness, notice) == words["first"]
        payment = await heard.payment(ID)
        assert payment.state is (State.PENDING if witness is KEYPAY else State.PAID)
        if witness is KEYPAY:
            assert payment.due is not None and payment.due <= later(65)
        assert await said(heard, witness, notice) == words["again"]
        assert await heard.payment(ID) == payment


@contract
async def test_a_bad_signature_is_refused_in_their_own_word(witness: Witness, words: dict[str, Any]) -> None:
    """Signed by a stranger: refused, audited, and nothing of the payment is touched."""
    async with asked(witness) as heard:
        before = await heard.payment(ID)
        assert (
            await said(heard, witness, witness.told("a-stranger's-secret", **witness.about(REF))) == words["signature"]
        )
        assert await heard.payment(ID) == before
        assert len(await heard.rows("notice.refused")) == 1


@contract
async def test_an_unknown_reference_is_refused_in_their_own_word(witness: Witness, words: dict[str, Any]) -> None:
    """Well signed, about a payment that nobody asked for."""
    async with asked(witness) as heard:
        before = await heard.payment(ID)
        assert await said(heard, witness, witness.told(**witness.about(NOBODY))) == words["reference"]
        assert await heard.payment(ID) == before


@contract
async def test_another_amount_is_refused_in_their_own_word(witness: Witness, words: dict[str, Any]) -> None:
    """Well signed, about half of the money: kept for people, never paid (abuse case A2)."""
    async with asked(witness) as heard:
        half = "25000000" if witness.by_get else 250_000
        notice = witness.told(**witness.about(REF), **{witness.amount: half})
        assert await said(heard, witness, notice) == words["amount"]
        payment = await heard.payment(ID)
        assert payment.state is State.PENDING
        assert bool(payment.attempts[0].held) is (witness is not KEYPAY)


@contract
async def test_what_could_not_be_stored_is_asked_for_again(
    witness: Witness, words: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store fails: their word for "our fault", and the next try is a first one."""
    async with asked(witness) as heard:

        async def failing(*_: object, **__: object) -> Any:
            raise JournalUnavailable

        notice = witness.told(**witness.about(REF))
        with monkeypatch.context() as broken:
            broken.setattr(heard.taker, "take", failing)
            assert await said(heard, witness, notice) == words["unstored"]
        assert await said(heard, witness, notice) == words["first"]


def test_the_contract_names_every_intermediary_that_sends_notices() -> None:
    """A new one without a row fails here."""
    assert {witness.name for witness, _ in ROWS} == {witness.name for witness in WITNESSES}
