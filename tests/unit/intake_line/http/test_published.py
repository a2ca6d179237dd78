"""The description over HTTP, and the description against the routes that are really there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.intake.published.document import document
from gateway.intake.published.sources import schema_path, schema_texts
from gateway.intake.validate import schema


async def _get(site: Any, path: str, **headers: str) -> Any:
    answer = await site.client.get(path, headers=headers)
    await answer.read()
    return answer


async def test_every_route_is_described_and_everything_described_is_a_route(site: Any) -> None:
    """Method and path, in both directions."""
    routes = {
        (route.method.lower(), route.resource.canonical) for route in site.client.app.router.routes() if route.resource
    }
    inside = {path: item for path, item in document("t")["paths"].items() if "servers" not in item}  # not the edge
    described = {(method, path) for path, item in inside.items() for method in item}
    assert described - routes == set(), "described, but not served"
    assert routes - described == set(), "served, but not described in gateway/intake/published/paths"
    assert len(routes) > 10


async def test_the_description_is_served_without_a_signature_and_is_the_documents(site: Any) -> None:
    """`/openapi.json`, with the version of the program."""
    answer = await _get(site, "/openapi.json")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("application/vnd.oai.openapi+json")
    assert await answer.json(content_type=None) == document("t")


async def test_the_page_is_served_under_a_strict_policy(site: Any) -> None:
    """Nothing may be loaded, run, framed or submitted."""
    answer = await _get(site, "/docs")
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy and answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", sorted(schema_texts()))
async def test_every_schema_is_served_whole(site: Any, name: str) -> None:
    """Under its stable address, and what is checked at the door is what is served."""
    answer = await _get(site, schema_path(name))
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/schema+json"
    tree = json.loads(await answer.read())
    assert tree["$id"].startswith(f"urn:tthc-gateway:schema:{name}:")
    if name == "event" or name == "dossier":
        assert tree == schema("event" if name == "event" else "dossier")


async def test_the_schema_of_answers_in_xml_is_served_too(site: Any) -> None:
    """`Accept: application/xml` gets answers that this schema describes."""
    answer = await _get(site, "/schemas/v1/receipt.xsd")
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/xml"
    assert b"XMLSchema" in await answer.read()


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", schema_path("event")])
async def test_what_a_reader_has_already_is_not_sent_again(site: Any, path: str) -> None:
    """304 for the ETag of the last reading, 200 for any other; without personal data it may be kept by anyone."""
    first = await _get(site, path)
    mark = first.headers["ETag"]
    assert "public" in first.headers["Cache-Control"]
    again = await _get(site, path, **{"If-None-Match": mark})
    assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", mark)
    assert (await _get(site, path, **{"If-None-Match": '"another"'})).status == 200
    assert (await _get(site, path, **{"If-None-Match": f'"another", W/{mark}'})).status == 304


async def test_a_schema_that_was_never_published_is_404(site: Any) -> None:
    """With the names of those that are; nothing outside the published ones can be reached."""
    for name in ("nothing.json", "problem_codes.csv", "..%2Fproblem_codes.csv", "event"):
        answer = await _get(site, f"/schemas/v1/{name}")
        assert answer.status == 404 and (await answer.json(content_type=None))["code"] == "not_found"


async def test_an_expectation_that_nobody_knows_is_refused_as_a_problem_document(site: Any) -> None:
    """417 is written by the framework before any middleware runs; callers must not meet plain text there either."""
    for method, path in (("GET", "/v1/feed"), ("POST", "/v1/events"), ("GET", "/nothing/here")):
        answer = await site.client.request(
            method, path, headers={"Expect": "a-miracle", "X-Correlation-Id": "abc-12345"}
        )
        body = await answer.json(content_type=None)
        assert (answer.status, body["code"]) == (417, "expectation_failed")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["X-Correlation-Id"] == "abc-12345"
