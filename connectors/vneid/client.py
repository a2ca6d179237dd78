"""One question to the population database over the configured route: sent, and read as an answer or as signals.

No body becomes evidence: of each only its length and SHA-256 are kept (identity facts 5, "Masking"). What a signal means is
said by `profiles/dancu/outcomes.csv`; what a dead connection means by `connectors.kit.http`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from connectors.kit.contract import Budget, Kit
from connectors.kit.errors import AnswerUnreadable, DeliveryError, Exchange
from connectors.kit.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest, retry_after_s
from connectors.kit.soap.port import Answer, Port, Reading
from connectors.kit.soap.reading import NotSoap, SoapFault
from connectors.kit.tokens import Attempt
from connectors.vneid.population_routes import Outgoing, Routing, WireQuestion, routing, token_of
from connectors.vneid.population_settings import MAX_ANSWER_BYTES, PopulationSettings, XRoadSoap
from connectors.vneid.population_token import PopulationToken
from connectors.vneid.profiles.dancu.outcomes import Signal

CONTRACT = Path(__file__).parent / "profiles" / "dancu" / "contract"
"""The WSDL and its schemas, as package data (identity facts 6)."""
WSDL = CONTRACT / "dancu-service.wsdl"

_READING = Reading(by="local_names", many=frozenset({"CongDan"}))
# A facade's JSON escapes what the envelope in it says: at most twice as long, for the quotes and line ends of an envelope.
_MAX_BYTES = 2 * MAX_ANSWER_BYTES
_TELLING = frozenset({401, 403, 429})
"""Statuses that say more than the fault beside them."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back: an answer, or what somebody on the way said instead, the most telling first."""

    exchange: Exchange
    answer: Answer | None = field(default=None, repr=False)
    signals: tuple[Signal, ...] = ()
    retry_after_s: float | None = None


class PopulationClient:
    """Asks over one route. Raises only `DeliveryError`; an answer or a fault that could be read is returned."""

    def __init__(self, settings: PopulationSettings, kit: Kit) -> None:
        """Raises `ContractChanged` for an address that must not be used, and what `Kit.secret` raises."""
        self._kit = kit
        options = HttpOptions(
            allow_plain=settings.allow_plain,
            ca_file=settings.ca_file,
            client_cert_file=settings.client_cert_file,
            client_key_file=settings.client_key_file,
            proxy=settings.proxy,
            max_answer_bytes=_MAX_BYTES,
        )
        self._http = HttpClient(base_url=settings.base_url, kit=kit, options=options)
        wanted = token_of(settings.route)
        self._token = PopulationToken(wanted, kit, options) if wanted is not None else None
        binding = "DanCuXRoadBinding" if isinstance(settings.route, XRoadSoap) else "DanCuDirectBinding"
        self._routing: Routing = routing(settings, Port.load(WSDL, binding, _READING), kit)

    async def ask(self, question: WireQuestion, budget: Budget) -> Heard:
        """What was heard. HTTP 401 to a kept token did nothing and may be its end: one new token, one repeat."""
        attempt = Attempt(budget, self._kit.instant())
        if self._token is None:
            return await self._sent(self._routing.prepare(question, self._kit.now(), ""), attempt)
        # What cannot be said is found out before a token is asked for.
        self._routing.prepare(question, self._kit.now(), "-")
        token, fresh = await self._token.obtain(attempt)
        heard = await self._sent(self._routing.prepare(question, self._kit.now(), token), attempt)
        if heard.exchange.http_status != 401 or fresh:
            return heard
        token, _ = await self._token.obtain(attempt, stale=token)
        return await self._sent(self._routing.prepare(question, self._kit.now(), token), attempt)

    async def reach(self, path: str, budget: Budget) -> HttpAnswer:
        """Any answer at all from the address: a GET without data, for the probe. Raises what `HttpClient.call` raises."""
        return await self._http.call(HttpRequest("GET", path), budget)

    async def sign_in(self, budget: Budget) -> None:
        """See to it that there is a token, where the route has one."""
        if self._token is not None:
            await self._token.obtain(Attempt(budget, self._kit.instant()))

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()
        if self._token is not None:
            await self._token.close()

    async def _sent(self, outgoing: Outgoing, attempt: Attempt) -> Heard:
        try:
            answer = await self._http.call(outgoing.request, attempt.left(self._kit))
        except DeliveryError as error:
            error.exchange = _evidence(outgoing.request, error.exchange.response, error.exchange.http_status)
            raise
        exchange = _evidence(outgoing.request, answer.body, answer.status)
        try:
            read = outgoing.read(answer)
        except NotSoap as error:
            if 200 <= answer.status < 300:
                raise AnswerUnreadable(error.message_vi, exchange=exchange) from None
            read = Signal("http", str(answer.status))
        return _heard(read, answer, exchange)


def _heard(read: Answer | Signal, answer: HttpAnswer, exchange: Exchange) -> Heard:
    fine = 200 <= answer.status < 300
    if isinstance(read, Answer) and read.fault is None and fine:
        return Heard(exchange, answer=read)
    own: tuple[Signal, ...] = ()
    if isinstance(read, Signal):
        own = (read,)
    elif read.fault is not None:
        own = _fault_signals(read.fault)
    return Heard(exchange, signals=_in_order(own, answer.status), retry_after_s=retry_after_s(answer.headers))


def _in_order(own: tuple[Signal, ...], status: int) -> tuple[Signal, ...]:
    """The most telling first: a code of the database or the LGSP, a status that says why, a fault, any status but success."""
    said = (Signal("http", str(status)),) if not 200 <= status < 300 else ()
    codes = tuple(signal for signal in own if signal.kind != "fault")
    faults = tuple(signal for signal in own if signal.kind == "fault")
    return (*codes, *said, *faults) if status in _TELLING else (*codes, *faults, *said)


def _fault_signals(fault: SoapFault) -> tuple[Signal, ...]:
    """The database's own code first, where the fault brings one (facts 2.7); then what kind of fault it is."""
    own = fault.detailed("MaLoi")
    words = " ".join(text for text in (fault.text, fault.detailed("MoTa")) if text)
    if not fault.technical:
        return (Signal("business", fault.code, words),)
    machine = fault.text if "Proxy" in fault.code and words == fault.text and not own else ""
    technical = Signal("fault", fault.code, words, machine)
    return (Signal("business", own, words), technical) if own else (technical,)


def _evidence(request: HttpRequest, response: bytes, status: int) -> Exchange:
    return Exchange(request=_digest(request.body), response=_digest(response), http_status=status)


def _digest(body: bytes) -> bytes:
    """Length and SHA-256 in place of a body that speaks of a person."""
    return f"{len(body)} byte, sha256:{hashlib.sha256(body).hexdigest()}".encode() if body else b""
