"""`gateway push FILE…`: sign the events of a file as a registered system and push them, in order.

A file holds one event, an array of events, or one event a line. Pushing the same file again is lawful and harmless: what
is stored already is answered `duplicate`. A dossier snapshot (`PUT /v1/dossiers/{code}`) is pushed with `--dossiers`. A
message in a dialect of the system's own is posted as it stands, under the media type of its profile or of `--type`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec

from gateway.cli.operate import common_arguments
from gateway.cli.screen import EX_INPUT, EX_OK, EX_REFUSED, EX_UNAVAILABLE, failure, print_json, table
from gateway.config import Loaded, load
from gateway.errors import ConfigError
from gateway.intake import foreign
from gateway.intake.signature import SigningKey, Stated, sign_head
from mappings.dialect_file import load_dialect
from mappings.tables import TableUnreadable

NAME = "push"
HELP = "Ký và gửi các sự kiện trong tệp tới cổng"


@dataclass(frozen=True, slots=True)
class Request:
    """One request to push: what it is called on the screen, and what goes over the wire."""

    label: str
    method: str
    target: str
    body: bytes
    media_type: str = "application/json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which files, and as whom."""
    common_arguments(parser)
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="TỆP", help="JSON: một sự kiện, một mảng, hoặc mỗi dòng một sự kiện"
    )
    parser.add_argument(
        "--as", dest="system", default="SEC-DEMO", metavar="MÃ_HỆ_THỐNG", help="hệ thống gửi (mặc định SEC-DEMO)"
    )
    parser.add_argument(
        "--key",
        type=Path,
        metavar="TỆP_PEM",
        help="khóa riêng để ký (mặc định keys/<MÃ_HỆ_THỐNG>.pem cạnh tệp cấu hình)",
    )
    parser.add_argument("--url", default="", metavar="URL", help="địa chỉ cổng (mặc định theo tệp cấu hình)")
    parser.add_argument(
        "--type",
        default="",
        metavar="KIỂU",
        help="gửi nguyên tệp với Content-Type này (mặc định theo hồ sơ kết nối của hệ thống gửi)",
    )
    parser.add_argument("--dossiers", action="store_true", help="tệp chứa hồ sơ (PUT /v1/dossiers), không phải sự kiện")


def run(arguments: argparse.Namespace) -> int:
    """Push, and print one line an event; 2 when any was refused."""
    loaded = load(arguments.config)
    try:
        whole = arguments.type or _published_type(loaded, arguments.system)
        if whole and not arguments.dossiers:
            requests = [Request(file.name, "POST", "/v1/events", file.read_bytes(), whole) for file in arguments.files]
        else:
            requests = [request for file in arguments.files for request in _requests(file, dossiers=arguments.dossiers)]
    except (OSError, msgspec.DecodeError) as error:
        failure(f"Không đọc được tệp: {error}")
        return EX_INPUT
    if not requests:
        failure("Tệp không chứa sự kiện hay hồ sơ nào.")
        return EX_INPUT
    key = _key(loaded, arguments.system, arguments.key)
    base = arguments.url or f"http://{loaded.settings.listen.internal.host}:{loaded.settings.listen.internal.port}"
    answers, reached = asyncio.run(_push(base, requests, key, loaded.settings.intake.logical_path_prefix))
    if arguments.json:
        print_json(answers)
    else:
        _show(answers)
    if not reached:
        failure(f"Không kết nối được tới {base}; hãy chạy lại đúng lệnh này, sự kiện đã lưu sẽ không bị nhân đôi.")
        return EX_UNAVAILABLE
    return EX_OK if all(answer["http"] < 400 for answer in answers) else EX_REFUSED


def _published_type(loaded: Loaded, system: str) -> str:
    """The media type of a system that speaks a dialect of its own; empty for one that speaks ours."""
    record = loaded.settings.callers.get(system)
    if record is None or record.profile == foreign.OWN:
        return ""
    try:
        return foreign.MEDIA_TYPES[load_dialect(record.profile).form.format][0]
    except TableUnreadable as error:
        raise ConfigError((f"callers.{system}.profile: {error}",)) from error


def _show(answers: list[dict[str, Any]]) -> None:
    rows = []
    for answer in answers:
        body = answer["answer"]
        faults = "; ".join(f"{fault['pointer']}: {fault['message_vi']}" for fault in body.get("errors", ()))
        rows.append(
            (
                answer["request"],
                answer["http"],
                body.get("status") if answer["http"] < 400 else body.get("code"),
                faults or body.get("detail", ""),
            )
        )
    table("Kết quả gửi", ("Yêu cầu", "HTTP", "Trạng thái", "Chi tiết"), rows)


def _requests(file: Path, *, dossiers: bool) -> Iterator[Request]:
    raw = file.read_bytes()
    try:
        tree = msgspec.json.decode(raw)
        trees = tree if isinstance(tree, list) else [tree]
        bodies = [raw] if not isinstance(tree, list) else [msgspec.json.encode(item) for item in trees]
    except msgspec.DecodeError:
        bodies = [line for line in raw.splitlines() if line.strip()]
        trees = [msgspec.json.decode(line) for line in bodies]
    for tree, body in zip(trees, bodies, strict=True):
        if dossiers:
            code = str(tree.get("dossier_code", "")) if isinstance(tree, dict) else ""
            yield Request(code, "PUT", f"/v1/dossiers/{quote(code, safe='')}", body)
        else:
            label = str(tree.get("event_id", "")) if isinstance(tree, dict) else ""
            yield Request(label, "POST", "/v1/events", body)


def _key(loaded: Loaded, system: str, file: Path | None) -> SigningKey:
    """The private key of a registered system, with the key id and algorithm under which its public key is registered."""
    record = loaded.settings.callers.get(system)
    if record is None:
        raise ConfigError((f"callers.{system}: hệ thống chưa được đăng ký trong tệp cấu hình",))
    key_id, registered = next(iter(record.keys.items()))
    path = file or loaded.path(f"keys/{system}.pem")
    try:
        return SigningKey.load(path.read_bytes(), key_id, registered.algorithm)
    except OSError as error:
        raise ConfigError((f"{path}: không đọc được khóa riêng ({error.strerror})",)) from error


async def _push(base: str, requests: list[Request], key: SigningKey, prefix: str) -> tuple[list[dict[str, Any]], bool]:
    answers: list[dict[str, Any]] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        for request in requests:
            stated = Stated(request.media_type, hashlib.sha256(request.body).digest())
            headers = sign_head(request.method, prefix + request.target, stated, key, int(time.time()))
            headers["Accept"] = "application/json, application/problem+json"  # the screen below reads JSON
            try:
                async with session.request(
                    request.method, base + request.target, data=request.body, headers=headers
                ) as response:
                    body = msgspec.json.decode(await response.read() or b"{}")
                    answers.append({"request": request.label, "http": response.status, "answer": body})
            except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError):
                return answers, False
    return answers, True
