"""The published description: lawful OpenAPI, complete, with examples that would be accepted."""

from __future__ import annotations

import ast
import csv
import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from aiohttp import web
from openapi_spec_validator import OpenAPIV31SpecValidator

import gateway
import gateway.errors
from connectors.kit.declarations import EndpointSpec, QueryParameter
from connectors.kit.inbound import Audience
from gateway.config import Intake
from gateway.errors import IntakeError
from gateway.intake.endpoints import Mounted
from gateway.intake.problems import PROBLEMS
from gateway.intake.published.document import components, document
from gateway.intake.published.sources import example, interface, schema_path, schema_texts
from gateway.intake.validate import Limits, validate_dossier, validate_event

TREE = document("1.2.3")


def _operations(tree: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, item in tree["paths"].items()
        for method, operation in item.items()
        if method != "servers"
    ]


async def _nobody(_request: web.Request) -> web.StreamResponse:
    raise AssertionError("described, never called")


OPERATIONS = _operations(TREE)
LEND = EndpointSpec(
    method="POST",
    path="/v1/toys/{loan}",
    audience="internal",
    capability="toy.lend",
    summary="Ghi một lượt mượn",
    roles=("sector",),
    query=(QueryParameter(name="until", meaning="Mượn đến ngày nào"),),
)
GUESTS = (
    Mounted("toys", "POST", "/v1/toys/{loan}", Audience.INTERNAL, _nobody, LEND),
    Mounted("toys", "POST", "/v1/callbacks/toys/v1", Audience.EDGE, _nobody),
)
LIMITS = Limits.of(Intake())


def _examples(node: Any, schema: Any = None) -> Iterator[tuple[str, Any, Any]]:
    """Every example of the document with the schema that it must fit."""
    if isinstance(node, dict):
        for name, one in node.get("examples", {}).items() if isinstance(node.get("examples"), dict) else ():
            yield name, node["schema"], one["value"]
        if "example" in node and "schema" in node:
            yield node.get("name", ""), node["schema"], node["example"]
        for value in node.values():
            yield from _examples(value)
    elif isinstance(node, list):
        for value in node:
            yield from _examples(value)


