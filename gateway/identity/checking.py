"""Declared data of a dossier held against the register at reception: differences named, and proposed to the resolution system.

What a citizen declared is never overruled here (QĐ 5144/2022/QĐ-UBND Gò Dầu Điều 10.1a: the officer compares, and the applicant
corrects). Where everything agrees, the check is a proof that the dossier may name; where something differs, the resolution
system is told once for each version of the dossier, and decides.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from connectors.kit.contract import PROPOSAL, Task
from gateway.audit.events import audit
from gateway.clock import LOCAL_ZONE
from gateway.errors import Conflict, Forbidden, UpstreamUnavailable
from gateway.identity.asking import Questions, Told
from gateway.identity.lawfulness import VERIFY, Asking, File, Permit, Wanted, check_faults, told_faults
from gateway.intake.receipts import answered
from gateway.intake.recording import Recording, recording_intake
from gateway.journal.model import NewDelivery, Record, RecordKey, RecordWrite
from gateway.records import identity_proofs
from gateway.records.identity_proofs import IdentityProof, ProofKind
from gateway.records.ledgers import owner
from gateway.routes import delivery_id
from mappings.canonical import Party
from mappings.codec import decode, encode
from mappings.codes import IdentityType
from mappings.differences import Agreement, Compared, compare, declared_by
from mappings.identity import AccountKind
from mappings.partial_date import PartialDate
from mappings.personal_numbers import Oddity, PersonalNumber, well_formed

KIND = "identity_check"
LEDGER: Final = "identity_check"
DIFFERENCE: Final = "identity_difference"
"""What is proposed: the declared data of a party and the register do not agree."""

PROFILE: Final = "dancu"
_EVENTS = uuid.UUID("5d0c6a34-9a0b-5c3e-8a41-2f6b1f6f3f10")

_TRIES = 8

PartyRole = Literal["applicant", "submitter"]


class Verdict(StrEnum):
    """What came of a check.

    `agrees`: a proof. `differs`: somebody is known under that number and name, and something else differs. `not_found`: nobody
    is known under number, name and date of birth together; which of them is wrong the register does not say (facts 2.6).
    """

    AGREES = "agrees"
    DIFFERS = "differs"
    NOT_FOUND = "not_found"


@dataclass(frozen=True, slots=True)
class Ordered:
    """A check as its caller orders it: which party, by which operation (`look_up` names differences, `verify` says yes or no)."""

    asking: Asking
    dossier: str
    party: PartyRole
    operation: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A check that was made. `compared` holds values and is handed to the caller; the trail gets places alone.

    `hints`: what looks odd in the number itself; mistaken numbers exist and were kept (facts 3.1), so it decides nothing.
    """

    check_id: str
    version: int
    verdict: Verdict
    told: Told
    compared: tuple[Compared, ...] = field(default=(), repr=False)
    proof: str = ""
    proposed: bool = False
    hints: tuple[Oddity, ...] = ()

    def differing(self) -> tuple[Compared, ...]:
        """What somebody should look at."""
        return tuple(one for one in self.compared if one.differs)


@dataclass(frozen=True, slots=True)
class LastCheck:
    """What is remembered of the newest check of a party, without any value: so that nothing is proposed twice."""

    check_id: str
    version: int
    verdict: Verdict
    places: tuple[str, ...] = ()


