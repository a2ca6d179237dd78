"""The life of a result: numbered when it is named, judged before it is shown, behind its state, held with its reason."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from gateway.intake.result_handlers import public_view
from gateway.journal.model import Claim, DeliveryState, MessageSettlement, Settlement
from gateway.records import results
from gateway.records.results import ResultState, result_code
from signing.model import Indication, SubIndication


async def test_a_result_that_passed_follows_its_state_in_the_same_lane(hall: Any, words: Any) -> None:
    """State and progress stand in the lane at once; the result comes behind them, when it was judged."""
    code = await hall.resolved(words.good)
    before = await hall.lane()
    assert before == ["state", "progress"] * 2
    await hall.watch.look()
    assert await hall.lane() == [*before, "results"]
    kept = await hall.kept(code)
    assert (kept.state, kept.report.conclusion, kept.tries) == (ResultState.PASSED, Indication.TOTAL_PASSED, 1)
    assert hall.woken == ["national"]
    assert await hall.open_codes() == set()


async def test_looking_again_sends_nothing_again(hall: Any, words: Any) -> None:
    """However often it is looked at, or named by another event: one delivery."""
    await hall.resolved(words.good)
    for _ in range(3):
        await hall.watch.look()
    await hall.push("RES", 3, "returned", results=(words.document(words.good),))
    hall.turned.turn(hours=1)
    await hall.watch.look()
    assert (await hall.lane()).count("results") == 1
    assert len(await hall.listed()) == 1


async def test_what_is_sent_says_the_newest_snapshot_and_what_may_be_shown_alone(hall: Any, words: Any) -> None:
    """A result that is held beside one that passed does not travel with it."""
    await hall.register()
    await hall.upload(words.good, source="RES")
    await hall.upload(words.changed, source="RES")
    named = (words.document(words.changed, "GP-1"), words.document(words.good, "GP-2"))
    await hall.push("RES", 1, "processing")
    await hall.push("RES", 2, "resolved", results=named)
    await hall.register(version=2)
    await hall.watch.look()
    first, second = await hall.listed()
    assert (first.state, second.state) == (ResultState.HELD, ResultState.PASSED)
    claims = []
    for _ in range(9):
        got = await hall.journal.claim(
            "national", limit=1, batch={}, lease=timedelta(minutes=1), now=hall.turned.moment
        )
        if not got:
            break
        (claim,) = got
        claims.append(claim.deliveries[0])
        await hall.journal.settle(delivered(claim))
    task = msgspec.json.decode(claims[-1].payload)
    assert claims[-1].operation == "results"
    assert [one["result_code"] for one in task["fields"]["results"]] == [second.code]
    assert task["dossier"]["version"] == 2
    assert hashlib.sha256(words.changed).hexdigest() not in claims[-1].payload.decode()


def delivered(claim: Claim) -> Settlement:
    """The settlement of a claim that went well."""
    message = MessageSettlement(claim.deliveries[0].sequence, DeliveryState.DELIVERED, receipt=b"{}")
    return Settlement(claim.lane_id, claim.epoch, (message,))


async def test_a_changed_result_is_held_with_its_reason_and_nobody_waits_for_it(hall: Any, words: Any) -> None:
    """The dossier's later states go on; the result does not go anywhere, and people are told why."""
    code = await hall.resolved(words.changed)
    await hall.watch.look()
    await hall.push("RES", 3, "returned")
    await hall.watch.look()
    assert await hall.lane() == ["state", "progress"] * 3
    kept = await hall.kept(code)
    assert (kept.state, kept.reason) == (ResultState.HELD, SubIndication.HASH_FAILURE)
    assert kept.reason_vi == "Nội dung đã bị thay đổi sau khi ký."
    (row,) = await hall.told("result.held")
    assert (row["result"], row["reason"], row["verdict"]) == (code, "HASH_FAILURE", "TOTAL-FAILED")
    assert [alarm for alarm, _ in hall.alarms] == ["result.held"]
    assert await hall.open_codes() == set()


