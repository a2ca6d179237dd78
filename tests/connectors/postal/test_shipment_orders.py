"""The order at the carrier, taking it back, and the money beside the way: postal facts 6.1, 7 and 9, rule by rule."""

from __future__ import annotations

import itertools

import pytest
from msgspec import structs

from connectors.postal.changes import (
    CancelAnswered,
    CancelAsked,
    CodDecided,
    CodSettled,
    DossierRegistered,
    OrderAnew,
    OrderRefused,
    OrderUnanswered,
    StateDecided,
)
from connectors.postal.commanding import (
    NEVER_SENT,
    cancel_to_send,
    may_be_sent,
    never_sent,
    surely_not_placed,
)
from connectors.postal.ledger import Shipments
from connectors.postal.model import Direction, OrderState

from .shipments import CARRIER, DUE, Story, later, parcel, placed, scanned


def _cancel(seconds: float = 60, request_id: str = "huy-1") -> CancelAsked:
    return CancelAsked(
        at=later(seconds), request_id=request_id, asked_by="GQHS", reason="Trả trực tiếp", body_sha256="c" * 64
    )


def _answered(outcome: str, seconds: float = 65, request_id: str = "huy-1") -> CancelAnswered:
    return CancelAnswered(at=later(seconds), request_id=request_id, outcome=outcome)


def _settled(amount: int, statement: str = "s1", seconds: float = 90_000, **fields: tuple[str, ...]) -> CodSettled:
    at = later(seconds)
    return CodSettled(at=at, statement_id=statement, paid_over=amount, paid_at=at, **fields)


def _money(decision: str, second: str = "minh") -> CodDecided:
    return CodDecided(
        at=later(95_000), decision=decision, reason="BB-02", decided_by="lan", approved_by=second, decision_id="d1"
    )


def _not_placed(second: str = "minh") -> StateDecided:
    return StateDecided(
        at=later(900),
        state="not_placed",
        evidence="CV-1",
        decided_by="lan",
        approved_by=second,
        decision_id=f"d-{second}",
    )


# --- an order in doubt ------------------------------------------------------------------------------------------------


def test_an_order_goes_out_once_it_was_asked_for_and_never_once_the_carrier_has_it() -> None:
    """What the lane carries again by mistake is not sent again."""
    assert may_be_sent(Story(parcel()).shipment())
    assert not may_be_sent(Story(parcel(), placed()).shipment())
    assert not may_be_sent(Story(parcel(), scanned(1, "accepted")).shipment())
    assert not may_be_sent(Story(parcel(), OrderRefused(at=later(1), code="1", message_vi="")).shipment())


def test_an_order_in_doubt_goes_out_again_only_because_the_lane_says_so() -> None:
    """The lane repeats what an enquiry allowed: the same number, which a carrier refuses twice or is known not to have."""
    assert may_be_sent(Story(parcel(), OrderUnanswered(at=later(5))).shipment())


def test_what_the_carrier_is_known_not_to_have_is_as_if_it_had_never_been_sent() -> None:
    """And in doubt again, from the new moment, if that is not answered either."""
    story = Story(parcel(), OrderUnanswered(at=later(5)), OrderAnew(at=later(60)))
    assert (story.shipment().order, story.shipment().doubt_since) == ("asked", None)
    story.then(OrderUnanswered(at=later(70)))
    assert (story.shipment().order, story.shipment().doubt_since) == ("in_doubt", later(70))


def test_two_operators_say_that_an_order_in_doubt_was_never_placed_and_that_counts_for_one_sending() -> None:
    """Sent anew and not answered, it is in doubt again: their word was about the first sending."""
    story = Story(parcel(), OrderUnanswered(at=later(5)), _not_placed())
    assert surely_not_placed(story.shipment())
    story.then(OrderAnew(at=later(960)))
    assert not surely_not_placed(story.shipment())
    story.then(OrderUnanswered(at=later(970)))
    assert (story.shipment().order, surely_not_placed(story.shipment())) == ("in_doubt", False)


