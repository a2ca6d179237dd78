"""A carrier at work: the calls of one upstream on the route that the configuration names, with what the route demands.

Direct calls and those through an adapter go out as they are carried. An LGSP (WSO2-style, national-portal facts 1.1 row 3,
1.5, 1.6) wants a token of its own first, exposes each service under its own path, and hands answers on as strings.
"""

from __future__ import annotations

import base64
from typing import Any, Protocol
from urllib.parse import urlencode

import msgspec

from connectors.kit.carriers import Carrier, Direct, Lgsp, XRoadAdapter
from connectors.kit.contract import Budget, Kit
from connectors.kit.errors import ContractChanged, CredentialsRefused, NotSent, OutcomeUnknown, Rejected
from connectors.kit.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest, refusal
from connectors.kit.tokens import Attempt, KeptSecret, Made, granted

TOKEN_KEYS = ("access_token", "refresh_token", "id_token", "client_id", "client_secret")
"""JSON and form keys of a token call whose values never become evidence or text."""

_FORM = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
_LATE = "Chưa gửi: hết thời gian khi chờ lấy mã truy cập của LGSP."


class Road(Protocol):
    """How one upstream is called. `call` raises what `HttpClient.call` raises, and `NotSent` for what the route lacks."""

    async def call(self, request: HttpRequest, budget: Budget) -> HttpAnswer:
        """The upstream's answer, whatever its status and as it came."""
        ...

    def opened(self, body: bytes) -> bytes:
        """The upstream's own answer in what the route made of it."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


def road(carrier: Carrier, http: HttpClient, kit: Kit, options: HttpOptions) -> Road:
    """The road for `carrier`; raises `ContractChanged` for an address that must not be used."""
    return LgspRoad(carrier, http, kit, options) if isinstance(carrier, Lgsp) else PlainRoad(carrier, http)


class PlainRoad:
    """Calls go out as the carrier makes them, answers come back as they are."""

    def __init__(self, carrier: Direct | XRoadAdapter, http: HttpClient) -> None:
        self._carrier = carrier
        self._http = http

    async def call(self, request: HttpRequest, budget: Budget) -> HttpAnswer:
        """One call."""
        return await self._http.call(self._carrier.carry(request), budget)

    def opened(self, body: bytes) -> bytes:
        """Nothing was wrapped."""
        return body

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()


class LgspRoad:
    """Calls go out with the LGSP's token, kept until shortly before it runs out; a refused one is renewed once."""

    def __init__(self, carrier: Lgsp, http: HttpClient, kit: Kit, options: HttpOptions) -> None:
        """Raises `ContractChanged` for a token address that must not be used, and what `Kit.secret` raises."""
        for reference in (carrier.client_id, carrier.client_secret):
            # A missing secret is better found now than at the first token.
            kit.secret(reference)
        self._carrier = carrier
        self._http = http
        self._kit = kit
        self._tokens = HttpClient(base_url=carrier.token_url, kit=kit, options=_with_token_keys(options))
        self._token = KeptSecret(kit, f"{kit.upstream}.lgsp_token", self._made, _LATE)

    async def call(self, request: HttpRequest, budget: Budget) -> HttpAnswer:
        """One call. HTTP 401 to a kept token did nothing and may be its end: one new token, one repeat."""
        attempt = Attempt(budget, self._kit.instant())
        token, fresh = await self._token.obtain(attempt)
        answer = await self._http.call(self._bearing(request, token), attempt.left(self._kit))
        if answer.status != 401 or fresh:
            return answer
        token, _ = await self._token.obtain(attempt, stale=token)
        return await self._http.call(self._bearing(request, token), attempt.left(self._kit))

    def opened(self, body: bytes) -> bytes:
        """The answer inside `{"message": "<answer>"}`, or inside a JSON string; anything else as it is (facts 1.6)."""
        try:
            tree: Any = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return body
        if isinstance(tree, dict) and "error_code" not in tree:
            tree = tree.get("message")
        return tree.encode() if isinstance(tree, str) else body

    async def close(self) -> None:
        """Close every connection, that for tokens too."""
        await self._tokens.close()
        await self._http.close()

    def _bearing(self, request: HttpRequest, token: str) -> HttpRequest:
        carried = self._carrier.carry(request)
        headers = {**carried.headers, "Authorization": f"Bearer {token}"}
        return HttpRequest(carried.method, carried.path, headers, carried.body, carried.query)

    async def _made(self, attempt: Attempt) -> Made:
        """A token by client credentials (RFC 6749, 4.4). Whatever goes wrong here, the call itself was not sent."""
        request = self._token_request()
        try:
            answer = await self._tokens.call(request, attempt.left(self._kit))
            refused = refusal(answer, self._tokens.exchange(request, answer))
            if refused is not None:
                raise refused
        except OutcomeUnknown as error:
            raise NotSent(
                f"Chưa lấy được mã truy cập của LGSP: {error.message_vi}",
                exchange=error.exchange,
                retry_after_s=error.retry_after_s,
            ) from None
        except (CredentialsRefused, Rejected) as error:
            # RFC 6749, 5.2: a client that is not known may be told so by 400 as well as by 401.
            raise CredentialsRefused(
                f"LGSP không cấp mã truy cập cho client_id đã khai: {error.message_vi}", exchange=error.exchange
            ) from None
        except ContractChanged as error:
            raise ContractChanged(
                f"Địa chỉ lấy mã truy cập của LGSP (token_url): {error.message_vi}", exchange=error.exchange
            ) from None
        made = granted(answer.body, self._carrier.default_ttl_s, self._carrier.margin_s)
        if made is None:
            exchange = self._tokens.exchange(request, answer)
            raise NotSent("Chưa lấy được mã truy cập của LGSP: câu trả lời không có access_token.", exchange=exchange)
        return made

    def _token_request(self) -> HttpRequest:
        carrier = self._carrier
        client_id, secret = self._kit.secret(carrier.client_id), self._kit.secret(carrier.client_secret)
        form, headers = {"grant_type": "client_credentials"}, dict(_FORM)
        if carrier.scope:
            form["scope"] = carrier.scope
        if carrier.credentials == "basic":
            # As they are: servers of this kind do not undo the form encoding of RFC 6749, 2.3.1.
            pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        else:
            form |= {"client_id": client_id, "client_secret": secret}
        return HttpRequest("POST", "", headers, urlencode(form).encode())


def _with_token_keys(options: HttpOptions) -> HttpOptions:
    return HttpOptions(
        allow_plain=options.allow_plain,
        ca_file=options.ca_file,
        connect_timeout_s=options.connect_timeout_s,
        connections=1,
        redact=(*options.redact, *TOKEN_KEYS),
    )
