"""Refusals of the endpoints of the post: stable codes with Vietnamese words, as problem documents (RFC 9457).

The words stand in `refusals.csv`. A code of the ledger (`not_cancellable`) is told with the prefix `shipment_`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from connectors.kit.contract import Reply
from connectors.kit.errors import Finding
from mappings.codec import encode

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Words:
    """A row of the table."""

    status: int
    title_vi: str
    action_vi: str


class Refused(Exception):
    """Yêu cầu về bưu gửi không được nhận."""

    def __init__(self, code: str, detail_vi: str = "", findings: Iterable[Finding] = ()) -> None:
        """`code` is one of `refusals.csv`; `detail_vi` repeats nothing of what was sent."""
        self.code, self.detail_vi, self.findings = code, detail_vi, tuple(findings)
        super().__init__(code)

    def reply(self, instance: str) -> Reply:
        """The answer to the call of that path."""
        return problem(self.code, instance, self.detail_vi, self.findings)


@cache
def words() -> Mapping[str, Words]:
    """Every code with its words."""
    with (files("connectors.postal") / "refusals.csv").open(encoding="utf-8") as lines:
        return {
            row["code"]: Words(int(row["status"]), row["title_vi"], row["action_vi"]) for row in csv.DictReader(lines)
        }


def code_of(ledgers_code: str) -> str:
    """The code of a refusal by the ledger; one without words of its own is told as a plain refusal."""
    code = f"shipment_{ledgers_code}"
    return code if code in words() else "shipment_refused"


def problem(code: str, instance: str, detail_vi: str = "", findings: Iterable[Finding] = ()) -> Reply:
    """A problem document with the status of its code."""
    found = words()[code]
    tree = {
        "type": f"urn:tthc-gateway:problem:{code}",
        "title": found.title_vi,
        "status": found.status,
        "detail": detail_vi or f"{found.title_vi}.",
        "code": code,
        "action": found.action_vi,
        "instance": instance,
        "errors": [
            {"code": finding.code, "pointer": finding.pointer, "message_vi": finding.message_vi} for finding in findings
        ],
    }
    return Reply(found.status, encode(tree), MEDIA_TYPE, headers={"Content-Language": "vi"})
