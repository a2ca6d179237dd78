"""One method for each thing the toy upstream can do."""

from __future__ import annotations

import csv
import logging
from importlib.resources import files

import msgspec

from connectors.kit.contract import Budget, Kit
from connectors.kit.errors import AnswerUnreadable, CredentialsRefused, Rejected
from connectors.kit.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest, refusal

from .profiles.v1.messages import Item, Note, Said

log = logging.getLogger(__name__)


class Client:
    """Calls the upstream; keeps one session."""

    def __init__(self, base_url: str, allow_plain: tuple[str, ...], password: str, kit: Kit, mischief: str) -> None:
        options = HttpOptions(
            allow_plain=allow_plain, redact=() if mischief == "keep_secret" else ("session", "password")
        )
        if mischief == "plain":
            options = HttpOptions(allow_plain=("127.0.0.1", "plain.invalid"))
        self.http = HttpClient(base_url=base_url, kit=kit, options=options)
        self.password = password
        self.mischief = mischief
        self.session = ""
        table = (files(__package__) / "profiles/v1/outcomes.csv").read_text(encoding="utf-8")
        self.families = {row["code"]: row["family"] for row in csv.DictReader(table.splitlines())}

    async def write(self, path: str, message: Item | Note, budget: Budget) -> tuple[HttpAnswer, HttpRequest, bool]:
        """Write; log in first, and once more when the session has run out."""
        for _ in range(2):
            if not self.session:
                await self.log_in(budget)
            body = msgspec.json.encode(msgspec.structs.replace(message, session=self.session))
            request = HttpRequest("POST", path, {"Content-Type": "application/json"}, body)
            if self.mischief == "log_secret":
                log.info("sending %s", body)
            if self.mischief == "ignore_deadline":
                budget = Budget(float("inf"), 60.0)
            answer = await self.http.call(request, budget)
            family = self.understood(answer, request)
            if family != "session_expired":
                return answer, request, family == "duplicate"
            self.session = ""
        raise CredentialsRefused(exchange=self.http.exchange(request, answer))

    async def log_in(self, budget: Budget) -> None:
        """Get a session."""
        request = HttpRequest("POST", "login", {}, msgspec.json.encode({"password": self.password}))
        answer = await self.http.call(request, budget)
        self.understood(answer, request)
        self.session = msgspec.json.decode(answer.body, type=Said).session

    async def has(self, item: str, budget: Budget) -> tuple[bool, HttpAnswer, HttpRequest]:
        """Whether the upstream holds an item."""
        request = HttpRequest("GET", f"/items/{item}")
        answer = await self.http.call(request, budget)
        return self.understood(answer, request) == "done" and b"true" in answer.body, answer, request

    def understood(self, answer: HttpAnswer, request: HttpRequest) -> str:
        """The family of the answer; raises what it means."""
        exchange = self.http.exchange(request, answer)
        refused = refusal(answer, exchange)
        if refused is not None:
            raise refused
        try:
            code = msgspec.json.decode(answer.body, type=Said).code
        except msgspec.MsgspecError:
            raise AnswerUnreadable(exchange=exchange) from None
        family = self.families.get(str(code), self.families["*"])
        if family == "rejected":
            raise Rejected(f"Mã {code}", exchange=exchange)
        return family
