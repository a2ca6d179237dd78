"""What an answer teaches a ledger is durable before its delivery is settled; a part's trouble is not that of the whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from connectors.kit.contract import Change, Enquiry, Found, Receipt, Task
from connectors.kit.errors import (
    AnswerUnreadable,
    ContractChanged,
    CredentialsRefused,
    DeliveryError,
    Exchange,
    NoAnswer,
    NotSent,
)
from gateway.clock import Clock
from gateway.config import Breaker, Upstream
from gateway.dispatch.lessons import School
from gateway.dispatch.upstreams import Hooks, Lesson
from gateway.errors import JournalUnavailable

if TYPE_CHECKING:
    from tests.integration.dispatch.conftest import AskingPostman, House, Postman

Settings = Callable[..., Upstream]
Said = Callable[..., Receipt]

PAID = Change("payments", "p-1", "made/1", {"what": "made"})


@dataclass
class Pupil:
    """Takes lessons; `trouble` is raised instead, one after another."""

    lessons: list[Lesson] = field(default_factory=list)
    trouble: list[Exception] = field(default_factory=list)
    tried: int = 0
    when: Callable[[], None] = lambda: None

    async def learn(self, lesson: Lesson) -> None:
        """Note a lesson."""
        self.tried += 1
        if self.trouble:
            raise self.trouble.pop(0)
        self.when()
        self.lessons.append(lesson)

    def keys(self) -> list[str]:
        """The changes that were taught."""
        return [change.key for lesson in self.lessons for change in lesson.changes]


@pytest.fixture
def pupil(house: House) -> Pupil:
    """Who learns in the house."""
    learns = Pupil()
    house.hooks = replace(house.hooks, learn=learns.learn)
    return learns


async def test_a_lesson_is_learned_before_its_delivery_is_settled(
    house: House, asking: AskingPostman, said: Said, pupil: Pupil
) -> None:
    """With the answer as it came; a crash in between finds the delivery still in doubt, never settled and unlearned."""
    passed: list[str] = []
    house.hooks = replace(house.hooks, reach=passed.append, on_settled=lambda _settled: passed.append("settled"))
    asking.script["D1"] = [replace(said(house.turned.moment), inputs=(PAID,))]
    house.line("A", asking)
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "DELIVERED")
    assert [point for point in passed if point != "send.before"] == ["send.after", "lesson.learned", "settled"]
    [lesson] = pupil.lessons
    assert (lesson.upstream, lesson.changes, lesson.original) == ("A", (PAID,), b"said")


async def test_a_lesson_waits_for_the_journal(house: House, asking: AskingPostman, said: Said, pupil: Pupil) -> None:
    """A full disk for a moment: the lesson is kept in hand, and then everything is as usual."""
    pupil.trouble = [JournalUnavailable(), JournalUnavailable()]
    asking.script["D1"] = [replace(said(house.turned.moment), inputs=(PAID,))]
    house.line("A", asking)
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "DELIVERED")
    assert (pupil.keys(), pupil.tried, len(asking.heard("deliver"))) == (["made/1"], 3, 1)


async def test_a_lesson_that_no_ledger_takes_leaves_the_delivery_unknown(
    house: House, asking: AskingPostman, said: Said, settings: Settings, pupil: Pupil
) -> None:
    """A fault of the connector must not pass over what was told: it is asked about, and its breaker hears nothing of it."""
    pupil.trouble = [ContractChanged(), ContractChanged()]
    told = replace(said(house.turned.moment), inputs=(PAID,))
    asking.script["D1"] = [told]
    asking.findings = [Enquiry(Found.DONE, told), Enquiry(Found.DONE, told)]
    house.line("A", asking, settings(breaker=Breaker(failures=1)))
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "UNKNOWN")
        while pupil.trouble or not pupil.lessons:
            house.turn(30.0)
            await house.settled_down("A")
        await house.reach("D1", "DELIVERED")
        assert house.standing().breaker_state == "closed"
    [row] = await house.rows("D1")
    assert [attempt.outcome for attempt in row.attempts] == ["not_learned", "not_learned", "enquired_done"]
    assert row.attempts[0].http_status == 200, "what the upstream said is kept beside it"


async def test_what_an_enquiry_teaches_is_learned_before_anything_is_repeated(
    house: House, asking: AskingPostman, pupil: Pupil
) -> None:
    """A repeat that the ledger knows nothing of could count twice."""
    sent: list[int] = []
    pupil.when = lambda: sent.append(len(asking.heard("deliver")))
    asking.script["D1"] = [NoAnswer()]
    asking.findings = [Enquiry(Found.NOT_FOUND, inputs=(PAID,))]
    house.line("A", asking)
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "UNKNOWN")
        house.turn(30.0)
        await house.reach("D1", "DELIVERED")
    assert (sent, len(asking.heard("deliver"))) == ([1], 2)


async def test_an_error_teaches_as_well(house: House, asking: AskingPostman, pupil: Pupil) -> None:
    """That nobody answered is something that the ledger must know."""
    asking.script["D1"] = [NoAnswer().teaching(PAID)]
    house.line("A", asking)
    await house.push("D1")
    async with house.working():
        await house.reach("D1", "UNKNOWN")
    assert pupil.keys() == ["made/1"]


@pytest.mark.parametrize("error", [NotSent, NoAnswer, AnswerUnreadable])
async def test_the_trouble_of_a_part_never_opens_the_breaker_of_the_whole(
    house: House, postman: Postman, settings: Settings, pupil: Pupil, error: type[DeliveryError]
) -> None:
    """One intermediary of seven is down; the lanes of the others go on."""
    house.line("A", postman, settings(breaker=Breaker(failures=2), concurrency=4))
    for number in range(5):
        postman.script[f"D{number}"] = [error().teaching(partial=True)]
        await house.push(f"D{number}")
    await house.push("E")
    async with house.working():
        await house.reach("E", "DELIVERED")
        await house.heard(postman, 6)
        await house.settled_down("A")
        assert house.standing().breaker_state == "closed"


async def test_a_set_up_that_is_wrong_for_a_part_holds_its_lane_and_pauses_nothing(
    house: House, postman: Postman, pupil: Pupil
) -> None:
    """A missing secret of one intermediary is a person's affair; who pays elsewhere must not notice it."""
    house.line("A", postman)
    postman.script["D1"] = [CredentialsRefused().teaching(partial=True)]
    await house.push("D1")
    await house.push("D2")
    async with house.working():
        await house.reach("D1", "HELD")
        await house.reach("D2", "DELIVERED")
        assert not house.standing().paused
    assert ("delivery.held", "A") in house.told.alarms


