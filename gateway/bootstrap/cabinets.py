"""The cabinet of uploaded files: opened, put right after a crash, and bound to its store where several nodes share it.

A file that one node took on is asked for at another. So nodes on one database keep files in it, unless `[files] folder` names a
disk that all of them share: then the first node leaves a mark in the folder. Which of the two it is stands in the store (record
kind `cabinet`: the mark's digest, or that it is the database), and a node that was told otherwise is refused, instead of telling
callers that files are gone.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from pathlib import Path
from typing import Final

from gateway.bootstrap.stores import database_options
from gateway.config import Loaded
from gateway.config.model import Postgres
from gateway.errors import ConfigError, Conflict
from gateway.intake.receipts import answered
from gateway.intake.recording import Recording, recording_intake
from gateway.journal.cabinet import Cabinet
from gateway.journal.cabinet_folder import FolderCabinet
from gateway.journal.cabinet_shared import SharedCabinet
from gateway.journal.kept import KeptJournal
from gateway.journal.model import RecordKey, RecordWrite
from gateway.journal.sealing import sync_directory
from gateway.records import files

KIND = "cabinet"
PLACE: Final = RecordKey(KIND, "this")
MARK = "store.mark"
IN_THE_STORE = b"database"
_LOG = logging.getLogger("gateway")


def folder(loaded: Loaded) -> Path:
    """Where uploaded files lie."""
    named = loaded.settings.files.folder
    return loaded.path(named) if named else loaded.data_dir() / "content"


async def open_cabinet(loaded: Loaded, journal: KeptJournal) -> Cabinet:
    """The files beside the store, put right after a crash; what was found is told in the log.

    Raises `ConfigError` for a folder that is not the one of this store.
    """
    policy, root = loaded.settings.files, folder(loaded)
    postgres = loaded.settings.storage.postgres
    if postgres is not None and not policy.folder:
        cabinet: Cabinet = await _in_the_store(loaded, journal, postgres)
    else:
        if postgres is not None:
            await _bound(journal, root)
        cabinet = FolderCabinet(root, policy.keep_free_bytes, loaded.settings.node if policy.folder else "")
    swept = await files.sweep(cabinet, journal, policy.orphan_after_s)
    if swept != files.Swept():
        found = {name: getattr(swept, name) for name in ("parts", "orphans", "settled", "young")}
        _LOG.warning("files swept", extra={"found": found})
    return cabinet


async def _in_the_store(loaded: Loaded, journal: KeptJournal, postgres: Postgres) -> SharedCabinet:
    """The files in the database; those that lie in this node's own folder (a store that moved here) are taken into it."""
    known = await _known(journal, IN_THE_STORE)
    if known != IN_THE_STORE and not await _moved_in(journal, folder(loaded), known):
        raise ConfigError(
            (
                "files.folder: các tệp của kho này nằm trong một thư mục dùng chung; mọi nút phải đặt files.folder tới "
                "đúng thư mục đó",
            )
        )
    cabinet = SharedCabinet(database_options(loaded, postgres, b""), journal.writer)
    count = await cabinet.run(cabinet.bring_in, folder(loaded))
    if count:
        _LOG.warning("files brought into the store", extra={"found": count})
    return cabinet


async def _moved_in(journal: KeptJournal, root: Path, known: bytes) -> bool:
    """Whether the shared folder of the store is this very one: then its files are to stand in the store from here on."""
    mark = root / MARK
    if not mark.is_file() or hashlib.sha256(mark.read_bytes()).hexdigest().encode() != known:
        return False
    await _remember(journal, IN_THE_STORE, 2)
    return True


async def _known(journal: KeptJournal, ours: bytes) -> bytes:
    """What the store knows of where its files are; it is told `ours` where it knows nothing."""
    known = await journal.record(PLACE)
    if known is None:
        try:
            await _remember(journal, ours)
        except Conflict:  # another node's start was faster
            known = await journal.record(PLACE)
    return ours if known is None else known.state


async def _bound(journal: KeptJournal, root: Path) -> None:
    """Compare the folder's mark with what the store knows; the first node makes both. Raises `ConfigError`."""
    try:
        mark, ours = _mark(root)
        seen = hashlib.sha256(mark).hexdigest().encode()
        if await _known(journal, seen) != seen:
            if ours:
                (root / MARK).unlink(missing_ok=True)
            raise ConfigError(
                (
                    f"files.folder: {root} không phải thư mục tệp của kho dữ liệu này; mọi nút phải dùng chung một "
                    "thư mục (đặt files.folder tới ổ dùng chung mà mọi nút đọc ghi được)",
                )
            )
    except OSError as error:
        raise ConfigError((f"files.folder: không dùng được thư mục {root} ({error.strerror})",)) from error


def _mark(root: Path) -> tuple[bytes, bool]:
    """The mark of a folder, and whether it was made just now. A mark is whole from the moment it has its name."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    place, made = root / MARK, False
    if not place.exists():
        draft = root / f".{MARK}.{secrets.token_hex(8)}"
        with draft.open("xb") as file:
            file.write(secrets.token_hex(16).encode())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, place)  # fails where another node's mark has come to stand there
            made = True
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        sync_directory(root)
    return place.read_bytes(), made


async def _remember(journal: KeptJournal, seen: bytes, version: int = 1) -> None:
    answered(
        await journal.accept(recording_intake(KIND, "gateway", Recording(records=(RecordWrite(PLACE, version, seen),))))
    )
