"""Code 128: the bar code of parcels, from text to the widths of its bars.

Source: ISO/IEC 15417 (sets B and C, check character modulo 103); GS1 General Specifications 5.4 (the same table). Set C writes
two digits as one character, so runs of digits get shorter; set A (control characters) is never needed by our numbers.
"""

from __future__ import annotations

_TABLE = (
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231113222123122123221"
    "223211221132221231213212223112312131311222321122321221312212322112322211212123212321232121111323131123131321"
    "112313132113132311211313231113231311112133112331132131113123113321133121313121211331231131213113213311213131"
    "311123311321331121312113312311332111314111221411431111111224111422121124121421141122141221112214112412122114"
    "122411142112142211241211221114413111241112134111111242121142121241114212124112124211411212421112421211212141"
    "214121412121111143111341131141114113114311411113411311113141114131311141411131211412211214211232"
)
_PATTERNS = (*(_TABLE[at : at + 6] for at in range(0, len(_TABLE), 6)), "2331112")
"""The widths of each character, bar and space in turn; the last one is the stop."""
_CODE_B, _CODE_C, _START_B, _START_C, _STOP = 100, 99, 104, 105, 106
_QUIET = 10

QUIET_MODULES = 2 * _QUIET
"""The white that must stand on both sides of the bars together, in modules."""


def bars(text: str) -> tuple[int, ...]:
    """The widths of bars and spaces in modules, in turn, a bar first and last.

    `text`: printable ASCII, at least one character; raises `ValueError` otherwise.
    """
    symbols = _symbols(text)
    check = (symbols[0] + sum(place * symbol for place, symbol in enumerate(symbols[1:], 1))) % 103
    return tuple(int(width) for symbol in (*symbols, check, _STOP) for width in _PATTERNS[symbol])


def _symbols(text: str) -> list[int]:
    """The characters of the symbol without check and stop, digits in pairs where that is shorter."""
    if not text or not all(" " <= one <= "~" for one in text):
        raise ValueError("mã vạch chỉ ghi được chữ cái, chữ số và dấu ASCII")
    found: list[int] = []
    pairs, place = False, 0
    while place < len(text):
        run = _digits(text, place)
        # A change of set costs a character: inside it pays for six digits, at either end for four.
        worth = 4 if not found or place + run == len(text) else 6
        if pairs and run >= 2:
            found.append(int(text[place : place + 2]))
            place += 2
            continue
        if not pairs and run >= worth and (run % 2 == 0 or not found):
            found.append(_CODE_C if found else _START_C)
            pairs = True
            continue
        if pairs or not found:
            found.append(_CODE_B if found else _START_B)
            pairs = False
        found.append(ord(text[place]) - 32)
        place += 1
    return found


def _digits(text: str, place: int) -> int:
    """How many digits stand from there on."""
    end = place
    while end < len(text) and "0" <= text[end] <= "9":
        end += 1
    return end - place
