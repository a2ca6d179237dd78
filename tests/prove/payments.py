"""Rounds of SIGKILL while fees are asked for, paid, cancelled and refunded: the books of the intermediaries equal ours.

A round is a handful of fees at VNPAY and MoMo, with payers who pay, pay twice, fail or walk away. The gateway dies at a crash
point that the seed names (of create, notice, question, refund, settlement, two operators' word) and once more at any moment, and
is started again. Callers repeat the same bytes until they are answered. Then what is open is cancelled, which asks the
intermediary, and for each fee our view is laid beside the books of the simulated intermediaries: paid there is paid here with
that transaction, paid twice has a refund that waits for people, no order and no refund was made twice, what went back is what
was signed.
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

from tests.line.paying import AMOUNT, Till, laid_till
from tests.line.program import Answer, Finished, ask

FEES = 5
# How many installations run beside each other; each lives through its share of the rounds.
ABREAST = 3
LIMIT_S = 300.0  # a machine that others keep busy takes long; nobody waits longer than needed
REASON = "Vòng thử của người vận hành"

# Points that this work passes, with how often they may be passed before the process dies there.
POINTS = (
    "accept.before_commit",
    "accept.after_commit",
    "endpoint.before_answer",
    "callback.before_answer",
    "claim.after_commit",
    "send.before",
    "send.after",
    "lesson.learned",
    "settle.before_commit",
    "settle.after_commit",
    "poll.before_commit",
    "poll.after_commit",
    "decision.before_answer",
)
ACTIONS = ("pay", "pay", "pay", "pay", "pay_twice", "fail", "abandon")


class NotCalm(Exception):
    """Something did not come to its end in time; the text says what."""


@dataclass
class Outcome:
    """What a round came to."""

    seed: int
    kills: int = 0
    paid: int = 0
    twice: int = 0
    refunded: int = 0
    faults: list[str] = field(default_factory=list)


def prove(rounds: int, first_seed: int) -> bool:
    """Run the rounds, a few installations beside each other; True when the books agreed after every one."""
    print(f"\n== payments: {rounds} rounds of SIGKILL, {FEES} fees each, {ABREAST} installations abreast", flush=True)
    begun = time.monotonic()
    seeds = [first_seed + number for number in range(rounds)]
    houses = [share for part in range(ABREAST) if (share := seeds[part::ABREAST])]
    with ThreadPoolExecutor(ABREAST) as pool:
        done = [outcome for told in pool.map(_house, houses) for outcome in told]
    broken = [outcome.seed for outcome in done if outcome.faults]
    print(
        f"total: {sum(o.kills for o in done)} kills, {sum(o.paid for o in done)} fees paid once, "
        f"{sum(o.twice for o in done)} twice, {sum(o.refunded for o in done)} refunded, {time.monotonic() - begun:.0f} s"
        + (f"; broken seeds {broken}" if broken else "")
    )
    return not broken and len(done) == rounds


def _house(seeds: list[int]) -> list[Outcome]:
    """Some rounds on one installation, one after the other."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-payments-"))
    outcomes: list[Outcome] = []
    try:
        with _opened(folder) as theatre:
            for seed in seeds:
                outcome = theatre.round(seed)
                outcomes.append(outcome)
                print(
                    f"seed {outcome.seed}: kills {outcome.kills}, paid {outcome.paid}, twice {outcome.twice}, "
                    f"refunded {outcome.refunded} {'BROKEN' if outcome.faults else 'ok'}",
                    *(f"\n    {fault}" for fault in outcome.faults[:5]),
                    flush=True,
                )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return outcomes


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[Theatre]:
    """The installation with its simulators, two operators, and a gateway that is kept alive."""
    till = laid_till(folder, _environment(), "create_wait_s = 2")
    text = till.line.config.read_text(encoding="utf-8")
    quick = text.replace("timeout_s = 5.0\nlease_s = 8.0", "timeout_s = 1.5\nlease_s = 3.0")
    assert quick != text
    till.line.config.write_text(quick, encoding="utf-8")
    try:
        words = ["simulate", "payment", "--port", str(till.simulator)]
        words += ["--options", str(folder / "simulators/payment.toml")]
        till.line.program.start("payment", words, f"http://127.0.0.1:{till.simulator}/_simulator/health")
        till.line.start("resolution")
        theatre = Theatre(till)
        theatre.engage_operators()
        yield theatre
    finally:
        till.line.program.close()


