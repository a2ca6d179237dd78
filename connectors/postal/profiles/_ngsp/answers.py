"""What answers of the NGSP adapter have in common: a code for the table of outcomes, and the carrier's own sentence.

A code is `success` (2xx, `Status` in the configured set), `status-<n>` (2xx, any other `Status`), `none` (2xx without one),
`unreadable` (2xx that is no JSON object), `http-503-later` (503 that says when to come again: RFC 9110 15.6.4, nothing was
done) or `http-<status>`. Nothing here raises; the sentence is looked at and never shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.kit.http_answers import HttpAnswer

SUCCESS, NONE, UNREADABLE = "success", "none", "unreadable"

_FEW = 4_000


def object_of(body: bytes) -> Mapping[str, Any] | None:
    """The JSON object of a body; None for anything else."""
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return tree if isinstance(tree, dict) else None


def http_code(answer: HttpAnswer) -> str:
    """Empty for 2xx, whose body has to be read, else `http-<status>`."""
    if 200 <= answer.status < 300:
        return ""
    later = answer.status == 503 and any(name.lower() == "retry-after" for name in answer.headers)
    return f"http-{answer.status}{'-later' if later else ''}"


def said(answer: HttpAnswer, success: tuple[int, ...], *, bare_is_success: bool) -> tuple[str, str]:
    """The code and the sentence of an answer that carries `Status` and `Message`."""
    tree = object_of(answer.body)
    refused = http_code(answer)
    if refused:
        return refused, _sentence(tree or {})
    if tree is None:
        return UNREADABLE, ""
    status = _status(tree)
    if status is None:
        return (SUCCESS if bare_is_success and "fault" not in tree else NONE), _sentence(tree)
    return (SUCCESS if status in success else f"status-{status}"), _sentence(tree)


def _status(tree: Mapping[str, Any]) -> int | None:
    """`Status`, also where a proxy writes it as text; a boolean is none."""
    status = tree.get("Status")
    if isinstance(status, str) and len(status) < 10:
        try:
            return int(status)
        except ValueError:
            return None
    return status if isinstance(status, int) and not isinstance(status, bool) else None


def _sentence(tree: Mapping[str, Any]) -> str:
    """`Message`, or the fault of the API gateway before the adapter (`900901 Invalid Credentials`)."""
    fault = tree.get("fault")
    told = fault if isinstance(fault, dict) else tree
    parts = (told.get("code"), told.get("Message"), told.get("message"), told.get("description"))
    return " ".join(str(part) for part in parts if isinstance(part, str | int))[:_FEW]
