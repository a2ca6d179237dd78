"""What a shared store makes of a row at hand is what the statement makes of it: each effect beside its SQL, on drawn rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal.at_hand import AtHand, sent_columns
from gateway.journal.effects import LANE, MESSAGE, ON_LANES, ON_MESSAGES
from gateway.journal.statements import load, migrations
from gateway.journal.states import DeliveryState

LANE_NO, SEQ = 7, 3
whole = st.integers(0, 5)
often_nothing = st.none() | whole
text = st.sampled_from(["", "a", "lý do"])
states = st.sampled_from([state.value for state in DeliveryState])

lanes = st.tuples(
    st.just(LANE_NO), text, text, whole, whole, often_nothing, often_nothing, often_nothing,
    text, whole, whole, text, text, often_nothing, text,
)  # fmt: skip
messages = st.tuples(
    st.just(LANE_NO), st.just(SEQ), text, text, text, text, text, whole, st.binary(max_size=2), text, states, text,
    st.integers(0, 1), whole, whole, text, whole, whole, whole, often_nothing,
)  # fmt: skip
VALUES: dict[str, tuple[st.SearchStrategy[Any], ...]] = {
    "lane.extend": (whole, often_nothing),
    "lane.wake": (whole, often_nothing, whole, often_nothing),
    "lane.advance": (whole, often_nothing),
    "lane.rest": (whole, often_nothing, often_nothing, text, text, whole),
    "claim.lane": (whole, text),
    "msg.hold": (text,),
    "append.supersede": (text,),
    "claim.send": (whole,),
    "settle.msg": (states, st.integers(0, 1), text, whole, st.integers(0, 1)),
}


@pytest.fixture(scope="module")
def tables() -> Iterator[apsw.Connection]:
    """The tables without their rules: rows are drawn freely here."""
    connection = apsw.Connection(":memory:")
    for step in migrations():
        connection.execute(step.sql)
    for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    yield connection
    connection.close()


def test_every_effect_is_compared() -> None:
    """None is left out here, and each has its statement."""
    assert VALUES.keys() == ON_LANES.keys() | ON_MESSAGES.keys() <= load("queries.sql").keys()


@pytest.mark.parametrize("name", VALUES)
def test_an_effect_does_what_its_statement_does(tables: apsw.Connection, name: str) -> None:
    """For any row and any values: the row that the statement hands back, and no other row is at hand."""
    table, columns, rows, key = ("lane", LANE, lanes, 1) if name in ON_LANES else ("msg", MESSAGE, messages, 2)
    statement = load("queries.sql")[name]
    put = f"INSERT INTO {table} ({', '.join(columns[:-1])}) VALUES ({', '.join('?' * len(columns[:-1]))})"

    @given(row=rows, given_values=st.tuples(*VALUES[name]), rev=whole)
    def alike(row: tuple[Any, ...], given_values: tuple[Any, ...], rev: int) -> None:
        values = (*row[:key], *given_values)
        tables.execute(f"DELETE FROM {table}")
        tables.execute(put, row)
        (found,) = tables.execute(statement, values).fetchall()
        expected = (*found, rev + 1)  # a shared store counts the writings of a row
        hand = AtHand()
        assert hand.change(name, values) is None, "nothing is at hand yet"
        hand.keep(table, (*row, rev))
        assert hand.change(name, values) == expected
        sent = hand.changed(table)
        stands = dict(zip(columns, expected, strict=True))
        assert sent is not None and [column[0] for column in sent[1]] == [stands[name] for name in sent_columns(table)]
        kept = [name for name in columns if name not in sent_columns(table)[key:]]
        assert [stands[name] for name in kept] == [dict(zip(columns, (*row, rev), strict=True))[name] for name in kept]
        assert hand.changed(table) is None, "it is sent once"

    alike()
