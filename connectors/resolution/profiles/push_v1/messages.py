"""Wire types of `push-v1`, our own published dialect: a Standard Webhooks envelope around a status event.

The event stands in `data` in the very form in which it may be posted to the gateway (dossier-model facts 4.1), so that
one schema serves both ways; `state_applies` is added to it (facts 4.3). Envelope and headers: Standard Webhooks 1.0.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

STATUS_CHANGED = "dossier.status_changed"
CHANGE_PROPOSED = "dossier.change_proposed"

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"


@dataclass(frozen=True, slots=True)
class Push:
    """The body of a push (Standard Webhooks, "Payload structure"): `timestamp` is when the event occurred, RFC 3339.

    Of a proposal (`dossier.change_proposed`) it is when an outside system's facts gave rise to it; `data` then names the
    dossier, what is proposed, who reported it, and the facts.
    """

    type: str
    timestamp: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class PushAnswer:
    """The body of an answer, as far as it is read: the receiver's reference, and `repeat` or `conflict` as `status`."""

    reference: str = ""
    status: str = ""


def read_answer(body: bytes) -> PushAnswer | None:
    """The answer in `body`; an empty body says nothing and is lawful, None stands for one that cannot be read."""
    if not body.strip():
        return PushAnswer()
    try:
        return msgspec.json.decode(body, type=PushAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
