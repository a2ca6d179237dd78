"""A line in which parcels go by post: an edge, the simulated carriers, and a resolution system that asks for parcels."""

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

NAME, PHONE, STREET = "Nguyễn Thị Mẫu", "0900000000", "Số 1 ngõ Thử Nghiệm"
CITIZEN = {
    "name": NAME,
    "phone": PHONE,
    "place": {"list_version": "GSO-2024", "province": "79", "text": f"{STREET}, Thành phố Hồ Chí Minh"},
}

STATEMENTS = "thu-ho"
"""The drop folder for statements of the carriers."""

_CONFIG = Template("""
[listen.edge]
host = "127.0.0.1"
port = $edge

[upstreams.postal]
connector = "postal"
concurrency = 16
rate_per_s = 1000.0
burst = 200
timeout_s = 2.0
lease_s = 5.0
enquiry_s = 0.2
[upstreams.postal.retry]
base_s = 0.1
cap_s = 1.0
retry_after_cap_s = 0.5
[upstreams.postal.settings.tracking]
interval_s = 0.3
[upstreams.postal.settings.cod]
statements_dir = "$statements"
[upstreams.postal.settings.agencies.default]
name = "Bộ phận Một cửa"
phone = "02400000000"
place = { province = "01", text = "51 Ngô Quyền, Hà Nội" }
[[upstreams.postal.settings.carriers]]
name = "vnpost"
profile = "h2"
customer = "SIMBUUDIEN"
base_url = "http://127.0.0.1:$simulator/h2/apiVNPostNGSP/p1.0"
token_url = "http://127.0.0.1:$simulator/h2/token"
allow_plain = ["127.0.0.1"]
options = { settle_s = 0.0 }
[upstreams.postal.settings.carriers.secrets]
consumer_key = "file:keys/post-key"
consumer_secret = "file:keys/post-secret"
[upstreams.postal.settings.carriers.statuses]
1 = "accepted"
2 = "collecting"
3 = "collected"
5 = "in_transit"
6 = "at_office"
7 = "out_for_delivery"
8 = "failed_attempt"
9 = "returning"
10 = "returned"
11 = "cancelled"
14 = "cod_collected"
15 = "cod_remitted"
[[upstreams.postal.settings.carriers]]
name = "donhang"
profile = "m1"
customer = "SIMDOITAC"
base_url = "http://127.0.0.1:$simulator/m1/api/api"
allow_plain = ["127.0.0.1"]
sources = ["127.0.0.1"]
options = { auth = "login", service = "BK" }
public_keys = ['''
$public''']
[upstreams.postal.settings.carriers.secrets]
username = "file:keys/post-user"
password = "file:keys/post-password"
""")

_SECRETS = {
    "post-key": "simulator-consumer",
    "post-secret": "simulator-consumer-secret",
    "post-user": "simulator",
    "post-password": "simulator-password",
}


@dataclass
class Office:
    """The gateway with its edge, the simulated carriers, and the resolution system that asks for parcels."""

    line: Line
    edge: int
    simulator: int
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 100_000)))

    def start(self) -> None:
        """Start the gateway."""
        words = ["serve", "--config", str(self.line.config)]
        self.line.program.start("gateway", words, self.line.url() + "/readyz")

    def order(self, method: str, path: str, body: object = None) -> Any:
        """An order to the simulated carriers."""
        raw = b"" if body is None else msgspec.json.encode(body)
        answer = ask(method, f"http://127.0.0.1:{self.simulator}/_simulator/{path}", raw)
        assert answer.status == 200, answer
        return answer.tree

    def breaks(self, operation: str, fault: str, times: int = 1) -> None:
        """The next calls of that operation meet a fault."""
        self.order("PUT", "faults", {"script": [{"match": operation, "fault": fault, "times": times}]})

    def turn(self, seconds: float) -> None:
        """Turn the clock of the carriers forward."""
        self.order("POST", "clock", {"advance_s": seconds})

    def parcels(self, number: str) -> list[Any]:
        """Every order that a carrier holds under a number."""
        found: list[Any] = self.order("GET", f"books?number={number}")["parcels"]
        return found

    def call(self, method: str, path: str = "", tree: Mapping[str, object] | None = None) -> Answer:
        """A signed request of the resolution system to `/v1/shipments`."""
        body = b"" if tree is None else msgspec.json.encode(tree)
        return self.line.call(RESOLUTION, method, f"/v1/shipments{path}", body)

    def wanted(self, dossier_code: str, **changes: object) -> dict[str, object]:
        """A request for the result of a dossier to go to a citizen."""
        return {
            "request_id": f"thu-{next(self._numbers)}",
            "dossier_code": dossier_code,
            "procedure_code": "1.001234",
            "procedure_name": "Cấp giấy phép thử nghiệm",
            "direction": "deliver",
            "citizen": CITIZEN,
            "cod_lines": [{"fee_id": "PTD01", "name": "Phí thẩm định", "amount": 150_000}],
            **changes,
        }

    def asked(self, **changes: object) -> Any:
        """A parcel of a new dossier that was asked for: the view."""
        told = self.call("POST", "", self.wanted(self.line.new_dossier(), **changes))
        assert told.status == 201, told
        return told.tree

    def view(self, shipment_id: str) -> Any:
        """The parcel as it is now."""
        told = self.call("GET", f"/{shipment_id}")
        assert told.status == 200, told
        return told.tree

    def becomes(self, shipment_id: str, limit_s: float = 60.0, **wanted: str) -> Any:
        """Wait until fields of a parcel are so; its view then."""

        def arrived() -> Any:
            view = self.view(shipment_id)
            return view if all(view[name] == value for name, value in wanted.items()) else None

        return until(arrived, lambda: f"{shipment_id} is {wanted}, not {self.view(shipment_id)}", limit_s)


def laid_office(folder: Path, environment: Mapping[str, str], simulated: str = "") -> Office:
    """An installation in which parcels can be ordered, nothing of it started. `simulated`: more options of the simulator."""
    line = lay(folder, environment)
    edge, simulator = free_ports(2)
    for name, secret in _SECRETS.items():
        write_safely(folder / f"keys/{name}", f"{secret}\n".encode())
    options = f'gateway_url = "http://127.0.0.1:{edge}"\nupstream = "postal"\nscale = 0.0\n{simulated}'
    (folder / STATEMENTS).mkdir()
    (folder / "simulators/postal.toml").write_text(options, encoding="utf-8")
    return Office(line, edge, simulator)


@contextlib.contextmanager
def opened_office(folder: Path, environment: Mapping[str, str], simulated: str = "") -> Iterator[Office]:
    """A running office with the resolution simulator; at the end no process of it is left."""
    office = laid_office(folder, environment, simulated)
    try:
        options = folder / "simulators/postal.toml"
        words = ["simulate", "postal", "--port", str(office.simulator), "--options", str(options)]
        office.line.program.start("postal", words, f"http://127.0.0.1:{office.simulator}/_simulator/health")
        office.line.start("resolution")
        # The carrier hands over the key that it signs notices with, before anybody is configured to believe it.
        said = _CONFIG.substitute(
            edge=office.edge,
            simulator=office.simulator,
            statements=folder / STATEMENTS,
            public=office.order("GET", "keys")["pem"],
        )
        config = office.line.config
        config.write_text(config.read_text(encoding="utf-8") + said, encoding="utf-8")
        office.start()
        yield office
    finally:
        office.line.program.close()
