"""The keys that the gateway signs with: opened once, each under its custody: for what, for whom, how often.

Only this process holds them. A key that is asked for what its custody does not allow refuses before anything is read
(signing facts 6). Nothing here, and no error of it, ever shows a passphrase, a PIN or a path to one.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from connectors.kit.secrets import SecretRef
from gateway.config import Loaded, SigningKey
from gateway.config.loading import secret
from gateway.errors import ConfigError
from signing.algorithms import SignatureAlgorithm
from signing.errors import SigningError, Unusable
from signing.keys import KeyFile, Signer, certificates_of, open_key
from signing.making import Profile
from signing.model import TrustDomain
from signing.token import TokenKey, open_token

_SHARED = stat.S_IRWXG | stat.S_IRWXO
EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a key is asked for: by which system, in which profile, for a dossier of these procedures, a document of this kind."""

    system: str
    profile: Profile
    procedures: tuple[str, ...]
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A configured key, opened."""

    name: str
    custody: SigningKey
    signer: Signer
    algorithm: SignatureAlgorithm | None

    @property
    def domain(self) -> TrustDomain:
        """The trust domain of its certificate."""
        return TrustDomain(self.custody.domain)

    def objection(self, asked: Asked) -> str:
        """Why this key may not be used so, in Vietnamese; empty when it may."""
        custody = self.custody
        if asked.profile.value not in custody.profiles:
            return f"Khóa {self.name} không được dùng cho hồ sơ ký {asked.profile}."
        # A dossier names its procedure by the ministry's code and by the national one; a custody names either.
        if EVERYTHING not in custody.procedures and not set(asked.procedures) & set(custody.procedures):
            return f"Khóa {self.name} không được dùng cho thủ tục của hồ sơ này."
        if asked.media_type not in custody.media_types:
            return f"Khóa {self.name} không được ký loại tệp {asked.media_type}."
        if asked.size > custody.max_bytes:
            return f"Khóa {self.name} không được ký tệp lớn hơn {custody.max_bytes} byte."
        return ""

    def serves(self, system: str) -> bool:
        """Whether this system may ask for signatures by this key at all."""
        return system in self.custody.systems


KeyRing = Mapping[str, HeldKey]


async def open_keys(loaded: Loaded) -> KeyRing:
    """All configured keys; raises `ConfigError` that names every key that cannot be opened."""
    faults: list[str] = []
    ring: dict[str, HeldKey] = {}
    for name, custody in loaded.settings.signing.keys.items():
        try:
            ring[name] = await open_held(loaded, name, custody)
        except SigningError as error:
            faults.append(f"signing.keys.{name}: {error.message_vi}")
        except ConfigError as error:
            faults.extend(f"signing.keys.{name}.secret: {fault}" for fault in error.faults)
    if faults:
        raise ConfigError(tuple(faults))
    return ring


async def open_held(loaded: Loaded, name: str, custody: SigningKey) -> HeldKey:
    """One configured key. Raises `SigningError`, and `ConfigError` for its secret."""
    signer = await _opened(loaded, custody)
    algorithm = next((one for one in signer.algorithms if one.name == custody.algorithm), None)
    if custody.algorithm and algorithm is None:
        raise Unusable("khoa_khong_ho_tro_thuat_toan", f"khóa không ký được bằng {custody.algorithm}.")
    return HeldKey(name, custody, signer, algorithm)


async def _opened(loaded: Loaded, custody: SigningKey) -> Signer:
    told = _secret(loaded, custody.secret)
    apart = loaded.path(custody.certificates_file) if custody.certificates_file else None
    if custody.kind != "pkcs11":
        return open_key(KeyFile(loaded.path(custody.file), apart), told.encode("utf-8") if told is not None else None)
    place = TokenKey(
        Path(custody.module),
        custody.token_label,
        custody.token_serial,
        custody.key_label,
        bytes.fromhex(custody.key_id),
    )
    return await open_token(place, told or "", certificates_of(apart) if apart is not None else ())


def _secret(loaded: Loaded, reference: SecretRef) -> str | None:
    """The passphrase or PIN behind its reference; a file that others may read is refused."""
    if not reference:
        return None
    if reference.scheme == "file":
        path = loaded.path(reference.place)
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & _SHARED:
            raise Unusable("tep_bi_mat_ho_quyen", "tệp bí mật cho người khác đọc; hãy đặt quyền 0600.")
    return secret(reference, loaded.base)
