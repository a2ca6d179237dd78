"""The suite runs on a connector of another distribution, and finds what is wrong with what one brings along."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from connectors.kit import inspect
from connectors.kit.case import ConformanceCase, Notices
from connectors.kit.conformance import CHECKS, run_check
from connectors.kit.contract import Change, Endpoint, NotGenuine, Notice, Page, Reading
from connectors.kit.declarations import Declarations, LedgerSpec
from connectors.kit.ground import Subject, subject

pytestmark = pytest.mark.usefixtures("toys")


def changed(change: Callable[[ConformanceCase], ConformanceCase]) -> Subject:
    """The toy with another case."""
    original = subject("toy_registry")
    return replace(original, case=lambda base_url: change(original.case(base_url)))


def test_the_inspector_finds_nothing() -> None:
    """Anatomy, tables, examples, declarations."""
    assert inspect.inspect_all("toy_registry") == ()


@pytest.mark.parametrize("check", CHECKS)
async def test_it_conforms(check: str) -> None:
    """Every check of the suite."""
    assert await run_check(subject("toy_registry"), check) == ()


@pytest.mark.parametrize("check", ["notices_are_judged_first", "pollers_repeat_safely", "ledgers_are_pure"])
async def test_a_case_without_samples_is_a_fault(check: str) -> None:
    """What nobody can examine has not been examined."""
    bare = changed(lambda case: replace(case, notices=None, feeding=None, changes=None))
    assert any("thiếu" in fault for fault in await run_check(bare, check))


async def test_a_task_without_a_sample_is_a_fault() -> None:
    """The same of operations that ledgers ask for."""
    bare = changed(lambda case: replace(case, task=None))
    assert any("thiếu task" in fault for fault in await run_check(bare, "tasks_have_one_effect"))


def _connector() -> Any:
    from toy_registry import connector  # type: ignore[import-not-found]  # installed by the fixture

    return connector.ToyRegistry


async def test_a_listener_that_judges_last_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads whatever looks like a notice."""

    async def trusting(_self: object, notice: Notice) -> Reading:
        return Reading((Change("loans", "L-1", str(len(notice.body)), {"what": "lent", "toy": "x"}),))

    monkeypatch.setattr(_connector(), "read", trusting)
    assert any("được chấp nhận" in f for f in await run_check(subject("toy_registry"), "notices_are_judged_first"))


async def test_a_listener_that_refuses_everybody_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Safe, and of no use."""

    async def suspicious(_self: object, _notice: Notice) -> Reading:
        raise NotGenuine

    monkeypatch.setattr(_connector(), "read", suspicious)
    assert any("thông báo thật" in f for f in await run_check(subject("toy_registry"), "notices_are_judged_first"))


async def test_forgeries_that_are_none_prove_nothing() -> None:
    """A case must not examine a listener with the genuine notice alone."""
    same = changed(
        lambda case: replace(case, notices=Notices(case.notices.genuine, lambda n: (n,)) if case.notices else None)
    )
    assert any("không khác" in fault for fault in await run_check(same, "notices_are_judged_first"))


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (lambda calls: Page((_moved(str(calls)),), "1"), "hai trang khác nhau"),
        (lambda _calls: Page((_moved("m"),), "", more=True), "không tiến"),
        (lambda _calls: Page((), ""), "không đọc được"),
        (lambda _calls: Page((Change("nothing", "x", "y"),), "1"), "không tồn tại"),
    ],
)
async def test_a_poller_that_loses_its_place_is_found(
    monkeypatch: pytest.MonkeyPatch, page: Callable[[int], Page], said: str
) -> None:
    """Another page for the same cursor, an end that never comes, a source that is never read."""
    calls = 0

    async def poll(_self: object, _cursor: str) -> Page:
        nonlocal calls
        calls += 1
        return page(calls)

    monkeypatch.setattr(_connector(), "poll", poll)
    assert any(said in fault for fault in await run_check(subject("toy_registry"), "pollers_repeat_safely"))


def _moved(key: str) -> Change:
    return Change("loans", "L-1", key, {"what": "lent", "toy": "x"})


async def test_a_ledger_that_remembers_by_itself_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same state and change must give the same answer."""
    from toy_registry.profiles.v1 import ledger  # type: ignore[import-not-found]  # installed by the fixture

    turns: list[int] = []

    def apply(_self: object, state: Any, _change: object) -> tuple[Any, Sequence[object]]:
        turns.append(1)
        return ledger.Loan(lent=len(turns)), []

    monkeypatch.setattr(ledger.Loans, "apply", apply)
    assert any("hai kết quả" in fault for fault in await run_check(subject("toy_registry"), "ledgers_are_pure"))


