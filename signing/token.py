"""Keys on PKCS#11 tokens: one login, one thread for each library, and a way back when a session is lost.

The only door to pkcs11. The binding starts a library without locks (C_Initialize without arguments), so by PKCS#11 v2.40 5.4 only
one thread may call it: each library has exactly one, which all signers on it share, with one logged-in session for each token. A
wrong PIN is tried once and never again while the process lives, because tokens lock themselves. Sources: PKCS#11 v2.40 (base,
current mechanisms), RFC 8017 9.2 (DigestInfo), signing facts 6.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec, utils
from pkcs11 import MGF, Attribute, Mechanism, ObjectClass
from pkcs11 import exceptions as faults

from signing import der
from signing.algorithms import Scheme, SignatureAlgorithm, verifies
from signing.certificate import SigningKey, certificate_parts, signing_key
from signing.der import DerError
from signing.errors import KeyUnavailable, SigningError, Unusable
from signing.keys import algorithms_of, chain_above, check_request

_Answer = TypeVar("_Answer")

_PIN = (faults.PinIncorrect, faults.PinLocked, faults.PinExpired, faults.PinInvalid, faults.PinLenRange)
_HASHES = {
    "sha256": (Mechanism.SHA256, MGF.SHA256),
    "sha384": (Mechanism.SHA384, MGF.SHA384),
    "sha512": (Mechanism.SHA512, MGF.SHA512),
}
_MECHANISMS = {
    Scheme.RSA_PKCS1: Mechanism.RSA_PKCS,
    Scheme.RSA_PSS: Mechanism.RSA_PKCS_PSS,
    Scheme.ECDSA: Mechanism.ECDSA,
}
_NULL = der.encode(der.NULL, b"")


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Where a key lies: the vendor's library, the token by label or serial number, the key by label or id (CKA_ID) or both.

    `timeout_seconds`: how long one call may take before the key counts as unavailable; a queue of callers shares one token.
    """

    library: Path
    token_label: str = ""
    token_serial: str = ""
    key_label: str = ""
    key_id: bytes = b""
    timeout_seconds: float = 30.0


class TokenSigner:
    """A key on a token. Every value that comes back is verified before it is given out, so a wrong key signs nothing."""

    __slots__ = ("_algorithms", "_certificate", "_chain", "_line", "_pin", "_place", "_public")

    def __init__(self, place: TokenKey, pin: str, found: _Found) -> None:
        self._place = place
        self._pin = pin
        self._line = _line_of(place.library)
        self._certificate = found.certificate
        self._chain = found.chain
        self._public = found.public
        self._algorithms = found.algorithms

    @property
    def certificate(self) -> bytes:
        """The signer's certificate, DER."""
        return self._certificate

    @property
    def chain(self) -> tuple[bytes, ...]:
        """Certificates above it without the root, DER, nearest first."""
        return self._chain

    @property
    def algorithms(self) -> tuple[SignatureAlgorithm, ...]:
        """What this key and this token can do, the preferred one first."""
        return self._algorithms

    async def sign(self, digest: bytes, algorithm: SignatureAlgorithm) -> bytes:
        """The signature of a digest. Raises `Unusable` for what this key cannot do, `KeyUnavailable` when the token cannot."""
        check_request(digest, algorithm, self._algorithms)
        value = await self._line.ask(self._place, lambda: self._signed(digest, algorithm))
        if not verifies(self._public.key, algorithm, digest, value):
            raise KeyUnavailable("khoa_khong_khop_chung_thu", "Thiết bị ký bằng khóa khác với chứng thư số.")
        return value

    def _signed(self, digest: bytes, chosen: SignatureAlgorithm) -> bytes:
        key = self._line.key(self._place, self._pin)
        if chosen.scheme is Scheme.RSA_PKCS1:
            content = _digest_info(chosen, digest)
            return bytes(key.sign(content, mechanism=Mechanism.RSA_PKCS))
        if chosen.scheme is Scheme.RSA_PSS:
            function, mask = _HASHES[chosen.digest.name]
            return bytes(
                key.sign(digest, mechanism=Mechanism.RSA_PKCS_PSS, mechanism_param=(function, mask, chosen.salt))
            )
        return _der_of(bytes(key.sign(digest, mechanism=Mechanism.ECDSA)))

    def __repr__(self) -> str:
        return f"TokenSigner({self._place.token_label or self._place.token_serial!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a token's session stays in the process that opened it")


