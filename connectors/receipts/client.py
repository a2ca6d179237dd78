"""The two services of the receipt provider, spoken to in SOAP: issue, and find what was issued.

Evidence of a call is the receipt's own XML or its key, and the answer: what signs us in never becomes evidence.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.kit.contract import Budget, Kit
from connectors.kit.errors import AnswerUnreadable, CannotMap, DeliveryError, Exchange
from connectors.kit.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest, retry_after_s
from connectors.kit.soap.lexical import CannotBuild
from connectors.kit.soap.port import Port, Reading, Spoken
from connectors.kit.soap.reading import NotSoap
from connectors.receipts.profiles.vnpt.answers import NotIssued, error_code, read_fetched, read_published
from connectors.receipts.profiles.vnpt.mapping import Publication
from connectors.receipts.profiles.vnpt.messages import FETCH, FETCH_PDF, PUBLISH, Issued
from connectors.receipts.settings import Settings

WSDL = Path(__file__).parent / "profiles" / "vnpt" / "contract" / "receipts.wsdl"
_MAX_BYTES = 1_048_576
_PDF = b"%PDF-"


@dataclass(frozen=True, slots=True)
class Heard:
    """What the service said: a receipt, or a code in its place (`ERR:13`, `fault`, a status, "" for nothing known)."""

    exchange: Exchange
    issued: Issued | None = None
    code: str = ""
    retry_after_s: float | None = field(default=None, compare=False)


class ReceiptClient:
    """Calls the services. Raises only `DeliveryError`; every answer that can be read is returned."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        """Raises `ContractChanged` for an address that must not be used."""
        self._settings, self._kit = settings, kit
        options = HttpOptions(
            allow_plain=settings.allow_plain,
            ca_file=settings.ca_file,
            proxy=settings.proxy,
            max_answer_bytes=_MAX_BYTES,
        )
        self._http = HttpClient(base_url=settings.base_url, kit=kit, options=options)
        reading = Reading(by="local_names")
        portal = Port.load(WSDL, "PortalServiceSoap", reading)
        self._publish = Port.load(WSDL, "PublishServiceSoap", reading).speak(PUBLISH)
        self._document = portal.speak(FETCH_PDF)
        self._fetch = portal.speak(FETCH) if settings.lookup == "xml" else self._document

    async def publish(self, receipt: Publication, budget: Budget) -> Heard:
        """Have a receipt issued. What went out is either issued under its key or not at all."""
        fields = {
            "Account": self._settings.account,
            "ACpass": self._kit.secret(self._settings.account_password),
            "xmlInvData": receipt.xml,
            "username": self._settings.username,
            "password": self._kit.secret(self._settings.password),
            "pattern": receipt.pattern,
            "serial": receipt.serial,
            "convert": self._settings.convert,
        }
        heard, text = await self._said(self._publish, fields, receipt.xml, budget)
        if text is None:
            return heard
        try:
            return Heard(heard.exchange, read_published(text))
        except NotIssued as error:
            return Heard(_coded(heard.exchange, error.code), code=error.code)

    async def fetch(self, fkey: str, budget: Budget) -> Heard:
        """What was issued under a key; where only a PDF can be had, its series and number stay empty."""
        heard, text = await self._said(self._fetch, self._asked(fkey), fkey, budget)
        if text is None:
            return heard
        if self._settings.lookup == "pdf" and _pdf(text):
            return Heard(heard.exchange, Issued(pattern="", serial="", fkey=fkey, number=""))
        try:
            return Heard(heard.exchange, read_fetched(text, fkey))
        except NotIssued as error:
            return Heard(_coded(heard.exchange, error.code), code=error.code)

    async def document(self, fkey: str, budget: Budget) -> tuple[Heard, bytes]:
        """The receipt as its reader gets it, PDF; empty where something else was heard. It is kept nowhere."""
        heard, text = await self._said(self._document, self._asked(fkey), fkey, budget)
        heard = Heard(_coded(Exchange(fkey.encode(), b"", heard.exchange.http_status), heard.code), code=heard.code)
        if text is None:
            return heard, b""
        found = _pdf(text)
        if found:
            return heard, found
        code = error_code(text)
        return Heard(_coded(heard.exchange, code), code=code), b""

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()

    def _asked(self, fkey: str) -> Mapping[str, Any]:
        """The arguments of every question about a key."""
        password = self._kit.secret(self._settings.password)
        return {"fkey": fkey, "userName": self._settings.username, "userPass": password}

    async def _said(
        self, spoken: Spoken, fields: Mapping[str, Any], evidence: str, budget: Budget
    ) -> tuple[Heard, str | None]:
        """One call: the text of its result, or what was heard in its place."""
        try:
            body = spoken.write(fields)
        except CannotBuild as error:
            raise CannotMap(f"Không lập được thông điệp SOAP: {error.message_vi}") from None
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": spoken.action}
        path = self._settings.publish_path if spoken is self._publish else self._settings.portal_path
        try:
            answer = await self._http.call(HttpRequest("POST", path, headers, body), budget)
        except DeliveryError as error:
            error.exchange = Exchange(evidence.encode(), error.exchange.response, error.exchange.http_status)
            raise
        exchange = Exchange(evidence.encode(), answer.body, answer.status)
        wait_s = retry_after_s(answer.headers)
        try:
            read = spoken.read(answer.body)
        except NotSoap as error:
            if 200 <= answer.status < 300:
                raise AnswerUnreadable(f"Dịch vụ biên lai: {error.message_vi}", exchange=exchange) from None
            return Heard(_coded(exchange, str(answer.status)), code=str(answer.status), retry_after_s=wait_s), None
        code = _code_of(answer, faulty=read.fault is not None)
        if code:
            return Heard(_coded(exchange, code), code=code, retry_after_s=wait_s), None
        text = read.body.get(f"{spoken.operation.name}Result") if isinstance(read.body, Mapping) else None
        if not isinstance(text, str) or not text.strip():
            raise AnswerUnreadable("Dịch vụ biên lai trả lời không có kết quả.", exchange=exchange)
        return Heard(exchange), text


def _code_of(answer: HttpAnswer, *, faulty: bool) -> str:
    """A status that says more than the fault beside it, the fault, or any other status but success."""
    fine = 200 <= answer.status < 300
    # SOAP 1.1 6.2: a fault comes with 500, so that status says nothing more.
    if faulty and (fine or answer.status == 500):
        return "fault"
    return "" if fine else str(answer.status)


def _coded(exchange: Exchange, code: str) -> Exchange:
    return Exchange(exchange.request, exchange.response, exchange.http_status, code)


def _pdf(text: str) -> bytes:
    """The PDF in a result, empty where it is none."""
    try:
        found = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
    return found if found.startswith(_PDF) else b""
