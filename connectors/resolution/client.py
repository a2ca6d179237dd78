"""One signed POST (Standard Webhooks 1.0.0): the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connectors.kit.contract import Budget, Kit
from connectors.kit.errors import Exchange
from connectors.kit.http import HttpAnswer, HttpClient, HttpRequest
from connectors.resolution.profiles.push_v1.messages import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER

_SYMMETRIC_PREFIX = "whsec_"
_LEAST_SECRET_BYTES = 24


class UnfitKey(ValueError):
    """Khóa ký không dùng được."""


@dataclass(frozen=True, slots=True)
class WebhookSigner:
    """Signs `id.timestamp.body`. `version` is `v1a` (Ed25519) or `v1` (HMAC-SHA256); the key is never shown."""

    version: str
    sign: Callable[[bytes], bytes] = field(repr=False)

    def headers(self, message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
        """The three headers of one push; `timestamp_s` is the time of this attempt, in seconds since the epoch."""
        signature = self.sign(f"{message_id}.{timestamp_s}.".encode() + body)
        return {
            ID_HEADER: message_id,
            TIMESTAMP_HEADER: str(timestamp_s),
            SIGNATURE_HEADER: f"{self.version},{base64.b64encode(signature).decode('ascii')}",
        }


def ed25519_signer(pem: str) -> WebhookSigner:
    """A signer with the Ed25519 private key in `pem`; raises `UnfitKey` for anything else."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UnfitKey("không đọc được khóa riêng dạng PEM (không mật khẩu)") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UnfitKey("khóa riêng phải là Ed25519")
    return WebhookSigner("v1a", key.sign)


def hmac_signer(secret: str) -> WebhookSigner:
    """A signer with a shared secret, `whsec_` and base64 of at least 24 bytes; raises `UnfitKey` for anything else.

    It proves nothing to a third party (dossier-model facts 4.1); for receivers that know no other form.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_SYMMETRIC_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise UnfitKey("bí mật dùng chung phải là base64, có thể bắt đầu bằng whsec_") from None
    if len(key) < _LEAST_SECRET_BYTES:
        raise UnfitKey(f"bí mật dùng chung phải dài ít nhất {_LEAST_SECRET_BYTES} byte")
    return WebhookSigner("v1", lambda content: hmac.digest(key, content, hashlib.sha256))


class ResolutionClient:
    """Pushes to one address. Raises only `DeliveryError` of the transport; every answer is returned as it came."""

    def __init__(self, *, http: HttpClient, kit: Kit, path: str, signer: WebhookSigner) -> None:
        self._http = http
        self._kit = kit
        self._path = path
        self._signer = signer

    async def push(self, message_id: str, body: bytes, budget: Budget) -> tuple[HttpAnswer, Exchange]:
        """Send `body` under `message_id`, signed now: a receiver refuses old timestamps, also on a repeat."""
        stamps = self._signer.headers(message_id, int(self._kit.now().timestamp()), body)
        request = HttpRequest("POST", self._path, {"Content-Type": "application/json", **stamps}, body)
        answer = await self._http.call(request, budget)
        return answer, self._http.exchange(request, answer, str(answer.status))

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()
