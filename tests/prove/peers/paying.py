"""A headless Chromium with the screen of a phone pays fees: the intermediary's page, the way back, our page; without any script.

The gateway and the simulated intermediaries are real processes. `make prove ONLY=peers` runs this file; it is no part of
`make test`, which installs no browser. With TTHC_PICTURES=FOLDER what the phone shows is kept there (docs/images).
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.line.paying import Till, opened_till
from tests.line.program import until
from tests.prove.peers import browser

BACK = "Quay lại trang dịch vụ công"
PAID, CHECKING, FAILED = "Đã thanh toán thành công", "Đang kiểm tra giao dịch", "Thanh toán không thành công"
PERSON = ("001090000000", "Nguyễn Văn Nộp")
SMALLEST_LETTERS, SMALLEST_TARGET = 16.0, 44.0


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Till]:
    """The gateway with the simulated intermediaries, for all walks."""
    with opened_till(tmp_path_factory.mktemp("phone"), program_environment) as running:
        yield running


@pytest.fixture
async def phone() -> AsyncIterator[browser.Page]:
    """A fresh browser with the screen of a phone."""
    async with browser.opened() as page:
        await page.as_phone()
        yield page


async def kept(page: browser.Page, name: str) -> None:
    """Keep what the phone shows, where somebody wants it."""
    folder = os.environ.get("TTHC_PICTURES", "")
    if folder:
        picture = await page.picture()
        await asyncio.to_thread((Path(folder) / f"{name}.png").write_bytes, picture)


async def readable(page: browser.Page) -> None:
    """Vietnamese, letters that can be read, nothing beside the screen, one heading, and nothing of the person."""
    assert await page.language() == "vi"
    content, screen = await page.width()
    assert content <= screen == 390, "the page is wider than the phone"
    assert await page.letters() >= SMALLEST_LETTERS
    assert len(await page.named("heading")) == 1
    text = await page.text()
    assert not any(word in text for word in PERSON)


async def asked(till: Till, provider: str) -> Any:
    """A fee that was asked for."""
    return await asyncio.to_thread(lambda: till.asked(provider=provider))


async def becomes(till: Till, view: Any, state: str) -> Any:
    """The payment once it is in a state."""
    return await asyncio.to_thread(till.becomes, view["payment_id"], state)


@pytest.mark.parametrize("provider", ["vnpay", "momo"])
async def test_a_payer_pays_and_is_told(till: Till, phone: browser.Page, provider: str) -> None:
    """From the payer's page over the intermediary back to ours, which says paid and leads to the public service."""
    fee = await asked(till, provider)
    await phone.go(fee["pay_url"])
    await readable(phone)
    text = await phone.text()
    assert "500.000 đồng" in text and fee["attempts"][0]["reference"] in text
    assert all([await phone.height("button", name) >= SMALLEST_TARGET for name in ("Thanh toán", "Hủy giao dịch")])
    if provider == "vnpay":
        await kept(phone, "thanh-toan")
    await phone.press("Thanh toán")
    await phone.shows(PAID)
    assert (await phone.address()).startswith(f"{till.base}/payments/payment/{provider}/return?")
    await readable(phone)
    shown = await phone.text()
    assert all(word in shown for word in ("500.000 đồng", fee["dossier_code"], fee["payment_id"]))
    assert await phone.named("link") == [BACK] and await phone.height("link", BACK) >= SMALLEST_TARGET
    if provider == "vnpay":
        await kept(phone, "ket-qua-da-tra")
    assert (await becomes(till, fee, "paid"))["provider"] == provider
    assert await asyncio.to_thread(until, lambda: till.view(fee["payment_id"])["payer_notified_at"], "told", 5.0)
    there = {urlsplit(till.base).netloc, f"127.0.0.1:{till.simulator}"}
    assert {urlsplit(one).netloc for one in phone.asked} <= there, "a page fetched something from elsewhere"


async def test_a_payer_who_changes_their_mind_is_told_that_nothing_was_paid(till: Till, phone: browser.Page) -> None:
    """And may pay again later."""
    fee = await asked(till, "momo")
    await phone.go(fee["pay_url"])
    await phone.press("Hủy giao dịch")
    await phone.shows(FAILED)
    await readable(phone)
    await kept(phone, "ket-qua-huy")
    assert (await becomes(till, fee, "failed"))["state"] == "failed"


async def test_who_comes_back_before_the_notice_sees_it_arrive(till: Till, phone: browser.Page) -> None:
    """The page says that it is being checked, and looks again by itself, without a script, until the store knows."""
    await asyncio.to_thread(till.order, "PUT", "delivery", {"hold": True})
    try:
        fee = await asked(till, "vnpay")
        await phone.go(fee["pay_url"])
        await phone.press("Thanh toán")
        await readable(phone)
        assert CHECKING in await phone.text()
        await kept(phone, "ket-qua-dang-kiem-tra")
    finally:
        await asyncio.to_thread(till.order, "PUT", "delivery", {})
        await asyncio.to_thread(till.order, "POST", "release", {"order": "as_made", "wait": True})
    await phone.shows(PAID)


async def test_refused_a_forged_return_shows_a_check_and_nothing_of_what_it_brought(
    till: Till, phone: browser.Page
) -> None:
    """A made-up address with a success in it: no success on the screen, no word of the forger, no way elsewhere."""
    fee = await asked(till, "vnpay")
    reference = fee["attempts"][0]["reference"]
    forged = f"vnp_TxnRef={reference}&vnp_ResponseCode=00&vnp_TransactionStatus=00&vnp_OrderInfo=Da+nop+xong"
    await phone.go(f"{till.base}/payments/payment/vnpay/return?{forged}&vnp_SecureHash={'0' * 128}")
    await readable(phone)
    text = await phone.text()
    assert CHECKING in text and PAID not in text and "Da nop xong" not in text
    view = await asyncio.to_thread(till.view, fee["payment_id"])
    assert view["state"] == "pending" and not view["payer_notified_at"]


async def test_refused_a_reference_of_nobody_names_no_payment(till: Till, phone: browser.Page) -> None:
    """Whoever guesses sees the same page as whoever brings nothing."""
    shown = []
    for query in ("vnp_TxnRef=0123456789abca1", "vnp_TxnRef=%3Cb%3E", ""):
        await phone.go(f"{till.base}/payments/payment/vnpay/return?{query}")
        await readable(phone)
        shown.append(re.sub(r"\s+", " ", await phone.text()))
    assert len(set(shown)) == 1 and CHECKING in shown[0] and "đồng" not in shown[0]
