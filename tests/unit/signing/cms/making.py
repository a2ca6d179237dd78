"""Signatures for these tests: made by our own steps, by the witness with one thing wrong, or put together by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace

from signing import der
from signing.algorithms import Scheme, SignatureAlgorithm, algorithm, signature_over
from signing.cms import identifiers as ids
from signing.cms.core import SignedDataFacts, read_signed_data
from signing.cms.making import assemble, signed_attributes
from signing.model import Observation
from tests import pki

CONTENT = "Kết quả giải quyết hồ sơ 000.00.19.H26-201120-0001\r\n".encode() * 200
RSA_SHA256 = algorithm(Scheme.RSA_PKCS1, "sha256")
P256 = algorithm(Scheme.ECDSA, "sha256")


def raw_signature(name: str, chosen: SignatureAlgorithm, digest: bytes) -> bytes:
    """The raw operation by a key of the test PKI."""
    return signature_over(pki.key(name), chosen, digest)


def ours(
    name: str = "official-p256", chosen: SignatureAlgorithm = P256, content: bytes = CONTENT, *, token: bool = False
) -> bytes:
    """A detached CAdES signature as we write it."""
    certificate = pki.certificate(name)
    attributes = signed_attributes(chosen.digest.of(content), certificate, chosen, pki.NOW)
    value = raw_signature(name, chosen, chosen.digest.of(attributes))
    return assemble(attributes, value, chosen, (certificate, *pki.chain(name)), pki.stamp(value) if token else None)


@dataclass(frozen=True, slots=True)
class Parts:
    """A SignedData in pieces (each encoded), put together rightly or wrongly; `signed` is sorted and signed when wrapped."""

    name: str = "official-p256"
    chosen: SignatureAlgorithm = P256
    version: int = 1
    digests: tuple[bytes, ...] = (ids.digest_identifier(P256.digest),)
    encapsulated: bytes = der.sequence(der.encode_oid(ids.DATA))
    certificates: bytes | None = None
    crls: bytes = b""
    signer_version: int = 1
    identifier: bytes | None = None
    digest: bytes = ids.digest_identifier(P256.digest)
    signed: tuple[bytes, ...] | None = None
    signed_set: bytes | None = None
    signature_algorithm: bytes = ids.signature_identifier(P256)
    value: bytes | None = None
    unsigned: tuple[bytes, ...] = ()
    signers: int = 1
    after_signer: bytes = b""

    def message(self) -> bytes:
        """The ContentInfo."""
        certificate = pki.certificate(self.name)
        certificates = der.encode(0xA0, certificate) if self.certificates is None else self.certificates
        body = der.sequence(
            der.encode_integer(self.version),
            der.encode(der.SET, b"".join(self.digests)),
            self.encapsulated,
            certificates,
            self.crls,
            der.encode(der.SET, self._signer(certificate) * self.signers),
        )
        return der.sequence(der.encode_oid(ids.SIGNED_DATA), der.encode(0xA0, body))

    def _signer(self, certificate: bytes) -> bytes:
        signed = self.signed_set
        if signed is None and self.signed is not None:
            signed = der.set_of(self.signed)
        content = CONTENT if signed is None else signed
        value = self.value
        if value is None:
            value = raw_signature(self.name, self.chosen, self.chosen.digest.of(content))
        return der.sequence(
            der.encode_integer(self.signer_version),
            issuer_and_serial(certificate) if self.identifier is None else self.identifier,
            self.digest,
            b"" if signed is None else b"\xa0" + signed[1:],
            self.signature_algorithm,
            der.encode(der.OCTET_STRING, value),
            der.encode(0xA1, b"".join(self.unsigned)) if self.unsigned else b"",
            self.after_signer,
        )


def issuer_and_serial(certificate: bytes) -> bytes:
    """IssuerAndSerialNumber of a certificate."""
    fields = der.children(der.children(der.element(certificate))[0])
    return der.sequence(fields[3].raw, fields[1].raw)


def attribute(oid: str, *values: bytes) -> bytes:
    """One attribute with these values in their order."""
    return der.sequence(der.encode_oid(oid), der.encode(der.SET, b"".join(values)))


def good_attributes(name: str = "official-p256", chosen: SignatureAlgorithm = P256) -> dict[str, bytes]:
    """The signed attributes that we write, by their identifiers, to be changed one at a time."""
    written = signed_attributes(chosen.digest.of(CONTENT), pki.certificate(name), chosen, pki.NOW)
    return {der.oid(der.children(one)[0]): one.raw for one in der.children(der.element(written))}


def with_attributes(changes: dict[str, bytes | None], parts: Parts = Parts()) -> bytes:
    """A message whose signed attributes differ from the good ones; None leaves one out. The signature over them is right."""
    attributes = {**good_attributes(parts.name, parts.chosen), **changes}
    return replace(parts, signed=tuple(one for one in attributes.values() if one is not None)).message()


def read(message: bytes, content: bytes = CONTENT) -> SignedDataFacts:
    """What the core sees in a detached message."""
    return read_signed_data(message, lambda digest: digest.of(content), attached=False)


def failed(facts: SignedDataFacts) -> set[str]:
    """The codes of all checks that did not hold."""
    return failed_of(facts.all_observations)


def failed_of(observations: tuple[Observation, ...]) -> set[str]:
    """The codes among these that did not hold."""
    return {seen.code for seen in observations if not seen.ok}
