"""What callers send to the endpoints of payment, read strictly: every fault at once, none of their values repeated.

Payment facts 2.1 and abuse case A21: the lines of a fee are whole, above zero, and sum to the amount before anybody is called.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import ClassVar, Literal, TypeVar, get_args

import msgspec

from connectors.kit import requests
from connectors.kit.errors import Finding
from connectors.kit.requests import Request, finding
from connectors.payment.model import FeeLine, Payer
from connectors.payment.refusals import Refused
from connectors.payment.settings import ProfileName
from connectors.payment.strict import read_object
from mappings.codes import FeeKind

MOST_LINES = 50
LARGEST = 9_999_999_999
"""The largest amount that any intermediary takes, in đồng (payment facts 4.3)."""

Channel = Literal["web", "app", "qr", "counter"]

_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]{0,99}", re.ASCII)
_ACCOUNT = re.compile(r"[0-9A-Za-z]{4,34}", re.ASCII)


class _Request(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A body; what its fields of a closed list take."""

    choices: ClassVar[Mapping[str, Sequence[str]]] = {
        "provider": get_args(ProfileName),
        "channel": get_args(Channel),
        "kind": ("charge", "fee"),
        "method": ("cash", "transfer"),
    }


class AskedLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line: `kind` charge (phí) or fee (lệ phí)."""

    kind: Literal["charge", "fee"]
    code: str
    name: str
    amount: int
    id: str = ""


class AskedPayer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who pays."""

    name: str
    number: str = ""
    address: str = ""

    def __repr__(self) -> str:
        return "<AskedPayer>"


