"""The operators' desk of reconciliation: what each upstream lets us see, how its runs went, which differences wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from connectors.kit.declarations import ReadBackSpec
from gateway.admin.reconciling import Reconciler, open_repairs, repair_row
from gateway.admin.words import Words
from gateway.clock import Clock
from gateway.dispatch.replay import checked_reason
from gateway.errors import Conflict, Invalid, NotFound
from gateway.intake.receipts import answered
from gateway.intake.recording import Recording, recording_intake
from gateway.journal.store import Journal
from gateway.records import repairs
from gateway.records.repairs import RepairState, Run
from mappings.codec import encode

CLOSE = "repair-close"
MOST = 1_000
LONGEST = timedelta(days=366)


class Beginning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From when on an upstream is read back."""

    since: Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True, slots=True)
class Seeing:
    """An upstream as reconciliation knows it: its title, and what its manifest says of reading back."""

    title_vi: str
    spec: ReadBackSpec | None


class RepairDesk:
    """What an operator sees of reconciliations, begins, and decides about their differences."""

    def __init__(self, reconciler: Reconciler, upstreams: Mapping[str, Seeing], journal: Journal, clock: Clock) -> None:
        self._reconciler, self._upstreams = reconciler, upstreams
        self._journal, self._clock = journal, clock

    async def shown(self, upstream: str, limit: int) -> Mapping[str, object]:
        """Every upstream (or one) with what can be seen there, its runs, and its open repairs."""
        if upstream and upstream not in self._upstreams:
            raise NotFound(f"Không có hệ thống nhận tên {upstream!r}; có: {', '.join(sorted(self._upstreams))}")
        chosen = [upstream] if upstream else sorted(self._upstreams)
        return {"upstreams": [await self._one(code, min(limit, MOST)) for code in chosen]}

    async def _one(self, code: str, limit: int) -> Mapping[str, object]:
        seeing = self._upstreams[code]
        book, _ = await self._reconciler.book(code)
        waiting = await open_repairs(self._journal, code, limit)
        spec = seeing.spec or ReadBackSpec(none="Đầu nối này chỉ tra cứu, không gửi gì sang hệ thống nhận.")
        return {
            "upstream": code,
            "title": seeing.title_vi,
            "sees": list(spec.sees),
            "hidden": list(spec.hidden),
            "none": spec.none,
            "current": _run(book.current),
            "last": _run(book.last),
            "open_repairs": book.open_repairs,
            "repairs": [
                {
                    "dossier": one.dossier,
                    "sight": one.sight,
                    "told": one.told_vi,
                    "deliveries": dict(one.deliveries),
                    "opened_at": one.opened_at,
                    "seen_at": one.seen_at,
                    "times": one.times,
                }
                for one in waiting
            ],
        }

    async def begin(self, words: Words) -> Mapping[str, object]:
        """Begin a run from a moment on. Raises `Conflict` while one is under way, `Invalid` where nothing can be seen."""
        upstream = words.upstream
        try:
            since = msgspec.convert(words.details, Beginning).since
        except msgspec.ValidationError as error:
            raise Invalid(f"Lệnh không hợp lệ: {error}", code="order_incomplete") from error
        if upstream not in self._upstreams:
            raise NotFound(f"Không có hệ thống nhận tên {upstream!r}; có: {', '.join(sorted(self._upstreams))}")
        if upstream not in self._reconciler.lines:
            spec = self._upstreams[upstream].spec
            why = spec.none if spec is not None and spec.none else "Hệ thống này đang tắt hoặc không nhận hồ sơ."
            raise Invalid(f"Không đối chiếu được {upstream}: {why}", code="reconcile_none", status=400)
        now = self._clock.now()
        if not now - LONGEST <= since <= now:
            raise Invalid("Mốc bắt đầu phải ở quá khứ, trong vòng một năm.", code="reconcile_since", status=400)
        run = await self._reconciler.begin(upstream, since, words.actor)
        if run is None:
            raise Conflict(f"Đang có một lượt đối chiếu với {upstream}; xem gateway reconcile.", code="reconcile_runs")
        return {"upstream": upstream, "run": run.run}

    async def close(self, words: Words) -> Mapping[str, object]:
        """A person says why a difference may stand; signed, in one transaction with its proof."""
        reason = checked_reason(words.reason, words.actor)
        record = await self._journal.record(repairs.key(words.upstream, words.dossier))
        if record is None or repairs.parse(record).state is not RepairState.OPEN:
            raise NotFound("Không có khác biệt nào đang chờ xử lý của hồ sơ này.", code="repair_unknown")
        repair = repairs.parse(record)
        closed = replace(
            repair, state=RepairState.CLOSED, ended_at=self._clock.now(), reason=reason, operator=words.actor
        )
        book, version = await self._reconciler.book(words.upstream)
        after = replace(book, open_repairs=max(0, book.open_repairs - 1))
        told = {"done": True, "message_vi": f"Đã khép khác biệt của hồ sơ {repair.dossier} ở {repair.upstream}."}
        recording = Recording(
            encode(told),
            (repairs.write(closed, record.version + 1), repairs.write_book(after, version + 1)),
            (repair_row("repair.closed", words.actor, repair, reason),),
        )
        accepted = await self._journal.accept(recording_intake(CLOSE, words.actor, recording, words.signed))
        answer: dict[str, object] = msgspec.json.decode(answered(accepted).answer)
        return answer


def _run(run: Run | None) -> Mapping[str, object] | None:
    if run is None:
        return None
    tally = run.tally
    return {
        "run": run.run,
        "since": run.since,
        "began_at": run.began_at,
        "ended_at": run.ended_at,
        "by": run.by,
        "looked": tally.looked(),
        "agrees": tally.agrees,
        "missing": tally.missing,
        "differs": tally.differs,
        "cannot_tell": tally.cannot_tell,
        "failed": tally.failed,
    }
