"""Numbers that a snapshot declares: what is odd is told to its sender, nothing is refused and no digit repeated."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from gateway.intake.declared_numbers import doubts
from gateway.intake.problems import WARNINGS
from mappings.canonical import Dossier, Identity, Party
from mappings.codes import IdentityType, PartyKind
from mappings.partial_date import PartialDate
from tests.invented import accepted_event

MALFORMED, ODD, TAX_CODE = "so_giay_to_sai_dang", "so_dinh_danh_dang_ngo", "ma_so_thue_khong_dung"
TODAY = date(2026, 11, 22)


def _dossier(kind: IdentityType, number: str, birth: str = "") -> Dossier:
    dossier = accepted_event("000.00.00.G16-261120-0001", 1, datetime(2026, 11, 20, tzinfo=UTC)).dossier
    born = PartialDate.parse(birth) if birth else None
    return replace(dossier, applicant=Party(PartyKind.CITIZEN, "Nguyễn Văn Thử", Identity(kind, number), born))


@pytest.mark.parametrize(
    ("kind", "number", "birth", "codes"),
    [
        (IdentityType.CCCD, "001090000000", "1990-02-28", []),
        (IdentityType.CCCD, "001 090 000 000", "1990", []),
        (IdentityType.CCCD, "001090000000", "1991", [ODD]),
        (IdentityType.CCCD, "003290000000", "1990", [ODD, ODD, ODD]),
        (IdentityType.CCCD, "1090000000", "1990", [MALFORMED]),
        (IdentityType.CMND, "001000000", "1990", []),
        (IdentityType.CMND, "001090000000", "1990", []),
        (IdentityType.CMND, "00100000", "", [MALFORMED]),
        (IdentityType.PASSPORT, "C0000000", "", []),
        (IdentityType.PASSPORT, "C-1", "", [MALFORMED]),
        (IdentityType.TAX_CODE, "0100109106", "", []),
        (IdentityType.TAX_CODE, "0314409058-002", "", []),
        (IdentityType.TAX_CODE, "001090000000", "", []),
        (IdentityType.TAX_CODE, "0100109107", "", [TAX_CODE]),
        (IdentityType.ORG_CODE, "x", "", []),
        (IdentityType.OTHER, "x", "", []),
        (IdentityType.NONE, "", "", []),
    ],
)
def test_each_doubt_is_told_at_its_place(kind: IdentityType, number: str, birth: str, codes: list[str]) -> None:
    """Every code is a published one; stubs and mistaken numbers pass with a word."""
    found = list(doubts(_dossier(kind, number, birth), TODAY))
    assert [one.code for one in found] == codes and set(codes) <= set(WARNINGS)
    for one in found:
        assert one.message_vi.startswith("/applicant/id/number: ")
        assert number not in one.message_vi and "1990" not in one.message_vi


def test_the_submitter_is_looked_at_as_well() -> None:
    """Under its own place."""
    dossier = _dossier(IdentityType.CCCD, "001090000000")
    other = Party(PartyKind.BUSINESS, "Công ty Ví Dụ", Identity(IdentityType.TAX_CODE, "0100109107"))
    (found,) = doubts(replace(dossier, submitter=other), TODAY)
    assert found.message_vi.startswith("/submitter/id/number: ")
