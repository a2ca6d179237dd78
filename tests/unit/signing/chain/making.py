"""Small PKIs made on the spot for one test each: P-256 keys, any shape, any dates; issued by `cryptography`, not by us."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from connectors.kit.simulated_authority import ocsp
from signing.chain import judge_certificate
from signing.model import CertificateQuestion, CertificateVerdict, Evidence, Existence, Purpose, TrustDomain
from signing.policy import DEFAULT_POLICY, Policy
from signing.trust import Anchor, TrustStore

T0 = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
YEAR = timedelta(days=365)


@cache
def private_key(name: str) -> ec.EllipticCurvePrivateKey:
    """One key for each name, made once in a run; what is tested does not depend on which."""
    return ec.generate_private_key(ec.SECP256R1())


def named(text: str) -> x509.Name:
    """A name of one common name."""
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Order:
    """A certificate to make. `key` and `signer`: names of keys, by default the subject's and the issuer's."""

    subject: str
    issuer: str
    authority: bool = False
    start: datetime = T0 - YEAR
    end: datetime = T0 + 5 * YEAR
    key: str = ""
    signer: str = ""
    serial: int = 0
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = ()


def issue(order: Order) -> bytes:
    """The certificate, DER."""
    key = private_key(order.key or order.subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(order.subject))
        .issuer_name(named(order.issuer))
        .public_key(key.public_key())
        .serial_number(order.serial or 1 + sum(f"{order.subject}/{order.issuer}/{order.key}".encode()))
        .not_valid_before(order.start)
        .not_valid_after(order.end)
        .add_extension(x509.BasicConstraints(order.authority, None), critical=True)
        .add_extension(_usage(order.authority), critical=True)
    )
    for extension, critical in order.extensions:
        builder = builder.add_extension(extension, critical)
    return _der(builder.sign(private_key(order.signer or order.issuer), hashes.SHA256()))


def _usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=authority, crl_sign=authority, encipher_only=False, decipher_only=False,
    )  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One entry of a list."""

    certificate: bytes
    at: datetime
    reason: x509.ReasonFlags | None = None
    invalid: datetime | None = None


def revoke(issuer: str, *entries: Entry, at: datetime = T0, life: timedelta = 7 * DAY, signer: str = "") -> bytes:
    """The issuer's list as of `at`."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(named(issuer)).last_update(at).next_update(at + life)
    for entry in entries:
        serial = x509.load_der_x509_certificate(entry.certificate).serial_number
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(entry.at)
        if entry.reason is not None:
            revoked = revoked.add_extension(x509.CRLReason(entry.reason), critical=False)
        if entry.invalid is not None:
            revoked = revoked.add_extension(x509.InvalidityDate(entry.invalid), critical=False)
        builder = builder.add_revoked_certificate(revoked.build())
    return _der(builder.sign(private_key(signer or issuer), hashes.SHA256()))


def answer(about: bytes, issuer: bytes, delegate: bytes, *, at: datetime = T0) -> bytes:
    """A response of this moment that says good, by a delegate (made by the simulated authority)."""
    serial = x509.load_der_x509_certificate(about).serial_number
    responder = x509.load_der_x509_certificate(delegate)
    name = responder.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    good = ocsp.Status(ocsp.cert_id(issuer, serial), "good", at, at + DAY)
    return ocsp.respond(ocsp.Answer((good,), at, delegate, (delegate,)), private_key(str(name)))


def _der(made: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    return made.public_bytes(serialization.Encoding.DER)


@dataclass(frozen=True)
class Asked:
    """A question with everything around it; `others`, `crls`, `ocsps` as given."""

    leaf: bytes
    roots: tuple[bytes, ...]
    others: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    existences: tuple[Existence, ...] = ()
    proven: datetime = T0
    at: datetime = T0
    purpose: Purpose = Purpose.SIGNER
    created_after: datetime | None = None
    policy: Policy = field(default=DEFAULT_POLICY)

    def verdict(self) -> CertificateVerdict:
        """What the judge says."""
        question = CertificateQuestion(
            self.leaf,
            self.purpose,
            self.proven,
            self.at,
            frozenset({TrustDomain.PUBLIC}),
            self.others,
            self.created_after,
        )
        trust = TrustStore(tuple(Anchor(one, TrustDomain.PUBLIC) for one in self.roots))
        evidence = Evidence(crls=self.crls, ocsps=self.ocsps, existences=self.existences)
        return judge_certificate(question, trust, evidence, self.policy)


ROOT = issue(Order("root", "root", authority=True, end=T0 + 30 * YEAR))
CA = issue(Order("ca", "root", authority=True))
LEAF = issue(Order("leaf", "ca"))
