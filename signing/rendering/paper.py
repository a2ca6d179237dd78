"""The report as a PDF, on our printed page; the same report gives the same bytes."""

from __future__ import annotations

from fpdf.enums import WrapMode, XPos, YPos

from signing.model import Indication
from signing.rendering.printed import FACE, FAINT, INK, Hand, Printed, drawable
from signing.rendering.words import Check, Section, Verdict, laid_out
from signing.report import Report

_TONES = {
    Indication.TOTAL_PASSED: ((26, 127, 55), (234, 246, 236)),
    Indication.TOTAL_FAILED: ((179, 38, 30), (251, 236, 235)),
    Indication.INDETERMINATE: ((138, 90, 0), (253, 244, 227)),
}
_MARKS = {"passed": ("✓", (26, 127, 55)), "failed": ("✗", (179, 38, 30)), "note": ("!", (138, 90, 0))}
_LABEL_WIDTH = 52.0
_PLAIN = Hand()


def as_pdf(report: Report, file: str = "") -> bytes:
    """The report as PDF, dated at the moment of judging."""
    sheet = laid_out(report, file)
    paper = Printed("A4")
    paper.entitled(sheet.title, report.judged_at, report.software)
    paper.add_page()
    _text(paper, sheet.title, Hand(15, bold=True))
    for section in (sheet.document, *sheet.signatures):
        _section(paper, section)
    paper.ln(4)
    _text(paper, sheet.closing, Hand(8, colour=FAINT))
    return paper.finished()


def _section(paper: Printed, section: Section) -> None:
    paper.ln(4)
    _text(paper, section.title, Hand(12, bold=True))
    _verdict(paper, section.verdict)
    for label, value in section.rows:
        _row(paper, label, value)
    paper.ln(2)
    for check in section.checks:
        _check(paper, check)


def _verdict(paper: Printed, verdict: Verdict) -> None:
    ink, ground = _TONES[verdict.tone]
    paper.set_fill_color(*ground)
    _text(paper, f" {verdict.headline}", Hand(11, bold=True, colour=ink, fill=True))
    if verdict.meaning:
        _text(paper, verdict.meaning, Hand(colour=ink, fill=True))
    if verdict.advice:
        _text(paper, f"Việc cần làm: {verdict.advice}", Hand(fill=True))
    paper.ln(1)


def _row(paper: Printed, label: str, value: str) -> None:
    paper.set_font(FACE, size=9)
    paper.set_text_color(*FAINT)
    paper.multi_cell(_LABEL_WIDTH, 5, drawable(label), align="L", new_x=XPos.RIGHT, new_y=YPos.TOP)
    paper.set_text_color(*INK)
    paper.multi_cell(0, 5, drawable(value), align="L", wrapmode=WrapMode.CHAR, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _check(paper: Printed, check: Check) -> None:
    sign, colour = _MARKS[check.mark]
    paper.set_font(FACE, "B", 9)
    paper.set_text_color(*colour)
    paper.cell(6, 5, sign)
    paper.set_font(FACE, "B" if check.mark == "failed" else "", 9)
    paper.set_text_color(*INK)
    code = f"[{check.code}] {check.detail}".strip()
    paper.multi_cell(0, 5, drawable(check.text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.set_x(paper.l_margin + 6)
    paper.set_font(FACE, size=7)
    paper.set_text_color(*FAINT)
    paper.multi_cell(0, 3.5, drawable(code), align="L", wrapmode=WrapMode.CHAR, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _text(paper: Printed, text: str, hand: Hand = _PLAIN) -> None:
    paper.set_font(FACE, "B" if hand.bold else "", hand.size)
    paper.set_text_color(*hand.colour)
    height = hand.size * 0.55
    paper.multi_cell(0, height, drawable(text), align="L", fill=hand.fill, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
