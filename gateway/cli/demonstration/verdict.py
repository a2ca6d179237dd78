"""The verdict: what was pushed against what the portal and the resolution system hold. It knows no client code.

Per dossier the states seen outside must be the states that were pushed, each once and in order. What is missing is
either in a lane that a person was told about (held, with its reason), or lost. Repeats that change nothing (a row that
stands twice, a version equal to the one before) are no effects; they are counted apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.cli.demonstration.cast import Role
from gateway.cli.installation import RESOLUTION_SYSTEM

# Canonical states as the portal codes them; transcribed from the fact book here, not shared with the mapping.
PORTAL_CODE: Mapping[str, str] = {
    "submitted": "1",
    "received": "2",
    "intake_refused": "3",
    "processing": "4",
    "awaiting_supplement": "5",
    "awaiting_payment": "6",
    "withdrawal_requested": "7",
    "stopped": "8",
    "resolved": "9",
    "returned": "10",
}


_RESOLUTION_LANE = "resolution"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the outside holds of one dossier, and the upstreams to which its lane is held here."""

    portal_states: Sequence[str]
    portal_rows: Sequence[str]
    pushes: Sequence[int]
    held: Sequence[str] = ()


@dataclass(slots=True)
class Verdict:
    """The figures. `sound` decides the exit code."""

    accepted: int = 0
    expected: int = 0
    delivered: int = 0
    behind_held: int = 0
    lost: int = 0
    out_of_order: int = 0
    doubled: int = 0
    repeated_rows: int = 0
    echoes: int = 0
    foreign: int = 0
    refused_after_revocation: int = 0
    results_signed: int = 0
    results_passed: int = 0
    results_delivered: int = 0
    results_held: list[tuple[str, str]] = field(default_factory=list)
    signed_on: int = 0
    proven_outside: int = 0
    checks_agreed: int = 0
    differences: list[tuple[str, str]] = field(default_factory=list)
    money: list[tuple[str | int, ...]] = field(default_factory=list)
    settled: list[tuple[str | int, ...]] = field(default_factory=list)
    parcels: list[tuple[str | int, ...]] = field(default_factory=list)
    way: list[tuple[str, ...]] = field(default_factory=list)
    receipts: int = 0
    paid_outside: int = 0
    survived: list[str] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    held: list[tuple[str, str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Nothing lost, nothing out of order, nothing done twice, nothing unexplained."""
        return not (self.lost or self.out_of_order or self.doubled or self.faults) and self.delivered > 0


NOTHING: Mapping[str, Any] = {"versions": [], "progress": [], "fields": {}}
"""What the portal holds of a dossier that it was never told of."""


def judge_view(
    role: Role, dossier: Mapping[str, Any], held: Sequence[str], verdict: Verdict, pushes: Sequence[int] = ()
) -> None:
    """Add one dossier as the portal shows it."""
    states, rows, echoes, repeated = portal_view(dossier)
    verdict.echoes += echoes
    verdict.repeated_rows += repeated
    judge(role, Seen(states, rows, pushes, held), verdict)


def judge(role: Role, seen: Seen, verdict: Verdict) -> None:
    """Add one dossier to the verdict."""
    wanted = [PORTAL_CODE[state] for state in role.states]
    # A held portal lane excuses nothing at the resolution system; a push held there comes back to nobody, so it excuses both.
    held = bool(seen.held)
    for name, got in (("portal.state", seen.portal_states), ("portal.progress", seen.portal_rows)):
        _compare(f"{role.code} {name}", wanted, got, verdict, held=held)
    if role.system != RESOLUTION_SYSTEM:
        sequences = [str(event["sequence"]) for event in role.events]
        _compare(
            f"{role.code} resolution.push",
            sequences,
            [str(n) for n in seen.pushes],
            verdict,
            held=_RESOLUTION_LANE in seen.held,
        )


def _compare(label: str, wanted: Sequence[str], got: Sequence[str], verdict: Verdict, *, held: bool) -> None:
    verdict.expected += len(wanted)
    if list(got) == list(wanted[: len(got)]):
        verdict.delivered += len(got)
        missing = len(wanted) - len(got)
        if held:
            verdict.behind_held += missing
        elif missing:
            verdict.lost += missing
            verdict.faults.append(f"{label}: thiếu {missing} trong {len(wanted)} ({', '.join(got) or 'không có gì'})")
        return
    remaining = list(wanted)
    extra = 0
    for item in got:
        if item in remaining:
            remaining.remove(item)
        else:
            extra += 1
    verdict.delivered += len(wanted) - len(remaining)
    verdict.doubled += extra
    if not extra:
        verdict.out_of_order += 1
    if remaining and not held:
        verdict.lost += len(remaining)
    verdict.faults.append(f"{label}: chờ {', '.join(wanted)}; thấy {', '.join(got)}")


def portal_view(dossier: Mapping[str, Any]) -> tuple[list[str], list[str], int, int]:
    """States and rows of a portal dossier without repeats, and how many echoes and repeated rows there were."""
    # A version that differs in nothing but the results tells no state; results have a verdict of their own (proof.py).
    told = [entry for entry in dossier["versions"] if entry["effect"] != "result"]
    versions = [entry for entry in told if entry["effect"] != "echo"]
    rows = [entry for entry in dossier["progress"] if entry["repeat_of"] < 0]
    return (
        [str(entry["state"]) for entry in versions],
        [str(entry["state"]) for entry in rows],
        len(told) - len(versions),
        len(dossier["progress"]) - len(rows),
    )
