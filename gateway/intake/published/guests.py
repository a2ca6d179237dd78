"""The routes that connectors bring along, as operations of the description: what their manifests declare, and no more.

What such a route answers is written in its connector's own documents, because its words are those of an outside system.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gateway.intake.endpoints import Mounted
from gateway.intake.published.sources import Answer, Content, Operation, Parameter, segments

INTERNAL_TAG = "connectors"
EDGE_TAG = "edge"

_ROLES = {"resolution": "hệ thống giải quyết", "sector": "hệ thống chuyên ngành"}
_WITH_CONTENT = ("POST", "PUT")


def operations(mounted: Sequence[Mounted]) -> tuple[Operation, ...]:
    """An operation for each route; the edge's are told apart by their tag, since they stand on another listener."""
    return tuple(_operation(route) for route in mounted)


def _operation(route: Mounted) -> Operation:
    internal = route.audience == "internal"
    return Operation(
        method=route.method.lower(),  # type: ignore[arg-type]  # the manifests know the same methods
        path=route.path,
        id=_id(route),
        tag=INTERNAL_TAG if internal else EDGE_TAG,
        summary=route.spec.summary if route.spec is not None else f"Nhận thông báo của {route.upstream}",
        description=_description(route),
        signed=internal,
        problems=("@signed", "@guest", "forbidden", "not_found") if internal else ("@content", "@guest", "@notice"),
        own=(*_of_path(route), *_of_query(route)),
        request=Content(media="*/*", description="Theo tài liệu của đầu nối.") if route.method in _WITH_CONTENT else None,
        answers={"default": Answer(description="Theo tài liệu của đầu nối.", content=Content(media="*/*"))},
    )  # fmt: skip


def _of_path(route: Mounted) -> Iterator[Parameter]:
    for name in segments(route.path):
        told = "Theo tài liệu của đầu nối."
        yield Parameter(name=name, place="path", description=told, schema={"type": "string"}, example=name)


def _of_query(route: Mounted) -> Iterator[Parameter]:
    """What the manifest says of parameters after the path; their values are the connector's own."""
    for one in route.spec.query if route.spec is not None else ():
        yield Parameter(name=one.name, place="query", description=one.meaning, schema={"type": "string"}, example="")


def _description(route: Mounted) -> str:
    served = f"Do đầu nối của `{route.upstream}` phục vụ"
    if route.spec is None:
        return f"{served}, trên cổng biên. Nguồn gốc của thông báo được đầu nối kiểm tra theo cách của hệ thống gửi."
    if route.audience == "internal":
        callers = ", ".join(_ROLES[role] for role in route.spec.roles)
        return f"{served} (quyền `{route.spec.capability}`). Được gọi: {callers}."
    return f"{served} (quyền `{route.spec.capability}`), trên cổng biên, cho người ngoài mạng nội bộ."


def _id(route: Mounted) -> str:
    """Words of method and path in camel case, as the house's own operations are named."""
    words: list[str] = re.findall(r"[A-Za-z0-9]+", f"{route.method} {route.path}".lower())
    return words[0] + "".join(word.capitalize() for word in words[1:])
