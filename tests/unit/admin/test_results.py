"""Operators over results: at a glance what waits and why; an override is signed by two, and never for what failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.admin.results import ALWAYS_TWO, ResultDesk
from gateway.bootstrap.desks import admin_desk
from gateway.config import Loaded, Operators, Settings
from gateway.errors import IntakeError
from gateway.intake.recording import Recording, recording_intake
from gateway.records import results
from gateway.records.results import HeldCode, KeptResult, ListedResult, ResultList, ResultState, Shelf
from mappings.canonical import FileRef, ResultDocument
from signing.model import Indication, SubIndication
from signing.report import Report

AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DOSSIER, CODE = "000.00.00.G16-261123-0001", "000.00.00.G16-261123-0001-KQ(1)"
DETAILS: Mapping[str, str] = {"result": CODE}


async def held(hall: Any, conclusion: Indication, reason: SubIndication) -> None:
    """A result that was judged and is held."""
    hall.desk = replace(hall.desk, results=ResultDesk(hall.journal, hall.turned.clock()))
    digest = "ab" * 32
    document = ResultDocument("GP-1", "Giấy phép", FileRef("a.pdf", "application/pdf", 3, digest))
    report = Report(digest, 3, conclusion, reason, (), (), AT, "vn-default-1", "0" * 64, "test")
    kept = KeptResult(CODE, DOSSIER, digest, 3, document, AT, ResultState.HELD, reason=reason, report=report)
    listed = ResultList((ListedResult(CODE, digest, ResultState.HELD, ("SEC-A",), document),))
    shelf = Shelf().hold(CODE, HeldCode(reason, AT))
    rows = results.write(kept), results.write_list(DOSSIER, listed), results.write_shelf(DOSSIER, shelf)
    taken = await hall.journal.accept(recording_intake("test", "test", Recording(records=rows)))
    assert taken.stored
    if not hall.people:
        await hall.found()
    await hall.add("binh", "supervisor")


async def approved(hall: Any) -> Any:
    """The second operator signs the one open proposal."""
    (row,) = [row for row in (await hall.desk.decisions.proposals())["proposals"] if row["fate"] == "open"]
    details = {"proposal": row["proposal"], "digest": row["digest"]}
    return await hall.say("binh", "approve", "Đã kiểm tra, đồng ý", details=details)


async def state(hall: Any) -> ResultState:
    """Where the result stands."""
    record = await hall.journal.record(results.key(CODE))
    return results.parse(record).state


async def code(saying: Any) -> str:
    """With which code something is refused."""
    with pytest.raises(IntakeError) as refused:
        await saying
    return refused.value.code


async def test_an_override_waits_for_a_second_operator_and_both_are_proven(building: Any) -> None:
    """Signing facts 5.1: a policy override that is itself logged."""
    async with building.open(second_key_for=frozenset({ALWAYS_TWO})) as hall:
        await held(hall, Indication.INDETERMINATE, SubIndication.NO_CERTIFICATE_CHAIN_FOUND)
        assert (await hall.say("chi", ALWAYS_TWO, details=DETAILS))["done"] is False
        assert await state(hall) is ResultState.HELD
        await approved(hall)
        assert await state(hall) is ResultState.PASSED
        (taken,) = [row[2] for row in await hall.trail("decision.taken") if row[2]["command"] == ALWAYS_TWO]
        assert (taken["operator"], taken["second_operator"]) == ("chi", "binh")
        assert (await hall.desk.results.listing())["held"] == []


async def test_nobody_can_publish_a_result_whose_signature_is_wrong(building: Any) -> None:
    """Not even two."""
    async with building.open(second_key_for=frozenset({ALWAYS_TWO})) as hall:
        await held(hall, Indication.TOTAL_FAILED, SubIndication.HASH_FAILURE)
        await hall.say("chi", ALWAYS_TWO, details=DETAILS)
        assert await code(approved(hall)) == "result_failed"
        assert await state(hall) is ResultState.HELD


async def test_what_is_held_is_seen_with_its_reason_until_somebody_decides(hall: Any) -> None:
    """Codes and sentences; a refusal by a supervisor takes it off the list."""
    await held(hall, Indication.TOTAL_FAILED, SubIndication.HASH_FAILURE)
    (row,) = (await hall.desk.results.listing())["held"]
    assert (row["result"], row["reason"]) == (CODE, "HASH_FAILURE")
    assert row["reason_vi"] == "Nội dung đã bị thay đổi sau khi ký."
    answer = await hall.say("binh", "result-refuse", details=DETAILS)
    assert answer["state"] == "refused"
    assert (await hall.desk.results.listing())["held"] == []
    again = await hall.say("chi", "result-judge", details=DETAILS)
    assert again["state"] == "awaiting"
    assert [one["result"] for one in (await hall.desk.results.listing())["open"]] == [CODE]


async def test_a_decision_about_nothing_is_refused(hall: Any) -> None:
    """A code that is not there, and words that name none."""
    await held(hall, Indication.TOTAL_FAILED, SubIndication.HASH_FAILURE)
    assert await code(hall.say("chi", "result-judge", details={"result": f"{DOSSIER}-KQ(9)"})) == "unknown_result"
    assert await code(hall.say("chi", "result-judge", details={"kq": CODE})) == "order_incomplete"


async def test_the_override_needs_two_whatever_the_configuration_marks(hall: Any, tmp_path: Path) -> None:
    """An empty list of marked commands does not open it."""
    await held(hall, Indication.INDETERMINATE, SubIndication.NO_CERTIFICATE_CHAIN_FOUND)
    loaded = Loaded(settings=Settings(operators=Operators(second_key_for=())), base=tmp_path)
    hall.desk = admin_desk(loaded, hall.journal, hall.worker, hall.turned.clock())
    assert (await hall.say("chi", ALWAYS_TWO, details=DETAILS))["done"] is False
    assert await state(hall) is ResultState.HELD