@pytest.mark.parametrize("state", ["placed", "delivered", "returned", "exception"])
def test_two_operators_say_that_an_order_in_doubt_is_with_the_carrier(state: str) -> None:
    """They asked by telephone: the lane goes on, and it is never sent again; where it is, they may say too."""
    story = Story(parcel(), OrderUnanswered(at=later(5)), structs.replace(_not_placed(), state=state))
    where = "created" if state == "placed" else state
    assert (story.shipment().order, story.shipment().state) == ("placed", where)
    assert not may_be_sent(story.shipment())


@pytest.mark.parametrize("second", ["", "lan"])
def test_one_operator_does_not_say_that_an_order_was_never_placed(second: str) -> None:
    """A doubled parcel is worth a second look."""
    assert not surely_not_placed(Story(parcel(), OrderUnanswered(at=later(5)), _not_placed(second)).shipment())
    said = structs.replace(_not_placed(second), state="placed")
    assert Story(parcel(), OrderUnanswered(at=later(5)), said).shipment().order == "in_doubt"


def test_nobody_says_of_an_order_that_is_placed_that_it_was_never_placed() -> None:
    """The carrier spoke of it: their word comes too late, and before it is used a scan takes it back."""
    assert not surely_not_placed(Story(parcel(), placed(), _not_placed()).shipment())
    story = Story(parcel(), OrderUnanswered(at=later(5)), _not_placed(), scanned(20, "accepted"))
    assert (story.shipment().order, surely_not_placed(story.shipment())) == ("placed", False)
    story.then(OrderAnew(at=later(2_000)))
    assert story.shipment().order == "placed"


def test_a_dossier_that_a_carrier_does_not_register_is_an_alarm_and_the_order_still_goes_out() -> None:
    """The order says everything once more."""
    story = Story(parcel(register=True), DossierRegistered(at=later(1), code="9"))
    assert (story.alarms(), may_be_sent(story.shipment())) == (["postal.not_registered"], True)
    assert Story(parcel(register=True), DossierRegistered(at=later(1))).alarms() == []


# --- taking it back ---------------------------------------------------------------------------------------------------


def test_a_parcel_that_nobody_collected_yet_can_be_taken_back() -> None:
    """The carrier is asked; once it says so the parcel is cancelled, and stands so in its history."""
    story = Story(parcel(), placed(), scanned(0.5, "accepted"))
    assert story.tasks(story.then(_cancel())) == ["cancel"]
    assert cancel_to_send(story.shipment(), "huy-1")
    story.then(_answered("cancelled"))
    shipment = story.shipment()
    assert (shipment.state, shipment.cod, story.told()) == ("cancelled", "none", ["postal.cancelled"])
    assert shipment.history[-1].source == "gateway" and not cancel_to_send(shipment, "huy-1")


@pytest.mark.parametrize("means", ["collected", "in_transit", "out_for_delivery", "failed_attempt", "returning"])
def test_a_parcel_that_the_carrier_holds_is_not_taken_back(means: str) -> None:
    """Refused at once, remembered, and nobody is called."""
    story = Story(parcel(), placed(), scanned(0.5, means))
    assert story.then(_cancel()) == []
    assert [command.code for command in story.shipment().commands] == ["too_late"]
    assert story.shipment().cancel is None


def test_which_states_can_be_taken_back_is_a_setting_of_the_carrier() -> None:
    """Postal facts 11: as the shipment was asked for."""
    story = Story(parcel(cancellable=("created",)), placed(), scanned(0.5, "accepted"), _cancel())
    assert [command.code for command in story.shipment().commands] == ["too_late"]


@pytest.mark.parametrize("outcome", ["refused", "requested", "in_doubt"])
def test_nobody_heard_of_an_order_in_doubt_that_the_carrier_did_not_take_back(outcome: str) -> None:
    """No lane carries it any more, and a carrier that holds nothing never speaks of it: people must ask."""
    story = Story(parcel(), OrderUnanswered(at=later(3)), _cancel())
    assert story.alarms() == []
    story.then(_answered(outcome))
    assert story.alarms() == ["postal.still_in_doubt"] and story.shipment().order is OrderState.IN_DOUBT


def test_a_parcel_that_is_collected_already_ends_the_doubt_about_its_order() -> None:
    """The carrier says so when it is asked to take the order back."""
    story = Story(parcel(), OrderUnanswered(at=later(3)), _cancel(), _answered("too_late"))
    assert story.shipment().order is OrderState.PLACED and story.alarms() == []


