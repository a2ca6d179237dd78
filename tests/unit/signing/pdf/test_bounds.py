"""No PDF below 2 MB holds a process for more than 5 seconds or 512 MB (signing facts 5.2 step 0, attack D8)."""

from __future__ import annotations

import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from signing.pdf import read_pdf
from tests.effort import effort
from tests.unit.signing.pdf import bombs, kit
from tests.unit.signing.pdf.kit import Signing

_ROOT = Path(__file__).parents[4]
_MOST = 830
"""Units of `tests.effort`: some five seconds of the machine that the bounds of the purse were measured on, whatever runs it."""
_MIB = 1 << 20

_READ = """
import resource, sys
sys.path.append(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (768 << 20, 768 << 20))
from signing.pdf import read_pdf
from signing.policy import ReadingLimits
from tests.effort import effort
raw = open(sys.argv[1], "rb").read()
read = []
units = effort(lambda: read.append(read_pdf(raw, ReadingLimits())))
facts = read[0]
codes = sorted({one.code for one in facts.observations if not one.ok})
# Not ru_maxrss: that of whoever started this process is handed down over fork and exec.
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(units, peak, len(facts.signatures), *codes)
"""


def _read_apart(raw: bytes, folder: Path) -> tuple[float, int, int, set[str]]:
    """Processor time in units of effort, KB of memory at most, signatures, and what failed; in a process of its own."""
    path = folder / "hostile.pdf"
    path.write_bytes(raw)
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(path), str(_ROOT)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    units, memory, signatures, *codes = done.stdout.split()
    return float(units), int(memory), int(signatures), set(codes)


@pytest.mark.parametrize("name", bombs.BOMBS)
def test_each_bomb_is_bounded_in_time_and_memory(name: str, tmp_path: Path) -> None:
    """Facts come within some 5 seconds of processor time and 512 MB, without a signature and without an exception."""
    raw = bombs.BOMBS[name]()
    assert len(raw) < 2_000_000
    units, memory, signatures, failed = _read_apart(raw, tmp_path)
    assert units < _MOST
    assert memory * 1024 < 512 * _MIB
    assert signatures == 0
    assert failed & {"limits", "well_formed", "signature_found"}


@pytest.mark.parametrize("name", bombs.TO_SIGN)
def test_large_structures_that_are_signed_twice_stay_within_the_bounds(name: str, tmp_path: Path) -> None:
    """They are honest, so they hold; comparing all their objects is part of the bound."""
    source = bombs.TO_SIGN[name]()
    assert len(source) < 2_000_000
    both = kit.signed(kit.signed(source, tmp_path), tmp_path, Signing("agency"))
    held: list[bool] = []
    assert effort(lambda: held.append(kit.holds(kit.read(both)))) < _MOST and held == [True]
    units, memory, signatures, _ = _read_apart(both, tmp_path)
    assert (units < _MOST, memory * 1024 < 512 * _MIB, signatures) == (True, True, 2)


def test_the_measure_itself_works() -> None:
    """A process that never measures anything would pass every test above."""
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 1024


def test_more_bytes_or_signatures_than_allowed_are_a_limit(tmp_path: Path) -> None:
    """Over the size nothing is read at all; over the number of signatures nothing is judged."""
    both = kit.signed(kit.signed(kit.classic(kit.objects()), tmp_path), tmp_path, Signing("agency"))
    for limits in (
        replace(kit.LIMITS, max_bytes=1000),
        replace(kit.LIMITS, max_signatures=1),
        replace(kit.LIMITS, max_pdf_pages=1),
        replace(kit.LIMITS, max_pdf_objects=10),
    ):
        facts = read_pdf(both, limits)
        assert {one.code for one in facts.observations if not one.ok} == {"limits"}
        assert not facts.signatures
