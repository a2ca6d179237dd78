"""What connectors bring along, put in place: their ledgers in one book, their routes on the listeners, their pollers checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.kit.contract import PROPOSAL, Decides, Ledger, Ledgers, Poller, Polls, Shows, Signs, View
from connectors.kit.manifest import Manifest
from connectors.kit.papers import PDF
from gateway.admin.ledger_decisions import Decidable
from gateway.admin.views import Viewable
from gateway.config import Loaded, SigningKey
from gateway.dispatch.polling import PolledPage, PollLine, Stored
from gateway.dispatch.upstreams import Lesson, UpstreamLine
from gateway.errors import ConfigError
from gateway.intake.endpoints import ConnectorCalls, Mounted
from gateway.intake.inputs import Shelf, Taker
from gateway.intake.ledgers import Bound, CursorMove, LedgerBook
from gateway.journal.store import Journal
from gateway.signatures.pens import Pen, SigningDesk


@dataclass(frozen=True, slots=True)
class Outside:
    """Every upstream of the configuration: its line, its connector's manifest, where it reads its ledgers, how it signs."""

    lines: dict[str, UpstreamLine] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    shelves: dict[str, Shelf] = field(default_factory=dict)
    pens: dict[str, Pen] = field(default_factory=dict)

    def give(self, journal: Journal) -> None:
        """The journal is open: from now on connectors can read their ledgers."""
        for shelf in self.shelves.values():
            shelf.journal = journal

    def let_sign(self, desk: SigningDesk | None) -> None:
        """The keys are open: from now on connectors can have papers signed; None where there are no keys."""
        for pen in self.pens.values():
            pen.desk = desk

    def enabled(self) -> tuple[str, ...]:
        """The upstreams that are switched on, in the order of the configuration."""
        return tuple(code for code, line in self.lines.items() if line.settings.enabled)


def ledger_book(outside: Outside, loaded: Loaded) -> LedgerBook:
    """Every ledger that a connector brings, as declared; raises `ConfigError` for one that cannot do what it declares."""
    bound: dict[tuple[str, str], Bound] = {}
    faults: list[str] = []
    proposals = proposal_takers(outside.manifests, loaded)
    for code, line in outside.lines.items():
        manifest = outside.manifests[code]
        offered = {ledger.kind: ledger for ledger in _ledgers(line)}
        declared = manifest.declared.ledgers
        for kind in sorted(offered.keys() ^ declared.keys()):
            faults.append(f"upstreams.{code}: đầu nối {manifest.name} khai báo và cung cấp khác nhau sổ {kind}")
        operations = frozenset(operation.name for operation in manifest.for_effects())
        for kind in offered.keys() & declared.keys():
            bound[code, kind] = Bound(offered[kind], declared[kind], operations)
            faults += _nowhere(outside, code, kind, bound[code, kind])
            if "propose" in declared[kind].effects and not proposals:
                faults.append(
                    f'upstreams.{code}: sổ {kind} đề xuất thay đổi nhưng không có tuyến [[routes]] role = "sector" '
                    f"tới hệ thống nào nhận đề xuất (thao tác {PROPOSAL})"
                )
    if faults:
        raise ConfigError(tuple(faults))
    return LedgerBook(bound, proposals)


def _nowhere(outside: Outside, code: str, kind: str, bound: Bound) -> list[str]:
    """What a ledger would ask of other upstreams that have no such operation."""
    return [
        f"upstreams.{code}: sổ {kind} cần thao tác {operation} (trigger effect) của hệ thống {to!r}, nhưng không có"
        for to, operation in sorted(bound.elsewhere)
        if to not in outside.manifests or operation not in {one.name for one in outside.manifests[to].for_effects()}
    ]


def decidable(outside: Outside) -> dict[str, Decidable]:
    """What operators may decide about the ledgers of every upstream that is switched on.

    Raises `ConfigError` where a manifest declares decisions that its connector cannot take, or about a ledger that is none.
    """
    found: dict[str, Decidable] = {}
    faults: list[str] = []
    for code, line in outside.lines.items():
        declared = outside.manifests[code].declared
        able = isinstance(line.connector, Decides)
        if able != bool(declared.decisions):
            faults.append(f"upstreams.{code}: đầu nối khai báo và cung cấp khác nhau về quyết định (decisions)")
        for name, spec in declared.decisions.items():
            if spec.ledger not in declared.ledgers:
                faults.append(f"upstreams.{code}: quyết định {name} về sổ {spec.ledger} không có")
        if isinstance(line.connector, Decides) and line.settings.enabled:
            found[code] = Decidable(line.connector, declared.decisions)
    if faults:
        raise ConfigError(tuple(faults))
    return found


