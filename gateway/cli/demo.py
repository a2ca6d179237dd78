"""`gateway demo`: the main job on this machine, end to end, with faults and kills; exit code 0 only for a sound verdict."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from gateway.cli.demonstration import audience, stage
from gateway.cli.demonstration.cast import DIALECTS, LEAVING, SYSTEMS, Role, cast
from gateway.cli.demonstration.citizens import CITIZENS, citizens, lay_out_identity
from gateway.cli.demonstration.custody import House, lay_out_signing
from gateway.cli.demonstration.gateways import (
    Cluster,
    Fall,
    Gateways,
    ManyGateways,
    OneGateway,
    clustered,
    led_to,
    patient,
)
from gateway.cli.demonstration.giving_back import give_back
from gateway.cli.demonstration.nodes import NodePorts
from gateway.cli.demonstration.papers import Desk, programme
from gateway.cli.demonstration.payers import Payers, owing
from gateway.cli.demonstration.play import Farewell, Play, Progress, Scene
from gateway.cli.demonstration.post_office import lay_out_post
from gateway.cli.demonstration.proof import prove
from gateway.cli.demonstration.reckoning import reckon
from gateway.cli.demonstration.senders import Senders, sending
from gateway.cli.demonstration.servers import free_ports
from gateway.cli.demonstration.settlement import settle
from gateway.cli.demonstration.signing_on import Edge, Reception
from gateway.cli.demonstration.tracing import trace
from gateway.cli.demonstration.treasury import Tills, lay_out_treasury
from gateway.cli.demonstration.verdict import Verdict
from gateway.cli.ending import Ending, orderly
from gateway.cli.installation import RESOLUTION_SYSTEM, Ports, lay_out
from gateway.cli.operators import found_first
from gateway.cli.screen import EX_OK, EX_WRONG, out, print_json
from gateway.config import load
from gateway.intake.signature import SigningKey

_CALM_LIMIT_S = 180.0
_OUTAGE_S = 5.0
_OPERATOR = "nguoi-van-hanh"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How large, and where."""
    parser.add_argument("--dossiers", type=int, default=300, metavar="SỐ", help="số hồ sơ (mặc định 300)")
    parser.add_argument("--seed", type=int, default=2026, metavar="SỐ", help="hạt giống của dữ liệu (mặc định 2026)")
    parser.add_argument(
        "--nodes",
        type=int,
        choices=range(1, 10),
        default=1,
        metavar="SỐ",
        help="số nút; từ 2: trên PostgreSQL và Redis",
    )
    parser.add_argument("--keep", action="store_true", help="giữ lại thư mục cài đặt sau khi chạy")
    parser.add_argument("--no-kill", action="store_true", help="không giết tiến trình giữa chừng")
    parser.add_argument("--brief", action="store_true", help="chỉ việc chính: không phí, không bưu gửi, không đối soát")
    parser.add_argument("--no-late", action="store_true", help="không chờ người nộp muộn (bớt chừng một phút)")
    parser.add_argument("--json", action="store_true", help="in kết luận dạng JSON cho chương trình")


def run(arguments: argparse.Namespace) -> int:
    """Play, judge, and leave nothing behind, also where a signal ends it in the middle."""
    with orderly() as ending:
        return _run(arguments, ending)


