"""Redis wiped, and stopped for a while, in mid-run under load: nothing wrong, no upstream above its limit, soon back to speed.

Three nodes carry a backlog to a portal that bears so many calls a second and no more. In the middle of it everything that Redis
holds is wiped; later Redis is killed, stays away for some seconds and comes back empty. The portal's own log of calls says how
long the stream took to come back to speed after each, and that it was never above what is agreed. Meanwhile it may be slower:
without Redis each node keeps to its share, and waits until all others must know of it.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from gateway.cli.demonstration import servers
from gateway.cli.demonstration.gateways import risen
from tests.prove import nodes
from tests.prove.pressure import Agreed, pressure_of

_AGREED = Agreed(concurrency=8, rate_per_s=12.0, burst=12)
_DOSSIERS = 70
_BACKLOG = 120
_AWAY_S = 4.0
_BACK_WITHIN_S = 5.0
_FULL_SPEED = 0.7  # of the agreed rate, over a second
_CALM_LIMIT_S = 300.0
_PORTAL = "national_dvc"


@dataclass(frozen=True, slots=True)
class Speed:
    """When calls reached the portal, by its own monotonic clock, which is ours: one machine."""

    began: Sequence[float]

    def in_second_from(self, instant: float) -> int:
        """How many calls began within a second from then."""
        return sum(instant <= at < instant + 1.0 for at in self.began)

    def recovery_s(self, since: float) -> float:
        """How long after `since` the first second began that was at full speed; infinite if none was."""
        wanted = _FULL_SPEED * _AGREED.rate_per_s
        for step in range(600):
            if self.in_second_from(since + step / 10) >= wanted:
                return step / 10
        return float("inf")

    def told(self, marks: Sequence[tuple[str, float]]) -> str:
        """Calls in each second, with what happened in between."""
        first = min(self.began)
        words: list[str] = []
        for second in range(int(max(self.began) - first) + 1):
            words += [name for name, at in marks if second - 1 <= at - first < second]
            words.append(str(self.in_second_from(first + second)))
        return " ".join(words)

    def pause_s(self, since: float, until: float) -> float:
        """The longest time without a call in between."""
        marks = [since, *(at for at in sorted(self.began) if since <= at <= until), until]
        return max(later - earlier for earlier, later in itertools.pairwise(marks))


async def prove(seed: int) -> bool | None:
    """Wipe and stop Redis under load; None where there is no PostgreSQL or Redis."""
    print("\n== Redis wiped, then stopped for a while, under load on three nodes", flush=True)
    with ExitStack() as undo:
        try:
            shared = (
                undo.enter_context(servers.PostgresServer.served()),
                undo.enter_context(servers.RedisServer.served()),
            )
        except servers.ServerMissing as missing:
            print(f"NOT RUN: {missing}")
            return None
        return await _run(seed, *shared)


async def _run(seed: int, postgres: servers.PostgresServer, redis: servers.RedisServer) -> bool:
    size = nodes.Size(dossiers=_DOSSIERS, agreed=_AGREED, call_s=0.03)
    async with nodes.whole(seed, postgres, redis, size) as (house, play):
        await play.register()
        pushing = asyncio.create_task(play.push())
        while play.progress.accepted < _BACKLOG and not pushing.done():
            await asyncio.sleep(0.05)  # from then on nothing but the agreed rate bounds the stream
        used = int(redis.say("DBSIZE").removeprefix(":"))
        wiped = time.monotonic()
        redis.wipe()
        await asyncio.sleep(_BACK_WITHIN_S + 1.0)
        stopped = time.monotonic()
        redis.kill()
        await asyncio.sleep(_AWAY_S)
        await risen(redis)
        back = time.monotonic()
        await pushing
        await play.calm(_CALM_LIMIT_S)
        verdict = await play.judge()
        pressure = await pressure_of(house.boards, _PORTAL, play.scene, _AGREED)
        calls = (await play.get(f"{play.scene.portal}/_simulator/calls"))["calls"]
    speed = Speed([float(call["instant"]) for call in calls if call["operation"] != "login"])
    after_wipe, after_stop = speed.recovery_s(wiped), speed.recovery_s(back)
    quick = max(after_wipe, after_stop) <= _BACK_WITHIN_S
    sound = verdict.sound and not pressure.faults and quick and used > 0  # nobody misses what held nothing
    print(
        f"seed {seed}: keys before the wipe {used}; {pressure}; at full speed again {after_wipe:.1f} s after the wipe and "
        f"{after_stop:.1f} s after Redis came back; longest pause while it was away "
        f"{speed.pause_s(stopped, back):.1f} s; accepted {verdict.accepted}, delivered {verdict.delivered}, lost "
        f"{verdict.lost}, out of order {verdict.out_of_order}, doubled {verdict.doubled}: {'held' if sound else 'BROKEN'}",
        flush=True,
    )
    print(f"    calls a second: {speed.told((('wiped', wiped), ('stopped', stopped), ('back', back)))}", flush=True)
    for fault in (*verdict.faults[:5], *pressure.faults):
        print(f"    {fault}")
    return sound
