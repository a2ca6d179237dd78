"""From an order to the message of the service: the series by date and kind of fee, and every demand of the law beforehand.

NĐ 254/2026/NĐ-CP Điều 22 to 25 and 29, TT 91/2026/TT-BTC; before 01/7/2026 NĐ 123/2020/NĐ-CP (payment facts 7.2). Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from xml.sax.saxutils import escape

import msgspec

from connectors.kit.errors import CannotMap, Finding
from connectors.kit.receipting import ReceiptOrder
from connectors.receipts.profiles.vnpt.messages import Inv, Invoice, Product
from mappings.amount_words import MOST, amount_in_words
from mappings.dates import local_date

Rule = Literal["ND123", "ND254"]

SINCE_254 = date(2026, 7, 1)
"""From this day on NĐ 254/2026/NĐ-CP holds, by the date of collection."""

FORM_254 = re.compile(r"EBL0[12]", re.ASCII)
"""EBL01: receipt without face value, EBL02: with (NĐ 254/2026/NĐ-CP, TT 91/2026/TT-BTC)."""
LETTERS_254 = re.compile(r"[ABCDEGHKLMNPQRSTUVXY]{2}", re.ASCII)
"""The two letters that an agency chooses for the symbol."""
SYMBOL_254 = re.compile(r"\d{2}T[ABCDEGHKLMNPQRSTUVXY]{2}", re.ASCII)
NUMBER = re.compile(r"\d{1,8}", re.ASCII)
"""Up to eight digits, from 1 again each 1 January."""

_FKEY = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,79}", re.ASCII)
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Series(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Receipts of one kind of fee: `charge` (phí) or `fee` (lệ phí), under one of the two rules.

    Under ND254 `letters` are the agency's own two of the symbol; the year before them is that of the collection. Under ND123
    `symbol` stands as it was registered.
    """

    kind: Literal["charge", "fee"]
    form: str
    letters: str = ""
    symbol: str = ""
    rule: Rule = "ND254"

    def faults(self) -> Iterator[str]:
        """What the law would refuse of it, in Vietnamese."""
        if self.rule == "ND254":
            if not FORM_254.fullmatch(self.form):
                yield "form phải là EBL01 hoặc EBL02 (NĐ 254/2026)"
            if not LETTERS_254.fullmatch(self.letters):
                yield "letters phải là hai chữ trong A B C D E G H K L M N P Q R S T U V X Y (TT 91/2026)"
        elif not (self.form and self.symbol):
            yield "quy tắc ND123 cần form và symbol như đã đăng ký"

    def symbol_on(self, day: date) -> str:
        """The receipt symbol on the day of collection, such as 26TAA."""
        return self.symbol if self.rule == "ND123" else f"{day.year % 100:02d}T{self.letters}"


@dataclass(frozen=True, slots=True)
class Collector:
    """Who collects, as it must stand on the receipt."""

    name: str
    tax_code: str


@dataclass(frozen=True, slots=True)
class Office:
    """What the configuration says beside the order. `payment_method` stands on the receipt as a word of its reader's."""

    series: Sequence[Series]
    collector: Collector
    payment_method: str = "Chuyển khoản"
    send_payer_number: bool = False
    delegated_from: date | None = None


@dataclass(frozen=True, slots=True)
class Publication:
    """A receipt to be issued: its XML, and the series that it must come out of."""

    xml: str
    inv: Inv
    pattern: str
    serial: str


def rule_of(collected_at: datetime) -> Rule:
    """Which rules hold for money that was collected then."""
    return "ND254" if local_date(collected_at) >= SINCE_254 else "ND123"


