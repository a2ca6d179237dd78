"""`gateway doctor`: look at the machine before the machine surprises us."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import aiohttp
from cryptography import x509

from gateway.admin.client import NotRunning
from gateway.cli.operate import common_arguments, look
from gateway.cli.screen import EX_OK, EX_WRONG, print_json, table
from gateway.clock import LOCAL_ZONE, boottime
from gateway.config import Loaded, load
from gateway.errors import ConfigError, GatewayError
from gateway.journal.library import mended
from gateway.journal.sqlite import library_version

NAME = "doctor"
HELP = "Kiểm tra máy: đồng hồ, đĩa, SQLite, quyền tệp, chứng thư, cổng đang chạy"


@dataclass(frozen=True, slots=True)
class Finding:
    """One look: what was looked at, whether it is well, what was seen."""

    check: str
    ok: bool
    seen_vi: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only where the configuration is."""
    common_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print every look; 1 when one of them is not well."""
    loaded = load(arguments.config)
    checks: tuple[Callable[[Loaded], Iterator[Finding]], ...] = (
        _clock,
        _disk,
        _sqlite,
        _permissions,
        _certificates,
        _listener,
        _consents,
        _alive,
    )
    findings = [finding for check in checks for finding in check(loaded)]
    if arguments.json:
        print_json([asdict(finding) for finding in findings])
    else:
        table("Kiểm tra máy", ("Mục", "Đạt", "Thấy"), ((f.check, "✓" if f.ok else "✗", f.seen_vi) for f in findings))
    return EX_OK if all(finding.ok for finding in findings) else EX_WRONG


def _clock(loaded: Loaded) -> Iterator[Finding]:
    synchronised = Path("/run/systemd/timesync/synchronized").exists()
    year = datetime.now(UTC).year
    yield Finding(
        "đồng hồ", year >= 2024, f"năm {year}; đồng bộ thời gian của systemd: {'có' if synchronised else 'không rõ'}"
    )
    before, wall = boottime(), time.time()
    time.sleep(0.05)
    drift = abs((boottime() - before) - (time.time() - wall))
    yield Finding("đồng hồ đơn điệu", drift < 0.02, f"lệch {drift * 1000:.1f} ms trong 50 ms")


def _disk(loaded: Loaded) -> Iterator[Finding]:
    folder = loaded.data_dir() if loaded.data_dir().exists() else loaded.base
    spent = []
    with tempfile.NamedTemporaryFile(dir=folder) as probe:
        for _ in range(20):
            probe.write(b"x" * 4096)
            probe.flush()
            begun = time.perf_counter()
            os.fdatasync(probe.fileno())
            spent.append((time.perf_counter() - begun) * 1000)
    usual = median(spent)
    yield Finding("fsync", usual < 50, f"trung vị {usual:.2f} ms, chậm nhất {max(spent):.2f} ms")
    room = os.statvfs(folder)
    free = room.f_bavail * room.f_frsize
    yield Finding("chỗ trống", free > 1 << 30, f"còn {free / (1 << 30):.1f} GiB ở {folder}")


def _sqlite(loaded: Loaded) -> Iterator[Finding]:
    text = library_version()
    well = mended(text)
    yield Finding("SQLite", well, f"{text} ({'đã' if well else 'CHƯA'} sửa lỗi WAL-reset)")
    full = loaded.settings.storage.synchronous == "FULL"
    yield Finding("synchronous", full, loaded.settings.storage.synchronous)


def _permissions(loaded: Loaded) -> Iterator[Finding]:
    storage = loaded.settings.storage
    for name in (storage.key_file,):
        path = loaded.path(name)
        if not path.exists():
            yield Finding(f"tệp {name}", False, "không tồn tại")
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        yield Finding(
            f"tệp {name}", mode & 0o077 == 0, f"quyền {mode:04o}" + ("" if mode & 0o077 == 0 else "; phải là 0600")
        )
    folder = loaded.data_dir()
    if folder.exists():
        mode = stat.S_IMODE(folder.stat().st_mode)
        yield Finding("thư mục dữ liệu", mode & 0o007 == 0, f"quyền {mode:04o}")


def _certificates(loaded: Loaded) -> Iterator[Finding]:
    """Every certificate file that a connector's settings name: readable and not about to run out."""
    for code, upstream in loaded.settings.upstreams.items():
        for key, value in upstream.settings.items():
            if not (key.endswith("ca_file") and isinstance(value, str) and value):
                continue
            try:
                bundle = x509.load_pem_x509_certificates(loaded.path(value).read_bytes())
            except (OSError, ValueError) as error:
                yield Finding(f"chứng thư {code}", False, f"{value}: không đọc được ({error})")
                continue
            last = min(certificate.not_valid_after_utc for certificate in bundle)
            yield Finding(
                f"chứng thư {code}", (last - datetime.now(UTC)).days > 14, f"{value}: hết hạn {last:%d/%m/%Y}"
            )


