"""The post against the truth: scans shuffled, repeated, lost and late, answers lost, processes killed, orders taken back.

The simulated carrier keeps books of its own. The line, the dialect, the ledgers and the pollers are the real ones. At the end,
when everything was told that ever will be: one parcel for each order and never two, the state of each is that of the books, its
history is what the carrier told without gap and without double, and the money agrees to the last đồng.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest
from aiohttp import web
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import structs

from connectors.kit.contract import ProposeChange, RaiseAlarm
from connectors.postal.changes import CancelAsked, CodSettled, ShipmentChange
from connectors.postal.commanding import STILL_IN_DOUBT
from connectors.postal.entering import change_of
from connectors.postal.history import heard_by_carrier, place_of
from connectors.postal.model import CodState, OrderState
from connectors.postal.settings import CarrierSettings
from connectors.postal.shipment import Shipment
from connectors.postal.simulator_h2 import H2
from connectors.postal.simulator_options import NgspOptions, PostalOptions
from connectors.postal.simulator_parcels import Happening, Parcel, Script
from connectors.postal.simulator_telling import Delivery
from connectors.postal.simulator_wire import Refusal
from connectors.postal.simulator_world import ScriptOrder, World
from connectors.postal.speaking import Call
from tests.connectors.postal.shipments import CARRIER, DUE

from .postal_scripts import (
    AFTER_PICKUP,
    ASKED,
    CUSTOMER,
    DOSSIERS,
    FATES,
    LANE,
    LOST,
    SCRIPTS,
    STATUSES,
    T0,
    WAITS,
    WHICH,
    decided,
)
from .postal_world import INTERVAL_S, House


class PostWorld(RuleBasedStateMachine):
    """What may happen to three parcels. `unique`: the carrier refuses a second order with the same number, and we know it."""

    unique = True
    profile = "h2"

    def __init__(self) -> None:
        super().__init__()
        tokens = (f"{number:032x}" for number in range(1, 10**6))
        self.moment = T0
        self.world = World(self.options(), lambda: self.moment, lambda: next(tokens))
        self.open_office()
        self.house = House(self.settings(), self._answer, self.world.clock.now)
        self.asked: dict[int, str] = {}
        self.refusing: set[str] = set()
        self.commands = 0

    def options(self) -> PostalOptions:
        """What is simulated."""
        return PostalOptions(scale=0.0, h2=NgspOptions(customer=CUSTOMER, numbers_unique=self.unique))

    def open_office(self) -> None:
        """The carrier that we speak with."""
        self.office = H2(self.world)
        self.world.houses[self.office.name] = self.office

    def settings(self) -> CarrierSettings:
        """How it is set up with us."""
        return CarrierSettings(
            name=CARRIER,
            profile="h2",
            base_url="https://post.example/",
            customer=CUSTOMER,
            statuses=STATUSES,
            order_number_unique=self.unique,
        )

    # --- the world ----------------------------------------------------------------------------------------------------

    @initialize(scripts=st.lists(SCRIPTS, min_size=3, max_size=3), lost=st.lists(LOST, min_size=3, max_size=3))
    def parcels_are_asked_for(self, scripts: list[Script], lost: list[set[Happening]]) -> None:
        """What each will meet is laid down; the first two are asked for at once."""
        orders = []
        for wanted, given, losing in zip(ASKED, scripts, lost, strict=True):
            script = self.fit(given)
            lose = sorted(losing - {Happening.IN_TRANSIT} if script.contradict else losing)
            told = script if script.until else structs.replace(script, lose=tuple(lose))
            orders.append(ScriptOrder(script=told, number=wanted.order_number.replace(".", r"\.")))
            if script.refuse:
                self.refusing.add(wanted.order_number)
        self.world.order_scripts(None, tuple(orders))
        for number in (0, 1):
            self.one_is_asked_for(number)

    def fit(self, script: Script) -> Script:
        """What such a carrier can do of it."""
        return script

    @rule(number=WHICH)
    def one_is_asked_for(self, number: int) -> None:
        """By the resolution system; asked for twice, it is one."""
        wanted = ASKED[number]
        self.asked[number] = wanted.shipment_id
        self.house.take([change_of(wanted.shipment_id, structs.replace(wanted, at=self._now()), wanted.dossier_code)])

    @rule(seconds=WAITS)
    def time_passes(self, seconds: int) -> None:
        """Parcels move, and what is late is told."""
        self.moment += timedelta(seconds=seconds)
        self.world.clock.turn(seconds)
        self.world.tick()

    @rule(hold=st.booleans(), order=st.sampled_from(["as_made", "reversed", "shuffled"]), seed=st.integers(0, 99))
    def tellings_are_held_or_let_go(self, hold: bool, order: str, seed: int) -> None:
        """In any order."""
        self.world.teller.release(order, seed, self._now())
        self.world.teller.travel(Delivery(hold=hold))

    @rule(event=st.sampled_from([Happening.ACCEPTED, Happening.DELIVERED]))
    def somebody_elses_parcel_is_told(self, event: Happening) -> None:
        """One customer code may serve several systems."""
        other = Parcel(self.profile, "KHAC-1", "x", self._now(), Script())
        told = self.world.books.record(other, event, self._now())
        self.world.houses[self.profile].stray("KHAC-1", told, self._now())

    # --- the house ----------------------------------------------------------------------------------------------------

    @rule(dossier=LANE, fate=FATES)
    def a_lane_goes_on(self, dossier: str, fate: str) -> None:
        """By one step of its first task."""
        self.house.carry(dossier, fate)

    @rule(fate=FATES)
    def the_feed_is_read(self, fate: str) -> None:
        """One page, unless the interval has not passed."""
        self.house.poll("feed", fate)

    @rule(fate=FATES)
    def silence_is_looked_at(self, fate: str) -> None:
        """What nobody has seen for days."""
        self.house.poll("due", fate)

    @rule()
    def the_process_is_killed(self) -> None:
        """Between two things."""
        self.house.start()

    @rule(number=WHICH)
    def a_parcel_is_wanted_no_more(self, number: int) -> None:
        """At any time, so also too late, and also before the order went out."""
        if number in self.asked:
            self.commands += 1
            self._enter(
                number, CancelAsked(at=self._now(), request_id=f"huy-{self.commands}", asked_by="GQHS", reason="Rút")
            )

    @rule(dossier=LANE)
    def operators_look_at_a_held_lane(self, dossier: str) -> None:
        """They ask the carrier by telephone and say what they heard; the lane goes on either way."""
        for head in self.house.lanes.get(dossier, [])[:1]:
            if head.state == "held":
                shipment = self.house.shipment(head.shipment_id)
                self.commands += 1
                word = "placed" if self._truth(shipment) else "not_placed"
                self._enter(self._which(shipment), decided(word, self._now(), f"d{self.commands}"))
                self.house.release(dossier)

    @precondition(lambda self: any(parcel.cod_remitted is not None for parcel in self.world.books))
    @rule(number=WHICH)
    def a_statement_comes(self, number: int) -> None:
        """What the carrier paid over, however often the file is read."""
        if number in self.asked:
            self._settle(self.house.shipment(self.asked[number]))

    # --- laws ---------------------------------------------------------------------------------------------------------

    @invariant()
    def no_order_is_placed_twice(self) -> None:
        """Law: a lost answer never becomes a doubled parcel."""
        assert all(len(same) == 1 for same in self.world.books.parcels.values())

    @invariant()
    def a_history_is_in_order_and_holds_everything_once(self) -> None:
        """Law: no double; and no key was ever used for two things."""
        assert self.house.refused == []
        for shipment in self._shipments():
            places = [place_of(scan) for scan in shipment.history]
            assert places == sorted(set(places))
            heard = [(s.occurred_at, s.raw_code, s.pos_code) for s in shipment.history if heard_by_carrier(s)]
            assert len(heard) == len(set(heard)) and not shipment.dropped

    @invariant()
    def nobody_is_told_what_is_not_so(self) -> None:
        """Law: each end is proposed once, and only where the books have it."""
        for shipment in self._shipments():
            ends = Counter(
                effect.proposal
                for effect in self.house.effects[shipment.shipment_id]
                if isinstance(effect, ProposeChange)
            )
            assert all(times == 1 for times in ends.values())
            for [truth] in (self._truth(shipment),) if self._truth(shipment) else ():
                had = {event.happening for event in truth.history}
                assert Happening.DELIVERED in had or "shipment_delivered" not in ends
                assert Happening.RETURNED in had or "shipment_returned" not in ends

    @invariant()
    def an_order_that_is_not_settled_stands_in_a_lane(self) -> None:
        """Law: never lost. What is asked or in doubt is carried, enquired about, or held for a person."""
        for shipment in self._shipments():
            open_still = shipment.order in (OrderState.ASKED, OrderState.IN_DOUBT) and shipment.cancel is None
            waiting = [one for lane in self.house.lanes.values() for one in lane if one.task.operation == "order"]
            assert not open_still or shipment.shipment_id in {one.shipment_id for one in waiting}
            wanted_no_more = shipment.cancel is not None and shipment.cancel.outcome not in ("", "cancelled")
            assert not (shipment.order is OrderState.IN_DOUBT and wanted_no_more) or self._people_were_told(shipment)

    @invariant()
    def people_are_asked_only_where_nobody_else_can_tell(self) -> None:
        """Law: with numbers that the carrier takes once, only what it refuses when it goes out again is held."""
        held = {self.house.shipment(shipment_id).order_number for shipment_id in self.house.held}
        assert not self.unique or held <= self.refusing

    def teardown(self) -> None:
        """Everything is told and carried to its end; both books are one."""
        try:
            if self.asked:
                self._settle_everything()
                for shipment in self._shipments():
                    self._compare(shipment)
                self._compare_sums()
        finally:
            self.house.close()

    def _settle_everything(self) -> None:
        """Until the lanes are empty, the clock of the carrier has nothing to do, and the feed is read."""
        self.tellings_are_held_or_let_go(False, "shuffled", 7)
        for _ in range(200):
            for dossier in DOSSIERS:
                self.house.carry(dossier, "answered")
                self.operators_look_at_a_held_lane(dossier)
            while self.house.poll("feed", "answered"):
                pass
            self.house.poll("due", "answered")
            due = self.world._earliest()
            idle = due is None and not any(self.house.lanes.values())
            if idle and self._all_read():
                break
            ahead = (due - self._now()).total_seconds() if due is not None else 0.0
            self.time_passes(int(max(INTERVAL_S + 1, ahead)))
        else:
            raise AssertionError("it never comes to an end")
        for shipment in self._shipments():
            self._settle(shipment)

    def _all_read(self) -> bool:
        records = self.office.ngsp.feed.records
        return not records or self.house.cursors.get("feed", "").partition("#")[0] == records[-1].oid

    def _compare(self, shipment: Shipment) -> None:
        truths = self._truth(shipment)
        if not truths:
            # Never there: refused, or taken back before it arrived.
            refused = shipment.order is OrderState.REFUSED and shipment.order_number in self.refusing
            assert refused or shipment.state == "cancelled"
            return
        [truth] = truths
        assert shipment.order is OrderState.PLACED or self._people_were_told(shipment)
        records = [one for one in self.office.ngsp.feed.records if one.number == shipment.order_number]
        told = {(one.event.at, str(one.code), one.event.pos_code) for one in records}
        ours = {(s.occurred_at, s.raw_code, s.pos_code) for s in shipment.history if s.source == "feed"}
        assert ours == told
        codes = {str(one.code) for one in records if one.event.happening is Happening.STRANGE}
        assert set(shipment.unmapped) == codes
        if truth.cancelled and truth.script.cancel == "moves":
            assert shipment.state == "cancelled" and (len(truth.history) < 9 or "moved_after_cancel" in shipment.flags)
            return
        told_of = {one.event.happening for one in records}
        if truth.state is not Happening.CREATED:
            assert str(shipment.state) == str(truth.state)
        missed = Happening.FAILED_ATTEMPT in truth.script.lose
        failed = sum(event.happening is Happening.FAILED_ATTEMPT for event in truth.history)
        assert shipment.attempts == (failed if not missed else 0)
        assert shipment.item_code == (truth.item_code if told_of & AFTER_PICKUP else "")
        self._compare_money(shipment, truth)

    def _compare_money(self, shipment: Shipment, truth: Parcel) -> None:
        if not shipment.cod_due:
            assert shipment.cod is CodState.NONE
            return
        assert shipment.cod_collected == truth.cod_collected
        assert sum(one.amount for one in shipment.cod_settlements) == (truth.cod_remitted or 0)
        if truth.cod_remitted is not None:
            expected = CodState.REMITTED if truth.cod_remitted >= DUE else CodState.SHORT
        elif truth.cod_collected is not None:
            expected = CodState.COLLECTED
        else:
            ended = truth.state in (Happening.RETURNED, Happening.CANCELLED)
            expected = CodState.NONE if ended else CodState.TO_COLLECT
        assert shipment.cod is expected

    def _compare_sums(self) -> None:
        theirs = [
            parcel
            for parcel in self.world.books
            if not (parcel.cancelled and parcel.script.cancel == "moves") and parcel.cod_due
        ]
        numbers = {parcel.number for parcel in theirs}
        ours = [shipment for shipment in self._shipments() if shipment.order_number in numbers]
        assert sum(one.cod_collected or 0 for one in ours) == sum(one.cod_collected or 0 for one in theirs)
        paid = sum(one.amount for shipment in ours for one in shipment.cod_settlements)
        assert paid == sum(one.cod_remitted or 0 for one in theirs)

    def _settle(self, shipment: Shipment) -> None:
        for truth in self._truth(shipment):
            if truth.cod_remitted is not None and truth.cod_remitted_at is not None:
                told = CodSettled(
                    at=self._now(),
                    statement_id="s1",
                    paid_over=truth.cod_remitted,
                    paid_at=truth.cod_remitted_at,
                )
                self._enter(self._which(shipment), told)

    def _answer(self, call: Call) -> web.Response:
        """The simulated office, without a socket."""
        ngsp = self.office.ngsp
        try:
            match call.path:
                case "order/post":
                    return ngsp.post_order(call.body, None)
                case "order/cancel":
                    return ngsp.cancel_order(call.query)
                case "order/tracking":
                    return ngsp.track(call.query)
        except Refusal as refusal:
            return ngsp.refused(refusal)
        raise AssertionError(call.path)

    def _truth(self, shipment: Shipment) -> list[Parcel]:
        return self.world.books.parcels.get((self.profile, shipment.order_number), [])

    def _shipments(self) -> list[Shipment]:
        return [self.house.shipment(shipment_id) for shipment_id in self.asked.values()]

    def _people_were_told(self, shipment: Shipment) -> bool:
        """That nobody carries an order whose doubt the carrier left when it did not take it back."""
        alarms = [one.code for one in self.house.effects[shipment.shipment_id] if isinstance(one, RaiseAlarm)]
        return shipment.order is OrderState.IN_DOUBT and f"postal.{STILL_IN_DOUBT}" in alarms

    def _which(self, shipment: Shipment) -> int:
        return next(number for number, shipment_id in self.asked.items() if shipment_id == shipment.shipment_id)

    def _enter(self, number: int, change: ShipmentChange) -> None:
        self.house.take([change_of(self.asked[number], change, ASKED[number].dossier_code)])

    def _now(self) -> datetime:
        return self.world.clock.now()


class PostThatTakesNumbersTwice(PostWorld):
    """As far as anybody knows, it does: an order without an answer is listened for, and then people are asked."""

    unique = False


@pytest.mark.parametrize("world", [PostWorld, PostThatTakesNumbersTwice])
def test_both_books_are_one_whatever_happens_on_the_way(world: type[PostWorld]) -> None:
    """Shuffled, repeated, lost, late, killed, taken back: no parcel doubled or lost, one history, one state, one sum."""
    run_state_machine_as_test(
        world,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
