"""What of PP nobody could confirm, as typed configuration with the defaults of payment facts 9."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from connectors.payment.model import Verdict
from connectors.payment.profiles._bill.mapping import FEE_KINDS
from connectors.payment.profiles.pp.messages import Acknowledgement, QueryAnswer
from mappings.codes import FeeKind

SUCCESS = "00"
_SIGNATURE = "MaXacThuc"


class PpOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs between contracts with the platform.

    `wrapper` lgsp_string: an LGSP puts answers as JSON text into `message`. `ack_fields`: the fields that our acknowledgement
    signs, () for echoing the signature of the notice. `query_answer_fields`: the fields that the platform signs in answers to
    QUERY, () where it signs none and the echo over TLS has to do. `code_map`: classes (payment facts 2.4, or `not_found`) of
    the codes in `MaLoi` other than 00. `fee_kinds`: `LoaiPhiLePhi` by our kind of fee. `ref_max_len`: the longest reference.
    """

    wrapper: Literal["none", "lgsp_string"] = "none"
    ack_fields: tuple[str, ...] = ()
    query_answer_fields: tuple[str, ...] = ()
    code_map: dict[str, str] = {}
    fee_kinds: dict[str, str] = msgspec.field(default_factory=lambda: dict(FEE_KINDS))
    ref_max_len: int = 20
    language: str = "vi-VN"
    channel: str = "1"
    device: str = "1"
    bank: str = "PAYMENT"

    def __post_init__(self) -> None:
        """Refuses what types cannot; one sentence names every fault."""
        faults = tuple(self._faults())
        if faults:
            raise ValueError("; ".join(faults))

    def _faults(self) -> Iterable[str]:
        if not set(self.ack_fields) <= set(Acknowledgement.__struct_fields__) - {_SIGNATURE}:
            yield "ack_fields: chỉ gồm các trường của bản tin phản hồi, trừ MaXacThuc"
        if not set(self.query_answer_fields) <= set(QueryAnswer.__struct_fields__) - {_SIGNATURE}:
            yield "query_answer_fields: chỉ gồm các trường của câu trả lời QUERY, trừ MaXacThuc"
        if self.query_answer_fields and not {"MaThamChieu", "SoTien", "TrangThaiGD"} <= set(self.query_answer_fields):
            yield "query_answer_fields: chữ ký phải bao gồm MaThamChieu, SoTien và TrangThaiGD"
        verdicts = {verdict.value for verdict in Verdict} - {Verdict.PAID.value}
        if SUCCESS in self.code_map or not set(self.code_map.values()) <= verdicts:
            yield "code_map: mã khác 00 sang một nhóm N, F, E, U, R, C, H hoặc not_found"
        if not set(self.fee_kinds) <= {kind.value for kind in FeeKind} or not all(self.fee_kinds.values()):
            yield "fee_kinds: loại khoản thu (charge, fee, tax, postage, other) sang LoaiPhiLePhi"
        if not 16 <= self.ref_max_len <= 255:
            yield "ref_max_len: từ 16 đến 255"
