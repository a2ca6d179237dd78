"""The Vietnamese words of a settlement's report: outcomes, reasons, proposed actions, states. For accountants."""

from __future__ import annotations

from collections.abc import Mapping

from mappings.settlement_words import Action, Detail, Kind, Outcome

OUTCOMES: Mapping[str, str] = {
    Outcome.MATCHED: "Khớp",
    Outcome.PAID_AT_PROVIDER_ONLY: "Thừa: trung gian có, cổng không có",
    Outcome.PAID_HERE_ONLY: "Thiếu: cổng có, trung gian không có",
    Outcome.AMOUNT_DIFF: "Lệch số tiền",
    Outcome.STATUS_DIFF: "Lệch trạng thái",
    Outcome.DUPLICATE: "Thanh toán trùng",
    Outcome.DATE_SHIFT: "Lệch ngày",
    Outcome.LATE_SUCCESS: "Thành công muộn",
    Outcome.BENEFICIARY_DIFF: "Sai tài khoản thụ hưởng",
    Outcome.REFUND_UNLINKED: "Hoàn tiền không rõ khoản gốc",
}

ACTIONS: Mapping[str, str] = {
    Action.CLOSE: "Không phải làm gì",
    Action.QUERY: "Cổng truy vấn lại trung gian",
    Action.QUERY_REFUND: "Cổng truy vấn lại khoản hoàn",
    Action.WAIT: "Chờ sao kê ngày sau, tối đa 2 ngày làm việc",
    Action.HOLD_TRANSFER: "Giữ lại, chưa chuyển kho bạc; hỏi trung gian",
    Action.REFUND: "Hoàn khoản trùng cho người nộp (hai người ký)",
    Action.REVIEW_LATE: "Xem lại hồ sơ: đã hết hạn hoặc hủy thì hoàn tiền",
    Action.MANUAL: "Kế toán kiểm tra chứng từ",
}

DETAILS: Mapping[str, str] = {
    Detail.NONE: "",
    Detail.UNKNOWN_REFERENCE: "Mã tham chiếu không có trong sổ của cổng",
    Detail.NOT_PAID_HERE: "Cổng chưa ghi nhận là đã thu",
    Detail.NOT_PAID_THERE: "Trung gian ghi là chưa thu",
    Detail.OTHER_TRANSACTION: "Khác mã giao dịch",
    Detail.SECOND_TRANSACTION: "Giao dịch thứ hai của cùng một lần thanh toán",
    Detail.OTHER_ATTEMPT_PAID: "Khoản này đã được nộp bằng cách khác",
    Detail.KNOWN: "Cổng đã biết và đã đề nghị hoàn",
    Detail.NOT_REFUNDED_HERE: "Trung gian ghi đã hoàn, cổng không có lệnh hoàn",
    Detail.REFUND_STATE: "Khoản hoàn khác trạng thái",
    Detail.NEAR_MIDNIGHT: "Gần nửa đêm: có thể nằm ở sao kê ngày sau",
    Detail.FAR_FROM_MIDNIGHT: "Khác ngày mà không gần nửa đêm",
    Detail.WRONG_ON_BOTH_SIDES: "Hai bên khớp nhau nhưng không đúng số phải nộp",
}

KINDS: Mapping[str, str] = {
    Kind.PAY: "Thu",
    Kind.REFUND: "Hoàn",
    Kind.REVERSAL: "Đảo giao dịch",
    Kind.FEE: "Phí dịch vụ",
}

FEES: Mapping[str, str] = {"charge": "Phí", "fee": "Lệ phí"}

CLOSED: Mapping[str, str] = {
    "": "Đang mở",
    "other_day": "Đã khớp ở ngày kề",
    "paid_here_now": "Cổng đã ghi nhận",
    "in_other_statement": "Đã có ở sao kê ngày khác",
    "fee_still_owed": "Vẫn là khoản phải nộp, đã thu",
    "refunded": "Đã hoàn",
    "by_person": "Cán bộ đã kết luận",
}

HELD: Mapping[str, str] = {
    "": "",
    "refund": "Có khoản hoàn: kế toán quyết định",
    "budget": "Thiếu hoặc sai mã ngân sách",
}

FILES: Mapping[str, str] = {
    "received": "Đã nhận, chờ đối soát",
    "settling": "Đang đối soát",
    "settled": "Đã đối soát",
    "superseded": "Đã được tệp sau thay thế",
    "refused": "Bị từ chối",
}
