"""The simulated identity provider without its sockets: authorization requests, log-ins, sessions, codes.

Everything that a person's browser does. The calls between servers stand in `simulator_tokens.py`, the end of sessions in
`simulator_logout.py`. Sources: RFC 6749 4.1, RFC 7636, RFC 9126, RFC 9207, OIDC Core 3.1.2; identity facts 1.2, 1.5.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from connectors.vneid.simulator_claims import levels
from connectors.vneid.simulator_jose import KeyRing
from connectors.vneid.simulator_lies import STRANGER, Lie, Lies
from connectors.vneid.simulator_options import ClientOptions, ProviderOptions
from connectors.vneid.simulator_persons import People, Person

Params = Mapping[str, str]
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_MANY = 20_000


class Unauthorized(Exception):
    """The request names no client, or an address that is not the client's: nobody is redirected (RFC 6749 4.1.2.1)."""


@dataclass(slots=True, repr=False)
class Session:
    """A browser that is signed in. `clients` got tokens in it; `methods` is `amr`."""

    sid: str
    person: Person
    at: float
    methods: tuple[str, ...]
    clients: set[str] = field(default_factory=set)


@dataclass(slots=True, repr=False)
class Pending:
    """An authorization request that waits for its person. `passed`: the password was right, the second factor is missing."""

    key: str
    client: ClientOptions
    params: Params
    until: float
    passed: Person | None = None


@dataclass(slots=True, repr=False)
class Grant:
    """A code: for one client, one address and one exchange; `key` is the thumbprint that it is bound to (RFC 9449 10)."""

    client_id: str
    redirect_uri: str
    nonce: str
    challenge: str
    scope: str
    acr: str
    session: Session
    until: float
    key: str = ""
    used: bool = False
    tokens: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, repr=False)
class Access:
    """What an access token stands for; `key` is the thumbprint of whose holder alone may use it."""

    client_id: str
    session: Session
    scope: str
    until: float
    key: str = ""


@dataclass(slots=True, repr=False)
class Automatic:
    """Who signs on without any page, and how often still; `left` 0 is for ever."""

    account: str
    left: int


