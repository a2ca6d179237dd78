"""The keys of a provider as one node fetched them, for the other nodes: sealed on the way, and not a moment longer than its own.

They prove what was fetched from a listed host within the last `jwks_ttl_s`; whoever meets a key that they lack asks the provider.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from connectors.kit.contract import Kit
from connectors.vneid.jose import JoseRefused, KeySet, read_keys
from connectors.vneid.sign_on_settings import ProviderSettings

_LARGEST = 65_536
_SKEW_S = 60.0
"""Another node's clock may be ahead by this much; a set from farther in the future is none."""


class _Kept(msgspec.Struct, frozen=True):
    fetched: datetime
    tree: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Common:
    """Keys that a node fetched `age_s` seconds ago."""

    keys: KeySet
    age_s: float


class CommonKeys:
    """The place of one provider's keys; another issuer or address is another place."""

    def __init__(self, settings: ProviderSettings, kit: Kit) -> None:
        said = "\n".join((settings.name, settings.issuer, settings.jwks_url))
        self._name = f"{kit.upstream}.jwks.{hashlib.sha256(said.encode()).hexdigest()}"
        self._kit, self._ttl_s = kit, settings.limits.jwks_ttl_s

    async def find(self) -> Common | None:
        """The keys, while they are no older than keys of our own might be."""
        text = await self._kit.coordination.recall(self._name)
        if text is None:
            return None
        try:
            kept = msgspec.json.decode(text, type=_Kept)
            keys = read_keys(kept.tree)
        except (msgspec.DecodeError, JoseRefused):
            return None
        if kept.fetched.tzinfo is None or not keys:
            return None
        age_s = (self._kit.now() - kept.fetched).total_seconds()
        return Common(keys, max(0.0, age_s)) if -_SKEW_S <= age_s < self._ttl_s else None

    async def keep(self, tree: Mapping[str, Any]) -> None:
        """Hand on what was fetched just now."""
        text = msgspec.json.encode(_Kept(self._kit.now(), dict(tree))).decode()
        if len(text) <= _LARGEST:
            await self._kit.coordination.remember(self._name, text, timedelta(seconds=self._ttl_s))
