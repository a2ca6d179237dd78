"""Signatures that systems ask for: an intent written first, the bytes of a stored file and no others, the signed file stored.

Nobody can have a digest signed, or bytes that are not a file of a dossier (signing facts 6: no blind signing). The intent, its
audit row and its leaf are durable before the key is used; the signed file, what was told, audit and leaf come in one
transaction after it. What breaks off in between leaves an intent without a signature; the same request again makes it whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from gateway.audit.events import audit
from gateway.errors import Conflict, Forbidden, IntakeError, NotFound, UpstreamUnavailable
from gateway.intake.authenticate import Caller
from gateway.intake.files import FileDoor, shows, undone
from gateway.intake.receipts import answered
from gateway.intake.recording import Recording, recording_intake
from gateway.journal.cabinet import Draft
from gateway.journal.model import AuditWrite, RecordWrite
from gateway.journal.sealing import SealBroken
from gateway.observe.crash import Reach, never
from gateway.records import courses, files, results, signatures
from gateway.records.files import ListedFile, StoredFile
from gateway.records.signatures import INTENDED, SIGNED, Intent, KeptSignature
from gateway.signatures.issuing import Issuer, Made, Wish
from gateway.signatures.keys import Asked, HeldKey, KeyRing
from gateway.signatures.turns import Turns
from gateway.signatures.uses import Uses
from gateway.signatures.workplace import workplace
from mappings.codec import encode
from signing.errors import KeyUnavailable, SigningError, StampUnavailable
from signing.making import Profile
from signing.rendering.structured import as_tree
from signing.storing import encode_report

_PIECE = 1 << 20
_TRIES = 8
DETACHED = "application/pkcs7-signature"


@dataclass(frozen=True, slots=True)
class Bench:
    """With what requests are carried out. `work`: a folder of our own for documents on their way through."""

    files: FileDoor
    issuer: Issuer
    keys: KeyRing
    uses: Uses
    work: Path
    reach: Reach = never


class SignatureRequests:
    """Carries requests out. `sign` returns the answer (JSON) and its HTTP status."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._door = bench.files.door
        self._turns = Turns()

    async def sign(self, caller: Caller, intent: Intent) -> tuple[bytes, int]:
        """The signed file is stored when this returns. Raises `IntakeError`; then nothing was signed that anybody could have."""
        async with self._turns.of(intent.label):
            return await self._signed(caller, intent)

    async def _signed(self, caller: Caller, intent: Intent) -> tuple[bytes, int]:
        kept = await self._known(intent)
        if kept is not None and kept.state == SIGNED:
            return kept.answer, 200
        held, stored = await self._allowed(caller, intent)
        self._bench.uses.count(held)
        kept = await self._intended(intent, kept, held)
        self._bench.reach("signature.intended")
        async with workplace(self._bench.work) as place:
            source, target = place / "nguon", place / "da-ky"
            await self._laid_out(intent, stored, source)
            wish = Wish(held.signer, frozenset({held.domain}), Profile(intent.profile), source, target, held.algorithm)
            try:
                made = await self._bench.issuer.sign(wish)
            except SigningError as error:
                await self._refused(intent, error)
                raise _refusal(error) from None
            answer = await self._stored(kept, held, stored, (made, target))
        return answer, 201

    async def _known(self, intent: Intent) -> KeptSignature | None:
        record = await self._door.journal.record(signatures.key(intent.system, intent.request_id))
        if record is None:
            return None
        kept = signatures.parse(record)
        if kept.intent != intent:
            raise Conflict("request_id này đã dùng cho một yêu cầu ký khác.", code="conflict")
        return kept

    async def _allowed(self, caller: Caller, intent: Intent) -> tuple[HeldKey, StoredFile]:
        """The key and the file; raises what is told to who may not. Who may not use a key does not learn that it exists."""
        held = self._bench.keys.get(intent.key)
        if held is None or not held.serves(caller.system_code):
            raise Forbidden(f"Hệ thống này không được dùng khóa {intent.key}.", code="signing_key_refused")
        journal = self._door.journal
        record = await journal.record(files.key(intent.dossier, intent.sha256))
        listed = files.parse_list(await journal.record(files.list_key(intent.dossier)))
        if not await shows(self._door, caller, intent.dossier) or record is None or listed.find(intent.sha256) is None:
            raise NotFound("Không có tệp này trong hồ sơ; hãy tải tệp lên trước.")
        stored = files.parse(record)
        course = await journal.record(courses.key(intent.dossier))
        procedures = courses.parse(course).procedures() if course is not None else ()
        asked = Asked(caller.system_code, Profile(intent.profile), tuple(procedures), stored.media_type, stored.size)
        objection = held.objection(asked)
        if objection:
            raise Forbidden(objection, code="signing_key_refused")
        return held, stored

    async def _intended(self, intent: Intent, kept: KeptSignature | None, held: HeldKey) -> KeptSignature:
        """The intent, durable with its audit row and leaf before the key is used."""
        version = kept.version + 1 if kept is not None else 1
        fresh = KeptSignature(intent, self._door.clock.now(), INTENDED, version=version)
        row = _row("signature.requested", intent, purpose=intent.purpose, custodian=held.custody.custodian)
        await self._write(intent, (signatures.write(fresh),), (row,))
        return fresh

    async def _refused(self, intent: Intent, error: SigningError) -> None:
        await self._write(intent, (), (_row("signature.refused", intent, code=error.code),))

    async def _stored(self, kept: KeptSignature, held: HeldKey, stored: StoredFile, made: tuple[Made, Path]) -> bytes:
        """The signed file sealed and durable, then one transaction with everything that is said of it."""
        intent, (signature, target) = kept.intent, made
        cabinet = self._bench.files.cabinet
        draft = await cabinet.run(cabinet.draft, files.label(intent.dossier, signature.sha256))
        try:
            await cabinet.run(_seal, target, draft)
            if draft.digest().hex() != signature.sha256:
                raise IntakeError("Tệp vừa ký đã bị thay đổi trước khi lưu.", code="file_broken", status=500)
        except BaseException:
            await cabinet.run(draft.drop)
            raise
        self._bench.reach("signature.before_commit")
        try:
            answer = await self._committed(kept, held, stored, (signature, draft))
        except (
            Exception
        ) as error:  # who is cancelled cannot know whether a row names the file now: then the sweep sees to it
            if undone(cabinet, error):
                await cabinet.run(draft.drop)
            raise
        self._bench.reach("signature.after_commit")
        await cabinet.run(cabinet.settle, draft.place)
        return answer

    async def _committed(
        self, kept: KeptSignature, held: HeldKey, stored: StoredFile, made: tuple[Made, Draft]
    ) -> bytes:
        intent, (signature, draft) = kept.intent, made
        detached = intent.profile.startswith("P-CMS")
        media_type = DETACHED if detached else stored.media_type
        journal = self._door.journal
        for _ in range(_TRIES):
            listed = files.parse_list(await journal.record(files.list_key(intent.dossier)))
            known = await journal.record(files.key(intent.dossier, signature.sha256))
            named = results.parse_list(await journal.record(results.list_key(intent.dossier)))
            result = named.with_content(intent.sha256 if detached else signature.sha256)
            answer = encode(_answer(kept, signature, media_type, result.code if result is not None else None))
            done = replace(
                kept,
                state=SIGNED,
                signed_sha256=signature.sha256,
                answer=answer,
                report=encode_report(signature.report),
                version=kept.version + 1,
            )
            now = self._door.clock.now()
            listed = listed.put(ListedFile(signature.sha256, signature.size, (intent.system,), now))
            version = known.version + 1 if known is not None else 1
            file = StoredFile(draft.place, draft.key, media_type, signature.size, b"")
            writes = (
                files.write(intent.dossier, signature.sha256, file, version),
                files.write_list(intent.dossier, listed),
                signatures.write(done),
            )
            rows = (
                audit("file.stored", intent.system, intent.dossier, "", sha256=signature.sha256, size=signature.size),
                _row("signature.made", intent, signed=signature.sha256, custodian=held.custody.custodian),
            )
            try:
                await self._write(intent, writes, rows)
            except Conflict as error:
                if error.code != "changed_meanwhile":
                    raise
                continue
            return answer
        raise UpstreamUnavailable(
            "Hồ sơ đang thay đổi liên tục; hãy gửi lại đúng yêu cầu này.", code="signing_unavailable"
        )

    async def _write(self, intent: Intent, records: tuple[RecordWrite, ...], rows: tuple[AuditWrite, ...]) -> None:
        intake = recording_intake("signature", intent.system, Recording(records=records, audit=rows))
        answered(await self._door.journal.accept(intake))

    async def _laid_out(self, intent: Intent, stored: StoredFile, path: Path) -> None:
        """The stored file in the clear, for the workers; only in our folder, only while it is signed."""
        cabinet = self._bench.files.cabinet
        content = cabinet.content(stored.place, stored.key, files.label(intent.dossier, intent.sha256))
        try:
            with path.open("xb") as file:
                while chunk := await cabinet.run(content.next_chunk):
                    await cabinet.run(file.write, chunk)
        except SealBroken as error:
            raise IntakeError("Tệp đã lưu không mở được.", code="file_broken", status=500) from error
        finally:
            await cabinet.run(content.close)


def _seal(path: Path, draft: Draft) -> None:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            draft.write(piece)
    draft.finish()


def _row(kind: str, intent: Intent, **more: str) -> AuditWrite:
    return audit(
        kind,
        intent.system,
        intent.dossier,
        "",
        request=intent.request_id,
        sha256=intent.sha256,
        profile=intent.profile,
        key=intent.key,
        **more,
    )


def _answer(kept: KeptSignature, made: Made, media_type: str, result: str | None) -> dict[str, object]:
    intent = kept.intent
    return {
        "status": SIGNED,
        "request_id": intent.request_id,
        "dossier_code": intent.dossier,
        "source_sha256": intent.sha256,
        "sha256": made.sha256,
        "size": made.size,
        "media_type": media_type,
        "profile": intent.profile,
        "key": intent.key,
        "result_code": result,
        "report": as_tree(made.report),
    }


def _refusal(error: SigningError) -> IntakeError:
    """What is told: later is worth a try, or it is not."""
    if isinstance(error, KeyUnavailable | StampUnavailable):
        return UpstreamUnavailable(error.message_vi, code="signing_unavailable")
    return Conflict(error.message_vi, code="signing_refused")
