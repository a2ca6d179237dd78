"""Opening a store: the schema is brought up to date, the key is checked, and this start's evidence chain begins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gateway.clock import from_micros
from gateway.errors import GatewayError
from gateway.journal import reading
from gateway.journal.books import Books, Counters, Cursor, Pages, sha256
from gateway.journal.bound import BOUND
from gateway.journal.sealing import KeyRing
from gateway.journal.statements import migrations
from mappings.codec import encode_sorted

_EVERY_CHAIN = 1 << 31


class StoreUnopenable(GatewayError):
    """Không mở được kho dữ liệu."""

    def __init__(self, folder: Path, cause: BaseException) -> None:
        seen = (cause.strerror if isinstance(cause, OSError) else "") or str(cause)
        super().__init__(
            f"{folder}: không mở được kho dữ liệu ({type(cause).__name__}: {seen}); hãy kiểm tra chỗ trống, quyền và tệp "
            "journal.db. Không có gì bị thay đổi."
        )


def migrate(cursor: Cursor, now: int) -> None:
    """Apply what is missing, each step in its own transaction, in order, and record it."""
    known = cursor.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migration'").fetchone()
    applied = set() if known is None else {row[0] for row in cursor.execute("SELECT number FROM migration").fetchall()}
    for step in migrations():
        if step.number in applied:
            continue
        cursor.execute(f"BEGIN IMMEDIATE; {step.sql}").fetchall()
        cursor.execute(
            "INSERT INTO migration (number, name, applied_at) VALUES (?1, ?2, ?3)", (step.number, step.name, now)
        )
        cursor.execute("COMMIT")


def check_key(cursor: Cursor, pages: Pages, sql: Mapping[str, str], keys: KeyRing) -> None:
    """Raises `WrongKey` unless this KEK made the store; a new store remembers its KEK by a proof, not by its value."""
    row = pages.one("meta.get", "kek_proof")
    if row is None:
        cursor.execute(sql["meta.put"], ("kek_proof", keys.proof()))
    else:
        keys.check(row[0])


def counters(pages: Pages) -> Counters:
    """Where the sequences of this store stand."""
    row = pages.one("open.counters") or (0, 0)
    return Counters(position=int(row[0]), payload_ref=int(row[1]), leaf_n=0, head=b"")


def begin_chain(books: Books) -> bool:
    """Register the node and append the first leaf: over a record, signed where there is a key, that names the last head of
    every other chain.

    It covers what this store is by, too: how its key is recognised, and which steps brought its tables here. True when
    the chain before it does not name its rows (an older program wrote it, before an upgrade or after one that was taken
    back): all that stands is to be adopted.
    """
    author = books.author
    books.what = "open"
    books.run("open.node", author.node, books.now)
    for table in ("meta", "migration"):
        for row in books.rows("open.meta" if table == "meta" else "open.migrations"):
            books.register(BOUND[table], row)
    newest = books.one("open.newest_chain")
    before = reading.leaves(books, "", 0, _EVERY_CHAIN)
    heads = {leaf.writer: {"n": leaf.n, "digest": leaf.digest.hex()} for leaf in before}
    opened_at = from_micros(books.now)
    said: dict[str, object] = {"writer": author.writer, "node": author.node, "opened_at": opened_at, "heads": heads}
    signature = author.vouch(encode_sorted(said))
    state = encode_sorted({**said, "signature": signature} if signature else said)
    books.run("record.put", "chain_opening", author.writer, 1, state, None, "")
    books.chain_leaf(sha256(state))
    return newest is not None and not any(leaf.about for leaf in before if leaf.writer == newest[0])


def adopt(books: Books, cursor: Cursor) -> None:
    """Bind every row of a store that was kept before leaves named their rows: as they stand, from here on they count.

    `cursor` is one of its own, because rows are bound while they are read.
    """
    books.what = "adopt"
    for table in books.tables.values():
        found = cursor.execute(f"SELECT {table.columns} FROM {table.name}")
        while (row := found.fetchone()) is not None:
            books.register(table, row)
    books.end()
