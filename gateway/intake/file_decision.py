"""The decisions about files: whether one is kept, whether one may be read, whether those of an event were uploaded. Pure.

Source: dossier-model 4.1 (result: "content uploaded before the event and named by digest") and 7, rule 7; QĐ 3036 Điều 11.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.audit.events import audit
from gateway.config import CallerRecord
from gateway.errors import Conflict, Fault, IntakeError, NotFound
from gateway.intake.apply import sees
from gateway.intake.authenticate import not_fresh
from gateway.intake.course import RESOLUTION
from gateway.intake.entitlement import Proof, Scope, covering
from gateway.intake.receipts import LOCAL, refuse
from gateway.journal.model import Decision, Intake, Record, RecordKey, Situation
from gateway.records import consents, courses, dossiers, files
from gateway.records.files import ListedFile, StoredFile
from mappings.canonical import ResultDocument
from mappings.codec import encode

FILE = "file"
FILE_READ = "file_read"


@dataclass(frozen=True, slots=True)
class FileSubject:
    """A file whose content lies in the cabinet, whole and durable; None: it is known already and was not kept again.

    `gone` is the place of an earlier copy whose content was found missing: this one takes its place. `fresh` False: the
    signature is old, which is lawful only for what is stored already.
    """

    sha256: str
    size: int
    stored: StoredFile | None
    gone: str = ""
    fresh: bool = True
    proof: Proof = Proof()


@dataclass(frozen=True, slots=True)
class FileReadSubject:
    """A file that its caller wants to read, by this route."""

    sha256: str
    route: str
    proof: Proof = Proof()


@dataclass(frozen=True, slots=True)
class FileRules:
    """What the decisions about files rest on."""

    callers: Mapping[str, CallerRecord]
    parks_unknown: bool
    most: int

    def shows(self, records: Mapping[RecordKey, Record], scope: Scope, dossier: str) -> bool:
        """Whether a dossier exists for this caller; to the resolution system, which owns them, before they are registered."""
        course = courses.read(records, dossier)
        return scope.role == RESOLUTION or (course is not None and sees(scope, course))

    def store(self, situation: Situation, intake: Intake, subject: FileSubject) -> Decision:
        """201 for a file that is new to its caller, 200 with the same answer when it comes again."""
        source, dossier = intake.source, intake.dossier
        scope = covering(self.callers, situation, source, subject.proof)
        if isinstance(scope, IntakeError):
            return refuse(scope)
        shown = self.shows(situation.records, scope, dossier)
        if not shown and not self.parks_unknown:
            return refuse(unknown_dossier(dossier))
        listed = files.read_list(situation.records, dossier)
        kept, entry = files.read(situation.records, dossier, subject.sha256), listed.find(subject.sha256)
        answer = _answer(dossier, subject)
        is_kept = kept is not None and entry is not None and kept.place != subject.gone
        if is_kept and entry is not None and (shown or source in entry.by):
            return Decision(answer, 200, store=False)
        if not subject.fresh:
            return refuse(not_fresh())
        if subject.stored is None:
            return refuse(Conflict("Tệp này vừa thay đổi; hãy gửi lại."))
        # Each system has room of its own: nobody can fill up a dossier that is another's to finish.
        if entry is None and sum(one.by[0] == source for one in listed.files) >= self.most:
            message = f"Hệ thống đã tải {self.most} tệp lên hồ sơ này, không nhận thêm."
            return refuse(Conflict(message, code="too_many_files"))
        by = (source,) if entry is None else tuple(dict.fromkeys((*entry.by, source)))
        at = situation.now if entry is None else entry.at
        listed = listed.put(ListedFile(subject.sha256, subject.size, by, at))
        # To whom the dossier does not show, a file that others uploaded does not show either: the answer is that of a new one.
        of_content = () if is_kept else (files.write(dossier, subject.sha256, subject.stored, listed.version),)
        return Decision(
            answer,
            201,
            records=(*of_content, files.write_list(dossier, listed)),
            audit=(audit("file.stored", source, dossier, "", sha256=subject.sha256, size=subject.size),),
        )

    def read(self, situation: Situation, intake: Intake, subject: FileReadSubject) -> Decision:
        """Who may read is written down before the first byte; the answer is empty, the content follows from the cabinet."""
        scope = covering(self.callers, situation, intake.source, subject.proof)
        if isinstance(scope, IntakeError):
            return refuse(scope)
        shown = self.shows(situation.records, scope, intake.dossier)
        if not shown or files.read_list(situation.records, intake.dossier).find(subject.sha256) is None:
            return refuse(no_such_file())
        row = audit(
            "personal.read",
            intake.source,
            intake.dossier,
            "",
            subject=subject.sha256,
            what=FILE,
            purpose="result",
            route=subject.route,
        )
        return Decision(b"", 200, audit=(row,))

    def faults(
        self, situation: Situation, intake: Intake, scope: Scope, results: Iterable[ResultDocument]
    ) -> tuple[Fault, ...]:
        """A fault for each result whose file was not uploaded to this dossier, or has another size."""
        listed = files.read_list(situation.records, intake.dossier)
        shown = self.shows(situation.records, scope, intake.dossier)
        found = []
        for index, result in enumerate(results):
            entry = listed.find(result.file.sha256)
            if entry is None or not (shown or intake.source in entry.by):
                message = "Tệp này chưa được tải lên cho hồ sơ; hãy gửi POST /v1/files trước rồi gửi lại."
                found.append(Fault("tep_chua_tai_len", f"/results/{index}/file/sha256", message))
            elif entry.size != result.file.size:
                message = "Cỡ ghi ở đây khác cỡ của tệp đã tải lên."
                found.append(Fault("sai_kich_thuoc", f"/results/{index}/file/size", message))
        return tuple(found)


def unknown_dossier(dossier: str) -> NotFound:
    """A dossier that was never registered, or that this caller may not see: the two answers are the same."""
    return NotFound(f"Hồ sơ {dossier} chưa được hệ thống giải quyết đăng ký.", code="unknown_dossier")


def no_such_file() -> NotFound:
    """A file that is not there, or not for this caller."""
    return NotFound("Không có tệp này trong hồ sơ.")


def _answer(dossier: str, subject: FileSubject) -> bytes:
    """What the sender is told: nothing that it did not say itself, so a repeat gets the very same."""
    return encode(
        {
            "status": "stored",
            "dossier_code": dossier,
            "dossier_uid": dossiers.uid(dossier),
            "sha256": subject.sha256,
            "size": subject.size,
            "durability": LOCAL,
        }
    )


def file_intake(source: str, dossier: str, subject: FileSubject) -> Intake:
    """A file as the journal takes it; without a key, since its digest is what may not come twice."""
    return Intake(
        kind=FILE,
        source=source,
        key="",
        dossier=dossier,
        digest=bytes.fromhex(subject.sha256),
        raw=b"",
        subject=subject,
        reads=(consents.key(source), courses.key(dossier), files.key(dossier, subject.sha256), files.list_key(dossier)),
    )


def read_intake(source: str, dossier: str, subject: FileReadSubject) -> Intake:
    """A read as the journal takes it."""
    return Intake(
        kind=FILE_READ,
        source=source,
        key="",
        dossier=dossier,
        digest=bytes.fromhex(subject.sha256),
        raw=b"",
        subject=subject,
        reads=(consents.key(source), courses.key(dossier), files.list_key(dossier)),
    )
