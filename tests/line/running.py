"""The real program on loopback: an installation, its processes, signed callers, and what the simulators hold.

Tests get these objects through fixtures. Nothing here knows more of the gateway than its callers, its operators and its
simulators do: commands, HTTP, files.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from gateway.cli.demonstration.servers import free_ports
from gateway.cli.installation import Ports, lay_out
from gateway.intake.signature import SigningKey, Stated, sign_head, sign_request
from tests.line.program import Answer, Finished, Program, ask, until
from tests.line.words import AHEAD, LAPSED, MEEK, PAPER, RESOLUTION, ROWS, SECTOR, STRANGER, XML, dossier

_MORE_CALLERS = """
[callers.SEC-KHAC]
role = "sector"
consent_no = "11/VHTTDL-ĐY"
consent_date = 2026-01-15
procedures = ["BVH-KHAC-99"]
[callers.SEC-KHAC.keys.SEC-KHAC-1]
algorithm = "ed25519"
file = "keys/SEC-KHAC.pub.pem"

[callers.SEC-HETHAN]
role = "sector"
consent_no = "12/VHTTDL-ĐY"
consent_date = 2020-01-15
valid_to = 2021-01-15
[callers.SEC-HETHAN.keys.SEC-HETHAN-1]
algorithm = "ed25519"
file = "keys/SEC-HETHAN.pub.pem"

[callers.SEC-MOTPHAN]
role = "sector"
consent_no = "13/VHTTDL-ĐY"
consent_date = 2026-01-15
states = ["received"]
[callers.SEC-MOTPHAN.keys.SEC-MOTPHAN-1]
algorithm = "ed25519"
file = "keys/SEC-MOTPHAN.pub.pem"

[callers.SEC-XML]
role = "sector"
consent_no = "14/VHTTDL-ĐY"
consent_date = 2026-01-15
profile = "bieu_dien_xml"
[callers.SEC-XML.keys.SEC-XML-1]
algorithm = "ed25519"
file = "keys/SEC-XML.pub.pem"

