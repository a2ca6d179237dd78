"""Notices of intermediaries: who may send them, what they are about, and what each is acknowledged with.

Authenticity comes first, over the bytes received; then the reference must lead to an attempt of that intermediary; then the
guards say what the notice counts for. The ledger decides when it is entered, and the house makes it durable before anything is
acknowledged. Who is not known learns nothing: an unknown reference is looked for as long as a known one (abuse case A29).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from connectors.kit.contract import Kit, NotGenuine, Notice, Reading, Reply
from connectors.kit.networks import Network, within
from connectors.kit.strangers import must_wait_s
from connectors.payment.changes import Said
from connectors.payment.entering import LEDGER, change_of
from connectors.payment.guards import MONEY_TROUBLE, Weight, attempt_of, inflow_of, weigh
from connectors.payment.model import State, Statement, Verdict
from connectors.payment.payment import Attempt, Payment
from connectors.payment.references import ID_LENGTH, Referred, referred
from connectors.payment.settings import NoticeLimits
from connectors.payment.speaking import Ack, Dialogue, Heard
from mappings.codec import decode

_NOBODY = "0" * ID_LENGTH
_JSON = "application/json"
_LASTING = {Verdict.FAILED: State.FAILED, Verdict.EXPIRED: State.EXPIRED}


@dataclass(frozen=True, slots=True)
class Voice:
    """An intermediary as it is heard: its dialogue, how it calls, and from where (no network: from anywhere)."""

    name: str
    dialogue: Dialogue
    methods: tuple[str, ...] = ("POST",)
    networks: tuple[Network, ...] = ()

    def may_come_from(self, peer: str) -> bool:
        """Whether a notice may come from that address."""
        return not self.networks or within(peer, self.networks)


class Notices:
    """The Listener half of the connector."""

    def __init__(self, kit: Kit, voices: Mapping[str, Voice], limits: NoticeLimits) -> None:
        """`voices` by the name that stands in the address of their notices."""
        self._kit, self._voices, self._limits = kit, voices, limits

    async def read(self, notice: Notice) -> Reading:
        """The reading of a notice; the same notice gives the same one. Raises `NotGenuine` with the answer that it gets."""
        voice = self._voices.get(notice.profile)
        if voice is None or notice.method not in voice.methods:
            raise NotGenuine("Không có trung gian nào gửi thông báo tới đây.", code="no_such_voice", reply=Reply(404))
        _check_form(notice, self._limits.max_bytes)
        if not voice.may_come_from(notice.peer):
            raise await self._refused(voice, notice, Heard(Ack.REFUSED_SOURCE))
        heard = voice.dialogue.hear(notice)
        if heard.ack is not Ack.TAKEN:
            raise await self._refused(voice, notice, heard)
        if heard.statement is None:
            return _reading(voice, heard, Ack.TAKEN, Ack.TAKEN)
        return await self._about(voice, notice, heard, heard.statement)

    async def _about(self, voice: Voice, notice: Notice, heard: Heard, said: Statement) -> Reading:
        """What a genuine notice says of an attempt, as a change of its ledger."""
        place = referred(said.ref)
        found = await self._find(place)
        if place is None or found is None:
            raise await self._refused(voice, notice, replace(heard, ack=Ack.UNKNOWN_REFERENCE))
        payment, attempt = found
        weight = weigh(payment, attempt, said)
        if weight in (Weight.NOT_OURS, Weight.OTHER_REFERENCE):
            ack = Ack.NOT_OURS if weight is Weight.NOT_OURS else Ack.UNKNOWN_REFERENCE
            raise await self._refused(voice, notice, replace(heard, ack=ack))
        kept = _bare(said) if weight is Weight.UNTRUSTED else said
        change = change_of(payment.payment_id, Said(at=self._kit.now(), attempt=attempt.number, statement=kept))
        # A claim about another amount is refused where it is made, though nobody vouches for the claim (facts 4.4).
        claimed = weight is Weight.UNTRUSTED and said.amount not in (None, payment.amount)
        if claimed or weight in MONEY_TROUBLE:
            first = again = Ack.AMOUNT_DIFFERS
        else:
            again = Ack.DUPLICATE
            first = Ack.DUPLICATE if weight is Weight.COUNTS and _is_old(attempt, said) else Ack.TAKEN
        reading = _reading(voice, heard, first, again)
        return replace(reading, inputs=(change,))

    async def _find(self, place: Referred | None) -> tuple[Payment, Attempt] | None:
        """The attempt that a reference names. The store is asked whether or not there can be one: both take as long."""
        entry = await self._kit.ledgers.read(LEDGER, place.payment_id if place is not None else _NOBODY)
        if entry is None or place is None or place.kind != "a":
            return None
        payment = decode(entry.state, Payment)
        attempt = attempt_of(payment, place.number)
        return (payment, attempt) if attempt is not None else None

    async def _refused(self, voice: Voice, notice: Notice, heard: Heard) -> NotGenuine:
        """The refusal that the intermediary's protocol knows; to who tries too often, that he must wait."""
        source, limits = f"{voice.name}/{notice.peer}", self._limits
        wait_s = await must_wait_s(
            self._kit, "refused-notices", source, limits.unknown_per_minute, limits.unknown_burst
        )
        if not wait_s:
            reply = voice.dialogue.acknowledge(heard.ack, heard)
            return NotGenuine("Thông báo thanh toán không được nhận.", code=str(heard.ack), reply=reply)
        wait = {"Retry-After": str(wait_s)}
        return NotGenuine("Nguồn này gửi quá nhiều thông báo sai.", code="too_many", reply=Reply(429, headers=wait))


def _check_form(notice: Notice, most: int) -> None:
    """Refuse what no intermediary sends before anything of it is read (abuse case A28)."""
    if len(notice.body) > most or len(notice.query) > most:
        raise NotGenuine("Thông báo quá lớn.", code="too_large", reply=Reply(413))
    kind = notice.headers.get("content-type", "").partition(";")[0].strip().lower()
    if notice.method == "POST" and kind != _JSON:
        raise NotGenuine("Thông báo phải là JSON.", code="not_json", reply=Reply(415))


def _bare(said: Statement) -> Statement:
    """What counts of words that nobody vouches for: that they were said, by a verdict's name. The rest anybody may have written.

    So whoever has one genuine message, and rewrites what its signature does not cover, adds no row for each (case A29).
    """
    return Statement(
        source=said.source,
        provider=said.provider,
        ref=said.ref,
        verdict=said.verdict,
        trusted=False,
        key_id=said.key_id,
    )


def _is_old(attempt: Attempt, said: Statement) -> bool:
    """Whether the ledger knows that already, from whichever source: then the intermediary is told that we do."""
    if said.verdict is Verdict.PAID:
        known = inflow_of(attempt, said.txn_id)
        return known is not None and known.counts
    return said.verdict in _LASTING and attempt.state is _LASTING[said.verdict]


def _reading(voice: Voice, heard: Heard, first: Ack, again: Ack) -> Reading:
    """The acknowledgement of a notice that is taken; another one where it changed nothing, or could not be stored."""
    reply = voice.dialogue.acknowledge(first, heard)
    return Reading(
        (),
        status=reply.status,
        body=reply.body,
        content_type=reply.content_type,
        again=voice.dialogue.acknowledge(again, heard),
        unstored=voice.dialogue.acknowledge(Ack.UNSTORED, heard),
    )
