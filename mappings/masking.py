"""How personal data may be shown where somebody other than the handling officer reads: logs, errors, screens, reports.

The forms are those of identity facts 5. What has no form there is not shown at all; tokens, secrets and bodies never are, not
even hashed. Masking is what is left of a value for recognising it, and no permission to write it anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mappings.identity import PersonFields
from mappings.names import clean_name
from mappings.partial_date import PartialDate
from mappings.personal_numbers import bare

HIDDEN = "***"
_KEPT = 3
_SHORTEST = 9
_LETTER = re.compile(r"[^\W\d_]")


def hidden(text: str) -> str:
    """Stars where there is something: for what has no form, such as an address in words."""
    return HIDDEN if text else ""


def masked_number(text: str) -> str:
    """A personal number, a CMND or a passport: its last three signs behind stars; a shorter text is hidden whole."""
    number = bare(text)
    if not number:
        return ""
    if len(number) < _SHORTEST:
        return HIDDEN
    return "*" * (len(number) - _KEPT) + number[-_KEPT:]


def masked_name(text: str) -> str:
    """The first letters of its words: `N. V. T.`; what begins with no letter is hidden."""
    first = (_LETTER.search(word) for word in clean_name(text).split())
    return " ".join(f"{found[0].upper()}." if found else HIDDEN for found in first)


def masked_birth(value: PartialDate | str) -> str:
    """The year alone; a text that is no date is hidden."""
    if isinstance(value, str):
        if not value:
            return ""
        try:
            value = PartialDate.parse(value)
        except ValueError:
            return HIDDEN
    return str(value.year)


def masked_phone(text: str) -> str:
    """The last two digits."""
    digits = re.sub(r"\D", "", text)
    return (HIDDEN + digits[-2:] if len(digits) > 4 else HIDDEN) if text else ""


def masked_email(text: str) -> str:
    """The domain alone."""
    name, at, domain = text.rpartition("@")
    return (f"{HIDDEN}@{domain}" if at and name else HIDDEN) if text else ""


def masked_address(province_code: str) -> str:
    """Of an address the code of its province, when it is one."""
    return province_code if re.fullmatch(r"\d{2,3}", province_code, re.ASCII) else HIDDEN if province_code else ""


def masked_field(place: str, value: str) -> str:
    """The value of one place of a person's record (`mappings.identity.PERSON_FIELDS`) as it may be shown."""
    if not value:
        return ""
    last = place.rpartition(".")[2]
    match last:
        case "personal_id" | "cmnd":
            return masked_number(value)
        case "full_name":
            return masked_name(value)
        case "birth":
            return masked_birth(value)
        case "province_code":
            return masked_address(value)
        case _:
            return HIDDEN


def masked_fields(fields: PersonFields) -> Mapping[str, str]:
    """A person's record as it may be shown: which places were filled, and of each what facts 5 let through."""
    return {place: masked_field(place, value) for place, value in fields.items()}
