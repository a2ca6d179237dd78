"""What an operator signs: one canonical statement of who decides what, here, now, once. The bytes signed are the bytes kept.

The statement is JSON with sorted keys and no spare room, so that there is one way to write it. It names the installation, so
that a decision signed for one gateway means nothing to another; the command and every word of it, so that what is carried
out is what was signed; a decision id, so that it is carried out once; and the time, so that it cannot be kept for later.
Signatures: Ed25519 (RFC 8032), or ECDSA P-256 with SHA-256 in DER (FIPS 186-5); both can be checked with `openssl`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import uuid
from datetime import datetime
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.admin.words import Words
from gateway.errors import Invalid, Unauthenticated
from mappings.codec import encode_sorted

FORM: Final = "tthc-gateway/decision/v1"
SigningKey = Ed25519PrivateKey | EllipticCurvePrivateKey


class Spoken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words of a command, as they are signed."""

    reason: str = ""
    upstream: str = ""
    dossier: str = ""
    delivery_id: str = ""
    source: str = ""
    event_id: str = ""
    sequence: int = 0
    details: dict[str, Any] = {}

    def words(self, actor: str) -> Words:
        """The words as operations get them."""
        return Words(actor=actor, **msgspec.structs.asdict(self))


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A decision before it is signed. `installation` is the one that the admin socket names; `at` is aware."""

    form: str = FORM
    installation: str
    command: str
    words: Spoken
    operator: str
    key_id: str
    decision_id: str
    at: datetime


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A statement, letter by letter as it was signed, and its signature in base64 (RFC 4648, 4)."""

    statement: str = ""
    signature: str = ""

    def raw(self) -> bytes:
        """The signed bytes."""
        return self.statement.encode()

    def digest(self) -> str:
        """SHA-256 (hex) of the signed bytes."""
        return hashlib.sha256(self.raw()).hexdigest()

    def signature_bytes(self) -> bytes:
        """The signature; raises `Unauthenticated` for what is none."""
        try:
            return base64.b64decode(self.signature, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Unauthenticated("Chữ ký không đúng dạng base64.", code="signature_wrong") from error


def canonical(statement: Statement) -> str:
    """The one way to write a statement."""
    return encode_sorted(statement).decode()


def parse(envelope: Envelope) -> Statement:
    """The statement in an envelope; raises `Invalid` when it is none, or is written another way than the canonical one."""
    if not envelope.statement:
        raise Unauthenticated(
            "Mọi quyết định phải được ký bằng khóa của người vận hành (--as TÊN, --key TỆP).", code="signature_missing"
        )
    try:
        statement = msgspec.json.decode(envelope.raw(), type=Statement)
        uuid.UUID(statement.decision_id)
        well = canonical(statement) == envelope.statement and statement.form == FORM
    except (msgspec.MsgspecError, ValueError, UnicodeEncodeError) as error:
        raise Invalid(f"Lệnh không hợp lệ: {error}", code="statement_malformed", status=400) from error
    if not well or statement.at.tzinfo is None:
        raise Invalid("Lệnh không ở dạng chuẩn để ký.", code="statement_malformed", status=400)
    return statement


def sign(statement: Statement, key: SigningKey) -> Envelope:
    """The statement with its signature."""
    text = canonical(statement)
    raw = text.encode()
    signature = key.sign(raw) if isinstance(key, Ed25519PrivateKey) else key.sign(raw, ECDSA(hashes.SHA256()))
    return Envelope(text, base64.b64encode(signature).decode())
