"""Who signs: one async protocol for keys in a file, on a token, or far away. Only raw signatures over digests come out.

A key file is opened once and the key object kept: opening it for each signature costs 45 to 190 ms (signing facts 6, 9.3). The
key never leaves the process that opened it. Sources: RFC 7292 (PKCS#12), RFC 5958 (PKCS#8), TT 15/2025/TT-BKHCN annex (sizes).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs12

from signing.algorithms import Scheme, SignatureAlgorithm, algorithm, signature_over
from signing.certificate import CertificateParts, certificate_parts, signing_key
from signing.der import DerError
from signing.errors import Unusable, reason_vi

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_PEM = re.compile(rb"-----BEGIN [A-Z0-9 ]+-----\r?\n.*?-----END [A-Z0-9 ]+-----", re.DOTALL)

_MIN_RSA_BITS = 2048
_CURVES = {"secp256r1": "sha256", "secp384r1": "sha384", "secp521r1": "sha512"}
_SHARED = stat.S_IRWXG | stat.S_IRWXO
_MAX_CHAIN = 8
_DER = b"\x30"


class Signer(Protocol):
    """One signing key with its certificate. Raises `KeyUnavailable` when it cannot sign now."""

    @property
    def certificate(self) -> bytes:
        """The signer's certificate, DER."""

    @property
    def chain(self) -> tuple[bytes, ...]:
        """Certificates above it without the root, DER, nearest first."""

    @property
    def algorithms(self) -> tuple[SignatureAlgorithm, ...]:
        """What this key can do, the preferred one first."""

    async def sign(self, digest: bytes, algorithm: SignatureAlgorithm) -> bytes:
        """The signature of a digest that was computed with `algorithm.digest`; ECDSA values are DER (r, s)."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Where a key is kept: PKCS#12, or PEM with the key (told apart by content); certificates in it or in `certificates`.

    `shared`: accept a file that others than its owner may read; without it such a file is refused.
    """

    path: Path
    certificates: Path | None = None
    shared: bool = False


class FileSigner:
    """A key from a file, held in memory. RSA signs in a thread, so that the event loop goes on; ECDSA is quicker than one."""

    __slots__ = ("_algorithms", "_certificate", "_chain", "_key")

    def __init__(self, key: PrivateKey, certificate: bytes, chain: tuple[bytes, ...]) -> None:
        self._key = key
        self._certificate = certificate
        self._chain = chain
        self._algorithms = algorithms_of(key.public_key())

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
        """What this key can do, the preferred one first."""
        return self._algorithms

    async def sign(self, digest: bytes, algorithm: SignatureAlgorithm) -> bytes:
        """The signature of a digest. Raises `Unusable` for a digest or an algorithm that is not this key's."""
        check_request(digest, algorithm, self._algorithms)
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return signature_over(self._key, algorithm, digest)
        return await asyncio.to_thread(signature_over, self._key, algorithm, digest)

    def __repr__(self) -> str:
        return f"FileSigner({len(self._chain)} above)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key stays in the process that opened it")


def open_key(place: KeyFile, passphrase: bytes | None = None) -> FileSigner:
    """The signer in a file. Raises `Unusable`: unreadable, open to others, wrong passphrase, weak, no certificate of its own."""
    content = _private(place)
    if content.startswith(_DER):
        key, pool = _from_pkcs12(content, passphrase)
    else:
        key, pool = _from_pem(content, passphrase), _certificates_in(content)
    if place.certificates is not None:
        pool += _certificates_in(_read(place.certificates))
    certificate = _certificate_of(key, pool)
    return FileSigner(key, certificate, chain_above(certificate, pool))


def algorithms_of(key: PublicKey) -> tuple[SignatureAlgorithm, ...]:
    """What a key of this kind and size may write, the preferred one first; PKCS#1 v1.5 before PSS until partners read it.

    Raises `Unusable` for one that must not sign (TT 15/2025/TT-BKHCN annex: RSA of 2048 bits, curves of 256).
    """
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _MIN_RSA_BITS:
            raise Unusable("khoa_qua_yeu", f"Khóa RSA {key.key_size} bit quá ngắn để ký; cần ít nhất {_MIN_RSA_BITS}.")
        schemes = (Scheme.RSA_PKCS1, Scheme.RSA_PSS)
        return tuple(algorithm(scheme, digest) for digest in ("sha256", "sha384", "sha512") for scheme in schemes)
    if key.curve.name not in _CURVES:
        raise Unusable("khoa_qua_yeu", f"Đường cong {key.curve.name} không được dùng để ký.")
    preferred = _CURVES[key.curve.name]
    return tuple(algorithm(Scheme.ECDSA, digest) for digest in dict.fromkeys((preferred, "sha256", "sha384", "sha512")))


