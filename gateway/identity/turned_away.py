"""Why a browser is turned away, and the words for the person before it: nothing that came in is ever repeated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.errors import GatewayError
from gateway.records.sign_ons import KeptSignOn

_BEGIN_AGAIN = "Hãy quay lại trang dịch vụ công và bấm đăng nhập lại."


@dataclass(frozen=True, slots=True)
class Words:
    """What a person reads, and the HTTP status that goes with it.

    `suspicious`: nobody comes here by an honest way that went well, so the trail shows it.
    """

    status: int
    title_vi: str
    text_vi: str
    suspicious: bool = False


_WORDS = (
    ("unknown_link", 404, "Liên kết đăng nhập không đúng", f"Liên kết này không có hoặc đã hết hạn. {_BEGIN_AGAIN}"),
    (
        "another_browser",
        403,
        "Đăng nhập được mở ở trình duyệt khác",
        "Lượt đăng nhập này đã dùng xong, thuộc về một trình duyệt khác, hoặc trình duyệt này không nhận cookie. "
        "Hãy quay lại trang dịch vụ công, cho phép cookie, và bấm đăng nhập lại nếu chưa vào được. "
        "Nếu quý vị không tự bấm đăng nhập, hãy đóng trang này.",
    ),
    ("no_state", 400, "Yêu cầu không đầy đủ", f"Địa chỉ vừa mở thiếu thông tin. {_BEGIN_AGAIN}"),
    ("over", 409, "Lượt đăng nhập này đã được dùng", f"Mỗi lượt đăng nhập chỉ dùng được một lần. {_BEGIN_AGAIN}"),
    ("expired", 410, "Lượt đăng nhập đã quá hạn", f"Đã quá lâu kể từ khi bắt đầu đăng nhập. {_BEGIN_AGAIN}"),
    (
        "refused",
        403,
        "Đăng nhập không thành",
        f"Nhà cung cấp định danh không xác nhận lượt đăng nhập này. {_BEGIN_AGAIN}",
    ),
    (
        "provider_unavailable",
        503,
        "Chưa đăng nhập được lúc này",
        f"Hệ thống định danh chưa trả lời; hãy chờ ít phút. {_BEGIN_AGAIN}",
    ),
    (
        "too_many",
        429,
        "Quá nhiều yêu cầu",
        "Từ mạng này có quá nhiều lượt đăng nhập cùng lúc; hãy tải lại trang sau một phút.",
    ),
    ("busy", 503, "Hệ thống đang bận", "Cổng chưa ghi nhận được lượt đăng nhập; hãy tải lại trang sau ít giây."),
    ("goodbye", 200, "Đã đăng xuất", "Phiên đăng nhập tại nhà cung cấp định danh đã kết thúc."),
)
_SUSPICIOUS = frozenset({"another_browser", "no_state"})

WORDS: Mapping[str, Words] = MappingProxyType(
    {code: Words(status, title, text, code in _SUSPICIOUS) for code, status, title, text in _WORDS}
)
"""Every code of a page, with its words."""


class TurnedAway(GatewayError):
    """Trình duyệt không đi tiếp được."""

    def __init__(self, code: str, message_vi: str = "", kept: KeptSignOn | None = None, reason: str = "") -> None:
        """`code` is one of `WORDS`; `message_vi` says it more closely. `kept` is the sign-on that has ended by it.

        `reason` is the stable code that the system which began it is told.
        """
        self.code, self.message_vi, self.kept, self.reason = code, message_vi, kept, reason
        self.words = WORDS[code]
        super().__init__(self.words.title_vi)
