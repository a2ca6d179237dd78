"""The numbered steps of the embedded store: looked at while it is in use or at rest, applied while no gateway runs."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import apsw

from gateway.journal import lock, opening
from gateway.journal.connections import Engine
from gateway.journal.opening import StoreUnopenable
from gateway.journal.options import StoreOptions
from gateway.journal.statements import migrations
from gateway.journal.upgrading import Standing, missing

FILE = "journal.db"


def look_embedded(folder: Path) -> Standing:
    """What is missing in the embedded store of a folder, read only, in use or at rest; raises `StoreUnopenable`."""
    path = folder / FILE
    try:
        connection = apsw.Connection(f"file:{path}?mode=ro", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
        try:
            rows = connection.cursor().execute("SELECT number, name FROM migration").fetchall()
        finally:
            connection.close()
    except apsw.Error as error:
        raise StoreUnopenable(folder, error) from error
    return missing(migrations(), {int(str(number)): str(name) for number, name in rows})


def upgrade_embedded(folder: Path, options: StoreOptions, now: int) -> None:
    """Apply what is missing; raises `StoreInUse` while a gateway runs, `StoreUnopenable`."""
    with ExitStack() as undo:
        undo.callback(os.close, lock.take(folder))
        try:
            engine = Engine(folder / FILE, options)
            undo.callback(engine.close)
            opening.migrate(engine.cursor, now)
        except apsw.Error as error:
            raise StoreUnopenable(folder, error) from error
