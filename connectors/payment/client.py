"""Calls intermediaries: each with its own account, keys, connections and limits; what an answer means its dialect says.

Errors of one intermediary are never those of the whole upstream (`partial`): one of seven that hangs stops no other.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from yarl import URL

from connectors.kit.addresses import may_be_sent
from connectors.kit.contract import Budget, Kit
from connectors.kit.errors import CannotMap, ContractChanged, DeliveryError, Exchange, SettingsError
from connectors.kit.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest
from connectors.kit.settings import typed
from connectors.payment.settings import KeySettings, ProviderSettings
from connectors.payment.speaking import Account, Call, Dialect, Dialogue, Key

MAX_ANSWER_BYTES = 1024 * 1024
_CONNECTIONS = 8
_PICTURES = ("data:image/png;base64,", "data:image/jpeg;base64,", "data:image/gif;base64,")
_LEADS_ASTRAY = frozenset(
    {
        "javascript",
        "data",
        "vbscript",
        "file",
        "filesystem",
        "blob",
        "intent",
        "view-source",
        "ws",
        "wss",
        "ftp",
        "about",
    }
)
"""Schemes that run code, or lead a browser anywhere (`intent` names a page to fall back on)."""
_REDACTED = (
    *("accessKey", "access_key", "Authorization", "lgspaccesstoken", "merchant_secure_key", "Token", "SoThe"),
    *("SoCMNDNguoiNop", "HoTenNguoiNop", "DiaChiNguoiNop", "HuyenNguoiNop", "TinhNguoiNop"),
)
"""What never becomes evidence: credentials, cards, and who pays (abuse case A20)."""


def dialect_of(name: str) -> Dialect:
    """The dialect in a folder of `profiles/`; raises `SettingsError` for one that is not there."""
    try:
        module = importlib.import_module(f"connectors.payment.profiles.{name}")
    except ModuleNotFoundError:
        raise SettingsError("payment", (f"providers: chưa có phương ngữ «{name}»",)) from None
    found: object = getattr(module, "PROFILE", None)
    if not isinstance(found, Dialect):
        raise SettingsError("payment", (f"providers: phương ngữ «{name}» không đúng cấu trúc",))
    return found


@dataclass(slots=True)
class Intermediary:
    """One intermediary, ready to be spoken to."""

    settings: ProviderSettings
    dialect: Dialect
    dialogue: Dialogue
    options: msgspec.Struct
    _kit: Kit = field(repr=False)
    _clients: dict[str, HttpClient] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """Its name in addresses, settings and statements."""
        return self.dialect.name

    @property
    def title_vi(self) -> str:
        """Its name for people."""
        return self.settings.title_vi or self.dialect.title_vi

    @property
    def minimum(self) -> int:
        """The least that may be paid through it, in đồng."""
        return max(self.settings.minimum, self.dialect.minimum)

    @property
    def maximum(self) -> int:
        """The most that may be paid through it, in đồng."""
        return min(self.settings.maximum or self.dialect.maximum, self.dialect.maximum)

    @property
    def expiry_enforced(self) -> bool:
        """Whether it takes no money after the expiry that it was sent: as its settings say, else as its dialect does."""
        chosen = self.settings.expiry_enforced
        return self.dialect.expiry_enforced if chosen is None else chosen

    async def call(self, call: Call, budget: Budget) -> HttpAnswer:
        """The answer to a call of its dialect, whatever its status. Raises what `HttpClient.call` raises, as `partial`."""
        try:
            client, request = self._request(call)
            return await client.call(request, Budget(budget.send_before, min(budget.timeout_s, call.read_s)))
        except DeliveryError as error:
            error.partial = True
            raise

    def exchange(self, call: Call, answer: HttpAnswer | None, code: str = "") -> Exchange:
        """What went over the wire, secrets removed."""
        client, request = self._request(call)
        return client.exchange(request, answer, code)

    def payer_may_go(self, address: str) -> bool:
        """Whether a payer may be sent there: an address that came from outside is a stranger's word (abuse case A26)."""
        return may_be_sent(address, self.settings.payer_hosts, self.settings.allow_plain)

    def app_may_open(self, link: str) -> bool:
        """Whether a link, or a code, may be given to a payer's phone: a picture, an app's own, or a page where they may go.

        Browsers pass over control signs and read `//` and `\\` as another host: what has either is no link and no code.
        """
        if link.startswith(_PICTURES):
            return True
        if not link.isprintable() or link != link.strip() or link.startswith(("/", "\\")):
            return False
        scheme = link.partition(":")[0].lower() if ":" in link else ""
        return self.payer_may_go(link) if scheme in ("http", "https") else scheme not in _LEADS_ASTRAY

    async def reach(self, budget: Budget) -> bool | None:
        """Whether its first address answers at all, by a GET without data; None where it is never called."""
        for name in self.dialect.endpoints:
            try:
                await self.call(Call(name, "GET"), budget)
            except DeliveryError:
                return False
            return True
        return None

    def prepare(self, endpoint: str) -> None:
        """Make ready for calls to an endpoint that is configured; nothing is sent. Raises what `HttpClient` raises."""
        self._client(URL(self.settings.endpoints[endpoint]))

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(client.close() for client in self._clients.values()))

    def _client(self, url: URL) -> HttpClient:
        origin = str(url.origin())
        if origin not in self._clients:
            self._clients[origin] = HttpClient(base_url=origin, kit=self._kit, options=_options(self.settings))
        return self._clients[origin]

    def _request(self, call: Call) -> tuple[HttpClient, HttpRequest]:
        address = self.settings.endpoints.get(call.endpoint)
        if address is None:
            raise ContractChanged(f"Chưa khai địa chỉ endpoints.{call.endpoint} của {self.name}.")
        url = URL(address)
        client = self._client(url)
        request = HttpRequest(call.method, url.path, call.headers, call.body, call.query or None, call.endpoint)
        return client, request


