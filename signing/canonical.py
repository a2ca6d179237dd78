"""Safe reading of XML: no DTD, no entities, no network, bounded depth and size, UTF-8 only; gives an lxml element.

The only door to lxml (architecture 5). Comments and processing instructions are refused rather than skipped: a machine's
message needs neither, and a comment inside a code cuts it in two for some readers and not for others.
Sources: XML 1.0 (fifth edition) 2.8, 4.3.3; Namespaces in XML 1.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree

Element = etree._Element
"""An element of a parsed document, for those who may not import the library."""

_BOM = b"\xef\xbb\xbf"
_DECLARATION = re.compile(
    rb"""<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(["'])1\.[0-9]+\1"""
    rb"""(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(["'])([A-Za-z][A-Za-z0-9._-]*)\2)?"""
    rb"""(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(["'])(?:yes|no)\4)?[ \t\r\n]*\?>"""
)
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\x00<", b"<\x00", b"\x00\x00")


@dataclass(frozen=True, slots=True)
class XmlLimits:
    """What a document may measure: bytes, levels of elements, elements, attributes of one, bytes of one attribute."""

    max_bytes: int = 1_048_576
    max_depth: int = 32
    max_elements: int = 20_000
    max_attributes: int = 64
    max_attribute_bytes: int = 65_536


class XmlRefused(ValueError):
    """Nội dung XML không được đọc. `code` is stable (xml_sai_cu_phap, xml_co_dtd, xml_khong_phai_utf8, xml_qua_sau,
    xml_qua_lon, xml_co_chi_thi, xml_co_chu_thich); the sentence repeats nothing of the content."""

    def __init__(self, code: str, message_vi: str) -> None:
        self.code = code
        self.message_vi = message_vi
        super().__init__(f"{code}: {message_vi}")


def parse_xml(raw: bytes, limits: XmlLimits = XmlLimits()) -> Element:
    """The root element of a document; raises `XmlRefused` and nothing else, whatever the bytes."""
    if len(raw) > limits.max_bytes:
        raise XmlRefused("xml_qua_lon", f"XML vượt quá {limits.max_bytes} byte.")
    body = _checked(raw)
    # Each element writes at least one "<": far more of them than allowed are refused before any tree is built.
    if body.count(b"<") > 2 * limits.max_elements + 1:
        raise _too_many(limits)
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        strip_cdata=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise XmlRefused("xml_sai_cu_phap", f"XML sai cú pháp tại dòng {line}, cột {column}.") from None
    _check_tree(root, limits)
    return root


def _checked(raw: bytes) -> bytes:
    """The document behind its declaration and byte order mark: UTF-8, and nothing but white space before its root."""
    if raw.startswith(_WIDE):
        raise XmlRefused("xml_khong_phai_utf8", "XML phải mã hóa UTF-8, không phải UTF-16 hay UTF-32.")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"XML phải mã hóa UTF-8; byte thứ {error.start + 1} không hợp lệ."
        raise XmlRefused("xml_khong_phai_utf8", message) from None
    body = raw.removeprefix(_BOM)
    declared = _DECLARATION.match(body)
    if declared is not None:
        encoding = (declared.group(3) or b"utf-8").lower()
        if encoding not in (b"utf-8", b"utf8"):
            raise XmlRefused("xml_khong_phai_utf8", "Khai báo XML phải ghi mã hóa UTF-8.")
        # Blanks in its place keep the line and column of every later fault; XML 1.1 would read other line ends.
        body = re.sub(rb"[^\r\n]", b" ", declared.group()) + body[declared.end() :]
    start = body.lstrip(b" \t\r\n")
    if start.startswith(b"<!DOCTYPE"):
        raise XmlRefused("xml_co_dtd", "XML không được có DOCTYPE (DTD, thực thể); hãy bỏ phần này.")
    _refuse_asides(start)
    return body


def _refuse_asides(start: bytes) -> None:
    if start.startswith(b"<!--"):
        raise _comment()
    if start.startswith(b"<?"):
        raise _instruction()


def _check_tree(root: Element, limits: XmlLimits) -> None:
    """Depth, counts and kinds of nodes, without recursion."""
    waiting = [(root, 1)]
    seen = 0
    while waiting:
        element, depth = waiting.pop()
        if not isinstance(element.tag, str):
            raise _comment() if isinstance(element, etree._Comment) else _instruction()
        seen += 1
        if depth > limits.max_depth:
            raise XmlRefused("xml_qua_sau", f"XML lồng quá sâu; nhiều nhất {limits.max_depth} mức.")
        if seen > limits.max_elements:
            raise _too_many(limits)
        if len(element.attrib) > limits.max_attributes:
            raise XmlRefused("xml_qua_lon", f"Một phần tử XML có quá {limits.max_attributes} thuộc tính.")
        if any(len(value) > limits.max_attribute_bytes for value in element.attrib.values()):
            raise XmlRefused("xml_qua_lon", f"Một thuộc tính XML dài quá {limits.max_attribute_bytes} ký tự.")
        waiting.extend((child, depth + 1) for child in element)
    # What stands beside the root: a comment or an instruction after its end.
    for beside in (*root.itersiblings(), *root.itersiblings(preceding=True)):
        raise _comment() if isinstance(beside, etree._Comment) else _instruction()


def _too_many(limits: XmlLimits) -> XmlRefused:
    return XmlRefused("xml_qua_lon", f"XML có quá {limits.max_elements} phần tử.")


def _comment() -> XmlRefused:
    return XmlRefused("xml_co_chu_thich", "XML không được có chú thích <!-- -->; hãy bỏ đi.")


def _instruction() -> XmlRefused:
    return XmlRefused("xml_co_chi_thi", "XML không được có chỉ thị xử lý <?…?>; hãy bỏ đi.")
