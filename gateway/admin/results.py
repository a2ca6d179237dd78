"""The operators' desk of results: what waits and why, a new judgement, a refusal, an override that two people sign."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import msgspec

from gateway.admin.words import Words
from gateway.clock import Clock
from gateway.dispatch.replay import checked_reason
from gateway.errors import Invalid, NotFound
from gateway.intake.receipts import answered
from gateway.intake.result_decision import sentence
from gateway.intake.result_orders import JUDGE, OVERRIDE, REFUSE, ResultOrder, order_intake
from gateway.journal.store import Journal
from gateway.records import results

ALWAYS_TWO = "result-override"
"""Publishing in spite of an open question is a policy override: it is signed by two, whatever the configuration marks."""


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which result is decided about."""

    result: str


class ResultDesk:
    """What an operator sees of results, and decides about them. Nobody makes a result valid: that is the judge's word."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock

    def commands(self) -> dict[str, Callable[[Words], Awaitable[Mapping[str, object]]]]:
        """Every command, by its name."""
        return {
            "result-judge": lambda words: self._order(words, JUDGE),
            "result-refuse": lambda words: self._order(words, REFUSE),
            ALWAYS_TWO: lambda words: self._order(words, OVERRIDE),
        }

    async def listing(self) -> Mapping[str, object]:
        """What is held, the longest first, and what the gateway is still busy with; codes and reasons, nobody's name."""
        shelves = [results.parse_shelf(record) for record in await self._journal.records(results.OPEN_KIND)]
        held = sorted(
            ((code, why) for shelf in shelves for code, why in shelf.held.items()), key=lambda one: one[1].since
        )
        due = sorted(((at, code) for shelf in shelves for code, at in shelf.due.items()))
        return {
            "held": [
                {"result": code, "reason": why.reason, "reason_vi": sentence(why.reason), "since": why.since}
                for code, why in held
            ],
            "open": [{"result": code, "due": at} for at, code in due],
        }

    async def _order(self, words: Words, what: str) -> Mapping[str, object]:
        """One decision, carried out in one transaction with its proof."""
        reason = checked_reason(words.reason, words.actor)
        try:
            code = msgspec.convert(words.details, Wanted).result
        except msgspec.ValidationError as error:
            raise Invalid(f"Lệnh không hợp lệ: {error}", code="order_incomplete") from error
        record = await self._journal.record(results.key(code))
        if record is None:
            raise NotFound(f"Không có kết quả mã {code}.", code="unknown_result")
        kept = results.parse(record)
        intake = order_intake(kept.dossier, ResultOrder(code, what, words.actor, reason), kept.sha256)
        accepted = await self._journal.accept(replace(intake, signed=words.signed))
        answer: dict[str, object] = msgspec.json.decode(answered(accepted).answer)
        return answer
