"""HTTP Message Signatures over our default covered set: a strict reader, its verification, and the signing side.

RFC 9421 (message signatures), RFC 9530 (Content-Digest), dossier-model facts 4.1. The default set is `"@method"`,
`"@path"`, `"content-digest"` and `"content-type"` for a request with content, `"@method"` and `"@path"` for one
without, and `"@query"` besides when there is a query; in any order. Whatever is not written in the one canonical way is
left to the library in `authenticate.py`, so this reader may be strict without refusing anything lawful.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from gateway.errors import ConfigError
from gateway.intake.certificates import Presented
from gateway.records.consents import Algorithm as Algorithm

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

MIN_RSA_BITS = 2048
WITH_CONTENT = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose content is always signed, even when it is empty."""

# RFC 9421 3.3.1: salt of 64 octets, MGF1 with SHA-512.
_PSS = padding.PSS(mgf=padding.MGF1(SHA512()), salt_length=64)
_SHA512 = SHA512()
_ECDSA = ec.ECDSA(SHA256())
_COORDINATE = 32

_LABEL = r"(?P<label>[a-z*][a-z0-9_.*-]{0,63})"
_INPUT = re.compile(
    _LABEL + r'=(?P<params>\((?P<covered>"[a-z@-]+"(?: "[a-z@-]+")*)\)'
    r'(?P<metadata>(?:;[a-z]+=(?:0|[1-9][0-9]{0,14}|"[ !#-\[\]-~]*"))*))'
)
_PARAMETER = re.compile(r';([a-z]+)=(?:([0-9]+)|"([^"]*)")')
_SIGNATURE = re.compile(_LABEL + r"=:(?P<value>[A-Za-z0-9+/]{2,}={0,2}):")
_DIGEST_MEMBER = re.compile(r"(?P<name>[a-z0-9-]+)=:(?P<value>[A-Za-z0-9+/]+={0,2}):")
_INTEGERS = frozenset({"created", "expires"})
_STRINGS = frozenset({"alg", "keyid", "nonce", "tag"})
# What RFC 3986 allows in a path and in a query; anything else is left to the library to refuse.
_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
_QUERY = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_METHOD = re.compile(r"[A-Z]{1,16}")
_FIELD_VALUE = re.compile(r"[!-~](?:[ -~\t]*[!-~])?")
_DIGESTS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The parts of a request that a signature can cover.

    `path` is the logical path, percent-encoded as it was sent; `query` comes without its question mark, None when there
    is none; `headers` are the field lines in the order of the wire; `authority` serves other covered sets only.
    `certificate` is the client certificate that came with it; no signature covers it.
    """

    method: str
    path: str
    query: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    authority: str = "localhost"
    scheme: str = "https"
    certificate: Presented | None = field(default=None, repr=False)
    _by_name: dict[str, list[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name: dict[str, list[str]] = {}
        for name, value in self.headers:
            by_name.setdefault(name.lower(), []).append(value.strip(" \t"))
        object.__setattr__(self, "_by_name", by_name)

    def lines(self, name: str) -> list[str]:
        """All values of a header (lower-case name), in order, trimmed of surrounding white space."""
        return self._by_name.get(name, [])

    def is_plain(self) -> bool:
        """Whether authority, path and query are written so that every reader of the address splits it in the same way."""
        return (
            _AUTHORITY.fullmatch(self.authority) is not None
            and _PATH.fullmatch(self.path) is not None
            and _QUERY.fullmatch(self.query or "") is not None
        )

    def required_components(self, has_content: bool) -> frozenset[str]:
        """What a signature must cover at least, so that nothing of the request can be exchanged."""
        required = {"@method", "@path"}
        if self.query is not None:
            required.add("@query")
        if has_content or self.method in WITH_CONTENT:
            required |= {"content-digest", "content-type"}
        return frozenset(required)


@dataclass(frozen=True, slots=True)
class ReadSignature:
    """A signature over a default set: who signed when, the bytes that were signed, and the signature itself."""

    key_id: str
    created: int
    expires: int | None
    algorithm: str
    base: bytes = field(repr=False)
    signature: bytes = field(repr=False)


class Verifies(Protocol):
    """A public key that knows its algorithm."""

    def __call__(self, signature: bytes, base: bytes) -> bool: ...


def read_default(request: SignedRequest, has_content: bool) -> ReadSignature | None:
    """The signature of `request` when it covers exactly the default set in canonical writing; None for anything else."""
    inputs, signatures = request.lines("signature-input"), request.lines("signature")
    if len(inputs) != 1 or len(signatures) != 1:
        return None
    stated, given = _INPUT.fullmatch(inputs[0]), _SIGNATURE.fullmatch(signatures[0])
    if stated is None or given is None or stated["label"] != given["label"]:
        return None
    metadata = _metadata(stated["metadata"])
    covered = stated["covered"].replace('"', "").split(" ")
    required = request.required_components(has_content)
    if metadata is None or len(covered) != len(required) or frozenset(covered) != required:
        return None
    lines = [_base_line(request, component) for component in covered]
    signature = _from_base64(given["value"])
    if signature is None or "" in lines:
        return None
    lines.append(f'"@signature-params": {stated["params"]}')
    created, expires = metadata.get("created"), metadata.get("expires")
    if not isinstance(created, int) or "keyid" not in metadata:
        return None
    return ReadSignature(
        key_id=str(metadata["keyid"]),
        created=created,
        expires=expires if isinstance(expires, int) else None,
        algorithm=str(metadata.get("alg", "")),
        base="\n".join(lines).encode("ascii"),
        signature=signature,
    )


def _metadata(text: str) -> dict[str, int | str] | None:
    """The signature parameters; None when one is unknown, repeated or of the wrong type."""
    found: dict[str, int | str] = {}
    for name, number, string in _PARAMETER.findall(text):
        expected = _INTEGERS if number else _STRINGS
        if name not in expected or name in found:
            return None
        found[name] = int(number) if number else string
    return found


def _base_line(request: SignedRequest, component: str) -> str:
    """One line of the signature base (RFC 9421 2.5); empty when the value is not plain."""
    value, allowed = _component(request, component)
    if value is None or allowed.fullmatch(value) is None:
        return ""
    mark = "?" if component == "@query" else ""
    return f'"{component}": {mark}{value}'


def _component(request: SignedRequest, component: str) -> tuple[str | None, re.Pattern[str]]:
    if component == "@method":
        return request.method, _METHOD
    if component == "@path":
        return request.path, _PATH
    if component == "@query":
        return request.query, _QUERY
    lines = request.lines(component)
    return (lines[0] if len(lines) == 1 else None), _FIELD_VALUE


def _from_base64(text: str) -> bytes | None:
    """The bytes of canonical base64, None for any other writing."""
    try:
        decoded = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        return None
    return decoded if b64encode(decoded).decode("ascii") == text else None


def digest_matches(lines: list[str], body: bytes) -> bool:
    """Whether Content-Digest (RFC 9530) names the bytes of `body`: at least one digest, every one supported and right."""
    if len(lines) != 1:
        return False
    seen: set[str] = set()
    for member in lines[0].split(","):
        stated = _DIGEST_MEMBER.fullmatch(member.strip(" \t"))
        if stated is None or stated["name"] in seen or stated["name"] not in _DIGESTS:
            return False
        seen.add(stated["name"])
        if not hmac.compare_digest(stated["value"], _digest_text(stated["name"], body)):
            return False
    return bool(seen)


def stated_sha256(lines: list[str]) -> bytes | None:
    """The SHA-256 that Content-Digest states and nothing besides; None for anything else."""
    stated = _DIGEST_MEMBER.fullmatch(lines[0].strip(" \t")) if len(lines) == 1 else None
    if stated is None or stated["name"] != "sha-256":
        return None
    digest = _from_base64(stated["value"])
    return digest if digest is not None and len(digest) == hashlib.sha256().digest_size else None


def _digest_text(name: str, body: bytes) -> str:
    return b64encode(_DIGESTS[name](body).digest()).decode("ascii")


def verifies(public_key: PublicKey, signature: bytes, base: bytes) -> bool:
    """Whether `signature` over `base` was made with the private half of `public_key`."""
    try:
        if isinstance(public_key, rsa.RSAPublicKey):
            public_key.verify(signature, base, _PSS, _SHA512)
        elif isinstance(public_key, ec.EllipticCurvePublicKey):
            public_key.verify(_der(signature), base, _ECDSA)
        else:
            public_key.verify(signature, base)
    except InvalidSignature:
        return False
    return True


def _der(signature: bytes) -> bytes:
    """RFC 9421 3.3.4 writes r and s as 32 octets each; a DER signature is another encoding and therefore refused."""
    if len(signature) != 2 * _COORDINATE:
        raise InvalidSignature
    r, s = signature[:_COORDINATE], signature[_COORDINATE:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))


def load_public_key(pem: bytes, algorithm: Algorithm) -> PublicKey:
    """A public key fit for `algorithm`; raises `ConfigError` for another type, curve or size."""
    try:
        key = load_pem_public_key(pem)
    except ValueError as error:
        told = "không phải khóa công khai dạng PEM"
        if b"PRIVATE KEY" in pem:
            told = "đây là khóa riêng; hãy giữ nó ở nơi tạo ra nó và đưa tệp mà openssl pkey -in KHÓA.pem -pubout in ra"
        raise ConfigError((told,)) from error
    if isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey)):
        _check_fits(key, algorithm)
        return key
    raise ConfigError(("loại khóa này không được hỗ trợ",))


def fitting_algorithm(pem: bytes) -> Algorithm:
    """The algorithm that a public key is for; raises `ConfigError` for a key that none of ours fits."""
    algorithms: tuple[Algorithm, ...] = ("rsa-pss-sha512", "ecdsa-p256-sha256", "ed25519")
    told: list[str] = []
    for algorithm in algorithms:
        try:
            load_public_key(pem, algorithm)
        except ConfigError as error:
            told += [fault for fault in error.faults if "không khớp" not in fault]
        else:
            return algorithm
    raise ConfigError((told[0] if told else "chỉ nhận khóa RSA, ECDSA P-256 hoặc Ed25519",))


def public_key_print(key: PublicKey) -> str:
    """The SHA-256 (hex) of a key's SubjectPublicKeyInfo: the same key has the same print, whatever it is called."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _check_fits(key: PublicKey, algorithm: Algorithm) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        fits = algorithm == "rsa-pss-sha512"
        if fits and key.key_size < MIN_RSA_BITS:
            raise ConfigError((f"khóa RSA phải dài ít nhất {MIN_RSA_BITS} bit (khóa này: {key.key_size})",))
    elif isinstance(key, ec.EllipticCurvePublicKey):
        fits = algorithm == "ecdsa-p256-sha256" and isinstance(key.curve, ec.SECP256R1)
    else:
        fits = algorithm == "ed25519"
    if not fits:
        raise ConfigError((f"loại khóa không khớp thuật toán {algorithm}",))


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A caller's private key with the name by which the gateway knows its public half."""

    key_id: str
    algorithm: Algorithm
    private_key: PrivateKey = field(repr=False)

    @classmethod
    def load(cls, pem: bytes, key_id: str, algorithm: Algorithm | None = None) -> SigningKey:
        """From an unencrypted PEM file; raises `ConfigError` when the key does not fit `algorithm` (if told)."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as error:
            raise ConfigError(("không phải khóa riêng dạng PEM không mật khẩu",)) from error
        if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)):
            raise ConfigError(("loại khóa này không được hỗ trợ",))
        public = key.public_key()
        if algorithm is None:
            algorithm = fitting_algorithm(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        _check_fits(public, algorithm)
        return cls(key_id, algorithm, key)

    def sign(self, base: bytes) -> bytes:
        """The signature over `base` in the form of RFC 9421 3.3."""
        key = self.private_key
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(base, _PSS, _SHA512)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(key.sign(base, _ECDSA))
            return r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big")
        return key.sign(base)


def sign_request(method: str, target: str, body: bytes, key: SigningKey, created: int) -> dict[str, str]:
    """The headers that sign a request over the default set: to send as they are.

    `target` is the logical path with its query, percent-encoded; `created` is in seconds since the epoch. A request
    with content gets `Content-Type: application/json` and a SHA-256 `Content-Digest`.
    """
    stated = Stated("application/json", hashlib.sha256(body).digest()) if body or method in WITH_CONTENT else None
    return sign_head(method, target, stated, key, created)


@dataclass(frozen=True, slots=True)
class Stated:
    """What the head of a request says of its content: the media type and the SHA-256."""

    media_type: str
    sha256: bytes


def sign_head(method: str, target: str, stated: Stated | None, key: SigningKey, created: int) -> dict[str, str]:
    """The headers that sign a request whose content is known by its digest alone, as that of a large file is."""
    path, mark, query = target.partition("?")
    headers: dict[str, str] = {}
    if stated is not None:
        headers["Content-Type"] = stated.media_type
        headers["Content-Digest"] = f"sha-256=:{b64encode(stated.sha256).decode('ascii')}:"
    request = SignedRequest(method, path, query if mark else None, tuple(headers.items()))
    covered = sorted(request.required_components(stated is not None))
    names = " ".join(f'"{component}"' for component in covered)
    params = f'({names});created={created};keyid="{key.key_id}";alg="{key.algorithm}"'
    lines = [_base_line(request, component) for component in covered]
    if "" in lines:
        raise ValueError(f"cannot sign {method} {path}: not a plain request target")
    base = "\n".join([*lines, f'"@signature-params": {params}']).encode("ascii")
    headers["Signature-Input"] = f"sig1={params}"
    headers["Signature"] = f"sig1=:{b64encode(key.sign(base)).decode('ascii')}:"
    return headers


def as_request(method: str, target: str, headers: Mapping[str, str]) -> SignedRequest:
    """A `SignedRequest` from a target and single-valued headers, as a client or a test holds them."""
    path, mark, query = target.partition("?")
    return SignedRequest(method, path, query if mark else None, tuple(headers.items()))
