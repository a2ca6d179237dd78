"""Planted numbers and secrets: a run fails when one stands in anything that it printed, logged, stored or refused with.

Tests give invented people numbers that end in six zeros (`001090000000`; CMND `001000000`), and invented secrets the words
of `secret`. Whatever a test prints, what commands of ours print, error answers, metrics, skip reasons, log files and journals of
the programs that ran are searched, in every process of a distributed run. What is found is named by its place, never repeated.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_PLANTED: tuple[tuple[str, tuple[bytes, ...], re.Pattern[bytes]], ...] = (
    (
        "a personal number",
        (b"000000", b"000 000", b"000.000"),
        re.compile(rb"(?<![\d.-])0(?!00000)\d\d(?:[ .]?\d{3})[ .]?000[ .]?000(?![\d])"),
    ),
    ("an old number", (b"000000",), re.compile(rb"(?<![\w.-])0(?!00)\d\d000000(?!\w)")),
    ("a secret", (b"never-shown",), re.compile(rb"planted-[0-9a-z]+-never-shown")),
    ("a token", (b"eyJ",), re.compile(rb"(?<![\w-])eyJ[\w-]{10,}\.[\w-]{10,}\.")),
)
"""Kind, texts without which it cannot stand there (quick to look for), and its form."""
_SEARCHED = frozenset({".log", ".out", ".err", ".jsonl", ".prom", ".db", ".db-wal"})
_PROPERTY = "planted"
_CHUNK = 1 << 22
_OVERLAP = 256


def secret(name: str) -> str:
    """An invented secret that may be shown nowhere; `name` is lower-case letters and digits."""
    return f"planted-{name}-never-shown"


def kinds_in(text: str | bytes) -> list[str]:
    """What kinds of planted words stand in a text, be it UTF-8 or UTF-16."""
    raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    spellings = (raw, raw.replace(b"\0", b"")) if b"\0" in raw else (raw,)
    return [
        kind
        for kind, signs, pattern in _PLANTED
        if any(any(sign in spelling for sign in signs) and pattern.search(spelling) for spelling in spellings)
    ]


_heard: list[str] = []


def hear(where: str, text: str | bytes) -> None:
    """Search something that the running test brought forth; `where` says what it is."""
    _heard.extend(f"{where}: {kind}" for kind in kinds_in(text))


@dataclass(eq=False)
class PlantedSearch:
    """The plug-in: in each worker it listens, in the process that reports it collects, searches files and decides."""

    reporting: bool
    base: Path | None = None
    findings: list[str] = field(default_factory=list)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Give what was heard to the report, which travels to the process that reports."""
        report: Any = yield
        if _heard:
            report.user_properties.append((_PROPERTY, tuple(_heard)))
            _heard.clear()
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Search a report: what it captured, why it was skipped, what was heard. The text of a failure fails the run anyway."""
        if not self.reporting:
            return
        for name, text in report.sections:
            self._note(report.nodeid, f"{name}: ", kinds_in(text))
        if report.skipped:
            self._note(report.nodeid, "reason: ", kinds_in(str(report.longrepr)))
        for name, value in report.user_properties:
            if name == _PROPERTY and isinstance(value, list | tuple):
                self._note(report.nodeid, "", [str(one) for one in value])
        report.user_properties = [pair for pair in report.user_properties if pair[0] != _PROPERTY]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Search the files that were left, and let no run pass that showed something."""
        if self.reporting and self.base is None:
            factory = getattr(session.config, "_tmp_path_factory", None)
            self.base = factory.getbasetemp() if factory is not None else None
        if self.reporting and self.base is not None:
            for place, kinds in searched(self.base):
                self._note(str(place.relative_to(self.base)), "file: ", kinds)
        if self.findings and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the places, and no value."""
        if self.findings:
            terminalreporter.section("planted personal data was shown", red=True)
            for finding in dict.fromkeys(self.findings):
                terminalreporter.write_line(finding)

    def _note(self, where: str, what: str, kinds: list[str]) -> None:
        hidden = where.encode("utf-8", "surrogateescape")
        for _, _, pattern in _PLANTED:
            hidden = pattern.sub(b"[planted]", hidden)
        self.findings.extend(f"{hidden.decode('utf-8', 'replace')}: {what}{kind}" for kind in kinds)


def searched(base: Path) -> Iterator[tuple[Path, list[str]]]:
    """The files under `base` that programs of ours write for others to read, or keep, with what was found in each."""
    for folder, _, names in os.walk(base):
        for name in names:
            place = Path(folder, name)
            if place.suffix in _SEARCHED and not place.is_symlink():
                kinds = _kinds_in_file(place)
                if kinds:
                    yield place, kinds


def _kinds_in_file(place: Path) -> list[str]:
    found: dict[str, None] = {}
    try:
        with place.open("rb") as file:
            tail = b""
            while chunk := file.read(_CHUNK):
                found.update(dict.fromkeys(kinds_in(tail + chunk)))
                tail = chunk[-_OVERLAP:]
    except OSError:
        return []  # what a test made unreadable, or took away
    return list(found)


def _listening(original: Any) -> Any:
    def readouterr(fixture: Any) -> Any:
        """What a test takes out of the capture was printed all the same."""
        result = original(fixture)
        for text in result:
            hear("printed", text)
        return result

    return readouterr


def install(config: pytest.Config) -> None:
    """Register the search for this process of the run."""
    config.pluginmanager.register(PlantedSearch(reporting=not hasattr(config, "workerinput")), "planted-search")
    original = pytest.CaptureFixture.readouterr
    pytest.CaptureFixture.readouterr = _listening(original)  # type: ignore[method-assign]
    config.add_cleanup(lambda: setattr(pytest.CaptureFixture, "readouterr", original))
