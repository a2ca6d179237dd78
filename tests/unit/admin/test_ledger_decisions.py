"""Decisions about ledgers: only who the manifest names, with two keys where it says so, in one transaction with both proofs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from connectors.kit.contract import Change, Decided
from connectors.kit.declarations import DecisionSpec, LedgerSpec
from connectors.kit.errors import CannotMap, NoAnswer
from gateway.admin.decisions import Decisions
from gateway.admin.ledger_decisions import Decidable, LedgerDecisions
from gateway.errors import IntakeError
from gateway.intake.inputs import Shelf, Taker
from gateway.intake.ledgers import Bound, LedgerBook
from tests.toys.toy_registry.profiles.v1.ledger import Loans

DOSSIER = "000.00.00.G16-261123-0001"
WRITE_OFF = DecisionSpec(ledger="loans", summary="Xóa sổ", roles=("supervisor",), fields=("reference",))


@dataclass
class Clerk:
    """A connector that writes loans off; `trouble` is raised instead, `astray` is what it answers about."""

    asked: list[Decided] = field(default_factory=list)
    trouble: list[Exception] = field(default_factory=list)
    astray: str = "L-1"

    async def decided(self, decision: Decided) -> Change:
        """The loss of a toy."""
        self.asked.append(decision)
        if self.trouble:
            raise self.trouble.pop(0)
        fields = {"what": "lost", "toy": "x"}
        return Change("loans", self.astray, f"written_off/{decision.decision_id}", fields, DOSSIER)


@dataclass
class Counter:
    """The desk with the clerk, and the ledgers behind it."""

    hall: Any
    clerk: Clerk
    alarms: list[str] = field(default_factory=list)

    async def propose(self, name: str = "chi", decision: str = "write_off", **changes: Any) -> Any:
        """Ask for a loss to be written off."""
        details = {"decision": decision, "id": "L-1", "fields": {"reference": "BB-1"}, **changes}
        return await self.hall.say(name, "decide", upstream="toys", details=details)

    async def approve(self, name: str = "binh") -> Any:
        """Sign the one open proposal."""
        (row,) = [r for r in (await self.hall.desk.decisions.proposals())["proposals"] if r["fate"] == "open"]
        details = {"proposal": row["proposal"], "digest": row["digest"]}
        return await self.hall.say(name, "approve", "Đã kiểm tra, đồng ý", details=details)

    async def version(self) -> int:
        """How many changes the loan has seen."""
        shelf = Shelf("toys")
        shelf.journal = self.hall.journal
        kept = await shelf.read("loans", "L-1")
        return kept.version if kept is not None else 0


async def _counter(building: Any, spec: DecisionSpec) -> AsyncIterator[Counter]:
    bound = Bound(Loans(), LedgerSpec(effects=("alarm", "deliver")), frozenset({"remind"}))
    building.book = LedgerBook({("toys", "loans"): bound})
    async with building.open() as hall:
        await hall.found()
        await hall.add("binh", "supervisor", person="002")
        await hall.add("lan", "operator", person="003")
        clerk, clock = Clerk(), hall.turned.clock()
        counter = Counter(hall, clerk)
        taker = Taker(hall.journal, building.book, lambda _: None, lambda code, *_: counter.alarms.append(code))
        ledgers = LedgerDecisions({"toys": Decidable(clerk, {"write_off": spec})}, taker, clock)
        decisions = Decisions(hall.journal, clock, replace(building.terms, rules=ledgers))
        hall.desk = replace(hall.desk, ledgers=ledgers, decisions=decisions)
        yield counter


@pytest.fixture
async def counter(building: Any) -> AsyncIterator[Counter]:
    """A decision that needs two keys."""
    async for one in _counter(building, WRITE_OFF):
        yield one


@pytest.fixture
async def quick(building: Any) -> AsyncIterator[Counter]:
    """A decision that one supervisor may take."""
    async for one in _counter(building, DecisionSpec(ledger="loans", summary="Xóa sổ", second_key=False)):
        yield one


async def _code(saying: Any) -> str:
    with pytest.raises(IntakeError) as caught:
        await saying
    return caught.value.code


async def test_two_sign_and_the_change_stands_with_both_proofs(counter: Counter) -> None:
    """Proposed, nothing has changed; approved, the change, the statement and both signatures are one leaf."""
    answer = await counter.propose()
    assert answer["done"] is False and await counter.version() == 0
    leaves = {leaf.writer: leaf.n for leaf in await counter.hall.journal.leaves()}
    assert (await counter.approve())["done"] is True
    assert await counter.version() == 1 and counter.alarms == ["toy.lost"]
    after = {leaf.writer: leaf.n for leaf in await counter.hall.journal.leaves()}
    assert sum(after.values()) - sum(leaves.values()) == 1
    trail = await counter.hall.trail()
    kinds = [kind for kind, *_ in trail]
    taken = next(fields for kind, _, fields in trail if kind == "decision.taken" and fields["command"] == "decide")
    assert kinds[-3:] == ["decision.taken", "ledger.changed", "ledger.alarm"]
    assert (taken["operator"], taken["second_operator"]) == ("chi", "binh")
    assert taken["statement"] and taken["second_signature"]


async def test_the_connector_is_asked_when_it_is_proposed_and_when_it_is_carried_out(counter: Counter) -> None:
    """Under one id that never changes; the second's name is known only the second time."""
    proposed = (await counter.propose())["proposal"]
    await counter.approve()
    assert [(d.decision_id, d.decided_by, d.approved_by) for d in counter.clerk.asked] == [
        (proposed, "chi", ""),
        (proposed, "chi", "binh"),
    ]
    assert counter.clerk.asked[1].fields == {"reference": "BB-1"} and counter.clerk.asked[1].ledger_id == "L-1"


