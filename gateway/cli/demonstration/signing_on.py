"""Citizens sign on, scripted through the real processes; their dossiers name the proof, and are checked at reception.

Browser, provider and gateway speak plain HTTP on this machine; the proxy with the certificate, which stands before a real edge,
is played here. One stranger tries to finish another's sign-on and must be turned away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import msgspec
from yarl import URL

from gateway.cli.demonstration.cast import Role
from gateway.cli.demonstration.citizens import OFFICER, PUBLIC_URL, RETURN_URL, UNIT, Citizen, filed_by, takers
from gateway.cli.demonstration.play import Play
from gateway.cli.demonstration.verdict import Verdict
from gateway.cli.installation import RESOLUTION_SYSTEM
from gateway.errors import GatewayError

_JSON = "application/json"
_AT_ONCE = 4
DIFFERENCE = "identity_difference"
"""What the resolution system is proposed where declared data and register do not agree."""
_PURPOSE = "Đối chiếu thông tin người nộp khi tiếp nhận hồ sơ"


class SignOnFailed(GatewayError):
    """Một lượt đăng nhập của buổi trình diễn không đi đến cùng."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a browser got: status, where it is sent on, the cookies it was given."""

    status: int
    location: str
    cookies: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Edge:
    """The edge behind its proxy, as one browser of no memory reaches it."""

    session: aiohttp.ClientSession
    behind: str

    async def get(self, address: str, cookies: Mapping[str, str] | None = None) -> Answered:
        """One request; nothing is followed."""
        if not address.startswith(PUBLIC_URL):
            raise SignOnFailed("Trình duyệt bị dẫn ra ngoài cổng kết nối")
        target = URL(self.behind + address.removeprefix(PUBLIC_URL), encoded=True)
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in (cookies or {}).items())}
        async with self.session.get(target, headers=sent if cookies else {}, allow_redirects=False) as answer:
            await answer.read()
            given = {name: morsel.value for name, morsel in answer.cookies.items() if morsel.value}
            return Answered(answer.status, answer.headers.get("Location", ""), given)


