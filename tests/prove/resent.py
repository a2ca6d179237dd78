"""Every send that crossed the wire more than once, by the portal's own books, against what the gateway shows of it.

The simulator writes down every call that reached it, also one that it then refused, broke off or forgot to answer. The gateway
counts a message's attempt in the claim, before anything is sent. So of no message may the portal have seen more sends than the
gateway shows attempts; a send that only the wire knows of would be a re-send that nobody is told of.

One kind is counted apart: a call whose session had ended did nothing, and goes out once more within its attempt. Such calls are
known by the portal's books; each node counts them in `gateway_calls_again_total`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.cli.demonstration.play import Play
from gateway.cli.demonstration.servers import PostgresServer

_KINDS = {"DongBoHoSoMC": "state", "CapNhatTienDoHoSoMC": "progress"}
_SHOWN = """
SELECT l.dossier, m.kind, count(*), sum(m.attempts) FROM msg m JOIN lane l USING (lane_id)
WHERE m.upstream = 'national_dvc' AND m.kind IN ('state', 'progress') GROUP BY 1, 2"""


@dataclass(slots=True)
class Resent:
    """`sent` items on the wire, `again` of them more than once, `untold` of these that the gateway does not show.

    `turned_away` went out with a session that had ended, and are not among them.
    """

    sent: int = 0
    again: int = 0
    shown: int = 0
    untold: int = 0
    turned_away: int = 0
    faults: list[str] = field(default_factory=list)


async def resent(play: Play, postgres: PostgresServer, database: str) -> Resent:
    """Compare the books of the portal with the attempts in the store, read by psql."""
    calls = (await play.get(f"{play.scene.portal}/_simulator/calls"))["calls"]
    shown = {}
    for line in postgres.say(_SHOWN, database).splitlines():
        dossier, kind, messages, attempts = line.split("|")
        shown[dossier, kind] = (int(messages), int(attempts))
    return compared(calls, shown)


def compared(calls: Iterable[Mapping[str, Any]], shown: Mapping[tuple[str, str], tuple[int, int]]) -> Resent:
    """`shown`: by dossier and kind, how many messages there are and how many attempts they took in all."""
    told, wire = Resent(), Counter[tuple[str, str]]()
    met: Counter[tuple[str, str]] = Counter()
    for call in calls:
        kind = _KINDS.get(str(call["operation"]))
        if kind is None:
            continue
        summary = call["summary"]
        items = len(summary.get("states", ())) or 1
        if summary.get("session") == "ended":
            told.turned_away += items
            continue
        wire[str(summary.get("dossier", "")), kind] += items
    for place, sent in wire.items():
        messages, attempts = shown.get(place, (0, 0))
        met[place] = messages
        told.sent += sent
        told.again += max(0, sent - messages)
        told.shown += attempts - messages
        if sent > attempts:
            told.untold += sent - attempts
            told.faults.append(f"{place[0]} {place[1]}: {sent} sends on the wire, {attempts} attempts shown")
    if not told.sent:
        told.faults.append("no send stands in the books of the portal, so nothing was compared")
    return told
