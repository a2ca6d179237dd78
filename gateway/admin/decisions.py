"""Who decides: each decision is verified against the register of operators before it is carried out, and is proven with it.

One decision is taken at a time, so that what is checked here still holds in the transaction. Nothing is decided without a
valid signature; the one exception founds the register (`gateway.admin.register`). Decisions that are marked so wait for a
second operator (`gateway.admin.four_eyes`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import msgspec

from gateway.admin import four_eyes, statement
from gateway.admin.four_eyes import Said, Terms
from gateway.admin.statement import Envelope, Statement
from gateway.admin.words import Words
from gateway.audit.events import audit
from gateway.clock import Clock
from gateway.dispatch.replay import checked_reason
from gateway.errors import Conflict, Forbidden, IntakeError, Invalid, Unauthenticated
from gateway.intake.refusals import Trickle
from gateway.journal import once
from gateway.journal.model import RecordKey, Signed
from gateway.journal.store import Journal
from gateway.records import operators
from gateway.records.operators import Operator
from mappings.codec import decode

Answer = Mapping[str, object]
Command = Callable[[Words], Awaitable[Answer]]
INSTALLATION = RecordKey("installation", "this")
FOUNDING = "operator-add"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Installation:
    """What a store is called, once and for all: written with its first operator."""

    id: str


class Decisions:
    """The desk that every decision passes."""

    def __init__(self, journal: Journal, clock: Clock, terms: Terms) -> None:
        self._journal, self._clock, self._terms = journal, clock, terms
        self._one_at_a_time = asyncio.Lock()
        self._refusals = Trickle(journal, clock)

    async def identity(self) -> Answer:
        """What a statement must name: this installation; and whether anybody is registered yet."""
        return {"installation": await self.installation(), "founded": bool(await self.register())}

    async def installation(self) -> str:
        """Node and store by name; a store without operators has no name of its own yet."""
        record = await self._journal.record(INSTALLATION)
        return f"{self._terms.node}/{decode(record.state, Installation).id if record is not None else ''}"

    async def register(self) -> Mapping[str, Operator]:
        """Everybody who is, or was, an operator, by name."""
        found = [operators.parse(record) for record in await self._journal.records(operators.KIND)]
        return {operator.name: operator for operator in found}

    async def proposals(self) -> Answer:
        """All proposals, the newest first, with what became of them."""
        return {"proposals": await four_eyes.shown(self._journal, self._clock.now())}

    async def take(self, command: str, envelope: Envelope, peer: str, commands: Mapping[str, Command]) -> Answer:
        """Verify a decision and carry it out, once; raises `IntakeError`, and then nothing was decided."""
        said = statement.parse(envelope)
        if said.command != command:
            raise Invalid("Lệnh được ký không phải lệnh được gửi.", code="statement_malformed", status=400)
        async with self._one_at_a_time:
            again = await self._taken_before(said, envelope)
            if again is not None:
                return again
            register = await self.register()
            if not register and command == FOUNDING:
                return await commands[command](said.words.words(peer))
            decided = await self.verified(said, envelope, peer)
            checked_reason(said.words.reason, decided.operator.name)
            match command:
                case "approve":
                    return await self._approve(decided, register, commands)
                case "refuse":
                    return await four_eyes.decline(self._journal, decided, self._clock.now(), self._terms)
                case _ if self._terms.two_keys(said):
                    if self._terms.rules.needs(command, said.words) is not None:
                        await self._terms.rules.examine(decided.words())
                    return await four_eyes.propose(self._journal, decided, self._clock.now(), self._terms)
            return await commands[command](replace(decided.words(), signed=decided.signed()))

    async def reader(self, command: str, envelope: Envelope, peer: str) -> Words:
        """Verify a read; it decides nothing, so it may be repeated while its statement is fresh, each time into the trail."""
        said = statement.parse(envelope)
        if said.command != command:
            raise Invalid("Lệnh được ký không phải lệnh được gửi.", code="statement_malformed", status=400)
        verified = await self.verified(said, envelope, peer)
        checked_reason(said.words.reason, verified.operator.name)
        return verified.words()

    async def _taken_before(self, said: Statement, envelope: Envelope) -> Answer | None:
        """The answer of the very same decision, however old; raises `Conflict` when its id stood for another one."""
        record = await self._journal.record(once.key(said.decision_id))
        if record is None:
            return None
        answer = once.repeated(record, envelope.digest())
        if answer is None:
            raise Conflict("Mã quyết định này đã được dùng cho một quyết định khác.", code="decision_id_used")
        return told(msgspec.json.decode(answer))

    async def verified(self, said: Statement, envelope: Envelope, peer: str) -> Said:
        """The statement with who made it; a refusal is in the trail, or counted there, before it is told."""
        known = ""
        try:
            operator, key = self._signer(said, envelope, await self.register())
            known = operator.name
            await self._check(said, operator)
        except IntakeError as error:
            await self._note(error, said, peer, known)
            raise
        return Said(said, envelope, peer, operator, key)

    def _signer(
        self, said: Statement, envelope: Envelope, register: Mapping[str, Operator]
    ) -> tuple[Operator, operators.OperatorKey]:
        """Whose signature it is; who is unknown and who signed wrongly are told apart only by the code."""
        operator = register.get(said.operator)
        if operator is None:
            if not register:
                raise Unauthenticated(
                    "Chưa có người vận hành nào; hãy lập người đầu tiên bằng lệnh gateway operators add.",
                    code="operator_unknown",
                )
            raise Unauthenticated(f"Không có người vận hành tên {said.operator!r}.", code="operator_unknown")
        key = operator.key(said.key_id)
        if key is None:
            raise Unauthenticated(f"Khóa này không phải của {operator.name}.", code="key_unknown")
        if not operators.holds(key.public_key, envelope.raw(), envelope.signature_bytes()):
            raise Unauthenticated("Chữ ký của quyết định không đúng.", code="signature_wrong")
        return operator, key

    async def _check(self, said: Statement, operator: Operator) -> None:
        """What a true signature must satisfy besides: in force, here, now, allowed."""
        now = self._clock.now()
        four_eyes.check_in_force(operator, said.key_id, now)
        here = await self.installation()
        if said.installation != here:
            raise Forbidden(
                f"Quyết định này được ký cho {said.installation}, không phải {here}.", code="wrong_installation"
            )
        if abs(now - said.at) > timedelta(seconds=self._terms.max_skew_s):
            raise Forbidden(
                f"Quyết định được ký lúc {said.at.isoformat()}, đã quá {self._terms.max_skew_s} giây; hãy ký lại.",
                code="decision_stale",
            )
        self._terms.check_role(operator, said)

    async def _note(self, error: IntakeError, said: Statement, peer: str, operator: str) -> None:
        """Put a refused decision into the trail, as fast as the bound of all refusals allows.

        Nobody vouches for the name in it unless the signature was true. A row tells how many before it were not written.
        """
        if not self._refusals.allows():
            return
        row = audit(
            "decision.refused",
            operator or UNKNOWN,
            command=said.command,
            code=error.code,
            operator=said.operator[:64],
            key_id=said.key_id[:64],
            decision_id=said.decision_id,
            peer=peer,
            suppressed=self._refusals.suppressed or None,
        )
        await self._refusals.write(error, row)

    async def _approve(self, second: Said, register: Mapping[str, Operator], commands: Mapping[str, Command]) -> Answer:
        """Carry out a proposal with both proofs in one transaction."""
        proposal, version = await four_eyes.find(self._journal, second)
        first = four_eyes.check_second(proposal, second, register, self._clock.now(), self._terms)
        signed: Signed = four_eyes.both(proposal, version, second, self._clock.now())
        words = replace(
            first.words.words(proposal.operator),
            decision_id=proposal.proposal_id,
            approved_by=second.operator.name,
            signed=signed,
        )
        return await commands[proposal.command](words)


def told(answer: Answer) -> Answer:
    """The answer as a person gets it."""
    return {"done": True, "message_vi": "Đã ghi quyết định.", **answer}