def test_a_refused_order_and_a_cancelled_parcel_have_nothing_to_take_back() -> None:
    """Each says which."""
    refused = Story(parcel(), OrderRefused(at=later(1), code="1", message_vi=""), _cancel())
    gone = Story(parcel(), placed(), scanned(0.5, "cancelled"), _cancel())
    assert [refused.shipment().commands[0].code, gone.shipment().commands[0].code] == [
        "order_refused",
        "already_cancelled",
    ]


def test_one_cancellation_at_a_time_and_the_same_request_is_one() -> None:
    """Another request while one is under way is refused; after the carrier refused, it may be tried again."""
    story = Story(parcel(), placed(), _cancel())
    assert story.then(structs.replace(_cancel(90), body_sha256="d" * 64)) == []
    assert story.then(_cancel(95, "huy-2")) == []
    assert [command.code for command in story.shipment().commands] == ["", "cancel_under_way"]
    story.then(_answered("refused", 100))
    assert story.told() == ["postal.not_cancelled"]
    assert story.tasks(story.then(_cancel(200, "huy-3"))) == ["cancel"]


@pytest.mark.parametrize("outcome", ["in_doubt", "unknown_order"])
def test_a_cancellation_that_nobody_could_tell_of_may_be_tried_again(outcome: str) -> None:
    """One HTTP 500, and a parcel that nobody moves: refused as "under way" it could never be taken back."""
    story = Story(parcel(), placed(), _cancel(), _answered(outcome))
    assert story.tasks(story.then(_cancel(200, "huy-2"))) == ["cancel"]
    assert cancel_to_send(story.shipment(), "huy-2") and not cancel_to_send(story.shipment(), "huy-1")
    story.then(_answered("cancelled", 210, "huy-2"))
    assert story.shipment().state == "cancelled"


def test_an_order_that_never_went_out_is_cancelled_without_asking_anybody() -> None:
    """The lane was waiting: it sends nothing, and says so."""
    story = Story(parcel(), _cancel())
    shipment = story.shipment()
    said = never_sent(shipment, later(70))
    assert not may_be_sent(shipment) and said is not None
    story.then(said)
    ended = story.shipment().cancel
    assert (story.shipment().state, ended and ended.code) == ("cancelled", NEVER_SENT)
    assert not cancel_to_send(story.shipment(), "huy-1")


def test_an_order_in_doubt_is_not_said_to_have_never_been_sent() -> None:
    """It may be there: the carrier is asked to take it back."""
    story = Story(parcel(), OrderUnanswered(at=later(5)), _cancel())
    assert never_sent(story.shipment(), later(70)) is None
    assert cancel_to_send(story.shipment(), "huy-1")


@pytest.mark.parametrize("outcome", ["requested", "in_doubt", "unknown_order"])
@pytest.mark.parametrize(("means", "ends"), [("cancelled", "cancelled"), ("collected", "too_late")])
def test_the_history_says_how_an_open_cancellation_ended(outcome: str, means: str, ends: str) -> None:
    """The race with the postman is decided by what he did."""
    story = Story(parcel(), placed(), _cancel(), _answered(outcome))
    cancel = story.shipment().cancel
    assert cancel is not None and cancel.outcome == outcome
    story.then(scanned(30, means))
    cancel = story.shipment().cancel
    assert cancel is not None and (cancel.outcome, story.shipment().state) == (ends, means)


def test_an_order_in_doubt_that_the_carrier_does_not_know_is_cancelled() -> None:
    """It never arrived, and goes out no more; of an order that is placed the same answer has to be verified in the history."""
    story = Story(parcel(), OrderUnanswered(at=later(5)), _cancel(), _answered("unknown_order"))
    shipment = story.shipment()
    assert (shipment.state, shipment.order, may_be_sent(shipment)) == ("cancelled", "asked", False)
    known = Story(parcel(), placed(), _cancel(), _answered("unknown_order")).shipment()
    assert (known.state, known.cancel and known.cancel.outcome) == ("created", "unknown_order")


