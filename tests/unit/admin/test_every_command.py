"""No way to a decision without its proof: every command of the admin socket is walked, unsigned and signed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.admin.client import ask
from gateway.admin.handlers import create_admin_app
from gateway.bootstrap.sites import unix_site
from gateway.errors import IntakeError
from gateway.journal.model import (
    Decision,
    DeliveryState,
    InboundStatus,
    InboundWrite,
    Intake,
    MessageSettlement,
    NewDelivery,
    Settlement,
)
from gateway.records.operators import NEEDS, READS

DOSSIER = "000.00.00.G16-261120-0001"


@asynccontextmanager
async def _socket(hall: Any, folder: Path) -> AsyncIterator[tuple[Path, list[str]]]:
    """The admin application on a real Unix socket, and the names of everything that it takes by POST."""
    app = create_admin_app(hall.desk)
    posts = [route.resource.canonical for route in app.router.routes() if route.method == "POST" and route.resource]
    async with unix_site(app, folder / "admin.sock"):
        yield folder / "admin.sock", sorted(name.removeprefix("/admin/") for name in posts)


async def _state(hall: Any) -> Any:
    """Everything that a decision could change, without refusals."""
    records = [
        await hall.journal.records(kind)
        for kind in ("operator", "proposal", "decision", "pause_window", "consent", "course")
    ]
    lanes = await hall.journal.lanes()
    rows = [await hall.journal.upstream(code) for code in ("national", "resolution")]
    trail = [row for row in await hall.trail() if row[0] != "decision.refused"]
    return records, lanes, rows, trail


async def test_every_command_has_its_roles_and_no_role_is_for_a_command_that_is_not_there(
    hall: Any, tmp_path: Path
) -> None:
    """The table and the socket name the same commands."""
    async with _socket(hall, tmp_path) as (_, commands):
        assert set(commands) <= set(NEEDS) and set(commands) >= READS


async def test_no_command_does_anything_without_a_signature(hall: Any, tmp_path: Path) -> None:
    """Bare words, a statement without a signature, one with somebody else's: refused, and nothing has changed."""
    details = {"name": "ke-la", "roles": ["admin"], "keys": [hall.person("ke-la").public_key], "all": True}
    before = await _state(hall)
    async with _socket(hall, tmp_path) as (place, commands):
        assert len(commands) >= 14
        for command in commands:
            envelope = await hall.envelope("chi", command, upstream="national", dossier=DOSSIER, details=details)
            foreign = await hall.envelope("ke-la", command, upstream="national", dossier=DOSSIER, details=details)
            for body in (
                {"reason": "Đơn vị vận hành đã xác minh", "upstream": "national"},
                {},
                {"statement": envelope.statement},
                {"statement": envelope.statement, "signature": foreign.signature},
                msgspec.structs.asdict(foreign),
            ):
                with pytest.raises(IntakeError) as caught:
                    await ask(place, command, body=body)
                assert caught.value.status in (400, 401), (command, body)
    assert await _state(hall) == before


async def test_the_socket_names_the_operating_systems_user(hall: Any, tmp_path: Path) -> None:
    """SO_PEERCRED stands beside the signature."""
    import getpass

    envelope = await hall.envelope("chi", "resume", upstream="national")
    async with _socket(hall, tmp_path) as (place, _):
        await ask(place, "resume", body=msgspec.structs.asdict(envelope))
    ((_, _, fields),) = await hall.trail("decision.taken")
    assert fields["peer"] == f"os:{getpass.getuser()}"


async def _lane(hall: Any, state: DeliveryState) -> str:
    """A lane with one message in this state; the id of its delivery."""
    event_id = "019a0f5e-7b1c-7c40-9a51-2f1d6c0a1111"
    delivery = NewDelivery(f"{event_id}/national/sync", "national", "sync", event_id, "SEC-A")
    written = InboundWrite(event_id, 1, InboundStatus.ACCEPTED, bytes(32), b"{}", b'{"carried":1}')
    decision = Decision(b"{}", 202, inbound=(written,), deliveries=(delivery,), last_sequence=1)
    intake = Intake("event", "SEC-A", event_id, DOSSIER, bytes(32), b"{}", _Said(decision), sequence=1)
    await hall.journal.accept(intake)
    if state is not DeliveryState.READY:
        from datetime import timedelta

        (claim,) = await hall.journal.claim(
            "national", limit=1, batch={}, lease=timedelta(seconds=5), now=hall.turned.moment
        )
        held = MessageSettlement(1, state)
        reason = "chờ người" if state is DeliveryState.HELD else ""
        await hall.journal.settle(Settlement(claim.lane_id, claim.epoch, (held,), block_reason=reason))
    return delivery.delivery_id


class _Said:
    """A subject that carries its decision along."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision


@pytest.fixture
async def lined(building: Any) -> AsyncIterator[Any]:
    """A desk over a journal whose decider takes ready-made decisions too, so that lanes can be filled at once."""
    async with building.open(second_key_for=frozenset()) as hall:
        inner = _decider_of(hall.journal)

        def decide(situation: Any, intake: Intake) -> Decision:
            return intake.subject.decision if isinstance(intake.subject, _Said) else inner(situation, intake)

        _use(hall.journal, decide)
        await hall.found()
        yield hall


def _decider_of(journal: Any) -> Any:
    return journal._choose()


def _use(journal: Any, decide: Any) -> None:
    journal._choose = lambda: decide


@pytest.mark.parametrize(
    ("command", "state", "effect"),
    [
        ("hold", DeliveryState.READY, "lane.held"),
        ("release", DeliveryState.HELD, "lane.released"),
        ("skip", DeliveryState.HELD, "delivery.refused"),
        ("replay", DeliveryState.DELIVERED, "delivery.replayed"),
        ("pause", DeliveryState.READY, "upstream.paused"),
        ("resume", DeliveryState.READY, "upstream.resumed"),
    ],
)
async def test_what_is_decided_and_its_proof_come_together(
    lined: Any, command: str, state: DeliveryState, effect: str
) -> None:
    """The trail grows by the proof and the effect in one leaf; the same bytes again change nothing and answer the same."""
    delivery = await _lane(lined, state)
    words = {"delivery_id": delivery} if command == "replay" else {}
    (before,) = [leaf for leaf in await lined.journal.leaves() if leaf.writer == lined.journal.writer]
    trail = len(await lined.trail())
    envelope = await lined.envelope("chi", command, upstream="national", dossier=DOSSIER, **words)
    answer = await lined.carry(command, envelope)
    assert answer["done"] is True
    grown = (await lined.trail())[trail:]
    assert [kind for kind, *_ in grown] == ["decision.taken", effect]
    assert grown[0][2]["statement"] == envelope.statement and grown[1][1] == "chi"
    (after,) = [leaf for leaf in await lined.journal.leaves() if leaf.writer == lined.journal.writer]
    assert after.n == before.n + 1
    assert await lined.carry(command, envelope) == answer
    assert len(await lined.trail()) == trail + 2


async def test_an_order_about_nothing_leaves_neither_proof_nor_record(lined: Any) -> None:
    """Nothing was decided, so nothing is proven; the operator may say it again."""
    with pytest.raises(IntakeError):
        await lined.say("chi", "hold", upstream="national", dossier=DOSSIER)
    assert await lined.trail("decision.taken") == [] and await lined.journal.records("decision") == ()
