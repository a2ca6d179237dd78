"""The seam between the line and signing: one question about one stored result, one judged answer.

The composition root hands a `Verifier` to the watch over results. What it does to answer (threads, a pool of processes,
fetching of status information) is its own affair; what it was given beside the document comes back as evidence, so that the
same judgement can be made again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from signing.model import Evidence, Facts
from signing.policy import ExpectedSigner
from signing.report import Report


@dataclass(frozen=True, slots=True)
class Question:
    """A result to be judged at `at`: its bytes, whole and unchanged, and who must have signed it.

    `evidence` holds what is known so far, among it that our journal had the content at the time of its upload. `paths`:
    where a signed XML document names its dossier (see `[results] dossier_paths`).
    """

    content: bytes
    expected: tuple[ExpectedSigner, ...]
    evidence: Evidence
    at: datetime
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """The answer: facts without opinion, the report, and all evidence that the judgement was given.

    `named`: the dossier codes that the signed content itself names, where the question's paths lead to any; `names_read`
    False: what it names could not be found out, so that nothing may be concluded from `named` being empty.
    """

    facts: Facts
    report: Report
    evidence: Evidence
    named: tuple[str, ...] = ()
    names_read: bool = True


class Verifier(Protocol):
    """Judges one result. Raises `signing.errors.SigningError` for an unusable set-up only, never over content."""

    async def __call__(self, question: Question, /) -> Judged: ...
