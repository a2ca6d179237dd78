"""Answers as XML, for systems whose published dialect is XML: the very members of the JSON answers, one element each.

Receipts stand in our own published namespace (`schemas/receipt.xsd`); problem documents follow RFC 9457 appendix B:
the namespace of RFC 7807, media type `application/problem+xml`, items of lists as elements `i`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape

import msgspec

MEDIA_TYPE = "application/xml"
PROBLEM_MEDIA_TYPE = "application/problem+xml"
RECEIPT_NAMESPACE = "urn:tthc-gateway:receipt:1"
PROBLEM_NAMESPACE = "urn:ietf:rfc:7807"

_XML_TYPES = ("application/xml", "text/xml", PROBLEM_MEDIA_TYPE)
_JSON_TYPES = ("application/json", "application/problem+json")
_HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'


def wants_xml(accept: str, answer_format: str = "") -> bool:
    """Whether an answer is told as XML: what `Accept` names first decides, else the form that the caller's profile wants.

    A weight of 0 names what is not wanted (RFC 9110 12.4.2); other weights are not weighed, since two forms are all there is.
    """
    for part in accept.lower().split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        if any(parameter.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000") for parameter in parameters):
            continue
        if media_type in _XML_TYPES:
            return True
        if media_type in _JSON_TYPES:
            return False
    return answer_format == "xml"


def receipt(answer: bytes) -> bytes:
    """A receipt, given as its JSON, as XML. The digest of evidence stays that of the JSON, of which this is a reading."""
    return _document("receipt", RECEIPT_NAMESPACE, msgspec.json.decode(answer, type=dict[str, object]))


def problem(body: bytes) -> bytes:
    """A problem document, given as its JSON, as XML (RFC 9457 appendix B)."""
    return _document("problem", PROBLEM_NAMESPACE, msgspec.json.decode(body, type=dict[str, object]))


def _document(name: str, namespace: str, tree: Mapping[str, object]) -> bytes:
    return _HEAD + f'<{name} xmlns="{namespace}">{"".join(_members(tree))}</{name}>\n'.encode()


def _members(tree: Mapping[str, object]) -> Iterator[str]:
    for name, value in tree.items():
        if value is not None:
            yield f"<{name}>{_content(value)}</{name}>"


def _content(value: object) -> str:
    if isinstance(value, Mapping):
        return "".join(_members(value))
    if isinstance(value, list):
        return "".join(f"<i>{_content(item)}</i>" for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape("".join(sign for sign in str(value) if sign >= " " or sign in "\t\n"))
