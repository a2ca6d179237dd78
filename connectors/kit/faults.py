"""Faults that a simulator can play, by chance from a seed or by script; the same faults the real systems show.

A plan is JSON, for `PUT /_simulator/faults`:

    {"seed": 7,
     "probability": {"slow": 0.05, "drop_after_commit": 0.02},
     "seconds": {"slow": 0.5, "busy_429": 1, "refuse": 2},
     "script": [{"match": "DongBoHoSoMC", "fault": "drop_after_commit", "times": 1, "seconds": 0}]}

The script is read first, top to bottom; an entry with `times` 0 never wears out. Then chance decides.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec


class FaultKind(StrEnum):
    """What can go wrong, seen from outside.

    `refuse` cuts the call without doing anything and closes the listening socket for `seconds`; `outage` closes it as
    soon as the plan is put. `slow` waits `seconds` and then works normally. `http_*`, `busy_429` and `garbage` answer
    without doing anything, except that `garbage` does the work first: nobody can tell from the answer.
    `drop_after_commit` does the work and cuts the connection without an answer, `drop_before_commit` cuts without doing.
    `duplicate` and `expired_session` are played by the simulator itself, in its own words; `answer` gives a canned one.
    """

    REFUSE = "refuse"
    OUTAGE = "outage"
    SLOW = "slow"
    HTTP_500 = "http_500"
    HTTP_502 = "http_502"
    HTTP_503 = "http_503"
    DROP_AFTER_COMMIT = "drop_after_commit"
    DROP_BEFORE_COMMIT = "drop_before_commit"
    GARBAGE = "garbage"
    DUPLICATE = "duplicate"
    EXPIRED_SESSION = "expired_session"
    BUSY_429 = "busy_429"
    ANSWER = "answer"


DEFAULT_SECONDS: Mapping[FaultKind, float] = {
    FaultKind.SLOW: 1.0,
    FaultKind.REFUSE: 1.0,
    FaultKind.OUTAGE: 1.0,
    FaultKind.BUSY_429: 1.0,
}


FAMILIES: Mapping[FaultKind, tuple[str, ...]] = {
    FaultKind.OUTAGE: ("not_sent",),
    FaultKind.SLOW: ("no_answer",),
    FaultKind.HTTP_500: ("upstream_fault",),
    FaultKind.HTTP_502: ("upstream_fault",),
    FaultKind.HTTP_503: ("upstream_fault", "busy"),
    FaultKind.DROP_AFTER_COMMIT: ("no_answer",),
    FaultKind.DROP_BEFORE_COMMIT: ("no_answer",),
    FaultKind.GARBAGE: ("answer_unreadable",),
    FaultKind.BUSY_429: ("busy",),
}
"""What every call that meets a fault must end in: the codes of `connectors.kit.errors`."""


class FaultPlanError(ValueError):
    """Kế hoạch lỗi giả lập không hợp lệ."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault to play now. `seconds` is the delay, the outage, or the Retry-After; `status` and `body` are for `answer`."""

    kind: FaultKind
    seconds: float = 0.0
    status: int = 200
    body: str = ""
    content_type: str = "application/json"


class ScriptedFault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The next `times` calls of operation `match` ("*" is every one) meet `fault`; `times` 0 means for ever."""

    fault: FaultKind
    match: str = "*"
    times: int = 1
    seconds: float | None = None
    status: int = 200
    body: str = ""
    content_type: str = "application/json"


class _Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    seed: int = 0
    probability: dict[FaultKind, float] = {}
    seconds: dict[FaultKind, float] = {}
    script: tuple[ScriptedFault, ...] = ()


@dataclass(slots=True)
class _Entry:
    scripted: ScriptedFault
    left: int


@dataclass(slots=True)
class FaultPlan:
    """Decides for each call which fault it meets. The same seed and the same calls meet the same faults."""

    seed: int = 0
    probability: Mapping[FaultKind, float] = field(default_factory=dict)
    seconds: Mapping[FaultKind, float] = field(default_factory=dict)
    script: tuple[ScriptedFault, ...] = ()
    _chance: random.Random = field(init=False, repr=False)
    _entries: list[_Entry] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Raises `FaultPlanError` for chances that are none."""
        chances = list(self.probability.values())
        if any(not 0 <= chance <= 1 for chance in chances) or sum(chances) > 1 + 1e-9:
            raise FaultPlanError("probability: mỗi xác suất phải từ 0 đến 1 và tổng không quá 1")
        delays = [*self.seconds.values(), *(entry.seconds or 0.0 for entry in self.script)]
        if any(not 0 <= delay <= 86_400 for delay in delays) or any(entry.times < 0 for entry in self.script):
            raise FaultPlanError("seconds phải từ 0 đến 86400 và times không được âm")
        if any(not 200 <= entry.status <= 599 for entry in self.script):
            raise FaultPlanError("status phải từ 200 đến 599")
        self._chance = random.Random(self.seed)
        self._entries = [_Entry(scripted, scripted.times) for scripted in self.script]

    @classmethod
    def from_json(cls, raw: bytes) -> FaultPlan:
        """The plan in `raw`; raises `FaultPlanError`."""
        try:
            plan = msgspec.json.decode(raw, type=_Plan)
        except msgspec.MsgspecError as error:
            raise FaultPlanError(str(error)) from None
        return cls(plan.seed, plan.probability, plan.seconds, plan.script)

    def to_json(self) -> bytes:
        """The plan as it was put; `from_json` reads it again."""
        plan = _Plan(seed=self.seed, probability=dict(self.probability), seconds=dict(self.seconds), script=self.script)
        return msgspec.json.encode(plan)

    def next(self, operation: str) -> Fault | None:
        """The fault that this call of `operation` meets, if any."""
        for entry in self._entries:
            scripted = entry.scripted
            endless = scripted.times == 0
            if scripted.fault is FaultKind.OUTAGE or scripted.match not in ("*", operation):
                continue
            if endless or entry.left > 0:
                entry.left -= not endless
                return self._scripted(scripted)
        return self._by_chance()

    def outage_s(self) -> float:
        """For how many seconds the listening socket is to be closed at once; 0 for not at all."""
        scripted = [entry for entry in self.script if entry.fault is FaultKind.OUTAGE]
        return max((self._scripted(entry).seconds for entry in scripted), default=0.0)

    def _scripted(self, entry: ScriptedFault) -> Fault:
        seconds = self._delay(entry.fault) if entry.seconds is None else entry.seconds
        return Fault(entry.fault, seconds, entry.status, entry.body, entry.content_type)

    def _by_chance(self) -> Fault | None:
        """One draw a call, whatever the plan, so that changing one chance does not shuffle the others."""
        draw, reached = self._chance.random(), 0.0
        for kind in FaultKind:
            reached += self.probability.get(kind, 0.0)
            if draw < reached:
                return Fault(kind, self._delay(kind))
        return None

    def _delay(self, kind: FaultKind) -> float:
        return self.seconds.get(kind, DEFAULT_SECONDS.get(kind, 0.0))
