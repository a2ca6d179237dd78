"""Judged results at the portal: behind their state, never a state of their own, and never one that was not judged."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from connectors.kit.contract import RESULTS, Budget, Delivery, Found, Task, TaskDelivery
from connectors.kit.errors import CannotMap, NoAnswer, Rejected
from mappings.canonical import Carried, Dossier, FileRef, ResultDocument, VerifiedResult
from mappings.codes import DossierStatus, Outcome

Build = Callable[..., Delivery]
Make = Callable[..., Carried]
Connect = Callable[..., Any]

SYNC, LOOKUP = "DongBoHoSoMC", "TraCuuHoSo"
BASE = "https://ket-qua.example.vn/kq/"


def judged(dossier: Dossier, n: int = 1, **fields: Any) -> VerifiedResult:
    """The n-th result of the dossier; the first is the one that its snapshot names."""
    file = FileRef("giay-phep.pdf", "application/pdf", 10, ("ab" if n == 1 else f"{n:02}") * 32)
    document = ResultDocument(f"90{n}", f"Giấy phép {n}", file, result_code="KQ.G16.000456")
    return VerifiedResult(f"{dossier.dossier_code}-KQ({n})", replace(document, **fields))


def task(dossier: Dossier, *results: VerifiedResult, memory: dict[str, str] | None = None) -> TaskDelivery:
    """What the gateway asks for once results passed."""
    asked = Task(
        kind=RESULTS,
        reported_by="gateway",
        ledger="result",
        ledger_id=results[-1].result_code,
        version=2,
        dossier_code=dossier.dossier_code,
        asked_at=dossier.times.resolved_at or dossier.times.received_at or dossier.times.due_at,  # type: ignore[arg-type]  # one of them is set
        fields={RESULTS: msgspec.to_builtins(results)},
        dossier=dossier,
    )
    return TaskDelivery(
        delivery_id="d-results",
        upstream="national_dvc",
        operation=RESULTS,
        dossier_code=dossier.dossier_code,
        sequence=9,
        attempt=1,
        task=asked,
        accepted_at=asked.asked_at,
        budget=Budget(time.monotonic() + 30, 5.0),
        memory=memory or {},
    )


def shown(call: dict[str, Any]) -> list[str]:
    """The codes of the results in a call."""
    return [one["GiayToId"] for one in call["data"][0]["DanhSachGiayToKetQua"]]


async def _ended(connector: Any, make: Make, delivery: Build, state: DossierStatus, moment: str) -> dict[str, str]:
    """The memory of a lane whose last acknowledged state this is."""
    carried = make(state, moment, outcome=Outcome.GRANTED)
    receipt = await connector.deliver(delivery("state", carried, memory={"created": "1"}))
    return {"created": "1", **receipt.memory}


async def test_a_result_repeats_the_state_that_was_acknowledged_last_and_adds_itself(
    portal: Any, connect: Connect, make: Make, delivery: Build, dossier: Dossier
) -> None:
    """Status and every date are those of the state before it, though the snapshot knows nothing of them."""
    connector = connect(result_url_base=BASE)
    memory = await _ended(connector, make, delivery, DossierStatus.RETURNED, "20241019090000")
    older = replace(dossier, state=DossierStatus.PROCESSING, times=replace(dossier.times, resolved_at=None))
    receipt = await connector.deliver_task(task(older, judged(dossier), memory=memory))
    before, after = (call["data"][0] for call in portal.named(SYNC))
    for name in (
        "TrangThaiHoSo",
        "NgayNopHoSo",
        "NgayTiepNhan",
        "NgayHenTra",
        "NgayKetThucXuLy",
        "NgayTra",
        "NgayTuChoi",
    ):
        assert after[name] == before[name], name
    assert (before["TrangThaiHoSo"], before["DanhSachGiayToKetQua"]) == ("10", [])
    (result,) = after["DanhSachGiayToKetQua"]
    assert result == {
        "TenGiayTo": "Giấy phép 1",
        "MaThanhPhanHoSo": "",
        "GiayToId": f"{dossier.dossier_code}-KQ(1)",
        "DuongDanTepTinKetQua": f"{BASE}{dossier.dossier_code}-KQ%281%29",
        "MaGiayToKetQua": "KQ.G16.000456",
    }
    assert portal.named(SYNC)[1]["isUpdating"] == "True"
    assert receipt.memory == {"results": f"{dossier.dossier_code}-KQ(1)"}
    assert receipt.findings == ()


@pytest.mark.parametrize("base", ["", BASE])
async def test_a_later_state_says_again_what_the_portal_acknowledged_and_no_more(
    portal: Any, connect: Connect, make: Make, delivery: Build, dossier: Dossier, base: str
) -> None:
    """The portal replaces the whole dossier: a result must not vanish, and one that it has not seen must not come early."""
    connector = connect(result_url_base=base)
    link = {"file": FileRef("a.pdf", "application/pdf", 10, "ab" * 32, url="https://tep.example.vn/1")}
    other = {"file": FileRef("b.pdf", "application/pdf", 10, "cd" * 32, url="https://tep.example.vn/2")}
    both = judged(dossier, 1, **link), judged(dossier, 2, **other)
    carried = replace(make(DossierStatus.RETURNED, "20241019090000"), verified=both)
    memory = {"created": "1", "state": "9", "results": both[0].result_code}
    receipt = await connector.deliver(delivery("state", carried, memory=memory))
    assert shown(portal.named(SYNC)[0]) == [both[0].result_code]
    assert receipt.findings == ()
    await connector.deliver(delivery("state", carried, memory={"created": "1", "state": "9"}))
    assert shown(portal.named(SYNC)[1]) == []


async def test_a_result_without_an_address_is_not_sent(
    portal: Any, connect: Connect, make: Make, delivery: Build, dossier: Dossier
) -> None:
    """Nobody could fetch it; the reason names the setting."""
    connector = connect()
    memory = await _ended(connector, make, delivery, DossierStatus.RESOLVED, "20241018160000")
    with pytest.raises(CannotMap, match="result_url_base"):
        await connector.deliver_task(task(dossier, judged(dossier), memory=memory))
    assert len(portal.named(SYNC)) == 1


@pytest.mark.parametrize("memory", [{}, {"created": "1"}, {"state": "9"}])
async def test_a_result_never_comes_before_its_state(
    portal: Any, connect: Connect, dossier: Dossier, memory: dict[str, str]
) -> None:
    """Where the portal acknowledged no state, nothing is sent at all."""
    with pytest.raises(CannotMap, match="trạng thái"):
        await connect(result_url_base=BASE).deliver_task(task(dossier, judged(dossier), memory=memory))
    assert portal.calls == []


async def test_a_lane_of_an_older_version_keeps_its_status(portal: Any, connect: Connect, dossier: Dossier) -> None:
    """It remembers no dates: the status stands, and the dates are those of the snapshot."""
    memory = {"created": "1", "state": "9", "received_at": "20241014093000"}
    await connect(result_url_base=BASE).deliver_task(task(dossier, judged(dossier), memory=memory))
    sent = portal.named(SYNC)[0]["data"][0]
    assert (sent["TrangThaiHoSo"], sent["NgayTiepNhan"]) == ("9", "20241014093000")


async def test_a_refusal_and_a_lost_answer_are_told_as_what_they_are(
    portal: Any, connect: Connect, make: Make, delivery: Build, dossier: Dossier, answer: Callable[..., Any]
) -> None:
    """Refused: rejected, for the line to go on. Lost: asked about, and repeating it is harmless."""
    connector = connect(result_url_base=BASE)
    memory = await _ended(connector, make, delivery, DossierStatus.RESOLVED, "20241018160000")
    sending = task(dossier, judged(dossier), memory=memory)
    portal.script[SYNC] = [answer("-1", "Thiếu trường TenGiayTo"), None]
    with pytest.raises(Rejected):
        await connector.deliver_task(sending)
    with pytest.raises(NoAnswer):
        await connector.deliver_task(sending)
    portal.script[LOOKUP] = [answer(0, "", result=[{"MaHoSo": "x"}]), answer(0, "", result=[])]
    found = await connector.enquire_task(sending)
    assert (found.found, found.repeat_allowed) == (Found.CANNOT_TELL, True)
    assert (await connector.enquire_task(sending)).found is Found.NOT_FOUND
