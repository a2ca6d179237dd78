"""The citizens of a demonstration, and a verdict over them that can fail."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from gateway.cli.demonstration.cast import LEAVING, cast
from gateway.cli.demonstration.citizens import CITIZENS, Citizen, citizens, filed_by, takers
from gateway.cli.demonstration.signing_on import DIFFERENCE, judge_check, judge_outside, judge_proposals
from gateway.cli.demonstration.verdict import Verdict
from mappings.partial_date import PartialDate
from mappings.personal_numbers import PersonalNumber

CODE = "000.00.00.G16-261120-0001"
HONEST, OTHER = citizens(2, 2026)
MESSAGE = "Ngày, tháng, năm sinh: …"


def told(status: str, *places: str, proposed: bool = False) -> Any:
    """What a check answers."""
    return {
        "status": status,
        "differences": [{"place": p, "message_vi": MESSAGE} for p in places],
        "proposed": proposed,
    }


def checked(who: Citizen, answer: Any) -> Verdict:
    """The verdict over one check."""
    verdict = Verdict()
    judge_check(CODE, who, answer, verdict)
    return verdict


@pytest.mark.parametrize("seed", range(5))
def test_everybody_is_invented_and_fits_their_number_and_one_declares_another_day(seed: int) -> None:
    """Numbers are planted, all different, and agree with birth and sex, so that nothing but the declared day is odd."""
    people = citizens(CITIZENS, seed)
    assert len({one.number for one in people}) == CITIZENS
    for one in people:
        number = PersonalNumber(one.number)
        assert one.number.endswith("000000") and number.oddities(date(2026, 1, 1), one.born) == ()
        assert not number.female or one.name.split()[1] == "Thị"
    assert [one.honest for one in people].count(False) == 1 and not people[1].honest
    assert people[1].declared.year == people[1].born.year


def test_a_citizen_takes_the_place_of_a_person_whose_dossier_goes_the_whole_way() -> None:
    """Nobody of the system that leaves, not the poisoned one, no business."""
    roles = cast(60, date(2026, 11, 22), 2026)
    spared = next(role.code for role in roles if role.system != LEAVING)
    chosen = takers(roles, spared, CITIZENS)
    assert len(chosen) == CITIZENS
    assert all(role.system != LEAVING and role.code != spared for role in chosen)
    account = {"full_name": OTHER.name, "id_type": "cccd", "id_number": OTHER.number, "sign_on_id": "s"}
    applicant = filed_by(chosen[0], OTHER, account).dossier["applicant"]
    assert isinstance(applicant, dict)
    assert applicant["id"] == {"type": "cccd", "number": OTHER.number, "proof": "s"}
    assert PartialDate.parse(applicant["date_of_birth"]) == OTHER.declared != OTHER.born


def test_an_honest_declaration_must_agree_and_the_other_must_be_named() -> None:
    """The words for the officer stand in the verdict."""
    verdict = checked(HONEST, told("agrees"))
    assert (verdict.checks_agreed, verdict.faults) == (1, [])
    verdict = checked(OTHER, told("differs", "birth", proposed=True))
    assert (verdict.differences, verdict.faults) == ([(CODE, MESSAGE)], [])


@pytest.mark.parametrize(
    ("who", "answer"),
    [
        (HONEST, told("differs", "birth", proposed=True)),
        (HONEST, told("not_found")),
        (OTHER, told("agrees")),
        (OTHER, told("not_found")),
        (OTHER, told("differs", "birth")),
        (OTHER, told("differs", "full_name", "birth", proposed=True)),
    ],
    ids=["slandered", "honest unknown", "not noticed", "not named", "not proposed", "too much"],
)
def test_a_check_that_says_something_else_is_a_fault(who: Citizen, answer: Any) -> None:
    """Each breaks the verdict."""
    assert checked(who, answer).faults


@pytest.mark.parametrize(("proposed", "sound"), [((CODE,), True), ((), False), ((CODE, CODE), False), (("X",), False)])
def test_each_difference_is_proposed_once(proposed: tuple[str, ...], sound: bool) -> None:
    """Not at all, twice, and of another dossier are faults; pushes of events do not count."""
    verdict = Verdict(differences=[(CODE, MESSAGE)])
    event: Any = {"code": CODE, "pushes": [{"sequence": 1}]}
    judge_proposals([event, *({"code": code, "pushes": [{"proposal": DIFFERENCE}]} for code in proposed)], verdict)
    assert (verdict.faults == []) is sound


def test_the_portal_must_be_told_of_proven_dossiers_and_of_no_others() -> None:
    """One too few and one too many are each a fault."""
    portal = [
        {"code": code, "fields": {"TaiKhoanDuocXacThucVoiVNeID": word}}
        for code, word in (("A", "1"), ("B", "0"), ("C", "1"))
    ]
    verdict = Verdict()
    judge_outside(portal, frozenset({"A", "B"}), verdict)
    assert verdict.proven_outside == 1 and len(verdict.faults) == 2
    assert "B: " in verdict.faults[0] and "thiếu" in verdict.faults[0] and "thừa" in verdict.faults[1]