class Checks:
    """Makes checks. `proposals`: the upstreams by which the resolution system takes proposed changes."""

    def __init__(self, questions: Questions, proposals: tuple[str, ...] = ()) -> None:
        self._questions, self._proposals = questions, proposals
        self._door = questions.desk.door

    async def check(self, ordered: Ordered, file: File, check_id: str) -> Checked:
        """Ask, compare, and keep what came of it; raises `IntakeError`."""
        party = _party(file, ordered.party)
        permit = self._permit(ordered, file, party, check_id)
        told = await self._questions.ask(permit)
        yearly = _by_year(permit) if self._questions.desk.law.questions.year_again and not told.found else None
        if yearly is not None:
            told = await self._questions.ask(yearly)
        made = Checked(check_id, file.snapshot.version, *_judged(permit, told, by_year=yearly is not None))
        made = replace(made, hints=_hints(permit, self._door.clock.now()))
        return await self._kept(ordered, file, party, made)

    def _permit(self, ordered: Ordered, file: File, party: Party, check_id: str) -> Permit:
        declared = declared_by(party)
        wanted = Wanted(
            asking=replace(ordered.asking, request_id=check_id),
            operation=ordered.operation,
            dossier=ordered.dossier,
            full_name=declared.get("full_name", ""),
            personal_id=declared.get("personal_id", ""),
            cmnd=declared.get("cmnd", ""),
            birth=declared.get("birth", ""),
        )
        if not (wanted.full_name and well_formed(party.id.type, wanted.number) and wanted.number and wanted.birth):
            raise Conflict(
                "Hồ sơ chưa khai đủ họ tên, số định danh và ngày sinh của người này nên không đối chiếu được.",
                code="nothing_to_check",
            )
        check_faults(told_faults(wanted))
        permit = self._questions.desk.law.permit(wanted, file, self._door.clock.now())
        needed = tuple(place for place in permit.allowed.places if place in declared)
        if ordered.operation != VERIFY and "full_name" not in needed:
            # Without the name nothing could agree: it must not look as if something differed.
            raise Forbidden(
                "Bảng trường dữ liệu không cho đối chiếu họ tên của thủ tục này; hãy hỏi verify.",
                code="question_not_allowed",
            )
        return replace(permit, allowed=replace(permit.allowed, places=needed))

    async def _kept(self, ordered: Ordered, file: File, party: Party, made: Checked) -> Checked:
        """Proof, proposal, memory and audit row in one transaction, before anybody is answered."""
        for _ in range(_TRIES):
            kept, recording = await self._recorded(ordered, file, party, made)
            intake = recording_intake(KIND, ordered.asking.system, recording)
            try:
                accepted = answered(await self._door.journal.accept(intake))
            except Conflict as error:
                if error.code != "changed_meanwhile":
                    raise
                continue
            self._questions.desk.reach("check.kept")
            self._door.wake(accepted.upstreams)
            return kept
        raise UpstreamUnavailable(
            "Hồ sơ đang được đối chiếu liên tục; hãy gửi lại sau.", code="register_unavailable", retry_after_s=1
        )

    async def _recorded(self, ordered: Ordered, file: File, party: Party, made: Checked) -> tuple[Checked, Recording]:
        """What is written of a check, from what is known of the last one."""
        now = self._door.clock.now()
        place = _last_key(ordered.dossier, ordered.party)
        known = await self._door.journal.record(place)
        last = LastCheck(made.check_id, made.version, made.verdict, tuple(one.place for one in made.differing()))
        deliveries: tuple[NewDelivery, ...] = ()
        if made.verdict is not Verdict.AGREES and _is_news(known, last):
            deliveries = self._proposed(ordered, file, made, now)
        records = [RecordWrite(place, (known.version if known is not None else 0) + 1, encode(last))]
        if made.verdict is Verdict.AGREES:
            made = replace(made, proof=made.check_id)
            records.append(identity_proofs.write(self._proof(ordered, party, made, now)))
        row = audit(
            "identity.checked",
            ordered.asking.system,
            ordered.dossier,
            "",
            check=made.check_id,
            party=ordered.party,
            version=made.version,
            status=made.verdict.value,
            places=last.places,
            proof=made.proof,
            officer=self._questions.officer(ordered.asking.officer),
            unit=ordered.asking.unit,
        )
        return replace(made, proposed=bool(deliveries)), Recording(
            records=tuple(records), audit=(row,), deliveries=deliveries
        )

    def _proof(self, ordered: Ordered, party: Party, made: Checked, now: datetime) -> IdentityProof:
        declared = declared_by(party)
        number = declared.get("personal_id", "") or declared.get("cmnd", "")
        return IdentityProof(
            proof_id=made.check_id,
            system=ordered.asking.system,
            kind=ProofKind.REGISTER,
            by=self._questions.desk.register.line.code,
            profile=PROFILE,
            account=AccountKind.PERSON,
            proven_at=now,
            id_type=IdentityType.CCCD if declared.get("personal_id") else IdentityType.CMND,
            id_number=number,
            dossier=ordered.dossier,
            words=identity_proofs.words_of(made.check_id, party.name, party.date_of_birth),
        )

    def _proposed(self, ordered: Ordered, file: File, made: Checked, now: datetime) -> tuple[NewDelivery, ...]:
        """The proposal, through the lane of the dossier like any other (sealed with it)."""
        register = self._questions.desk.register.line.code
        fields: dict[str, object] = {
            "check_id": made.check_id,
            "party": ordered.party,
            "version": made.version,
            "status": made.verdict.value,
            "differences": [difference(ordered.party, one) for one in made.differing()],
        }
        task = Task(
            kind=DIFFERENCE,
            reported_by=register,
            ledger=LEDGER,
            ledger_id=made.check_id,
            version=1,
            dossier_code=ordered.dossier,
            asked_at=now,
            fields=fields,
            dossier=file.snapshot,
        )
        event_id = str(uuid.uuid5(_EVENTS, made.check_id))
        source = owner(register)
        return tuple(
            NewDelivery(
                delivery_id=delivery_id(source, event_id, upstream, PROPOSAL),
                upstream=upstream,
                operation=PROPOSAL,
                event_id=event_id,
                source=source,
                legal_due=file.course.due_at,
                dossier=ordered.dossier,
                content=encode(task),
            )
            for upstream in self._proposals
        )