class Intermediaries:
    """Every intermediary that is switched on, the default one first."""

    def __init__(self, providers: Sequence[ProviderSettings], kit: Kit) -> None:
        """Raises `SettingsError` that names every key that is wrong, and what `Kit.secret` raises for a missing secret."""
        opened = [_opened(settings, kit) for settings in providers]
        faults = [fault for _, told in opened for fault in told]
        if faults:
            raise SettingsError("payment", tuple(faults))
        self._by_name: Mapping[str, Intermediary] = {one.name: one for one, _ in opened if one is not None}

    def all(self) -> tuple[Intermediary, ...]:
        """All of them, the default one first."""
        return tuple(self._by_name.values())

    def named(self, name: str) -> Intermediary | None:
        """The one of that name, None where it is unknown or switched off."""
        return self._by_name.get(name)

    def needed(self, name: str) -> Intermediary:
        """The one of that name; raises `CannotMap` where it is not there any more."""
        found = self._by_name.get(name)
        if found is None:
            raise CannotMap(f"Đơn vị trung gian {name} chưa được bật.")
        return found

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(one.close() for one in self._by_name.values()))


def _opened(settings: ProviderSettings, kit: Kit) -> tuple[Intermediary | None, tuple[str, ...]]:
    dialect = dialect_of(settings.profile)
    where = f"providers.{settings.profile}"
    options, told = typed(settings.options, dialect.options_type)
    faults = [f"{where}.options.{fault}" for fault in told]
    faults += [
        f"{where}.endpoints.{name}: bắt buộc phải có" for name in dialect.endpoints if name not in settings.endpoints
    ]
    faults += _strange(settings, dialect)
    if dialect.notices and not settings.sources and not settings.notices_from_anywhere:
        faults.append(f"{where}.sources: nêu các dải mạng của thông báo, hoặc notices_from_anywhere = true")
    if options is None or faults:
        return None, tuple(faults)
    for key in settings.keys:
        kit.secret(key.secret)
    account = Account(
        name=settings.profile,
        merchant=settings.merchant,
        keys=_resolver(settings.keys, kit),
        endpoints=settings.endpoints,
        options=options,
        now=kit.now,
    )
    try:
        dialogue = dialect.open(account)
    except ValueError as fault:  # a merchant code, or accounts, that cannot be what the dialect needs
        return None, (f"{where}.{fault}",)
    opened = Intermediary(settings, dialect, dialogue, options, kit)
    try:
        for name in settings.endpoints:
            opened.prepare(name)
    except DeliveryError as fault:  # a file of certificates that cannot be read: found now, not when somebody pays
        return None, (f"{where}: {fault.message_vi}",)
    return opened, ()


def _strange(settings: ProviderSettings, dialect: Dialect) -> Iterator[str]:
    """Keys that are missing, addresses and keys that nothing would ever use, and bounds that let no amount through."""
    where, roles = f"providers.{settings.profile}", {key.role for key in settings.keys}
    yield from (f'{where}.keys: cần một khóa có role = "{role}"' for role in dialect.roles if role not in roles)
    for kind, given, known in (
        ("endpoints", settings.endpoints.keys(), (*dialect.endpoints, *dialect.more_endpoints)),
        ("keys.role", roles, (*dialect.roles, *dialect.more_roles)),
    ):
        choices = f"có: {', '.join(known)}" if known else "phương ngữ này không dùng"
        yield from (f"{where}.{kind}: không có «{name}» ({choices})" for name in sorted(set(given) - set(known)))
    least, most = max(settings.minimum, dialect.minimum), min(settings.maximum or dialect.maximum, dialect.maximum)
    if least > most:
        yield (
            f"{where}.minimum, maximum: không số tiền nào lọt; nơi này nhận từ {dialect.minimum} đến {dialect.maximum} đồng"
        )


def _resolver(keys: Sequence[KeySettings], kit: Kit) -> Callable[[str], Sequence[Key]]:
    """Keys by role, read again each time, so that an exchanged secret needs no restart."""

    def of(role: str) -> Sequence[Key]:
        return [Key(key.id, kit.secret(key.secret), key.not_before, key.not_after) for key in keys if key.role == role]

    return of


def _options(settings: ProviderSettings) -> HttpOptions:
    return HttpOptions(
        allow_plain=settings.allow_plain,
        ca_file=settings.ca_file,
        client_cert_file=settings.client_cert_file,
        client_key_file=settings.client_key_file,
        proxy=settings.proxy,
        connect_timeout_s=settings.connect_timeout_s,
        max_answer_bytes=MAX_ANSWER_BYTES,
        connections=_CONNECTIONS,
        redact=_REDACTED,
    )