def viewable(outside: Outside) -> dict[str, Viewable]:
    """What operators may look at of every upstream that is switched on.

    Raises `ConfigError` where a connector's views are not those that its manifest declares.
    """
    found: dict[str, Viewable] = {}
    faults: list[str] = []
    for code, line in outside.lines.items():
        offered: Mapping[str, View] = line.connector.views() if isinstance(line.connector, Shows) else {}
        declared = outside.manifests[code].declared.views
        for name in sorted(offered.keys() ^ declared.keys()):
            faults.append(f"upstreams.{code}: đầu nối khai báo và cung cấp khác nhau bảng {name}")
        if offered and line.settings.enabled:
            found[code] = Viewable(offered, declared)
    if faults:
        raise ConfigError(tuple(faults))
    return found


def mounted(outside: Outside, calls: ConnectorCalls) -> tuple[Mounted, ...]:
    """Every route of every upstream that is switched on."""
    return tuple(
        route
        for code in outside.enabled()
        for route in calls.mounted(code, outside.lines[code].connector, outside.manifests[code])
    )


def signer_faults(outside: Outside, loaded: Loaded) -> list[str]:
    """Where a connector would have papers signed with what is not there."""
    keys = loaded.settings.signing.keys
    return [
        f"upstreams.{code}: cần khóa ký {name} với hồ sơ ký {profile}, nhưng {told}"
        for code, line in outside.lines.items()
        if line.settings.enabled and isinstance(line.connector, Signs)
        for name, profile in line.connector.signs()
        for told in _missing(keys.get(name), profile)
    ]


def _missing(key: SigningKey | None, profile: str) -> list[str]:
    if key is None:
        return ["không có trong [signing.keys]"]
    missing = [] if profile in key.profiles else [f"profiles của khóa không có {profile}"]
    return missing + ([] if PDF in key.media_types else [f"media_types của khóa không có {PDF}"])


def poll_lines(outside: Outside) -> tuple[PollLine, ...]:
    """Every poller of every upstream that is switched on, with its schedule.

    Raises `ConfigError` where a connector's pollers are not those that its manifest schedules.
    """
    faults: list[str] = []
    found: list[PollLine] = []
    for code, line in outside.lines.items():
        offered: Mapping[str, Poller] = line.connector.pollers() if isinstance(line.connector, Polls) else {}
        declared = outside.manifests[code].declared.pollers
        for name in sorted(offered.keys() ^ declared.keys()):
            faults.append(f"upstreams.{code}: đầu nối khai báo và cung cấp khác nhau bộ đọc định kỳ {name}")
        if line.settings.enabled:
            found.extend(
                PollLine(line, name, offered[name], declared[name]) for name in offered.keys() & declared.keys()
            )
    if faults:
        raise ConfigError(tuple(faults))
    return tuple(found)


async def store_page(taker: Taker, polled: PolledPage) -> Stored:
    """A polled page with its cursor, in one transaction."""
    cursor = CursorMove(polled.poller, polled.before, polled.page.cursor)
    told = await taker.take(polled.upstream, polled.page.inputs, cursor=cursor)
    return Stored(told.changed, told.moved)


async def learn(taker: Taker, lesson: Lesson) -> None:
    """What an answer taught ledgers, in one transaction."""
    await taker.take(lesson.upstream, lesson.changes, original=lesson.original)


def unserved(outside: Outside, loaded: Loaded) -> tuple[str, ...]:
    """The upstreams that are switched on and expect calls from outside while there is no edge listener."""
    if loaded.settings.listen.edge is not None:
        return ()
    return tuple(
        code
        for code in outside.enabled()
        if outside.manifests[code].declared.listener is not None
        or any(spec.audience == "edge" for spec in outside.manifests[code].declared.endpoints)
    )


def _ledgers(line: UpstreamLine) -> tuple[Ledger[Any, Any], ...]:
    return tuple(line.connector.ledgers()) if isinstance(line.connector, Ledgers) else ()


def proposal_takers(manifests: Mapping[str, Manifest], loaded: Loaded) -> tuple[str, ...]:
    """Where sector events go first, as far as a proposed change is taken there: that is the resolution system."""
    wanted = (code for rule in loaded.settings.routes if rule.role == "sector" for code in rule.to)
    return tuple(
        dict.fromkeys(
            code
            for code in wanted
            if code in manifests and any(operation.name == PROPOSAL for operation in manifests[code].for_effects())
        )
    )
