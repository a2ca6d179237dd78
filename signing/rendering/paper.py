"""The report as a PDF with its own Vietnamese fonts; the same report gives the same bytes.

Letters that the fonts lack (a name in another script) are written as their code, so that nothing disappears in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import WrapMode, XPos, YPos
from fpdf.fonts import TTFFont

from signing.model import Indication
from signing.rendering.words import Check, Section, Verdict, laid_out
from signing.report import Report

_FACE = "DejaVu"
_INK, _FAINT = (27, 27, 27), (85, 85, 85)
_TONES = {
    Indication.TOTAL_PASSED: ((26, 127, 55), (234, 246, 236)),
    Indication.TOTAL_FAILED: ((179, 38, 30), (251, 236, 235)),
    Indication.INDETERMINATE: ((138, 90, 0), (253, 244, 227)),
}
_MARKS = {"passed": ("✓", (26, 127, 55)), "failed": ("✗", (179, 38, 30)), "note": ("!", (138, 90, 0))}
_LABEL_WIDTH = 52.0


@dataclass(frozen=True, slots=True)
class _Hand:
    """How a text is written: size in points."""

    size: float = 10
    bold: bool = False
    colour: tuple[int, int, int] = _INK
    fill: bool = False


class _Paper(FPDF):
    """A4 with page numbers."""

    def footer(self) -> None:
        """The number of the page, and of how many."""
        self.set_y(-12)
        self.set_font(_FACE, size=8)
        self.set_text_color(*_FAINT)
        self.cell(0, 6, f"Trang {self.page_no()}/{{nb}}", align="C")


def as_pdf(report: Report, file: str = "") -> bytes:
    """The report as PDF, dated at the moment of judging."""
    sheet = laid_out(report, file)
    paper = _Paper(format="A4")
    paper.set_creation_date(report.judged_at)
    paper.set_lang("vi")
    paper.set_title(_drawable(sheet.title))
    paper.set_producer(report.software)
    paper.set_auto_page_break(True, margin=16)
    folder = resources.files("signing.rendering").joinpath("fonts")
    for style, name in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf")):
        with resources.as_file(folder.joinpath(name)) as path:
            paper.add_font(_FACE, style, path)
    paper.add_page()
    _text(paper, sheet.title, _Hand(15, bold=True))
    for section in (sheet.document, *sheet.signatures):
        _section(paper, section)
    paper.ln(4)
    _text(paper, sheet.closing, _Hand(8, colour=_FAINT))
    written = bytes(paper.output())
    _closed(paper)
    return written


def _section(paper: _Paper, section: Section) -> None:
    paper.ln(4)
    _text(paper, section.title, _Hand(12, bold=True))
    _verdict(paper, section.verdict)
    for label, value in section.rows:
        _row(paper, label, value)
    paper.ln(2)
    for check in section.checks:
        _check(paper, check)


def _verdict(paper: _Paper, verdict: Verdict) -> None:
    ink, ground = _TONES[verdict.tone]
    paper.set_fill_color(*ground)
    _text(paper, f" {verdict.headline}", _Hand(11, bold=True, colour=ink, fill=True))
    if verdict.meaning:
        _text(paper, verdict.meaning, _Hand(colour=ink, fill=True))
    if verdict.advice:
        _text(paper, f"Việc cần làm: {verdict.advice}", _Hand(fill=True))
    paper.ln(1)


def _row(paper: _Paper, label: str, value: str) -> None:
    paper.set_font(_FACE, size=9)
    paper.set_text_color(*_FAINT)
    paper.multi_cell(_LABEL_WIDTH, 5, _drawable(label), align="L", new_x=XPos.RIGHT, new_y=YPos.TOP)
    paper.set_text_color(*_INK)
    paper.multi_cell(0, 5, _drawable(value), align="L", wrapmode=WrapMode.CHAR, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _check(paper: _Paper, check: Check) -> None:
    sign, colour = _MARKS[check.mark]
    paper.set_font(_FACE, "B", 9)
    paper.set_text_color(*colour)
    paper.cell(6, 5, sign)
    paper.set_font(_FACE, "B" if check.mark == "failed" else "", 9)
    paper.set_text_color(*_INK)
    code = f"[{check.code}] {check.detail}".strip()
    paper.multi_cell(0, 5, _drawable(check.text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.set_x(paper.l_margin + 6)
    paper.set_font(_FACE, size=7)
    paper.set_text_color(*_FAINT)
    paper.multi_cell(0, 3.5, _drawable(code), align="L", wrapmode=WrapMode.CHAR, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _text(paper: _Paper, text: str, hand: _Hand = _Hand()) -> None:
    paper.set_font(_FACE, "B" if hand.bold else "", hand.size)
    paper.set_text_color(*hand.colour)
    height = hand.size * 0.55
    paper.multi_cell(0, height, _drawable(text), align="L", fill=hand.fill, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


@cache
def _letters() -> frozenset[int]:
    """What both fonts can draw."""
    paper = FPDF()
    known: list[set[int]] = []
    for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"):
        paper.add_font(name, "", Path(str(resources.files("signing.rendering").joinpath("fonts", name))))
        font = paper.fonts[name.lower()]
        assert isinstance(font, TTFFont)
        known.append(set(font.cmap))
    _closed(paper)
    return frozenset(known[0] & known[1])


def _closed(paper: FPDF) -> None:
    """The library leaves its font files open."""
    for font in paper.fonts.values():
        if isinstance(font, TTFFont):
            font.close()


def _drawable(text: str) -> str:
    return "".join(one if ord(one) in _letters() else f"\\u{ord(one):04x}" for one in text)
