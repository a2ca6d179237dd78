"""Cổng Dịch vụ công quốc gia: what the line may ask of the portal, and how its promises are kept there.

Operations of an event, in lane order: `state` replaces the dossier in full (repeating it is harmless), `progress`
appends history rows (repeating them is not, and nobody can ask what the portal holds). What the portal acknowledged is
kept in the lane's memory:

    created   "1" once the portal is known to hold the dossier
    state     the status acknowledged last
    received_at, resolved_at, due_at, due_stated    dates that events brought (`profiles._mapi.moments`)
    said      status and dates as they were acknowledged last (`publishing`)
    results   codes of the results that were acknowledged
    rows      statuses of which a progress row was acknowledged, such as "2,4,9"
    events    short digests of the events whose own row was acknowledged, the last 200
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from connectors.kit.contract import (
    Answer,
    Audience,
    Believed,
    Budget,
    Delivery,
    Endpoint,
    Enquiry,
    Found,
    Health,
    Kit,
    Ledger,
    Notice,
    Poller,
    Question,
    ReadBack,
    Receipt,
    Reply,
    Sight,
    TaskDelivery,
)
from connectors.kit.errors import Busy, CannotMap, ContractChanged, DeliveryError, Exchange, NotSent, SettingsError
from connectors.kit.http import HttpClient, HttpOptions
from connectors.kit.roads import road
from connectors.kit.tokens import Attempt
from connectors.national_dvc.catalogue import Catalogue
from connectors.national_dvc.client import (
    NOBODY,
    SECRET_KEYS,
    Account,
    Dialect,
    PortalClient,
    Said,
    refusal_of,
)
from connectors.national_dvc.following import CatalogueFollower
from connectors.national_dvc.generations import GENERATIONS, Generation, MappedDossier
from connectors.national_dvc.history import Plan, Planned, plan, rows_left
from connectors.national_dvc.profiles._mapi.catalogue_ledger import KIND as CATALOGUES
from connectors.national_dvc.profiles._mapi.catalogue_ledger import Catalogues
from connectors.national_dvc.profiles._mapi.catalogues import LISTINGS
from connectors.national_dvc.profiles._mapi.doubts import harm_of_repeating
from connectors.national_dvc.profiles._mapi.mapping import (
    RESULT_UNVERIFIED,
    RESULTS_SENT,
    needs_catalogue,
    withheld,
)
from connectors.national_dvc.profiles._mapi.moments import witnessed
from connectors.national_dvc.profiles._mapi.outcomes import Family
from connectors.national_dvc.profiles._mapi.rules import portal_status
from connectors.national_dvc.publishing import SAID, Publisher, said, with_links
from connectors.national_dvc.settings import Settings as Settings
from mappings.codes import Origin
from mappings.dates import local_date

STATE, PROGRESS = "state", "progress"
PROCEDURE_SUBJECT, CATALOGUE_SUBJECT = "procedure", "catalogue"

_HINT_TTL = timedelta(hours=1)
_ASK_S = 30.0
_EXISTS_ONLY = "Cổng có hồ sơ nhưng không cho biết nội dung; gửi lại cùng nội dung là vô hại."


class NationalPortal:
    """Deliverer, BatchDeliverer, Enquirer (of tasks too), Lookup, Poller, Ledger, Endpoint, ReadsBack and Probe of the portal."""

    def __init__(self, settings: Settings, client: PortalClient, kit: Kit) -> None:
        self._settings = settings
        self._client = client
        self._kit = kit
        self._generation: Generation = GENERATIONS[settings.profile]
        self._catalogue = Catalogue(client, kit, settings.madonvi, settings.catalogue_ttl_s)
        self._publisher = Publisher(settings, client, self._catalogue, kit)
        self._follower = CatalogueFollower(self._catalogue, kit, settings.followed)

    async def deliver(self, delivery: Delivery) -> Receipt:
        """The portal's receipt for one delivery."""
        if delivery.operation == STATE:
            return await self._deliver_state(delivery)
        outcome = (await self.deliver_batch((delivery,)))[0]
        if isinstance(outcome, DeliveryError):
            raise outcome
        return outcome

    async def deliver_batch(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt | DeliveryError]:
        """Progress rows of contiguous events of one dossier, in calls of at most ten rows, in order.

        Stops at the first call that fails: whatever comes after it was not sent (facts 6, "holes").
        """
        outcomes: list[Receipt | DeliveryError] = []
        attempt = self._client.begin(deliveries[0].budget)
        planned = plan(deliveries, self._settings.portal)
        for call in planned.calls(self._settings.batch.progress):
            outcomes.extend(await self._append(call, attempt))
            if isinstance(outcomes[-1], DeliveryError):
                break
        else:
            outcomes.extend(_faults(planned))
        outcomes.extend(_waiting() for _ in deliveries[len(outcomes) :])
        return outcomes

    async def enquire(self, delivery: Delivery) -> Enquiry:
        """Whether an unanswered delivery happened. Reads only; a dead connection is an error, never "not found"."""
        if delivery.operation == PROGRESS:
            return self._judge_rows(delivery)
        said = await self._client.look_up_dossier(delivery.dossier_code, self._client.begin(delivery.budget))
        if said.family is Family.NOT_FOUND or (said.family is Family.DONE and not said.answer.result):
            return Enquiry(Found.NOT_FOUND)
        if said.family is not Family.DONE:
            return Enquiry(Found.CANNOT_TELL, repeat_allowed=True, reason_vi=said.conclusion.meaning_vi)
        if self._must_be_ours(delivery):
            return Enquiry(Found.DONE, receipt=self._state_receipt(delivery, said, _result_findings(delivery)))
        # The next attempt need not find out by a refused create that the dossier exists.
        await self._kit.coordination.remember(self._hint(delivery), "1", _HINT_TTL)
        return Enquiry(Found.CANNOT_TELL, repeat_allowed=True, reason_vi=_EXISTS_ONLY)

    async def deliver_task(self, delivery: TaskDelivery) -> Receipt:
        """The portal's receipt for judged results."""
        return await self._publisher.deliver(delivery)

    async def enquire_task(self, delivery: TaskDelivery) -> Enquiry:
        """Whether an unanswered update of results happened."""
        return await self._publisher.enquire(delivery)

    async def read_back(self, believed: Believed, budget: Budget) -> ReadBack | None:
        """Whether the portal holds a dossier that it acknowledged: existence is all that it shows (facts 2.5)."""
        if STATE not in believed.acknowledged:
            return None
        said = await self._client.look_up_dossier(believed.dossier_code, self._client.begin(budget))
        if said.family is Family.NOT_FOUND or (said.family is Family.DONE and not said.answer.result):
            return ReadBack(Sight.MISSING, (STATE,), "Cổng đã nhận hồ sơ nhưng nay tra cứu không thấy.")
        if said.family is not Family.DONE:
            return ReadBack(Sight.CANNOT_TELL, (), said.conclusion.meaning_vi)
        return ReadBack(Sight.AGREES)

    async def ask(self, question: Question) -> Answer:
        """What the portal publishes: a procedure by `code`, or a catalogue by `service`. No personal data is involved."""
        attempt = self._client.begin(Budget(self._kit.instant() + _ASK_S, _ASK_S))
        if question.subject == CATALOGUE_SUBJECT:
            return await self._asked_catalogue(question, attempt)
        code = question.fields.get("code", "")
        if question.subject != PROCEDURE_SUBJECT or not code:
            raise CannotMap(
                "Chỉ tra cứu được thủ tục (subject «procedure», trường «code») hoặc danh mục (subject «catalogue», "
                "trường «service»)."
            )
        listed = await self._catalogue.procedure(code, attempt)
        if not listed.code:
            return Answer(found=False, fields={})
        fields = {
            "code": listed.code,
            "name": listed.name,
            "field_code": listed.field_code,
            "field_name": listed.field_name,
            "result_code": listed.result_code,
            "public": "1" if listed.public else "0",
        }
        return Answer(found=True, fields=fields)

    def pollers(self) -> Mapping[str, Poller]:
        """The portal's catalogues are followed."""
        return {"catalogues": self._follower}

    def ledgers(self) -> Sequence[Ledger[Any, Any]]:
        """What was seen of them, and what changed."""
        return (Catalogues(),)

    def endpoints(self) -> Sequence[Endpoint]:
        """What was seen, and what changed, for whoever keeps lists of procedures."""
        return (Endpoint("GET", "/v1/catalogues/{upstream}/{service}", Audience.INTERNAL, self._seen),)

    async def check(self) -> Health:
        """Whether the portal answers: a log-in, or with a session in hand a look-up of a dossier that cannot exist."""
        started = self._kit.instant()
        attempt = self._client.begin(Budget(started + _ASK_S, _ASK_S))
        try:
            if await self._client.has_session():
                await self._client.look_up_dossier(f"{self._settings.madonvi}{NOBODY}", attempt)
            else:
                await self._client.sign_in(attempt)
        except DeliveryError as error:
            return Health(ready=False, detail_vi=error.message_vi, latency_ms=(self._kit.instant() - started) * 1000)
        return Health(True, "Cổng trả lời và chấp nhận tài khoản.", (self._kit.instant() - started) * 1000)

    async def close(self) -> None:
        """Release sockets."""
        await self._client.close()

    async def _seen(self, notice: Notice) -> Reply:
        """A followed catalogue as it was seen last; 404 for one that was never seen."""
        kept = await self._kit.ledgers.read(CATALOGUES, notice.params.get("service", ""))
        if kept is None:
            sentence = "Chưa thấy danh mục này, hoặc không theo dõi nó."
            return Reply(404, msgspec.json.encode({"message_vi": sentence}), headers={"Content-Language": "vi"})
        return Reply(200, kept.state)

    async def _asked_catalogue(self, question: Question, attempt: Attempt) -> Answer:
        """The rows of a catalogue as they came, as JSON in the field `rows`: their keys are mostly unknown (facts 2.3)."""
        service = question.fields.get("service", "")
        if service not in LISTINGS:
            raise CannotMap(f"Cổng không có danh mục này; các danh mục: {', '.join(LISTINGS)}.")
        if not self._settings.shares:
            raise CannotMap("Chưa khai đường dẫn danh mục của Cổng; hãy đặt endpoints.share.")
        parameters = {name: value for name, value in question.fields.items() if name != "service"}
        rows = await self._catalogue.rows(service, attempt, parameters)
        raw = msgspec.json.encode([row.raw for row in rows]).decode()
        return Answer(found=bool(rows), fields={"service": service, "count": str(len(rows)), "rows": raw})

    async def _deliver_state(self, delivery: Delivery) -> Receipt:
        """Create or replace; a refused create of what exists becomes a replacement at once, and the other way round.

        Both refusals prove that nothing was done, so the second call belongs to the same attempt (facts 6).
        """
        attempt = self._client.begin(delivery.budget)
        mapped = await self._map(delivery, attempt)
        exists = await self._exists(delivery)
        said = await self._client.sync_dossier(mapped.dossier, updating=exists, attempt=attempt)
        duplicate = said.family is Family.DUPLICATE
        if duplicate or (exists and said.family is Family.NOT_FOUND):
            said = await self._client.sync_dossier(mapped.dossier, updating=duplicate, attempt=attempt)
            if said.family in (Family.DUPLICATE, Family.NOT_FOUND):
                raise Busy("Cổng trả lời mâu thuẫn: hồ sơ vừa có vừa không có; chưa ghi gì.", exchange=said.exchange)
        if said.family is not Family.DONE:
            raise refusal_of(said, people=_people((delivery,)))
        return self._state_receipt(delivery, said, mapped.findings, duplicate=duplicate)

    async def _map(self, delivery: Delivery, attempt: Attempt) -> MappedDossier:
        carried = with_links(delivery.carried, self._settings.result_url_base)
        listed = None
        if needs_catalogue(carried):
            listed = await self._catalogue.procedure(carried.dossier.procedure.national_code, attempt)
        return self._generation.map_dossier(carried, self._settings.portal, listed, delivery.memory)

    async def _exists(self, delivery: Delivery) -> bool:
        """Whether the portal is known to hold the dossier; a wrong guess costs one refused call and nothing else."""
        if delivery.memory.get("created") == "1":
            return True
        return await self._kit.coordination.recall(self._hint(delivery)) is not None

    def _hint(self, delivery: Delivery) -> str:
        return f"{self._kit.upstream}.exists.{delivery.dossier_code}"

    def _must_be_ours(self, delivery: Delivery) -> bool:
        """Whether a dossier that the portal holds can only be what this very delivery wrote.

        Only when nothing of this lane came before it and nobody else ever creates our dossiers there; otherwise the
        content may be older than this delivery, and "it exists" would hide a lost status.
        """
        first = delivery.sequence <= 1 and delivery.memory.get("created") != "1"
        return self._settings.sole_writer and first and delivery.carried.dossier.origin is not Origin.ONLINE_NATIONAL

    def _state_receipt(
        self, delivery: Delivery, answer: Said, findings: tuple[str, ...], *, duplicate: bool = False
    ) -> Receipt:
        carried, memory, rules = delivery.carried, delivery.memory, self._settings.portal
        status = portal_status(carried, rules)
        return Receipt(
            reference=delivery.dossier_code,
            at=answer.at,
            exchange=answer.exchange,
            duplicate=duplicate,
            message=answer.conclusion.meaning_vi,
            memory={
                "created": "1",
                "state": status,
                SAID: said(carried, status, rules, memory),
                **witnessed(carried, status, memory),
            },
            findings=findings,
        )

    async def _append(self, call: tuple[Planned, ...], attempt: Attempt) -> list[Receipt | DeliveryError]:
        """One call for the rows of one or more deliveries: all or nothing, as no answer speaks of single rows (1.6)."""
        rows = [row for item in call for row in item.rows]
        if not rows:
            return [self._known_receipt(item) for item in call]
        try:
            said = await self._client.append_rows(rows, attempt)
        except DeliveryError as error:
            return [error for _ in call]
        if said.family is not Family.DONE:
            refused = refusal_of(said, people=_people(item.delivery for item in call))
            return [refused for _ in call]
        return [_rows_receipt(item, said) for item in call]

    def _known_receipt(self, item: Planned) -> Receipt:
        """For rows that were acknowledged before: nothing is sent, because the portal would write them twice."""
        return Receipt(
            reference=item.delivery.dossier_code,
            at=self._kit.now(),
            exchange=Exchange(),
            duplicate=True,
            message="Cổng đã ghi các dòng tiến độ này từ trước; không gửi lại.",
            memory=item.memory,
        )

    def _judge_rows(self, delivery: Delivery) -> Enquiry:
        """The portal shows no history, so configuration decides by status whether a repeat does more good than harm."""
        statuses = [row.TrangThai for row in rows_left(delivery, delivery.memory, self._settings.portal)]
        harm = harm_of_repeating(statuses, self._settings.progress_after_unknown, local_date(self._kit.now()))
        if not harm:
            return Enquiry(
                Found.CANNOT_TELL,
                repeat_allowed=True,
                reason_vi="Không tra cứu được tiến độ; cấu hình cho phép gửi lại.",
            )
        return Enquiry(
            Found.CANNOT_TELL,
            reason_vi=f"Không rõ Cổng đã ghi dòng tiến độ hay chưa. Nếu gửi lặp trạng thái {harm}. "
            "Hãy xem hồ sơ trên Cổng rồi cho gửi lại (release) hoặc bỏ qua (skip).",
        )


