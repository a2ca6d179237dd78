"""What the conformance suite needs to know of the post: each carrier with its calls, its feed or its notices, and its tables.

One case for each dialect. In every one the dialect stands first, with the settings under which nothing ever has to be held; the
tables are examined row by row: an answer with the codes of a row must be read by that very row.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import msgspec

from connectors.kit.case import Case, ConformanceCase, Example, Feeding, Notices, Sample, TaskSample
from connectors.kit.contract import Change, Notice, Task
from connectors.postal.changes import (
    CancelAnswered,
    CancelAsked,
    CodDecided,
    CodSettled,
    DossierRegistered,
    HandedOver,
    OrderAnew,
    OrderPlaced,
    OrderRefused,
    OrderUnanswered,
    Scanned,
    ShipmentAsked,
    ShipmentChange,
    StateDecided,
    TimeCame,
)
from connectors.postal.cod_days import COD, COD_DAYS
from connectors.postal.commanding import CANCEL, ORDER, REGISTER
from connectors.postal.conformance_cod import cod_course
from connectors.postal.conformance_handover import handover_course
from connectors.postal.conformance_notices import CUSTOMER, forgeries, public_key, pushed
from connectors.postal.entering import change_of, page_read, stray_of
from connectors.postal.feeds import PageRead
from connectors.postal.handover import HANDOVERS
from connectors.postal.identity import FEEDS, SHIPMENTS, STRAYS, order_number_of, shipment_id_of
from connectors.postal.model import CodLine, Contact, Direction, Place, Placed, Scan
from connectors.postal.outcomes import Answered, Operation, load_outcomes
from connectors.postal.speaking import Sighting

CARRIER, PUSHING = "buu-dien", "don-hang"
"""The carrier of a case, and the one that sends notices in the cases of the others."""

NAME, PHONE = "Người Nhận Hợp Quy", "0900000000"
CONSUMER, CONSUMER_SECRET = "conformance-consumer-2b7", "conformance-secret-77c1"
USER, PASSWORD = "conformance-user-9d", "conformance-password-41f8"
SECRETS = {
    "env:POST_KEY": CONSUMER,
    "env:POST_SECRET": CONSUMER_SECRET,
    "env:POST_USER": USER,
    "env:POST_PASSWORD": PASSWORD,
}
DOSSIER = "000.00.00.G11-261122-{:06d}"

_OPERATIONS: tuple[Operation, ...] = ("order", "cancel", "register", "find", "feed", "price")
_UNLISTED = "unlisted"
_AGENCY: dict[str, object] = {
    "name": "Bộ phận Một cửa Hợp quy",
    "phone": "02400000000",
    "place": {"province": "01", "text": "51 Ngô Quyền, Hà Nội"},
}


@dataclass(frozen=True, slots=True)
class Spoken:
    """One dialect under examination: its carrier in the settings, its simulator's options, and what it can do."""

    profile: str
    carrier: Callable[[str], dict[str, object]]
    simulator: Mapping[str, object]
    feed: str = ""
    registers: bool = True


def _h2(base_url: str) -> dict[str, object]:
    return {
        "profile": "h2",
        "customer": "HOPQUY01",
        "base_url": f"{base_url}/h2/apiVNPostNGSP/p1.0",
        "token_url": f"{base_url}/h2/token",
        "secrets": {"consumer_key": "env:POST_KEY", "consumer_secret": "env:POST_SECRET"},
        # What two orders with one number come to nobody knows (postal facts 11): here the carrier refuses the second.
        "order_number_unique": True,
        "options": {"settle_s": 0.0},
    }


_NGSP = {
    "customer": "HOPQUY01",
    "consumer_key": CONSUMER,
    "consumer_secret": CONSUMER_SECRET,
    "numbers_unique": True,
}


def _h3(base_url: str) -> dict[str, object]:
    services = {name: name for name in ("order", "cancel", "tracking", "document", "price")}
    return {
        **_h2(base_url),
        "profile": "h3",
        "base_url": f"{base_url}/h3/postal",
        "token_url": f"{base_url}/h3/token",
        "options": {"settle_s": 0.0, "services": services},
    }


