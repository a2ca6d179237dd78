"""Bytes to a tree of plain JSON values, strictly: what two parsers could read differently is refused first, with its place.

Refused (RFC 8259, and the interoperable subset of RFC 7493): bytes that are not UTF-8, a byte order mark, duplicate
keys, nesting beyond a limit, integers beyond 64 bits, numbers that are not finite, lone surrogates, control characters
(those that turn the direction of writing too), a top level that is not an object. The common case costs one pass of the
C scanner; only a suspicious text is read a second time, to name every fault by its JSON pointer (RFC 6901).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, islice
from typing import Any

from gateway.errors import Fault, Invalid

MAX_FAULTS = 100
"""More faults than this are not listed: nobody reads them, and the answer must stay small."""

_INT64 = 2**63
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
# A lone surrogate or a C0 control gets into well-formed JSON by an escape only; the other forbidden characters may also
# stand there as they are: DEL, the C1 controls, and the bidirectional controls, which show a text other than it is.
_SUSPICIOUS_ESCAPE = re.compile(rb"\\(?:u00[0189]|u007[fF]|u[dD]|u20[26]|[bf])")
_SUSPICIOUS_BYTES = (b"\x7f", b"\xc2", b"\xe2\x80", b"\xe2\x81")
_SUSPICIOUS_CHARACTER = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]")
_FORBIDDEN_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A tree without structural faults. `fractions` points at numbers written with a fraction or an exponent.

    They are kept apart because a JSON Schema takes 7.0 for an integer and not every later reader does.
    """

    tree: dict[str, Any] = field(repr=False)
    fractions: tuple[str, ...] = ()


class _SuspiciousError(Exception):
    """The quick pass met something that deserves the thorough one."""


@dataclass(frozen=True, slots=True)
class _Flawed:
    """A number that must not become a value; `code` says why."""

    code: str


class _Pairs(list[tuple[str, Any]]):
    """An object as it was written, duplicate keys included."""


def parse(raw: bytes, max_depth: int) -> Parsed:
    """The tree of `raw`; raises `Invalid` (400, code `malformed`) with every structural fault."""
    text = _text(raw)
    _check_depth(raw, max_depth)
    if not _is_suspicious(raw):
        try:
            tree = _QUICK.decode(text)
        except _SuspiciousError:
            return _parse_thoroughly(text)
        except json.JSONDecodeError as error:
            raise _refuse(_syntax_fault(error)) from None
        if type(tree) is dict:
            return Parsed(tree)
    return _parse_thoroughly(text)


def _is_suspicious(raw: bytes) -> bool:
    """Whether a forbidden character may stand in the text; looks for single bytes first, which is by far the quickest."""
    if _SUSPICIOUS_ESCAPE.search(raw) is not None:
        return True
    return any(mark in raw for mark in _SUSPICIOUS_BYTES) and _SUSPICIOUS_CHARACTER.search(raw) is not None


def escape(key: str) -> str:
    """A key as one token of a JSON pointer (RFC 6901 section 3), cut to a readable length."""
    shown = key if len(key) <= 64 else key[:63] + "…"
    printable = _FORBIDDEN_CHARACTER.sub("\ufffd", shown)
    return printable.replace("~", "~0").replace("/", "~1")


def forbidden_character(text: str) -> bool:
    """Whether a text has a control character, a bidirectional control or a lone surrogate, which no message may carry."""
    return _FORBIDDEN_CHARACTER.search(text) is not None


def _refuse(*faults: Fault) -> Invalid:
    return Invalid(
        "Nội dung không phải JSON hợp lệ; hãy sửa theo danh sách lỗi rồi gửi lại.",
        code="malformed",
        status=400,
        faults=faults[:MAX_FAULTS],
    )


def _text(raw: bytes) -> str:
    if raw.startswith(b"\xef\xbb\xbf"):
        raise _refuse(Fault("json_co_bom", "", "Hãy bỏ dấu BOM ở đầu nội dung (RFC 8259 mục 8.1)."))
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"Nội dung phải mã hóa UTF-8; byte thứ {error.start + 1} không hợp lệ."
        raise _refuse(Fault("json_khong_phai_utf8", "", message)) from None


def _check_depth(raw: bytes, max_depth: int) -> None:
    """Refuse nesting beyond the limit before any recursive reader sees it."""
    if raw.count(b"[") + raw.count(b"{") <= max_depth:
        return
    brackets = _STRINGS.sub(b"", raw).translate(None, _NOT_BRACKETS)
    if max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > max_depth:
        message = f"JSON lồng quá sâu; nhiều nhất {max_depth} mức."
        raise _refuse(Fault("json_qua_sau", "", message))


