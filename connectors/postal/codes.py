"""Bar codes and QR codes drawn on a printed page, as black boxes: sharp in any size, and there is no picture to decode.

The one door of the QR library.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import segno

from mappings.code128 import QUIET_MODULES, bars
from signing.rendering.printed import Box, Printed

LEAST_MODULE = 0.19
"""The narrowest bar in millimetres that scanners of post offices are trusted with (GS1 General Specifications 5.4: 0.19)."""

_QUIET_QR = 4


def bar_code(page: Printed, box: Box, text: str) -> bool:
    """`text` as Code 128 in the middle of a box; False, and nothing drawn, where no scanner could read it.

    That is where its bars would be too narrow, and where it holds what Code 128 has no signs for.
    """
    try:
        widths = bars(text)
    except ValueError:
        return False
    module = box.width / (sum(widths) + QUIET_MODULES)
    if module < LEAST_MODULE:
        return False
    # Wide bars read no better, and printers of labels have few dots.
    module = min(module, 0.5)
    left = box.x + (box.width - sum(widths) * module) / 2
    page.painted(_bars(widths, Box(left, box.y, module, box.height)))
    return True


def qr_code(page: Printed, box: Box, text: str) -> None:
    """`text` as a QR code (ISO/IEC 18004, a quarter of it may be soiled) in a square box, its quiet zone inside."""
    matrix = segno.make(text, error="q", micro=False).matrix
    module = box.width / (len(matrix) + 2 * _QUIET_QR)
    at = Box(box.x + _QUIET_QR * module, box.y + _QUIET_QR * module, module, module)
    page.painted(_squares(matrix, at))


def _bars(widths: Sequence[int], first: Box) -> Iterator[Box]:
    place = first.x
    for number, width in enumerate(widths):
        if number % 2 == 0:
            yield Box(place, first.y, width * first.width, first.height)
        place += width * first.width


def _squares(matrix: Sequence[bytearray], first: Box) -> Iterator[Box]:
    """The dark squares, neighbours of a row as one box."""
    for line, row in enumerate(matrix):
        begin = None
        for column, dark in enumerate([*row, 0]):
            if dark and begin is None:
                begin = column
            elif not dark and begin is not None:
                left = first.x + begin * first.width
                # A hair more in height, so that no white line stands between rows on a coarse printer.
                yield Box(left, first.y + line * first.height, (column - begin) * first.width, first.height * 1.02)
                begin = None