def test_an_answer_that_is_in_doubt_may_be_asked_for_again() -> None:
    """To take the same order back twice does nothing more; what was answered clearly is not asked again."""
    story = Story(parcel(), placed(), _cancel(), _answered("in_doubt"))
    assert cancel_to_send(story.shipment(), "huy-1")
    story.then(_answered("too_late", 80))
    assert not cancel_to_send(story.shipment(), "huy-1")
    story.then(_answered("cancelled", 90))
    assert story.shipment().state == "created"


def test_the_answer_to_another_request_ends_nothing() -> None:
    """Nor one that nobody asked for."""
    story = Story(parcel(), placed(), _answered("cancelled"))
    story.then(_cancel(), _answered("cancelled", 70, "huy-9"))
    assert (story.shipment().state, cancel_to_send(story.shipment(), "huy-1")) == ("created", True)


def test_cancelled_says_the_carrier_and_then_it_moves() -> None:
    """Its own word does not hold: people hear of it, and nobody is told that it was delivered."""
    story = Story(parcel(), placed(), _cancel(), _answered("cancelled"), scanned(60, "delivered"))
    assert (story.shipment().state, story.alarms(), story.proposals()) == (
        "cancelled",
        ["postal.moved_after_cancel"],
        [],
    )


def test_cancelled_says_the_carrier_of_what_it_had_collected_before() -> None:
    """The scan of the collection came late: somebody holds a parcel whose order is gone."""
    story = Story(parcel(), placed(), _cancel(), _answered("cancelled"), scanned(0.9, "collected"))
    assert (story.shipment().state, story.alarms()) == (
        "exception",
        ["postal.cancelled_late", "postal.outcome_changed"],
    )


# --- money ------------------------------------------------------------------------------------------------------------


def test_no_money_stays_no_money() -> None:
    """Postage is no cash on delivery."""
    assert Story(parcel(due=0), placed(), scanned(10, "delivered")).shipment().cod == "none"


def test_what_is_handed_over_against_money_was_paid_for() -> None:
    """A carrier without a word for it (postal facts 2.4): delivered is collected, at that moment, on that day of Viet Nam."""
    shipment = Story(parcel(), placed(), scanned(1_200, "delivered")).shipment()
    assert (shipment.cod, shipment.cod_collected, shipment.cod_collected_at) == ("collected", DUE, later(72_000))
    assert f"cod/{CARRIER}/20261121" in Shipments().marks(shipment)


def test_from_the_citizen_money_is_collected_with_the_papers() -> None:
    """QĐ 45/2016/QĐ-TTg Điều 6: fees are collected at reception."""
    story = Story(parcel(Direction.COLLECT), placed(), scanned(10, "collecting"))
    assert story.shipment().cod == "to_collect"
    story.then(scanned(20, "collected"))
    assert (story.shipment().cod, story.shipment().cod_collected_at) == ("collected", later(1_200))


def test_codes_of_money_move_the_money_only() -> None:
    """Collected and paid over, while the parcel stays where it is (postal facts 6.1)."""
    story = Story(parcel(), placed(), scanned(10, "at_office"), scanned(20, "cod_collected", cod_amount=DUE))
    assert (story.shipment().state, story.shipment().cod) == ("at_office", "collected")
    story.then(scanned(30, "cod_remitted"))
    assert (story.shipment().state, story.shipment().cod) == ("at_office", "remitted")


def test_money_scans_in_any_order_come_to_the_same() -> None:
    """Delivered, collected, paid over: all six orders."""
    scans = (
        scanned(10, "delivered"),
        scanned(20, "cod_collected", cod_amount=DUE),
        scanned(30, "cod_remitted", cod_amount=DUE),
    )
    seen = set()
    for order in itertools.permutations(scans):
        shipment = Story(parcel(), placed(), *order).shipment()
        seen.add((shipment.cod, shipment.cod_collected, shipment.cod_collected_at))
    assert seen == {("remitted", DUE, later(1_200))}


@pytest.mark.parametrize(
    ("amount", "state", "alarms"),
    [(DUE - 1, "short", ["postal.cod_short"]), (DUE + 1, "collected", ["postal.cod_over"])],
)
def test_another_sum_than_was_due_is_seen(amount: int, state: str, alarms: list[str]) -> None:
    """By one đồng."""
    story = Story(parcel(), placed(), scanned(10, "delivered", cod_amount=amount))
    assert (story.shipment().cod, story.alarms()) == (state, alarms)


