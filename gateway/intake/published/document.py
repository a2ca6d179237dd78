"""The OpenAPI 3.1 document of the internal listener, put together from what is written by hand and the schemas.

Source: OpenAPI 3.1.1; JSON Schema 2020-12. The definitions of the published schemas become components, because many
tools follow no reference into an embedded document; what is served under `/schemas/` stays whole and is the same text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.errors import Fault, IntakeError
from gateway.intake.endpoints import Mounted
from gateway.intake.problems import MEDIA_TYPE, CodeEntry, problem
from gateway.intake.published.guests import EDGE_TAG, operations
from gateway.intake.published.sources import (
    JSON,
    Answer,
    Content,
    Interface,
    Operation,
    Parameter,
    example,
    interface,
    schema_path,
    schema_texts,
)
from gateway.intake.xml_answers import PROBLEM_MEDIA_TYPE as XML_PROBLEM

OPENAPI = "3.1.1"
SCHEME = "httpMessageSignature"

Tree = dict[str, Any]


_EDGE_ITEM: Tree = {"servers": [{"url": "/", "description": "Cổng biên (listen.edge), không phải cổng nội bộ."}]}


def document(version: str, mounted: Sequence[Mounted] = ()) -> Tree:
    """The document of a gateway of `version`, with the routes that its connectors bring along: a JSON tree."""
    house = interface()
    written = Interface(house.common, (*house.operations, *operations(mounted)))
    return {
        "openapi": OPENAPI,
        "info": {
            "title": written.common.title,
            "version": version,
            "description": written.common.description,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": "/", "description": "Địa chỉ mà quản trị cổng đã cấp."}],
        "tags": [{"name": name, "description": text} for name, text in written.common.tags.items()],
        "paths": _paths(written),
        "components": {
            "schemas": components(),
            "parameters": {
                name: _parameter(parameter) for name, parameter in sorted(written.common.parameters.items())
            },
            "headers": {
                name: {"description": header.description, "schema": header.schema}
                for name, header in sorted(written.common.headers.items())
            },
            "securitySchemes": {
                SCHEME: {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Signature",
                    "description": written.common.signing,
                },
                "clientCertificate": {"type": "mutualTLS", "description": written.common.certificate},
            },
        },
    }


_PROOFS: list[Tree] = [{SCHEME: []}, {SCHEME: [], "clientCertificate": []}, {"clientCertificate": []}]
"""What may prove who calls: the register of consents says which of these it is for each system."""


def _paths(written: Interface) -> Tree:
    paths: Tree = {}
    for operation in written.operations:
        described = _operation(written, operation)
        item = paths.setdefault(operation.path, _EDGE_ITEM.copy() if operation.tag == EDGE_TAG else {})
        item[operation.method] = described
        if operation.head:
            item["head"] = _without_content(described)
    return paths


def _operation(written: Interface, operation: Operation) -> Tree:
    named = {id(parameter): name for name, parameter in written.common.parameters.items()}
    tree: Tree = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description.strip(),
        "security": _PROOFS if operation.signed else [],
        "parameters": [
            {"$ref": f"#/components/parameters/{named[id(parameter)]}"} if id(parameter) in named
            else _parameter(parameter)
            for parameter in written.parameters(operation)
        ],
    }  # fmt: skip
    if operation.request is not None:
        # A file may be empty, and an empty body is no body to those who read this document.
        tree["requestBody"] = {"required": bool(operation.request.schemas), "content": _content(operation.request)}
        if operation.request.description:
            tree["requestBody"]["description"] = operation.request.description
    answers = {status: _answer(answer) for status, answer in operation.answers.items()}
    for status, entries in written.problems(operation).items():
        answers[str(status)] = _refusal(operation, status, entries, answers.get(str(status), answers.get("default")))
    tree["responses"] = dict(sorted(answers.items()))
    return tree


def _parameter(parameter: Parameter) -> Tree:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required or parameter.place == "path",
        "description": parameter.description,
        "schema": parameter.schema,
        "example": parameter.example,
    }


def _headers(names: Iterable[str]) -> Tree:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, "X-Correlation-Id")}


def _answer(answer: Answer) -> Tree:
    tree: Tree = {"description": answer.description, "headers": _headers(answer.headers)}
    if answer.content is not None:
        tree["content"] = _content(answer.content)
    return tree


def _content(content: Content) -> Tree:
    references = [{"$ref": f"#/components/schemas/{component_name(name)}"} for name in content.schemas]
    schema: Tree = {"type": "string"} if not references else references[0]
    if len(references) > 1:
        schema = {"oneOf": references}
    media: Tree = {"schema": schema}
    if content.media not in (JSON, "text/plain", "text/html"):
        media = {"schema": references[0] if references else {}}
    if content.examples:
        media["examples"] = {name: {"value": example(name)} for name in content.examples}
    return {content.media: media} | {further: {"schema": {"type": "string"}} for further in content.further}


def _refusal(operation: Operation, status: int, entries: Sequence[CodeEntry], beside: Tree | None) -> Tree:
    """The refusals of one status; `beside` is what else may be answered with it: /readyz, or a connector's own words."""
    extra = {401: ("Accept-Signature",), 429: ("Retry-After",), 503: ("Retry-After",)}.get(status, ())
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Problem"},
            {"properties": {"code": {"enum": [entry.code for entry in entries]}}},
        ]
    }
    lines = [f"- `{entry.code}`: {entry.title_vi}. {entry.action_vi}" for entry in entries]
    tree: Tree = {
        "description": "\n".join(lines),
        "headers": _headers((*extra, "Content-Language")),
        "content": {
            MEDIA_TYPE: {
                "schema": schema,
                "examples": {entry.code: {"value": refusal_example(entry, operation.path)} for entry in entries},
            },
            XML_PROBLEM: {"schema": {"type": "string"}},
        },
    }
    if beside is not None:
        tree["description"] = f"{beside['description']}\n{tree['description']}"
        tree["content"] |= beside.get("content", {})
        tree["headers"] |= beside["headers"]
    return tree