def _m1(base_url: str) -> dict[str, object]:
    return {
        "profile": "m1",
        "customer": CUSTOMER,
        "base_url": f"{base_url}/m1/api/api",
        "secrets": {"username": "env:POST_USER", "password": "env:POST_PASSWORD"},
        "options": {"auth": "login"},
        "service": "BK",
        "public_keys": [public_key()],
        "sources": ["127.0.0.1"],
    }


_DONHANG = {"customer": CUSTOMER, "user": USER, "password": PASSWORD}

SPOKEN = (
    Spoken("h2", _h2, {"h2": _NGSP}, feed="feed_h2"),
    Spoken("h3", _h3, {"h3": _NGSP}, feed="feed_h3"),
    Spoken("m1", _m1, {"m1": _DONHANG}, registers=False),
)
"""The dialects, each with a case of its own."""


def _case(spoken: Spoken) -> Case:
    def case(base_url: str) -> ConformanceCase:
        here = _Cast(spoken, datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10))
        plain: dict[str, object] = {"allow_plain": ["127.0.0.1"]}
        carriers: list[dict[str, object]] = [{"name": CARRIER, **plain, **spoken.carrier(base_url)}]
        if spoken.profile != "m1":
            carriers.append({"name": PUSHING, **plain, **_m1(base_url)})
        return ConformanceCase(
            settings={
                "carriers": carriers,
                "agencies": {"default": _AGENCY},
                "tracking": {"interval_s": 3_600.0},
            },
            secrets={name: value for name, value in SECRETS.items() if name in str(carriers)},
            # Its clock stands: a look at its books tells nothing of time.
            simulator={"gateway_url": "http://127.0.0.1:9", "scale": 0.0, "m1": _DONHANG, **spoken.simulator},
            sample=_no_events,
            effects=lambda _state, _sample: 0,
            state_path="/_simulator/books",
            round_trip=_round_trip,
            outcomes=(),
            reads=_reads,
            planted=(NAME, PHONE),
            profiles=(spoken.profile,),
            task=here.task,
            task_effects=here.effects,
            fault_operation={name: f"{spoken.profile}.{name}" for name in (REGISTER, ORDER, CANCEL)},
            notices=Notices(here.notice, forgeries),
            changes=here.course,
            kept=here.kept(),
            feeding=here.feeding,
            own_pollers=frozenset({"feed_h2", "feed_h3", "due", "cod"} - {spoken.feed}),
        )

    return case


CASES: Mapping[str, Case] = {one.profile: _case(one) for one in SPOKEN}


