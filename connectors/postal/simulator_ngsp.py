"""The verbs of the simulated NGSP adapter: order, cancel, document, tracking feed, price (postal facts 2 and 3.3).

Both houses that speak it, the adapter itself and the LGSP in front of it, are made of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from aiohttp import web

from connectors.kit.faults import Fault, FaultKind
from connectors.kit.simulation import json_answer
from connectors.postal import simulator_wire as wire
from connectors.postal.simulator_feed import Feed, Record
from connectors.postal.simulator_lies import Lie
from connectors.postal.simulator_options import FEED_CODES, NgspOptions
from connectors.postal.simulator_parcels import Event, Happening, Parcel
from connectors.postal.simulator_tokens import SimulatedTokens
from connectors.postal.simulator_wire import Refusal
from connectors.postal.simulator_world import World

STATUSES: Final[Mapping[str, int]] = {
    "ok": 1,
    "requested": 202,
    "bad": 400,
    "customer": 403,
    "unknown_order": 404,
    "duplicate": 409,
    "refused": 422,
    "too_late": 423,
}
"""Values of `Status` in answers, by what they say. No source documents one: invented, except that 1 is a success [assumed]."""

_PARTY = ("Province", "Address", "Name", "Tel", "District", "Email")
_ORDER = (
    *("CustomerCode", "OrderNumber", "CODAmount", "SenderDesc", "Description"),
    *(f"{side}{name}" for side in ("Sender", "Receiver") for name in _PARTY),
)
_DOCUMENT = (
    *("CustomerCode", "OrderNumber", "Procedure", "IsSendDocument", "DocumentSender"),
    *("IsReceiveResult", "ResultReceiver", "State"),
)
_TRANSCEIVER = (
    *("Name", "Phone", "ProvinceCode", "ProvinceTitle", "DistrictCode", "DistrictTitle", "Address", "Email"),
)
_MOST_PAGE = 1_000
_MOST_CODE = 99_999


class Ngsp:
    """What the adapter does, whoever stands in front of it. `name` is the house."""

    def __init__(self, world: World, name: str, own: NgspOptions) -> None:
        self.world = world
        self.name = name
        self.own = own
        self.tokens = SimulatedTokens(world.wall, world.new_token, own.token_ttl_s)
        self.feed = Feed()
        self.documents: dict[str, int] = {}

    def codes(self) -> Mapping[Happening, int]:
        """Codes of the feed."""
        chosen = {**FEED_CODES, **self.own.codes}
        return {happening: code for happening, code in chosen.items() if code}

    def tell(self, parcel: Parcel, event: Event, _at: datetime) -> bool:
        """Append it to the feed."""
        code = self.codes().get(event.happening)
        if code is None:
            return False
        self.feed.append(Record("", parcel.number, parcel.item_code, code, event), self.world.wall())
        return True

    def stray(self, number: str, event: Event, _at: datetime) -> None:
        """A scan of an order number that nobody gave us."""
        code = self.codes().get(event.happening, 0)
        self.feed.append(Record("", number, "", code, event), self.world.wall())

    def forget(self) -> None:
        """Lose the feed."""
        self.feed.forget()
        self.documents.clear()

    async def settled(self) -> None:
        """What is told stands in the feed at once."""

    async def close(self) -> None:
        """Nothing is open."""

    # Answers

    def said(self, what: str, message: str, http: int = 201) -> web.Response:
        """`{"Status", "Message"}` with the number of `what`."""
        status = self.own.statuses.get(what, STATUSES[what])
        return json_answer({"Status": status, "Message": message}, http)

    def refused(self, refusal: Refusal) -> web.Response:
        """A refusal in the adapter's words."""
        return json_answer({"Status": refusal.code, "Message": refusal.message}, refusal.status)

    def turned_away(self) -> web.Response:
        """The API gateway's answer to a call without a living token."""
        fault = {"code": 900901, "message": "Invalid Credentials", "description": "Access failure for API"}
        return json_answer({"fault": fault}, 401)

    def lied_to(self, fault: Fault | None) -> web.Response | None:
        """What the API gateway says before the adapter is reached, where a fault or a lie has it say so."""
        if fault is not None and fault.kind is FaultKind.EXPIRED_SESSION:
            self.tokens.expire()
            return self.turned_away()
        if self.world.lies.tells(Lie.NOT_SUBSCRIBED, self.name):
            described = "The subscription to the API is inactive"
            return json_answer({"fault": {"code": 900908, "message": "Forbidden", "description": described}}, 403)
        return None

    # Verbs

    def post_order(self, body: bytes, fault: Fault | None) -> web.Response:
        """`order/post`: 201 with a `Status`."""
        told = wire.read_object(body)
        wire.only(told, _ORDER)
        number = self._named(told)
        due = wire.optional_number(told, "CODAmount", 10**10)
        for side in ("Sender", "Receiver"):
            wire.as_number(told, f"{side}Province", 1, _MOST_CODE)
            wire.optional_number(told, f"{side}District", _MOST_CODE)
            for name in ("Address", "Name", "Tel"):
                wire.as_text(told, f"{side}{name}")
            wire.optional_text(told, f"{side}Email")
        for name in ("SenderDesc", "Description"):
            wire.optional_text(told, name)
        if self.own.numbers_unique and self.world.books.find(self.name, number) is not None:
            return self.said("duplicate", "OrderNumber đã tồn tại")
        script = self.world.script_for(self.name, number)
        if script.refuse:
            self.world.refusals += 1
            return self.said("refused", script.refuse)
        parcel = Parcel(self.name, number, self.world.new_token(), self.world.clock.now(), script, due)
        self.world.take(parcel)
        if fault is not None and fault.kind is FaultKind.DUPLICATE:
            return self.said("duplicate", "OrderNumber đã tồn tại")
        if self.world.lies.tells(Lie.STRANGE_STATUS, self.name):
            return json_answer({"Status": 7, "Message": ""}, 201)
        if self.world.lies.tells(Lie.EMPTY_ANSWER, self.name):
            return web.Response(status=201)
        return self.said("ok", "Thành công")

    def cancel_order(self, query: Mapping[str, str]) -> web.Response:
        """`order/cancel`: 201, although it is a GET."""
        number = self._named(query)
        parcel = self.world.books.find(self.name, number)
        if parcel is None:
            return self.said("unknown_order", "Không có đơn hàng này")
        match self.world.cancel(parcel):
            case "cancelled":
                return self.said("ok", "Đã hủy đơn hàng")
            case "requested":
                return self.said("requested", "Đã ghi nhận yêu cầu hủy")
            case "too_late":
                return self.said("too_late", "Bưu gửi đã thu gom, không thể hủy")
            case _:
                return self.said("refused", "Không được hủy đơn hàng này")

    def post_document(self, body: bytes) -> web.Response:
        """`document/post`: the dossier and who sends and receives what."""
        told = wire.read_object(body)
        wire.only(told, _DOCUMENT)
        number = self._named(told)
        procedure = _object(told, "Procedure", ("Code", "Title", "Category", "Elements"))
        wire.as_text(procedure, "Code")
        for name in ("Title", "Category", "Elements"):
            wire.optional_text(procedure, name)
        for flag, party in (("IsSendDocument", "DocumentSender"), ("IsReceiveResult", "ResultReceiver")):
            if not isinstance(told.get(flag), bool):
                raise Refusal(400, 400, f"{flag} không hợp lệ")
            if told[flag] or told.get(party) is not None:
                _transceiver(_object(told, party, _TRANSCEIVER))
        if not (told["IsSendDocument"] or told["IsReceiveResult"]):
            raise Refusal(400, 400, "Phải gửi hồ sơ hoặc nhận kết quả qua bưu chính")
        wire.as_number(told, "State", 0, 99)
        self.documents[number] = self.documents.get(number, 0) + 1
        return self.said("ok", "Thành công")

    def track(self, query: Mapping[str, str]) -> web.Response:
        """`order/tracking`: what came after a record, 200."""
        size = query.get("pagesize", "")
        cursor = query.get("lastId", "").lower()
        if not (size.isascii() and size.isdigit() and 1 <= int(size[:9]) <= _MOST_PAGE):
            raise Refusal(400, 400, f"pagesize: từ 1 đến {_MOST_PAGE}")
        if len(cursor) != 24 or set(cursor) - set("0123456789abcdef"):
            raise Refusal(400, 400, "lastId không hợp lệ")
        most, lies = int(size), self.world.lies
        if lies.tells(Lie.FEED_PAGE, self.name):
            return web.Response(text="<html><body>Service Unavailable</body></html>", content_type="text/html")
        records, left = self.feed.after(cursor, most)
        if len(records) > 1 and lies.tells(Lie.SHORT_PAGE, self.name):
            records = records[:1]
        years = 1 if records and lies.tells(Lie.FUTURE_EVENT, self.name) else 0
        documents: list[object] = [self._record(one, years) for one in records]
        again = self.feed.at(cursor)
        if again is not None and lies.tells(Lie.OVERLAP, self.name):
            documents = [self._record(again, 0), *documents][:most]
        if records and lies.tells(Lie.BAD_RECORD, self.name):
            documents = [_broken(records[0]), *documents][:most]
        wrong = 1_000_000 if lies.tells(Lie.WRONG_COUNTS, self.name) else 0
        page: dict[str, object] = {
            "_size": left + wrong,
            "_total_pages": -(-left // most) + wrong,
            "_returned": len(documents) + wrong,
        }
        if documents or self.own.empty == "empty":
            page["_embedded"] = {"rh:doc": documents}
        return json_answer(page)

    def price(self, body: bytes) -> web.Response:
        """What a letter costs: by weight, and dearer between provinces."""
        told = wire.read_object(body)
        wire.only(told, ("weight", "mainSrv", "isreturn", "sender", "receiver"))
        weight = wire.as_number(told, "weight", 1, 30_000)
        wire.as_text(told, "mainSrv", "[A-Z0-9_]{1,20}")
        wire.as_number(told, "isreturn", 0, 1)
        ends = []
        for side in ("sender", "receiver"):
            place = _object(told, side, ("provCode", "distCode"))
            ends.append(wire.as_number(place, "provCode", 1, _MOST_CODE))
            wire.optional_number(place, "distCode", _MOST_CODE)
        if self.world.lies.tells(Lie.NO_PRICE, self.name):
            return json_answer({"content": {"price": ""}})
        price = 26_000 if ends[0] == ends[1] else 30_500
        return json_answer({"content": {"price": str(price + 1_500 * ((weight - 1) // 500))}})

    def _named(self, told: Mapping[str, Any]) -> str:
        """The order number of a message of our customer; raises `Refusal`."""
        if wire.as_text(told, "CustomerCode") != self.own.customer:
            raise Refusal(201, self.own.statuses.get("customer", STATUSES["customer"]), "Mã khách hàng không đúng")
        return wire.as_text(told, "OrderNumber", self.own.number_pattern)

    def _record(self, record: Record, years: int) -> dict[str, object]:
        event = record.event
        at = event.at + timedelta(days=365 * years)
        moment = {
            "epoch_ms": int(at.timestamp() * 1000),
            "epoch_s": int(at.timestamp()),
            "yyyyMMddHHmmss": wire.compact(at),
        }
        return {
            "_id": {"$oid": record.oid},
            "CustomerCode": self.own.customer,
            "OrderNumber": record.number,
            "EventTime": moment[self.own.event_time],
            "POSID": event.pos_code,
            "ItemCode": record.item_code or None,
            "StatusCode": record.code,
            "StatusMessage": _MESSAGES.get(event.happening, "Khác"),
            "Notes": event.note or None,
        }


def _broken(before: Record) -> dict[str, object]:
    """A record that says of nobody when what happened, with an id of its own right before another."""
    return {"_id": {"$oid": f"{int(before.oid, 16) - 1:024x}"}, "OrderNumber": None, "EventTime": "?", "StatusCode": {}}


def _object(told: Mapping[str, Any], name: str, members: tuple[str, ...]) -> dict[str, Any]:
    value = told.get(name)
    if not isinstance(value, dict):
        raise Refusal(400, 400, f"{name} không hợp lệ")
    wire.only(value, members)
    return value


def _transceiver(party: Mapping[str, Any]) -> None:
    for name in ("Name", "Phone", "Address"):
        wire.as_text(party, name)
    wire.as_number(party, "ProvinceCode", 1, _MOST_CODE)
    wire.optional_number(party, "DistrictCode", _MOST_CODE)
    for name in ("ProvinceTitle", "DistrictTitle", "Email"):
        wire.optional_text(party, name)


_MESSAGES: Final[Mapping[Happening, str]] = {
    Happening.ACCEPTED: "Đã giao cho bưu tá",
    Happening.COLLECTING: "Đang thu gom",
    Happening.COLLECT_FAILED: "Thu gom không thành công",
    Happening.COLLECTED: "Đã thu gom",
    Happening.IN_TRANSIT: "Đang vận chuyển",
    Happening.AT_OFFICE: "Đã đến bưu cục phát",
    Happening.OUT_FOR_DELIVERY: "Đang phát",
    Happening.FAILED_ATTEMPT: "Phát không thành công",
    Happening.DELIVERED: "Đã phát",
    Happening.RETURNING: "Đang chuyển hoàn",
    Happening.RETURNED: "Đã chuyển hoàn",
    Happening.CANCELLED: "Đã hủy",
    Happening.EXCEPTION: "Sự cố",
    Happening.COD_COLLECTED: "Đã thu hộ",
    Happening.COD_REMITTED: "Đã trả tiền thu hộ",
}
