"""Sổ đăng nhập: each sign-on from its beginning until nothing of it may be kept, and what ends its session later.

Record kind `sign_on`, id = UUIDv7 (the proof of the same id is found by its day): sealed under the day that it began on, since it
holds secrets and, between its return and its redemption, an account. What is over keeps its name and its end and nothing else.
Kind `sign_on_open`, id = one of 64 shelves: which sign-ons still hold something, and until when; ids and times alone, so that a
start finds its work by one query. Kind `sign_on_session`, id = a keyed digest of a provider's `sid` or `sub`: the sign-ons that
its end concerns. Kind `sign_on_logout`, id = a keyed digest of a logout token's `jti`: it was taken once.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from connectors.kit.signing_on import Secrets, Session, Wish
from gateway.journal.model import Record, RecordKey, RecordWrite
from mappings.codec import decode, encode
from mappings.identity import Account

KIND = "sign_on"
OPEN_KIND = "sign_on_open"
SESSION_KIND = "sign_on_session"
LOGOUT_KIND = "sign_on_logout"

_SHELVES = 64
_MOST_OF_ONE = 32
"""Sessions of one person that are remembered: beyond it the oldest ends by its time alone."""


class SignOnState(StrEnum):
    """Where a sign-on stands; the last three are ends, and an end stays."""

    BEGUN = "begun"
    """Chờ người dùng mở liên kết."""
    SENT = "sent"
    """Người dùng đang ở chỗ nhà cung cấp."""
    RETURNING = "returning"
    """Đã quay về; mã đang được đổi, một lần duy nhất."""
    RETURNED = "returned"
    """Đã có tài khoản, chờ hệ thống giải quyết nhận."""
    REDEEMED = "redeemed"
    """Hệ thống giải quyết đã nhận tài khoản; phiên còn được giữ để đăng xuất."""
    FAILED = "failed"
    """Đăng nhập không thành."""
    EXPIRED = "expired"
    """Quá hạn trước khi xong."""
    ENDED = "ended"
    """Phiên đã kết thúc."""


_UNDER_WAY = frozenset({SignOnState.BEGUN, SignOnState.SENT, SignOnState.RETURNING, SignOnState.RETURNED})


@dataclass(frozen=True, slots=True)
class Leaving:
    """A browser on its way out through the provider: what it must bring back, and where it goes then."""

    state: str = field(repr=False)
    return_url: str


@dataclass(frozen=True, slots=True)
class KeptSignOn:
    """One sign-on. `until` bounds the state that it is in; `reason` is a stable code of how it ended.

    The id is no secret. `start_key`, `browser` and `ticket` are SHA-256 (hex) of what the address to start at, the cookie of the
    browser, and whoever redeems, must bring: 256 bits of chance each.
    """

    id: str
    system: str
    upstream: str
    provider: str
    return_url: str
    begun_at: datetime
    until: datetime
    wish: Wish = Wish()
    state: SignOnState = SignOnState.BEGUN
    starts: int = 0
    start_key: str = field(default="", repr=False)
    browser: str = field(default="", repr=False)
    secrets: Secrets | None = None
    ticket: str = field(default="", repr=False)
    account: Account | None = None
    session: Session | None = None
    leaving: Leaving | None = None
    reason: str = ""
    version: int = 0

    @property
    def under_way(self) -> bool:
        """Whether somebody still waits for it."""
        return self.state in _UNDER_WAY

    @property
    def sealed_for(self) -> str:
        """The name of the data key that seals it: one for each day."""
        return f"{KIND}/{self.begun_at:%Y-%m-%d}"

    def next(self) -> KeptSignOn:
        """The same as it stands once it is stored: one version further."""
        return replace(self, version=self.version + 1)

    def over(self, state: SignOnState, reason: str = "", leaving: Leaving | None = None) -> KeptSignOn:
        """The same at its end: secrets, account and session are gone."""
        return replace(
            self,
            state=state,
            reason=reason,
            leaving=leaving,
            start_key="",
            browser="",
            secrets=None,
            ticket="",
            account=None,
            session=None,
        )


@dataclass(frozen=True, slots=True)
class Shelf:
    """Sign-ons that still hold something, each with the end of its time: `waits` for somebody, or `kept` for a logout."""

    waits: Mapping[str, datetime] = field(default_factory=dict)
    kept: Mapping[str, datetime] = field(default_factory=dict)
    version: int = 0

    def put(self, sign_on: KeptSignOn) -> Shelf:
        """The shelf with this sign-on where it belongs now."""
        waits = {name: until for name, until in self.waits.items() if name != sign_on.id}
        kept = {name: until for name, until in self.kept.items() if name != sign_on.id}
        if sign_on.under_way:
            waits[sign_on.id] = sign_on.until
        elif sign_on.session is not None or sign_on.leaving is not None:
            kept[sign_on.id] = sign_on.until
        return replace(self, waits=waits, kept=kept)

    def due(self, now: datetime) -> tuple[str, ...]:
        """Those whose time is over."""
        return tuple(name for held in (self.waits, self.kept) for name, until in held.items() if until <= now)


@dataclass(frozen=True, slots=True)
class SessionBook:
    """The sign-ons of one session, or of one person, at a provider, each with the end of its time.

    `ended_at` is when the provider last said that it is over: a sign-on whose browser was on its way back then is over, too.
    """

    sign_ons: Mapping[str, datetime] = field(default_factory=dict)
    ended_at: datetime | None = None
    version: int = 0

    def put(self, sign_on: KeptSignOn, now: datetime) -> SessionBook:
        """The book with this sign-on in it, without those whose time is over."""
        live = {name: until for name, until in self.sign_ons.items() if until > now and name != sign_on.id}
        newest = sorted(live, key=live.__getitem__)[-(_MOST_OF_ONE - 1) :]
        return replace(self, sign_ons={**{name: live[name] for name in newest}, sign_on.id: sign_on.until})

    def without(self, sign_on_id: str) -> SessionBook:
        """The book once that sign-on is over: who signed on when is not to be read from it any more."""
        return replace(self, sign_ons={name: until for name, until in self.sign_ons.items() if name != sign_on_id})


@dataclass(frozen=True, slots=True)
class TakenLogout:
    """A logout token that was taken."""

    at: datetime


def key(sign_on_id: str) -> RecordKey:
    """Where a sign-on stands."""
    return RecordKey(KIND, sign_on_id)


def shelf_key(sign_on_id: str) -> RecordKey:
    """On which shelf a sign-on lies; the same in every run and on every node."""
    return RecordKey(OPEN_KIND, f"{zlib.crc32(sign_on_id.encode()) % _SHELVES:02}")


def session_key(digest: str) -> RecordKey:
    """Where the sign-ons of a session stand; `digest` is keyed, since a `sub` may be a number that can be guessed."""
    return RecordKey(SESSION_KIND, digest)


def logout_key(digest: str) -> RecordKey:
    """Where it stands that a logout token was taken."""
    return RecordKey(LOGOUT_KIND, digest)


def parse(record: Record) -> KeptSignOn:
    """The sign-on in a stored record."""
    return decode(record.state, KeptSignOn)


def parse_shelf(record: Record | None) -> Shelf:
    """The shelf in a stored record; empty where there is none."""
    return decode(record.state, Shelf) if record is not None else Shelf()


def parse_book(record: Record | None) -> SessionBook:
    """The book in a stored record; empty where there is none."""
    return decode(record.state, SessionBook) if record is not None else SessionBook()


def write(sign_on: KeptSignOn) -> RecordWrite:
    """The record that puts a sign-on in place, one version further."""
    kept = sign_on.next()
    return RecordWrite(key(kept.id), kept.version, encode(kept), sealed_for=kept.sealed_for)


def write_shelf(sign_on_id: str, shelf: Shelf) -> RecordWrite:
    """The record that puts a shelf in place, one version further."""
    kept = replace(shelf, version=shelf.version + 1)
    return RecordWrite(shelf_key(sign_on_id), kept.version, encode(kept))


def write_book(digest: str, book: SessionBook) -> RecordWrite:
    """The record that puts a book in place, one version further."""
    kept = replace(book, version=book.version + 1)
    return RecordWrite(session_key(digest), kept.version, encode(kept))


def write_logout(digest: str, at: datetime) -> RecordWrite:
    """The record that says that a logout token was taken; it can be written once."""
    return RecordWrite(logout_key(digest), 1, encode(TakenLogout(at)))
