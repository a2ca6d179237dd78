"""The ends of a sign-on: its account handed over once, its session ended here or at the provider, its time run out.

Sources: OpenID Connect RP-Initiated Logout 1.0; Back-Channel Logout 1.0 (2.5 to 2.8); identity facts 1.6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from connectors.kit.errors import DeliveryError
from connectors.kit.signing_on import LoggedOut, SignOnRefused
from gateway.audit.events import audit
from gateway.errors import Conflict, Forbidden, IntakeError, NotFound, UpstreamUnavailable
from gateway.identity.books import ACTOR, Moved
from gateway.identity.chance import digest, is_secret
from gateway.identity.providers import Provider
from gateway.identity.sessions import digests, forgotten, remembered
from gateway.identity.sign_ons import Rules, row
from gateway.identity.turned_away import TurnedAway
from gateway.intake.receipts import answered
from gateway.intake.recording import Recording, recording_intake
from gateway.journal.model import RecordWrite
from gateway.records import identity_proofs, sign_ons
from gateway.records.sign_ons import KeptSignOn, Leaving, SignOnState
from mappings.identity import Account

_NOT_READY = frozenset({SignOnState.BEGUN, SignOnState.SENT, SignOnState.RETURNING})
_WITH_SESSION = frozenset({SignOnState.RETURNED, SignOnState.REDEEMED})
_TRIES = 16
_TAKEN = "Lượt đăng nhập này đã được nhận hoặc đã kết thúc; mỗi lượt chỉ nhận được một lần."


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a system gets for its ticket, once. `until`: how long the session can be ended through us."""

    kept: KeptSignOn
    account: Account
    profile: str


@dataclass(frozen=True, slots=True)
class Left:
    """A session that ended here; `address` ends it at the provider, empty where that offers no way."""

    kept: KeptSignOn
    address: str = field(default="", repr=False)


async def mine(rules: Rules, system: str, sign_on_id: str) -> KeptSignOn:
    """A sign-on of this system; raises `NotFound` for one of another, as for none."""
    kept = await rules.books.find(sign_on_id)
    if kept is None or kept.system != system:
        raise NotFound("Không có lượt đăng nhập này.", code="unknown_sign_on")
    return kept


async def redeem(rules: Rules, kept: KeptSignOn, ticket: str) -> Redeemed:
    """Hand the account over: the proof of it stands, and that it was read is in the trail, before anybody sees it.

    Raises `IntakeError`; of two that come with one ticket, one alone gets it.
    """
    now = rules.clock.now()
    if kept.state is not SignOnState.RETURNED or kept.account is None:
        raise _not_returned(kept, now)
    if not is_secret(ticket, kept.ticket):
        raise Forbidden("Vé nhận tài khoản không đúng.", code="ticket_refused")
    if kept.until <= now:
        raise _expired()
    provider = rules.providers.chosen(kept.provider)
    profile = provider.traits.profile if provider is not None else ""
    account = kept.account
    proof = identity_proofs.write(identity_proofs.of_account(kept.id, kept.system, profile, account, now))
    redeemed = replace(
        kept,
        state=SignOnState.REDEEMED,
        until=now + timedelta(seconds=rules.settings.session_s),
        ticket="",
        account=None,
    )
    told = row("identity.sign_on_redeemed", redeemed, kept.system, account=account.kind.value, fields=_fields(account))

    async def more() -> tuple[RecordWrite, ...]:
        return (proof, *await remembered(rules.books, rules.names, redeemed))

    try:
        after = await rules.books.move(redeemed, told, more)
    except Moved:
        raise Conflict(_TAKEN, code="sign_on_used") from None
    rules.reach("sign_on.redeemed")
    return Redeemed(after, account, profile)


