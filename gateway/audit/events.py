"""The catalogue of audit events: every kind with its fields and its Vietnamese title; no other is accepted.

Fields hold codes, numbers, times and reasons of operators. Personal data never stands in an audit row, so the trail can
be exported without opening a single sealed payload (architecture 3, stage 11; QĐ 3036 Điều 4.3, 19.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.journal.model import AuditWrite
from mappings.codec import encode_sorted

FieldValue = str | int | float | bool | datetime | None | Sequence[str]


@dataclass(frozen=True, slots=True)
class AuditKind:
    """One kind of event: its stable name, its Vietnamese title, the fields it may carry, and whether the feed shows it."""

    name: str
    title_vi: str
    fields: frozenset[str]
    feed: bool = False


class UnknownAuditEvent(ValueError):
    """An event or a field that the catalogue does not know: a fault of the program, never of its input."""


def _kind(name: str, title_vi: str, fields: str = "", *, feed: bool = False) -> AuditKind:
    return AuditKind(name, title_vi, frozenset(fields.split()), feed)


_EVENT = "source sequence state occurred_at warnings"
_DELIVERY = "upstream operation delivery_id attempts"
_LANE = "upstream reason delivery_id"
_LEDGER = "upstream ledger ledger_id version key"
_WINDOW = "window upstreams notice"
_OPERATOR = "operator person roles key_ids public_keys valid_from valid_to reason"
_RESULT = "result sha256 verdict reason policy tries due"
_SIGNING = "request sha256 profile key"
_SIGN_ON = "sign_on upstream provider"
_ASKED = "upstream operation request officer account unit purpose procedure"
_REPAIR = "upstream sight operations reason"
_SIGNED = "command operator key_id decision_id statement signature peer"

_KINDS = (
    _kind("event.accepted", "Đã tiếp nhận sự kiện", f"{_EVENT} caused_by_system caused_by_event echo", feed=True),
    _kind("event.stale", "Sự kiện đến muộn, chỉ lưu lịch sử", f"{_EVENT} last_sequence", feed=True),
    _kind("event.parked_gap", "Sự kiện chờ sự kiện đứng trước", f"{_EVENT} last_sequence awaits", feed=True),
    _kind(
        "event.parked_conflict",
        "Sự kiện mâu thuẫn với trạng thái hồ sơ, chờ người quyết định",
        f"{_EVENT} authoritative_state source_state judged_from",
        feed=True,
    ),
    _kind("event.applied_late", "Sự kiện đến sau khi đã được bỏ qua, lưu vào tiến trình", _EVENT, feed=True),
    _kind(
        "event.released",
        "Sự kiện đang chờ được áp dụng",
        f"{_EVENT} reason overruled echo caused_by_system caused_by_event",
        feed=True,
    ),
    _kind("event.skipped", "Sự kiện bị bỏ qua theo quyết định", f"{_EVENT} reason", feed=True),
    _kind("gap.skipped", "Bỏ qua số thứ tự còn thiếu", "source first last reason", feed=True),
    _kind("dossier.registered", "Đăng ký hồ sơ", "version state procedure due_at", feed=True),
    _kind("dossier.updated", "Cập nhật hồ sơ", "version state procedure due_at previous_version", feed=True),
    _kind("file.stored", "Đã lưu tệp của hồ sơ", "sha256 size", feed=True),
    _kind("originals.read", "Đã đọc bản gốc các thông điệp để thống kê trường", "system count purpose"),
    _kind("personal.read", "Đã đọc dữ liệu cá nhân", "subject what purpose route"),
    _kind("delivery.delivered", "Đã giao", f"{_DELIVERY} reference duplicate upstream_code findings", feed=True),
    _kind("delivery.waiting", "Chưa giao được, sẽ gửi lại", f"{_DELIVERY} code reason due"),
    _kind("delivery.unknown", "Chưa rõ kết quả giao, sẽ hỏi lại", f"{_DELIVERY} code reason"),
    _kind("delivery.held", "Giữ lại chờ người quyết định", f"{_DELIVERY} code reason findings", feed=True),
    _kind("delivery.refused", "Dừng giao theo quyết định", f"{_DELIVERY} code reason", feed=True),
    _kind("delivery.superseded", "Đã có bản mới hơn thay thế", f"{_DELIVERY} superseded_by"),
    _kind("delivery.repeated", "Gửi lại khi chưa rõ kết quả lần trước", f"{_DELIVERY} reason"),
    _kind("delivery.replayed", "Gửi lại theo quyết định", f"{_DELIVERY} reason replay_of", feed=True),
    _kind("lane.held", "Tạm giữ luồng giao nhận", _LANE),
    _kind("lane.released", "Cho luồng giao nhận chạy tiếp", _LANE),
    _kind("upstream.paused", "Tạm dừng hệ thống nhận", "upstream code reason"),
    _kind("upstream.resumed", "Cho hệ thống nhận chạy tiếp", "upstream reason"),
    _kind("breaker.opened", "Ngắt mạch: hệ thống nhận không phản hồi", "upstream code failures open_until"),
    _kind("breaker.closed", "Nối mạch: hệ thống nhận hoạt động lại", "upstream"),
    _kind("caller.refused", "Từ chối yêu cầu của hệ thống gọi", "code status method route key_id suppressed"),
    _kind("ledger.changed", "Sổ của đầu nối có thay đổi", f"{_LEDGER} effects"),
    _kind("ledger.told", "Sổ của đầu nối thông báo", f"{_LEDGER} code facts", feed=True),
    _kind("ledger.alarm", "Sổ của đầu nối cảnh báo", f"{_LEDGER} code reason", feed=True),
    _kind("ledger.refused", "Từ chối thay đổi của sổ", "upstream ledger ledger_id key code"),
    _kind("notice.refused", "Từ chối thông báo từ bên ngoài", "upstream code status method route peer suppressed"),
    _kind("pause.planned", "Lên kế hoạch tạm dừng", f"{_WINDOW} starts_at until reason", feed=True),
    _kind("pause.began", "Bắt đầu tạm dừng theo kế hoạch", f"{_WINDOW} until", feed=True),
    _kind("pause.ended", "Kết thúc tạm dừng theo kế hoạch", f"{_WINDOW} missed", feed=True),
    _kind("pause.cancelled", "Hủy kế hoạch tạm dừng", "window upstreams reason", feed=True),
    _kind("operator.founded", "Lập người vận hành đầu tiên", f"{_OPERATOR} peer installation"),
    _kind("operator.added", "Thêm hoặc bổ sung người vận hành", _OPERATOR),
    _kind("operator.revoked", "Thu hồi người vận hành hoặc khóa", "operator key_ids reason"),
    _kind(
        "decision.taken",
        "Quyết định đã ký",
        f"{_SIGNED} proposal second_operator second_key_id second_decision_id second_statement second_signature second_peer",
    ),
    _kind("decision.proposed", "Đề nghị đã ký, chờ người thứ hai", f"{_SIGNED} expires_at"),
    _kind("decision.declined", "Bác đề nghị", "proposal command reason"),
    _kind("decision.refused", "Từ chối một quyết định", "command code operator key_id decision_id peer suppressed"),
    _kind(
        "consent.added",
        "Ghi sự đồng ý kết nối",
        "system version number date valid_from valid_to procedures states keys certificates authentication source reason",
    ),
    _kind("consent.revoked", "Thu hồi sự đồng ý kết nối", "system version number date keys certificates reason"),
    _kind("result.registered", "Ghi sổ kết quả, chờ kiểm tra chữ ký", "result sha256 size", feed=True),
    _kind("result.passed", "Kết quả đạt kiểm tra chữ ký", _RESULT, feed=True),
    _kind("result.waiting", "Chưa đủ thông tin để kết luận về kết quả, sẽ kiểm tra lại", _RESULT),
    _kind("result.overdue", "Kết quả chờ thông tin chứng thư quá lâu, cần người xem", "result since", feed=True),
    _kind("result.held", "Giữ lại kết quả chờ người quyết định", _RESULT, feed=True),
    _kind("result.sent", "Xếp kết quả vào luồng giao nhận", "result upstream"),
    _kind("result.ordered", "Kiểm tra lại kết quả theo quyết định", "result reason verdict was"),
    _kind("result.refused", "Từ chối kết quả theo quyết định", "result reason verdict was", feed=True),
    _kind("result.overridden", "Công bố kết quả theo quyết định dù chưa đạt", "result reason verdict was", feed=True),
    _kind("signature.requested", "Yêu cầu ký số, trước khi khóa được dùng", f"{_SIGNING} purpose custodian"),
    _kind("signature.made", "Đã ký số và kiểm tra lại", f"{_SIGNING} signed custodian", feed=True),
    _kind("signature.refused", "Từ chối ký số", f"{_SIGNING} code"),
    _kind("validation.made", "Đã kiểm tra chữ ký của một tệp theo yêu cầu", "sha256 size verdict purpose route result"),
    _kind("identity.sign_on_begun", "Bắt đầu một lượt đăng nhập", f"{_SIGN_ON} min_ial min_acr fresh"),
    _kind("identity.sign_on_sent", "Đưa người dùng tới nhà cung cấp định danh", f"{_SIGN_ON} starts"),
    _kind("identity.sign_on_claimed", "Người dùng quay về, mã được dùng một lần", _SIGN_ON),
    _kind(
        "identity.sign_on_returned",
        "Đã xác thực người dùng qua nhà cung cấp định danh",
        f"{_SIGN_ON} account ial missing",
    ),
    _kind(
        "identity.sign_on_redeemed", "Giao tài khoản đã xác thực cho hệ thống giải quyết", f"{_SIGN_ON} account fields"
    ),
    _kind("identity.sign_on_failed", "Đăng nhập không thành", f"{_SIGN_ON} code"),
    _kind("identity.sign_on_expired", "Lượt đăng nhập quá hạn", f"{_SIGN_ON} was"),
    _kind("identity.sign_on_ended", "Phiên đăng nhập đã kết thúc", f"{_SIGN_ON} reason", feed=True),
    _kind("identity.sign_on_back", "Trình duyệt quay về sau đăng xuất, hoặc không quay về nữa", f"{_SIGN_ON} reason"),
    _kind("identity.logout_taken", "Nhà cung cấp định danh báo kết thúc phiên", "upstream provider ended"),
    _kind("identity.asked", "Sắp hỏi cơ sở dữ liệu về một người", f"{_ASKED} about places legal_basis rows"),
    _kind("identity.answered", "Cơ sở dữ liệu đã trả lời", f"{_ASKED} found fields count remembered"),
    _kind("identity.failed", "Hỏi cơ sở dữ liệu không thành", f"{_ASKED} code upstream_code"),
    _kind("identity.refused", "Từ chối một câu hỏi về người", f"{_ASKED} code suppressed"),
    _kind(
        "identity.checked",
        "Đã đối chiếu dữ liệu khai với cơ sở dữ liệu",
        "check party version status places proof officer unit",
        feed=True,
    ),
    _kind("identity.erased", "Đã xóa chứng thực hết hạn lưu", "day count"),
    _kind("reconciliation.began", "Bắt đầu đối chiếu với hệ thống nhận", "upstream run since"),
    _kind(
        "reconciliation.ended",
        "Đối chiếu xong với hệ thống nhận",
        "upstream run since agrees missing differs cannot_tell failed",
    ),
    _kind("repair.opened", "Đối chiếu thấy khác, chờ người xử lý", _REPAIR, feed=True),
    _kind("repair.agreed", "Đối chiếu lại thấy khớp", _REPAIR, feed=True),
    _kind("repair.closed", "Khép một khác biệt theo quyết định", _REPAIR, feed=True),
    _kind("config.reloaded", "Đã nạp lại cấu hình", "generation previous reason"),
    _kind("config.refused", "Không nạp lại: cấu hình mới có lỗi", "generation faults keys reason"),
    _kind("store.moved", "Kho dữ liệu đã chuyển nhà tới đây", "export origin made_at parts rows"),
    _kind(
        "store.restored",
        "Kho dữ liệu được phục hồi về thời điểm trước; thông điệp còn mở sẽ được hỏi lại trước khi gửi",
        "sign until deliveries reason",
    ),
    _kind("partition.retired", "Đã bỏ dữ liệu của một tháng cũ theo lệnh", "table month rows reason"),
    _kind("gateway.started", "Cổng kết nối khởi động", "node version config_generation"),
    _kind("gateway.stopped", "Cổng kết nối dừng", "node reason"),
)

CATALOGUE: Final[Mapping[str, AuditKind]] = {kind.name: kind for kind in _KINDS}
"""Every kind by its name. Nothing else may be written."""


def audit(kind: str, actor: str, dossier: str = "", event_id: str = "", **fields: FieldValue) -> AuditWrite:
    """An audit row of the catalogue; raises `UnknownAuditEvent` for a kind or a field that does not stand there.

    `actor` is the system code, the operator's name, or `gateway`. Fields that are None or empty text are left out.
    """
    known = CATALOGUE.get(kind)
    if known is None:
        raise UnknownAuditEvent(f"audit event {kind!r} is not in the catalogue")
    strange = fields.keys() - known.fields
    if strange:
        raise UnknownAuditEvent(f"audit event {kind!r} has no field {', '.join(sorted(strange))}")
    told = {name: _plain(value) for name, value in fields.items() if value is not None and value != ""}
    return AuditWrite(
        kind=kind, actor=actor, dossier=dossier, event_id=event_id, fields=encode_sorted(told), feed=known.feed
    )


def title_vi(kind: str) -> str:
    """The Vietnamese title of a kind; a row of an older catalogue keeps its stable name."""
    known = CATALOGUE.get(kind)
    return known.title_vi if known is not None else kind


def _plain(value: FieldValue) -> object:
    """What JSON can say of a field; lists become tuples so that nothing mutable is kept."""
    if value is None or isinstance(value, (str, int, float, datetime)):
        return value
    return tuple(value)