def _run(arguments: argparse.Namespace, ending: Ending) -> int:
    folder = Path(tempfile.mkdtemp(prefix="gateway-demo-"))
    begun = time.monotonic()
    try:
        *usual, signing, edge, identity, payment, receipts, postal = free_ports(9)
        ports, doors = Ports(*usual), Doors(identity, Tills(edge, payment, receipts), postal)
        lay_out(folder, ports, SYSTEMS, DIALECTS)
        house = lay_out_signing(folder, signing, SYSTEMS)
        lay_out_identity(folder, edge, identity, citizens(CITIZENS, arguments.seed))
        lay_out_treasury(folder, doors.tills)
        lay_out_post(folder, doors.postal)
        with contextlib.ExitStack() as undo:
            cluster = None
            if arguments.nodes > 1:
                behind = free_ports(2 * arguments.nodes)
                cluster = undo.enter_context(clustered(folder, [NodePorts(*pair) for pair in _pairs(behind)]))
            found_first(load(folder / "gateway.toml"), _OPERATOR)
            verdict, score = ending.run(_perform(arguments, house, Addresses(ports, doors, cluster)))
    finally:
        if arguments.keep:
            out.print(f"Thư mục cài đặt: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    seconds = time.monotonic() - begun
    if arguments.json:
        print_json({**msgspec.to_builtins(verdict), "sound": verdict.sound, "score": score, "seconds": seconds})
    else:
        audience.announce(verdict, score, seconds)
    return EX_OK if verdict.sound else EX_WRONG


@dataclass(frozen=True, slots=True)
class Doors:
    """Loopback ports beside the usual ones: who plays providers and register, the money side with the edge, the post."""

    identity: int
    tills: Tills
    postal: int

    def simulators(self, folder: Path) -> tuple[tuple[str, list[str], str], ...]:
        """Name, arguments and health address of each simulator behind them."""
        money = (("payment", self.tills.payment), ("receipts", self.tills.receipts))
        played = (("vneid", self.identity), *money, ("postal", self.postal))
        return tuple(simulator(folder, name, port) for name, port in played)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything of a play answers. Without `cluster` the gateway is one process."""

    ports: Ports
    doors: Doors
    cluster: Cluster | None = None

    @contextlib.asynccontextmanager
    async def gateways(self, boards: stage.Stage, url: str) -> AsyncIterator[Gateways]:
        """Whoever carries the dossiers, behind the address that everybody knows."""
        if self.cluster is None:
            yield OneGateway(boards, boards.folder, url)
            return
        patient(boards)
        async with led_to(self.cluster, self.ports.gateway, self.doors.tills.edge):
            yield ManyGateways(boards, self.cluster)


@dataclass(frozen=True, slots=True)
class Troupe:
    """Who plays: the systems, those who sign on; and, unless it is brief, those who pay and those who use the post."""

    play: Play
    reception: Reception
    debtors: Payers | None
    senders: Senders | None

    async def prepare(self) -> None:
        """What must stand before the pushing begins."""
        if self.debtors is not None:
            await self.debtors.owe()
        if self.senders is not None:
            await self.senders.prepare()

    def beside(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What goes on beside the pushing."""
        paying = (self.debtors.pay(),) if self.debtors is not None else ()
        posting = (self.senders.post(),) if self.senders is not None else ()
        return (*paying, *posting)

    async def come_to_an_end(self) -> None:
        """Who pays late has paid, and every parcel is where it belongs."""
        if self.debtors is not None:
            await self.debtors.pay_late()
            await self.debtors.settled()
        if self.senders is not None:
            await self.senders.arrived()


def _pairs(ports: Sequence[int]) -> Iterator[tuple[int, int]]:
    return zip(ports[::2], ports[1::2], strict=True)


async def _perform(
    arguments: argparse.Namespace, house: House, addresses: Addresses
) -> tuple[Verdict, dict[str, object]]:
    folder, ports, doors = house.folder, addresses.ports, addresses.doors
    whole = cast(arguments.dossiers, datetime.now(UTC).date(), arguments.seed)
    desk = Desk(programme(whole))
    roles = desk.programme.roles
    scene = scene_of(folder, ports)
    async with stage.opened(folder) as boards, addresses.gateways(boards, scene.gateway) as gateways:
        await boards.start("authority", house.words, house.ready, "connectors.kit.simulated_authority")
        for name, words, ready in (*simulators(folder, ports), *doors.simulators(folder)):
            await boards.start(name, words, ready)
        await gateways.start()
        play = Play(boards, scene, roles, Progress(total=len(roles)))
        play.farewell = Farewell()
        play.desk = desk
        poisoned = _poisoned(roles)
        edge = Edge(boards.session, f"http://127.0.0.1:{doors.tills.edge}")
        reception = Reception(play, edge, f"http://127.0.0.1:{doors.identity}")
        troupe = Troupe(
            play,
            reception,
            None if arguments.brief else Payers(play, doors.tills, owing(late=not arguments.no_late)),
            None if arguments.brief else Senders(play, doors.postal, sending()),
        )

        async def decide(*words: str, reason: str) -> None:
            await _ordered(boards, folder, [*words, "--as", _OPERATOR, "--reason", reason, "--json"])

        watcher = None if arguments.json else asyncio.create_task(audience.watch(play, len(roles)))
        try:
            await reception.sign_everybody_on(citizens(CITIZENS, arguments.seed), poisoned)
            await play.register()
            await reception.check_everybody()
            await troupe.prepare()
            await play.break_things(poisoned)
            beside = [asyncio.create_task(work) for work in (*troupe.beside(), play.revoke(decide))]
            pushing = asyncio.create_task(play.push())
            await _trouble(play, pushing, () if arguments.no_kill else gateways.falls())
            await asyncio.gather(pushing, *beside)
            await play.calm(_CALM_LIMIT_S)
            await play.heal(decide, poisoned)
            await troupe.come_to_an_end()
            await play.calm(_CALM_LIMIT_S)
            if troupe.debtors is not None:
                await give_back(troupe.debtors, partial(_ordered, boards, folder), _OPERATOR)
            score = await _judge(troupe, boards, house, desk)
        finally:
            if watcher is not None:
                watcher.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watcher
    return play.verdict, score


async def _judge(troupe: Troupe, boards: stage.Stage, house: House, desk: Desk) -> dict[str, object]:
    """Hold everything against what the outside holds, into the verdict; the portal's own score."""
    play, folder = troupe.play, house.folder
    await play.judge()
    if troupe.debtors is not None:
        await reckon(troupe.debtors)
        await settle(troupe.debtors)
    if troupe.senders is not None:
        await trace(troupe.senders, partial(_ordered, boards, folder))
    await prove(play, boards, house, desk)
    await troupe.reception.compare_outside()
    play.verdict.checks += await _check_books(boards, folder)
    score: dict[str, object] = await play.score()
    score.pop("judgements", None)
    return score


async def _ordered(boards: stage.Stage, folder: Path, words: Sequence[str], ends: int = EX_OK) -> str:
    """Run a command on the installation of the play; what it printed."""
    return await boards.run([*words, "--config", str(folder / "gateway.toml")], ends)


async def _check_books(boards: stage.Stage, folder: Path) -> list[str]:
    """What an auditor would do with what is left: every row against the evidence, every decision against its key."""
    seen = msgspec.json.decode(await _ordered(boards, folder, ["evidence", "check", "--json"]))
    trail = str(folder / "audit.jsonl")
    export = ["audit", "export", "--as", _OPERATOR, "--reason", "Kiểm tra sau buổi trình diễn", "--out", trail]
    await _ordered(boards, folder, export)
    await _ordered(boards, folder, ["audit", "verify", trail])
    return [
        f"Bằng chứng: {seen['rows']} dòng của kho đúng với {seen['leaves']} mắt xích trong {seen['chains']} chuỗi",
        "Nhật ký kiểm toán đã xuất ra tệp: trọn vẹn, chữ ký của người vận hành đúng, khớp với kho",
    ]


async def _trouble(play: Play, pushing: asyncio.Task[None], falls: Sequence[Fall]) -> None:
    """The great troubles, in the middle of the pushing: the portal goes away, and what carries the dossiers is killed."""
    wanted = sum(len(role.events) for role in play.roles if role.system != RESOLUTION_SYSTEM)
    await _until(play, pushing, wanted // 4)
    play.progress.notes.append(f"Cổng DVC quốc gia ngừng {_OUTAGE_S:.0f} giây")
    await play.outage(_OUTAGE_S)
    for number, (what, fall) in enumerate(falls):
        await _until(play, pushing, wanted // 2 + number * wanted // (4 * len(falls)))
        play.progress.notes.append(what)
        await fall()
        play.verdict.survived.append(what)


async def _until(play: Play, pushing: asyncio.Task[None], accepted: int) -> None:
    while play.progress.accepted < accepted and not pushing.done():
        await asyncio.sleep(0.02)


def _poisoned(roles: tuple[Role, ...]) -> str:
    """One dossier with a full course, which the portal refuses until its people have mended it."""
    return next(role.code for role in roles if len(role.events) >= 4 and role.system != LEAVING)


def simulators(folder: Path, ports: Ports) -> tuple[tuple[str, list[str], str], ...]:
    """Name, arguments and health address of each simulator of an installation."""
    usual = (("national_dvc", ports.portal), ("resolution", ports.resolution))
    return tuple(simulator(folder, name, port) for name, port in usual)


def simulator(folder: Path, name: str, port: int) -> tuple[str, list[str], str]:
    """Name, arguments and health address of one simulator."""
    words = ["simulate", name, "--port", str(port), "--options", str(folder / f"simulators/{name}.toml")]
    return name, words, f"http://127.0.0.1:{port}/_simulator/health"


def scene_of(folder: Path, ports: Ports) -> Scene:
    """Where everything of an installation stands."""
    keys = {
        name: SigningKey.load((folder / f"keys/{name}.pem").read_bytes(), f"{name}-1", "ed25519")
        for name in (*SYSTEMS, RESOLUTION_SYSTEM)
    }
    base = "http://127.0.0.1"
    return Scene(
        f"{base}:{ports.gateway}",
        f"{base}:{ports.portal}",
        f"{base}:{ports.resolution}",
        folder / "data/admin.sock",
        keys,
    )
