"""Papers of connectors, signed: the intent written first, the custody of the key asked, the signed paper verified and kept.

The same steps and the same rows of the trail as for files of dossiers (`requests.py`); only that the bytes come from a connector
of ours and not from a stored file, so the paper is kept here, whole and sealed.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.kit.papers import PDF, Paper, PaperRefused, SignedPaper
from gateway.audit.events import audit
from gateway.clock import Clock
from gateway.errors import TooManyRequests
from gateway.intake.receipts import answered
from gateway.intake.recording import Recording, recording_intake
from gateway.journal.model import AuditWrite, RecordWrite
from gateway.journal.store import Journal
from gateway.observe.crash import Reach, never
from gateway.records import papers
from gateway.records.papers import SIGNED, KeptPaper, PaperIntent
from gateway.signatures.issuing import Issuer, Made, Wish
from gateway.signatures.keys import Asked, HeldKey, KeyRing
from gateway.signatures.turns import Turns
from gateway.signatures.uses import Uses
from gateway.signatures.workplace import workplace
from signing.errors import KeyUnavailable, SigningError, StampUnavailable
from signing.making import Profile
from signing.storing import encode_report

MOST_BYTES = 8_388_608
"""The largest paper that is kept: whoever makes one of more pages makes several."""

_PROFILES = frozenset({Profile.PDF_B, Profile.PDF_T})


@dataclass(frozen=True, slots=True)
class PaperBench:
    """With what papers are signed. `work`: a folder of our own for documents on their way through."""

    journal: Journal
    clock: Clock
    issuer: Issuer
    keys: KeyRing
    uses: Uses
    work: Path
    reach: Reach = never


class PaperDesk:
    """Signs papers. One for the whole program; each upstream asks through a `Pen` of its own."""

    def __init__(self, bench: PaperBench) -> None:
        self._bench = bench
        self._turns = Turns()

    async def kept(self, upstream: str, paper_id: str) -> SignedPaper | None:
        """The paper of that name, if it was signed."""
        kept = await self._known(upstream, paper_id)
        return _shown(kept) if kept is not None and kept.state == SIGNED else None

    async def sign(self, upstream: str, paper: Paper) -> SignedPaper:
        """See `connectors.kit.papers.PaperSigner`. Raises `JournalUnavailable` too."""
        async with self._turns.of(f"{upstream}/{paper.paper_id}"):
            kept = await self._known(upstream, paper.paper_id)
            if kept is not None and kept.state == SIGNED:
                return _shown(kept)
            held = self._allowed(paper)
            try:
                self._bench.uses.count(held)
            except TooManyRequests as error:
                raise PaperRefused(error.code, error.message_vi, later=True) from None
            fresh = await self._intended(_intent(upstream, paper), kept, held)
            self._bench.reach("paper.intended")
            made, content = await self._made(fresh.intent, held, paper.content)
            return _shown(await self._stored(fresh, held, made, content))

    async def _known(self, upstream: str, paper_id: str) -> KeptPaper | None:
        record = await self._bench.journal.record(papers.key(upstream, paper_id))
        return papers.parse(record) if record is not None else None

    def _allowed(self, paper: Paper) -> HeldKey:
        """The key, if its custody allows this; who may not use it does not learn that it exists."""
        held = self._bench.keys.get(paper.key)
        if held is None or not held.serves(paper.system):
            raise PaperRefused("signing_key_refused", f"Hệ thống này không được dùng khóa {paper.key}.")
        if len(paper.content) > MOST_BYTES:
            raise PaperRefused("signing_refused", f"Văn bản cần ký lớn hơn {MOST_BYTES} byte.")
        profile = next((one for one in _PROFILES if one.value == paper.profile), None)
        if profile is None:
            raise PaperRefused("signing_refused", f"Văn bản PDF không ký được theo hồ sơ {paper.profile}.")
        # Each dossier in the paper counts by itself: one procedure that is allowed speaks for no other.
        each: list[tuple[str, ...]] = [(one,) for one in dict.fromkeys(paper.procedures)]
        for procedures in each or [()]:
            objection = held.objection(Asked(paper.system, profile, procedures, PDF, len(paper.content)))
            if objection:
                raise PaperRefused("signing_key_refused", objection)
        return held

    async def _intended(self, intent: PaperIntent, kept: KeptPaper | None, held: HeldKey) -> KeptPaper:
        """The intent, durable with its audit row and leaf before the key is used."""
        version = kept.version + 1 if kept is not None else 1
        fresh = KeptPaper(intent, self._bench.clock.now(), version=version)
        row = _row("signature.requested", intent, purpose=intent.purpose, custodian=held.custody.custodian)
        await self._write(intent, (papers.write(fresh),), row)
        return fresh

    async def _made(self, intent: PaperIntent, held: HeldKey, content: bytes) -> tuple[Made, bytes]:
        async with workplace(self._bench.work) as place:
            source, target = place / "nguon.pdf", place / "da-ky.pdf"
            await asyncio.to_thread(source.write_bytes, content)
            wish = Wish(held.signer, frozenset({held.domain}), Profile(intent.profile), source, target, held.algorithm)
            try:
                made = await self._bench.issuer.sign(wish)
            except SigningError as error:
                await self._write(intent, (), _row("signature.refused", intent, code=error.code))
                later = isinstance(error, KeyUnavailable | StampUnavailable)
                code = "signing_unavailable" if later else "signing_refused"
                raise PaperRefused(code, error.message_vi, later=later) from None
            signed = await asyncio.to_thread(target.read_bytes)
        if hashlib.sha256(signed).hexdigest() != made.sha256:
            raise PaperRefused("signing_refused", "Văn bản vừa ký đã bị thay đổi trước khi lưu.")
        return made, signed

    async def _stored(self, fresh: KeptPaper, held: HeldKey, made: Made, content: bytes) -> KeptPaper:
        done = replace(
            fresh,
            state=SIGNED,
            signed_at=self._bench.clock.now(),
            signed_sha256=made.sha256,
            content=content,
            report=encode_report(made.report),
            version=fresh.version + 1,
        )
        row = _row("signature.made", fresh.intent, signed=made.sha256, custodian=held.custody.custodian)
        await self._write(fresh.intent, (papers.write(done),), row)
        return done

    async def _write(self, intent: PaperIntent, records: tuple[RecordWrite, ...], row: AuditWrite) -> None:
        intake = recording_intake("signature", intent.system, Recording(records=records, audit=(row,)))
        answered(await self._bench.journal.accept(intake))


def _intent(upstream: str, paper: Paper) -> PaperIntent:
    return PaperIntent(
        upstream=upstream,
        paper_id=paper.paper_id,
        sha256=hashlib.sha256(paper.content).hexdigest(),
        profile=paper.profile,
        key=paper.key,
        system=paper.system,
        purpose=paper.purpose,
    )


def _shown(kept: KeptPaper) -> SignedPaper:
    assert kept.signed_at is not None, "what is signed has its moment"
    return SignedPaper(kept.content, kept.signed_sha256, kept.intent.key, kept.signed_at)


def _row(kind: str, intent: PaperIntent, **more: str) -> AuditWrite:
    return audit(
        kind,
        intent.system,
        "",
        "",
        request=intent.label,
        sha256=intent.sha256,
        profile=intent.profile,
        key=intent.key,
        **more,
    )
