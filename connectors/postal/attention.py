"""Why a person should look at a parcel, in words: what its ledger knows and no machine can settle. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.postal.commanding import ADDRESS_WARNING, NUMBER_KNOWN, REFUSED_BUT_PLACED
from connectors.postal.history import TERMINAL
from connectors.postal.model import CodState, OrderState, ShipmentState
from connectors.postal.money import FLAGS
from connectors.postal.shipment import Shipment

_FLAGS_VI: Mapping[str, str] = {
    "contradicted": "đơn vị bưu chính báo khác sau khi đã kết thúc",
    "moved_after_cancel": "đã hủy nhưng vẫn có hành trình",
    "cancelled_late": "báo hủy khi bưu gửi đã ở bưu chính",
    "delivered_on_the_way_back": "báo đã phát khi đang chuyển hoàn",
    "cod_short": "thu hộ thiếu",
    "cod_over": "thu hộ thừa",
    "cod_unexpected": "có tiền thu hộ ngoài dự kiến",
    "quiet": "nhiều ngày không có tin",
    "time_ahead": "thời điểm được báo ở tương lai",
    "event_changed": "một sự kiện được báo lại với nội dung khác",
    "history_full": "hành trình dài bất thường",
    "handover_missing": "bảng kê bàn giao ghi thiếu",
    "handover_damaged": "bảng kê bàn giao ghi hư hỏng",
}
_ON_THE_WAY_VI: Mapping[str, str] = {
    REFUSED_BUT_PLACED: "đơn bị từ chối nhưng vẫn có bưu gửi",
    NUMBER_KNOWN: "đơn vị bưu chính đã có số này trước khi cổng gửi",
    ADDRESS_WARNING: "đơn vị bưu chính không nhận ra một phần địa chỉ",
}
"""What an officer has to see to for as long as the parcel may still go astray (postal facts 9: accepted, and a task)."""


def reasons(shipment: Shipment) -> tuple[str, ...]:
    """Why a person should look at it, the most pressing first; () where nobody has to."""
    found: list[str] = []
    if shipment.order is OrderState.IN_DOUBT:
        found.append("chưa rõ đơn vị bưu chính đã nhận đơn")
    if shipment.order is OrderState.REFUSED:
        code = shipment.refusal[0] if shipment.refusal is not None else ""
        found.append(f"đơn bị từ chối {code}".strip())
    if shipment.state is ShipmentState.EXCEPTION:
        found.append("có sự cố")
    if shipment.state not in TERMINAL:
        found += [words for flag, words in _ON_THE_WAY_VI.items() if flag in shipment.flags]
    settled = shipment.cod in (CodState.REMITTED, CodState.WAIVED) or bool(shipment.cod_decision)
    found += [words for flag, words in _FLAGS_VI.items() if flag in shipment.flags and not (settled and flag in FLAGS)]
    if shipment.unmapped:
        found.append(f"mã trạng thái lạ: {', '.join(shipment.unmapped)}")
    return tuple(found)
