"""Settings of a receipt service: whom it issues for, out of which series, and how it is reached. README.md explains each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal

import msgspec

from connectors.kit.secrets import SecretRef
from connectors.receipts.profiles.vnpt.mapping import Collector, Office, Series

_TAX_CODE = re.compile(r"\d{10}(-\d{3})?|\d{12}", re.ASCII)
_TOLD_BEFORE = timedelta(days=3)
"""The tax authority is told of a delegation at least so long before (TT 91/2026/TT-BTC; payment facts 7.2)."""


class Agency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An agency by name and tax code."""

    name: str
    tax_code: str

    def faults(self) -> Iterator[str]:
        """What is wrong with it."""
        if not self.name.strip():
            yield "name không được để trống"
        if not _TAX_CODE.fullmatch(self.tax_code):
            yield "tax_code phải gồm 10 chữ số (có thể kèm -000) hoặc 12 chữ số"


class Delegation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody else issues for the collector, by a written document that the tax authority was told of."""

    issuer: Agency
    document: str
    told_on: date
    valid_from: date

    def faults(self) -> Iterator[str]:
        """What the law would refuse of it."""
        yield from self.issuer.faults()
        if not self.document.strip():
            yield "document phải nêu số văn bản ủy nhiệm"
        if self.valid_from - self.told_on < _TOLD_BEFORE:
            yield "cơ quan thuế phải được thông báo (told_on) trước valid_from ít nhất 3 ngày"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How receipts are issued. `account_password` and `password` are references to secrets, never the secrets.

    `account` is who publishes, `username` who calls the services (the first arguments and the last of payment facts 7.2).
    `lookup` says by which call an issued receipt is found again: `xml` tells its number, `pdf` only that it exists.
    """

    base_url: str
    account: str
    account_password: SecretRef
    username: str
    password: SecretRef
    collector: Agency
    series: tuple[Series, ...]
    profile: Literal["vnpt"] = "vnpt"
    publish_path: str = "/PublishService.asmx"
    portal_path: str = "/PortalService.asmx"
    convert: int = 0
    lookup: Literal["xml", "pdf"] = "xml"
    delegation: Delegation | None = None
    payment_method: str = "Chuyển khoản"
    send_payer_number: bool = False
    allow_plain: tuple[str, ...] = ()
    ca_file: str = ""
    proxy: str = ""

    def faults(self) -> tuple[str, ...]:
        """Every fault that types cannot say, key first."""
        found = [f"collector.{fault}" for fault in self.collector.faults()]
        if self.delegation is not None:
            found += [f"delegation.{fault}" for fault in self.delegation.faults()]
        if not self.series:
            found.append("series: cần ít nhất một ký hiệu biên lai")
        for place, series in enumerate(self.series):
            found += [f"series[{place}]: {fault}" for fault in series.faults()]
        pairs = [(series.kind, series.rule) for series in self.series]
        if len(set(pairs)) != len(pairs):
            found.append("series: mỗi loại khoản thu chỉ có một ký hiệu theo mỗi quy tắc")
        return tuple(found)

    def office(self) -> Office:
        """What the message of a receipt needs to know of them."""
        return Office(
            series=self.series,
            collector=Collector(self.collector.name, self.collector.tax_code),
            payment_method=self.payment_method,
            send_payer_number=self.send_payer_number,
            delegated_from=self.delegation.valid_from if self.delegation is not None else None,
        )