async def test_missing_status_is_tried_again_by_itself_until_it_is_there(hall: Any, words: Any) -> None:
    """TRY_LATER: on the schedule, never before; and then it passes and goes out."""
    code = await hall.resolved(words.early)
    await hall.watch.look()
    assert (await hall.kept(code)).state is ResultState.WAITING
    assert await hall.watch.look() == 0
    hall.turned.turn(seconds=59)
    assert await hall.watch.look() == 0
    hall.turned.turn(seconds=1)
    assert await hall.watch.look() == 1
    hall.judge.verdicts[words.early] = (Indication.TOTAL_PASSED, None)
    hall.turned.turn(seconds=299)
    assert await hall.watch.look() == 0
    hall.turned.turn(seconds=1)
    await hall.watch.look()
    kept = await hall.kept(code)
    assert (kept.state, kept.tries, kept.waiting_since) == (ResultState.PASSED, 3, None)
    assert (await hall.lane())[-1] == "results"


async def test_four_working_hours_of_missing_status_raise_one_alarm(building: Any, words: Any) -> None:
    """Nine to twelve and half past one to half past two are four hours; the night before would not count."""
    building.turned.turn(hours=-15)  # Sunday, 18 o'clock in Viet Nam
    async with building.open(retry_s=(1_800.0,)) as hall:
        code = await hall.resolved(words.early)
        overdue: list[Any] = []
        while not overdue:
            await hall.watch.look()
            overdue = [told for alarm, told in hall.alarms if alarm == "result.overdue"]
            at = hall.turned.moment
            hall.turned.turn(minutes=30)
        # Monday, 8 to 12 o'clock: the first look at which four hours were over.
        assert at == words.start.replace(hour=5)
        for _ in range(4):
            await hall.watch.look()
            hall.turned.turn(minutes=30)
        assert [alarm for alarm, _ in hall.alarms] == ["result.overdue"]
        assert len(await hall.told("result.overdue")) == 1
        assert code in overdue[0]


async def test_a_valid_result_shown_again_for_another_dossier_is_held(hall: Any, words: Any) -> None:
    """Attack C2: the signature is valid, and proves nothing about this dossier."""
    first = await hall.resolved(words.good)
    await hall.watch.look()
    second = await hall.resolved(words.good, words.other)
    await hall.watch.look()
    kept = await hall.kept(second)
    assert (kept.state, kept.reason) == (ResultState.HELD, "result_of_another_dossier")
    assert kept.report.conclusion is Indication.TOTAL_PASSED
    assert "results" not in await hall.lane(words.other)
    assert (await hall.kept(first)).state is ResultState.PASSED


async def test_a_content_that_names_another_dossier_is_held(hall: Any, words: Any) -> None:
    """What is signed says to which dossier it belongs."""
    code = await hall.resolved(words.foreign)
    await hall.watch.look()
    assert (await hall.kept(code)).reason == "names_another_dossier"
    assert "results" not in await hall.lane()


async def test_a_sectors_result_waits_for_the_event_that_takes_its_state_outside(hall: Any, words: Any) -> None:
    """on_push_back: judged at once, sent only behind the resolution system's own event, which need not name it again."""
    code = await hall.resolved(words.good, source="SEC-A")
    await hall.watch.look()
    assert (await hall.kept(code)).state is ResultState.PASSED
    assert await hall.lane() == []
    assert await hall.open_codes() == {code}
    hall.turned.turn(hours=30)
    await hall.watch.look()
    assert await hall.lane() == []
    cause = words.cause("SEC-A", f"SEC-A-{words.code[-4:]}-2")
    await hall.push("RES", 1, "resolved", caused_by=cause, results=())
    await hall.watch.look()
    assert await hall.lane() == ["state", "progress", "results"]