def test_the_document_is_openapi_3_1() -> None:
    """The validator of the specification finds nothing."""
    assert TREE["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(TREE).iter_errors()] == []
    assert TREE["info"]["version"] == "1.2.3"


@pytest.mark.parametrize(("name", "meaning"), [("Until", "x"), ("", "x"), ("un-til", "x"), ("until", " ")])
def test_a_parameter_without_a_plain_name_or_a_meaning_is_refused(name: str, meaning: str) -> None:
    """Whoever reads the description has nothing else."""
    with pytest.raises(ValueError, match="query"):
        QueryParameter(name=name, meaning=meaning)


def test_a_parameter_that_is_named_twice_is_refused() -> None:
    """One of the two meanings would be wrong."""
    twice = (QueryParameter(name="until", meaning="x"), QueryParameter(name="until", meaning="y"))
    with pytest.raises(ValueError, match="query"):
        EndpointSpec(method="GET", path="/v1/x", audience="internal", capability="x", summary="x", query=twice)


def test_the_validator_would_find_a_slip() -> None:
    """The negative control of the test above."""
    broken = json.loads(json.dumps(TREE))
    del broken["paths"]["/v1/events"]["post"]["responses"]
    broken["paths"]["/v1/feed"]["get"]["parameters"][0]["in"] = "nowhere"
    assert len(list(OpenAPIV31SpecValidator(broken).iter_errors())) >= 1


def test_every_example_fits_its_schema() -> None:
    """Of requests, answers, refusals and parameters alike."""
    found = list(_examples(TREE))
    assert len(found) > 60
    for name, schema, value in found:
        validator = jsonschema_rs.Draft202012Validator(
            {**schema, "components": TREE["components"]}, validate_formats=True
        )
        faults = [f"{list(error.instance_path)}: {error.message}" for error in validator.iter_errors(value)]
        assert faults == [], name


@pytest.mark.parametrize(
    "name", [name for name, _, _ in _examples(TREE) if name.startswith("event-") and "view" not in name]
)
def test_every_example_event_passes_the_door_itself(name: str) -> None:
    """Not only the schema: what a schema cannot say is looked at too."""
    validate_event(json.dumps(example(name)).encode(), "application/json", LIMITS)


def test_the_example_dossier_passes_the_door_itself() -> None:
    """As a snapshot under its own address."""
    code = example("dossier")["dossier_code"]
    validate_dossier(json.dumps(example("dossier")).encode(), "application/json", LIMITS, path_code=code)


def test_every_example_file_is_used() -> None:
    """An example that nobody reads goes stale."""
    files = {
        file.name.removesuffix(".json")
        for file in resources.files("gateway.intake.published").joinpath("examples").iterdir()
    }
    assert files == {name for name, _, _ in _examples(TREE["paths"])} & files
    assert files


def test_operation_ids_are_english_words_and_unique() -> None:
    """Programs name functions after them."""
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+(?:[A-Z][a-z]+)+", name) for name in ids), ids


def test_people_are_told_in_vietnamese_what_everything_means() -> None:
    """Summaries, descriptions, parameters, headers, and every field of every schema."""
    texts = [TREE["info"]["description"], *(tag["description"] for tag in TREE["tags"])]
    for _, _, operation in OPERATIONS:
        texts += [operation["summary"], operation["description"]]
        texts += [answer["description"] for answer in operation["responses"].values()]
    texts += [parameter["description"] for parameter in TREE["components"]["parameters"].values()]
    for name, schema in TREE["components"]["schemas"].items():
        for path, field in _fields(schema, name):
            assert field.get("description"), path
            texts.append(field["description"])
    assert [text for text in texts if text.isascii() and text not in ("vi", "ok.")] == []


def _fields(schema: dict[str, Any], before: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in schema.get("properties", {}).items():
        yield f"{before}.{name}", field
        yield from _fields(field, f"{before}.{name}")


def test_every_value_of_a_list_is_explained_where_it_is_listed() -> None:
    """Nobody has to guess what `withdrawal_requested` stands for."""
    for name, schema in TREE["components"]["schemas"].items():
        for path, field in _fields(schema, name):
            listed = [value for value in field.get("enum", ()) if isinstance(value, str)]
            if path.endswith(".state") and None in field.get("enum", ()):
                continue  # explained once, with the state of a delivery
            told = field["description"]
            assert [value for value in listed if value not in told and value != "1"] == [], path


def test_what_needs_a_signature_says_so_and_asks_for_its_headers() -> None:
    """Signed operations name the scheme, Signature-Input, and for content Content-Digest; the others name nothing."""
    for method, path, operation in OPERATIONS:
        names = {reference["$ref"].rpartition("/")[2] for reference in operation["parameters"] if "$ref" in reference}
        assert "correlation_id" in names
        inside = path.startswith("/v1/") and operation["tags"] != ["edge"]
        assert bool(operation["security"]) == ("signature_input" in names) == inside, path
        assert ("content_digest" in names) == (inside and "requestBody" in operation), (method, path)


def test_every_refusal_is_documented_with_its_code_and_an_example() -> None:
    """Codes of the table, at the status that the table gives them."""
    told: set[str] = set()
    for _, path, operation in [*OPERATIONS, *_operations(document("1.2.3", GUESTS))]:
        for status, answer in operation["responses"].items():
            content = answer.get("content", {}).get("application/problem+json")
            if content is None:
                continue
            codes = content["schema"]["allOf"][1]["properties"]["code"]["enum"]
            assert sorted(codes) == sorted(content["examples"])
            for code in codes:
                assert f"`{code}`" in answer["description"]
                assert PROBLEMS[code].status == int(status), (path, code)
            told |= set(codes)
    # Of the operators' socket; of a wrong method, which is no operation; and the fallback of a class with finer codes.
    elsewhere = {*interface().common.groups["operators"], "method_not_allowed", "unauthenticated"}
    assert set(PROBLEMS) - told == elsewhere, "name each code in paths/*.toml or in a group of common.toml"


def test_every_refusal_raised_with_a_status_of_its_own_has_the_status_of_the_table() -> None:
    """One code, one status: what is documented is derived from the table alone."""
    root = Path(gateway.__file__).parent
    statuses = {
        name: kind.status
        for name, kind in vars(gateway.errors).items()
        if isinstance(kind, type) and issubclass(kind, IntakeError)
    }
    checked = 0
    for file in [*(root / "intake").rglob("*.py"), *(root / "identity").rglob("*.py"), root / "app.py"]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in statuses):
                continue
            words = {word.arg: word.value for word in node.keywords}
            code, status = words.get("code"), words.get("status")
            if isinstance(code, ast.Constant) and (status is None or isinstance(status, ast.Constant)):
                stated = status.value if isinstance(status, ast.Constant) else statuses[node.func.id]
                assert PROBLEMS[str(code.value)].status == stated, (file.name, node.lineno)
                checked += 1
    assert checked > 20


def test_published_schemas_have_stable_names_and_stand_in_the_components() -> None:
    """The `$id` ends with the version that is in the address; the components say the same without `$id`."""
    for name, text in schema_texts().items():
        tree = json.loads(text)
        jsonschema_rs.meta.validate(tree)
        assert tree["$id"] == f"urn:tthc-gateway:schema:{name}:1" and schema_path(name) == f"/schemas/v1/{name}.json"
        assert tree["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {schema["externalDocs"]["url"] for schema in components().values() if "externalDocs" in schema} == {
        schema_path(name) for name in schema_texts()
    }


def test_a_reference_never_leads_nowhere() -> None:
    """Every `$ref` of the document stands in the document."""
    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(TREE)):
        node: Any = TREE
        assert reference.startswith("#/")
        for step in reference[2:].split("/"):
            node = node[step]


