"""What of KeyPay v3 nobody could confirm, as typed configuration with the defaults of payment facts 9."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from connectors.payment.model import Verdict
from connectors.payment.profiles._bill.mapping import FEE_KINDS
from connectors.payment.profiles.keypay.messages import RefundTold, Transaction
from mappings.codes import FeeKind

_SIGNATURE = "check_sum"


class Commands(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The command words. The one of detail is the one of create in the public client; those of refunds are placeholders."""

    pay: str = "PAY"
    detail: str = "PAY"
    refund: str = "REFUND"
    refund_detail: str = "REFUND_DETAIL"

    def __post_init__(self) -> None:
        """Refuses a word that could be read as two signed fields."""
        if not all(word.isalnum() or word.replace("_", "").isalnum() for word in (self.pay, self.detail)):
            raise ValueError("commands: chỉ gồm chữ, số và dấu gạch dưới")


class KeypayOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs between contracts with KeyPay.

    `mode` pay_later: a bill with a QR code in place of a redirect. `addition_fee` in đồng, as text. `detail_answer_fields`,
    `refund_answer_fields`: what key 2 signs in those answers, () where the echo over TLS has to do. `refunds`: whether the
    contract has them; otherwise people make them by transfer. `code_map`: classes (payment facts 2.4) by `error`,
    `status_map` by the `status` of a payment where there is no error.
    """

    mode: Literal["redirect", "pay_later"] = "redirect"
    commands: Commands = Commands()
    addition_fee: str = "0"
    locale: str = "vn"
    country_code: str = "vi"
    detail_answer_fields: tuple[str, ...] = ()
    refund_answer_fields: tuple[str, ...] = ()
    refunds: bool = True
    code_map: dict[str, str] = {}
    status_map: dict[str, str] = {}
    fee_kinds: dict[str, str] = msgspec.field(default_factory=lambda: dict(FEE_KINDS))

    def __post_init__(self) -> None:
        """Refuses what types cannot; one sentence names every fault."""
        faults = tuple(self._faults())
        if faults:
            raise ValueError("; ".join(faults))

    def _faults(self) -> Iterable[str]:
        if not set(self.detail_answer_fields) <= set(Transaction.__struct_fields__) - {_SIGNATURE}:
            yield "detail_answer_fields: chỉ gồm các trường của giao dịch, trừ check_sum"
        if self.detail_answer_fields and not {"transaction_id", "trans_amount"} <= set(self.detail_answer_fields):
            yield "detail_answer_fields: chữ ký phải bao gồm transaction_id và trans_amount"
        if not set(self.refund_answer_fields) <= set(RefundTold.__struct_fields__) - {_SIGNATURE}:
            yield "refund_answer_fields: chỉ gồm các trường của yêu cầu hoàn tiền, trừ check_sum"
        verdicts = {verdict.value for verdict in Verdict} - {Verdict.PAID.value, Verdict.REFUND_DONE.value}
        if "0" in self.code_map or not set(self.code_map.values()) <= verdicts:
            yield "code_map: mã khác 0 sang một nhóm N, F, E, U, R, C, H, RF, RX hoặc not_found"
        if self.status_map.keys() & {"0", "1"} or not set(self.status_map.values()) <= verdicts:
            yield "status_map: trạng thái khác 0 và 1 sang một nhóm N, F, E, U, H hoặc not_found"
        if not set(self.fee_kinds) <= {kind.value for kind in FeeKind} or not all(self.fee_kinds.values()):
            yield "fee_kinds: loại khoản thu (charge, fee, tax, postage, other) sang LoaiPhiLePhi"
        if not self.addition_fee.isascii() or not self.addition_fee.isdigit():
            yield "addition_fee: số đồng, chỉ gồm chữ số"
