"""Calls carriers: each with its own account, token, connections and limits; what an answer means its dialect says.

Errors of one carrier are never those of the whole upstream (`partial`): one that hangs stops no other.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from connectors.kit.contract import Budget, Kit
from connectors.kit.errors import (
    CannotMap,
    ContractChanged,
    CredentialsRefused,
    DeliveryError,
    Exchange,
    NeedsPerson,
    NotSent,
    OutcomeUnknown,
    Rejected,
    SettingsError,
)
from connectors.kit.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest, refusal
from connectors.kit.secrets import SecretRef
from connectors.kit.settings import typed
from connectors.kit.tokens import Attempt, KeptSecret, Made
from connectors.postal import profiles
from connectors.postal.settings import CarrierSettings
from connectors.postal.speaking import Account, Call, Dialect, Dialogue, Feeds, Hears, Tokens
from mappings.carrier_places import NO_CODES, PlaceCodes, read_place_codes
from mappings.tables import TableUnreadable

MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""A page of 1000 records of the feed stays below it."""

_CONNECTIONS = 8
_LATE = "Chưa gửi: hết thời gian khi chờ lấy mã truy cập của đơn vị vận chuyển."
_SECRET = ("access_token", "Authorization", "h-token", "token", "Token", "MatKhau", "TenDangNhap", "password")
_PERSONAL = tuple(
    f"{side}{part}"
    for side in ("Sender", "Receiver")
    for part in ("Name", "Fullname", "FullName", "Address", "Tel", "Phone", "Email")
)
_PARTIES = ("DocumentSender", "ResultReceiver", "ShipperTel", "OldReceiverTel", "SoDienThoai", "Email")
_WORDS = ("SenderDesc", "Description", "PackageContent", "CustomerNote", "Notes", "DeliveryNote", "CancelNotes")
_REDACTED = (*_SECRET, *_PERSONAL, *_PARTIES, *_WORDS)
"""What never becomes evidence: credentials, who sends or receives, which stands in the sealed ledger, and what people wrote of
them ("call 09… before you come").
"""


def dialects() -> tuple[str, ...]:
    """The names that a `profile` may have: every folder of `profiles/` that has a table of statuses."""
    folders = files(profiles).iterdir()
    return tuple(sorted(one.name for one in folders if one.is_dir() and one.joinpath("statuses.csv").is_file()))


def dialect_of(name: str) -> Dialect:
    """The dialect in a folder of `profiles/`; raises `SettingsError` for one that is not there."""
    try:
        module = importlib.import_module(f"connectors.postal.profiles.{name}")
    except ModuleNotFoundError:
        told = f"carriers: chưa có phương ngữ «{name}»; có: {', '.join(dialects())}"
        raise SettingsError("postal", (told,)) from None
    found: object = getattr(module, "PROFILE", None)
    if not isinstance(found, Dialect):
        raise SettingsError("postal", (f"carriers: phương ngữ «{name}» không đúng cấu trúc",))
    return found


