"""What can be seen of the database under a shared store by whoever may connect; nothing is changed (delivery-engine 4.8)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.journal.session import BlockingSession, DatabaseOptions, connected

_SETTINGS = (
    "server_version",
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "synchronous_standby_names",
    "data_checksums",
    "autovacuum",
    "idle_in_transaction_session_timeout",
    "max_prepared_transactions",
)
_STATE = f"SELECT pg_is_in_recovery(), {', '.join(f'current_setting({name!r})' for name in _SETTINGS)}"
_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::double precision"
_OLD = """
SELECT count(*) FILTER (WHERE datname = current_database() AND clock_timestamp() - xact_start > make_interval(secs => $1)),
       count(*) FILTER (WHERE backend_xid IS NOT NULL AND clock_timestamp() - xact_start > make_interval(secs => $2))
FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_PREPARED = "SELECT count(*) FROM pg_prepared_xacts WHERE clock_timestamp() - prepared > make_interval(secs => $1)"
_SEES = "SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')"
_STANDBYS = "SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')"
_OPTIONS = """
SELECT c.relname::text, coalesce(array_to_string(c.reloptions, ' '), '') FROM pg_class c
WHERE c.oid IN (to_regclass('lane'), to_regclass('msg'), to_regclass('record'))
"""
_WANTED = {"autovacuum_vacuum_scale_factor": 0.01, "autovacuum_vacuum_cost_delay": 0.0}
_BACKEND = "SELECT pg_backend_pid()"
_LOOKS = 3


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was seen; `settings` are those of a session of ours. `ahead_s`: how far ahead the server's clock is, by `unsure_s`.

    `old`: transactions in this database older than a minute; `holding`: foreign ones that write since more than ten seconds, in
    any database of the server, and prepared ones: nothing behind them is shown in the feed. Both count what the user may see,
    which is everything only if `sees_all`. `pooled`: somebody stands between us and the server. `untuned`: tables whose own
    settings of autovacuum are not those of our steps. `standbys` are those that a commit waits for.
    """

    settings: Mapping[str, str]
    standby: bool
    ahead_s: float
    unsure_s: float
    old: int
    holding: int
    sees_all: bool
    pooled: bool
    untuned: tuple[str, ...]
    standbys: int


@dataclass(frozen=True, slots=True)
class Patience:
    """After how many seconds a transaction is old, and one that writes holds back the feed."""

    long_s: float = 60.0
    holds_s: float = 10.0


USUAL = Patience()


def inspect(options: DatabaseOptions, patience: Patience = USUAL) -> Inspected:
    """Connect as the gateway does and look; not for a thread that runs an event loop. Raises `DatabaseUnopenable`."""
    with connected(options) as session:
        return _inspected(session, patience)


def _inspected(session: BlockingSession, patience: Patience) -> Inspected:
    standby, *values = session.fetch(_STATE, ())[0]
    looks = [_clock(session) for _ in range(_LOOKS)]
    ahead_s, unsure_s = min(looks, key=lambda one: one[1])
    old, writing = session.fetch(_OLD, (patience.long_s, patience.holds_s))[0]
    prepared = session.fetch(_PREPARED, (patience.holds_s,))[0][0]
    behind = {int(session.fetch(_BACKEND, ())[0][0]) for _ in range(_LOOKS)}
    return Inspected(
        settings=dict(zip(_SETTINGS, map(str, values), strict=True)),
        standby=bool(standby),
        ahead_s=ahead_s,
        unsure_s=unsure_s,
        old=int(old),
        holding=int(writing) + int(prepared),
        sees_all=bool(session.fetch(_SEES, ())[0][0]),
        pooled=behind != {session.server_pid()},
        untuned=tuple(sorted(str(name) for name, told in session.fetch(_OPTIONS, ()) if not _tuned(str(told)))),
        standbys=int(session.fetch(_STANDBYS, ())[0][0]),
    )


def _clock(session: BlockingSession) -> tuple[float, float]:
    """How far the server is ahead, and how sure that is: half of the way there and back."""
    before = time.time()
    there = float(session.fetch(_CLOCK, ())[0][0])
    after = time.time()
    return there - (before + after) / 2, (after - before) / 2


def _tuned(told: str) -> bool:
    """Whether a table's own settings are at least as eager as those of our steps."""
    given = dict(word.split("=", 1) for word in told.split() if "=" in word)
    return all(name in given and float(given[name]) <= most for name, most in _WANTED.items())
