"""Text as the model wants it (Unicode NFC), and cut to an upstream's limit without breaking a character."""

from __future__ import annotations

import unicodedata

_SHAPELESS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_JOINERS = frozenset("\u200d\ufe0e\ufe0f")


def nfc(text: str) -> str:
    """The text in Unicode normal form C, the one form of the model (dossier-model facts 2); ASCII is returned at once."""
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return text
    return unicodedata.normalize("NFC", text)


def is_blank(text: str) -> bool:
    """Whether nothing of the text can be seen: empty, white space, or signs without a shape such as U+200B and U+3164."""
    if text[:1].isalnum() and text[:1] not in _SHAPELESS:
        return False
    return all(
        character.isspace() or character in _SHAPELESS or unicodedata.category(character) in {"Cf", "Cc"}
        for character in text
    )


def length(text: str) -> int:
    """Length in UTF-16 units: what the known portal clients (C#, Java) count, never less than the characters seen."""
    return len(text) + sum(character > "\uffff" for character in text)


def shorten(text: str, limit: int, kept: int, ending: str = "...") -> str:
    """The text as it is when it fits `limit`, else at most `kept` units of it and `ending` (portal: 1000 keeps 995 + "...").

    The cut never separates a letter from its marks or splits a joined sign. Lengths are in UTF-16 units.
    """
    if kept + length(ending) > limit:
        raise ValueError("phần giữ lại và phần kết dài hơn giới hạn")
    if length(text) <= limit:
        return text
    end = units = 0
    while end < len(text):
        width = 2 if text[end] > "\uffff" else 1
        if units + width > kept:
            break
        units += width
        end += 1
    return text[: _whole(text, end)] + ending


def _whole(text: str, end: int) -> int:
    """The last place at or before `end` where a new character begins."""
    while 0 < end < len(text) and (_continues(text[end]) or text[end - 1] == "\u200d"):
        end -= 1
    return end


def _continues(character: str) -> bool:
    """Whether this sign belongs to the one before it."""
    return character in _JOINERS or unicodedata.category(character) in {"Mn", "Mc", "Me"}
