"""Whether a server keeps what receipts of the level `sync-standby` promise: a standby that each commit waits for."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.errors import ConfigError, JournalUnavailable
from gateway.journal.books import Row
from gateway.journal.shared_cursor import Session

_WAITS_S = 5  # after which who was refused may ask again


def refuse_unreplicated(session: Session, *, replicated: bool, off: bool) -> None:
    """Raises `ConfigError` where receipts would promise a standby that no commit waits for (`off`: it is not even asked to)."""
    names = session.fetch("SELECT current_setting('synchronous_standby_names')", ())[0][0]
    if replicated and (not names or off):
        missing = "máy chủ chưa đặt synchronous_standby_names" if not names else "synchronous_commit phải từ on trở lên"
        raise ConfigError((f"storage.postgres.durability = sync-standby: {missing}",))


class Standby:
    """Asks a server twice about each transaction that promises a standby: with its number, and when it is committed.

    A commit that succeeds may have stopped waiting: PostgreSQL commits on its own disk alone when the wait is cancelled, and
    says so by a warning; when the names of all standbys are taken away it lets those that wait go without a word.
    """

    def __init__(self, session: Session, sql: Mapping[str, str]) -> None:
        self._session, self._sql = session, sql
        self._expected: Row = ()

    def expect(self, told: Row) -> None:
        """Raises `JournalUnavailable` where this transaction's commit would wait for no standby (`shared.standby`)."""
        if not told[0]:
            # Somebody took the standby's name away while we run: a receipt must not say what is true no more.
            raise JournalUnavailable(retry_after_s=_WAITS_S)
        self._expected = told

    def confirm(self, *, quiet: bool) -> None:
        """After the commit (`quiet`: the server gave no warning); raises `JournalUnavailable` where no standby may have it.

        Settings that one session has read anew in between may have been without any standby for a moment. A pooler shows
        another session, of which only the names count.
        """
        if quiet:
            waits, session, loaded = self._session.fetch(self._sql["shared.standby"], ())[0]
            _, before, known = self._expected
            if waits and (session != before or loaded == known):
                return
        raise JournalUnavailable(retry_after_s=_WAITS_S)
