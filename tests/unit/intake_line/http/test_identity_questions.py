"""Lawful questions over HTTP: who may ask what, what comes back, what the trail holds, and what happens when nobody answers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from connectors.kit.errors import (
    Busy,
    CannotMap,
    ConsentMissing,
    CredentialsRefused,
    DeliveryError,
    Exchange,
    NoAnswer,
    NotSent,
    Rejected,
)
from gateway.config import Asker
from gateway.dispatch.seats import Seats
from gateway.identity.lawfulness import Asking, Law, Wanted
from gateway.records import identity_proofs
from mappings.canonical import Identity, Party
from mappings.codec import encode
from mappings.codes import Database, IdentityType, PartyKind
from mappings.partial_date import PartialDate
from tests.toys.people import BIRTH, NAME, NUMBER
from tests.unit.identity.questioning import UPSTREAM

ROUTE = "/v1/identity/questions"
OWNER = Party(PartyKind.CITIZEN, NAME, Identity(IdentityType.CCCD, NUMBER), PartialDate.parse(BIRTH))
PLANTED = (NUMBER, "001060000000", "THỬ", "Thử", "NGUYỄN VĂN CHA", "1990")


@pytest.fixture
async def asked(site: Any) -> Any:
    """A site whose dossier names its owner, and is being handled."""
    assert await site.put(2, state="received", applicant=OWNER) == 200
    return site


def question(site: Any, **changes: Any) -> dict[str, Any]:
    """A lawful question about the owner."""
    base: dict[str, Any] = {
        "request_id": "tiepnhan-0001",
        "operation": "look_up",
        "dossier_code": site.words.code,
        "purpose": "Đối chiếu khi tiếp nhận",
        "officer": "canbo.thu",
        "unit": "G16.05",
        "subject": {"full_name": NAME, "birth": BIRTH, "personal_id": NUMBER},
    }
    return base | changes


async def ask(site: Any, who: str = "RES", **changes: Any) -> tuple[int, dict[str, Any]]:
    """Ask; the answer must not be kept by anybody on the way."""
    status, tree, headers = await site.call(who, "POST", ROUTE, encode(question(site, **changes)))
    assert headers["Cache-Control"] == "no-store"
    return status, tree


async def trail(site: Any, prefix: str = "identity.") -> list[tuple[str, dict[str, Any]]]:
    """The rows of the trail about questions, in order; none of them holds a value."""
    rows = await site.journal.feed(0, 500, feed_only=False)
    told = [(row.kind, msgspec.json.decode(row.fields)) for row in rows if row.kind.startswith(prefix)]
    written = str([fields for _, fields in told])
    assert [value for value in PLANTED if value in written] == []
    return told


def listed(site: Any, **callers: Asker) -> None:
    """The desk with other callers listed."""
    change(site, callers=callers)


def change(site: Any, **settings: Any) -> None:
    """The desk with other settings."""
    questions = site.asking.questions
    law = questions.desk.law
    changed = Law(msgspec.structs.replace(law.questions, **settings), law.table)
    questions.desk = replace(questions.desk, law=changed)


async def test_only_what_the_procedure_needs_comes_back(asked: Any) -> None:
    """The register tells everything; the table names four fields, so that four come back, with the legal basis."""
    status, told = await ask(asked)
    assert (status, told["found"]) == (200, True)
    assert told["fields"] == {"personal_id": NUMBER, "full_name": "NGUYỄN VĂN THỬ", "birth": BIRTH}
    assert told["rows"] == [] and told["legal_basis"]
    (sent,) = asked.asking.people.asked
    assert (sent.request_id, sent.officer, sent.unit) == ("tiepnhan-0001", "canbo.thu", "G16.05")
    assert (sent.dossier_code, sent.operation) == (asked.words.code, "look_up")
    assert sent.procedure_code == "1.001234.000.00.00.G16"
    assert asked.counted[-1] == "identity_question_found"


async def test_the_code_of_a_dossier_may_stand_in_the_purpose(asked: Any) -> None:
    """Digits between dashes are no person's number."""
    assert (await ask(asked, purpose="Tiếp nhận hồ sơ 000.00.00.G16-261120-0042"))[0] == 200


