"""The settlement at the end: each intermediary writes its statement of the day, and the gateway says what it makes of it.

Statements lie in the drop folder of the installation as files do at night; the report is the one that accountants get.
"""

from __future__ import annotations

import asyncio
import csv
import io
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.cli.demonstration.payers import Payers
from gateway.cli.demonstration.play import Refused
from gateway.cli.demonstration.treasury import PROVIDERS
from gateway.cli.demonstration.verdict import Verdict
from gateway.cli.installation import RESOLUTION_SYSTEM

_LIMIT_S = 30.0
_EXPECTED = frozenset({"Thanh toán trùng", "Thành công muộn"})
"""The differences that the payers of this play make; the words are those of the report."""


async def settle(payers: Payers) -> None:
    """Have every statement written and settled; what is found goes into the verdict."""
    payers.play.progress.act = "đối soát với sao kê của từng trung gian"
    for provider in PROVIDERS:
        order = {"provider": provider, "write": True}
        written = await payers.play.send("POST", f"{payers.intermediaries}/statements", order)
        day = written["name"].rsplit("_", 2)[1]
        report = await _report(payers, provider, day)
        if report is None:
            payers.play.verdict.faults.append(f"Đối soát {provider} ngày {day}: cổng chưa có kết quả")
        else:
            judge_statement(provider, written["content"], report, payers.play.verdict)


async def _report(payers: Payers, provider: str, day: str) -> Any:
    """The report of a day, once its statement is settled."""
    end = time.monotonic() + _LIMIT_S
    target = f"/v1/payments/settlements/{provider}/{day}"
    while time.monotonic() < end:
        try:
            report = msgspec.json.decode(await payers.play.call(RESOLUTION_SYSTEM, "GET", target, "", b""))
            if report["settled"]:
                return report
        except Refused as refused:
            if refused.status != 404:
                raise
        await asyncio.sleep(0.25)
    return None


def judge_statement(provider: str, statement: str, report: Mapping[str, Any], verdict: Verdict) -> None:
    """Each đồng of the statement stands in the report, and each difference is one that somebody made."""
    came, went = sums_of(statement)
    told = {row["side"]: row for row in report["summary"] if row["outcome"] == "Cộng"}
    if (told["Thu"]["theirs"], told["Hoàn"]["theirs"]) != (came, went):
        verdict.faults.append(f"Đối soát {provider}: sao kê ghi thu {came}, hoàn {went}; báo cáo ghi khác")
    for row in report["differences"]:
        if row["outcome"] not in _EXPECTED:
            verdict.faults.append(f"Đối soát {provider}: {row['outcome']} ({row['ref']}), {row['detail']}")
    words = [f"{row['outcome']} {row['ref']}: {row['action']}" for row in report["differences"]]
    verdict.settled.append(
        (provider, came, told["Thu"]["ours"], went, told["Hoàn"]["ours"], "; ".join(words) or "khớp từng dòng")
    )


def sums_of(statement: str) -> tuple[int, int]:
    """What came in and what went back, by the rows of a statement in our layout (payment facts 5)."""
    sums = {"PAY": 0, "REFUND": 0}
    for row in csv.reader(io.StringIO(statement.removeprefix("\ufeff"))):
        if row and row[0] == "D" and row[2] in sums:
            sums[row[2]] += int(row[6])
    return sums["PAY"], sums["REFUND"]
