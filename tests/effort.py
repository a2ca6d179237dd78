"""What something costs this thread, in units of a fixed piece of work done in the same moment: a loaded machine moves both."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

_TEXT = json.dumps([{"k": n, "v": [str(n)] * 4} for n in range(2_000)])


def effort(work: Callable[[], object]) -> float:
    """The processor time of `work` (waiting for a turn is none), as a multiple of reading and writing some 100 kB of JSON."""
    before = _unit()
    started = time.thread_time()
    work()
    spent = time.thread_time() - started
    return spent / max(before, _unit())


def _unit() -> float:
    """Processor time of the fixed piece of work, in seconds: the middle of seven."""
    spent = []
    for _ in range(7):
        started = time.thread_time()
        json.dumps(json.loads(_TEXT))
        spent.append(time.thread_time() - started)
    return sorted(spent)[3]
