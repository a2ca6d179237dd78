"""What papers of ours say, read back by tools that are not ours: poppler renders and extracts, zbar reads the codes."""

from __future__ import annotations

import subprocess
from pathlib import Path

_DPI = "203"
"""What printers of labels have: 8 dots a millimetre."""


def codes_of(pdf: bytes, folder: Path) -> set[tuple[str, str]]:
    """Every code on the first page as (kind, text), read from its picture as a label printer would print it."""
    source = folder / "codes.pdf"
    source.write_bytes(pdf)
    _run("pdftoppm", "-r", _DPI, "-gray", "-png", "-singlefile", str(source), str(folder / "codes"))
    told = subprocess.run(
        ["zbarimg", "--quiet", "--nodbus", str(folder / "codes.png")], capture_output=True, text=True, check=False
    )
    assert told.returncode in (0, 4), told.stderr  # 4: there is no code
    found = (line.partition(":") for line in told.stdout.splitlines())
    return {(kind, text) for kind, _, text in found}


def words_of(pdf: bytes, folder: Path) -> str:
    """The text of all pages, blanks and line ends as single blanks."""
    source = folder / "words.pdf"
    source.write_bytes(pdf)
    return " ".join(_run("pdftotext", "-layout", str(source), "-").split())


def pages_of(pdf: bytes, folder: Path) -> int:
    """How many pages there are."""
    source = folder / "pages.pdf"
    source.write_bytes(pdf)
    told = _run("pdfinfo", str(source))
    return int(next(line.split()[1] for line in told.splitlines() if line.startswith("Pages:")))


def fonts_of(pdf: bytes, folder: Path) -> list[tuple[str, bool]]:
    """The fonts, and whether each is embedded."""
    source = folder / "fonts.pdf"
    source.write_bytes(pdf)
    rows = _run("pdffonts", str(source)).splitlines()[2:]
    return [(row.split()[0], row.split()[-5] == "yes") for row in rows]


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
