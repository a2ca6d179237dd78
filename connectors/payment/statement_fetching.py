"""Fetches statements from the APIs of intermediaries that offer one, and lays them into the drop folder like any other file.

Only days that are over and have no result yet are asked for, and the file is judged where all files are judged: there is one
way in (payment facts 5). An intermediary that does not answer is tried again in the next round and stops no other.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import date, timedelta

from yarl import URL

from connectors.kit.contract import Budget, Kit, Page
from connectors.kit.errors import DeliveryError, NotSent, UpstreamFault
from connectors.kit.http import HttpClient, HttpOptions, HttpRequest
from connectors.kit.settlement.drop_folder import DropFolder
from connectors.kit.settlement.reading import head_of
from connectors.payment.settings import ProviderSettings, Settings
from connectors.payment.settlement_kinds import KINDS
from connectors.payment.settlement_settings import Statements
from connectors.payment.settling import drop_folder
from mappings.dates import local_date

_READ_S = 60.0
_NOT_THERE = frozenset({204, 404})
"""Answers that mean: there is no statement of that day yet."""
_MOST_BYTES = 64 * 1024 * 1024


class StatementFetching:
    """The poller `statement_apis`. It changes nothing but the drop folder, so its cursor stands still."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        self._settings, self._kit = settings, kit
        chosen = settings.settlement
        self._folder = drop_folder(chosen)
        self._clients: Mapping[str, HttpClient] = {
            one.profile: HttpClient(
                base_url=str(URL(chosen.of(one.profile).url).origin()), kit=kit, options=_options(one)
            )
            for one in settings.enabled
            if self._folder is not None and chosen.of(one.profile).url
        }
        for name in self._clients:
            if token := chosen.of(name).token:
                kit.secret(token)  # a reference to nothing is found at the start, not at night

    async def poll(self, cursor: str) -> Page:
        """One round. Raises the last `DeliveryError`, as `partial`, once everybody was asked."""
        failed: DeliveryError | None = None
        for provider in self._settings.enabled:
            if self._folder is None or provider.profile not in self._clients:
                continue
            try:
                await self._round(self._folder, provider)
            except DeliveryError as error:
                failed = error
        if failed is not None:
            failed.partial = True
            raise failed
        return Page((), cursor)

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(client.close() for client in self._clients.values()))

    async def _round(self, folder: DropFolder, provider: ProviderSettings) -> None:
        """Every day of one intermediary that is over and has no result."""
        chosen, today = self._settings.settlement.of(provider.profile), local_date(self._kit.now())
        for back in range(1, chosen.days_back + 1):
            day = today - timedelta(days=back)
            head = await head_of(self._kit.ledgers, KINDS, provider.profile, f"{day:%Y%m%d}")
            if head is not None and (head.current or head.under_way):
                continue
            content = await self._fetched(provider, chosen, day)
            sha256 = hashlib.sha256(content).hexdigest()
            # A bad file is not fetched into the folder again and again: it stays refused until it is another one.
            if not content or (head is not None and head.file(sha256) is not None):
                continue
            seq = max((file.seq for file in head.files), default=0) + 1 if head is not None else 1
            name = f"recon_{provider.profile}_{provider.merchant}_{day:%Y%m%d}_{seq}.csv"
            try:
                await asyncio.to_thread(folder.put, name, content)
            except OSError as error:
                raise NotSent(f"Không ghi được thư mục đối soát ({type(error).__name__}).") from None

    async def _fetched(self, provider: ProviderSettings, chosen: Statements, day: date) -> bytes:
        """The statement of a day, empty where there is none yet."""
        address = URL(statement_address(chosen.url, provider.merchant, day))
        headers = {"Accept": "text/csv"}
        if chosen.token:
            headers["Authorization"] = f"Bearer {self._kit.secret(chosen.token)}"
        request = HttpRequest("GET", address.path, headers, query=dict(address.query) or None, service="statements")
        client = self._clients[provider.profile]
        answer = await client.call(request, Budget(self._kit.instant() + _READ_S, _READ_S))
        if answer.status in _NOT_THERE:
            return b""
        if answer.status != 200:
            raise UpstreamFault(f"Không lấy được sao kê của {provider.profile}: HTTP {answer.status}.")
        return answer.body


def statement_address(template: str, merchant: str, day: date) -> str:
    """The address of a day's statement: `{date}` is its day as `yyyymmdd`, `{merchant}` our code there."""
    return template.replace("{date}", f"{day:%Y%m%d}").replace("{merchant}", merchant)


def _options(provider: ProviderSettings) -> HttpOptions:
    return HttpOptions(
        allow_plain=provider.allow_plain,
        ca_file=provider.ca_file,
        client_cert_file=provider.client_cert_file,
        client_key_file=provider.client_key_file,
        proxy=provider.proxy,
        connect_timeout_s=provider.connect_timeout_s,
        max_answer_bytes=_MOST_BYTES,
        connections=1,
        redact=("Authorization",),
    )