async def log_out(rules: Rules, kept: KeptSignOn, return_url: str) -> Left:
    """End the session here, and say where the browser ends it at the provider; raises `IntakeError`."""
    if kept.under_way:
        early_vi = "Lượt đăng nhập này chưa được nhận tài khoản nên chưa có phiên nào để đăng xuất."
        raise Conflict(early_vi, code="sign_on_not_ready")
    if kept.state is not SignOnState.REDEEMED or kept.session is None:
        raise Conflict("Lượt đăng nhập này không còn phiên nào để đăng xuất.", code="sign_on_over")
    provider, address, leaving = rules.providers.chosen(kept.provider), "", None
    if provider is not None:
        state = f"{kept.id}.{rules.chance()}"
        back = f"{rules.public_url}{provider.callback}/logged-out"
        address = provider.connector.logout_address(kept.session, back, state)
        leaving = Leaving(digest(state), return_url) if address else None
    ended = kept.over(SignOnState.ENDED, "logout", leaving)
    ended = replace(ended, until=rules.clock.now() + timedelta(seconds=rules.settings.sign_on_s))
    try:
        told = row("identity.sign_on_ended", ended, kept.system, reason="logout")
        after = await rules.books.move(ended, told, partial(forgotten, rules.books, rules.names, kept))
    except Moved:
        raise Conflict("Phiên này vừa kết thúc.", code="sign_on_over") from None
    return Left(after, address)


async def logged_out(rules: Rules, provider: Provider, state: str) -> KeptSignOn:
    """The sign-on behind a browser that the provider sends back after a logout, once; raises `TurnedAway` ("goodbye")."""
    kept = await rules.books.find(state.partition(".")[0])
    if kept is None or kept.leaving is None or not is_secret(state, kept.leaving.state):
        raise TurnedAway("goodbye")
    if (kept.upstream, kept.provider) != (provider.upstream, provider.name) or kept.until <= rules.clock.now():
        raise TurnedAway("goodbye")
    try:
        await rules.books.move(
            kept.over(SignOnState.ENDED, kept.reason), row("identity.sign_on_back", kept, reason=kept.reason)
        )
    except Moved:
        raise TurnedAway("goodbye") from None
    return kept


class BackChannel:
    """Takes the provider's own word that sessions have ended; each token once (Back-Channel Logout 1.0, 2.6)."""

    def __init__(self, rules: Rules) -> None:
        self._rules, self._names = rules, rules.names

    async def take(self, provider: Provider, form: Mapping[str, str]) -> tuple[str, ...]:
        """End what the token concerns and return the ids of those sign-ons.

        Raises `SignOnRefused` for a token that is not genuine or was taken before, `UpstreamUnavailable` where it cannot be
        judged now, `JournalUnavailable`.
        """
        told = await self._read(provider, form)
        await self._mark(provider, told)
        concerned = await self._all_concerned(provider, told)
        # Sessions first: a token whose taking was written and whose sessions were not would never be taken again.
        done = [kept.id for kept in concerned if await self._end(kept)]
        token = self._names.of("jti", provider.name, told.jti)
        taken = audit(
            "identity.logout_taken", ACTOR, upstream=provider.upstream, provider=provider.name, ended=len(done)
        )
        await self._once(Recording(records=(sign_ons.write_logout(token, self._rules.clock.now()),), audit=(taken,)))
        return tuple(done)

    async def _read(self, provider: Provider, form: Mapping[str, str]) -> LoggedOut:
        budget = provider.budget(self._rules.clock)
        try:
            async with asyncio.timeout(budget.timeout_s):
                told = await provider.connector.read_logout(provider.name, form, budget)
        except (DeliveryError, TimeoutError) as error:
            raise UpstreamUnavailable("Chưa kiểm tra được thông báo đăng xuất.", retry_after_s=5) from error
        token = self._names.of("jti", provider.name, told.jti)
        if await self._rules.books.journal.record(sign_ons.logout_key(token)) is not None:
            raise SignOnRefused("logout_replayed", "Thông báo đăng xuất này đã được nhận.")
        return told

    async def _mark(self, provider: Provider, told: LoggedOut) -> None:
        """Say in the book that the session is over, before anybody looks who is in it: who comes after that reads it there."""
        (digest, *_), books = digests(self._names, provider.name, told.sid, told.sub), self._rules.books
        for _ in range(_TRIES):
            book = sign_ons.parse_book(await books.journal.record(sign_ons.session_key(digest)))
            marked = sign_ons.write_book(digest, replace(book, ended_at=books.clock.now()))
            try:
                answered(await books.journal.accept(recording_intake("sign_on", ACTOR, Recording(records=(marked,)))))
            except Conflict:
                continue
            return
        raise UpstreamUnavailable("Phiên này đang thay đổi; hãy gửi lại thông báo.", retry_after_s=1)

    async def _all_concerned(self, provider: Provider, told: LoggedOut) -> Sequence[KeptSignOn]:
        """The sign-ons of the session that is named, or of the person.

        A session of which the id_token gave no `sid` cannot be told from the one that is named: it ends with it, since a
        session too few is a log-in more, and a session too many is somebody else at the machine (2.7).
        """
        closest = digests(self._names, provider.name, told.sid, told.sub)[:1]
        concerned = [kept for digest in closest for kept in await self._concerned(digest)]
        if not told.sid or not told.sub:
            return concerned
        (person,) = digests(self._names, provider.name, "", told.sub)
        nameless = [kept for kept in await self._concerned(person) if kept.session is not None and not kept.session.sid]
        return [*concerned, *nameless]

    async def _concerned(self, digest: str) -> Sequence[KeptSignOn]:
        book = sign_ons.parse_book(await self._rules.books.journal.record(sign_ons.session_key(digest)))
        found = [await self._rules.books.find(sign_on_id) for sign_on_id in book.sign_ons]
        return [kept for kept in found if kept is not None and kept.state in _WITH_SESSION]

    async def _end(self, kept: KeptSignOn) -> bool:
        ended = kept.over(SignOnState.ENDED, "provider")
        try:
            told = row("identity.sign_on_ended", ended, reason="provider")
            await self._rules.books.move(ended, told, partial(forgotten, self._rules.books, self._names, kept))
        except Moved:
            return False
        return True

    async def _once(self, recording: Recording) -> None:
        try:
            answered(await self._rules.books.journal.accept(recording_intake("sign_on", ACTOR, recording)))
        except Conflict:
            raise SignOnRefused("logout_replayed", "Thông báo đăng xuất này đã được nhận.") from None


