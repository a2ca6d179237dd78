"""A line in which fees are paid: an edge, the simulated intermediaries with their payers, and a resolution system that asks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import msgspec

from gateway.cli.demonstration.servers import free_ports
from gateway.cli.installation import write_safely
from tests.line.program import Answer, ask, until
from tests.line.running import Line, lay
from tests.line.words import RESOLUTION

AMOUNT = 500_000
PAYER = {"name": "Nguyễn Văn Nộp", "number": "001090000000", "address": "Hà Nội"}

_CONFIG = Template("""
[listen.edge]
host = "127.0.0.1"
port = $edge

[upstreams.payment]
connector = "payment"
concurrency = 16
rate_per_s = 1000.0
burst = 200
timeout_s = 5.0
lease_s = 8.0
enquiry_s = 0.2
[upstreams.payment.retry]
base_s = 0.2
cap_s = 2.0
[upstreams.payment.settings]
public_url = "http://127.0.0.1:$edge"
return_hosts = ["motcua.example.vn"]
allow_plain = ["127.0.0.1:$edge"]
$more
[upstreams.payment.settings.beneficiaries.default]
account = "0011001234567"
bank_code = "VIETCOMBANK"
account_name = "CUC THU NGHIEM"
bin = "970436"
[upstreams.payment.settings.portal_pull]
sources = ["127.0.0.1"]
[[upstreams.payment.settings.providers]]
profile = "vnpay"
merchant = "SIMTMN01"
sources = ["127.0.0.1"]
allow_plain = ["127.0.0.1"]
keys = [{ id = "2026", secret = "file:keys/pay-vnpay" }]
[upstreams.payment.settings.providers.endpoints]
pay = "http://127.0.0.1:$simulator/vnpay/paymentv2/vpcpay.html"
api = "http://127.0.0.1:$simulator/vnpay/merchant_webapi/api/transaction"
[[upstreams.payment.settings.providers]]
profile = "momo"
merchant = "SIMMOMO"
sources = ["127.0.0.1"]
allow_plain = ["127.0.0.1"]
keys = [
  { id = "2026", secret = "file:keys/pay-momo" },
  { id = "2026", role = "access", secret = "file:keys/pay-access" },
]
[upstreams.payment.settings.providers.endpoints]
create = "http://127.0.0.1:$simulator/momo/v2/gateway/api/create"
query = "http://127.0.0.1:$simulator/momo/v2/gateway/api/query"
refund = "http://127.0.0.1:$simulator/momo/v2/gateway/api/refund"
refund_query = "http://127.0.0.1:$simulator/momo/v2/gateway/api/refund/query"
""")

_SECRETS = {"pay-vnpay": "simulator-vnpay", "pay-momo": "simulator-momo", "pay-access": "simulator-access"}


@dataclass
class Till:
    """The gateway with its edge, the simulated intermediaries, and the resolution system that asks for fees."""

    line: Line
    edge: int
    simulator: int
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 100_000)))

    @property
    def base(self) -> str:
        """The edge."""
        return f"http://127.0.0.1:{self.edge}"

    def start(self) -> None:
        """Start the gateway."""
        words = ["serve", "--config", str(self.line.config)]
        self.line.program.start("gateway", words, self.line.url() + "/readyz")

    def order(self, method: str, path: str, body: object = None) -> Any:
        """An order to the simulated intermediaries and their payers."""
        raw = b"" if body is None else msgspec.json.encode(body)
        answer = ask(method, f"http://127.0.0.1:{self.simulator}/_simulator/{path}", raw)
        assert answer.status == 200, answer
        return answer.tree

    def call(self, method: str, path: str = "", tree: Mapping[str, object] | None = None) -> Answer:
        """A signed request of the resolution system to `/v1/payments`."""
        body = b"" if tree is None else msgspec.json.encode(tree)
        return self.line.call(RESOLUTION, method, f"/v1/payments{path}", body)

    def wanted(self, **changes: object) -> dict[str, object]:
        """A request for a fee of a dossier that nobody has asked for."""
        number = next(self._numbers)
        return {
            "request_id": f"thu-{number}",
            "dossier_code": f"000.00.00.G16-261122-{number:04d}",
            "procedure_code": "1.001234",
            "procedure_name": "Cấp giấy phép thử nghiệm",
            "unit_code": "000.00.00.G16",
            "unit_name": "Cục thử nghiệm",
            "fee_lines": [
                {"kind": "charge", "code": "PTD01", "name": "Phí thẩm định", "amount": 450_000, "id": "f1"},
                {"kind": "fee", "code": "LPC01", "name": "Lệ phí cấp", "amount": 50_000, "id": "f2"},
            ],
            "amount": AMOUNT,
            "payer": PAYER,
            "return_url": "https://motcua.example.vn/ho-so",
            **changes,
        }

    def asked(self, **changes: object) -> Any:
        """A fee that was asked for and can be paid: the view."""
        told = self.call("POST", "", self.wanted(**changes))
        assert told.status == 201, told
        return told.tree

    def pay(self, view: Mapping[str, Any], action: str = "pay", **more: object) -> Any:
        """What the payer does at the last attempt; notices were answered when this returns."""
        attempt = view["attempts"][-1]
        wanted = {"provider": attempt["provider"], "ref": attempt["reference"], "action": action, "wait": True, **more}
        if attempt["provider"] == "vnpay":
            ask("GET", attempt["pay_url"])  # the order begins with the payer's look at the page
        return self.order("POST", "pay", wanted)

    def view(self, payment_id: str) -> Any:
        """The payment as it is now."""
        told = self.call("GET", f"/{payment_id}")
        assert told.status == 200, told
        return told.tree

    def becomes(self, payment_id: str, state: str, limit_s: float = 60.0) -> Any:
        """Wait until a payment is in a state; its view then."""

        def arrived() -> Any:
            view = self.view(payment_id)
            return view if view["state"] == state else None

        return until(arrived, lambda: f"{payment_id} is {state}, not {self.view(payment_id)}", limit_s)

    def page(self, address: str) -> Answer:
        """What a payer's browser is shown."""
        return ask("GET", address)


def laid_till(folder: Path, environment: Mapping[str, str], more: str = "") -> Till:
    """An installation in which fees can be paid, nothing of it started. `more`: settings of the connector beside the usual."""
    line = lay(folder, environment)
    edge, simulator = free_ports(2)
    said = _CONFIG.substitute(edge=edge, simulator=simulator, more=more)
    line.config.write_text(line.config.read_text(encoding="utf-8") + said, encoding="utf-8")
    for name, secret in _SECRETS.items():
        write_safely(folder / f"keys/{name}", f"{secret}\n".encode())
    options = f'gateway_url = "http://127.0.0.1:{edge}"\nupstream = "payment"\n'
    (folder / "simulators/payment.toml").write_text(options, encoding="utf-8")
    return Till(line, edge, simulator)


@contextlib.contextmanager
def opened_till(folder: Path, environment: Mapping[str, str], more: str = "") -> Iterator[Till]:
    """A running till with the resolution simulator; at the end no process of it is left."""
    till = laid_till(folder, environment, more)
    try:
        options = folder / "simulators/payment.toml"
        words = ["simulate", "payment", "--port", str(till.simulator), "--options", str(options)]
        till.line.program.start("payment", words, f"http://127.0.0.1:{till.simulator}/_simulator/health")
        till.line.start("resolution")
        till.start()
        yield till
    finally:
        till.line.program.close()
