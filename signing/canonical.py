"""Safe reading of XML: no DTD, no entities, no network, bounded depth and size; gives an lxml element, and canonical bytes.

The only door to lxml (architecture 5). `parse_xml` reads a machine's message: UTF-8 only, comments and processing instructions
refused rather than skipped, because a message needs neither and a comment inside a code cuts it in two for some readers and not
for others. `parse_signed` reads a document that somebody signed: everything that canonicalisation knows is kept.
Sources: XML 1.0 (fifth edition) 2.8, 4.3.3; Namespaces in XML 1.0; Canonical XML 1.0 and 1.1; Exclusive Canonicalization 1.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from lxml import etree

from signing.admission import NotAdmitted, admitted
from signing.policy import ReadingLimits

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


def _parser(*, huge: bool = False, collect_ids: bool = True) -> etree.XMLParser:
    """The one set of refusals for whatever is read: no DTD, no entities, no network, no repair."""
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        collect_ids=collect_ids,
        huge_tree=huge,
        recover=False,
        remove_blank_text=False,
        strip_cdata=True,
    )


_MESSAGES = _parser(collect_ids=False)
"""Made once: a message of a kilobyte is read in less time than a parser is made."""


def parse_xml(raw: bytes, limits: XmlLimits = XmlLimits()) -> Element:
    """The root element of a document; raises `XmlRefused` and nothing else, whatever the bytes."""
    if len(raw) > limits.max_bytes:
        raise XmlRefused("xml_qua_lon", f"XML vượt quá {limits.max_bytes} byte.")
    body = _checked(raw)
    # Each element writes at least one "<": far more of them than allowed are refused before any tree is built.
    openings = body.count(b"<")
    if openings > 2 * limits.max_elements + 1:
        raise _too_many(limits)
    try:
        root = etree.fromstring(body, _MESSAGES)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise XmlRefused("xml_sai_cu_phap", f"XML sai cú pháp tại dòng {line}, cột {column}.") from None
    # No element stands deeper than there are elements, and each is opened by a "<" that closes nothing.
    deep = openings - body.count(b"</") > limits.max_depth and _deeper_than(limits.max_depth)(root)
    if deep or not _surely_within(body, openings, limits):
        _check_tree(root, limits)
    return root


def _surely_within(body: bytes, openings: int, limits: XmlLimits) -> bool:
    """Whether the bytes alone prove all that `_check_tree` looks for but the depth: most messages are small and plain."""
    return (
        openings <= limits.max_elements
        and len(body) <= limits.max_attribute_bytes
        and b"<!--" not in body
        and b"<?" not in body
        and body.count(b"=") <= limits.max_attributes
    )


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
        body = _blanks(declared.group()) + body[declared.end() :]
    start = body.lstrip(b" \t\r\n")
    if start.startswith(b"<!DOCTYPE"):
        raise XmlRefused("xml_co_dtd", "XML không được có DOCTYPE (DTD, thực thể); hãy bỏ phần này.")
    _refuse_asides(start)
    return body


def _blanks(declaration: bytes) -> bytes:
    if b"\n" in declaration or b"\r" in declaration:
        return re.sub(rb"[^\r\n]", b" ", declaration)
    return b" " * len(declaration)


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


@dataclass(frozen=True, slots=True)
class C14n:
    """One way to write XML canonically. `prefixes`: the InclusiveNamespaces PrefixList (Exclusive C14N 1.0 section 3)."""

    exclusive: bool = True
    with_comments: bool = False
    version_11: bool = False
    prefixes: tuple[str, ...] = ()


EXCLUSIVE = C14n()
INCLUSIVE = C14n(exclusive=False)
_XML = "{http://www.w3.org/XML/1998/namespace}"
_HUGE = 10_000_000
"""libxml2 reads longer text nodes only without any limit of its own; ours were checked before (signing facts 8.2 (11))."""

_CUT = b"signing-cut"
"""Target of the two instructions that mark what is left out."""

_MAX_NAMESPACES = 128
"""Namespaces in scope at one place: each costs a search at each element below it when written canonically."""


_SEARCHES, _SMALL = 25, 2_000_000
"""Searches allowed for each byte of a document, which has at least so many: about two seconds for two megabytes."""


class NotCanonical(ValueError):
    """Canonical XML has no answer for this node: relative namespace URI, or xml:base to be joined (C14N 1.1 2.4)."""


def parse_signed(raw: bytes, limits: ReadingLimits) -> Element:
    """The root of a signed document, with its comments and instructions; raises `NotAdmitted` and nothing else."""
    return parse_admitted(admitted(raw, limits)[0], limits)


def parse_admitted(body: bytes, limits: ReadingLimits) -> Element:
    """The same for bytes that `admitted` gave; raises `NotAdmitted`."""
    huge = len(body) >= _HUGE
    try:
        root = etree.fromstring(body, _parser(huge=huge, collect_ids=False))
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise NotAdmitted("well_formed", f"line {line}, column {column}") from None
    # Without `huge_tree` libxml2 has refused more than 256 levels itself.
    if (huge or limits.max_xml_depth < 256) and _deeper_than(limits.max_xml_depth)(root):
        raise NotAdmitted("limits", f"more than {limits.max_xml_depth} levels")
    declarations = body.count(b"xmlns")
    if declarations:
        _bound_namespaces(root, declarations, body)
    return root


@cache
def _deeper_than(levels: int) -> etree.XPath:
    return etree.XPath("boolean(" + "/*" * (levels + 1) + ")")


def _bound_namespaces(root: Element, declarations: int, body: bytes) -> None:
    """Refuse what makes canonicalisation slow (X19): inclusive methods search each namespace in scope at each element."""
    allowed = _SEARCHES * max(len(body), _SMALL)
    if declarations <= _MAX_NAMESPACES:
        if declarations * (len(body) // 4) * 256 <= allowed:  # an element takes four bytes at least
            return
        tags = body.count(b"</") + body.count(b"/>")
        if declarations * tags * 16 <= allowed and not _deeper_than(16)(root):
            return
    scope = depth = cost = 0
    for event, _node in etree.iterwalk(root, events=("start", "end", "start-ns", "end-ns")):
        if event == "start":
            depth += 1
            cost += scope * depth
        elif event == "end":
            depth -= 1
        else:
            scope += 1 if event == "start-ns" else -1
        if scope > _MAX_NAMESPACES or cost > allowed:
            raise NotAdmitted("limits", f"{scope} namespaces in scope of very many elements")


def canonical_document(root: Element, method: C14n, cut: Element | None = None) -> bytes:
    """The whole document with what stands beside its root; without the element `cut` (enveloped-signature transform)."""
    return _without(root, root.getroottree(), method, cut) if cut is not None else _written(root.getroottree(), method)


def canonical_element(node: Element, method: C14n, cut: Element | None = None) -> bytes:
    """One element with everything in it, in the context of its document; without the element `cut` inside it.

    Inclusive methods copy the namespaces and the xml:* attributes of the ancestors to the apex (C14N 1.0 2.4). lxml writes
    `xmlns=""` into grandchildren when a default namespace is in scope of the apex (signing facts 8.2 (1)), and repeats prefixes
    that are declared anew with the same name further down; so an element with a namespace in scope is first made to stand alone.
    """
    apart = _StandAlone(method, node) if not method.exclusive else None
    source: Element | _StandAlone = apart if apart is not None and apart.needed else node
    return _without(node, source, method, cut) if cut is not None else _written(source, method)


class _StandAlone:
    """An element that must be read again by itself before an inclusive method writes it rightly."""

    def __init__(self, method: C14n, node: Element) -> None:
        self.node = node
        self.inherited: dict[str, str] = {}
        for ancestor in node.iterancestors():
            for name, value in ancestor.attrib.items():
                if str(name).startswith(_XML) and name not in self.inherited and name not in node.attrib:
                    self.inherited[str(name)] = str(value)
        if method.version_11:
            self.inherited.pop(f"{_XML}id", None)
            if any(f"{_XML}base" in ancestor.attrib for ancestor in node.iterancestors()):
                raise NotCanonical("xml:base above the element (C14N 1.1 2.4)")
        beside = node.getparent() is not None or node.getprevious() is not None or node.getnext() is not None
        self.needed = bool(self.inherited) or (beside and bool(node.nsmap))

    def made(self) -> Element:
        """The element as the root of a document of its own, namespaces in scope and inherited attributes on it."""
        text = etree.tostring(self.node, encoding="utf-8", xml_declaration=False, with_tail=False)
        parser = etree.XMLParser(
            encoding="utf-8", resolve_entities=False, no_network=True, huge_tree=True, collect_ids=False
        )
        alone = etree.fromstring(text, parser)
        for name, value in self.inherited.items():
            alone.set(name, value)
        return alone


def _without(place: Element, source: Element | etree._ElementTree | _StandAlone, method: C14n, cut: Element) -> bytes:
    """Canonical bytes without one element: two instructions mark it, the bytes between them go, the tree is as it was.

    Taking the element out and putting it back would let lxml merge its namespace declarations with those around it.
    """
    parent = cut.getparent()
    if parent is None or (cut is not place and place not in cut.iterancestors()):
        return _written(source, method)
    before, after, tail = etree.ProcessingInstruction(_CUT), etree.ProcessingInstruction(_CUT + b"-end"), cut.tail
    cut.tail = None
    cut.addprevious(before)
    cut.addnext(after)
    after.tail = tail
    try:
        text = _written(source, method)
    finally:
        after.tail = None
        parent.remove(after)
        cut.tail = tail
        before.tail = None
        parent.remove(before)
    first, last = b"<?%s?>" % _CUT, b"<?%s-end?>" % _CUT
    start = text.find(b"<?" + _CUT)
    end = text.find(b"<?" + _CUT, start + 1)
    if not (text.startswith(first, start) and text.startswith(last, end)) or text.find(b"<?" + _CUT, end + 1) != -1:
        # A document that brings these instructions along could hide whatever stands between its own and ours.
        raise NotCanonical("the document holds instructions that are kept for the reader")
    view = memoryview(text)
    return b"".join((view[:start], view[end + len(last) :]))


def _written(source: Element | etree._ElementTree | _StandAlone, method: C14n) -> bytes:
    subject = source.made() if isinstance(source, _StandAlone) else source
    if "#default" in method.prefixes:
        _know_default()
    try:
        return etree.tostring(
            subject,
            method="c14n",
            exclusive=method.exclusive,
            with_comments=method.with_comments,
            inclusive_ns_prefixes=list(method.prefixes) or None,
        )
    except etree.C14NError as error:
        raise NotCanonical("relative namespace URI") from error


def _know_default() -> None:
    """lxml drops prefixes that no document of this thread has used, so also "#default", which is no name: make it one.

    A probe tells whether that worked; where it did not, the list cannot be honoured and nothing is written.
    """
    probe = etree.fromstring(b'<a xmlns="urn:a"><p:b xmlns:p="urn:p"/></a>')
    etree.fromstring(b"<a #default=1></a>", etree.HTMLParser())
    text = etree.tostring(probe[0], method="c14n", exclusive=True, inclusive_ns_prefixes=["#default"])
    if text != b'<p:b xmlns="urn:a" xmlns:p="urn:p"></p:b>':
        raise NotCanonical("#default in a prefix list")


def attributes_named(root: Element, name: str) -> list[tuple[str, Element]]:
    """Every attribute of this exact name in the document, with the element that bears it."""
    found = _attribute_path(name)(root)
    return [(str(value), value.getparent()) for value in found]


@cache
def _attribute_path(name: str) -> etree.XPath:
    namespace, _, local = name.rpartition("}")
    if namespace:
        return etree.XPath(f"//@n:{local}", namespaces={"n": namespace[1:]})
    return etree.XPath(f"//@{local}")


def elements_named(root: Element, name: str) -> list[Element]:
    """Every element of this name ("{namespace}local") in document order, the root included."""
    return list(_element_path(name)(root))


@cache
def _element_path(name: str) -> etree.XPath:
    namespace, _, local = name.rpartition("}")
    return etree.XPath(f"descendant-or-self::n:{local}", namespaces={"n": namespace[1:]})


def count_in_namespace(root: Element, namespace: str) -> int:
    """How many elements of a namespace stand in the document, the root included."""
    return int(_namespace_count(namespace)(root))


@cache
def _namespace_count(namespace: str) -> etree.XPath:
    return etree.XPath("count(//n:*)", namespaces={"n": namespace})