TASK = Task("receipt", "payment", "payments", "p-1", 3, "D1", Clock().now())


@pytest.mark.parametrize(
    "change",
    [
        replace(PAID, id="p-2"),
        replace(PAID, ledger="settlements"),
        replace(PAID, dossier_code="D2"),
        replace(PAID, claims=("txn/vnpay/1",)),
    ],
)
async def test_another_upstream_teaches_only_the_ledger_that_asked(change: Change) -> None:
    """A service for receipts must not be able to say that something else was paid."""
    pupil = Pupil()
    school = School("receipts", Hooks(learn=pupil.learn), Clock(), 0.0)
    assert await school.teach(TASK, (PAID,), Exchange()) is None
    fault = await school.teach(TASK, (PAID, change), Exchange(response=b"said"))
    assert fault is not None and fault.partial and fault.exchange.response == b"said"
    assert [(lesson.upstream, lesson.changes) for lesson in pupil.lessons] == [("payment", (PAID,))]


async def test_a_lesson_that_cannot_be_stored_before_the_lease_ends_is_not_settled_as_done() -> None:
    """Another node may take over from then on, and asks."""
    pupil = Pupil(trouble=[JournalUnavailable()])
    school = School("payment", Hooks(learn=pupil.learn), Clock(instant=lambda: 5.0), 5.0)
    fault = await school.teach(TASK, (PAID,), Exchange())
    assert fault is not None and fault.code == "not_learned" and pupil.lessons == []


async def test_what_concerns_the_called_upstream_goes_to_its_own_ledgers_and_last() -> None:
    """A service for receipts keeps its own book: of many receipts, with numbers that nobody else may claim."""
    pupil = Pupil()
    school = School("receipts", Hooks(learn=pupil.learn), Clock(), 0.0)
    own = Change("receipts", "r-1", "issued/1", claims=("number/7",), here=True)
    assert await school.teach(TASK, (own, PAID), Exchange()) is None
    assert [(lesson.upstream, lesson.changes) for lesson in pupil.lessons] == [
        ("payment", (PAID,)),
        ("receipts", (own,)),
    ]


async def test_a_book_that_takes_nothing_leaves_the_delivery_unknown() -> None:
    """What asked has learned, and learns the same again when it is asked about."""
    pupil = Pupil()
    pupil.when = lambda: pupil.trouble.append(ContractChanged())
    school = School("receipts", Hooks(learn=pupil.learn), Clock(), 0.0)
    own = Change("receipts", "r-1", "issued/1", here=True)
    fault = await school.teach(TASK, (PAID, own), Exchange())
    assert fault is not None and pupil.keys() == ["made/1"]
