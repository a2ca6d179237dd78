"""What a gateway acknowledged, held against what it knows after it came back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from gateway.cli.demonstration import stage
from gateway.cli.demonstration.cast import Role
from gateway.cli.demonstration.play import Play
from gateway.cli.installation import RESOLUTION_SYSTEM
from gateway.intake.signature import SigningKey, sign_request


class Heard(Play):
    """A play that remembers every event that a sector system was told to be accepted."""

    def remember(self) -> list[tuple[str, str]]:
        """(system, event id) of each, from here on."""
        self.acknowledged: list[tuple[str, str]] = []
        return self.acknowledged

    async def _report(self, role: Role, event: Mapping[str, object]) -> str:
        event_id = await super()._report(role, event)
        self.acknowledged.append((role.system, event_id))
        return event_id


async def own_events(boards: stage.Stage, resolution: str) -> list[tuple[str, str]]:
    """The events of the resolution system that the gateway acknowledged, by the simulator's own books."""
    found: list[tuple[str, str]] = []
    offset = 0
    while page := (await boards.get(f"{resolution}/_simulator/dossiers?offset={offset}&limit=500"))["dossiers"]:
        offset += len(page)
        for held in page:
            found += [
                (RESOLUTION_SYSTEM, str(sent["event_id"]))
                for sent in held["sent"]
                if sent["kind"] == "event" and sent["outcome"] == "acknowledged"
            ]
    return found


def resolution_key(folder: Path) -> SigningKey:
    """The key that the resolution system of an installation signs with."""
    raw = (folder / f"keys/{RESOLUTION_SYSTEM}.pem").read_bytes()
    return SigningKey.load(raw, f"{RESOLUTION_SYSTEM}-1", "ed25519")


async def unknown(boards: stage.Stage, gateway: str, keys: dict[str, SigningKey], events: list[tuple[str, str]]) -> int:
    """How many of these events the gateway does not know."""
    lost = 0
    for system, event_id in events:
        target = f"/v1/events/{event_id}"
        headers = sign_request("GET", target, b"", keys[system], int(time.time()))
        async with boards.session.get(f"{gateway}{target}", headers=headers) as response:
            if response.status not in (200, 404):
                raise aiohttp.ClientError(f"{target}: {response.status}")
            lost += response.status == 404
    return lost
