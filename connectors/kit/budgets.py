"""How long a call of an upstream may last, and until when it may begin."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """How long one attempt may last.

    `send_before` is an instant of the kit's monotonic clock (`Kit.instant`): past it no first byte may be sent,
    because the lease may have passed to another node (delivery-engine 3.7). `timeout_s` bounds the whole attempt.
    """

    send_before: float
    timeout_s: float
