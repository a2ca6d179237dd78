"""What a connector's papers are signed with (`Kit.signer`): handed out at the start, able when keys and store are open."""

from __future__ import annotations

from typing import Protocol

from connectors.kit.papers import Paper, PaperRefused, SignedPaper


class SigningDesk(Protocol):
    """Whoever signs for all upstreams: `gateway.signatures.papers.PaperDesk`."""

    async def kept(self, upstream: str, paper_id: str) -> SignedPaper | None:
        """The paper of that name, if it was signed."""

    async def sign(self, upstream: str, paper: Paper) -> SignedPaper:
        """The paper, signed and kept. Raises `PaperRefused`."""


class Pen:
    """What one upstream's connector signs with."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self.desk: SigningDesk | None = None

    async def kept(self, paper_id: str) -> SignedPaper | None:
        """See `connectors.kit.papers.PaperSigner`."""
        return await self.desk.kept(self._upstream, paper_id) if self.desk is not None else None

    async def sign(self, paper: Paper) -> SignedPaper:
        """See `connectors.kit.papers.PaperSigner`."""
        if self.desk is None:
            raise PaperRefused("signing_not_configured", "Cổng này chưa được cấu hình để ký số.")
        return await self.desk.sign(self._upstream, paper)
