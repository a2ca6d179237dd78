"""The time-stamping authority is away, for an hour and for days: what needs a stamp waits, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.kit.fetching import Fetcher
from connectors.kit.simulated_authority.server import create_app
from connectors.kit.simulation import opened
from connectors.kit.status_fetching import StatusFetcher, StatusHosts
from gateway.signatures.issuing import Caution, Issuer, Wish
from gateway.signatures.pool import Pool
from gateway.signatures.stamping import Authority, StampDesk
from signing.errors import StampUnavailable
from signing.making import Profile
from signing.model import Indication
from tests import pki
from tests.unit.signatures.conftest import HOST, House
from tests.unit.signatures.test_issuing import wish

__all__ = ["wish"]

OUTAGES = (timedelta(hours=1), timedelta(hours=5), timedelta(hours=48))


async def test_f21_an_outage_of_the_stamping_authority_stops_what_needs_stamps_alone_and_ends_by_itself(
    pool: Pool, house: House, wish: Wish, tmp_path: Path
) -> None:
    """After 1, 5 and 48 hours: a -T profile is refused, to be tried again, and never becomes -B; -B goes on all the while.

    The first request after the authority is back is signed at once: nothing remembers the outage, nobody restarts anything.
    """
    plain = replace(wish, profile=Profile.XML_B)
    for number, outage in enumerate(OUTAGES):
        async with opened(create_app(pki.authority(), house.clock.now)) as tsa:
            there = f"127.0.0.1:{tsa.port}"
            hosts = StatusHosts((house.here, there), (house.here, there), {HOST: house.here}, 1 << 20)
            desk = StampDesk(
                Authority(f"http://{there}/tsa/tsa-duty"), StatusFetcher(hosts, Fetcher(timeout_s=5.0)), house.clock
            )
            issuer = Issuer(house.examiner(pool), desk, house.clock, Caution())
            await tsa.shut()
            for step in (timedelta(), outage / 2, outage / 2):
                house.turn(step)
                with pytest.raises(StampUnavailable) as refused:
                    await issuer.sign(wish)
                assert refused.value.code == "khong_co_dau_thoi_gian"
                assert not wish.target.exists(), "nothing leaves without its stamp"
                made = await issuer.sign(replace(plain, target=tmp_path / f"{number}-{step.total_seconds():.0f}.xml"))
                assert made.report.conclusion is Indication.TOTAL_PASSED, "what needs no stamp goes on"
            await tsa.open()
            made = await issuer.sign(wish)
            assert made.report.signatures[0].proven_by.startswith("signature-timestamp")
            wish.target.unlink()
