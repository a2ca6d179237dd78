"""Texts for intermediaries that take few characters: Vietnamese without marks, the rest left out, cut to a length.

Encoders of payment pages differ on `! * ~ ' ( )` and on marks (payment facts 3.5), so what we write avoids them all.
"""

from __future__ import annotations

import re
import unicodedata

_STROKED = str.maketrans("đĐÐƉ–—", "dDDD--")
_FORBIDDEN = re.compile(r"[^A-Za-z0-9 .:-]+")


def plain_text(text: str, limit: int) -> str:
    """The text in `[A-Za-z0-9 .:-]`, single spaces, at most `limit` long; empty where nothing of it can be written so."""
    decomposed = unicodedata.normalize("NFD", text.translate(_STROKED))
    unmarked = "".join(sign for sign in decomposed if unicodedata.category(sign) != "Mn")
    return " ".join(_FORBIDDEN.sub(" ", unmarked).split())[:limit].rstrip()
