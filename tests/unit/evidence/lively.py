"""A store in which every kind of row stands: what the check of the evidence is tried on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.clock import Clock
from gateway.evidence.log import chain
from gateway.journal.books import unsigned
from gateway.journal.kept import KeptJournal
from gateway.journal.model import (
    AttemptWrite,
    AuditWrite,
    Claim,
    Decision,
    DeliveryState,
    InboundStatus,
    InboundWrite,
    Intake,
    LaneOrder,
    MessageSettlement,
    NewDelivery,
    OrderKind,
    RecordKey,
    RecordWrite,
    Settlement,
    Situation,
    UpstreamOrder,
    UpstreamRow,
    Vouch,
)
from gateway.journal.sqlite import SqliteJournal, StoreOptions

KEK = b"k" * 32
SOURCE = "SEC-DEMO"
PORTAL, PUSHED = "national_dvc", "resolution"
LEASE = timedelta(seconds=30)


@dataclass
class Turned:
    """A clock that moves a millisecond at each look."""

    moment: datetime = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """The time."""
        self.moment += timedelta(milliseconds=1)
        return self.moment


@dataclass
class Lively:
    """A store at work."""

    folder: Path
    turned: Turned = field(default_factory=Turned)
    vouch: Vouch = unsigned

    def open(self) -> KeptJournal:
        """Open it, as another start would; what is sealed and large goes to files."""
        options = StoreOptions(node="gateway-1", kek=KEK, inline_bytes=900, vouch=self.vouch)
        return SqliteJournal.open(
            self.folder, options, decide=decide, chain=chain, clock=Clock(now=self.turned.now, chance=lambda: 0.5)
        )

    async def event(self, journal: KeptJournal, dossier: str, sequence: int, **changes: object) -> None:
        """Accept an event; `changes` are fields of its decision."""
        raw = f"{dossier}/{sequence}".encode() * 10
        key = f"{dossier}-{sequence}"
        await journal.accept(
            Intake("event", SOURCE, key, dossier, hashlib.sha256(raw).digest(), raw, changes, sequence)
        )

    async def claims(self, journal: KeptJournal, upstream: str, limit: int = 10) -> Sequence[Claim]:
        """Claim what is due."""
        now = self.turned.now()
        return await journal.claim(upstream, limit=limit, batch={"progress": 3}, lease=LEASE, now=now)

    async def settle(self, journal: KeptJournal, claim: Claim, state: DeliveryState, **changes: object) -> None:
        """Settle all messages of a claim alike."""
        now = self.turned.now()
        attempt = AttemptWrite(now, now, state.value.lower(), 200, "0", "đã gửi", b"request" * 20, b"response" * 300)
        messages = tuple(MessageSettlement(one.sequence, state, attempt, b"receipt") for one in claim.deliveries)
        due = now + timedelta(minutes=5)
        made = Settlement(claim.lane_id, claim.epoch, messages, next_due=due, memory={"seen": state.value})
        for name, value in changes.items():
            object.__setattr__(made, name, value)
        await journal.settle(made)

    async def live(self) -> None:
        """Everything that a store goes through: two starts, all states, orders, pauses, what is parked and let go."""
        journal = self.open()
        for number, state in enumerate(DeliveryState, start=1):
            await self.event(journal, f"HS-{number}", 1)
            if state not in (DeliveryState.READY, DeliveryState.SENDING):
                (claim,) = await self.claims(journal, PORTAL)
                await self.settle(journal, claim, state, block_reason="chờ người")
            else:
                await self._hold(journal, f"HS-{number}")
        await self.event(journal, "HS-1", 3, status=InboundStatus.PARKED_GAP, to=())
        await self.event(journal, "HS-1", 2, also=("HS-1-3", 3))
        await self.event(journal, "HS-9", 5, status=InboundStatus.PARKED_GAP, to=())
        await journal.close()
        journal = self.open()
        await self.event(journal, "HS-20", 1, carried=b"long" * 500)
        for claim in await self.claims(journal, PUSHED, 3):
            await self.settle(
                journal, claim, DeliveryState.DELIVERED, audit=(_told("delivery.delivered", claim.dossier),)
            )
        order = LaneOrder(OrderKind.REPLAY, PUSHED, "HS-1", "gửi lại theo yêu cầu", "officer-1", f"HS-1-1/{PUSHED}")
        assert (await journal.order(order, self.turned.now())).done
        paused = UpstreamOrder((UpstreamRow(PUSHED, paused="bảo trì"),), (_told("upstream.paused", ""),))
        assert (await journal.switch(paused)).done
        await journal.remember_upstream(UpstreamRow(PORTAL, "open", self.turned.now()))
        assert await self.claims(journal, PUSHED, 2), "something is under way"
        await journal.set_back(PORTAL, timedelta(minutes=1), self.turned.now())
        assert await journal.ready() == ""
        await journal.close()

    async def _hold(self, journal: KeptJournal, dossier: str) -> None:
        audit = (_told("lane.held", dossier),)
        order = LaneOrder(OrderKind.HOLD, PORTAL, dossier, "dừng để xem xét", "officer-1", audit=audit)
        assert (await journal.order(order, self.turned.now())).done


def _told(kind: str, dossier: str) -> AuditWrite:
    return AuditWrite(kind, "officer-1", dossier, "", b'{"reason":"x"}')


def decide(situation: Situation, intake: Intake) -> Decision:
    """Accept the event as the subject says, with a plain record, a sealed one, and one that is written again and again."""
    if situation.known_receipt is not None:
        return Decision(situation.known_receipt, 200, store=False)
    changes = intake.subject
    assert isinstance(changes, dict) and intake.sequence is not None
    status = changes.get("status", InboundStatus.ACCEPTED)
    carried = changes.get("carried", b'{"carried":1}')
    inbound = [InboundWrite(intake.key, intake.sequence, status, intake.digest, intake.raw, carried)]
    if "also" in changes:
        event_id, sequence = changes["also"]
        inbound.append(InboundWrite(event_id, sequence, InboundStatus.ACCEPTED))
    to = changes.get("to", (PORTAL, PUSHED))
    version = intake.sequence
    return Decision(
        answer=b'{"status":"accepted"}',
        status=202,
        inbound=tuple(inbound),
        deliveries=tuple(
            NewDelivery(f"{intake.key}/{code}", code, "progress", intake.key, intake.source, situation.now)
            for code in to
        ),
        records=(
            RecordWrite(RecordKey("course", intake.dossier), version, b'{"state":"%d"}' % version, intake.dossier),
            RecordWrite(RecordKey("consent", SOURCE), version, b'{"no":"01"}'),
        ),
        last_sequence=intake.sequence,
        audit=(AuditWrite("event.accepted", intake.source, intake.dossier, intake.key, b"{}", feed=True),)
        if to
        else (),
    )
