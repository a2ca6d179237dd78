"""Notices of carriers at the edge: taken once, refused when forged or replayed, quarantined when the parcel is not ours."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from connectors.kit.contract import Kit, NotGenuine, Notice
from connectors.kit.errors import SettingsError
from connectors.kit.lone import LoneCoordination
from connectors.postal.changes import OrderUnanswered
from connectors.postal.client import Carriers
from connectors.postal.history import MOST_SCANS
from connectors.postal.model import OrderState, ShipmentState
from connectors.postal.notices import voices_of
from connectors.postal.settings import CarrierSettings, NoticeLimits
from tests.planted import secret

from .donhang import GUID, VECTOR, data_of, private_key, push
from .m1_orders import NOW, NUMBER, by_post
from .notified import asked, edge
from .shipments import scanned

FAILED: dict[str, Any] = {"OrderStatusId": 91, "DeliveryTimes": 1, "LastUpdateTime": "21/11/2026 09:40:00"}


async def test_a_notice_moves_its_parcel_and_is_acknowledged() -> None:
    """Any 200 is enough for donhang; the scan stands in the history with its code and its source."""
    async with edge() as heard:
        await heard.ordered()
        assert await heard.tell() == 200
        shipment = await heard.shipment()
        assert shipment.state is ShipmentState.COLLECTED
        assert [(one.raw_code, one.source) for one in shipment.history] == [("70", "webhook")]


async def test_the_same_notice_again_changes_nothing_and_is_acknowledged() -> None:
    """A carrier that did not hear our answer repeats itself: the same text, and the same event signed anew."""
    async with edge() as heard:
        await heard.ordered()
        body = push(data_of())
        heard.moment[0] = NOW + timedelta(seconds=40)
        answers = [(await heard.post(body))[0] for _ in range(3)]
        answers.append(await heard.tell(send_date="2026-11-21T10:10:30", DeliveryNote="nhắc lại"))
        assert answers == [200] * 4
        assert len((await heard.shipment()).history) == 1


async def test_a_replay_is_refused() -> None:
    """What was sent outside the window and says nothing new is an old recording: 409, a row in the trail, nothing stored."""
    async with edge() as heard:
        await heard.ordered()
        recorded = push(data_of(**FAILED))
        assert (await heard.post(recorded))[0] == 200
        before = await heard.shipment()
        heard.moment[0] = NOW + timedelta(days=2)
        assert (await heard.post(recorded))[0] == 409
        assert await heard.shipment() == before
        assert await heard.refusals() == ["replayed"]


async def test_late_news_is_taken() -> None:
    """A notice that was long on its way and says what nobody knew is no replay (postal facts 4.4)."""
    async with edge() as heard:
        await heard.ordered()
        assert await heard.tell() == 200
        heard.moment[0] = NOW + timedelta(days=3)
        assert await heard.tell(**FAILED) == 200
        assert (await heard.shipment()).state is ShipmentState.FAILED_ATTEMPT
        assert await heard.tell(**FAILED) == 409


async def test_the_published_notice_of_2021_is_a_replay() -> None:
    """It verifies under its own key and is about nothing; sent today it says nothing new."""
    async with edge() as heard:
        forged = {"Data": VECTOR.data, "SendDate": VECTOR.send_date, "SignData": VECTOR.sign_data}
        assert (await heard.post(json.dumps(forged).encode()))[0] == 401  # another carrier's key
        signed_by_ours = push(VECTOR.data, send_date=VECTOR.send_date)
        assert (await heard.post(signed_by_ours))[0] == 409
        trying = push(VECTOR.data)
        assert (await heard.post(trying))[0] == 200


@pytest.mark.parametrize("part", ["Data", "SendDate", "SignData"])
async def test_a_forgery_is_refused_counted_and_never_stored(part: str) -> None:
    """One changed letter is enough; the parcel stands where it stood (postal facts 9)."""
    async with edge() as heard:
        await heard.ordered()
        told = json.loads(push(data_of()))
        told[part] = told[part][:-2] + ("1" if told[part][-2] != "1" else "2") + told[part][-1]
        assert (await heard.post(json.dumps(told).encode()))[0] == 401
        assert (await heard.shipment()).history == ()
        assert await heard.refusals() == ["bad_signature"]


async def test_a_notice_about_a_parcel_that_is_not_ours_is_quarantined() -> None:
    """200, or the carrier repeats it for ever; told once, only codes are kept, no parcel moves."""
    async with edge() as heard:
        await heard.ordered()
        foreign = "G99.99-261120-0001-T"
        first = await heard.tell(OrderCode=foreign, DeliveryNote="giao bà Mẫu")
        again = await heard.tell(OrderCode=foreign, **FAILED)
        assert (first, again) == (200, 200)
        stray = await heard.stray(foreign)
        assert stray is not None
        assert (stray.count, [one.raw_code for one in stray.seen]) == (2, ["70", "91"])
        assert "Mẫu" not in repr(stray)
        assert (await heard.shipment()).history == ()
        assert heard.alarms == ["postal.stray"]


async def test_a_replay_about_a_strangers_parcel_is_refused_too() -> None:
    """What is in quarantine is known as well; later news of it are taken."""
    async with edge() as heard:
        foreign = {"OrderCode": "G99.99-261120-0001-T"}
        assert await heard.tell(**foreign) == 200
        heard.moment[0] = NOW + timedelta(days=2)
        assert await heard.tell(**foreign) == 409
        assert await heard.tell(**foreign, **FAILED) == 200


async def test_a_replay_of_what_was_folded_away_is_refused() -> None:
    """A history is bounded; what is older than everything that is kept one by one was kept once."""
    async with edge() as heard:
        await heard.ordered()
        assert await heard.tell(OrderStatusId=20, LastUpdateTime="20/11/2026 08:00:00") == 200
        later = [scanned(24 * 60 + minute, "in_transit", f"e{minute}") for minute in range(MOST_SCANS)]
        assert await heard.enter(*later) == MOST_SCANS
        shipment = await heard.shipment()
        assert shipment.dropped == 1
        assert "20" not in {one.raw_code for one in shipment.history}
        heard.moment[0] = NOW + timedelta(days=2)
        assert await heard.tell(OrderStatusId=20, LastUpdateTime="20/11/2026 08:00:00") == 409


@pytest.mark.parametrize("members", [{"CustomerCode": "KHACH-KHAC"}, {"Id": "7c9e6679-7425-40de-944b-e07fc1f90ae7"}])
async def test_another_customers_parcel_with_our_number_moves_nothing_of_ours(members: dict[str, str]) -> None:
    """One key signs for all customers and everybody chooses numbers: its customer code tells, or the carrier's own id."""
    async with edge() as heard:
        await heard.ordered()
        assert await heard.tell(OrderStatusId=100, **members) == 200
        assert (await heard.shipment()).history == ()
        assert await heard.stray(NUMBER) is not None


