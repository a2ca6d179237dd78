"""The tables of the configured store brought up to date, as the user that may do so, apart from any running gateway."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace

from gateway.bootstrap.kek import kek_of
from gateway.bootstrap.stores import database_options, embedded_options
from gateway.clock import Clock, to_micros
from gateway.config import Loaded, secret
from gateway.config.model import Postgres
from gateway.errors import ConfigError
from gateway.evidence.log import chain
from gateway.journal.errands import steps_of
from gateway.journal.model import Decision, Intake, Situation
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions
from gateway.journal.upgrading import SharedSteps, Standing, refuse_strange
from gateway.journal.upgrading_embedded import FILE, look_embedded, upgrade_embedded

NODE = "migrate"
"""Under this name the steps enter the evidence: as a start of its own, beside those of the nodes."""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What is missing now, and what was done, in order."""

    left: Standing
    applied: tuple[str, ...] = ()


def looked(loaded: Loaded) -> Standing:
    """What is missing; nothing is changed. A store that was never made lacks everything. Raises `GatewayError`."""
    postgres = loaded.settings.storage.postgres
    if postgres is None:
        return look_embedded(loaded.data_dir()) if (loaded.data_dir() / FILE).exists() else Standing()
    with steps_of(_options(loaded, postgres), _now()) as steps:
        return steps.look()


def upgraded(loaded: Loaded) -> Upgraded:
    """Apply what may be applied now, and make the partitions of the coming year; raises `GatewayError`.

    The embedded store must not be in use, because its owner is one process; a store that was never made is made by `serve`.
    """
    postgres = loaded.settings.storage.postgres
    if postgres is None:
        before = looked(loaded)
        refuse_strange(before)
        if not before.complete:
            upgrade_embedded(loaded.data_dir(), embedded_options(loaded, b""), _now())
        return Upgraded(looked(loaded), tuple(step.name for step in (*before.pre, *before.post)))
    options = _options(loaded, postgres)
    with steps_of(options, _now()) as steps:
        applied = _apply(steps)
        left = steps.look()
    if applied:
        _bind(loaded, options)
    return Upgraded(left, applied)


def _apply(steps: SharedSteps) -> tuple[str, ...]:
    before = steps.look()
    refuse_strange(before)
    applied = [step.name for step in before.pre if steps.apply(step)]
    between = steps.look()  # only now the tables say which nodes are older
    if not between.older:
        applied += [step.name for step in between.post if steps.apply(step)]
    return (*applied, *steps.make_partitions())


def _bind(loaded: Loaded, options: DatabaseOptions) -> None:
    """Let the evidence say which steps made the tables, by a start of our own; without the key a node's next start does."""
    with suppress(ConfigError):
        options = replace(options, kek=kek_of(loaded), node=NODE)
        journal = PostgresJournal.open(options, decide=_nothing, chain=chain, clock=Clock())
        asyncio.run(journal.close())


def _nothing(_situation: Situation, _intake: Intake) -> Decision:
    raise RuntimeError("nothing is accepted while tables are brought up to date")


def _options(loaded: Loaded, postgres: Postgres) -> DatabaseOptions:
    """The store as the user that may make tables."""
    options = database_options(loaded, postgres, b"")
    if postgres.migrate_dsn:
        options = replace(options, dsn=secret(postgres.migrate_dsn, loaded.base))
    return replace(options, migrate=True)


def _now() -> int:
    return to_micros(Clock().now())
