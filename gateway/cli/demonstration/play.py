"""The plot: register, push, break what the real portal breaks, kill the gateway once, wait for calm, judge."""

from __future__ import annotations

import asyncio
import re
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from yarl import URL

from gateway.admin.client import ask
from gateway.cli.demonstration.cast import FOREIGN, LEAVING, Role, paper
from gateway.cli.demonstration.papers import Desk, foreign_paper, naming
from gateway.cli.demonstration.stage import Stage
from gateway.cli.demonstration.verdict import NOTHING, Verdict, judge_view
from gateway.cli.installation import RESOLUTION_SYSTEM
from gateway.errors import GatewayError
from gateway.intake.signature import SigningKey, Stated, sign_head

_PRODUCERS = 24
_EVENT_ID = re.compile(rb"""event_id"?[:>]\s*"?([0-9a-f-]{36})""")  # receipts are JSON, or XML for who speaks XML

# One unlucky mix, seeded: lost answers, slowness, server errors, ended sessions (national-portal facts 6 and 8.1).
PORTAL_FAULTS: Mapping[str, object] = {
    "seed": 2026,
    "probability": {
        "drop_after_commit": 0.012,
        "slow": 0.010,
        "http_502": 0.012,
        "expired_session": 0.010,
        "busy_429": 0.010,
        "garbage": 0.003,
    },
    "seconds": {"slow": 3.0, "busy_429": 1.0},
}
RESOLUTION_FAULTS: Mapping[str, object] = {
    "seed": 7,
    "probability": {"drop_after_commit": 0.01, "http_503": 0.01, "slow": 0.005},
    "seconds": {"slow": 3.0},
}


