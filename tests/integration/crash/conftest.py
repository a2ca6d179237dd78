"""A stage for dying: a whole installation in a folder of its own, and a gateway that kills itself at a named point."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from gateway.cli.demo import scene_of, simulators
from gateway.cli.demonstration import stage
from gateway.cli.demonstration.cast import DIALECTS, SYSTEMS, Role, cast
from gateway.cli.demonstration.play import Play, Progress, Scene
from gateway.cli.demonstration.servers import free_ports
from gateway.cli.demonstration.verdict import Verdict
from gateway.cli.installation import RESOLUTION_SYSTEM, Ports, lay_out
from gateway.intake.signature import sign_request

DOSSIERS = 6
SEED = 11
_DEATH_LIMIT_S = 120.0
_CALM_LIMIT_S = 150.0


@dataclass(frozen=True)
class Answered:
    """What a producer heard: a status and a receipt; status 0 when the connection broke without an answer."""

    status: int
    told: str = ""


@dataclass
class Tragedy:
    """A gateway between its two simulators, the producers, and the moment of its death."""

    boards: stage.Stage
    scene: Scene
    roles: tuple[Role, ...]
    monkeypatch: pytest.MonkeyPatch
    play: Play = field(init=False)

    def __post_init__(self) -> None:
        self.play = Play(self.boards, self.scene, self.roles, Progress(total=len(self.roles)))

    async def rise(self, crash_at: str = "") -> None:
        """Start the gateway; with `crash_at` it kills itself there."""
        serve = ["serve", "--config", str(self.boards.folder / "gateway.toml")]
        with self.monkeypatch.context() as patch:
            if crash_at:
                patch.setenv("GATEWAY_CRASH_AT", crash_at)
            await self.boards.start("gateway", serve, f"{self.scene.gateway}/readyz")

    async def rest(self) -> None:
        """Stop the gateway in good order."""
        process = self.boards.running.pop("gateway")
        process.terminate()
        assert await asyncio.to_thread(process.wait, 60) == 0

    async def death(self) -> None:
        """Wait until the gateway has killed itself; anything else than SIGKILL is a failure."""
        process = self.boards.running["gateway"]
        end = time.monotonic() + _DEATH_LIMIT_S
        while process.poll() is None:
            assert time.monotonic() < end, "the crash point was never passed"
            await asyncio.sleep(0.02)
        assert process.returncode == -signal.SIGKILL
        del self.boards.running["gateway"]

    async def push(self, event: Mapping[str, object]) -> Answered:
        """Push one event once, signed by its system."""
        body = msgspec.json.encode(event)
        key = self.scene.keys[str(event["system_code"])]
        headers = sign_request("POST", "/v1/events", body, key, int(time.time()))
        try:
            async with self.boards.session.post(
                f"{self.scene.gateway}/v1/events", data=body, headers=headers
            ) as response:
                tree: dict[str, Any] = msgspec.json.decode(await response.read())
                return Answered(response.status, str(tree.get("status")))
        except aiohttp.ClientError:
            return Answered(0)

    @property
    def events(self) -> int:
        """How many events there will be: those that are pushed, and what the resolution system pushes back of the sectors'."""
        return sum(len(role.events) * (1 if role.system == RESOLUTION_SYSTEM else 2) for role in self.roles)

    @property
    def first(self) -> Mapping[str, object]:
        """The first event of the first dossier that a sector system works on."""
        return next(role for role in self.roles if role.system != RESOLUTION_SYSTEM).events[0]

    async def end(self) -> Verdict:
        """Wait until nothing moves, then compare what was pushed with what the outside holds."""
        await self.play.calm(_CALM_LIMIT_S)
        return await self.play.judge()


def _hasten(folder: Path) -> None:
    """Short leases: what died in flight is asked about after one second, not after four."""
    path = folder / "gateway.toml"
    text = path.read_text(encoding="utf-8")
    for name, before, after in (("timeout_s", "2.0", "0.7"), ("lease_s", "4.0", "1.2")):
        assert text.count(f"{name} = {before} ") == 2
        text = text.replace(f"{name} = {before} ", f"{name} = {after} ")
    path.write_text(text, encoding="utf-8")


@pytest.fixture
async def tragedy(
    tmp_path: Path, program_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Tragedy]:
    """An installation with its simulators; the gateway is still to be started."""
    for name in os.environ.keys() - program_environment.keys():
        monkeypatch.delenv(name)
    for name, value in program_environment.items():
        monkeypatch.setenv(name, value)
    folder, ports = tmp_path / "installation", Ports(*free_ports(3))
    lay_out(folder, ports, SYSTEMS, DIALECTS)
    _hasten(folder)
    roles = cast(DOSSIERS, datetime.now(UTC).date(), SEED)
    async with stage.opened(folder) as boards:
        await asyncio.gather(*(boards.start(*words) for words in simulators(folder, ports)))
        yield Tragedy(boards, scene_of(folder, ports), roles, monkeypatch)