async def test_fewer_fields_may_be_asked_for_and_never_more(asked: Any) -> None:
    """A caller that needs a birth date gets a birth date; one that wants the father's name is refused, unasked."""
    _, told = await ask(asked, fields=["birth"])
    assert told["fields"] == {"birth": BIRTH} and told["allowed"] == ["birth"]
    for place in ("father.full_name", "ethnic_group"):
        status, told = await ask(asked, fields=[place])
        assert (status, told["code"]) == (403, "question_not_allowed")
    status, told = await ask(asked, fields=["mat_khau"])
    assert (status, told["errors"][0]["pointer"]) == (422, "/fields/0")
    assert len(asked.asking.people.asked) == 1


async def test_the_trail_says_who_why_and_which_fields_before_and_after(asked: Any) -> None:
    """Two rows, one before the question leaves; persons by a keyed digest, the same for the same person."""
    await ask(asked)
    await ask(asked, request_id="tiepnhan-0002", subject={"full_name": "Ai Đó", "birth": "1970", "personal_id": NUMBER})
    rows = await trail(asked)
    assert [kind for kind, _ in rows] == ["identity.asked", "identity.answered"] * 2
    first, answered = rows[0][1], rows[1][1]
    assert first | {"about": "", "legal_basis": [], "rows": []} == {
        "upstream": UPSTREAM, "operation": "look_up", "request": "tiepnhan-0001", "officer": "canbo.thu", "unit": "G16.05",
        "purpose": "Đối chiếu khi tiếp nhận", "procedure": "1.001234.000.00.00.G16", "about": "", "legal_basis": [],
        "rows": [], "places": ["personal_id", "cmnd", "full_name", "birth"],
    }  # fmt: skip
    assert answered["found"] is True and answered["fields"] == ["birth", "full_name", "personal_id"]
    assert first["about"] == rows[2][1]["about"] and first["about"].startswith("hmac:")
    assert rows[3][1]["found"] is False


async def test_an_officer_known_by_a_personal_number_stays_one_without_it(asked: Any) -> None:
    """Some registers want the officer's own number as `MaCanBo` (identity facts 2.4): sent, and not written down."""
    assert (await ask(asked, officer="001080000000"))[0] == 200
    (sent,) = asked.asking.people.asked
    rows = await trail(asked)
    assert sent.officer == "001080000000"
    assert all(fields["officer"].startswith("hmac:") for _, fields in rows)


async def test_nobody_found_is_an_answer(asked: Any) -> None:
    """`found` false, with no field; the dossier did draw on the register."""
    status, told = await ask(asked, subject={"full_name": NAME, "birth": "1991", "personal_id": NUMBER})
    assert (status, told["found"], told["fields"]) == (200, False, {})
    use = await asked.journal.record(identity_proofs.use_key(asked.words.code))
    assert Database.POPULATION in identity_proofs.read_use({use.key: use}, asked.words.code).drew_on


async def test_yes_or_no_brings_no_field_back(asked: Any) -> None:
    """`verify` needs no row of the table, since it tells nothing but whether the data agree."""
    status, told = await ask(asked, "SEC-A", operation="verify")
    assert (status, told["found"], told["fields"], told["rows"]) == (200, True, {}, [])


UNLAWFUL: list[tuple[str, dict[str, Any], tuple[int, str]]] = [
    ("SEC-B", {}, (403, "question_not_allowed")),
    ("SEC-A", {}, (403, "question_not_allowed")),
    ("SEC-A", {"operation": "verify", "unit": "G99"}, (403, "question_not_allowed")),
    ("RES", {"operation": "relatives"}, (403, "question_not_allowed")),
    ("RES", {"subject": {"full_name": NAME, "birth": BIRTH, "personal_id": "009090000000"}}, (403, "question_not_allowed")),
    ("RES", {"subject": {"full_name": NAME, "birth": BIRTH, "cmnd": "001000000"}}, (403, "question_not_allowed")),
    ("RES", {"dossier_code": "000.00.00.G16-261120-9999"}, (404, "unknown_dossier")),
    ("SEC-OTHER", {}, (404, "unknown_dossier")),
]  # fmt: skip


