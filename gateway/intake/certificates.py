"""Client certificates: the one of the TLS connection, or the one that a listed proxy reports in its header (RFC 9440).

A certificate proves nothing because it came: it counts when a registered system has pinned it, within its own validity.
The header `Client-Cert` is believed from proxies listed by address and from nobody else. From others it is refused, never
passed over: a proxy that is not listed is a fault to be mended, a stranger who writes it is an attack (RFC 9440 section 4).
"""

from __future__ import annotations

import binascii
import hashlib
import ssl
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

from aiohttp import web
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.errors import ConfigError, IntakeError, Unauthenticated

Network = IPv4Network | IPv6Network

HEADER = "Client-Cert"
CHAIN_HEADER = "Client-Cert-Chain"
MAX_HEADER = 16_384
"""The longest `Client-Cert` that is looked at, in characters; a usual certificate takes two thousand."""


@dataclass(frozen=True, slots=True)
class Presented:
    """A client certificate as it came: its DER form, and who says that the caller holds its private key.

    `by` is `tls` for our own handshake, `proxy` for the header of a listed proxy.
    """

    der: bytes = field(repr=False)
    by: Literal["tls", "proxy"] = "tls"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is looked at in a certificate: the names that it may be pinned by, and its validity."""

    certificate: str
    spki: str
    not_before: datetime
    not_after: datetime


# One connection carries many requests with the same certificate.
@lru_cache(maxsize=1024)
def read_certificate(der: bytes) -> Certificate:
    """The certificate in DER form; raises `Unauthenticated` for anything else."""
    try:
        parsed = x509.load_der_x509_certificate(der)
        key = parsed.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        begins, ends = parsed.not_valid_before_utc, parsed.not_valid_after_utc
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion, x509.UnsupportedGeneralNameType) as error:
        raise _malformed("không phải một chứng thư X.509 dạng DER") from error
    return Certificate(pin("certificate", der), pin("spki", key), begins, ends)


def pin(kind: Literal["certificate", "spki"], der: bytes) -> str:
    """The name by which the register knows a certificate, or a public key: its kind and the SHA-256 (hex) of its DER form."""
    return f"{kind}:{hashlib.sha256(der).hexdigest()}"


def valid(presented: Presented, now: datetime) -> Certificate:
    """The certificate, if it is valid now; a connection may outlive it. Raises `Unauthenticated`."""
    found = read_certificate(presented.der)
    if not found.not_before <= now <= found.not_after:
        raise Unauthenticated("Chứng thư máy khách chưa có hoặc đã hết hiệu lực.", code="certificate_not_valid")
    return found


def networks(stated: Sequence[str]) -> tuple[Network, ...]:
    """The networks of trusted proxies, each an address or a network; raises `ConfigError` that names every wrong one."""
    found: list[Network] = []
    faults: list[str] = []
    for text in stated:
        try:
            found.append(ip_network(text))
        except ValueError:
            faults.append(
                f"listen.internal.trusted_proxies: {text!r} không phải địa chỉ hay mạng IP (ví dụ 10.0.0.0/28)"
            )
    if faults:
        raise ConfigError(tuple(faults))
    return tuple(found)


def presented(request: web.BaseRequest, proxies: Sequence[Network]) -> Presented | None:
    """The client certificate behind a request, None when there is none; raises `IntakeError` for a header not to be believed.

    The certificate of a listed proxy is its own: only the header says who stands behind it.
    """
    lines = request.headers.getall(HEADER, ())
    if not proxies and not lines and CHAIN_HEADER not in request.headers:
        return _of_connection(request)
    if _comes_from(request, proxies):
        return _of_header(lines)
    if lines or CHAIN_HEADER in request.headers:
        raise IntakeError(
            "Tiêu đề Client-Cert chỉ được nhận từ máy chủ trung gian đã khai báo; hãy bỏ tiêu đề này.",
            code="client_cert_not_trusted",
            status=400,
        )
    return _of_connection(request)


def _of_connection(request: web.BaseRequest) -> Presented | None:
    """The certificate of our own TLS handshake, which proved that the peer holds its key."""
    transport = request.transport
    connection = transport.get_extra_info("ssl_object") if transport is not None else None
    if not isinstance(connection, (ssl.SSLObject, ssl.SSLSocket)):
        return None
    der = connection.getpeercert(binary_form=True)
    return Presented(der, "tls") if der else None


def _comes_from(request: web.BaseRequest, proxies: Sequence[Network]) -> bool:
    """Whether the peer of the connection itself, not what any header says of it, is a listed proxy."""
    transport = request.transport
    peer = transport.get_extra_info("peername") if transport is not None else None
    if not isinstance(peer, tuple) or not peer:
        return False
    try:
        address = ip_address(str(peer[0]).partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in proxies)


def _of_header(lines: Sequence[str]) -> Presented | None:
    """The certificate in `Client-Cert`: one structured-field byte sequence (RFC 8941 3.3.5), nothing beside it."""
    if not lines:
        return None
    if len(lines) != 1:
        raise _malformed("tiêu đề lặp lại")
    text = lines[0].strip(" ")
    if len(text) > MAX_HEADER or len(text) < 3 or text[0] != ":" or text[-1] != ":":
        raise _malformed("phải là một chuỗi byte dạng :base64:")
    try:
        der = binascii.a2b_base64(text[1:-1], strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed("base64 không đúng") from error
    if b64encode(der).decode("ascii") != text[1:-1]:
        raise _malformed("base64 không đúng")
    read_certificate(der)
    return Presented(der, "proxy")


def _malformed(why_vi: str) -> Unauthenticated:
    return Unauthenticated(f"Chứng thư máy khách không đọc được: {why_vi}.", code="malformed_client_cert", status=400)
