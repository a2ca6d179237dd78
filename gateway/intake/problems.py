"""Refusals as problem documents (RFC 9457): a stable code for programs, Vietnamese for people, all faults by pointer.

The codes are published in `schemas/problem_codes.csv`, one row a code: what it means and what the sender does next. A
code, once published, keeps its meaning. Codes of whole answers are English, as the statuses of dossier-model 4.2 are;
codes of single faults and warnings are Vietnamese without diacritics, as its `thieu_ly_do` is. Nothing here repeats what
was sent.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import NamedTuple

from gateway.errors import IntakeError
from mappings.codec import encode

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:tthc-gateway:problem:"
DEFAULT_RETRY_AFTER_S = 5
# RFC 9421 section 5.1: how a signature is asked for; the sets of `signature.py` are implied by the method.
_ACCEPT_SIGNATURE = 'sig1=("@method" "@path" "content-digest" "content-type");created;keyid'


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """A published code: the HTTP status that it comes with, its title, and what the sender does about it."""

    code: str
    status: int
    title_vi: str
    action_vi: str


class Problem(NamedTuple):
    """A refusal ready to be sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def _published(kind: str) -> Mapping[str, CodeEntry]:
    text = resources.files("gateway.intake").joinpath("schemas", "problem_codes.csv").read_text(encoding="utf-8")
    rows = [row for row in csv.DictReader(text.splitlines()) if row["kind"] == kind]
    return MappingProxyType(
        {row["code"]: CodeEntry(row["code"], int(row["status"]), row["title_vi"], row["action_vi"]) for row in rows}
    )


PROBLEMS = _published("problem")
"""Codes of a whole answer (member `code`)."""

FAULTS = _published("fault")
"""Codes of single faults (member `code` of each entry of `errors`)."""

WARNINGS = _published("warning")
"""Codes of doubts that did not stop an event (member `code` of each entry of `warnings` in a receipt)."""


def problem(error: IntakeError, instance: str = "") -> Problem:
    """The problem document of a refusal. `instance` is a URI reference of this occurrence, such as the request's path."""
    entry = PROBLEMS.get(error.code)
    document: dict[str, object] = {
        "type": TYPE_PREFIX + error.code,
        "title": entry.title_vi if entry else error.message_vi,
        "status": error.status,
        "detail": error.message_vi,
        "code": error.code,
    }
    if entry is not None:
        document["action"] = entry.action_vi
    if instance:
        document["instance"] = instance
    document["errors"] = error.faults
    return Problem(error.status, _headers(error), encode(document))


def _headers(error: IntakeError) -> Mapping[str, str]:
    headers = {"Content-Type": MEDIA_TYPE, "Content-Language": "vi", "Cache-Control": "no-store"}
    if error.status in (429, 503):
        headers["Retry-After"] = str(error.retry_after_s or DEFAULT_RETRY_AFTER_S)
    if error.status == 401 and error.code != "not_genuine":  # who calls back signs as its own owner says
        headers["Accept-Signature"] = _ACCEPT_SIGNATURE
    return headers