async def test_an_unlawful_question_never_leaves(asked: Any) -> None:
    """Not listed, another's operation or unit, a stranger, no dossier: refused unsent, and written down with who tried."""
    for who, changes, code in UNLAWFUL:
        status, told = await ask(asked, who, **changes)
        assert (status, told["code"]) == code, (who, changes)
        kind, fields = (await trail(asked))[-1]
        assert (kind, fields["code"], fields["officer"]) == ("identity.refused", code[1], "canbo.thu")
    assert asked.asking.people.asked == [] and len(await trail(asked)) == len(UNLAWFUL)


async def test_without_a_row_in_the_table_nothing_is_asked(asked: Any) -> None:
    """A listed operation is not enough: what may come back needs a legal basis for the procedure."""
    listed(asked, RES=Asker(operations=("marital_status",)))
    status, told = await ask(asked, operation="marital_status")
    assert (status, told["code"]) == (403, "question_not_allowed") and asked.asking.people.asked == []


async def test_a_listed_procedure_is_a_bound(asked: Any) -> None:
    """What is listed for one procedure is not listed for another."""
    listed(asked, RES=Asker(procedures=("2.000001", "BVH-LH-*")))
    assert (await ask(asked))[0] == 403
    listed(asked, RES=Asker(procedures=("1.00*",)))
    assert (await ask(asked))[0] == 200


async def test_others_than_the_parties_may_be_asked_about_where_that_is_configured(asked: Any) -> None:
    """A child, an employee: for procedures that need it, and only for whom the operator lists."""
    listed(asked, RES=Asker(subjects="any"))
    subject = {"full_name": NAME, "birth": BIRTH, "personal_id": "009090000000"}
    assert (await ask(asked, subject=subject))[0] == 200


async def test_a_dossier_that_is_no_longer_handled_asks_nothing(site: Any) -> None:
    """Kept no longer than needed begins with asking no longer than needed."""
    for version, state in enumerate(("returned", "intake_refused", "resolved"), start=2):
        assert await site.put(version, state=state, applicant=OWNER) == 200
        status, told = await ask(site)
        assert (status, told["code"]) == (409, "dossier_not_open") and site.asking.people.asked == []


UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"request_id": "ngan"}, "/request_id"),
    ({"request_id": "x" * 41}, "/request_id"),
    ({"officer": ""}, "/officer"),
    ({"officer": "x" * 21}, "/officer"),
    ({"unit": ""}, "/unit"),
    ({"officer": "  "}, "/officer"),
    ({"unit": " "}, "/unit"),
    ({"request_id": NUMBER}, "/request_id"),
    ({"request_id": f"tra-{NUMBER}"}, "/request_id"),
    ({"unit": f"G16-{NUMBER}"}, "/unit"),
    ({"purpose": f"Tra 001-090-{NUMBER[6:]}"}, "/purpose"),
    ({"purpose": "Xem ông NGUYEN VAN THU ở đâu"}, "/purpose"),
    ({"purpose": "  "}, "/purpose"),
    ({"purpose": f"Tra số {NUMBER}"}, "/purpose"),
    ({"purpose": "Gọi 0900 000 000"}, "/purpose"),
    ({"officer_account": NUMBER}, "/officer_account"),
    ({"subject": {"full_name": "", "birth": BIRTH, "personal_id": NUMBER}}, "/subject/full_name"),
    ({"subject": {"full_name": NAME, "birth": BIRTH}}, "/subject"),
    ({"subject": {"full_name": NAME, "birth": BIRTH, "personal_id": NUMBER, "cmnd": "001000000"}}, "/subject"),
    ({"subject": {"full_name": NAME, "birth": BIRTH, "personal_id": "00109000000"}}, "/subject/personal_id"),
    ({"subject": {"full_name": NAME, "birth": BIRTH, "personal_id": "٠٠١٠٩٠٠٠٠٠٠٠"}}, "/subject/personal_id"),
    ({"subject": {"full_name": NAME, "birth": "28/02/1990", "personal_id": NUMBER}}, "/subject/birth"),
    ({"operation": "everything"}, "/operation"),
    ({"secret": "x"}, "/secret"),
]


