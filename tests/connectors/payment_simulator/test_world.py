"""What all simulated intermediaries share: payers' pages, the way of notices, the automatic payer, statements."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from aiohttp import web

from connectors.kit.errors import SettingsError
from connectors.payment.simulator import create_app
from tests.connectors.payment_simulator.conftest import Ground, OpenGround, vnpay_address

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _ref(query: str) -> str:
    return dict(parse_qsl(query))["vnp_TxnRef"]


async def _paid(ground: Ground, *refs: str) -> None:
    for ref in refs:
        await ground.does("pay", address=vnpay_address(vnp_TxnRef=ref))


async def _opened(ground: Ground, ref: str = "so1") -> str:
    _, headers, _ = await ground.call("GET", vnpay_address(vnp_TxnRef=ref))
    return headers["Location"]


@pytest.mark.parametrize("options", [{"unknown": 1}, {"vnpay": {}}, {"faults": {"probability": {"slow": 2}}}])
def test_options_that_nobody_knows_are_refused(options: dict[str, object]) -> None:
    """Before a socket is opened."""
    with pytest.raises(SettingsError):
        create_app(options)


async def test_the_payers_page_says_what_was_done_and_leads_back(open_ground: OpenGround) -> None:
    """By hand: open, choose, be sent back; a second choice on a finished order is refused on the page."""
    async with open_ground() as ground:
        page = await _opened(ground)
        status, headers, _ = await ground.call("POST", page, data=urlencode({"action": "pay"}).encode(), headers=_FORM)
        assert status == 303
        assert "vnp_ResponseCode=00" in headers["Location"]
        status, _, text = await ground.call("POST", page, data=urlencode({"action": "pay"}).encode(), headers=_FORM)
        assert (status, "đã kết thúc" in text.decode()) == (409, True)
        status, _, text = await ground.call("GET", page)
        assert ("Đã thanh toán" in text.decode(), "<button" in text.decode()) == (True, False)
        assert (await ground.call("GET", "/pay/khong-co"))[0] == 404


@pytest.mark.parametrize("action", ["", "steal", "<script>"])
async def test_a_page_takes_no_other_action_and_repeats_none(open_ground: OpenGround, action: str) -> None:
    """400, in Vietnamese, nothing happened."""
    async with open_ground() as ground:
        page = await _opened(ground)
        body = urlencode({"action": action}).encode()
        status, headers, text = await ground.call("POST", page, data=body, headers=_FORM)
        assert (status, b"<script" in text) == (400, False)
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert (await ground.standing("so1"))["standing"] == "open"


async def test_what_a_merchant_wrote_is_escaped_on_the_page(open_ground: OpenGround) -> None:
    """A page is no place for somebody else's markup."""
    async with open_ground() as ground:
        await ground.call("GET", vnpay_address())
        charge = next(iter(ground.world.books))
        charge.text = "<b>Phí</b>"
        page = (await ground.call("GET", f"/pay/{charge.token}"))[2].decode()
        assert "&lt;b&gt;Phí&lt;/b&gt;" in page


async def test_held_notices_go_out_in_the_order_that_is_asked_for(open_ground: OpenGround) -> None:
    """Reversed here; nothing goes before."""
    async with open_ground() as ground:
        await ground.control("PUT", "delivery", {"hold": True})
        await _paid(ground, "so1", "so2", "so3")
        assert ground.merchant.heard == []
        await ground.control("POST", "release", {"order": "reversed"})
        assert [_ref(one.query) for one in ground.merchant.heard] == ["so3", "so2", "so1"]


async def test_notices_are_lost_and_repeated_by_chance_from_a_seed(open_ground: OpenGround) -> None:
    """Certainly lost, certainly repeated; the same seed loses the same ones."""
    async with open_ground() as ground:
        await ground.control("PUT", "delivery", {"lose": 1.0})
        await _paid(ground, "so1")
        assert ground.merchant.heard == []
        await ground.control("PUT", "delivery", {"repeat": 1.0, "copies": 3})
        await _paid(ground, "so2")
        assert len(ground.merchant.heard) == 4
        runs = []
        for run in ("a", "b"):
            await ground.control("PUT", "delivery", {"lose": 0.5, "seed": 7})
            before = len(ground.merchant.heard)
            await _paid(ground, *(f"{run}{number}" for number in range(12)))
            runs.append([_ref(one.query).removeprefix(run) for one in ground.merchant.heard[before:]])
        assert runs[0] == runs[1]
        assert 0 < len(runs[0]) < 12


