"""Who uses the post: results that go to citizens and papers that come from one, each parcel with a way of its own.

One delivery fails twice and goes back. What truly happened stands in the carrier's own books; `tracing.py` holds everything
against them.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from gateway.cli.demonstration.cast import Role
from gateway.cli.demonstration.dossiers import code_of, dossier, own_event, received_at
from gateway.cli.demonstration.papers import Desk, Programme, naming
from gateway.cli.demonstration.play import Play
from gateway.cli.demonstration.post_office import STEP_S
from gateway.cli.installation import RESOLUTION_SYSTEM
from mappings.tables import TableRow, load_table

_JSON = "application/json"
_FIRST = 9501
"""Their dossiers have numbers of their own, behind those of the cast and of the payers."""

_FEE = {"id": "LP-1", "kind": "fee", "code": "LPC01", "name": "Lệ phí cấp", "amount": 150_000}


class Way(StrEnum):
    """How a parcel fares."""

    DELIVERED = "delivered"
    CASH = "cash"
    RETURNED = "returned"
    COLLECTED = "collected"


WAYS_VI: Mapping[Way, str] = {
    Way.DELIVERED: "kết quả: phát lần đầu",
    Way.CASH: "kết quả, thu hộ lệ phí: phát lần hai",
    Way.RETURNED: "kết quả: hai lần vắng, chuyển hoàn",
    Way.COLLECTED: "nhận hồ sơ tại nhà",
}
_SCRIPTS: Mapping[Way, Mapping[str, object]] = {
    Way.CASH: {"failed_attempts": 1},
    Way.RETURNED: {"failed_attempts": 2, "ends": "returned"},
}
_RESOLVED = ("received", "processing", "resolved")
_STATES: Mapping[Way, tuple[str, ...]] = {
    Way.DELIVERED: (*_RESOLVED, "returned"),
    # The money is told once it was paid over: by one more step of the same state, as of every fee.
    Way.CASH: (*_RESOLVED, "returned", "returned"),
    Way.RETURNED: _RESOLVED,
    Way.COLLECTED: (),
}
ENDS: Mapping[Way, str] = {
    Way.DELIVERED: "delivered",
    Way.CASH: "delivered",
    Way.RETURNED: "returned",
    Way.COLLECTED: "delivered",
}
"""In which state each way ends."""


@dataclass(frozen=True, slots=True)
class Sender:
    """One dossier that needs the post, and how its parcel fares. The role's events are those seen outside at the end."""

    role: Role
    way: Way

    @property
    def collects(self) -> bool:
        """Whether the parcel comes from the citizen."""
        return self.way is Way.COLLECTED


