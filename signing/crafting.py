"""The three steps of making a signature, for whichever profile an order names: prepare, imprint, complete.

See `signing.making` for what happens between them, and where.
"""

from __future__ import annotations

from types import ModuleType

from signing.cms import detached
from signing.errors import Unusable
from signing.making import Order, Prepared, Profile
from signing.pdf import making as pdf
from signing.xml import making as xml

_MAKERS: dict[Profile, ModuleType] = {
    Profile.PDF_B: pdf,
    Profile.PDF_T: pdf,
    Profile.XML_B: xml,
    Profile.XML_T: xml,
    Profile.CMS_B: detached,
    Profile.CMS_T: detached,
}


def prepare(order: Order) -> Prepared:
    """Read the source and say what is to be signed. Raises `Unusable` for a source that cannot take this profile."""
    prepared: Prepared = _maker(order.profile).prepare(order)
    return prepared


def imprint(prepared: Prepared, signature: bytes, digest: str) -> bytes:
    """What a time-stamping authority has to stamp, by the digest of this name."""
    stamped: bytes = _maker(prepared.order.profile).imprint(prepared, signature, digest)
    return stamped


def complete(prepared: Prepared, signature: bytes, token: bytes | None) -> None:
    """Write the target, whole or not at all. Raises `Unusable`, also where a profile wants a stamp and there is none."""
    _maker(prepared.order.profile).complete(prepared, signature, token)


def _maker(profile: Profile) -> ModuleType:
    maker = _MAKERS.get(profile)
    if maker is None:
        raise Unusable("ho_so_ky_chua_ho_tro", f"Chưa ký được theo hồ sơ {profile}.")
    return maker