class PaymentRequest(_Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/payments`. Without `provider` the default one is taken; channel `counter` asks none at all."""

    dossier_code: str
    procedure_code: str
    procedure_name: str
    unit_code: str
    unit_name: str
    fee_lines: tuple[AskedLine, ...]
    amount: int
    payer: AskedPayer
    service_code: str = ""
    text: str = ""
    provider: ProfileName | Literal[""] = ""
    channel: Channel = "web"
    payer_address: str = ""
    return_url: str = ""
    expires_in_minutes: int = 0
    portal_pull: bool = False

    @property
    def lines(self) -> tuple[FeeLine, ...]:
        """The lines in our words."""
        return tuple(
            FeeLine(kind=FeeKind(line.kind), code=line.code, name=line.name, amount=line.amount, id=line.id)
            for line in self.fee_lines
        )

    @property
    def who(self) -> Payer:
        """The payer in our words."""
        return Payer(name=self.payer.name, number=self.payer.number, address=self.payer.address)

    def findings(self) -> Iterator[Finding]:
        """What is wrong with it."""
        yield from super().findings()
        for name in ("dossier_code", "procedure_code", "unit_code"):
            if not _CODE.fullmatch(getattr(self, name)):
                yield finding("code", f"/{name}", "Phải là một mã, không có khoảng trắng.")
        if self.service_code and not _CODE.fullmatch(self.service_code):
            yield finding("code", "/service_code", "Phải là một mã, không có khoảng trắng.")
        for name in ("procedure_name", "unit_name"):
            if not getattr(self, name).strip():
                yield finding("empty", f"/{name}", "Không được để trống.")
        if not self.payer.name.strip():
            yield finding("empty", "/payer/name", "Không được để trống.")
        yield from self._money()
        if self.payer_address and not _is_address(self.payer_address):
            yield finding("payer_address", "/payer_address", "Phải là địa chỉ IP của người nộp.")
        if self.expires_in_minutes < 0:
            yield finding("expires_in_minutes", "/expires_in_minutes", "Phải từ 1 trở lên, hoặc bỏ trống.")

    def _money(self) -> Iterator[Finding]:
        if not 1 <= len(self.fee_lines) <= MOST_LINES:
            yield finding("fee_lines", "/fee_lines", f"Cần từ 1 đến {MOST_LINES} dòng phí, lệ phí.")
        for number, line in enumerate(self.fee_lines):
            if not 0 < line.amount <= LARGEST:
                yield finding("fee_line_amount", f"/fee_lines/{number}/amount", "Phải là số đồng nguyên lớn hơn 0.")
            if not _CODE.fullmatch(line.code) or not line.name.strip():
                yield finding("fee_line", f"/fee_lines/{number}", "Cần mã (code) và tên (name) của khoản thu.")
        if not 0 < self.amount <= LARGEST:
            yield finding("amount", "/amount", "Phải là số đồng nguyên lớn hơn 0.")
        elif sum(line.amount for line in self.fee_lines) != self.amount:
            yield finding("fee_lines_sum", "/amount", "Tổng các dòng phí, lệ phí phải bằng amount.")


class AttemptRequest(_Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/payments/{id}/attempts`."""

    provider: ProfileName | Literal[""] = ""
    channel: Literal["web", "app", "qr"] = "web"
    payer_address: str = ""
    expires_in_minutes: int = 0

    def findings(self) -> Iterator[Finding]:
        """What is wrong with it."""
        yield from super().findings()
        if self.payer_address and not _is_address(self.payer_address):
            yield finding("payer_address", "/payer_address", "Phải là địa chỉ IP của người nộp.")
        if self.expires_in_minutes < 0:
            yield finding("expires_in_minutes", "/expires_in_minutes", "Phải từ 1 trở lên, hoặc bỏ trống.")


class CancelRequest(_Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/payments/{id}/cancel`."""

    reason: str

    def findings(self) -> Iterator[Finding]:
        """What is wrong with it."""
        yield from super().findings()
        yield from _reasoned(self.reason)


class RefundRequest(_Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/payments/{id}/refunds`: only asks. `attempt`: whose money, where more than one attempt brought some."""

    amount: int
    reason: str
    attempt: int = 0

    def findings(self) -> Iterator[Finding]:
        """What is wrong with it."""
        yield from super().findings()
        yield from _reasoned(self.reason)
        if not 0 < self.amount <= LARGEST:
            yield finding("amount", "/amount", "Phải là số đồng nguyên lớn hơn 0.")
        if self.attempt < 0:
            yield finding("attempt", "/attempt", "Phải là số thứ tự của lần thanh toán.")


class RefundAccountRequest(_Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/payments/{id}/refunds/{refund_id}/account`: where a refund by bank transfer has to go (payment facts 7.3)."""

    account_name: str
    account: str
    bank: str

    def findings(self) -> Iterator[Finding]:
        """What is wrong with it."""
        yield from super().findings()
        for name in ("account_name", "bank"):
            value = getattr(self, name).strip()
            if not 1 <= len(value) <= 200 or not value.isprintable():
                yield finding(name, f"/{name}", "Không được để trống, nhiều nhất 200 ký tự.")
        if not _ACCOUNT.fullmatch(self.account):
            yield finding("account", "/account", "Chỉ gồm chữ và số, từ 4 đến 34 ký tự.")


class CounterRequest(_Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/payments/{id}/counter-receipts` (QĐ 1538/QĐ-BGTVT Điều 10 khoản 3)."""

    method: Literal["cash", "transfer"]
    officer: str
    receipt_no: str
    received_at: datetime
    amount: int
    bank_reference: str = ""

    def findings(self) -> Iterator[Finding]:
        """What is wrong with it."""
        yield from super().findings()
        for name in ("officer", "receipt_no"):
            if not _CODE.fullmatch(getattr(self, name)):
                yield finding("code", f"/{name}", "Phải là một mã, không có khoảng trắng.")
        if self.received_at.tzinfo is None:
            yield finding("received_at", "/received_at", "Phải có múi giờ, ví dụ 2026-09-21T14:30:05+07:00.")
        if not 0 < self.amount <= LARGEST:
            yield finding("amount", "/amount", "Phải là số đồng nguyên lớn hơn 0.")
        if self.method == "transfer" and not _CODE.fullmatch(self.bank_reference):
            yield finding("bank_reference", "/bank_reference", "Chuyển khoản phải có mã giao dịch của ngân hàng.")


R = TypeVar("R", bound=_Request)


class StatementRequest(_Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/payments/statements`: a statement file as text, with its name and the SHA-256 (hex) of its UTF-8 bytes."""

    name: str
    sha256: str
    content: str

    def findings(self) -> Iterator[Finding]:
        """What is wrong with it."""
        yield from super().findings()
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            yield finding("sha256", "/sha256", "Phải là 64 chữ số hệ 16, chữ thường.")
        if not self.content:
            yield finding("empty", "/content", "Không được để trống.")


def read_request(body: bytes, kind: type[R]) -> tuple[R, str]:
    """The request in `body`, and the SHA-256 of its meaning in hex. Raises `Refused` that names every fault.

    How long it may be the internal door decides (`[intake] max_body_bytes`): a statement that is sent in is longer than a notice.
    """
    return requests.read_request(body, kind, Refused, "payment", partial(read_object, most=len(body)))


def _reasoned(reason: str) -> Iterator[Finding]:
    if not 1 <= len(reason.strip()) <= 500:
        yield finding("reason", "/reason", "Cần lý do, nhiều nhất 500 ký tự.")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
