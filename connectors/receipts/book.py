"""The book of receipts: what was issued under which number, pure; one ledger for each receipt, found again by its day.

It holds codes, sums and times, and nothing of a person, so it is not sealed. A number belongs to one receipt of one symbol and
collector: the gateway refuses a second claim to it (payment facts 7.2: unique for collector, symbol and year).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

import msgspec

from connectors.kit.contract import Change, Effect, RaiseAlarm, TellFeed
from connectors.kit.receipting import ReceiptOrder
from connectors.receipts.profiles.vnpt.mapping import NUMBER, SYMBOL_254, Rule
from mappings.dates import local_date

BOOK = "receipts"
"""The ledger's kind; its id is the key of the receipt (`fkey`)."""

PASSING = ("at",)
"""What says when something was told, and not what: an answer that is asked for again tells the same."""

WrongField = Literal["payer_name", "payer_number", "payer_address", "fee_name", "dossier_code", "other"]
"""What an error notice may be about: everything but the amount, whose error wants another receipt (mẫu 04/SS-CTĐT)."""


class Fee(msgspec.Struct, frozen=True, kw_only=True):
    """What a receipt is for. `amount` in đồng."""

    payment_id: str
    dossier_code: str
    kind: Literal["charge", "fee"]
    code: str
    name: str
    amount: int
    collected_at: datetime
    rule: Rule


class Issued(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="issued"):
    """The service issued it, or says that it had. `wanted_*` is the series that it was ordered from."""

    at: datetime
    fee: Fee
    collector_tax_code: str
    form: str
    symbol: str
    number: str
    wanted_form: str
    wanted_symbol: str


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="refused"):
    """It cannot be issued as it was ordered; a person has to look."""

    at: datetime
    fee: Fee
    code: str


class ErrorNoticed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="error_noticed"):
    """The tax authority was told of an error that is not one of the amount, by notice `notice_no` (mẫu 04/SS-CTĐT)."""

    at: datetime
    request_id: str
    notice_no: str
    notified_on: date
    field: WrongField
    told_by: str


BookChange = Issued | Refused | ErrorNoticed
"""Every input of the ledger."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """An error notice as it is remembered."""

    notice_no: str
    notified_on: date
    field: WrongField
    told_by: str
    at: datetime


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One receipt: `state` is refused, issued, or noticed (an error notice before anything else). What was issued stays so."""

    state: Literal["noticed", "refused", "issued"]
    fee: Fee | None = None
    form: str = ""
    symbol: str = ""
    number: str = ""
    collector_tax_code: str = ""
    issued_at: datetime | None = None
    code: str = ""
    notices: tuple[Notice, ...] = ()


class Book:
    """The ledger `receipts`."""

    kind: str = BOOK
    state_type: type[Entry] = Entry
    change_type: Any = BookChange

    def apply(self, state: Entry | None, change: BookChange) -> tuple[Entry, Sequence[Effect]]:
        """The entry after `change`, and what people and programs are told of it."""
        match change:
            case Issued():
                return _issued(state, change)
            case Refused():
                return _refused(state, change)
            case ErrorNoticed():
                return _noticed(state, change)

    def marks(self, state: Entry) -> Sequence[str]:
        """The day of collection in Viet Nam, of what was issued."""
        return (day_mark(local_date(state.fee.collected_at)),) if state.state == "issued" and state.fee else ()


def day_mark(day: date) -> str:
    """The mark under which the receipts of a day are found."""
    return f"day/{day:%Y%m%d}"


def fee_of(order: ReceiptOrder) -> Fee:
    """What an order says of the fee, without the payer."""
    return Fee(
        payment_id=order.payment_id,
        dossier_code=order.dossier_code,
        kind=order.fee_kind,
        code=order.fee_code,
        name=order.fee_name,
        amount=order.amount,
        collected_at=order.collected_at,
        rule=order.receipt_rule,
    )


def entered(fkey: str, change: BookChange, claims: tuple[str, ...] = ()) -> Change:
    """A change of the book, as the gateway takes it. Its key is made of its content: what is told twice alike counts once."""
    fields: dict[str, object] = msgspec.to_builtins(change)
    key = f"{fields['type']}/{content_key(fields)}"
    return Change(ledger=BOOK, id=fkey, key=key, fields=fields, claims=claims, passing=PASSING)


def content_key(fields: Mapping[str, object]) -> str:
    """Sixteen letters that stand for a content, whenever it was told."""
    told = {name: value for name, value in fields.items() if name not in PASSING}
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).hexdigest()[:16]


def number_claim(issued: Issued) -> tuple[str, ...]:
    """The number, which no other receipt of its collector, symbol and year may bear; nothing where it is not known."""
    if not issued.number:
        return ()
    year = local_date(issued.fee.collected_at).year
    return (f"number/{issued.collector_tax_code}/{year}/{issued.form}/{issued.symbol}/{int(issued.number)}",)


def _issued(state: Entry | None, change: Issued) -> tuple[Entry, Sequence[Effect]]:
    if state is not None and state.state == "issued" and state.number:
        return state, ()
    entry = Entry(
        state="issued",
        fee=change.fee,
        form=change.form,
        symbol=change.symbol,
        number=change.number,
        collector_tax_code=change.collector_tax_code,
        issued_at=change.at,
        notices=state.notices if state is not None else (),
    )
    facts = {"form": change.form, "symbol": change.symbol, "number": change.number, "payment": change.fee.payment_id}
    effects: list[Effect] = [TellFeed("receipt_issued", facts)]
    fault = _fault(change)
    if fault:
        effects.append(RaiseAlarm("receipt_series", fault))
    return entry, effects


def _fault(change: Issued) -> str:
    """What is not as the law, or our order, wants it; the receipt was issued all the same."""
    if not change.number:
        return "Biên lai đã phát hành nhưng dịch vụ không cho biết số; cần tra cứu và ghi bổ sung."
    if (change.form, change.symbol) != (change.wanted_form, change.wanted_symbol):
        return "Dịch vụ phát hành biên lai với mẫu số hoặc ký hiệu khác với yêu cầu."
    if not NUMBER.fullmatch(change.number) or (change.fee.rule == "ND254" and not SYMBOL_254.fullmatch(change.symbol)):
        return "Số hoặc ký hiệu biên lai không đúng quy định (NĐ 254/2026, TT 91/2026)."
    return ""


def _refused(state: Entry | None, change: Refused) -> tuple[Entry, Sequence[Effect]]:
    """An alarm, unless the receipt was issued meanwhile."""
    if state is not None and state.state == "issued":
        return state, ()
    detail = f"Biên lai không lập được như yêu cầu ({change.code}); cần người xử lý."
    entry = Entry(state="refused", fee=change.fee, code=change.code, notices=state.notices if state is not None else ())
    return entry, (RaiseAlarm("receipt_refused", detail),)


def _noticed(state: Entry | None, change: ErrorNoticed) -> tuple[Entry, Sequence[Effect]]:
    entry = state if state is not None else Entry(state="noticed")
    if any(notice.notice_no == change.notice_no for notice in entry.notices):
        return entry, ()
    notice = Notice(
        notice_no=change.notice_no,
        notified_on=change.notified_on,
        field=change.field,
        told_by=change.told_by,
        at=change.at,
    )
    facts = {"notice": change.notice_no, "field": change.field}
    return msgspec.structs.replace(entry, notices=(*entry.notices, notice)), (TellFeed("receipt_error_notice", facts),)