def _syntax_fault(error: json.JSONDecodeError) -> Fault:
    message = f"JSON sai cú pháp tại dòng {error.lineno}, cột {error.colno}."
    return Fault("json_sai_cu_phap", "", message)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _SuspiciousError
    return found


def _integer(text: str) -> int:
    # Eighteen digits always fit; nothing longer than a sign and nineteen digits ever does.
    if len(text) <= 18:
        return int(text)
    if len(text) <= 20 and -_INT64 <= (value := int(text)) < _INT64:
        return value
    raise _SuspiciousError


def _suspect(_text: str) -> Any:
    raise _SuspiciousError


def _integer_or_flaw(text: str) -> int | _Flawed:
    try:
        return _integer(text)
    except _SuspiciousError:
        return _Flawed("json_so_nguyen_qua_lon")


def _float_or_flaw(text: str) -> float | _Flawed:
    value = float(text)
    return value if math.isfinite(value) else _Flawed("json_so_khong_huu_han")


_QUICK = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_suspect, parse_constant=_suspect, strict=True
)
_THOROUGH = json.JSONDecoder(
    object_pairs_hook=_Pairs,
    parse_int=_integer_or_flaw,
    parse_float=_float_or_flaw,
    parse_constant=lambda _name: _Flawed("json_so_khong_huu_han"),
    strict=True,
)
_FLAWS = {
    "json_so_nguyen_qua_lon": "Số nguyên vượt quá 64 bit; hãy gửi dưới dạng chuỗi nếu đó là một mã.",
    "json_so_khong_huu_han": "Số phải hữu hạn; NaN, Infinity và số quá lớn không được chấp nhận.",
}


def _parse_thoroughly(text: str) -> Parsed:
    """Read once more, keeping what the quick pass cannot show; every structural fault gets its pointer."""
    try:
        seen = _THOROUGH.decode(text)
    except json.JSONDecodeError as error:
        raise _refuse(_syntax_fault(error)) from None
    faults = tuple(islice(_faults(seen, ""), MAX_FAULTS))
    if not isinstance(seen, _Pairs):
        top = Fault("json_khong_phai_doi_tuong", "", "Nội dung phải là một đối tượng JSON: {…}.")
        raise _refuse(top, *faults)
    if faults:
        raise _refuse(*faults)
    return Parsed(_plain(seen), tuple(islice(_fractions(seen, ""), MAX_FAULTS)))


def _faults(value: Any, pointer: str) -> Iterator[Fault]:
    if isinstance(value, _Flawed):
        yield Fault(value.code, pointer, _FLAWS[value.code])
    elif isinstance(value, str):
        yield from _character_faults(value, pointer)
    elif isinstance(value, _Pairs):
        yield from _object_faults(value, pointer)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _faults(item, f"{pointer}/{index}")


def _object_faults(pairs: _Pairs, pointer: str) -> Iterator[Fault]:
    seen: set[str] = set()
    for key, item in pairs:
        below = f"{pointer}/{escape(key)}"
        if key in seen:
            yield Fault("json_trung_khoa", below, "Khóa này xuất hiện nhiều lần; hãy chỉ giữ một.")
        seen.add(key)
        yield from _character_faults(key, below)
        yield from _faults(item, below)


def _character_faults(text: str, pointer: str) -> Iterator[Fault]:
    found = _FORBIDDEN_CHARACTER.search(text)
    if found is None:
        return
    if "\ud800" <= found.group() <= "\udfff":
        message = "Chuỗi có nửa cặp thay thế (surrogate) đứng lẻ; hãy gửi ký tự Unicode đầy đủ."
        yield Fault("json_surrogate_le", pointer, message)
    else:
        message = "Chuỗi có ký tự điều khiển hoặc ký tự đảo chiều chữ; hãy bỏ chúng (được dùng xuống dòng và tab)."
        yield Fault("json_ky_tu_dieu_khien", pointer, message)


def _fractions(value: Any, pointer: str) -> Iterator[str]:
    if isinstance(value, float):
        yield pointer
    elif isinstance(value, _Pairs):
        for key, item in value:
            yield from _fractions(item, f"{pointer}/{escape(key)}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _fractions(item, f"{pointer}/{index}")


def _plain(value: Any) -> Any:
    if isinstance(value, _Pairs):
        return {key: _plain(item) for key, item in value}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