def refusal_example(entry: CodeEntry, path: str) -> Tree:
    """A problem document with `entry`'s code, as the gateway writes it."""
    faults = {
        "invalid": (Fault("thieu_truong", "/sequence", "Thiếu trường bắt buộc này; hãy bổ sung."),),
        "malformed": (Fault("json_sai_cu_phap", "", "JSON sai cú pháp ở dòng 1, cột 2."),),
    }
    error = IntakeError(f"{entry.title_vi}.", code=entry.code, status=entry.status, faults=faults.get(entry.code, ()))
    tree: Tree = json.loads(problem(error, path.replace("{", "").replace("}", "")).body)
    return tree


def _without_content(operation: Tree) -> Tree:
    """The same for HEAD (RFC 9110 9.3.2)."""
    answers = {
        status: {name: part for name, part in answer.items() if name != "content"}
        for status, answer in operation["responses"].items()
    }
    return operation | {"operationId": f"{operation['operationId']}Head", "responses": answers}


def component_name(schema: str) -> str:
    """The name of a published schema, or of one of its definitions, among the components: `event-view` is `EventView`."""
    return "".join(part.capitalize() for part in schema.replace("_", "-").split("-"))


def components() -> Tree:
    """Every published schema and every definition in them, once; a name that means two things is told apart."""
    trees: dict[str, Tree] = {name: json.loads(text) for name, text in schema_texts().items()}
    taken: dict[str, Any] = {component_name(name): None for name in trees}
    found: Tree = {}
    for schema, tree in trees.items():
        definitions: Mapping[str, Tree] = tree.pop("$defs", {})
        names = {}
        for inner, definition in definitions.items():
            plain = component_name(inner)
            same = taken.setdefault(plain, definition) == definition
            names[inner] = plain if same else component_name(f"{schema}-{inner}")
        found |= {names[inner]: _moved(definition, names) for inner, definition in definitions.items()}
        whole = {key: value for key, value in tree.items() if key not in ("$schema", "$id")}
        whole["externalDocs"] = {"url": schema_path(schema), "description": "Lược đồ này, đứng riêng."}
        found[component_name(schema)] = _moved(whole, names)
    return dict(sorted(found.items()))


def _moved(node: Any, names: Mapping[str, str]) -> Any:
    """The same schema with references into the components."""
    if isinstance(node, list):
        return [_moved(item, names) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: f"#/components/schemas/{names[value.rpartition('/')[2]]}" if key == "$ref" else _moved(value, names)
        for key, value in node.items()
    }
