"""Canonical JSON: one value has one encoding. Keys and sets sorted, no blanks, UTF-8, times in UTC with Z, bytes in base64."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


def canonical_json(tree: Any) -> bytes:
    """Plain values in their one form, without a line end; raises `ValueError` for what is no JSON (NaN, infinities)."""
    return json.dumps(tree, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("utf-8")


def plain(value: Any) -> Any:
    """A value object of ours as plain values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(plain(one) for one in value)
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime):
        return utc_text(value)
    return value.value if isinstance(value, StrEnum) else value


def utc_text(moment: datetime) -> str:
    """A moment with a zone as ISO 8601 in UTC, ended by Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
