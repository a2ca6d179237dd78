"""The state machine of parcels: postal facts 6.1 and 7, rule by rule."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from msgspec import structs

from connectors.kit.contract import Ledger
from connectors.kit.ledgers import Marked
from connectors.postal.changes import HandedOver, OrderRefused, OrderUnanswered, ShipmentChange, StateDecided, TimeCame
from connectors.postal.history import MOST_SCANS
from connectors.postal.ledger import NoSuchShipment, Shipments
from connectors.postal.model import Direction, ShipmentState

from .shipments import DOSSIER, Story, later, parcel, placed, scan, scanned

WAY = ("accepted", "collecting", "collected", "in_transit", "at_office", "out_for_delivery", "delivered")


def _way(*means: str) -> list[ShipmentChange]:
    return [scanned(10 * number, word) for number, word in enumerate(means, start=1)]


def _decided(minutes: float, state: str, second: str = "minh") -> StateDecided:
    return StateDecided(
        at=later(minutes * 60),
        state=state,
        evidence="BB-01",
        decided_by="lan",
        approved_by=second,
        decision_id=f"d-{state}-{minutes}",
    )


def test_it_is_a_ledger_that_the_house_can_hold() -> None:
    """It offers what the house asks of a ledger, marks included."""
    offered: object = Shipments()
    assert isinstance(offered, Ledger)
    assert isinstance(offered, Marked)


def test_an_order_is_written_down_before_anybody_is_called() -> None:
    """The first state holds the number; the call is a task, and the parcel is found by its dossier."""
    story = Story(parcel())
    shipment = story.shipment()
    assert (shipment.state, shipment.order, shipment.cod) == ("created", "asked", "to_collect")
    assert story.tasks() == ["order"]
    assert Shipments().marks(shipment) == (f"dossier/{DOSSIER}/deliver/{DOSSIER}-T",)


def test_the_dossier_is_registered_before_the_order_goes_out() -> None:
    """Where it is asked for, and in the same lane, so never the other way round."""
    assert Story(parcel(register=True)).tasks() == ["register", "order"]


def test_a_change_of_a_parcel_that_nobody_asked_for_is_refused() -> None:
    """A ledger does not begin with what a carrier says."""
    with pytest.raises(NoSuchShipment):
        Shipments().apply(None, scanned(1, "accepted"))


def test_another_request_for_the_same_number_changes_nothing() -> None:
    """The first one wins; who came second reads another request in it and asks for the next number."""
    story = Story(parcel())
    assert story.then(parcel(request_id="yc-2", contents="Khác")) == []
    assert (story.shipment().request_id, story.shipment().contents) == ("yc-1", parcel().contents)


@pytest.mark.parametrize("upto", range(1, len(WAY) + 1))
def test_the_main_line_is_walked_step_by_step(upto: int) -> None:
    """Every state of postal facts 6.1, from the first to the door."""
    story = Story(parcel(), placed(), *_way(*WAY[:upto]))
    assert story.shipment().state == WAY[upto - 1]


def test_any_order_of_arrival_gives_one_history_and_one_state() -> None:
    """All orders of five scans: the same history, the same state, the same attempts."""
    scans = [
        scanned(10, "collected"),
        scanned(20, "out_for_delivery"),
        scanned(30, "failed_attempt"),
        scanned(40, "out_for_delivery"),
        scanned(50, "delivered"),
    ]
    seen = set()
    for order in itertools.permutations(scans):
        shipment = Story(parcel(), placed(), *order).shipment()
        seen.add((shipment.course, tuple(one.event_id for one in shipment.history), shipment.cod))
    [(course, history, cod)] = seen
    assert (course.state, course.attempts, len(history), cod) == ("delivered", 1, 5, "collected")


def test_rank_does_not_fall_along_the_main_line() -> None:
    """A scan that an office entered too late in the day is kept, and moves nothing back."""
    story = Story(parcel(), placed(), scanned(10, "in_transit"), scanned(20, "collected"))
    assert (story.shipment().state, len(story.shipment().history)) == ("in_transit", 2)


def test_rank_falls_through_a_failed_attempt_but_not_to_before_the_way() -> None:
    """After nobody was at home the parcel may be on its way anew; that it is only now accepted is no news."""
    story = Story(parcel(), placed(), scanned(10, "out_for_delivery"), scanned(20, "failed_attempt"))
    story.then(scanned(25, "accepted"))
    assert story.shipment().state == "failed_attempt"
    story.then(scanned(30, "in_transit"))
    assert (story.shipment().state, story.shipment().attempts) == ("in_transit", 1)


def test_a_failed_collection_makes_it_accepted_again_and_is_ignored_once_it_is_collected() -> None:
    """The postman comes again; what was collected stays collected."""
    story = Story(parcel(), placed(), scanned(10, "collecting"), scanned(20, "collect_failed"))
    assert story.shipment().state == "accepted"
    story.then(scanned(30, "collected"), scanned(40, "collect_failed"))
    assert story.shipment().state == "collected"


def test_attempts_are_those_that_the_carrier_counts_or_those_that_we_saw() -> None:
    """Lost scans of failed attempts are in the carrier's own count."""
    told = Story(parcel(), placed(), scanned(10, "failed_attempt", attempts=3))
    seen = Story(parcel(), placed(), scanned(10, "failed_attempt"), scanned(20, "failed_attempt"))
    assert (told.shipment().attempts, seen.shipment().attempts) == (3, 2)