@dataclass(slots=True)
class Senders:
    """Everybody who uses the post, and what the gateway calls their parcels."""

    play: Play
    port: int
    people: Sequence[Sender]
    shipments: dict[str, str] = field(default_factory=dict)

    @property
    def office(self) -> str:
        """The control plane of the carrier."""
        return f"http://127.0.0.1:{self.port}/_simulator"

    async def prepare(self) -> None:
        """The resolution system registers their dossiers; results are signed and issued as any other."""
        self.play.progress.act = "hệ thống giải quyết ban hành kết quả gửi qua bưu chính"
        control = f"{self.play.scene.resolution}/_simulator"
        await self.play.register_also([sender.role.dossier for sender in self.people])
        signing = Desk(Programme((), tuple(one.role.code for one in self.people if not one.collects), ""))
        events: list[Mapping[str, object]] = []
        for sender in self.people:
            issued = await signing.issue(self.play.call, sender.role)
            # The step of giving back is the resolution system's own, when it hears of the delivery.
            told = [event for event in sender.role.events if event["state"] != "returned"]
            events += [naming(event, issued) if issued is not None else event for event in told]
        await self.play.send("POST", f"{control}/events", events)
        orders = [
            {
                "number": f"{re.escape(sender.role.code)}-.*",
                "script": {"step_s": STEP_S, "cod_after_s": STEP_S, **script},
            }
            for sender in self.people
            if (script := _SCRIPTS.get(sender.way)) is not None
        ]
        await self.play.send("PUT", f"{self.office}/scripts", {"orders": orders})

    async def post(self) -> None:
        """Every parcel is ordered, one after another, while the gateway has other troubles; one answer is lost on its way."""
        await self.play.send(
            "PUT", f"{self.office}/faults", {"script": [{"fault": "drop_after_commit", "match": "order"}]}
        )
        for sender in self.people:
            await asyncio.sleep(0.3)
            order = msgspec.json.encode(_order(sender))
            told = msgspec.json.decode(await self.play.call(RESOLUTION_SYSTEM, "POST", "/v1/shipments", _JSON, order))
            self.shipments[sender.role.code] = told["shipment_id"]

    async def arrived(self, limit_s: float = 60.0) -> None:
        """Wait until every parcel is where its way ends, and its money is where it belongs, as far as the gateway knows."""
        self.play.progress.act = "chờ bưu gửi tới nơi"
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            views = [await self.view(sender) for sender in self.people]
            if all(_known(sender, view) for sender, view in zip(self.people, views, strict=True)):
                return
            await asyncio.sleep(0.25)

    async def view(self, sender: Sender) -> Any:
        """The parcel as the gateway shows it to the resolution system."""
        target = f"/v1/shipments/{self.shipments[sender.role.code]}"
        return msgspec.json.decode(await self.play.call(RESOLUTION_SYSTEM, "GET", target, "", b""))

    async def books(self) -> Any:
        """What the carrier truly did."""
        return await self.play.get(f"{self.office}/books")


def sending() -> tuple[Sender, ...]:
    """Who sends what: the same at every performance."""
    rows = load_table("procedures").rows
    return tuple(_sender(index, way, rows[index % len(rows)]) for index, way in enumerate(Way))


def _sender(index: int, way: Way, row: TableRow) -> Sender:
    received = received_at(8, index)
    code = code_of(received, _FIRST + index)
    states = _STATES[way]
    events = tuple(_event(code, state, received + timedelta(hours=step)) for step, state in enumerate(states))
    given: dict[str, object] = {"origin": "post", "delivery": {"result_method": "post"}}
    if way is Way.CASH:
        given["fees"] = [_FEE]
    snapshot = dossier(code, row, received, "Người Dùng Bưu Chính", **given)
    return Sender(Role(snapshot, RESOLUTION_SYSTEM, events), way)


def _event(code: str, state: str, at: datetime) -> dict[str, object]:
    content = {
        "received": "Tiếp nhận hồ sơ",
        "processing": "Thẩm định hồ sơ",
        "resolved": "Ký phát hành kết quả",
    }.get(state, "Trả kết quả qua bưu chính")
    granted: dict[str, object] = {"outcome": "granted", "results": []} if state == "resolved" else {}
    return own_event(code, state, at, content, **granted)


def _order(sender: Sender) -> dict[str, object]:
    procedure = sender.role.dossier["procedure"]
    assert isinstance(procedure, Mapping)
    line = {"fee_id": _FEE["id"], "name": _FEE["name"], "amount": _FEE["amount"]}
    return {
        "request_id": f"buu-gui-{sender.role.code}",
        "dossier_code": sender.role.code,
        "procedure_code": procedure["code"],
        "procedure_name": procedure["name"],
        "direction": "collect" if sender.collects else "deliver",
        "citizen": {
            "name": "Người Dùng Bưu Chính",
            "phone": "0900000000",
            "place": {
                "list_version": "GSO-2025-07",
                "province": "79",
                "text": "Số 1 đường Ví Dụ, phường Bến Thành, Thành phố Hồ Chí Minh",
            },
        },
        **({"cod_lines": [line]} if sender.way is Way.CASH else {}),
    }


def _known(sender: Sender, view: Mapping[str, Any]) -> bool:
    """Whether the gateway knows how this parcel ended, and that its money was paid over."""
    return view["state"] == ENDS[sender.way] and (sender.way is not Way.CASH or view["cod"]["state"] == "remitted")