async def test_the_automatic_payer_pays_so_many_orders_and_no_more(open_ground: OpenGround) -> None:
    """Those of another intermediary are left alone."""
    async with open_ground() as ground:
        await ground.control("PUT", "automatic", {"action": "pay", "provider": "vnpay", "times": 2})
        for ref in ("so1", "so2", "so3"):
            await _opened(ground, ref)
        books = (await ground.control("GET", "books"))["orders"]
        assert [one["standing"] for one in books] == ["paid", "paid", "open"]
        await ground.control("PUT", "automatic", {"action": "pay", "provider": "momo"})
        await _opened(ground, "so4")
        assert (await ground.standing("so4"))["standing"] == "open"
        await ground.control("PUT", "automatic", {"action": "fly"}, 422)


async def test_notices_go_where_the_control_plane_says(open_ground: OpenGround) -> None:
    """A refused connection is tried again like any other answer."""
    async with open_ground() as ground:
        await ground.control("PUT", "addresses", {"notify": {"vnpay": "http://127.0.0.1:9/nowhere"}})
        await _paid(ground, "so1")
        (notice,) = (await ground.control("GET", "notices"))["notices"]
        assert (notice["state"], len(notice["attempts"]), notice["attempts"][0]["status"]) == ("given_up", 10, 0)


async def test_tries_are_as_far_apart_as_the_schedule_says(open_ground: OpenGround) -> None:
    """VNPAY: nine times five minutes, scaled by the pace (facts 4.5)."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async with open_ground(speed={"pace": 0.01}) as ground:
        ground.world.postman.sleep = sleep
        ground.merchant.script = [web.Response(status=500) for _ in range(20)]
        await _paid(ground, "so1")
        assert waited == [3.0] * 9


async def test_suspected_money_is_cleared_or_goes_back(open_ground: OpenGround) -> None:
    """Then it is paid with the same transaction, or was never there."""
    async with open_ground() as ground:
        for ref, action, standing, money in (("so1", "clear", "paid", 1), ("so2", "reverse", "failed", 0)):
            address = vnpay_address(vnp_TxnRef=ref)
            await ground.does(action, address=address, expect=409)
            await ground.does("hold", address=address)
            held = (await ground.standing(ref))["transactions"]
            await ground.does(action, address=address)
            told = await ground.standing(ref)
            assert (told["standing"], told["transactions"]) == (standing, held[:money])
        sums = (await ground.control("GET", "books"))["sums"]
        assert sums["vnpay"] == {"paid": 500_000, "refunded": 0}


async def test_everything_can_be_forgotten(open_ground: OpenGround) -> None:
    """Orders, notices and lies; the same order may then be made again."""
    async with open_ground() as ground:
        await ground.lie("strangers_key")
        await _paid(ground, "so1")
        await ground.control("DELETE", "state")
        assert (await ground.control("GET", "books"))["orders"] == []
        assert (await ground.control("GET", "notices"))["notices"] == []
        await _paid(ground, "so1")
        assert (await ground.standing("so1"))["standing"] == "paid"


def _rows(content: str, separator: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content), delimiter=separator))


async def _statement(ground: Ground, **ordered: Any) -> Any:
    return await ground.control("POST", "statements", {"provider": "vnpay", "date": "20260921", **ordered})


async def test_a_statement_adds_up_to_the_books(open_ground: OpenGround) -> None:
    """Every transaction of the day once, sums in the trailer, both kinds of money."""
    async with open_ground() as ground:
        await _paid(ground, "so1", "so2")
        await ground.does("pay_twice", address=vnpay_address(vnp_TxnRef="so3"))
        rows = _rows((await _statement(ground, fee=1_100))["content"])
        assert rows[0][:5] == ["H", "1", "vnpay", "TESTTMN1", "20260921"]
        assert {len(row) for row in rows[1:-1]} == {17}
        assert [row[3] for row in rows[1:-1]] == ["so1", "so2", "so3", "so3"]
        assert rows[-1] == ["T", "4", "2000000", "0", "0", "4400", "1995600"]
        tomorrow = _rows((await _statement(ground, date="20260922"))["content"])
        assert [row[0] for row in tomorrow] == ["H", "T"]


@pytest.mark.parametrize(
    "defect", ["no_trailer", "wrong_count", "wrong_sum", "wrong_date", "wrong_merchant", "repeated_seq"]
)
async def test_a_bad_statement_differs_from_the_good_one(open_ground: OpenGround, defect: str) -> None:
    """In what its defect says, and not at all where none is asked for."""
    async with open_ground() as ground:
        await _paid(ground, "so1", "so2")
        good = (await _statement(ground))["content"]
        assert (await _statement(ground))["content"] == good
        assert (await _statement(ground, defect=defect))["content"] != good


async def test_rows_can_be_missing_or_tell_another_amount(open_ground: OpenGround) -> None:
    """And the trailer agrees with the rows, so that only matching finds it."""
    async with open_ground() as ground:
        await _paid(ground, "so1", "so2", "so3")
        rows = _rows((await _statement(ground, drop=["so1"], halve=["so2"]))["content"])
        assert [(row[3], row[6]) for row in rows[1:-1]] == [("so2", "250000"), ("so3", "500000")]
        assert rows[-1][1:3] == ["2", "750000"]


async def test_a_foreign_layout_says_the_same_otherwise(open_ground: OpenGround) -> None:
    """VNPAY's amounts are times a hundred and its separator is a semicolon."""
    async with open_ground() as ground:
        await _paid(ground, "so1")
        rows = _rows((await _statement(ground, layout="table"))["content"], ";")
        assert rows[1][0] == "so1"
        assert rows[1][4:6] == ["50000000", "0"]
        assert rows[1][7] == "21/09/2026 14:30:05"