def test_on_the_way_back_nothing_is_delivered() -> None:
    """Handed over on the way back may mean to the sender: an exception for people, and nobody is told "delivered"."""
    story = Story(parcel(), placed(), scanned(10, "returning"), scanned(20, "in_transit"))
    assert story.shipment().state == "returning"
    story.then(scanned(30, "delivered"), scanned(40, "delivered"))
    assert story.shipment().state == "exception"
    assert story.proposals() == [] and "postal.delivered_on_the_way_back" in story.alarms()
    story.then(scanned(50, "returned"))
    assert [proposal.proposal for proposal in story.proposals()] == ["shipment_returned"]


def test_a_failed_attempt_on_the_way_back_is_none_at_the_receivers_door() -> None:
    """The sender was out: still on its way back, and the receiver's attempts stay as they were."""
    story = Story(parcel(), placed(), scanned(10, "failed_attempt"), scanned(20, "returning"))
    story.then(scanned(30, "failed_attempt"))
    assert (story.shipment().state, story.shipment().attempts) == ("returning", 1)


def test_what_has_ended_does_not_move_and_a_contradiction_is_seen() -> None:
    """Delivered, and then returned, says the carrier: delivered stands, once, with an alarm."""
    story = Story(parcel(), placed(), scanned(10, "delivered"))
    story.then(scanned(20, "returned"), scanned(30, "returning"))
    assert (story.shipment().state, story.shipment().flags) == ("delivered", ("contradicted",))
    assert story.alarms() == ["postal.contradicted"]
    assert [proposal.proposal for proposal in story.proposals()] == ["shipment_delivered"]


@pytest.mark.parametrize("end", ["delivered", "returned"])
@pytest.mark.parametrize("means", ["in_transit", "failed_attempt", "cancelled", "exception"])
def test_whoever_still_has_it_in_hand_contradicts_its_end(end: str, means: str) -> None:
    """Seen on the way after it had arrived: the end stands, and people look."""
    story = Story(parcel(), placed(), scanned(10, end), scanned(20, means))
    assert (story.shipment().state, story.alarms()) == (end, ["postal.contradicted"])


@pytest.mark.parametrize("means", ["created", "accepted", "collecting", "delivered", "keep"])
def test_what_says_nothing_of_its_way_contradicts_no_end(means: str) -> None:
    """An order that is booked again, and the end itself told twice."""
    story = Story(parcel(), placed(), scanned(10, "delivered"), scanned(20, means))
    assert (story.shipment().state, story.alarms()) == ("delivered", [])


