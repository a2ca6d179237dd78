"""HTTP in and out of sign-ons for the resolution system: begun, redeemed, ended. Every request is signed."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from aiohttp import web

from connectors.kit.signing_on import Wish
from gateway.coordination.gcra import RateLimit
from gateway.errors import Fault, Forbidden, Invalid, TooManyRequests
from gateway.identity.asked import NOT_FIT, read_asked
from gateway.identity.chance import CHANCE_LETTERS
from gateway.identity.providers import Count, Provider
from gateway.identity.sign_on_ends import Redeemed, log_out, mine, redeem
from gateway.identity.sign_on_watch import OpenSignOns
from gateway.identity.sign_ons import Asked, Begun, Rules, begin
from gateway.intake.accept import Door
from gateway.intake.authenticate import Caller
from gateway.intake.course import RESOLUTION
from gateway.intake.result_handlers import PeerLimit
from gateway.intake.validate import Asked as Published
from gateway.intake.validate import read_body
from mappings.codec import encode

SIGN_ONS = "/v1/identity/sign-ons"
PROVIDERS = "/v1/identity/providers"
T = TypeVar("T")


class BeginAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sign-on that a system wants, as `sign-on-request.json` publishes it."""

    return_url: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
    provider: Annotated[str, msgspec.Meta(max_length=64)] = ""
    min_ial: Literal[0, 1, 2] = 0
    min_acr: Annotated[str, msgspec.Meta(max_length=64)] = ""
    fresh: bool = False


class RedeemAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ticket that came back with the browser, as `sign-on-redemption.json` publishes it."""

    ticket: Annotated[str, msgspec.Meta(min_length=CHANCE_LETTERS, max_length=CHANCE_LETTERS)]


class LogOutAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the browser shall end up, as `sign-on-logout.json` publishes it."""

    return_url: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]


