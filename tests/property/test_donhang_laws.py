"""Laws of donhang's dialect for all inputs: nothing makes it fail, and what it says of a parcel does not depend on the road."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kit.http_answers import HttpAnswer
from connectors.postal.history import Course, folded, kept
from connectors.postal.model import Scan
from connectors.postal.profiles.m1 import PROFILE
from connectors.postal.profiles.m1.mapping import Donhang
from connectors.postal.profiles.m1.options import DonhangOptions
from connectors.postal.profiles.m1.parcels import Told, sighting_of
from connectors.postal.speaking import Absent, Refused
from mappings.codec import decode, encode
from tests.connectors.postal.donhang import GUID
from tests.connectors.postal.m1_orders import CUSTOMER, NOW, NUMBER, account, order

_ACCOUNT = account(PROFILE)
_OPTIONS = DonhangOptions()
_MEMBERS = (
    *("Id", "ItemCode", "CustomerCode", "OrderCode", "OrderStatusId", "CodAmount", "DeliveryTimes", "DeliveryTime"),
    *("LastUpdateTime", "IsDeliverable", "IsReturn", "IsSuccess", "Message", "CauseCode", "CauseName", "DeliveryNote"),
    *("PaypostTransferDate", "CancelTime", "TotalFreightIncludeVatEvaluation", "IsWarningTinhThanh", "Token", "Data"),
)
_SCALARS = st.one_of(
    *(st.none(), st.booleans(), st.integers(-5, 10**20), st.floats(allow_nan=False, allow_infinity=False)),
    *(st.text(max_size=40), st.sampled_from([NUMBER, GUID, CUSTOMER, "0001-01-01T00:00:00", "21/11/2026 09:15:00"])),
)
_RECORDS = st.dictionaries(
    st.sampled_from(_MEMBERS), st.one_of(_SCALARS, st.lists(_SCALARS, max_size=2)), max_size=len(_MEMBERS)
)
_BODIES = st.one_of(
    st.binary(max_size=60),
    _RECORDS.map(msgspec.json.encode),
    st.lists(_RECORDS, max_size=3).map(msgspec.json.encode),
    st.dictionaries(st.text(max_size=5), st.lists(_RECORDS, max_size=2), max_size=2).map(msgspec.json.encode),
)


@settings(max_examples=150, deadline=None)
@given(_BODIES, st.sampled_from([200, 201, 204, 302, 400, 401, 404, 429, 500]))
def test_every_answer_means_something(body: bytes, status: int) -> None:
    """Nothing that a carrier could answer is an error of ours; only what says so is placed, absent or cancelled."""
    spoken = PROFILE.open(_ACCOUNT)
    assert isinstance(spoken, Donhang)
    answer, wanted = HttpAnswer(status, {}, body, 1.0), order(carrier_ref=GUID)
    placed = spoken.placed(wanted, answer)
    assert isinstance(placed, Refused) or (placed.carrier_ref and status < 300) or placed.duplicate
    found = spoken.found(wanted, answer)
    if isinstance(found, tuple):
        assert all(one.order_number == NUMBER and one.ours for one in found[1])
    elif isinstance(found, Absent):
        assert status < 300
    priced = spoken.priced(answer)
    assert isinstance(priced, Refused) or all(one.amount > 0 for one in priced)
    said = spoken.cancelled(wanted, answer)
    assert isinstance(said, Refused) or said.outcome != "cancelled" or status < 300


@settings(max_examples=150, deadline=None)
@given(_RECORDS, st.integers(-3, 3))
def test_what_is_said_of_a_parcel_can_be_kept_and_read_back(record: dict[str, Any], days: int) -> None:
    """Whatever types its members have; and the event, its moment and its meaning are the same whenever it is heard."""
    tree = msgspec.json.decode(msgspec.json.encode(record))
    heard = [
        sighting_of(tree, _ACCOUNT, _OPTIONS, Told("webhook", NOW + timedelta(days=shift), NOW)) for shift in (0, days)
    ]
    if heard[0] is None or heard[1] is None:
        assert heard == [None, None]
        return
    first, later = heard[0].scan, heard[1].scan
    assert decode(encode(first), Scan) == first
    assert msgspec.structs.replace(later, received_at=first.received_at) == first
    assert first.occurred_at.tzinfo is not None
    assert first.cod_amount is None or first.cod_amount >= 0


_CODES = (20, 70, 91, 100, 161, 170, 60, 110, 120, 77)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(_CODES), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=8),
    st.integers(0, 10**6),
)
def test_the_order_of_arrival_never_changes_where_a_parcel_is(told: list[tuple[int, int, int]], seed: int) -> None:
    """Shuffled and repeated, with many things written down in one and the same second: one history, one state."""
    records = [_record(*one) for one in told]
    shuffled = [*records, *records[: len(records) // 2]]
    random.Random(seed).shuffle(shuffled)
    assert _course(records) == _course(shuffled)


def _record(code: int, minute: int, attempts: int) -> dict[str, Any]:
    at = datetime(2026, 11, 21, 2, minute, tzinfo=UTC) + timedelta(hours=7)
    return {
        "OrderCode": NUMBER,
        "OrderStatusId": code,
        "DeliveryTimes": attempts,
        "LastUpdateTime": f"{at:%d/%m/%Y %H:%M:%S}",
        "CodAmount": 150_000,
    }


def _course(records: list[dict[str, Any]]) -> tuple[list[str], Course]:
    history: tuple[Scan, ...] = ()
    for record in records:
        sighting = sighting_of(record, _ACCOUNT, _OPTIONS, Told("webhook", NOW))
        assert sighting is not None
        history = kept(history, Course(), sighting.scan).history
    return [one.event_id for one in history], folded(Course(), history)
