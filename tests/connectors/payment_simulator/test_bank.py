"""The simulated bank behind VietQR: what it reads of a QR text, and what it copies to its lines."""

from __future__ import annotations

import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.connectors.payment.vectors import of
from tests.connectors.payment_simulator.conftest import Ground, OpenGround

_QR = (
    "00020101021238570010A00000072701270006970436011300110012345670208QRIBFTTA530370454065000005802VN"
    "62430115G112609210001230820Nop phi ho so 0001236304C88B"
)
_READABLE = [
    vector for vector in of("VIETQR") if vector.id.startswith(("vietqr-napas-dynamic", "vietqr-lib-acb-10000"))
]


async def _feed(ground: Ground, query: str = "") -> list[dict[str, Any]]:
    status, _, raw = await ground.call("GET", f"/vietqr/feed{query}")
    assert status == 200
    lines: list[dict[str, Any]] = json.loads(raw)["lines"]
    return lines


async def test_a_scanned_qr_is_paid_into_its_account_with_its_purpose_only(open_ground: OpenGround) -> None:
    """The bank copies the purpose, not the reference (facts 3.13), and tells of the line, signed over its bytes."""
    async with open_ground() as ground:
        did = await ground.does("pay", address=_QR)
        assert did["ref"] == "g11260921000123"
        (line,) = await _feed(ground)
        assert (line["account"], line["amount"], line["text"]) == ("0011001234567", 500_000, "Nop phi ho so 000123")
        assert line["txn_id"] == (await ground.standing(did["ref"]))["transactions"][0]["txn_id"]
        (heard,) = ground.merchant.heard
        assert json.loads(heard.body) == {name: value for name, value in line.items() if name != "number"}
        assert heard.headers["X-Signature"] == hmac.new(b"simulator-vietqr", heard.body, "sha256").hexdigest()


async def test_the_bank_reads_the_texts_of_the_vectors_and_no_broken_one(open_ground: OpenGround) -> None:
    """One letter changed, and nothing is paid; nor by a text whose fields do not fill it."""
    async with open_ground() as ground:
        assert _READABLE
        for vector in _READABLE:
            await ground.does("abandon", address=vector.canonical + vector.signature)
        for place in range(0, len(_QR), 7):
            broken = _QR[:place] + ("1" if _QR[place] != "1" else "2") + _QR[place + 1 :]
            body = {"address": broken} if broken.startswith("0002") else {"address": "0002" + broken}
            await ground.control("POST", "pay", body, 400)


async def test_partial_double_and_free_transfers_are_lines_of_their_own(open_ground: OpenGround) -> None:
    """The feed goes on from a number, and is of one account when asked."""
    async with open_ground() as ground:
        await ground.does("pay", address=_QR, amount=200_000)
        await ground.does("pay_twice", address=_QR)
        free = {"account": "0019999999999", "amount": 7_000, "text": "chuyen nham", "direction": "D"}
        await ground.control("POST", "transfer", free)
        assert [line["amount"] for line in await _feed(ground)] == [200_000, 500_000, 7_000]
        assert [line["text"] for line in await _feed(ground, "?after=2")] == ["chuyen nham"]
        assert len(await _feed(ground, "?account=0011001234567")) == 2
        assert len(await _feed(ground, "?reference=HO+SO+000123&from=20260921")) == 2
        assert await _feed(ground, "?from=20260922") == []
        assert [line["direction"] for line in await _feed(ground, "?after=2")] == ["D"]
        assert (await ground.call("GET", "/vietqr/feed?after=x"))[0] == 400


async def test_the_feed_wants_its_token(open_ground: OpenGround) -> None:
    """Where the contract has one."""
    async with open_ground(vietqr={"merchant": "SIMVIETQR", "bearer": "the-feed"}) as ground:
        assert (await ground.call("GET", "/vietqr/feed"))[0] == 401
        assert (await ground.call("GET", "/vietqr/feed", headers={"Authorization": "Bearer the-feed"}))[0] == 200


@pytest.mark.parametrize(("text", "status"), [(_QR, 303), (_QR[:-1], 400), ("<script>", 400)])
async def test_a_person_may_scan_by_hand(open_ground: OpenGround, text: str, status: int) -> None:
    """A page without any script that repeats nothing of what it was given."""
    async with open_ground() as ground:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        got, _, page = await ground.call("POST", "/vietqr/scan", data=urlencode({"qr": text}).encode(), headers=headers)
        assert got == status
        assert b"<script" not in page