def test_a_code_or_a_group_that_does_not_exist_is_refused() -> None:
    """A slip in a file of paths/ shows here, not on a caller's screen."""
    import msgspec

    written = interface()
    for wrong in ("no_such_code", "@no_such_group"):
        broken = msgspec.structs.replace(written.operations[0], problems=(wrong,))
        with pytest.raises(KeyError):
            written.problems(broken)


def test_the_table_of_codes_stands_whole_in_the_document_and_the_page() -> None:
    """The page lists problems, faults and warnings with what to do."""
    from gateway.intake.published.page import page

    html = page(TREE).html
    text = resources.files("gateway.intake").joinpath("schemas", "problem_codes.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        assert f"<code>{row['code']}</code>" in html


def test_what_connectors_bring_along_is_described_too() -> None:
    """From their manifests, in lawful OpenAPI: internal ones signed, those of the edge under their own tag and server."""
    tree = document("1.2.3", GUESTS)
    assert [str(error) for error in OpenAPIV31SpecValidator(tree).iter_errors()] == []
    lend = tree["paths"]["/v1/toys/{loan}"]["post"]
    assert (lend["summary"], lend["tags"], lend["operationId"]) == (
        "Ghi một lượt mượn",
        ["connectors"],
        "postV1ToysLoan",
    )
    assert lend["security"] and "hệ thống chuyên ngành" in lend["description"] and "toy.lend" in lend["description"]
    assert [p["name"] for p in lend["parameters"] if p.get("in") == "path"] == ["loan"]
    assert [(p["name"], p["required"], p["description"]) for p in lend["parameters"] if p.get("in") == "query"] == [
        ("until", False, "Mượn đến ngày nào")
    ]
    told = tree["paths"]["/v1/callbacks/toys/v1"]
    assert (
        told["post"]["tags"] == ["edge"]
        and not told["post"]["security"]
        and "biên" in told["servers"][0]["description"]
    )
    assert "401" in told["post"]["responses"] and "default" in told["post"]["responses"]
