"""The gateway's own errors on the way in, arranged by what the caller may do next.

GatewayError
├── IntakeError            has a stable `code`, an HTTP `status` and a Vietnamese message
│   ├── Unauthenticated    401
│   ├── Forbidden          403
│   ├── NotFound           404
│   ├── Conflict           409
│   ├── NoLongerKept       410, its month was dropped by order
│   ├── TooLarge           413
│   ├── Invalid            400 or 422, carries all faults
│   ├── TooManyRequests    429, nothing was stored; the same request later
│   ├── UpstreamRefused    502, a connector's upstream refused what was asked
│   ├── UpstreamUnavailable 503, a connector cannot answer now; the same request later
│   └── JournalUnavailable 503, nothing is promised; the same request may be repeated
└── ConfigError            the configuration names every wrong key
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a request: stable code, JSON pointer, Vietnamese sentence that says what to do."""

    code: str
    pointer: str
    message_vi: str


class GatewayError(Exception):
    """Lỗi của cổng kết nối."""

    def __str__(self) -> str:
        """The message; the first line of the docstring where none was given."""
        return super().__str__() or (type(self).__doc__ or "").strip().splitlines()[0]


class ConfigError(GatewayError):
    """Cấu hình không hợp lệ."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


class IntakeError(GatewayError):
    """Yêu cầu không được tiếp nhận."""

    status = 500
    code = "intake_error"
    answer_format = ""
    """In which form the caller's profile wants answers (`json`, `xml`); empty while nobody knows who calls."""

    def __init__(
        self,
        message_vi: str = "",
        *,
        code: str = "",
        faults: tuple[Fault, ...] = (),
        status: int = 0,
        retry_after_s: int = 0,
    ) -> None:
        self.message_vi = message_vi or (type(self).__doc__ or "").strip().splitlines()[0]
        self.code = code or type(self).code
        self.status = status or type(self).status
        self.faults = faults
        self.retry_after_s = retry_after_s
        super().__init__(self.message_vi)


class Unauthenticated(IntakeError):
    """Không xác thực được hệ thống gọi."""

    status = 401
    code = "unauthenticated"


class Forbidden(IntakeError):
    """Hệ thống gọi không được phép thực hiện việc này."""

    status = 403
    code = "forbidden"


class NotFound(IntakeError):
    """Không tìm thấy."""

    status = 404
    code = "not_found"


class Conflict(IntakeError):
    """Mã hoặc số thứ tự đã được dùng với nội dung khác."""

    status = 409
    code = "conflict"


class NoLongerKept(IntakeError):
    """Nội dung này không còn lưu: tháng của nó đã được bỏ khỏi kho theo lệnh."""

    status = 410
    code = "no_longer_kept"


class TooLarge(IntakeError):
    """Nội dung quá lớn; hãy tải tệp lên trước rồi gửi sự kiện."""

    status = 413
    code = "too_large"


class Invalid(IntakeError):
    """Nội dung không hợp lệ; hãy sửa theo danh sách lỗi và gửi lại với event_id mới."""

    status = 422
    code = "invalid"


class TooManyRequests(IntakeError):
    """Hệ thống gọi gửi quá nhiều; hãy gửi lại đúng yêu cầu này sau thời gian nêu trong Retry-After."""

    status = 429
    code = "too_many_requests"


class UpstreamRefused(IntakeError):
    """Hệ thống bên ngoài từ chối yêu cầu."""

    status = 502
    code = "upstream_refused"


class UpstreamUnavailable(IntakeError):
    """Hệ thống bên ngoài chưa trả lời được; hãy gửi lại đúng yêu cầu này sau ít phút."""

    status = 503
    code = "upstream_unavailable"


class JournalUnavailable(IntakeError):
    """Cổng chưa lưu được yêu cầu; hãy gửi lại đúng yêu cầu này sau ít phút."""

    status = 503
    code = "busy"
