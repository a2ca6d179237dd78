"""The scorer against hand-made histories: every branch of national-portal facts 5.3."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from connectors.national_dvc.simulator_catalogue import ListedProcedure, catalogue_row, durations
from connectors.national_dvc.simulator_rules import portal_time
from connectors.national_dvc.simulator_score import Calendar, Duration, Judgement, Rule, Scorer, totals
from connectors.national_dvc.simulator_store import HeldDossier, Holdings

PERIOD_END = portal_time("20241231235959")
DUE = "20241021093000"
EARLY, LATE = "20241018160000", "20241025160000"


def judged(papers: Any, rows: list[tuple[str, str]], *, holidays: Any = frozenset(), **fields: object) -> Judgement:
    """The judgement of a dossier with these (state, time) rows."""
    holdings = Holdings()
    holdings.create(papers.dossier(**{"NgayHenTra": DUE, "state": "1", **fields}), 0.0)
    holdings.append_rows(papers.code, [papers.row(state, at) for state, at in rows], 0.0)
    row = catalogue_row(ListedProcedure(code="1.999999", name="X", days=5))
    scorer = Scorer(Calendar(holidays), lambda code: durations(row) if code == "1.999999" else ())
    assert PERIOD_END is not None
    return scorer.judge(holdings.dossiers[papers.code], PERIOD_END)


RECEIVED = ("2", "20241014093000")
CASES = [
    ("9 counts, not the later 10", [RECEIVED, ("9", EARLY), ("10", LATE)], True, Rule.RESOLVED),
    ("9 too late, though 10 were earlier", [RECEIVED, ("10", EARLY), ("9", LATE)], False, Rule.RESOLVED),
    ("10 where no 9 is known", [RECEIVED, ("10", EARLY)], True, Rule.RETURNED),
    ("10 too late", [RECEIVED, ("10", LATE)], False, Rule.RETURNED),
    ("stopped in time after acceptance", [RECEIVED, ("8", EARLY)], True, Rule.ENDED),
    ("stopped late", [RECEIVED, ("8", LATE)], False, Rule.ENDED),
    ("refused after acceptance", [RECEIVED, ("3", EARLY)], True, Rule.ENDED),
    ("withdrawn after acceptance", [RECEIVED, ("7", EARLY)], True, Rule.ENDED),
    ("refused before acceptance runs to the end of the period", [("3", EARLY)], False, Rule.PERIOD_END),
    ("waiting for papers for the first time", [RECEIVED, ("5", EARLY)], True, Rule.FIRST_SUPPLEMENT),
    ("asked for papers too late", [RECEIVED, ("5", LATE)], False, Rule.FIRST_SUPPLEMENT),
    ("asked twice without a result", [RECEIVED, ("5", EARLY), ("5", EARLY)], False, Rule.REPEATED_SUPPLEMENT),
    (
        "asked twice, now processing",
        [RECEIVED, ("5", "20241015090000"), ("4", "20241015100000"), ("5", "20241016090000"), ("4", EARLY)],
        False,
        Rule.REPEATED_SUPPLEMENT,
    ),
    ("asked once, papers came, still open", [RECEIVED, ("5", EARLY), ("4", LATE)], False, Rule.PERIOD_END),
    ("asked twice but resolved", [RECEIVED, ("5", EARLY), ("5", EARLY), ("9", EARLY)], True, Rule.RESOLVED),
    ("still open", [RECEIVED, ("4", EARLY)], False, Rule.PERIOD_END),
    ("nothing reported at all", [], False, Rule.PERIOD_END),
]


@pytest.mark.parametrize(("case", "rows", "on_time", "rule"), CASES, ids=[case[0] for case in CASES])
def test_each_line_of_the_formula_decides_its_case(
    papers: Any, case: str, rows: list[tuple[str, str]], on_time: bool, rule: Rule
) -> None:
    """finish := 9 > 10 > 8|3|7 if accepted > first 5 > late > end of period."""
    judgement = judged(papers, rows)
    assert (judgement.on_time, judgement.rule) == (on_time, rule), case


def test_the_example_of_the_fact_book_scores_as_it_says(papers: Any) -> None:
    """Example 03: finish 20241018160000, due 20241021093000, on time."""
    rows = [RECEIVED, ("4", "20241014100000"), ("9", EARLY), ("10", "20241018163000")]
    shown = judged(papers, rows).shown()
    assert (shown["finish"], shown["due"], shown["on_time"]) == (EARLY, DUE, True)


def test_an_open_dossier_is_on_time_while_the_period_ends_before_its_due_date(papers: Any) -> None:
    """The last branch compares the end of the period with the due date."""
    assert judged(papers, [RECEIVED, ("4", EARLY)], NgayHenTra="20250110000000").on_time is True


@pytest.mark.parametrize("completion", ["1", "2", "4", "6"])
def test_the_time_of_waiting_for_papers_is_taken_off(papers: Any, completion: str) -> None:
    """finish − (completed − requested): nine days of waiting turn a late dossier into one on time."""
    rows = [RECEIVED, ("5", "20241015090000"), (completion, "20241024090000"), ("9", LATE)]
    judgement = judged(papers, rows)
    assert judgement.on_time is True
    assert judgement.waited == timedelta(days=9)


def test_a_repeated_request_row_does_not_shorten_the_waiting(papers: Any) -> None:
    """Identical rows of one request wait from the first of them."""
    rows = [RECEIVED, ("5", "20241015090000"), ("5", "20241015090000"), ("4", "20241024090000"), ("9", LATE)]
    assert judged(papers, rows).waited == timedelta(days=9)


def test_waiting_that_was_never_completed_is_not_taken_off(papers: Any) -> None:
    """A dossier stopped for want of papers waited for nothing."""
    judgement = judged(papers, [RECEIVED, ("5", EARLY), ("8", LATE)])
    assert (judgement.waited, judgement.on_time) == (timedelta(), False)


def test_waiting_after_the_finish_is_not_taken_off(papers: Any) -> None:
    """Papers asked for after the result do not make it earlier."""
    judgement = judged(papers, [RECEIVED, ("9", LATE), ("5", "20241101000000"), ("4", "20241130000000")])
    assert (judgement.waited, judgement.on_time) == (timedelta(), False)


def test_rows_count_by_their_own_time_and_not_by_arrival(papers: Any) -> None:
    """A late-coming row of the past stands where its time says."""
    judgement = judged(papers, [RECEIVED, ("9", LATE), ("4", "20241024090000"), ("5", "20241015090000")])
    assert judgement.waited == timedelta(days=9)


def test_without_a_due_date_the_longest_legal_duration_counts_from_reception(papers: Any) -> None:
    """Five working days from Monday 14 October are Monday 21 October; a holiday moves it on (5.2)."""
    on_day, next_day = "20241021093000", "20241021093001"
    assert judged(papers, [RECEIVED, ("9", on_day)], NgayHenTra="").on_time is True
    assert judged(papers, [RECEIVED, ("9", next_day)], NgayHenTra="").on_time is False
    moved = judged(papers, [RECEIVED, ("9", next_day)], NgayHenTra="", holidays=frozenset({date(2024, 10, 15)}))
    assert moved.on_time is True


def test_finishing_in_the_very_second_of_the_due_date_is_on_time(papers: Any) -> None:
    """on time iff finish <= due."""
    assert judged(papers, [RECEIVED, ("9", DUE)]).on_time is True


def test_what_the_indicator_cannot_count_is_not_counted(papers: Any) -> None:
    """No reception date (2.6), or neither due date nor a known procedure."""
    assert judged(papers, [("9", EARLY)], NgayTiepNhan="").rule is Rule.NO_RECEPTION
    unknown = judged(papers, [RECEIVED, ("9", EARLY)], NgayHenTra="", MaTTHC="1.000001")
    assert (unknown.on_time, unknown.rule) == (None, Rule.NO_DUE_DATE)


@pytest.mark.parametrize(
    ("unit", "end"),
    [
        ("Ngày làm việc", "20241021093000"),
        ("Ngày", "20241019093000"),
        ("Giờ", "20241014143000"),
        ("Tháng", "20250314093000"),
        ("Quý", ""),
    ],
)
def test_each_unit_of_duration_is_added_in_its_way(unit: str, end: str) -> None:
    """Working days, days, hours, months; an unknown unit gives no due date (2.2)."""
    start = portal_time("20241014093000")
    assert start is not None
    assert Calendar().add(start, Duration(5, unit)) == portal_time(end)


def test_a_month_ends_on_its_last_day() -> None:
    """31 January and one month is the end of February; eleven months lead over the year."""
    start = datetime(2024, 1, 31, 8, tzinfo=UTC)
    ends = [Calendar().add(start, Duration(months, "Tháng")) for months in (1, 11)]
    assert [end.date() for end in ends if end is not None] == [date(2024, 2, 29), date(2024, 12, 31)]


def test_the_total_is_the_ratio_over_what_is_counted() -> None:
    """Not counted is neither on time nor late; with nothing counted there is no ratio."""
    answers = [Judgement(str(n), value, Rule.RESOLVED) for n, value in enumerate((True, True, False, None))]
    assert PERIOD_END is not None
    shown = totals(answers, PERIOD_END)
    assert (shown["counted"], shown["on_time"], shown["late"], shown["not_counted"]) == (3, 2, 1, 1)
    assert shown["ratio"] == 0.666667
    assert totals([], PERIOD_END)["ratio"] is None


async def test_the_control_plane_tells_the_score(open_portal: Any, papers: Any) -> None:
    """`GET score` judges what was synced, dossier by dossier and in total; the period can be chosen."""
    async with open_portal() as portal:
        await portal.create(papers.dossier("9"))
        await portal.progress(papers.row("2"), papers.row("9", EARLY))
        other = "000.00.00.G16-241014-0002"
        await portal.create(papers.dossier(MaHoSo=other))
        late = await portal.control("GET", "score")
        early = await portal.control("GET", "score?until=20241015000000&dossiers=0")
    assert (late["on_time"], late["late"]) == (1, 1)
    assert [entry["code"] for entry in late["judgements"]] == [papers.code, other]
    assert (early["on_time"], early["late"]) == (2, 0)
    assert "judgements" not in early


def test_a_dossier_is_judged_without_rows_of_unreadable_time() -> None:
    """A row without a time cannot finish anything."""
    held = HeldDossier("x", {"NgayTiepNhan": "20241014093000", "NgayHenTra": DUE})
    assert PERIOD_END is not None
    assert Scorer(Calendar(), lambda _: ()).judge(held, PERIOD_END).rule is Rule.PERIOD_END