async def open_token(place: TokenKey, pin: str, certificates: Sequence[bytes] = ()) -> TokenSigner:
    """Logs in, finds the key and its certificate, and reads what the token can do.

    `certificates` (DER): the signer's first and the chain behind it; empty: those on the token. Raises `Unusable` (no such key,
    several, no certificate, a library that is none) or `KeyUnavailable` (token absent, PIN refused, no answer).
    """
    line = _line_of(place.library)
    found = await line.ask(place, lambda: _look(line, place, pin, certificates))
    return TokenSigner(place, pin, found)


@dataclass(frozen=True, slots=True)
class _Found:
    """What stands on the token."""

    certificate: bytes
    chain: tuple[bytes, ...]
    public: SigningKey
    algorithms: tuple[SignatureAlgorithm, ...]


@dataclass(slots=True)
class _Login:
    """A logged-in session, and the keys already found in it."""

    session: Any
    pin: str
    keys: dict[tuple[str, bytes], Any]


class _Line:
    """One library, its only thread, and what is open on it. Everything but `ask` runs in that thread."""

    def __init__(self, library: Path) -> None:
        self._library = library
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pkcs11")
        self._logins: dict[tuple[str, str], _Login] = {}
        self._refused: set[tuple[str, str, bytes]] = set()

    async def ask(self, place: TokenKey, call: Callable[[], _Answer]) -> _Answer:
        """The answer of a call to the library, made in its thread; once more after a new login where a session was lost."""
        loop = asyncio.get_running_loop()
        waiting = loop.run_in_executor(self._thread, self._tried, place, call)
        try:
            return await asyncio.wait_for(waiting, place.timeout_seconds)
        except TimeoutError:
            raise KeyUnavailable("thiet_bi_khong_tra_loi", "Thiết bị ký không trả lời kịp.") from None

    def key(self, place: TokenKey, pin: str) -> Any:
        """The private key, found once for each login."""
        login = self._login(place, pin)
        name = (place.key_label, place.key_id)
        if name not in login.keys:
            login.keys[name] = _private_key(login.session, place)
        return login.keys[name]

    def session(self, place: TokenKey, pin: str) -> Any:
        """The session of a token, logged in."""
        return self._login(place, pin).session

    def _tried(self, place: TokenKey, call: Callable[[], _Answer]) -> _Answer:
        try:
            return call()
        except SigningError:
            raise
        except (faults.PKCS11Error, OSError):
            self._forget(place)
        try:
            return call()
        except SigningError:
            raise
        except (faults.PKCS11Error, OSError) as fault:
            self._forget(place)
            message = f"Thiết bị ký không dùng được ({type(fault).__name__})."
            raise KeyUnavailable("thiet_bi_khong_dung_duoc", message) from None

    def _login(self, place: TokenKey, pin: str) -> _Login:
        name = (place.token_label, place.token_serial)
        known = self._logins.get(name)
        if known is not None and hmac.compare_digest(known.pin.encode(), pin.encode()):
            return known
        tried = (*name, hashlib.sha256(pin.encode()).digest())
        if known is not None or tried in self._refused:
            raise _pin_refused()
        token = _token(self._library, place)
        try:
            session = token.open(user_pin=pin)
        except faults.UserAlreadyLoggedIn:
            # Somebody else in this process is logged in, by another name of the same token; sessions share the login.
            session = token.open()
        except _PIN:
            self._refused.add(tried)
            raise _pin_refused() from None
        self._logins[name] = login = _Login(session, pin, {})
        return login

    def _forget(self, place: TokenKey) -> None:
        login = self._logins.pop((place.token_label, place.token_serial), None)
        if login is not None:
            try:
                login.session.close()
            except faults.PKCS11Error:
                return  # it was lost already


_lines: dict[Path, _Line] = {}
_lines_guard = threading.Lock()


