"""Names of people: NFC and single spaces inside, three forms for the wires, and when two spellings name the same person.

Registers write names in capitals, often without marks; two clients in live use send them without spaces too (identity facts
2.4). Đ and đ do not decompose in Unicode, so they are replaced by name.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

from mappings.text import nfc

# Đ, and the two letters that legacy fonts put in its place: Ð (Eth) and Ɖ (African D).
_STROKED = str.maketrans("ĐÐƉ", "DDD")
_STROKED_SMALL = str.maketrans("\u00f0\u0256", "đđ")
_TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")
_NOT_WORDS = re.compile(r"[^A-Z0-9]+")
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))


class NameForm(StrEnum):
    """How a name is written on a wire (`name_form`, identity facts 2.4 and 7.13)."""

    COMPACT_ASCII = "compact_ascii"
    ASCII_SPACED = "ascii_spaced"
    UPPER_UNICODE = "upper_unicode"


class NameMatch(StrEnum):
    """How near two names are.

    `same`: letter for letter, apart from capitals, spaces, the Đ of legacy fonts, and where a tone mark sits (Hòa, Hoà).
    `unmarked`: the register writes no marks at all, and without them they are the same. `spelling`: the same without marks,
    but the marks differ.
    """

    SAME = "same"
    UNMARKED = "unmarked"
    SPELLING = "spelling"
    DIFFERENT = "different"


def clean_name(text: str) -> str:
    """The name as the model keeps it: NFC, one space between words, none around, no invisible signs."""
    return " ".join(nfc(text).translate(_INVISIBLE).split())


def joined_name(*parts: str) -> str:
    """A name from its parts (`Ho`, `ChuDem`, `Ten`), the empty ones left out: registers put the whole name in the last."""
    return " ".join(cleaned for cleaned in map(clean_name, parts) if cleaned)


def wire_name(text: str, form: NameForm = NameForm.COMPACT_ASCII) -> str:
    """The name in the form of a wire.

    Empty where nothing of it can be written that way: a name in another script has no ASCII form, and none is invented.
    """
    if form is NameForm.UPPER_UNICODE:
        return nfc(clean_name(text).upper())
    return _NOT_WORDS.sub("" if form is NameForm.COMPACT_ASCII else " ", _unmarked(text)).strip()


def compare_names(declared: str, registered: str) -> NameMatch:
    """How near a declared name is to the one of a register; two empty names are the same."""
    mine, theirs = _canonical(declared), _canonical(registered)
    if mine == theirs:
        return NameMatch.SAME
    compact = wire_name(registered)
    if compact != wire_name(declared) or not compact:
        return NameMatch.DIFFERENT
    return NameMatch.UNMARKED if _unmarked(registered) == clean_name(registered).upper() else NameMatch.SPELLING


def _unmarked(text: str) -> str:
    """Capitals without marks; what is no letter is still there."""
    decomposed = unicodedata.normalize("NFD", clean_name(text).upper())
    return "".join(sign for sign in decomposed if unicodedata.category(sign) != "Mn").translate(_STROKED)


def _canonical(text: str) -> str:
    """One spelling for one name: words without case, each with its tone mark at its end (old and new style agree)."""
    return " ".join(_tone_last(word) for word in clean_name(text).casefold().translate(_STROKED_SMALL).split())


def _tone_last(word: str) -> str:
    signs = unicodedata.normalize("NFD", word)
    return "".join(sign for sign in signs if sign not in _TONES) + "".join(sign for sign in signs if sign in _TONES)
