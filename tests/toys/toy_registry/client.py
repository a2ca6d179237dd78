"""One method for each call of the toy library."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec

from connectors.kit.contract import Budget, Kit
from connectors.kit.errors import AnswerUnreadable, Rejected
from connectors.kit.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest, refusal

from .profiles.v1.messages import Card, Changes, Reminder, Said


class Client:
    """Speaks to the library."""

    def __init__(self, base_url: str, allow_plain: tuple[str, ...], secret: str, kit: Kit) -> None:
        self.http = HttpClient(base_url=base_url, kit=kit, options=HttpOptions(allow_plain=allow_plain))
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {secret}"}
        table = (Path(__file__).parent / "profiles/v1/outcomes.csv").read_text(encoding="utf-8")
        self._families = {row["code"]: row["family"] for row in csv.DictReader(table.splitlines())}

    async def write(self, path: str, message: Card | Reminder, budget: Budget) -> tuple[HttpAnswer, HttpRequest, bool]:
        """Write a card or a reminder; True: it was there already."""
        request = HttpRequest("POST", path, self._headers, msgspec.json.encode(message))
        answer = await self.http.call(request, budget)
        return answer, request, self._understood(answer, request) == "duplicate"

    async def has(self, path: str, budget: Budget) -> tuple[bool, HttpAnswer, HttpRequest]:
        """Whether the library holds it."""
        request = HttpRequest("GET", path, self._headers)
        answer = await self.http.call(request, budget)
        self._understood(answer, request)
        return b'"yes"' in answer.body, answer, request

    async def changes(self, after: str, budget: Budget) -> Changes:
        """The movements behind a cursor."""
        request = HttpRequest("GET", "/changes", self._headers, query={"after": after})
        answer = await self.http.call(request, budget)
        refused = refusal(answer, self.http.exchange(request, answer))
        if refused is not None:
            raise refused
        try:
            return msgspec.json.decode(answer.body, type=Changes)
        except msgspec.MsgspecError:
            raise AnswerUnreadable(exchange=self.http.exchange(request, answer)) from None

    def _understood(self, answer: HttpAnswer, request: HttpRequest) -> str:
        exchange = self.http.exchange(request, answer)
        refused = refusal(answer, exchange)
        if refused is not None:
            raise refused
        try:
            code = msgspec.json.decode(answer.body, type=Said).code
        except msgspec.MsgspecError:
            raise AnswerUnreadable(exchange=exchange) from None
        family = self._families.get(str(code), self._families["*"])
        if family == "rejected":
            raise Rejected(f"Mã {code}", exchange=exchange)
        return family