[callers.SEC-HANG]
role = "sector"
consent_no = "15/VHTTDL-ĐY"
consent_date = 2026-01-15
profile = "dieuphoi_2026"
[callers.SEC-HANG.keys.SEC-HANG-1]
algorithm = "ed25519"
file = "keys/SEC-HANG.pub.pem"
"""


@dataclass
class Line:
    """A running line: the gateway, both simulators, and callers with their keys."""

    program: Program
    ports: Ports
    keys: Mapping[str, SigningKey]
    codes: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))

    @property
    def folder(self) -> Path:
        """The installation."""
        return self.program.folder

    @property
    def config(self) -> Path:
        """Its configuration file."""
        return self.folder / "gateway.toml"

    def url(self, of: str = "gateway") -> str:
        """The base address of a process."""
        port = {"gateway": self.ports.gateway, "national_dvc": self.ports.portal, "resolution": self.ports.resolution}
        return f"http://127.0.0.1:{port[of]}"

    def start(self, *names: str) -> Line:
        """Start the named processes together (all by default) and wait until they answer."""
        health = {"gateway": "/readyz", "national_dvc": "/_simulator/health", "resolution": "/_simulator/health"}
        chosen = names or tuple(health)
        for name in chosen:
            self.launch(name)
        for name in chosen:
            self.program.await_ready(name, self.url(name) + health[name])
        return self

    def launch(self, name: str) -> None:
        """Start a process without waiting for it: it may be meant to die before it answers."""
        self.program.start(name, self._words(name))

    def _words(self, name: str) -> list[str]:
        if name == "gateway":
            return ["serve", "--config", str(self.config)]
        port = urlsplit(self.url(name)).port
        return ["simulate", name, "--port", str(port), "--options", str(self.folder / f"simulators/{name}.toml")]

    def command(self, *words: str | Path) -> Finished:
        """An operator's command on this installation."""
        return self.program.run(*words, "--config", self.config)

    def new_code(self) -> str:
        """A dossier code that was not used yet."""
        return f"000.00.00.G16-261120-{next(self.codes):04d}"

    # What callers do.

    def signed(
        self, system: str, method: str, target: str, body: bytes = b"", at: float | None = None
    ) -> dict[str, str]:
        """The headers that sign a request as `system`, now or at another moment."""
        return sign_request(method, target, body, self.keys[system], int(time.time() if at is None else at))

    def call(self, system: str, method: str, target: str, body: bytes = b"") -> Answer:
        """A signed request to the gateway."""
        return ask(method, self.url() + target, body, self.signed(system, method, target, body))

    def post_foreign(self, system: str, body: bytes, media_type: str = "application/xml", **headers: str) -> Answer:
        """A message in a dialect of the system's own, signed and sent as it stands."""
        stated = Stated(media_type, hashlib.sha256(body).digest())
        signed = sign_head("POST", "/v1/events", stated, self.keys[system], int(time.time()))
        return ask("POST", self.url() + "/v1/events", body, signed | headers)

    def get(self, target: str, system: str = RESOLUTION) -> Answer:
        """A signed read."""
        return self.call(system, "GET", target)

    def push(self, event: Mapping[str, Any]) -> Answer:
        """An event, signed by the system that it names; as such systems do, its result is uploaded first."""
        if _names_paper(event):
            assert self.upload(str(event["system_code"]), str(event["dossier_code"]), PAPER).status in (200, 201)
        return self.call(str(event["system_code"]), "POST", "/v1/events", msgspec.json.encode(event))

    def put(self, snapshot: Mapping[str, Any]) -> Answer:
        """A snapshot, straight to the gateway, signed by the resolution system."""
        body = msgspec.json.encode(snapshot)
        return self.call(RESOLUTION, "PUT", f"/v1/dossiers/{snapshot['dossier_code']}", body)

    def upload(
        self, system: str, code: str, content: bytes, media_type: str = "application/pdf", **headers: str
    ) -> Answer:
        """A file, signed and sent as a caller sends it."""
        target = f"/v1/files?dossier={code}"
        return ask("POST", self.url() + target, content, self.signed_file(system, code, content, media_type) | headers)

    def signed_file(
        self, system: str, code: str, content: bytes, media_type: str = "application/pdf"
    ) -> dict[str, str]:
        """The headers that sign a file as `system`."""
        stated = Stated(media_type, hashlib.sha256(content).digest())
        return sign_head("POST", f"/v1/files?dossier={code}", stated, self.keys[system], int(time.time()))

    def download(self, system: str, code: str, sha256: str) -> Answer:
        """A file, read as a caller reads it."""
        return self.get(f"/v1/files/{sha256}?dossier={code}", system)

    # What simulators do and hold.

    def order(self, of: str, method: str, path: str, body: object = None) -> Any:
        """An order to a simulator's control plane, or a look at it; an outage closes its door too, and is waited for."""
        raw = b"" if body is None else msgspec.json.encode(body)

        def answered() -> Answer | None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return ask(method, f"{self.url(of)}/_simulator/{path}", raw, {"Content-Type": "application/json"})
            return None

        answer: Answer = until(answered, f"{of} answers")
        assert answer.status < 300, answer
        return answer.tree

    def register(self, *snapshots: Mapping[str, Any]) -> None:
        """The resolution simulator registers dossiers with the gateway."""
        self.order("resolution", "POST", "register", list(snapshots))
        codes = [str(snapshot["dossier_code"]) for snapshot in snapshots]
        until(lambda: all(self.sent(code, "registration", "acknowledged") for code in codes), f"{codes} are registered")

    def new_dossier(self, **changes: Any) -> str:
        """A dossier that the resolution simulator has registered; its code."""
        code = self.new_code()
        self.register(dossier(code, **changes))
        return code

    def sent(self, code: str, kind: str = "event", outcome: str = "") -> list[Any]:
        """What the resolution simulator sent about a dossier."""
        found = self.order("resolution", "GET", f"dossiers?code={code}")["dossiers"]
        messages = found[0]["sent"] if found else []
        return [m for m in messages if m["kind"] == kind and (not outcome or m["outcome"] == outcome)]

    def own_events(self, *events: Mapping[str, Any]) -> None:
        """The resolution simulator says events of its own; it uploads their results first."""
        papers = [
            {
                "dossier_code": event["dossier_code"],
                "media_type": "application/pdf",
                "content": b64encode(PAPER).decode(),
            }
            for event in events
            if _names_paper(event)
        ]
        if papers:
            self.order("resolution", "POST", "files", papers)
        self.order("resolution", "POST", "events", list(events))

    def pushes(self, code: str) -> list[Any]:
        """What the resolution simulator was pushed about a dossier."""
        found = self.order("resolution", "GET", f"dossiers?code={code}")["dossiers"]
        return list(found[0]["pushes"]) if found else []

    def portal(self, code: str) -> Any:
        """What the portal holds of a dossier; None when it holds nothing."""
        found = self.order("national_dvc", "GET", f"dossiers?code={code}")["dossiers"]
        return found[0] if found else None

    def portal_has(self, code: str, states: Sequence[str], limit_s: float = 60.0) -> Any:
        """Wait until the portal holds exactly these states and rows, in order; what it holds.

        A row that repeats an earlier one word for word is no effect; whoever rules repeats out looks at the counts.
        """

        def arrived() -> Any:
            held = self.portal(code)
            rows = [row["state"] for row in held["progress"] if row["repeat_of"] < 0] if held else []
            return held if held and held["states"] == list(states) and rows == list(states) else None

        return until(arrived, lambda: f"the portal has {states} of {code}, not {self.portal(code)}", limit_s)

    def calls(self, of: str, code: str = "") -> list[Any]:
        """The calls that a simulator met, of one dossier or all."""
        logged = self.order(of, "GET", "calls")["calls"]
        return [
            c for c in logged if not code or code in (c["summary"].get("dossier"), c["summary"].get("dossier_code"))
        ]

    def faults(self, of: str, *script: Mapping[str, Any]) -> None:
        """The next calls of a simulator meet these faults; none: it is well again."""
        self.order(of, "PUT", "faults", {"script": list(script)})

    # What the gateway shows.

    def view(self, code: str, system: str = RESOLUTION) -> Any:
        """`GET /v1/dossiers/{code}`."""
        answer = self.get(f"/v1/dossiers/{code}", system)
        assert answer.status == 200, answer
        return answer.tree

    def feed(self, after: str = "", limit: int = 1000) -> list[Any]:
        """Every row of the feed behind a cursor."""
        rows: list[Any] = []
        while True:
            page = self.get(f"/v1/feed?after={after}&limit={limit}").tree
            rows += page["events"]
            after = page["next"]
            if not page["more"]:
                return rows

    def settled(self, code: str, limit_s: float = 60.0) -> Any:
        """Wait until nothing of a dossier is on its way any more (or it is held); the view then."""

        def quiet() -> Any:
            view = self.view(code)
            return view if all(lane["state"] == "HELD" for lane in view["lanes"]) else None

        return until(quiet, lambda: f"{code} has come to rest", limit_s)

    def memory_kib(self, name: str) -> Mapping[str, int]:
        """VmRSS and VmHWM (the highest RSS ever) of a process, in KiB."""
        lines = Path(f"/proc/{self.program.running[name].pid}/status").read_text().splitlines()
        return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith(("VmRSS", "VmHWM"))}


