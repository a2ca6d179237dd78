"""What a judgement means for a result. Pure; runs inside the accept transaction.

Only TOTAL-PASSED is published. TRY_LATER is tried again, everything else is held for a person with its report (signing facts
5.1). The result, its report, the audit row, the leaf and the deliveries that follow commit together or not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from connectors.kit.contract import RESULTS, Task
from gateway.audit.events import audit
from gateway.intake.verification import Judged
from gateway.journal.model import AuditWrite, Decision, Intake, NewDelivery, RecordWrite, Situation
from gateway.records import courses, dossiers, results
from gateway.records.results import HeldCode, KeptResult, ResultList, ResultState
from gateway.routes import delivery_id
from mappings.canonical import VerifiedResult
from mappings.codec import encode
from signing.catalogue import sub_indication_rows
from signing.model import Evidence, Indication, SubIndication

RESULT_JUDGED = "result_judged"
RESULT_BEGUN = "result_begun"
ACTOR = "gateway"

# Reasons of our own beside the sub-indications of EN 319 102-1, with their sentences.
REASONS: Mapping[str, str] = {
    "result_of_another_dossier": (
        "Cùng tệp này đã là kết quả của một hồ sơ khác; chữ ký hợp lệ không chứng minh nó thuộc hồ sơ này."
    ),
    "names_another_dossier": "Nội dung đã ký ghi một mã hồ sơ khác với hồ sơ mà nó được gửi vào.",
    "names_unreadable": "Chữ ký đạt nhưng không đọc được mã hồ sơ trong nội dung đã ký; cần người đối chiếu.",
    "too_large": "Tệp lớn hơn mức mà cổng kiểm tra chữ ký.",
    "file_missing": "Không mở được tệp đã lưu của kết quả này.",
    "no_signer_rule": "Bảng người ký không có dòng nào cho thủ tục này vào ngày này.",
    "poison": "Việc kiểm tra tệp này đã nhiều lần không kết thúc được; cần người xem.",
    "verifier_unusable": "Bộ kiểm tra chữ ký chưa dùng được; xem nhật ký của cổng.",
    "refused": "Người vận hành đã từ chối kết quả này.",
    "ordered": "Chờ kiểm tra lại theo quyết định.",
}


@dataclass(frozen=True, slots=True)
class ResultJudged:
    """What came of a look at a result.

    `version` is that of the record looked at. `judged` None: nothing new was judged; then `reason` says why it is held or
    waits, or (for one that passed) only the lanes are looked at. `ready`: upstreams, with their operation, whose lane has
    the state already that the result belongs to, seen while the dossier's course had the version `course`. `again_at`: when
    to judge again what could not be judged. `overdue`: the alarm about missing status information is raised with this.
    """

    code: str
    version: int
    again_at: datetime
    judged: Judged | None = None
    reason: str = ""
    ready: tuple[tuple[str, str], ...] = ()
    course: int = 0
    wanted: tuple[str, ...] = ()
    overdue: bool = False
    signers: str = ""


@dataclass(frozen=True, slots=True)
class ResultBegun:
    """A judgement is about to begin; counted before it, so that a file that kills the process is found out."""

    code: str
    version: int


def judged_intake(dossier: str, subject: ResultJudged, sha256: str) -> Intake:
    """A look as the journal takes it; without a key, since the version of the record is what makes it count once."""
    evidence = subject.judged.evidence if subject.judged is not None else Evidence()
    return Intake(
        kind=RESULT_JUDGED,
        source=ACTOR,
        key="",
        dossier=dossier,
        digest=hashlib.sha256(encode((subject.code, subject.version))).digest(),
        raw=b"",
        subject=subject,
        reads=(
            results.key(subject.code),
            results.content_key(sha256),
            courses.key(dossier),
            dossiers.key(dossier),
            *results.reads(dossier),
            *(results.evidence_key(digest) for digest, _ in pieces(evidence)),
        ),
    )


def begun_intake(kept: KeptResult) -> Intake:
    """The beginning of a judgement as the journal takes it."""
    subject = ResultBegun(kept.code, kept.version)
    return Intake(
        kind=RESULT_BEGUN,
        source=ACTOR,
        key="",
        dossier=kept.dossier,
        digest=hashlib.sha256(encode(subject)).digest(),
        raw=b"",
        subject=subject,
        reads=(results.key(kept.code),),
    )


def decide_begun(situation: Situation, subject: ResultBegun) -> Decision:
    """One more that has begun; nothing where somebody else has been faster."""
    before = results.read(situation.records, subject.code)
    if before is None or before.version != subject.version:
        return Decision(b"{}", 409, store=False)
    return Decision(b"{}", 200, records=(results.write(replace(before, unsettled=before.unsettled + 1)),))


def pieces(evidence: Evidence) -> Iterable[tuple[str, bytes]]:
    """Every piece of evidence that was given beside a document, with its digest (hex)."""
    for piece in (*evidence.certificates, *evidence.crls, *evidence.ocsps):
        yield hashlib.sha256(piece).hexdigest(), piece


def decide_judged(situation: Situation, intake: Intake, subject: ResultJudged) -> Decision:
    """The rows of one look; nothing at all where somebody else has been faster."""
    before = results.read(situation.records, subject.code)
    if before is None or before.version != subject.version:
        return Decision(b"{}", 409, store=False)
    owner = results.read_owner(situation.records, before.sha256)
    after = _concluded(before, subject, owner, situation.now)
    listed = results.read_list(situation.records, intake.dossier)
    entry = listed.with_code(before.code)
    if entry is None:
        return Decision(b"{}", 409, store=False)
    rows: list[AuditWrite] = _told(before, after, subject)
    entry = replace(entry, state=after.state)
    listed = listed.put(entry)
    deliveries: tuple[NewDelivery, ...] = ()
    if after.state is ResultState.PASSED:
        ready = subject.ready if _same_course(situation, intake.dossier, subject.course) else ()
        chosen = tuple(pair for pair in ready if pair[0] not in entry.sent_to)
        listed = listed.put(replace(entry, sent_to=(*entry.sent_to, *(upstream for upstream, _ in chosen))))
        deliveries = _deliveries(situation, after, listed, chosen)
        rows += [audit("result.sent", ACTOR, before.dossier, result=after.code, upstream=one) for one, _ in chosen]
    left = listed.with_code(before.code)
    shelf = results.read_shelf(situation.records, intake.dossier)
    at = _next_look(after, subject, left.sent_to if left is not None else (), situation.now)
    records = [*_evidence(situation, subject), results.write_list(intake.dossier, listed)]
    if after != before:
        records.append(results.write(after))
    held = HeldCode(after.reason, situation.now) if after.state is ResultState.HELD else None
    moved = shelf.put(after.code, at).hold(after.code, held)
    if moved != shelf:
        records.append(results.write_shelf(intake.dossier, moved))
    if subject.judged is not None and not owner and after.state is not ResultState.WAITING:
        records.append(results.write_owner(situation.records, before.sha256, before.code))
    changed = after != before or bool(deliveries)
    if not changed:
        records = [record for record in records if record.key.kind == results.OPEN_KIND]
    return Decision(
        encode({"state": after.state, "reason": after.reason}),
        200,
        store=bool(records),
        records=tuple(records),
        deliveries=deliveries,
        audit=tuple(rows),
    )


def _same_course(situation: Situation, dossier: str, version: int) -> bool:
    """Whether no event came in since the lanes were looked at: one that did has yet to go before the result, or with it."""
    record = situation.records.get(courses.key(dossier))
    return (record.version if record is not None else 0) == version


def _concluded(before: KeptResult, subject: ResultJudged, owner: str, now: datetime) -> KeptResult:
    """The result after this look."""
    judged = subject.judged
    if judged is None:
        if not subject.reason or before.state is ResultState.PASSED:
            return before
        waits = subject.reason == "verifier_unusable"
        state = ResultState.WAITING if waits else ResultState.HELD
        return replace(
            before,
            state=state,
            reason=subject.reason,
            reason_vi=REASONS[subject.reason],
            waiting_since=(before.waiting_since or now) if waits else None,
            alarmed=before.alarmed or subject.overdue,
            unsettled=0,
        )
    state, reason = _verdict(before, judged, owner)
    waits = state is ResultState.WAITING
    return replace(
        before,
        state=state,
        reason=reason,
        reason_vi=sentence(reason),
        tries=before.tries + 1,
        judged_at=now,
        waiting_since=(before.waiting_since or now) if waits else None,
        alarmed=waits and (before.alarmed or subject.overdue),
        facts=judged.facts,
        report=judged.report,
        evidence=tuple(digest for digest, _ in pieces(judged.evidence)),
        kinds=(len(judged.evidence.certificates), len(judged.evidence.crls), len(judged.evidence.ocsps)),
        signers=subject.signers,
        unsettled=0,
    )


def _verdict(before: KeptResult, judged: Judged, owner: str) -> tuple[ResultState, str]:
    """What the report, and what the document is about, mean together (signing facts 5.1, 7 C2)."""
    report = judged.report
    if report.conclusion is Indication.TOTAL_PASSED:
        if owner and owner != before.code:
            return ResultState.HELD, "result_of_another_dossier"
        if any(code != before.dossier for code in judged.named):
            return ResultState.HELD, "names_another_dossier"
        if not judged.names_read:
            return ResultState.HELD, "names_unreadable"
        return ResultState.PASSED, ""
    if report.sub_indication is SubIndication.TRY_LATER:
        return ResultState.WAITING, report.sub_indication
    return ResultState.HELD, report.sub_indication or report.conclusion


def sentence(reason: str) -> str:
    """The Vietnamese sentence for a reason; empty for none."""
    if not reason or reason in REASONS:
        return REASONS.get(reason, "")
    known = {str(name): row.message_vi for name, row in sub_indication_rows().items()}
    return known.get(reason, "Chữ ký chưa đạt; xem báo cáo.")


def _told(before: KeptResult, after: KeptResult, subject: ResultJudged) -> list[AuditWrite]:
    """The audit rows of a look: what was judged, and that somebody has to see it."""
    if after == before:
        return []
    verdict = after.report.conclusion if after.report is not None else None
    kind = {ResultState.PASSED: "result.passed", ResultState.WAITING: "result.waiting"}.get(after.state, "result.held")
    policy = after.report.policy if after.report is not None else ""
    due = subject.again_at if after.state is ResultState.WAITING else None
    event_id = after.event.event_id if after.event is not None else ""
    told = [
        audit(
            kind,
            ACTOR,
            after.dossier,
            event_id,
            result=after.code,
            sha256=after.sha256,
            verdict=verdict,
            reason=after.reason,
            policy=policy,
            tries=after.tries,
            due=due,
        )
    ]
    if after.alarmed and not before.alarmed:
        row = audit("result.overdue", ACTOR, after.dossier, event_id, result=after.code, since=after.waiting_since)
        told.append(row)
    return told


def _next_look(after: KeptResult, subject: ResultJudged, sent_to: tuple[str, ...], now: datetime) -> datetime | None:
    """When to look again; None when there is nothing left to do by itself. How often lanes are looked at, the watch knows."""
    if after.state is ResultState.WAITING:
        return subject.again_at
    if after.state is ResultState.PASSED and not set(subject.wanted) <= set(sent_to):
        return now
    return None


def _evidence(situation: Situation, subject: ResultJudged) -> list[RecordWrite]:
    """The pieces of evidence that no record holds yet."""
    evidence = subject.judged.evidence if subject.judged is not None else Evidence()
    new = {results.evidence_key(digest): piece for digest, piece in pieces(evidence)}
    return [RecordWrite(key, 1, piece) for key, piece in new.items() if key not in situation.records]


def _deliveries(
    situation: Situation, after: KeptResult, listed: ResultList, chosen: tuple[tuple[str, str], ...]
) -> tuple[NewDelivery, ...]:
    """The result as an update of its dossier: the newest snapshot with all results whose state this lane has already."""
    snapshot = situation.records.get(dossiers.key(after.dossier))
    course = courses.read(situation.records, after.dossier)
    if not chosen:
        return ()
    source, event_id = (after.event.system_code, after.event.event_id) if after.event is not None else (ACTOR, "")
    task = Task(
        kind=RESULTS,
        reported_by=ACTOR,
        ledger=results.KIND,
        ledger_id=after.code,
        version=after.version + 1,
        dossier_code=after.dossier,
        asked_at=situation.now,
        fields={},
        dossier=dossiers.parse(snapshot) if snapshot is not None else None,
    )

    def content(upstream: str) -> bytes:
        shown = tuple(VerifiedResult(one.code, one.document) for one in listed.published(upstream))
        return encode(replace(task, fields={RESULTS: msgspec.to_builtins(shown)}))

    return tuple(
        NewDelivery(
            delivery_id=delivery_id(source, after.code, upstream, operation),
            upstream=upstream,
            operation=operation,
            event_id=event_id or after.code,
            source=source,
            legal_due=course.due_at if course is not None else None,
            dossier=after.dossier,
            content=content(upstream),
        )
        for upstream, operation in chosen
    )
