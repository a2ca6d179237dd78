"""The readable page: complete, self-contained, and fit to be read aloud."""

from __future__ import annotations

import hashlib
import itertools
from base64 import b64encode
from html.parser import HTMLParser

from gateway.intake.published.document import document
from gateway.intake.published.page import STYLE, page

TREE = document("1.2.3")
HTML, STYLE_DIGEST = page(TREE)
VOID = frozenset({"meta", "br", "link", "img"})


class _Reader(HTMLParser):
    """Tags, attributes and the text of headings; every tag must be closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.headings: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()
        if tag in ("h1", "h2", "h3", "h4"):
            self.headings.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def _read() -> _Reader:
    reader = _Reader()
    reader.feed(HTML)
    assert reader.open == []
    return reader


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    """No script, no image, no style sheet, no address outside; every link leads into the gateway."""
    for tag, attributes in _read().tags:
        assert tag not in ("script", "img", "link", "iframe", "object", "form"), tag
        assert not any(name.startswith("on") or name in ("src", "style") for name in attributes)
        assert (attributes.get("href") or "#").startswith(("#", "/"))
    assert "@import" not in STYLE and "url(" not in STYLE


def test_the_style_is_the_one_that_the_policy_allows() -> None:
    """Content-Security-Policy names the digest of the very style in the page."""
    inside = HTML.split("<style>")[1].split("</style>")[0]
    assert b64encode(hashlib.sha256(inside.encode()).digest()).decode() == STYLE_DIGEST


def test_the_page_can_be_read_aloud() -> None:
    """Vietnamese declared, one h1, no heading level skipped, captions and scoped header cells in every table, no dead link."""
    reader = _read()
    assert ("html", {"lang": "vi"}) in reader.tags
    assert reader.headings.count("h1") == 1
    levels = [int(tag[1]) for tag in reader.headings]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    names = [tag for tag, _ in reader.tags]
    assert names.count("table") == names.count("caption") > 20
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in reader.tags if tag == "th")
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    links = {
        str(attributes["href"])[1:]
        for tag, attributes in reader.tags
        if tag == "a" and str(attributes["href"])[0] == "#"
    }
    assert links <= set(ids)


def test_the_page_shows_every_operation_field_parameter_and_answer() -> None:
    """Whatever the document says, a person can read."""
    shown = _read().text
    for path, item in TREE["paths"].items():
        for method, operation in item.items():
            if method == "servers":  # of the edge, which stands at an address of its own
                continue
            assert path in shown and operation["summary"] in shown
            assert method == "head" or all(status in shown for status in operation["responses"])
    for parameter in TREE["components"]["parameters"].values():
        assert parameter["name"] in shown
    for name, schema in TREE["components"]["schemas"].items():
        assert name in shown
        for field, described in schema.get("properties", {}).items():
            assert field in shown
            assert described["description"].replace("`", "") in shown, (name, field)


def test_what_is_written_cannot_become_markup() -> None:
    """A description with angle brackets is shown as it is."""
    broken = document("1.0.0")
    broken["info"]["description"] = "<b>đậm</b> & `a<b`"
    assert "&lt;b&gt;đậm&lt;/b&gt; &amp; <code>a&lt;b</code>" in page(broken).html
