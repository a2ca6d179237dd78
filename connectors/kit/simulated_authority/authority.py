"""One declared infrastructure at work: it issues, lists, answers and stamps as of any moment that it is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

from connectors.kit.simulated_authority import certificates, crl, keys, ocsp, stamps
from connectors.kit.simulated_authority.declaration import Declaration

DAY = timedelta(days=1)


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

    def listed(self, issuer: str, at: datetime) -> tuple[crl.Listed, ...]:
        """The entries of an issuer's list at a moment."""
        rows = ((name, self.declaration.revocation_of(name, at)) for name in self.declaration.issued_by(issuer))
        return tuple(
            crl.Listed(certificates.parts(self.certificates[name]).serial, row.at, row.reason, row.invalidity)
            for name, row in rows
            if row is not None
        )

    def crl(self, issuer: str, at: datetime, life: timedelta = 7 * DAY) -> bytes:
        """The issuer's full list as of `at`, valid for `life`. Its number grows with the time."""
        order = crl.List(
            issuer=certificates.name(self.declaration.certificates[issuer].subject),
            this_update=at,
            next_update=at + life,
            number=int(at.timestamp()),
            listed=self.listed(issuer, at),
            key_identifier=certificates.key_identifier(self.key(issuer)),
        )
        return crl.make(order, self.key(issuer))

    def status(self, issuer: str, asked: tuple[bytes, int], at: datetime, life: timedelta = DAY) -> ocsp.Status:
        """What the issuer knows about a serial number; unknown where it issued none such."""
        cert_id, serial = asked
        for name in self.declaration.issued_by(issuer):
            if int(self.declaration.certificates[name].serial, 0) == serial:
                row = self.declaration.revocation_of(name, at)
                if row is None:
                    return ocsp.Status(cert_id, "good", at, at + life)
                return ocsp.Status(cert_id, "revoked", at, at + life, row.at, row.reason)
        return ocsp.Status(cert_id, "unknown", at, at + life)

    def responder(self, issuer: str) -> str:
        """Who signs OCSP for an issuer: its delegate, or the issuer itself where none is declared."""
        return next((row.signer for row in self.declaration.responders if row.issuer == issuer), issuer)

    def ocsp(self, issuer: str, asked: ocsp.Asked, at: datetime) -> bytes:
        """The response to a request, produced at `at` by the issuer's responder."""
        signer = self.responder(issuer)
        enclosed = () if signer == issuer else (self.certificates[signer],)
        statuses = tuple(self.status(issuer, one, at) for one in asked.cert_ids)
        answer = ocsp.Answer(statuses, at, self.certificates[signer], enclosed, nonce=asked.nonce)
        return ocsp.respond(answer, self.key(signer))

    def ocsp_of(self, name: str, at: datetime, digest: str = "sha1") -> bytes:
        """The response about one declared certificate."""
        issuer = self.declaration.certificates[name].issuer
        serial = int(self.declaration.certificates[name].serial, 0)
        asked = ocsp.Asked(((ocsp.cert_id(self.certificates[issuer], serial, digest), serial),))
        return self.ocsp(issuer, asked, at)

    def stamp(self, stamper: str, asked: stamps.Asked, at: datetime) -> bytes:
        """A token of a declared stamper for an imprint. Its serial follows from what is stamped, and when."""
        row = self.declaration.stampers[stamper]
        seed = hashlib.sha256(asked.imprint + at.isoformat().encode()).digest()
        chain = (self.certificates[row.certificate], *self.chain(row.certificate))
        order = stamps.Stamp(
            certificate=self.certificates[row.certificate],
            imprint=asked.imprint,
            at=at,
            serial=int.from_bytes(seed[:8], "big"),
            policy=row.policy,
            imprint_digest=asked.digest,
            accuracy=row.accuracy,
            nonce=asked.nonce,
            enclosed=chain if asked.wants_certificate else (),
        )
        return stamps.make(order, self.key(row.certificate))