class Decide(Protocol):
    """Carries out a command of an operator, signed with the operator's key."""

    async def __call__(self, *words: str, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Scene:
    """Where everything stands: addresses, keys of the sector systems, the admin socket."""

    gateway: str
    portal: str
    resolution: str
    admin: Path
    keys: Mapping[str, SigningKey]


@dataclass(slots=True)
class Progress:
    """What the audience sees, second by second."""

    act: str = "chuẩn bị"
    registered: int = 0
    accepted: int = 0
    total: int = 0
    states: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Farewell:
    """The revocation of a system's consent in mid-run: `halfway` when its half is in, `revoked` when it may say no more.

    `told` counts the acknowledged events of each of its dossiers: they must arrive, and nothing after them may be taken.
    """

    halfway: asyncio.Event = field(default_factory=asyncio.Event)
    revoked: asyncio.Event = field(default_factory=asyncio.Event)
    told: dict[str, int] = field(default_factory=dict)


class Refused(GatewayError):
    """Cổng từ chối một yêu cầu của buổi trình diễn."""

    def __init__(self, status: int, text: str) -> None:
        """`text` is the problem document."""
        self.status, self.text = status, text
        super().__init__(f"Yêu cầu bị từ chối: {status} {text[:600]}")


class NotCalm(GatewayError):
    """Sau thời gian chờ, vẫn còn thông điệp chưa kết thúc."""


class Play:
    """One performance."""

    def __init__(self, stage: Stage, scene: Scene, roles: Sequence[Role], progress: Progress) -> None:
        self._stage = stage
        self.scene = scene
        self.roles = tuple(roles)
        self.progress = progress
        self.verdict = Verdict()
        self.farewell: Farewell | None = None
        self.desk: Desk | None = None

    async def register(self) -> None:
        """The resolution system registers every dossier; there is no other way in."""
        self.progress.act = "hệ thống giải quyết đăng ký hồ sơ"
        await self._stage.send(
            "POST", f"{self.scene.resolution}/_simulator/register", [role.dossier for role in self.roles]
        )
        while True:
            answer = await self._stage.get(f"{self.scene.resolution}/_simulator/registrations")
            self.progress.registered = int(answer["acknowledged"])
            if answer["refused"]:
                refused = [entry for entry in answer["registrations"] if entry["outcome"] == "refused"]
                raise GatewayError(f"Đăng ký hồ sơ bị từ chối: {refused[:2]}")
            if self.progress.registered >= len(self.roles):
                return
            await asyncio.sleep(0.1)

    async def register_also(self, dossiers: Sequence[Mapping[str, object]]) -> None:
        """The resolution system registers dossiers that come beside the cast."""
        control = f"{self.scene.resolution}/_simulator"
        before = await self._stage.get(f"{control}/registrations")
        await self._stage.send("POST", f"{control}/register", list(dossiers))
        wanted = int(before["total"]) + len(dossiers)
        while int((await self._stage.get(f"{control}/registrations"))["acknowledged"]) < wanted:
            await asyncio.sleep(0.05)

    async def break_things(self, poisoned: str) -> None:
        """Everything goes wrong a little, and one dossier is refused for ever."""
        await self._stage.send("PUT", f"{self.scene.portal}/_simulator/faults", PORTAL_FAULTS)
        await self._stage.send("PUT", f"{self.scene.resolution}/_simulator/faults", RESOLUTION_FAULTS)
        await self._stage.send("POST", f"{self.scene.portal}/_simulator/poison", {"add": [poisoned]})

    async def outage(self, seconds: float) -> None:
        """The portal refuses connections for so long."""
        await self._stage.send("POST", f"{self.scene.portal}/_simulator/outage", {"seconds": seconds})

    async def push(self) -> None:
        """All systems push their events, in order per dossier, each until it is acknowledged."""
        self.progress.act = "các hệ thống gửi sự kiện"
        waiting: asyncio.Queue[Role] = asyncio.Queue()
        for role in self.roles:
            if role.system != RESOLUTION_SYSTEM and (self.farewell is None or role.system != LEAVING):
                waiting.put_nowait(role)
        async with asyncio.TaskGroup() as group:
            if self.farewell is not None:
                group.create_task(self._leave(self.farewell))
            group.create_task(self._push_own())
            for _ in range(_PRODUCERS):
                group.create_task(self._produce(waiting))

    async def _push_own(self) -> None:
        """The resolution system sends its own papers, signed where there is a desk, and then its own events."""
        own: list[Mapping[str, object]] = []
        papers = []
        for role in self.roles:
            if role.system != RESOLUTION_SYSTEM:
                continue
            issued = await self.desk.issue(self.call, role) if self.desk is not None else None
            own += [naming(event, issued) if issued is not None else event for event in role.events]
            if any("results" in event for event in role.events):
                kind = issued.kind.media_type if issued is not None else "application/pdf"
                content = b64encode(issued.content if issued is not None else paper(role.code)).decode("ascii")
                papers.append({"dossier_code": role.code, "media_type": kind, "content": content})
        await self._stage.send("POST", f"{self.scene.resolution}/_simulator/files", papers)
        await self._stage.send("POST", f"{self.scene.resolution}/_simulator/events", own)

    async def _produce(self, waiting: asyncio.Queue[Role]) -> None:
        while not waiting.empty():
            role = waiting.get_nowait()
            for event in role.events:
                await self._report(role, event)

    async def _report(self, role: Role, event: Mapping[str, object]) -> str:
        """The files of an event first, then the event, in the dialect of its system; the event's id, from the receipt."""
        result = None
        if "results" in event:
            issued = await self.desk.issue(self.call, role) if self.desk is not None else None
            if issued is not None:
                event, result = naming(event, issued), foreign_paper(issued)
            else:
                target = f"/v1/files?dossier={role.code}"
                await self.call(role.system, "POST", target, "application/pdf", paper(role.code))
        receipt = await self.call(role.system, "POST", "/v1/events", *role.message(event, result))
        self.progress.accepted += 1
        self.verdict.foreign += role.system == FOREIGN
        found = _EVENT_ID.search(receipt)
        if found is None:
            raise GatewayError(f"Biên nhận không có event_id: {receipt[:300].decode(errors='replace')}")
        return found[1].decode()

    async def _leave(self, farewell: Farewell) -> None:
        """One system reports half of each dossier, loses its consent, and tries to go on."""
        roles = [role for role in self.roles if role.system == LEAVING]
        for role in roles:
            for event in role.events[: len(role.events) // 2]:
                await self._report(role, event)
                farewell.told[role.code] = farewell.told.get(role.code, 0) + 1
        farewell.halfway.set()
        await farewell.revoked.wait()
        for role in roles:
            try:
                await self._report(role, role.events[farewell.told[role.code]])
            except Refused as refused:
                if refused.status == 403 and "consent_revoked" in refused.text:
                    self.verdict.refused_after_revocation += 1
                    continue
                raise
            self.verdict.faults.append(f"{role.code}: được tiếp nhận sau khi sự đồng ý đã bị thu hồi")

    async def call(self, system: str, method: str, target: str, media_type: str, body: bytes) -> bytes:
        """The answer. A caller that lost our answer repeats the same bytes: lawful, and answered `duplicate`."""
        pause = 0.05
        stated = Stated(media_type, sha256(body).digest()) if media_type else None
        while True:
            headers = sign_head(method, target, stated, self.scene.keys[system], int(time.time()))
            try:
                async with self._stage.session.request(
                    method, URL(f"{self.scene.gateway}{target}", encoded=True), data=body or None, headers=headers
                ) as response:
                    if response.status in (200, 201, 202):
                        return await response.read()
                    if response.status not in (429, 503):
                        raise Refused(response.status, await response.text())
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)

    async def send(self, method: str, url: str, body: Mapping[str, object] | list[Any]) -> Any:
        """Give a control plane an order."""
        return await self._stage.send(method, url, body)

    async def get(self, url: str) -> Any:
        """What a control plane shows."""
        return await self._stage.get(url)

    async def revoke(self, decide: Decide) -> None:
        """An operator revokes the consent of the leaving system, when half of what it has to say is in."""
        farewell = self.farewell
        if farewell is None:
            return
        await farewell.halfway.wait()
        reason = "Chủ quản hệ thống có văn bản rút lại sự đồng ý kết nối"
        await decide("consent", "revoke", LEAVING, reason=reason)
        self.progress.notes.append(f"Thu hồi sự đồng ý của {LEAVING}")
        self.verdict.decisions.append(f"thu hồi sự đồng ý kết nối của {LEAVING} ({reason})")
        farewell.revoked.set()

    async def heal(self, decide: Decide, code: str) -> None:
        """The portal's people mend what made it refuse one dossier; an operator lets its lane go on."""
        self.progress.act = "người vận hành cho luồng bị giữ chạy tiếp"
        await self._stage.send("PUT", f"{self.scene.portal}/_simulator/faults", {"seed": 1, "probability": {}})
        await self._stage.send("POST", f"{self.scene.portal}/_simulator/poison", {"remove": [code]})
        reason = "Cổng DVC quốc gia báo đã sửa dữ liệu khiến hồ sơ bị từ chối"
        await decide("release", "--upstream", "national_dvc", "--dossier", code, reason=reason)
        self.verdict.decisions.append(f"cho luồng {code} tới national_dvc chạy tiếp ({reason})")

    async def calm(self, limit_s: float) -> None:
        """Wait until nothing is under way: every lane is idle or held, and the resolution system has pushed everything back."""
        self.progress.act = "chờ giao hết"
        end = time.monotonic() + limit_s
        quiet = 0
        while time.monotonic() < end:
            quiet = quiet + 1 if await self._quiet() else 0
            if quiet >= 3:
                return
            await asyncio.sleep(0.25)
        raise NotCalm(f"Sau {limit_s:.0f} giây vẫn còn: {self.progress.states}")

    async def _quiet(self) -> bool:
        counts = await self._stage.get(f"{self.scene.resolution}/_simulator/counts")
        status = await self.watch()
        if status is None:
            return False
        moving = ("READY", "SENDING", "WAITING", "UNKNOWN")
        # Messages behind a held head are READY for ever, until a person decides: they are told by the lanes, not counted here.
        behind = sum(lane["depth"] for lane in status["lanes"] if lane["state"] == "HELD")
        held = sum(upstream["messages"].get("HELD", 0) for upstream in status["upstreams"])
        open_messages = sum(upstream["messages"].get(state, 0) for upstream in status["upstreams"] for state in moving)
        if counts["events"]["waiting"] or open_messages > behind - held or status["parked_events"]:
            return False
        stuck = {lane["dossier"] for lane in status["lanes"] if lane["state"] == "HELD"}
        return self.desk is None or await self._results_stand(stuck)

    async def _results_stand(self, stuck: set[str]) -> bool:
        """Whether the gateway is busy with no result any more; one whose state waits behind a held lane waits with it."""
        try:
            results = await ask(self.scene.admin, "results")
        except (GatewayError, aiohttp.ClientError, OSError):
            return False
        return all(one["result"].rpartition("-KQ(")[0] in stuck for one in results["open"])

    async def watch(self) -> Any:
        """The operator's view; None while the gateway or its store is away."""
        try:
            status = await ask(self.scene.admin, "lanes", query={"limit": "100000", "blocked": "1"})
        except (GatewayError, aiohttp.ClientError, OSError):
            return None  # away, or its store is
        totals: dict[str, int] = {}
        for upstream in status["upstreams"]:
            for state, count in upstream["messages"].items():
                totals[state] = totals.get(state, 0) + count
        self.progress.states = totals
        return status

    async def judge(self) -> Verdict:
        """Compare what was pushed with what the outside holds."""
        self.progress.act = "đối chiếu"
        verdict = self.verdict
        portal = {held["code"]: held for held in await self.pages(f"{self.scene.portal}/_simulator/dossiers")}
        resolution = {held["code"]: held for held in await self.pages(f"{self.scene.resolution}/_simulator/dossiers")}
        status = await ask(self.scene.admin, "lanes", query={"limit": "100000", "blocked": "1"})
        blocked: dict[str, list[str]] = {}
        for lane in status["lanes"]:
            if lane["state"] == "HELD":
                blocked.setdefault(lane["dossier"], []).append(lane["upstream"])
                verdict.held.append((lane["upstream"], lane["dossier"], lane["block_reason"]))
        for role in self.roles:
            # A proposal is pushed as well; it tells no event.
            told_by = [push for push in resolution.get(role.code, {}).get("pushes", ()) if "proposal" not in push]
            pushes = [int(push["sequence"]) for push in told_by]
            told = self.farewell.told.get(role.code) if self.farewell is not None else None
            if told is not None:
                role = role.first(told)
            judge_view(role, portal.get(role.code, NOTHING), blocked.get(role.code, ()), verdict, pushes)
        counts = await self._stage.get(f"{self.scene.resolution}/_simulator/counts")
        verdict.accepted = self.progress.accepted + int(counts["events"]["acknowledged"])
        return verdict

    async def pages(self, url: str, more: str = "") -> list[Any]:
        """All dossiers that a simulator holds."""
        found: list[Any] = []
        while True:
            page = (await self._stage.get(f"{url}?offset={len(found)}&limit=500{more}"))["dossiers"]
            if not page:
                return found
            found.extend(page)

    async def score(self) -> Any:
        """The portal's own on-time score."""
        return await self._stage.get(f"{self.scene.portal}/_simulator/score")
