"""The course of a sign-on: begun by a system, carried by one browser to a provider and back, redeemed once.

What binds the ends together (identity facts 1.2; RFC 6749 10.12, RFC 9700 4.7): the address to start at carries 256 bits of
chance; the first browser that opens it gets a cookie with as many; the provider gets a state with as many, kept here and
nowhere else; whoever redeems brings a ticket with as many. Each is taken once, and kept as a digest wherever that is enough.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from connectors.kit.errors import DeliveryError, Permanent
from connectors.kit.signing_on import Errand, Secrets, SignedOn, SignOnRefused, Wish
from gateway.audit.events import FieldValue, audit
from gateway.clock import Clock
from gateway.config import Identity
from gateway.identity.books import ACTOR, Books, Moved
from gateway.identity.chance import Chance, Names, chance, digest, is_secret
from gateway.identity.providers import Provider, Providers, not_paused
from gateway.identity.sessions import SignedOff, arrived
from gateway.identity.trouble import Trouble
from gateway.identity.turned_away import TurnedAway
from gateway.journal.model import AuditWrite
from gateway.observe.crash import Reach, never
from gateway.records.sign_ons import KeptSignOn, SignOnState

_MOST_STARTS = 10
COOKIE = "__Host-dang-nhap-"
"""The cookie of one sign-on is named by this and by a digest of its state, so that sign-ons in two tabs do not meet."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What sign-ons stand on. `public_url` has no slash at its end."""

    settings: Identity
    providers: Providers
    books: Books
    names: Names
    trouble: Trouble
    reach: Reach = never
    chance: Chance = chance

    @property
    def public_url(self) -> str:
        """The edge as browsers reach it."""
        return self.settings.public_url.rstrip("/")

    @property
    def clock(self) -> Clock:
        """The gateway's clock."""
        return self.books.clock


