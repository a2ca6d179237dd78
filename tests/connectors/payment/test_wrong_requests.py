"""What a caller reads about a wrong request to payment: the place, what is wanted, and what to do next."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.payment.refusals import Refused
from connectors.payment.requests import CounterRequest, PaymentRequest, read_request
from tests.connectors.payment.desk import opened_desk, wanted

_COUNTER = {
    "request_id": "q1",
    "method": "cash",
    "officer": "CB-1",
    "receipt_no": "BL-1",
    "received_at": "2026-11-22T09:00:00+07:00",
    "amount": 500_000,
}


@pytest.mark.parametrize(
    ("changed", "place", "told"),
    [
        ({"amount": "500000"}, "/amount", "Phải là số nguyên, không ngoặc kép"),
        ({"amount": 500000.5}, "/amount", "Phải là số nguyên"),
        ({"amount": True}, "/amount", "Phải là số nguyên"),
        ({"provider": "visa"}, "/provider", "Phải là một trong: pp, keypay, paygov, vnpay, momo, zalopay, vietqr"),
        ({"channel": "fax"}, "/channel", "Phải là một trong: web, app, qr, counter"),
        ({"dossier_code": 7}, "/dossier_code", "Phải là chữ"),
        ({"fee_lines": {}}, "/fee_lines", "Phải là danh sách"),
        ({"payer": "Nguyễn"}, "/payer", "Phải là đối tượng"),
        ({"portal_pull": "yes"}, "/portal_pull", "Phải là true hoặc false"),
    ],
)
def test_a_value_of_another_type_was_refused_without_saying_what_is_wanted(
    changed: dict[str, object], place: str, told: str
) -> None:
    """One stable code, the place, a sentence that says what to write; never the value."""
    with pytest.raises(Refused) as refused:
        read_request(json.dumps({**wanted(), **changed}).encode(), PaymentRequest)
    (finding,) = refused.value.findings
    assert (finding.code, finding.pointer) == ("shape", place) and finding.message_vi.startswith(told)


@pytest.mark.parametrize(
    ("changed", "place", "told"),
    [
        ({"received_at": "22/11/2026"}, "/received_at", "Phải là thời điểm có múi giờ"),
        ({"method": "thẻ"}, "/method", "Phải là một trong: cash, transfer"),
    ],
)
def test_a_receipt_of_the_counter_was_refused_without_saying_what_is_wanted(
    changed: dict[str, object], place: str, told: str
) -> None:
    """A date as people write it, a way to pay that there is not."""
    with pytest.raises(Refused) as refused:
        read_request(json.dumps({**_COUNTER, **changed}).encode(), CounterRequest)
    (finding,) = refused.value.findings
    assert finding.pointer == place and finding.message_vi.startswith(told)


async def test_a_refused_command_did_not_say_that_it_needs_another_request_id() -> None:
    """The refusal of a command is kept with its request_id; corrected under the same, it is a conflict for ever."""
    async with opened_desk() as desk:
        asked = await desk.asked()
        path = f"/v1/payments/{asked['payment_id']}/counter-receipts"
        told: dict[str, Any] = {}
        for name, more in (("wrong", {"amount": 1}), ("mended", {}), ("new", {"request_id": "q2"})):
            body = {**_COUNTER, "received_at": "2026-01-01T09:00:00+07:00", **more}
            told[name] = json.loads((await desk.ask("POST", path, body)).body)
        assert told["wrong"]["code"] == "payment_amount_differs" and "request_id mới" in told["wrong"]["action"]
        assert told["mended"]["code"] == "payment_request_reused"
        assert told["new"]["counter_receipt_no"] == "BL-1"
