"""Who a certificate names: for people a displayed name that cannot deceive a screen, for rules identifiers by the issuer's rules.

Names are never compared. Identifiers (tax code, citizen number) are read by rules that are data (`identifiers.toml`), chosen by
the trust domain and by the key identifier or DER name of the issuing certificate that the path was found through; a certificate
without a path has none. Sources: signing facts R20, R21, 5.2 step 11, attacks K9 and C5; RFC 5280 4.1.2.6.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any

from asn1crypto import core, x509

from signing.model import CertificateVerdict, TrustDomain
from signing.policy import IdentifierRule
from signing.report import SignerIdentity

_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)
_COMMON_NAME, _ORGANISATION = "2.5.4.3", "2.5.4.10"
_LONGEST = 256


@dataclass(frozen=True, slots=True)
class Subject:
    """A name's attributes (object identifier, text) in their order, and its DER."""

    attributes: tuple[tuple[str, str], ...]
    der: bytes

    def texts(self, oid: str) -> tuple[str, ...]:
        """All values of one attribute."""
        return tuple(text for name, text in self.attributes if name == oid)


@cache
def shipped_rules() -> tuple[IdentifierRule, ...]:
    """The rules of `identifiers.toml`, in its order."""
    rows = tomllib.loads(resources.files("signing").joinpath("identifiers.toml").read_text("utf-8"))["rule"]
    return tuple(
        IdentifierRule(TrustDomain(row["domain"]), row["issuer"], row["attribute"], row["pattern"], row["kind"])
        for row in rows
    )


def identify(
    certificate: bytes, verdict: CertificateVerdict | None, own_rules: tuple[IdentifierRule, ...] = ()
) -> SignerIdentity:
    """What the certificate says of its holder. `own_rules` (of the policy) come before the shipped ones."""
    digest = sha256(certificate).hexdigest()
    try:
        parsed: Any = x509.Certificate.load(certificate, strict=True)
        subject, issuer = _subject(parsed.subject), _subject(parsed.issuer)
        serial = format(parsed.serial_number, "x")
    except _UNREADABLE:
        return SignerIdentity("", "", "", "", digest)
    return SignerIdentity(
        name=displayed(" + ".join(subject.texts(_COMMON_NAME)) or _whole(subject)),
        organisation=displayed(" + ".join(subject.texts(_ORGANISATION))),
        serial=serial[:64],
        issuer=displayed(" + ".join(issuer.texts(_COMMON_NAME)) or _whole(issuer)),
        certificate_sha256=digest,
        identifiers=_identifiers(subject, verdict, own_rules),
    )


def displayed(text: str, longest: int = _LONGEST) -> str:
    """A text from a stranger, safe for screens and logs: NFC, one line, no control or direction marks, of bounded length."""
    shown = "".join(_shown(letter) for letter in unicodedata.normalize("NFC", text[: 4 * longest]))
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def _shown(letter: str) -> str:
    # Cc, Cf: controls and invisible marks (right-to-left override); Zl, Zp: line ends; Cs, Co, Cn: no letters at all.
    if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"):
        code = ord(letter)
        return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
    return letter


def _identifiers(
    subject: Subject, verdict: CertificateVerdict | None, own_rules: tuple[IdentifierRule, ...]
) -> tuple[str, ...]:
    """`KIND:value`, sorted. Two different values of one kind in one certificate are ambiguous: neither counts."""
    if verdict is None or verdict.domain is None or len(verdict.path) < 2:
        return ()
    found: dict[str, set[str]] = {}
    for rule in _applicable((*own_rules, *shipped_rules()), verdict.domain, _issuer_marks(verdict.path[1])):
        for text in subject.texts(rule.attribute):
            match = re.fullmatch(rule.pattern, text, re.ASCII)
            if match is not None and match["value"] is not None:
                found.setdefault(rule.kind, set()).add(match["value"])
    return tuple(f"{kind}:{values.pop()}" for kind, values in sorted(found.items()) if len(values) == 1)


def _applicable(
    rules: tuple[IdentifierRule, ...], domain: TrustDomain, marks: frozenset[str]
) -> tuple[IdentifierRule, ...]:
    """The rules that name the issuer; where none does, those for any authority of the domain."""
    here = [rule for rule in rules if rule.domain is domain]
    named = tuple(rule for rule in here if rule.issuer in marks)
    return named or tuple(rule for rule in here if rule.issuer == "*")


def _issuer_marks(issuer: bytes) -> frozenset[str]:
    try:
        parsed: Any = x509.Certificate.load(issuer, strict=True)
        marks = {f"name:{sha256(parsed.subject.dump()).hexdigest()}"}
        if parsed.key_identifier is not None:
            marks.add(f"key:{parsed.key_identifier.hex()}")
    except _UNREADABLE:
        return frozenset()
    return frozenset(marks)


def _subject(name: Any) -> Subject:
    attributes = []
    for level in name.chosen:
        for pair in level:
            value = pair["value"]
            text = value.native if isinstance(value.native, str) else ""
            if isinstance(value, core.Any) and not text:
                text = str(value.parse().native)
            attributes.append((pair["type"].dotted, text))
    return Subject(tuple(attributes), name.dump())


def _whole(subject: Subject) -> str:
    return ", ".join(text for _, text in subject.attributes)
