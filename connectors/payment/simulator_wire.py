"""Bytes of the simulated intermediaries: strict reading, the writing of fields in their order, times of Viet Nam, digests.

Own reading of payment facts 3 and 4; nothing of it is shared with the client.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl

VIET_NAM = timezone(timedelta(hours=7))
_COMPACT = "%Y%m%d%H%M%S"


class Refusal(Exception):
    """An intermediary refuses a request: its own code and words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


def answered(status: int, body: bytes, name: str) -> object:
    """The member `name` of a JSON object that came with status 200; None where there is none."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return answer.get(name) if status == 200 and isinstance(answer, dict) else None


def _once(code: str) -> Any:
    def read(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise Refusal(code, f"duplicate member {key}")
            found[key] = value
        return found

    return read


def read_object(raw: bytes, code: str) -> dict[str, Any]:
    """A JSON object in UTF-8; raises `Refusal(code)` for anything else, duplicate members and broken numbers included."""

    def no_float(text: str) -> Any:
        raise Refusal(code, f"not a whole number: {text}")

    try:
        value = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_once(code), parse_float=no_float, parse_constant=no_float
        )
        json.dumps(value, ensure_ascii=False).encode()  # A lone surrogate is a letter of no language.
    except (ValueError, RecursionError) as error:
        raise Refusal(code, "not JSON") from error
    if not isinstance(value, dict):
        raise Refusal(code, "not an object")
    return value


def form_fields(raw: bytes) -> dict[str, str]:
    """The fields of a form that a browser sent; of doubled ones the last."""
    return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))


def object_text(pairs: Iterable[tuple[str, object]], *, spaced: bool = False, escaped: bool = False) -> str:
    """A JSON object of these members in this order, doubled ones too; `spaced` and `escaped` write it another way."""
    comma, colon = (", ", ": ") if spaced else (",", ":")
    members = (f"{json.dumps(key)}{colon}{json.dumps(value, ensure_ascii=escaped)}" for key, value in pairs)
    return "{" + comma.join(members) + "}"


def as_text(values: Mapping[str, Any], name: str, code: str, pattern: str = r"(?s).{1,255}") -> str:
    """A text of a message; raises `Refusal` naming the field where it is absent, no text, or does not fit."""
    value = values.get(name)
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise Refusal(code, f"invalid {name}")
    return value


def as_number(values: Mapping[str, Any], name: str, code: str, least: int = 1, most: int = 10**15) -> int:
    """A whole number of a message (a JSON number, no text); raises `Refusal`."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Refusal(code, f"invalid {name}")
    return value


def as_digits(values: Mapping[str, Any], name: str, code: str, most_digits: int = 12) -> int:
    """A positive whole number written as digits without a leading zero; raises `Refusal`."""
    return int(as_text(values, name, code, rf"[1-9][0-9]{{0,{most_digits - 1}}}"))


def only(values: Mapping[str, Any], names: Iterable[str], code: str) -> None:
    """Raises `Refusal` for a field that this message does not have."""
    strange = sorted(set(values) - set(names))
    if strange:
        raise Refusal(code, f"unknown {strange[0]}")


def moment(text: str, name: str, code: str) -> datetime:
    """`yyyyMMddHHmmss` of Viet Nam as an instant; raises `Refusal`."""
    if not re.fullmatch(r"[0-9]{14}", text):
        raise Refusal(code, f"invalid {name}")
    try:
        return datetime.strptime(text, _COMPACT).replace(tzinfo=VIET_NAM).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refusal(code, f"invalid {name}") from None


def compact(at: datetime) -> str:
    """An instant as `yyyyMMddHHmmss` of Viet Nam."""
    return at.astimezone(VIET_NAM).strftime(_COMPACT)


def milliseconds(at: datetime) -> int:
    """An instant as milliseconds since the epoch."""
    return int(at.timestamp() * 1000)


def hmac_hex(algorithm: str, secret: str, text: str) -> str:
    """A keyed digest of a text in UTF-8, lower-case hex."""
    return hmac.new(secret.encode(), text.encode(), algorithm).hexdigest()


def sha256_hex(text: str) -> str:
    """A plain digest of a text in UTF-8, lower-case hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def same(expected: str, told: object) -> bool:
    """Whether a signature is the expected one, in constant time, whatever the case of its letters."""
    return isinstance(told, str) and hmac.compare_digest(expected.encode(), told.lower().encode())


def with_query(address: str, query: str) -> str:
    """An address with more parameters."""
    return f"{address}{'&' if '?' in address else '?'}{query}"
