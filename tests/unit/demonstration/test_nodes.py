"""Several nodes from one installation, and the books of an upstream that `make prove` judges by, with their controls."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.demonstration.cast import DIALECTS, SYSTEMS
from gateway.cli.demonstration.nodes import NodePorts, Shared, lay_out_nodes
from gateway.cli.installation import Ports, lay_out
from gateway.config import load
from tests.prove.feed_reader import differences
from tests.prove.frozen import Load, Seen, sound
from tests.prove.pressure import Agreed, judged
from tests.prove.resent import compared
from tests.prove.sink import Sink
from tests.prove.trends import Tolerance, Trend

DSN = "postgresql://gateway@127.0.0.1:5/demo"


def test_each_node_has_a_name_an_address_and_a_data_folder_of_its_own_and_shares_everything_else(
    tmp_path: Path,
) -> None:
    """The first keeps the configuration that commands name."""
    lay_out(tmp_path, Ports(1, 2, 3), SYSTEMS, DIALECTS)
    nodes = lay_out_nodes(tmp_path, Shared(DSN, "redis://127.0.0.1:6/0"), [NodePorts(11), NodePorts(12)])
    first, second = (load(node.config) for node in nodes)
    assert first.generation == second.generation, "each has its own name, folder and ports, and all else in common"
    assert nodes[0].config == tmp_path / "gateway.toml"
    for node, loaded in zip(nodes, (first, second), strict=True):
        assert loaded.settings.node == node.name
        assert loaded.settings.listen.internal.port == node.ports.internal
        assert loaded.data_dir() == node.admin.parent
        assert node.admin.parent.is_dir()
        postgres = loaded.settings.storage.postgres
        assert postgres is not None and (loaded.base / postgres.dsn.removeprefix("file:")).read_text().strip() == DSN
    assert first.settings.files == second.settings.files
    assert first.settings.upstreams == second.settings.upstreams


def test_what_else_is_said_of_the_shared_store_and_of_redis_stands_in_each_configuration(tmp_path: Path) -> None:
    """Also what a pattern would read as something else."""
    lay_out(tmp_path, Ports(1, 2, 3), SYSTEMS, DIALECTS)
    shared = Shared(DSN, "redis://127.0.0.1:6/0", "lock_s = 3.5\n", 'prefix = "tthc:trial"\nca_file = "a\\\\1"\n')
    (node,) = lay_out_nodes(tmp_path, shared, [NodePorts(11)])
    told = tomllib.loads(node.config.read_text(encoding="utf-8"))
    assert told["storage"]["postgres"]["lock_s"] == 3.5
    assert (told["coordination"]["prefix"], told["coordination"]["ca_file"]) == ("tthc:trial", r"a\1")


def test_an_installation_that_is_not_laid_out_as_ours_is_refused_and_not_half_changed(tmp_path: Path) -> None:
    """A place that is not found exactly once is a fault of the play, not a node without a database."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "gateway.toml").write_text('node = "x"\n', encoding="utf-8")
    with pytest.raises(ValueError, match="places fit"):
        lay_out_nodes(tmp_path, Shared(DSN), [NodePorts(1)])


def call(begun: float, ended: float | None, **summary: object) -> Mapping[str, Any]:
    """A call in the log of a simulator."""
    return {"instant": begun, "ended": ended, "operation": "CapNhatTienDoHoSoMC", "summary": summary}


def test_calls_that_overlap_count_and_those_that_follow_do_not() -> None:
    """A call that ends when the next begins leaves its place to it."""
    following = judged("p", [call(0.0, 1.0), call(1.0, 2.0)], Agreed(concurrency=1))
    assert (following.at_once, following.faults) == (1, [])
    overlapping = judged("p", [call(0.0, 1.0), call(0.9, 2.0)], Agreed(concurrency=1))
    assert overlapping.at_once == 2
    assert overlapping.faults


def test_any_window_holds_no_more_calls_than_the_rate_and_the_burst_allow() -> None:
    """The windows slide: a burst that straddles two full seconds is seen."""
    agreed = Agreed(concurrency=100, rate_per_s=10.0, burst=5)
    steady = [call(number / 10, number / 10) for number in range(100)]
    assert judged("p", steady, agreed).faults == []
    dense = [call(0.95 + number / 200, 1.0) for number in range(22)]
    told = judged("p", [*steady, *dense], agreed)
    assert any("within 1.0 s" in fault for fault in told.faults)


def test_a_send_that_only_the_wire_knows_of_is_untold() -> None:
    """Two sends and two attempts are a repeat that was told; three are one that was not, unless the session of one had ended."""
    wire = [call(0, 1, dossier="D", states=["2"]), call(1, 2, dossier="D", states=["2"])]
    told = compared(wire, {("D", "progress"): (1, 2)})
    assert (told.sent, told.again, told.untold) == (2, 1, 0)
    hidden = compared([*wire, call(2, 3, dossier="D", states=["2"])], {("D", "progress"): (1, 2)})
    assert (hidden.again, hidden.untold) == (2, 1)
    assert hidden.faults
    refused = compared([*wire, call(2, 3, dossier="D", states=["2"], session="ended")], {("D", "progress"): (1, 2)})
    assert (refused.again, refused.untold, refused.turned_away) == (1, 0, 1)


@pytest.mark.parametrize(
    ("shown", "fault"),
    [([1, 2, 4], "1 of 4 rows missed"), ([1, 2, 2, 3, 4], "1 rows seen twice"), ([2, 1, 3, 4], "out of order")],
)
def test_a_feed_that_misses_repeats_or_swaps_rows_is_found_out(shown: list[int], fault: str) -> None:
    """And one that does none of it is sound."""
    assert any(fault in one for one in differences(shown, [1, 2, 3, 4]))
    assert differences([1, 2, 3, 4], [1, 2, 3, 4]) == []


def test_books_without_an_entry_are_no_proof() -> None:
    """A log that was emptied, or is called by another name now, must not look like an upstream that was never pressed."""
    assert differences([], []) and judged("p", [], Agreed()).faults and compared([], {}).faults
    seen = Seen(met={("D", 1)})
    assert not sound(seen, Load(1, lanes=1, messages=1)), "nobody was frozen"
    seen.freezes = 1
    assert sound(seen, Load(1, lanes=1, messages=1))


def test_what_only_warms_up_is_flat_and_what_leaks_is_not() -> None:
    """A cache that fills in the first minutes counts for nothing; a slow leak below all noise is found by its slope."""

    def trend(value: Callable[[float], float]) -> Trend:
        made = Trend("memory", "MB", Tolerance(0.05, 3.0))
        for second in range(0, 1_200, 30):
            made.add(second, value(second) + second % 90 / 90)
        return made

    assert trend(lambda second: 100 + min(second, 400) / 10).flat
    assert not trend(lambda second: 100 + second / 60).flat
    assert not Trend("nothing measured", "", Tolerance(1.0, 1.0)).flat


def test_an_upstream_that_sees_an_older_event_after_a_newer_one_says_so() -> None:
    """A repeat of the newest is a repeat; of an older one it is stale; what comes too early was skipped."""
    sink = Sink(random.Random(1))
    for sequence in (1, 2, 2, 1, 4):
        sink.saw("D", sequence)
    assert (sink.delivered, sink.again, sink.stale, sink.skipped) == (2, 2, 1, 1)
