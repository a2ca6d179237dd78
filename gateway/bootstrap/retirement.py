"""Old months let go by an operator's order, beside nodes that go on; never one that is younger than the store must keep."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from gateway.bootstrap.kek import kek_of
from gateway.bootstrap.stores import database_options
from gateway.clock import Clock, to_micros
from gateway.config import Loaded, secret
from gateway.config.model import Postgres
from gateway.errors import GatewayError, JournalUnavailable
from gateway.evidence.log import chain
from gateway.journal import reading, retiring
from gateway.journal.books import Pages, Vault
from gateway.journal.dialect import statements
from gateway.journal.lanes import lane_id
from gateway.journal.months import month
from gateway.journal.postgres import engine_of
from gateway.journal.retired import named
from gateway.journal.retiring import Gone, Hold, Order, Retiring, wholly_before
from gateway.journal.sealing import KeyRing, Shelf
from gateway.journal.session import (
    FORBIDDEN,
    UNREADABLE,
    BlockingSession,
    DatabaseOptions,
    connected,
    in_short,
)
from gateway.journal.shared_cursor import SharedCursor
from gateway.records import repairs
from gateway.records.repairs import RepairState

NODE = "retire"
"""Under this name a retirement enters the evidence: as a start of its own, beside those of the nodes."""

_PATIENCE_S = 3_600.0  # counting the rows of a month may take long; no lock is held meanwhile
_PAGE = 500
_AGAIN_VI = "Phân vùng đang làm thì còn nguyên hoặc đã bỏ hẳn; hãy chạy lại."
_LAST = "\U0010ffff"


class RetirementRefused(GatewayError):
    """Không bỏ được phân vùng."""


@dataclass(frozen=True, slots=True)
class Retirement:
    """What went (or would go), and what stays and why; `broken_vi`: why it ended before every month was looked at."""

    gone: tuple[Gone, ...]
    kept: tuple[Hold, ...]
    broken_vi: str = ""


def would_retire(loaded: Loaded, before: int, clock: Clock) -> Retirement:
    """What `retire` would come to now; nothing is changed. Raises as that does."""
    postgres = _store(loaded)
    options = _options(loaded, postgres)
    with connected(options) as session:
        refuse_young(before, postgres.keep_months, _now(session, clock))
        run = Retiring(session, Order("", "", partial(open_repairs, session, options.kek)))
        gone, kept = retiring.all_of(run, wholly_before(session, before))
    return Retirement(tuple(gone), tuple(kept))


def retire(
    loaded: Loaded, before: int, who: tuple[str, str], clock: Clock, pause: Callable[[float], object] = time.sleep
) -> Retirement:
    """Let go of every partition before a month (since January 1970) that nothing needs; `who` orders it, and why.

    Blocks; not where an event loop runs. Raises `RetirementRefused`, `DatabaseUnopenable`.
    """
    postgres = _store(loaded)
    options = _options(loaded, postgres)
    with connected(options) as session:
        refuse_young(before, postgres.keep_months, _now(session, clock))
        if not wholly_before(session, before):
            return Retirement((), ())
    return carried_out(options, before, who, clock, pause)


def carried_out(
    options: DatabaseOptions, before: int, who: tuple[str, str], clock: Clock, pause: Callable[[float], object]
) -> Retirement:
    """The same without a look at what the store must keep.

    Once the store is open, what ends it is told with what went before (`Retirement.broken_vi`).
    """
    engine = engine_of(options, chain, clock)
    gone: list[Gone] = []
    kept: list[Hold] = []
    broken = ""
    try:
        run = Retiring(engine.session, Order(*who, partial(open_repairs, engine.session, options.kek)))
        for part in wholly_before(engine.session, before):
            done = run.held(part) or run.let_go(engine, part, pause, options.reach)
            if isinstance(done, Gone):
                gone.append(done)
            elif done is not None:
                kept.append(done)
    except FORBIDDEN as error:
        raise RetirementRefused(
            f"{RetirementRefused.__doc__} Tài khoản này không phải chủ của các bảng: hãy đặt [storage.postgres] migrate_dsn "
            f"là tài khoản sở hữu bảng ({in_short(error)})."
        ) from error
    except UNREADABLE as error:
        broken = f"Cơ sở dữ liệu không làm được tiếp ({in_short(error)})."
    except JournalUnavailable:
        broken = "Không chắc máy dự phòng đã có những gì vừa ghi (durability = sync-standby)."
    finally:
        engine.close()
    return Retirement(tuple(gone), tuple(kept), broken and f"{broken} {_AGAIN_VI}")


def refuse_young(before: int, keep_months: int, now: int) -> None:
    """Raises `RetirementRefused` where a month before `before` has not been over for `keep_months` at `now` (µs)."""
    latest = month(now) - keep_months
    if before > latest:
        raise RetirementRefused(
            f"Chỉ bỏ được các tháng trước {named(latest)}: [storage.postgres] keep_months = {keep_months} "
            "(số tháng phải giữ sau khi tháng kết thúc)."
        )


def open_repairs(session: BlockingSession, kek: bytes) -> tuple[int, ...]:
    """The lanes of differences that a person still sees to: their messages may have to be sent again."""
    sql = statements()
    pages = Pages(SharedCursor(session, sql), sql, Vault(KeyRing(kek), Shelf(Path("/nonexistent"), 0)))
    found: list[int] = []
    after = ""
    while page := reading.records_between(pages, repairs.KIND, (after, _LAST), _PAGE):
        open_ones = [one for one in map(repairs.parse, page) if one.state is RepairState.OPEN]
        found += [lane_id(one.upstream, one.dossier) for one in open_ones]
        after = page[-1].key.id
    return tuple(found)


def _store(loaded: Loaded) -> Postgres:
    postgres = loaded.settings.storage.postgres
    if postgres is None:
        raise RetirementRefused(
            "Kho nhúng (SQLite) không chia theo tháng và giữ tất cả: không có gì để bỏ. "
            "Muốn bỏ dữ liệu tháng cũ, hãy chuyển sang PostgreSQL (gateway export, gateway import)."
        )
    return postgres


def _options(loaded: Loaded, postgres: Postgres) -> DatabaseOptions:
    """The store as the user whose the tables are."""
    options = database_options(loaded, postgres, kek_of(loaded))
    if postgres.migrate_dsn:
        options = replace(options, dsn=secret(postgres.migrate_dsn, loaded.base))
    return replace(options, node=NODE, migrate=False, answer_s=_PATIENCE_S)


def _now(session: BlockingSession, clock: Clock) -> int:
    """The earlier of the server's time and ours: a clock that is ahead makes no month older than it is."""
    return min(int(session.fetch(statements()["server.clock"], ())[0][0]), to_micros(clock.now()))
