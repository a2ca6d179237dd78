"""The cabinet in the shared store: every node puts files there in pieces, and every node reads them (decision 0034).

No node's disk holds a file, and no memory a whole one: a piece is sealed, sent and durable before the next. A file is whole when
one last row says of how many pieces it is. Who receives it is named by its row, so that no start of another node takes it for
a broken upload.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from gateway.errors import JournalUnavailable
from gateway.journal.books import Row
from gateway.journal.cabinet import Cabinet, Draft
from gateway.journal.chunks import Readable, read_header
from gateway.journal.dialect import statements
from gateway.journal.sealing import SealBroken, sync_directory
from gateway.journal.session import REFUSALS, BlockingSession, DatabaseOptions, Sessions, Unreachable

PIECE = 2 * 1024 * 1024
SILENT_S = 60.0  # a start that has not beaten for so long is not receiving anything any more
_HEAD = 4_096
_LOG = logging.getLogger("gateway")


class SharedCabinet(Cabinet):
    """The files of a shared store as one start of a node uses them; `start` is the name of its evidence chain, node/start id."""

    shared = True

    def __init__(self, options: DatabaseOptions, start: str) -> None:
        super().__init__()
        self.start = start
        self._sql, self._sessions = statements(), Sessions(options)

    def draft(self, label: str) -> Draft:
        """See `Cabinet.draft`; raises `JournalUnavailable`."""
        return _SharedDraft(self, label)

    def settle(self, place: str) -> None:
        """See `Cabinet.settle`. It may be left to the next start: what the row names stays."""
        with suppress(JournalUnavailable):
            self.ask("content.settle", place)

    def discard(self, place: str) -> None:
        """See `Cabinet.discard`; what cannot be removed now is swept later."""
        with suppress(JournalUnavailable):
            self.ask("content.discard", place)

    def has(self, place: str) -> bool:
        """See `Cabinet.has`; raises `JournalUnavailable`."""
        return bool(self.ask("content.pieces", place))

    def leftovers(self) -> list[tuple[str, str, float]]:
        """See `Cabinet.leftovers`; raises `JournalUnavailable`."""
        return [(place, _label(head or b""), age / 1_000_000) for place, head, age in self.ask("content.left", _HEAD)]

    def drop_parts(self) -> int:
        """See `Cabinet.drop_parts`: of earlier starts of this node, and of starts that do not beat any more."""
        node = self.start.rpartition("/")[0]
        return len(self.ask("content.drop_parts", self.start, node + "/", round(SILENT_S * 1_000_000)))

    def find(self, place: str) -> Readable:
        """See `Cabinet.find`; raises `FileNotFoundError`, `JournalUnavailable`."""
        found = self.ask("content.pieces", place)
        if not found:
            raise FileNotFoundError(place)
        return _Pieces(self, place, int(found[0][0]))

    def bring_in(self, folder: Path) -> int:
        """Take over what lies in a folder (of a store that moved here, or before files stood in it); how many files.

        A file leaves the folder when it stands here; a crash between two steps is made good by the next start.
        """
        arrived = sorted((folder / "arrived").glob("*"))
        settled = sorted(folder.glob("[0-9a-f][0-9a-f]/*"))
        for path in (*arrived, *settled):
            if not self.has(path.name):
                self._copy(path)
            if path in settled:
                self.ask("content.settle", path.name)
            path.unlink()
            sync_directory(path.parent)
        return len(arrived) + len(settled)

    def _copy(self, path: Path) -> None:
        self.ask("content.discard_part", path.name)
        self.ask("content.begin", path.name, self.start)
        number = 0
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                self.ask("content.piece", path.name, number, piece)
                number += 1
        self.ask("content.whole", path.name, number)

    def ask(self, name: str, *values: object) -> list[Row]:
        """Run one statement, in a transaction of its own; each may be said twice, so a lost connection is tried once more.

        Raises `JournalUnavailable` for whatever keeps the store from doing it.
        """
        try:
            return self._sessions.ask(lambda session: _asked(session, self._sql[name], values))
        except Unreachable as error:
            raise JournalUnavailable(retry_after_s=1) from error
        except REFUSALS as error:
            _LOG.warning("shared cabinet refused", extra={"code": type(error).__name__})
            raise JournalUnavailable(retry_after_s=1) from error

    def close(self) -> None:
        """See `Cabinet.close`."""
        super().close()
        self._sessions.close()


class _SharedDraft(Draft):
    """A file that goes into the store piece by piece."""

    def __init__(self, cabinet: SharedCabinet, label: str) -> None:
        self._cabinet = cabinet
        self._held = bytearray()
        self._number = 0
        super().__init__(label)

    def _begin(self) -> None:
        self._cabinet.ask("content.begin", self.place, self._cabinet.start)

    def _look(self) -> None:
        """The server refuses what it has no room for."""

    def _put(self, raw: bytes) -> None:
        self._held += raw
        while len(self._held) >= PIECE:
            self._send(bytes(self._held[:PIECE]))
            del self._held[:PIECE]

    def _send(self, piece: bytes) -> None:
        # A piece hangs on its file: where somebody took the file for abandoned, this is refused.
        self._cabinet.ask("content.piece", self.place, self._number, piece)
        self._number += 1

    def _arrive(self) -> None:
        if self._held:
            self._send(bytes(self._held))
            self._held.clear()
        if not self._cabinet.ask("content.whole", self.place, self._number):
            raise JournalUnavailable(retry_after_s=1)

    def _remove(self) -> None:
        self._held.clear()
        self._cabinet.discard(self.place)


class _Pieces:
    """The sealed bytes of a file, one piece at hand."""

    def __init__(self, cabinet: SharedCabinet, place: str, count: int) -> None:
        self._cabinet, self._place, self._count = cabinet, place, count
        self._next = 0
        self._at_hand = b""

    def read(self, size: int) -> bytes:
        """As many bytes, fewer at the end only; raises `SealBroken` where a piece is missing, `JournalUnavailable`."""
        while len(self._at_hand) < size and self._next < self._count:
            found = self._cabinet.ask("content.get", self._place, self._next)
            if not found:
                raise SealBroken(SealBroken.__doc__)
            self._at_hand += found[0][0]
            self._next += 1
        given, self._at_hand = self._at_hand[:size], self._at_hand[size:]
        return given

    def close(self) -> None:
        """Nothing is held."""
        self._at_hand, self._next = b"", self._count


def _asked(session: BlockingSession, sql: str, values: Sequence[object]) -> list[Row]:
    session.ensure()
    return session.fetch(sql, values)


def _label(head: bytes) -> str:
    try:
        return read_header(BytesIO(head))[0]
    except SealBroken:
        return ""