async def test_a_notice_settles_an_order_in_doubt_whose_id_we_never_saw() -> None:
    """Where the answer to our order was lost we know no id of the carrier, so none is compared."""
    async with edge() as heard:
        await heard.enter(asked(), OrderUnanswered(at=NOW))
        assert (await heard.shipment()).order is OrderState.IN_DOUBT
        assert await heard.tell(Id=GUID) == 200
        assert (await heard.shipment()).order is OrderState.PLACED


async def test_the_order_of_arrival_does_not_matter() -> None:
    """Delivered first, then what came before it: one history, one state."""
    async with edge() as heard:
        await heard.ordered()
        told: list[dict[str, Any]] = [
            {"OrderStatusId": 100, "DeliveryTime": "21/11/2026 09:50:00", "LastUpdateTime": "21/11/2026 09:55:00"},
            FAILED,
            {"OrderStatusId": 70},
            {"OrderStatusId": 20, "LastUpdateTime": "20/11/2026 17:00:00"},
        ]
        assert [await heard.tell(**members) for members in told] == [200] * 4
        shipment = await heard.shipment()
        assert [one.raw_code for one in shipment.history] == ["20", "70", "91", "100"]
        assert (shipment.state, shipment.attempts) == (ShipmentState.DELIVERED, 1)


async def test_only_listed_networks_may_tell() -> None:
    """A stranger is refused before its notice is read, whatever signature it bears."""
    async with edge(sources=("203.0.113.0/24", "2001:db8::/32")) as heard:
        await heard.ordered()
        assert await heard.tell() == 403
        for peer in ("203.0.113.9", "::ffff:203.0.113.9", "2001:db8::1"):
            reading = await heard.notices.read(by_post(push(data_of()), peer=peer))
            assert (reading.status, len(reading.inputs)) == (200, 1)
        for peer in ("203.0.114.9", "2001:db9::1", "", "nowhere"):
            with pytest.raises(NotGenuine) as refused:
                await heard.notices.read(by_post(push(data_of()), peer=peer))
            assert refused.value.code == "refused_source"


async def test_what_is_too_large_is_not_read() -> None:
    """413 before anything is verified."""
    async with edge(NoticeLimits(max_bytes=2_048)) as heard:
        await heard.ordered()
        assert await heard.tell(DeliveryNote="x" * 4_000) == 413
        assert (await heard.shipment()).history == ()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"Data": {}}', b"\xff"])
async def test_what_is_no_notice_is_malformed(body: bytes) -> None:
    """400, and nothing of it is stored."""
    async with edge() as heard:
        assert (await heard.post(body))[0] == 400


async def test_signed_words_that_are_no_parcel_are_malformed() -> None:
    """Genuine and unreadable: the carrier is told, and so are we."""
    async with edge() as heard:
        assert (await heard.post(push("[]")))[0] == 400
        assert (await heard.post(push(data_of(), send_date="hôm nay")))[0] == 400


