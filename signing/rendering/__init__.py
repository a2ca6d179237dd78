"""Reports for programs and for people: canonical JSON, one HTML page, a PDF. Equal reports give equal bytes."""

from signing.rendering.page import as_html
from signing.rendering.paper import as_pdf
from signing.rendering.structured import as_json, as_tree, canonical

__all__ = ["as_html", "as_json", "as_pdf", "as_tree", "canonical"]
