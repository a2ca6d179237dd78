"""Whatever is sent to whichever address of the simulator, it answers: a simulator that falls over proves nothing."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from yarl import URL

from tests.connectors.payment_simulator.conftest import OpenGround
from tests.connectors.payment_simulator.test_hubs import bill

_FORM = "application/x-www-form-urlencoded"
_BODIES = (
    b"",
    b"\xff\xfe",
    b"null",
    b"[]",
    b'{"a":1}',
    b'{"a":"\\ud800"}',
    b'{"a":' + b"9" * 5_000 + b"}",
    b'{"a":1e5}',
    b'{"a":NaN}',
    b"a=%ff&b=%00&a=2",
    b"qr=%F0%9F%92%A9&action=pay&action=hold",
    b"[" * 50_000,
    b'{"address":"http://[::1"}',
    b'{"address":"0002ab6304"}',
    b'{"dossier":"x","action":null}',
    b'{"provider":"vnpay","ref":"x","date":"99999999"}',
    b'{"provider":"vietqr","ref":"x","amount":1}',
)
_WRONG: tuple[Any, ...] = ([], {}, 1, -1, True, None, "", "\u0661", "x" * 5_000, "99991231235959", "00010101000000")
_MESSAGES: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "/vnpay/merchant_webapi/api/transaction",
        {"vnp_Command": "querydr", "vnp_TmnCode": "TESTTMN1", "vnp_TxnRef": "a"},
    ),
    (
        "/momo/v2/gateway/api/query",
        {"partnerCode": "MOMO", "requestId": "1", "orderId": "1", "lang": "vi", "signature": ""},
    ),
    ("/zalopay/v2/query", {"app_id": 2553, "app_trans_id": "260921_a", "mac": ""}),
    ("/zalopay/v2/query_refund", {"app_id": 2553, "m_refund_id": "260921_2553_a", "timestamp": 1, "mac": ""}),
    ("/pp/init", {"LoaiBanTin": "INIT", "MaDoiTac": "BVHTTDL", "ThongTinBienLai": bill(1), "MaXacThuc": ""}),
    ("/pp/query", {"LoaiBanTin": "QUERY", "MaDoiTac": "BVHTTDL", "MaThamChieu": "a", "MaXacThuc": ""}),
    ("/keypay/detail", {"client_id": "bvhttdl01", "transaction_id": "a", "command": "PAY", "check_sum": ""}),
    ("/keypay/create", {"client_id": "bvhttdl01", "bill_info": bill(1), "trans_amount": 1, "check_sum": ""}),
    ("/paygov/create", {"partnerCode": "BVHTTDL", "orderId": "a", "amount": 1, "checksum": ""}),
)


def _wrong() -> Iterator[tuple[str, bytes]]:
    """Each message with each of its fields wrong in each way."""
    for path, fields in _MESSAGES:
        for name, value in itertools.product(fields, _WRONG):
            yield path, json.dumps({**fields, name: value}).encode()


async def test_nothing_that_is_sent_breaks_the_simulator(open_ground: OpenGround) -> None:
    """Every route with every body: an answer below 500."""
    async with open_ground() as ground:
        routes = sorted(
            {(route.method, route.resource.canonical) for route in ground.app.router.routes() if route.resource}
        )
        kinds = itertools.cycle(("application/json", _FORM, "multipart/form-data; boundary=x", ""))
        for method, path in routes:
            if method == "HEAD" or path == "/_simulator/outage":
                continue
            for body in _BODIES:
                query = f"?{body.decode('latin-1')[:2_000]}" if method == "GET" and body else ""
                address = ground.base + path.replace("{", "").replace("}", "")
                target = URL(address + "".join(sign for sign in query if sign not in " <>#\"'"), encoded=True)
                headers = {"Content-Type": next(kinds)}
                sent = body if method != "GET" else None
                async with ground.http.request(
                    method, target, data=sent, headers=headers, allow_redirects=False
                ) as got:
                    await got.read()
                    assert got.status < 500, (method, path, body[:40])


async def test_no_wrong_field_of_a_message_breaks_its_server(open_ground: OpenGround) -> None:
    """Lists, objects, numbers, foreign digits and far dates where a text belongs."""
    async with open_ground() as ground:
        for path, body in _wrong():
            status, _, text = await ground.call("POST", path, data=body, headers={"Content-Type": "application/json"})
            assert (status, text[:1]) == (200, b"{"), (path, body[:80], status)
        assert (await ground.control("GET", "books"))["orders"] == []
