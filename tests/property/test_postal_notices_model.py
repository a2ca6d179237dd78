"""The post that pushes against the truth: signed notices shuffled, repeated, replayed and lost, and what a question finds out.

As `test_postal_model.py`, at donhang: orders can be asked for, so nothing is ever held; notices may be lost, and then the parcels
that nobody has seen for days are asked about.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test
from msgspec import structs

from connectors.kit.contract import Notice
from connectors.kit.secrets import SecretRef
from connectors.kit.simulation import json_answer
from connectors.postal import simulator_wire as wire
from connectors.postal.history import heard_by_carrier
from connectors.postal.model import OrderState
from connectors.postal.settings import CarrierSettings
from connectors.postal.shipment import Shipment
from connectors.postal.simulator_lies import Lie
from connectors.postal.simulator_m1 import M1
from connectors.postal.simulator_options import DonhangOptions, PostalOptions
from connectors.postal.simulator_parcels import Happening, Script
from connectors.postal.simulator_push import Letter, Sent
from connectors.postal.simulator_wire import Refusal
from connectors.postal.speaking import Call
from tests.connectors.postal.shipments import CARRIER

from .postal_scripts import CUSTOMER, DOSSIERS, FATES
from .test_postal_model import PostWorld

KEY = wire.new_key()
_STATES = {
    Happening.CREATED,
    Happening.COLLECTED,
    Happening.FAILED_ATTEMPT,
    Happening.DELIVERED,
    Happening.RETURNING,
    Happening.RETURNED,
    Happening.CANCELLED,
}
"""What donhang has a code for that says where a parcel is."""


_ENDED = {Happening.DELIVERED: "deliverable", Happening.RETURNED: "return_delivered"}
"""How an answer about money says that the way has ended."""


class Donhang(M1):
    """The simulated donhang with its letters in a heap: who carries them, in which order, and whether at all, is our concern."""

    letters: list[tuple[str, bytes]]

    def push(self, data: Mapping[str, object], lie: Lie | None = None) -> Sent:
        """Signed, and put on the heap."""
        body = self._signed(json.dumps(data, ensure_ascii=False, separators=(",", ":")), lie)
        number = str(data["OrderCode"])
        self.letters.append((number, body))
        return Sent(len(self.letters), Letter(number, 0, "", "", body))


class PostThatPushes(PostWorld):
    """An order of ours can be asked for, its number taken twice."""

    profile = "m1"

    def options(self) -> PostalOptions:
        """What is simulated."""
        return PostalOptions(scale=0.0, m1=DonhangOptions(customer=CUSTOMER, numbers_unique=False))

    def open_office(self) -> None:
        """The carrier that we speak with."""
        self.donhang = Donhang(self.world, KEY)
        self.donhang.letters = []
        self.dropped: set[str] = set()
        self.world.houses["m1"] = self.donhang

    def settings(self) -> CarrierSettings:
        """How it is set up with us."""
        return CarrierSettings(
            name=CARRIER,
            profile="m1",
            base_url="https://donhang.example/",
            customer=CUSTOMER,
            secrets={"token": SecretRef("env:TOKEN")},
            public_keys=(wire.key_value(KEY),),
            notices_from_anywhere=True,
        )

    def fit(self, script: Script) -> Script:
        """Without codes that mean nothing: a question is answered by the newest code, which would hide where the parcel is."""
        return structs.replace(script, strange=0)

    @precondition(lambda self: self.donhang.letters)
    @rule(number=st.integers(0, 99), times=st.integers(1, 3), fate=FATES)
    def the_feed_is_read(self, number: int, times: int, fate: str) -> None:
        """There is none: a notice arrives, any of them, once or more often, and perhaps again much later."""
        letter = self.donhang.letters[number % len(self.donhang.letters)]
        for _ in range(times):
            if self._heard(letter[1], fate) and fate == "answered":
                self.donhang.letters.remove(letter)
                fate = "again"

    @precondition(lambda self: self.donhang.letters)
    @rule(number=st.integers(0, 99))
    def a_notice_is_lost(self, number: int) -> None:
        """For ever."""
        order_number, _ = self.donhang.letters.pop(number % len(self.donhang.letters))
        self.dropped.add(order_number)

    @precondition(lambda self: self.donhang.letters)
    @rule(number=st.integers(0, 99), place=st.integers(0, 10**6))
    def a_notice_is_forged(self, number: int, place: int) -> None:
        """A byte of what is signed is another one: nobody believes it."""
        _, body = self.donhang.letters[number % len(self.donhang.letters)]
        told = json.loads(body)
        at = place % len(told["Data"])
        sign = "1" if told["Data"][at] != "1" else "2"
        told["Data"] = told["Data"][:at] + sign + told["Data"][at + 1 :]
        before = {key: entry.version for key, entry in self.house.entries.items()}
        assert not self._heard(json.dumps(told).encode(), "answered")
        assert before == {key: entry.version for key, entry in self.house.entries.items()}

    def _heard(self, body: bytes, fate: str) -> bool:
        headers = {"content-type": "application/json"}
        notice = Notice("POST", "/v1/callbacks/postal/m1", "", headers, body, "127.0.0.1", profile="m1")
        return self.house.hear(notice, fate)

    def _settle_everything(self) -> None:
        """Until the lanes are empty, the carrier has nothing to do, its notices came, and the silent were asked about."""
        self.tellings_are_held_or_let_go(False, "shuffled", 7)
        for _ in range(200):
            for dossier in DOSSIERS:
                self.house.carry(dossier, "answered")
            for letter in tuple(self.donhang.letters):
                self._heard(letter[1], "answered")
                self.donhang.letters.remove(letter)
            due = self.world._earliest()
            if due is None and not any(self.house.lanes.values()):
                break
            ahead = (due - self._now()).total_seconds() if due is not None else 0.0
            self.time_passes(int(max(60, ahead)))
        else:
            raise AssertionError("it never comes to an end")
        for _ in range(2):
            self.time_passes(int(timedelta(days=6).total_seconds()))
            while self.house.poll("due", "answered"):
                pass
        for shipment in self._shipments():
            self._settle(shipment)

    def _compare(self, shipment: Shipment) -> None:
        truths = self._truth(shipment)
        if not truths:
            refused = shipment.order is OrderState.REFUSED and shipment.order_number in self.refusing
            assert refused or shipment.state == "cancelled"
            return
        [truth] = truths
        assert shipment.order is OrderState.PLACED
        codes = self.donhang.codes()
        told = {(event.at, str(codes[event.happening])) for event in truth.history if event.happening in codes}
        ends = {(event.at, _ENDED[event.happening]) for event in truth.history if event.happening in _ENDED}
        ours = {(s.occurred_at, s.raw_code) for s in shipment.history if heard_by_carrier(s)}
        lost = bool(truth.script.lose) or shipment.order_number in self.dropped
        assert ours <= told | ends and (lost or told <= ours)
        if truth.cancelled and truth.script.cancel == "moves":
            assert shipment.state == "cancelled"
            return
        states = [event.happening for event in truth.history if event.happening in _STATES]
        assert str(shipment.state) == str(states[-1])
        assert shipment.item_code == truth.item_code
        failed = states.count(Happening.FAILED_ATTEMPT)
        assert shipment.attempts == failed or (lost and shipment.attempts < failed)
        self._compare_money(shipment, truth)

    def _answer(self, call: Call) -> web.Response:
        """The simulated office, without a socket."""
        query = "&".join(f"{name}={value}" for name, value in call.query.items())
        request = make_mocked_request("POST", f"/m1/api/api/{call.path}?{query}")
        try:
            match call.path:
                case "CustomerConnect/CreateOrder":
                    return self.donhang._created(request, call.body, None)
                case "CustomerConnect/CancelOrder":
                    return self.donhang._cancelled(request, call.body, None)
                case "Order/GetListOrderByManagerWithCustomCode":
                    return self.donhang._found(request, call.body, None)
        except Refusal as refusal:
            return json_answer({"IsSuccess": False, "Message": refusal.message}, refusal.status)
        raise AssertionError(call.path)


def test_both_books_are_one_where_notices_are_pushed_and_orders_can_be_asked_for() -> None:
    """Shuffled, repeated, replayed, forged, lost: nothing doubled, nothing held, one history, one state, one sum."""
    run_state_machine_as_test(
        PostThatPushes,
        settings=settings(
            max_examples=40,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
