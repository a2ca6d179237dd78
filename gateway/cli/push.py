"""`gateway push FILE…`: sign the events of a file as a registered system and push them, in order.

A file holds one event, an array of events, or one event a line. Pushing the same file again is lawful and harmless: what
is stored already is answered `duplicate`. A dossier snapshot (`PUT /v1/dossiers/{code}`) is pushed with `--dossiers`. A
message in a dialect of the system's own is posted as it stands, under the media type of its profile or of `--type`. A file
given with `--file` is uploaded in front of each event that names it as a result, and its size and digest are filled in.
A system that only the register knows (`gateway consent add`) names its key with `--key` and `--keyid`. Over TLS the gateway
must prove itself with a certificate that the machine, or the authority of `--ca`, vouches for.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import mimetypes
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from gateway.cli.operate import common_arguments
from gateway.cli.screen import EX_INPUT, EX_OK, EX_REFUSED, EX_UNAVAILABLE, failure, print_json, table
from gateway.config import Loaded, load
from gateway.errors import ConfigError, GatewayError
from gateway.intake import foreign
from gateway.intake.signature import SigningKey, Stated, sign_head
from mappings.dialect_file import load_dialect
from mappings.tables import TableUnreadable


@dataclass(frozen=True, slots=True)
class Request:
    """One request to push: what it is called on the screen, and what goes over the wire (a file is read while it is sent)."""

    label: str
    method: str
    target: str
    body: bytes | Path
    media_type: str = "application/json"

    def stated(self) -> Stated:
        """What is signed of the content."""
        if isinstance(self.body, bytes):
            return Stated(self.media_type, hashlib.sha256(self.body).digest())
        return Stated(self.media_type, _digest(self.body))


@dataclass(frozen=True, slots=True)
class Way:
    """How the gateway is reached: the address, what is put in front of a signed path, and TLS for `https`."""

    base: str
    prefix: str
    tls: ssl.SSLContext | bool


class Unfit(GatewayError):
    """Các tệp không khớp với các sự kiện."""


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
    parser.add_argument(
        "--keyid",
        default="",
        metavar="TÊN_KHÓA",
        help="tên của khóa ấy trong sổ đồng ý kết nối (mặc định: khóa đầu tiên của hệ thống trong tệp cấu hình)",
    )
    _way_arguments(parser)
    parser.add_argument(
        "--type",
        default="",
        metavar="KIỂU",
        help="gửi nguyên tệp với Content-Type này (mặc định theo hồ sơ kết nối của hệ thống gửi)",
    )
    parser.add_argument(
        "--file",
        dest="papers",
        action="append",
        default=[],
        type=Path,
        metavar="TỆP_KẾT_QUẢ",
        help="tải tệp này lên trước sự kiện có kết quả cùng tên tệp, và điền cỡ, sha256; dùng được nhiều lần",
    )
    parser.add_argument("--dossiers", action="store_true", help="tệp chứa hồ sơ (PUT /v1/dossiers), không phải sự kiện")


def _way_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the gateway is, and what vouches for whom over TLS."""
    parser.add_argument(
        "--url", default="", metavar="URL", help="địa chỉ cổng, http hoặc https (mặc định theo tệp cấu hình)"
    )
    parser.add_argument(
        "--ca",
        type=Path,
        metavar="TỆP_PEM",
        help="tin chứng thư máy chủ do các chứng thư này cấp (mặc định: các tổ chức mà máy này tin)",
    )
    parser.add_argument(
        "--client-certificate",
        type=Path,
        metavar="TỆP_PEM",
        help="chứng thư máy khách, khi cổng đòi (kèm --client-key)",
    )
    parser.add_argument(
        "--client-key",
        type=Path,
        metavar="TỆP_PEM",
        help="khóa riêng của chứng thư máy khách (mặc định: nằm chung tệp với chứng thư)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Push, and print one line an event; 2 when any was refused."""
    loaded = load(arguments.config)
    try:
        whole = arguments.type or _published_type(loaded, arguments.system)
        papers = Papers(tuple(arguments.papers))
        if whole and not arguments.dossiers:
            requests = [Request(file.name, "POST", "/v1/events", file.read_bytes(), whole) for file in arguments.files]
        else:
            requests = [
                request for file in arguments.files for request in _requests(file, papers, dossiers=arguments.dossiers)
            ]
        papers.check_used()
    except (OSError, msgspec.DecodeError) as error:
        failure(f"Không đọc được tệp: {error}")
        return EX_INPUT
    except Unfit as error:
        failure(str(error))
        return EX_INPUT
    if not requests:
        failure("Tệp không chứa sự kiện hay hồ sơ nào.")
        return EX_INPUT
    key, way = _key(loaded, arguments), _way(loaded, arguments)
    answers, fault = asyncio.run(_push(way, requests, key))
    if arguments.json:
        print_json(answers)
    else:
        _show(answers)
    if fault:
        failure(fault)
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


class Papers:
    """The files that were given with `--file`, and which of them the events name."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self._paths = paths
        self._used: set[Path] = set()

    def fill(self, tree: Any) -> Iterator[Request]:
        """Fill size and digest into the results of an event (or dossier), and give the uploads that must come before it."""
        results = tree.get("results") if isinstance(tree, dict) and self._paths else None
        sent: set[Path] = set()
        for result in results if isinstance(results, list) else ():
            path = self._of(result) if isinstance(result, dict) else None
            if path is None:
                continue
            guessed = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            known = {"name": path.name, "media_type": guessed} | result.get("file", {})
            result["file"] = known | {"size": path.stat().st_size, "sha256": _digest(path).hex()}
            self._used.add(path)
            if path not in sent:
                sent.add(path)
                yield self._upload(path, str(known["media_type"]), tree.get("dossier_code"))

    def check_used(self) -> None:
        """Raises `Unfit` for a file that nothing names: whoever gave it expects it to be sent."""
        unused = [str(path) for path in self._paths if path not in self._used]
        if unused:
            raise Unfit(f"Không có kết quả (results[].file.name) nào nêu tệp: {', '.join(unused)}")

    def _of(self, result: dict[str, Any]) -> Path | None:
        """The file of a result: by its name, or the only one for a result that names none."""
        file = result.get("file")
        if file is None:
            return self._paths[0] if len(self._paths) == 1 else None
        name = file.get("name") if isinstance(file, dict) else None
        return next((path for path in self._paths if path.name == name), None)

    @staticmethod
    def _upload(path: Path, media_type: str, code: object) -> Request:
        if not isinstance(code, str) or not code:
            raise Unfit("Sự kiện có tệp kết quả phải ghi dossier_code.")
        return Request(path.name, "POST", f"/v1/files?dossier={quote(code, safe='')}", path, media_type)


def _digest(path: Path) -> bytes:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").digest()


def _requests(file: Path, papers: Papers, *, dossiers: bool) -> Iterator[Request]:
    raw = file.read_bytes()
    try:
        tree = msgspec.json.decode(raw)
        trees = tree if isinstance(tree, list) else [tree]
        bodies = [raw] if not isinstance(tree, list) else [msgspec.json.encode(item) for item in trees]
    except msgspec.DecodeError:
        bodies = [line for line in raw.splitlines() if line.strip()]
        trees = [msgspec.json.decode(line) for line in bodies]
    for tree, said in zip(trees, bodies, strict=True):
        uploads = list(papers.fill(tree))
        yield from uploads
        body = msgspec.json.encode(tree) if uploads else said
        if dossiers:
            code = str(tree.get("dossier_code", "")) if isinstance(tree, dict) else ""
            yield Request(code, "PUT", f"/v1/dossiers/{quote(code, safe='')}", body)
        else:
            label = str(tree.get("event_id", "")) if isinstance(tree, dict) else ""
            yield Request(label, "POST", "/v1/events", body)


def _key(loaded: Loaded, arguments: argparse.Namespace) -> SigningKey:
    """The private key to sign with, and the name by which the gateway knows it.

    The configuration knows the keys of the systems that it lists. Any other key is named by whoever pushes, because the
    register of consents is the gateway's alone.
    """
    system, file = arguments.system, arguments.key
    record = loaded.settings.callers.get(system)
    known = dict(record.keys) if record is not None else {}
    if not arguments.keyid and not known:
        told = f"callers.{system}: tệp cấu hình không nêu khóa của hệ thống này; nếu đã ghi bằng gateway consent add, hãy thêm"
        raise ConfigError((f"{told} --key TỆP_PEM --keyid TÊN_KHÓA",))
    key_id = arguments.keyid or next(iter(known))
    path = file or loaded.path(f"keys/{system}.pem")
    try:
        return SigningKey.load(path.read_bytes(), key_id, known[key_id].algorithm if key_id in known else None)
    except OSError as error:
        raise ConfigError(
            (f"{path}: không đọc được khóa riêng ({error.strerror}); nêu tệp khác bằng --key",)
        ) from error
    except ConfigError as error:
        raise ConfigError(tuple(f"{path}: {fault}" for fault in error.faults)) from error


def _way(loaded: Loaded, arguments: argparse.Namespace) -> Way:
    """Raises `ConfigError` for a certificate or key that cannot be used."""
    listen = loaded.settings.listen.internal
    base = arguments.url or f"{'https' if listen.tls else 'http'}://{listen.host}:{listen.port}"
    return Way(base.rstrip("/"), loaded.settings.intake.logical_path_prefix, _tls(arguments))


def _tls(arguments: argparse.Namespace) -> ssl.SSLContext | bool:
    """What `--ca`, `--client-certificate` and `--client-key` say; without them the library's own strict default."""
    if arguments.client_key and not arguments.client_certificate:
        raise ConfigError(("--client-key: hãy nêu cả --client-certificate",))
    if not arguments.ca and not arguments.client_certificate:
        return True
    try:
        context = ssl.create_default_context(cafile=arguments.ca)
    except OSError as error:
        raise ConfigError(
            (f"--ca {arguments.ca}: không phải tệp chứng thư PEM đọc được ({error.strerror})",)
        ) from error
    if arguments.client_certificate:
        try:
            # An empty passphrase: a key that has one is refused here, and nobody is asked in the middle of a script.
            context.load_cert_chain(arguments.client_certificate, arguments.client_key, password="")
        except OSError as error:
            files = " ".join(str(file) for file in (arguments.client_certificate, arguments.client_key) if file)
            said = "không phải chứng thư và khóa riêng PEM đi với nhau, không mật khẩu"
            raise ConfigError((f"--client-certificate {files}: {said} ({error.strerror})",)) from error
    return context


async def _push(way: Way, requests: list[Request], key: SigningKey) -> tuple[list[dict[str, Any]], str]:
    """The answers, and why the rest has none; empty when each was answered."""
    answers: list[dict[str, Any]] = []
    # A large file takes its time; what must not happen is that nothing happens.
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=600)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for request in requests:
            headers = sign_head(request.method, way.prefix + request.target, request.stated(), key, int(time.time()))
            headers["Accept"] = "application/json, application/problem+json"  # the screen below reads JSON
            try:
                with contextlib.ExitStack() as opened:
                    data = (
                        opened.enter_context(request.body.open("rb"))
                        if isinstance(request.body, Path)
                        else request.body
                    )
                    url = URL(way.base + request.target, encoded=True)
                    sent = session.request(request.method, url, data=data, headers=headers, ssl=way.tls)
                    async with sent as response:
                        body = msgspec.json.decode(await response.read() or b"{}")
                        answers.append({"request": request.label, "http": response.status, "answer": body})
            except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
                return answers, _unreached(way.base, error)
    return answers, ""


def _unreached(base: str, error: Exception) -> str:
    """What to do about a request that has no answer."""
    if isinstance(error, aiohttp.InvalidURL):
        return f"--url {base}: không phải địa chỉ http:// hay https://."
    again = "chạy lại đúng lệnh này, sự kiện đã lưu sẽ không bị nhân đôi."
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = getattr(error.certificate_error, "verify_message", "") or str(error.certificate_error)
        return f"Không tin được chứng thư của {base} ({reason}); hãy nêu tổ chức cấp nó bằng --ca TỆP_PEM rồi {again}"
    if isinstance(error, aiohttp.ClientSSLError) or isinstance(error.__cause__, ssl.SSLError):
        return (
            f"Không bắt tay TLS được với {base}; kiểm tra http hay https, và --client-certificate nếu cổng đòi chứng thư "
            f"máy khách; rồi {again}"
        )
    return f"Không kết nối được tới {base}; hãy {again}"
