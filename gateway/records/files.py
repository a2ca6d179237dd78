"""Tệp đã tải lên: what is kept of each file (sealed), and the list of the files of a dossier (digests, sizes, who, when).

Record kind `file`, id = dossier/sha256, sealed with the data key of its dossier: the place of the content in the cabinet, the
key that opens it, the media type, the signed head of the request that brought it. Destroying the dossier's wrapped key
destroys the keys of its files. Record kind `file_list`, id = dossier, holds nothing personal and stands unsealed: one look
tells whether the files of an event were uploaded. No record keeps a file's name; that travels in the event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.journal.cabinet import Cabinet
from gateway.journal.model import Record, RecordKey, RecordWrite
from gateway.journal.store import Journal
from mappings.codec import decode, encode

KIND = "file"
LIST_KIND = "file_list"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Where the content is and what opens it. `signed` is the head of the request, as `evidence.original` packs it."""

    place: str
    key: bytes = field(repr=False)
    media_type: str
    size: int
    signed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file of a dossier. `by` are the systems that uploaded it, the first one first; `size` in bytes."""

    sha256: str
    size: int
    by: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class FileList:
    """The files of one dossier, in order of arrival."""

    files: tuple[ListedFile, ...] = ()
    version: int = 0

    def find(self, sha256: str) -> ListedFile | None:
        """The file of this digest (lower-case hex)."""
        return next((file for file in self.files if file.sha256 == sha256), None)

    def put(self, file: ListedFile) -> FileList:
        """The list with this file in it, in its old place if it had one."""
        if self.find(file.sha256) is None:
            return FileList((*self.files, file), self.version + 1)
        return FileList(tuple(file if one.sha256 == file.sha256 else one for one in self.files), self.version + 1)


def label(dossier: str, sha256: str) -> str:
    """What names the content: its dossier and its digest."""
    return f"{dossier}/{sha256}"


def key(dossier: str, sha256: str) -> RecordKey:
    """Where a file stands."""
    return RecordKey(KIND, label(dossier, sha256))


def list_key(dossier: str) -> RecordKey:
    """Where the list of a dossier stands."""
    return RecordKey(LIST_KIND, dossier)


def parse(record: Record) -> StoredFile:
    """The file in a stored record."""
    return decode(record.state, StoredFile)


def parse_list(record: Record | None) -> FileList:
    """The list in a stored record; empty where there is none."""
    return decode(record.state, FileList) if record is not None else FileList()


def read(records: Mapping[RecordKey, Record], dossier: str, sha256: str) -> StoredFile | None:
    """A file among the records read."""
    record = records.get(key(dossier, sha256))
    return parse(record) if record is not None else None


def read_list(records: Mapping[RecordKey, Record], dossier: str) -> FileList:
    """The list of a dossier among the records read."""
    return parse_list(records.get(list_key(dossier)))


def write(dossier: str, sha256: str, file: StoredFile, version: int) -> RecordWrite:
    """The record that puts a file in place."""
    return RecordWrite(key(dossier, sha256), version, encode(file), sealed_for=dossier)


def write_list(dossier: str, listed: FileList) -> RecordWrite:
    """The record that puts a list in place."""
    return RecordWrite(list_key(dossier), listed.version, encode(listed))


@dataclass(frozen=True, slots=True)
class Swept:
    """What a start found: parts of broken uploads and files without a row (both removed), files that a row names and that
    were put in their place, files without a row that are young enough to be left."""

    parts: int = 0
    orphans: int = 0
    settled: int = 0
    young: int = 0


async def sweep(cabinet: Cabinet, journal: Journal, orphan_after_s: float) -> Swept:
    """Put right what a crash left between two steps; at the start, while nothing arrives."""
    parts = await cabinet.run(cabinet.drop_parts)
    orphans = settled = young = 0
    for place, named, age_s in await cabinet.run(cabinet.leftovers):
        record = await journal.record(RecordKey(KIND, named)) if named else None
        if record is not None and parse(record).place == place:
            await cabinet.run(cabinet.settle, place)
            settled += 1
        elif age_s < orphan_after_s:
            young += 1
        else:
            await cabinet.run(cabinet.discard, place)
            orphans += 1
    return Swept(parts, orphans, settled, young)
