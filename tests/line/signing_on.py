"""A line in which people sign on: an edge, the simulated identity providers, and browsers that follow nobody by themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from gateway.cli.demonstration.servers import free_ports
from gateway.cli.installation import write_safely
from tests.line.program import Answer, ask
from tests.line.running import Line, lay
from tests.line.words import RESOLUTION

RETURN = "https://motcua.example.vn/ket-qua"
CITIZEN = "001090000000"
NAMES = ("cdvcqg", "vneid")

_CONFIG = Template("""
[listen.edge]
host = "127.0.0.1"
port = $edge

[identity]
public_url = "http://127.0.0.1:$edge"
return_urls = ["https://motcua.example.vn/ket-qua"]

[upstreams.vneid]
connector = "vneid"
rate_per_s = 1000.0
burst = 200
[[upstreams.vneid.settings.providers]]
name = "cdvcqg"
profile = "cdvcqg"
title_vi = "Cổng Dịch vụ công quốc gia"
issuer = "http://127.0.0.1:$simulator/cdvcqg/oauth2/token"
hosts = ["127.0.0.1:$simulator"]
authorize_url = "http://127.0.0.1:$simulator/cdvcqg/oauth2/authorize"
token_url = "http://127.0.0.1:$simulator/cdvcqg/oauth2/token"
jwks_url = "http://127.0.0.1:$simulator/cdvcqg/oauth2/jwks"
userinfo_url = "http://127.0.0.1:$simulator/cdvcqg/oauth2/userinfo"
logout_url = "http://127.0.0.1:$simulator/cdvcqg/oidc/logout"
client_id = "simulator-client"
client_secret = "file:keys/vneid.secret"
allow_plain = ["127.0.0.1"]
[[upstreams.vneid.settings.providers]]
name = "vneid"
profile = "vneid"
issuer = "http://127.0.0.1:$simulator/vneid"
hosts = ["127.0.0.1:$simulator"]
authorize_url = "http://127.0.0.1:$simulator/vneid/auth"
token_url = "http://127.0.0.1:$simulator/vneid/token"
jwks_url = "http://127.0.0.1:$simulator/vneid/jwks"
userinfo_url = "http://127.0.0.1:$simulator/vneid/userinfo"
client_id = "simulator-client"
client_secret = "file:keys/vneid.secret"
allow_plain = ["127.0.0.1"]
""")

QUESTIONS = """
[upstreams.vneid.settings.population]
base_url = "http://127.0.0.1:$simulator"
path = "/dancu"
allow_plain = ["127.0.0.1"]
[upstreams.vneid.settings.population.route]
kind = "header_signed"
[upstreams.vneid.settings.population.route.signature]
username = "bvhttdl"
secret = "file:keys/dancu.secret"
hash_url = "https://esb.example.gov.vn/dancu/1.0/tracuu"

[identity.questions]
upstream = "vneid"
[identity.questions.callers.RES-VHTTDL]
"""
"""The population half beside the providers, and who may ask it; for `more` of `opened_portal`."""

_OPTIONS = Template("""
[[providers]]
name = "cdvcqg"
profile = "cdvcqg"
[[providers.clients]]
backchannel_logout_uri = "http://127.0.0.1:$edge/v1/callbacks/vneid/cdvcqg/logout"
[[providers]]
name = "vneid"
profile = "vneid"
""")


@dataclass
class Browser:
    """Somebody's browser: cookies by name, one exchange at a time."""

    jar: dict[str, str] = field(default_factory=dict)

    def open(self, address: str) -> Answer:
        """One page; a redirect is shown and not followed."""
        cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.jar.items())} if self.jar else {}
        answer = ask("GET", address, headers=cookies)
        for name, morsel in SimpleCookie(answer.headers.get("set-cookie", "")).items():
            if morsel["max-age"] == "0":
                self.jar.pop(name, None)
            else:
                self.jar[name] = morsel.value
        return answer


@dataclass
class Portal:
    """The gateway with its edge, the simulated providers, and the resolution system that sends people there."""

    line: Line
    edge: int
    simulator: int

    @property
    def base(self) -> str:
        """The edge."""
        return f"http://127.0.0.1:{self.edge}"

    def start(self, **environment: str) -> None:
        """Start the gateway, with other variables for this time."""
        words = ["serve", "--config", str(self.line.config)]
        self.line.program.start("gateway", words, self.line.url() + "/readyz", environment)

    def order(self, method: str, path: str, body: object = None) -> Any:
        """An order to the simulated providers."""
        raw = b"" if body is None else msgspec.json.encode(body)
        answer = ask(method, f"http://127.0.0.1:{self.simulator}/_simulator/{path}", raw)
        assert answer.status == 200, answer
        return answer.tree

    def call(self, path: str, tree: Mapping[str, object]) -> Answer:
        """A signed request of the resolution system."""
        return self.line.call(RESOLUTION, "POST", f"/v1/identity/sign-ons{path}", msgspec.json.encode(tree))

    def begin(self, provider: str = "", **more: object) -> Any:
        """A new sign-on."""
        told = self.call("", {"return_url": RETURN, "provider": provider, **more})
        assert told.status == 201, told
        return told.tree

    def sign_in(self, authorize: str, account: str = CITIZEN) -> str:
        """What the person does at the provider; the address that the browser is sent back to."""
        location: str = self.order("POST", "sign-in", {"address": authorize, "account": account})["location"]
        return location

    def come_back(self, browser: Browser, provider: str = "") -> tuple[Any, Answer]:
        """A whole way to the provider and back: the sign-on, and what the browser is answered."""
        begun = self.begin(provider)
        sent = browser.open(begun["start_url"])
        assert sent.status == 303, sent
        return begun, browser.open(self.sign_in(sent.headers["location"]))

    def redeem(self, back: Answer) -> Answer:
        """The account for the ticket that the browser brought."""
        assert back.status == 303, back
        told = dict(parse_qsl(urlsplit(back.headers["location"]).query))
        return self.call(f"/{told['sign_on_id']}/redeem", {"ticket": told["ticket"]})


def laid_portal(folder: Path, environment: Mapping[str, str], more: str = "") -> Portal:
    """An installation in which people can sign on, nothing of it started.

    `more` is said in its configuration too ($simulator: the port of the simulated providers).
    """
    line = lay(folder, environment)
    edge, simulator = free_ports(2)
    config = line.config
    said = _CONFIG.substitute(edge=edge, simulator=simulator) + Template(more).substitute(simulator=simulator)
    config.write_text(config.read_text(encoding="utf-8") + said, encoding="utf-8")
    write_safely(folder / "keys/vneid.secret", b"simulator-secret\n")
    write_safely(folder / "keys/dancu.secret", b"s3cr3t\n")
    (folder / "simulators/vneid.toml").write_text(_OPTIONS.substitute(edge=edge), encoding="utf-8")
    return Portal(line, edge, simulator)


@contextlib.contextmanager
def opened_portal(folder: Path, environment: Mapping[str, str], more: str = "") -> Iterator[Portal]:
    """A running portal; at the end no process of it is left."""
    portal = laid_portal(folder, environment, more)
    try:
        options = folder / "simulators/vneid.toml"
        words = ["simulate", "vneid", "--port", str(portal.simulator), "--options", str(options)]
        portal.line.program.start("vneid", words, f"http://127.0.0.1:{portal.simulator}/_simulator/health")
        portal.start()
        yield portal
    finally:
        portal.line.program.close()
