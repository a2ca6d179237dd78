"""Papers that a connector makes and the gateway signs: a PDF in, the same PDF with a signature that holds out.

Keys never leave the gateway. What is asked for passes the custody of the key ([signing.keys]), is in the trail before the key is
used, is verified before it leaves, and is kept: the same paper is signed once, however often it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

PDF = "application/pdf"


@dataclass(frozen=True, slots=True)
class Paper:
    """A PDF to be signed.

    `paper_id` names it among the papers of this upstream, for ever: a code, shown in the trail. `key` is one of [signing.keys],
    `profile` P-PDF-B or P-PDF-T; `system` the code of who asks, `procedures` those of every dossier in it, and the custody of the
    key must allow all of them. `purpose` stands in the trail: no personal data.
    """

    paper_id: str
    key: str
    profile: str
    system: str
    purpose: str
    content: bytes = field(repr=False)
    procedures: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SignedPaper:
    """The paper with its signature; `sha256` (hex) is of `content`."""

    content: bytes = field(repr=False)
    sha256: str
    key: str
    signed_at: datetime


class PaperRefused(Exception):
    """Không ký được văn bản."""

    def __init__(self, code: str, message_vi: str, *, later: bool = False) -> None:
        """`later`: nothing is wrong with the paper; asking again in a while is worth a try."""
        self.code, self.message_vi, self.later = code, message_vi, later
        super().__init__(message_vi)


class PaperSigner(Protocol):
    """How a connector has papers signed (`Kit.signer`)."""

    async def kept(self, paper_id: str) -> SignedPaper | None:
        """The paper of that name, if it was signed."""
        ...

    async def sign(self, paper: Paper) -> SignedPaper:
        """The paper, signed and kept; one that was signed before comes as it was signed then, whatever is handed in now.

        Raises `PaperRefused`; then there is no signature that anybody could have.
        """
        ...


class NoSigner:
    """Signs nothing: for a connector that stands alone, and where the gateway has no keys."""

    async def kept(self, paper_id: str) -> SignedPaper | None:
        """There is none."""
        return None

    async def sign(self, paper: Paper) -> SignedPaper:
        """Raises `PaperRefused`."""
        raise PaperRefused("signing_not_configured", "Cổng này chưa được cấu hình để ký số.")


@runtime_checkable
class Signs(Protocol):
    """What a connector adds that has papers signed: with which keys of the configuration. A start fails where one is missing."""

    def signs(self) -> Sequence[tuple[str, str]]:
        """Pairs of a key's name and the profile that it is used in; none where its settings name no key."""
        ...