def _names_paper(event: Mapping[str, Any]) -> bool:
    """Whether an event names the paper of the words as a result."""
    return any(result["file"]["size"] == len(PAPER) for result in event.get("results", ()))


def lay(folder: Path, environment: Mapping[str, str]) -> Line:
    """An installation with two usual sectors and five odd ones, nothing of it started."""
    ports = Ports(*free_ports(3))
    usual, odd = (SECTOR, AHEAD), (STRANGER, LAPSED, MEEK, XML, ROWS)
    folder.mkdir(parents=True, exist_ok=True)
    lay_out(folder, ports, (*usual, *odd))
    # The odd ones are written again with what is odd about them.
    config = folder / "gateway.toml"
    text = config.read_text(encoding="utf-8")
    for name in odd:
        begin = text.index(f"\n[callers.{name}]")
        end = text.index("\n\n[", begin + 1)
        text = text[:begin] + text[end:]
    config.write_text(text + _MORE_CALLERS, encoding="utf-8")
    keys = {
        name: SigningKey.load((folder / f"keys/{name}.pem").read_bytes(), f"{name}-1", "ed25519")
        for name in (RESOLUTION, *usual, *odd)
    }
    return Line(Program(folder, environment), ports, keys)


@contextlib.contextmanager
def opened(folder: Path, environment: Mapping[str, str], **settings: str) -> Iterator[Line]:
    """A running line; at the end no process of it is left. `settings` override the configuration: section__key."""
    overridden = {f"GATEWAY__{name.upper()}": value for name, value in settings.items()}
    line = lay(folder, {**environment, **overridden})
    try:
        yield line.start()
    finally:
        with contextlib.suppress(OSError, http.client.HTTPException):
            (folder / "metrics.prom").write_bytes(ask("GET", f"{line.url()}/metrics").body)  # searched after the run
        line.program.close()
