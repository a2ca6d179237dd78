"""What may be concluded when a delivery did not end in a receipt. The family alone decides what happens next.

    DeliveryError
    ├── Retryable        it surely did not happen; later may be better        -> WAITING
    │   ├── NotSent      not one byte of the request left this machine
    │   └── Busy         the upstream says that nothing was done (429, documented 503)
    ├── OutcomeUnknown   it may have happened                                  -> UNKNOWN, enquire
    │   ├── NoAnswer     time-out or drop after sending
    │   ├── AnswerUnreadable
    │   └── UpstreamFault  5xx of unknown effect
    ├── Permanent        it surely will not happen; the message is at fault    -> HELD
    │   ├── Rejected     the upstream refused, with its code
    │   └── CannotMap    our own pre-flight: it cannot be said in this dialect
    └── NeedsPerson      the set-up is at fault; repeating harms               -> upstream paused, alarm once
        ├── CredentialsRefused
        ├── ConsentMissing
        ├── CertificateExpired
        └── ContractChanged

Every message is fit for logs: no secret, no personal data. `message_vi` is for people.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from connectors.kit.ledgers import Change


@dataclass(frozen=True, slots=True)
class Exchange:
    """What went over the wire for one call: evidence beside the outcome, never printed.

    `request` and `response` are the raw bodies (secrets already removed); `http_status` 0 means that no answer came.
    """

    request: bytes = b""
    response: bytes = b""
    http_status: int = 0
    upstream_code: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One named fault of a message: stable code, JSON pointer into the canonical value, Vietnamese text."""

    code: str
    pointer: str
    message_vi: str


class DeliveryError(Exception):
    """Giao nhận chưa thành công.

    `inputs` are what the failure taught the ledger that asked (a `Receipt` has the same). `partial`: the trouble is that of
    one part of an upstream with several (one intermediary of many), so the breaker of the whole does not hear of it.
    """

    code = "delivery_error"

    def __init__(
        self,
        message_vi: str = "",
        *,
        exchange: Exchange | None = None,
        retry_after_s: float | None = None,
        findings: tuple[Finding, ...] = (),
    ) -> None:
        self.message_vi = message_vi or (type(self).__doc__ or "").strip().splitlines()[0]
        self.exchange = exchange or Exchange()
        self.retry_after_s = retry_after_s
        self.findings = findings
        self.inputs: tuple[Change, ...] = ()
        self.partial = False
        super().__init__(self.message_vi)

    def teaching(self, *inputs: Change, partial: bool = False) -> Self:
        """This very error, with what it taught the ledger that asked, and whether it is of a part of the upstream only."""
        self.inputs, self.partial = inputs, partial
        return self


class Retryable(DeliveryError):
    """Chắc chắn chưa được thực hiện; có thể gửi lại sau."""

    code = "retryable"


class NotSent(Retryable):
    """Chưa gửi được: không kết nối được tới hệ thống nhận."""

    code = "not_sent"


class Busy(Retryable):
    """Hệ thống nhận đang bận và chưa xử lý yêu cầu."""

    code = "busy"


class OutcomeUnknown(DeliveryError):
    """Không rõ hệ thống nhận đã thực hiện hay chưa."""

    code = "outcome_unknown"


class NoAnswer(OutcomeUnknown):
    """Đã gửi nhưng không nhận được câu trả lời."""

    code = "no_answer"


class AnswerUnreadable(OutcomeUnknown):
    """Hệ thống nhận trả lời nội dung không đọc được."""

    code = "answer_unreadable"


class UpstreamFault(OutcomeUnknown):
    """Hệ thống nhận báo lỗi nội bộ, không rõ đã thực hiện hay chưa."""

    code = "upstream_fault"


class Permanent(DeliveryError):
    """Thông điệp không thể được chấp nhận nếu không sửa."""

    code = "permanent"


class Rejected(Permanent):
    """Hệ thống nhận từ chối thông điệp."""

    code = "rejected"


class CannotMap(Permanent):
    """Không chuyển được hồ sơ sang định dạng của hệ thống nhận."""

    code = "cannot_map"


class NeedsPerson(DeliveryError):
    """Cấu hình kết nối có lỗi; cần người xử lý trước khi gửi tiếp."""

    code = "needs_person"


class CredentialsRefused(NeedsPerson):
    """Hệ thống nhận không chấp nhận tài khoản hoặc khóa của cổng."""

    code = "credentials_refused"


class ConsentMissing(NeedsPerson):
    """Chưa có sự đồng ý kết nối của chủ quản hệ thống nhận."""

    code = "consent_missing"


class CertificateExpired(NeedsPerson):
    """Chứng thư số dùng để kết nối đã hết hạn hoặc không hợp lệ."""

    code = "certificate_expired"


class ContractChanged(NeedsPerson):
    """Hệ thống nhận đã thay đổi giao diện so với cấu hình."""

    code = "contract_changed"


@dataclass(eq=False)
class SettingsError(Exception):
    """Cấu hình của đầu nối không hợp lệ: names every wrong key in `faults`."""

    connector: str
    faults: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return f"{self.connector}: " + "; ".join(self.faults)
