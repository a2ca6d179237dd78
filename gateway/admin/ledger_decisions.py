"""The operators' desk of ledgers: what connectors declare that only operators may decide, examined, signed and carried out.

Which roles may sign, and whether a second operator's key is needed, stands in the manifest of the connector. It is looked
at when a decision is proposed, so that nobody signs what cannot be, and again when it is carried out; then the change of the
ledger, the statement and both signatures are one transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from connectors.kit.contract import Change, Decided, Decides
from connectors.kit.declarations import DecisionSpec
from connectors.kit.errors import CannotMap, DeliveryError
from gateway.admin.four_eyes import Needs
from gateway.admin.statement import Spoken
from gateway.admin.words import Words
from gateway.clock import Clock
from gateway.dispatch.replay import checked_reason
from gateway.errors import Conflict, Invalid, NotFound, UpstreamUnavailable
from gateway.intake.ledgers import Told
from gateway.journal.model import Signed
from gateway.records.operators import Role

COMMAND = "decide"
_LONGEST = 200
_LIMIT_S = 30.0


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which decision, about which ledger, with which words."""

    decision: str
    id: str
    fields: dict[str, str] = {}


class Takes(Protocol):
    """Makes what was decided durable: `gateway.intake.inputs.Taker`."""

    async def decide(self, upstream: str, change: Change, signed: Signed | None) -> Told:
        """The change with its proof, in one transaction. Raises `DeliveryError` for one that no ledger understands."""
        ...


@dataclass(frozen=True, slots=True)
class Decidable:
    """An upstream whose ledgers operators decide about."""

    connector: Decides
    specs: Mapping[str, DecisionSpec]


class LedgerDecisions:
    """Everything that may be decided about ledgers here."""

    def __init__(self, upstreams: Mapping[str, Decidable], takes: Takes, clock: Clock) -> None:
        self._upstreams, self._takes, self._clock = upstreams, takes, clock

    def needs(self, command: str, words: Spoken) -> Needs | None:
        """What a decision asks of who signs it; None where it is no matter of a ledger. Raises `IntakeError`."""
        if command != COMMAND:
            return None
        spec = self._spec(words.upstream, _wanted(words.details).decision)
        return Needs(frozenset(map(Role, spec.roles)), spec.second_key)

    async def examine(self, words: Words) -> None:
        """Ask the connector whether this can be decided at all. Raises `IntakeError` with the reason."""
        await self._change(words)

    async def carry(self, words: Words) -> Mapping[str, object]:
        """Carry a decision out, once, with its proof. Raises `IntakeError`, and then nothing was decided."""
        checked_reason(words.reason, words.actor)
        change = await self._change(words)
        try:
            told = await self._takes.decide(words.upstream, change, words.signed)
        except DeliveryError as error:
            raise UpstreamUnavailable(error.message_vi) from error
        if not told.changed:
            code, detail_vi = next(iter(told.alarms), ("already_decided", "Sổ đã ghi quyết định này từ trước."))
            raise Conflict(detail_vi, code=code.removeprefix("ledger."))
        return {
            "done": True,
            "message_vi": f"Đã ghi quyết định {_wanted(words.details).decision} vào sổ {change.ledger}, mã {change.id}.",
            "ledger": change.ledger,
            "id": change.id,
        }

    async def shown(self) -> Mapping[str, object]:
        """All that may be decided, for people."""
        return {"decisions": [_row(code, name, spec) for code, name, spec in self._all()]}

    def _all(self) -> Sequence[tuple[str, str, DecisionSpec]]:
        return [
            (code, name, spec)
            for code, one in sorted(self._upstreams.items())
            for name, spec in sorted(one.specs.items())
        ]

    def _spec(self, upstream: str, decision: str) -> DecisionSpec:
        one = self._upstreams.get(upstream)
        spec = one.specs.get(decision) if one is not None else None
        if spec is None:
            known = ", ".join(f"{code} {name}" for code, name, _ in self._all()) or "không có"
            told = f"Không có quyết định {decision!r} của hệ thống {upstream!r}; có: {known}."
            raise NotFound(told, code="decision_unknown")
        return spec

    async def _change(self, words: Words) -> Change:
        """The change that the connector makes of a decision, about the very ledger that was named."""
        wanted = _wanted(words.details)
        spec = self._spec(words.upstream, wanted.decision)
        _check_fields(wanted, spec)
        decided = Decided(
            decision=wanted.decision,
            ledger_id=wanted.id,
            fields=wanted.fields,
            decision_id=words.decision_id,
            decided_by=words.actor,
            approved_by=words.approved_by,
            reason=words.reason.strip(),
            at=self._clock.now(),
        )
        change = await _answered(self._upstreams[words.upstream].connector.decided(decided))
        if (change.ledger, change.id) != (spec.ledger, wanted.id):
            raise UpstreamUnavailable(
                "Đầu nối trả lời về một sổ khác; quyết định không được ghi.", code="decision_astray"
            )
        return change


def _wanted(details: Mapping[str, object]) -> Wanted:
    try:
        return msgspec.convert(details, Wanted)
    except msgspec.ValidationError as error:
        raise Invalid(f"Lệnh không hợp lệ: {error}", code="order_incomplete") from error


def _check_fields(wanted: Wanted, spec: DecisionSpec) -> None:
    """Exactly the words that the manifest names, each printable: what is signed is read by people."""
    needed = [name for name in spec.fields if name not in spec.optional]
    faults = [f"thiếu {name}" for name in needed if not wanted.fields.get(name, "").strip()]
    faults += [f"không có {name}" for name in sorted(wanted.fields.keys() - set(spec.fields))]
    faults += [
        f"{name}: nhiều nhất {_LONGEST} ký tự in được"
        for name, value in sorted(wanted.fields.items())
        if len(value) > _LONGEST or not value.isprintable()
    ]
    if faults:
        raise Invalid(f"Quyết định {wanted.decision}: {'; '.join(faults)}.", code="order_incomplete")


async def _answered(call: Awaitable[Change]) -> Change:
    try:
        async with asyncio.timeout(_LIMIT_S):
            return await call
    except TimeoutError:
        raise UpstreamUnavailable(f"Đầu nối chưa trả lời trong {_LIMIT_S:g} giây.") from None
    except CannotMap as error:
        raise Conflict(error.message_vi, code="cannot_decide") from error
    except DeliveryError as error:
        raise UpstreamUnavailable(error.message_vi) from error


def _row(code: str, name: str, spec: DecisionSpec) -> dict[str, object]:
    return {
        "upstream": code,
        "decision": name,
        "ledger": spec.ledger,
        "summary": spec.summary,
        "roles": list(spec.roles),
        "second_key": spec.second_key,
        "fields": list(spec.fields),
        "optional": list(spec.optional),
    }