async def test_nobody_signs_what_cannot_be(counter: Counter) -> None:
    """Refused with the connector's reason when it is proposed; and again when it has become impossible meanwhile."""
    counter.clerk.trouble = [CannotMap("Món này chưa ai mượn.")]
    assert await _code(counter.propose()) == "cannot_decide"
    assert (await counter.hall.desk.decisions.proposals())["proposals"] == []
    await counter.propose()
    counter.clerk.trouble = [CannotMap("Món này vừa được trả.")]
    assert await _code(counter.approve()) == "cannot_decide"
    assert await counter.version() == 0
    assert (await counter.approve())["done"] is True, "the proposal is still open for when it can be"


async def test_the_same_person_or_key_never_signs_twice(counter: Counter) -> None:
    """Four eyes belong to two people."""
    await counter.propose()
    assert await _code(counter.approve("chi")) == "same_person"
    assert await counter.version() == 0


@pytest.mark.parametrize("name", ["lan"])
async def test_a_role_that_the_manifest_does_not_name_neither_proposes_nor_approves(
    counter: Counter, name: str
) -> None:
    """An operator decides about lanes, not about money."""
    assert await _code(counter.propose(name)) == "role_missing"
    await counter.propose()
    assert await _code(counter.approve(name)) == "role_missing"
    assert await counter.version() == 0


async def test_what_needs_one_key_is_carried_out_at_once_and_once(quick: Counter) -> None:
    """The same bytes again change nothing and get the answer again."""
    details = {"decision": "write_off", "id": "L-1", "fields": {}}
    envelope = await quick.hall.envelope("chi", "decide", upstream="toys", details=details)
    assert (await quick.hall.carry("decide", envelope))["done"] is True
    assert (await quick.hall.carry("decide", envelope))["done"] is True
    assert await quick.version() == 1 and quick.alarms == ["toy.lost"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"decision": "steal"}, "decision_unknown"),
        ({"fields": {}}, "order_incomplete"),
        ({"fields": {"reference": "BB-1", "more": "x"}}, "order_incomplete"),
        ({"fields": {"reference": "BB\n1"}}, "order_incomplete"),
        ({"fields": {"reference": "x" * 201}}, "order_incomplete"),
        ({"id": 1}, "order_incomplete"),
        ({"id": "L-2"}, "decision_astray"),
    ],
)
async def test_a_decision_that_is_not_what_the_manifest_declares_is_refused(
    counter: Counter, changes: dict[str, Any], code: str
) -> None:
    """Unknown, with words too few or too many, unprintable, or answered by the connector about another ledger."""
    assert await _code(counter.propose(**changes)) == code
    assert await counter.version() == 0


async def test_a_connector_that_does_not_answer_decides_nothing(counter: Counter) -> None:
    """The operator may say it again."""
    counter.clerk.trouble = [NoAnswer()]
    assert await _code(counter.propose()) == "upstream_unavailable"


async def test_what_the_ledger_refuses_leaves_neither_proof_nor_change(counter: Counter) -> None:
    """A contradiction inside the transaction: the proposal stays open, nothing says that it was decided."""
    await counter.propose()
    taker = Taker(counter.hall.journal, counter.hall.desk.ledgers._takes._book, lambda _: None, lambda *_: None)
    (row,) = (await counter.hall.desk.decisions.proposals())["proposals"]
    other = Change("loans", "L-1", f"written_off/{row['proposal']}", {"what": "lent", "toy": "x"}, DOSSIER)
    await taker.take("toys", [other])
    assert await _code(counter.approve()) == "key_reused"
    assert [
        fields for _, _, fields in await counter.hall.trail("decision.taken") if fields["command"] == "decide"
    ] == []
    (row,) = (await counter.hall.desk.decisions.proposals())["proposals"]
    assert row["fate"] == "open" and await counter.version() == 1


async def test_without_a_running_gateway_nothing_is_decided_about_ledgers(hall: Any) -> None:
    """The store alone does not know what a connector means by a decision."""
    details = {"decision": "write_off", "id": "L-1"}
    assert await _code(hall.say("chi", "decide", upstream="toys", details=details)) == "decision_unknown"
    assert [f for _, _, f in await hall.trail("decision.taken") if f["command"] == "decide"] == []


@pytest.fixture
async def lenient(building: Any) -> AsyncIterator[Counter]:
    """A decision with a word that may be left out."""
    spec = DecisionSpec(ledger="loans", summary="Xóa sổ", fields=("reference", "note"), optional=("note",))
    async for one in _counter(building, spec):
        yield one


async def test_a_word_that_may_be_left_out_may_be_left_out(lenient: Counter) -> None:
    """And no other one."""
    assert await _code(lenient.propose(fields={"note": "x"})) == "order_incomplete"
    assert (await lenient.propose())["done"] is False


async def test_operators_see_what_may_be_decided(counter: Counter) -> None:
    """With who signs it, and which words it wants."""
    shown = await counter.hall.desk.ledgers.shown()
    assert shown["decisions"] == [
        {
            "upstream": "toys",
            "decision": "write_off",
            "ledger": "loans",
            "summary": "Xóa sổ",
            "roles": ["supervisor"],
            "second_key": True,
            "fields": ["reference"],
            "optional": [],
        }
    ]
