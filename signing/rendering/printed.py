"""A printed page for every paper of ours: its own Vietnamese fonts, text that fits its box, equal content in equal bytes.

The door of the PDF library for everybody. Letters that the fonts lack (a name in another script) are written as their code, so
that nothing disappears in silence. Lengths are millimetres, sizes of letters points.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, WrapMode, XPos, YPos
from fpdf.fonts import TTFFont

FACE = "DejaVu"
INK, FAINT = (27, 27, 27), (85, 85, 85)
BLACK = (0, 0, 0)

_LINE = 0.43
"""The height of a line of text in millimetres for each point of its size, where it has to fit a box."""
_STEP = 0.5
_LONGEST = 2_000
"""Letters beyond which no box of ours is tried in any but the least size."""
_SMALL = {"A5": (148.0, 210.0), "A6": (105.0, 148.0)}
"""ISO 216; of A6 the library has not heard, and about A5 it warns."""
_FONTS = (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf"))

Format = Literal["A4", "A5", "A6"]


@dataclass(frozen=True, slots=True)
class Box:
    """A place on a page, from its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    def inside(self, margin: float) -> Box:
        """The box that leaves so much free on all sides."""
        return Box(self.x + margin, self.y + margin, self.width - 2 * margin, self.height - 2 * margin)


@dataclass(frozen=True, slots=True)
class Hand:
    """How a text is written. `least` is the size that it may shrink to before it is cut, `align` L, C or R."""

    size: float = 10
    bold: bool = False
    colour: tuple[int, int, int] = INK
    fill: bool = False
    least: float = 5
    align: Literal["L", "C", "R"] = "L"


class Printed(FPDF):
    """Pages with our fonts. `numbered` puts the number of each page, and of how many, at its foot."""

    def __init__(self, size: Format = "A4", *, landscape: bool = False, numbered: bool = True) -> None:
        """Pages of that size; the first is added by `add_page`, or by whoever begins to write."""
        super().__init__(format=_SMALL.get(size, "A4"), orientation="L" if landscape else "P")
        self._numbered = numbered

    def footer(self) -> None:
        """The number of the page, and of how many."""
        if not self._numbered:
            return
        self.set_y(-12)
        self.set_font(FACE, size=8)
        self.set_text_color(*FAINT)
        self.cell(0, 6, f"Trang {self.page_no()}/{{nb}}", align="C")

    def entitled(self, title: str, made_at: datetime, producer: str) -> None:
        """What the file says of itself, and the fonts. `made_at` is the moment of what it tells, never that of printing."""
        self.set_creation_date(made_at)
        self.set_lang("vi")
        self.set_title(drawable(title))
        self.set_producer(producer)
        self.set_auto_page_break(True, margin=16)
        folder = resources.files("signing.rendering").joinpath("fonts")
        for style, name in _FONTS:
            with resources.as_file(folder.joinpath(name)) as path:
                self.add_font(FACE, style, path)

    def finished(self) -> bytes:
        """The file; nothing can be written any more."""
        written = bytes(self.output())
        closed(self)
        return written

    def fitted(self, box: Box, text: str, hand: Hand = Hand()) -> float:
        """Write `text` into a box, smaller where it must be, cut with … where even that is too long; gives its height."""
        words = tidy(text)
        if not words:
            return 0.0
        size = self._fitting(box, words, hand)
        smaller = replace(hand, size=size)
        return self._written(box, self._cut(box, words, smaller), smaller)

    def height_of(self, width: float, text: str, hand: Hand = Hand()) -> float:
        """How high a text of that width becomes in its own size."""
        words = tidy(text)
        return self._height(width, words, hand) if words else 0.0

    def ruled(self, boxes: Iterable[Box], width: float = 0.25) -> None:
        """Frames around boxes."""
        self.set_draw_color(*INK)
        self.set_line_width(width)
        for box in boxes:
            self.rect(box.x, box.y, box.width, box.height)

    def painted(self, boxes: Iterable[Box], colour: tuple[int, int, int] = BLACK) -> None:
        """Boxes filled with one colour: the bars of a code, the ground of a heading."""
        self.set_fill_color(*colour)
        for box in boxes:
            self.rect(box.x, box.y, box.width, box.height, style="F")

    def _cut(self, box: Box, words: str, hand: Hand) -> str:
        """As much from the beginning as fits, with … where something is missing."""
        if self._height(box.width, words, hand) <= box.height:
            return words
        fits, beyond = 0, min(len(words), _LONGEST)
        while beyond - fits > 1:
            middle = (fits + beyond) // 2
            if self._height(box.width, words[:middle] + "…", hand) <= box.height:
                fits = middle
            else:
                beyond = middle
        return words[:fits].rstrip() + "…"

    def _fitting(self, box: Box, words: str, hand: Hand) -> float:
        if len(words) > _LONGEST:
            return hand.least
        size = hand.size
        while size - _STEP >= hand.least and self._height(box.width, words, replace(hand, size=size)) > box.height:
            size -= _STEP
        return size

    def _height(self, width: float, words: str, hand: Hand) -> float:
        self._hold(hand)
        # Most texts are short, and laying one out is dear.
        if self.get_string_width(words) <= width:
            return hand.size * _LINE
        lines = self.multi_cell(
            width, hand.size * _LINE, words, align=hand.align, dry_run=True, output=MethodReturnValue.LINES, padding=0
        )
        assert isinstance(lines, list)
        return len(lines) * hand.size * _LINE

    def _written(self, box: Box, words: str, hand: Hand) -> float:
        self._hold(hand)
        # A box may end at the foot of the page, where the library would begin a new one.
        breaking, margin = self.auto_page_break, self.b_margin
        self.set_auto_page_break(False)
        self.set_xy(box.x, box.y)
        self.multi_cell(
            box.width,
            hand.size * _LINE,
            words,
            align=hand.align,
            fill=hand.fill,
            new_x=XPos.LEFT,
            new_y=YPos.NEXT,
            wrapmode=WrapMode.WORD,
        )
        height = self.get_y() - box.y
        self.set_auto_page_break(breaking, margin)
        return height

    def _hold(self, hand: Hand) -> None:
        self.set_font(FACE, "B" if hand.bold else "", hand.size)
        self.set_text_color(*hand.colour)
        self.c_margin = 0.0


def tidy(text: str) -> str:
    """One line of text as it is drawn: composed letters, single blanks, nothing that the fonts lack."""
    return drawable(" ".join(unicodedata.normalize("NFC", text).split()))


def drawable(text: str) -> str:
    """The text with the letters that the fonts lack written as their code."""
    return "".join(one if ord(one) in _letters() else f"\\u{ord(one):04x}" for one in text)


def closed(paper: FPDF) -> None:
    """The library leaves its font files open."""
    for font in paper.fonts.values():
        if isinstance(font, TTFFont):
            font.close()


@cache
def _letters() -> frozenset[int]:
    """What both fonts can draw."""
    paper = FPDF()
    known: list[set[int]] = []
    for _, name in _FONTS:
        paper.add_font(name, "", Path(str(resources.files("signing.rendering").joinpath("fonts", name))))
        font = paper.fonts[name.lower()]
        assert isinstance(font, TTFFont)
        known.append(set(font.cmap))
    closed(paper)
    return frozenset(known[0] & known[1])