async def test_an_effect_that_is_not_declared_is_found() -> None:
    """The manifest is what an operator agreed to."""
    original = subject("toy_registry")
    less = replace(original.manifest.declared, ledgers={"loans": LedgerSpec(effects=("deliver",))})
    modest = replace(original, manifest=replace(original.manifest, declared=less))
    assert any("chưa khai báo" in fault for fault in await run_check(modest, "ledgers_are_pure"))


@pytest.mark.parametrize(
    ("marks", "said"),
    [(("out/\n",), "in được"), (("",), "in được"), (("holder/Nguyễn Thị Bí Mật",), "dữ liệu cá nhân")],
)
async def test_a_mark_that_is_no_code_or_names_a_person_is_found(
    monkeypatch: pytest.MonkeyPatch, marks: tuple[str, ...], said: str
) -> None:
    """Marks stand unsealed in the store."""
    from toy_registry.profiles.v1 import ledger

    monkeypatch.setattr(ledger.Loans, "marks", lambda _self, _state: marks)
    assert any(said in fault for fault in await run_check(subject("toy_registry"), "ledgers_are_pure"))


async def test_a_task_for_an_upstream_that_was_not_named_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start could not check it; what `elsewhere` names is fine."""
    from toy_registry.profiles.v1 import ledger

    original = ledger.Loans.__init__
    monkeypatch.setattr(ledger.Loans, "__init__", lambda self, _by="": original(self, "others"))
    assert not await run_check(subject("toy_registry"), "ledgers_are_pure")
    monkeypatch.setattr(ledger.Loans, "elsewhere", lambda _self: ())
    assert any("others" in fault for fault in await run_check(subject("toy_registry"), "ledgers_are_pure"))


async def test_decisions_that_are_not_declared_or_about_no_ledger_are_found() -> None:
    """Offered without a declaration, or about a ledger that is none."""
    original = subject("toy_registry")
    spec = original.manifest.declared.decisions["write_off"]
    about = replace(
        original.manifest.declared, decisions={"write_off": msgspec.structs.replace(spec, ledger="parcels")}
    )
    astray = replace(original, manifest=replace(original.manifest, declared=about))
    assert any("parcels" in fault for fault in await run_check(astray, "endpoints_are_declared"))
    none = replace(original.manifest.declared, decisions={})
    silent = replace(original, manifest=replace(original.manifest, declared=none))
    assert any("không khai báo" in fault for fault in await run_check(silent, "endpoints_are_declared"))


async def test_what_is_offered_and_not_declared_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the other way round: endpoints, pollers, ledgers."""
    original = subject("toy_registry")
    silent = replace(original, manifest=replace(original.manifest, declared=Declarations()))
    told = "\n".join(await run_check(silent, "endpoints_are_declared"))
    assert all(word in told for word in ("endpoints", "pollers", "ledgers", "loans"))
    connector = _connector()
    endpoints: Sequence[Endpoint] = ()
    monkeypatch.setattr(connector, "endpoints", lambda _self: endpoints)
    assert any("endpoints" in fault for fault in await run_check(original, "endpoints_are_declared"))


async def test_a_task_that_is_done_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connector that sends a doubtful task again by itself doubles it."""
    from toy_registry.profiles.v1 import mapping

    connector, numbers = _connector(), iter(range(1, 1000))
    genuine = mapping.reminder_of
    module = __import__("sys").modules[connector.__module__]
    monkeypatch.setattr(module, "reminder_of", lambda task, name: genuine(task, f"{name}-{next(numbers)}"))
    assert any("hiệu lực" in fault for fault in await run_check(subject("toy_registry"), "tasks_have_one_effect"))
