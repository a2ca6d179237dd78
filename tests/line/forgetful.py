"""The gateway with one thing spoiled: what found no room on the disk is acknowledged all the same. For the negative control."""

from __future__ import annotations

from gateway.cli.program import main
from gateway.errors import JournalUnavailable
from gateway.journal.model import Accepted, Intake
from gateway.journal.sqlite import SqliteJournal

_keep = SqliteJournal.accept
_last: list[Accepted] = []


async def _acknowledge(journal: SqliteJournal, intake: Intake) -> Accepted:
    try:
        answered = await _keep(journal, intake)
    except JournalUnavailable:
        return _last[-1]
    if answered.status == 202:
        _last.append(answered)
    return answered


if __name__ == "__main__":
    setattr(SqliteJournal, "accept", _acknowledge)  # noqa: B010 - that is what is spoiled
    main()
