"""What a writer may change of a document's metadata when it adds a signature: its own bookkeeping, and nothing that people read.

Nearly every signing program writes the moment and its own name into XMP and Info. Titles, authors, subjects, conformance claims
and all else must stay as they were signed (ISO 32000-2 14.3, ISO 16684-1).
"""

from __future__ import annotations

import re

from signing.canonical import Element, XmlRefused, parse_xml
from signing.pdf.document import View
from signing.pdf.syntax import Dictionary, Malformed, Ref, Stream, String, Value, same

INFO_MAY = frozenset({b"ModDate", b"Producer"})
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_XMP_MAY = frozenset(
    {
        "{http://ns.adobe.com/xap/1.0/}ModifyDate",
        "{http://ns.adobe.com/xap/1.0/}MetadataDate",
        "{http://ns.adobe.com/pdf/1.3/}Producer",
        "{http://ns.adobe.com/xap/1.0/mm/}InstanceID",
        "{http://ns.adobe.com/xap/1.0/mm/}History",
    }
)
_PACKET = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<\?xpacket begin=[^<>]{0,80}\?>|<\?xpacket end=[^<>]{0,16}\?>\s*\Z")
_Property = tuple[str, tuple[str, ...]]


def info_fault(old: Dictionary, new: Dictionary) -> str:
    """What Info says otherwise than before, or nothing; its dates and producer may differ, as strings."""
    for key in sorted(old.keys() | new.keys()):
        if key not in INFO_MAY and (key not in old or key not in new or not same(old[key], new[key])):
            return f"Info: {key.decode('latin-1')[:32]!r} was changed"
        if key in INFO_MAY and not isinstance(new.get(key), String | None):
            return f"Info: {key.decode('latin-1')} is no string"
    return ""


def xmp_fault(old: View, new: View) -> str:
    """What XMP says otherwise than before, or nothing; raises `Malformed` when it cannot be read."""
    before, now = old.catalog.get(b"Metadata"), new.catalog.get(b"Metadata")
    changed = before != now or (isinstance(now, Ref) and old.entry(now.number) != new.entry(now.number))
    if not changed:
        return ""
    if now is None:
        return "XMP was removed"
    former, latter = _properties(old, before), _properties(new, now)
    different = sorted(former ^ latter)
    return f"XMP: {different[0][0][:80]} was changed" if different else ""


def _properties(view: View, value: Value) -> set[_Property]:
    stream = view.at(value)
    if stream is None:
        return set()
    if not isinstance(stream, Stream):
        raise Malformed("Metadata is no stream")
    try:
        root = parse_xml(_PACKET.sub(b"", view.plain(stream)))
    except XmlRefused as refused:
        raise Malformed(f"XMP: {refused}") from None
    found: set[_Property] = set()
    for description in root.iter(f"{_RDF}Description"):
        above = description.getparent()
        if above is not None and above.tag == f"{_RDF}RDF":
            found |= {
                (str(name), (str(text).strip(),)) for name, text in description.attrib.items() if name != f"{_RDF}about"
            }
            found |= {(str(child.tag), _flat(child)) for child in description}
    if not found:
        raise Malformed("XMP without a description")
    return {one for one in found if one[0] not in _XMP_MAY}


def _flat(element: Element) -> tuple[str, ...]:
    """An element with all that is in it as a list of words, whatever prefixes and white space it was written with."""
    words: list[str] = []
    for one in element.iter():
        attributes = sorted(f"{name}={text}" for name, text in one.attrib.items())
        words += [
            str(one.tag) if one is not element else "",
            *attributes,
            (one.text or "").strip(),
            (one.tail or "").strip(),
        ]
    return tuple(word for word in words if word)
