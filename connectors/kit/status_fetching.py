"""Fetching what trust services publish: OCSP answers, CRLs, issuers, time stamps. Bounded, listed, never redirected.

The addresses stand in certificates that anybody may write, so nothing is asked unless its host is in the operator's list; a
name of the state's internal network is rewritten first (signing facts 3.2: ocsp.ca.ptc). A host may lie in a private network only
where the operator says so for that host. Plain HTTP is usual and harmless: what comes back is signed, whoever asked judges it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import aiohttp

from connectors.kit.fetching import PORTS, Address, Fetcher, FetchError, Question

_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<rest>(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?)"
)
_PIECE = 65_536


@dataclass(frozen=True, slots=True)
class StatusHosts:
    """The operator's list. `allowed`: `host` (ports 80 and 443) or `host:port`; `internal`: those of them that may be private.

    `rewrites`: host as certificates name it -> `host` or `host:port` that is asked instead.
    `max_bytes` bounds each answer: CRLs of large authorities measure tens of megabytes.
    """

    allowed: tuple[str, ...] = ()
    internal: tuple[str, ...] = ()
    rewrites: Mapping[str, str] = field(default_factory=dict)
    max_bytes: int = 67_108_864


@dataclass(frozen=True, slots=True)
class StatusFetcher:
    """Asks listed hosts, and nobody else. Raises `FetchError`: "address", "host", "private", "answer", "status" or
    "size"; the last two say that the host is there, and only this address of it is no good."""

    hosts: StatusHosts
    fetcher: Fetcher = Fetcher(timeout_s=15.0)

    async def get(self, url: str) -> bytes:
        """The whole content behind an address."""
        return await self._fetched(url, None)

    async def post(self, url: str, body: bytes, content_type: str) -> bytes:
        """The whole answer to a question."""
        return await self._fetched(url, Question(body, content_type))

    def host_of(self, url: str) -> str:
        """The host that would be asked, after rewriting, as `host:port`; raises `FetchError` where it is not listed."""
        address, _ = self._read(url)
        return f"{address.host}:{address.port}"

    async def _fetched(self, url: str, question: Question | None) -> bytes:
        address, internal = self._read(url)
        fetcher = replace(self.fetcher, vet=_anywhere) if internal else self.fetcher
        limit = self.hosts.max_bytes
        pieces: list[bytes] = []
        total = 0
        try:
            async with fetcher.content(address, limit, question) as content:
                async for piece in content.iter_chunked(_PIECE):
                    total += len(piece)
                    if total > limit:
                        raise FetchError("size", f"Nội dung vượt quá {limit} byte.", there=True)
                    pieces.append(piece)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise FetchError("answer", f"Máy chủ không trả lời trọn vẹn ({type(error).__name__}).") from None
        return b"".join(pieces)

    def _read(self, url: str) -> tuple[Address, bool]:
        found = _ADDRESS.fullmatch(url)
        if found is None:
            raise FetchError("address", "Địa chỉ trong chứng thư số không phải http(s):// với tên máy rõ ràng.")
        scheme = found["scheme"]
        named = found["host"].lower()
        port = int(found["port"] or PORTS[scheme])
        host, _, instead = self.hosts.rewrites.get(named, named).partition(":")
        port = int(instead or port)
        if not (_listed(host, port, scheme, self.hosts.allowed) and port <= 65_535):
            raise FetchError(
                "host", "Máy chủ nêu trong chứng thư số không nằm trong danh sách được phép ([signing.status])."
            )
        return Address(host, port, found["rest"], scheme), _listed(host, port, scheme, self.hosts.internal)


def _listed(host: str, port: int, scheme: str, listed: tuple[str, ...]) -> bool:
    return f"{host}:{port}" in listed or (host in listed and port == PORTS[scheme])


def _anywhere(_address: str) -> bool:
    """An internal host was named by the operator: where it lies is the operator's knowledge."""
    return True
