"""An installation that orders parcels at two simulated carriers: one that can be asked, one that cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import msgspec

from gateway.cli.demonstration.servers import free_ports
from gateway.cli.installation import write_safely
from tests.line.program import Answer, ask
from tests.line.running import Line, lay
from tests.line.words import RESOLUTION

_CONFIG = Template("""
[upstreams.postal]
connector = "postal"
concurrency = 16
rate_per_s = 1000.0
burst = 200
timeout_s = 1.5
lease_s = 3.0
enquiry_s = 0.2
[upstreams.postal.retry]
base_s = 0.2
cap_s = 1.0
[upstreams.postal.settings.tracking]
interval_s = 0.5
[upstreams.postal.settings.agencies.default]
name = "Bộ phận Một cửa thử nghiệm"
phone = "02400000000"
place = { province = "01", text = "51 Ngô Quyền, Hà Nội" }
[[upstreams.postal.settings.carriers]]
name = "h2"
profile = "h2"
customer = "SIMBUUDIEN"
base_url = "http://127.0.0.1:$simulator/h2/apiVNPostNGSP/p1.0"
token_url = "http://127.0.0.1:$simulator/h2/token"
secrets = { consumer_key = "file:keys/post-key", consumer_secret = "file:keys/post-secret" }
order_number_unique = $believed
allow_plain = ["127.0.0.1"]
options = { settle_s = 0.0 }
[[upstreams.postal.settings.carriers]]
name = "m1"
profile = "m1"
customer = "SIMDOITAC"
base_url = "http://127.0.0.1:$simulator/m1/api/api"
secrets = { username = "file:keys/post-user", password = "file:keys/post-password" }
options = { auth = "login" }
service = "BK"
sources = ["127.0.0.1"]
public_keys = ['''$key''']
allow_plain = ["127.0.0.1"]
""")

_SECRETS = {
    "post-key": "simulator-consumer",
    "post-secret": "simulator-consumer-secret",
    "post-user": "simulator",
    "post-password": "simulator-password",
}
_OPTIONS = """
scale = 0.0
[script]
until = "created"
[h2]
numbers_unique = {unique}
"""
"""Parcels stand still, so the feed says nothing of an order: nobody can tell but who asks the carrier."""


@dataclass
class PostHouse:
    """The gateway, the simulated carriers, and the resolution system that asks for parcels."""

    line: Line
    simulator: int

    def call(self, method: str, path: str = "", tree: Mapping[str, object] | None = None) -> Answer:
        """A signed request of the resolution system to `/v1/shipments`."""
        body = b"" if tree is None else msgspec.json.encode(tree)
        return self.line.call(RESOLUTION, method, f"/v1/shipments{path}", body)

    def order(self, method: str, path: str, body: object = None) -> Any:
        """An order to the simulated carriers."""
        raw = b"" if body is None else msgspec.json.encode(body)
        answer = ask(method, f"http://127.0.0.1:{self.simulator}/_simulator/{path}", raw)
        assert answer.status == 200, answer
        return answer.tree


def opened_post(folder: Path, environment: Mapping[str, str], *, unique: bool, believed: bool) -> PostHouse:
    """An installation with its simulators running and the gateway not started.

    `unique`: h2 refuses a second order with the same number; `believed`: the settings say so.
    """
    line = lay(folder, environment)
    [port] = free_ports(1)
    options = folder / "simulators/postal.toml"
    options.write_text(_OPTIONS.format(unique=str(unique).lower()), encoding="utf-8")
    words = ["simulate", "postal", "--port", str(port), "--options", str(options)]
    line.program.start("postal", words, f"http://127.0.0.1:{port}/_simulator/health")
    house = PostHouse(line, port)
    said = _CONFIG.substitute(simulator=port, believed=str(believed).lower(), key=house.order("GET", "keys")["xml"])
    line.config.write_text(line.config.read_text(encoding="utf-8") + said, encoding="utf-8")
    for name, secret in _SECRETS.items():
        write_safely(folder / f"keys/{name}", f"{secret}\n".encode())
    line.start("resolution")
    return house
