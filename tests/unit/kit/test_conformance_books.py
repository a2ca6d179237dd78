"""The suite on connectors that keep ledgers: each planted defect of a task, a poller or a table is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connectors.kit.case import ConformanceCase
from connectors.kit.conformance import run_check
from connectors.kit.contract import Page
from connectors.kit.errors import NotSent
from connectors.kit.ground import Subject, subject
from connectors.payment.asking import Asking
from connectors.payment.following import Following


def changed(**fields: Any) -> Subject:
    """Payment with another case."""
    original = subject("payment")

    def case(base_url: str) -> ConformanceCase:
        return replace(original.case(base_url), **fields)

    return replace(original, case=case)


async def test_a_row_that_no_answer_is_read_by_is_found() -> None:
    """A table may hold rows that stand behind a more general one; they would never be met."""
    faults = await run_check(changed(reads=lambda _profile, row: row["code"] != "*"), "outcomes_are_reachable")
    assert faults and all("không đọc được câu trả lời nào" in fault for fault in faults)


async def test_a_poller_of_our_own_books_that_does_not_come_on_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """More to come, and the same place again: it would turn without end."""

    async def stuck(_self: Following, cursor: str) -> Page:
        return Page((), cursor, more=True)

    monkeypatch.setattr(Following, "poll", stuck)
    assert any("cursor không tiến" in fault for fault in await run_check(subject("payment"), "pollers_repeat_safely"))


async def test_a_poller_that_raises_when_the_upstream_is_away_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who follows our own books tells of an upstream that is away; it does not fall."""

    async def fallen(_self: Asking, _payment: object) -> None:
        raise NotSent

    monkeypatch.setattr(Asking, "about", fallen)
    faults = await run_check(subject("payment"), "pollers_repeat_safely")
    assert any("not_sent dù chỉ đi theo sổ" in fault for fault in faults)


async def test_a_task_whose_ledger_is_not_there_is_found() -> None:
    """What the ledgers hold beforehand is part of the sample."""
    original = subject("payment")

    def case(base_url: str) -> ConformanceCase:
        given = original.case(base_url)
        make = given.task
        assert make is not None
        return replace(given, task=lambda operation, number: replace(make(operation, number), kept=None))

    faults = await run_check(replace(original, case=case), "tasks_have_one_effect")
    assert any("không tự kết thúc được" in fault for fault in faults)
