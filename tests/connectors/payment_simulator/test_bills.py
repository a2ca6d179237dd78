"""What nobody signed is looked at: the bill of a payment at PP, asked for once it is paid (abuse case A22)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import msgspec
import pytest

from connectors.kit.contract import Budget as Time
from connectors.kit.contract import Kit
from connectors.kit.secrets import SecretRef
from connectors.payment.asking import Asking
from connectors.payment.changes import AttemptMade, BillDiffers, PaymentChange, Said
from connectors.payment.client import Intermediaries
from connectors.payment.ledger import Payments
from connectors.payment.model import Made, Payer, State
from connectors.payment.orders import Addresses, order_of
from connectors.payment.settings import KeySettings, ProviderSettings
from connectors.payment.speaking import Call
from gateway.clock import Clock
from gateway.coordination.memory import MemoryCoordination
from tests.connectors.payment.fees import Story, fee, later, told, word
from tests.connectors.payment_simulator.conftest import Ground, OpenGround

PAYER = Payer(name="Nguyễn Thử Nghiệm", number="001090000000", address="Hà Nội")


@dataclass
class Desk:
    """A fee at the simulated platform, the connector's client, and what asks about it."""

    ground: Ground
    story: Story
    asking: Asking

    async def ask(self) -> list[PaymentChange]:
        """What is told of the payment now."""
        changes = await self.asking.about(self.story.payment())
        assert changes is not None
        return [cast(PaymentChange, msgspec.convert(dict(one.fields), Payments.change_type)) for one in changes]


@asynccontextmanager
async def put(ground: Ground, *, bill: bool = True) -> AsyncIterator[Desk]:
    """A fee that the platform took and that its payer paid; nobody has told us yet."""
    names = ("init", "query", "bill") if bill else ("init", "query")
    settings = ProviderSettings(
        profile="pp",
        merchant="BVHTTDL",
        endpoints={name: f"{ground.base}/pp/{name}" for name in names},
        keys=(KeySettings(id="k1", secret=SecretRef("env:PP")),),
        allow_plain=(ground.base.removeprefix("http://"),),
        notices_from_anywhere=True,
    )
    clock = Clock()
    coordination = MemoryCoordination(clock)
    kit = Kit("payment", ground.clock.now, clock.instant, coordination, lambda _: "PP-TEST-SECRET-0001")
    intermediaries = Intermediaries((settings,), kit)
    try:
        yield await _begun(ground, intermediaries, kit)
    finally:
        await intermediaries.close()


async def _begun(ground: Ground, intermediaries: Intermediaries, kit: Kit) -> Desk:
    platform = intermediaries.needed("pp")
    story = Story(fee(provider="pp", payer=PAYER))
    order = order_of(story.payment(), story.payment().attempts[0], Addresses("https://edge.example", "payment"))
    call = platform.dialogue.create(order)
    assert isinstance(call, Call)
    made = platform.dialogue.created(order, await platform.call(call, Time(kit.instant() + 10, 10)))
    assert isinstance(made, Made)
    story.then(AttemptMade(at=later(1), attempt=1, made=made))
    await ground.does("pay", address=made.pay_url)
    return Desk(ground, story, Asking(intermediaries, kit))


async def notified(desk: Desk) -> None:
    """CONFIRM reached us."""
    ref = desk.story.payment().attempts[0].ref
    txn = (await desk.ground.standing(ref))["transactions"][0]["txn_id"]
    desk.story.then(told(60, word(provider="pp", txn_id=txn)))


@pytest.mark.parametrize("changed", [False, True])
async def test_a22_the_bill_is_looked_at_once_after_a_notice(open_ground: OpenGround, changed: bool) -> None:
    """It stays paid, for the money is here or gone; people hear of a stranger's account at once."""
    async with open_ground() as ground:
        if changed:
            await ground.lie("other_beneficiary")
        async with put(ground) as desk:
            await notified(desk)
            assert desk.story.payment().state is State.PAID
            assert desk.story.payment().attempts[0].due == later(62)
            ground.clock.turn(62)
            changes = await desk.ask()
            desk.story.then(*changes)
            assert [type(change) for change in changes] == ([BillDiffers, Said] if changed else [Said])
            assert desk.story.alarms() == (["payment.bill_differs"] if changed else [])
            assert (desk.story.payment().state, desk.story.payment().attempts[0].due) == (State.PAID, None)


async def test_a22_what_a_question_finds_paid_under_another_bill_waits_for_people(open_ground: OpenGround) -> None:
    """No notice came: the bill is compared before anything is called paid."""
    async with open_ground() as ground:
        await ground.lie("other_beneficiary")
        async with put(ground) as desk:
            ground.clock.turn(90)
            desk.story.then(*await desk.ask())
            assert (desk.story.payment().state, desk.story.payment().attempts[0].held) == (
                State.PENDING,
                "bill_differs",
            )
            assert desk.story.proposals("payment_received") == []


@pytest.mark.parametrize("bill", [False, True])
async def test_a_bill_that_cannot_be_read_changes_nothing(open_ground: OpenGround, bill: bool) -> None:
    """No address for it, or a PDF: the answer to the question counts as ever."""
    async with open_ground(pp_bill="pdf") as ground, put(ground, bill=bill) as desk:
        ground.clock.turn(90)
        changes = await desk.ask()
        assert [type(change) for change in changes] == [Said]
        desk.story.then(*changes)
        assert desk.story.payment().state is State.PAID and desk.story.alarms() == []
        assert desk.story.payment().attempts[0].due is None
