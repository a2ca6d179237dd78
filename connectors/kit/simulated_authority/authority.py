"""One declared infrastructure at work: it issues, lists, answers and stamps as of any moment that it is asked for.

Without a conduct everything is as it should be; with one, exactly what the conduct names is wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

from connectors.kit.simulated_authority import certificates, crl, keys, ocsp, stamps
from connectors.kit.simulated_authority.conduct import PROPER, CrlConduct, OcspConduct, StampConduct
from connectors.kit.simulated_authority.declaration import Declaration

_OTHER_NONCE = b"\x04\x10" + bytes(16)
_UNKNOWN_CRITICAL = certificates.extension("1.3.6.1.4.1.55555.704.9.9", b"\x05\x00", critical=True)


class Authority:
    """All authorities of a declaration. `issued`: certificates that were written before, so that nothing is issued twice."""

    def __init__(
        self, declaration: Declaration, ring: Mapping[str, keys.PrivateKey], issued: Mapping[str, bytes] | None = None
    ) -> None:
        """`ring`: every key that the declaration names."""
        self.declaration = declaration
        self.ring = ring
        self.certificates = dict(issued) if issued is not None else certificates.issue_all(declaration, ring)

    def key(self, name: str) -> keys.PrivateKey:
        """The key that the certificate `name` certifies."""
        return self.ring[self.declaration.key_of(name)]

    def chain(self, name: str) -> tuple[bytes, ...]:
        """Certificates above `name`, nearest first, without the root."""
        found: list[bytes] = []
        row = self.declaration.certificates[name]
        while (above := row.issuer) != name and self.declaration.certificates[above].issuer != above:
            found.append(self.certificates[above])
            name, row = above, self.declaration.certificates[above]
        return tuple(found)

    def listed(self, issuer: str, at: datetime, conduct: CrlConduct = PROPER.crl) -> tuple[crl.Listed, ...]:
        """The entries of an issuer's list at a moment; those of a delta say removeFromCRL of what is on hold no more."""
        found = []
        whose = certificates.name(self.declaration.certificates[issuer].subject) if conduct.indirect else b""
        for name in self.declaration.issued_by(issuer):
            row = self.declaration.revocation_of(name, at)
            serial = int(self.declaration.certificates[name].serial, 0)
            if row is not None and name not in conduct.omit:
                found.append(crl.Listed(serial, row.at, row.reason, row.invalidity, whose))
            removed = self.declaration.removal_of(name, at)
            if conduct.base is not None and row is None and removed is not None:
                found.append(crl.Listed(serial, removed, "removeFromCRL", issuer=whose))
        return tuple(found)

    def crl(self, issuer: str, at: datetime, conduct: CrlConduct = PROPER.crl) -> bytes:
        """The issuer's list as of `at`. Its number grows with the time."""
        signer = conduct.signer or issuer
        named = signer if conduct.indirect else issuer
        this_update = at - timedelta(seconds=conduct.age_s)
        order = crl.List(
            issuer=certificates.name(self.declaration.certificates[named].subject),
            this_update=this_update,
            next_update=None if conduct.life_s is None else this_update + timedelta(seconds=conduct.life_s),
            number=int(this_update.timestamp()),
            listed=self.listed(issuer, this_update, conduct),
            scope=_scope(conduct),
            base=conduct.base,
            key_identifier=certificates.key_identifier(self.key(named)),
            extra=(_UNKNOWN_CRITICAL,) if conduct.unknown_critical else (),
            digest=conduct.digest,
        )
        return crl.make(order, self.key(signer), "flipped" if conduct.forge else "")

    def status(self, issuer: str, asked: tuple[bytes, int], at: datetime, conduct: OcspConduct) -> ocsp.Status:
        """What the issuer knows about a serial number; unknown where it issued none such."""
        cert_id, serial = asked
        this_update = at - timedelta(seconds=conduct.age_s)
        until = None if conduct.life_s is None else this_update + timedelta(seconds=conduct.life_s)
        for name in self.declaration.issued_by(issuer):
            if int(self.declaration.certificates[name].serial, 0) == serial and not conduct.status:
                row = self.declaration.revocation_of(name, this_update)
                if row is None:
                    return ocsp.Status(cert_id, "good", this_update, until)
                return ocsp.Status(cert_id, "revoked", this_update, until, row.at, row.reason)
        return ocsp.Status(cert_id, conduct.status or "unknown", this_update, until, this_update)

    def responder(self, issuer: str) -> str:
        """Who signs OCSP for an issuer: its delegate, or the issuer itself where none is declared."""
        return next((row.signer for row in self.declaration.responders if row.issuer == issuer), issuer)

    def ocsp(self, issuer: str, asked: ocsp.Asked, at: datetime, conduct: OcspConduct = PROPER.ocsp) -> bytes:
        """The response to a request, produced at `at` by the issuer's responder."""
        if conduct.refusal:
            return ocsp.refuse(conduct.refusal)
        signer = conduct.signer or self.responder(issuer)
        about = asked.cert_ids if not conduct.about else (self.cert_id(conduct.about),)
        answer = ocsp.Answer(
            statuses=tuple(self.status(issuer, one, at, conduct) for one in about),
            produced_at=at - timedelta(seconds=conduct.age_s),
            responder=self.certificates[signer],
            enclosed=(self.certificates[signer],) if signer != issuer and conduct.enclose else (),
            by_key=conduct.by_key,
            nonce={"echo": asked.nonce, "ignore": b""}.get(conduct.nonce, _OTHER_NONCE),
            digest=conduct.digest,
        )
        return ocsp.respond(answer, self.key(signer), forge=conduct.forge)

    def cert_id(self, name: str, digest: str = "sha1") -> tuple[bytes, int]:
        """CertID of a declared certificate, and its serial number."""
        row = self.declaration.certificates[name]
        serial = int(row.serial, 0)
        return ocsp.cert_id(self.certificates[row.issuer], serial, digest), serial

    def ocsp_of(self, name: str, at: datetime, conduct: OcspConduct = PROPER.ocsp) -> bytes:
        """The response about one declared certificate, to a request without a nonce."""
        issuer = self.declaration.certificates[name].issuer
        return self.ocsp(issuer, ocsp.Asked((self.cert_id(name),)), at, conduct)

    def stamp(self, stamper: str, asked: stamps.Asked, at: datetime, conduct: StampConduct = PROPER.stamp) -> bytes:
        """A token of a declared stamper for an imprint. Its serial follows from what is stamped, and when."""
        row = self.declaration.stampers[stamper]
        signer = conduct.signer or row.certificate
        seed = hashlib.sha256(asked.imprint + at.isoformat().encode()).digest()
        order = stamps.Stamp(
            certificate=self.certificates[signer],
            imprint=bytes(len(asked.imprint)) if conduct.other_imprint else asked.imprint,
            at=at + timedelta(seconds=conduct.offset_s),
            serial=int.from_bytes(seed[:8], "big"),
            policy=row.policy,
            imprint_digest=asked.digest,
            accuracy=row.accuracy,
            nonce={"echo": asked.nonce, "ignore": None}.get(conduct.nonce, 1),
            enclosed=(self.certificates[signer], *self.chain(signer)) if _enclosing(asked, conduct) else (),
            bound=conduct.bound,
            bound_to=self.certificates[conduct.bound_to] if conduct.bound_to else b"",
            digest=conduct.digest,
        )
        return stamps.make(order, self.key(signer), forge=conduct.forge)


def _enclosing(asked: stamps.Asked, conduct: StampConduct) -> bool:
    return asked.wants_certificate and not conduct.bare


def _scope(conduct: CrlConduct) -> crl.Scope | None:
    if not (conduct.only or conduct.point or conduct.indirect):
        return None
    return crl.Scope(
        point=conduct.point,
        only_users="users" in conduct.only,
        only_authorities="authorities" in conduct.only,
        only_attributes="attributes" in conduct.only,
        indirect=conduct.indirect,
        reasons=frozenset(conduct.only) & crl.REASONS.keys(),
    )
