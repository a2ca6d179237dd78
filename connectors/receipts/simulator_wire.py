"""What the simulated receipt service hears and says: SOAP 1.1 and the XML of receipts, in a reading of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from signing.canonical import XmlRefused, parse_xml

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SERVICE = "http://tempuri.org/"
_DATE = re.compile(r"(\d\d)/(\d\d)/(\d{4})", re.ASCII)
_WHOLE = re.compile(r"\d{1,15}", re.ASCII)


class Unreadable(ValueError):
    """Not a call, or not a receipt, that this service understands."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One call: its operation and arguments."""

    operation: str
    arguments: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A receipt as it was asked for; `year` of its date, `amount` in đồng."""

    fkey: str
    amount: int
    words: str
    year: int
    fee_code: str
    fee_name: str
    collector_tax_code: str
    dossier: str


def read_call(raw: bytes) -> Heard:
    """The call in an envelope."""
    try:
        root = parse_xml(raw)
    except XmlRefused as error:
        raise Unreadable(error.code) from None
    bodies = [child for child in root if child.tag == f"{{{SOAP}}}Body"]
    if root.tag != f"{{{SOAP}}}Envelope" or len(bodies) != 1 or len(bodies[0]) != 1:
        raise Unreadable("envelope")
    call = bodies[0][0]
    space, _, name = str(call.tag).removeprefix("{").rpartition("}")
    if space != SERVICE:
        raise Unreadable("namespace")
    found: dict[str, str] = {}
    for argument in call:
        key = str(argument.tag).removeprefix(f"{{{SERVICE}}}")
        if key in found or len(argument):
            raise Unreadable("argument")
        found[key] = argument.text or ""
    return Heard(name, found)


def read_receipts(text: str) -> tuple[Wanted, ...]:
    """The receipts of `xmlInvData`, each whole and adding up."""
    try:
        root = parse_xml(text.encode())
    except XmlRefused as error:
        raise Unreadable(error.code) from None
    if root.tag != "Invoices":
        raise Unreadable("Invoices")
    wanted = []
    for inv in root:
        products = [{str(leaf.tag): (leaf.text or "").strip() for leaf in product} for product in inv.iter("Product")]
        own = {str(leaf.tag): (leaf.text or "").strip() for part in (inv, *inv.iter("Invoice")) for leaf in part}
        sums = [product.get("Amount", "") for product in products]
        leaves = {**(products[0] if products else {}), **own}
        amounts = [*sums, own.get("Total", ""), own.get("Amount", "")]
        date = _DATE.fullmatch(leaves.get("ArisingDate", ""))
        if not all(map(_WHOLE.fullmatch, amounts)) or date is None or not sums:
            raise Unreadable("amount")
        total = int(leaves["Total"])
        named = all(leaves.get(name) for name in ("key", "ProdName", "AmountInWords", "ComName", "ComTaxCode"))
        if not named or total <= 0 or sum(map(int, sums)) != total or int(own["Amount"]) != total:
            raise Unreadable("receipt")
        wanted.append(
            Wanted(
                fkey=leaves["key"],
                amount=total,
                words=leaves["AmountInWords"],
                year=int(date[3]),
                fee_code=leaves.get("Code", ""),
                fee_name=leaves["ProdName"],
                collector_tax_code=leaves["ComTaxCode"],
                dossier=leaves.get("Extra", ""),
            )
        )
    if not wanted:
        raise Unreadable("none")
    return tuple(wanted)


def answer(operation: str, result: str) -> bytes:
    """The envelope around a result."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{SOAP}"><soap:Body>'
        f'<{operation}Response xmlns="{SERVICE}"><{operation}Result>{escape(result)}</{operation}Result>'
        f"</{operation}Response></soap:Body></soap:Envelope>"
    ).encode()


def fault(text: str) -> bytes:
    """A SOAP fault, as ASP.NET services say what they do not understand."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{SOAP}"><soap:Body><soap:Fault>'
        f"<faultcode>soap:Client</faultcode><faultstring>{escape(text)}</faultstring></soap:Fault></soap:Body></soap:Envelope>"
    ).encode()
