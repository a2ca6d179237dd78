"""Writes simple values as XML Schema spells them, and escapes them so that every reader of XML gets back the same text.

Sources: XML 1.0 (fifth edition) 2.2 (characters), 2.4, 2.11 and 3.3.3 (what a reader would normalise); XML Schema part 2, 3.2.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from connectors.kit.soap.tree import Lexical

needs_care = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]").search
_CARE_IN_ATTRIBUTE = re.compile('[&<>"\t\n\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]').search
_WRITTEN = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;"}
_ATTRIBUTE_ESCAPES = str.maketrans(_WRITTEN)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]").search


Write = Callable[[Any, list[str]], None]
"""Appends what stands for a value, without the element around it."""


class CannotBuild(ValueError):
    """Không lập được thông điệp SOAP từ dữ liệu đã cho. `pointer` leads into the tree, `code` is stable; no value is repeated.

    Codes: soap_thieu (missing), soap_thua (no such place), soap_sai_kieu (wrong kind of value), soap_lap (too many or too few),
    soap_chon_mot (a choice with none or several), soap_ky_tu (a character that XML cannot hold), soap_luoc_do (against the XSD).
    """

    def __init__(self, code: str, pointer: str, message_vi: str) -> None:
        self.code = code
        self.pointer = pointer
        self.message_vi = message_vi
        super().__init__(f"{code} {pointer}: {message_vi}")

    def under(self, step: str | int) -> CannotBuild:
        """The same fault, seen from one level above."""
        return CannotBuild(self.code, f"/{step}{self.pointer}", self.message_vi)


def _refuse_forbidden(text: str) -> None:
    if _FORBIDDEN(text):
        raise CannotBuild("soap_ky_tu", "", "Có ký tự mà XML không cho phép.")


def _wrong() -> CannotBuild:
    return CannotBuild("soap_sai_kieu", "", "Giá trị không đúng kiểu.")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    raise _wrong()


def _boolean(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value in ("true", "false", "1", "0"):
        return str(value)
    raise _wrong()


def _number(value: Any) -> str:
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _wrong()
    if isinstance(value, float):
        # XML Schema part 2, 3.2.4.1: the words for what is no number.
        return {"inf": "INF", "-inf": "-INF", "nan": "NaN"}.get(repr(value), repr(value))
    return str(value)


def _moment(value: Any) -> str:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, str):
        return value
    raise _wrong()


def _bytes(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, str):
        return value
    raise _wrong()


def _hex(value: Any) -> str:
    return value.hex().upper() if isinstance(value, bytes | bytearray | memoryview) else _text(value)


VALUES: dict[Lexical, Callable[[Any], str]] = {
    Lexical.TEXT: _text,
    Lexical.BOOLEAN: _boolean,
    Lexical.NUMBER: _number,
    Lexical.MOMENT: _moment,
    Lexical.BYTES: _bytes,
    Lexical.HEX: _hex,
}


def harmless(text: str) -> bool:
    """Whether a text needs no care; what can all be printed, as most texts can, is known in half the time."""
    return (text.isprintable() and "&" not in text and "<" not in text and ">" not in text) or not needs_care(text)


def attribute_text(said: str) -> str:
    """Text as it stands between the quotes of an attribute; raises `CannotBuild`."""
    if _CARE_IN_ATTRIBUTE(said):
        _refuse_forbidden(said)
        return said.translate(_ATTRIBUTE_ESCAPES)
    return said


def escaped(said: Callable[[Any], str]) -> Callable[[Any], str]:
    """A spelling of values as it stands between tags; raises `CannotBuild`."""

    def text(value: Any) -> str:
        held = said(value)
        if needs_care(held):
            _refuse_forbidden(held)
            held = held.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
        return held

    return text


def _simple(lexical: Lexical) -> Write:
    text = escaped(VALUES[lexical])

    def write(value: Any, out: list[str]) -> None:
        out.append(text(value))

    return write


WRITERS: dict[Lexical, Write] = {lexical: _simple(lexical) for lexical in Lexical}
