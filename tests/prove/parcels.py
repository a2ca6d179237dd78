"""Rounds of SIGKILL while parcels are ordered and the carriers drop answers after they have taken an order.

A round is a handful of parcels at two simulated carriers, m1 that can be asked for an order and h2 that cannot. By the
round's seed the carriers take orders and cut the connection, the gateway dies at a crash point and once more at any moment, and
is started again. Parcels stand still, so the feed never speaks of them. Half of the houses know that h2 refuses a second order
with the same number: there nothing may be held. The other half do not know it, and h2 takes numbers twice: there every order in
doubt must be held for people, two operators say what the carrier's books say, and the lane goes on. Nowhere may an order be
placed twice.

With a negative control: a house that believes in numbers that are unique, at a carrier that takes them twice, must double orders.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.line.program import Answer, Finished
from tests.prove.post_house import PostHouse, opened_post

PARCELS = 6
# How many installations run beside each other: half of each kind.
ABREAST = 4
LIMIT_S = 300.0  # a machine that others keep busy takes long; nobody waits longer than needed
REASON = "Vòng thử của người vận hành"

# Points that this work passes, with how often they may be passed before the process dies there.
POINTS = (
    "accept.before_commit",
    "accept.after_commit",
    "endpoint.before_answer",
    "claim.after_commit",
    "send.before",
    "send.after",
    "send.after",
    "lesson.learned",
    "settle.before_commit",
    "settle.after_commit",
    "poll.before_commit",
    "poll.after_commit",
)


class NotCalm(Exception):
    """Something did not come to its end in time; the text says what."""


@dataclass(frozen=True)
class Kind:
    """What a house is like: whether h2 refuses a number twice, and whether the house believes so."""

    name: str
    unique: bool
    believed: bool


KNOWN = Kind("unique known", unique=True, believed=True)
UNKNOWN = Kind("unique unknown", unique=False, believed=False)
DECEIVED = Kind("deceived", unique=False, believed=True)


@dataclass
class Outcome:
    """What a round came to. `again`: orders that were sent more than once; `held`: orders that people were asked about.

    `dropped`: orders that a carrier cut off without an answer, by its own log.
    """

    seed: int
    kind: Kind
    kills: int = 0
    placed: int = 0
    again: int = 0
    dropped: int = 0
    held: int = 0
    doubled: int = 0
    faults: list[str] = field(default_factory=list)


def prove(rounds: int, first_seed: int) -> bool:
    """Run the rounds, a few installations beside each other, then the control; True when every one held."""
    print(
        f"\n== parcels: {rounds} rounds of SIGKILL, {PARCELS} orders each, {ABREAST} installations abreast", flush=True
    )
    begun = time.monotonic()
    seeds = [first_seed + number for number in range(rounds)]
    houses = [(share, (KNOWN, UNKNOWN)[part % 2]) for part in range(ABREAST) if (share := seeds[part::ABREAST])]
    with ThreadPoolExecutor(ABREAST) as pool:
        done = [outcome for told in pool.map(lambda house: _house(*house), houses) for outcome in told]
    for kind in (KNOWN, UNKNOWN):
        mine = [outcome for outcome in done if outcome.kind is kind]
        print(
            f"{kind.name}: {len(mine)} rounds, {sum(o.kills for o in mine)} kills, {sum(o.placed for o in mine)} placed, "
            f"{sum(o.again for o in mine)} sent again, {sum(o.dropped for o in mine)} not answered, "
            f"{sum(o.held for o in mine)} held, {sum(o.doubled for o in mine)} doubled"
        )
    broken = [outcome.seed for outcome in done if outcome.faults]
    [control] = _house([first_seed], DECEIVED)
    sees = control.doubled > 0
    print(f"control: {control.doubled} doubled, {'as it must be' if sees else 'BROKEN: it must be seen to double'}")
    print(f"total: {time.monotonic() - begun:.0f} s" + (f"; broken seeds {broken}" if broken else ""))
    # Rounds in which no answer was ever lost would prove nothing of lost answers.
    met = all(outcome.dropped for outcome in done)
    return not broken and len(done) == rounds and sees and met


def _house(seeds: list[int], kind: Kind) -> list[Outcome]:
    """Some rounds on one installation, one after the other."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-parcels-"))
    outcomes: list[Outcome] = []
    try:
        with _opened(folder, kind) as theatre:
            for seed in seeds:
                outcome = theatre.round(seed)
                outcomes.append(outcome)
                print(
                    f"{kind.name}, seed {outcome.seed}: kills {outcome.kills}, placed {outcome.placed}, again "
                    f"{outcome.again}, held {outcome.held} {_word(outcome)}",
                    *(f"\n    {fault}" for fault in outcome.faults[:5]),
                    flush=True,
                )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return outcomes