async def test_a_result_comes_behind_every_state_that_was_accepted_without_it(building: Any, words: Any) -> None:
    """on_ack: a state on its way outside would replace the dossier there without the result; so the result waits for it."""
    async with building.open() as hall:
        hall.watch._house = replace(hall.watch._house, sends_ahead=lambda system: system == "SEC-A")
        code = await hall.resolved(words.good)
        before = await hall.lane()
        await hall.push("SEC-A", 1, "returned")
        await hall.watch.look()
        assert (await hall.kept(code)).state is ResultState.PASSED
        assert await hall.lane() == before
        (claim,) = await hall.journal.claim(
            "resolution", limit=1, batch={}, lease=timedelta(minutes=1), now=hall.turned.moment
        )
        acknowledged = MessageSettlement(claim.deliveries[0].sequence, DeliveryState.DELIVERED, receipt=b"{}")
        await hall.journal.settle(Settlement(claim.lane_id, claim.epoch, (acknowledged,)))
        hall.turned.turn(hours=1)
        await hall.watch.look()
        assert await hall.lane() == [*before, "results"]


async def test_a_result_in_a_snapshot_waits_until_the_dossier_has_ended(hall: Any, words: Any) -> None:
    """Named by no event, it belongs to the state that ends the dossier."""
    await hall.register()
    await hall.upload(words.good, source="RES")
    await hall.register(version=2, results=(words.document(words.good),))
    await hall.push("RES", 1, "processing")
    await hall.watch.look()
    assert "results" not in await hall.lane()
    await hall.upload(words.later, source="RES")
    await hall.push("RES", 2, "resolved", results=(words.document(words.later, "GP-2"),))
    hall.turned.turn(seconds=5)
    await hall.watch.look()
    assert await hall.lane() == ["state", "progress", "state", "progress", "results", "results"]
    assert [one.code for one in await hall.listed()] == [result_code(words.code, 1), result_code(words.code, 2)]


async def test_a_restart_finds_what_was_not_judged_and_what_was_not_sent(building: Any, words: Any) -> None:
    """All that is known stands in records: nothing is lost, nothing is sent twice."""
    async with building.open() as hall:
        code = await hall.resolved(words.early)
        await hall.watch.look()
        await hall.resolved(words.good, words.other, source="SEC-A")
    building.turned.turn(hours=1)
    building.judge.verdicts[words.early] = (Indication.TOTAL_PASSED, None)
    async with building.open() as hall:
        await hall.watch.look()
        assert (await hall.kept(code)).state is ResultState.PASSED
        assert (await hall.lane()).count("results") == 1
        assert (await hall.kept(result_code(words.other, 1))).state is ResultState.PASSED
    async with building.open() as hall:
        cause = words.cause("SEC-A", f"SEC-A-{words.other[-4:]}-2")
        await hall.push("RES", 1, "resolved", dossier_code=words.other, caused_by=cause, results=())
        await hall.watch.look()
        assert (await hall.lane(words.other)).count("results") == 1
        assert (await hall.lane()).count("results") == 1


async def test_where_results_are_not_judged_nothing_is_registered(building: Any, words: Any) -> None:
    """Without [results] everything is as before: no code, no record, no look."""
    routes = type(words.routes)(words.routes.by_role)
    async with building.open(routes) as hall:
        await hall.register()
        await hall.upload(words.good, source="RES")
        await hall.push("RES", 1, "resolved", results=(words.document(words.good),))
        assert await hall.listed() == ()
        assert await hall.watch.look() == 0


async def test_the_evidence_of_a_judgement_is_kept_once(hall: Any, words: Any) -> None:
    """By digest, so that the same judgement can be made again; two results share a list."""
    one = await hall.kept(await hall.resolved(words.good))
    two = await hall.resolved(words.later, words.other)
    await hall.watch.look()
    one, two = await hall.kept(one.code), await hall.kept(two)
    assert one.evidence == two.evidence and len(one.evidence) == 2
    pieces = [await hall.journal.record(results.evidence_key(digest)) for digest in one.evidence]
    assert [(piece.state, piece.version) for piece in pieces] == [(b"a list", 1), (b"another list", 1)]


async def test_the_judge_is_asked_with_the_time_at_which_we_had_the_file(hall: Any, words: Any) -> None:
    """Proof of existence: our own journal; expected signers: the table's row for the procedure."""
    await hall.register()
    await hall.upload(words.good, source="RES")
    uploaded = hall.turned.moment
    hall.turned.turn(hours=2)
    await hall.push("RES", 1, "resolved", results=(words.document(words.good),))
    hall.turned.turn(hours=2)
    await hall.watch.look()
    (question,) = hall.judge.asked
    (existence,) = question.evidence.existences
    assert (existence.at, existence.source) == (uploaded, "journal")
    assert existence.sha256 == hashlib.sha256(words.good).hexdigest()
    assert [(one.role, one.domain) for one in question.expected] == [("agency", "public-duty")]
    assert (question.content, question.at) == (words.good, hall.turned.moment)


