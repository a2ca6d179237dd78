"""The Vietnamese words of the report about cash on delivery: outcomes, reasons, proposed actions, states. For accountants."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.postal.model import CodState
from mappings.settlement_words import Detail, Kind, Outcome

OUTCOMES: Mapping[str, str] = {
    Outcome.MATCHED: "Khớp",
    Outcome.PAID_AT_PROVIDER_ONLY: "Thừa: bưu chính trả, sổ của cổng chưa ghi đã thu",
    Outcome.AMOUNT_DIFF: "Lệch số tiền",
    Outcome.STATUS_DIFF: "Lệch trạng thái",
    Outcome.DUPLICATE: "Trả trùng",
    Outcome.REFUND_UNLINKED: "Thu lại không rõ bưu gửi",
}

DETAILS: Mapping[str, str] = {
    Detail.NONE: "",
    Detail.UNKNOWN_REFERENCE: "Không có bưu gửi này trong sổ của cổng",
    Detail.NOT_PAID_HERE: "Cổng chưa ghi nhận bưu tá đã thu",
    Detail.NOT_PAID_THERE: "Bưu chính ghi là chưa trả",
    Detail.SECOND_TRANSACTION: "Dòng thứ hai của cùng một bưu gửi",
    Detail.OTHER_ATTEMPT_PAID: "Bảng kê khác đã trả đủ cho bưu gửi này",
    Detail.NOT_REFUNDED_HERE: "Bưu chính thu lại tiền đã trả",
    Detail.WRONG_ON_BOTH_SIDES: "Hai bên khớp nhau nhưng không đúng số phải thu",
}

ACTIONS: Mapping[str, str] = {
    Outcome.MATCHED: "Không phải làm gì",
    Outcome.PAID_AT_PROVIDER_ONLY: "Kiểm tra với bưu chính; khi chặng đường báo đã thu thì tự khép",
    Outcome.AMOUNT_DIFF: "Hỏi bưu chính phần chênh; bảng kê sau trả đủ thì tự khép",
    Outcome.STATUS_DIFF: "Chờ bảng kê sau; hỏi bưu chính nếu quá hạn",
    Outcome.DUPLICATE: "Thỏa thuận với bưu chính để trả lại khoản thừa",
    Outcome.REFUND_UNLINKED: "Kế toán kiểm tra chứng từ",
}

KINDS: Mapping[str, str] = {
    Kind.PAY: "Trả",
    Kind.REFUND: "Thu lại",
    Kind.REVERSAL: "Đảo giao dịch",
    Kind.FEE: "Phí dịch vụ",
}

CLOSED: Mapping[str, str] = {
    "": "Đang mở",
    "collected_now": "Đã ghi nhận thu, khớp",
    "evened_out": "Bảng kê khác đã làm khớp",
    "decided": "Cán bộ đã kết luận về khoản thu hộ",
    "by_person": "Cán bộ đã kết luận",
}

STATES: Mapping[str, str] = {
    CodState.NONE: "Không thu",
    CodState.TO_COLLECT: "Chưa thu",
    CodState.COLLECTED: "Đã thu, chưa trả",
    CodState.REMITTED: "Đã trả đủ",
    CodState.SHORT: "Thiếu",
    CodState.WAIVED: "Được miễn",
}

FILES: Mapping[str, str] = {
    "received": "Đã nhận, chờ đối soát",
    "settling": "Đang đối soát",
    "settled": "Đã đối soát",
    "superseded": "Đã được tệp sau thay thế",
    "refused": "Bị từ chối",
}

FALLBACK = "Cán bộ kiểm tra"
"""What is proposed about an outcome that this kind of settlement does not give."""
