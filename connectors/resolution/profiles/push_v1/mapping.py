"""Canonical to `push-v1`, pure: the same carried event gives the same bytes, so that a repeat is recognisable as one."""

from __future__ import annotations

import msgspec

from connectors.kit.contract import Task
from connectors.resolution.profiles.push_v1.messages import CHANGE_PROPOSED, STATUS_CHANGED, Push
from mappings.canonical import Carried, StatusEvent

_RENAMED = "signature_format"


def map_push(carried: Carried) -> Push:
    """The push that tells the resolution system of an event: what its sender said, nothing newer."""
    data = published(carried.event)
    # A predecessor that arrived after its gap was skipped is history and must not move the dossier (facts 4.3).
    data["state_applies"] = carried.state_applies
    return Push(STATUS_CHANGED, str(data["occurred_at"]), data)


def map_proposal(task: Task) -> Push:
    """The push that proposes a change: the dossier moves only by the event that the resolution system pushes back."""
    data = {
        "dossier_code": task.dossier_code,
        "proposal": task.kind,
        "reported_by": task.reported_by,
        "ledger": task.ledger,
        "ledger_id": task.ledger_id,
        "version": task.version,
        "fields": task.fields,
    }
    return Push(CHANGE_PROPOSED, str(msgspec.to_builtins(task.asked_at)), data)


def published(event: StatusEvent) -> dict[str, object]:
    """The event as it may be posted to the gateway: absent values are left out, a result's signature is an object."""
    tree: dict[str, object] = _without_none(msgspec.to_builtins(event))
    results = tree.get("results")
    if isinstance(results, list):
        tree["results"] = [_with_signature(result) for result in results]
    return tree


def _without_none(tree: dict[str, object]) -> dict[str, object]:
    return {key: _cleaned(value) for key, value in tree.items() if value is not None}


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return _without_none(value)
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value


def _with_signature(result: object) -> object:
    if not isinstance(result, dict):
        return result
    plain = {key: value for key, value in result.items() if key != _RENAMED}
    return {**plain, "signature": {"format": result[_RENAMED]}}
