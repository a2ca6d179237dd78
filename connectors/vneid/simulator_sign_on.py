"""HTTP in front of a simulated identity provider: the pages and redirects of a browser, and the endpoints for servers.

Every call goes through the fault plan under the names authorize, login, sign_in, token, userinfo, jwks, discovery, par,
introspect, revoke and logout, with the provider's name in its summary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from connectors.kit.faults import Fault
from connectors.kit.simulation import Call, Simulation
from connectors.vneid import simulator_pages as pages
from connectors.vneid.simulator_clients import Presented
from connectors.vneid.simulator_logout import Farewell
from connectors.vneid.simulator_options import TITLES
from connectors.vneid.simulator_pages import Form
from connectors.vneid.simulator_persons import Person
from connectors.vneid.simulator_provider import Params, Pending, Provider, Unauthorized
from connectors.vneid.simulator_tokens import Desk, Reply

COOKIE = "commonAuthId"
_REFUSED = "Tên đăng nhập hoặc mật khẩu không đúng, hoặc tài khoản bị khóa."
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class SignOnFront:
    """The endpoints of one provider. `base_url`: the simulator's own address, where it is not the one that was called."""

    provider: Provider
    simulation: Simulation
    base_url: str = ""

    def mount(self, app: web.Application) -> None:
        """Add the provider's paths."""
        path, routes = self.provider.options.path, app.router
        routes.add_get(path("authorize"), self.authorize)
        routes.add_post(path("authorize"), self.authorize)
        routes.add_get(path("login"), self.login)
        routes.add_post(path("login"), self.sign_in)
        routes.add_post(path("token"), self.token)
        routes.add_get(path("userinfo"), self.userinfo)
        routes.add_post(path("userinfo"), self.userinfo)
        routes.add_get(path("jwks"), self.jwks)
        routes.add_get(path("discovery"), self.discovery)
        routes.add_get(
            f"/{self.provider.options.name}/oauth2/oidcdiscovery/.well-known/openid-configuration", self.discovery
        )
        routes.add_post(path("par"), self.push)
        routes.add_post(path("introspect"), self.introspect)
        routes.add_post(path("revoke"), self.revoke)
        routes.add_get(path("logout"), self.logout)
        routes.add_post(path("logout"), self.sign_out)

    async def authorize(self, request: web.Request) -> web.StreamResponse:
        """The authorization endpoint: to the login page, or straight back."""
        params = await _params(request)

        async def work(_fault: Fault | None) -> web.Response:
            return self._authorized(request, params)

        return await self._play(request, "authorize", work, bool(params.get("code_challenge")))

    async def login(self, request: web.Request) -> web.StreamResponse:
        """The login page."""

        async def work(_fault: Fault | None) -> web.Response:
            pending = self.provider.living(request.query.get("sessionDataKey", ""))
            return self._gone() if pending is None else self._login_page(pending)

        return await self._play(request, "login", work)

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """What the person typed: on with a code, a second factor, or the page again."""
        form = await _form(request)

        async def work(_fault: Fault | None) -> web.Response:
            pending = self.provider.living(form.get("sessionDataKey", ""))
            return self._gone() if pending is None else self._typed(request, pending, form)

        return await self._play(request, "sign_in", work)

    async def token(self, request: web.Request) -> web.StreamResponse:
        """The token endpoint."""
        return await self._served(request, "token", Desk.exchange)

    async def userinfo(self, request: web.Request) -> web.StreamResponse:
        """Userinfo, by GET or POST."""

        async def work(_fault: Fault | None) -> web.Response:
            return _replied(self._desk(request).userinfo(self._presented(request)))

        return await self._play(request, "userinfo", work)

    async def jwks(self, request: web.Request) -> web.StreamResponse:
        """The published keys."""

        async def work(_fault: Fault | None) -> web.Response:
            return _replied(Reply(200, self._desk(request).jwks()))

        return await self._play(request, "jwks", work)

    async def discovery(self, request: web.Request) -> web.StreamResponse:
        """The provider's description of itself."""

        async def work(_fault: Fault | None) -> web.Response:
            return _replied(Reply(200, self._desk(request).discovery()))

        return await self._play(request, "discovery", work)

    async def push(self, request: web.Request) -> web.StreamResponse:
        """Pushed authorization requests."""
        return await self._served(request, "par", Desk.push)

    async def introspect(self, request: web.Request) -> web.StreamResponse:
        """Introspection."""
        return await self._served(request, "introspect", Desk.introspect)

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        """Revocation."""
        return await self._served(request, "revoke", Desk.revoke)

    async def logout(self, request: web.Request) -> web.StreamResponse:
        """RP-initiated logout: done with a genuine hint, asked about without one."""

        async def work(_fault: Fault | None) -> web.Response:
            return await self._logged_out(request, dict(request.query), sure=False)

        return await self._play(request, "logout", work)

    async def sign_out(self, request: web.Request) -> web.StreamResponse:
        """The person's yes to the question, or a client's request by POST."""
        form = {**request.query, **await _form(request)}

        async def work(_fault: Fault | None) -> web.Response:
            if form.get("decision") == "deny":
                return _page(pages.note(self._title, "Đăng xuất", "Bạn vẫn đang đăng nhập."))
            return await self._logged_out(request, form, sure=form.get("decision") == "allow")

        return await self._play(request, "logout", work)

    def scripted(self, base: str, params: Params, person: Person | None) -> str:
        """What a person does with a browser, done here: an authorization request through to the callback's address.

        Nobody for a person: they press "Hủy". Raises `Unauthorized`.
        """
        issuer = self.provider.options.issuer_at(self.base_url or base)
        pending = self.provider.asked(params)
        fault = self.provider.fault(pending)
        if fault is not None:
            return self.provider.refused(pending, *fault, issuer)
        if person is None:
            return self.provider.refused(pending, "access_denied", "User denied the consent", issuer)
        return self.provider.granted(pending, self.provider.begun(person, self._methods), issuer)

    @property
    def _title(self) -> str:
        return TITLES[self.provider.options.profile]

    @property
    def _methods(self) -> tuple[str, ...]:
        return ("pwd", "otp") if self.provider.options.otp else ("pwd",)

    def _base(self, request: web.Request) -> str:
        return self.base_url or f"{request.scheme}://{request.host}"

    def _issuer(self, request: web.Request) -> str:
        return self.provider.options.issuer_at(self._base(request))

    def _desk(self, request: web.Request) -> Desk:
        return Desk(self.provider, self._base(request))

    def _presented(self, request: web.Request) -> Presented:
        """What the headers of a call prove; several proofs are none (RFC 9449 4.3)."""
        proofs = request.headers.getall("DPoP", [])
        proof = proofs[0] if len(proofs) == 1 else ""
        address = self._base(request) + request.path
        return Presented(request.headers.get("Authorization", ""), proof, request.method, address)

    async def _play(
        self, request: web.Request, operation: str, work: Any, pkce: bool | None = None
    ) -> web.StreamResponse:
        summary: dict[str, object] = {"provider": self.provider.options.name}
        if pkce is not None:
            summary["pkce"] = pkce
        return await self.simulation.play(Call(request, operation, summary), work)

    async def _served(
        self, request: web.Request, operation: str, serve: Callable[[Desk, Params, Presented], Reply]
    ) -> web.StreamResponse:
        """One endpoint for servers that takes a form and a client's proof."""
        form, presented = await _form(request), self._presented(request)
        is_form = request.content_type == _FORM

        async def work(_fault: Fault | None) -> web.Response:
            if not is_form:
                return _replied(Reply(400, {"error": "invalid_request", "error_description": f"{_FORM} expected"}))
            return _replied(serve(self._desk(request), form, presented))

        return await self._play(request, operation, work)

    def _authorized(self, request: web.Request, params: Params) -> web.Response:
        provider, issuer = self.provider, self._issuer(request)
        try:
            pending = provider.asked(params)
        except Unauthorized as refused:
            return self._unauthorized(refused)
        fault = provider.fault(pending)
        if fault is not None:
            return _to(provider.refused(pending, *fault, issuer))
        ordered = provider.account_of_order()
        session = provider.signed_on_before(pending, request.cookies.get(COOKIE, ""))
        if ordered is not None:
            session = provider.begun(ordered, self._methods)
        if session is not None:
            return self._remembering(request, _to(provider.granted(pending, session, issuer)), session.sid)
        if "none" in pending.params.get("prompt", "").split():
            return _to(provider.refused(pending, "login_required", "Authentication required", issuer))
        return _to(f"{provider.options.path('login')}?sessionDataKey={pending.key}")

    def _typed(self, request: web.Request, pending: Pending, form: Params) -> web.Response:
        provider, issuer = self.provider, self._issuer(request)
        if form.get("decision") == "deny":
            return _to(provider.refused(pending, "access_denied", "User denied the consent", issuer))
        person = pending.passed
        if person is None:
            person = provider.known(form.get("username", ""), form.get("password", ""))
            if person is None:
                return self._login_page(pending, _REFUSED)
            if provider.options.otp:
                pending.passed = person
                return self._second_page(pending)
        elif form.get("otp", "") != provider.options.otp:
            return self._second_page(pending, "Mã xác thực không đúng.")
        session = provider.begun(person, self._methods)
        return self._remembering(request, _to(provider.granted(pending, session, issuer)), session.sid)

    async def _logged_out(self, request: web.Request, params: Params, *, sure: bool) -> web.Response:
        farewell = Farewell(self.provider, self._issuer(request))
        try:
            ending = farewell.asked(params, request.cookies.get(COOKIE, ""))
        except Unauthorized as refused:
            return self._unauthorized(refused)
        if ending.sessions and not (ending.certain or sure):
            # What was asked for travels on in the address of the form.
            form = Form(f"{self.provider.options.path('logout')}?{request.query_string}", "", self._title)
            return _page(pages.farewell_question(form))
        await farewell.tell(farewell.ended(ending.sessions))
        answer = (
            _to(ending.address) if ending.address else _page(pages.note(self._title, "Đăng xuất", "Bạn đã đăng xuất."))
        )
        answer.del_cookie(COOKIE, path=f"/{self.provider.options.name}")
        return answer

    def _remembering(self, request: web.Request, answer: web.Response, sid: str) -> web.Response:
        path = f"/{self.provider.options.name}"
        answer.set_cookie(COOKIE, sid, path=path, httponly=True, samesite="Lax", secure=request.scheme == "https")
        return answer

    def _login_page(self, pending: Pending, fault: str = "") -> web.Response:
        options = self.provider.options
        form = Form(options.path("login"), pending.key, self._title, fault)
        accounts = [one.username for one in self.provider.people.persons.values() if one.account is not None]
        return _page(pages.login(form, pending.client.client_id, accounts, options.password), 401 if fault else 200)

    def _second_page(self, pending: Pending, fault: str = "") -> web.Response:
        form = Form(self.provider.options.path("login"), pending.key, self._title, fault)
        return _page(pages.second_factor(form), 401 if fault else 200)

    def _unauthorized(self, refused: Unauthorized) -> web.Response:
        self.provider.count("unauthorized")
        return _page(pages.note(self._title, "Yêu cầu không hợp lệ", str(refused), fault=True), 400)

    def _gone(self) -> web.Response:
        text = "Phiên đăng nhập này đã hết hạn hoặc đã dùng. Hãy quay lại ứng dụng và đăng nhập lại."
        return _page(pages.note(self._title, "Hết hạn", text, fault=True), 400)


async def _form(request: web.Request) -> dict[str, str]:
    return dict(parse_qsl((await request.read()).decode("utf-8", "replace"), keep_blank_values=True))


async def _params(request: web.Request) -> dict[str, str]:
    return dict(request.query) if request.method == "GET" else await _form(request)


def _to(address: str) -> web.Response:
    """The browser goes on, by GET whatever brought it here."""
    return web.Response(status=303, headers={"Location": address, "Cache-Control": "no-store"})


def _page(html: str, status: int = 200) -> web.Response:
    return web.Response(status=status, text=html, content_type="text/html", charset="utf-8", headers=pages.HEADERS)


def _replied(reply: Reply) -> web.Response:
    raw = reply.body.encode() if isinstance(reply.body, str) else msgspec.json.encode(reply.body)
    headers: Mapping[str, str] = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    if reply.nonce:
        headers = {**headers, "DPoP-Nonce": reply.nonce}
    if reply.challenge:
        headers = {**headers, "WWW-Authenticate": reply.challenge}
    return web.Response(status=reply.status, body=raw, content_type=reply.media_type, headers=headers)
