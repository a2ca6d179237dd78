"""What parcels of the simulated post may meet, drawn: scripts, losses, waits, and the fates of calls."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from connectors.postal.changes import ShipmentAsked, StateDecided
from connectors.postal.identity import order_number_of, shipment_id_of
from connectors.postal.model import Direction
from connectors.postal.simulator_options import FEED_CODES
from connectors.postal.simulator_parcels import Happening, Script
from tests.connectors.postal.shipments import CARRIER, DUE, parcel

T0 = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
CUSTOMER = "SIMBUUDIEN"
DOSSIERS = ("000.00.00.G11-261120-000001", "000.00.00.G11-261120-000002")


def _wanted(dossier: str, direction: Direction, due: int) -> ShipmentAsked:
    number = order_number_of(dossier, direction, 1)
    shipment_id = shipment_id_of(CARRIER, number)
    return parcel(direction, due, at=T0, dossier_code=dossier, order_number=number, shipment_id=shipment_id, service="")


ASKED = (
    _wanted(DOSSIERS[0], Direction.DELIVER, DUE),
    _wanted(DOSSIERS[0], Direction.COLLECT, 0),
    _wanted(DOSSIERS[1], Direction.DELIVER, DUE),
)
"""Two parcels in one lane, one in another."""
STATUSES = {str(code): str(happening) for happening, code in FEED_CODES.items() if happening is not Happening.STRANGE}
FATES = st.sampled_from(
    ["answered", "answered", "answered", "not_sent", "lost", "lost", "dies_before", "dies_after", "dies_learned"]
)
WAITS = st.sampled_from([1, 61, 301, 301, 3_700, 11_000, 90_000])
WHICH = st.integers(0, len(ASKED) - 1)
LANE = st.sampled_from(DOSSIERS)
LOSABLE = (
    Happening.ACCEPTED,
    Happening.COLLECTING,
    Happening.COLLECTED,
    Happening.IN_TRANSIT,
    Happening.AT_OFFICE,
    Happening.OUT_FOR_DELIVERY,
    Happening.FAILED_ATTEMPT,
    Happening.RETURNING,
)
TIMES = st.sampled_from([0, 0, 0, 1, 2])
SCRIPTS = st.builds(
    Script,
    ends=st.sampled_from(["delivered", "delivered", "returned", "exception"]),
    until=st.sampled_from([None, None, None, None, Happening.COLLECTING, Happening.OUT_FOR_DELIVERY]),
    failed_collections=TIMES,
    failed_attempts=TIMES,
    strange=st.integers(0, 1),
    step_s=st.sampled_from([60.0, 3_600.0]),
    late_s=st.dictionaries(st.sampled_from(LOSABLE), st.sampled_from([100.0, 9_000.0, 90_000.0]), max_size=3),
    repeat=TIMES,
    reorder=st.booleans(),
    contradict=st.sampled_from([False, False, False, True]),
    cod=st.sampled_from(["paid", "paid", "late", "short", "unpaid"]),
    refuse=st.sampled_from(["", "", "", "", "", "", "", "Sai địa chỉ"]),
    cancel=st.sampled_from(["allow", "allow", "request", "refuse", "moves"]),
).filter(lambda script: not (script.contradict and script.ends == "exception"))
"""A parcel with trouble is on its way again once it is seen there, so for it that contradicts nothing."""
LOST = st.sets(st.sampled_from(LOSABLE), max_size=3)

AFTER_PICKUP = frozenset(Happening) - {
    Happening.CREATED,
    Happening.ACCEPTED,
    Happening.COLLECTING,
    Happening.COLLECT_FAILED,
    Happening.CANCELLED,
}
"""What happens once the carrier has the parcel, and with it an item code."""


def decided(state: str, at: datetime, decision_id: str) -> StateDecided:
    """What two operators say of a parcel."""
    return StateDecided(
        at=at,
        state=state,
        evidence="CV-1",
        decided_by="lan",
        approved_by="minh",
        decision_id=decision_id,
    )
