"""A working installation for one machine: configuration, keys, simulators' options; a power cut leaves no half file.

Every file is written to a temporary name, fsynced, renamed, and its directory fsynced (delivery-engine 3.3, finding iii).
"""

from __future__ import annotations

import base64
import os
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

RESOLUTION_SYSTEM = "RES-VHTTDL"


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports of the gateway and of its simulators."""

    gateway: int = 8080
    portal: int = 9101
    resolution: int = 9102


_GATEWAY = Template("""\
# Cổng kết nối hồ sơ TTHC: cài đặt trên một máy, với các bộ mô phỏng. Mọi khóa: gateway config example.
# Nhịp gửi và thời gian chờ ở đây hợp với bộ mô phỏng; với hệ thống thật hãy bỏ các dòng ghi «mô phỏng».
node = "gateway-1"

[listen.internal]
host = "127.0.0.1"
port = $gateway

[storage]
data_dir = "data"
key_file = "keys/kek"

# Quyết định cần người vận hành thứ hai ký (gateway decisions). Khi vận hành thật hãy thêm "consent-revoke".
[operators]
second_key_for = ["skip", "skip-gap", "apply-event", "pass-event"]

[callers.$resolution_system]
role = "resolution"
[callers.$resolution_system.keys.$resolution_system-1]
algorithm = "ed25519"
file = "keys/$resolution_system.pub.pem"
$sectors
[[routes]]
role = "resolution"
to = ["national_dvc"]

[[routes]]
role = "sector"
to = ["resolution"]

[upstreams.resolution]
connector = "resolution"
concurrency = 16
rate_per_s = 1000.0   # mô phỏng
burst = 200           # mô phỏng
timeout_s = 2.0       # mô phỏng
lease_s = 4.0         # mô phỏng
[upstreams.resolution.retry]
base_s = 0.2          # mô phỏng
cap_s = 3.0           # mô phỏng
[upstreams.resolution.breaker]
failures = 8
open_s = 1.0          # mô phỏng
[upstreams.resolution.settings]
url = "http://127.0.0.1:$resolution/webhooks/gateway"
signing_key = "file:keys/webhook.pem"
allow_plain = ["127.0.0.1"]

[upstreams.national_dvc]
connector = "national_dvc"
concurrency = 16
rate_per_s = 1000.0   # mô phỏng; cổng thật: 1.0 (60 lượt mỗi phút)
burst = 200           # mô phỏng
timeout_s = 2.0       # mô phỏng; cổng thật: 60.0
lease_s = 4.0         # mô phỏng
enquiry_s = 0.2       # mô phỏng
[upstreams.national_dvc.retry]
base_s = 0.2          # mô phỏng
cap_s = 3.0           # mô phỏng
[upstreams.national_dvc.breaker]
failures = 8
open_s = 1.0          # mô phỏng
[upstreams.national_dvc.settings]
base_url = "http://127.0.0.1:$portal"
allow_plain = ["127.0.0.1"]
madonvi = "000.00.00.G16"
username = "file:keys/portal.username"
password = "file:keys/portal.password"
[upstreams.national_dvc.settings.carrier]
kind = "xroad_adapter"
prefix = "/XrdAdapter/RestService/forward"
dstcode = "VN:GOV:000.00.00.G22:vpcpdvcprovider"
placement = "header"
""")

_SECTOR = Template("""
[callers.$code]
role = "sector"
consent_no = "$number/VHTTDL-ĐY"
consent_date = 2026-01-15
outside = "$outside"
profile = "$profile"
[callers.$code.keys.$code-1]
algorithm = "ed25519"
file = "keys/$code.pub.pem"
""")

_PORTAL = Template("""\
# Tùy chọn của bộ mô phỏng Cổng DVC quốc gia.
username = "000.00.00.G16"
password = "$password"
session_ttl_s = 20
code_style = "rotating"
progress_answers = "rotating"
""")

_RESOLUTION = Template("""\
# Tùy chọn của bộ mô phỏng hệ thống giải quyết TTHC.
gateway_url = "http://127.0.0.1:$gateway"
system_code = "$resolution_system"
key_id = "$resolution_system-1"
signing_key_file = "../keys/$resolution_system.pem"
gateway_public_key_file = "../keys/webhook.pub.pem"
push_back = true
""")


def lay_out(
    folder: Path, ports: Ports, sectors: Sequence[str], dialects: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Write the installation into `folder`; raises `FileExistsError` when one stands there already.

    Of several sector systems the first goes outside after the push back (`on_push_back`), the others on acknowledgement.
    `dialects` names the profile of a system that speaks a published message of its own.
    """
    if (folder / "gateway.toml").exists():
        raise FileExistsError(folder / "gateway.toml")
    for part in ("keys", "data", "simulators"):
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part).chmod(0o700)
    _write_keys(folder / "keys", (RESOLUTION_SYSTEM, "webhook", *sectors))
    password = secrets.token_urlsafe(18)
    write_safely(folder / "keys/portal.username", b"000.00.00.G16\n")
    write_safely(folder / "keys/portal.password", f"{password}\n".encode())
    write_safely(folder / "keys/kek", base64.b64encode(secrets.token_bytes(32)) + b"\n")
    words = {
        "gateway": ports.gateway,
        "portal": ports.portal,
        "resolution": ports.resolution,
        "resolution_system": RESOLUTION_SYSTEM,
        "password": password,
        "sectors": "".join(
            _SECTOR.substitute(
                code=code,
                number=f"{index:02d}",
                outside="on_push_back" if index == 1 else "on_ack",
                profile=dialects.get(code, "default"),
            )
            for index, code in enumerate(sectors, start=1)
        ),
    }
    write_safely(folder / "simulators/national_dvc.toml", _PORTAL.substitute(words).encode())
    write_safely(folder / "simulators/resolution.toml", _RESOLUTION.substitute(words).encode())
    # Last: whoever sees gateway.toml sees a whole installation.
    write_safely(folder / "gateway.toml", _GATEWAY.substitute(words).encode(), mode=0o644)


def write_safely(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Put `content` at `path` so that a reader, also after a power cut, sees all of it or nothing."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _write_keys(folder: Path, names: Sequence[str]) -> None:
    """An Ed25519 pair for each name: NAME.pem (private, 0600) and NAME.pub.pem."""
    for name in names:
        key = Ed25519PrivateKey.generate()
        write_safely(folder / f"{name}.pem", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        write_safely(folder / f"{name}.pub.pem", public, mode=0o644)
