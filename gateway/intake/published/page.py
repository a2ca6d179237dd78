"""The readable page: the OpenAPI document as one HTML file of our own, with a style inside and no script.

It must open in any browser of an office, be printed, and be read aloud: headings in order, tables with header cells, the
language declared. Everything shown comes from the document, so the page cannot say anything else than it does.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any, NamedTuple

from gateway.intake.problems import FAULTS, PROBLEMS, WARNINGS, CodeEntry

Tree = dict[str, Any]

STYLE = """
:root{color-scheme:light dark}
body{font:1rem/1.55 system-ui,sans-serif;max-width:72rem;margin:0 auto;padding:1rem;color:#1b1b1b;background:#fff}
h1,h2,h3,h4{line-height:1.25;margin:2rem 0 .5rem}h3{border-top:1px solid #767676;padding-top:1rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1rem}caption{text-align:left;font-weight:600;padding:.25rem 0}
th,td{border:1px solid #767676;padding:.3rem .5rem;text-align:left;vertical-align:top}th{background:#eef1f5}
code,pre{font:.9em/1.45 ui-monospace,monospace;overflow-wrap:anywhere}pre{background:#f4f4f4;padding:.75rem;white-space:pre-wrap}
a{color:#0b4f9e}a:focus-visible{outline:3px solid #b35900}.method{text-transform:uppercase;font-weight:700}
.skip{position:absolute;left:-999rem}.skip:focus{position:static}
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}th{background:#2a2f36}pre{background:#222}a{color:#8ec5ff}}
@media print{nav,.skip{display:none}}
"""

_METHODS = ("get", "head", "post", "put", "delete")
_INLINE = (
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])"), r"<em>\1</em>"),
)


class Page(NamedTuple):
    """The page, and the base64 SHA-256 of its style for the Content-Security-Policy (CSP3 2.3.1)."""

    html: str
    style_digest: str


def page(tree: Tree) -> Page:
    """The readable page of an OpenAPI document."""
    info = tree["info"]
    body = "\n".join(
        (
            f"<h1>{escape(info['title'])}</h1>",
            f"<p>Phiên bản {escape(info['version'])}. Cho chương trình: <a href='/openapi.json'>/openapi.json</a>.</p>",
            _prose(info["description"]),
            _contents(tree),
            "<h2 id='ky'>Ký yêu cầu</h2>",
            *(_prose(scheme["description"]) for scheme in tree["components"]["securitySchemes"].values()),
            *_operations(tree),
            *_schemas(tree),
            *_codes(),
        )
    )
    html = (
        "<!doctype html>\n<html lang='vi'>\n<head>\n<meta charset='utf-8'>\n"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>\n"
        f"<title>{escape(info['title'])}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<a class='skip' href='#noi-dung'>Tới nội dung</a>\n<main id='noi-dung'>\n{body}\n</main>\n</body>\n</html>\n"
    )
    return Page(html, b64encode(hashlib.sha256(STYLE.encode()).digest()).decode())


def _prose(text: str) -> str:
    """Paragraphs of plain text with code and emphasis."""
    return "\n".join(f"<p>{_inline(part)}</p>" for part in text.strip().split("\n\n"))


def _inline(text: str) -> str:
    shown = escape(text.replace("\n", " "), quote=False)
    for pattern, replacement in _INLINE:
        shown = pattern.sub(replacement, shown)
    return shown


def _contents(tree: Tree) -> str:
    links = [("ky", "Ký yêu cầu")]
    links += [(f"tag-{tag['name']}", tag["description"].split(":")[0]) for tag in tree["tags"]]
    links += [("luoc-do", "Các lược đồ"), ("ma-loi", "Bảng mã")]
    items = "".join(f"<li><a href='#{name}'>{escape(title)}</a></li>" for name, title in links)
    return f"<nav aria-label='Mục lục'><ul>{items}</ul></nav>"


def _operations(tree: Tree) -> Iterator[str]:
    for tag in tree["tags"]:
        title, _, rest = tag["description"].partition(":")
        yield f"<h2 id='tag-{tag['name']}'>{escape(title)}</h2>\n<p>{_inline(rest.strip().capitalize())}</p>"
        for path, item in tree["paths"].items():
            for method in _METHODS:
                if method in item and tag["name"] in item[method]["tags"] and method != "head":
                    yield from _operation(tree, path, method, item[method])


def _operation(tree: Tree, path: str, method: str, operation: Tree) -> Iterator[str]:
    yield f"<h3 id='{operation['operationId']}'>{escape(operation['summary'])}</h3>"
    signed = "Phải ký." if operation["security"] else "Đọc không cần ký."
    yield f"<p><code><span class='method'>{method}</span> {escape(path)}</code>. {signed}</p>"
    yield _prose(operation["description"])
    parameters = [_resolved(tree, parameter) for parameter in operation["parameters"]]
    rows = [
        (_code(p["name"]), _PLACES[p["in"]], "có" if p["required"] else "không", _inline(p["description"]),
         _code(str(p["example"])))
        for p in parameters
    ]  # fmt: skip
    yield _table("Tham số và tiêu đề", ("Tên", "Ở đâu", "Bắt buộc", "Ý nghĩa", "Ví dụ"), rows)
    if "requestBody" in operation:
        yield "<h4>Nội dung gửi</h4>"
        if "description" in operation["requestBody"]:
            yield _prose(operation["requestBody"]["description"])
        yield from _contents_of(operation["requestBody"]["content"])
    yield "<h4>Câu trả lời</h4>"
    answers = [(_code(status), _lines(answer["description"])) for status, answer in operation["responses"].items()]
    yield _table("Các câu trả lời", ("HTTP", "Ý nghĩa"), answers)
    for status, answer in operation["responses"].items():
        if status < "400":
            yield from _contents_of(answer.get("content", {}), f"HTTP {status}: ")


_PLACES = {"path": "đường dẫn", "query": "sau dấu hỏi", "header": "tiêu đề"}


def _contents_of(content: Tree, before: str = "") -> Iterator[str]:
    for media, described in content.items():
        schema = described["schema"]
        names = [part["$ref"].rpartition("/")[2] for part in schema.get("oneOf", [schema]) if "$ref" in part]
        links = " hoặc ".join(f"<a href='#schema-{name}'>{name}</a>" for name in names)
        yield f"<p>{before}{_code(media)} {links}</p>"
        for name, one in described.get("examples", {}).items():
            shown = json.dumps(one["value"], ensure_ascii=False, indent=1)
            yield f"<details><summary>Ví dụ {escape(name)}</summary><pre>{escape(shown, quote=False)}</pre></details>"


def _resolved(tree: Tree, node: Tree) -> Tree:
    if "$ref" not in node:
        return node
    found: Any = tree
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def _schemas(tree: Tree) -> Iterator[str]:
    yield "<h2 id='luoc-do'>Các lược đồ</h2>"
    for name, schema in tree["components"]["schemas"].items():
        address = schema.get("externalDocs", {}).get("url", "")
        link = f" <a href='{address}'>{address}</a>" if address else ""
        yield f"<h3 id='schema-{name}'>{name}</h3>"
        yield f"<p>{_inline(schema.get('description', schema.get('title', '')))}{link}</p>"
        rows = list(_fields(schema, ""))
        if rows:
            yield _table(f"Các trường của {name}", ("Trường", "Kiểu", "Bắt buộc", "Ý nghĩa"), rows)


def _fields(schema: Tree, before: str) -> Iterator[tuple[str, str, str, str]]:
    """The fields of a schema, those of objects inside it by their dotted names."""
    for name, field in schema.get("properties", {}).items():
        needed = "có" if name in schema.get("required", ()) else "không"
        yield _code(before + name), _kind(field), needed, _inline(field.get("description", ""))
        yield from _fields(field, f"{before}{name}.")


def _kind(field: Tree) -> str:
    """The type of a field with its bounds, as one reads it."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"<a href='#schema-{name}'>{name}</a>"
    if "anyOf" in field:
        return " hoặc ".join(_kind(one) for one in field["anyOf"])
    if field.get("type") == "array":
        most = f", nhiều nhất {field['maxItems']}" if "maxItems" in field else ""
        return f"danh sách {_kind(field['items'])}{most}"
    kinds = field.get("type", "object")
    words = [" hoặc ".join(_TYPES[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds))]
    words += [f"{label} {escape(str(field[key]))}" for key, label in _BOUNDS if key in field]
    if "enum" in field:
        words.append("một trong " + ", ".join(_code(str(value)) for value in field["enum"] if value is not None))
    return ", ".join(words)


_TYPES = {
    "string": "chuỗi",
    "integer": "số nguyên",
    "number": "số",
    "boolean": "true hoặc false",
    "object": "đối tượng",
    "array": "danh sách",
    "null": "null",
}
_BOUNDS = (
    ("format", "dạng"),
    ("maxLength", "dài tối đa"),
    ("minimum", "từ"),
    ("maximum", "đến"),
    ("pattern", "theo mẫu"),
)


def _codes() -> Iterator[str]:
    yield "<h2 id='ma-loi'>Bảng mã</h2>"
    for title, entries in (
        ("Mã của lời từ chối (trường code)", PROBLEMS),
        ("Mã của từng lỗi (trường errors)", FAULTS),
        ("Mã cảnh báo trong biên nhận (trường warnings)", WARNINGS),
    ):
        yield _table(title, ("Mã", "HTTP", "Ý nghĩa", "Việc cần làm"), map(_code_row, entries.values()))


def _code_row(entry: CodeEntry) -> tuple[str, ...]:
    return _code(entry.code), str(entry.status), escape(entry.title_vi), _inline(entry.action_vi)


def _table(caption: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table with a caption, header cells for its columns, and for each row its first cell."""
    head = "".join(f"<th scope='col'>{name}</th>" for name in heads)
    body = "\n".join(
        "<tr>"
        + "".join(f"<th scope='row'>{c}</th>" if n == 0 else f"<td>{c}</td>" for n, c in enumerate(row))
        + "</tr>"
        for row in rows
    )
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"


def _lines(text: str) -> str:
    return "<br>".join(_inline(line.removeprefix("- ")) for line in text.splitlines())


def _code(text: str) -> str:
    return f"<code>{escape(text, quote=False)}</code>"
