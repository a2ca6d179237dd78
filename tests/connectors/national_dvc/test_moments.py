"""Dates that events brought are said again with every later status, until the snapshot knows better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
import pytest

from connectors.kit.contract import Delivery, Receipt
from connectors.kit.errors import CannotMap
from connectors.national_dvc.connector import NationalPortal
from connectors.national_dvc.profiles._mapi.rules import Rules
from connectors.national_dvc.profiles.mapi_2019.mapping import map_dossier
from mappings.canonical import Carried, Dossier, DossierTimes
from mappings.codes import DossierStatus, Outcome

Make = Callable[..., Carried]
SYNC = "DongBoHoSoMC"


@pytest.fixture
def tell(connect: Callable[..., NationalPortal], delivery: Callable[..., Delivery], portal: Any) -> Callable[..., Any]:
    """Delivers statuses of one lane one after the other; gives the dossier as the portal got it."""
    connector = connect()
    memory: dict[str, str] = {}

    async def told(carried: Carried) -> dict[str, Any]:
        receipt: Receipt = await connector.deliver(delivery("state", carried, memory=dict(memory)))
        memory.update(receipt.memory)
        sent: dict[str, Any] = portal.named(SYNC)[-1]["data"][0]
        return sent

    return told


async def test_a_due_date_that_moved_stays_moved(
    tell: Callable[..., Any], make: Make, dossier: Dossier, moment: Callable[[str], datetime]
) -> None:
    """A later status that says nothing of it must not put the first due date back: the portal would score it late."""
    assert (await tell(make(DossierStatus.PROCESSING, "20241016100000")))["NgayHenTra"] == "20241021093000"
    moved = make(DossierStatus.PROCESSING, "20241017100000", sequence=2, new_due_at=moment("20241101093000"))
    assert (await tell(moved))["NgayHenTra"] == "20241101093000"
    resolved = make(DossierStatus.RESOLVED, "20241030100000", sequence=3)
    assert (await tell(resolved))["NgayHenTra"] == "20241101093000"
    newer = replace(dossier, version=4, times=replace(dossier.times, extended_due_at=moment("20241105093000")))
    returned = make(DossierStatus.RETURNED, "20241031100000", sequence=4, dossier=newer)
    assert (await tell(returned))["NgayHenTra"] == "20241105093000"


async def test_a_snapshot_that_changed_elsewhere_does_not_take_the_moved_date_back(
    tell: Callable[..., Any], make: Make, dossier: Dossier, moment: Callable[[str], datetime]
) -> None:
    """A new version with the old due date knows nothing of the move."""
    await tell(make(DossierStatus.PROCESSING, "20241017100000", new_due_at=moment("20241101093000")))
    renamed = replace(dossier, version=9, summary="Tên mới")
    sent = await tell(make(DossierStatus.RESOLVED, "20241030100000", sequence=2, dossier=renamed))
    assert sent["NgayHenTra"] == "20241101093000"


async def test_a_reception_and_a_resolution_that_events_reported_are_said_again(
    tell: Callable[..., Any], make: Make, dossier: Dossier
) -> None:
    """A snapshot from before the reception is enough for all that follows; nobody has to register the dossier again."""
    young = replace(dossier, times=DossierTimes(submitted_at=dossier.times.submitted_at))
    await tell(make(DossierStatus.RECEIVED, "20241014093000", dossier=young))
    sent = await tell(make(DossierStatus.PROCESSING, "20241014100000", sequence=2, dossier=young))
    assert (sent["NgayTiepNhan"], sent["NgayKetThucXuLy"]) == ("20241014093000", "")
    await tell(make(DossierStatus.RESOLVED, "20241018160000", sequence=3, dossier=young))
    sent = await tell(make(DossierStatus.RETURNED, "20241020090000", sequence=4, dossier=young))
    assert (sent["NgayTiepNhan"], sent["NgayKetThucXuLy"], sent["NgayTra"]) == (
        "20241014093000",
        "20241018160000",
        "20241020090000",
    )


async def test_a_case_that_was_taken_up_again_ended_at_its_last_resolution(
    tell: Callable[..., Any], make: Make, dossier: Dossier
) -> None:
    """What was resolved before the correction is not the end."""
    open_case = replace(dossier, times=replace(dossier.times, resolved_at=None))
    for sequence, (state, at) in enumerate(
        [
            (DossierStatus.RESOLVED, "20241016160000"),
            (DossierStatus.PROCESSING, "20241017080000"),
            (DossierStatus.RETURNED, "20241018163000"),
        ],
        1,
    ):
        sent = await tell(make(state, at, sequence=sequence, dossier=open_case))
    assert sent["NgayKetThucXuLy"] == "20241018163000"


def test_without_any_witness_a_missing_reception_is_a_fault(make: Make, dossier: Dossier) -> None:
    """Nothing is made up."""
    young = replace(dossier, times=DossierTimes())
    with pytest.raises(CannotMap):
        map_dossier(make(DossierStatus.PROCESSING, "20241014100000", dossier=young), Rules())


def test_a_refused_case_that_goes_out_as_8_ended_when_it_was_resolved(
    make: Make, dossier: Dossier, moment: Callable[[str], datetime]
) -> None:
    """The code is a setting; the time is that of the resolution, not of an earlier stop."""
    stopped_once = replace(dossier, times=replace(dossier.times, stopped_at=moment("20241015080000")))
    carried = make(DossierStatus.RESOLVED, "20241018170000", outcome=Outcome.REFUSED, dossier=stopped_once)
    sent = map_dossier(carried, msgspec.convert({"refused_state": "8"}, Rules)).dossier
    assert (sent.TrangThaiHoSo, sent.NgayKetThucXuLy) == ("8", "20241018160000")
