"""The report as one HTML page that needs nothing else: no script, no address, no style from elsewhere.

Every text is escaped; a content security policy forbids everything but its own style.
"""

from __future__ import annotations

from html import escape

from signing.rendering.words import Check, Section, Sheet, laid_out
from signing.report import Report

_STYLE = """
body{font:16px/1.5 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;color:#1b1b1b;background:#fff;max-width:60rem;
margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem;margin:0 0 1rem}h2{font-size:1.15rem;margin:2rem 0 .5rem;overflow-wrap:anywhere}
.verdict{border-left:.4rem solid;padding:.6rem 1rem;margin:.5rem 0 1rem}
.verdict p{margin:.2rem 0}.verdict .head{font-weight:700}
.TOTAL-PASSED{border-color:#1a7f37;background:#eaf6ec}.TOTAL-FAILED{border-color:#b3261e;background:#fbeceb}
.INDETERMINATE{border-color:#8a5a00;background:#fdf4e3}
dl{display:grid;grid-template-columns:minmax(10rem,16rem) 1fr;gap:.2rem 1rem;margin:0 0 1rem}
dt{color:#555}dd{margin:0;overflow-wrap:anywhere}
ul{list-style:none;margin:0;padding:0}li{padding:.15rem 0 .15rem 1.6rem;text-indent:-1.6rem;overflow-wrap:anywhere}
li b{display:inline-block;width:1.6rem;text-indent:0}.passed b{color:#1a7f37}.failed b{color:#b3261e}.note b{color:#8a5a00}
.failed{font-weight:600}code{color:#555;font-size:.85em;font-weight:400}
footer{margin:2rem 0;color:#555;font-size:.9rem;border-top:1px solid #ccc;padding-top:.6rem}
@media print{body{margin:0;max-width:none;font-size:11pt}}
"""
_MARKS = {"passed": ("✓", "đạt"), "failed": ("✗", "không đạt"), "note": ("!", "lưu ý")}


def as_html(report: Report, file: str = "") -> bytes:
    """The report as UTF-8 HTML."""
    sheet = laid_out(report, file)
    sections = "\n".join(_section(one) for one in sheet.signatures)
    return (
        '<!DOCTYPE html>\n<html lang="vi">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(_title(sheet))}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(sheet.title)}</h1>\n{_section(sheet.document)}\n{sections}\n"
        f"<footer>{escape(sheet.closing)}</footer>\n</body>\n</html>\n"
    ).encode("utf-8", "backslashreplace")


def _title(sheet: Sheet) -> str:
    return f"{sheet.document.verdict.headline} – {sheet.document.title}"


def _section(section: Section) -> str:
    verdict = section.verdict
    more = f"<p>{escape(verdict.meaning)}</p>" if verdict.meaning else ""
    more += f"<p>Việc cần làm: {escape(verdict.advice)}</p>" if verdict.advice else ""
    rows = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>\n" for label, value in section.rows)
    checks = "".join(_check(one) for one in section.checks)
    return (
        f'<section>\n<h2>{escape(section.title)}</h2>\n<div class="verdict {verdict.tone.value}">'
        f'<p class="head">{escape(verdict.headline)}</p>{more}</div>\n'
        f"<dl>\n{rows}</dl>\n<ul>\n{checks}</ul>\n</section>"
    )


def _check(check: Check) -> str:
    sign, spoken = _MARKS[check.mark]
    detail = f" <code>{escape(check.detail)}</code>" if check.detail else ""
    return (
        f'<li class="{check.mark}"><b title="{spoken}" aria-label="{spoken}">{sign}</b>{escape(check.text)} '
        f"<code>[{escape(check.code)}]</code>{detail}</li>\n"
    )
