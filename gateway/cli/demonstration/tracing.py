"""The tracing: where each parcel truly is against what the gateway, its board and the portal say. It knows no client code.

The carrier's books say what happened; the gateway must know each step once, in order, and every đồng that was collected. A result
that was delivered is given back at the portal too, one that came back is not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.cli.demonstration.senders import ENDS, WAYS_VI, Sender, Senders, Way
from gateway.cli.demonstration.verdict import NOTHING, Verdict, judge_view
from gateway.cli.screen import EX_OK

Run = Callable[[Sequence[str], int], Awaitable[str]]
"""Runs a command of the gateway, which must end with this code; its standard output."""

_BY_POST = ("3", "1")
"""How the portal codes what came by post and goes back by post: KenhThucHien, HinhThuc (QĐ 31/2025; portal facts 3.2, 3.4)."""


async def trace(senders: Senders, run: Run) -> None:
    """Hold everything against the carrier's books; what is found goes into the verdict."""
    verdict = senders.play.verdict
    books = await senders.books()
    parcels = {str(one["number"]): one for one in books["parcels"]}
    for sender in senders.people:
        judge_parcel(sender, await senders.view(sender), parcels, verdict)
    doubled = sum(int(sums["doubled"]) for sums in books["sums"].values())
    verdict.doubled += doubled
    if doubled or len(parcels) != len(senders.people):
        verdict.faults.append(f"Bưu chính: {len(parcels)} bưu gửi cho {len(senders.people)} đơn, {doubled} đơn trùng")
    portal = {
        one["code"]: one
        for one in await senders.play.pages(f"{senders.play.scene.portal}/_simulator/dossiers", "&fields=1")
    }
    for sender in senders.people:
        judge_portal(sender, portal.get(sender.role.code, NOTHING), verdict)
    verdict.way = await _board(senders, run)


def judge_parcel(
    sender: Sender, view: Mapping[str, Any], parcels: Mapping[str, Mapping[str, Any]], verdict: Verdict
) -> None:
    """One parcel: its end, its failed attempts, each step once, its money."""
    code, true = sender.role.code, parcels.get(str(view["order_number"]))
    if true is None:
        verdict.faults.append(f"{code}: đơn vị bưu chính không có đơn {view['order_number']}")
        return
    failed = sum(one["happening"] == "failed_attempt" for one in true["history"])
    seen = [str(one["event_id"]) for one in view["history"] if one["source"] == "feed"]
    differences = [
        words
        for words, here, there in (
            ("trạng thái", view["state"], true["state"]),
            ("cách kết thúc", view["state"], ENDS[sender.way]),
            ("số lần phát không thành công", view["attempts"], failed),
            ("số chặng", len(set(seen)), true["told"]),
            ("chặng lặp lại", len(seen), len(set(seen))),
            ("tiền phải thu", view["cod"]["due"], true["cod"]["due"]),
            ("tiền đã thu", view["cod"]["collected"] or 0, true["cod"]["collected"] or 0),
            ("tiền đã nộp", _paid_over(view), true["cod"]["remitted"] or 0),
        )
        if here != there
    ]
    if differences:
        verdict.faults.append(f"{code}: cổng và bưu chính khác nhau về {', '.join(differences)}")
    verdict.parcels.append(
        (
            code,
            WAYS_VI[sender.way],
            str(view["state_vi"]),
            int(view["attempts"]),
            int(view["cod"]["due"]),
            _paid_over(view),
            "KHÔNG khớp" if differences else "khớp sổ của bưu chính",
        )
    )


def judge_portal(sender: Sender, dossier: Mapping[str, Any], verdict: Verdict) -> None:
    """The portal saw the steps of the dossier, and that it came and went by post."""
    judge_view(sender.role, dossier, (), verdict)
    if sender.collects:
        return
    shown = dossier["fields"].get("KenhThucHien"), dossier["fields"].get("HinhThuc")
    if shown != _BY_POST:
        verdict.faults.append(f"{sender.role.code}: Cổng DVC ghi KenhThucHien, HinhThuc là {shown}, chờ {_BY_POST}")


async def _board(senders: Senders, run: Run) -> list[tuple[str, ...]]:
    """What `gateway shipments` shows of the parcel that came back: the operators see the whole way."""
    [returned] = [sender for sender in senders.people if sender.way is Way.RETURNED]
    shipment = senders.shipments[returned.role.code]
    listed = msgspec.json.decode(await run(["shipments", "--json"], EX_OK))["rows"]
    told = msgspec.json.decode(await run(["shipments", shipment, "--json"], EX_OK))["rows"]
    if len(listed) != len(senders.people):
        senders.play.verdict.faults.append(f"gateway shipments: chờ {len(senders.people)} bưu gửi, thấy {len(listed)}")
    return [(row["at"], row["what"], row["raw_code"]) for row in told]


def _paid_over(view: Mapping[str, Any]) -> int:
    return int(view["cod"]["collected"] or 0) if view["cod"]["state"] == "remitted" else 0