async def test_a_question_that_lacks_who_or_why_is_refused_by_place(asked: Any) -> None:
    """Every fault is named, no value is repeated, and nothing is asked."""
    for changes, pointer in UNFIT:
        status, told = await ask(asked, **changes)
        assert (status, pointer in {fault["pointer"] for fault in told["errors"]}) == (422, True), (changes, told)
        assert NUMBER not in str(told)
    assert asked.asking.people.asked == []


FAILURES: list[tuple[Exception, int, str]] = [
    (NotSent(), 503, "register_unavailable"),
    (NoAnswer(), 503, "register_unavailable"),
    (Busy(retry_after_s=17.2), 503, "register_unavailable"),
    (ConsentMissing(), 403, "question_not_licensed"),
    (Rejected(exchange=Exchange(upstream_code="005")), 502, "register_refused"),
    (CannotMap(), 422, "question_unfit"),
    (RuntimeError(f"lỗi với {NUMBER}"), 503, "register_unavailable"),
]


async def test_a_register_that_does_not_answer_is_told_apart_and_written_down(asked: Any) -> None:
    """Down, silent, busy, not licensed, refusing, unfit, defective: each has its answer, and none stops the upstream."""
    for error, status, code in FAILURES:
        asked.asking.people.error = error
        got, told = await ask(asked)
        assert (got, told["code"]) == (status, code) and NUMBER not in str(told)
        kind, fields = (await trail(asked))[-1]
        family = error.code if isinstance(error, DeliveryError) else "outcome_unknown"
        assert (kind, fields["code"]) == ("identity.failed", family)
    assert not (await asked.asking.worker.standing(UPSTREAM)).row().paused
    assert asked.asking.alarms == [("question.not_licensed", UPSTREAM)]


async def test_refused_credentials_pause_the_upstream(asked: Any) -> None:
    """The set-up is at fault: nobody asks again with what was refused until a person has looked."""
    asked.asking.people.error = CredentialsRefused()
    assert (await ask(asked))[0] == 503
    asked.asking.people.error = None
    status, told = await ask(asked, request_id="tiepnhan-0002")
    assert (status, told["code"], len(asked.asking.people.asked)) == (503, "register_unavailable", 1)
    assert [alarm for alarm, _ in asked.asking.alarms] == ["upstream.paused"]


async def test_quota_of_the_register_says_when_to_come_back(asked: Any) -> None:
    """The upstream's own waiting time is passed on."""
    asked.asking.people.error = Busy(retry_after_s=17.2)
    _, _, headers = await asked.call("RES", "POST", ROUTE, encode(question(asked)))
    assert headers["Retry-After"] == "18"


async def test_the_breaker_of_the_upstream_stops_questions_too(asked: Any) -> None:
    """Five refused connections open it; the sixth question is answered without a call, and after the pause one goes through."""
    asked.asking.people.error = NotSent()
    for number in range(5):
        await ask(asked, request_id=f"tiepnhan-{number:04}")
    assert (await ask(asked, request_id="tiepnhan-0005"))[0] == 503
    assert len(asked.asking.people.asked) == 5
    kind, fields = (await trail(asked))[-1]
    assert (kind, fields["request"], fields["code"]) == ("identity.failed", "tiepnhan-0005", "not_sent")
    asked.asking.people.error = None
    asked.time.forward(31)
    assert (await ask(asked, request_id="tiepnhan-0006"))[0] == 200


async def test_of_several_nodes_one_that_asks_seldom_waits_for_its_seat(asked: Any) -> None:
    """It holds none; the next heartbeat brings one and the answer comes. Without a heartbeat the question is refused soon."""
    worker, instant = asked.asking.worker, asked.time.clock().instant
    seats = Seats(instant, shared=True)
    worker._hooks = replace(worker._hooks, seats=seats)

    async def beats() -> None:
        while True:
            await seats.nudge.wait()
            seats.nudge.clear()
            _, wishes = seats.wishes("n1", ())
            seats.granted({wish.name: wish.wanted for wish in wishes}, instant())

    beating = asyncio.create_task(beats())
    assert (await ask(asked))[0] == 200
    beating.cancel()
    seats.lost()
    status, told = await ask(asked, request_id="tiepnhan-0002")
    assert (status, told["code"], len(asked.asking.people.asked)) == (503, "register_unavailable", 1)