def test_news_that_come_late_may_change_the_end_and_people_hear_of_it() -> None:
    """The history decides, not the order of arrival: returned was before, so delivered cannot be."""
    story = Story(parcel(), placed(), scanned(30, "delivered"), scanned(20, "returned"))
    assert story.shipment().state == "returned"
    assert story.alarms() == ["postal.contradicted", "postal.outcome_changed"]
    assert [proposal.proposal for proposal in story.proposals()] == ["shipment_delivered", "shipment_returned"]


def test_cancelled_before_it_was_collected() -> None:
    """The end of the way, told to whoever follows; nothing is proposed."""
    story = Story(parcel(), placed(), scanned(10, "collecting"), scanned(20, "cancelled"))
    assert (story.shipment().state, story.told(), story.proposals()) == ("cancelled", ["postal.cancelled"], [])


def test_cancelled_while_the_carrier_holds_it_is_an_exception() -> None:
    """A parcel in somebody's hands does not vanish with its order."""
    story = Story(parcel(), placed(), scanned(10, "in_transit"), scanned(20, "cancelled"))
    assert (story.shipment().state, story.alarms()) == ("exception", ["postal.cancelled_late"])


@pytest.mark.parametrize("means", ["collected", "in_transit", "delivered", "failed_attempt", "returning", "exception"])
def test_what_moves_after_it_was_cancelled_is_seen(means: str) -> None:
    """It stays cancelled, with an alarm: somebody carries a parcel that nobody wants carried."""
    story = Story(parcel(), placed(), scanned(10, "cancelled"), scanned(20, means))
    assert (story.shipment().state, story.alarms()) == ("cancelled", ["postal.moved_after_cancel"])


@pytest.mark.parametrize("means", ["created", "accepted", "collecting", "cancelled"])
def test_what_does_not_move_after_it_was_cancelled_is_nothing(means: str) -> None:
    """A clock that is a minute wrong is no alarm."""
    story = Story(parcel(), placed(), scanned(10, "cancelled"), scanned(20, means))
    assert (story.shipment().state, story.alarms()) == ("cancelled", [])


def test_an_exception_is_no_end() -> None:
    """What was lost is found: it goes on from wherever it is, to its end."""
    story = Story(parcel(), placed(), scanned(10, "at_office"), scanned(20, "exception"))
    assert (story.alarms(), story.told()) == (["postal.exception"], ["postal.exception"])
    story.then(scanned(30, "in_transit"), scanned(40, "delivered"))
    assert story.shipment().state == "delivered"


def test_a_code_without_a_meaning_is_kept_and_an_alarm_and_changes_nothing() -> None:
    """Postal facts 6.1: keep the state, store the raw code, raise it once."""
    story = Story(parcel(), placed(), scanned(10, "accepted"), scanned(20, "unmapped", raw_code="77"))
    story.then(scanned(30, "unmapped", raw_code="77"), scanned(40, "no such word", raw_code="78"))
    assert (story.shipment().state, story.shipment().unmapped) == ("accepted", ("77", "78"))
    assert story.alarms() == ["postal.unmapped_status"] * 2
    assert len(story.shipment().history) == 4


def test_a_code_that_keeps_the_state_keeps_it() -> None:
    """A note was edited: in the history, and nothing else."""
    story = Story(parcel(), placed(), scanned(10, "in_transit"), scanned(20, "keep"))
    assert (story.shipment().state, len(story.shipment().history)) == ("in_transit", 2)


def test_the_same_event_twice_is_in_the_history_once_by_whichever_way_it_comes() -> None:
    """From the feed and from a notice, with other words around it."""
    story = Story(parcel(), placed(), scanned(10, "accepted", "v1"))
    again = scanned(10, "accepted", "v1", source="webhook", text="Đã nhận", received_at=later(9_000))
    assert story.then(again) == []
    assert len(story.shipment().history) == 1


