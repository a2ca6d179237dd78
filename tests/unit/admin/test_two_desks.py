"""Two nodes, two desks, one journal: what each of them found in order may be decided once, and never by both."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

from gateway.admin.decisions import Decisions
from gateway.admin.four_eyes import Terms
from gateway.admin.operations import Operations
from gateway.admin.register import Register
from gateway.config import Upstream
from gateway.dispatch.worker import Worker
from gateway.errors import IntakeError
from gateway.journal.model import Accepted, Intake, Ordered, UpstreamOrder
from gateway.journal.store import Journal


class Meeting:
    """A journal that lets nobody write before both have looked."""

    def __init__(self, journal: Journal, gate: asyncio.Barrier) -> None:
        self._journal, self._gate = journal, gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def accept(self, intake: Intake) -> Accepted:
        """Both have read what they decide by."""
        await self._gate.wait()
        return await self._journal.accept(intake)

    async def switch(self, order: UpstreamOrder) -> Ordered:
        """The same of a pause."""
        await self._gate.wait()
        return await self._journal.switch(order)


def _beside(hall: Any, gate: asyncio.Barrier) -> Any:
    """The hall of another node: a desk of its own over the same journal."""
    journal, clock = cast("Journal", Meeting(hall.journal, gate)), hall.turned.clock()
    settings = {code: Upstream(connector=code) for code in ("national", "resolution")}
    worker = Worker(hall.worker._lines, journal, hall.worker._coordination, clock)
    desk = replace(
        hall.desk,
        operations=Operations(journal, worker, settings, clock),
        register=Register(journal, clock),
        decisions=Decisions(journal, clock, Terms("gateway-1", frozenset({"skip", "pause"}))),
    )
    return replace(hall, journal=journal, desk=desk)


async def _outcomes(*said: Any) -> list[str]:
    """What came of decisions that were handed in at the same moment: their codes, or "done"."""
    told = await asyncio.gather(*said, return_exceptions=True)
    assert all(isinstance(one, dict | IntakeError) for one in told), told
    return sorted(one.code if isinstance(one, IntakeError) else "done" for one in told)


async def test_two_admins_cannot_revoke_each_other_on_two_nodes(hall: Any) -> None:
    """Each node still sees the other admin; one of the revocations stands, the other one is refused."""
    await hall.add("binh", "admin")
    gate = asyncio.Barrier(2)
    here, there = _beside(hall, gate), _beside(hall, gate)
    told = await _outcomes(
        here.say("chi", "operator-revoke", details={"name": "binh"}),
        there.say("binh", "operator-revoke", details={"name": "chi"}),
    )
    assert told == ["changed_meanwhile", "done"]
    standing = [one for one in (await hall.desk.register.shown())["operators"] if one["in_force"]]
    assert len(standing) == 1


async def test_two_second_operators_cannot_carry_out_one_proposal_on_two_nodes(hall: Any) -> None:
    """Both saw it open and both signed; it is carried out once, with one second signature in the trail."""
    await hall.add("binh", "operator")
    await hall.add("dung", "operator")
    answer = await hall.say("chi", "pause", upstream="national")
    (row,) = [one for one in (await hall.desk.decisions.proposals())["proposals"] if one["fate"] == "open"]
    details = {"proposal": answer["proposal"], "digest": row["digest"]}
    gate = asyncio.Barrier(2)
    here, there = _beside(hall, gate), _beside(hall, gate)
    told = await _outcomes(here.say("binh", "approve", details=details), there.say("dung", "approve", details=details))
    assert told == ["changed_meanwhile", "done"]
    taken = [fields for _, _, fields in await hall.trail("decision.taken") if fields.get("second_operator")]
    assert len(taken) == 1 and len(await hall.trail("upstream.paused")) == 1
