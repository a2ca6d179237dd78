"""Client certificates with the real program: real handshakes, and the header of a proxy that is listed by address (RFC 9440)."""

from __future__ import annotations

import asyncio
import http.client
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway import bootstrap
from gateway.clock import Clock
from gateway.config import load
from gateway.evidence.original import unpack
from gateway.intake.register import Register
from gateway.intake.signature import sign_request
from gateway.observe import crash
from tests.line.pki import Authority
from tests.line.program import Answer, ask, until
from tests.line.running import Line, lay
from tests.line.words import AHEAD, MEEK, RESOLUTION, SECTOR, dossier, event

pytestmark = pytest.mark.xdist_group("line-certificates")

REASON = ("--reason", "Theo văn bản của chủ quản hệ thống")
PROXY, STRANGER = "127.0.0.1", "127.0.0.2"


@dataclass
class Call:
    """How a request travels: as which client, from which address."""

    certificate: tuple[Path, Path] | None = None
    source: str = PROXY


@dataclass
class House:
    """A gateway with its authorities: `clients` is the one that it asks for, `strangers` another one."""

    line: Line
    clients: Authority
    strangers: Authority

    def consent(self, *words: str | Path) -> None:
        """An operator's word about a consent, which must be carried out."""
        done = self.line.program.run("consent", "add", "--config", self.line.config, *words, *REASON)
        assert done.code == 0, done

    def call(self, how: Call, method: str, target: str, body: bytes, headers: dict[str, str]) -> Answer:
        """One exchange."""
        port = self.line.ports.gateway
        if self.line.folder.name == "tls":
            context = ssl.create_default_context(cafile=str(self.clients.certificate))
            if how.certificate is not None:
                context.load_cert_chain(*how.certificate)
            connection: Any = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(how.source, 0))
        try:
            connection.request(method, target, body=body or None, headers=headers)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def push(self, how: Call, told: dict[str, Any], *, sign: bool, headers: dict[str, str] | None = None) -> Answer:
        """An event, signed or with its digest only."""
        body = msgspec.json.encode(told)
        key = self.line.keys[told["system_code"]]
        kept = self.line.signed(told["system_code"], "POST", "/v1/events", body)
        if not sign:
            kept = sign_request("POST", "/v1/events", body, key, 1)
            kept = {name: kept[name] for name in ("Content-Type", "Content-Digest")}
        return self.call(how, "POST", "/v1/events", body, {**kept, **(headers or {})})

    def code(self) -> str:
        """A dossier that was registered over whatever the listener speaks."""
        code = self.line.new_code()
        body = msgspec.json.encode(dossier(code))
        target = f"/v1/dossiers/{code}"
        signed = self.line.signed(RESOLUTION, "PUT", target, body)
        assert self.call(Call(), "PUT", target, body, signed).status == 201
        return code

    def original(self, told: dict[str, Any]) -> Any:
        """What is kept of the request that brought an event, read from the stopped store itself."""

        async def read() -> bytes | None:
            loaded = load(self.line.config, {})
            journal = bootstrap.open_journal(loaded, Register.load(loaded), Clock(), crash.never)
            try:
                return await journal.original(told["system_code"], told["event_id"])
            finally:
                await journal.close()

        kept = asyncio.run(read())
        assert kept is not None
        return unpack(kept)[0]


def _house(folder: Path, environment: dict[str, str], more: str) -> House:
    line = lay(folder, environment)
    clients = Authority.found(folder / "pki", "clients")
    clients.issue("server", server=True)
    text = line.config.read_text(encoding="utf-8")
    at = f'[listen.internal]\nhost = "127.0.0.1"\nport = {line.ports.gateway}\n'
    assert at in text
    line.config.write_text(text.replace(at, at + more), encoding="utf-8")
    words = ("an", "--new-key", "--person", "CB-001", "--role", "admin", *REASON)
    line.start("resolution", "national_dvc")
    house = House(line, clients, Authority.found(folder / "pki", "strangers"))
    start(house)
    assert line.program.run("operators", "add", "--config", line.config, *words).code == 0
    return house


def start(house: House) -> None:
    """Start the gateway and wait until it answers, whatever it speaks."""
    house.line.program.start("gateway", ["serve", "--config", str(house.line.config)])

    def ready() -> bool:
        try:
            return house.call(Call(), "GET", "/readyz", b"", {}).status == 200
        except (OSError, http.client.HTTPException):  # before anybody listens a socket may even meet itself
            return False

    until(ready, "the gateway answers")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[House]:
    """A gateway that terminates TLS itself and asks for client certificates."""
    more = "[listen.internal.tls]\n" + "".join(
        f'{name} = "pki/{file}"\n'
        for name, file in (("cert_file", "server.pem"), ("key_file", "server.key"), ("client_ca_file", "clients.pem"))
    )
    house = _house(tmp_path_factory.mktemp("mtls") / "tls", program_environment, more)
    yield house
    house.line.program.close()


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[House]:
    """A gateway behind a proxy at one address; from another one comes a stranger."""
    house = _house(
        tmp_path_factory.mktemp("proxied") / "plain", program_environment, f'trusted_proxies = ["{PROXY}"]\n'
    )
    yield house
    house.line.program.close()


