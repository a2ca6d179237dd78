"""Judged results at the portal: the dossier as it was told last, with the results that may be shown. Never a new state.

The portal replaces the whole dossier with each call (national-portal facts 2.6), so an update that brings a result has to say
again which status and which dates hold. They are kept in the lane's memory as they were acknowledged, under `said`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import quote

import msgspec

from connectors.kit.contract import RESULTS, Enquiry, Found, Kit, Receipt, Task, TaskDelivery
from connectors.kit.errors import CannotMap
from connectors.kit.tokens import Attempt
from connectors.national_dvc.catalogue import Catalogue
from connectors.national_dvc.client import PortalClient, refusal_of
from connectors.national_dvc.generations import GENERATIONS, MappedDossier
from connectors.national_dvc.profiles._mapi.mapping import RESULTS_SENT, needs_catalogue
from connectors.national_dvc.profiles._mapi.messages import ThuTuc
from connectors.national_dvc.profiles._mapi.moments import moments
from connectors.national_dvc.profiles._mapi.outcomes import Family
from connectors.national_dvc.profiles._mapi.rules import Draft, Rules
from connectors.national_dvc.settings import Settings
from mappings.canonical import Actor, Carried, StatusEvent, Step, VerifiedResult

SAID = "said"
STATUS = "TrangThaiHoSo"

_UNKNOWN = "Cổng chưa ghi nhận trạng thái nào của hồ sơ này, nên chưa gửi kết quả; hãy gửi lại trạng thái trước."
_NO_LINK = "Chưa có địa chỉ để Cổng lấy tệp kết quả: hãy đặt result_url_base cho đầu nối này."
_EXISTS_ONLY = "Cổng có hồ sơ nhưng không cho biết kết quả nào đi kèm; gửi lại cùng nội dung là vô hại."


def said(carried: Carried, status: str, rules: Rules, memory: Mapping[str, str]) -> str:
    """Status and dates as the portal was told them with this state, for the lane's memory."""
    told = {STATUS: status, **moments(Draft(carried, rules, memory), status)}
    return msgspec.json.encode({name: value for name, value in told.items() if value}).decode()


class Publisher:
    """Carries tasks of kind `results`: one update of the dossier for each, which may be repeated."""

    def __init__(self, settings: Settings, client: PortalClient, catalogue: Catalogue, kit: Kit) -> None:
        self._settings, self._client, self._catalogue, self._kit = settings, client, catalogue, kit
        self._generation = GENERATIONS[settings.profile]

    async def deliver(self, delivery: TaskDelivery) -> Receipt:
        """The portal's receipt for the results of a dossier."""
        carried = _carried(delivery.task, self._settings.result_url_base)
        last = _last(delivery, carried, self._settings.portal)
        attempt = self._client.begin(delivery.budget)
        mapped = await self._map(carried, last, attempt)
        shown = mapped.dossier.DanhSachGiayToKetQua
        if not shown:
            raise CannotMap(_NO_LINK)
        answer = await self._client.sync_dossier(mapped.dossier, updating=True, attempt=attempt)
        if answer.family is not Family.DONE:
            raise refusal_of(answer, people=_people(carried))
        return Receipt(
            reference=delivery.dossier_code,
            at=answer.at,
            exchange=answer.exchange,
            message=answer.conclusion.meaning_vi,
            memory={RESULTS_SENT: " ".join(one.GiayToId for one in shown)},
            findings=mapped.findings,
        )

    async def enquire(self, delivery: TaskDelivery) -> Enquiry:
        """Whether the dossier is there at all; which results it shows the portal does not tell, and a repeat is harmless."""
        answer = await self._client.look_up_dossier(delivery.dossier_code, self._client.begin(delivery.budget))
        if answer.family is Family.NOT_FOUND or (answer.family is Family.DONE and not answer.answer.result):
            return Enquiry(Found.NOT_FOUND)
        reason = _EXISTS_ONLY if answer.family is Family.DONE else answer.conclusion.meaning_vi
        return Enquiry(Found.CANNOT_TELL, repeat_allowed=True, reason_vi=reason)

    async def _map(self, carried: Carried, last: Mapping[str, str], attempt: Attempt) -> MappedDossier:
        """The message; names that the snapshot lacks, and codes that a result lacks, come from the catalogue."""
        coded = all(one.document.result_code for one in carried.verified)
        listed: ThuTuc | None = None
        if carried.dossier.procedure.national_code and (needs_catalogue(carried) or not coded):
            listed = await self._catalogue.procedure(carried.dossier.procedure.national_code, attempt)
        if listed is not None and listed.result_code and not coded:
            carried = replace(carried, verified=tuple(_coded(one, listed.result_code) for one in carried.verified))
        known = listed if listed is not None and (listed.code or needs_catalogue(carried)) else None
        return self._generation.map_results(carried, self._settings.portal, known, last)


def _carried(task: Task, base: str) -> Carried:
    """The task in the words of a state, so that a dossier is built in one way only; its event says nothing of its own."""
    if task.kind != RESULTS or task.dossier is None:
        raise CannotMap("Việc này không phải là kết quả của một hồ sơ đã đăng ký.")
    try:
        verified = msgspec.convert(task.fields.get(RESULTS), tuple[VerifiedResult, ...])
    except msgspec.ValidationError as error:
        raise CannotMap("Không đọc được danh sách kết quả của việc này.") from error
    event = StatusEvent(
        event_id=task.ledger_id,
        system_code=task.reported_by,
        dossier_code=task.dossier_code,
        sequence=0,
        occurred_at=task.asked_at,
        state=task.dossier.state,
        step=Step(Actor(""), ""),
    )
    return with_links(Carried(event, task.dossier, verified=verified), base)


def with_links(carried: Carried, base: str) -> Carried:
    """The same with an address for each result that may be shown."""
    if not carried.verified:
        return carried
    return replace(carried, verified=tuple(_with_link(one, base) for one in carried.verified))


def _with_link(result: VerifiedResult, base: str) -> VerifiedResult:
    """The result under the ministry's own address for results, where there is one; else under the address of its file."""
    if not base:
        return result
    file = replace(result.document.file, url=f"{base.rstrip('/')}/{quote(result.result_code, safe='')}")
    return VerifiedResult(result.result_code, replace(result.document, file=file))


def _coded(result: VerifiedResult, code: str) -> VerifiedResult:
    document = result.document
    return result if document.result_code else replace(result, document=replace(document, result_code=code))


def _last(delivery: TaskDelivery, carried: Carried, rules: Rules) -> Mapping[str, str]:
    """Status and dates as they were acknowledged last; raises `CannotMap` where the portal knows no state of the dossier."""
    memory = delivery.memory
    if memory.get("created") != "1" or not memory.get("state"):
        raise CannotMap(_UNKNOWN)
    if memory.get(SAID):
        return msgspec.json.decode(memory[SAID], type=dict[str, str])
    # A lane whose state was acknowledged before this version kept its dates: what an event would say, it says.
    return {STATUS: memory["state"], **moments(Draft(carried, rules, memory), memory["state"])}


def _people(carried: Carried) -> Iterable[str]:
    """Every text about a person that the dossier knows."""
    dossier = carried.dossier
    for party in filter(None, (dossier.applicant, dossier.submitter)):
        yield from (party.name, party.id.number, party.phone, party.email, party.fax)
        yield from (party.address.full_text, party.address.street)
    yield from (dossier.summary, dossier.note, dossier.other_information)
    yield from (one.document.name for one in carried.verified)