def test_what_a_carrier_wrote_down_twice_is_in_the_history_once_whichever_came_first() -> None:
    """Another id, the same thing at the same moment and place: one attempt, not two; what only one of them knows is kept."""
    first = scanned(10, "failed_attempt", "v1", pos_code="100000", rank="1")
    second = scanned(10, "failed_attempt", "v2", pos_code="100000", rank="2", item_code="RA473124829VN")
    seen = [Story(parcel(), placed(), *order).shipment() for order in ((first, second), (second, first))]
    assert seen[0].history == seen[1].history
    assert [(len(one.history), one.attempts, one.item_code) for one in seen] == [(1, 1, "RA473124829VN")] * 2


@pytest.mark.parametrize("other", [{"pos_code": "700000"}, {"raw_code": "91b"}])
def test_two_things_at_one_moment_are_two(other: dict[str, str]) -> None:
    """At another place, or another code: nobody wrote the same thing down twice."""
    fields = {"pos_code": "100000", **other}
    story = Story(parcel(), scanned(10, "keep", "v1", pos_code="100000"), scanned(10, "keep", "v2", **fields))
    assert len(story.shipment().history) == 2


def test_one_event_id_with_two_meanings_is_an_alarm_and_the_first_stands() -> None:
    """A carrier that writes its records anew is not followed silently."""
    story = Story(parcel(), placed(), scanned(10, "accepted", "v1", raw_code="2"))
    story.then(scanned(10, "delivered", "v1", raw_code="4"))
    assert (story.shipment().state, story.alarms()) == ("accepted", ["postal.event_changed"])


def test_a_scan_from_the_future_is_an_alarm() -> None:
    """Seconds read as milliseconds put a parcel into another century: somebody must look at the setting."""
    told = scanned(10, "accepted")
    ahead = structs.replace(told, scan=structs.replace(told.scan, occurred_at=later(90_000)))
    assert "postal.time_ahead" in [effect.code for effect in Story(parcel()).then(ahead)]  # type: ignore[union-attr]


def test_a_history_without_end_is_bounded_and_what_was_folded_away_still_counts() -> None:
    """The newest are kept one by one; attempts, collection and item code of the others are not forgotten."""
    scans = [scanned(1, "collected", item_code="RA473124829VN"), scanned(2, "failed_attempt")]
    scans += [scanned(3 + number, "in_transit") for number in range(MOST_SCANS)]
    shipment = Story(parcel(), placed(), *scans).shipment()
    assert (len(shipment.history), shipment.dropped) == (MOST_SCANS, 2)
    assert (shipment.state, shipment.attempts, shipment.item_code) == ("in_transit", 1, "RA473124829VN")


def test_a_full_history_says_the_same_whatever_order_it_came_in() -> None:
    """Newest first: what is older than all that is kept is counted, and the state is that of the newest."""
    scans = [scanned(3 + number, "in_transit") for number in range(MOST_SCANS)]
    story = Story(parcel(), placed(), *reversed(scans), scanned(500, "delivered"), scanned(2, "collected"))
    shipment = story.shipment()
    assert (shipment.state, len(shipment.history), shipment.dropped) == ("delivered", MOST_SCANS, 2)
    assert "postal.history_full" in story.alarms()


def test_an_order_that_a_carrier_refuses_is_told_and_an_alarm_and_nothing_is_due() -> None:
    """The lane goes on; the caller may ask for a new shipment."""
    story = Story(parcel())
    story.then(OrderRefused(at=later(5), code="17", message_vi="Sai địa chỉ"))
    shipment = story.shipment()
    assert (shipment.order, shipment.refusal, shipment.cod) == ("refused", ("17", "Sai địa chỉ"), "none")
    assert (story.told(), story.alarms(), shipment.due) == (["postal.refused"], ["postal.refused"], None)


def test_a_refused_order_that_is_seen_all_the_same_is_placed_and_an_alarm() -> None:
    """The carrier carries what it refused: the parcel is followed, and people hear of it, in whichever order it came."""
    refusal = OrderRefused(at=later(5), code="17", message_vi="")
    orders: tuple[tuple[ShipmentChange, ...], ...]
    orders = ((refusal, scanned(10, "accepted")), (scanned(10, "accepted"), refusal))
    for changes in orders:
        story = Story(parcel(), *changes)
        assert (story.shipment().order, story.shipment().state) == ("placed", "accepted")
        assert "postal.refused_but_placed" in story.alarms()


