"""What the gateway answers, held against its own published description: path, method, status, media type, headers, body.

Used wherever tests meet the real internal listener. Published answers may grow in a later version, so their schemas are
open; here they are closed, so that a field that nobody described is found.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import jsonschema_rs
from aiohttp import web

from connectors.kit import registry
from connectors.kit.contract import Audience
from connectors.kit.declarations import CALLBACKS
from gateway.intake.endpoints import Mounted
from gateway.intake.published.document import document
from tests.planted import hear

Tree = dict[str, Any]


@dataclass
class Documented:
    """The description, ready to be asked whether an answer is one of those it names."""

    tree: Tree
    seen: set[tuple[str, str, str]] = field(default_factory=set)
    """Operation id, status and problem code of every answer that was looked at."""

    def faults(self, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> list[str]:
        """Every way in which an answer is not a documented one; a path that is not described must be refused as such."""
        lower = {name.lower(): value for name, value in headers.items()}
        if status >= 400 or path == "/metrics":
            hear(f"answer {status}", body)
        return [f"{method} {path} -> {status}: {fault}" for fault in self._faults(method, path, status, lower, body)]

    def _faults(self, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
        media = headers.get("content-type", "").partition(";")[0].strip()
        if "x-correlation-id" not in headers:
            yield "no X-Correlation-Id"
        item = self._item(path.partition("?")[0])
        if item is None or method.lower() not in item:
            if status not in (404, 405) or media != "application/problem+json":
                yield "answered although not described"
            else:
                yield from self._body({"$ref": "#/components/schemas/Problem"}, body)
            return
        operation = item[method.lower()]
        described = operation["responses"].get(str(status), operation["responses"].get("default"))
        if described is None:
            yield f"a status that is not described: {body[:300]!r}"
            return
        yield from (f"no {name}" for name in described["headers"] if name.lower() not in headers and name != "Allow")
        code = json.loads(body)["code"] if media == "application/problem+json" and body else ""
        self.seen.add((operation["operationId"], str(status), code))
        contents = described.get("content", {})
        if not contents:
            if body:
                yield "a body where none is described"
        elif "*/*" in contents and media != "application/problem+json":
            return  # content of any type is the caller's own
        elif "*/*" in contents and status >= 400:
            yield from self._body({"$ref": "#/components/schemas/Problem"}, body)
        elif media not in {name.partition(";")[0] for name in contents}:
            yield f"a media type that is not described: {media}"
        elif media.endswith("json"):
            schema = next(c["schema"] for name, c in contents.items() if name.partition(";")[0] == media)
            yield from self._body(schema, body)

    def _item(self, path: str) -> Tree | None:
        literal: Tree | None = self.tree["paths"].get(path)
        if literal is not None:
            return literal
        for template, item in self.tree["paths"].items():
            if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), path):
                found: Tree = item
                return found
        return None

    def _body(self, schema: Tree, body: bytes) -> Iterator[str]:
        validator = jsonschema_rs.Draft202012Validator(
            {**schema, "components": self.tree["components"]}, validate_formats=True
        )
        for error in validator.iter_errors(json.loads(body)):
            yield f"{'/'.join(map(str, error.instance_path))}: {error.message[:300]}"


@lru_cache(maxsize=1)
def documented() -> Documented:
    """The description with closed answer schemas; what was seen is counted over the whole run."""
    tree = copy.deepcopy(document("test"))
    for schema in tree["components"]["schemas"].values():
        _close(schema)
    return Documented(tree)


@lru_cache(maxsize=4)
def brought_along(connector: str, upstream: str) -> Documented:
    """The description of what a connector brings along for an upstream: its endpoints, and its callbacks."""
    declared = registry.discover()[connector].declared
    routes = [
        Mounted(
            upstream, spec.method, spec.path.replace("{upstream}", upstream), Audience(spec.audience), _unserved, spec
        )
        for spec in declared.endpoints
    ]
    if declared.listener is not None:
        routes += [
            Mounted(upstream, method, f"{CALLBACKS}{upstream}/{profile}", Audience.EDGE, _unserved)
            for profile in declared.listener.profiles
            for method in declared.listener.methods
        ]
    return Documented(copy.deepcopy(document("test", routes)))


async def _unserved(_request: web.Request) -> web.StreamResponse:
    raise AssertionError("a described route is not called here")


def _close(node: Any) -> None:
    """Refuse unknown fields wherever an object describes its own."""
    if isinstance(node, dict):
        if "properties" in node and node.get("type") == "object":
            node.setdefault("additionalProperties", False)
        for value in node.values():
            _close(value)
    elif isinstance(node, list):
        for value in node:
            _close(value)
