"""The answer to a call for a token (RFC 6749, 5.1), read: the secret, and for how long it may be kept.

Apart from `tokens.py`, which keeps and renews, so that pure dialects can read what they were granted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import msgspec

_TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Made:
    """A fresh secret and for how many seconds it may be kept."""

    value: str = field(repr=False)
    ttl_s: float


def granted(body: bytes, default_ttl_s: float, margin_s: float) -> Made | None:
    """The token of a token call (RFC 6749, 5.1), None where the answer holds none; renewed `margin_s` before its end.

    How long it lives may be a number or a text; `default_ttl_s` where it is left out.
    """
    try:
        tree: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    token = tree.get("access_token") if isinstance(tree, dict) else None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        return None
    said = str(tree.get("expires_in", "")).strip()
    life = int(said) if said.isascii() and said.isdigit() and len(said) < 10 else default_ttl_s
    # A token that is about to end is no token: a second at least, so that one that lives shortly is used once.
    return Made(token, max(life - margin_s, 1))
