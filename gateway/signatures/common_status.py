"""Status answers that one node fetched, for the others: evidence, as unjudged as if it had been fetched here.

What comes out is read again for its own dates, and the judge checks its signature at every judgement, as that of any answer
(delivery-engine 4.10).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.kit.contract import Coordination
from gateway.signatures.expiry import Published, published
from signing.errands import ErrandKind

LARGEST = 4 * 1024 * 1024
"""Bytes of an answer that is still worth passing on; a list beyond it is fetched by each node."""


@dataclass(frozen=True, slots=True)
class Found:
    """An answer of another node, with the moment at which it was fetched by that node's clock."""

    said: Published
    fetched: datetime


class CommonStatus:
    """The answers, by the digest of their question."""

    def __init__(self, coordination: Coordination) -> None:
        self._coordination = coordination

    async def find(self, key: str, kind: ErrandKind, now: datetime, not_before: datetime) -> Found | None:
        """The answer, when another node fetched it since `not_before`; one from the future is none."""
        kept = await self._coordination.recall(_name(key))
        if kept is None:
            return None
        at, _, content = kept.partition("\n")
        try:
            fetched, raw = datetime.fromisoformat(at), base64.b64decode(content, validate=True)
        except (ValueError, binascii.Error):
            return None
        said = published(kind, raw)
        if said is None or fetched.tzinfo is None or not not_before <= fetched <= now:
            return None
        return Found(said, fetched)

    async def keep(self, key: str, content: bytes, fetched: datetime, ttl: timedelta) -> None:
        """Hand an answer on to the others, for as long as we keep it ourselves."""
        if len(content) <= LARGEST and ttl > timedelta():
            text = f"{fetched.isoformat()}\n{base64.b64encode(content).decode()}"
            await self._coordination.remember(_name(key), text, ttl)


def _name(key: str) -> str:
    return f"status/{key}"
