"""Schemathesis against the running gateway: requests drawn from its published description, each signed as it is sent.

The signature is made last, over the very bytes that go over the wire, by the system that a stranger would choose for the
operation. Everything drawn follows from one seed.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
import uuid
import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs
import requests
import schemathesis
from requests.auth import AuthBase
from schemathesis import hooks
from schemathesis.config import HealthCheck
from schemathesis.engine import from_schema
from schemathesis.engine.events import NonFatalError, ScenarioFinished

from gateway.intake.published.sources import schema_texts
from gateway.intake.signature import WITH_CONTENT, Stated, sign_head
from tests.line.running import Line
from tests.line.words import RESOLUTION, SECTOR

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
]
_PATIENCE_S = 60.0
_OF_THE_RESOLUTION_SYSTEM = ("/v1/feed", "/v1/dossiers")


@dataclass
class Explored:
    """What came of it. `answers` counts by operation and status, `refused` by the problem code of a 401.

    `nulls`: requests that broke the schema by nothing but a null, which the door reads as an absent field, as documented.
    """

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    nulls: int = 0

    @property
    def cases(self) -> int:
        """Requests that were answered."""
        return sum(self.answers.values())

    @property
    def signed(self) -> int:
        """Requests to operations that must be signed."""
        return sum(count for (label, _), count in self.answers.items() if " /v1/" in label)

    @property
    def authenticated(self) -> int:
        """Of those, the ones whose signature was taken: neither 401, nor refused before anybody looked at it (405)."""
        return sum(n for (label, status), n in self.answers.items() if " /v1/" in label and status not in (401, 405))

    @property
    def share(self) -> float:
        """The part of the signed requests that passed authentication, in per cent."""
        return 100 * self.authenticated / max(1, self.signed)

    def __str__(self) -> str:
        """The figures, for people."""
        statuses: Counter[int] = Counter()
        for (_, status), count in self.answers.items():
            statuses[status] += count
        told = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
        return (
            f"schemathesis: {self.cases} cases, {len(self.failures)} failures; {self.signed} to signed operations, "
            f"{self.share:.1f} % of them passed authentication; answers {told}"
        )


class _Signing(AuthBase):
    """Signs a prepared request: exactly the target and the bytes that will be sent."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        method, target = str(request.method), str(request.path_url)
        raw = request.body or b""
        body = raw.encode() if isinstance(raw, str) else raw
        assert isinstance(body, bytes), "a streamed body cannot be signed before it is sent"
        key = self._line.keys[RESOLUTION if target.startswith(_OF_THE_RESOLUTION_SYSTEM) else SECTOR]
        try:
            # A file's content is read again later: labelled as JSON it would be taken for JSON.
            media = "application/octet-stream" if target.startswith("/v1/files") else _stated_media(request)
            stated = Stated(media, hashlib.sha256(body).digest()) if body or method in WITH_CONTENT else None
            signed = sign_head(method, target, stated, key, int(time.time()))
        except ValueError:
            return request  # no plain target: nobody can sign it, and the gateway must refuse it in order
        if "Content-Type" in request.headers and request.headers["Content-Type"] != signed.get("Content-Type"):
            request.headers.pop("Content-Type")
        request.headers.update(signed)
        return request


def _stated_media(request: requests.PreparedRequest) -> str:
    """The drawn media type as a header can carry it, JSON where none was drawn."""
    stated = request.headers.get("Content-Type", "application/json")
    text = stated.decode("latin-1") if isinstance(stated, bytes) else stated
    return text if re.fullmatch(r"[!-~](?:[ -~]*[!-~])?", text) else "application/json"


_SYSTEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(eq=False)
class _Meaning:
    """Turns what was drawn into something that a caller could mean, where the schema allows it anyway.

    A drawn system code or dossier code is always a stranger's; with it no request would come behind the first rule.
    """

    line: Line
    code: str
    told: int = 0

    def __call__(self, _context: object, case: schemathesis.Case[Any], _kwargs: object) -> None:
        """Before a request is sent: events name their signer and a dossier that is there, snapshots their address."""
        if case.operation.path.startswith("/v1/files") and isinstance((case.query or {}).get("dossier"), str):
            case.query["dossier"] = self.code if 0 < len(case.query["dossier"]) <= 52 else case.query["dossier"]
        body: Any = case.body
        if not isinstance(body, dict):
            return
        code = body.get("dossier_code")
        fits = isinstance(code, str) and 0 < len(code) <= 52 and code.strip() != ""
        if case.operation.path == "/v1/events":
            if fits:
                body["dossier_code"] = self.code
            self._mean_event(case, body)
        elif fits and case.path_parameters.get("code"):
            body["dossier_code"] = case.path_parameters["code"] = self.line.new_code()

    def _mean_event(self, case: schemathesis.Case[Any], body: Any) -> None:
        system, event_id, sequence = (body.get(name) for name in ("system_code", "event_id", "sequence"))
        if isinstance(system, str) and _SYSTEM.fullmatch(system):
            body["system_code"] = SECTOR
        if isinstance(event_id, str) and _UUID.fullmatch(event_id):
            self.told += 1
            body["event_id"] = str(uuid.UUID(int=self.told))
            if _UUID.fullmatch(str(case.headers.get("Idempotency-Key"))):
                case.headers["Idempotency-Key"] = body["event_id"]
        if isinstance(sequence, int) and 1 <= sequence < 2**53 and self.told % 2:
            body["sequence"] = self.told


def explore(line: Line, tree: Any, examples: int, seed: int) -> Explored:
    """Draw `examples` requests for each operation of the description `tree`, send them, and check every answer."""
    config = schemathesis.Config()
    # How long drawing or answering takes says nothing here, and a loaded machine must not say it for us.
    config.update(seed=seed, max_failures=None, suppress_health_check=[HealthCheck.too_slow])
    project = config.projects.default
    project.update(base_url=line.url(), workers=1, continue_on_failure=True, request_timeout=_PATIENCE_S)
    project.generation.update(max_examples=examples, database="none", no_shrink=True, with_security_parameters=False)
    project.phases.update(phases=["examples", "coverage", "fuzzing"])
    project.checks.update(included_check_names=CHECKS)
    schema = schemathesis.openapi.from_dict(_unsigned(tree), config=config)
    schema.auth.set_from_requests(_Signing(line))
    meaning, found = _Meaning(line, line.new_dossier()), Explored()
    schemathesis.hook("before_call")(meaning)  # a global one: schemathesis knows no other kind of this hook
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for event in from_schema(schema).execute():
                if isinstance(event, ScenarioFinished):
                    _count(found, event)
                elif isinstance(event, NonFatalError):
                    found.failures.append(f"{event.label}: {event.value!r}")
    finally:
        hooks.unregister(meaning)
    return found


def _unsigned(tree: Any) -> Any:
    """The description without the headers of the signature: the hook writes them, so nothing of them can be drawn."""
    owned = ("#/components/parameters/signature_input", "#/components/parameters/content_digest")
    # What stands on the edge has an address of its own, which is not the one explored here.
    tree["paths"] = {path: item for path, item in tree["paths"].items() if "servers" not in item}
    for item in tree["paths"].values():
        for operation in item.values():
            operation["parameters"] = [p for p in operation["parameters"] if p.get("$ref") not in owned]
    return tree


def _count(found: Explored, event: ScenarioFinished) -> None:
    recorder, label = event.recorder, event.recorder.label
    for case_id, interaction in recorder.interactions.items():
        if interaction.response is None:
            found.failures.append(f"{label}: no answer")
            continue
        found.answers[label, interaction.response.status_code] += 1
        if interaction.response.status_code == 401:
            found.refused[json.loads(interaction.response.content)["code"]] += 1
        for check in recorder.checks.get(case_id, ()):
            failed = check.failure_info
            if failed is None:
                continue
            if check.name == "negative_data_rejection" and _only_nulls(label, interaction.request.body or b""):
                found.nulls += 1
                continue
            told = f"{failed.failure.title}: {failed.failure.message[:500]}"
            found.failures.append(f"{label}: {check.name}: {told}\n{failed.code_sample[:1500]}")


def _only_nulls(label: str, body: bytes) -> bool:
    """Whether a request body is lawful but for members that are null."""
    kind = {"POST /v1/events": "event", "PUT /v1/dossiers/{code}": "dossier"}.get(label)
    if kind is None or b"null" not in body:
        return False
    validator = jsonschema_rs.Draft202012Validator(json.loads(schema_texts()[kind]), validate_formats=True)
    return validator.is_valid(_without_nulls(json.loads(body)))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
