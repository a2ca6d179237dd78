"""SOAP inside JSON: an LGSP that takes JSON and answers with the SOAP envelope as a string (identity facts 2.1, route D).

The answer is `{"error_code": "...", "message": "<soapenv:Envelope ...>"}`; a code other than zero, or a message that is no
XML, is the gateway's own word (facts 2.7). Other names of the two keys are configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from connectors.kit.soap.reading import NotSoap

_NO_ERROR = frozenset({"", "0", "00", "000", "200"})


@dataclass(frozen=True, slots=True)
class FacadeKeys:
    """Where the facade writes its code and the envelope; `no_error` are the codes that say that all went well."""

    code: str = "error_code"
    message: str = "message"
    no_error: frozenset[str] = _NO_ERROR


@dataclass(frozen=True, slots=True)
class FacadeAnswer:
    """Either an envelope, as bytes, or the gateway's own error: its code and its text, which may hold anything."""

    envelope: bytes = field(default=b"", repr=False)
    code: str = ""
    text: str = field(default="", repr=False)

    @property
    def refused(self) -> bool:
        """Whether the gateway answered for itself."""
        return not self.envelope


def unwrapped(raw: bytes, keys: FacadeKeys = FacadeKeys(), most: int = 2_097_152) -> FacadeAnswer:
    """What stands in the JSON of a facade; raises `NotSoap` when it is no such JSON. `most`: bytes of the JSON."""
    if len(raw) > most:
        raise NotSoap("soap_json", f"Câu trả lời JSON của LGSP vượt quá {most} byte.")
    if raw[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html")):
        raise NotSoap("soap_html", "LGSP trả lời một trang HTML thay cho JSON.")
    try:
        tree: Any = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotSoap("soap_json", "Câu trả lời của LGSP không phải JSON đọc được.") from None
    if not isinstance(tree, dict):
        raise NotSoap("soap_json", "Câu trả lời JSON của LGSP không phải một đối tượng.")
    return _answer(tree, keys)


def _answer(tree: dict[str, Any], keys: FacadeKeys) -> FacadeAnswer:
    code, message = tree.get(keys.code), tree.get(keys.message)
    if isinstance(code, bool) or not isinstance(code, str | int | None) or not isinstance(message, str | None):
        raise NotSoap("soap_json", "Câu trả lời JSON của LGSP có kiểu giá trị khác quy ước.")
    said, text = ("" if code is None else str(code).strip()), message or ""
    if said in keys.no_error and text.lstrip("\ufeff \t\r\n").startswith("<"):
        return FacadeAnswer(text.encode())
    if said in keys.no_error and not text:
        raise NotSoap("soap_json", "Câu trả lời JSON của LGSP không có phong bì SOAP.")
    return FacadeAnswer(b"", said, text)
