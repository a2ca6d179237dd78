"""What the disk refuses to a command that copies a store: said with the file and what to look at, never as a stack trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.errors import GatewayError


class DiskRefused(GatewayError):
    """Không đọc hoặc ghi được tệp."""


@contextmanager
def told_of_disk(folder: Path) -> Iterator[None]:
    """Turn every `OSError` of the block into `DiskRefused`; `folder` is named where the system names no file (a full disk)."""
    try:
        yield
    except OSError as error:
        raise DiskRefused(
            f"{error.filename or folder}: không đọc hoặc ghi được ({error.strerror or error}); hãy kiểm tra đường dẫn, "
            "chỗ trống và quyền của người dùng chạy lệnh này, rồi chạy lại."
        ) from error
