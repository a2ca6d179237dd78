"""Follows the portal's catalogues: one look at each when the schedule says so, a change for the ledger where it differs.

The cursor is JSON: how far this round is, and for each catalogue how many changes were told and the digest of the last, so
that an unchanged catalogue costs one call and nothing else, and one that goes back to what it was is a change again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from connectors.kit.contract import Budget, Change, Kit, Page
from connectors.kit.tokens import Attempt
from connectors.national_dvc.catalogue import Catalogue
from connectors.national_dvc.profiles._mapi.catalogue_ledger import KIND, Entry, Observed, own_procedures
from connectors.national_dvc.profiles._mapi.catalogues import PROCEDURES, Row, digest
from mappings.dates import local_date

_PAGE_S = 55.0


class _Told(msgspec.Struct, frozen=True):
    """What the ledger of one catalogue was told: how many changes, and the digest of the last."""

    changes: int = 0
    digest: str = ""


class _Cursor(msgspec.Struct, frozen=True):
    """Where the poller stands: the position in this round, and what each ledger was told."""

    at: int = 0
    told: Mapping[str, _Told] = {}


class CatalogueFollower:
    """The poller. `services` are looked at in order, one a page; none at all where no path is configured for them."""

    def __init__(self, catalogue: Catalogue, kit: Kit, services: Sequence[str]) -> None:
        self._catalogue = catalogue
        self._kit = kit
        self._services = tuple(services)

    async def poll(self, cursor: str) -> Page:
        """One catalogue; `more` until the round is through."""
        if not self._services:
            return Page((), cursor)
        stands = msgspec.json.decode(cursor, type=_Cursor) if cursor else _Cursor()
        # A configuration that follows fewer catalogues than before begins a new round.
        at = stands.at if stands.at < len(self._services) else 0
        service = self._services[at]
        attempt = Attempt(Budget(self._kit.instant() + _PAGE_S, _PAGE_S), self._kit.instant())
        observed = await self._observed(service, attempt)
        before = stands.told.get(service, _Told())
        # Our own list stands beside it: once that changes, the same catalogue means something else.
        ours = own_procedures(local_date(self._kit.now())) if service == PROCEDURES else {}
        seen = digest([observed.rows, observed.hidden, ours])
        told, changes = dict(stands.told), []
        if seen != before.digest:
            told[service] = _Told(before.changes + 1, seen)
            key = f"{service}-{before.changes + 1}"
            changes.append(Change(KIND, service, key, msgspec.to_builtins(observed)))
        more = at + 1 < len(self._services)
        after = _Cursor(at + 1 if more else 0, told)
        return Page(tuple(changes), msgspec.json.encode(after).decode(), more)

    async def _observed(self, service: str, attempt: Attempt) -> Observed:
        rows = await self._catalogue.fresh_rows(service, attempt)
        day = local_date(self._kit.now())
        hidden = await self._hidden(rows, attempt) if service == PROCEDURES and rows else ()
        entries = {row.code: Entry(row.name, row.raw) for row in rows}
        return Observed(service, day.isoformat(), entries, hidden)

    async def _hidden(self, rows: Sequence[Row], attempt: Attempt) -> tuple[str, ...]:
        """Our own procedures that the list has no more, but of which the portal still knows and says "not public" (2.2)."""
        listed = {row.code for row in rows}
        missing = sorted(set(own_procedures(local_date(self._kit.now()))) - listed)
        known = [(code, await self._catalogue.procedure(code, attempt)) for code in missing]
        return tuple(code for code, found in known if found.code and not found.public)
