"""Who calls: an HTTP message signature by a registered key, over this very request, by a system whose consent holds.

The default covered set is read by our own strict reader (`signature.py`); every other set and every other spelling is
verified by the library, which is imported here and nowhere else in the gateway. Strangers learn that they were refused
and by which rule: whether a key id is registered too, since it is a name that every request shows and no secret, and a
developer who misspelt it must be told. Sources: RFC 9421, RFC 9530, dossier-model facts 4.1, QĐ 3036 Điều 5.7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)

from gateway.clock import LOCAL_ZONE
from gateway.config import CallerRecord, Loaded
from gateway.errors import ConfigError, Forbidden, Unauthenticated
from gateway.intake.signature import (
    Algorithm,
    PublicKey,
    ReadSignature,
    SignedRequest,
    digest_matches,
    load_public_key,
    read_default,
    verifies,
)

_ALGORITHMS = {
    "rsa-pss-sha512": algorithms.RSA_PSS_SHA512,
    "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
    "ed25519": algorithms.ED25519,
}
EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class Caller:
    """Hệ thống gọi, authenticated. `fresh` False: the signature is old, which is lawful only for what is stored already.

    A client that lost our 202 repeats the very same signed bytes (dossier-model facts 4.1); whoever accepts must
    refuse with `not_fresh()` unless the same content was stored before.
    """

    system_code: str
    role: str
    key_id: str
    fresh: bool
    record: CallerRecord = field(repr=False)


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A public key in the register, parsed once at start."""

    system_code: str
    key_id: str
    algorithm: Algorithm
    public_key: PublicKey = field(repr=False)
    record: CallerRecord = field(repr=False)


@dataclass(frozen=True, slots=True)
class Callers:
    """The register of calling systems by `keyid`."""

    keys: Mapping[str, RegisteredKey]

    @classmethod
    def load(cls, loaded: Loaded) -> Callers:
        """Read every key file of the settings; raises `ConfigError` that names every bad one."""
        keys: dict[str, RegisteredKey] = {}
        faults: list[str] = []
        for system_code, record in loaded.settings.callers.items():
            for key_id, stated in record.keys.items():
                where = f"callers.{system_code}.keys.{key_id}"
                if key_id in keys:
                    faults.append(f"{where}: keyid đã được hệ thống {keys[key_id].system_code} dùng")
                    continue
                try:
                    public_key = load_public_key(loaded.path(stated.file).read_bytes(), stated.algorithm)
                except OSError as error:
                    faults.append(f"{where}: không đọc được tệp khóa {stated.file} ({error.strerror})")
                except ConfigError as error:
                    faults.extend(f"{where}: {fault}" for fault in error.faults)
                else:
                    keys[key_id] = RegisteredKey(system_code, key_id, stated.algorithm, public_key, record)
                    faults.extend(_shared(keys, keys[key_id], where))
        if faults:
            raise ConfigError(tuple(faults))
        return cls(keys)


def _shared(keys: Mapping[str, RegisteredKey], new: RegisteredKey, where: str) -> Iterator[str]:
    """The fault of a key that another system holds too: what it signs would prove nothing about who signed."""
    for known in keys.values():
        if known.system_code != new.system_code and known.public_key == new.public_key:
            yield f"{where}: khóa công khai này đã đăng ký cho hệ thống {known.system_code}; mỗi hệ thống cần khóa riêng"


class _Resolver(HTTPSignatureKeyResolver):
    """The registered keys of one algorithm, for the library."""

    def __init__(self, keys: Mapping[str, PublicKey]) -> None:
        self._keys = keys

    def resolve_public_key(self, key_id: str) -> PublicKey | None:
        return self._keys.get(key_id)


class _Verifier(HTTPMessageVerifier):
    """The library's verifier; times are judged by us, with the clock that was passed in."""

    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        """Nothing here: see `Authenticator._freshness`."""


