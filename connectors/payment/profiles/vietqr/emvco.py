"""The text behind a VietQR code: EMVCo tag-length-value with a CRC, read strictly and written in ASCII (payment facts 3.13).

Sources: NAPAS, Technical Specifications on NAPAS QR Switching 1.5.2; the CRC is CRC-16/CCITT-FALSE over the UTF-8 bytes up to
and including `6304`. Banks print it in either case, and one library counts lengths in characters: both are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from connectors.payment.canonical import Algorithm, Output, Place, Recipe, same_text

CRC: Final = Recipe(Algorithm.CRC_16, place=Place.NOWHERE, output=Output.UPPER)
"""`CRC.digest(text)` is the four digits of a text that ends with `6304`."""

NAPAS: Final = "A000000727"
_CRC_TAG: Final = "6304"
_LONGEST: Final = 512
_DIGITS: Final = re.compile(r"[0-9]{4}", re.ASCII)
_AMOUNT: Final = re.compile(r"([0-9]{1,13})(?:\.0{1,2})?", re.ASCII)
_BIN: Final = re.compile(r"[0-9]{6}", re.ASCII)
_ACCOUNT: Final = re.compile(r"[0-9A-Za-z]{1,19}", re.ASCII)
_WRITABLE: Final = re.compile(r"[0-9A-Za-z .:-]{0,25}", re.ASCII)

Service = Literal["QRIBFTTA", "QRIBFTTC", "QRPUSH", "QRCASH"]
_SERVICES: Final[Mapping[str, Service]] = {
    "QRIBFTTA": "QRIBFTTA", "QRIBFTTC": "QRIBFTTC", "QRPUSH": "QRPUSH", "QRCASH": "QRCASH",
}  # fmt: skip


class NotVietQr(ValueError):
    """Nội dung không phải mã VietQR hợp lệ.

    `fault`: too_long, not_tlv, doubled_tag, no_crc, wrong_crc, not_napas, not_vnd, wrong_amount, wrong_account, not_writable.
    """

    def __init__(self, fault: str) -> None:
        """The text names the fault and never quotes what was read."""
        self.fault = fault
        super().__init__(fault)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer that a code asks for. `amount` in đồng, None where the payer types it; a code with an amount is dynamic.

    `bank_bin` has six digits; `account` is an account or a card, at most 19 signs. `bill` and `purpose` are ASCII, 25 at most.
    """

    bank_bin: str
    account: str
    amount: int | None = None
    bill: str = ""
    purpose: str = ""
    service: Service = "QRIBFTTA"


def write_transfer(transfer: Transfer) -> str:
    """The text of the code. Raises `NotVietQr` for what cannot be written in it."""
    if not _BIN.fullmatch(transfer.bank_bin) or not _ACCOUNT.fullmatch(transfer.account):
        raise NotVietQr("wrong_account")
    if transfer.amount is not None and not 0 < transfer.amount < 10**13:
        raise NotVietQr("wrong_amount")
    if not _WRITABLE.fullmatch(transfer.bill) or not _WRITABLE.fullmatch(transfer.purpose):
        raise NotVietQr("not_writable")
    bank = _tlv("00", transfer.bank_bin) + _tlv("01", transfer.account)
    merchant = _tlv("00", NAPAS) + _tlv("01", bank) + _tlv("02", transfer.service)
    told = _tlv("01", transfer.bill) + _tlv("08", transfer.purpose)
    text = (
        _tlv("00", "01")
        + _tlv("01", "11" if transfer.amount is None else "12")
        + _tlv("38", merchant)
        + _tlv("53", "704")
        + _tlv("54", "" if transfer.amount is None else str(transfer.amount))
        + _tlv("58", "VN")
        + _tlv("62", told)
        + _CRC_TAG
    )
    return text + CRC.digest(text)


def read_tags(text: str) -> Mapping[str, str]:
    """The values by tag of any EMVCo text whose CRC holds, `63` among them. Raises `NotVietQr`."""
    if len(text) > _LONGEST:
        raise NotVietQr("too_long")
    if text[-8:-4] != _CRC_TAG:
        raise NotVietQr("no_crc")
    try:
        expected = CRC.digest(text[:-4])
    except UnicodeEncodeError:
        raise NotVietQr("not_tlv") from None
    if not same_text(text[-4:].upper(), expected):
        raise NotVietQr("wrong_crc")
    return _tags(text)


def read_transfer(text: str) -> Transfer:
    """The transfer that a NAPAS code asks for. Raises `NotVietQr` for any other code and for one that was altered."""
    tags = read_tags(text)
    if tags.get("53") != "704" or tags.get("58") != "VN":
        raise NotVietQr("not_vnd")
    merchant = _tags(tags.get("38", ""))
    service = _SERVICES.get(merchant.get("02", "QRIBFTTA"))
    if merchant.get("00") != NAPAS or service is None:
        raise NotVietQr("not_napas")
    bank = _tags(merchant.get("01", ""))
    bank_bin, account = bank.get("00", ""), bank.get("01", "")
    if not _BIN.fullmatch(bank_bin) or not _ACCOUNT.fullmatch(account):
        raise NotVietQr("wrong_account")
    told = _tags(tags.get("62", ""))
    return Transfer(bank_bin, account, _amount(tags.get("54")), told.get("01", ""), told.get("08", ""), service)


def pays_into(text: str, bank_bin: str, account: str) -> bool:
    """Whether a code is a transfer into that very account: compared before any code is shown (abuse case A31)."""
    try:
        transfer = read_transfer(text)
    except NotVietQr:
        return False
    return same_text(transfer.bank_bin, bank_bin) and same_text(transfer.account, account)


def _amount(text: str | None) -> int | None:
    if text is None:
        return None
    match = _AMOUNT.fullmatch(text)
    if len(text) > 13 or match is None or int(match[1]) == 0:
        raise NotVietQr("wrong_amount")
    return int(match[1])


def _tlv(tag: str, value: str) -> str:
    return f"{tag}{len(value):02d}{value}" if value else ""


def _tags(text: str) -> Mapping[str, str]:
    """Lengths in bytes as the specification has them, else in characters as one library has."""
    raw = text.encode()
    if len(raw) == len(text):
        return _walked(len(text), lambda start, end: text[start:end])
    try:
        return _walked(len(raw), lambda start, end: raw[start:end].decode())
    except (NotVietQr, UnicodeDecodeError):
        return _walked(len(text), lambda start, end: text[start:end])


def _walked(length: int, part: Callable[[int, int], str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    place = 0
    while place < length:
        head = part(place, place + 4)
        if not _DIGITS.fullmatch(head):
            raise NotVietQr("not_tlv")
        tag, end = head[:2], place + 4 + int(head[2:])
        if end > length or end == place + 4:
            raise NotVietQr("not_tlv")
        if tag in found:
            raise NotVietQr("doubled_tag")
        found[tag] = part(place + 4, end)
        place = end
    return found
