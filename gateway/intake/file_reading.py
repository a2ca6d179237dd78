"""Reading files back: content chunk by chunk, every read audited before its first byte, and what a dossier holds."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.errors import IntakeError
from gateway.intake import personal
from gateway.intake.accept import Door
from gateway.intake.authenticate import Caller
from gateway.intake.file_decision import FileReadSubject, no_such_file, read_intake, unknown_dossier
from gateway.intake.files import FileDoor, shows
from gateway.intake.personal import Read
from gateway.intake.receipts import answered
from gateway.journal.cabinet import OpenFile
from gateway.journal.sealing import SealBroken
from gateway.records import courses, files

_LOG = logging.getLogger("gateway.intake")


@dataclass(frozen=True, slots=True)
class Opened:
    """A file ready to be sent: its media type and size, its first chunk, and the rest."""

    media_type: str
    size: int
    first: bytes
    rest: OpenFile


@asynccontextmanager
async def reading(files_door: FileDoor, caller: Caller, sha256: str, asked: tuple[str, str]) -> AsyncIterator[Opened]:
    """A file of a dossier, `asked` for as (dossier, route); that it was read is on disk before the first byte is given.

    Raises `NotFound`, or a 500 `file_broken` for content that cannot be opened.
    """
    dossier, route = asked
    journal, cabinet = files_door.door.journal, files_door.cabinet
    with files_door.leaving.of(caller.system_code):
        intake = read_intake(caller.system_code, dossier, FileReadSubject(sha256, route, caller.proof))
        answered(await journal.accept(intake))
        record = await journal.record(files.key(dossier, sha256))
        if record is None:
            raise no_such_file()
        stored = files.parse(record)
        content = cabinet.content(stored.place, stored.key, files.label(dossier, sha256))
        try:
            try:
                first = await cabinet.run(content.next_chunk)
            except SealBroken as error:
                _LOG.error("stored file cannot be opened", extra={"code": "file_broken", "dossier": dossier})
                raise IntakeError("Tệp đã lưu không mở được.", code="file_broken", status=500) from error
            yield Opened(stored.media_type, stored.size, first, content)
        finally:
            await cabinet.run(content.close)


async def listed(door: Door, caller: Caller, dossier: str) -> Mapping[str, object]:
    """The files of a dossier: digests, sizes, who uploaded them and when; raises `NotFound`."""
    record = await door.journal.record(files.list_key(dossier))
    if not await shows(door, caller, dossier) or (record is None and not await _exists(door, dossier)):
        raise unknown_dossier(dossier)
    await personal.note(door.journal, Read(caller.system_code, "files", dossier, "GET /v1/files", dossier))
    return {"dossier_code": dossier, "files": view(files.parse_list(record))}


def view(listing: files.FileList) -> list[dict[str, object]]:
    """The files of a list as callers see them."""
    return [
        {"sha256": one.sha256, "size": one.size, "uploaded_by": one.by[0], "stored_at": one.at} for one in listing.files
    ]


async def _exists(door: Door, dossier: str) -> bool:
    return await door.journal.record(courses.key(dossier)) is not None