@dataclass(slots=True)
class Reception:
    """What came of the citizens: their dossiers, the accounts behind them, what the checks said."""

    play: Play
    edge: Edge
    simulator: str
    dossiers: dict[str, Citizen] = field(default_factory=dict)
    strangers: int = 0

    async def sign_everybody_on(self, people: Sequence[Citizen], spared: str) -> None:
        """Each citizen signs on and files a dossier of the cast that names the proof."""
        self.play.progress.act = "công dân đăng nhập"
        chosen = takers(self.play.roles, spared, len(people))
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(role: Role, citizen: Citizen, *, watched: bool) -> Role:
            async with gate:
                return filed_by(role, citizen, await self._sign_on(citizen, watched=watched))

        pairs = list(zip(chosen, people, strict=False))
        filed = await asyncio.gather(*(one(role, who, watched=who is people[0]) for role, who in pairs))
        self.dossiers = {role.code: who for role, who in pairs}
        by_code = {role.code: role for role in filed}
        self.play.roles = tuple(by_code.get(role.code, role) for role in self.play.roles)
        self.play.verdict.signed_on = len(filed)

    async def _sign_on(self, citizen: Citizen, *, watched: bool) -> Mapping[str, object]:
        """The account of one citizen, as the resolution system gets it. `watched`: a stranger knows the callback's address."""
        begun = await self._ask("/v1/identity/sign-ons", {"return_url": RETURN_URL, "provider": citizen.provider})
        started = await self.edge.get(begun["start_url"])
        login = {"address": started.location, "account": citizen.number}
        callback = (await self.play.send("POST", f"{self.simulator}/_simulator/sign-in", login))["location"]
        if watched:
            await self._try_as_a_stranger(callback)
        back = await self.edge.get(callback, started.cookies)
        told = {name: values[0] for name, values in parse_qs(urlsplit(back.location).query).items()}
        if not back.location.startswith(RETURN_URL) or "ticket" not in told:
            raise SignOnFailed(f"Đăng nhập không thành (trạng thái {back.status})")
        account: Mapping[str, object] = await self._ask(
            f"/v1/identity/sign-ons/{told['sign_on_id']}/redeem", {"ticket": told["ticket"]}
        )
        return account

    async def _try_as_a_stranger(self, callback: str) -> None:
        """The same address in another browser, which never began."""
        refused = await self.edge.get(callback)
        if refused.status < HTTPStatus.BAD_REQUEST or refused.location:
            self.play.verdict.faults.append("Đăng nhập của người khác được hoàn tất trong một trình duyệt lạ")
        else:
            self.strangers += 1

    async def check_everybody(self) -> None:
        """The officer at the counter has each of these dossiers checked against the register."""
        self.play.progress.act = "đối chiếu dữ liệu khai với cơ sở dữ liệu dân cư"
        order = {"purpose": _PURPOSE, "officer": OFFICER, "unit": UNIT}
        for code, citizen in self.dossiers.items():
            told = await self._ask(f"/v1/dossiers/{code}/identity-checks", order)
            judge_check(code, citizen, told, self.play.verdict)

    async def compare_outside(self) -> None:
        """What the portal was told of these dossiers and of all others, and whom the resolution system was told of."""
        held = await self.play.pages(f"{self.play.scene.resolution}/_simulator/dossiers")
        judge_proposals(held, self.play.verdict)
        found = await self.play.pages(f"{self.play.scene.portal}/_simulator/dossiers", "&fields=1")
        judge_outside(found, frozenset(self.dossiers), self.play.verdict)
        if self.strangers:
            self.play.verdict.checks.append("Trình duyệt lạ mang địa chỉ gọi lại của người khác: bị từ chối")
        elif self.dossiers:
            self.play.verdict.faults.append("Không thử được trình duyệt lạ")

    async def _ask(self, target: str, body: Mapping[str, object]) -> Any:
        raw = await self.play.call(RESOLUTION_SYSTEM, "POST", target, _JSON, msgspec.json.encode(body))
        return msgspec.json.decode(raw)


def judge_check(code: str, citizen: Citizen, told: Mapping[str, Any], verdict: Verdict) -> None:
    """A check must agree with an honest declaration, and name the day of birth of the other one, and that alone."""
    places = [one["place"] for one in told["differences"]]
    if citizen.honest:
        verdict.checks_agreed += told["status"] == "agrees"
        if told["status"] != "agrees" or places:
            verdict.faults.append(f"{code}: khai đúng mà đối chiếu nói {told['status']} ({', '.join(places)})")
        return
    if told["status"] != "differs" or places != ["birth"] or not told["proposed"]:
        verdict.faults.append(f"{code}: ngày sinh khai sai mà đối chiếu nói {told['status']} ({', '.join(places)})")
        return
    verdict.differences.append((code, told["differences"][0]["message_vi"]))


def judge_proposals(resolution: Sequence[Mapping[str, Any]], verdict: Verdict) -> None:
    """The resolution system holds one proposal for each difference that was named, and no other."""
    proposed = [held["code"] for held in resolution for push in held["pushes"] if push.get("proposal") == DIFFERENCE]
    named = [code for code, _ in verdict.differences]
    if sorted(proposed) != sorted(named):
        told = ", ".join(proposed) or "không có gì"
        verdict.faults.append(f"Đề xuất sửa: chờ {', '.join(named) or 'không có gì'}; hệ thống giải quyết nhận {told}")


def judge_outside(portal: Sequence[Mapping[str, Any]], proven: frozenset[str], verdict: Verdict) -> None:
    """The portal is told of VNeID for proven dossiers, and for no others."""
    for held in portal:
        told = held["fields"].get("TaiKhoanDuocXacThucVoiVNeID") == "1"
        verdict.proven_outside += told and held["code"] in proven
        if told != (held["code"] in proven):
            word = "thiếu" if held["code"] in proven else "thừa"
            verdict.faults.append(f"{held['code']}: Cổng DVC ghi {word} xác thực VNeID")
