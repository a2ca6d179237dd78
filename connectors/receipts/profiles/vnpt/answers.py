"""Reads what the service says: a line of its own kind inside the SOAP answer, or the XML of a receipt that it holds."""

from __future__ import annotations

import re

from connectors.receipts.profiles.vnpt.messages import Issued
from signing.canonical import XmlLimits, XmlRefused, parse_xml

_OK = re.compile(
    r"OK:(?P<pattern>[^;\s]{1,40});(?P<serial>[^-;\s]{1,40})-(?P<fkey>[0-9A-Za-z_.-]{1,80})_(?P<number>\d{1,12})",
    re.ASCII,
)
_ERROR = re.compile(r"(ERR:\d{1,4})(?!\d)", re.ASCII)
_AMOUNT = re.compile(r"(\d{1,15})(?:\.0+)?", re.ASCII)
_NAMES = {
    "pattern": ("InvoicePattern", "KHMSHDon"),
    "serial": ("SerialNo", "KHHDon"),
    "number": ("InvoiceNo", "SHDon"),
    "amount": ("Total", "TgTTTBSo"),
}
_LIMITS = XmlLimits(max_bytes=1_048_576, max_depth=24, max_elements=5_000)


class NotIssued(ValueError):
    """Câu trả lời không phải là biên lai. `code` is the service's own (`ERR:13`), "" for an answer that says nothing known."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code or "không đọc được")


def read_published(text: str) -> Issued:
    """The one receipt that a result of `ImportAndPublishInv` names; raises `NotIssued`."""
    line = text.strip()
    match = _OK.fullmatch(line)
    if match is None:
        raise NotIssued(error_code(line))
    return Issued(pattern=match["pattern"], serial=match["serial"], fkey=match["fkey"], number=_number(match["number"]))


def read_fetched(text: str, fkey: str) -> Issued:
    """The receipt in a result of `downloadInvFkeyNoPay`, asked for by `fkey`; raises `NotIssued`.

    Members are found by name wherever they stand, in either of the two vocabularies that were seen for invoices [code]; a name
    that stands twice with two values says nothing.
    """
    line = text.strip()
    if not line.startswith("<"):
        raise NotIssued(error_code(line))
    try:
        root = parse_xml(line.encode(), _LIMITS)
    except XmlRefused:
        raise NotIssued("") from None
    found: dict[str, set[str]] = {}
    for element in root.iter():
        name = str(element.tag).rpartition("}")[2]
        if not len(element):
            found.setdefault(name, set()).add((element.text or "").strip())
    said = {field: _one(found, names) for field, names in _NAMES.items()}
    if not said["number"]:
        raise NotIssued("")
    amount = _AMOUNT.fullmatch(said["amount"])
    return Issued(
        pattern=said["pattern"],
        serial=said["serial"],
        fkey=fkey,
        number=_number(said["number"]),
        amount=int(amount[1]) if amount else None,
    )


def _one(found: dict[str, set[str]], names: tuple[str, ...]) -> str:
    values = {value for name in names for value in found.get(name, ())} - {""}
    return values.pop() if len(values) == 1 else ""


def _number(text: str) -> str:
    """A number without the zeros that one answer writes in front of it and another does not."""
    return text.lstrip("0") or "0"


def error_code(line: str) -> str:
    """The code of the service that a result begins with, such as ERR:6; empty where there is none."""
    match = _ERROR.match(line)
    return match.group(1) if match else ""
