"""The start-up lock: one process owns an embedded store or a node's folder, and a second one is told so (delivery-engine 4.7)."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from gateway.errors import ConfigError


class StoreInUse(ConfigError):
    """Kho dữ liệu đang được một tiến trình khác sử dụng."""

    def __init__(self, folder: Path, owner: str) -> None:
        whose = f" (tiến trình {owner})" if owner else ""
        super().__init__(
            (
                f"{folder}: kho dữ liệu đang được một tiến trình khác sử dụng{whose}; "
                "hãy chờ nếu nó đang khởi động hoặc đang dừng; nếu không thì dừng nó, hoặc gửi lệnh qua cổng quản trị của nó",
            )
        )


def take(folder: Path) -> int:
    """Take the lock of `folder` and return its descriptor, to be closed at the end; raises `StoreInUse`.

    The kernel releases the lock with the process, so a killed gateway leaves nothing behind.
    """
    handle = os.open(folder / "journal.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
        os.close(handle)
        raise StoreInUse(folder, owner) from error
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle
