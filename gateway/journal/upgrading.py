"""Numbered steps of the tables: which are missing, and when each may be applied (decision 0029; delivery-engine 4.1).

A `pre` step fits the program before it and the one after it, so it is applied while the old one still runs. A `post` step takes
something away that an older program needs: it waits until no such program lives. Steps of one store are numbered for good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from gateway.errors import ConfigError
from gateway.journal.months import PATIENT, TABLES, make, month, partitions, there
from gateway.journal.shared_cursor import Session
from gateway.journal.statements import FIRST_STEP, Migration

MONTHS_AHEAD = 12
"""For how many months `gateway migrate` makes partitions: a node that may not make tables needs them beforehand."""

SAME_VI = "hãy dùng đúng bản chương trình đã nâng cấp kho, hoặc một bản phát hành sau nó"
"""What to do about a step that is not the one that was applied: none is ever edited once it is released."""

_LIVE_US = 30_000_000
_BEHIND = """
SELECT node FROM node WHERE start <> '' AND knows < $1
  AND beat > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - $2 ORDER BY node
"""
_KNOWS = "UPDATE node SET knows = $2 WHERE node = $1"


class SchemaBehind(ConfigError):
    """Kho dữ liệu và chương trình không cùng bước nâng cấp."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is missing of a store's steps: `pre` and `post`, each in order, and the partitions of this month and the next.

    `older` are live nodes whose program does not know the newest step: `post` waits for them. `strange` are steps of a newer
    program after which this one may not run any more. `altered` are steps whose text is not the one that was applied here:
    what this program believes of the tables is not what stands.
    """

    pre: tuple[Migration, ...] = ()
    post: tuple[Migration, ...] = ()
    partitions: tuple[str, ...] = ()
    older: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing is missing, strange or altered."""
        return not (self.pre or self.post or self.partitions or self.strange or self.altered)


def missing(steps: Sequence[Migration], applied: Mapping[int, str]) -> Standing:
    """What is not applied, and what is applied that nobody here knows; `applied`: names by number."""
    left = [step for step in steps if step.number not in applied]
    known = {step.number for step in steps}
    ours = {
        step.number // FIRST_STEP for step in steps
    }  # a store that moved here has rows of its other kind's steps too
    # A `pre` step of a newer program fits this one; only what takes something away does not.
    newer = ((number, name) for number, name in sorted(applied.items()) if number not in known and "_post_" in name)
    strange = (name for number, name in newer if number // FIRST_STEP in ours)
    return Standing(
        tuple(step for step in left if not step.post), tuple(step for step in left if step.post), strange=tuple(strange)
    )


def refuse_strange(standing: Standing) -> None:
    """Raises `SchemaBehind` where a newer program has taken away what this one needs, or an applied step has another text."""
    if standing.altered:
        raise SchemaBehind((f"bước {', '.join(standing.altered)} khác với bước đã thực hiện trên kho này; {SAME_VI}",))
    if standing.strange:
        told = f"kho dữ liệu đã được nâng cấp cho chương trình mới hơn ({', '.join(standing.strange)}); hãy dùng bản mới đó"
        raise SchemaBehind((told,))


class SharedSteps:
    """The steps of the shared store, over a session that blocks its thread."""

    def __init__(self, session: Session, sql: Mapping[str, str], steps: Sequence[Migration], now: int) -> None:
        """`now`: the time in µs by which months are counted and steps are dated."""
        self._session, self._sql, self._steps, self._now = session, sql, tuple(steps), now

    def look(self) -> Standing:
        """What is missing; nothing is changed."""
        applied = self._applied()
        found = self._standing(applied)
        if not applied:
            return found
        newest = max(step.number for step in self._steps)
        older = self._session.fetch(_BEHIND, (newest, _LIVE_US)) if found.post else []
        left = [name for name, _ in self._months(2) if not self._there(name)]
        return replace(found, partitions=tuple(left), older=tuple(row[0] for row in older))

    def open(self, *, apply: bool) -> None:
        """At the start of a node: apply the `pre` steps, or with `apply` False refuse where one is missing.

        Raises `SchemaBehind`, also for a store that a newer program has taken something away from, or another one has made.
        """
        standing = self._standing(self._applied())
        refuse_strange(standing)
        if standing.pre and not apply:
            named = ", ".join(step.name for step in standing.pre)
            told = f"kho dữ liệu còn thiếu bước {named}; hãy chạy gateway migrate trước (storage.postgres.migrate = refuse)"
            raise SchemaBehind((told,))
        for step in standing.pre:
            self.apply(step)

    def know(self, node: str) -> None:
        """Note how far this node's program knows the steps, for those that wait for older ones."""
        self._session.fetch(_KNOWS, (node, max(step.number for step in self._steps)))

    def apply(self, step: Migration) -> bool:
        """Apply a step in a transaction of its own, unless somebody has done so meanwhile; whether it was we."""
        with self._alone():
            if step.number in self._applied():
                return False
            self._session.run(step.sql)
            self._session.fetch(self._sql["shared.apply"], (step.number, step.name, self._now, step.sha256))
        return True

    def make_partitions(self, months: int = MONTHS_AHEAD) -> list[str]:
        """Make the partitions of this month and those after it that are not there; which they were."""
        made: list[str] = []
        for partition in self._months(months + 1):
            with self._alone():
                made += make(self._session, self._sql, [partition], PATIENT)
        return made

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One transaction, while no other node changes tables."""
        self._session.run("BEGIN")
        try:
            self._session.fetch(self._sql["shared.alone"], (TABLES,))
            yield
            self._session.run("COMMIT")
        except BaseException:
            self._session.drop()
            raise

    def _standing(self, applied: Mapping[int, tuple[str, str]]) -> Standing:
        """What is missing, strange or altered of the steps."""
        texts = {number: sha256 for number, (_, sha256) in applied.items() if sha256}
        altered = (step.name for step in self._steps if texts.get(step.number, step.sha256) != step.sha256)
        found = missing(self._steps, {number: name for number, (name, _) in applied.items()})
        return replace(found, altered=tuple(altered))

    def _applied(self) -> dict[int, tuple[str, str]]:
        """Name and digest of the text of each step that was applied, by number."""
        if not self._there("migration"):
            return {}
        return {int(row[0]): (str(row[1]), str(row[2])) for row in self._session.fetch(self._sql["shared.applied"], ())}

    def _there(self, table: str) -> bool:
        return there(self._session, self._sql, table)

    def _months(self, count: int) -> Iterator[tuple[str, str]]:
        this = month(self._now)
        for number in range(this, this + count):
            yield from partitions(number)
