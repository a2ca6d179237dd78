"""Where documents lie while they are signed: a folder of our own for each, gone afterwards, whatever happened."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_PLACE = re.compile(r"[0-9a-f]{32}")


@asynccontextmanager
async def workplace(work: Path) -> AsyncIterator[Path]:
    """A fresh folder below `work` that nobody else may read."""
    place = work / secrets.token_hex(16)
    place.mkdir(mode=0o700)
    try:
        yield place
    finally:
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


def swept(work: Path) -> Path:
    """The folder for documents on their way through: what a crash left of ours is gone, and nothing else, wherever it is."""
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    for one in work.iterdir():
        if _PLACE.fullmatch(one.name) and one.is_dir() and not one.is_symlink():
            shutil.rmtree(one, ignore_errors=True)
    return work
