"""The intake line: from the bytes of an event to its receipt, one pass, no retries, no outside call.

Read it beside `gateway/dispatch/attempt.py`: the two are the gateway (architecture 4).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.clock import Clock
from gateway.errors import Fault, Forbidden, IntakeError, Invalid, NotFound
from gateway.evidence.original import Original, Witness, pack, signed_parts
from gateway.intake import foreign
from gateway.intake.authenticate import Authenticator, Caller, UnknownCredential, not_fresh
from gateway.intake.course import RESOLUTION
from gateway.intake.decide import EventSubject, event_intake
from gateway.intake.receipts import answered
from gateway.intake.signature import SignedRequest
from gateway.intake.validate import Limits, validate_event
from gateway.journal.model import Accepted
from gateway.journal.store import Journal
from gateway.records import dossiers
from mappings.canonical import StatusEvent
from mappings.codec import encode
from mappings.dialect_file import load_dialect
from mappings.faults import CannotUnderstand, SectorFault
from mappings.lifecycle import event_faults
from mappings.sector import UnderstoodDossier, UnderstoodEvent, to_dossier, to_event
from mappings.tables import load_table

Tree = Mapping[str, object]


class Understands(Protocol):
    """The inward mapping of events: a checked tree of a system, to its meaning; raises `CannotUnderstand`."""

    def __call__(self, tree: Tree, system_code: str, /) -> UnderstoodEvent: ...


@dataclass(frozen=True, slots=True)
class Door:
    """What the intake line stands on.

    `wake` is told which upstreams got a delivery, `waited` how many seconds an event waited for the store. The two mappings
    may be replaced where another dialect is configured.
    """

    authenticator: Authenticator
    limits: Limits
    journal: Journal
    clock: Clock
    wake: Callable[[tuple[str, ...]], None] = lambda _upstreams: None
    waited: Callable[[float], None] = lambda _seconds: None
    to_event: Understands = to_event
    to_dossier: Callable[[Tree], UnderstoodDossier] = to_dossier

    async def identify(self, signed: SignedRequest, body: bytes) -> Caller:
        """Who calls, let in or not; a credential that the view does not know is looked up in the register itself."""
        return await self._known(lambda: self.authenticator.identify(signed, body, self.clock.now()))

    async def identify_head(self, signed: SignedRequest) -> Caller:
        """The same of a request whose content is still to come."""
        return await self._known(lambda: self.authenticator.identify_head(signed, self.clock.now()))

    async def _known(self, ask: Callable[[], Caller]) -> Caller:
        try:
            return ask()
        except UnknownCredential as error:
            register = self.authenticator.register
            if not any([await register.learn(self.journal, credential) for credential in error.credentials]):
                raise
        return ask()

    async def reader(self, signed: SignedRequest, body: bytes) -> Caller:
        """Who reads, judged over the record itself: what is only read passes through no transaction that would judge it.

        Raises `IntakeError`. An old signature reads nothing, since there is no lost answer to repeat.
        """
        caller = await self.identify(signed, body)
        if caller.role != RESOLUTION:
            register = self.authenticator.register
            await register.refresh(self.journal, caller.system_code)
            standing = register.standing(caller.system_code, caller.proof, self.clock.now())
            caller = replace(caller, record=standing.record, refusal=standing.refusal)
        if caller.refusal is not None:
            raise caller.refusal
        if not caller.fresh:
            raise not_fresh()
        return caller


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as it came in: what its signature covers, and its content."""

    signed: SignedRequest
    body: bytes
    content_type: str = ""
    idempotency_key: str | None = None


async def accept(door: Door, arrival: Arrival) -> Accepted:
    """Take one event on; durable when this returns. Raises `IntakeError`, and then nothing is promised."""
    # 1. Who calls? The signature covers the very bytes that are kept as evidence.
    caller = await door.identify(arrival.signed, arrival.body)
    if caller.role == RESOLUTION and caller.refusal is not None:
        raise caller.refusal  # it stands in no register, so that no transaction would judge its proof again

    if caller.record.profile != foreign.OWN:
        return await _accept_foreign(door, arrival, caller)

    # 2. Is it well formed? All faults at once; a system that may not speak now is told that and nothing else.
    try:
        submission = validate_event(
            arrival.body, arrival.content_type, door.limits, idempotency_key=arrival.idempotency_key
        )

        # 3. What does it mean? Before "accepted", so that its sender learns at once that a code is unknown.
        event, versions = understand(door, submission.tree, caller)
        if not event.dossier_code:
            event = await with_dossier(door, event)
    except IntakeError as error:
        raise caller.refusal or error from error
    subject = EventSubject(event, encode(event), versions, caller.fresh, proof=caller.proof)
    return await _journalled(door, arrival, caller, subject, submission.digest)


