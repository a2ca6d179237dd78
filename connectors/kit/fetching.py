"""Fetching from an address that a caller named: a listed host over TLS, public addresses only, no redirects, bounded.

Whoever may name an address may try to make us call our own network (server-side request forgery, OWASP SSRF). So the host
must stand in a list, word for word; its name is resolved once; every address that comes back must be public; and the
connection goes to those addresses and no other, so that nobody can answer differently between check and use (DNS
rebinding). Host and SNI stay the name. Nothing here repeats an address in an error: it may hold secrets.
Sources: IANA special-purpose address registries (RFC 6890 and what it names), RFC 4291, 6052, 3056.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

HTTPS = 443
PORTS = {"https": HTTPS, "http": 80}

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# A name of at least two labels whose last one is no number: no spelling of an IP address has that form.
_HOST = re.compile(rf"(?=.{{4,253}}\Z){_LABEL}(?:\.{_LABEL})*\.(?!\d+\Z)(?!0x){_LABEL}")
_ADDRESS = re.compile(
    r"https://(?P<host>[A-Za-z0-9.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<rest>(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?)"
)
_NOT_PUBLIC_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
# Of IPv6 only global unicast is public, and of that neither what is set apart nor what carries an IPv4 address inside.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    ipaddress.IPv6Network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Vet = Callable[[str], bool]


class FetchError(Exception):
    """Không tải được tệp từ địa chỉ đã nêu. `there`: the host is well and answered; only this address is wrong."""

    def __init__(self, code: str, message_vi: str, *, there: bool = False) -> None:
        self.code, self.message_vi, self.there = code, message_vi, there
        super().__init__(message_vi)


@dataclass(frozen=True, slots=True)
class Address:
    """An address that may be fetched from: a listed host, its port, path and query as they were written.

    `scheme` is https but for status information, which is signed by itself and served without TLS nearly everywhere.
    """

    host: str
    port: int
    rest: str
    scheme: str = "https"

    def url(self) -> URL:
        """The whole of it, encoded as it came."""
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return URL(f"{self.scheme}://{self.host}{port}{self.rest or '/'}", encoded=True)


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent to get the content, where a plain GET is not what the other side answers (OCSP, RFC 3161)."""

    body: bytes
    content_type: str


def is_host(text: str) -> bool:
    """Whether `text` may stand in a list of hosts: a name in lower case, with a port where it is not 443; no IP address."""
    host, mark, port = text.partition(":")
    fits = not mark or (port.isascii() and port.isdigit() and port[0] != "0" and 0 < int(port) < 65_536)
    return fits and _HOST.fullmatch(host) is not None


def read_address(text: str, hosts: Sequence[str]) -> Address:
    """The address in `text` when its host stands in `hosts` (`host`, which means port 443, or `host:port`).

    Raises `FetchError` ("address" for one that is not plainly https, "host" for one that is not listed). No account, no
    fragment, no IP address, nothing that two readers could split in different ways.
    """
    found = _ADDRESS.fullmatch(text)
    host = found["host"].lower() if found is not None else ""
    port = int(found["port"] or HTTPS) if found is not None else 0
    if found is None or not _HOST.fullmatch(host) or port > 65_535:
        raise FetchError(
            "address", "Địa chỉ phải là https:// với tên máy, không có tài khoản, mảnh (#) hay địa chỉ IP."
        )
    if f"{host}:{port}" not in hosts and not (port == HTTPS and host in hosts):
        raise FetchError("host", "Máy chủ trong địa chỉ không nằm trong danh sách được phép của hệ thống này.")
    return Address(host, port, found["rest"])


def is_public(text: str) -> bool:
    """Whether an IP address is one of the public internet: global unicast, and no way into a network of ours."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not any(address in network for network in _NOT_PUBLIC_V4)
    if address.scope_id is not None or address not in _GLOBAL_V6:
        return False
    return address.is_global and not any(address in network for network in _NOT_PUBLIC_V6)


async def resolve(host: str, port: int) -> Sequence[str]:
    """Every address of a name, by the machine's own resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class _Fixed(AbstractResolver):
    """Answers with the addresses that were vetted, whatever the name server would say by now."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches one file at a time, each over a session of its own: no cookie, no proxy, no redirect, no compression.

    `timeout_s` bounds the whole of a fetch. `resolve` and `vet` are handed in by tests alone; no setting reaches them.
    """

    timeout_s: float = 600.0
    tls: ssl.SSLContext | None = None
    resolve: Resolve = resolve
    vet: Vet = is_public

    @asynccontextmanager
    async def content(
        self, address: Address, limit: int, question: Question | None = None
    ) -> AsyncIterator[aiohttp.StreamReader]:
        """The content behind an address, to be read as it comes; raises `FetchError`, also for what breaks in the middle."""
        addresses = await self._vetted(address)
        connector = aiohttp.TCPConnector(
            resolver=_Fixed(addresses), use_dns_cache=False, ssl=self.tls or True, limit=1, force_close=True
        )
        timeout = aiohttp.ClientTimeout(total=self.timeout_s, sock_connect=10.0)
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector,
                    timeout=timeout,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                    trust_env=False,
                    headers={"Accept-Encoding": "identity", "User-Agent": "tthc-gateway"},
                ) as session,
                _asked(session, address, question) as answer,
            ):
                _check(answer, limit)
                yield answer.content
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise FetchError("answer", f"Không tải được tệp từ máy chủ đã nêu ({type(error).__name__}).") from None

    async def _vetted(self, address: Address) -> Sequence[str]:
        """The addresses of the host, each of them public: one that is not spoils all."""
        try:
            async with asyncio.timeout(10.0):
                found = await self.resolve(address.host, address.port)
        except (OSError, TimeoutError, UnicodeError):
            found = ()
        if not found:
            raise FetchError("answer", "Không tìm được địa chỉ của máy chủ đã nêu.")
        if not all(self.vet(one) for one in found):
            raise FetchError("private", "Máy chủ đã nêu nằm trong mạng riêng; cổng không tải tệp từ đó.")
        return found


def _asked(
    session: aiohttp.ClientSession, address: Address, question: Question | None
) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
    if question is None:
        return session.get(address.url(), allow_redirects=False)
    headers = {"Content-Type": question.content_type}
    return session.post(address.url(), data=question.body, headers=headers, allow_redirects=False)


def _check(answer: aiohttp.ClientResponse, limit: int) -> None:
    """Only a whole file is a file: a redirect, a part, an error and compressed content are none."""
    if answer.status != 200:
        message = f"Máy chủ đã nêu trả lời HTTP {answer.status} thay vì tệp."
        raise FetchError("answer", message, there=True)
    if answer.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise FetchError("answer", "Máy chủ đã nêu gửi nội dung nén dù không được yêu cầu.")
    if (answer.content_length or 0) > limit:
        raise FetchError("size", f"Tệp vượt quá {limit} byte.", there=True)