async def test_a_file_that_cannot_be_opened_is_held_and_not_guessed(hall: Any, words: Any, building: Any) -> None:
    """The content is gone from the disk: a person has to look."""
    code = await hall.resolved(words.good)
    for path in (building.folder / "content").rglob("*"):
        if path.is_file():
            path.write_bytes(b"\0" * 64)
    await hall.watch.look()
    kept = await hall.kept(code)
    assert (kept.state, kept.reason, kept.report) == (ResultState.HELD, "file_missing", None)


async def test_a_file_above_the_limit_is_held_unread(building: Any, words: Any) -> None:
    """Nobody's memory is filled by one file."""
    async with building.open(max_bytes=3) as hall:
        code = await hall.resolved(words.good)
        await hall.watch.look()
        assert (await hall.kept(code)).reason == "too_large"
        assert hall.judge.asked == []


async def test_an_unusable_verifier_is_tried_again(hall: Any, words: Any) -> None:
    """It is our fault and not the document's: nothing is held for it."""
    code = await hall.resolved(words.good)
    hall.judge.unusable = True
    await hall.watch.look()
    kept = await hall.kept(code)
    assert (kept.state, kept.reason) == (ResultState.WAITING, "verifier_unusable")
    hall.judge.unusable = False
    hall.turned.turn(minutes=5)
    await hall.watch.look()
    assert (await hall.kept(code)).state is ResultState.PASSED


async def test_a_fault_of_ours_over_one_result_leaves_the_others_alone(hall: Any, words: Any) -> None:
    """It rests for a while, and is not forgotten."""
    code = await hall.resolved(words.good)
    hall.judge.broken = True
    await hall.watch.look()
    hall.judge.broken = False
    other = await hall.resolved(words.later, words.other)
    await hall.watch.look()
    assert (await hall.kept(other)).state is ResultState.PASSED
    assert (await hall.kept(code)).state is ResultState.AWAITING
    hall.turned.turn(minutes=10)
    await hall.watch.look()
    assert (await hall.kept(code)).state is ResultState.PASSED


async def test_a_file_that_kills_the_process_again_and_again_is_held(building: Any, words: Any) -> None:
    """Counted before each judgement (F12): the gateway comes up again, and a person is told."""
    async with building.open() as hall:
        code = await hall.resolved(words.good)
    building.judge.deadly = True
    for _ in range(3):
        async with building.open() as hall:
            with pytest.raises(asyncio.CancelledError):
                await hall.watch.look()
    async with building.open() as hall:
        await hall.watch.look()
        kept = await hall.kept(code)
        assert (kept.state, kept.reason, kept.unsettled) == (ResultState.HELD, "poison", 0)
        assert [alarm for alarm, _ in hall.alarms] == ["result.held"]
        building.judge.deadly = False
        assert (await hall.order(code, "judge"))[0] == 200
        await hall.watch.look()
        assert (await hall.kept(code)).state is ResultState.PASSED


async def test_names_of_results_stand_sealed(hall: Any, words: Any) -> None:
    """Codes and digests may be seen in the store; the name of a document may not, nor in the trail."""
    await hall.resolved(words.good)
    await hall.watch.look()
    rows = await hall.journal.feed(0, 10_000, feed_only=False)
    assert b"M\xe1\xba\xabu" not in b"".join(row.fields for row in rows)


@pytest.mark.parametrize("what", ["judge", "override", "refuse"])
async def test_a_published_result_leaves_nothing_to_decide(hall: Any, words: Any, what: str) -> None:
    """What went outside cannot be called back by a word here."""
    code = await hall.resolved(words.good)
    await hall.watch.look()
    status, answer = await hall.order(code, what)
    assert (status, answer["code"]) == (409, "result_published")


