"""Fetching from an address that a caller named: which may be meant, where the connection goes, what counts as a file."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.fetching import Address, Fetcher, FetchError, is_host, is_public, read_address
from connectors.kit.loopback_tls import self_signed

HOSTS = ("tep.donvi.example.vn", "tep2.donvi.example.vn:8443")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("https://tep.donvi.example.vn/kq/1.pdf?ma=7", "tep.donvi.example.vn", 443),
        ("https://tep.donvi.example.vn:443/", "tep.donvi.example.vn", 443),
        ("https://TEP.donvi.example.vn", "tep.donvi.example.vn", 443),
        ("https://tep2.donvi.example.vn:8443/a%20b", "tep2.donvi.example.vn", 8443),
    ],
)
def test_a_listed_host_may_be_named(text: str, host: str, port: int) -> None:
    """The list is of exact names, each with its port."""
    address = read_address(text, HOSTS)
    assert (address.host, address.port) == (host, port)
    assert address.url().host == host


@pytest.mark.parametrize(
    "text",
    [
        "http://tep.donvi.example.vn/",
        "https://tep.donvi.example.vn@10.0.0.1/",
        "https://a:b@tep.donvi.example.vn/",
        "https://tep.donvi.example.vn\\@10.0.0.1/",
        "https://tep.donvi.example.vn#@10.0.0.1/",
        "https://tep.donvi.example.vn%2f@10.0.0.1/",
        "https://tep.donvi.example.vn:8443/",
        "https://tep.donvi.example.vn:99999/",
        "https://tep.donvi.example.vn:0443/",
        "https://tep2.donvi.example.vn/",
        "https://tep.donvi.example.vn./",
        "https://x.tep.donvi.example.vn/",
        "https://tep.donvi.example.vn.attacker.example/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://localhost/",
        "https://tép.donvi.example.vn/",
        "https://tep.donvi.example.vn/\r\nHost: x",
        "https://tep.donvi.example.vn /",
        "//tep.donvi.example.vn/",
        "file:///etc/passwd",
        "gopher://tep.donvi.example.vn/",
        "",
    ],
)
def test_every_other_spelling_is_refused(text: str) -> None:
    """Another scheme, an account, another port, an IP address in any form, a name that only looks like a listed one."""
    with pytest.raises(FetchError) as refused:
        read_address(text, HOSTS)
    assert refused.value.code in ("address", "host")
    assert "donvi" not in str(refused.value), "an address may hold a secret"


@pytest.mark.parametrize(
    "listed", ["127.0.0.1", "localhost", "10.1", "[::1]", "TEP.example.vn", "a.vn:0", "a.vn:x", "", "a.0x7f"]
)
def test_a_list_of_hosts_holds_names_only(listed: str) -> None:
    """An IP address or a bare name cannot be allowed, not even on purpose."""
    assert not is_host(listed)
    assert is_host("tep.donvi.example.vn") and is_host("tep.donvi.example.vn:8443")


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.7",
        "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808",
        "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:db8::1", "2002:7f00:1::1", "2002:808:808::1",
        "3fff::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2606:4700::1%1",
        "", "a", "8.8.8", "08.8.8.8", "8.8.8.8 ",
    ],
)  # fmt: skip
def test_no_address_of_a_private_network_is_public(text: str) -> None:
    """Private, loopback, link-local, multicast, unspecified, reserved, and every form that carries IPv4 inside."""
    assert not is_public(text)


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "113.160.0.1", "2606:4700:4700::1111", "2405:4800::1"])
def test_an_address_of_the_internet_is_public(text: str) -> None:
    """What may be fetched from, if its name is listed."""
    assert is_public(text)


@given(st.ip_addresses())
def test_what_the_library_calls_private_is_never_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """Our lists are stricter than the library's, never looser."""
    bad = address.is_private or address.is_multicast or address.is_loopback or address.is_link_local
    if bad or address.is_unspecified or address.is_reserved:
        assert not is_public(str(address))


class Names:
    """A name server that answers something else each time it is asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, _host: str, _port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.mark.parametrize(
    "answer", [["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:10.0.0.1"], ["2606:4700::1", "fe80::1"], []]
)
async def test_a_name_that_leads_into_a_private_network_is_not_called(answer: list[str]) -> None:
    """One bad address among good ones spoils all; no answer is no address."""
    with pytest.raises(FetchError) as refused:
        async with Fetcher(resolve=Names(answer)).content(Address("tep.donvi.example.vn", 443, "/"), 10):
            raise AssertionError("it was called")
    assert refused.value.code == ("private" if answer else "answer")


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[tuple[int, ssl.SSLContext, list[tuple[str, str]]]]:
    """A host on loopback with a certificate for `localhost`: its port, a client's trust, what it was asked."""
    asked: list[tuple[str, str]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append((request.host, request.path_qs))
        match request.path:
            case "/redirect":
                raise web.HTTPFound("https://tep.donvi.example.vn/file")
            case "/gzip":
                return web.Response(body=b"x" * 10, headers={"Content-Encoding": "gzip"})
            case "/large":
                return web.Response(body=b"x" * 5_000)
            case "/gone":
                raise web.HTTPNotFound
        return web.Response(body=b"noi dung")

    app = web.Application()
    app.router.add_get("/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self_signed(tmp_path, datetime.now(UTC)))
    await site.start()
    trust = ssl.create_default_context(cafile=str(tmp_path / "certificate.pem"))
    yield int(runner.addresses[0][1]), trust, asked
    await runner.cleanup()


async def fetch(port: int, trust: ssl.SSLContext, path: str, names: Names, host: str = "localhost") -> bytes:
    """Fetch with loopback allowed, which only code can do."""
    fetcher = Fetcher(5.0, trust, names, vet=lambda text: text == "127.0.0.1")
    async with fetcher.content(Address(host, port, path), 1_000) as content:
        return await content.read()


async def test_the_connection_goes_to_the_vetted_address_and_the_name_is_asked_once(
    office: tuple[int, ssl.SSLContext, list[tuple[str, str]]],
) -> None:
    """DNS rebinding: a second answer, which would lead elsewhere, is never asked for; Host and SNI stay the name."""
    port, trust, asked = office
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    assert await fetch(port, trust, "/file?ma=%C3%A1", names) == b"noi dung"
    assert names.asked == 1 and asked == [(f"localhost:{port}", "/file?ma=%C3%A1")]


@pytest.mark.parametrize("path", ["/redirect", "/gzip", "/large", "/gone"])
async def test_what_is_no_whole_file_is_refused(
    office: tuple[int, ssl.SSLContext, list[tuple[str, str]]], path: str
) -> None:
    """A redirect is not followed, compressed content and an error are no file, and the size is bounded."""
    port, trust, asked = office
    with pytest.raises(FetchError) as refused:
        await fetch(port, trust, path, Names(["127.0.0.1"]))
    assert refused.value.code == ("size" if path == "/large" else "answer")
    assert len(asked) == 1


async def test_another_name_than_that_of_the_certificate_is_refused(
    office: tuple[int, ssl.SSLContext, list[tuple[str, str]]],
) -> None:
    """TLS is checked against the name that was listed, whichever address it led to."""
    port, trust, asked = office
    with pytest.raises(FetchError):
        await fetch(port, trust, "/file", Names(["127.0.0.1"]), host="tep.donvi.example.vn")
    assert asked == []
