"""What we accept behind a PDF signature, pyHanko accepts too; and it sees a change wherever our vectors have one that shows."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel

from signing.making import Profile
from tests.unit.signing.pdf import attacks, kit
from tests.unit.signing.pdf.kit import Signing
from tests.unit.signing.pdf.test_later_revisions import stamped, stored


def _levels(raw: bytes) -> list[ModificationLevel | None]:
    """For each signature what pyHanko finds behind it; None for a suspicious change."""
    found: list[ModificationLevel | None] = []
    for one in PdfFileReader(io.BytesIO(raw)).embedded_regular_signatures:
        one.compute_integrity_info()
        result = one.diff_result
        found.append(result.modification_level if isinstance(result, DiffResult) else None)
    return found


def _two(folder: Path, source: bytes) -> bytes:
    return kit.signed(kit.signed(source, folder), folder, Signing("agency", profile=Profile.PDF_T))


HONEST: dict[str, Callable[[Path], bytes]] = {
    "one": attacks.base,
    "two on a table": lambda folder: _two(folder, kit.classic(kit.objects())),
    "two on streams": lambda folder: _two(folder, kit.packed(kit.objects())),
    "store": lambda folder: stored(attacks.base(folder)),
    "store and stamp": lambda folder: stamped(stored(attacks.base(folder))),
    "two, store, stamp": lambda folder: stamped(stored(_two(folder, kit.classic(kit.objects())))),
}


@pytest.mark.parametrize("name", HONEST)
def test_what_holds_is_no_suspicious_change_to_pyhanko(name: str, tmp_path: Path) -> None:
    """Signatures, stores and stamps: at most what it calls filling in a form."""
    raw = HONEST[name](tmp_path)
    assert kit.holds(kit.read(raw))
    levels = _levels(raw)
    assert levels
    assert all(level is not None and level <= ModificationLevel.FORM_FILLING for level in levels)


@pytest.mark.parametrize(
    "name", ["isa-body-with-xref", "isa-added-page", "shadow-hide", "shadow-replace-font", "certified-evil-annotation"]
)
def test_both_see_the_changes_that_show(name: str, tmp_path: Path) -> None:
    """A witness that never contradicts would be none."""
    raw = attacks.ATTACKS[name].make(attacks.base(tmp_path))
    assert None in _levels(raw)
    assert not kit.holds(kit.read(raw))
