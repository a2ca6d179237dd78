"""Times at the edges of the model: the portal's `yyyyMMddHHmmss`, and the day on which something happened in Viet Nam.

Inside, every time is aware and in UTC. Legacy formats are in Asia/Ho_Chi_Minh without saying so (national-portal facts
1.4); Viet Nam has kept UTC+07:00 without summer time since 1975, so a fixed offset is exact and needs no zone database.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

VIETNAM = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")

_PORTAL_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", re.ASCII)


def to_portal_time(moment: datetime | None) -> str:
    """The portal's form of a moment, an empty string for none (national-portal facts 1.4); seconds, never rounded up.

    Raises `ValueError` for a naive time: a time without zone has no place in the model.
    """
    if moment is None:
        return ""
    if moment.tzinfo is None:
        raise ValueError("thời điểm không có múi giờ")
    local = moment.astimezone(VIETNAM)
    return (
        f"{local.year:04d}{local.month:02d}{local.day:02d}"  # strftime("%Y") does not pad on every platform
        f"{local.hour:02d}{local.minute:02d}{local.second:02d}"
    )


def from_portal_time(text: str) -> datetime | None:
    """The moment in UTC behind the portal's `yyyyMMddHHmmss`, None for an empty string.

    Raises `ValueError` for anything else; the portal's form carries no zone and no shorter variant is read.
    """
    if not text:
        return None
    match = _PORTAL_TIME.fullmatch(text)
    if match is None:
        raise ValueError("thời điểm không theo dạng yyyyMMddHHmmss")
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=VIETNAM).astimezone(UTC)
    except OverflowError:  # the first seven hours of the year 1 have no moment in UTC
        raise ValueError("thời điểm nằm ngoài lịch") from None


def local_date(moment: datetime) -> date:
    """The calendar day in Viet Nam: the day at which dated tables are read for something that happened then."""
    return moment.astimezone(VIETNAM).date()
