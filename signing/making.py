"""The words of making a signature: an order, what was prepared for it, and the three steps that every format offers.

Documents are worked on in other processes, which are given paths, while keys stay in one. So there are three steps:
`prepare(order) -> Prepared`, then the raw signature over `Prepared.digest` where the key lives, then
`complete(prepared, signature, token) -> None`, which writes the target; `imprint(prepared, signature, digest)` says what a
time-stamping authority has to stamp. All are synchronous and picklable. Nothing is written to the target before it is complete (a
temporary file, then a rename).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from signing.algorithms import SignatureAlgorithm


class Profile(StrEnum):
    """What the gateway writes (signing facts 4.1). -T wants a signature time stamp, -B has none."""

    PDF_B = "P-PDF-B"
    PDF_T = "P-PDF-T"
    XML_B = "P-XML-B"
    XML_T = "P-XML-T"
    CMS_B = "P-CMS-B"
    CMS_T = "P-CMS-T"

    @property
    def stamped(self) -> bool:
        """Whether the profile carries a signature time stamp."""
        return self.value.endswith("-T")


@dataclass(frozen=True, slots=True)
class Order:
    """One signature to be made: `source` is read, the signed document (for CMS: the detached signature) goes to `target`.

    `certificate` and `chain` (DER, nearest first, no root) are those of the key. `signing_time` (UTC) is claimed in /M or
    SigningTime. `name` names the form field or the XML Id; empty lets the format choose the next free one.
    """

    profile: Profile
    source: Path
    target: Path
    certificate: bytes
    chain: tuple[bytes, ...]
    algorithm: SignatureAlgorithm
    signing_time: datetime
    name: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to be signed: `digest` (of `order.algorithm.digest`), and what the format needs to go on (`state`)."""

    order: Order
    digest: bytes
    state: bytes
