"""Reports for programs and for people: canonical JSON, one HTML page, a PDF. Equal reports give equal bytes."""

from signing.rendering.page import as_html
from signing.rendering.structured import as_json, as_tree, canonical
from signing.report import Report

__all__ = ["as_html", "as_json", "as_pdf", "as_tree", "canonical"]


def as_pdf(report: Report, file: str = "") -> bytes:
    """The report as a PDF; see `signing.rendering.paper`."""
    # What writes PDF files takes a third of a second to read, and hardly anybody who judges a signature needs it.
    from signing.rendering import paper

    return paper.as_pdf(report, file)