class _Cast:
    """Parcels of the case, each asked for ten minutes ago for an invented person."""

    def __init__(self, spoken: Spoken, began: datetime) -> None:
        self._spoken, self._began = spoken, began

    def task(self, operation: str, number: int) -> TaskSample:
        """A dossier registered, a parcel ordered, an order taken back that was placed before."""
        name = DOSSIER.format(number)
        shipment_id = shipment_id_of(CARRIER, _number(name))
        fields: dict[str, object] = {"shipment_id": shipment_id}
        kept: list[ShipmentChange] = [self._asked(name)]
        if operation == CANCEL:
            fields["request_id"] = "huy-1"
            kept = [self._cancel_asked()]
        task = Task(operation, "postal", SHIPMENTS, shipment_id, 1, name, self._began, fields)

        def taken(_answers: Sequence[object]) -> Sequence[Change]:
            return tuple(change_of(shipment_id, change, name) for change in kept)

        after = (self.task(ORDER, number),) if operation == CANCEL else ()
        return TaskSample(operation, task, kept=taken, after=after)

    def effects(self, state: object, sample: TaskSample) -> int:
        """How many registrations, orders or cancellations the books of the simulator show for the task.

        A dossier registered twice is registered: what it says stands in the last message.
        """
        books, name = msgspec.convert(state, _Books), sample.task.dossier_code
        if sample.operation == REGISTER and not self._spoken.registers:
            return 1  # nothing is asked of a carrier that registers no dossiers
        if sample.operation == REGISTER:
            return min(1, books.documents.get(self._spoken.profile, {}).get(name, 0))
        number = _number(name)
        orders = [one for one in books.parcels if one.number == number]
        return sum(one.state == "cancelled" for one in orders) if sample.operation == CANCEL else len(orders)

    def kept(self) -> Sequence[Change]:
        """What stands in the ledgers: the parcel that the notice is about."""
        name, carrier = DOSSIER.format(999_999), self._pushing
        asked = msgspec.structs.replace(
            self._asked(name), carrier=carrier, profile="m1", shipment_id=shipment_id_of(carrier, _number(name))
        )
        return (change_of(asked.shipment_id, asked, name),)

    def notice(self, number: int) -> Notice:
        """The carrier that pushes says that it is delivered."""
        return pushed(number, _number(DOSSIER.format(999_999)), self._began, NAME)

    @property
    def _pushing(self) -> str:
        return CARRIER if self._spoken.profile == "m1" else PUSHING

    def feeding(self, poller: str) -> Feeding:
        """Something is told in the feed, of a parcel that is not ours."""
        del poller
        stray = {"house": self._spoken.profile, "number": _number(DOSSIER.format(0)), "happening": "delivered"}
        return Feeding("POST", "/_simulator/strays", msgspec.json.encode(stray))

    def course(self, ledger: str) -> Sequence[Change]:
        """Asked, in doubt, placed, on its way, failed, delivered, contradicted, paid over; or rounds of a feed, or strays."""
        name, at = DOSSIER.format(0), self._began
        if ledger == FEEDS:
            pages = (PageRead(at=at, asked_at=at, records=3, more=more, unreadable=int(more)) for more in (True, False))
            return tuple(page_read(CARRIER, page, str(number)) for number, page in enumerate(pages))
        if ledger == STRAYS:
            sightings = (Sighting(_number(name), self._scan(hours, "4", "delivered")) for hours in (1, 2, 2))
            return tuple(stray_of(CARRIER, sighting) for sighting in sightings)
        if ledger in (COD.heads, COD.parts, COD_DAYS):
            return cod_course(ledger, at)
        if ledger == HANDOVERS:
            return handover_course(at)
        shipment_id = shipment_id_of(CARRIER, _number(name))
        return tuple(change_of(shipment_id, change, name) for change in self._way(name))

    def _way(self, name: str) -> Sequence[ShipmentChange]:
        at = self._began
        signed = {"decided_by": "op1", "approved_by": "op2"}
        scans = [
            self._scan(5, "4", "delivered"),
            self._scan(1, "1", "collected"),
            self._scan(3, "8", "failed_attempt"),
            self._scan(3, "8", "failed_attempt"),
            self._scan(2, "77", "unmapped"),
            self._scan(6, "9", "returning"),
            self._scan(7, "14", "cod_collected", 150_000),
        ]
        return (
            self._asked(name),
            self._asked(name, request_id="khac"),
            DossierRegistered(at=at, code="status-7"),
            OrderUnanswered(at=at),
            OrderAnew(at=at),
            OrderUnanswered(at=at),
            StateDecided(at=at, state="not_placed", evidence="đã hỏi", decision_id="d1", **signed),
            OrderPlaced(at=at, placed=Placed(carrier_ref="ref-1", warnings=("ward",), freight=26_000)),
            OrderPlaced(at=at, placed=Placed(duplicate=True)),
            OrderRefused(at=at, code="status-422", message_vi="không nhận"),
            self._cancel_asked(),
            CancelAnswered(at=at, request_id="huy-1", outcome="in_doubt"),
            HandedOver(at=at, handover_id="bk-1", line_status="ok", handed_at=at),
            *(Scanned(at=at, scan=scan) for scan in scans),
            CancelAsked(at=at, request_id="huy-2", asked_by="HTGQ", reason="muộn", body_sha256="2" * 64),
            CodSettled(at=at, statement_id="sk-1", paid_over=140_000, paid_at=at),
            CodDecided(at=at, decision="close_short", reason="thử", decision_id="d2", **signed),
            CodSettled(at=at, statement_id="sk-2", paid_over=150_000, paid_at=at, supersedes=("sk-1",)),
            StateDecided(at=at, state="returned", evidence="biên bản", decision_id="d3", **signed),
            TimeCame(at=at + timedelta(days=30)),
        )

    def _scan(self, hours: int, raw_code: str, means: str, amount: int | None = None) -> Scan:
        at = self._began + timedelta(hours=hours)
        return Scan(
            event_id=f"hop-quy:{hours}:{raw_code}", occurred_at=at, received_at=self._began, raw_code=raw_code,
            means=means, source="feed", item_code="RA473124829VN", cod_amount=amount,
        )  # fmt: skip

    def _cancel_asked(self) -> CancelAsked:
        return CancelAsked(
            at=self._began, request_id="huy-1", asked_by="HTGQ", reason="không cần nữa", body_sha256="1" * 64
        )

    def _asked(self, name: str, request_id: str = "") -> ShipmentAsked:
        number = _number(name)
        return ShipmentAsked(
            at=self._began,
            shipment_id=shipment_id_of(CARRIER, number),
            asked_by="HTGQ",
            request_id=request_id or name,
            body_sha256=hashlib.sha256(name.encode()).hexdigest(),
            dossier_code=name,
            procedure_code="1.001234",
            procedure_name="Cấp giấy phép",
            direction=Direction.DELIVER,
            carrier=CARRIER,
            profile=self._spoken.profile,
            order_number=number,
            sender=_contact("Bộ phận Một cửa", "02400000000", "01", "51 Ngô Quyền, Hà Nội"),
            receiver=_contact(NAME, PHONE, "79", "Số 1, phường Ví Dụ, Thành phố Hồ Chí Minh"),
            contents="Giấy phép",
            note="",
            weight_g=100,
            service="",
            cod_lines=(CodLine(fee_id="PTD01", name="Phí thẩm định", amount=150_000),),
            components=("Đơn đề nghị",),
            register=True,
        )


