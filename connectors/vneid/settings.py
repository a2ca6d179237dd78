"""The settings of the connector: providers that sign people on, and the population database. Either half may be left out."""

from __future__ import annotations

import msgspec

from connectors.vneid.population_settings import PopulationSettings
from connectors.vneid.sign_on_settings import ProviderSettings, checked_providers


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of one connection; README.md explains each key. The first provider that is enabled is the default one."""

    providers: tuple[ProviderSettings, ...] = ()
    population: PopulationSettings | None = None

    def __post_init__(self) -> None:
        """Refuses two providers of one name, and a connection to nobody."""
        faults = checked_providers(self.providers)
        if faults:
            raise ValueError("; ".join(faults))
        if not self.providers and self.population is None:
            raise ValueError("providers, population: cần một trong hai, hoặc cả hai")
