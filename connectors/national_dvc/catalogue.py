"""The portal's catalogues and procedures, cached: they change by publication decision, not by the hour."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from connectors.kit.contract import Kit
from connectors.kit.errors import CannotMap, DeliveryError, Finding, Rejected
from connectors.kit.tokens import Attempt
from connectors.national_dvc.client import PortalClient, Said, before_sending, refusal_of
from connectors.national_dvc.profiles._mapi.catalogues import Row, read_rows
from connectors.national_dvc.profiles._mapi.mapping import UNLISTED
from connectors.national_dvc.profiles._mapi.messages import ThuTuc, read_procedure
from connectors.national_dvc.profiles._mapi.outcomes import Family

# A procedure may be published any minute, and then the dossiers held for it are released.
_UNLISTED_TTL = timedelta(minutes=1)


class Catalogue:
    """`LayThuTuc` and the lists behind a cache that all nodes share; what is not listed is remembered for a minute."""

    def __init__(self, client: PortalClient, kit: Kit, madonvi: str, ttl_s: int) -> None:
        self._client = client
        self._madonvi = madonvi
        self._kit = kit
        self._ttl = timedelta(seconds=ttl_s)

    async def procedure(self, code: str, attempt: Attempt) -> ThuTuc:
        """What the portal publishes about `code`; `UNLISTED` when it lists no such procedure.

        Asked before anything is sent, so a failure says that nothing was.
        """
        key = f"{self._kit.upstream}.procedure.{code}"
        kept = await self._kit.coordination.recall(key)
        if kept is not None:
            return msgspec.json.decode(kept, type=ThuTuc)
        try:
            said = await self._client.read_procedure(code, attempt)
        except DeliveryError as error:
            raise before_sending(error) from None
        found = _listed(said)
        ttl = self._ttl if found.code else min(self._ttl, _UNLISTED_TTL)
        await self._kit.coordination.remember(key, msgspec.json.encode(found).decode(), ttl)
        return found

    async def rows(
        self, service: str, attempt: Attempt, parameters: Mapping[str, str] | None = None
    ) -> tuple[Row, ...]:
        """The rows of a catalogue as they were seen at most `catalogue_ttl_s` ago."""
        asked = ".".join(f"{name}={value}" for name, value in sorted((parameters or {}).items()))
        key = f"{self._kit.upstream}.catalogue.{service}.{asked}"
        kept = await self._kit.coordination.recall(key)
        if kept is not None:
            return msgspec.json.decode(kept, type=tuple[Row, ...])
        rows = await self.fresh_rows(service, attempt, parameters)
        await self._kit.coordination.remember(key, msgspec.json.encode(rows).decode(), self._ttl)
        return rows

    async def fresh_rows(
        self, service: str, attempt: Attempt, parameters: Mapping[str, str] | None = None
    ) -> tuple[Row, ...]:
        """The rows of a catalogue as the portal gives them now."""
        said = await self._client.read_catalogue(service, attempt, parameters or {})
        if said.family is not Family.DONE:
            raise refusal_of(said)
        return read_rows(service, said.answer.result, self._madonvi)


def _listed(said: Said) -> ThuTuc:
    if said.family is Family.NOT_FOUND or (said.family is Family.DONE and not said.answer.result):
        return UNLISTED
    if said.family is Family.DONE:
        return read_procedure(said.answer.result[0])
    refused = refusal_of(said)
    if not isinstance(refused, Rejected):
        raise before_sending(refused)
    finding = Finding("procedure_lookup_refused", "/dossier/procedure", refused.message_vi)
    raise CannotMap("Cổng không cho tra cứu thủ tục để lấy tên.", exchange=said.exchange, findings=(finding,))