def header(certificate: Path) -> dict[str, str]:
    """A certificate as a proxy reports it."""
    der = x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(Encoding.DER)
    return {"Client-Cert": f":{b64encode(der).decode()}:"}


def test_a_pinned_certificate_is_identity_enough_where_the_register_says_so(tls: House) -> None:
    """Only the pinned one, of the right authority, in its time; the digest is demanded; another way in there is not."""
    right, unpinned = tls.clients.issue("right"), tls.clients.issue("unpinned")
    expired, wrong = tls.clients.issue("old", expired=True), tls.strangers.issue("wrong")
    tls.consent(AHEAD, "--certificate", right[0], "--authentication", "certificate")
    code = tls.code()
    first = event(AHEAD, code, 1, "received")

    def refused(how: Call, *, sign: bool = False, told: dict[str, Any] = first) -> str:
        answer = tls.push(how, told, sign=sign)
        return f"{answer.status} {answer.tree['code']}"

    assert refused(Call()) == "401 missing_signature"
    assert refused(Call(unpinned)) == "401 unknown_certificate"
    assert refused(Call(), sign=True) == "401 missing_certificate", "a good signature alone is not what was agreed"
    for bad in (expired, wrong):
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
            tls.push(Call(bad), first, sign=False)
    naked = tls.call(
        Call(right), "POST", "/v1/events", msgspec.json.encode(first), {"Content-Type": "application/json"}
    )
    assert (naked.status, naked.tree["code"]) == (401, "bad_digest")
    assert refused(Call(right), told=event(SECTOR, code, 1, "received")) == "403 wrong_system"
    told = tls.push(Call(right), first, sign=False)
    assert (told.status, told.tree["status"]) == (202, "accepted")
    assert tls.push(Call(right), first, sign=False).tree["status"] == "duplicate"
    assert tls.push(Call(right), event(SECTOR, code, 1, "received"), sign=True).tree["code"] == "certificate_mismatch"
    forged = {"Client-Cert": header(right[0])["Client-Cert"]}
    spoofed = tls.push(Call(unpinned), event(AHEAD, code, 2, "processing"), sign=False, headers=forged)
    assert (spoofed.status, spoofed.tree["code"]) == (400, "client_cert_not_trusted")

    tls.line.program.stop("gateway")
    kept = tls.original(first)
    assert kept.witness.by == "tls" and "signature" not in dict(kept.headers)
    der = x509.load_pem_x509_certificate(right[0].read_bytes()).public_bytes(Encoding.DER)
    assert kept.witness.certificate == b64encode(der).decode()
    start(tls)


def test_both_asks_for_both_and_a_pinned_key_survives_a_renewal(tls: House) -> None:
    """Signature and certificate together; pinned by its key, the certificate may be renewed without a new entry."""
    first = tls.clients.issue("mine")
    tls.consent(SECTOR, "--certificate-key", first[0], "--authentication", "both")
    code = tls.code()
    assert tls.push(Call(), event(SECTOR, code, 1, "received"), sign=True).tree["code"] == "missing_certificate"
    assert tls.push(Call(first), event(SECTOR, code, 1, "received"), sign=False).tree["code"] == "missing_signature"
    assert tls.push(Call(first), event(SECTOR, code, 1, "received"), sign=True).status == 202
    renewed = tls.clients.issue("mine-again", key="mine")
    assert tls.push(Call(renewed), event(SECTOR, code, 2, "processing"), sign=True).status == 202


def test_push_trusts_and_is_trusted_over_tls(tls: House) -> None:
    """`gateway push` finds https in the configuration; authority and client certificate are options, and a lack is told."""
    mine = tls.clients.issue("pusher")
    tls.consent(MEEK, "--certificate", mine[0], "--authentication", "both")
    file = tls.line.folder / "push.json"
    file.write_bytes(msgspec.json.encode(event(MEEK, tls.code(), 1, "received")))
    trust, show = ("--ca", tls.clients.certificate), ("--client-certificate", mine[0], "--client-key", mine[1])

    def push(*words: str | Path) -> Any:
        return tls.line.program.run("push", "--json", "--config", tls.line.config, "--as", MEEK, *words, file)

    distrustful = push(*show)
    assert distrustful.code == 69 and "--ca" in distrustful.err and distrustful.tree == []
    bare = push(*trust)
    assert bare.code == 2 and bare.tree[0]["answer"]["code"] == "missing_certificate"
    unfit = push(*trust, "--client-certificate", mine[0], "--client-key", tls.strangers.issue("unfit")[1])
    assert unfit.code == 78 and "--client-certificate" in unfit.err
    done = push(*trust, *show)
    assert done.code == 0 and done.tree[0]["answer"]["status"] == "accepted"
    base = f"127.0.0.1:{tls.line.ports.gateway}"
    plain, named = push("--url", f"http://{base}"), push(*trust, *show, "--url", f"https://{base}/")
    assert plain.code == 69 and named.tree[0]["answer"]["status"] == "duplicate"