def test_money_where_none_was_due_is_seen() -> None:
    """Somebody was asked for money in our name."""
    story = Story(parcel(due=0), placed(), scanned(10, "cod_collected", cod_amount=5_000))
    assert (story.shipment().cod, story.alarms()) == ("collected", ["postal.cod_unexpected"])


def test_a_number_that_the_carrier_had_before_we_sent_it_is_seen_by_people() -> None:
    """Somebody else's parcel may bear it (postal facts 9: the same number is a repeat where it is the same order)."""
    story = Story(parcel(), placed(duplicate=True))
    assert (story.shipment().order, story.alarms()) == ("placed", ["postal.number_known"])
    story.then(placed(9, duplicate=True))
    assert story.alarms() == ["postal.number_known"]


def test_a_number_that_a_lost_answer_left_there_is_our_own() -> None:
    """The order was in doubt and went out again: the carrier has it from us, and nobody has to look."""
    story = Story(parcel(), OrderUnanswered(at=later(1)), placed(duplicate=True))
    assert (story.shipment().order, story.alarms()) == ("placed", [])
    assert Story(parcel(), placed()).alarms() == []


def test_what_comes_back_brings_no_money() -> None:
    """Nothing is to be collected of what was returned."""
    assert Story(parcel(), placed(), scanned(10, "returned")).shipment().cod == "none"


def test_a_statement_settles_the_fee_and_proposes_it_once() -> None:
    """Paid over, in two parts: settled with the second, and proposed with what came in."""
    story = Story(parcel(), placed(), scanned(10, "delivered"), _settled(100_000))
    assert (story.shipment().cod, story.alarms()) == ("short", ["postal.cod_short"])
    story.then(_settled(50_000, "s2"))
    assert (story.shipment().cod, story.shipment().flags) == ("remitted", ("cod_proposed",))
    assert [proposal.proposal for proposal in story.proposals()] == ["shipment_delivered", "shipment_cod_remitted"]
    cod = story.proposals()[-1].fields["cod"]
    assert isinstance(cod, dict) and (cod["state"], cod["amount"]) == ("remitted", DUE)
    story.then(_settled(DUE, "s3", supersedes=("s1", "s2")))
    assert (story.shipment().cod, len(story.shipment().cod_settlements), len(story.proposals())) == ("remitted", 1, 2)


def test_a_statement_that_is_corrected_and_corrected_back_says_what_it_said_last() -> None:
    """The same statement with another sum stands for what it said before."""
    story = Story(parcel(), placed(), scanned(10, "delivered"))
    sums = []
    for number, amount in enumerate((DUE, 90_000, DUE)):
        story.then(structs.replace(_settled(amount), at=later(90_000 + number)))
        sums.append((story.shipment().cod, [one.amount for one in story.shipment().cod_settlements]))
    assert sums == [("remitted", [DUE]), ("short", [90_000]), ("remitted", [DUE])]


def test_operators_waive_what_does_not_come() -> None:
    """Two of them; one alone waives nothing."""
    story = Story(parcel(), placed(), scanned(10, "delivered", cod_amount=0))
    story.then(_money("waive", ""))
    assert story.shipment().cod == "short"
    story.then(structs.replace(_money("waive"), decision_id="d2"))
    assert (story.shipment().cod, story.shipment().flags) == ("waived", ())


def test_nothing_is_closed_that_is_not_short() -> None:
    """A decision about the money of another state changes nothing; of a short one it takes the alarm away."""
    story = Story(parcel(), placed(), scanned(10, "delivered"), _money("close_short"))
    assert story.shipment().cod_decision == ""
    story.then(_settled(1), structs.replace(_money("close_short"), decision_id="d2"))
    assert (story.shipment().cod, story.shipment().cod_decision, story.shipment().flags) == ("short", "close_short", ())


def test_money_that_comes_after_it_was_waived_is_money_that_came() -> None:
    """What was paid over in full is paid over, whoever had given it up."""
    story = Story(parcel(), placed(), scanned(10, "delivered", cod_amount=0), _money("waive"), _settled(DUE))
    assert story.shipment().cod == "remitted"
