"""What types cannot say of the settings of identity: addresses that browsers are sent to, and figures that mean nothing."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from gateway.config.identity import Identity
from gateway.config.model import Settings
from gateway.config.question_faults import YEAR_S, figure_faults, proof_faults, question_faults

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def identity_faults(settings: Settings) -> Iterator[str]:
    """Every fault, with its place."""
    identity = settings.identity
    if identity is None:
        return
    lengths = ("sign_on_s", "ticket_s", "session_s")
    yield from (f"identity.{fault}" for fault in figure_faults(identity, lengths, YEAR_S))
    counts = ("open_limit", "begins_per_minute", "edge_per_minute")
    yield from (f"identity.{fault}" for fault in figure_faults(identity, counts))
    yield from question_faults(identity.questions, settings.upstreams)
    yield from proof_faults(identity.proofs)
    for proxy in identity.trusted_proxies:
        if not is_network(proxy):
            yield f"identity.trusted_proxies: {proxy!r} phải là địa chỉ IP hoặc dải mạng"
    if identity.public_url:
        yield from _sign_on_faults(identity, settings)
    elif identity.return_urls:
        yield "identity.public_url: cần có khi đã khai return_urls"


def _sign_on_faults(identity: Identity, settings: Settings) -> Iterator[str]:
    parts = _address(identity.public_url)
    if parts is None or parts.query:
        yield "identity.public_url: phải là https://máy[/đường-dẫn], không có truy vấn (http chỉ cho máy này)"
    if settings.listen.edge is None:
        yield "identity.public_url: cần [listen.edge], nơi trình duyệt đi qua khi đăng nhập"
    if not identity.return_urls:
        yield "identity.return_urls: cần ít nhất một địa chỉ quay về sau khi đăng nhập"
    for address in identity.return_urls:
        if _address(address) is None:
            yield f"identity.return_urls: {address!r} phải là https://máy/đường-dẫn (http chỉ cho máy này)"


def _address(text: str) -> SplitResult | None:
    """An address to which a browser may be sent: https, or http to this very machine; no user, no fragment."""
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        return None
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    lawful = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    return parts if lawful and parts.hostname and "@" not in parts.netloc and "#" not in text else None


def is_network(text: str) -> bool:
    """Whether a text is an IP address or a network of them."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True
