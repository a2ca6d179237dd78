"""Sổ kết quả: each result document that an event named, its code KQ(n), what was judged of it, and where it went.

Record kind `result`, id = result code: everything about one result. Kind `result_list`, id = dossier code: the results of a
dossier in order, with what a decision needs of them. Both are sealed with the data key of their dossier, since documents
have names. Kind `result_open`, id = one of 16 shelves: codes that the gateway still has to look at, and when; unsealed, codes
and times alone, so that a start finds its work by one query. Kind `result_content`, id = SHA-256: which result the content
was judged as first (attack C2: a signed result shown again for another dossier). Kind `result_evidence`, id = SHA-256: one
CRL, OCSP response or certificate that a judgement was given beside the document.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from gateway.journal.model import Record, RecordKey, RecordWrite
from mappings.canonical import Cause, ResultDocument, StatusEvent
from mappings.codec import decode, encode
from signing.model import Evidence, Facts
from signing.report import Report

KIND = "result"
LIST_KIND = "result_list"
OPEN_KIND = "result_open"
CONTENT_KIND = "result_content"
EVIDENCE_KIND = "result_evidence"

_SHELVES = 16
_CODE = re.compile(r"(?P<dossier>.+)-KQ\((?P<n>[1-9][0-9]{0,5})\)")


def result_code(dossier: str, n: int) -> str:
    """Mã kết quả điện tử: `<dossier code>-KQ(n)` (NĐ 45/2020/NĐ-CP Điều 14 khoản 3). Raises `ValueError` for n < 1."""
    if not dossier or not 1 <= n <= 999_999:
        raise ValueError("a result code needs a dossier code and a number from 1")
    return f"{dossier}-KQ({n})"


def parse_code(code: str) -> tuple[str, int] | None:
    """The dossier code and the number in a result code; None for anything else. The reverse of `result_code`."""
    found = _CODE.fullmatch(code)
    return (found["dossier"], int(found["n"])) if found is not None else None


class ResultState(StrEnum):
    """Where a result stands. Only PASSED is ever published."""

    AWAITING = "awaiting"
    """Chờ kiểm tra chữ ký."""
    WAITING = "waiting"
    """Chờ thông tin trạng thái chứng thư (TRY_LATER): tried again by itself."""
    HELD = "held"
    """Giữ lại chờ người."""
    PASSED = "passed"
    """Đạt: every signature that the procedure asks for is valid, or two operators overrode an open question."""
    REFUSED = "refused"
    """Một người đã từ chối kết quả này."""


@dataclass(frozen=True, slots=True)
class ListedResult:
    """A result within its dossier. `by`: systems that named it, the first one first; `named_in`: the events that did, echoes
    included; `sent_to`: upstreams whose lane has its delivery."""

    code: str
    sha256: str
    state: ResultState
    by: tuple[str, ...]
    document: ResultDocument
    named_in: tuple[Cause, ...] = ()
    sent_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResultList:
    """The results of one dossier, by number."""

    results: tuple[ListedResult, ...] = ()
    version: int = 0

    def with_code(self, code: str) -> ListedResult | None:
        """The result of this code."""
        return next((one for one in self.results if one.code == code), None)

    def with_content(self, sha256: str) -> ListedResult | None:
        """The result whose file has this digest: the same content in one dossier is one result, however often it is named."""
        return next((one for one in self.results if one.sha256 == sha256), None)

    def put(self, result: ListedResult) -> ResultList:
        """The list with this result in it, in its old place if it had one."""
        if self.with_code(result.code) is None:
            return ResultList((*self.results, result), self.version)
        return ResultList(tuple(result if one.code == result.code else one for one in self.results), self.version)

    def published(self, upstream: str = "") -> tuple[ListedResult, ...]:
        """What passed and was not replaced by a later one that passed; `upstream`: of what its lane has."""
        passed = [
            one for one in self.results if one.state is ResultState.PASSED and (not upstream or upstream in one.sent_to)
        ]
        # Only what was named later replaces: a document that names itself, or two that name each other, hide nobody for good.
        return tuple(
            one
            for n, one in enumerate(passed)
            if not any(later.document.replaces == one.document.id for later in passed[n + 1 :])
        )


@dataclass(frozen=True, slots=True)
class Word:
    """A person's decision about a result: `what` is "judge", "refuse" or "override"."""

    what: str
    operator: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class KeptResult:
    """Everything about one result.

    `event` is the event that named it first, None where a snapshot did. `reason` is a stable code: a sub-indication, or one
    of `gateway.intake.result_decision`. `tries` counts judgements; `waiting_since` is when status information was found
    missing first, `alarmed` that this was told. `evidence` are digests of records of kind `result_evidence`: certificates,
    lists and responses, in this order, as many as `kinds` says.
    `unsettled` counts the judgements that were begun last and never ended: a file that kills the process shows here (F12).
    """

    code: str
    dossier: str
    sha256: str
    size: int
    document: ResultDocument
    registered_at: datetime
    state: ResultState = ResultState.AWAITING
    event: StatusEvent | None = None
    reason: str = ""
    reason_vi: str = ""
    tries: int = 0
    judged_at: datetime | None = None
    waiting_since: datetime | None = None
    alarmed: bool = False
    facts: Facts | None = None
    report: Report | None = None
    evidence: tuple[str, ...] = ()
    kinds: tuple[int, int, int] = (0, 0, 0)
    signers: str = ""
    words: tuple[Word, ...] = ()
    version: int = 0
    unsettled: int = 0

    @property
    def overridden(self) -> bool:
        """Whether it is published by a decision of two people, in spite of an open question."""
        return bool(self.words) and self.words[-1].what == "override"


