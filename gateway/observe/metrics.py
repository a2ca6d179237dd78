"""Counters and gauges in the Prometheus text format; names carry their unit, labels never carry a dossier."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

_LAG_BUCKETS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 300.0, 3_600.0, 86_400.0)


class Metrics:
    """All figures of one gateway process, in a registry of its own."""

    def __init__(self) -> None:
        # The creation time of each counter doubles the text and is read by nobody here.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves this one untyped
        self.registry = CollectorRegistry()
        self.intake = Counter(
            "gateway_intake_total", "Yêu cầu đến, theo câu trả lời.", ("status",), registry=self.registry
        )
        self.settled = Counter(
            "gateway_settled_total",
            "Lượt gửi đã ghi kết quả, theo hệ thống nhận và kết quả.",
            ("upstream", "operation", "outcome"),
            registry=self.registry,
        )
        self.lag = Histogram(
            "gateway_delivery_lag_seconds",
            "Thời gian từ lúc tiếp nhận đến lúc hệ thống nhận xác nhận.",
            ("upstream",),
            buckets=_LAG_BUCKETS,
            registry=self.registry,
        )
        self.messages = Gauge(
            "gateway_messages",
            "Thông điệp theo hệ thống nhận và trạng thái.",
            ("upstream", "state"),
            registry=self.registry,
        )
        self.blocked_lanes = Gauge(
            "gateway_blocked_lanes", "Luồng đang chờ người xử lý.", ("upstream",), registry=self.registry
        )
        self.oldest_waiting = Gauge(
            "gateway_oldest_waiting_seconds", "Tuổi của thông điệp chờ lâu nhất.", ("upstream",), registry=self.registry
        )
        told = "Sự kiện đang chờ sự kiện trước hoặc chờ người."
        self.parked = Gauge("gateway_parked_events", told, registry=self.registry)
        self.sign_ons = _of_sign_ons(self.registry)
        self.oldest_gap = Gauge(
            "gateway_oldest_gap_seconds",
            "Tuổi của sự kiện chờ sự kiện đứng trước lâu nhất; 0 khi không có.",
            registry=self.registry,
        )
        self.held_results, self.oldest_held_result, self.open_results = _of_results(self.registry)
        self.polls = Counter(
            "gateway_polls_total",
            "Lượt đọc định kỳ, theo hệ thống và kết quả.",
            ("upstream", "poller", "outcome"),
            registry=self.registry,
        )
        self.polled_changes = Counter(
            "gateway_polled_changes_total",
            "Thay đổi mới nhận được qua đọc định kỳ.",
            ("upstream", "poller"),
            registry=self.registry,
        )
        self.polled_at = Gauge(
            "gateway_last_poll_timestamp_seconds",
            "Thời điểm lượt đọc định kỳ gần nhất thành công.",
            ("upstream", "poller"),
            registry=self.registry,
        )
        self.alarms = Counter("gateway_alarms_total", "Cảnh báo đã phát.", ("code", "upstream"), registry=self.registry)

    def observe_delivered(self, upstream: str, accepted_at: datetime, now: datetime) -> None:
        """Record how long a delivery took from acceptance to the upstream's receipt."""
        self.lag.labels(upstream).observe(max(0.0, (now - accepted_at).total_seconds()))

    def watch_sign_ons(self, waiting: Callable[[], int], sessions: Callable[[], int]) -> None:
        """Show how many sign-ons are under way and how many sessions are kept; only a gateway that signs people on does."""
        for name, told, ask in (
            ("gateway_open_sign_ons", "Lượt đăng nhập đang dở dang.", waiting),
            ("gateway_kept_sessions", "Phiên đăng nhập còn giữ để đăng xuất.", sessions),
        ):
            Gauge(name, told, registry=self.registry).set_function(ask)

    def render(self) -> bytes:
        """The text that `/metrics` answers."""
        return generate_latest(self.registry)


def _of_sign_ons(registry: CollectorRegistry) -> Counter:
    """Sign-ons by provider and by what came of them."""
    told = "Lượt đăng nhập, theo nhà cung cấp định danh và bước hoặc kết quả."
    return Counter("gateway_sign_ons_total", told, ("provider", "outcome"), registry=registry)


def _of_results(registry: CollectorRegistry) -> tuple[Gauge, Gauge, Gauge]:
    """Results held by reason, the age of the oldest of them in seconds, and results that are still worked on."""
    return (
        Gauge("gateway_held_results", "Kết quả đang giữ lại chờ người, theo lý do.", ("reason",), registry=registry),
        Gauge(
            "gateway_oldest_held_result_seconds",
            "Kết quả bị giữ lại lâu nhất đã chờ người bao lâu; 0 khi không có.",
            registry=registry,
        ),
        Gauge("gateway_open_results", "Kết quả mà cổng còn phải kiểm tra hoặc công bố.", registry=registry),
    )
