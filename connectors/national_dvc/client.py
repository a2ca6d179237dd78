"""One method for each service of the portal, over one shared session. Business words live elsewhere.

Facts used: one POST for everything with the session in the body (national-portal 1.4), a session of unknown lifetime
whose expiry has no code of its own (1.5), an envelope with quirks (1.6). What an answer means is read from the
profile's outcome table; what a dead connection means is said by `connectors.kit.http`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from connectors.kit.contract import Budget, Kit
from connectors.kit.errors import (
    AnswerUnreadable,
    Busy,
    CredentialsRefused,
    DeliveryError,
    Exchange,
    NotSent,
    OutcomeUnknown,
    Rejected,
)
from connectors.kit.http import HttpAnswer, HttpClient, HttpRequest, refusal
from connectors.kit.redact import quotable
from connectors.kit.roads import Road
from connectors.kit.secrets import SecretRef
from connectors.kit.tokens import Attempt, KeptSecret, Made
from connectors.national_dvc.profiles._mapi.messages import (
    APPEND_ROWS,
    LOGIN,
    LOOK_UP_DOSSIER,
    PERSONAL,
    READ_PROCEDURE,
    SYNC_DOSSIER,
    Answer,
    DongTienDo,
    normal_code,
    read_answer,
)
from connectors.national_dvc.profiles._mapi.outcomes import Conclusion, Family, Operation, Outcomes
from connectors.national_dvc.profiles.mapi_2019.messages import HoSo as HoSo2019
from connectors.national_dvc.profiles.mapi_2023.messages import HoSo as HoSo2023
from mappings.dates import local_date

SECRET_KEYS = ("session", "password", "username")
"""JSON keys whose values never become evidence or text."""

# "Charset" is no standard header, but both known clients send it (facts 1.4).
_HEADERS = {"Accept": "application/json", "Content-Type": "application/json", "Charset": "utf-8"}


NOBODY = "-000000-0000"
"""After `madonvi`: a dossier code that fits the grammar and that no dossier can have."""

_EXPIRED = Conclusion(Family.SESSION_EXPIRED, "Phiên làm việc với cổng đã hết hạn (mã khai trong cấu hình)", known=True)


class Endpoints(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Paths of the portal (facts U1). `/mapi/login` was seen; `/mapi/g` is a recollection [assumed]; `share` is unknown.

    Without `share` no catalogue is asked for, except on a route where each service has a path of its own.
    """

    auth: str = "/mapi/login"
    integration: str = "/mapi/g"
    share: str = ""

    def of(self, operation: Operation) -> str:
        """The path of an operation other than the log-in: catalogues are shared at a path of their own (facts 2.0)."""
        return self.share if operation is Operation.CATALOGUE else self.integration


class SessionRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long a session is kept (facts U6: 540 s, as the one known client keeps it 10 minutes), and codes that end it.

    `login` false: the route keeps the session with the portal itself, so calls carry none (an LGSP may; unknown).
    """

    login: bool = True
    ttl_seconds: int = 540
    expired_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """Who we are at the portal. The two secrets are references, resolved at each login so that they can be changed."""

    madonvi: str
    username: SecretRef
    password: SecretRef


@dataclass(frozen=True, slots=True)
class Dialect:
    """Everything that a deployment may have to change: paths, session rules, outcome table."""

    endpoints: Endpoints
    session: SessionRules
    outcomes: Outcomes

    @property
    def expired_codes(self) -> frozenset[str]:
        """The configured codes in the one spelling in which answers are compared: "007" is 7."""
        return frozenset(normal_code(code) for code in self.session.expired_codes)


@dataclass(frozen=True, slots=True)
class Said:
    """A readable answer of the portal: what came, what it means, when, and the evidence."""

    answer: Answer
    conclusion: Conclusion
    at: datetime
    exchange: Exchange

    @property
    def family(self) -> Family:
        """What may be concluded."""
        return self.conclusion.family


class PortalClient:
    """Speaks both `mapi` generations. Raises only `DeliveryError`; an answer that could be read is returned, whatever it says."""

    def __init__(self, *, http: HttpClient, road: Road, kit: Kit, account: Account, dialect: Dialect) -> None:
        self._http = http
        self._kit = kit
        self._account = account
        self._dialect = dialect
        self._road = road
        late = "Chưa gửi: hết thời gian khi chờ đăng nhập vào Cổng."
        self._sessions = KeptSecret(kit, f"{kit.upstream}.session", self._made_session, late)

    def begin(self, budget: Budget) -> Attempt:
        """An attempt that begins now."""
        return Attempt(budget, self._kit.instant())

    async def sync_dossier(self, dossier: HoSo2019 | HoSo2023, *, updating: bool, attempt: Attempt) -> Said:
        """`DongBoHoSoMC`: create, or replace in full (facts 2.6)."""
        operation = Operation.UPDATE if updating else Operation.CREATE
        # Booleans are capitalised strings on this wire (facts 1.4).
        return await self._ask(
            operation, {"service": SYNC_DOSSIER, "isUpdating": str(updating), "data": [dossier]}, attempt
        )

    async def append_rows(self, rows: Sequence[DongTienDo], attempt: Attempt) -> Said:
        """`CapNhatTienDoHoSoMC`: append to the history; not repeatable (facts 2.7)."""
        return await self._ask(Operation.PROGRESS, {"service": APPEND_ROWS, "data": list(rows)}, attempt)

    async def look_up_dossier(self, dossier_code: str, attempt: Attempt) -> Said:
        """`TraCuuHoSo`: the dossier exists iff the result is not empty (facts 2.5)."""
        return await self._ask(Operation.LOOKUP, {"service": LOOK_UP_DOSSIER, "mahoso": dossier_code}, attempt)

    async def read_procedure(self, code: str, attempt: Attempt) -> Said:
        """`LayThuTuc`: everything about one procedure (facts 2.2)."""
        return await self._ask(Operation.PROCEDURE, {"service": READ_PROCEDURE, "maTTHC": code}, attempt)

    async def read_catalogue(self, service: str, attempt: Attempt, parameters: Mapping[str, str]) -> Said:
        """A catalogue as a whole (facts 2.1, 2.3); `parameters` beside the service, where it has some."""
        return await self._ask(Operation.CATALOGUE, {"service": service, **parameters}, attempt)

    async def has_session(self) -> bool:
        """Whether a session is kept."""
        return not self._dialect.session.login or await self._sessions.kept() is not None

    async def sign_in(self, attempt: Attempt) -> None:
        """See to it that there is a session."""
        await self._session(attempt, stale="")

    async def close(self) -> None:
        """Close every connection."""
        await self._road.close()

    async def _ask(self, operation: Operation, body: Mapping[str, object], attempt: Attempt) -> Said:
        """Ask with the shared session; once more with a fresh one where the refusal may be about the session only.

        Facts 1.5: any non-zero code that is no known business code. Rows may not be repeated on a guess, so for them the
        session must be shown to be dead; that proves that nothing was done.
        """
        session, fresh = await self._session(attempt, stale="")
        try:
            said = await self._send(operation, body, session, attempt)
        except CredentialsRefused:
            # HTTP 401 or 403 did nothing, and may be how a dead session looks; to a session made just now it means us.
            if fresh:
                raise
        else:
            if not _about_session(said) or (fresh and said.family is not Family.SESSION_EXPIRED):
                return said
            guessed = said.family is not Family.SESSION_EXPIRED
            if operation is Operation.PROGRESS and guessed and not await self._is_dead(session, attempt):
                return said
        session, _ = await self._session(attempt, stale=session)
        return await self._send(operation, body, session, attempt)

    async def _is_dead(self, session: str, attempt: Attempt) -> bool:
        """Whether a read, which may be repeated, is refused in the same way; a read that fails shows nothing."""
        question = {"service": LOOK_UP_DOSSIER, "mahoso": f"{self._account.madonvi}{NOBODY}"}
        try:
            return _about_session(await self._send(Operation.LOOKUP, question, session, attempt))
        except CredentialsRefused:
            return True
        except DeliveryError:
            return False

    async def _send(self, operation: Operation, body: Mapping[str, object], session: str, attempt: Attempt) -> Said:
        content = {"madonvi": self._account.madonvi, **body}
        if session:
            content = {"session": session, **content}
        request = _request(self._dialect.endpoints.of(operation), str(body["service"]), content)
        answer = await self._road.call(request, self._left(attempt))
        return self._read(operation, request, answer)

    def _read(self, operation: Operation, request: HttpRequest, http: HttpAnswer) -> Said:
        exchange = self._http.exchange(request, http)
        refused = refusal(http, exchange)
        if refused is not None:
            raise refused
        try:
            answer = read_answer(self._road.opened(http.body), plain_allowed=operation is Operation.PROGRESS)
        except AnswerUnreadable as error:
            error.exchange = exchange
            raise
        now = self._kit.now()
        conclusion = self._dialect.outcomes.conclude(operation, answer, local_date(now))
        if answer.code in self._dialect.expired_codes:
            conclusion = _EXPIRED
        return Said(answer, conclusion, now, self._http.exchange(request, http, answer.code))

    async def _session(self, attempt: Attempt, stale: str) -> tuple[str, bool]:
        """The session to use, and whether it was made just now; none at all where the route keeps the session itself."""
        if not self._dialect.session.login:
            return "", True
        return await self._sessions.obtain(attempt, stale)

    def _left(self, attempt: Attempt) -> Budget:
        return attempt.left(self._kit)

    async def _made_session(self, attempt: Attempt) -> Made:
        """Log in. Whatever goes wrong here, the delivery itself was not sent."""
        secrets = {
            "username": self._kit.secret(self._account.username),
            "password": self._kit.secret(self._account.password),
        }
        request = _request(self._dialect.endpoints.auth, LOGIN, secrets)
        try:
            answer = await self._road.call(request, self._left(attempt))
            said = self._read(Operation.LOGIN, request, answer)
        except OutcomeUnknown as error:
            raise NotSent(
                f"Chưa đăng nhập được vào Cổng: {error.message_vi}",
                exchange=error.exchange,
                retry_after_s=error.retry_after_s,
            ) from None
        if said.family is Family.DONE and said.answer.session:
            return Made(said.answer.session, self._dialect.session.ttl_seconds)
        if said.family is Family.CREDENTIALS_REFUSED:
            raise refusal_of(said, secrets.values())
        why = "câu trả lời không có phiên làm việc."
        if said.family is not Family.DONE:
            why = refusal_of(said, secrets.values()).message_vi
        raise NotSent(f"Chưa đăng nhập được vào Cổng: {why}", exchange=said.exchange)


def refusal_of(said: Said, known: Iterable[str] | None = None, people: Iterable[str] = ()) -> DeliveryError:
    """The error behind an answer that is no success, with the portal's own words as far as they may be shown.

    `known` are the personal texts that the portal may have repeated; without it, those of the request. `people` are
    more of them: the portal holds the whole dossier, so it may name somebody of whom this request did not speak.
    """
    personal = (*(_personal(said.exchange.request) if known is None else known), *people)
    text = f"{said.conclusion.meaning_vi} (mã {said.answer.code or 'không có'})."
    words = quotable(said.answer.message, personal).rstrip(".")
    return _KINDS.get(said.family, Rejected)(
        f"{text} Cổng trả lời: «{words}»." if words else text, exchange=said.exchange
    )


_KINDS: Mapping[Family, type[DeliveryError]] = {
    Family.SESSION_EXPIRED: Busy,
    Family.BUSY: Busy,
    Family.UNREADABLE: AnswerUnreadable,
    Family.CREDENTIALS_REFUSED: CredentialsRefused,
}


def _about_session(said: Said) -> bool:
    """Whether an answer says, or may say, that the session is dead."""
    unknown_refusal = said.family is Family.REJECTED and not said.conclusion.known
    return said.family is Family.SESSION_EXPIRED or unknown_refusal


def _request(path: str, service: str, content: Mapping[str, object]) -> HttpRequest:
    return HttpRequest("POST", path, _HEADERS, msgspec.json.encode(content), service=service)


def _personal(request: bytes) -> Iterator[str]:
    """Every personal text in a request of ours."""
    waiting: list[object] = [msgspec.json.decode(request)]
    while waiting:
        tree = waiting.pop()
        if isinstance(tree, list):
            waiting.extend(tree)
        elif isinstance(tree, dict):
            waiting.extend(tree.values())
            yield from (value for key, value in tree.items() if key in PERSONAL and isinstance(value, str))


def before_sending(error: DeliveryError) -> DeliveryError:
    """What an error of a preparing read means for the delivery: nothing of it was sent."""
    if isinstance(error, OutcomeUnknown):
        return NotSent(error.message_vi, exchange=error.exchange, retry_after_s=error.retry_after_s)
    return error
