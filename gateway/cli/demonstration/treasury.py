"""The money side of a demonstration laid out: intermediaries, the service for receipts, and the configuration for both.

Four intermediaries and the receipt service are simulators on loopback; secrets are made for the performance.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from gateway.cli.installation import write_safely

PROVIDERS = ("pp", "vnpay", "momo", "zalopay")
LETTERS: Mapping[str, str] = {"charge": "AA", "fee": "BB"}
"""The letters of our receipts: phí and lệ phí have symbols of their own."""
STATEMENTS = "statements"
"""The drop folder of the installation that intermediaries put their statements into."""

_ROLES: Mapping[str, tuple[str, ...]] = {
    "pp": ("main",),
    "vnpay": ("main",),
    "momo": ("main", "access"),
    "zalopay": ("main", "second"),
}
_MERCHANTS: Mapping[str, str] = {"pp": "BVHTTDL", "vnpay": "BVHTTDL1", "momo": "MOMOBVH", "zalopay": "2553"}
_ENDPOINTS: Mapping[str, Mapping[str, str]] = {
    "pp": {"init": "/pp/init", "query": "/pp/query"},
    "vnpay": {"pay": "/vnpay/paymentv2/vpcpay.html", "api": "/vnpay/merchant_webapi/api/transaction"},
    "momo": {
        "create": "/momo/v2/gateway/api/create",
        "query": "/momo/v2/gateway/api/query",
        "refund": "/momo/v2/gateway/api/refund",
        "refund_query": "/momo/v2/gateway/api/refund/query",
    },
    "zalopay": {
        "create": "/zalopay/v2/create",
        "query": "/zalopay/v2/query",
        "refund": "/zalopay/v2/refund",
        "query_refund": "/zalopay/v2/query_refund",
    },
}
# How each is told its secrets in the simulator's options, by our role.
_SIMULATED: Mapping[str, str] = {"main": "secrets", "second": "second", "access": "access"}

_CONFIGURATION = Template("""
# Thanh toán phí, lệ phí: bốn đơn vị trung gian và dịch vụ biên lai, do hai bộ mô phỏng đóng vai.
[upstreams.payment]
connector = "payment"
concurrency = 8
rate_per_s = 1000.0     # mô phỏng
burst = 200             # mô phỏng
timeout_s = 5.0         # mô phỏng
lease_s = 10.0          # mô phỏng
enquiry_s = 0.2         # mô phỏng
[upstreams.payment.retry]
base_s = 0.2            # mô phỏng
cap_s = 3.0             # mô phỏng
[upstreams.payment.settings]
public_url = "http://127.0.0.1:$edge"   # mô phỏng; thật: https và tên miền của biên
allow_plain = ["127.0.0.1"]
receipts = "receipts"
create_wait_s = 10.0
[upstreams.payment.settings.expiry]
minutes = 15
grace_minutes = 0       # mô phỏng: để người xem không phải chờ
[upstreams.payment.settings.beneficiaries.default]
account = "0011000000000"
bank_code = "VIETCOMBANK"
account_name = "CUC MAU (VI DU)"
[upstreams.payment.settings.settlement]
statements_dir = "$statements"
quiet_s = 0.0           # mô phỏng
$providers
[upstreams.receipts]
connector = "receipts"
rate_per_s = 1000.0     # mô phỏng
burst = 200             # mô phỏng
timeout_s = 5.0         # mô phỏng
lease_s = 10.0          # mô phỏng
[upstreams.receipts.retry]
base_s = 0.2            # mô phỏng
cap_s = 3.0             # mô phỏng
[upstreams.receipts.settings]
base_url = "http://127.0.0.1:$receipts"
account = "bienlai"
account_password = "file:keys/receipts.publisher"
username = "dichvu"
password = "file:keys/receipts.caller"
allow_plain = ["127.0.0.1"]
[upstreams.receipts.settings.collector]
name = "Bộ Văn hóa, Thể thao và Du lịch (ví dụ)"
tax_code = "0100000000"
[[upstreams.receipts.settings.series]]
kind = "charge"
form = "EBL01"
letters = "$charge"
[[upstreams.receipts.settings.series]]
kind = "fee"
form = "EBL01"
letters = "$fee"
""")


@dataclass(frozen=True, slots=True)
class Tills:
    """Loopback ports of the money side: the gateway's edge, the intermediaries, the receipt service."""

    edge: int
    payment: int
    receipts: int


def lay_out_treasury(folder: Path, tills: Tills) -> None:
    """Add payment and receipts to the installation in `folder`, which has an edge: the gateway's half and the simulators'."""
    (folder / STATEMENTS).mkdir(mode=0o700)
    known = {(name, role): secrets.token_urlsafe(24) for name in PROVIDERS for role in _ROLES[name]}
    passwords = {name: secrets.token_urlsafe(24) for name in ("publisher", "caller")}
    for (name, role), secret in known.items():
        write_safely(folder / f"keys/{name}.{role}", f"{secret}\n".encode())
    for name, secret in passwords.items():
        write_safely(folder / f"keys/receipts.{name}", f"{secret}\n".encode())
    words = {
        "edge": str(tills.edge),
        "statements": str(folder / STATEMENTS),
        "receipts": str(tills.receipts),
        **LETTERS,
        "providers": "".join(_provider(name, f"http://127.0.0.1:{tills.payment}") for name in PROVIDERS),
    }
    configuration = folder / "gateway.toml"
    told = configuration.read_text(encoding="utf-8") + _CONFIGURATION.substitute(words)
    write_safely(configuration, told.encode(), mode=0o644)
    write_safely(folder / "simulators/payment.toml", _simulated(folder, tills, known).encode())
    accounts = f"account_password = {_text(passwords['publisher'])}\npassword = {_text(passwords['caller'])}\n"
    write_safely(folder / "simulators/receipts.toml", f"[accounts]\n{accounts}".encode())


def _provider(name: str, base: str) -> str:
    """One intermediary in the gateway's configuration."""
    keys = "".join(
        f"[[upstreams.payment.settings.providers.keys]]\n"
        f'id = "ví dụ"\nrole = "{role}"\nsecret = "file:keys/{name}.{role}"\n'
        for role in _ROLES[name]
    )
    endpoints = "".join(f'{call} = "{base}{path}"\n' for call, path in _ENDPOINTS[name].items())
    return (
        f'[[upstreams.payment.settings.providers]]\nprofile = "{name}"\nmerchant = "{_MERCHANTS[name]}"\n'
        f'sources = ["127.0.0.1"]\nallow_plain = ["127.0.0.1"]\nqueries_per_s = 50.0   # mô phỏng\n'
        f"[upstreams.payment.settings.providers.endpoints]\n{endpoints}{keys}"
    )


def _simulated(folder: Path, tills: Tills, known: Mapping[tuple[str, str], str]) -> str:
    """The options of the intermediaries' simulator."""
    parts = [
        f'gateway_url = "http://127.0.0.1:{tills.edge}"\nstatements_dir = {_text(str(folder / STATEMENTS))}\n'
        "[speed]\npace = 0.01\nrefund_s = 0.0\n"
    ]
    for name in PROVIDERS:
        parts.append(f'[{name}]\nmerchant = "{_MERCHANTS[name]}"\n')
        for role in _ROLES[name]:
            secret = _text(known[name, role])
            parts.append(f"{_SIMULATED[role]} = {secret if role == 'access' else f'[{secret}]'}\n")
    return "".join(parts)


def _text(value: str) -> str:
    """A TOML basic string: what JSON writes is one."""
    return json.dumps(value, ensure_ascii=False)
