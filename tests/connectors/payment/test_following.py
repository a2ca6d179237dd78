"""What is due is found, whatever lies before it, and asked about until it has an end."""

from __future__ import annotations

from datetime import timedelta

from connectors.payment.model import State

from .desk import opened_desk


async def test_an_abandoned_payment_at_vnpay_expires_when_its_time_is_over() -> None:
    """VNPAY calls it incomplete for ever (status 01): the payer hears at once that it expired, no operator hears of it."""
    async with opened_desk() as desk:
        view = await desk.asked(provider="vnpay")
        await desk.visit(view["pay_url"])  # and goes away again
        desk.ahead = timedelta(minutes=30, seconds=5)
        page = await desk.poll()
        payment = await desk.payment(view["payment_id"])
        assert (payment.state, payment.attempts[0].watched) == (State.EXPIRED, True)
        desk.ahead += timedelta(hours=1)
        await desk.poll(cursor=page.cursor)
        payment = await desk.payment(view["payment_id"])
        assert payment.state is State.EXPIRED and payment.attempts[0].asked == 2
