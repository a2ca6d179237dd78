"""The named crash points: places between two durable steps where a test may kill the process (delivery-engine 5.2).

In production `never` stands at every point and costs one call. `killer` sends SIGKILL to the own process at the n-th
passing of one point, so that nothing, not even an exit handler, runs afterwards.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

Reach = Callable[[str], None]

POINTS = (
    "accept.before_commit",
    "accept.after_commit",
    "accept.before_answer",
    "file.before_commit",
    "file.after_commit",
    "claim.before_commit",
    "claim.after_commit",
    "send.before",
    "send.after",
    "settle.before_commit",
    "settle.after_commit",
    "decision.before_answer",
)

# Passed only where a connector brings callbacks, endpoints or pollers along, or where answers teach its ledgers.
GUEST_POINTS = (
    "callback.before_answer",
    "endpoint.before_answer",
    "poll.before_commit",
    "poll.after_commit",
    "lesson.learned",
)

# Passed only where results are judged.
RESULT_POINTS = ("result.judged", "result.written")

# Passed only where signatures are made.
SIGNING_POINTS = (
    "signature.intended",
    "signing.prepared",
    "signing.signed",
    "signing.stamped",
    "signing.verified",
    "signature.before_commit",
    "signature.after_commit",
    "paper.intended",
)

# Passed only where people sign on.
SIGN_ON_POINTS = ("sign_on.claimed", "sign_on.returned", "sign_on.redeemed", "sign_on.expired")

# Passed only where registers are asked about persons.
QUESTION_POINTS = ("question.asked", "question.answered", "check.kept")

# Passed only where a store moves house.
MOVING_POINTS = ("export.part", "import.part")

# Passed only where an old month is let go.
RETIRING_POINTS = ("retire.before_commit", "retire.after_commit")


def never(_point: str) -> None:
    """The production behaviour: pass by."""


def killer(spec: str) -> Reach:
    """A `Reach` that kills this process: `spec` is `point` or `point:n`; an unknown point is an error."""
    point, _, count = spec.partition(":")
    known = (
        *POINTS,
        *GUEST_POINTS,
        *RESULT_POINTS,
        *SIGNING_POINTS,
        *SIGN_ON_POINTS,
        *QUESTION_POINTS,
        *MOVING_POINTS,
        *RETIRING_POINTS,
    )
    if point not in known:
        raise ValueError(f"unknown crash point {point!r}; known: {', '.join(known)}")
    left = int(count or "1")

    def reach(name: str) -> None:
        nonlocal left
        if name != point:
            return
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return reach