def create(settings: Settings, kit: Kit) -> NationalPortal:
    """The connector for one upstream; raises `SettingsError` for what cannot work."""
    for reference in (settings.username, settings.password):
        # A missing secret is better found now than at the first login.
        kit.secret(reference)
    options = HttpOptions(allow_plain=settings.allow_plain, ca_file=settings.ca_file, redact=SECRET_KEYS)
    try:
        http = HttpClient(base_url=settings.base_url, kit=kit, options=options)
    except ContractChanged as error:
        raise SettingsError("national_dvc", (f"base_url: {error.message_vi}",)) from None
    try:
        way = road(settings.carrier, http, kit, options)
    except ContractChanged as error:
        raise SettingsError("national_dvc", (f"carrier.token_url: {error.message_vi}",)) from None
    outcomes = GENERATIONS[settings.profile].outcomes(settings.outcomes)
    dialect = Dialect(settings.endpoints, settings.session, outcomes)
    account = Account(settings.madonvi, settings.username, settings.password)
    return NationalPortal(settings, PortalClient(http=http, road=way, kit=kit, account=account, dialect=dialect), kit)


def _people(deliveries: Iterable[Delivery]) -> Iterator[str]:
    """Every text about a person that the dossier and its events know, whatever of it this call carried."""
    for delivery in deliveries:
        dossier, event = delivery.carried.dossier, delivery.carried.event
        for party in filter(None, (dossier.applicant, dossier.submitter)):
            yield from (party.name, party.id.number, party.phone, party.email, party.fax)
            yield from (party.address.full_text, party.address.street)
        yield from (dossier.summary, dossier.note, dossier.other_information)
        yield from (event.step.actor.name, event.step.content)
        if event.reason is not None:
            yield event.reason.text_vi
        if event.supplement is not None:
            yield from (event.supplement.requester, event.supplement.content)


def _rows_receipt(item: Planned, said: Said) -> Receipt:
    return Receipt(
        reference=item.delivery.dossier_code,
        at=said.at,
        exchange=said.exchange,
        message=said.conclusion.meaning_vi,
        memory=item.memory,
        findings=_result_findings(item.delivery),
    )


def _result_findings(delivery: Delivery) -> tuple[str, ...]:
    """What is said of results beside rows, which never show one; those that the lane's memory knows are shown already."""
    known = delivery.memory.get(RESULTS_SENT, "").split()
    shown = {one.document.file.sha256 for one in delivery.carried.verified if one.result_code in known}
    return (RESULT_UNVERIFIED,) if withheld(delivery.carried, shown) else ()


def _faults(planned: Plan) -> Iterator[DeliveryError]:
    if planned.fault is not None:
        yield planned.fault


def _waiting() -> NotSent:
    return NotSent("Chưa gửi: đang chờ lần ghi tiến độ phía trước của cùng hồ sơ.")
