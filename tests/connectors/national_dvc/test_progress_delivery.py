"""`progress` over real sockets: what is acknowledged is never written again, and the first failed call stops the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from importlib.resources import files
from typing import Any

import pytest

from connectors.kit.contract import Delivery, Found, Receipt
from connectors.kit.errors import AnswerUnreadable, CannotMap, DeliveryError, NoAnswer, NotSent, Rejected
from connectors.national_dvc.connector import NationalPortal
from connectors.national_dvc.profiles._mapi.doubts import harm_of_repeating
from mappings.canonical import Actor, Carried, Step
from mappings.codes import DossierStatus
from mappings.lint import lint_directory

ROWS, LOOKUP = "CapNhatTienDoHoSoMC", "TraCuuHoSo"
Make = Callable[..., Carried]
Build = Callable[..., Delivery]
Connect = Callable[..., NationalPortal]
Answer = Callable[..., tuple[int, bytes]]


def told(portal: Any) -> list[list[str]]:
    """The statuses of each progress call."""
    return [[row["TrangThai"] for row in call["data"]] for call in portal.named(ROWS)]


def kinds(outcomes: Sequence[Receipt | DeliveryError]) -> list[type]:
    """The kind of each outcome."""
    return [type(outcome) for outcome in outcomes]


@pytest.fixture
def thirteen(make: Make, delivery: Build) -> list[Delivery]:
    """Thirteen contiguous steps of one dossier whose reception was told already."""
    return [
        delivery(
            "progress", make(DossierStatus.PROCESSING, f"202410{15 + n}100000", sequence=n + 1), memory={"rows": "2"}
        )
        for n in range(13)
    ]


@pytest.mark.parametrize(
    "reply", ["Cập nhật tiến độ thành công", '{"error_code": "00", "message": "Cập nhật thành công"}']
)
async def test_both_styles_of_a_positive_answer_are_receipts(
    portal: Any, connect: Connect, make: Make, delivery: Build, reply: str
) -> None:
    """An envelope, or a plain sentence (facts 1.6)."""
    portal.script[ROWS] = [(200, reply.encode())]
    receipt = await connect().deliver(delivery("progress", make(DossierStatus.PROCESSING, "20241014100000")))
    assert told(portal) == [["2", "4"]]
    assert receipt.memory["rows"] == "2,4"


async def test_an_acknowledged_event_is_not_written_again(
    portal: Any, connect: Connect, make: Make, delivery: Build
) -> None:
    """Not by a repeat and not by a replay under a new id: the receipt says duplicate and nothing was sent."""
    connector = connect()
    carried = make(DossierStatus.PROCESSING, "20241014100000")
    first = await connector.deliver(delivery("progress", carried))
    again = await connector.deliver(delivery("progress", carried, memory=first.memory))
    assert again.duplicate
    assert len(told(portal)) == 1


async def test_at_most_ten_rows_a_call_in_order(portal: Any, connect: Connect, thirteen: list[Delivery]) -> None:
    """One outcome for each delivery; the last memory holds everything."""
    outcomes = await connect().deliver_batch(thirteen)
    assert [len(rows) for rows in told(portal)] == [10, 3]
    assert kinds(outcomes) == [Receipt] * 13


async def test_the_first_failed_call_stops_the_rest(
    portal: Any, connect: Connect, thirteen: list[Delivery], answer: Answer
) -> None:
    """A known client went on and left holes (facts 6): here what comes after waits, unsent."""
    portal.script[ROWS] = [None]
    outcomes = await connect().deliver_batch(thirteen)
    assert kinds(outcomes) == [NoAnswer] * 10 + [NotSent] * 3
    portal.script[ROWS] = [answer(0, ""), answer(-1, "Thiếu trường NoiDungXuLy")]
    outcomes = await connect().deliver_batch(thirteen)
    assert kinds(outcomes) == [Receipt] * 10 + [Rejected] * 3


async def test_a_fault_of_one_event_lets_those_before_it_go(
    portal: Any, connect: Connect, make: Make, delivery: Build
) -> None:
    """The faulty one is held with its findings; those after it wait."""
    good = delivery("progress", make(DossierStatus.PROCESSING, "20241014100000"))
    bad = delivery("progress", make(DossierStatus.PROCESSING, "20241014110000", sequence=2, step=Step(Actor(""), "x")))
    later = delivery("progress", make(DossierStatus.PROCESSING, "20241014120000", sequence=3))
    outcomes = await connect().deliver_batch([good, bad, later])
    assert kinds(outcomes) == [Receipt, CannotMap, NotSent]
    assert told(portal) == [["2", "4"]]


async def test_rows_of_a_dossier_that_the_portal_does_not_know_are_held(
    portal: Any, connect: Connect, make: Make, delivery: Build, answer: Answer
) -> None:
    """The dossier itself must go first; a person sees why."""
    portal.script[ROWS] = [answer("-1", "Hồ sơ không tồn tại")]
    with pytest.raises(Rejected, match="chưa có hồ sơ"):
        await connect().deliver(delivery("progress", make(DossierStatus.PROCESSING, "20241014100000")))


async def test_rows_refused_for_an_unknown_reason_are_not_written_again_while_the_session_lives(
    portal: Any, connect: Connect, make: Make, delivery: Build, answer: Answer
) -> None:
    """The refusal does not prove that nothing was written; a look-up shows that the session was not to blame."""
    connector = connect()
    carried = make(DossierStatus.AWAITING_SUPPLEMENT, "20241014090000")
    await connector.check()
    portal.script[ROWS] = [answer(77, "Không ghi được")]
    with pytest.raises(Rejected, match="Không ghi được"):
        await connector.deliver(delivery("progress", carried))
    assert portal.services == ["login", ROWS, LOOKUP]
    portal.script[ROWS] = [answer(77, "Không ghi được")]
    portal.script[LOOKUP] = [None]
    with pytest.raises(Rejected):
        await connector.deliver(delivery("progress", carried))
    assert portal.services[3:] == [ROWS, LOOKUP]


@pytest.mark.parametrize("dead", [(200, b'{"error_code": 77, "message": "?"}'), (401, b"")])
async def test_rows_are_repeated_once_the_session_is_shown_to_be_dead(
    portal: Any, connect: Connect, make: Make, delivery: Build, answer: Answer, dead: tuple[int, bytes]
) -> None:
    """Even a read is refused in the same way: nothing was written, so one login and one repeat are lawful."""
    connector = connect()
    await connector.check()
    portal.script[ROWS] = [answer(77, "?")]
    portal.script[LOOKUP] = [dead]
    await connector.deliver(delivery("progress", make(DossierStatus.SUBMITTED, "20241014081500")))
    assert portal.services == ["login", ROWS, LOOKUP, "login", ROWS]


async def test_a_sentence_nobody_understands_is_doubtful(
    portal: Any, connect: Connect, make: Make, delivery: Build
) -> None:
    """Neither a receipt nor a refusal."""
    portal.script[ROWS] = [(200, b"Xong")]
    with pytest.raises(AnswerUnreadable):
        await connect().deliver(delivery("progress", make(DossierStatus.PROCESSING, "20241014100000")))


@pytest.mark.parametrize(
    "case",
    [
        (DossierStatus.SUBMITTED, True),
        (DossierStatus.RECEIVED, True),
        (DossierStatus.INTAKE_REFUSED, False),
        (DossierStatus.PROCESSING, True),
        (DossierStatus.AWAITING_SUPPLEMENT, False),
        (DossierStatus.AWAITING_PAYMENT, False),
        (DossierStatus.WITHDRAWAL_REQUESTED, False),
        (DossierStatus.STOPPED, False),
        (DossierStatus.RESOLVED, True),
        (DossierStatus.RETURNED, True),
    ],
)
async def test_after_an_unknown_outcome_the_status_decides(
    portal: Any, connect: Connect, make: Make, delivery: Build, case: tuple[DossierStatus, bool]
) -> None:
    """No call is made, because nothing could be asked; a second 5 makes the portal score the dossier late (5.3)."""
    enquiry = await connect().enquire(delivery("progress", make(case[0], "20241018170000")))
    assert (enquiry.found, enquiry.repeat_allowed) == (Found.CANNOT_TELL, case[1])
    assert enquiry.reason_vi
    assert portal.calls == []


@pytest.mark.parametrize(
    ("state", "said", "not_said"),
    [
        (
            DossierStatus.AWAITING_SUPPLEMENT,
            "trạng thái 5: Cổng đếm hai lần yêu cầu bổ sung, chấm hồ sơ trễ hạn",
            "hai lần yêu cầu nộp",
        ),
        (DossierStatus.AWAITING_PAYMENT, "trạng thái 6: người nộp thấy hai lần yêu cầu nộp tiền", "trễ hạn"),
        (DossierStatus.INTAKE_REFUSED, "trạng thái 3: người nộp thấy hồ sơ bị từ chối", "trễ hạn"),
        (DossierStatus.STOPPED, "trạng thái 8: người nộp thấy hồ sơ bị dừng", "trễ hạn"),
        (DossierStatus.WITHDRAWAL_REQUESTED, "trạng thái 7: lịch sử trên Cổng ghi công dân", "trễ hạn"),
    ],
)
async def test_the_reason_for_holding_speaks_of_this_status(
    connect: Connect, make: Make, delivery: Build, state: DossierStatus, said: str, not_said: str
) -> None:
    """Only a repeated 5 makes a dossier late; every other status has its own harm, from the table."""
    enquiry = await connect().enquire(delivery("progress", make(state, "20241015080000")))
    assert said in enquiry.reason_vi and not_said not in enquiry.reason_vi


def test_the_table_of_doubts_knows_every_status_and_is_sound() -> None:
    """Ten rows, dated and sourced; the linter of the mappings finds nothing."""
    folder = files("connectors.national_dvc.profiles.mapi_2019")
    assert harm_of_repeating([str(code) for code in range(1, 11)], {}, date(2026, 11, 21)).count(";") == 4
    assert [finding for finding in lint_directory(folder) if finding.table == "progress_doubts"] == []


async def test_the_policy_after_an_unknown_outcome_is_configuration(
    connect: Connect, make: Make, delivery: Build
) -> None:
    """Also for a row that was added to the event's own: the strictest row decides."""
    supplement = delivery("progress", make(DossierStatus.AWAITING_SUPPLEMENT, "20241015080000"))
    assert (await connect(progress_after_unknown={"5": "resend"}).enquire(supplement)).repeat_allowed
    processing = delivery("progress", make(DossierStatus.PROCESSING, "20241015080000"))
    assert not (await connect(progress_after_unknown={"2": "hold"}).enquire(processing)).repeat_allowed
    known = delivery("progress", make(DossierStatus.PROCESSING, "20241015080000"), memory={"rows": "2"})
    assert (await connect(progress_after_unknown={"2": "hold"}).enquire(known)).repeat_allowed
