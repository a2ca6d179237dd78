"""Fetching by addresses that stand in certificates (attack T6): listed hosts, no private network, no redirect, bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from aiohttp import web

from connectors.kit.fetching import Fetcher, FetchError
from connectors.kit.simulation import Door, opened
from connectors.kit.status_fetching import StatusFetcher, StatusHosts


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """A real server on loopback with good and bad manners."""
    app = web.Application()

    async def crl(_request: web.Request) -> web.Response:
        return web.Response(body=b"danh sach")

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=request.headers["Content-Type"].encode() + b" " + await request.read())

    async def redirect(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/crl"})

    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(64):
                await response.write(bytes(4096))
        except ConnectionError:
            pass
        return response

    app.router.add_get("/crl", crl)
    app.router.add_post("/ocsp", echo)
    app.router.add_get("/redirect", redirect)
    app.router.add_get("/flood", flood)
    async with opened(app) as found:
        yield found


def _fetcher(door: Door, *, internal: bool = True, max_bytes: int = 65_536) -> StatusFetcher:
    here = f"127.0.0.1:{door.port}"
    hosts = StatusHosts((here,), (here,) if internal else (), {"ocsp.ca.ptc": here}, max_bytes)
    return StatusFetcher(hosts, Fetcher(timeout_s=5.0))


async def test_a_listed_internal_host_is_asked_under_the_name_that_certificates_give_it(door: Door) -> None:
    """Signing facts 3.2: certificates name a host of the state's internal network; the operator says where it is."""
    fetcher = _fetcher(door)
    assert await fetcher.get("http://ocsp.ca.ptc/crl") == b"danh sach"
    answer = await fetcher.post("http://ocsp.ca.ptc/ocsp", b"\x30\x00", "application/ocsp-request")
    assert answer == b"application/ocsp-request \x30\x00"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://169.254.169.254/latest/meta-data", "host"),
        ("http://localhost/crl", "host"),
        ("http://127.0.0.1:1/crl", "host"),
        ("http://[::1]/crl", "address"),
        ("http://ocsp.ca.ptc.attacker.example/", "host"),
        ("http://ocsp.ca.ptc@169.254.169.254/", "address"),
        ("http://user:pass@ocsp.ca.ptc/", "address"),
        ("http://ocsp.ca.ptc\\@evil/", "address"),
        ("ldap://ocsp.ca.ptc/cn=x", "address"),
        ("file:///etc/passwd", "address"),
        ("http://ocsp.ca.ptc/\r\nX: y", "address"),
        ("", "address"),
    ],
)
async def test_an_address_out_of_a_certificate_reaches_no_other_host(door: Door, url: str, code: str) -> None:
    """The cloud's metadata service, other ports, other spellings: refused before a socket is opened."""
    with pytest.raises(FetchError) as refused:
        await _fetcher(door).get(url)
    assert refused.value.code == code


async def test_a_listed_host_that_resolves_into_a_private_network_is_refused(door: Door) -> None:
    """Allowed is not internal: a public name that somebody points at our own network leads nowhere (DNS rebinding)."""
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ("127.0.0.1",)

    host = f"crl.ca.example:{door.port}"
    fetcher = StatusFetcher(StatusHosts((host,)), Fetcher(timeout_s=5.0, resolve=resolve))
    with pytest.raises(FetchError) as refused:
        await fetcher.get(f"http://{host}/crl")
    assert refused.value.code == "private"
    assert asked == ["crl.ca.example"]


async def test_a_redirect_is_no_answer(door: Door) -> None:
    """A listed host may not send us on to another one."""
    with pytest.raises(FetchError) as refused:
        await _fetcher(door).get("http://ocsp.ca.ptc/redirect")
    assert refused.value.code == "answer"


async def test_too_much_is_cut_off_at_the_limit(door: Door) -> None:
    """An answer without a stated length is counted as it comes."""
    with pytest.raises(FetchError) as refused:
        await _fetcher(door, max_bytes=10_000).get("http://ocsp.ca.ptc/flood")
    assert refused.value.code == "size"


async def test_whoever_is_not_there_is_told_as_no_answer(door: Door) -> None:
    """A closed port is an answer that did not come, not an exception of another family."""
    fetcher = _fetcher(door)
    await door.close()
    with pytest.raises(FetchError) as refused:
        await fetcher.get("http://ocsp.ca.ptc/crl")
    assert refused.value.code == "answer"
