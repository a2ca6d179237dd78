"""Hostile insiders: a caller that looks for people, hides who asks, or writes persons into the trail, gets no further."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from gateway.identity.quotas import Quotas
from tests.toys.people import NUMBER
from tests.unit.identity.questioning import SETTINGS
from tests.unit.intake_line.http.test_identity_questions import ask, asked, trail

__all__ = ["asked"]


async def test_a_number_in_place_of_a_dossier_does_not_reach_the_trail(asked: Any) -> None:
    """Whoever looks for a person among dossiers is refused and written down, without the number."""
    for code in (NUMBER, f"HS-{NUMBER}", "Nguyễn Văn Thử " * 5):
        assert (await ask(asked, dossier_code=code))[0] == 404
    rows = await asked.journal.feed(0, 500, feed_only=False)
    told = [row for row in rows if row.kind == "identity.refused"]
    assert [row.dossier for row in told] == ["", "", ""]


async def test_a_number_within_an_officers_name_does_not_reach_the_trail(asked: Any) -> None:
    """`trail` finds no planted value."""
    assert (await ask(asked, officer=f"cb.{NUMBER}"))[0] == 200
    assert all(fields["officer"].startswith("hmac:") for _, fields in await trail(asked))


async def test_capitals_and_blanks_make_no_other_officer(asked: Any) -> None:
    """12 at once, however the name is written: the thirteenth is refused."""
    spelled = ("canbo.thu", "CANBO.THU", " canbo.thu ", "Canbo.Thu")
    for number in range(12):
        answer = await ask(asked, request_id=f"tiepnhan-{number:04}", officer=spelled[number % 4])
        assert answer[0] == 200
    assert (await ask(asked, request_id="tiepnhan-0012", officer="canbo.THU"))[0] == 429


async def test_a_system_that_invents_agencies_and_officers_meets_its_own_limit(asked: Any) -> None:
    """Each question under another name, and still no more than the system may ask."""
    questions = asked.asking.questions
    questions._quotas = Quotas(msgspec.structs.replace(SETTINGS, per_system_per_hour=50), questions.desk.door.clock)
    got = [
        (await ask(asked, request_id=f"tiepnhan-{number:04}", officer=f"canbo.{number}", unit=f"G16.{number}"))[0]
        for number in range(6)
    ]
    assert got == [200] * 5 + [429]


async def test_many_questions_of_one_dossier_at_once_all_have_their_outcome(asked: Any) -> None:
    """They meet at the record of what the dossier drew on; none loses its row for that, and no answer is lost."""
    numbers = range(40)
    answers = await asyncio.gather(
        *(ask(asked, request_id=f"tiepnhan-{number:04}", officer=f"canbo.{number}") for number in numbers)
    )
    assert [status for status, _ in answers] == [200] * len(numbers)
    rows = await trail(asked)
    for kind in ("identity.asked", "identity.answered"):
        assert sorted(fields["request"] for told, fields in rows if told == kind) == [
            f"tiepnhan-{number:04}" for number in numbers
        ]