@pytest.mark.parametrize("source", ["feed", "webhook", "query"])
def test_an_order_in_doubt_is_placed_once_the_carrier_speaks_of_it(source: str) -> None:
    """Whatever it says, it knows the parcel: there is no doubt any more."""
    story = Story(parcel(), OrderUnanswered(at=later(5)))
    assert (story.shipment().order, story.shipment().doubt_since) == ("in_doubt", later(5))
    story.then(scanned(10, "keep", source=source))
    assert (story.shipment().order, story.shipment().doubt_since) == ("placed", None)


def test_what_we_ourselves_wrote_does_not_place_an_order() -> None:
    """A handover list is no word of the carrier's system."""
    story = Story(parcel(), OrderUnanswered(at=later(5)))
    story.then(HandedOver(at=later(60), handover_id="h1", line_status="ok", handed_at=later(50)))
    assert (story.shipment().order, story.shipment().state) == ("in_doubt", "collected")


def test_doubt_counts_from_when_it_began() -> None:
    """Asked again without an answer, it is no younger."""
    story = Story(parcel(), OrderUnanswered(at=later(5)), OrderUnanswered(at=later(500)))
    assert story.shipment().doubt_since == later(5)


def test_the_answer_after_a_scan_teaches_the_carriers_own_id() -> None:
    """Needed to cancel, however late it comes; what was known first stands."""
    story = Story(parcel(), scanned(1, "accepted"), placed(90, carrier_ref="guid-1"))
    story.then(placed(95, carrier_ref="guid-2", item_code="RA473124829VN"))
    known = story.shipment().placed
    assert known is not None and (known.carrier_ref, known.item_code) == ("guid-1", "RA473124829VN")
    assert "item/RA473124829VN" in Shipments().marks(story.shipment())


def test_an_address_that_the_carrier_does_not_know_is_an_alarm_for_people() -> None:
    """Postal facts 9: accepted, with a task for an operator, once."""
    story = Story(parcel(), placed(2, warnings=("district", "ward")), placed(3, warnings=("ward",), code="2"))
    assert story.alarms() == ["postal.address_warning"]


def test_a_countersigned_list_means_collected_or_arrived() -> None:
    """What the agency gives is with the post; what the post brings is at the agency (postal facts 7)."""
    ok = HandedOver(at=later(600), handover_id="h1", line_status="ok", handed_at=later(500))
    assert Story(parcel(), placed(), ok).shipment().state == ShipmentState.COLLECTED
    assert Story(parcel(Direction.COLLECT), placed(), ok).shipment().state == ShipmentState.DELIVERED


@pytest.mark.parametrize("status", ["missing", "damaged"])
def test_a_line_that_is_not_ok_moves_nothing_and_is_an_alarm(status: str) -> None:
    """Only what was there and whole was handed over."""
    story = Story(
        parcel(), placed(), HandedOver(at=later(600), handover_id="h1", line_status=status, handed_at=later(500))
    )
    assert (story.shipment().state, story.alarms()) == ("created", [f"postal.handover_{status}"])


def test_papers_that_were_collected_are_told_once() -> None:
    """Direction collect: whoever follows hears it; nothing is proposed, since a person counts the papers."""
    story = Story(parcel(Direction.COLLECT, due=0), placed(), scanned(10, "collected"), scanned(20, "in_transit"))
    assert (story.told(), story.proposals()) == (["postal.collected"], [])