@dataclass(slots=True, repr=False)
class Provider:
    """One provider's state. `now` gives seconds since the epoch, `new_token` an opaque value of 256 bits."""

    options: ProviderOptions
    people: People
    lies: Lies
    now: Callable[[], float]
    new_token: Callable[[], str]
    keys: KeyRing = field(init=False)
    clients: dict[str, ClientOptions] = field(default_factory=dict)
    pending: dict[str, Pending] = field(default_factory=dict)
    pushed: dict[str, tuple[str, Params, float]] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    codes: dict[str, Grant] = field(default_factory=dict)
    tokens: dict[str, Access] = field(default_factory=dict)
    assertions: set[str] = field(default_factory=set)
    farewells: list[dict[str, object]] = field(default_factory=list)
    automatic: Automatic | None = None
    dpop_nonce: str = ""
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dpop_nonce = self.new_token()
        self.keys = KeyRing(self.options.name, self.options.algorithm)
        self.clients.update({client.client_id: client for client in self.options.clients})

    def count(self, what: str) -> None:
        """One more of something that the control plane shows."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def forget(self) -> None:
        """Nobody is signed in, nothing is under way."""
        for held in (self.pending, self.pushed, self.sessions, self.codes, self.tokens, self.counts):
            held.clear()
        self.assertions.clear()
        self.farewells.clear()
        self.automatic = None

    def asked(self, params: Params) -> Pending:
        """An authorization request, its client and address checked; raises `Unauthorized`."""
        client = self.clients.get(params.get("client_id", ""))
        if client is None:
            raise Unauthorized("Ứng dụng (client_id) không được đăng ký.")
        if params.get("request_uri"):
            params = self._pushed(client, params["request_uri"])
        elif client.require_par:
            raise Unauthorized("Ứng dụng này phải gửi yêu cầu qua PAR trước.")
        if not allowed(params.get("redirect_uri", ""), client.redirect_uris):
            raise Unauthorized("Địa chỉ quay về (redirect_uri) không được đăng ký cho ứng dụng này.")
        self._tidy()
        pending = Pending(self.new_token(), client, params, self.now() + self.options.pending_ttl_s)
        self.pending[pending.key] = pending
        return pending

    def fault(self, pending: Pending) -> tuple[str, str] | None:
        """What is wrong with a request whose client and address are right: error and description, for the client."""
        params = pending.params
        if params.get("response_type") != "code":
            return "unsupported_response_type", "response_type must be code"
        if "openid" not in params.get("scope", "").split():
            return "invalid_scope", "scope must contain openid"
        challenge = params.get("code_challenge", "")
        if params.get("code_challenge_method", "S256" if not challenge else "plain") != "S256":
            return "invalid_request", "code_challenge_method must be S256"
        if challenge and not _CHALLENGE.fullmatch(challenge):
            return "invalid_request", "code_challenge is malformed"
        if pending.client.require_pkce and not challenge:
            return "invalid_request", "code_challenge is required"
        return None

    def signed_on_before(self, pending: Pending, sid: str) -> Session | None:
        """The session that spares the person the login page: a living one, unless `prompt` or `max_age` asks anew."""
        session = self.sessions.get(sid)
        if session is None or "login" in pending.params.get("prompt", "").split():
            return None
        age, most = self.now() - session.at, pending.params.get("max_age", "")
        if age > self.options.remember_s or (most.isdecimal() and age > int(most)):
            return None
        return session

    def account_of_order(self) -> Person | None:
        """Who signs on by themselves, if that was ordered; counts as done."""
        if self.automatic is None:
            return None
        person = self.people.signs_in_as(self.automatic.account)
        if self.automatic.left == 1:
            self.automatic = None
        elif self.automatic.left > 1:
            self.automatic.left -= 1
        return person

    def living(self, key: str) -> Pending | None:
        """The request under a key, while it lasts."""
        pending = self.pending.get(key)
        return pending if pending is not None and pending.until > self.now() else None

    def known(self, username: str, password: str) -> Person | None:
        """Who signs in with these words; nobody for a locked account."""
        person = self.people.signs_in_as(username.strip())
        if person is None or person.account is None or person.account.locked or password != self.options.password:
            self.count("refused_log_ins")
            return None
        return person

    def begun(self, person: Person, methods: tuple[str, ...]) -> Session:
        """A new session of the person's browser."""
        session = Session(self.new_token(), person, self.now(), methods)
        self.sessions[session.sid] = session
        self.count("log_ins")
        return session

    def granted(self, pending: Pending, session: Session, issuer: str) -> str:
        """Where the browser goes with its code."""
        self.pending.pop(pending.key, None)
        params, code = pending.params, self.new_token()
        self.codes[code] = Grant(
            client_id=pending.client.client_id,
            redirect_uri=params.get("redirect_uri", ""),
            nonce=params.get("nonce", ""),
            challenge=params.get("code_challenge", ""),
            scope=params.get("scope", ""),
            acr=_reached(session.person, params.get("acr_values", "")),
            session=session,
            until=self.now() + self.options.code_ttl_s,
            key=params.get("dpop_jkt", ""),
        )
        self.count("codes")
        if self._tells(Lie.SERVER_ERROR):
            return self.returned(pending, {"error": "server_error"}, issuer)
        return self.returned(pending, {"code": code, "session_state": f"{session.sid[:12]}.{code[:8]}"}, issuer)

    def refused(self, pending: Pending, error: str, description: str, issuer: str) -> str:
        """Where the browser goes with an error."""
        self.pending.pop(pending.key, None)
        self.count("refusals")
        return self.returned(pending, {"error": error, "error_description": description}, issuer)

    def returned(self, pending: Pending, answer: Params, issuer: str) -> str:
        """The callback's address with the answer, its `state`, and its `iss` where the provider sends one."""
        fields = {**answer, **({"state": pending.params["state"]} if "state" in pending.params else {})}
        if self._tells(Lie.MIX_UP):
            fields["iss"] = f"https://{STRANGER}.example.invalid"
        elif self.options.iss_parameter and not self._tells(Lie.NO_ISS):
            fields["iss"] = issuer
        if self._tells(Lie.WRONG_STATE):
            fields["state"] = STRANGER
        if self._tells(Lie.NO_STATE):
            fields.pop("state", None)
        return with_query(pending.params.get("redirect_uri", ""), fields)

    def _tells(self, lie: Lie) -> bool:
        return self.lies.tells(lie, self.options.name)

    def _pushed(self, client: ClientOptions, request_uri: str) -> Params:
        """The parameters behind a `request_uri`, once (RFC 9126, 4)."""
        owner, params, until = self.pushed.pop(request_uri, ("", {}, 0.0))
        if owner != client.client_id or until <= self.now():
            raise Unauthorized("request_uri không tồn tại, đã dùng hoặc đã hết hạn.")
        return params

    def _tidy(self) -> None:
        """What has run out is dropped, so that a long run does not grow without end."""
        if len(self.pending) + len(self.codes) + len(self.tokens) + len(self.sessions) < _MANY:
            return
        now = self.now()
        self.pending = {key: one for key, one in self.pending.items() if one.until > now}
        self.codes = {key: one for key, one in self.codes.items() if one.until > now}
        self.tokens = {key: one for key, one in self.tokens.items() if one.until > now}
        oldest = now - self.options.remember_s
        self.sessions = {key: one for key, one in self.sessions.items() if one.at > oldest}


def allowed(address: str, registered: tuple[str, ...]) -> bool:
    """Whether an address is one of those registered, letter by letter; none registered: any on loopback."""
    if registered:
        return address in registered
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or parts.fragment:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def with_query(address: str, fields: Params) -> str:
    """`address` with more query parameters."""
    parts = urlsplit(address)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *fields.items()])
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def _reached(person: Person, wanted: str) -> str:
    """`acr` of the id_token: the first asked for that the account reaches, else its own highest; "" when none was asked for.

    The product says one only when an ACR was selected (identity facts 1.5).
    """
    reached = levels(person.account) if person.account is not None else []
    if not wanted.split():
        return ""
    return next((acr for acr in wanted.split() if acr in reached), reached[-1] if reached else "")
