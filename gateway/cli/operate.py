"""What the operators' commands share: the configuration, the words of a decision, and the way to the admin socket.

When no gateway runs, the store is opened under its lock and the decision is carried out there (architecture 11).
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from gateway.admin.client import AnswerLost, NotRunning, ask, lines
from gateway.admin.statement import Envelope, Spoken, Statement, canonical
from gateway.cli.screen import EX_OK, EX_REFUSED, EX_WRONG, as_moment, failure, plain, print_json, say
from gateway.cli.signer import Signer, signer, signer_arguments
from gateway.clock import Clock
from gateway.config import Loaded, load
from gateway.errors import GatewayError, IntakeError
from gateway.journal.lock import StoreInUse

_SETTLES_S = 40.0
"""So long a gateway that stops may settle what it was told, at most: `answer_s` of a database, and a little."""
_ASKS_S = 0.2


def common_arguments(parser: argparse.ArgumentParser) -> None:
    """`--config` and `--json`, as every command has them."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="TỆP",
        help="tệp cấu hình gateway.toml (mặc định: biến GATEWAY_CONFIG hoặc ./gateway.toml)",
    )
    parser.add_argument("--json", action="store_true", help="in kết quả dạng JSON cho chương trình")


def decision_arguments(parser: argparse.ArgumentParser, *, may_look: bool = False) -> None:
    """`--reason`, without which no decision is taken, and who signs it."""
    common_arguments(parser)
    signer_arguments(parser)
    parser.add_argument(
        "--reason",
        required=not may_look,
        default="",
        metavar="LÝ_DO",
        help="lý do, ít nhất 10 ký tự; được ghi vào nhật ký kiểm toán, không ghi dữ liệu cá nhân",
    )


def lane_arguments(parser: argparse.ArgumentParser) -> None:
    """Which lane a decision is about."""
    parser.add_argument("--upstream", default="", metavar="HỆ_THỐNG", help="hệ thống nhận, ví dụ national_dvc")
    parser.add_argument("--dossier", default="", metavar="MÃ_HỒ_SƠ", help="mã hồ sơ")


def moment(text: str) -> str:
    """A time of the clock in Viet Nam, `2026-11-23 22:00`, or an ISO time with its own offset; as ISO 8601."""
    return as_moment(text).isoformat()


def send(arguments: argparse.Namespace, command: str, query: Mapping[str, str] | None = None) -> Any:
    """Carry a question to the running gateway, or to its store when nothing runs."""
    return look(load(arguments.config), command, query)


def look(loaded: Loaded, command: str, query: Mapping[str, str] | None = None) -> Any:
    """The same for who has read the configuration already."""
    return asyncio.run(_look(loaded, command, query))


def asked(arguments: argparse.Namespace, command: str, **words: Any) -> Any:
    """Sign a read and carry it; the answer. Raises `IntakeError` when it was refused."""
    loaded = load(arguments.config)
    return asyncio.run(_decide(loaded, signer(arguments, loaded), command, Spoken(reason=arguments.reason, **words)))


def leaves(arguments: argparse.Namespace) -> list[Any]:
    """Every leaf of the store, chain by chain, in order."""
    return asyncio.run(_leaves(load(arguments.config)))


async def _leaves(loaded: Loaded) -> list[Any]:
    told: list[Any] = []
    async with _desk(loaded) as place:
        for head in (await ask(place, "leaves"))["leaves"]:
            after = 0
            while found := (await ask(place, "leaves", query={"writer": head["writer"], "after": str(after)}))[
                "leaves"
            ]:
                told.extend(found)
                after = found[-1]["n"]
    return told


def decide(arguments: argparse.Namespace, command: str, **words: Any) -> int:
    """Sign a decision, carry it, and print what came of it; the exit code says whether it was done."""
    loaded = load(arguments.config)
    spoken = Spoken(reason=arguments.reason, **{key: value for key, value in words.items() if value})
    chosen = signer(arguments, loaded)
    return shown(arguments, lambda: asyncio.run(_decide(loaded, chosen, command, spoken)))


def read(arguments: argparse.Namespace, command: str, details: Mapping[str, Any], show: Callable[[Any], None]) -> int:
    """Sign a read, and show what was found; 2 when it was refused."""
    loaded = load(arguments.config)
    chosen, spoken = signer(arguments, loaded), Spoken(reason=arguments.reason, details=dict(details))
    try:
        answer = asyncio.run(_decide(loaded, chosen, command, spoken))
    except IntakeError as error:
        return refused(arguments, error)
    if arguments.json:
        print_json(answer)
    else:
        show(answer)
    return EX_OK


