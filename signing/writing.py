"""Files of a signature order: a source is read or refused in words, and a target appears whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from signing.errors import Unusable, reason_vi


def read_source(path: Path) -> bytes:
    """The file that is to be signed; raises `Unusable` when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as fault:
        raise unreadable(fault) from None


def unreadable(fault: OSError) -> Unusable:
    """The refusal of a source that the system does not let us read."""
    return Unusable("khong_doc_duoc_tep", f"Không đọc được tệp cần ký ({reason_vi(fault)}).")


def write_whole(target: Path, pieces: Iterable[bytes]) -> None:
    """Writes the pieces as the file `target`, replacing what was there; raises `Unusable` and then leaves nothing behind.

    Written beside its place, flushed to the disk, then moved there. The draft bears the process's number, so that two processes
    never share one.
    """
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except OSError as fault:
        draft.unlink(missing_ok=True)
        raise Unusable("khong_ghi_duoc_tep", f"Không ghi được tệp ({reason_vi(fault)}).") from None