@dataclass(frozen=True, slots=True)
class HeldCode:
    """Why a result waits for a person, and since when."""

    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Shelf:
    """Codes that the gateway still has to look at, and when; and codes that a person has to look at, and why."""

    due: Mapping[str, datetime] = field(default_factory=dict)
    version: int = 0
    held: Mapping[str, HeldCode] = field(default_factory=dict)

    def put(self, code: str, at: datetime | None) -> Shelf:
        """The shelf with `code` due at that moment; None takes it off."""
        others = {known: moment for known, moment in self.due.items() if known != code}
        return replace(self, due=others if at is None else {**others, code: at})

    def hold(self, code: str, why: HeldCode | None) -> Shelf:
        """The shelf with `code` waiting for a person; None: it waits for nobody."""
        others = {known: held for known, held in self.held.items() if known != code}
        return replace(self, held=others if why is None else {**others, code: why})


@dataclass(frozen=True, slots=True)
class ContentOwner:
    """As which result a content was judged first."""

    code: str


def key(code: str) -> RecordKey:
    """Where a result stands."""
    return RecordKey(KIND, code)


def list_key(dossier: str) -> RecordKey:
    """Where the results of a dossier stand."""
    return RecordKey(LIST_KIND, dossier)


def shelf_key(dossier: str) -> RecordKey:
    """On which shelf the open results of a dossier lie; the same in every run and on every node."""
    return RecordKey(OPEN_KIND, f"{zlib.crc32(dossier.encode()) % _SHELVES:02}")


def content_key(sha256: str) -> RecordKey:
    """Where the owner of a content stands."""
    return RecordKey(CONTENT_KIND, sha256)


def evidence_key(sha256: str) -> RecordKey:
    """Where a piece of evidence stands."""
    return RecordKey(EVIDENCE_KIND, sha256)


def given(kept: KeptResult, found: Mapping[str, bytes]) -> Evidence:
    """The evidence of the last judgement again, out of the pieces `found` by digest; what is not there is missing."""
    ends = kept.kinds[0], kept.kinds[0] + kept.kinds[1], sum(kept.kinds)
    spans = kept.evidence[: ends[0]], kept.evidence[ends[0] : ends[1]], kept.evidence[ends[1] : ends[2]]
    certificates, crls, ocsps = (tuple(found[digest] for digest in span if digest in found) for span in spans)
    return Evidence(certificates, crls, ocsps)


def reads(dossier: str) -> tuple[RecordKey, ...]:
    """What every decision has to see that may apply an event: one of them may name a result."""
    return list_key(dossier), shelf_key(dossier)


def parse(record: Record) -> KeptResult:
    """The result in a stored record."""
    return decode(record.state, KeptResult)


def read(records: Mapping[RecordKey, Record], code: str) -> KeptResult | None:
    """A result among the records read."""
    record = records.get(key(code))
    return parse(record) if record is not None else None


def parse_list(record: Record | None) -> ResultList:
    """The list in a stored record; empty where there is none."""
    return decode(record.state, ResultList) if record is not None else ResultList()


def read_list(records: Mapping[RecordKey, Record], dossier: str) -> ResultList:
    """The results of a dossier among the records read."""
    return parse_list(records.get(list_key(dossier)))


def parse_shelf(record: Record | None) -> Shelf:
    """The shelf in a stored record; empty where there is none."""
    return decode(record.state, Shelf) if record is not None else Shelf()


def read_shelf(records: Mapping[RecordKey, Record], dossier: str) -> Shelf:
    """The shelf of a dossier among the records read."""
    return parse_shelf(records.get(shelf_key(dossier)))


def read_owner(records: Mapping[RecordKey, Record], sha256: str) -> str:
    """The result that this content was judged as first; empty where there is none."""
    record = records.get(content_key(sha256))
    return decode(record.state, ContentOwner).code if record is not None else ""


def write(result: KeptResult) -> RecordWrite:
    """The record that puts a result in place, one version further."""
    kept = replace(result, version=result.version + 1)
    return RecordWrite(key(kept.code), kept.version, encode(kept), sealed_for=kept.dossier)


def write_list(dossier: str, listed: ResultList) -> RecordWrite:
    """The record that puts a list in place, one version further."""
    kept = replace(listed, version=listed.version + 1)
    return RecordWrite(list_key(dossier), kept.version, encode(kept), sealed_for=dossier)


def write_shelf(dossier: str, shelf: Shelf) -> RecordWrite:
    """The record that puts a shelf in place, one version further."""
    kept = replace(shelf, version=shelf.version + 1)
    return RecordWrite(shelf_key(dossier), kept.version, encode(kept))


def write_owner(records: Mapping[RecordKey, Record], sha256: str, code: str) -> RecordWrite:
    """The record that says as which result a content was judged."""
    known = records.get(content_key(sha256))
    return RecordWrite(content_key(sha256), (known.version if known is not None else 0) + 1, encode(ContentOwner(code)))