def _listener(loaded: Loaded) -> Iterator[Finding]:
    """The certificates of the internal listener."""
    tls = loaded.settings.listen.internal.tls
    for name in (tls.cert_file, tls.client_ca_file) if tls is not None else ():
        if not name:
            continue
        try:
            found = x509.load_pem_x509_certificates(loaded.path(name).read_bytes())
        except (OSError, ValueError) as error:
            yield Finding("chứng thư listen.internal", False, f"{name}: không đọc được ({error})")
            continue
        last = min(certificate.not_valid_after_utc for certificate in found)
        well = (last - datetime.now(UTC)).days > 14
        yield Finding("chứng thư listen.internal", well, f"{name}: hết hạn {last:%d/%m/%Y}")


def _consents(loaded: Loaded) -> Iterator[Finding]:
    """Where the configuration says something else than the consent register, and consents that are about to end."""
    try:
        systems = look(loaded, "consents")["systems"]
    except GatewayError as error:
        yield Finding("sổ đồng ý", isinstance(error, NotRunning), f"chưa xem được: {error}")
        return
    soon = (datetime.now(LOCAL_ZONE) + timedelta(days=30)).date().isoformat()
    for row in systems:
        newest = row["versions"][-1]
        if row["differs_from_configuration"]:
            keys = ", ".join(row["differs_from_configuration"])
            yield Finding(f"sổ đồng ý {row['system']}", False, f"tệp cấu hình khác sổ ({keys}); sổ là bản có giá trị")
        elif row["standing"] == "in_force" and newest["valid_to"] and newest["valid_to"] <= soon:
            yield Finding(f"sổ đồng ý {row['system']}", False, f"hết hiệu lực sau ngày {newest['valid_to']}")
    yield Finding("sổ đồng ý", True, f"{len(systems)} hệ thống")


def _alive(loaded: Loaded) -> Iterator[Finding]:
    listen = loaded.settings.listen.internal
    if listen.tls is not None:
        # A client certificate may be demanded, which the doctor does not have: only the door is tried.
        try:
            socket.create_connection((listen.host, listen.port), timeout=5).close()
        except OSError:
            yield Finding("cổng", True, f"không chạy tại {listen.host}:{listen.port}")
        else:
            yield Finding("cổng", True, f"đang nghe TLS tại {listen.host}:{listen.port}")
        return
    url = f"http://{listen.host}:{listen.port}/readyz"
    try:
        status, text = asyncio.run(_get(url))
    except (aiohttp.ClientError, TimeoutError, OSError):
        yield Finding("cổng", True, f"không chạy tại {listen.host}:{listen.port}")
        return
    except ConfigError as error:
        yield Finding("cổng", False, str(error))
        return
    yield Finding("cổng", status == 200, f"{url}: {status} {text[:200]}")


async def _get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session, session.get(url) as response:
        return response.status, await response.text()