@dataclass(slots=True)
class Carrier:
    """One carrier, ready to be spoken to."""

    settings: CarrierSettings
    dialect: Dialect
    dialogue: Dialogue
    _kit: Kit = field(repr=False)
    _clients: Mapping[bool, HttpClient] = field(repr=False)
    places: PlaceCodes = NO_CODES
    _kept: KeptSecret | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """A dialect with tokens shares one token among all nodes."""
        key = f"{self._kit.upstream}.{self.name}.token"
        tokens = isinstance(self.dialogue, Tokens)
        self._kept = KeptSecret(self._kit, key, self._made, _LATE) if tokens else None

    @property
    def name(self) -> str:
        """Its name in settings, ids and statements."""
        return self.settings.name

    @property
    def title_vi(self) -> str:
        """Its name for people."""
        return self.settings.title_vi or self.dialect.title_vi

    @property
    def numbers_unique(self) -> bool:
        """Whether it refuses a second order with the same number: as its settings say, else as its dialect does."""
        chosen = self.settings.order_number_unique
        return self.dialect.numbers_unique if chosen is None else chosen

    async def call(self, call: Call, budget: Budget) -> HttpAnswer:
        """The answer to a call of its dialect, whatever its status. Raises what `HttpClient.call` raises, as `partial`.

        HTTP 401 to a kept token did nothing and may be the token's end: one new token, one repeat (postal facts 9).
        """
        try:
            attempt = Attempt(budget, self._kit.instant())
            if self._kept is None or not call.authorised:
                return await self._once(call, attempt)
            token, fresh = await self._kept.obtain(attempt)
            answer = await self._once(self._bearing(call, token), attempt)
            if answer.status != 401 or fresh:
                return answer
            token, _ = await self._kept.obtain(attempt, stale=token)
            return await self._once(self._bearing(call, token), attempt)
        except DeliveryError as error:
            error.partial = True
            raise

    def exchange(self, call: Call, answer: HttpAnswer | None, code: str = "") -> Exchange:
        """What went over the wire, secrets and persons removed."""
        return self._clients[call.token_url].exchange(_request(call), answer, code)

    async def reach(self, budget: Budget) -> bool:
        """Whether it answers, and knows us: by its feed where it has one, else by a token and a GET without data."""
        try:
            if isinstance(self.dialogue, Feeds):
                return (await self.call(self.dialogue.feed("", 1), budget)).status != 401
            attempt = Attempt(budget, self._kit.instant())
            if self._kept is not None:
                await self._kept.obtain(attempt)
            await self._once(Call("GET", ""), attempt)
        except DeliveryError:
            return False
        return True

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(client.close() for client in set(self._clients.values())))

    def _bearing(self, call: Call, token: str) -> Call:
        assert isinstance(self.dialogue, Tokens), "only such a dialogue keeps a token"
        return self.dialogue.authorised(call, token)

    async def _once(self, call: Call, attempt: Attempt) -> HttpAnswer:
        left = attempt.left(self._kit)
        limited = Budget(left.send_before, min(left.timeout_s, call.read_s))
        return await self._clients[call.token_url].call(_request(call), limited)

    async def _made(self, attempt: Attempt) -> Made:
        """A fresh token. Whatever goes wrong here, the call itself was not sent."""
        assert isinstance(self.dialogue, Tokens), "only such a dialogue keeps a token"
        try:
            answer = await self._once(self.dialogue.token(), attempt)
            refused = refusal(answer, Exchange(http_status=answer.status))
            if refused is not None:
                raise refused
        except OutcomeUnknown as error:
            sentence = f"Chưa lấy được mã truy cập của {self.title_vi}: {error.message_vi}"
            raise NotSent(sentence, exchange=_bare(error.exchange), retry_after_s=error.retry_after_s) from None
        except (CredentialsRefused, Rejected) as error:
            sentence = f"{self.title_vi} không cấp mã truy cập: {error.message_vi}"
            raise CredentialsRefused(sentence, exchange=_bare(error.exchange)) from None
        except ContractChanged as error:
            sentence = f"Địa chỉ lấy mã truy cập của {self.title_vi}: {error.message_vi}"
            raise ContractChanged(sentence, exchange=_bare(error.exchange)) from None
        made = self.dialogue.granted(answer)
        if made is None:
            sentence = f"Chưa lấy được mã truy cập của {self.title_vi}: câu trả lời không có mã."
            raise NotSent(sentence, exchange=Exchange(http_status=answer.status))
        return made


class Carriers:
    """Every carrier that is switched on, the default one first."""

    def __init__(self, carriers: Sequence[CarrierSettings], kit: Kit) -> None:
        """Raises `SettingsError` that names every key that is wrong, and what `Kit.secret` raises for a missing secret."""
        opened = [_opened(settings, kit) for settings in carriers]
        faults = [fault for _, told in opened for fault in told]
        if faults:
            raise SettingsError("postal", tuple(faults))
        self._by_name: Mapping[str, Carrier] = {one.name: one for one, _ in opened if one is not None}

    def all(self) -> tuple[Carrier, ...]:
        """All of them, the default one first."""
        return tuple(self._by_name.values())

    @property
    def default(self) -> Carrier:
        """The one that is taken where a request names none."""
        return next(iter(self._by_name.values()))

    def named(self, name: str) -> Carrier | None:
        """The one of that name, None where it is unknown or switched off."""
        return self._by_name.get(name)

    def needed(self, name: str) -> Carrier:
        """The one of that name; raises `CannotMap` where it is not there any more."""
        found = self._by_name.get(name)
        if found is None:
            raise CannotMap(f"Đơn vị vận chuyển {name} chưa được bật trong cấu hình.")
        return found

    def speaking(self, profile: str) -> Carrier | None:
        """The one that speaks a dialect; there is one at most."""
        return next((one for one in self._by_name.values() if one.dialect.name == profile), None)

    @contextmanager
    def troubles(self) -> Iterator[None]:
        """Every error within is the trouble of one carrier. Where there is only one, a wrong set-up is that of the whole
        upstream: it pauses and goes on when it was put right, instead of holding each parcel for a person.
        """
        try:
            yield
        except DeliveryError as error:
            error.partial = len(self._by_name) > 1 or not isinstance(error, NeedsPerson)
            raise

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(one.close() for one in self._by_name.values()))