class _Parcel(msgspec.Struct, frozen=True, kw_only=True):
    number: str
    state: str


class _Books(msgspec.Struct, frozen=True, kw_only=True):
    parcels: list[_Parcel]
    documents: dict[str, dict[str, int]]


def _contact(name: str, phone: str, province: str, text: str) -> Contact:
    return Contact(name=name, phone=phone, place=Place(list_version="GSO-2024", province=province, text=text))


def _number(dossier_code: str) -> str:
    return order_number_of(dossier_code, Direction.DELIVER, 1)


def _no_events(operation: str, number: int, step: int) -> Sample:
    """The post carries no events."""
    raise LookupError(f"{operation} {number} {step}")


def _round_trip(example: Example) -> object:
    """Read into the type of the wire that the example names, and write it again."""
    messages = importlib.import_module(f"connectors.postal.profiles.{example.profile}.messages")
    kind: type[msgspec.Struct] = getattr(messages, str(example.tree["type"]))
    return msgspec.json.decode(msgspec.json.encode(msgspec.convert(example.message, kind)))


def _reads(profile: str, row: Mapping[str, str]) -> bool:
    """Whether an answer with the codes of a row is read by that row, for one of the operations that it speaks for."""
    operations = _OPERATIONS if row["operation"] == "*" else [one for one in _OPERATIONS if one == row["operation"]]
    code = _UNLISTED if row["code"] == "*" else row["code"].replace("*", "99")
    wanted = (row["means"], row["family"], row["meaning_vi"])
    at = datetime.combine(date.fromisoformat(row["valid_from"]), time(12), UTC)
    found = [load_outcomes(profile).conclude(Answered(one, code, _spoken(row["pattern"])), at) for one in operations]
    return any((str(one.means), one.family, one.meaning_vi) == wanted for one in found)


def _spoken(pattern: str) -> str:
    """A sentence that a pattern of the tables finds: its last choice, with every class of signs as one of them."""
    last = pattern.rpartition("|")[2].strip("()")
    return last.replace(r"\b", "").replace(r"\d", "1").replace("[01]", "0")