def map_receipt(order: ReceiptOrder, office: Office) -> Publication:
    """The message of an order; raises `CannotMap` with everything that stands against it."""
    day = local_date(order.collected_at)
    rule = rule_of(order.collected_at)
    series = next((one for one in office.series if one.kind == order.fee_kind and one.rule == rule), None)
    findings = tuple(_findings(order, office, series))
    if findings or series is None:
        raise CannotMap(
            "Không lập được biên lai: " + "; ".join(each.message_vi for each in findings), findings=findings
        )
    inv = Inv(key=order.fkey, Invoice=_invoice(order, office, day))
    return Publication(write_xml(inv), inv, series.form, series.symbol_on(day))


def write_xml(inv: Inv) -> str:
    """`xmlInvData`: one receipt under its key."""
    tree = msgspec.to_builtins(inv)
    tree["Invoice"]["Products"] = {"Product": tree["Invoice"]["Products"]}
    return f"<Invoices>{_element('Inv', tree)}</Invoices>"


def _findings(order: ReceiptOrder, office: Office, series: Series | None) -> Iterator[Finding]:
    rule, day = rule_of(order.collected_at), local_date(order.collected_at)
    if not _FKEY.fullmatch(order.fkey):
        yield Finding("receipt_fkey", "/fkey", "khóa biên lai chỉ gồm chữ, số, - _ . và dài nhất 80")
    if order.receipt_rule != rule:
        yield Finding("receipt_rule", "/receipt_rule", f"khoản thu ngày {day:%d/%m/%Y} theo {rule}")
    if series is None:
        yield Finding("receipt_series", "/fee_kind", f"chưa cấu hình ký hiệu biên lai cho {order.fee_kind} theo {rule}")
    if not 0 < order.amount <= MOST:
        yield Finding("receipt_amount", "/amount", "số tiền phải lớn hơn 0")
    elif order.amount_words != amount_in_words(order.amount):
        yield Finding("receipt_words", "/amount_words", "số tiền bằng chữ không khớp số tiền bằng số")
    if not order.fee_name.strip():
        yield Finding("receipt_fee_name", "/fee_name", "thiếu tên khoản phí, lệ phí")
    collector = _collector(order, office)
    if not (collector.name.strip() and collector.tax_code.strip()):
        yield Finding("receipt_collector", "/collector_name", "thiếu tên hoặc mã số thuế của cơ quan thu")
    if office.delegated_from is not None and day < office.delegated_from:
        yield Finding("receipt_delegation", "/collected_at", "khoản thu có trước ngày ủy nhiệm lập biên lai")


def _collector(order: ReceiptOrder, office: Office) -> Collector:
    return Collector(
        order.collector_name or office.collector.name, order.collector_tax_code or office.collector.tax_code
    )


def _invoice(order: ReceiptOrder, office: Office, day: date) -> Invoice:
    collector = _collector(order, office)
    line = Product(
        Code=order.fee_code,
        ProdName=order.fee_name,
        ProdUnit="Lần",
        ProdQuantity=1,
        ProdPrice=order.amount,
        Amount=order.amount,
    )
    return Invoice(
        CusCode=order.payment_id,
        CusName=order.payer_name,
        CusAddress=order.payer_address,
        PaymentMethod=office.payment_method,
        Products=(line,),
        Total=order.amount,
        VATRate=-1,
        VATAmount=0,
        Amount=order.amount,
        AmountInWords=order.amount_words,
        ArisingDate=f"{day.day:02d}/{day.month:02d}/{day.year:04d}",
        CurrencyUnit="VND",
        ComName=collector.name,
        ComTaxCode=collector.tax_code,
        Extra=order.dossier_code,
        Extra1=order.payer_number if office.send_payer_number else "",
    )


def _element(name: str, value: object) -> str:
    if isinstance(value, list | tuple):
        return "".join(_element(name, one) for one in value)
    if isinstance(value, dict):
        return f"<{name}>{''.join(_element(key, one) for key, one in value.items())}</{name}>"
    # What XML 1.0 (2.2) cannot say at all is left out: a control character carries nothing that a receipt must show.
    return f"<{name}>{escape(_NOT_IN_XML.sub('', str(value)))}</{name}>"
