"""HTTP in and out of sign-ons for browsers and providers: strangers, each of whom must bring what was given to it alone.

A browser that cannot go on sees a page in Vietnamese (`pages.py`); nothing that came in is ever shown, sent on or logged.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from connectors.kit.contract import NotGenuine, Reply
from connectors.kit.signing_on import SignOnRefused
from gateway.coordination.gcra import RateLimit
from gateway.errors import IntakeError, TooManyRequests
from gateway.identity import pages
from gateway.identity.providers import Count, Provider
from gateway.identity.sign_on_ends import BackChannel, logged_out
from gateway.identity.sign_on_handlers import SIGN_ONS
from gateway.identity.sign_ons import Rules, come_back, cookie_name, start
from gateway.identity.turned_away import TurnedAway
from gateway.intake.endpoints import RefusedNotice
from gateway.intake.peers import Proxies
from gateway.intake.result_handlers import PeerLimit
from gateway.intake.validate import read_body
from mappings.codec import encode

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 32
_SEE_OTHER = 303
Step = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class EdgeWindow:
    """How calls are read on the edge: a body's bound, and how long it may take."""

    max_body_bytes: int
    body_timeout_s: float


class SignOnEdge:
    """The handlers of the edge. Each provider has addresses of its own, so that a callback says who sends it."""

    def __init__(self, rules: Rules, window: EdgeWindow, count: Count) -> None:
        self._rules, self._window, self._count = rules, window, count
        self._back_channel = BackChannel(rules)
        self._proxies = Proxies.of(rules.settings.trusted_proxies)
        per_minute = rules.settings.edge_per_minute
        self._limit = PeerLimit(RateLimit(per_minute / 60, max(1, per_minute // 3)), rules.clock)

    def routes(self) -> list[web.RouteDef]:
        """Method, path and handler of each."""
        found = [web.get(f"{SIGN_ONS}/{{id}}/start", self._for_people(None, self.get_start), allow_head=False)]
        for provider in self._rules.providers.all():
            found += self._of(provider)
        return found

    def _of(self, provider: Provider) -> list[web.RouteDef]:
        async def callback(request: web.Request) -> web.Response:
            return await self.get_callback(provider, request)

        async def back(request: web.Request) -> web.Response:
            return await self.get_logged_out(provider, request)

        async def logout(request: web.Request) -> web.Response:
            return await self.post_logout(provider, request)

        return [
            web.get(provider.callback, self._for_people(provider, callback), allow_head=False),
            web.get(f"{provider.callback}/logged-out", self._for_people(provider, back), allow_head=False),
            web.post(f"{provider.callback}/logout", logout),
        ]

    async def get_start(self, request: web.Request) -> web.Response:
        """`GET /v1/identity/sign-ons/{id}/start`: a cookie for this browser, and on to the provider."""
        key = _once(request).get("key", "")
        sent = await start(self._rules, request.match_info["id"], key, request.cookies)
        answer = _see_other(sent.address)
        for name in sent.stale:
            _forget(answer, name)
        name, value = sent.cookie
        answer.set_cookie(name, value, max_age=sent.max_age_s, path="/", secure=True, httponly=True, samesite="Lax")
        self._count(sent.provider, "sent")
        return answer

    async def get_callback(self, provider: Provider, request: web.Request) -> web.Response:
        """`GET /v1/callbacks/{upstream}/{provider}`: the browser is back, and goes on to the system that sent it."""
        params = _once(request)
        back = await come_back(self._rules, provider, params, request.cookies)
        self._count(provider.name, "returned")
        answer = _see_other(_with(back.kept.return_url, sign_on_id=back.kept.id, ticket=back.ticket))
        _forget(answer, cookie_name(params["state"]))
        return answer

    async def get_logged_out(self, provider: Provider, request: web.Request) -> web.Response:
        """`GET /v1/callbacks/{upstream}/{provider}/logged-out`: back from a logout, and on to where its system wants it."""
        kept = await logged_out(self._rules, provider, _once(request).get("state", ""))
        assert kept.leaving is not None, "a browser that comes back from a logout has somewhere to go"
        return _see_other(_with(kept.leaving.return_url, sign_on_id=kept.id))

    async def post_logout(self, provider: Provider, request: web.Request) -> web.Response:
        """`POST /v1/callbacks/{upstream}/{provider}/logout`: 200, or 400 for a token that is not genuine (2.8)."""
        with provider.notices.one():
            return await self._logout(provider, request)

    async def _logout(self, provider: Provider, request: web.Request) -> web.Response:
        body = await read_body(request, self._window.max_body_bytes, self._window.body_timeout_s)
        try:
            ended = await self._back_channel.take(provider, _form(request.content_type, body))
        except SignOnRefused as error:
            self._count(provider.name, "logout_refused")
            told = encode({"error": "invalid_request"})
            refused = NotGenuine(error.message_vi, code=error.code, reply=Reply(400, told, headers=_REFUSED))
            raise RefusedNotice(provider.upstream, refused) from error
        for _ in ended:
            self._count(provider.name, "ended")
        return web.Response(status=200, headers=_NO_STORE)

    def _for_people(self, provider: Provider | None, step: Step) -> Step:
        """The same step, with a page for a person wherever it cannot go on."""

        async def handle(request: web.Request) -> web.Response:
            try:
                self._limit.take(
                    self._proxies.peer(request.remote or "", request.headers.getall("X-Forwarded-For", []))
                )
                return await step(request)
            except TurnedAway as error:
                return self._turned_away(provider, error)
            except TooManyRequests:
                return self._turned_away(provider, TurnedAway("too_many"))
            except IntakeError:  # the store cannot answer now; nothing has moved
                return self._turned_away(provider, TurnedAway("busy"))

        return handle

    def _turned_away(self, provider: Provider | None, error: TurnedAway) -> web.Response:
        name, upstream = (provider.name, provider.upstream) if provider is not None else ("", "")
        self._count(name, error.code if error.kept is None or error.code == "expired" else "failed")
        words, kept = error.words, error.kept
        back = _with(kept.return_url, sign_on_id=kept.id, error=error.reason) if kept is not None else ""
        body = pages.page(words.title_vi, error.message_vi or words.text_vi, back)
        if words.suspicious:
            reply = Reply(words.status, body, pages.MEDIA_TYPE, pages.HEADERS)
            raise RefusedNotice(upstream, NotGenuine(words.title_vi, code=error.code, reply=reply))
        return web.Response(
            body=body, status=words.status, headers={**pages.HEADERS, **_RETRY.get(words.status, {}), **_HTML}
        )


_NO_STORE: Mapping[str, str] = {"Cache-Control": "no-store"}
_REFUSED: Mapping[str, str] = {"Cache-Control": "no-store", "Content-Language": "vi"}
_HTML = {"Content-Type": pages.MEDIA_TYPE}
_RETRY: Mapping[int, Mapping[str, str]] = {429: {"Retry-After": "60"}, 503: {"Retry-After": "5"}}


def _once(request: web.Request) -> dict[str, str]:
    """The query, each name once (RFC 6749 3.1: parameters must not be included more than once)."""
    query = request.query
    if len(query) != len(set(query)) or len(query) > _MOST_FIELDS:
        raise TurnedAway("no_state")
    return dict(query)


def _form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a form, each once; raises `SignOnRefused`."""
    refused = SignOnRefused("malformed_logout", "Thông báo đăng xuất không đúng dạng.")
    if content_type != _FORM:
        raise refused
    try:
        fields = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise refused from None
    if len(fields) != len({name for name, _ in fields}):
        raise refused
    return dict(fields)


def _with(address: str, **codes: str) -> str:
    """A registered address with codes of ours in its query."""
    parts = urlsplit(address)
    query = "&".join(part for part in (parts.query, urlencode(codes)) if part)
    return urlunsplit(parts._replace(query=query))


def _see_other(address: str) -> web.Response:
    return web.Response(status=_SEE_OTHER, headers={"Location": address, **_NO_STORE, "Referrer-Policy": "no-referrer"})


def _forget(answer: web.Response, name: str) -> None:
    answer.del_cookie(name, path="/", secure=True, httponly=True, samesite="Lax")