@dataclass
class Theatre:
    """One installation, what is done to it, and who keeps it alive."""

    till: Till
    kills: int = 0
    _gate: threading.Lock = field(default_factory=threading.Lock)

    def engage_operators(self) -> None:
        """Two people with keys of their own, before anything runs."""
        self.till.start()
        add = ("operators", "add")
        first = self.till.line.command(*add, "lan", "--new-key", "--person", "CB-1", *_ROLES, "--reason", REASON)
        second = self.till.line.command(
            *add, "minh", "--new-key", "--person", "CB-2", *_ROLES, "--reason", REASON, "--as", "lan"
        )
        if first.code or second.code:
            raise NotCalm(f"operators: {first.err} {second.err}")
        self.till.line.program.stop("gateway", signal.SIGKILL)

    def round(self, seed: int) -> Outcome:
        """One round; whatever goes wrong is a fault of it."""
        chance, outcome = random.Random(seed), Outcome(seed)
        before, over = self.kills, threading.Event()
        self._start(f"{chance.choice(POINTS)}:{chance.randint(1, 5)}")
        keeper = threading.Thread(target=self._keep_alive, args=(over, chance.uniform(2.0, 9.0)), daemon=True)
        keeper.start()
        try:
            plans = [_plan(seed, number, chance) for number in range(FEES)]
            with ThreadPoolExecutor(FEES) as pool:
                for faults, plan in zip(pool.map(self._fee, plans), plans, strict=True):
                    outcome.faults += faults
                    outcome.paid += plan.ended == "paid"
                    outcome.twice += plan.ended == "twice"
                    outcome.refunded += plan.refunded
        finally:
            over.set()
            keeper.join()
            with self._gate:
                if "gateway" in self.till.line.program.running:
                    self.till.line.program.stop("gateway", signal.SIGKILL)
        outcome.kills = self.kills - before
        return outcome

    def _start(self, crash_at: str = "") -> None:
        """Start the gateway without waiting: it may be meant to die before it answers."""
        words = ["serve", "--config", str(self.till.line.config)]
        extra = {"GATEWAY_CRASH_AT": crash_at} if crash_at else {}
        self.till.line.program.start("gateway", words, extra=extra)

    def _keep_alive(self, over: threading.Event, kill_after_s: float) -> None:
        """Start the gateway again whenever it died, and kill it once at any moment."""
        at = time.monotonic() + kill_after_s
        while not over.wait(0.02):
            with self._gate:
                process = self.till.line.program.running["gateway"]
                if at and time.monotonic() > at and process.poll() is None:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    at = 0.0
                if process.poll() is not None:
                    self.kills += 1
                    self._start()

    def _fee(self, plan: Plan) -> list[str]:
        """The whole course of one fee, and what is wrong at its end."""
        try:
            view = self._insist("POST", "", plan.wanted)
            plan.payment_id = str(view["payment_id"])
            view = self._until(
                plan, lambda v: bool(v["pay_url"]) or v["state"] not in ("created", "unknown"), "payable"
            )
            self._payer(plan, view)
            view = self._settled(plan)
            if plan.refund and view["state"] == "paid" and not view["refunds"]:
                self._refund(plan)
            return list(self._differences(plan))
        except (NotCalm, AssertionError, KeyError) as error:
            return [f"{plan.request_id}: {type(error).__name__}: {error}"]

    def _payer(self, plan: Plan, view: Mapping[str, Any]) -> None:
        """What the payer does at the intermediary, which goes on living whatever happens to the gateway."""
        attempt = view["attempts"][-1]
        plan.reference = attempt["reference"]
        if not view["pay_url"]:
            # The answer that held the address died with the process: nobody can be sent there, so nobody pays.
            plan.action = "abandon"
        if plan.action != "abandon":
            if plan.provider == "vnpay":
                ask("GET", view["pay_url"])
            wanted = {"provider": plan.provider, "ref": plan.reference, "action": plan.action}
            self.till.order("POST", "pay", wanted)

    def _settled(self, plan: Plan) -> Any:
        """Ask for a cancellation of what is not known as paid: the intermediary is asked, and the truth comes of it."""
        body = {"request_id": f"huy-{plan.request_id}", "reason": "Kết thúc vòng thử"}
        deadline = time.monotonic() + 4.0
        while time.monotonic() < deadline:
            view = self._view(plan)
            if view["state"] in _ENDED:
                break
            time.sleep(0.2)
        if self._view(plan)["state"] not in _ENDED:
            self._insist("POST", f"/{plan.payment_id}/cancel", body)
        if plan.action == "pay_twice":
            self._until(plan, lambda v: len(v["refunds"]) == 1, "the second payment is found")
        return self._until(plan, lambda v: v["state"] in _ENDED, "it has ended")

    def _refund(self, plan: Plan) -> None:
        """A refund, asked for by the caller and signed by two operators, however often the gateway dies meanwhile."""
        body = {"request_id": f"hoan-{plan.request_id}", "amount": AMOUNT, "reason": "Người nộp rút hồ sơ"}
        self._insist("POST", f"/{plan.payment_id}/refunds", body)
        view = self._until(plan, lambda v: bool(v["refunds"]), "the refund is asked for")
        refund_id = str(view["refunds"][0]["refund_id"])
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end and self._view(plan)["refunds"][0]["state"] == "asked":
            self._operator(
                "decide", "payment", "refund", plan.payment_id, "--set", f"refund_id={refund_id}", "--as", "lan"
            )
            listed = self._operator("decisions", "list")
            waits = [row for row in _tree(listed).get("proposals", ()) if plan.payment_id in row["statement"]]
            if waits:
                self._operator("decisions", "approve", waits[0]["proposal"], "--as", "minh")
        self._until(plan, lambda v: v["refunds"][0]["state"] not in ("asked", "sending", "approved"), "the refund went")
        plan.refunded = 1

    def _operator(self, *words: str) -> Finished:
        signed = ("--reason", REASON) if "--as" in words else ()
        return self.till.line.command(*words, *signed, "--json")

    def _differences(self, plan: Plan) -> Iterator[str]:
        """Where our view and the books of the intermediary do not say the same."""
        view = self._view(plan)
        orders = [one for one in self.till.order("GET", "books")["orders"] if one["ref"] == plan.reference]
        if len(orders) > 1:
            yield f"{plan.request_id}: {len(orders)} orders under one reference"
        money = [txn for order in orders for txn in order["transactions"]]
        refunds = [one for order in orders for one in order["refunds"]]
        paid, state = view["state"] in _PAID, view["state"]
        plan.ended = "twice" if len(money) > 1 else "paid" if paid else "unpaid"
        if paid != bool(money):
            yield f"{plan.request_id}: {state} here, {len(money)} transactions there ({plan.provider} {plan.action})"
        if paid and money and view["provider_txn"] not in {str(txn["txn_id"]) for txn in money}:
            yield f"{plan.request_id}: paid by a transaction that the intermediary does not know"
        if (len(money) > 1) != ("duplicate_payment" in view["flags"]):
            yield f"{plan.request_id}: {len(money)} transactions there, flags {view['flags']}"
        if len(money) > 1 and not view["refunds"]:
            yield f"{plan.request_id}: paid twice without a refund that waits"
        if len(refunds) != plan.refunded:
            yield f"{plan.request_id}: {len(refunds)} refunds there, {plan.refunded} were signed"
        back = sum(int(one["amount"]) for one in refunds)
        if back > AMOUNT * len(money) or view["refunded_amount"] > back:
            yield f"{plan.request_id}: {view['refunded_amount']} went back here, {back} there"

    def _view(self, plan: Plan) -> Any:
        return self._insist("GET", f"/{plan.payment_id}")

    def _until(self, plan: Plan, met: Callable[[Any], bool], what: str) -> Any:
        end = time.monotonic() + LIMIT_S
        view = self._view(plan)
        while not met(view):
            if time.monotonic() > end:
                raise NotCalm(f"not within {LIMIT_S:.0f} s: {what}; {_told(view)}")
            time.sleep(0.1)
            view = self._view(plan)
        return view

    def _insist(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """The same request until somebody answers it: a caller loses nothing by our deaths."""
        end = time.monotonic() + LIMIT_S
        last: Answer | None = None
        while time.monotonic() < end:
            with contextlib.suppress(OSError, http.client.HTTPException):
                last = self.till.call(method, path, body)
                if last.status < 500 and last.status != 429:
                    if last.status >= 400:
                        raise NotCalm(f"{method} {path}: {last.status} {last.body[:300]!r}")
                    return last.tree
            time.sleep(0.05)
        raise NotCalm(f"{method} {path}: no answer, last {last.status if last else None}")


@dataclass
class Plan:
    """One fee of a round: what happens to it, and what came of it."""

    request_id: str
    provider: str
    action: str
    refund: bool
    wanted: Mapping[str, object]
    payment_id: str = ""
    reference: str = ""
    ended: str = ""
    refunded: int = 0


_ROLES = ("--role", "operator", "--role", "supervisor", "--role", "admin")
_PAID = ("paid", "refunding", "refunded", "partially_refunded")
_ENDED = (*_PAID, "failed", "cancelled", "expired")


def _environment() -> dict[str, str]:
    """As the tests start the program: this tree's packages and nothing else of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUTF8": "1"}


def _plan(seed: int, number: int, chance: random.Random) -> Plan:
    request_id = f"vong-{seed}-{number}"
    provider = chance.choice(("vnpay", "momo"))
    action = chance.choice(ACTIONS)
    wanted = {
        "request_id": request_id,
        "dossier_code": f"000.00.00.G16-261122-{seed % 10_000:04d}{number}",
        "procedure_code": "1.001234",
        "procedure_name": "Cấp giấy phép thử nghiệm",
        "unit_code": "000.00.00.G16",
        "unit_name": "Cục thử nghiệm",
        "fee_lines": [{"kind": "charge", "code": "PTD01", "name": "Phí thẩm định", "amount": AMOUNT}],
        "amount": AMOUNT,
        "payer": {"name": "Nguyễn Văn Nộp", "number": "001090000000"},
        "provider": provider,
    }
    return Plan(request_id, provider, action, provider == "momo" and action == "pay" and chance.random() < 0.8, wanted)


def _tree(finished: Finished) -> Mapping[str, Any]:
    """What a command printed, nothing where it printed no JSON: the gateway was away."""
    try:
        tree = finished.tree
    except ValueError:
        return {}
    return tree if isinstance(tree, dict) else {}


def _told(view: Mapping[str, Any]) -> str:
    """A view without the person."""
    return f"{view['payment_id']} {view['state']}, attempts {view['attempts']}, refunds {view['refunds']}"
