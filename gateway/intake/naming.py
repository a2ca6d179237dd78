"""An event or a snapshot names results: each content gets its code KQ(n) once, and is looked at from then on. Pure.

The number is that of the result in its dossier, in the order in which results were named, and is given inside the accept
transaction: no two results of a dossier can have the same (NĐ 45/2020/NĐ-CP Điều 14 khoản 3).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway.audit.events import audit
from gateway.intake.draft import Draft
from gateway.records import results
from gateway.records.results import KeptResult, ListedResult, ResultState, result_code
from mappings.canonical import Cause, ResultDocument, StatusEvent

_MOST_NAMED_IN = 64
"""A system that names a result again and again need not be remembered for each time."""


def name_results(draft: Draft, source: str, event: StatusEvent | None, documents: Iterable[ResultDocument]) -> None:
    """Register what is new, and remember which events speak of what is known; `event` None: a snapshot names them."""
    cause = Cause(source, event.event_id) if event is not None else None
    for document in documents:
        known = draft.results.with_content(document.file.sha256)
        if known is None:
            _register(draft, source, event, document)
        else:
            _named_again(draft, known, source, cause)
    if event is not None and event.caused_by is not None:
        # The resolution system answers a sector's event: its own event lets go what that one named.
        for one in draft.results.results:
            if event.caused_by in one.named_in:
                _named_again(draft, one, source, cause)


def _register(draft: Draft, source: str, event: StatusEvent | None, document: ResultDocument) -> None:
    dossier, now, listed = draft.intake.dossier, draft.situation.now, draft.results
    code = result_code(dossier, len(listed.results) + 1)
    file = document.file
    kept = KeptResult(code, dossier, file.sha256, file.size, document, now, event=event)
    named_in = (Cause(source, event.event_id),) if event is not None else ()
    entry = ListedResult(code, file.sha256, ResultState.AWAITING, (source,), document, named_in)
    draft.records.append(results.write(kept))
    draft.put_results(listed.put(entry))
    draft.look_at(code)
    event_id = event.event_id if event is not None else ""
    row = audit("result.registered", source, dossier, event_id, result=code, sha256=file.sha256, size=file.size)
    draft.audits.append(row)


def _named_again(draft: Draft, known: ListedResult, source: str, cause: Cause | None) -> None:
    named_in = known.named_in
    if cause is not None and cause not in named_in and len(named_in) < _MOST_NAMED_IN:
        named_in = (*named_in, cause)
    by = tuple(dict.fromkeys((*known.by, source)))
    if (by, named_in) == (known.by, known.named_in):
        return
    draft.put_results(draft.results.put(replace(known, by=by, named_in=named_in)))
    if known.state is ResultState.PASSED:
        draft.look_at(known.code)
