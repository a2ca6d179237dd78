"""Bưu chính công ích: what the gateway may ask of the post, each answered by the module that knows it."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.kit.contract import Budget, Endpoint, Health, Kit
from connectors.postal.client import Carriers
from connectors.postal.settings import Settings as Settings

_PROBE_S = 5.0


class PostalConnector:
    """Endpoint and Probe."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        """Raises `SettingsError` that names every wrong key of the carriers."""
        self._kit = kit
        self._carriers = Carriers(settings.enabled, kit)
        self._endpoints: tuple[Endpoint, ...] = ()

    def endpoints(self) -> Sequence[Endpoint]:
        """Those of callers."""
        return self._endpoints

    async def check(self) -> Health:
        """Whether the carriers answer at all; one of them is enough to go on."""
        began = self._kit.instant()
        seen = [
            (one.title_vi, await one.reach(Budget(self._kit.instant() + _PROBE_S, _PROBE_S)))
            for one in self._carriers.all()
        ]
        latency_ms = (self._kit.instant() - began) * 1000
        dead = [title for title, reached in seen if not reached]
        if len(dead) == len(seen):
            return Health(False, f"Không kết nối được: {', '.join(dead)}.", latency_ms)
        told = f"Không kết nối được: {', '.join(dead)}; các đơn vị khác sẵn sàng." if dead else "Sẵn sàng."
        return Health(True, told, latency_ms)

    async def close(self) -> None:
        """Release sockets."""
        await self._carriers.close()


def create(settings: Settings, kit: Kit) -> PostalConnector:
    """The connector for one upstream."""
    return PostalConnector(settings, kit)
