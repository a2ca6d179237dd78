"""Biên lai điện tử: one receipt for each line of a fee, issued once by its key, retried for as long as it takes.

A ledger of another connector orders it (`connectors.kit.receipting`); what became of it goes back to that ledger and into the
book of this one. Nothing here is in the way of a payment: the lane of receipts is its own (payment facts D11, 7.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from connectors.kit.contract import (
    Budget,
    Change,
    Endpoint,
    Enquiry,
    Found,
    Health,
    Kit,
    Ledger,
    Receipt,
    TaskDelivery,
)
from connectors.kit.errors import (
    AnswerUnreadable,
    Busy,
    CannotMap,
    ContractChanged,
    CredentialsRefused,
    DeliveryError,
    Exchange,
    Finding,
    Permanent,
    Rejected,
    SettingsError,
    UpstreamFault,
)
from connectors.kit.receipting import ReceiptAnswer, ReceiptOrder
from connectors.receipts import book
from connectors.receipts.book import PASSING, Book, content_key, entered, fee_of, number_claim
from connectors.receipts.client import Heard, ReceiptClient
from connectors.receipts.desk import Desk
from connectors.receipts.profiles.vnpt.mapping import Publication, map_receipt
from connectors.receipts.profiles.vnpt.messages import Issued
from connectors.receipts.profiles.vnpt.outcomes import Asked, Conclusion, conclude
from connectors.receipts.settings import Settings
from mappings.codec import convert
from mappings.dates import local_date

_NOBODYS_KEY = "kiem-tra-ket-noi"
_PROBE_S = 10.0
_DOCUMENT_S = 20.0
_ERRORS: Mapping[str, type[DeliveryError]] = {
    "busy": Busy,
    "rejected": Rejected,
    "upstream_fault": UpstreamFault,
    "credentials_refused": CredentialsRefused,
    "contract_changed": ContractChanged,
}


@dataclass(frozen=True, slots=True)
class _Found:
    """A receipt that was issued, beside what was ordered."""

    order: ReceiptOrder
    publication: Publication
    issued: Issued
    exchange: Exchange


class Receipts:
    """Issues receipts, finds them again, keeps their book. Raises only `DeliveryError`."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        """Raises `ContractChanged` for an address that must not be used."""
        self._settings, self._kit = settings, kit
        self._client = ReceiptClient(settings, kit)
        self._office = settings.office()
        self._desk = Desk(kit, self._document)

    async def deliver_task(self, delivery: TaskDelivery) -> Receipt:
        """Have the receipt issued. A key that was issued before is fetched: twice asked is once issued."""
        order = _order(delivery)
        try:
            publication = map_receipt(order, self._office)
            heard = await self._client.publish(publication, delivery.budget)
            concluded = self._concluded(heard, "publish")
            if concluded.family == "duplicate":
                return await self._found_again(delivery, order, publication)
            if heard.issued is None:
                raise self._refused(heard, concluded)
            if heard.issued.fkey != order.fkey:
                raise AnswerUnreadable("Dịch vụ trả lời về một biên lai khác.", exchange=heard.exchange)
            return self._receipt(delivery, _Found(order, publication, heard.issued, heard.exchange))
        except DeliveryError as error:
            raise self._told(error, order, delivery) from None

    async def enquire_task(self, delivery: TaskDelivery) -> Enquiry:
        """Whether the key was issued. What is not there may be sent again: the key keeps it from being issued twice."""
        order = _order(delivery)
        publication = map_receipt(order, self._office)
        heard = await self._client.fetch(order.fkey, delivery.budget)
        concluded = self._concluded(heard, "fetch")
        if concluded.family == "not_found":
            return Enquiry(Found.NOT_FOUND, reason_vi=concluded.meaning_vi)
        if heard.issued is None:
            raise self._told(self._refused(heard, concluded), order, delivery)
        self._compared(order, heard, heard.issued)
        return Enquiry(
            Found.DONE,
            self._receipt(delivery, _Found(order, publication, heard.issued, heard.exchange), duplicate=True),
        )

    def ledgers(self) -> Sequence[Ledger[Any, Any]]:
        """The book."""
        return (Book(),)

    def endpoints(self) -> Sequence[Endpoint]:
        """One receipt, its document, the summary of a day, an error notice."""
        return self._desk.endpoints()

    async def check(self) -> Health:
        """Ask for a key that nobody has: the address answers, the account may ask, and nothing is issued."""
        started = self._kit.instant()
        heard = await self._client.fetch(_NOBODYS_KEY, Budget(started + _PROBE_S, _PROBE_S))
        concluded = self._concluded(heard, "fetch")
        latency_ms = (self._kit.instant() - started) * 1000
        ready = concluded.family in ("not_found", "done")
        return Health(ready, "Dịch vụ biên lai trả lời." if ready else f"{concluded.meaning_vi}.", latency_ms)

    async def close(self) -> None:
        """Release sockets."""
        await self._client.close()

    async def _document(self, fkey: str) -> bytes:
        """The PDF of a receipt, empty where the service has none under this key."""
        heard, found = await self._client.document(fkey, Budget(self._kit.instant() + _DOCUMENT_S, _DOCUMENT_S))
        if found:
            return found
        concluded = conclude(heard.code, "fetch", local_date(self._kit.now()))
        if concluded.family == "not_found":
            return b""
        raise self._refused(heard, concluded)

    async def _found_again(self, delivery: TaskDelivery, order: ReceiptOrder, publication: Publication) -> Receipt:
        """What was issued under this key before, which must be what we ordered."""
        heard = await self._client.fetch(order.fkey, delivery.budget)
        if heard.issued is None:
            raise self._not_fetched(heard)
        self._compared(order, heard, heard.issued)
        return self._receipt(delivery, _Found(order, publication, heard.issued, heard.exchange), duplicate=True)

    def _not_fetched(self, heard: Heard) -> DeliveryError:
        """Issued, and still not to be had: asked about again, never issued under another key."""
        concluded = self._concluded(heard, "fetch")
        if concluded.family == "not_found":
            text = "Dịch vụ nói khóa đã phát hành nhưng chưa tra cứu được."
            return UpstreamFault(text, exchange=heard.exchange)
        return self._refused(heard, concluded)

    def _compared(self, order: ReceiptOrder, heard: Heard, issued: Issued) -> None:
        """Another amount under our key is another receipt: a person decides."""
        if issued.amount is not None and issued.amount != order.amount:
            finding = Finding("receipt_conflict", "/amount", "khóa này đã dùng cho biên lai có số tiền khác")
            raise Rejected("Khóa biên lai đã được dùng với số tiền khác.", exchange=heard.exchange, findings=(finding,))

    def _receipt(self, delivery: TaskDelivery, found: _Found, *, duplicate: bool = False) -> Receipt:
        at, order, publication, issued = self._kit.now(), found.order, found.publication, found.issued
        answer = ReceiptAnswer(
            fkey=order.fkey,
            issued=True,
            at=at,
            form=issued.pattern or publication.pattern,
            symbol=issued.serial or publication.serial,
            number=issued.number,
        )
        entry = book.Issued(
            at=at,
            fee=fee_of(order),
            collector_tax_code=publication.inv.Invoice.ComTaxCode,
            form=answer.form,
            symbol=answer.symbol,
            number=answer.number,
            wanted_form=publication.pattern,
            wanted_symbol=publication.serial,
        )
        inputs = (_answered(delivery, answer), _own(order, entry, number_claim(entry)))
        reference = f"{answer.symbol}-{answer.number or order.fkey}"
        message = "Biên lai đã có từ trước." if duplicate else "Đã phát hành biên lai."
        return Receipt(reference, at, found.exchange, duplicate=duplicate, message=message, inputs=inputs)

    def _told(self, error: DeliveryError, order: ReceiptOrder, delivery: TaskDelivery) -> DeliveryError:
        """The error, with what it teaches: a refusal for good, for the ledger that asked and for the book."""
        if not isinstance(error, Permanent):
            return error
        at = self._kit.now()
        code = error.exchange.upstream_code or (error.findings[0].code if error.findings else error.code)
        answer = ReceiptAnswer(
            fkey=order.fkey, issued=False, at=at, code=code, message_vi="Biên lai không lập được như yêu cầu."
        )
        refused = book.Refused(at=at, fee=fee_of(order), code=code)
        return error.teaching(_answered(delivery, answer), _own(order, refused))

    def _concluded(self, heard: Heard, asked: Asked) -> Conclusion:
        return conclude("OK" if heard.issued is not None else heard.code, asked, local_date(self._kit.now()))

    def _refused(self, heard: Heard, concluded: Conclusion) -> DeliveryError:
        text = f"{concluded.meaning_vi} (mã {heard.code or 'không có'})."
        kind = _ERRORS.get(concluded.family, UpstreamFault)
        return kind(text, exchange=heard.exchange, retry_after_s=heard.retry_after_s)


def _order(delivery: TaskDelivery) -> ReceiptOrder:
    """The order in a task; raises `CannotMap` for fields that are none, whose values are not repeated."""
    try:
        return convert(delivery.task.fields, ReceiptOrder)
    except msgspec.ValidationError:
        raise CannotMap("Yêu cầu lập biên lai không đúng kiểu đã thống nhất.") from None


def _answered(delivery: TaskDelivery, answer: ReceiptAnswer) -> Change:
    """The answer, for the very ledger that asked."""
    fields: dict[str, object] = msgspec.to_builtins(answer)
    task = delivery.task
    key = f"receipt/{answer.fkey}/{content_key(fields)}"
    return Change(task.ledger, task.ledger_id, key, fields, passing=PASSING)


def _own(order: ReceiptOrder, change: book.BookChange, claims: tuple[str, ...] = ()) -> Change:
    """An entry of the book of this very upstream."""
    return replace(entered(order.fkey, change, claims), dossier_code=order.dossier_code, here=True)


def create(settings: Settings, kit: Kit) -> Receipts:
    """The connector for one upstream; raises `SettingsError` with every fault."""
    faults = settings.faults()
    if faults:
        raise SettingsError("receipts", faults)
    for reference in (settings.account_password, settings.password):
        kit.secret(reference)  # a reference to nothing is found at the start, not by the first receipt
    return Receipts(settings, kit)
