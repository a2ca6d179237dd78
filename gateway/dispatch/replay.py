"""A person decides about a lane: hold, release, skip, send again. The reason is required and audited (architecture 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from gateway.audit.events import audit
from gateway.errors import Fault, Invalid
from gateway.journal.model import AuditWrite, LaneOrder, OrderKind, Signed

SHORTEST_REASON = 10


class LanePlace(NamedTuple):
    """The lane (upstream, dossier), or one delivery in it."""

    upstream: str
    dossier: str
    delivery_id: str = ""


@dataclass(frozen=True, slots=True)
class Switch:
    """A person pauses upstreams (`pause`), or lets them run again; `signed` is the proof of the decision.

    `beside_vi` is told besides: what the decision does not change.
    """

    upstreams: tuple[str, ...]
    pause: bool
    reason: str
    actor: str
    signed: Signed | None = None
    beside_vi: str = ""

    def trail(self, reason: str) -> tuple[AuditWrite, ...]:
        """One row an upstream."""
        if self.pause:
            return tuple(
                audit("upstream.paused", self.actor, upstream=code, code="operator", reason=reason)
                for code in self.upstreams
            )
        return tuple(audit("upstream.resumed", self.actor, upstream=code, reason=reason) for code in self.upstreams)

    def message_vi(self) -> str:
        """What the person is told."""
        names = ", ".join(self.upstreams)
        if self.pause:
            return f"Đã tạm dừng {names}; sự kiện mới vẫn được tiếp nhận."
        return f"Đã cho {names} chạy tiếp.{self.beside_vi}"


def lane_order(kind: OrderKind, place: LanePlace, reason: str, actor: str) -> LaneOrder:
    """The order with its audit row; raises `Invalid` that names everything that is missing.

    `reason` is read by auditors: it says why, and names no person outside the staff.
    """
    faults = [*_place_faults(kind, place), *reason_faults(reason), *_actor_faults(actor)]
    if faults:
        raise Invalid("Lệnh chưa đủ thông tin.", code="order_incomplete", faults=tuple(faults))
    told = reason.strip()
    row = _row(kind, place, told, actor)
    return LaneOrder(kind, place.upstream, place.dossier, told, actor, place.delivery_id, audit=(row,))


def checked_reason(reason: str, actor: str) -> str:
    """The reason of an order about a whole upstream, trimmed; raises `Invalid` when it says too little or nobody signs it."""
    faults = (*reason_faults(reason), *_actor_faults(actor))
    if faults:
        raise Invalid("Lệnh chưa đủ thông tin.", code="order_incomplete", faults=faults)
    return reason.strip()


def reason_faults(reason: str) -> tuple[Fault, ...]:
    """A fault when the reason is shorter than ten characters."""
    if len(reason.strip()) >= SHORTEST_REASON:
        return ()
    message = f"Hãy ghi lý do bằng ít nhất {SHORTEST_REASON} ký tự; lý do được lưu trong nhật ký kiểm toán."
    return (Fault("reason_too_short", "/reason", message),)


def _actor_faults(actor: str) -> tuple[Fault, ...]:
    return () if actor.strip() else (Fault("actor_missing", "/actor", "Hãy cho biết người ra lệnh."),)


def _place_faults(kind: OrderKind, place: LanePlace) -> list[Fault]:
    faults = []
    if not place.upstream:
        faults.append(Fault("upstream_missing", "/upstream", "Hãy chỉ rõ hệ thống nhận."))
    if not place.dossier:
        faults.append(Fault("dossier_missing", "/dossier", "Hãy chỉ rõ mã hồ sơ."))
    if kind is OrderKind.REPLAY and not place.delivery_id:
        faults.append(Fault("delivery_missing", "/delivery_id", "Hãy chỉ rõ lượt giao cần gửi lại."))
    return faults


def _row(kind: OrderKind, place: LanePlace, reason: str, actor: str) -> AuditWrite:
    match kind:
        case OrderKind.HOLD | OrderKind.RELEASE:
            name = "lane.held" if kind is OrderKind.HOLD else "lane.released"
            return audit(
                name, actor, place.dossier, upstream=place.upstream, reason=reason, delivery_id=place.delivery_id
            )
        case OrderKind.SKIP:
            return audit(
                "delivery.refused",
                actor,
                place.dossier,
                upstream=place.upstream,
                delivery_id=place.delivery_id,
                code="skipped",
                reason=reason,
            )
        case OrderKind.REPLAY:
            return audit(
                "delivery.replayed",
                actor,
                place.dossier,
                upstream=place.upstream,
                replay_of=place.delivery_id,
                reason=reason,
            )