def check_request(digest: bytes, chosen: SignatureAlgorithm, able: Sequence[SignatureAlgorithm]) -> None:
    """Raises `Unusable` when a signer is asked for what it cannot do."""
    if chosen not in able:
        raise Unusable("khoa_khong_ho_tro_thuat_toan", f"Khóa này không ký được bằng {chosen.name}.")
    if len(digest) != chosen.digest.size:
        raise Unusable("gia_tri_bam_sai_do_dai", "Giá trị băm không đúng độ dài của thuật toán.")


def chain_above(certificate: bytes, pool: Sequence[bytes]) -> tuple[bytes, ...]:
    """Those of the pool that lead from a certificate upwards by name, nearest first, no root; what does not belong stays out."""
    by_subject = {parts.subject: one for one in reversed(pool) if (parts := _parts(one)) is not None}
    chain: list[bytes] = []
    parts = _parts(certificate)
    while parts is not None and parts.issuer != parts.subject and len(chain) < _MAX_CHAIN:
        above = by_subject.get(parts.issuer)
        parts = _parts(above) if above is not None else None
        if above is None or parts is None or parts.issuer == parts.subject or above in chain:
            break
        chain.append(above)
    return tuple(chain)


def _parts(certificate: bytes) -> CertificateParts | None:
    try:
        return certificate_parts(certificate)
    except DerError:
        return None


def _private(place: KeyFile) -> bytes:
    """The content of a key file that only its owner may read (signing facts 6: mode 0600)."""
    content = _read(place.path)
    if not place.shared and stat.S_IMODE(place.path.stat().st_mode) & _SHARED:
        raise Unusable("tep_khoa_ho_quyen", f"Tệp khóa {place.path.name} cho người khác đọc; hãy đặt quyền 0600.")
    return content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise Unusable("tep_khoa_khong_doc_duoc", f"Không đọc được tệp {path.name} ({reason_vi(fault)}).") from None


def _from_pkcs12(content: bytes, passphrase: bytes | None) -> tuple[PrivateKey, list[bytes]]:
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(content, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _unopened() from None
    found = [certificate, *others] if certificate is not None else others
    return _usable(key), [one.public_bytes(Encoding.DER) for one in found]


def _from_pem(content: bytes, passphrase: bytes | None) -> PrivateKey:
    blocks = [block for block in _PEM.findall(content) if b"PRIVATE KEY-----" in block]
    if len(blocks) != 1:
        raise Unusable("tep_khoa_khong_mot_khoa", f"Tệp khóa có {len(blocks)} khóa riêng; cần đúng một.")
    try:
        return _usable(load_pem_private_key(blocks[0], passphrase))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _unopened() from None


def _usable(key: object) -> PrivateKey:
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise Unusable("khoa_khong_ho_tro", "Khóa không phải RSA hay ECDSA.")
    return key


def _unopened() -> Unusable:
    return Unusable("khoa_khong_mo_duoc", "Không mở được khóa: tệp hỏng hoặc mật khẩu sai.")


def _certificates_in(content: bytes) -> list[bytes]:
    """Every certificate of a PEM file, or the one of a DER file."""
    if content.startswith(_DER):
        return [content]
    blocks = (block for block in _PEM.findall(content) if b"BEGIN CERTIFICATE-----" in block)
    try:
        return [base64.b64decode(b"".join(block.splitlines()[1:-1]), validate=True) for block in blocks]
    except binascii.Error:
        raise Unusable("chung_thu_khong_doc_duoc", "Chứng thư số trong tệp không đọc được.") from None


def _certificate_of(key: PrivateKey, pool: Sequence[bytes]) -> bytes:
    """The one certificate of the pool that carries the key's public half; equal ones count once."""
    public = key.public_key()
    found = [one for one in dict.fromkeys(pool) if (parts := _parts(one)) and _same(parts, public)]
    if len(found) != 1:
        said = f"Có {len(found)} chứng thư số khớp với khóa; cần đúng một, trong tệp khóa hoặc tệp chuỗi (--chain, chain_file)."
        raise Unusable("chung_thu_khong_khop_khoa", said)
    return found[0]


def _same(parts: CertificateParts, public: PublicKey) -> bool:
    known = signing_key(parts.public_key)
    return known is not None and known.key == public


def certificates_of(path: Path) -> tuple[bytes, ...]:
    """The certificates (DER) in a file: any number in PEM, or one in DER. Raises `Unusable`."""
    return tuple(_certificates_in(_read(path)))