def test_delivered_is_proposed_once_with_what_the_resolution_system_needs() -> None:
    """Codes, times and sums; nothing of people."""
    story = Story(parcel(), placed(), scanned(10, "delivered", item_code="RA473124829VN"), scanned(20, "delivered"))
    [proposal] = story.proposals()
    assert proposal.proposal == "shipment_delivered"
    assert proposal.fields["occurred_at"] == later(600).isoformat()
    assert (proposal.fields["item_code"], proposal.fields["order_number"]) == ("RA473124829VN", f"{DOSSIER}-T")
    cod = {"state": "collected", "amount": 150_000, "collected_at": later(600).isoformat()}
    lines = [{"fee_id": "phi-1", "name": "Phí thẩm định", "amount": 150_000}]
    assert proposal.fields["cod"] == {**cod, "remitted_at": "", "lines": lines}
    assert "Mẫu" not in str(proposal.fields)


def test_a_proposal_names_the_event_that_it_follows_from() -> None:
    """Postal facts 10: event, raw code, when it came and what proves it; the first that said so, else the operators' word."""
    first = scanned(10, "delivered", "e1", raw_code="4", evidence="5a" * 32)
    story = Story(parcel(), placed(), scanned(5, "in_transit"), first, scanned(20, "delivered", "e2"))
    [proposal] = story.proposals()
    assert {name: proposal.fields[name] for name in ("event_id", "raw_code", "received_at", "profile", "evidence")} == {
        "event_id": "e1",
        "raw_code": "4",
        "received_at": later(900).isoformat(),
        "profile": "h2",
        "evidence": {"sha256": "5a" * 32},
    }
    decided = Story(parcel(), placed(), scanned(10, "returning"), scanned(20, "delivered"), _decided(60, "delivered"))
    [proposal] = decided.proposals()
    assert str(proposal.fields["event_id"]).startswith("gateway:decision:")
    assert proposal.fields["occurred_at"] == decided.shipment().history[-1].occurred_at.isoformat()


@pytest.mark.parametrize("state", ["delivered", "returned", "exception"])
def test_two_operators_say_how_a_parcel_stands(state: str) -> None:
    """What contradicted itself is settled by them; what comes later is judged from there."""
    story = Story(parcel(), placed(), scanned(10, "returning"), scanned(20, "delivered"), _decided(60, state))
    assert (story.shipment().state, story.shipment().flags) == (state, ())


def test_one_operator_decides_nothing() -> None:
    """Nor one with two names that are the same."""
    for second in ("", "lan"):
        story = Story(parcel(), placed(), _decided(60, "delivered", second))
        assert (story.shipment().state, story.proposals()) == ("created", [])


def test_a_decision_for_another_state_is_none() -> None:
    """Nobody decides that a parcel is in transit."""
    story = Story(parcel(), placed(), _decided(60, "in_transit"))
    assert story.shipment().state == "created"


def test_silence_becomes_an_alarm_once_and_news_end_it() -> None:
    """Five days without a word; then again only after news and five more."""
    story = Story(parcel(), placed(0))
    due = story.shipment().due
    assert due == later(432_000)
    assert story.then(TimeCame(at=later(431_999))) == []
    story.then(TimeCame(at=later(432_000)), TimeCame(at=later(864_001)))
    assert (story.alarms(), story.shipment().due) == (["postal.quiet"], later(864_001 + 432_000))
    news = scan(20_000, "accepted")
    story.then(*[structs.replace(scanned(20_000, "accepted"), scan=news)])
    assert "quiet" not in story.shipment().flags
    story.then(TimeCame(at=story.shipment().due or later(0)))
    assert story.alarms() == ["postal.quiet"] * 2


def test_nothing_is_due_of_what_is_not_on_its_way() -> None:
    """Not placed, ended, or with people: no silence to wonder about."""
    stories = (
        Story(parcel()),
        Story(parcel(), OrderUnanswered(at=later(5))),
        *(
            Story(parcel(), placed(), scanned(9, means))
            for means in ("delivered", "cancelled", "returned", "exception")
        ),
    )
    assert [story.shipment().due for story in stories] == [None] * 6


def test_a_moment_to_look_is_a_whole_second_that_has_not_passed() -> None:
    """Who follows the marks may have passed the present second already."""
    story = Story(parcel(quiet_after_s=0), structs.replace(placed(), at=later(2) + timedelta(microseconds=1)))
    assert story.shipment().due == later(5)
