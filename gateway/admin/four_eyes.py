"""Four eyes: a decision that is marked so is a proposal until a second operator signs it; then it is carried out at once.

The second statement names the proposal and the digest of the first statement, so that the two signatures are about the same
words. The same key, and the same person under another name, is no second one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from gateway.admin.statement import Envelope, Spoken, Statement, parse
from gateway.admin.words import Words
from gateway.audit.events import audit
from gateway.errors import Conflict, Forbidden, NotFound
from gateway.intake.receipts import answered
from gateway.intake.recording import Recording, recording_intake
from gateway.journal.model import Signed
from gateway.journal.store import Journal
from gateway.records import operators, proposals
from gateway.records.operators import Operator, OperatorKey, Role
from gateway.records.proposals import Fate, Proposal
from mappings.codec import encode


@dataclass(frozen=True, slots=True)
class Needs:
    """What one decision asks of who signs it, where the table of commands does not say it: roles, and a second key."""

    roles: frozenset[Role]
    second_key: bool


class Rules(Protocol):
    """Decisions about ledgers of connectors: their manifests say who may take them (`gateway.admin.ledger_decisions`)."""

    def needs(self, command: str, words: Spoken) -> Needs | None:
        """What the decision asks for; None where the table says it. Raises `IntakeError` for one that is not there."""
        ...

    async def examine(self, words: Words) -> None:
        """Raises `IntakeError` for a decision that cannot be: asked before anybody signs as the second."""
        ...


class _NoRules:
    """No connector is asked: the gateway does not run. The table says who may say a command, and none is carried out."""

    def needs(self, command: str, words: Spoken) -> Needs | None:
        """What the table says."""
        return None

    async def examine(self, words: Words) -> None:
        """There is nothing to ask."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms people decide here: the node's name, what needs a second key, how long things are good for."""

    node: str
    second_key_for: frozenset[str] = frozenset()
    proposal_hours: float = 72.0
    max_skew_s: int = 300
    rules: Rules = _NoRules()

    def two_keys(self, said: Statement) -> bool:
        """Whether a statement waits for a second operator."""
        needs = self.rules.needs(said.command, said.words)
        return said.command in self.second_key_for or (needs is not None and needs.second_key)

    def check_role(self, operator: Operator, said: Statement) -> None:
        """Raises `Forbidden` unless a role of the operator allows what a statement decides."""
        needs = self.rules.needs(said.command, said.words)
        roles = operators.NEEDS.get(said.command, frozenset()) if needs is None else needs.roles
        if roles.isdisjoint(operator.roles):
            told = f"{operator.name} không có vai trò cần cho lệnh {said.command}: {', '.join(sorted(roles))}."
            raise Forbidden(told, code="role_missing")


@dataclass(frozen=True, slots=True)
class Said:
    """A verified statement: who signed it, with which key, and the OS user who carried it to the socket."""

    statement: Statement
    envelope: Envelope
    peer: str
    operator: Operator
    key: OperatorKey

    def words(self) -> Words:
        """Its words."""
        return replace(self.statement.words.words(self.operator.name), decision_id=self.statement.decision_id)

    def proof(self) -> dict[str, str]:
        """What an auditor needs to check it without us."""
        said = self.statement
        return {
            "command": said.command,
            "operator": self.operator.name,
            "key_id": self.key.key_id,
            "decision_id": said.decision_id,
            "statement": self.envelope.statement,
            "signature": self.envelope.signature,
            "peer": self.peer,
        }

    def signed(self) -> Signed:
        """The proof on its way into the transaction."""
        row = audit("decision.taken", self.operator.name, self.statement.words.dossier, **self.proof())
        return Signed(self.statement.decision_id, self.envelope.digest(), (row,))


def check_in_force(operator: Operator, key_id: str, now: datetime) -> None:
    """Raises `Forbidden` unless the operator and the key stand at `now`."""
    if not operator.in_force(now):
        raise Forbidden(
            f"Người vận hành {operator.name} không còn hoặc chưa có hiệu lực.", code="operator_not_in_force"
        )
    key = operator.key(key_id)
    if key is None or (key.revoked_at is not None and key.revoked_at <= now):
        raise Forbidden(f"Khóa {key_id} của {operator.name} đã bị thu hồi.", code="key_revoked")


async def propose(journal: Journal, said: Said, now: datetime, terms: Terms) -> Mapping[str, object]:
    """Keep a decision as a proposal; what is answered says that nothing was carried out yet."""
    proposal = Proposal(
        proposal_id=said.statement.decision_id,
        command=said.statement.command,
        operator=said.operator.name,
        person=said.operator.person,
        key_id=said.key.key_id,
        statement=said.envelope.statement,
        signature=said.envelope.signature,
        digest=said.envelope.digest(),
        peer=said.peer,
        proposed_at=now,
        expires_at=now + timedelta(hours=terms.proposal_hours),
    )
    answer = {
        "done": False,
        "proposal": proposal.proposal_id,
        "expires_at": proposal.expires_at,
        "message_vi": f"Đã ghi đề nghị {proposal.proposal_id}; cần một người vận hành khác ký: "
        f"gateway decisions approve {proposal.proposal_id}",
    }
    row = audit(
        "decision.proposed",
        said.operator.name,
        said.statement.words.dossier,
        **said.proof(),
        expires_at=proposal.expires_at,
    )
    signed = Signed(proposal.proposal_id, proposal.digest, (row,))
    recording = Recording(encode(answer), (proposals.write(proposal, 1),))
    answered(await journal.accept(recording_intake("proposal", said.operator.name, recording, signed)))
    return answer