async def test_a_failed_result_is_published_by_nobodys_word(hall: Any, words: Any) -> None:
    """TOTAL-FAILED stays failed, whoever signs the override."""
    code = await hall.resolved(words.changed)
    await hall.watch.look()
    status, answer = await hall.order(code, "override")
    assert (status, answer["code"]) == (409, "result_failed")
    assert (await hall.kept(code)).state is ResultState.HELD


async def test_an_open_question_may_be_overridden_and_that_shows(hall: Any, words: Any) -> None:
    """The report keeps its verdict; the word of the operator stands beside it; then it goes out."""
    hall.judge.verdicts[words.good] = (Indication.INDETERMINATE, SubIndication.NO_CERTIFICATE_CHAIN_FOUND)
    code = await hall.resolved(words.good)
    status, answer = await hall.order(code, "override")
    assert (status, answer["code"]) == (409, "result_not_held")
    await hall.watch.look()
    assert (await hall.order(code, "override"))[0] == 200
    await hall.watch.look()
    kept = await hall.kept(code)
    assert kept.overridden and kept.report.conclusion is Indication.INDETERMINATE
    assert (await hall.lane())[-1] == "results"
    (row,) = await hall.told("result.overridden")
    assert (row["verdict"], row["was"]) == ("INDETERMINATE", "NO_CERTIFICATE_CHAIN_FOUND")


async def test_a_new_judgement_may_be_ordered(hall: Any, words: Any) -> None:
    """After the trust store was put right, for instance."""
    hall.judge.verdicts[words.good] = (Indication.INDETERMINATE, SubIndication.NO_CERTIFICATE_CHAIN_FOUND)
    code = await hall.resolved(words.good)
    await hall.watch.look()
    hall.judge.verdicts[words.good] = (Indication.TOTAL_PASSED, None)
    assert (await hall.order(code, "judge"))[0] == 200
    await hall.watch.look()
    assert (await hall.kept(code)).state is ResultState.PASSED


async def test_a_refused_result_goes_nowhere_and_sets_its_content_free(hall: Any, words: Any) -> None:
    """A mistaken upload must not keep the content from the dossier that it belongs to."""
    hall.judge.verdicts[words.good] = (Indication.INDETERMINATE, SubIndication.NO_CERTIFICATE_CHAIN_FOUND)
    wrong = await hall.resolved(words.good)
    await hall.watch.look()
    assert (await hall.order(wrong, "refuse"))[0] == 200
    hall.judge.verdicts[words.good] = (Indication.TOTAL_PASSED, None)
    right = await hall.resolved(words.good, words.other)
    await hall.watch.look()
    assert (await hall.kept(right)).state is ResultState.PASSED
    assert (await hall.kept(wrong)).state is ResultState.REFUSED
    assert "results" not in await hall.lane()


async def test_the_public_learns_that_a_result_is_not_published_and_not_what_the_ministry_decided(
    hall: Any, words: Any
) -> None:
    """A changed content is said to be changed; a refusal, or that another dossier has it, stays inside."""
    changed = await hall.resolved(words.changed)
    refused = await hall.resolved(words.good, words.other)
    await hall.watch.look()
    assert "thay đổi" in str(public_view(await hall.kept(changed))["message_vi"])
    kept = replace(await hall.kept(refused), state=ResultState.HELD, reason="refused", reason_vi="Đã từ chối.")
    told = public_view(kept)
    assert (told["published"], told["signers"]) == (False, [])
    assert "từ chối" not in str(told["message_vi"])


async def test_numbers_are_given_in_the_order_of_naming_and_never_twice(hall: Any, words: Any) -> None:
    """NĐ 45/2020 Điều 14.3: n is the order of the result; the same content again is the same result."""
    await hall.register()
    for content in (words.good, words.later):
        await hall.upload(content, source="RES")
    named = words.document(words.later, "B"), words.document(words.good, "A")
    await hall.push("RES", 1, "resolved", results=named)
    await hall.push("RES", 2, "returned", results=(*reversed(named), words.document(words.good, "C")))
    assert [(one.code, one.document.id) for one in await hall.listed()] == [
        (result_code(words.code, 1), "B"),
        (result_code(words.code, 2), "A"),
    ]
