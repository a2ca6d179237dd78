"""By which names a provider's own end of a session finds the sign-ons that it concerns."""

from __future__ import annotations

from datetime import datetime

from connectors.kit.signing_on import Session
from gateway.errors import GatewayError
from gateway.identity.books import Books
from gateway.identity.chance import Names
from gateway.journal.model import RecordWrite
from gateway.records import sign_ons
from gateway.records.sign_ons import KeptSignOn


def digests(names: Names, provider: str, sid: str, sub: str) -> tuple[str, ...]:
    """The digests of a session's names, the closest first: a token that names a `sid` ends that session and no other.

    Source: OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.7.
    """
    return tuple(names.of(kind, provider, value) for kind, value in (("sid", sid), ("sub", sub)) if value)


class SignedOff(GatewayError):
    """Nhà cung cấp vừa kết thúc phiên của người đang trên đường quay về."""


async def arrived(books: Books, names: Names, kept: KeptSignOn, since: datetime) -> tuple[RecordWrite, ...]:
    """The books with a sign-on that has just returned; raises `SignedOff` where its session ended after `since`."""
    session = kept.session or Session(kept.provider)
    for digest in digests(names, kept.provider, session.sid, session.sub):
        ended_at = sign_ons.parse_book(await books.journal.record(sign_ons.session_key(digest))).ended_at
        if ended_at is not None and ended_at >= since:
            raise SignedOff
    return await remembered(books, names, kept)


async def remembered(books: Books, names: Names, kept: KeptSignOn) -> tuple[RecordWrite, ...]:
    """The books in which a sign-on stands under the names of its session, read afresh."""
    session, writes = kept.session or Session(kept.provider), []
    for digest in digests(names, kept.provider, session.sid, session.sub):
        book = sign_ons.parse_book(await books.journal.record(sign_ons.session_key(digest)))
        writes.append(sign_ons.write_book(digest, book.put(kept, books.clock.now())))
    return tuple(writes)


async def forgotten(books: Books, names: Names, kept: KeptSignOn) -> tuple[RecordWrite, ...]:
    """The same books without a sign-on that is over, read afresh.

    A name of a person, though a digest, beside the ids of sign-ons would tell for ever when that person signed on.
    """
    session, writes = kept.session or Session(kept.provider), []
    for digest in digests(names, kept.provider, session.sid, session.sub):
        book = sign_ons.parse_book(await books.journal.record(sign_ons.session_key(digest)))
        if kept.id in book.sign_ons:
            writes.append(sign_ons.write_book(digest, book.without(kept.id)))
    return tuple(writes)
