"""What the kernel itself says about its clock: whether somebody keeps it in step, and how far off it may be (adjtimex(2))."""

from __future__ import annotations

import ctypes

_ERROR = 5
_WORDS = 32


def error_s() -> float | None:
    """The kernel's bound on the error of the wall clock in seconds; None when nobody keeps it in step, or it does not say."""
    words = (ctypes.c_long * _WORDS)()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(words))
    except AttributeError:
        return None
    # struct timex: modes (padded), offset, freq, maxerror, ...; all of the size of a long.
    return None if state in (-1, _ERROR) else words[3] / 1_000_000
