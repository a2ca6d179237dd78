"""What a refusal of a carrier is to the line: busy, strange credentials, an answer that nobody can read, a wrong set-up."""

from __future__ import annotations

from connectors.kit.errors import (
    AnswerUnreadable,
    Busy,
    ContractChanged,
    CredentialsRefused,
    DeliveryError,
    Exchange,
    Rejected,
)
from connectors.kit.http import HttpAnswer, retry_after_s
from connectors.postal.speaking import Refused


def error_of(title_vi: str, refused: Refused, answer: HttpAnswer, exchange: Exchange) -> DeliveryError:
    """The error that a refusal is, as the trouble of that carrier only; `business` too, where it cannot be an answer."""
    code = f" (mã {refused.code})" if refused.code else ""
    match refused.kind:
        case "busy":
            wait_s = retry_after_s(answer.headers)
            text = f"{title_vi} đang bận và chưa xử lý yêu cầu{code}."
            return Busy(text, exchange=exchange, retry_after_s=wait_s).teaching(partial=True)
        case "auth":
            text = f"{title_vi} không chấp nhận tài khoản hoặc mã truy cập của cổng{code}."
            return CredentialsRefused(text, exchange=exchange).teaching(partial=True)
        case "configuration":
            text = f"{title_vi} không phục vụ yêu cầu như đã cấu hình{code}: {refused.message_vi}"
            return ContractChanged(text, exchange=exchange).teaching(partial=True)
        case "unreadable":
            text = f"{title_vi} trả lời nội dung không đọc được{code}."
            return AnswerUnreadable(text, exchange=exchange).teaching(partial=True)
    return Rejected(f"{title_vi} từ chối yêu cầu{code}: {refused.message_vi}", exchange=exchange).teaching(partial=True)
