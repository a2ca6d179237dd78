"""How long a statement of many rows takes to judge and to match, and how much memory: `python bench/settlement.py [ROWS]`.

The file is written first and does not count. Our books are made row by row, as they would be read, so that what is measured is
settlement itself: the judgement of the whole file, then every part read from its places and matched (payment facts 5: a
million rows, linear, in bounded memory). Each figure is of one process of its own.
"""

from __future__ import annotations

import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from connectors.payment.settlement_settings import Layout
from connectors.payment.statements import examine, read_name
from mappings.dates import VIETNAM
from mappings.settlement import Day, match, part_of
from mappings.settlement_sums import Sums, add, tally, transfers
from mappings.settlement_words import OurAttempt, OurInflow, OurPayment, Share

DAY = date(2026, 9, 21)
MORNING = datetime(2026, 9, 21, 1, tzinfo=VIETNAM)
NAME = "recon_vnpay_BENCH001_20260921_1.csv"
PART_ROWS = 400


def payment(number: int) -> OurPayment:
    """A payment of ours; one in a thousand differs from the statement."""
    at = MORNING + timedelta(milliseconds=50 * number)
    amount = 500_000 if number % 1000 else 400_000
    money = OurInflow(txn_id=f"14{number:08d}", amount=amount, day=DAY, paid_at=at)
    payment_id = f"{number:013d}"
    return OurPayment(
        payment_id=payment_id,
        dossier_code=f"000.00.00.G11-260921-{number:06d}",
        attempts=(OurAttempt(ref=f"{payment_id}a1", provider="vnpay", amount=amount, inflows=(money,)),),
        shares=(
            Share(kind="charge", code="P", amount=450_000, dvqhns="1054321", chapter="025", sub_item="2305"),
            Share(kind="fee", code="L", amount=50_000, dvqhns="1054321", chapter="025", sub_item="2766"),
        ),
    )


def write(path: Path, rows: int) -> None:
    """A statement in our own layout."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        out = csv.writer(stream)
        out.writerow(["H", "1", "vnpay", "BENCH001", "20260921", "2026-09-22T00:30:00+07:00", "VND"])
        for n in range(rows):
            at = (MORNING + timedelta(milliseconds=50 * n)).isoformat()
            txn, dossier = f"14{n:08d}", f"000.00.00.G11-260921-{n:06d}"
            money = ("500000", "1100", "498900", "paid", at, "web", "NCB")
            out.writerow(["D", n, "PAY", f"{n:013d}a1", txn, f"FT{n}", *money, "", dossier, "", ""])
        out.writerow(["T", rows, rows * 500_000, 0, 0, rows * 1_100, rows * 498_900])


def measure(path: Path, rows: int) -> dict[str, float]:
    """Judge and match the file; seconds of each, and the most memory that this process ever held, in MiB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    with path.open("rb") as stream:
        examined = examine(stream, read_name(NAME), Layout(), PART_ROWS, timedelta(minutes=10))
        judged = time.perf_counter()
        ours = [bytearray() for _ in range(examined.parts)]
        for n in range(rows):
            ours[part_of(f"{n:013d}", examined.parts)] += f"{n:013d}".encode()
        sums = Sums()
        for part in range(examined.parts):
            letters = bytes(ours[part]).decode()
            books = {found.payment_id: found for found in _payments(letters)}
            pairings = match(books.values(), examined.part(stream, part), Day("vnpay", DAY))
            sums = add(sums, tally(pairings, transfers(pairings, books)))
    matched = time.perf_counter()
    assert sum(count.count for count in sums.pay.values()) == rows
    assert sum(count.theirs for count in sums.pay.values()) == rows * 500_000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"judge_s": judged - began, "match_s": matched - judged, "peak_mib": peak, "before_mib": before}


def _payments(letters: str) -> Iterator[OurPayment]:
    return (payment(int(letters[n : n + 13])) for n in range(0, len(letters), 13))


def main() -> None:
    """Print the figures for a tenth and for the whole."""
    if len(sys.argv) == 3:
        print(json.dumps(measure(Path(sys.argv[2]), int(sys.argv[1]))))
        return
    most = int(sys.argv[1]) if len(sys.argv) == 2 else 200_000
    print(f"{'rows':>10} {'MiB file':>9} {'judge s':>8} {'match s':>8} {'rows/s':>8} {'peak MiB':>9} {'bytes/row':>10}")
    for rows in (most // 10, most):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / NAME
            write(path, rows)
            again = [sys.executable, __file__, str(rows), str(path)]
            told = json.loads(subprocess.run(again, check=True, capture_output=True, text=True).stdout)
            grown = (told["peak_mib"] - told["before_mib"]) * 1024 * 1024 / rows
            rate = rows / (told["judge_s"] + told["match_s"])
            print(
                f"{rows:>10} {path.stat().st_size / 1048576:>9.0f} {told['judge_s']:>8.1f} {told['match_s']:>8.1f} "
                f"{rate:>8.0f} {told['peak_mib']:>9.0f} {grown:>10.0f}"
            )


if __name__ == "__main__":
    main()
