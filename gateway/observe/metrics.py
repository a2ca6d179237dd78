"""Counters and gauges in the Prometheus text format; names carry their unit, labels never carry a dossier."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

_AGAIN_VI = "Cuộc gọi gửi lại ngay vì phiên hoặc mã truy cập bị từ chối; lần đầu hệ thống nhận chưa làm gì."
_PARKED_VI = "Sự kiện đang chờ sự kiện trước hoặc chờ người."
_WAIT_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
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
        self.lag, self.accept_wait = _of_time(self.registry)
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
        self.seats = Gauge(
            "gateway_seats_held", "Số cuộc gọi nút này được phép mở cùng lúc.", ("upstream",), registry=self.registry
        )
        self.nodes_live, self.nodes_apart = _of_nodes(self.registry)
        self.parked = Gauge("gateway_parked_events", _PARKED_VI, registry=self.registry)
        self.open_repairs, self.reconciled_at = _of_reconciling(self.registry)
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
        self._calls, self._connects = _of_coordination(self.registry)
        self.calls_again = Counter("gateway_calls_again_total", _AGAIN_VI, ("upstream",), registry=self.registry)
        self.alarms = Counter("gateway_alarms_total", "Cảnh báo đã phát.", ("code", "upstream"), registry=self.registry)

    def call_again(self, upstream: str) -> None:
        """Count a call that goes out once more, because its session or token was refused and nothing was done."""
        self.calls_again.labels(upstream).inc()

    def observe_delivered(self, upstream: str, accepted_at: datetime, now: datetime) -> None:
        """Record how long a delivery took from acceptance to the upstream's receipt."""
        self.lag.labels(upstream).observe(max(0.0, (now - accepted_at).total_seconds()))

    def coordinated(self, call: str, outcome: str) -> None:
        """Count a call for what nodes share, by what came of it; a `connect` is a connection made, again or first."""
        if call == "connect":
            self._connects.inc()
        else:
            self._calls.labels(call, outcome).inc()

    def watch_redis(self, is_up: Callable[[], bool]) -> None:
        """Show whether Redis answers; only a gateway that is told to use one does."""
        told = "1 khi Redis trả lời, 0 khi không (cổng vẫn chạy, mỗi nút dùng phần hạn mức của mình)."
        Gauge("gateway_redis_up", told, registry=self.registry).set_function(is_up)

    def watch_nodes(self, live: Callable[[], int], apart: Callable[[], int]) -> None:
        """Show how many nodes live, this one among them, and how many of the others run another configuration."""
        self.nodes_live.set_function(live)
        self.nodes_apart.set_function(apart)

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


def _of_time(registry: CollectorRegistry) -> tuple[Histogram, Histogram]:
    """How long deliveries took, and how long accepted events waited for the store (group, disk, other nodes)."""
    return (
        Histogram(
            "gateway_delivery_lag_seconds",
            "Thời gian từ lúc tiếp nhận đến lúc hệ thống nhận xác nhận.",
            ("upstream",),
            buckets=_LAG_BUCKETS,
            registry=registry,
        ),
        Histogram(
            "gateway_accept_wait_seconds",
            "Thời gian một sự kiện chờ kho ghi xong trước khi được trả lời.",
            buckets=_WAIT_BUCKETS,
            registry=registry,
        ),
    )


def _of_nodes(registry: CollectorRegistry) -> tuple[Gauge, Gauge]:
    """How many nodes live, and how many of them run another configuration than this one."""
    live = Gauge("gateway_nodes_live", "Số nút đang chạy, kể cả nút này.", registry=registry)
    live.set(1)
    told = "Số nút khác đang chạy với cấu hình khác cấu hình của nút này; 0 khi mọi nút giống nhau."
    return live, Gauge("gateway_nodes_apart", told, registry=registry)


def _of_reconciling(registry: CollectorRegistry) -> tuple[Gauge, Gauge]:
    """Differences that wait for a person, and when each upstream was last looked at to the end."""
    return (
        Gauge(
            "gateway_open_repairs", "Khác biệt do đối chiếu thấy, chờ người xử lý.", ("upstream",), registry=registry
        ),
        Gauge(
            "gateway_reconciled_timestamp_seconds",
            "Lúc lần đối chiếu gần nhất xong, giây từ 1970.",
            ("upstream",),
            registry=registry,
        ),
    )


def _of_coordination(registry: CollectorRegistry) -> tuple[Counter, Counter]:
    """Calls to what nodes share, and connections made to it."""
    told = (
        "Lượt gọi phần dùng chung giữa các nút (share: dùng phần hạn mức của nút; failed, away: Redis không trả lời)."
    )
    return (
        Counter("gateway_coordination_calls_total", told, ("call", "outcome"), registry=registry),
        Counter("gateway_redis_connects_total", "Lần kết nối được tới Redis, kể cả lần đầu.", registry=registry),
    )


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