async def test_a_question_that_was_cut_off_leaves_what_was_asked(asked: Any) -> None:
    """The row before the question is durable while nobody has answered yet."""
    asked.asking.people.silent = asyncio.Event()
    under_way = asyncio.ensure_future(ask(asked))
    while not asked.asking.people.asked:
        await asyncio.sleep(0)
    assert [kind for kind, _ in await trail(asked)] == ["identity.asked"]
    asked.asking.people.silent.set()
    assert (await under_way)[0] == 200


async def test_an_officer_and_an_agency_ask_no_more_than_they_may(asked: Any) -> None:
    """12 at once for an officer of 120 an hour; a colleague still may; what is refused is no question."""
    for number in range(12):
        assert (await ask(asked, request_id=f"tiepnhan-{number:04}"))[0] == 200
    status, told = await ask(asked, request_id="tiepnhan-0012")
    assert (status, told["code"]) == (429, "too_many_requests")
    assert (await ask(asked, request_id="tiepnhan-0013", officer="canbo.khac"))[0] == 200
    assert len(asked.asking.people.asked) == 13
    asked.time.forward(31)
    assert (await ask(asked, request_id="tiepnhan-0014"))[0] == 200


async def test_nothing_is_remembered_by_default(asked: Any) -> None:
    """The same question twice is two questions."""
    for _ in range(2):
        await ask(asked, operation="verify")
    assert len(asked.asking.people.asked) == 2


async def test_where_configured_yes_or_no_is_remembered_for_the_same_dossier_alone(asked: Any) -> None:
    """15 minutes at most, a keyed digest instead of words, and the trail says that it was remembered."""
    change(asked, cache_s=900.0)
    assert (await ask(asked, operation="verify"))[1]["found"] is True
    assert (await ask(asked, operation="verify", request_id="tiepnhan-0002"))[1]["found"] is True
    assert len(asked.asking.people.asked) == 1
    assert (await trail(asked))[-1][1]["remembered"] is True
    other = {"full_name": NAME, "birth": "1990", "personal_id": NUMBER}
    await ask(asked, operation="verify", subject=other)
    assert len(asked.asking.people.asked) == 2
    asked.time.forward(901)
    await ask(asked, operation="verify")
    assert len(asked.asking.people.asked) == 3


async def test_a_look_up_is_never_remembered(asked: Any) -> None:
    """Whatever is configured, a person's record is not kept."""
    change(asked, cache_s=900.0)
    for _ in range(2):
        await ask(asked)
    assert len(asked.asking.people.asked) == 2


async def test_a_store_that_cannot_write_asks_nothing(asked: Any) -> None:
    """No question without its row in the trail."""
    await asked.journal.close()
    status, _ = await ask(asked)
    assert status == 503 and asked.asking.people.asked == []


def test_a_question_shows_nobody_in_its_repr(words: Any) -> None:
    """Luật 91/2025/QH15: no value in a log by accident."""
    asking = Asking("RES", "tiepnhan-0001", "canbo.thu", "G16.05", "Đối chiếu")
    wanted = Wanted(asking, "look_up", words.code, NAME, NUMBER, birth=BIRTH)
    assert [value for value in (NUMBER, NAME, BIRTH) if value in repr(wanted)] == []


async def test_a_missing_field_of_a_question_is_named(asked: Any) -> None:
    """Every fault by its place, as of a dossier; what cannot be read as JSON is said to be none."""
    wanted = question(asked, operation="hoi_tham")
    del wanted["officer"]
    status, told, _ = await asked.call("RES", "POST", ROUTE, encode(wanted))
    assert status == 422
    assert {(fault["code"], fault["pointer"]) for fault in told["errors"]} == {
        ("thieu_truong", "/officer"),
        ("gia_tri_khong_co", "/operation"),
    }
    assert "event_id" not in told["detail"]