def _line_of(library: Path) -> _Line:
    """The one line of a library in this process, by whatever path: the library itself is one for the process, too."""
    place = library.resolve()
    with _lines_guard:
        return _lines.setdefault(place, _Line(place))


def _pin_refused() -> KeyUnavailable:
    return KeyUnavailable("pin_bi_tu_choi", "Thiết bị ký từ chối mã PIN; không thử lại để thiết bị không bị khóa.")


def _token(library: Path, place: TokenKey) -> Any:
    try:
        module: Any = pkcs11.lib(str(library))
    except (faults.PKCS11Error, RuntimeError, OSError):
        raise Unusable("thu_vien_pkcs11_khong_mo_duoc", f"Không mở được thư viện PKCS#11 {library.name}.") from None
    wanted = {"token_label": place.token_label, "token_serial": place.token_serial.encode("ascii")}
    tokens = list(module.get_tokens(**{name: value for name, value in wanted.items() if value}))
    if not tokens:
        raise KeyUnavailable("khong_thay_thiet_bi", "Không thấy thiết bị ký; hãy cắm thiết bị.")
    if len(tokens) > 1:
        raise Unusable("thiet_bi_khong_duy_nhat", "Có nhiều thiết bị ký cùng tên; hãy nêu số sê-ri.")
    return tokens[0]


def _private_key(session: Any, place: TokenKey) -> Any:
    wanted: dict[Attribute, Any] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
    if place.key_label:
        wanted[Attribute.LABEL] = place.key_label
    if place.key_id:
        wanted[Attribute.ID] = place.key_id
    keys = list(session.get_objects(wanted))
    if len(keys) != 1:
        raise Unusable("khoa_khong_duy_nhat", f"Thiết bị có {len(keys)} khóa riêng khớp tên; cần đúng một.")
    return keys[0]


def _look(line: _Line, place: TokenKey, pin: str, certificates: Sequence[bytes]) -> _Found:
    session, key = line.session(place, pin), line.key(place, pin)
    if certificates:
        certificate, pool = certificates[0], tuple(certificates[1:])
    else:
        stored = [(bytes(one[Attribute.ID]), bytes(one[Attribute.VALUE])) for one in _certificates(session)]
        own = [value for name, value in stored if name == bytes(key[Attribute.ID])]
        if len(own) != 1:
            raise Unusable(
                "thieu_chung_thu_tren_thiet_bi", f"Thiết bị có {len(own)} chứng thư số của khóa; cần đúng một."
            )
        certificate, pool = own[0], tuple(value for _, value in stored)
    try:
        public = signing_key(certificate_parts(certificate).public_key)
    except DerError:
        public = None
    if public is None:
        raise Unusable("chung_thu_khong_doc_duoc", "Chứng thư số của khóa không đọc được.")
    able = set(session.token.slot.get_mechanisms())
    algorithms = tuple(one for one in algorithms_of(public.key) if _MECHANISMS[one.scheme] in able)
    if not _same_kind(public, key) or not algorithms:
        raise Unusable("chung_thu_khong_khop_khoa", "Khóa trên thiết bị không cùng loại với chứng thư số.")
    return _Found(certificate, chain_above(certificate, pool), public, algorithms)


def _certificates(session: Any) -> Iterable[Any]:
    return list(session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}))


def _same_kind(public: SigningKey, key: Any) -> bool:
    wanted = pkcs11.KeyType.EC if isinstance(public.key, ec.EllipticCurvePublicKey) else pkcs11.KeyType.RSA
    return bool(key.key_type == wanted)


def _digest_info(chosen: SignatureAlgorithm, digest: bytes) -> bytes:
    """DigestInfo, which CKM_RSA_PKCS pads and signs (RFC 8017 9.2)."""
    function = der.sequence(der.encode_oid(chosen.digest.oid), _NULL)
    return der.sequence(function, der.encode(der.OCTET_STRING, digest))


def _der_of(raw: bytes) -> bytes:
    """r||s, as tokens give it, in DER, as CMS and X.509 want it (signing facts 6)."""
    half = len(raw) // 2
    return utils.encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
