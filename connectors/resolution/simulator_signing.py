"""The signatures of the simulated resolution system: HTTP Message Signatures outward, Standard Webhooks inward.

Written by hand from RFC 9421 (sections 2.5, 3.1 and 3.3), RFC 9530 and the Standard Webhooks specification, so that it
is a second opinion on the gateway's own checks; the tests have the message-signature library as their oracle.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

CONTENT_TYPE = "application/json"
TOLERANCE_S = 300
_LABEL = "sig1"
_P256_BYTES = 32


class UnfitKey(Exception):
    """Khóa không dùng được để ký hoặc kiểm tra chữ ký."""


@dataclass(frozen=True, slots=True)
class MessageSigner:
    """Signs requests to the gateway (RFC 9421). `key_id` is what the gateway's record of this caller calls the key."""

    key: PrivateKey
    key_id: str

    @property
    def algorithm(self) -> str:
        """The registered name of the algorithm that fits the key (RFC 9421, 6.2)."""
        if isinstance(self.key, Ed25519PrivateKey):
            return "ed25519"
        return "ecdsa-p256-sha256" if isinstance(self.key, ec.EllipticCurvePrivateKey) else "rsa-pss-sha512"

    def headers(
        self, method: str, target: str, body: bytes, created: int, media_type: str = CONTENT_TYPE
    ) -> dict[str, str]:
        """The headers that sign one request; `created` in seconds. `target` is the path with its query.

        A read has no content: neither Content-Type nor Content-Digest.
        """
        path, mark, query = target.partition("?")
        stated = {} if method == "GET" else {"Content-Type": media_type, "Content-Digest": content_digest(body)}
        lines = [("@method", method), ("@path", path)]
        if mark:
            lines.append(("@query", f"?{query}"))
        lines += [(name.lower(), value) for name, value in sorted(stated.items())]
        covered = " ".join(f'"{name}"' for name, _ in lines)
        parameters = f'({covered});created={created};keyid="{self.key_id}";alg="{self.algorithm}"'
        base = "\n".join((*(f'"{name}": {value}' for name, value in lines), f'"@signature-params": {parameters}'))
        return {
            **stated,
            "Signature-Input": f"{_LABEL}={parameters}",
            "Signature": f"{_LABEL}=:{_text(self._sign(base.encode('ascii')))}:",
        }

    def _sign(self, base: bytes) -> bytes:
        if isinstance(self.key, Ed25519PrivateKey):
            return self.key.sign(base)
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(self.key.sign(base, ec.ECDSA(hashes.SHA256())))
            # RFC 9421, 3.3.4: r and s side by side, not the DER pair.
            return r.to_bytes(_P256_BYTES, "big") + s.to_bytes(_P256_BYTES, "big")
        return self.key.sign(base, padding.PSS(padding.MGF1(hashes.SHA512()), 64), hashes.SHA512())


@dataclass(frozen=True, slots=True)
class WebhookVerifier:
    """Checks pushes from the gateway in the Standard Webhooks shape, asymmetric form (`v1a`, Ed25519)."""

    key: Ed25519PublicKey

    def fault(self, stamps: WebhookStamps, body: bytes, now: float) -> str:
        """Why the push is not genuine, as a stable word; an empty string for a genuine one."""
        if not (stamps.id and stamps.timestamp and stamps.signatures):
            return "missing_headers"
        if not (stamps.timestamp.isascii() and stamps.timestamp.isdigit() and len(stamps.timestamp) <= 12):
            return "bad_timestamp"
        if abs(now - int(stamps.timestamp)) > TOLERANCE_S:
            return "outside_tolerance"
        signed = f"{stamps.id}.{stamps.timestamp}.".encode() + body
        # Several signatures may stand side by side while a key is rotated.
        if any(self._genuine(entry, signed) for entry in stamps.signatures.split()):
            return ""
        return "bad_signature"

    def _genuine(self, entry: str, signed: bytes) -> bool:
        version, _, text = entry.partition(",")
        if version != "v1a":
            return False
        try:
            self.key.verify(base64.b64decode(text, validate=True), signed)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class WebhookStamps:
    """The three headers of a push: `webhook-id`, `webhook-timestamp`, `webhook-signature`."""

    id: str
    timestamp: str
    signatures: str


def content_digest(body: bytes) -> str:
    """`Content-Digest` of a body (RFC 9530), sha-256."""
    return f"sha-256=:{_text(hashlib.sha256(body).digest())}:"


def private_key(file: str) -> PrivateKey:
    """The private key in a PEM file, or a fresh one where no file is named; raises `UnfitKey` for one that cannot sign."""
    if not file:
        return Ed25519PrivateKey.generate()
    try:
        key = serialization.load_pem_private_key(Path(file).read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise UnfitKey(f"signing_key_file: không đọc được khóa riêng trong {file}") from error
    if isinstance(key, Ed25519PrivateKey | rsa.RSAPrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise UnfitKey("signing_key_file: chỉ nhận khóa Ed25519, ECDSA P-256 hoặc RSA")


def public_key(file: str, text: str = "") -> Ed25519PublicKey:
    """The gateway's Ed25519 public key in a PEM file or PEM text; raises `UnfitKey` for anything else."""
    try:
        key = serialization.load_pem_public_key(Path(file).read_bytes() if file else text.encode())
    except (OSError, ValueError) as error:
        raise UnfitKey(f"gateway_public_key_file: không đọc được khóa công khai trong {file or 'PEM'}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UnfitKey("gateway_public_key_file: chỉ nhận khóa công khai Ed25519")
    return key


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
