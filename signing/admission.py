"""What a signed XML document must be before any tree is built: its encoding told, no DTD, and measures within limits.

Works on bytes alone. libxml2 lifts all of its own limits together for large text nodes (signing facts 8.2 (11)) and is slow with
many attributes on one element (8.2 (14)), so these are counted here, in time linear in the document.
Sources: XML 1.0 (fifth edition) 2.8, 2.11, 4.3.3, F; Namespaces in XML 1.0; TT 22/2020/TT-BTTTT Annex I (encodings, R34).
"""

from __future__ import annotations

import re

from signing.policy import ReadingLimits

_BOM = b"\xef\xbb\xbf"
_DECLARATION = re.compile(
    rb"""<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(["'])1\.[0-9]+\1"""
    rb"""(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(["'])([A-Za-z][A-Za-z0-9._-]*)\2)?"""
    rb"""(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(["'])(?:yes|no)\4)?[ \t\r\n]*\?>"""
)
_UTF8 = frozenset({"utf-8", "utf8"})
_WIDE = frozenset({"utf-16", "utf-16le", "utf-16be", "ucs-2", "iso-10646-ucs-2"})
_LEGACY = {
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
    "windows-1252": "cp1252",
    "windows-1258": "cp1258",
    "cp1258": "cp1258",
}
"""Declared encodings that are read besides UTF-8 and UTF-16; what is written is always UTF-8. UTF-7 and the rest never."""

_ASIDE = re.compile(rb"[ \t\r\n]+|<!--(?:[^-]|-[^-])*-->|<\?(?!xml[ \t\r\n])(?:[^?]|\?(?!>))*\?>")
_ATTRIBUTE = re.compile(rb"""[ \t\r\n]+[^ \t\r\n=<>"'/]+[ \t\r\n]*=[ \t\r\n]*(?:"[^"<]*"|'[^'<]*')""")
_LONG_NAMESPACE = re.compile(rb"""xmlns(?::[^ \t\r\n=<>"']{1,256})?[ \t\r\n]*=[ \t\r\n]*(?:"[^"<]{301}|'[^'<]{301})""")
_TAG_NAME = re.compile(rb"""<[^ \t\r\n<>/!?"'=]+""")


class NotAdmitted(ValueError):
    """The document is not read. `code`: limits or well_formed (findings.csv); `detail` for experts, nothing of the content."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}")


def admitted(raw: bytes, limits: ReadingLimits) -> tuple[bytes, str]:
    """The document as UTF-8 without byte order mark or any declaration that says otherwise, and the encoding it came in.

    Every byte of the element content is kept; raises `NotAdmitted` and nothing else. Line and column of later faults stay right.
    """
    if len(raw) > limits.max_bytes:
        raise NotAdmitted("limits", f"{len(raw)} bytes, at most {limits.max_bytes}")
    body, encoding = _as_utf8(raw)
    declared = _DECLARATION.match(body)
    if declared is not None:
        # A declaration of what we read anyway stays, so that a large document is not copied for it.
        if encoding != "utf-8" or b"1.0" not in declared.group()[:40]:
            body = re.sub(rb"[^\r\n]", b" ", declared.group()) + body[declared.end() :]
    elif body.startswith(b"<?xml") and body[5:6] in b" \t\r\n?":
        raise NotAdmitted("well_formed", "XML declaration cannot be read")
    _refuse_doctype(body, declared.end() if declared is not None else 0)
    _measure(body, limits)
    return body, encoding


def _as_utf8(raw: bytes) -> tuple[bytes, str]:
    """By byte order mark and declaration, which must agree (X21)."""
    if raw.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff", b"\x00\x00\x00<", b"<\x00\x00\x00")):
        raise NotAdmitted("well_formed", "UTF-32 is not read")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _recoded(raw, "utf-16", _WIDE), "utf-16"
    if raw.startswith((b"<\x00", b"\x00<")):
        # XML 1.0 4.3.3: UTF-16 must begin with a byte order mark.
        raise NotAdmitted("well_formed", "UTF-16 without a byte order mark")
    marked = raw.startswith(_BOM)
    body = raw[3:] if marked else raw
    declared = _DECLARATION.match(body)
    name = (declared.group(3) or b"utf-8").decode("ascii").lower() if declared is not None else "utf-8"
    if name in _UTF8:
        return body, "utf-8"
    if marked or name not in _LEGACY:
        raise NotAdmitted("well_formed", f"encoding {name[:40]} {'behind a UTF-8 mark' if marked else 'is not read'}")
    return _recoded(raw, _LEGACY[name], frozenset({name})), name


def _recoded(raw: bytes, codec: str, names: frozenset[str]) -> bytes:
    try:
        body = raw.decode(codec).encode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise NotAdmitted("well_formed", f"bytes do not fit {codec} at {error.start}") from None
    declared = _DECLARATION.match(body)
    name = (declared.group(3) or b"").decode("ascii").lower() if declared is not None else ""
    if name and name not in names:
        raise NotAdmitted("well_formed", f"declared {name[:40]}, found {codec}")
    return body


def _refuse_doctype(body: bytes, at: int) -> None:
    """Before the root stand only white space, comments and instructions, and a DOCTYPE never (XML 1.0 2.8).

    Whatever else begins there is refused too, before a parser could make a DOCTYPE of it.
    """
    while (aside := _ASIDE.match(body, at)) is not None:
        at = aside.end()
    if body.startswith(b"<!DOCTYPE", at):
        raise NotAdmitted("well_formed", "DOCTYPE (DTD, entities) is never read")
    if body[at : at + 1] != b"<" or body[at + 1 : at + 2] in (b"!", b"?", b"/", b""):
        raise NotAdmitted("well_formed", "no element where the root must begin")


def _measure(body: bytes, limits: ReadingLimits) -> None:
    """Elements and attributes of one element, before a tree is built. An element takes four bytes at least."""
    if len(body) > 4 * limits.max_xml_elements and body.count(b"<") - body.count(b"</") > limits.max_xml_elements:
        raise NotAdmitted("limits", f"more than {limits.max_xml_elements} elements")
    if _LONG_NAMESPACE.search(body) is not None:
        # Exclusive canonicalisation writes a namespace again at each element that uses it: a long one multiplies (X19).
        raise NotAdmitted("limits", "a namespace name longer than 300 bytes")
    most = limits.max_xml_attributes
    # An attribute takes five bytes at least and no tag holds a "<": only long pieces can hold too many.
    for piece in re.finditer(rb"<[^<]{%d,}" % (5 * most), body):
        if body.count(b"=", piece.start(), piece.end()) > most:
            _count_attributes(body, piece.start(), most)


def _count_attributes(body: bytes, start: int, most: int) -> None:
    name = _TAG_NAME.match(body, start)
    if name is None:
        return
    at, count = name.end(), 0
    while (attribute := _ATTRIBUTE.match(body, at)) is not None:
        at, count = attribute.end(), count + 1
        if count > most:
            raise NotAdmitted("limits", f"an element with more than {most} attributes")
