"""Words of active content in a PDF: scripts, programs, addresses, embedded files. Found for a warning, never run or followed."""

from __future__ import annotations

import re

from signing.pdf.document import View
from signing.pdf.syntax import Malformed, name_of

_WORDS = frozenset(
    {
        b"JavaScript",
        b"Launch",
        b"URI",
        b"EmbeddedFile",
        b"EmbeddedFiles",
        b"GoToR",
        b"GoToE",
        b"SubmitForm",
        b"ImportData",
        b"RichMedia",
        b"Rendition",
        b"Movie",
    }
)
_END = rb"(?=[\x00\t\n\x0c\r ()<>\[\]{}/%])"
_PLAIN = re.compile(rb"/(" + rb"|".join(sorted(_WORDS)) + rb")" + _END)
_ESCAPED = re.compile(rb"/[^\x00\t\n\x0c\r ()<>\[\]{}/%#]{0,16}+#[^\x00\t\n\x0c\r ()<>\[\]{}/%]{2,60}" + _END)


def active_content(view: View) -> tuple[str, ...]:
    """Which of these words stand in the file or in its object streams, sorted.

    Bytes are searched, not objects, so that a word in an object that no cross-reference lists is seen too; a name written with
    #xx is taken apart first. A compressed picture may contain such a word by chance: hence a warning and no more.
    """
    found: set[bytes] = set()
    for text in _texts(view):
        found |= {match[1] for match in _PLAIN.finditer(text)}
        found |= {bytes(name) for match in _ESCAPED.finditer(text) if (name := name_of(match.group())) in _WORDS}
    return tuple(sorted(name.decode("ascii") for name in found))


def _texts(view: View) -> list[bytes]:
    texts = [view.document.raw]
    for number in sorted({entry.place for entry in view.entries.values() if entry.kind == 2}):
        entry = view.entry(number)
        try:
            if entry is not None:
                texts.append(view.document.plain(number, entry, view))
        except Malformed as malformed:
            if malformed.limit:
                raise
    return texts
