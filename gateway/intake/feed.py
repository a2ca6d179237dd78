"""The ordered feed: what happened, by cursor, in commit order, no row ever skipped.

A cursor is opaque to its holder. It stands for a position that the journal gives under its writer's lock, so a row can
never appear behind a cursor that somebody holds already (the failure of id order and commit order, delivery-engine 9, F9).
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

import msgspec

from gateway.audit.events import title_vi
from gateway.errors import Fault, Invalid
from gateway.journal.model import FeedRow
from gateway.journal.store import Journal

MAX_PAGE = 1_000
DEFAULT_PAGE = 100

_NOT_UNDERSTOOD = "Tham số sau dấu hỏi không hợp lệ; hãy sửa theo danh sách lỗi."
_MARK = b"tthc1:"
_MAX_DIGITS = 19
_MAX_POSITION = 2**63 - 1  # what the store can count to


def cursor_of(position: int) -> str:
    """The cursor behind a position."""
    return urlsafe_b64encode(_MARK + str(position).encode()).decode().rstrip("=")


def position_of(cursor: str) -> int:
    """The position behind a cursor, 0 for the empty one; raises `Invalid` for a cursor that was never ours."""
    if not cursor:
        return 0
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError) as error:
        raise _bad("after") from error
    digits = raw.removeprefix(_MARK)
    if raw == digits or not digits.isdigit():
        raise _bad("after")
    position = int(digits[:_MAX_DIGITS])
    if position > _MAX_POSITION or cursor_of(position) != cursor:
        raise _bad("after")
    return position


def page_size(text: str | None) -> int:
    """How many rows a caller wants, bounded; None is not to say. Raises `Invalid` for what is no number, nothing included."""
    if text is None:
        return DEFAULT_PAGE
    if not (text.isascii() and text.isdigit() and len(text) <= 9) or int(text) < 1:
        raise _bad("limit")
    return min(int(text), MAX_PAGE)


def _bad(name: str) -> Invalid:
    message = "Hãy dùng đúng giá trị next của lần đọc trước." if name == "after" else "Hãy gửi một số nguyên dương."
    return Invalid(
        _NOT_UNDERSTOOD, code="invalid_query", status=400, faults=(Fault("sai_dinh_dang", f"/{name}", message),)
    )


async def read(journal: Journal, after: str, limit: str | None) -> tuple[int, Sequence[FeedRow], int]:
    """The rows of one page: the position it starts behind, the rows, the size that was asked for."""
    start, size = position_of(after), page_size(limit)
    return start, await journal.feed(start, size), size


def shown(start: int, rows: Sequence[FeedRow], size: int) -> dict[str, object]:
    """One page; `next` is where to go on, the same cursor again while nothing new has come."""
    return {
        "events": [_row_view(row) for row in rows],
        "next": cursor_of(rows[-1].position if rows else start),
        "more": len(rows) == size,
    }


def _row_view(row: FeedRow) -> dict[str, object]:
    return {
        "cursor": cursor_of(row.position),
        "at": row.at,
        "kind": row.kind,
        "title_vi": title_vi(row.kind),
        "actor": row.actor,
        "dossier_code": row.dossier,
        "event_id": row.event_id,
        "fields": msgspec.Raw(row.fields or b"{}"),
    }
