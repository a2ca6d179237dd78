"""What came in twice goes back: the ledger asked for it, one operator proposes it, and nothing moves before another has signed.

The proposer tries to approve alone, and must be refused.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from gateway.cli.demonstration.payers import Payer, Payers
from gateway.cli.screen import EX_OK, EX_REFUSED, EX_WRONG

SECOND = "nguoi-duyet"
"""The operator who approves."""

_REASON = "Người nộp đã nộp hai lần, hoàn khoản nộp thừa"
_PATIENCE_S = 15.0

Run = Callable[[Sequence[str], int], Awaitable[str]]
"""Runs a command of the gateway, which must end with this code; its standard output."""


async def give_back(payers: Payers, run: Run, first: str) -> None:
    """Every refund that is asked for, proposed by the operator `first` and approved by another one."""
    asked = [(payer, one["refund_id"]) for payer in payers.people for one in await _asked(payers, payer)]
    if not asked:
        return
    payers.play.progress.act = "hoàn khoản nộp thừa: hai người vận hành ký"
    reason = "Người duyệt hoàn tiền của buổi trình diễn"
    words = ["operators", "add", SECOND, "--new-key", "--role", "operator", "--person", "CB-02", "--as", first]
    await run([*words, "--reason", reason], EX_OK)
    for payer, refund_id in asked:
        payment = payers.payments[payer.role.code]
        words = ["decide", "payment", "refund", payment, "--set", f"refund_id={refund_id}"]
        await run([*words, "--as", first, "--reason", _REASON], EX_WRONG)
        [proposal] = msgspec.json.decode(await run(["decisions", "list", "--json"], EX_WRONG))["proposals"]
        approve = ["decisions", "approve", proposal["proposal"], "--reason", _REASON]
        await run([*approve, "--as", first], EX_REFUSED)
        await run([*approve, "--as", SECOND], EX_OK)
        payers.play.verdict.decisions.append(
            f"hoàn tiền {payment}: {first} đề nghị, tự duyệt bị từ chối, {SECOND} duyệt"
        )
        await _given(payers, payer)


async def _asked(payers: Payers, payer: Payer) -> list[dict[str, str]]:
    return [one for one in (await payers.view(payer))["refunds"] if one["state"] == "asked"]


async def _given(payers: Payers, payer: Payer) -> None:
    """Wait for the intermediary's word, for a while: what it still owes is reckoned as owed."""
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        if all(one["state"] == "done" for one in (await payers.view(payer))["refunds"]):
            return
        await asyncio.sleep(0.25)