async def test_statements_are_put_into_a_folder_or_fetched_once_the_day_is_over(
    open_ground: OpenGround, tmp_path: Path
) -> None:
    """With the SHA-256 of the file beside it, or in a header."""
    async with open_ground(statements_dir=str(tmp_path)) as ground:
        await _paid(ground, "so1")
        told = await _statement(ground, write=True, seq=2)
        assert told["name"] == "recon_vnpay_TESTTMN1_20260921_2.csv"
        content = (tmp_path / told["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == told["sha256"]
        assert (tmp_path / f"{told['name']}.sha256").read_text().startswith(told["sha256"])
        assert sorted(path.name for path in tmp_path.iterdir()) == [told["name"], f"{told['name']}.sha256"]
        assert (await ground.call("GET", "/statements/vnpay/20260921"))[0] == 404
        ground.clock.turn(86_400)
        status, headers, raw = await ground.call("GET", "/statements/vnpay/20260921")
        assert (status, headers["X-Content-SHA256"]) == (200, hashlib.sha256(raw).hexdigest())
        assert (await ground.call("GET", "/statements/visa/20260921"))[0] == 422
        assert (await ground.call("GET", "/statements/vnpay/20260231"))[0] == 422


async def test_faults_meet_the_operation_that_they_name(open_ground: OpenGround) -> None:
    """And no other; the log tells how each call was answered."""
    async with open_ground() as ground:
        plan = {"script": [{"match": "vnpay.pay", "fault": "http_503", "times": 1}]}
        await ground.control("PUT", "faults", plan)
        assert (await ground.call("GET", vnpay_address()))[0] == 503
        assert (await ground.call("GET", vnpay_address()))[0] == 302
        calls = (await ground.control("GET", "calls"))["calls"]
        assert [(one["operation"], one["status"]) for one in calls] == [("vnpay.pay", 503), ("vnpay.pay", 302)]