async def expire(rules: Rules, sign_on_id: str) -> bool:
    """Erase what is kept of a sign-on whose time is over; whether there was anything to erase."""
    books = rules.books
    kept, now = await books.find(sign_on_id), books.clock.now()
    if kept is None or kept.until > now or not (kept.under_way or kept.session is not None or kept.leaving is not None):
        return False
    if kept.under_way:
        over = kept.over(SignOnState.EXPIRED)
        told = row("identity.sign_on_expired", over, was=kept.state.value)
    elif kept.session is not None:
        over = kept.over(SignOnState.ENDED, "time")
        told = row("identity.sign_on_ended", over, reason="time")
    else:
        over = kept.over(SignOnState.ENDED, kept.reason)
        told = row("identity.sign_on_back", over, reason="time")
    try:
        await books.move(over, told, partial(forgotten, books, rules.names, kept))
    except Moved:
        return False
    rules.reach("sign_on.expired")
    return True


def _fields(account: Account) -> tuple[str, ...]:
    """Which fields of an account hold something: their names alone."""
    names = ("id_number", "full_name", "birth", "email", "phone", "organisation")
    return tuple(name for name in names if getattr(account, name))


def _not_returned(kept: KeptSignOn, now: datetime) -> IntakeError:
    if kept.state in _NOT_READY and kept.until <= now:
        return _expired()  # nobody comes any more, though the watch has not looked yet
    if kept.state in _NOT_READY:
        return Conflict("Người dùng chưa đăng nhập xong.", code="sign_on_not_ready")
    if kept.state is SignOnState.FAILED:
        return Conflict("Lượt đăng nhập này không thành.", code="sign_on_failed")
    if kept.state is SignOnState.EXPIRED:
        return _expired()
    return Conflict(_TAKEN, code="sign_on_used")


def _expired() -> IntakeError:
    return IntakeError("Lượt đăng nhập đã quá hạn; hãy bắt đầu lại.", code="sign_on_expired", status=410)
