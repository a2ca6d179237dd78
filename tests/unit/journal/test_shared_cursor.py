"""The cursor of a shared store: what is at hand of a table is only ever what that table holds."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.journal.books import Row
from gateway.journal.dialect import statements
from gateway.journal.effects import LANE, MESSAGE
from gateway.journal.shared_cursor import SharedCursor

LANE_ROW = (5, *range(100, 99 + len(LANE)))
MESSAGE_ROW = (5, 1, *range(200, 198 + len(MESSAGE)))
BOTH = "UPDATE msg SET state = 'READY' FROM lane WHERE lane.lane_id = msg.lane_id RETURNING msg.*"
FROM_LANES = "UPDATE lane SET due = 0 FROM msg WHERE lane.lane_id = msg.lane_id RETURNING lane.*"


class Session:
    """A database that hands back the same rows, whatever it is asked."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows

    def ensure(self) -> bool:
        """Connected."""
        return False

    def renewed(self) -> bool:
        """Never."""
        return False

    def begin(self) -> None:
        """Nothing to do."""

    def commit(self) -> bool:
        """Nothing to say."""
        return True

    def run(self, sql: str) -> None:
        """Nothing to do."""

    def fetch(self, sql: str, values: Sequence[object]) -> list[Row]:
        """Those rows."""
        return self.rows

    def many(self, sql: str, values: Sequence[Sequence[object]]) -> None:
        """Nothing to do."""

    def drop(self) -> None:
        """Nothing to do."""


def test_a_statement_that_names_two_tables_refreshes_only_the_one_that_it_changes() -> None:
    """A lane at hand is never taken for a message that begins with the number of its lane, nor the other way round."""
    for sql, row in ((BOTH, MESSAGE_ROW), (FROM_LANES, LANE_ROW)):
        cursor = SharedCursor(Session([row]), {**statements(), "both": sql})
        cursor.hand.keep("lane", LANE_ROW)
        cursor.hand.keep("msg", MESSAGE_ROW)
        lane, message = cursor.hand.found("lane.get", (5,)), cursor.hand.changed("msg")
        assert cursor.execute(sql).fetchall() == [row]
        assert cursor.hand.found("lane.get", (5,)) == lane
        assert cursor.hand.changed("msg") == message


def test_what_the_database_changed_is_at_hand_as_it_is_now() -> None:
    """The row of the table that was changed, and no other one, is taken over."""
    changed = (5, *range(300, 299 + len(LANE)))
    cursor = SharedCursor(Session([changed]), {**statements(), "both": FROM_LANES})
    cursor.hand.keep("lane", LANE_ROW)
    before = cursor.hand.found("lane.get", (5,))
    cursor.execute(FROM_LANES)
    assert cursor.hand.found("lane.get", (5,)) != before
