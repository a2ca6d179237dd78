"""Which certificates and reasons a revocation list speaks for (RFC 5280 6.3.3 b to e): distribution points against scope.

A certificate without distribution points is covered by any list of its issuer for the issuer's own name: such a list is used
although the certificate names no address (signing facts 8.2(12)).
"""

from __future__ import annotations

from typing import Any

from asn1crypto import core, x509

from signing.chain.certificates import UNREADABLE, ReadCertificate
from signing.chain.lists import ReadCrl, name_of

REASONS = frozenset(
    {
        "key_compromise",
        "ca_compromise",
        "affiliation_changed",
        "superseded",
        "cessation_of_operation",
        "certificate_hold",
        "privilege_withdrawn",
        "aa_compromise",
    }
)
"""All reasons; a status is known when lists of the same certificate cover all of them together."""


def reasons_covered(certificate: ReadCertificate, crl: ReadCrl) -> frozenset[str]:
    """The reasons for which this list answers about this certificate; empty when it does not speak for it at all."""
    try:
        return _covered(certificate, crl)
    except UNREADABLE:
        return frozenset()


def named_issuers(certificate: ReadCertificate) -> frozenset[str]:
    """Names of the indirect issuers whom the certificate's distribution points name (cRLIssuer)."""
    points = certificate.asn1.crl_distribution_points_value or ()
    found = {name_of(one) for point in points for one in _many(point["crl_issuer"])}
    return frozenset(one for one in found if one is not None)


def _covered(certificate: ReadCertificate, crl: ReadCrl) -> frozenset[str]:
    scope = crl.scope
    own = REASONS
    if scope is not None:
        if scope["only_contains_attribute_certs"].native:
            return frozenset()
        if scope["only_contains_user_certs"].native and certificate.is_authority:
            return frozenset()
        if scope["only_contains_ca_certs"].native and not certificate.is_authority:
            return frozenset()
        own = _reasons(scope["only_some_reasons"])
    covered: frozenset[str] = frozenset()
    for point in certificate.asn1.crl_distribution_points_value or ():
        if _point_matches(certificate, point, crl):
            covered |= own & _reasons(point["reasons"])
    if crl.issuer == certificate.issuer and _implicit_matches(certificate, crl):
        covered |= own
    return covered


def _point_matches(certificate: ReadCertificate, point: Any, crl: ReadCrl) -> bool:
    issuers = [name_of(one) for one in _many(point["crl_issuer"])]
    indirect = crl.scope is not None and bool(crl.scope["indirect_crl"].native)
    if issuers:
        if crl.issuer not in issuers or not indirect:
            return False
    elif crl.issuer != certificate.issuer:
        return False
    wanted = _scope_names(crl)
    if wanted is None:
        return True
    named = point["distribution_point"]
    if isinstance(named, core.Void):
        return bool(wanted & {_key(one) for one in _many(point["crl_issuer"])})
    base = next(iter(_many(point["crl_issuer"])), None)
    relative_to = certificate.asn1.issuer if base is None else base.chosen
    return bool(wanted & _point_names(named, relative_to))


def _implicit_matches(certificate: ReadCertificate, crl: ReadCrl) -> bool:
    """RFC 5280 6.3.3, last paragraph: a point whose name is the certificate's issuer, without reasons and issuer."""
    wanted = _scope_names(crl)
    return wanted is None or ("directory_name", certificate.issuer) in wanted


def _scope_names(crl: ReadCrl) -> frozenset[tuple[str, object]] | None:
    if crl.scope is None or isinstance(crl.scope["distribution_point"], core.Void):
        return None
    return _point_names(crl.scope["distribution_point"], crl.asn1["tbs_cert_list"]["issuer"])


def _point_names(named: Any, relative_to: Any) -> frozenset[tuple[str, object]]:
    if named.name == "full_name":
        return frozenset(_key(one) for one in named.chosen)
    relative = x509.RelativeDistinguishedName.load(named.chosen.untag().dump())
    sequence = x509.RDNSequence([*relative_to.chosen, relative])
    return frozenset({("directory_name", x509.Name(name="", value=sequence).hashable)})


def _key(general: Any) -> tuple[str, object]:
    name = name_of(general)
    return (general.name, general.native if name is None else name)


def _reasons(flags: Any) -> frozenset[str]:
    return REASONS if isinstance(flags, core.Void) else frozenset(flags.native) & REASONS


def _many(value: Any) -> Any:
    return () if isinstance(value, core.Void) else value