def stream(
    arguments: argparse.Namespace, command: str, details: Mapping[str, Any], take: Callable[[bytes], Any]
) -> int:
    """Sign a read of any length, and hand on its lines as they come; 2 when it was refused."""
    loaded = load(arguments.config)
    chosen, spoken = signer(arguments, loaded), Spoken(reason=arguments.reason, details=dict(details))
    try:
        asyncio.run(_stream(loaded, chosen, command, spoken, take))
    except IntakeError as error:
        return refused(arguments, error)
    return EX_OK


async def _stream(loaded: Loaded, chosen: Signer, command: str, spoken: Spoken, take: Callable[[bytes], Any]) -> None:
    async with _desk(loaded) as place:
        identity = await ask(place, "identity")
        envelope = chosen.say(command, spoken, str(identity["installation"]), Clock())
        async for line in lines(place, command, msgspec.structs.asdict(envelope)):
            take(line)


def refused(arguments: argparse.Namespace, error: IntakeError) -> int:
    """Say why the gateway refused; 2."""
    if arguments.json:
        print_json({"done": False, "code": error.code, "message_vi": error.message_vi})
    else:
        failure(error.message_vi)
    return EX_REFUSED


def found(loaded: Loaded, words: Spoken) -> Any:
    """Found the register of operators: the one decision that nobody can sign yet."""
    return asyncio.run(_decide(loaded, None, "operator-add", words))


def shown(arguments: argparse.Namespace, carry: Callable[[], Any]) -> int:
    """Print what came of a decision; 1 when it still waits for a second operator, 2 when it was refused."""
    try:
        answer = carry()
    except IntakeError as error:
        return refused(arguments, error)
    if arguments.json:
        print_json(answer)
    else:
        say(f"[green]✓[/] {plain(str(answer.get('message_vi', '')))}")
    return EX_OK if answer.get("done") else EX_WRONG


async def _look(loaded: Loaded, command: str, query: Mapping[str, str] | None) -> Any:
    async with _desk(loaded) as place:
        return await ask(place, command, query=query)


async def _decide(loaded: Loaded, chosen: Signer | None, command: str, spoken: Spoken) -> Any:
    """Say a decision; if the gateway dies before it answers, say the very same thing again: it is carried out once."""
    clock = Clock()
    async with _desk(loaded) as place:
        identity = await ask(place, "identity")
        envelope = _said(chosen, command, spoken, str(identity["installation"]), clock)
        body = msgspec.structs.asdict(envelope)
        try:
            return await ask(place, command, body=body)
        except AnswerLost as error:
            lost = error
    until = clock.instant() + _SETTLES_S
    while True:
        try:
            async with _desk(loaded) as place:
                return await ask(place, command, body=body)
        except StoreInUse:  # the one that did not answer still settles what it was told, or starts again
            if clock.instant() > until:
                raise lost from None
            await asyncio.sleep(_ASKS_S)
        except IntakeError:
            raise  # it was heard and answered
        except GatewayError as error:  # nobody could be asked again; what became of the first time is not known either
            raise lost from error


def _said(chosen: Signer | None, command: str, spoken: Spoken, installation: str, clock: Clock) -> Envelope:
    if chosen is not None:
        return chosen.say(command, spoken, installation, clock)
    unsigned = Statement(
        installation=installation,
        command=command,
        words=spoken,
        operator="",
        key_id="",
        decision_id=clock.new_id(),
        at=clock.now(),
    )
    return Envelope(canonical(unsigned))


@asynccontextmanager
async def _desk(loaded: Loaded) -> AsyncIterator[Path]:
    """The admin socket of the running gateway; when nothing runs, the same application over the store itself."""
    running = loaded.data_dir() / loaded.settings.listen.admin_socket
    try:
        await ask(running, "identity")
    except NotRunning:
        # A shared store stands whether this node has ever run or not; an embedded one is made by its first start.
        if loaded.settings.storage.postgres is None and not (loaded.data_dir() / "journal.db").exists():
            raise
    else:
        yield running
        return
    async with standing_still(loaded) as place:
        yield place


@asynccontextmanager
async def standing_still(loaded: Loaded) -> AsyncIterator[Path]:
    """An admin socket over the store, made if it is not there, for the length of one command."""
    # The whole gateway is read for this alone; a question to one that runs needs none of it.
    from gateway import bootstrap
    from gateway.admin.handlers import create_admin_app
    from gateway.bootstrap.sites import unix_site

    async with bootstrap.standing_still(loaded) as desk:
        place = loaded.data_dir() / f"admin-{getpass.getuser()}.sock"
        async with unix_site(create_admin_app(desk), place):
            yield place
