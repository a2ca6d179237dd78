"""What the conformance suite needs to know of the receipt connector: set-up, orders, and an answer for every outcome."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from xml.sax.saxutils import escape

import msgspec

from connectors.kit.case import Case, ConformanceCase, Example, OutcomeTrigger, Sample, TaskSample
from connectors.kit.contract import Change, Task
from connectors.kit.faults import FaultKind
from connectors.kit.receipting import ReceiptOrder
from connectors.receipts.book import ErrorNoticed, Issued, Refused, entered, fee_of, number_claim
from connectors.receipts.profiles.vnpt.mapping import Collector, Office, Series, map_receipt
from connectors.receipts.profiles.vnpt.messages import FETCH, PUBLISH, Inv
from mappings.amount_words import amount_in_words

_START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
_PAYER, _ADDRESS, _NUMBER = "Nguyễn Văn Biên Lai", "Số 1 phố Mẫu & Thử", "001090000000"
_ACCOUNT_PASSWORD, _PASSWORD = "mat-khau-phat-hanh-kiem-thu", "mat-khau-dich-vu-kiem-thu"
_SERIES = (Series(kind="charge", form="EBL01", letters="AA"), Series(kind="fee", form="EBL01", letters="BB"))
_OFFICE = Office(series=_SERIES, collector=Collector("Cục Du lịch Quốc gia Việt Nam", "0100000000"))


def _case(base_url: str, lookup: Literal["xml", "pdf"]) -> ConformanceCase:
    """The case against a simulator at `base_url`, with one way to find again what was issued."""
    accounts = {"account_password": _ACCOUNT_PASSWORD, "password": _PASSWORD}
    return ConformanceCase(
        settings={
            "base_url": base_url,
            "account": "bienlai",
            "account_password": "env:publishing",
            "username": "dichvu",
            "password": "env:service",
            "collector": msgspec.to_builtins(_OFFICE.collector),
            "series": [{"kind": one.kind, "form": one.form, "letters": one.letters} for one in _SERIES],
            "lookup": lookup,
            "allow_plain": ["127.0.0.1"],
        },
        secrets={"env:publishing": _ACCOUNT_PASSWORD, "env:service": _PASSWORD},
        simulator={"accounts": accounts},
        sample=_no_event,
        effects=lambda _state, _sample: 0,
        round_trip=_round_trip,
        outcomes=_OUTCOMES if lookup == "xml" else (),
        planted=(_PAYER, _ADDRESS, _NUMBER, _ACCOUNT_PASSWORD, _PASSWORD),
        state_path="/_simulator/receipts",
        fault_operation={"receipt": PUBLISH},
        expected={FaultKind.EXPIRED_SESSION: ()},
        profiles=("vnpt",) if lookup == "xml" else ("",),
        task=_task,
        task_effects=_task_effects,
        changes=_changes,
    )


CASES: dict[str, Case] = {
    "xml": lambda base_url: _case(base_url, "xml"),
    "pdf": lambda base_url: _case(base_url, "pdf"),
}


def _no_event(operation: str, number: int, step: int) -> Sample:
    raise LookupError(f"không có thao tác theo sự kiện ({operation} {number} {step})")


def _order(number: int) -> ReceiptOrder:
    """An order of phí or lệ phí, in turn."""
    amount = 50_000 + number * 1_000
    return ReceiptOrder(
        fkey=f"payment{number:06d}-{'charge' if number % 2 else 'fee'}",
        fee_kind="charge" if number % 2 else "fee",
        fee_code=f"P{number:03d}",
        fee_name="Phí thẩm định cấp thẻ",
        amount=amount,
        amount_words=amount_in_words(amount),
        collected_at=_START + timedelta(minutes=number),
        receipt_rule="ND254",
        dossier_code=f"000.00.00.G16-261120-{7000 + number}",
        payment_id=f"payment{number:06d}",
        payer_name=_PAYER,
        payer_number=_NUMBER,
        payer_address=_ADDRESS,
    )


def _task(operation: str, number: int) -> TaskSample:
    """The order of a payment's ledger."""
    order = _order(number)
    asked = Task(
        kind=operation,
        reported_by="payment",
        ledger="payments",
        ledger_id=order.payment_id,
        version=3,
        dossier_code=order.dossier_code,
        asked_at=_START,
        fields=msgspec.to_builtins(order),
    )
    return TaskSample(operation, asked)


def _task_effects(state: Any, sample: TaskSample) -> int:
    """How many receipts were issued under the key."""
    return sum(one["fkey"] == sample.task.fields["fkey"] for one in state["receipts"])