class SignOnHandlers:
    """The handlers of the internal listener."""

    def __init__(self, door: Door, rules: Rules, opened: OpenSignOns, count: Count) -> None:
        self._door, self._rules, self._opened, self._count = door, rules, opened, count
        per_minute = rules.settings.begins_per_minute
        limit = RateLimit(per_minute / 60, max(1, per_minute // 10))
        self._limit = PeerLimit(limit, door.clock, message_vi="Bắt đầu quá nhiều lượt đăng nhập; hãy gửi lại sau.")

    def routes(self) -> list[web.RouteDef]:
        """Method, path and handler of each."""
        return [
            web.get(PROVIDERS, self.get_providers, allow_head=False),
            web.post(SIGN_ONS, self.post_sign_on),
            web.post(f"{SIGN_ONS}/{{id}}/redeem", self.post_redeem),
            web.post(f"{SIGN_ONS}/{{id}}/logout", self.post_logout),
        ]

    async def get_providers(self, request: web.Request) -> web.Response:
        """`GET /v1/identity/providers`: by which providers people may sign on, and which are paused now."""
        await self._caller(request)
        rows: list[dict[str, object]] = []
        for one in self._rules.providers.all():
            known = await self._door.journal.upstream(one.upstream)
            traits = one.traits
            rows.append(
                {
                    "name": one.name,
                    "title_vi": traits.title_vi,
                    "profile": traits.profile,
                    "default": not rows,
                    "paused": bool(known.paused),
                }
            )
        return _json({"providers": rows})

    async def post_sign_on(self, request: web.Request) -> web.Response:
        """`POST /v1/identity/sign-ons`: a new sign-on; the browser is sent to `start_url`."""
        caller, asked = await self._asked(request, BeginAsked, "sign-on-request")
        provider = self._rules.providers.chosen(asked.provider)
        faults = []
        if provider is None:
            faults.append(Fault("nha_cung_cap_khong_co", "/provider", "Không có nhà cung cấp định danh này."))
        elif asked.min_acr and provider.traits.acr_levels and asked.min_acr not in provider.traits.acr_levels:
            # Nobody could ever reach it, and the person would be told so only after signing on.
            told = f"Giá trị phải là một trong: {', '.join(provider.traits.acr_levels)}."
            faults.append(Fault("gia_tri_khong_co", "/min_acr", told))
        faults += self._unknown_return(asked.return_url)
        if faults or provider is None:
            raise Invalid(NOT_FIT, faults=tuple(faults))
        if self._opened.full():
            raise TooManyRequests("Đang có quá nhiều lượt đăng nhập dở dang; hãy thử lại sau.", retry_after_s=30)
        self._limit.take(caller.system_code)
        wish = Wish(asked.min_ial, asked.min_acr, asked.fresh)
        begun = await begin(self._rules, Asked(caller.system_code, provider, asked.return_url, wish))
        self._opened.one_more()
        self._count(provider.name, "begun")
        return _json(_begun(begun, provider), 201)

    async def post_redeem(self, request: web.Request) -> web.Response:
        """`POST /v1/identity/sign-ons/{id}/redeem`: the account, once, for the ticket."""
        caller, asked = await self._asked(request, RedeemAsked, "sign-on-redemption")
        kept = await mine(self._rules, caller.system_code, request.match_info["id"])
        redeemed = await redeem(self._rules, kept, asked.ticket)
        self._count(kept.provider, "redeemed")
        return _json(_account(redeemed))

    async def post_logout(self, request: web.Request) -> web.Response:
        """`POST /v1/identity/sign-ons/{id}/logout`: end the session here, and where the browser ends it at the provider."""
        caller, asked = await self._asked(request, LogOutAsked, "sign-on-logout-request")
        kept = await mine(self._rules, caller.system_code, request.match_info["id"])
        faults = self._unknown_return(asked.return_url)
        if faults:
            raise Invalid(NOT_FIT, faults=tuple(faults))
        left = await log_out(self._rules, kept, asked.return_url)
        self._count(kept.provider, "ended")
        return _json({"sign_on_id": kept.id, "state": left.kept.state, "logout_url": left.address or None})

    def _unknown_return(self, address: str) -> list[Fault]:
        if address in self._rules.settings.return_urls:
            return []
        told = "Địa chỉ quay về phải là một trong identity.return_urls, đúng từng ký tự."
        return [Fault("dia_chi_khong_dang_ky", "/return_url", told)]

    async def _caller(self, request: web.Request) -> tuple[Caller, bytes]:
        door = self._door
        body = await read_body(request, door.limits.max_body_bytes, door.limits.body_timeout_s)
        caller = await door.reader(door.authenticator.parts(request), body)
        if caller.role != RESOLUTION:
            raise Forbidden("Chỉ hệ thống giải quyết được cho người dùng đăng nhập.")
        return caller, body

    async def _asked(self, request: web.Request, kind: type[T], published: Published) -> tuple[Caller, T]:
        caller, body = await self._caller(request)
        return caller, read_asked(body, kind, published, self._door.limits)


def _begun(begun: Begun, provider: Provider) -> dict[str, object]:
    return {
        "sign_on_id": begun.kept.id,
        "provider": provider.name,
        "title_vi": provider.traits.title_vi,
        "start_url": begun.start_url,
        "expires_at": begun.kept.until,
    }


def _account(redeemed: Redeemed) -> dict[str, object]:
    """The account as it is told: what was not given is empty, and named in `missing`."""
    account = redeemed.account
    organisation = account.organisation
    return {
        "sign_on_id": redeemed.kept.id,
        "provider": account.provider,
        "profile": redeemed.profile,
        "subject_key": account.subject_key,
        "kind": account.kind,
        "id_type": account.id_type,
        "id_number": account.id_number,
        "full_name": account.full_name,
        "birth": str(account.birth) if account.birth is not None else None,
        "email": account.email,
        "phone": account.phone,
        "organisation": organisation,
        "assurance": account.assurance,
        "missing": account.missing,
        "claim_names": account.claim_names,
        "session_until": redeemed.kept.until,
    }


def _json(tree: dict[str, object], status: int = 200) -> web.Response:
    return web.Response(
        body=encode(tree), status=status, content_type="application/json", headers={"Cache-Control": "no-store"}
    )
