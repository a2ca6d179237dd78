"""A ministry's own table that lets less through: what may not be compared is neither agreement nor difference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.identity.lawfulness import Law
from mappings.partial_date import PartialDate
from mappings.person_fields import load_identity_fields
from tests.unit.intake_line.http.test_identity_checks import checked, proposals
from tests.unit.intake_line.http.test_identity_questions import OWNER

__all__ = ["checked"]

_COLUMNS = "procedure,operation,place,legal_basis,note_vi,valid_from,valid_to,source,confidence\n"


def narrow(site: Any, *places: str) -> None:
    """The desk with a table of the ministry's own that names these places for every procedure."""
    rows = "".join(f"*,look_up,{place},Luật 91/2025/QH15 Điều 3,,2026-01-01,,bảng của bộ,doc\n" for place in places)
    questions = site.asking.questions
    table = load_identity_fields((_COLUMNS + rows).encode())
    questions.desk = replace(questions.desk, law=Law(questions.desk.law.questions, table))


async def test_a_table_without_the_name_is_no_difference(site: Any, checked: Any) -> None:
    """Nothing could agree, so nobody is asked and nothing is proposed; `verify` still says yes or no."""
    narrow(site, "permanent_address.*")
    status, told = await checked()
    assert (status, told["code"]) == (403, "question_not_allowed")
    assert (site.asking.people.asked, await proposals(site)) == ([], [])
    assert (await checked(operation="verify"))[1]["status"] == "agrees"


async def test_a_birth_that_may_not_come_back_is_not_asked_for_again_by_its_year(site: Any, checked: Any) -> None:
    """Whoever finds somebody by the year and may not see the day has asked about a person for nothing."""
    narrow(site, "full_name")
    _, told = await checked(replace(OWNER, date_of_birth=PartialDate.parse("1990-02-27")))
    assert (told["status"], len(site.asking.people.asked)) == ("not_found", 1)
    assert (await checked())[1]["status"] == "agrees"
