"""Revocation lists (RFC 5280 5): full, delta, indirect, limited in scope, and each of them wrong where that is the point."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from connectors.kit.simulated_authority import der, keys
from connectors.kit.simulated_authority.certificates import extension, uri

REASONS = {
    "unspecified": 0,
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "removeFromCRL": 8,
    "privilegeWithdrawn": 9,
    "aACompromise": 10,
}
"""CRLReason by name (RFC 5280 5.3.1)."""

_CRITICAL_IDP, _DELTA, _NUMBER, _KEY = "2.5.29.28", "2.5.29.27", "2.5.29.20", "2.5.29.35"


@dataclass(frozen=True, slots=True)
class Scope:
    """IssuingDistributionPoint (RFC 5280 5.2.5). `point`: address of the list; `reasons`: only these."""

    point: str = ""
    only_users: bool = False
    only_authorities: bool = False
    only_attributes: bool = False
    indirect: bool = False
    reasons: frozenset[str] = frozenset()

    def to_der(self) -> bytes:
        """The extension's value."""
        fields = []
        if self.point:
            fields.append(der.explicit(0, der.explicit(0, uri(self.point))))
        for number, chosen in ((1, self.only_users), (2, self.only_authorities)):
            if chosen:
                fields.append(der.implicit(number, der.boolean(True)))
        if self.reasons:
            # ReasonFlags have no bit for removeFromCRL: privilegeWithdrawn is 7 and aACompromise 8 (RFC 5280 4.2.1.13).
            flags = {number if number < 7 else number - 2 for number in (REASONS[name] for name in self.reasons)}
            fields.append(der.implicit(3, der.named_bits(flags)))
        for number, chosen in ((4, self.indirect), (5, self.only_attributes)):
            if chosen:
                fields.append(der.implicit(number, der.boolean(True)))
        return der.sequence(*fields)


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry. `issuer`: the name (DER) of another issuer, in an indirect list."""

    serial: int
    at: datetime
    reason: str = ""
    invalidity: datetime | None = None
    issuer: bytes = b""

    def to_der(self) -> bytes:
        """The entry."""
        extensions = []
        if self.reason:
            extensions.append(extension("2.5.29.21", der.enumerated(REASONS[self.reason])))
        if self.invalidity is not None:
            extensions.append(extension("2.5.29.24", der.generalized(self.invalidity)))
        if self.issuer:
            extensions.append(extension("2.5.29.29", der.sequence(der.explicit(4, self.issuer)), critical=True))
        return der.sequence(
            der.integer(self.serial), der.time(self.at), der.sequence(*extensions) if extensions else b""
        )


@dataclass(frozen=True, slots=True)
class List:
    """What a list says. `issuer`: name (DER); `base`: BaseCRLNumber, which makes it a delta; `extra`: whole extensions."""

    issuer: bytes
    this_update: datetime
    next_update: datetime | None
    number: int | None = 1
    listed: tuple[Listed, ...] = ()
    scope: Scope | None = None
    base: int | None = None
    key_identifier: bytes = b""
    extra: tuple[bytes, ...] = ()
    digest: str = "sha256"


def make(order: List, key: keys.PrivateKey, forge: str = "") -> bytes:
    """The signed list, DER; `forge` as in `keys.forged`."""
    content = der.sequence(
        der.integer(1),
        keys.signature_algorithm(key, order.digest),
        order.issuer,
        der.time(order.this_update),
        der.time(order.next_update) if order.next_update is not None else b"",
        der.sequence(*(entry.to_der() for entry in order.listed)) if order.listed else b"",
        der.explicit(0, der.sequence(*_extensions(order))),
    )
    return keys.signed(key, order.digest, content, forge)


def _extensions(order: List) -> Iterator[bytes]:
    if order.key_identifier:
        yield extension(_KEY, der.sequence(der.implicit(0, der.octets(order.key_identifier))))
    if order.number is not None:
        yield extension(_NUMBER, der.integer(order.number))
    if order.base is not None:
        yield extension(_DELTA, der.integer(order.base), critical=True)
    if order.scope is not None:
        yield extension(_CRITICAL_IDP, order.scope.to_der(), critical=True)
    yield from order.extra