async def find(journal: Journal, said: Said) -> tuple[Proposal, int]:
    """The proposal that a statement names, with the version of its record; raises `NotFound`."""
    record = await journal.record(proposals.record_key(str(said.statement.words.details.get("proposal", ""))))
    if record is None:
        raise NotFound("Không có đề nghị này.", code="proposal_unknown")
    return proposals.parse(record), record.version


def check_second(
    proposal: Proposal, second: Said, register: Mapping[str, Operator], now: datetime, terms: Terms
) -> Statement:
    """The first statement; raises unless it is open, its signature still counts, and the second is another person's."""
    if not proposal.open_at(now):
        code = "proposal_expired" if proposal.fate is Fate.OPEN else "proposal_closed"
        told = "đã quá hạn" if proposal.fate is Fate.OPEN else f"đã xong ({proposal.fate})"
        raise Conflict(f"Đề nghị này {told}; hãy lập đề nghị mới nếu còn cần.", code=code)
    if second.statement.words.details.get("digest") != proposal.digest:
        raise Conflict("Chữ ký thứ hai không nói về đúng nội dung của đề nghị.", code="proposal_differs")
    first = register.get(proposal.operator)
    same = second.key.key_id == proposal.key_id or second.operator.name == proposal.operator
    if same or first is None or operators.same_person(second.operator.person, first.person):
        raise Forbidden("Người ký thứ hai phải là một người khác, với khóa khác.", code="same_person")
    said = parse(Envelope(proposal.statement, proposal.signature))
    terms.check_role(second.operator, said)
    check_in_force(first, proposal.key_id, now)
    terms.check_role(first, said)
    return said


def both(proposal: Proposal, version: int, second: Said, now: datetime) -> Signed:
    """Both proofs in one row, and the proposal's end, on their way into the transaction of what is decided."""
    proof = second.proof()
    first = parse(Envelope(proposal.statement, proposal.signature))
    row = audit(
        "decision.taken",
        proposal.operator,
        first.words.dossier,
        command=proposal.command,
        operator=proposal.operator,
        key_id=proposal.key_id,
        decision_id=proposal.proposal_id,
        statement=proposal.statement,
        signature=proposal.signature,
        peer=proposal.peer,
        proposal=proposal.proposal_id,
        **{f"second_{name}": value for name, value in proof.items() if name != "command"},
    )
    ended = replace(
        proposal,
        fate=Fate.CARRIED_OUT,
        decided_by=second.operator.name,
        decided_at=now,
        decided_reason=second.statement.words.reason,
    )
    return Signed(
        second.statement.decision_id, second.envelope.digest(), (row,), (proposals.write(ended, version + 1),)
    )


async def decline(journal: Journal, said: Said, now: datetime, terms: Terms) -> Mapping[str, object]:
    """Refuse a proposal, or withdraw one's own."""
    proposal, version = await find(journal, said)
    if not proposal.open_at(now):
        raise Conflict(f"Đề nghị này đã xong ({proposal.fate_at(now)}).", code="proposal_closed")
    terms.check_role(said.operator, parse(Envelope(proposal.statement, proposal.signature)))
    reason = said.statement.words.reason.strip()
    ended = replace(proposal, fate=Fate.REFUSED, decided_by=said.operator.name, decided_at=now, decided_reason=reason)
    row = audit(
        "decision.declined",
        said.operator.name,
        proposal=proposal.proposal_id,
        command=proposal.command,
        reason=reason,
    )
    answer = {"done": True, "message_vi": f"Đã bác đề nghị {proposal.proposal_id}."}
    recording = Recording(encode(answer), (proposals.write(ended, version + 1),), (row,))
    answered(await journal.accept(recording_intake("proposal", said.operator.name, recording, said.signed())))
    return answer


async def shown(journal: Journal, now: datetime) -> Sequence[Mapping[str, object]]:
    """Proposals for people: what, by whom, until when, and the digest that a second signature names."""
    found = [proposals.parse(record) for record in await journal.records(proposals.KIND)]
    found.sort(key=lambda proposal: proposal.proposed_at, reverse=True)
    return [
        {
            "proposal": proposal.proposal_id,
            "command": proposal.command,
            "operator": proposal.operator,
            "digest": proposal.digest,
            "statement": proposal.statement,
            "proposed_at": proposal.proposed_at,
            "expires_at": proposal.expires_at,
            "fate": proposal.fate_at(now),
            "decided_by": proposal.decided_by,
            "decided_reason": proposal.decided_reason,
        }
        for proposal in found
    ]