@contextlib.contextmanager
def _opened(folder: Path, kind: Kind) -> Iterator[Theatre]:
    """The installation with its simulators, two operators, and a gateway that is kept alive."""
    house = opened_post(folder, _environment(), unique=kind.unique, believed=kind.believed)
    try:
        theatre = Theatre(house, kind)
        theatre.engage_operators()
        yield theatre
    finally:
        house.line.program.close()


@dataclass
class Theatre:
    """One installation, what is done to it, and who keeps it alive."""

    house: PostHouse
    kind: Kind
    kills: int = 0
    _gate: threading.Lock = field(default_factory=threading.Lock)

    def engage_operators(self) -> None:
        """Two people with keys of their own, before anything runs."""
        self.house.line.start("gateway")
        add = ("operators", "add")
        first = self.house.line.command(*add, "lan", "--new-key", "--person", "CB-1", *_ROLES, "--reason", REASON)
        second = self.house.line.command(
            *add, "minh", "--new-key", "--person", "CB-2", *_ROLES, "--reason", REASON, "--as", "lan"
        )
        if first.code or second.code:
            raise NotCalm(f"operators: {first.err} {second.err}")
        self.house.line.program.stop("gateway", signal.SIGKILL)

    def round(self, seed: int) -> Outcome:
        """One round; whatever goes wrong is a fault of it."""
        chance, outcome = random.Random(seed), Outcome(seed, self.kind)
        before, over = self.kills, threading.Event()
        self.house.order("PUT", "faults", {"script": _drops(chance)})
        self._start(f"{chance.choice(POINTS)}:{chance.randint(1, 5)}")
        keeper = threading.Thread(target=self._keep_alive, args=(over, chance.uniform(1.5, 6.0)), daemon=True)
        keeper.start()
        try:
            plans = [_plan(seed, number, chance) for number in range(PARCELS)]
            with ThreadPoolExecutor(PARCELS) as pool:
                for faults, plan in zip(pool.map(self._parcel, plans), plans, strict=True):
                    outcome.faults += faults
                    outcome.placed += plan.orders > 0
                    outcome.again += plan.sent > 1
                    outcome.dropped += plan.dropped
                    outcome.held += plan.held
                    outcome.doubled += max(0, plan.orders - 1)
        finally:
            over.set()
            keeper.join()
            with self._gate:
                if "gateway" in self.house.line.program.running:
                    self.house.line.program.stop("gateway", signal.SIGKILL)
        outcome.kills = self.kills - before
        return outcome

    def _start(self, crash_at: str = "") -> None:
        """Start the gateway without waiting: it may be meant to die before it answers."""
        words = ["serve", "--config", str(self.house.line.config)]
        extra = {"GATEWAY_CRASH_AT": crash_at} if crash_at else {}
        self.house.line.program.start("gateway", words, extra=extra)

    def _keep_alive(self, over: threading.Event, kill_after_s: float) -> None:
        """Start the gateway again whenever it died, and kill it once at any moment."""
        at = time.monotonic() + kill_after_s
        while not over.wait(0.02):
            with self._gate:
                process = self.house.line.program.running["gateway"]
                if at and time.monotonic() > at and process.poll() is None:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    at = 0.0
                if process.poll() is not None:
                    self.kills += 1
                    self._start()

    def _parcel(self, plan: Plan) -> list[str]:
        """The whole course of one order, and what is wrong at its end."""
        try:
            view = self._insist("POST", "", plan.wanted)
            plan.shipment_id, plan.number = str(view["shipment_id"]), str(view["order_number"])
            while self._settled(plan)["order"] == "in_doubt":
                # What goes out again after people's word may meet the same fate, and is doubted anew.
                plan.held = 1
                self._decide(plan)
            self._count(plan)
            return list(self._differences(plan))
        except (NotCalm, AssertionError, KeyError) as error:
            return [f"{plan.wanted['request_id']}: {type(error).__name__}: {error}"]

    def _settled(self, plan: Plan) -> Any:
        """Wait until the carrier has the order, or people are asked; the view then."""
        self._until(plan, lambda v: v["order"] not in ("asked", "in_doubt") or self._is_held(plan), "settled")
        return self._view(plan)

    def _is_held(self, plan: Plan) -> bool:
        """Whether the lane of an order stands for a person; asked only of what may be held."""
        if plan.wanted["carrier"] != "h2" or self._view(plan)["order"] != "in_doubt":
            return False
        listed = _tree(self._operator("lanes", "--blocked", "--upstream", "postal"))
        return any(row["dossier"] == plan.wanted["dossier_code"] for row in listed.get("lanes", ()))

    def _decide(self, plan: Plan) -> None:
        """Two operators ask the carrier, say what its books say, and let the lane go on; however often the gateway dies."""
        word = "placed" if self._orders(plan) else "not_placed"
        words = ("--set", f"state={word}", "--set", f"evidence=CV-{plan.shipment_id}")
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end and not self._is_decided(plan):
            self._operator("decide", "postal", "state", plan.shipment_id, *words, "--as", "lan")
            listed = _tree(self._operator("decisions", "list"))
            for row in listed.get("proposals", ()):
                if plan.shipment_id in row["statement"]:
                    self._operator("decisions", "approve", row["proposal"], "--as", "minh")
        self._operator("release", "--upstream", "postal", "--dossier", str(plan.wanted["dossier_code"]), "--as", "lan")
        self._until(plan, lambda v: "not_placed" not in v["flags"], f"it went on after «{word}»")

    def _is_decided(self, plan: Plan) -> bool:
        view = self._view(plan)
        return view["order"] == "placed" or "not_placed" in view["flags"]

    def _orders(self, plan: Plan) -> int:
        """How many orders the carrier has under the number."""
        return len(self.house.order("GET", f"books?number={plan.number}")["parcels"])

    def _count(self, plan: Plan) -> None:
        calls = self.house.order("GET", "calls")["calls"]
        name = f"{plan.wanted['carrier']}.order"
        mine = [one for one in calls if one["operation"] == name and one["summary"].get("ref") == plan.number]
        plan.sent, plan.dropped = len(mine), any(one["fault"].startswith("drop_") for one in mine)
        plan.orders = self._orders(plan)

    def _differences(self, plan: Plan) -> Iterator[str]:
        """Where our view and the books of the carrier do not say the same."""
        view, request = self._view(plan), plan.wanted["request_id"]
        if view["order"] != "placed":
            yield f"{request}: {view['order']} at the end"
        if plan.orders != 1:
            yield f"{request}: {plan.orders} orders under one number ({plan.wanted['carrier']}, held {plan.held})"
        if plan.held and (plan.wanted["carrier"] == "m1" or self.kind.believed):
            yield f"{request}: held for people, where the carrier could tell"
        if plan.sent > 1 and plan.wanted["carrier"] == "h2" and not self.kind.believed and not plan.held:
            yield f"{request}: sent again without anybody's word that it was not there"
        if plan.dropped and plan.wanted["carrier"] == "h2" and not self.kind.believed and not plan.held:
            yield f"{request}: nobody answered and nobody was asked: it was guessed"

    def _view(self, plan: Plan) -> Any:
        return self._insist("GET", f"/{plan.shipment_id}")

    def _operator(self, *words: str) -> Finished:
        signed = ("--reason", REASON) if "--as" in words else ()
        return self.house.line.command(*words, *signed, "--json")

    def _until(self, plan: Plan, met: Callable[[Any], bool], what: str) -> None:
        end = time.monotonic() + LIMIT_S
        view = self._view(plan)
        while not met(view):
            if time.monotonic() > end:
                raise NotCalm(f"not within {LIMIT_S:.0f} s: {what}; {view['order']} {view['state']} {view['flags']}")
            time.sleep(0.2)
            view = self._view(plan)

    def _insist(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """The same request until somebody answers it: a caller loses nothing by our deaths."""
        end = time.monotonic() + LIMIT_S
        last: Answer | None = None
        while time.monotonic() < end:
            with contextlib.suppress(OSError, http.client.HTTPException):
                last = self.house.call(method, path, body)
                if last.status < 500 and last.status != 429:
                    if last.status >= 400:
                        raise NotCalm(f"{method} {path}: {last.status} {last.body[:300]!r}")
                    return last.tree
            time.sleep(0.05)
        raise NotCalm(f"{method} {path}: no answer, last {last.status if last else None}")


@dataclass
class Plan:
    """One order of a round: what is asked for, and what came of it."""

    wanted: Mapping[str, object]
    shipment_id: str = ""
    number: str = ""
    sent: int = 0
    orders: int = 0
    held: int = 0
    dropped: bool = False


def _word(outcome: Outcome) -> str:
    """Whether a round is as it must be: of the control, that the carrier was seen to double."""
    if outcome.kind is DECEIVED:
        return f"doubled {outcome.doubled}"
    return "BROKEN" if outcome.faults else "ok"


_ROLES = ("--role", "operator", "--role", "supervisor", "--role", "admin")


def _environment() -> dict[str, str]:
    """As the tests start the program: this tree's packages and nothing else of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUTF8": "1"}


def _drops(chance: random.Random) -> list[dict[str, object]]:
    """Orders that are taken and not answered, at each carrier, and some that are cut before they are taken."""
    plan: list[dict[str, object]] = []
    for carrier in ("h2", "m1"):
        plan.append({"match": f"{carrier}.order", "fault": "drop_after_commit", "times": chance.randint(1, 2)})
        plan.append({"match": f"{carrier}.order", "fault": "drop_before_commit", "times": 1})
    return plan


def _plan(seed: int, number: int, chance: random.Random) -> Plan:
    carrier = ("h2", "m1")[number % 2]
    place = {"list_version": "GSO-2025-07", "province": "79", "text": "Số 1, phường Ví Dụ, Thành phố Hồ Chí Minh"}
    wanted: dict[str, object] = {
        "request_id": f"vong-{seed}-{number}",
        "dossier_code": f"000.00.00.G16-261122-{seed % 10_000:04d}{number}",
        "procedure_code": "1.001234",
        "procedure_name": "Cấp giấy phép thử nghiệm",
        "direction": "deliver",
        "citizen": {"name": "Nguyễn Thị Mẫu", "phone": "0900000000", "place": place},
        "carrier": carrier,
    }
    if chance.random() < 0.5:
        wanted["cod_lines"] = [{"fee_id": "f1", "name": "Phí thẩm định", "amount": 150_000}]
    return Plan(wanted)


def _tree(finished: Finished) -> Mapping[str, Any]:
    """What a command printed, nothing where it printed no JSON: the gateway was away."""
    try:
        tree = finished.tree
    except ValueError:
        return {}
    return tree if isinstance(tree, dict) else {}
