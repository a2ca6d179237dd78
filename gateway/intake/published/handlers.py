"""The description of the interface over HTTP, for programs and for people, with the schemas. Read without a signature.

They hold nothing of anybody and are the same for everyone, so whoever is allowed on this network may read them; a
developer who cannot sign yet is the one who needs them most. Every answer carries an ETag (RFC 9110 8.8.3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from aiohttp import ETag, web

from gateway.errors import NotFound
from gateway.intake.endpoints import Mounted
from gateway.intake.published.document import document
from gateway.intake.published.page import page
from gateway.intake.published.sources import schema_path, schema_texts, xml_schema_texts
from mappings.codec import encode

_DESCRIPTION = "application/vnd.oai.openapi+json;version=3.1"
_POLICY = "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_CACHE = "public, max-age=300"


@dataclass(frozen=True, slots=True)
class Leaf:
    """Something that never changes while the process runs: its bytes, its media type, its mark, and other headers."""

    body: bytes
    media: str
    mark: str
    headers: Mapping[str, str]

    @classmethod
    def of(cls, body: bytes, media: str, **headers: str) -> Leaf:
        """A leaf whose mark is the digest of its bytes."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(body, media, hashlib.sha256(body).hexdigest()[:40], more)


@dataclass(frozen=True, slots=True)
class _Rendered:
    """Everything that is served, rendered."""

    description: Leaf
    page: Leaf
    schemas: Mapping[str, Leaf]


@lru_cache(maxsize=4)
def _rendered(version: str, mounted: tuple[Mounted, ...]) -> _Rendered:
    """Once for each version and set of connectors: it takes longer than all else at a start."""
    tree = document(version, mounted)
    shown = page(tree)
    policy = _POLICY.format(style=shown.style_digest)
    read = Leaf.of(
        shown.html.encode(),
        "text/html; charset=utf-8",
        Content_Security_Policy=policy,
        Referrer_Policy="no-referrer",
        Content_Language="vi",
    )
    schemas = {
        schema_path(name).rpartition("/")[2]: Leaf.of(text, "application/schema+json")
        for name, text in schema_texts().items()
    }
    schemas |= {name: Leaf.of(text, "application/xml") for name, text in xml_schema_texts().items()}
    return _Rendered(Leaf.of(encode(tree), _DESCRIPTION), read, schemas)


class PublishedHandlers:
    """The handlers of the description of a gateway of `version`, with the routes that its connectors bring along."""

    def __init__(self, version: str, mounted: tuple[Mounted, ...] = ()) -> None:
        self._leaves = _rendered(version, mounted)

    def routes(self) -> list[web.RouteDef]:
        """Method, path and handler of each."""
        return [
            web.get("/openapi.json", self.get_description, allow_head=False),
            web.get("/docs", self.get_page, allow_head=False),
            web.get(schema_path("{name}").removesuffix(".json"), self.get_schema, allow_head=False),
        ]

    async def get_description(self, request: web.Request) -> web.Response:
        """`GET /openapi.json`: the whole interface, for programs."""
        return _answer(request, self._leaves.description)

    async def get_page(self, request: web.Request) -> web.Response:
        """`GET /docs`: the whole interface, for people."""
        return _answer(request, self._leaves.page)

    async def get_schema(self, request: web.Request) -> web.Response:
        """`GET /schemas/v1/{name}`: one published JSON Schema, byte for byte the one that requests are checked with."""
        found = self._leaves.schemas.get(request.match_info["name"])
        if found is None:
            raise NotFound(f"Không có lược đồ này; có: {', '.join(self._leaves.schemas)}.")
        return _answer(request, found)


def _answer(request: web.Request, leaf: Leaf) -> web.Response:
    """The leaf, or 304 for whoever has it already."""
    headers = {
        "Content-Type": leaf.media,
        "Cache-Control": _CACHE,
        "X-Content-Type-Options": "nosniff",
        **leaf.headers,
    }
    known = request.if_none_match or ()
    if any(tag.value in (leaf.mark, "*") for tag in known):
        response = web.Response(status=304, headers={"Cache-Control": _CACHE})
    else:
        response = web.Response(body=leaf.body, headers=headers)
    response.etag = ETag(leaf.mark)
    return response
