"""What a shared store refuses becomes "not now" for whoever asked; what only a fault of ours can cause is seen in the log.

A watch or a heartbeat outlives any answer of the server (delivery-engine 4.8): it asks again, and says that it could not.
"""

from __future__ import annotations

import logging
import traceback

from gateway.errors import JournalUnavailable

_log = logging.getLogger("gateway.journal")


def unavailable(error: BaseException, expected: tuple[type[BaseException], ...]) -> JournalUnavailable:
    """What is raised in place of `error`. Other than `expected` it is logged with its stack, never with its text or values."""
    if not isinstance(error, expected):
        frames = "".join(traceback.format_tb(error.__traceback__))
        _log.error("the store refused a statement with %s at\n%s", type(error).__name__, frames)
    return JournalUnavailable(retry_after_s=1)