async def _journalled(door: Door, arrival: Arrival, caller: Caller, subject: EventSubject, digest: bytes) -> Accepted:
    # 4. Make it durable: the decision runs inside the transaction, over rows that nobody else can change meanwhile.
    # There the consent is judged, by its record: a system that may not speak any more gets no more than a lost receipt.
    original = pack(original_of(arrival.signed), arrival.body)
    began = door.clock.instant()
    accepted = await door.journal.accept(event_intake(caller.system_code, original, digest, subject))
    door.waited(door.clock.instant() - began)
    if accepted.status in (401, 403):
        await door.authenticator.register.refresh(door.journal, caller.system_code)

    # 5. Answer: only now is anything promised.
    door.wake(accepted.upstreams)
    return answered(accepted)


async def _accept_foreign(door: Door, arrival: Arrival, caller: Caller) -> Accepted:
    """Steps 2 to 5 for a system that speaks its owner's own dialect (QĐ 3036 Điều 5.8); it is answered in its own form."""
    dialect = load_dialect(caller.record.profile)
    sent = foreign.message(arrival.body, arrival.content_type, arrival.idempotency_key)
    try:
        try:
            heard = foreign.hear(sent, dialect, caller.system_code, door.limits)
            event = heard.event if heard.event.dossier_code else await with_dossier(door, heard.event)
        except IntakeError as error:
            raise caller.refusal or error from error
        raw = encode(event)
        subject = EventSubject(event, raw, heard.versions, caller.fresh, heard.remarks, dialect.arrival, caller.proof)
        try:
            accepted = await _journalled(door, arrival, caller, subject, sent.digest)
        except Invalid as refused:
            raise foreign.relocated(refused, heard) from refused
    except IntakeError as error:
        error.answer_format = dialect.form.answer
        raise
    return replace(accepted, answer_format=dialect.form.answer)


def original_of(signed: SignedRequest) -> Original:
    """What is kept of a request's head: what was signed, and the client certificate that came with it."""
    return signed_parts(signed.method, signed.path, signed.query, signed.headers, _witness(signed))


def _witness(signed: SignedRequest) -> Witness | None:
    certificate = signed.certificate
    return Witness(certificate.by, b64encode(certificate.der).decode("ascii")) if certificate is not None else None


def understand(door: Door, tree: Tree, caller: Caller) -> tuple[StatusEvent, tuple[str, ...]]:
    """The event that `caller` means, with the versions of every table that had a say in it.

    Raises `Invalid`, or `Forbidden` for an event that names another system than the one that signed it.
    """
    if tree.get("system_code") != caller.system_code:
        raise Forbidden("system_code phải là mã của chính hệ thống đã ký yêu cầu.", code="wrong_system")
    try:
        event, versions = door.to_event(tree, caller.system_code)
    except CannotUnderstand as error:
        raise cannot_understand(error.faults) from error
    faults = event_faults(event)
    if faults:
        raise cannot_understand(faults)
    return event, (*versions, load_table("transitions").version.short, load_table("requirements").version.short)


def cannot_understand(faults: Iterable[SectorFault], message_vi: str = "") -> Invalid:
    """The 422 that names every fault of meaning."""
    return Invalid(message_vi, faults=tuple(Fault(fault.code, fault.pointer, fault.message_vi) for fault in faults))


async def with_dossier(door: Door, event: StatusEvent) -> StatusEvent:
    """The event with the dossier that its sector's own number stands for; raises `NotFound` for a number never seen.

    A number is learnt from the first event that names both and is applied, or waits for its turn (dossier-model 4.1).
    """
    known = await door.journal.record(dossiers.sector_key(event.system_code, event.sector_dossier_id))
    if known is None:
        raise NotFound("Chưa biết mã hồ sơ ứng với sector_dossier_id này.", code="unknown_dossier")
    return replace(event, dossier_code=known.state.decode())