class _Headers:
    """Field lines as the library reads them: `items()` in the order of the wire."""

    def __init__(self, lines: tuple[tuple[str, str], ...]) -> None:
        self._lines = lines

    def items(self) -> tuple[tuple[str, str], ...]:
        return self._lines


class _Message:
    """A request as the library reads it."""

    def __init__(self, request: SignedRequest) -> None:
        suffix = "" if request.query is None else f"?{request.query}"
        self.method = request.method
        self.url = f"{request.scheme}://{request.authority}{request.path}{suffix}"
        self.headers = _Headers(request.headers)


@dataclass(frozen=True, slots=True)
class _Verified:
    """What a good signature says about itself."""

    key: RegisteredKey
    created: int | None
    expires: int | None


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Authenticates requests against the register. Pure apart from the cryptography: `now` is passed in."""

    callers: Callers
    max_skew_s: int
    path_prefix: str = ""
    _library: Mapping[str, HTTPMessageVerifier] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_algorithm = {name: _library_verifier(name, self.callers) for name in _ALGORITHMS}
        object.__setattr__(self, "_library", by_algorithm)

    @classmethod
    def load(cls, loaded: Loaded) -> Authenticator:
        """From the settings; raises `ConfigError` that names every unfit key."""
        intake = loaded.settings.intake
        return cls(Callers.load(loaded), intake.max_skew_s, intake.logical_path_prefix)

    def parts(self, request: web.BaseRequest) -> SignedRequest:
        """What a signature covers of a request as it came in; the logical prefix restores what an LGSP took off.

        Of a target in absolute form (RFC 9112 3.2.2) the path is taken that the router takes.
        """
        path, mark, query = request.raw_path.partition("?")
        if not path.startswith("/"):
            path = request.rel_url.raw_path
        return SignedRequest(
            method=request.method,
            path=self.path_prefix + path,
            query=query if mark else None,
            headers=tuple(request.headers.items()),
            authority=request.host,
            scheme=request.scheme,
        )

    def authenticate(self, request: SignedRequest, body: bytes, now: datetime) -> Caller:
        """The caller behind a request; raises `Unauthenticated`, or `Forbidden` when its consent does not hold."""
        _check_signed(request)
        has_content = bool(body)
        digests = request.lines("content-digest")
        if (digests or "content-digest" in request.required_components(has_content)) and not digest_matches(
            digests, body
        ):
            raise bad_digest()
        return self._caller(request, now, has_content=has_content)

    def authenticate_head(self, request: SignedRequest, now: datetime) -> Caller:
        """The caller behind a request whose content is still to come; what it states of the content is signed.

        Whoever takes the content compares it with the digest that was stated, and refuses with `bad_digest()`.
        """
        _check_signed(request)
        if not request.lines("content-digest"):
            raise bad_digest()
        return self._caller(request, now, has_content=True)

    def _caller(self, request: SignedRequest, now: datetime, *, has_content: bool) -> Caller:
        """Who signed; the digest is not looked at."""
        read = read_default(request, has_content)
        verified = self._verify_ours(read) if read else self._verify_other(request, has_content)
        fresh = self._freshness(verified, now)
        check_consent(verified.key.record, now)
        key = verified.key
        return Caller(key.system_code, key.record.role, key.key_id, fresh, key.record)

    def _verify_ours(self, read: ReadSignature) -> _Verified:
        key = self._key(read.key_id)
        if read.algorithm and read.algorithm != key.algorithm:
            raise _wrong_algorithm()
        if not verifies(key.public_key, read.signature, read.base):
            raise _bad_signature()
        return _Verified(key, read.created, read.expires)

    def _verify_other(self, request: SignedRequest, has_content: bool) -> _Verified:
        """Another covered set, or the default one in another spelling: the library judges, then our policy.

        It reads path and query out of one address; an authority with a slash in it would move the signed path elsewhere.
        """
        if not request.is_plain():
            raise _bad_signature()
        message = _Message(request)
        for verifier in self._library.values():
            try:
                (result,) = verifier.verify(message, max_age=None)
            except HTTPMessageSignaturesException:
                continue
            missing = request.required_components(has_content) - _covered(result.covered_components)
            if missing:
                names = ", ".join(f'"{name}"' for name in sorted(missing))
                raise Unauthenticated(f"Chữ ký phải bao phủ cả {names}.", code="uncovered_component")
            created, expires = result.parameters.get("created"), result.parameters.get("expires")
            return _Verified(
                self._key(str(result.parameters["keyid"])),
                created if isinstance(created, int) else None,
                expires if isinstance(expires, int) else None,
            )
        raise _bad_signature()

    def _key(self, key_id: str) -> RegisteredKey:
        key = self.callers.keys.get(key_id)
        if key is None:
            raise Unauthenticated("Khóa ký chưa được đăng ký.", code="unknown_key")
        return key

    def _freshness(self, verified: _Verified, now: datetime) -> bool:
        """Whether the signature is of now. One from the future, and one past its own `expires`, are refused at once."""
        if verified.created is None:
            raise Unauthenticated('Chữ ký phải có tham số "created".', code="missing_created")
        seconds = now.timestamp()
        if verified.created > seconds + self.max_skew_s:
            raise Unauthenticated(
                "Chữ ký ghi thời điểm trong tương lai; hãy chỉnh đồng hồ của hệ thống gọi.",
                code="signature_not_yet_valid",
            )
        if verified.expires is not None and verified.expires < seconds:
            raise not_fresh()
        return seconds - verified.created <= self.max_skew_s


def _check_signed(request: SignedRequest) -> None:
    if not request.lines("signature-input") or not request.lines("signature"):
        raise Unauthenticated(
            "Yêu cầu chưa được ký; hãy ký theo HTTP Message Signatures (RFC 9421).", code="missing_signature"
        )


def bad_digest() -> Unauthenticated:
    """The refusal of content that is not what its Content-Digest states."""
    return Unauthenticated("Content-Digest thiếu hoặc không khớp với nội dung.", code="bad_digest")


def not_fresh() -> Unauthenticated:
    """The refusal of an old signature over something that was never stored."""
    return Unauthenticated("Chữ ký đã quá hạn; hãy ký lại với thời điểm hiện tại.", code="signature_expired")


def _bad_signature() -> Unauthenticated:
    return Unauthenticated("Chữ ký không đúng với yêu cầu này.", code="bad_signature")


def _wrong_algorithm() -> Unauthenticated:
    return Unauthenticated("Thuật toán ký không khớp với khóa đã đăng ký.", code="wrong_algorithm")


def _library_verifier(algorithm: str, callers: Callers) -> HTTPMessageVerifier:
    keys = {name: key.public_key for name, key in callers.keys.items() if key.algorithm == algorithm}
    return _Verifier(signature_algorithm=_ALGORITHMS[algorithm], key_resolver=_Resolver(keys))


def _covered(elements: Mapping[str, str]) -> frozenset[str]:
    """Names covered whole; a component with parameters (one member, another spelling) does not count for its name."""
    return frozenset(name[1:-1] for name in elements if ";" not in name)


def check_consent(record: CallerRecord, now: datetime) -> None:
    """Raise `Forbidden` unless the consent of the system's owner holds today in Viet Nam (QĐ 3036 Điều 5.7)."""
    if record.role == "sector" and not record.consent_no:
        raise Forbidden("Chưa có văn bản đồng ý kết nối của chủ quản hệ thống.", code="consent_missing")
    today = now.astimezone(LOCAL_ZONE).date()
    if record.consent_date is not None and today < record.consent_date:
        raise Forbidden("Văn bản đồng ý kết nối chưa có hiệu lực.", code="consent_missing")
    if record.valid_to is not None and record.valid_to < today:
        raise Forbidden("Văn bản đồng ý kết nối đã hết hiệu lực; hãy gia hạn.", code="consent_expired")