def _changes(_ledger: str) -> Sequence[Change]:
    """Refused, issued, told again, refused once more when it no longer counts, and an error notice, twice."""
    order = _order(1)
    fee = fee_of(order)
    issued = Issued(
        at=_START,
        fee=fee,
        collector_tax_code="0100000000",
        form="EBL01",
        symbol="26TAA",
        number="7",
        wanted_form="EBL01",
        wanted_symbol="26TAA",
    )
    noticed = ErrorNoticed(
        at=_START,
        request_id="r-1",
        notice_no="12/TB",
        notified_on=_START.date(),
        field="payer_name",
        told_by="RES-VHTTDL",
    )
    again = msgspec.structs.replace(issued, at=_START + timedelta(minutes=1))
    course = (
        entered(order.fkey, Refused(at=_START, fee=fee, code="ERR:3")),
        entered(order.fkey, issued, number_claim(issued)),
        entered(order.fkey, again, number_claim(again)),
        entered(order.fkey, Refused(at=_START, fee=fee, code="receipt_conflict")),
        entered(order.fkey, noticed),
        entered(order.fkey, msgspec.structs.replace(noticed, at=_START + timedelta(hours=2))),
    )
    return tuple(course)


def _round_trip(example: Example) -> object:
    """The receipt that the order beside the message becomes."""
    order = msgspec.convert(example.tree["order"], ReceiptOrder)
    made = map_receipt(order, _OFFICE).inv
    written: object = msgspec.json.decode(msgspec.json.encode(made))
    assert msgspec.convert(written, Inv) == made
    return written


def _said(operation: str, result: str) -> str:
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<{operation}Response xmlns="http://tempuri.org/"><{operation}Result>{escape(result)}</{operation}Result>'
        f"</{operation}Response></s:Body></s:Envelope>"
    )


_FAULT = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Server</faultcode>'
    "<faultstring>lỗi</faultstring></s:Fault></s:Body></s:Envelope>"
)
_HELD = (
    "<Invoice><InvoicePattern>EBL01</InvoicePattern><SerialNo>26TAA</SerialNo><InvoiceNo>7</InvoiceNo>"
    "<Total>51000</Total></Invoice>"
)


def _row(code: str, family: str, pattern: str = "") -> dict[str, str]:
    return {"code": code, "message_pattern": pattern, "family": family}


def _published(code: str, family: str, result: str, pattern: str = "^publish$", expect: str = "") -> OutcomeTrigger:
    return OutcomeTrigger(
        profile="vnpt",
        row=_row(code, family, pattern),
        operation="receipt",
        match=PUBLISH,
        body=_said(PUBLISH, result),
        content_type="text/xml",
        expect=(expect,) if expect else (),
        asked="task",
    )


def _fetched(code: str, family: str, result: str, expect: str) -> OutcomeTrigger:
    return OutcomeTrigger(
        profile="vnpt",
        row=_row(code, family, "^fetch$"),
        operation="receipt",
        match=FETCH,
        body=_said(FETCH, result),
        content_type="text/xml",
        expect=(expect,),
        asked="enquire_task",
    )


def _status(code: str, family: str, status: int, body: str = "") -> OutcomeTrigger:
    return OutcomeTrigger(
        profile="vnpt",
        row=_row(code, family),
        operation="receipt",
        match=PUBLISH,
        status=status,
        body=body,
        content_type="text/xml",
        asked="task",
    )


_OUTCOMES = (
    _published("OK", "done", "OK:EBL01;26TAA-payment000001-charge_7"),
    _fetched("OK", "done", _HELD, "done"),
    # Nothing is held yet: the service contradicts itself, so the key is asked about again, and never issued under another.
    _published("ERR:13", "duplicate", "ERR:13", expect="upstream_fault"),
    _published("ERR:1", "credentials_refused", "ERR:1", ""),
    _published("ERR:3", "rejected", "ERR:3"),
    _published("ERR:5", "upstream_fault", "ERR:5"),
    _published("ERR:6", "contract_changed", "ERR:6"),
    _fetched("ERR:6", "not_found", "ERR:6", "not_found"),
    _published("ERR:7", "credentials_refused", "ERR:7", ""),
    _published("ERR:20", "contract_changed", "ERR:20"),
    _status("fault", "upstream_fault", 500, _FAULT),
    _status("401", "credentials_refused", 401),
    _status("403", "credentials_refused", 403),
    _status("404", "contract_changed", 404),
    _status("405", "contract_changed", 405),
    _status("410", "contract_changed", 410),
    _status("3xx", "contract_changed", 302),
    _status("408", "upstream_fault", 408),
    _status("429", "busy", 429),
    _status("4xx", "rejected", 418),
    _status("5xx", "upstream_fault", 502),
    _published("*", "upstream_fault", "ERR:99", ""),
)
