"""Rounds of SIGKILL at random moments: no acknowledged event is lost, no first delivery is out of order.

Every round is a whole installation with both simulators and the real program. Producers push signed events and repeat the same
bytes until they are acknowledged; the gateway is killed once or twice, when the seed says; then everything must arrive.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp

from gateway.cli.demonstration import stage
from gateway.cli.demonstration.cast import cast
from gateway.cli.demonstration.front import before
from gateway.cli.demonstration.nodes import Node, lay_out_nodes
from gateway.cli.demonstration.play import Play, Progress, Scene
from gateway.cli.demonstration.verdict import Verdict
from gateway.cli.trials.installing import laid_out, staged
from gateway.cli.trials.place import Place
from gateway.cli.trials.waits import Waits
from gateway.errors import GatewayError

NODES = 2
_CALM_LIMIT_S = 240.0
LIMIT_S = 900.0
"""How long a round may take: a gateway that takes nothing must not keep it for ever."""


@dataclass(slots=True)
class Round:
    """What came of one round: the verdict, how often something was killed, how long accepts waited."""

    seed: int
    verdict: Verdict = field(default_factory=Verdict)
    kills: int = 0
    waits: Waits = field(default_factory=Waits)


@dataclass(slots=True)
class Installation:
    """A whole installation whose gateways run, as a round sees it."""

    boards: stage.Stage
    scene: Scene
    nodes: tuple[Node, ...]
    chance: random.Random

    async def start(self, node: Node) -> None:
        """Start one gateway and wait until it is ready."""
        await self.boards.start(node.name, node.serve, f"{node.url}/readyz")

    async def told(self, waits: Waits, node: Node) -> None:
        """Keep what a gateway tells of its accepts, before it is gone; one that is gone tells nothing."""
        try:
            async with self.boards.session.get(f"{node.url}/metrics") as response:
                waits.add(await response.text())
        except aiohttp.ClientError:
            return


Disturb = Callable[[Installation, Round], Awaitable[None]]


async def kill(house: Installation, seen: Round) -> None:
    """Kill a gateway once or twice, when the seed says, and start it again."""
    for _ in range(house.chance.choice((1, 1, 2))):
        await asyncio.sleep(house.chance.uniform(0.02, 0.9))
        node = house.chance.choice(house.nodes)
        await house.told(seen.waits, node)
        house.boards.kill(node.name)
        seen.kills += 1
        await house.start(node)


async def one_round(place: Place, seed: int, dossiers: int, disturb: Disturb = kill) -> Round:
    """A whole installation, disturbed while the producers push; what came of it. What the gateway fails at is a fault of it."""
    seen = Round(seed)
    with faulted(seen.verdict):
        async with asyncio.timeout(LIMIT_S):
            await _played(place, seen, dossiers, disturb)
    return seen


@contextmanager
def faulted(verdict: Verdict) -> Iterator[None]:
    """Whatever the gateway fails at in the block is a fault of the verdict."""
    try:
        yield
    except* (GatewayError, aiohttp.ClientError) as broken:
        verdict.faults += [str(error) or type(error).__name__ for error in _each(broken)]
    except* TimeoutError:
        verdict.faults.append(f"vòng không xong sau {LIMIT_S:.0f} giây")


def _each(group: BaseExceptionGroup[Exception]) -> Iterator[Exception]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _each(error)
        else:
            yield error


async def _played(place: Place, seen: Round, dossiers: int, disturb: Disturb) -> None:
    seed = seen.seed
    async with installed(place, seed) as house:
        roles = cast(dossiers, datetime.now(UTC).date(), seed)
        play = Play(house.boards, house.scene, roles, Progress(total=len(roles)))
        await play.register()
        pushing = asyncio.create_task(play.push())
        try:
            await disturb(house, seen)
            await pushing
        finally:
            pushing.cancel()
        await play.calm(_CALM_LIMIT_S)
        for node in house.nodes:
            await house.told(seen.waits, node)
        seen.verdict = await play.judge()


@asynccontextmanager
async def installed(place: Place, seed: int) -> AsyncIterator[Installation]:
    """An installation in a fresh folder of the place, its gateways and simulators running; nothing of it is left at the end."""
    with laid_out(place.folder, 0 if place.shared is None else NODES) as laid:
        async with staged(laid) as boards, AsyncExitStack() as front:
            if place.shared is None:
                nodes: tuple[Node, ...] = (laid.alone(place.storage),)
            else:
                nodes = lay_out_nodes(laid.folder, place.shared, laid.behind)
                behind = [node.ports.internal for node in nodes]
                await front.enter_async_context(before(laid.ports.gateway, behind))
            house = Installation(boards, laid.scene, nodes, random.Random(seed))
            await asyncio.gather(*map(house.start, nodes))
            yield house
