"""From the bytes of an XML message to a plain tree: nothing is dropped, and every leaf has a pointer like that of JSON.

An element without attributes and children is its text; every other one is a group: attributes as `@name`, children by
name, repeated ones as a list, text beside them as `#text`. Names of the profile's own namespace stand bare, those of a
namespace that it gives a prefix as `prefix:name`, all others as `{namespace}name`, which no profile knows by accident.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.errors import Fault, Invalid
from gateway.intake.strict_json import MAX_FAULTS, escape, forbidden_character
from gateway.intake.validate import Limits
from mappings.dialect import TEXT, MessageForm
from signing.canonical import Element, XmlLimits, XmlRefused, parse_xml

_LAYOUT = " \t\r\n"
_MALFORMED = "Nội dung không phải XML được chấp nhận; hãy sửa theo danh sách lỗi rồi gửi lại."
_CONTROL = "Chuỗi có ký tự điều khiển hoặc ký tự đảo chiều chữ; hãy bỏ chúng (được dùng xuống dòng và tab)."


def parse(raw: bytes, form: MessageForm, limits: Limits) -> dict[str, object]:
    """The tree of a message; raises `Invalid`: 400 for what is no acceptable XML, 422 for another document than published."""
    try:
        root = parse_xml(raw, XmlLimits(max_bytes=limits.max_body_bytes, max_depth=limits.max_depth))
    except XmlRefused as refused:
        raise _malformed(Fault(refused.code, "", refused.message_vi)) from None
    namespace, name = _split(root.tag)
    if (namespace, name) != (form.namespace, form.root):
        wanted = f"{{{form.namespace}}}{form.root}" if form.namespace else form.root
        raise Invalid(faults=(Fault("xml_sai_goc", "", f"Phần tử gốc phải là {wanted} như chuẩn đã công bố."),))
    tree = _group(root, form)
    faults = tuple(_character_faults(tree, ""))
    if faults:
        raise _malformed(*faults[:MAX_FAULTS])
    return tree


def _malformed(*faults: Fault) -> Invalid:
    return Invalid(_MALFORMED, code="malformed", status=400, faults=faults)


def _plain(element: Element, form: MessageForm) -> object:
    if len(element) == 0 and not element.attrib:
        return element.text or ""
    return _group(element, form)


def _group(element: Element, form: MessageForm) -> dict[str, object]:
    """An element with all its parts. Depth was bounded by the parser."""
    tree: dict[str, object] = {}
    for name, value in element.attrib.items():
        tree["@" + _name(str(name), form, own="")] = str(value)
    children: dict[str, list[object]] = {}
    for child in element:
        children.setdefault(_name(str(child.tag), form, own=form.namespace), []).append(_plain(child, form))
    for name, found in children.items():
        tree[name] = found[0] if len(found) == 1 else found
    pieces = [text for text in (element.text, *(child.tail for child in element)) if text and text.strip(_LAYOUT)]
    if pieces:
        tree[TEXT] = pieces[0] if len(pieces) == 1 else pieces
    return tree


def _name(tag: str, form: MessageForm, own: str) -> str:
    namespace, name = _split(tag)
    if namespace == own:
        return name
    prefix = next((prefix for prefix, uri in form.prefixes.items() if uri == namespace), None)
    return f"{prefix}:{name}" if prefix is not None else f"{{{namespace}}}{name}"


def _split(tag: str | bytes | bytearray | object) -> tuple[str, str]:
    """Namespace and local name of a tag in the parser's spelling."""
    namespace, mark, name = str(tag).rpartition("}")
    return (namespace.removeprefix("{"), name) if mark else ("", str(tag))


def _character_faults(value: object, pointer: str) -> Iterator[Fault]:
    if isinstance(value, str):
        if forbidden_character(value):
            yield Fault("xml_ky_tu_dieu_khien", pointer, _CONTROL)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _character_faults(item, f"{pointer}/{escape(key)}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _character_faults(item, f"{pointer}/{number}")
