"""What opening does with a store that came from elsewhere: one that is half here stays shut, one that is whole is welcomed.

The mark is a row of `meta` that no leaf covers: an import writes it first, with its progress, and the first opening after a
whole import takes it away in the transaction that names the heads of all chains that came along.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.errors import ConfigError
from gateway.journal import opening
from gateway.journal.books import DENSE_FROM, Books, Pages
from gateway.journal.model import AuditWrite
from gateway.journal.sealing import sync_directory
from mappings.codec import encode, encode_sorted

MARK = "importing"
MOVED_HERE = "moved"  # what the leaf says that tells of it
AWAY = "moved.json"
READ_ONLY_VI = (
    "chỉ cho đọc: kho này đã được xuất để chuyển nhà, vì hai kho cùng chạy sẽ gửi mỗi thông điệp hai lần; hoặc đây là máy "
    "chủ dự phòng"
)


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """How far an import has come. `export` is the digest of its manifest; `whole`: all is here, and its evidence holds."""

    export: str
    origin: str
    made_at: str
    parts: int
    rows: int
    done: int = 0
    whole: bool = False


class MovedAway(ConfigError):
    """Kho này đã được xuất để chuyển nhà."""

    def __init__(self, note: Path) -> None:
        super().__init__(
            (
                f"{note.parent}: kho này đã được xuất để chuyển nhà, nên không mở nữa: hai kho cùng chạy sẽ gửi mỗi thông điệp "
                f"hai lần. Nếu việc chuyển bị hủy và kho mới chưa từng chạy, hãy xóa tệp {note.name} rồi chạy lại.",
            )
        )


def refuse_moved(folder: Path) -> None:
    """Raises `MovedAway` for the folder of an embedded store that went elsewhere."""
    if (folder / AWAY).exists():
        raise MovedAway(folder / AWAY)


def moved_away(folder: Path, export: str) -> None:
    """Note, durably, that the store of this folder goes on elsewhere; raises OSError."""
    draft = folder / f".{AWAY}"
    draft.write_bytes(encode({"export": export}) + b"\n")
    draft.replace(folder / AWAY)
    sync_directory(folder)


class HalfImported(ConfigError):
    """Kho này mới được nhập một phần."""

    def __init__(self, mark: Mark) -> None:
        super().__init__(
            (
                f"storage: kho này mới được nhập một phần ({mark.done}/{mark.parts} phần, chưa kiểm tra xong bằng chứng); "
                "hãy chạy lại gateway import với cùng bản xuất cho tới khi xong. Chưa có gì được gửi đi từ kho này.",
            )
        )


def mark_of(pages: Pages) -> Mark | None:
    """The mark of an import, if there is one."""
    row = pages.one("meta.get", MARK)
    return None if row is None else read_mark(row[0])


def read_mark(raw: bytes) -> Mark:
    """The mark in its row."""
    return msgspec.json.decode(raw, type=Mark)


def written_mark(mark: Mark) -> bytes:
    """The mark as its row holds it."""
    return encode(mark)


def admit(pages: Pages) -> Mark | None:
    """The mark of a whole import, to be welcomed; raises `HalfImported`."""
    mark = mark_of(pages)
    if mark is not None and not mark.whole:
        raise HalfImported(mark)
    return mark


def begin(books: Books, mark: Mark | None, adopted: Callable[[], None]) -> None:
    """Begin this start's chain; of a store that has just been imported without the mark, which no leaf has covered.

    `adopted` binds a store as it stands, because no leaf names its rows yet, or because several nodes have written it: they
    counted what they wrote over, and this store does not.
    """
    if mark is not None:
        books.run("meta.unmark")
    if opening.begin_chain(books) or (mark is not None and mark.origin == "shared"):
        adopted()


def welcome(books: Books, mark: Mark | None) -> None:
    """Tell in the trail, bound by a leaf, where this store came from; nothing without a mark."""
    if mark is None:
        return
    books.what = MOVED_HERE
    fields = {
        "export": mark.export,
        "origin": mark.origin,
        "made_at": mark.made_at,
        "parts": mark.parts,
        "rows": mark.rows,
    }
    books.audit(AuditWrite("store.moved", "gateway", "", "", encode_sorted(fields)))
    books.end()


def count_on(books: Books, mark: Mark | None) -> None:
    """Let an embedded store count on where the one before it stood; its numbers up to there may have gaps."""
    if mark is None:
        return
    last = books.one("open.last_position")
    books.counters.position = 0 if last is None else int(last[0])
    books.what = MOVED_HERE
    for name in ("position", DENSE_FROM):
        books.run("cursor.put", name, str(books.counters.position))
