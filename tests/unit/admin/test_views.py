"""Views of connectors: found by name, narrowed only by what the manifest names, and a fault of one is told, not shown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from connectors.kit.contract import Look, Table, View
from connectors.kit.declarations import ViewSpec
from connectors.kit.errors import CannotMap, NotSent
from gateway.admin.views import Viewable, ViewDesk, Wanted
from gateway.errors import IntakeError

SPEC = ViewSpec(summary="Món đồ chơi đang cho mượn", filters=("toy",))


async def _loans(look: Look) -> Table:
    """Two toys, or the one that was asked for."""
    if look.filters.get("toy") == "?":
        raise CannotMap("Không có món nào tên như vậy.")
    if look.filters.get("toy") == "sea":
        raise NotSent("Không kết nối được.")
    rows = [row for row in (("L-1", "ball"), ("L-2", "kite")) if look.filters.get("toy", row[1]) == row[1]]
    more = len(rows) > look.limit
    return Table("Đồ chơi", ("Lượt", "Món"), ("loan", "toy"), rows[: look.limit], "", len(rows), more)


def _desk(**upstreams: Mapping[str, View]) -> ViewDesk:
    return ViewDesk({code: Viewable(views, dict.fromkeys(views, SPEC)) for code, views in upstreams.items()})


def _wanted(view: str = "loans", upstream: str = "", limit: int = 50, **filters: str) -> Wanted:
    return Wanted(view, upstream, filters, limit)


async def _code(desk: ViewDesk, wanted: Wanted) -> str:
    with pytest.raises(IntakeError) as caught:
        await desk.shown(wanted)
    return caught.value.code


async def test_a_view_is_found_by_its_name_and_each_row_speaks_in_keys() -> None:
    """Programs read keys, people read columns; what waits for a person is counted, and that there is more is said."""
    answer = await _desk(toys={"loans": _loans}).shown(_wanted(limit=1))
    assert answer["rows"] == [{"loan": "L-1", "toy": "ball"}]
    assert (answer["upstream"], answer["wrong"], answer["more"]) == ("toys", 2, True)
    narrowed = await _desk(toys={"loans": _loans}).shown(_wanted(toy="kite"))
    assert (narrowed["rows"], narrowed["more"]) == ([{"loan": "L-2", "toy": "kite"}], False)


async def test_what_nobody_offers_and_what_two_offer_must_be_named() -> None:
    """No table is guessed: an unknown one is not found, and of two upstreams one has to be chosen."""
    desk = _desk(toys={"loans": _loans}, books={"loans": _loans})
    assert await _code(desk, _wanted("fines")) == "view_unknown"
    assert await _code(desk, _wanted(upstream="maps")) == "view_unknown"
    assert await _code(desk, _wanted()) == "view_filter"
    assert (await desk.shown(_wanted(upstream="books")))["upstream"] == "books"
    told = await desk.listing()
    assert told["views"] == [
        {"upstream": code, "view": "loans", "summary": SPEC.summary, "filters": ["toy"]} for code in ("books", "toys")
    ]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (_wanted(colour="red"), "view_filter"),
        (_wanted(limit=0), "view_filter"),
        (_wanted(limit=1_001), "view_filter"),
        (_wanted(toy="?"), "view_filter"),
        (_wanted(toy="sea"), "upstream_unavailable"),
    ],
)
async def test_a_look_that_cannot_be_answered_says_why(wanted: Wanted, code: str) -> None:
    """A filter that is none, too many rows, a value that means nothing, an outside system that does not answer."""
    assert await _code(_desk(toys={"loans": _loans}), wanted) == code


async def test_a_connector_that_hangs_does_not_hold_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look ends in time with a reason."""
    monkeypatch.setattr("gateway.admin.views._LIMIT_S", 0.01)

    async def hangs(_look: Look) -> Table:
        await asyncio.Event().wait()
        raise AssertionError

    assert await _code(_desk(toys={"loans": hangs}), _wanted()) == "upstream_unavailable"


def test_a_table_whose_rows_do_not_fit_is_no_table() -> None:
    """A cell too many would move every word behind it under another column."""
    with pytest.raises(ValueError, match="differ in length"):
        Table("Đồ chơi", ("Lượt", "Món"), ("loan", "toy"), [("L-1",)])
    with pytest.raises(ValueError, match="differ in length"):
        Table("Đồ chơi", ("Lượt", "Món"), ("loan",), [])


@pytest.mark.parametrize("filters", [("Đồ",), ("toy", "toy"), ("a b",)])
def test_a_filter_that_cannot_be_named_is_refused_in_the_manifest(filters: tuple[str, ...]) -> None:
    """It would stand in an address and on a command line."""
    with pytest.raises(ValueError, match="filters"):
        ViewSpec(summary="x", filters=filters)