def test_certificates_of_the_listener_change_without_a_restart(tls: House) -> None:
    """A new server certificate holds from the next handshake; one that cannot be used changes nothing."""
    folder, pid = tls.clients.folder, tls.line.program.running["gateway"].pid

    def served() -> str:
        pem = ssl.get_server_certificate(("127.0.0.1", tls.line.ports.gateway))
        return x509.load_pem_x509_certificate(pem.encode()).subject.rfc4514_string()

    assert served() == "CN=server"
    for name in ("pem", "key"):
        (folder / f"kept.{name}").write_bytes((folder / f"server.{name}").read_bytes())
    tls.clients.issue("next", server=True)
    for name in ("key", "pem"):
        (folder / f"next.{name}").replace(folder / f"server.{name}")
    assert served() == "CN=next"
    (folder / "server.pem").write_text("not a certificate")
    assert served() == "CN=next", "the last good one serves on"
    for name in ("pem", "key"):
        (folder / f"kept.{name}").replace(folder / f"server.{name}")
    assert served() == "CN=server"
    assert tls.line.program.running["gateway"].pid == pid


def test_nothing_older_than_tls_12_is_spoken(tls: House) -> None:
    """TLS 1.1 fails in the handshake, TLS 1.2 does not."""
    for version, well in (("-tls1_1", False), ("-tls1_2", True)):
        words = ["openssl", "s_client", "-connect", f"127.0.0.1:{tls.line.ports.gateway}", version]
        done = subprocess.run(
            [*words, "-cipher", "ALL:@SECLEVEL=0"], input=b"", capture_output=True, check=False, timeout=60
        )
        assert (b"Cipher is (NONE)" not in done.stdout and done.returncode == 0) is well, done.stdout[-300:]


def test_the_header_of_a_listed_proxy_is_believed_and_of_nobody_else(proxied: House) -> None:
    """The same header, the same certificate: from the proxy it is identity, from a stranger a refusal, never ignored."""
    right, other = proxied.clients.issue("right"), proxied.clients.issue("other")
    expired = proxied.clients.issue("old", expired=True)
    words = ("--certificate", right[0], "--certificate", expired[0], "--authentication", "certificate")
    proxied.consent(MEEK, *words)
    code = proxied.code()
    told = event(MEEK, code, 1, "received")

    def refused(headers: dict[str, str], source: str = PROXY) -> str:
        answer = proxied.push(Call(source=source), told, sign=False, headers=headers)
        return f"{answer.status} {answer.tree['code']}"

    good = header(right[0])
    assert refused(good, STRANGER) == "400 client_cert_not_trusted"
    assert refused({"Client-Cert-Chain": good["Client-Cert"]}, STRANGER) == "400 client_cert_not_trusted"
    signed = proxied.push(Call(source=STRANGER), event(SECTOR, code, 1, "received"), sign=True, headers=good)
    assert signed.tree["code"] == "client_cert_not_trusted", "not even beside a good signature"
    assert refused(header(other[0])) == "401 unknown_certificate"
    assert refused(header(expired[0])) == "401 certificate_not_valid"
    assert refused({}) == "401 missing_signature"
    value = good["Client-Cert"]
    for spoiled in (value[1:], value[:-1], f"{value};a=1", f"{value}, {value}", ":!!!:", "::", f'"{value}"', ":AAAA:"):
        assert refused({"Client-Cert": spoiled}) == "400 malformed_client_cert", spoiled
    accepted = proxied.push(
        Call(), told, sign=False, headers={**good, "Client-Cert-Chain": header(other[0])["Client-Cert"]}
    )
    assert accepted.status == 202, "the chain says nothing about who it is"
    assert proxied.push(Call(source=STRANGER), event(SECTOR, code, 1, "received"), sign=True).status == 202


def test_repeated_and_folded_headers_are_refused(proxied: House) -> None:
    """What two readers could read differently is refused, on the wire itself."""
    right = proxied.clients.issue("twice")
    value = header(right[0])["Client-Cert"]
    half = len(value) // 2
    for lines in (
        f"Client-Cert: {value}\r\nClient-Cert: {value}\r\n",
        f"Client-Cert: {value[:half]}\r\n {value[half:]}\r\n",
    ):
        connection = http.client.HTTPConnection("127.0.0.1", proxied.line.ports.gateway, timeout=60)
        connection.connect()
        raw = f"GET /v1/feed HTTP/1.1\r\nHost: localhost\r\n{lines}Connection: close\r\n\r\n"
        connection.sock.sendall(raw.encode())
        answer = connection.sock.makefile("rb").read()
        connection.close()
        assert b" 400 " in answer.splitlines()[0], answer[:200]


def test_a_plain_listener_without_proxies_refuses_the_header(line: Line) -> None:
    """Where no proxy is listed, nobody is believed, not even this machine."""
    answer = ask(
        "GET", line.url() + "/v1/feed", b"", {**line.signed(SECTOR, "GET", "/v1/feed"), "Client-Cert": ":AAAA:"}
    )
    assert (answer.status, answer.tree["code"]) == (400, "client_cert_not_trusted")
