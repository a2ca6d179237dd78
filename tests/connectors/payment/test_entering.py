"""Keys of changes: what was said twice is one, what was answered twice counts twice; and who may be heard from where."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kit.networks import networks_of
from connectors.payment.changes import CancelAsked, Confirmed, Said, Unanswered
from connectors.payment.entering import change_of, claims_of, key_of, refund_id_of
from connectors.payment.model import Source, State, Statement, Verdict
from connectors.payment.notices import Voice
from connectors.payment.profiles import vnpay

from .fees import DOSSIER, ID, Story, fee, later, made, told, word
from .hearing import edge

WORDS: dict[str, Any] = {
    "verdict": Verdict.FAILED,
    "ref": "x",
    "amount": 1,
    "txn_id": "2",
    "provider": "momo",
    "trusted": False,
    "ours": False,
    "currency": "USD",
    "bank_code": "VCB",
    "time_text": "20260921",
    "code": "99",
    "key_id": "k2",
    "dossier_code": "H",
}


@pytest.mark.parametrize("field", sorted(WORDS))
def test_a_notice_that_differs_in_any_word_is_another_one(field: str) -> None:
    """Its key is a digest of all that it says, so no two notices share one."""
    other = msgspec.structs.replace(word(), **{field: WORDS[field]})
    assert key_of(told(1, word())) != key_of(told(1, other))


def test_the_same_notice_is_one_whenever_it_comes() -> None:
    """Neither its key nor what the house compares knows the hour."""
    assert key_of(told(1, word())) == key_of(told(9_999, word()))
    entered = change_of(ID, told(1, word()))
    assert entered.passing == ("at",) and entered.claims == ("txn/vnpay/14000001",)


def test_a_notice_signed_again_with_another_key_is_entered_again_and_changes_nothing() -> None:
    """While keys are exchanged a message may come under both: two entries, one payment."""
    both = told(60, word()), told(70, word(key_id="k2"))
    assert key_of(both[0]) != key_of(both[1])
    story = Story(fee(), made(), *both)
    assert len(story.payment().attempts[0].inflows) == 1 and story.alarms() == []


@given(st.integers(0, 10**6), st.integers(0, 10**6))
@settings(max_examples=20)
def test_each_answer_to_a_question_counts(one: int, other: int) -> None:
    """The same words at another moment are another answer; a question that got none as well."""
    query = word(Verdict.PENDING, source=Source.QUERY)
    assert (key_of(told(one, query)) == key_of(told(other, query))) == (one == other)
    lost = [key_of(Unanswered(at=later(at), attempt=1, query=True)) for at in (one, other)]
    assert (lost[0] == lost[1]) == (one == other)


def test_a_command_is_its_request_and_its_body() -> None:
    """Repeated it is one; with another body under the same request the ledger sees both, and the second has had its answer."""
    first = CancelAsked(at=later(1), request_id="h", asked_by="GQHS", reason="", body_sha256="a")
    again = CancelAsked(at=later(2), request_id="h", asked_by="GQHS", reason="", body_sha256="a")
    other = CancelAsked(at=later(1), request_id="h", asked_by="GQHS", reason="", body_sha256="b")
    assert key_of(first) == key_of(again) != key_of(other)
    assert refund_id_of(ID, "h") == refund_id_of(ID, "h") != refund_id_of(ID, "h2")


@pytest.mark.parametrize("fields", [{"trusted": False}, {"ours": False}, {"txn_id": ""}, {"verdict": Verdict.HOLD}])
def test_only_a_verified_success_of_ours_claims_its_transaction(fields: dict[str, Any]) -> None:
    """What anybody may say holds no name against others."""
    statement: Statement = msgspec.structs.replace(word(), **fields)
    assert claims_of(Said(at=later(1), attempt=1, statement=statement)) == ()


@pytest.mark.parametrize("txn_id", ["9" * 65_000, "9" * 101, "14\n01", "14\u200b01", "\x00"])
def test_an_answer_with_a_transaction_that_nobody_can_name_stops_no_page_and_waits_for_people(txn_id: str) -> None:
    """The house refuses a claim that is no code, with the whole page of all intermediaries: such an answer claims nothing."""
    entered = change_of(ID, told(1, word(source=Source.QUERY, txn_id=txn_id, currency=txn_id, bank_code=txn_id)))
    assert entered.claims == () and len(entered.key) <= 200
    statement = cast("dict[str, Any]", entered.fields["statement"])
    assert (statement["verdict"], statement["currency"]) == (Verdict.HOLD, "unreadable")
    assert txn_id not in map(str, statement.values())
    fit = word(txn_id="FT-2026/1 a")
    assert change_of(ID, told(1, fit)).claims == ("txn/vnpay/FT-2026/1 a",)


async def test_a_lying_answer_of_one_intermediary_does_not_stop_the_questions_to_others() -> None:
    """What follows of an endless transaction number is taken by a real journal; the payment waits for people."""
    async with edge() as house:
        await house.enter(ID, fee(), made(), dossier_code=DOSSIER)
        assert await house.enter(ID, told(60, word(source=Source.QUERY, txn_id="9" * 65_000))) == 1
        payment = await house.payment(ID)
        assert payment.attempts[0].held and payment.attempts[0].state is not State.PAID


def test_people_who_confirm_a_payment_claim_its_transaction_like_a_notice() -> None:
    """What they saw pays this payment and no other (G7); what they say did not come claims nothing."""
    signed: dict[str, Any] = {"evidence": "SK", "decided_by": "lan", "approved_by": "minh", "decision_id": "d"}
    for paid, claims in ((True, ("txn/vnpay/14000001",)), (False, ())):
        change = Confirmed(at=later(1), attempt=1, paid=paid, txn_id="14000001", provider="vnpay", **signed)
        assert claims_of(change) == claims


@pytest.mark.parametrize(
    ("peer", "may"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("2001:db8::1", True),
        ("11.0.0.1", False),
        ("::ffff:11.0.0.1", False),
        ("2001:db9::1", False),
        ("", False),
        ("10.1.2.3, 11.0.0.1", False),
    ],
)
def test_a_source_is_an_address_within_a_network(peer: str, may: bool) -> None:
    """IPv4 within IPv6 is IPv4; what is no address comes from nowhere. Without networks anybody may call."""
    dialogue: Any = vnpay.PROFILE
    listed = Voice("vnpay", dialogue, networks=networks_of(("10.0.0.0/8", "2001:db8::/32")))
    assert listed.may_come_from(peer) is may
    assert Voice("vnpay", dialogue).may_come_from(peer)
