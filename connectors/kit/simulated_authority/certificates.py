"""Certificates from rows of a declaration (RFC 5280), each one exactly as declared, with its defects."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connectors.kit.simulated_authority import der, keys
from connectors.kit.simulated_authority.declaration import Certified, Declaration

_ATTRIBUTES = {
    "CN": "2.5.4.3",
    "SN": "2.5.4.4",
    "serialNumber": "2.5.4.5",
    "C": "2.5.4.6",
    "L": "2.5.4.7",
    "ST": "2.5.4.8",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "title": "2.5.4.12",
    "GN": "2.5.4.42",
    "organizationIdentifier": "2.5.4.97",
    "UID": "0.9.2342.19200300.100.1.1",
    "DC": "0.9.2342.19200300.100.1.25",
    "E": "1.2.840.113549.1.9.1",
}
_PRINTABLE = {"C", "serialNumber"}
_IA5 = {"DC", "E"}
_USAGES = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)
_PURPOSES = {
    "serverAuth": "1.3.6.1.5.5.7.3.1",
    "clientAuth": "1.3.6.1.5.5.7.3.2",
    "codeSigning": "1.3.6.1.5.5.7.3.3",
    "emailProtection": "1.3.6.1.5.5.7.3.4",
    "timeStamping": "1.3.6.1.5.5.7.3.8",
    "OCSPSigning": "1.3.6.1.5.5.7.3.9",
    "documentSigning": "1.3.6.1.5.5.7.3.36",
    "any": "2.5.29.37.0",
}


def name(subject: tuple[tuple[str, str], ...]) -> bytes:
    """A distinguished name; one attribute in each RDN. Values are written as they stand, whatever their normal form."""
    return der.sequence(*(der.set_of(_attribute(kind, value)) for kind, value in subject))


def _attribute(kind: str, value: str) -> bytes:
    write = der.ia5 if kind in _IA5 else der.printable if kind in _PRINTABLE and value.isascii() else der.utf8
    return der.sequence(der.oid(_ATTRIBUTES.get(kind, kind)), write(value))


def key_identifier(key: keys.PrivateKey) -> bytes:
    """SHA-1 of the public key bits (RFC 5280 4.2.1.2, method 1): a name for a key, no protection."""
    return hashlib.sha1(keys.public_bits(key), usedforsecurity=False).digest()


def issue(declaration: Declaration, ring: Mapping[str, keys.PrivateKey], wanted: str) -> bytes:
    """The certificate of one row, DER."""
    row = declaration.certificates[wanted]
    issuer = declaration.certificates[row.issuer]
    issuer_key = ring[declaration.key_of(row.issuer)]
    signing_key = ring[row.signed_by] if row.signed_by else issuer_key
    subject_key = ring[declaration.key_of(wanted)]
    content = [
        der.explicit(0, der.integer(row.version - 1)) if row.version > 1 else b"",
        der.integer(int(row.serial, 0)),
        keys.signature_algorithm(signing_key, row.digest),
        name(issuer.subject),
        der.sequence(der.time(row.valid_from), der.time(row.until)),
        name(row.subject),
        bytes.fromhex(row.public_info) or keys.public_info(subject_key),
    ]
    if row.version >= 3:
        content.append(der.explicit(3, der.sequence(*_extensions(row, subject_key, issuer_key))))
    return keys.signed(signing_key, row.digest, der.sequence(*content), row.forge)


def issue_all(declaration: Declaration, ring: Mapping[str, keys.PrivateKey]) -> dict[str, bytes]:
    """Every certificate of the declaration by its name."""
    return {wanted: issue(declaration, ring, wanted) for wanted in declaration.certificates}


def extension(identifier: str, value: bytes, critical: bool = False) -> bytes:
    """One Extension (RFC 5280 4.1)."""
    return der.sequence(der.oid(identifier), der.boolean(True) if critical else b"", der.octets(value))


def _extensions(row: Certified, subject_key: keys.PrivateKey, issuer_key: keys.PrivateKey) -> Iterator[bytes]:
    if row.ca is not None:
        length = b"" if row.path_length is None else der.integer(row.path_length)
        yield extension("2.5.29.19", der.sequence(der.boolean(True) if row.ca else b"", length), critical=True)
    if row.key_identifiers:
        yield extension("2.5.29.14", der.octets(key_identifier(subject_key)))
        yield extension("2.5.29.35", der.sequence(der.implicit(0, der.octets(key_identifier(issuer_key)))))
    if row.usage is not None:
        yield extension("2.5.29.15", der.named_bits({_USAGES.index(usage) for usage in row.usage}), critical=True)
    if row.extended is not None:
        purposes = der.sequence(*(der.oid(_PURPOSES.get(purpose, purpose)) for purpose in row.extended))
        yield extension("2.5.29.37", purposes, row.extended_critical)
    if row.policies:
        yield extension("2.5.29.32", der.sequence(*(der.sequence(der.oid(policy)) for policy in row.policies)))
    yield from _addresses(row)
    if row.no_check:
        yield extension("1.3.6.1.5.5.7.48.1.5", der.NULL)
    if row.permitted or row.excluded:
        yield extension("2.5.29.30", _name_constraints(row), critical=True)
    for raw in row.extra:
        yield extension(raw.oid, bytes.fromhex(raw.value), raw.critical)


def _addresses(row: Certified) -> Iterator[bytes]:
    """Where status and issuers are to be had (RFC 5280 4.2.1.13 and 4.2.2.1)."""
    if row.crl:
        point = der.sequence(der.explicit(0, der.explicit(0, uri(row.crl))))
        yield extension("2.5.29.31", der.sequence(point))
    access = [("1.3.6.1.5.5.7.48.1", row.ocsp), ("1.3.6.1.5.5.7.48.2", row.issuers)]
    if row.ocsp or row.issuers:
        described = (der.sequence(der.oid(method), uri(address)) for method, address in access if address)
        yield extension("1.3.6.1.5.5.7.1.1", der.sequence(*described))


def uri(address: str) -> bytes:
    """GeneralName uniformResourceIdentifier."""
    return der.implicit(6, der.ia5(address))


def _name_constraints(row: Certified) -> bytes:
    parts = []
    for number, names in ((0, row.permitted), (1, row.excluded)):
        if names:
            parts.append(der.implicit(number, der.sequence(*(der.sequence(_general(text)) for text in names))))
    return der.sequence(*parts)


def _general(text: str) -> bytes:
    kind, _, value = text.partition(":")
    if kind == "dns":
        return der.implicit(2, der.ia5(value))
    pairs = tuple((left, right) for left, _, right in (part.partition("=") for part in value.split(";")))
    return der.explicit(4, name(pairs))


@dataclass(frozen=True, slots=True)
class Parts:
    """What others need of a certificate: complete DER elements, and the bits of its key."""

    issuer: bytes
    serial: int
    subject: bytes
    key_bits: bytes


def parts(certificate: bytes) -> Parts:
    """Issuer, serial number, subject and key of a certificate. Raises `der.NotDer`."""
    fields = der.children(der.children(der.split(certificate)[1])[0][1])
    if fields[0][0] == 0xA0:
        fields = fields[1:]
    serial, issuer, subject, public = fields[0], fields[2], fields[4], fields[5]
    return Parts(
        issuer[2], int.from_bytes(serial[1], "big", signed=True), subject[2], der.children(public[1])[1][1][1:]
    )
