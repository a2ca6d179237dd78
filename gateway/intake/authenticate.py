"""Who calls: a message signature by a registered key, or a pinned client certificate, of a system whose consent holds.

The default covered set is read by our own strict reader (`signature.py`); every other set and every other spelling is
verified by the library, which is imported here and nowhere else in the gateway. Strangers learn that they were refused
and by which rule: whether a key id is registered too, since it is a name that every request shows and no secret, and a
developer who misspelt it must be told. Sources: RFC 9421, RFC 9440, RFC 9530, dossier-model facts 4.1, QĐ 3036 Điều 5.7.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
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

from gateway.config import CallerRecord, Loaded
from gateway.errors import IntakeError, Unauthenticated
from gateway.evidence.original import KEPT_HEADERS
from gateway.intake.certificates import Certificate, Network, networks, presented, read_certificate, valid
from gateway.intake.entitlement import Proof
from gateway.intake.register import Register, RegisteredKey
from gateway.intake.signature import PublicKey, ReadSignature, SignedRequest, digest_matches, read_default, verifies
from gateway.records import consents

_ALGORITHMS = {
    "rsa-pss-sha512": algorithms.RSA_PSS_SHA512,
    "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
    "ed25519": algorithms.ED25519,
}
_KEY_ID = re.compile(r';keyid="([^"\\]{1,128})"')


@dataclass(frozen=True, slots=True)
class Caller:
    """Hệ thống gọi, authenticated. `fresh` False: the signature is old, which is lawful only for what is stored already.

    A client that lost our 202 repeats the very same signed bytes (dossier-model facts 4.1); whoever accepts must
    refuse with `not_fresh()` unless the same content was stored before. `proof` is what vouched for the request, to be
    judged again in the transaction; `refusal` says why the view of the register would not let the system speak now.
    """

    system_code: str
    role: str
    key_id: str
    fresh: bool
    record: CallerRecord = field(repr=False)
    proof: Proof = field(default=Proof(), repr=False)
    refusal: IntakeError | None = field(default=None, repr=False)


class UnknownCredential(Unauthenticated):
    """Chưa biết khóa hay chứng thư này."""

    def __init__(self, message_vi: str, *, code: str, credentials: Iterable[str]) -> None:
        """`credentials`: every name under which the register may know what was shown."""
        self.credentials = tuple(credentials)
        super().__init__(message_vi, code=code)


class _Resolver(HTTPSignatureKeyResolver):
    """The registered keys of one algorithm, for the library; it sees the register as it is now."""

    def __init__(self, register: Register, algorithm: str) -> None:
        self._register, self._algorithm = register, algorithm

    def resolve_public_key(self, key_id: str) -> PublicKey | None:
        key = self._register.key(key_id)
        return key.public_key if key is not None and key.algorithm == self._algorithm else None


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
    """Authenticates requests against the register. Pure apart from the cryptography: `now` is passed in.

    `proxies` are the networks whose `Client-Cert` header is believed (RFC 9440).
    """

    register: Register
    max_skew_s: int
    path_prefix: str = ""
    proxies: tuple[Network, ...] = ()
    _library: Mapping[str, HTTPMessageVerifier] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_algorithm = {
            name: _Verifier(signature_algorithm=algorithm, key_resolver=_Resolver(self.register, name))
            for name, algorithm in _ALGORITHMS.items()
        }
        object.__setattr__(self, "_library", by_algorithm)

    @classmethod
    def load(cls, loaded: Loaded, register: Register | None = None) -> Authenticator:
        """From the settings; raises `ConfigError` that names every unfit key and every unfit address."""
        intake, listen = loaded.settings.intake, loaded.settings.listen.internal
        known = Register.load(loaded) if register is None else register
        return cls(known, intake.max_skew_s, intake.logical_path_prefix, networks(listen.trusted_proxies))

    def parts(self, request: web.BaseRequest) -> SignedRequest:
        """What a signature covers of a request as it came in; the logical prefix restores what an LGSP took off.

        Of a target in absolute form (RFC 9112 3.2.2) the path is taken that the router takes. Raises `IntakeError` for a
        `Client-Cert` header that is not to be believed, and for a header that no evidence could be kept of.
        """
        if any(not value.isascii() and name.lower() in KEPT_HEADERS for name, value in request.headers.items()):
            raise IntakeError("Tiêu đề của yêu cầu chỉ được dùng chữ ASCII.", code="malformed", status=400)
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
            certificate=presented(request, self.proxies),
        )

    def certified(self, request: web.BaseRequest) -> str:
        """The system whose pinned certificate came with a request, for the trail; empty when there is none to believe."""
        try:
            found = presented(request, self.proxies)
            certificate = read_certificate(found.der) if found is not None else None
        except IntakeError:
            return ""
        return self.register.pinned(_proof("", certificate)) if certificate is not None else ""

    def authenticate(self, request: SignedRequest, body: bytes, now: datetime) -> Caller:
        """The caller behind a request that may speak now; raises `Unauthenticated`, or `Forbidden` without consent."""
        caller = self.identify(request, body, now)
        if caller.refusal is not None:
            raise caller.refusal
        return caller

    def identify(self, request: SignedRequest, body: bytes, now: datetime) -> Caller:
        """The caller behind a request, whose `refusal` may say that it may not speak now; raises `Unauthenticated`.

        For whoever judges again in its own transaction, and answers repeats of what was stored while it was lawful.
        """
        if not _is_signed(request) and request.certificate is None:
            raise missing_signature()
        has_content = bool(body)
        digests = request.lines("content-digest")
        if (digests or "content-digest" in request.required_components(has_content)) and not digest_matches(
            digests, body
        ):
            raise bad_digest()
        return self._identified(request, now, has_content=has_content)

    def identify_head(self, request: SignedRequest, now: datetime) -> Caller:
        """The caller behind a request whose content is still to come; what it states of the content is signed.

        Whoever takes the content compares it with the digest that was stated, and refuses with `bad_digest()`.
        """
        if not request.lines("content-digest"):
            # Who has not said who he is learns that first.
            raise bad_digest() if _is_signed(request) or request.certificate is not None else missing_signature()
        return self._identified(request, now, has_content=True)

    def _identified(self, request: SignedRequest, now: datetime, *, has_content: bool) -> Caller:
        """Who signed, or whose certificate came; the digest is not looked at."""
        certificate = valid(request.certificate, now) if request.certificate is not None else None
        if not _is_signed(request):
            if certificate is None:
                raise missing_signature()
            return self._by_certificate(certificate, now)
        verified = self._verify(request, has_content)
        fresh = self._freshness(verified, now)
        return self._caller(verified.key.system_code, _proof(verified.key.key_id, certificate), now, fresh=fresh)

    def _by_certificate(self, certificate: Certificate, now: datetime) -> Caller:
        """The caller that a client certificate alone stands for. Its connection is of now, so the request is fresh."""
        proof = _proof("", certificate)
        system_code = self.register.pinned(proof)
        if not system_code:
            raise UnknownCredential(
                "Yêu cầu chưa được ký, và chứng thư máy khách chưa được đăng ký cho hệ thống nào.",
                code="unknown_certificate",
                credentials=sorted(proof.pins()),
            )
        return self._caller(system_code, proof, now, fresh=True)

    def _caller(self, system_code: str, proof: Proof, now: datetime, *, fresh: bool) -> Caller:
        """The caller, unless its certificate is another system's: two identities in one request are none."""
        if proof.key_id and proof.certificate and self.register.pinned(proof) not in ("", system_code):
            raise Unauthenticated(
                "Chứng thư máy khách thuộc một hệ thống khác với khóa ký.", code="certificate_mismatch"
            )
        standing = self.register.standing(system_code, proof, now)
        role = standing.record.role
        return Caller(system_code, role, proof.key_id, fresh, standing.record, proof, standing.refusal)

    def _verify(self, request: SignedRequest, has_content: bool) -> _Verified:
        """The good signature of a request; raises `Unauthenticated`."""
        if not request.lines("signature-input") or not request.lines("signature"):
            raise missing_signature()
        read = read_default(request, has_content)
        return self._verify_ours(read) if read else self._verify_other(request, has_content)

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
        raise self._unverified(request)

    def _unverified(self, request: SignedRequest) -> Unauthenticated:
        """No key that the view knows verifies it; whether the key is known at all is not told apart, only looked up."""
        named = _KEY_ID.search(",".join(request.lines("signature-input")))
        if named is None or self.register.key(named.group(1)) is not None:
            return _bad_signature()
        told = _bad_signature()
        return UnknownCredential(told.message_vi, code=told.code, credentials=(consents.key_name(named.group(1)),))

    def _key(self, key_id: str) -> RegisteredKey:
        key = self.register.key(key_id)
        if key is None:
            raise UnknownCredential(
                "Khóa ký chưa được đăng ký.", code="unknown_key", credentials=(consents.key_name(key_id),)
            )
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


