"""What stands behind the admin socket: operations, the register of operators, and the desk that verifies decisions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.admin.coverage import CoverageDesk
from gateway.admin.decisions import Decisions
from gateway.admin.four_eyes import Terms
from gateway.admin.handlers import AdminDesk
from gateway.admin.ledger_decisions import LedgerDecisions
from gateway.admin.operations import Operations
from gateway.admin.pauses import Pauses, WindowWatch, nothing_runs
from gateway.admin.register import Register
from gateway.admin.reloading import ReloadDesk
from gateway.admin.repairs import RepairDesk
from gateway.admin.results import ALWAYS_TWO, ResultDesk
from gateway.admin.trail import Trail
from gateway.admin.views import ViewDesk
from gateway.clock import Clock
from gateway.config import Loaded
from gateway.dispatch.worker import Worker
from gateway.intake.validate import Limits
from gateway.journal.store import Journal
from gateway.observe import crash


@dataclass(frozen=True, slots=True)
class Running:
    """What a desk has when the gateway runs: the watch over pauses, crash points, decisions about ledgers, and more."""

    watch: WindowWatch
    reach: crash.Reach
    ledgers: LedgerDecisions
    views: ViewDesk
    repairs: RepairDesk
    reloading: ReloadDesk


def admin_desk(
    loaded: Loaded, journal: Journal, worker: Worker, clock: Clock, running: Running | None = None
) -> AdminDesk:
    """The desk, as the configuration wants it; `running` None: no gateway runs, decisions are stored only."""
    settings = loaded.settings
    people = settings.operators
    marked = frozenset((*people.second_key_for, ALWAYS_TWO))
    terms = Terms(settings.node, marked, people.proposal_hours, people.max_skew_s)
    if running is not None:
        terms = replace(terms, rules=running.ledgers)
    return AdminDesk(
        operations=Operations(journal, worker, settings.upstreams, clock),
        register=Register(journal, clock),
        decisions=Decisions(journal, clock, terms),
        trail=Trail(journal, clock),
        coverage=CoverageDesk(journal, settings.callers, Limits.of(settings.intake)),
        pauses=Pauses(journal, tuple(settings.upstreams), clock, running.watch.look if running else nothing_runs),
        reach=running.reach if running else crash.never,
        results=ResultDesk(journal, clock),
        ledgers=running.ledgers if running else None,
        views=running.views if running else None,
        repairs=running.repairs if running else None,
        reloading=running.reloading if running else None,
    )
