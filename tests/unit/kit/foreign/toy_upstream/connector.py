"""What the toy connector can do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp
import msgspec
from yarl import URL

from connectors.kit.contract import Answer, Budget, Delivery, Enquiry, Found, Health, Kit, Question, Receipt
from connectors.kit.errors import Busy, DeliveryError, Exchange, NoAnswer, Rejected
from connectors.kit.http import HttpAnswer, HttpRequest
from connectors.kit.secrets import SecretRef

from .client import Client
from .profiles.v1.mapping import item_of, note_of


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the toy is set up; `mischief` names a defect for the suite to find."""

    base_url: str
    password_ref: SecretRef
    allow_plain: tuple[str, ...] = ()
    repeat_notes: bool = True
    mischief: str = ""


class Toy:
    """Delivers items and notes."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        self.settings = settings
        self.kit = kit
        password = kit.secret(settings.password_ref)
        self.client = Client(settings.base_url, settings.allow_plain, password, kit, settings.mischief)
        self.strays: set[asyncio.Task[None]] = set()
        self.closed = False
        self.notes = 0
        self.doors: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Put the item or add the note, unless this lane remembers that it did."""
        key = f"done:{delivery.delivery_id}"
        if key in delivery.memory and self.settings.mischief != "forget":
            return Receipt("known", self.kit.now(), self.client.http.exchange(HttpRequest("GET", "/")), duplicate=True)
        if self.settings.mischief == "swallow":
            return Receipt("never asked", self.kit.now(), Exchange())
        if self.settings.mischief == "moody" and delivery.attempt > 1:
            raise NoAnswer
        if self.settings.mischief == "refuse_later" and delivery.attempt > 1:
            raise Rejected
        if self.settings.mischief == "say_secret":
            raise Rejected(f"Mật khẩu {self.client.password} không đúng")
        self.notes += delivery.operation == "add_note"
        if self.settings.mischief == "hang" and self.notes > 1:
            await asyncio.sleep(60)
        if self.settings.mischief == "stray_connection" and self.notes > 1:
            url = URL(self.settings.base_url)
            self.doors.append(await asyncio.open_connection(url.host, url.port))
        if self.settings.mischief == "trusting" and self.settings.base_url.startswith("https:"):
            async with aiohttp.ClientSession() as session:
                await session.post(f"{self.settings.base_url}/login", data=b'{"password": "wrong"}', ssl=False)
        if self.settings.mischief == "stray_task":
            self.strays.add(asyncio.create_task(asyncio.sleep(60)))
        try:
            return await self._written(delivery, key)
        except NoAnswer:
            if self.settings.mischief == "repeat_blindly":
                return await self._written(delivery, key)
            raise
        except Busy as error:
            raise Busy(retry_after_s=None if self.settings.mischief == "no_patience" else error.retry_after_s) from None

    async def _written(self, delivery: Delivery, key: str) -> Receipt:
        item = delivery.operation == "put_item"
        message = item_of(delivery.carried, "") if item else note_of(delivery.carried, "")
        answer, request, duplicate = await self.client.write("/items" if item else "/notes", message, delivery.budget)
        return self._receipt(answer, request, duplicate, key)

    def _receipt(self, answer: HttpAnswer, request: HttpRequest, duplicate: bool, key: str) -> Receipt:
        exchange = self.client.http.exchange(request, answer)
        return Receipt("ok", self.kit.now(), exchange, duplicate=duplicate, memory={key: "1"})

    async def deliver_batch(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt | DeliveryError]:
        """One after the other."""
        if self.settings.mischief == "batch_raises":
            raise NoAnswer
        taken = deliveries[:1] if self.settings.mischief == "short_batch" else deliveries
        return [await self.deliver(delivery) for delivery in taken]

    async def enquire(self, delivery: Delivery) -> Enquiry:
        """Items can be looked up, notes cannot."""
        if self.settings.mischief == "cannot_tell":
            return Enquiry(Found.CANNOT_TELL)
        if self.settings.mischief == "enquiry_fails":
            raise NoAnswer
        if delivery.operation == "add_note":
            return Enquiry(Found.CANNOT_TELL, repeat_allowed=self.settings.repeat_notes)
        held, answer, request = await self.client.has(delivery.dossier_code, delivery.budget)
        return Enquiry(Found.DONE, self._receipt(answer, request, True, "")) if held else Enquiry(Found.NOT_FOUND)

    async def ask(self, question: Question) -> Answer:
        """Whether an item is held."""
        _, answer, request = await self.client.has(question.subject, Budget(self.kit.instant() + 5, 5))
        if self.settings.mischief == "ask_fails":
            raise NoAnswer
        found = self.settings.mischief != "not_found"
        return Answer(found, {}, self.client.http.exchange(request, answer))

    async def check(self) -> Health:
        """Ask for an item that does not exist."""
        budget = Budget(self.kit.instant() + 5, 5)
        if self.settings.mischief == "probe_writes":
            await self.client.http.call(HttpRequest("POST", "/probe"), budget)
        if self.settings.mischief == "probe_sleeps":
            return Health(False, "Ngủ")
        if self.settings.mischief == "probe_lies":
            return Health(True, "Không biết")
        await self.client.has("nothing", budget)
        return Health(True, "Sẵn sàng")

    async def close(self) -> None:
        """Close the client; what it left open, only when told a second time."""
        await self.client.http.close()
        strays, self.doors = self.doors, []
        for _, writer in strays if self.closed else ():
            writer.close()
        if not self.closed:
            self.closed, self.doors = True, strays


class Mute(Toy):
    """A connector that neither answers questions nor enquires."""

    ask = None  # type: ignore[assignment]  # What is None is not there, to a runtime protocol.
    enquire = None  # type: ignore[assignment]  # The same.


def create(settings: Settings, kit: Kit) -> Toy:
    """The connector."""
    return Mute(settings, kit) if settings.mischief == "mute" else Toy(settings, kit)
