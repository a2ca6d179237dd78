"""What the benches stand on: an installation on loopback, pinned processes, dossiers, signed requests, a lean HTTP load.

Every figure is a ratio against a named peer in the same run (performance goals, section 1); absolute figures are printed
beside it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_HERE = Path(__file__).parent
# bench/signing.py bears the name of a package that the gateway needs, and would stand before it in the path of a script.
_OTHERS = [entry for entry in sys.path if Path(entry or ".").resolve() not in (_HERE, _HERE.parent)]
sys.path[:] = [str(_HERE.parent), *_OTHERS, str(_HERE)]

from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: E402
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat  # noqa: E402

from gateway.cli.demo import simulators  # noqa: E402
from gateway.cli.demonstration.servers import free_ports as free_ports  # noqa: E402
from gateway.cli.installation import RESOLUTION_SYSTEM as RESOLUTION_SYSTEM  # noqa: E402
from gateway.cli.installation import Ports, lay_out, write_safely  # noqa: E402
from gateway.clock import utc_now, uuid7  # noqa: E402
from gateway.intake.signature import SigningKey, sign_request  # noqa: E402

SECTOR = "SEC-BENCH"
CORES = sorted(os.sched_getaffinity(0))


def core(index: int) -> int:
    """The core for a role; roles share cores where the machine has too few."""
    return CORES[index % len(CORES)]


def aside(index: int) -> int:
    """A core for what is not measured: any but the first; where there are only two, everything else shares the second."""
    others = CORES[1:] or CORES
    return others[index % len(others)]


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(slots=True)
class Ground:
    """One installation with its processes."""

    folder: Path
    ports: Ports
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def keep_in(self, dsn: str) -> None:
        """Have the gateway keep its journal in this PostgreSQL."""
        write_safely(self.folder / "keys/postgres.dsn", f"{dsn}\n".encode())
        config = self.folder / "gateway.toml"
        told, marker = config.read_text(), 'key_file = "keys/kek"\n'
        assert told.count(marker) == 1, marker
        config.write_text(
            told.replace(
                marker,
                f'{marker}\n[storage.postgres]\ndsn = "file:keys/postgres.dsn"\n\n[files]\nfolder = "shared-files"\n',
            )
        )

    def start(self, name: str, on_core: int, *words: str) -> None:
        """Start a process of the gateway on one core."""
        self.start_command(name, on_core, [sys.executable, "-m", "gateway", *words])

    def start_command(self, name: str, on_core: int, command: Sequence[str]) -> None:
        """Start any process on one core."""
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        log = (self.folder / f"{name}.log").open("ab")
        self.running[name] = subprocess.Popen(
            ["taskset", "-c", str(on_core), *command], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment
        )
        log.close()

    def stop(self, name: str) -> None:
        """Stop a process and wait for it."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def wait_for(self, url: str, name: str, limit_s: float = 30.0) -> None:
        """Wait until `url` answers 200."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if self.running[name].poll() is not None:
                break
            try:
                with urllib.request.urlopen(url, timeout=2) as response:
                    if response.status == 200:
                        return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)
        raise SystemExit(f"{name} did not start:\n" + (self.folder / f"{name}.log").read_text(errors="replace")[-3000:])

    def start_simulators(self, on_core: int) -> None:
        """Both simulators."""
        for name, words, ready in simulators(self.folder, self.ports):
            self.start(name, on_core, *words)
            self.wait_for(ready, name)

    def start_gateway(self, on_core: int) -> None:
        """The gateway itself."""
        self.start("gateway", on_core, "serve", "--config", str(self.folder / "gateway.toml"))
        self.wait_for(f"http://127.0.0.1:{self.ports.gateway}/readyz", "gateway")


@contextmanager
def ground(replacements: Sequence[tuple[str, str]] = ()) -> Iterator[Ground]:
    """A fresh installation with the sector system SEC-BENCH (rsa-pss-sha512); `replacements` edit gateway.toml."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name:
        folder = Path(name)
        ports = Ports(*free_ports(3))
        lay_out(folder, ports, (SECTOR,))
        key = rsa.generate_private_key(65537, 2048)
        write_safely(
            folder / f"keys/{SECTOR}.pem", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        write_safely(folder / f"keys/{SECTOR}.pub.pem", public)
        config = folder / "gateway.toml"
        text = config.read_text()
        marker = f"[callers.{SECTOR}.keys.{SECTOR}-1]\nalgorithm = "
        text = text.replace(f'{marker}"ed25519"', f'{marker}"rsa-pss-sha512"')
        for old, new in (
            ("rate_per_s = 1000.0", "rate_per_s = 100000.0"),
            ("burst = 200", "burst = 2000"),
            *replacements,
        ):
            assert old in text, old
            text = text.replace(old, new)
        config.write_text(text)
        options = folder / "simulators/resolution.toml"
        options.write_text(options.read_text().replace("push_back = true", "push_back = false"))
        place = Ground(folder, ports)
        try:
            yield place
        finally:
            for running in list(place.running):
                place.stop(running)


def sector_key(place: Ground) -> SigningKey:
    """The key of SEC-BENCH."""
    return SigningKey.load((place.folder / f"keys/{SECTOR}.pem").read_bytes(), f"{SECTOR}-1", "rsa-pss-sha512")


def resolution_key(place: Ground) -> SigningKey:
    """The key of the resolution system."""
    path = place.folder / f"keys/{RESOLUTION_SYSTEM}.pem"
    return SigningKey.load(path.read_bytes(), f"{RESOLUTION_SYSTEM}-1", "ed25519")


def dossier_code(number: int) -> str:
    """The code of the n-th dossier of a bench."""
    return f"000.00.00.G16-26{1 + number // 10000:02d}01-{number % 10000:04d}"


def snapshot(code: str) -> bytes:
    """A registered dossier, as the resolution system sends it."""
    return json.dumps(
        {
            "schema_version": "1",
            "dossier_code": code,
            "version": 1,
            "origin": "online_ministry",
            "procedure": {
                "code": "BVH-LH-01",
                "national_code": "1.999001",
                "name": "Cấp giấy phép kinh doanh dịch vụ lữ hành quốc tế",
                "field_code": "G16-LH01",
                "field_name": "Lữ hành",
            },
            "agency": {"code": "000.00.01.G16", "name": "Cục Du lịch Quốc gia Việt Nam"},
            "applicant": {
                "kind": "citizen",
                "name": "Nguyễn Văn Mẫu",
                "id": {"type": "cccd", "number": "001099000001"},
            },
            "summary": "Đề nghị cấp giấy phép (ví dụ)",
            "state": "submitted",
            "outcome": "none",
            "times": {
                "submitted_at": "2026-01-05T08:00:00+07:00",
                "received_at": "2026-01-05T09:00:00+07:00",
                "due_at": "2026-12-01T09:00:00+07:00",
            },
            "delivery": {"result_method": "direct"},
        },
        ensure_ascii=False,
    ).encode()


def event(system: str, code: str, sequence: int) -> bytes:
    """An event of about 1 KB: `received` first, then one processing step after the other."""
    return json.dumps(
        {
            "schema_version": "1",
            "event_id": uuid7(utc_now()),
            "system_code": system,
            "dossier_code": code,
            "sequence": sequence,
            "occurred_at": f"2026-01-06T08:{sequence // 60 % 60:02d}:{sequence % 60:02d}+07:00",
            "state": "received" if sequence == 1 else "processing",
            "outcome": "none",
            "step": {
                "actor": {"name": "Trần Văn Mẫu", "title": "Chuyên viên", "unit": "Bộ phận Một cửa"},
                "content": f"Thẩm định hồ sơ, bước {sequence}: " + "nội dung xử lý theo quy trình nội bộ. " * 8,
            },
        },
        ensure_ascii=False,
    ).encode()


def request(method: str, target: str, body: bytes, key: SigningKey) -> bytes:
    """A signed HTTP/1.1 request as bytes."""
    headers = {
        "Host": "127.0.0.1",
        **sign_request(method, target, body, key, int(time.time())),
        "Content-Length": str(len(body)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: status, when it was asked and answered (wall seconds)."""

    status: int
    asked: float
    answered: float


async def drive(port: int, lines: Sequence[Sequence[bytes]], seconds: float) -> list[Answered]:
    """Send each line's requests one after the other on a connection of its own, until `seconds` are over."""
    end = time.monotonic() + seconds
    results: list[Answered] = []

    async def one(requests: Sequence[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for raw in requests:
                if time.monotonic() >= end:
                    return
                asked = time.time()
                writer.write(raw)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
                await reader.readexactly(length)
                results.append(Answered(int(head[9:12]), asked, time.time()))
        finally:
            writer.close()

    await asyncio.gather(*(one(requests) for requests in lines))
    return results


async def register(place: Ground, codes: Sequence[str]) -> None:
    """Register dossiers as the resolution system does."""
    key = resolution_key(place)
    lines = [
        [request("PUT", f"/v1/dossiers/{code}", snapshot(code), key) for code in codes[part::16]] for part in range(16)
    ]
    answers = await drive(place.ports.gateway, lines, 600)
    wrong = [answer.status for answer in answers if answer.status not in (200, 201, 202)]
    if wrong or len(answers) != len(codes):
        raise SystemExit(f"registration failed: {len(answers)} of {len(codes)}, {wrong[:3]}")


def fetch(url: str) -> dict[str, object]:
    """JSON from a control plane."""
    with urllib.request.urlopen(url, timeout=60) as response:
        tree: dict[str, object] = json.loads(response.read())
        return tree


def order(method: str, url: str, body: object) -> None:
    """Give a control plane an order."""
    raw = json.dumps(body).encode()
    urllib.request.urlopen(urllib.request.Request(url, data=raw, method=method), timeout=60).close()
