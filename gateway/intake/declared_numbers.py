"""Doubts about the numbers that a snapshot declares: told to its sender, who is closest to the paper, and never a refusal.

A mistyped tax code shows in its check digit; a personal number has none, so what does not fit is only odd (identity facts 3.1,
3.2, 4). Nothing here repeats a digit, and nothing is concluded about where anybody was born.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from gateway.intake.receipts import Remark
from mappings.canonical import Dossier, Party
from mappings.codes import IdentityType
from mappings.organisation_numbers import TaxCodeDefect, tax_code_defect
from mappings.personal_numbers import PersonalNumber, well_formed

_FORMS: Final = {
    IdentityType.CCCD: "Số định danh cá nhân (căn cước) phải gồm đúng 12 chữ số.",
    IdentityType.CMND: "Số chứng minh nhân dân phải gồm 9 hoặc 12 chữ số.",
    IdentityType.PASSPORT: "Số hộ chiếu gồm 6 đến 12 chữ cái và chữ số.",
}


def doubts(dossier: Dossier, today: date) -> Iterator[Remark]:
    """What somebody should look at before the portal or a register does; `today` is the calendar day in Viet Nam."""
    for role, party in (("applicant", dossier.applicant), ("submitter", dossier.submitter)):
        if party is not None and party.id.number:
            yield from _of(f"/{role}/id/number: ", party, today)


def _of(place: str, party: Party, today: date) -> Iterator[Remark]:
    kind, number = party.id.type, party.id.number
    if kind in _FORMS and not well_formed(kind, number):
        yield Remark("so_giay_to_sai_dang", place + _FORMS[kind])
    elif kind is IdentityType.CCCD:
        found = PersonalNumber.parse(number).oddities(today, party.date_of_birth)
        yield from (Remark("so_dinh_danh_dang_ngo", place + oddity.message_vi) for oddity in found)
    elif kind is IdentityType.TAX_CODE:
        defect = tax_code_defect(number)
        # Since 01/07/2025 the number of a person is its tax code, that of a household business too (TT 86/2024/TT-BTC).
        if defect is not None and defect is not TaxCodeDefect.A_PERSON:
            yield Remark("ma_so_thue_khong_dung", place + defect.message_vi)