@dataclass(frozen=True, slots=True)
class Asked:
    """What a system wants: by which provider, back to which address, how well verified."""

    system: str
    provider: Provider
    return_url: str
    wish: Wish = Wish()


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-on that waits for its browser."""

    kept: KeptSignOn
    start_url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """Where the browser goes, to whom, and the cookie that it takes along for `max_age_s`; `stale` are those it may forget."""

    address: str = field(repr=False)
    cookie: tuple[str, str] = field(repr=False)
    max_age_s: int
    provider: str
    stale: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Back:
    """A browser on its way back to the system that sent it."""

    kept: KeptSignOn
    ticket: str = field(repr=False)


def cookie_name(state: str) -> str:
    """The name of the cookie that belongs to a state."""
    return COOKIE + digest(state)[:24]


def row(kind: str, kept: KeptSignOn, actor: str = ACTOR, **more: FieldValue) -> AuditWrite:
    """A row of the trail about a sign-on: codes and names of ours, nothing of anybody."""
    return audit(kind, actor, "", "", sign_on=kept.id, upstream=kept.upstream, provider=kept.provider, **more)


async def begin(rules: Rules, asked: Asked) -> Begun:
    """A new sign-on, durable; raises `UpstreamUnavailable` while its provider is paused."""
    await not_paused(rules.books.journal, asked.provider)
    now, key = rules.clock.now(), rules.chance()
    kept = KeptSignOn(
        id=rules.clock.new_id(),
        system=asked.system,
        upstream=asked.provider.upstream,
        provider=asked.provider.name,
        return_url=asked.return_url,
        begun_at=now,
        until=now + timedelta(seconds=rules.settings.sign_on_s),
        wish=asked.wish,
        start_key=digest(key),
    )
    wish = asked.wish
    begun = row(
        "identity.sign_on_begun", kept, asked.system, min_ial=wish.min_ial, min_acr=wish.min_acr, fresh=wish.fresh
    )
    kept = await rules.books.move(kept, begun)
    return Begun(kept, f"{rules.public_url}/v1/identity/sign-ons/{kept.id}/start?key={key}")


async def start(rules: Rules, sign_on_id: str, key: str, cookies: Mapping[str, str]) -> Sent:
    """Send a browser to the provider. The first one that comes is the one; it alone may come again, with a new state.

    Raises `TurnedAway`, and `DeliveryError` where the provider cannot be asked: then nothing has changed.
    """
    kept = await rules.books.find(sign_on_id)
    if kept is None or not is_secret(key, kept.start_key):
        raise TurnedAway("unknown_link") if kept is None or kept.under_way else _gone(kept)
    own = [name for name, value in cookies.items() if name.startswith(COOKIE) and value.startswith(f"{kept.id}.")]
    if kept.state is SignOnState.SENT and not any(_is_browser(kept, cookies[name]) for name in own):
        raise TurnedAway("another_browser")
    if kept.state not in (SignOnState.BEGUN, SignOnState.SENT) or kept.starts >= _MOST_STARTS:
        raise _gone(kept)
    if kept.until <= rules.clock.now():
        raise TurnedAway("expired", kept=kept, reason="expired")
    provider = _provider(rules, kept)
    secrets = Secrets(rules.chance(), rules.chance(), rules.chance())
    address = await _begun(rules, provider, provider.errand(rules.public_url, secrets, kept.wish))
    browser = rules.chance()
    sent = replace(kept, state=SignOnState.SENT, starts=kept.starts + 1, browser=digest(browser), secrets=secrets)
    try:
        await rules.books.move(sent, row("identity.sign_on_sent", sent, starts=sent.starts))
    except Moved:
        raise TurnedAway("another_browser") from None
    left = int((kept.until - rules.clock.now()).total_seconds()) + 1
    return Sent(address, (cookie_name(secrets.state), f"{kept.id}.{browser}"), left, kept.provider, tuple(own))


async def come_back(rules: Rules, provider: Provider, params: Mapping[str, str], cookies: Mapping[str, str]) -> Back:
    """A browser comes back from the provider: this very one, with this very state, for the first time.

    Raises `TurnedAway`. Where it carries a sign-on, that one has ended then. Raises `UpstreamUnavailable` where too many wait
    for the provider: then nothing has changed, and the browser may come again.
    """
    state = params.get("state", "")
    if not state:
        raise TurnedAway("no_state")
    carried = cookies.get(cookie_name(state), "")
    kept = await rules.books.find(carried.partition(".")[0])
    if kept is None:
        raise TurnedAway("another_browser")
    if kept.state is not SignOnState.SENT or kept.secrets is None:
        raise _gone(kept)
    # As bytes: what a browser sends may hold letters that no state of ours has.
    if not (hmac.compare_digest(kept.secrets.state.encode(), state.encode()) and _is_browser(kept, carried)):
        raise TurnedAway("another_browser")
    if kept.until <= rules.clock.now():
        raise TurnedAway("expired", kept=kept, reason="expired")
    since = rules.clock.now()
    with provider.places.one():
        # From here on it is used up, whatever comes of it: a code is exchanged at most once (RFC 6749 4.1.2).
        claimed = await _claimed(rules, kept)
        if (kept.upstream, kept.provider) != (provider.upstream, provider.name):
            raise await _failed(rules, claimed, "wrong_provider", "")
        rules.reach("sign_on.claimed")
        signed_on = await _finished(rules, claimed, provider, params)
    return await _returned(rules, claimed, signed_on, since)


async def _claimed(rules: Rules, kept: KeptSignOn) -> KeptSignOn:
    claimed = replace(kept, state=SignOnState.RETURNING)
    try:
        return await rules.books.move(claimed, row("identity.sign_on_claimed", claimed))
    except Moved:
        raise TurnedAway("over") from None


async def _begun(rules: Rules, provider: Provider, errand: Errand) -> str:
    budget = provider.budget(rules.clock)
    try:
        with provider.places.one():
            async with asyncio.timeout(budget.timeout_s):
                return await provider.connector.begin(errand, budget)
    except SignOnRefused as error:
        rules.trouble.tell(provider, error.code, error)
        raise TurnedAway("refused", error.message_vi) from error
    except (DeliveryError, TimeoutError) as error:
        rules.trouble.tell(provider, _code(error), error)
        raise TurnedAway("provider_unavailable") from error


def _code(error: DeliveryError | TimeoutError) -> str:
    return error.code if isinstance(error, DeliveryError) else "no_answer"


async def _finished(rules: Rules, claimed: KeptSignOn, provider: Provider, params: Mapping[str, str]) -> SignedOn:
    """What the connector made of the callback; a sign-on that it makes nothing of has failed."""
    assert claimed.secrets is not None, "a claimed sign-on has its secrets"
    errand = provider.errand(rules.public_url, claimed.secrets, claimed.wish)
    budget = provider.budget(rules.clock)
    try:
        async with asyncio.timeout(budget.timeout_s):
            return await provider.connector.finish(errand, params, budget)
    except SignOnRefused as error:
        rules.trouble.tell(provider, error.code, error)
        raise await _failed(rules, claimed, error.code, error.message_vi) from error
    except (DeliveryError, TimeoutError) as error:
        code = _code(error)
        rules.trouble.tell(provider, code, error)
        told = "refused" if isinstance(error, Permanent) else "provider_unavailable"
        raise await _failed(rules, claimed, code, "", told) from error


async def _failed(rules: Rules, claimed: KeptSignOn, code: str, message_vi: str, told: str = "refused") -> TurnedAway:
    """End it, and say so to the person: with words that repeat nothing of what came."""
    failed = claimed.over(SignOnState.FAILED, code)
    with suppress(Moved):  # its time ran out meanwhile, and it has ended by that
        await rules.books.move(failed, row("identity.sign_on_failed", failed, code=code))
    return TurnedAway(told, message_vi, failed, code)


async def _returned(rules: Rules, claimed: KeptSignOn, signed_on: SignedOn, since: datetime) -> Back:
    ticket, account = rules.chance(), signed_on.account
    returned = replace(
        claimed,
        state=SignOnState.RETURNED,
        until=rules.clock.now() + timedelta(seconds=rules.settings.ticket_s),
        browser="",
        start_key="",
        secrets=None,
        ticket=digest(ticket),
        account=account,
        session=signed_on.session,
    )
    told = row(
        "identity.sign_on_returned",
        returned,
        account=account.kind.value,
        ial=account.assurance.ial,
        missing=account.missing,
    )
    try:
        kept = await rules.books.move(returned, told, partial(arrived, rules.books, rules.names, returned, since))
    except Moved:
        raise TurnedAway("expired") from None
    except SignedOff:
        raise await _failed(rules, claimed, "signed_off", "") from None
    rules.reach("sign_on.returned")
    return Back(kept, ticket)


def _gone(kept: KeptSignOn) -> TurnedAway:
    """A sign-on that nobody can carry on with."""
    return TurnedAway("expired" if kept.state is SignOnState.EXPIRED else "over")


def _provider(rules: Rules, kept: KeptSignOn) -> Provider:
    found = rules.providers.chosen(kept.provider)
    if found is None or found.upstream != kept.upstream:
        raise TurnedAway("over")  # it was switched off while the sign-on was under way
    return found


def _is_browser(kept: KeptSignOn, carried: str) -> bool:
    """Whether a cookie is that of the browser that carries the sign-on."""
    sign_on_id, _, secret = carried.partition(".")
    return sign_on_id == kept.id and is_secret(secret, kept.browser)
