"""Đề nghị chờ người thứ hai: decisions that one operator signed and another one has to sign as well.

Record kind `proposal`, id = the decision id of the proposer's statement, state = `Proposal` as JSON. It is kept whatever comes
of it; its end is written in the transaction that brings it about.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.journal.model import Record, RecordKey, RecordWrite
from mappings.codec import decode, encode

KIND = "proposal"


class Fate(StrEnum):
    """What became of a proposal. One that nobody decided in time stays `open` and counts as expired."""

    OPEN = "open"
    CARRIED_OUT = "carried_out"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A signed decision that waits. `statement` and `signature` are the proposer's; `peer` the OS user behind the socket."""

    proposal_id: str
    command: str
    operator: str
    person: str
    key_id: str
    statement: str
    signature: str
    digest: str
    peer: str
    proposed_at: datetime
    expires_at: datetime
    fate: Fate = Fate.OPEN
    decided_by: str = ""
    decided_at: datetime | None = None
    decided_reason: str = ""

    def open_at(self, now: datetime) -> bool:
        """Whether it may still be approved."""
        return self.fate is Fate.OPEN and now < self.expires_at

    def fate_at(self, now: datetime) -> str:
        """What became of it, as it is shown."""
        return "expired" if self.fate is Fate.OPEN and now >= self.expires_at else self.fate.value


def record_key(proposal_id: str) -> RecordKey:
    """Where a proposal stands."""
    return RecordKey(KIND, proposal_id)


def parse(record: Record) -> Proposal:
    """The proposal in a stored record."""
    return decode(record.state, Proposal)


def write(proposal: Proposal, version: int) -> RecordWrite:
    """The record that puts it in place."""
    return RecordWrite(record_key(proposal.proposal_id), version, encode(proposal))