def _is_signed(request: SignedRequest) -> bool:
    """Whether the request claims a signature, whole or in part: then it must be a good one."""
    return bool(request.lines("signature-input") or request.lines("signature"))


def bad_digest() -> Unauthenticated:
    """The refusal of content that is not what its Content-Digest states."""
    return Unauthenticated("Content-Digest thiếu hoặc không khớp với nội dung.", code="bad_digest")


def missing_signature() -> Unauthenticated:
    """The refusal of a request that carries neither a signature nor a certificate."""
    return Unauthenticated(
        "Yêu cầu chưa được ký; hãy ký theo HTTP Message Signatures (RFC 9421).", code="missing_signature"
    )


def _proof(key_id: str, certificate: Certificate | None) -> Proof:
    if certificate is None:
        return Proof(key_id)
    return Proof(key_id, certificate.certificate, certificate.spki)


def not_fresh() -> Unauthenticated:
    """The refusal of an old signature over something that was never stored."""
    return Unauthenticated("Chữ ký đã quá hạn; hãy ký lại với thời điểm hiện tại.", code="signature_expired")


def _bad_signature() -> Unauthenticated:
    return Unauthenticated("Chữ ký không đúng với yêu cầu này.", code="bad_signature")


def _wrong_algorithm() -> Unauthenticated:
    return Unauthenticated("Thuật toán ký không khớp với khóa đã đăng ký.", code="wrong_algorithm")


def _covered(elements: Mapping[str, str]) -> frozenset[str]:
    """Names covered whole; a component with parameters (one member, another spelling) does not count for its name."""
    return frozenset(name[1:-1] for name in elements if ";" not in name)
