"""The intake line of files: from the bytes of a file to its record, streamed, nothing kept of what is refused.

The signature covers what the head states of the content (type, SHA-256), so strangers are turned away before a byte is read;
the content is sealed while it arrives and compared with the digest at its end. Durable first: the file and its directory
entry are synced before the row that names it is committed, and only then is anything promised.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ParamSpec, Protocol, TypeVar

import aiohttp
from aiohttp import web

from connectors.kit.fetching import Fetcher
from gateway.config import Files, Settings
from gateway.errors import Fault, IntakeError, Invalid, JournalUnavailable, TooLarge, TooManyRequests
from gateway.evidence.original import pack
from gateway.intake.accept import Door, original_of
from gateway.intake.apply import sees
from gateway.intake.authenticate import Caller, bad_digest, not_fresh
from gateway.intake.course import RESOLUTION
from gateway.intake.file_decision import (
    FileSubject,
    file_intake,
    unknown_dossier,
)
from gateway.intake.receipts import answered
from gateway.intake.signature import SignedRequest, stated_sha256
from gateway.journal.cabinet import Cabinet, Draft
from gateway.journal.model import Accepted, RecordKey
from gateway.observe.crash import Reach, never
from gateway.records import courses, files
from gateway.records.files import StoredFile

_LOG = logging.getLogger("gateway.intake")
P = ParamSpec("P")
T = TypeVar("T")
_FETCHER = Fetcher()
_BATCH = 256 * 1024
_TYPE = re.compile(r"[a-zA-Z0-9!#$&^_.+-]{1,64}/[a-zA-Z0-9!#$&^_.+-]{1,64}")
_BROKEN = (web.RequestPayloadError, aiohttp.ClientPayloadError, ConnectionError)


class Slots:
    """Who may send or fetch a file now: so many at once, and of one system so many, so that none keeps the others out."""

    def __init__(self, most: int, per_system: int) -> None:
        self._most, self._per_system = most, per_system
        self._held: Counter[str] = Counter()

    @contextmanager
    def of(self, system: str) -> Iterator[None]:
        """A place for one file; raises `TooManyRequests` when there is none."""
        if self._held.total() >= self._most or self._held[system] >= self._per_system:
            raise TooManyRequests("Đang có quá nhiều tệp được truyền cùng lúc; hãy gửi lại sau.", retry_after_s=2)
        self._held[system] += 1
        try:
            yield
        finally:
            self._held[system] -= 1


@dataclass(frozen=True, slots=True)
class FileDoor:
    """What the line of files stands on."""

    door: Door
    cabinet: Cabinet
    policy: Files
    arriving: Slots
    leaving: Slots
    fetching: Slots
    parks_unknown: bool = False
    reach: Reach = never
    fetcher: Fetcher = _FETCHER

    @classmethod
    def of(
        cls, door: Door, cabinet: Cabinet, settings: Settings, reach: Reach = never, fetcher: Fetcher = _FETCHER
    ) -> FileDoor:
        """With as many places, each way, as the settings say; and as many for calls to hosts that files are fetched from."""
        policy = settings.files
        arriving, leaving, fetching = (Slots(policy.concurrency, policy.per_system) for _ in range(3))
        parks = settings.intake.unknown_dossier == "park"
        return cls(door, cabinet, policy, arriving, leaving, fetching, parks, reach, fetcher)


@dataclass(frozen=True, slots=True)
class Announced:
    """A file that a caller is about to send: what the signed head says of it. `size` None: not said beforehand.

    `body` is the signed content of a request that is not the file itself, but asks for it.
    """

    caller: Caller
    signed: SignedRequest
    dossier: str
    sha256: str
    media_type: str
    size: int | None = None
    body: bytes = b""


Begin = Callable[[], Awaitable[None]]


class Content(Protocol):
    """Where content comes from: whatever is there by now, empty at the end."""

    async def readany(self) -> bytes:
        """Some bytes."""
        ...


class Sink(Protocol):
    """Where content goes."""

    size: int

    def write(self, content: bytes) -> None:
        """Take some more."""
        ...

    def digest(self) -> bytes:
        """SHA-256 so far."""
        ...


@dataclass(slots=True)
class _Counted:
    """Takes content that is kept already: it is compared, not kept twice."""

    size: int = 0
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    def write(self, content: bytes) -> None:
        self.size += len(content)
        self._hash.update(content)

    def digest(self) -> bytes:
        return self._hash.digest()


async def announced(files_door: FileDoor, request: web.BaseRequest) -> Announced:
    """Who sends what, by the head alone; raises `IntakeError` before a byte of the content is read."""
    door, policy = files_door.door, files_door.policy
    signed = door.authenticator.parts(request)
    caller = await door.identify_head(signed)
    if caller.refusal is not None:
        raise caller.refusal
    if any(line.strip().lower() != "identity" for line in request.headers.getall("Content-Encoding", ())):
        raise Invalid("Hãy gửi nội dung không nén (bỏ Content-Encoding).", code="unsupported_encoding", status=415)
    digest = stated_sha256(signed.lines("content-digest"))
    if digest is None:
        raise bad_digest()
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if _TYPE.fullmatch(media_type) is None:
        raise Invalid(
            "Content-Type của tệp phải có dạng loại/phân-loại, ví dụ application/pdf.",
            code="unsupported_media_type",
            status=415,
        )
    if (request.content_length or 0) > policy.max_bytes:
        raise _too_large(policy.max_bytes)
    dossier = asked_dossier(door, request.query.getall("dossier", []))
    return Announced(caller, signed, dossier, digest.hex(), media_type, request.content_length)


def asked_dossier(door: Door, given: list[str]) -> str:
    """The one dossier code of the query; raises `Invalid`."""
    if len(given) != 1 or not door.limits.is_dossier_code(given[0]):
        message = "Hãy gửi đúng một mã hồ sơ: ?dossier=000.00.00.G16-241014-0001."
        raise Invalid(faults=(Fault("ma_ho_so_sai", "/dossier", message),))
    return given[0]


async def store(files_door: FileDoor, sent: Announced, content: Content, begin: Begin) -> Accepted:
    """Take one file on; durable when this returns. Raises `IntakeError`, and then nothing of it remains.

    `begin` is called once content may come (RFC 9110, 10.1.1: who waits for 100 Continue sends nothing that is refused).
    """
    door, caller = files_door.door, sent.caller
    known, gone = await known_already(files_door, sent)
    with files_door.arriving.of(caller.system_code):
        sink: Draft | _Counted = _Counted()
        if not known:
            sink = await on_disk(files_door, files_door.cabinet.draft, files.label(sent.dossier, sent.sha256))
        try:
            await begin()
            await _pour(files_door, content, sink)
            if sink.digest().hex() != sent.sha256:
                raise bad_digest()
            if sent.size is not None and sink.size != sent.size:
                raise Invalid(faults=(Fault("sai_kich_thuoc", "/size", "Cỡ ghi ở đây khác cỡ của tệp."),))
            if isinstance(sink, Draft):
                await on_disk(files_door, sink.finish)
            stored = _record(sent, sink) if isinstance(sink, Draft) else None
        except BaseException:
            if isinstance(sink, Draft):
                await files_door.cabinet.run(sink.drop)
            raise
        subject = FileSubject(sent.sha256, sink.size, stored, gone, caller.fresh, caller.proof)
        files_door.reach("file.before_commit")
        try:
            accepted = await door.journal.accept(file_intake(caller.system_code, sent.dossier, subject))
        except JournalUnavailable as error:
            if isinstance(sink, Draft) and undone(files_door.cabinet, error):
                await files_door.cabinet.run(sink.drop)
            raise
        files_door.reach("file.after_commit")
        if isinstance(sink, Draft):
            await _settle(files_door, files.key(sent.dossier, sent.sha256), sink)
    return answered(accepted)


def undone(cabinet: Cabinet, error: BaseException) -> bool:
    """Whether what was to name a file was surely not written. A journal on a server may have committed what it could not
    tell any more; then the file stays, and a sweep removes it when no row ever named it.
    """
    return not (cabinet.shared and isinstance(error, JournalUnavailable) and error.__cause__ is not None)


async def known_already(files_door: FileDoor, sent: Announced) -> tuple[bool, str]:
    """Whether the content need not be kept again; and the place of a copy whose content is gone.

    Refuses early what the decision would refuse after the last byte: it decides again, over rows that nobody can change.
    """
    door, caller = files_door.door, sent.caller
    shown = await shows(door, caller, sent.dossier)
    if not shown and not files_door.parks_unknown:
        raise unknown_dossier(sent.dossier)
    record = await door.journal.record(files.key(sent.dossier, sent.sha256))
    if record is None and not caller.fresh:
        raise not_fresh()
    if record is None:
        return False, ""
    place = files.parse(record).place
    there = await files_door.cabinet.run(files_door.cabinet.has, place)
    return (shown and there), ("" if there else place)


async def shows(door: Door, caller: Caller, dossier: str) -> bool:
    """Whether a dossier exists for this caller."""
    if caller.role == RESOLUTION:
        return True
    record = await door.journal.record(courses.key(dossier))
    return record is not None and sees(caller.record, courses.parse(record))


def _record(sent: Announced, draft: Draft) -> StoredFile:
    """What is kept of the file: with the signed head, a third party can check who uploaded it."""
    signed = sent.signed
    head = pack(original_of(signed), sent.body)
    return StoredFile(draft.place, draft.key, sent.media_type, draft.size, head)


async def _pour(files_door: FileDoor, content: Content, sink: Sink) -> None:
    """All of the content into the sink, in bounded memory; raises `IntakeError` for one too large, too slow or broken off."""
    policy, clock = files_door.policy, files_door.door.clock
    started, received, batch = clock.instant(), 0, bytearray()
    while True:
        earned = policy.stall_s + received / policy.min_bytes_per_s - (clock.instant() - started)
        try:
            async with asyncio.timeout(max(0.0, min(policy.stall_s, earned))):
                chunk = await content.readany()
        except TimeoutError:
            message = "Tệp đến quá chậm hoặc bị ngừng giữa chừng; hãy gửi lại đúng yêu cầu này, liền một mạch."
            raise IntakeError(message, code="body_timeout", status=408) from None
        except _BROKEN:
            message = "Nội dung đến không trọn vẹn; hãy gửi lại đúng yêu cầu này."
            raise Invalid(message, code="broken_body", status=400) from None
        received += len(chunk)
        if received > policy.max_bytes:
            raise _too_large(policy.max_bytes)
        batch += chunk
        if len(batch) >= _BATCH or (not chunk and batch):
            await on_disk(files_door, sink.write, bytes(batch))
            batch.clear()
        if not chunk:
            return


async def _settle(files_door: FileDoor, key: RecordKey, draft: Draft) -> None:
    """Move the file to where a row names it, or remove it when none does: it was stored before, or refused."""
    record = await files_door.door.journal.record(key)
    try:
        if record is not None and files.parse(record).place == draft.place:
            await files_door.cabinet.run(files_door.cabinet.settle, draft.place)
        else:
            await files_door.cabinet.run(draft.drop)
    except OSError as error:  # what is promised is kept where it lies; the next start moves it
        _LOG.warning("file not settled", extra={"code": type(error).__name__})


async def on_disk(files_door: FileDoor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Work with the disk; a disk without room, or one that fails, is told as 503: nothing was stored, send it again."""
    try:
        return await files_door.cabinet.run(work, *args, **kwargs)
    except OSError as error:
        _LOG.warning("file not stored", extra={"code": type(error).__name__, "errno": error.errno})
        raise JournalUnavailable("Không còn chỗ hoặc không ghi được tệp; hãy gửi lại đúng yêu cầu này sau.") from error


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"Tệp vượt quá {limit} byte.")
