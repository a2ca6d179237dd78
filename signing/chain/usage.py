"""What a certificate may be used for, by purpose (signing facts 5.2 step 10), and what is odd about it (warnings only).

Sources: RFC 5280 4.2.1.3, 4.2.1.12; RFC 3161 2.3; RFC 6960 4.2.2.2; NĐ 23/2025 (R24: validity periods; R25, Điều 38: one key,
one subscriber).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from signing.chain.certificates import ReadCertificate
from signing.chain.search import Path
from signing.model import Purpose, TrustDomain
from signing.policy import PathRules

ANY_USAGE = "2.5.29.37.0"
TLS_SERVER = "1.3.6.1.5.5.7.3.1"
TIME_STAMPING = "1.3.6.1.5.5.7.3.8"
OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"

_YEAR = timedelta(days=366)
_LONGEST = {
    TrustDomain.PUBLIC: {"root": 25, "authority": 10, "timestamp": 5, "subscriber": 3},
    TrustDomain.PUBLIC_DUTY: {"root": 20, "authority": 20, "timestamp": 5, "subscriber": 5},
}
"""Years by NĐ 23/2025 (public, R24) and NĐ 68/2024 (public-duty, R17). A leap day is given for each."""


def forbidden_use(certificate: ReadCertificate, purpose: Purpose, rules: PathRules) -> Iterator[tuple[str, str]]:
    """Findings that fail for this purpose: code of `findings.csv` and what was seen, in English for experts."""
    if purpose is Purpose.AUTHORITY and not certificate.is_authority:
        yield "authority", "basicConstraints does not say CA"
    if certificate.is_authority and purpose not in (Purpose.CRL, Purpose.AUTHORITY):
        yield "not_authority", "basicConstraints says CA"
    usages = certificate.key_usages
    wanted = {
        Purpose.SIGNER: rules.key_usages,
        Purpose.TIMESTAMP: frozenset({"digital_signature", "non_repudiation"}),
        Purpose.OCSP: frozenset({"digital_signature", "non_repudiation"}),
        Purpose.CRL: frozenset({"crl_sign"}),
        Purpose.AUTHORITY: frozenset({"key_cert_sign"}),
    }[purpose]
    if usages is None and purpose is Purpose.SIGNER:
        yield "key_usage", "no keyUsage"
    elif usages is not None and not usages & wanted:
        yield "key_usage", ", ".join(sorted(usages))
    yield from _extended(certificate, purpose, rules)


def likely_purpose(certificate: ReadCertificate) -> Purpose:
    """What the certificate was evidently issued for, where nobody says what it is asked for."""
    extended = certificate.extended_key_usages or ()
    if certificate.is_authority:
        return Purpose.AUTHORITY
    if TIME_STAMPING in extended:
        return Purpose.TIMESTAMP
    if OCSP_SIGNING in extended:
        return Purpose.OCSP
    return Purpose.CRL if certificate.key_usages == frozenset({"crl_sign"}) else Purpose.SIGNER


def _extended(certificate: ReadCertificate, purpose: Purpose, rules: PathRules) -> Iterator[tuple[str, str]]:
    extended = certificate.extended_key_usages
    shown = ", ".join(extended or ())
    if purpose is Purpose.TIMESTAMP:
        critical = "extended_key_usage" in certificate.asn1.critical_extensions
        if extended != (TIME_STAMPING,) or not critical:
            yield "timestamp_usage", shown + ("" if critical else " (not critical)")
    elif purpose is Purpose.OCSP:
        if OCSP_SIGNING not in (extended or ()):
            yield "extended_key_usage", shown
    elif purpose is Purpose.SIGNER and extended is not None:
        if TLS_SERVER in extended:
            yield "not_tls_server", shown
        if not {ANY_USAGE, *rules.extended_key_usages} & set(extended):
            yield "extended_key_usage", shown


def oddities(
    path: Path, domain: TrustDomain, purpose: Purpose, known: tuple[ReadCertificate, ...]
) -> Iterator[tuple[str, str]]:
    """Warnings about the path's certificates: code and what was seen. `known`: every certificate that was handed in."""
    for place, one in enumerate(path):
        kind = "root" if place == len(path) - 1 else "authority" if place else "subscriber"
        if place == 0 and kind == "subscriber":
            kind = {Purpose.TIMESTAMP: "timestamp", Purpose.AUTHORITY: "authority"}.get(purpose, kind)
        years = _LONGEST[domain][kind]
        if one.not_after - one.not_before > years * _YEAR:
            yield "validity_length", f"{kind}: more than {years} years"
    leaf = path[0]
    twins = {one.subject for one in known if one.key == leaf.key and one.subject != leaf.subject}
    if twins:
        yield "key_unique", f"{len(twins)} other subject(s) with the same key"
