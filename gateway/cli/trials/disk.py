"""How long a disk takes to keep what it was given: the floor under every accept."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

_PIECE = b"\x5a" * 2_048


def flushes(folder: Path, times: int = 200) -> list[float]:
    """Append two kilobytes and wait until the disk under `folder` has them (fdatasync), so often; seconds of each."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        taken = []
        for _ in range(times):
            file.write(_PIECE)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return taken


def part(taken: Sequence[float], share: float) -> float:
    """The time within which `share` of them were done; 0 where there are none."""
    ordered = sorted(taken)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
