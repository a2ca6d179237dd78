"""Refusals of a connector's own endpoints: stable codes with Vietnamese words, as problem documents (RFC 9457).

The words stand in the connector's `refusals.csv` (code, status, title_vi, action_vi). A connector has one kind of `Refused` of
its own, with its table; whoever answers a call raises it, and `internal` makes the answer of it.
"""

from __future__ import annotations

import csv
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import ClassVar

from connectors.kit.contract import Audience, Endpoint, Notice, Reply, Sender
from connectors.kit.errors import Finding
from mappings.codec import encode

MEDIA_TYPE = "application/problem+json"

Answering = Callable[[Notice, Sender], Awaitable[Reply]]
"""Answers a call of somebody known; may raise `Refused`."""


@dataclass(frozen=True, slots=True)
class Words:
    """A row of the table."""

    status: int
    title_vi: str
    action_vi: str


@dataclass(frozen=True, slots=True)
class RefusalTable:
    """The codes of one connector: `package` has the `refusals.csv`, `area` stands before what a ledger calls a refusal."""

    package: str
    area: str

    def words(self) -> Mapping[str, Words]:
        """Every code with its words."""
        return _read(self.package)

    def code_of(self, ledgers_code: str) -> str:
        """The code of a refusal by a ledger; one without words of its own is told as a plain refusal."""
        code = f"{self.area}_{ledgers_code}"
        return code if code in self.words() else f"{self.area}_refused"


class Refused(Exception):
    """Yêu cầu không được nhận."""

    table: ClassVar[RefusalTable]

    def __init__(self, code: str, detail_vi: str = "", findings: Iterable[Finding] = ()) -> None:
        """`code` is one of `table`; `detail_vi` repeats nothing of what was sent."""
        self.code, self.detail_vi, self.findings = code, detail_vi, tuple(findings)
        super().__init__(code)

    def reply(self, instance: str) -> Reply:
        """The answer to the call of that path: a problem document with the status of its code."""
        found = self.table.words()[self.code]
        tree = {
            "type": f"urn:tthc-gateway:problem:{self.code}",
            "title": found.title_vi,
            "status": found.status,
            "detail": self.detail_vi or f"{found.title_vi}.",
            "code": self.code,
            "action": found.action_vi,
            "instance": instance,
            "errors": [
                {"code": one.code, "pointer": one.pointer, "message_vi": one.message_vi} for one in self.findings
            ],
        }
        return Reply(found.status, encode(tree), MEDIA_TYPE, headers={"Content-Language": "vi"})


def internal(method: str, path: str, answering: Answering) -> Endpoint:
    """An endpoint for systems of our own: whoever answers knows who calls, and may raise `Refused`."""

    async def handle(notice: Notice) -> Reply:
        assert notice.sender is not None, "internal endpoints know who calls"
        try:
            return await answering(notice, notice.sender)
        except Refused as refused:
            return refused.reply(notice.path)

    return Endpoint(method, path, Audience.INTERNAL, handle)


@cache
def _read(package: str) -> Mapping[str, Words]:
    with (files(package) / "refusals.csv").open(encoding="utf-8") as lines:
        return {
            row["code"]: Words(int(row["status"]), row["title_vi"], row["action_vi"]) for row in csv.DictReader(lines)
        }
