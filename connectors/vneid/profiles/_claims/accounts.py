"""Makes one clean account of a provider's claims, and says plainly what was missing; pure.

Numbers decide the kind of paper by their length (identity facts 3.2), a person's own number comes before the old card
(1.4: seen clients do it the other way round), an organisation's tax code before its enterprise code (1.4, 4).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.vneid.profiles._claims.names import ClaimNames, ClaimSet
from connectors.vneid.profiles._claims.reading import Claims, ClaimsRefused
from mappings.codes import IdentityType
from mappings.identity import Account, AccountKind, Assurance, Organisation
from mappings.names import clean_name
from mappings.personal_numbers import bare, kind_of, well_formed

# An organisation's tax code, or the number of a person that serves as one since 07/2025 (facts 4).
_TAX_CODE = re.compile(r"\d{10}|\d{12}|\d{13}", re.ASCII)
_LONGEST_ACR = 100


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says of a provider's claims. `levels` turns a text of `loAs` or `acr` into an account level."""

    provider: str
    names: ClaimSet
    levels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Login:
    """What the id_token alone says: `acr` and `amr`. Empty is the lowest."""

    acr: str = ""
    methods: tuple[str, ...] = ()


def account_of(claims: Claims, login: Login, rules: Rules) -> Account:
    """The account behind `claims`; raises `ClaimsRefused` where there is none to speak of, or more than one."""
    kind = _kind(claims, rules.names)
    person = kind is AccountKind.PERSON
    names = rules.names.person if person else rules.names.organisation
    subject_key = claims.key(names.subject_key)
    if not subject_key or len(subject_key) > 255:
        raise ClaimsRefused("claims_incomplete")
    id_type, number = _personal(claims, names) if person else _organisational(claims, names)
    birth = claims.birth(names.birth)
    return Account(
        provider=rules.provider,
        subject_key=subject_key,
        kind=kind,
        id_type=id_type,
        id_number=number,
        full_name=clean_name(claims.text(names.full_name)),
        birth=birth,
        email=claims.first(names.email),
        phone=claims.first(names.phone),
        organisation=None if person else _organisation(claims, names),
        assurance=_assurance(claims, names, login, rules.levels),
        missing=_missing(claims, names, rules.names, account_kind=kind),
        claim_names=claims.names,
        logout_uri=claims.text(names.logout_uri),
    )


def _kind(claims: Claims, names: ClaimSet) -> AccountKind:
    """`LoaiTaiKhoan` 1 or 2; where a provider does not say it, an account with a tax code and no person's number is one of 2."""
    said = claims.key(names.person.kind)
    if said in ("1", "1.0"):
        return AccountKind.PERSON
    if said in ("2", "2.0"):
        return AccountKind.ORGANISATION
    if said:
        raise ClaimsRefused("account_kind_unknown")
    organisational = any(claims.key(name) for name in (names.organisation.tax_code, names.organisation.enterprise_code))
    personal = any(claims.key(name) for name in (names.person.personal_id, names.person.cmnd))
    return AccountKind.ORGANISATION if organisational and not personal else AccountKind.PERSON


def _personal(claims: Claims, names: ClaimNames) -> tuple[IdentityType, str]:
    """The number of a person and the kind of paper it stands on, by its length; a number of no known form is none."""
    for name in (names.personal_id, names.cmnd):
        number = bare(claims.number_text(name, 12) if name == names.personal_id else claims.number_text(name, 9, 12))
        if (kind := kind_of(number)) in (IdentityType.CCCD, IdentityType.CMND):
            return kind, number
    passport = bare(claims.key(names.passport)).upper()
    if passport and well_formed(IdentityType.PASSPORT, passport):
        return IdentityType.PASSPORT, passport
    return IdentityType.NONE, ""


def _organisational(claims: Claims, names: ClaimNames) -> tuple[IdentityType, str]:
    tax_code, enterprise_code = _codes(claims, names)
    if tax_code:
        return IdentityType.TAX_CODE, tax_code
    if enterprise_code:
        return IdentityType.ORG_CODE, enterprise_code
    return IdentityType.NONE, ""


def _organisation(claims: Claims, names: ClaimNames) -> Organisation:
    tax_code, enterprise_code = _codes(claims, names)
    return Organisation(
        clean_name(claims.text(names.organisation_name)), tax_code, enterprise_code, claims.prose(names.address)
    )


def _codes(claims: Claims, names: ClaimNames) -> tuple[str, str]:
    """Tax code and enterprise code without what is written between their digits; a tax code of no known form is none."""
    tax_code = bare(claims.number_text(names.tax_code, 10, 13))
    enterprise_code = bare(claims.number_text(names.enterprise_code, 10, 13))
    return tax_code if _TAX_CODE.fullmatch(tax_code) else "", enterprise_code[:35]


def _assurance(claims: Claims, names: ClaimNames, login: Login, levels: Mapping[str, int]) -> Assurance:
    """`IAL` as it is; else what the configuration says of `loAs`, else of `acr`. What nobody said is the lowest.

    An account of several levels has the highest of them: they are those that it reaches [assumed].
    """
    ial = claims.integer(names.ial)
    if ial is None:
        recorded = [levels[text] for text in claims.several(names.level) if text in levels]
        ial = max(recorded, default=levels.get(login.acr, 0))
    return Assurance(ial=ial, acr=login.acr[:_LONGEST_ACR], methods=login.methods)


def _missing(claims: Claims, names: ClaimNames, claim_set: ClaimSet, *, account_kind: AccountKind) -> tuple[str, ...]:
    """The claims that an account of this kind should have and that were not given, or in no form that can be read."""
    person = account_kind is AccountKind.PERSON
    expected = claim_set.expected_of_person if person else claim_set.expected_of_organisation
    found = {
        "birth": claims.birth(names.birth) is not None,
        "personal_id": kind_of(claims.number_text(names.personal_id, 12)) is IdentityType.CCCD,
        "tax_code": bool(_codes(claims, names)[0]),
        "ial": claims.integer(names.ial) is not None,
    }
    absent = []
    for place in expected:
        name = getattr(names, place)
        if name and not found.get(place, bool(claims.prose(name))):
            absent.append(name)
    return tuple(absent)