def _opened(settings: CarrierSettings, kit: Kit) -> tuple[Carrier | None, tuple[str, ...]]:
    dialect = dialect_of(settings.profile)
    where = f"carriers.{settings.name}"
    options, told = typed(settings.options, dialect.options_type)
    faults = [f"{where}.options.{fault}" for fault in told]
    faults += _strange(settings, dialect)
    if options is None or faults:
        return None, tuple(faults)
    for reference in settings.secrets.values():
        kit.secret(reference)
    try:
        places = read_place_codes(Path(settings.places_file).read_bytes()) if settings.places_file else NO_CODES
    except OSError:
        return None, (f"{where}.places_file: không đọc được tệp",)
    except TableUnreadable as fault:
        return None, (f"{where}.places_file: dòng {fault.row}: {fault.message_vi}",)
    account = Account(
        name=settings.name,
        customer=settings.customer,
        secret=_resolver(settings.secrets, kit),
        options=options,
        now=kit.now,
        public_keys=settings.public_keys,
        statuses=settings.statuses,
        places=places,
    )
    try:
        dialogue = dialect.open(account)
    except ValueError as fault:  # a customer code, a key or an option that cannot be what the dialect needs
        return None, (f"{where}.{fault}",)
    if isinstance(dialogue, Tokens) and dialogue.token().token_url and not settings.token_url:
        return None, (f"{where}.token_url: bắt buộc phải có",)
    unheard = tuple(_unheard(settings, dialogue))
    if unheard:
        return None, unheard
    try:
        base = HttpClient(base_url=settings.base_url, kit=kit, options=_options(settings))
        token_url = settings.token_url
        tokens = HttpClient(base_url=token_url, kit=kit, options=_options(settings)) if token_url else base
    except (
        DeliveryError
    ) as fault:  # a file of certificates that cannot be read: found now, not when a parcel is ordered
        return None, (f"{where}: {fault.message_vi}",)
    return Carrier(settings, dialect, dialogue, kit, {False: base, True: tokens}, places), ()


def _unheard(settings: CarrierSettings, dialogue: Dialogue) -> Iterator[str]:
    """What is missing for notices, where some are to come: from where they may, and with which keys they are verified."""
    where, listed = f"carriers.{settings.name}", bool(settings.sources) or settings.notices_from_anywhere
    if isinstance(dialogue, Hears) and settings.public_keys and not listed:
        yield f"{where}.sources: nêu các dải mạng của thông báo, hoặc notices_from_anywhere = true"
    if isinstance(dialogue, Hears) and listed and not settings.public_keys:
        yield f"{where}.public_keys: cần khóa công khai để kiểm tra chữ ký của thông báo"


def _strange(settings: CarrierSettings, dialect: Dialect) -> Iterator[str]:
    """Secrets that are missing, and secrets that nothing would ever use."""
    where, known = f"carriers.{settings.name}.secrets", (*dialect.roles, *dialect.more_roles)
    yield from (f"{where}.{role}: bắt buộc phải có" for role in dialect.roles if role not in settings.secrets)
    choices = f"có: {', '.join(known)}" if known else "phương ngữ này không dùng"
    yield from (f"{where}: không có «{role}» ({choices})" for role in sorted(set(settings.secrets) - set(known)))


def _resolver(secrets: Mapping[str, SecretRef], kit: Kit) -> Callable[[str], str]:
    """Secrets by role, read again each time, so that an exchanged one needs no restart."""

    def of(role: str) -> str:
        reference = secrets.get(role)
        return kit.secret(reference) if reference else ""

    return of


def _request(call: Call) -> HttpRequest:
    return HttpRequest(call.method, call.path, call.headers, call.body, call.query or None, call.path)


def _bare(exchange: Exchange) -> Exchange:
    """What a token call leaves as evidence: its status, never its bodies."""
    return Exchange(http_status=exchange.http_status)


def _options(settings: CarrierSettings) -> HttpOptions:
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
