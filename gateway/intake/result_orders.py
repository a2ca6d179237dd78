"""What a person may decide about a result: judge it again, refuse it, publish it in spite of an open question. Pure.

Nobody makes a result valid: a word stands beside the report and never in its place, and TOTAL-FAILED is overridden by nobody.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from gateway.audit.events import audit
from gateway.errors import Conflict, NotFound
from gateway.intake.receipts import receipt_id, refuse
from gateway.intake.result_decision import sentence
from gateway.journal.model import Decision, Intake, Situation
from gateway.records import results
from gateway.records.results import KeptResult, ResultState, Word
from mappings.codec import encode
from signing.model import Indication

RESULT_ORDER = "result_order"
JUDGE, REFUSE, OVERRIDE = "judge", "refuse", "override"


@dataclass(frozen=True, slots=True)
class ResultOrder:
    """A person's word about a result: judge it again, refuse it, or publish it in spite of an open question."""

    code: str
    what: str
    operator: str
    reason: str


def order_intake(dossier: str, subject: ResultOrder, sha256: str) -> Intake:
    """A person's word as the journal takes it; the signed statement makes a repetition known."""
    return Intake(
        kind=RESULT_ORDER,
        source=subject.operator,
        key="",
        dossier=dossier,
        digest=hashlib.sha256(encode(subject)).digest(),
        raw=b"",
        subject=subject,
        reads=(results.key(subject.code), results.content_key(sha256), *results.reads(dossier)),
    )


def decide_order(situation: Situation, intake: Intake, subject: ResultOrder) -> Decision:
    """Judge again, refuse, or publish in spite; a result that fails cannot be published by anybody's word."""
    before = results.read(situation.records, subject.code)
    listed = results.read_list(situation.records, intake.dossier)
    entry = listed.with_code(subject.code)
    if before is None or entry is None:
        return refuse(NotFound(f"Không có kết quả mã {subject.code}.", code="unknown_result"))
    fault = _fault(before, entry.sent_to, subject.what)
    if fault is not None:
        return refuse(fault)
    word = Word(subject.what, subject.operator, subject.reason, situation.now)
    state, reason = _AFTER[subject.what]
    after = replace(
        before,
        state=state,
        reason=reason,
        reason_vi=sentence(reason),
        waiting_since=None,
        alarmed=False,
        unsettled=0,
        words=(*before.words, word),
    )
    shelf = results.read_shelf(situation.records, intake.dossier)
    at = None if state is ResultState.REFUSED else situation.now
    records = [
        results.write(after),
        results.write_list(intake.dossier, listed.put(replace(entry, state=state))),
        results.write_shelf(intake.dossier, shelf.put(subject.code, at).hold(subject.code, None)),
    ]
    if state is ResultState.REFUSED and results.read_owner(situation.records, before.sha256) == before.code:
        # A mistaken upload must not keep the content from the dossier that it belongs to.
        records.append(results.write_owner(situation.records, before.sha256, ""))
    verdict = before.report.conclusion if before.report is not None else None
    row = audit(
        _KINDS[subject.what],
        subject.operator,
        before.dossier,
        before.event.event_id if before.event is not None else "",
        result=before.code,
        reason=subject.reason,
        verdict=verdict,
        was=before.reason,
    )
    told = {
        "status": "done",
        "done": True,
        "receipt_id": receipt_id(intake),
        "message_vi": _DONE[subject.what].format(code=before.code),
        "result_code": before.code,
        "state": state,
    }
    return Decision(encode(told), 200, records=tuple(records), audit=(row,))


_AFTER = {
    JUDGE: (ResultState.AWAITING, "ordered"),
    REFUSE: (ResultState.REFUSED, "refused"),
    OVERRIDE: (ResultState.PASSED, ""),
}
_KINDS = {JUDGE: "result.ordered", REFUSE: "result.refused", OVERRIDE: "result.overridden"}
_DONE = {
    JUDGE: "Sẽ kiểm tra lại kết quả {code}.",
    REFUSE: "Đã từ chối kết quả {code}; kết quả này không được công bố.",
    OVERRIDE: "Đã quyết định công bố kết quả {code} dù việc kiểm tra chưa đạt.",
}


def _fault(before: KeptResult, sent_to: tuple[str, ...], what: str) -> Conflict | None:
    """Why this cannot be decided about a result as it stands."""
    if before.state is ResultState.PASSED:
        published = "đã được công bố" if sent_to else "đã đạt và đang chờ công bố"
        if what != REFUSE or sent_to:
            return Conflict(f"Kết quả {before.code} {published}; không còn gì để quyết định.", code="result_published")
        return None
    if what != OVERRIDE:
        return None
    if before.state is not ResultState.HELD or before.report is None:
        return Conflict("Chỉ quyết định công bố được kết quả đang giữ lại và đã có báo cáo.", code="result_not_held")
    if before.report.conclusion is Indication.TOTAL_FAILED:
        return Conflict(
            "Chữ ký của kết quả này sai (TOTAL-FAILED); không ai công bố được. Hãy yêu cầu nơi gửi ký lại.",
            code="result_failed",
        )
    return None
