"""A file appears whole or not at all: written beside its place, flushed to the disk, then moved there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from signing.errors import Unusable, reason_vi


def write_whole(target: Path, pieces: Iterable[bytes]) -> None:
    """Writes the pieces as the file `target`, replacing what was there; raises `Unusable` and then leaves nothing behind.

    The draft bears the process's number, so that two processes never share one.
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