async def test_a_dialect_that_nobody_speaks_has_no_address() -> None:
    """404 for another name, and for another method."""
    async with edge() as heard:
        assert (await heard.post(push(data_of()), name="h2"))[0] == 404
        for notice in (by_post(b"{}", profile="h2"), Notice("GET", "/", "", {}, b"", "203.0.113.5", profile="m1")):
            with pytest.raises(NotGenuine) as refused:
                await heard.notices.read(notice)
            assert refused.value.code == "no_such_voice"


async def test_who_forges_without_end_has_to_wait() -> None:
    """After its budget a source gets 429 with a time, whatever it sends next that is refused."""
    async with edge(NoticeLimits(unknown_per_minute=1, unknown_burst=3)) as heard:
        body = push(data_of(), private_key(number=7))
        answers = [await heard.post(body) for _ in range(5)]
        assert [status for status, _ in answers] == [401, 401, 401, 429, 429]
        assert int(answers[-1][1]["Retry-After"]) >= 1
        # Genuine news of parcels of ours are not counted.
        await heard.ordered()
        assert await heard.tell() == 200


async def test_who_tells_of_strange_parcels_without_end_has_to_wait() -> None:
    """A carrier that sends us everybody's parcels does not fill the store; what is refused it sends again later."""
    async with edge(NoticeLimits(unknown_per_minute=1, unknown_burst=2)) as heard:
        answers = [await heard.tell(OrderCode=f"G99.99-261120-{number:04}-T") for number in range(4)]
        assert answers == [200, 200, 429, 429]
        await heard.ordered()
        assert await heard.tell() == 200


async def test_the_same_notice_gives_the_same_reading() -> None:
    """Read before and after it was stored, the changes have the same keys; only when it was heard differs."""
    async with edge() as heard:
        await heard.ordered()
        first = await heard.notices.read(by_post(push(data_of())))
        assert await heard.tell() == 200
        heard.moment[0] = NOW + timedelta(seconds=5)
        second = await heard.notices.read(by_post(push(data_of())))
        assert [(one.ledger, one.id, one.key) for one in first.inputs] == [
            (one.ledger, one.id, one.key) for one in second.inputs
        ]


async def test_no_code_of_a_notice_can_break_its_ledger() -> None:
    """Codes of any length and with any signs are stored bounded, or read as unreadable; the parcel can always be read."""
    async with edge() as heard:
        await heard.ordered()
        odd: dict[str, Any] = {
            "OrderStatusId": "x" * 10_000,
            "CauseCode": "\u0000\n",
            "ItemCode": "’" * 300,
            "ToPOSCode": "y" * 5_000,
        }
        assert await heard.tell(**odd) == 200
        (scan,) = (await heard.shipment()).history
        assert (scan.raw_code, scan.item_code, scan.means) == ("unreadable", "", "unmapped")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"public_keys": (VECTOR.key,)}, "carriers.vnpost-m1.sources: "),
        ({"notices_from_anywhere": True}, "carriers.vnpost-m1.public_keys: "),
        ({"sources": ("203.0.113.0/24",)}, "carriers.vnpost-m1.public_keys: "),
        ({"public_keys": ("x",), "notices_from_anywhere": True}, "carriers.vnpost-m1.public_keys: "),
        ({"secrets": {}}, "carriers.vnpost-m1.secrets: "),
    ],
)
def test_a_carrier_whose_notices_nobody_could_judge_does_not_start(changes: dict[str, Any], fault: str) -> None:
    """Keys without networks, networks without keys, a key that is none: the settings say which of them is missing."""
    with pytest.raises(SettingsError) as refused:
        Carriers([_settings(**changes)], lone_kit())
    assert [told.startswith(fault) for told in refused.value.faults] == [True]


async def test_a_carrier_that_tells_nothing_needs_neither_keys_nor_networks() -> None:
    """Then its parcels are asked about; with both it is heard."""
    heard = _settings(public_keys=(VECTOR.key,), sources=("203.0.113.0/24",))
    for chosen, networks in ((_settings(), 0), (heard, 1)):
        carriers = Carriers([chosen], lone_kit())
        (voice,) = voices_of(carriers).values()
        assert (voice.carrier, len(voice.networks)) == ("vnpost-m1", networks)
        await carriers.close()


def _settings(**changes: Any) -> CarrierSettings:
    given: dict[str, Any] = {
        "name": "vnpost-m1",
        "profile": "m1",
        "base_url": "https://donhang.example.gov.vn/api/api",
        "customer": "BVHTTDL01",
        "secrets": {"token": "env:M1_TOKEN"},
        **changes,
    }
    return CarrierSettings(**given)


def lone_kit() -> Kit:
    """A kit whose secrets are all invented."""
    return Kit("postal", lambda: NOW, lambda: 0.0, LoneCoordination(), lambda _ref: secret("m1"))
