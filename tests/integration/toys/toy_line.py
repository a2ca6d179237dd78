"""A running line with the toy library beside the usual upstreams: another distribution's connector, joined by settings alone."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.cli.demonstration.servers import free_ports
from gateway.cli.installation import write_safely
from tests.line.program import Answer, ask, until
from tests.line.running import Line, lay
from tests.toys.installing import as_distribution

_SECRET = "made-up-toy-secret"

_TOYS = """
[listen.edge]
host = "127.0.0.1"
port = {edge}

[upstreams.toys]
connector = "toy_registry"
rate_per_s = 1000.0
burst = 200
timeout_s = 2.0
lease_s = 4.0
enquiry_s = 0.2
[upstreams.toys.retry]
base_s = 0.1
cap_s = 0.5
[upstreams.toys.breaker]
failures = 20
open_s = 0.5
[upstreams.toys.settings]
base_url = "http://127.0.0.1:{library}"
secret = "file:keys/toys.secret"
allow_plain = ["127.0.0.1"]
"""


@dataclass
class ToyLine:
    """The line, its edge, and the library."""

    line: Line
    edge: int
    library: int
    environment: dict[str, str]

    @property
    def library_url(self) -> str:
        """Where the library listens."""
        return f"http://127.0.0.1:{self.library}"

    def start(self, crash_at: str = "") -> None:
        """Start the gateway, to die at a crash point if one is named."""
        self.environment.pop("GATEWAY_CRASH_AT", None)
        if crash_at:
            self.environment["GATEWAY_CRASH_AT"] = crash_at
        if crash_at.startswith("poll."):
            self.line.launch("gateway")  # it polls at once, and may be dead before it ever answers
        else:
            self.line.start("gateway")

    def died(self) -> None:
        """Wait for the gateway's death at its crash point."""
        process = self.line.program.running["gateway"]
        until(lambda: process.poll() is not None, "the gateway died at its crash point")
        self.line.program.running.pop("gateway")

    def edge_call(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer | None:
        """A stranger's call; None when the connection broke."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return ask(method, f"http://127.0.0.1:{self.edge}{path}", body, headers)
        return None

    def notify(self, movement: Mapping[str, Any], secret: str = _SECRET) -> Answer | None:
        """A callback of the library."""
        body = json.dumps(movement).encode()
        signature = hmac.new(secret.encode(), b"v1." + body, hashlib.sha256).hexdigest()
        return self.edge_call("POST", "/v1/callbacks/toys/v1", body, {"X-Toy-Signature": signature})

    def order(self, method: str, path: str, body: object = None) -> Any:
        """An order to the library's control plane."""
        raw = b"" if body is None else json.dumps(body).encode()
        answer = ask(method, f"{self.library_url}/_simulator/{path}", raw, {"Content-Type": "application/json"})
        assert answer.status < 300, answer
        return answer.tree

    def reminders(self, loan: str) -> list[Any]:
        """The reminders that the library has of a loan."""
        return [one for one in self.order("GET", "state")["reminders"].values() if one["loan"] == loan]

    def loan(self, loan: str, system: str = "RES-VHTTDL") -> Answer:
        """A loan, as the connector's own endpoint tells it."""
        return self.line.get(f"/v1/toys/toys/{loan}", system)

    def version(self, loan: str) -> int:
        """How many changes a loan has seen; 0: none."""
        answer = self.loan(loan)
        return int(answer.tree["version"]) if answer.status == 200 else 0

    def lent(self, loan: str) -> int:
        """How often a loan's toy was lent; 0: never."""
        answer = self.loan(loan)
        return int(answer.tree["loan"]["lent"]) if answer.status == 200 else 0

    def reminded(self, loan: str) -> int:
        """How often the library's answer told the loan of a reminder."""
        return int(self.loan(loan).tree["loan"]["reminded"])


@contextlib.contextmanager
def opened(folder: Path, environment: Mapping[str, str]) -> Iterator[ToyLine]:
    """The line with the library, all of it running; at the end no process is left."""
    site, home = as_distribution(folder / "site", "toy_registry")
    mine = {**environment, "PYTHONPATH": f"{environment['PYTHONPATH']}:{site}:{home}"}
    line = lay(folder / "line", mine)
    edge, library = free_ports(2)
    write_safely(line.folder / "keys/toys.secret", _SECRET.encode())
    write_safely(line.folder / "simulators/toy_registry.toml", f'secret = "{_SECRET}"\n'.encode())
    text = line.config.read_text(encoding="utf-8").replace('to = ["national_dvc"]', 'to = ["national_dvc", "toys"]')
    line.config.write_text(text + _TOYS.format(edge=edge, library=library), encoding="utf-8")
    toys = ToyLine(line, edge, library, mine)
    words = ["simulate", "toy_registry", "--port", str(library)]
    try:
        line.program.start("library", [*words, "--options", str(line.folder / "simulators/toy_registry.toml")])
        line.program.await_ready("library", f"{toys.library_url}/_simulator/health")
        line.start()
        roles = [word for role in ("admin", "operator", "supervisor") for word in ("--role", role)]
        founding = ("--new-key", *roles, "--reason", "Lập người vận hành đầu tiên")
        founded = line.command("operators", "add", "truc", *founding)
        assert founded.code == 0, founded
        yield toys
    finally:
        line.program.close()


def movement(number: str, loan: str, dossier: str, what: str = "lent") -> dict[str, Any]:
    """A toy that comes or goes."""
    return {"number": number, "loan": loan, "what": what, "toy": "tàu hỏa", "dossier": dossier, "at": 1}
