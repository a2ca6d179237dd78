"""Who does what: one process on the embedded store, doors and carriers apart on a shared one, an alarm where nobody carries."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import bootstrap
from gateway.bootstrap.duties import ABSENT_AFTER_S, CARRYING, DOOR, CarrierWatch, Duties, carries
from gateway.cli.installation import Ports, lay_out
from gateway.clock import Clock
from gateway.config import load
from gateway.dispatch.seats import CARRIES, Seats
from gateway.errors import ConfigError
from gateway.journal.model import NodeRow

SINCE = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(("duties", "named"), [(DOOR, "--without-worker"), (CARRYING, "gateway worker")])
async def test_the_embedded_store_is_served_by_one_process(tmp_path: Path, duties: Duties, named: str) -> None:
    """Refused before the store is touched, in words that name the command and what to run in its place."""
    lay_out(tmp_path / "house", Ports(), ("SEC-DEMO",))
    loaded = load(tmp_path / "house" / "gateway.toml", {"GATEWAY__LISTEN__INTERNAL__PORT": "0"})
    with pytest.raises(ConfigError, match=named) as refused:
        async with bootstrap.running(loaded, duties=duties):
            pass
    assert "PostgreSQL" in str(refused.value)
    assert not (loaded.data_dir() / "journal.db").exists()


def _node(silent_s: float, demands: dict[str, int], start: str = "s") -> NodeRow:
    return NodeRow("worker-1", start, SINCE, silent_s, demands=demands)


def test_a_door_alone_raises_an_alarm_while_nobody_carries() -> None:
    """After half a minute, once in a quarter of an hour; a carrier that lives ends it, a silent or departed one does not.

    Nor does another door that asks for a seat, to answer a question about a person.
    """
    told: list[str] = []
    now, rows = [0.0], [_node(60.0, {CARRIES: 1})]
    watch = CarrierWatch(lambda: rows, told.append, Clock(instant=lambda: now[0]))
    for at, alarms in (
        (ABSENT_AFTER_S - 1, 0),
        (ABSENT_AFTER_S, 1),
        (ABSENT_AFTER_S + 600, 1),
        (ABSENT_AFTER_S + 901, 2),
    ):
        now[0] = at
        watch.look()
        assert len(told) == alarms, at
    rows[0] = _node(0.5, {CARRIES: 1})
    watch.look()
    for idle in (_node(0.5, {"portal": 1}), _node(0.5, {CARRIES: 1}, start="")):
        rows[0] = idle
        now[0] += ABSENT_AFTER_S - 1
        watch.look()
        assert len(told) == 2
        rows[0] = _node(0.5, {CARRIES: 1, "portal": 1})
        watch.look()
    rows.clear()
    now[0] += ABSENT_AFTER_S
    watch.look()
    assert len(told) == 3


def test_who_carries_says_so_also_while_it_asks_for_no_seat() -> None:
    """As where every upstream is paused; who only keeps a door says nothing of it, whatever it asks for."""
    carrier, door = Seats(lambda: 0.0, shared=True), Seats(lambda: 0.0, shared=True)
    carrier.carries = True
    door.free("register", 4, 30.0)
    told = {name: seats.wishes(name, ())[0] for name, seats in (("carrier", carrier), ("door", door))}
    assert [carries(_node(0.5, told[name])) for name in ("carrier", "door")] == [True, False]
    assert told["door"] == {"register": 1}
