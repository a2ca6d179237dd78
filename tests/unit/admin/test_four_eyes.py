"""A marked decision needs two people with two keys; until then it is a proposal, and nothing has happened."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from gateway.errors import IntakeError
from gateway.records.operators import holds


async def _code(carrying: Any) -> str:
    with pytest.raises(IntakeError) as caught:
        await carrying
    return caught.value.code


async def _proposed(hall: Any, name: str = "chi") -> dict[str, str]:
    """A pause (marked in these tests) that waits for a second operator."""
    answer = await hall.say(name, "pause", upstream="national")
    assert answer["done"] is False and await hall.paused() == []
    (row,) = [row for row in (await hall.desk.decisions.proposals())["proposals"] if row["fate"] == "open"]
    assert row["proposal"] == answer["proposal"]
    return {"proposal": row["proposal"], "digest": row["digest"]}


async def test_the_second_operator_carries_it_out_and_both_signatures_are_proven(hall: Any) -> None:
    """One transaction, one row with both statements; each checks against its own key."""
    await hall.add("binh", "operator")
    details = await _proposed(hall)
    hall.turned.turn(hours=71)
    answer = await hall.say("binh", "approve", "Đã kiểm tra, đồng ý", details=details)
    assert answer["done"] is True and await hall.paused() == ["national"]
    *_, (kind, actor, fields), (paused, by, _) = await hall.trail()
    assert (kind, actor, paused, by) == ("decision.taken", "chi", "upstream.paused", "chi")
    assert (fields["operator"], fields["second_operator"], fields["command"]) == ("chi", "binh", "pause")
    register = await hall.desk.decisions.register()
    for prefix, name in (("", "chi"), ("second_", "binh")):
        pem = register[name].key(fields[f"{prefix}key_id"]).public_key
        assert holds(pem, fields[f"{prefix}statement"].encode(), base64.b64decode(fields[f"{prefix}signature"]))
    second = msgspec.json.decode(fields["second_statement"])
    assert second["words"]["details"] == details, "the second signature names the first one's words"
    assert [row["fate"] for row in (await hall.desk.decisions.proposals())["proposals"]] == ["carried_out"]
    assert await _code(hall.say("binh", "approve", details=details)) == "proposal_closed"


async def test_the_same_key_is_no_second_one(hall: Any) -> None:
    """Nor is another key of the same operator."""
    details = await _proposed(hall)
    assert await _code(hall.say("chi", "approve", details=details)) == "same_person"
    spare = hall.person("khoa-hai")
    await hall.say("chi", "operator-add", details={"name": "chi", "keys": [spare.public_key]})
    hall.people["chi"] = replace(spare, name="chi")
    assert await _code(hall.say("chi", "approve", details=details)) == "same_person"
    assert await hall.paused() == []


async def test_the_same_person_under_another_name_is_no_second_one(hall: Any) -> None:
    """The staff number counts, not the login, and not how somebody typed it."""
    await hall.add("binh", "operator", person="CB-7")
    details = await _proposed(hall, "binh")
    for number, name in (("CB-7", "binh2"), ("cb-7 ", "binh3"), ("CB - 7", "binh4"), ("\uff23\uff22-7", "binh5")):
        await hall.add(name, "operator", person=number)
        assert await _code(hall.say(name, "approve", details=details)) == "same_person"
    assert (await hall.say("chi", "approve", details=details))["done"]


async def test_who_may_not_say_it_may_not_approve_it(hall: Any) -> None:
    """The second needs the role of the proposed command, and must be in force; so must the first, still."""
    await hall.add("kiem", "auditor", "admin")
    await hall.add("binh", "operator")
    details = await _proposed(hall, "binh")
    assert await _code(hall.say("kiem", "approve", details=details)) == "role_missing"
    await hall.say("chi", "operator-revoke", details={"name": "binh"})
    assert await _code(hall.say("chi", "approve", details=details)) == "operator_not_in_force"
    assert await hall.paused() == []


async def test_a_proposal_runs_out(hall: Any) -> None:
    """After the configured time it is void; it is shown as such, and a new one may be made."""
    await hall.add("binh", "operator")
    details = await _proposed(hall)
    hall.turned.turn(hours=72)
    assert await _code(hall.say("binh", "approve", details=details)) == "proposal_expired"
    assert await _code(hall.say("binh", "refuse", details=details)) == "proposal_closed"
    assert [row["fate"] for row in (await hall.desk.decisions.proposals())["proposals"]] == ["expired"]
    again = await _proposed(hall)
    assert again["proposal"] != details["proposal"]


async def test_a_proposal_is_refused_or_withdrawn_under_a_signature(hall: Any) -> None:
    """Then it can no longer be approved; the trail says who, and why."""
    await hall.add("binh", "operator")
    details = await _proposed(hall)
    assert (await hall.say("chi", "refuse", "Tôi rút lại đề nghị", details=details))["done"]
    *_, (proof, _, signed), (kind, actor, fields) = await hall.trail()
    assert (proof, signed["command"], kind, actor) == ("decision.taken", "refuse", "decision.declined", "chi")
    assert fields["reason"] == "Tôi rút lại đề nghị" and fields["proposal"] == details["proposal"]
    assert await _code(hall.say("binh", "approve", details=details)) == "proposal_closed"


async def test_the_second_signature_must_be_about_the_same_words(hall: Any) -> None:
    """A digest of something else, or a proposal that is not there."""
    await hall.add("binh", "operator")
    details = await _proposed(hall)
    assert await _code(hall.say("binh", "approve", details=details | {"digest": "0" * 64})) == "proposal_differs"
    assert await _code(hall.say("binh", "approve", details={"proposal": "x"})) == "proposal_unknown"
    assert await hall.paused() == []


async def test_a_proposal_and_its_approval_survive_restarts_and_lost_answers(building: Any) -> None:
    """Proposed in one life, approved in the next; the same approval again is answered the same and changes nothing."""
    async with building.open() as hall:
        await hall.found()
        await hall.add("binh", "operator")
        envelope = await hall.envelope("chi", "pause", upstream="national")
        first = await hall.carry("pause", envelope)
    async with building.open() as hall:
        again = await hall.carry("pause", envelope)
        assert again["proposal"] == first["proposal"] and again["done"] is False
        (row,) = (await hall.desk.decisions.proposals())["proposals"]
        details = {"proposal": row["proposal"], "digest": row["digest"]}
        approval = await hall.envelope("binh", "approve", details=details)
        done = await hall.carry("approve", approval)
        trail = await hall.trail()
    async with building.open() as hall:
        assert await hall.carry("approve", approval) == done
        assert await hall.trail() == trail and await hall.paused() == ["national"]


async def test_a_decision_that_is_not_marked_needs_one_key(building: Any) -> None:
    """The list of the configuration decides, nothing else."""
    async with building.open(second_key_for=frozenset()) as hall:
        await hall.found()
        assert (await hall.say("chi", "pause", upstream="national"))["done"] is True
        assert await hall.paused() == ["national"]
