"""Reads a WSDL and every document it imports: from its own folder only, never from an address, never with a DTD.

What is read once here is what zeep and the schema checker get; neither opens a file or a connection of its own.
Sources: WSDL 1.1, 2.1.1 (import); XML Schema part 1, 4.2 (include, import, redefine).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from connectors.kit.soap.tree import ContractUnsupported
from signing.admission import NotAdmitted
from signing.canonical import Element, parse_signed
from signing.policy import ReadingLimits

XSD = "{http://www.w3.org/2001/XMLSchema}"
"""XML Schema, as lxml writes it before a name."""

WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
"""WSDL 1.1, as lxml writes it before a name."""

_POINTING = {
    f"{XSD}import": "schemaLocation",
    f"{XSD}include": "schemaLocation",
    f"{XSD}redefine": "schemaLocation",
    f"{WSDL}import": "location",
}
_LIMITS = ReadingLimits(max_bytes=16_777_216, max_xml_depth=128)
_MOST = 500


def parsed(raw: bytes, name: str) -> Element:
    """The root of one document; raises `ContractUnsupported` that names the file."""
    try:
        return parse_signed(raw, _LIMITS)
    except NotAdmitted as error:
        raise ContractUnsupported(f"{name}: {error}") from None


def closure(start: Path) -> dict[str, bytes]:
    """The document and all it points to, by path relative to its folder, the start first.

    Raises `ContractUnsupported` for an address, a path that leaves the folder, a file that is missing or not plain XML.
    """
    folder = start.parent.resolve()
    found: dict[str, bytes] = {}
    waiting = [start.name]
    while waiting:
        name = waiting.pop(0)
        if name in found:
            continue
        if len(found) == _MOST:
            raise ContractUnsupported(f"{start.name}: more than {_MOST} documents")
        found[name] = _bytes(folder, name)
        waiting.extend(pointed(parsed(found[name], name), name))
    return found


def pointed(root: Element, name: str) -> list[str]:
    """What a document points to, relative to the folder of the WSDL."""
    paths = []
    for element in root.iter(*_POINTING):
        location = element.get(_POINTING[str(element.tag)])
        if location:
            paths.append(beside(name, location))
    return paths


def beside(name: str, location: str) -> str:
    """The path that `location` means in the document `name`; raises `ContractUnsupported` when it leaves the folder."""
    parts = urlsplit(location)
    path = PurePosixPath(unquote(parts.path))
    if parts.scheme or parts.netloc or parts.query or path.is_absolute() or "\\" in location:
        raise ContractUnsupported(f"{name}: imports an address; put the document beside it")
    folded: list[str] = []
    for part in (*PurePosixPath(name).parent.parts, *path.parts):
        if part == ".." and not folded:
            raise ContractUnsupported(f"{name}: imports a file outside of the folder")
        if part == "..":
            folded.pop()
        else:
            folded.append(part)
    return "/".join(folded)


def digests(documents: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of each document, by its path."""
    return {name: hashlib.sha256(raw).hexdigest() for name, raw in documents.items()}


def _bytes(folder: Path, name: str) -> bytes:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise ContractUnsupported(f"{name}: leads out of the folder")
    try:
        return path.read_bytes()
    except OSError as error:
        raise ContractUnsupported(f"{name}: {error.strerror}") from None
