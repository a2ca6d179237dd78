"""Time, ids and chance, passed in wherever they matter, so that tests can turn them."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

# Viet Nam has kept UTC+07:00 since 1975; a fixed offset needs no zone files on the machine.
LOCAL_ZONE = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")


def utc_now() -> datetime:
    """The wall clock, aware, in UTC."""
    return datetime.now(UTC)


def boottime() -> float:
    """Seconds of CLOCK_BOOTTIME: monotonic and counting suspend, as the send deadline needs (delivery-engine 3.7)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def uuid7(now: datetime, entropy: bytes | None = None) -> str:
    """A UUID version 7 (RFC 9562, 5.7): ordered by time, unique by 74 random bits."""
    millis = int(now.timestamp() * 1000)
    noise = entropy if entropy is not None else os.urandom(10)
    value = (millis & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76
    value |= (int.from_bytes(noise[:2], "big") & 0xFFF) << 64
    value |= 0b10 << 62
    value |= int.from_bytes(noise[2:10], "big") & ((1 << 62) - 1)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@dataclass(frozen=True, slots=True)
class Clock:
    """The three sources of nondeterminism: wall time, monotonic time, chance in [0, 1)."""

    now: Callable[[], datetime] = utc_now
    instant: Callable[[], float] = boottime
    chance: Callable[[], float] = field(default_factory=lambda: random.SystemRandom().random)

    def new_id(self) -> str:
        """A fresh UUIDv7."""
        return uuid7(self.now())


def to_micros(moment: datetime) -> int:
    """Microseconds since the epoch: how the store keeps time."""
    return round(moment.timestamp() * 1_000_000)


def from_micros(micros: int) -> datetime:
    """The aware UTC time of stored microseconds."""
    return datetime.fromtimestamp(micros / 1_000_000, UTC)
