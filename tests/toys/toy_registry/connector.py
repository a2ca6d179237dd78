"""What the toy library's connector can do: everything."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from connectors.kit.contract import (
    Audience,
    Budget,
    Change,
    Decided,
    Delivery,
    Endpoint,
    Enquiry,
    Found,
    Health,
    Kit,
    Ledger,
    Look,
    NotGenuine,
    Notice,
    Page,
    Poller,
    Reading,
    Receipt,
    Reply,
    Table,
    TaskDelivery,
    View,
)
from connectors.kit.errors import CannotMap, SettingsError
from connectors.kit.http import HttpAnswer, HttpRequest
from connectors.kit.secrets import SecretRef

from .client import Client
from .profiles.v1.ledger import Loan, Loans
from .profiles.v1.mapping import card_of, change_of, lesson_of, reminder_of
from .profiles.v1.messages import SIGNATURE_HEADER, Movement


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the toy is set up."""

    base_url: str
    secret: SecretRef
    allow_plain: tuple[str, ...] = ()
    reminded_by: str = ""


class ToyRegistry:
    """Delivers cards and reminders, reads notices, follows changes, keeps loans, and answers on both listeners."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        self._kit = kit
        self._reminded_by = settings.reminded_by
        self._secret = kit.secret(settings.secret).encode()
        self._client = Client(settings.base_url, settings.allow_plain, self._secret.decode(), kit)

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Open a card."""
        card = card_of(delivery.carried, delivery.delivery_id)
        return self._receipt(*await self._client.write("/cards", card, delivery.budget))

    async def enquire(self, delivery: Delivery) -> Enquiry:
        """Whether the card is there."""
        return await self._found(f"/cards/{delivery.delivery_id}", delivery.budget)

    async def deliver_task(self, delivery: TaskDelivery) -> Receipt:
        """Send a reminder; the loan that asked for it learns that it was sent."""
        reminder = reminder_of(delivery.task, delivery.delivery_id)
        receipt = self._receipt(*await self._client.write("/reminders", reminder, delivery.budget))
        return replace(receipt, inputs=(lesson_of(delivery.task, delivery.delivery_id),))

    async def enquire_task(self, delivery: TaskDelivery) -> Enquiry:
        """Whether the reminder is there; then the loan learns of it as well."""
        found = await self._found(f"/reminders/{delivery.delivery_id}", delivery.budget)
        learned = (lesson_of(delivery.task, delivery.delivery_id),) if found.found is Found.DONE else ()
        return replace(found, inputs=learned)

    async def read(self, notice: Notice) -> Reading:
        """A movement, signed by the library: HMAC-SHA256 over the dialect and the body."""
        told = notice.headers.get(SIGNATURE_HEADER, "")
        made = hmac.new(self._secret, f"{notice.profile}.".encode() + notice.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(told.encode(), made.encode()):
            raise NotGenuine(code="bad_signature", reply=Reply(403, b'{"taken":false}'))
        try:
            movement = msgspec.json.decode(notice.body, type=Movement)
        except msgspec.MsgspecError:
            raise NotGenuine("Thông báo đã ký nhưng không đọc được.", code="unreadable") from None
        ack = msgspec.json.encode({"taken": True, "number": movement.number})
        later = Reply(500, b'{"taken":false,"again":true}')
        return Reading((change_of(movement),), body=ack, unstored=later)

    async def poll(self, cursor: str) -> Page:
        """The movements behind a cursor."""
        page = await self._client.changes(cursor, Budget(self._kit.instant() + 5, 5))
        return Page(tuple(change_of(movement) for movement in page.movements), page.next, page.more)

    def pollers(self) -> Mapping[str, Poller]:
        """This very connector polls."""
        return {"changes": self}

    def ledgers(self) -> Sequence[Ledger[Any, Any]]:
        """The loans."""
        return (Loans(self._reminded_by),)

    async def decided(self, decision: Decided) -> Change:
        """Write a toy off that is out."""
        kept = await self._kit.ledgers.read("loans", decision.ledger_id)
        loan = msgspec.json.decode(kept.state, type=Loan) if kept is not None else Loan()
        if not loan.out:
            raise CannotMap("Chỉ xóa sổ được món đồ chơi đang cho mượn.")
        fields = {"what": "lost", "toy": loan.toy, "at": loan.at}
        return Change("loans", decision.ledger_id, f"written_off/{decision.decision_id}", fields)

    def views(self) -> Mapping[str, View]:
        """What is out."""
        return {"loans": self._out}

    async def _out(self, look: Look) -> Table:
        if look.filters.get("toy", "").isdigit():
            raise CannotMap("Tên món đồ chơi không phải là một số.")
        rows = []
        for mark in await self._kit.ledgers.marked("loans", "out/", "out/~", look.limit + 1):
            kept = await self._kit.ledgers.read("loans", mark.ledger_id)
            loan = msgspec.json.decode(kept.state, type=Loan) if kept is not None else Loan()
            if loan.out and look.filters.get("toy", loan.toy) == loan.toy:
                rows.append((mark.ledger_id, loan.toy, str(loan.lent)))
        columns, keys = ("Lượt mượn", "Món đồ chơi", "Lần"), ("loan", "toy", "lent")
        more = len(rows) > look.limit
        return Table("Đồ chơi đang cho mượn", columns, keys, rows[: look.limit], wrong=len(rows), more=more)

    def endpoints(self) -> Sequence[Endpoint]:
        """Read a loan, lend by hand, and a page for a browser."""
        return (
            Endpoint("GET", "/v1/toys/{upstream}/{loan}", Audience.INTERNAL, self._loan),
            Endpoint("POST", "/v1/toys/{upstream}", Audience.INTERNAL, self._lend),
            Endpoint("GET", "/toys/{upstream}/thanks", Audience.EDGE, self._thanks),
        )

    async def check(self) -> Health:
        """Ask for a card that does not exist."""
        await self._client.has("/cards/nothing", Budget(self._kit.instant() + 5, 5))
        return Health(True, "Sẵn sàng")

    async def close(self) -> None:
        """Close the client."""
        await self._client.http.close()

    async def _loan(self, notice: Notice) -> Reply:
        kept = await self._kit.ledgers.read("loans", notice.params["loan"])
        if kept is None:
            return Reply(404, b'{"loan":null}')
        loan = msgspec.json.decode(kept.state, type=Loan)
        asked_by = notice.sender.system_code if notice.sender is not None else ""
        told = {"version": kept.version, "dossier": kept.dossier_code, "loan": loan, "asked_by": asked_by}
        return Reply(200, msgspec.json.encode(told))

    async def _lend(self, notice: Notice) -> Reply:
        try:
            asked = msgspec.json.decode(notice.body, type=Movement)
        except msgspec.MsgspecError:
            return Reply(422, b'{"fault":"movement"}')

        async def told() -> Reply:
            """What became of it, read when it is durable."""
            kept = await self._kit.ledgers.read("loans", asked.loan)
            return Reply(202, msgspec.json.encode({"taken": True, "version": kept.version if kept is not None else 0}))

        return Reply(500, inputs=(change_of(asked),), then=told)

    async def _thanks(self, notice: Notice) -> Reply:
        if notice.query.startswith("crash="):
            raise RuntimeError(f"a fault of the toy, which quotes what was sent: {notice.query}")
        return Reply(200, "<p>Cảm ơn bạn đã trả đồ chơi.</p>".encode(), "text/html; charset=utf-8")

    async def _found(self, path: str, budget: Budget) -> Enquiry:
        held, answer, request = await self._client.has(path, budget)
        return Enquiry(Found.DONE, self._receipt(answer, request, True)) if held else Enquiry(Found.NOT_FOUND)

    def _receipt(self, answer: HttpAnswer, request: HttpRequest, duplicate: bool) -> Receipt:
        exchange = self._client.http.exchange(request, answer)
        return Receipt(f"toy-{answer.status}", self._kit.now(), exchange, duplicate=duplicate)


def create(settings: Settings, kit: Kit) -> ToyRegistry:
    """The connector."""
    if not settings.base_url:
        raise SettingsError("toy_registry", ("base_url: không được để trống",))
    return ToyRegistry(settings, kit)
