"""Notices of carriers: who may send them, which parcel they are about, and what each is acknowledged with.

Authenticity comes first, over the bytes received; then the sighting goes to the ledger of its parcel. One about a parcel that is
not ours is acknowledged all the same and quarantined (postal facts 9: a refusal makes the carrier repeat it for ever); one that
was sent outside the window is taken only where it says something new (facts 4.4). The house makes it durable before the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from connectors.kit.contract import Change, Kit, NotGenuine, Notice, Reading, Reply
from connectors.kit.networks import Network, networks_of, within
from connectors.kit.strangers import must_wait_s
from connectors.postal.client import Carriers
from connectors.postal.entering import storable
from connectors.postal.following import Sightings
from connectors.postal.history import place_of
from connectors.postal.identity import SHIPMENTS, STRAYS
from connectors.postal.model import Scan
from connectors.postal.parcels import read_shipment
from connectors.postal.settings import NoticeLimits
from connectors.postal.speaking import Heard, Hears
from connectors.postal.strays import Stray
from mappings.codec import decode

_UNSTORED = Reply(503)


@dataclass(frozen=True, slots=True)
class Voice:
    """A carrier as it is heard: its name in the settings, how it calls, and from where (no network: from anywhere)."""

    carrier: str
    dialogue: Hears
    methods: tuple[str, ...] = ("POST",)
    networks: tuple[Network, ...] = ()

    def may_come_from(self, peer: str) -> bool:
        """Whether a notice may come from that address."""
        return not self.networks or within(peer, self.networks)


def voices_of(carriers: Carriers) -> Mapping[str, Voice]:
    """The carriers that call us, by the dialect that stands in the address of their notices."""
    return {
        one.dialect.name: Voice(one.name, one.dialogue, one.dialect.methods, networks_of(one.settings.sources))
        for one in carriers.all()
        if isinstance(one.dialogue, Hears)
    }


class Notices:
    """The Listener half of the connector."""

    def __init__(self, kit: Kit, voices: Mapping[str, Voice], limits: NoticeLimits) -> None:
        """`voices` by the name that stands in the address of their notices."""
        self._kit, self._voices, self._limits = kit, voices, limits

    async def read(self, notice: Notice) -> Reading:
        """The reading of a notice; the same notice gives the same one. Raises `NotGenuine` with the answer that it gets."""
        voice = self._voices.get(notice.profile)
        if voice is None or notice.method not in voice.methods:
            raise NotGenuine(
                "Không có đơn vị bưu chính nào gửi thông báo tới đây.", code="no_such_voice", reply=Reply(404)
            )
        if len(notice.body) > self._limits.max_bytes or len(notice.query) > self._limits.max_bytes:
            raise NotGenuine("Thông báo quá lớn.", code="too_large", reply=Reply(413))
        if not voice.may_come_from(notice.peer):
            raise await self._refused(voice, notice, Heard("refused_source"))
        heard = voice.dialogue.hear(notice)
        if heard.ack != "taken":
            raise await self._refused(voice, notice, heard)
        return await self._taken(voice, notice, heard)

    async def _taken(self, voice: Voice, notice: Notice, heard: Heard) -> Reading:
        """What a genuine notice says of parcels, as changes of their ledgers."""
        changes = await Sightings(self._kit).changes(voice.carrier, heard.sightings)
        scans = [one.scan for one in heard.sightings]
        if not heard.fresh and not await self._news(zip(changes, scans, strict=True)):
            raise await self._refused(voice, notice, replace(heard, ack="replayed"))
        if any(change.ledger == STRAYS for change in changes):
            wait_s = await self._must_wait("stray-notices", voice, notice)
            if wait_s:
                raise _too_many(wait_s)
        reply = voice.dialogue.acknowledge(heard)
        return Reading(changes, reply.status, reply.body, reply.content_type, unstored=_UNSTORED)

    async def _news(self, said: Iterable[tuple[Change, Scan]]) -> bool:
        """Whether anything of it is not known yet. What was folded away is known: it was kept once."""
        return any([not await self._known(change, storable(scan)) for change, scan in said])

    async def _known(self, change: Change, scan: Scan) -> bool:
        entry = await self._kit.ledgers.read(change.ledger, change.id)
        if entry is None:
            return False
        if change.ledger != SHIPMENTS:
            return any(one.event_id == scan.event_id for one in decode(entry.state, Stray).seen)
        shipment = read_shipment(entry.state)
        folded = shipment.base.until is not None and place_of(scan) <= shipment.base.until
        return folded or any(one.event_id == scan.event_id for one in shipment.history)

    async def _refused(self, voice: Voice, notice: Notice, heard: Heard) -> NotGenuine:
        """The refusal that the carrier's protocol knows; to who tries too often, that he must wait."""
        wait_s = await self._must_wait("refused-notices", voice, notice)
        if wait_s:
            return _too_many(wait_s)
        reply = voice.dialogue.acknowledge(heard)
        return NotGenuine("Thông báo của đơn vị bưu chính không được nhận.", code=heard.ack, reply=reply)

    async def _must_wait(self, budget: str, voice: Voice, notice: Notice) -> int:
        """For how many seconds a source has used up its budget, 0 where it has not."""
        source, limits = f"{voice.carrier}/{notice.peer}", self._limits
        return await must_wait_s(self._kit, budget, source, limits.unknown_per_minute, limits.unknown_burst)


def _too_many(wait_s: int) -> NotGenuine:
    wait = {"Retry-After": str(wait_s)}
    return NotGenuine("Nguồn này gửi quá nhiều thông báo sai hoặc lạ.", code="too_many", reply=Reply(429, headers=wait))