def difference(role: str, one: Compared) -> dict[str, object]:
    """A difference with both values, for the officer who handles the dossier and nobody else."""
    return {
        "place": one.place,
        "title_vi": one.title_vi,
        "pointer": f"/{role}{one.pointer}" if one.pointer else "",
        "declared": one.declared,
        "registered": one.registered,
        "message_vi": one.shown_vi,
    }


def _party(file: File, role: PartyRole) -> Party:
    party = file.snapshot.applicant if role == "applicant" else file.snapshot.submitter
    if party is None:
        raise Conflict("Hồ sơ không có người nộp thay.", code="nothing_to_check")
    return party


def _judged(permit: Permit, told: Told, *, by_year: bool) -> tuple[Verdict, Told, tuple[Compared, ...]]:
    """What the answer means; `by_year`: the question that found somebody went by the year of birth alone."""
    if not told.found:
        return Verdict.NOT_FOUND, told, ()
    if permit.wanted.operation == VERIFY:
        return Verdict.AGREES, told, ()
    compared = compare(permit.wanted.subject(), told.fields)
    needed = {"full_name", "birth"} if by_year else {"full_name"}
    unseen = {one.place for one in compared if one.place in needed and one.agreement is Agreement.UNCONFIRMED}
    if unseen == {"birth"}:
        # Under the whole date nobody was found; that the day is right nobody has said.
        return Verdict.NOT_FOUND, told, compared
    agrees = not unseen and not any(one.differs for one in compared)
    return Verdict.AGREES if agrees else Verdict.DIFFERS, told, compared


def _hints(permit: Permit, now: datetime) -> tuple[Oddity, ...]:
    """What does not fit together in the declared number and birth, by themselves."""
    wanted = permit.wanted
    if not wanted.personal_id:
        return ()
    today = now.astimezone(LOCAL_ZONE).date()
    return PersonalNumber(wanted.personal_id).oddities(today, PartialDate.parse(wanted.birth))


def _by_year(permit: Permit) -> Permit | None:
    """The same question with the year of birth alone, under an id of its own; None where no more than a year was declared.

    Neither where the table keeps the birth back: then nobody could see what of it differs.
    """
    wanted = permit.wanted
    birth = PartialDate.parse(wanted.birth)
    if birth.month is None or wanted.operation == VERIFY or "birth" not in permit.allowed:
        return None
    asking = replace(wanted.asking, request_id=f"{wanted.asking.request_id.replace('-', '')}-nam")
    return replace(permit, wanted=replace(wanted, asking=asking, birth=str(PartialDate(birth.year))))


def _last_key(dossier: str, role: PartyRole) -> RecordKey:
    return RecordKey(KIND, f"{dossier}/{role}")


def _is_news(known: Record | None, last: LastCheck) -> bool:
    """Whether the resolution system has not been told this of this version."""
    if known is None:
        return True
    before = decode(known.state, LastCheck)
    return (before.version, before.verdict, before.places) != (last.version, last.verdict, last.places)
