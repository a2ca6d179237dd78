"""The generations of the portal that this connector speaks: which mapping and which outcome table a profile brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from connectors.national_dvc.profiles._mapi.mapping import Mapped
from connectors.national_dvc.profiles._mapi.messages import ThuTuc
from connectors.national_dvc.profiles._mapi.outcomes import ExtraOutcome, Outcomes, load_outcomes
from connectors.national_dvc.profiles._mapi.rules import Rules
from connectors.national_dvc.profiles.mapi_2019 import mapping as mapping_2019
from connectors.national_dvc.profiles.mapi_2019.messages import HoSo as HoSo2019
from connectors.national_dvc.profiles.mapi_2023 import mapping as mapping_2023
from connectors.national_dvc.profiles.mapi_2023.messages import HoSo as HoSo2023
from mappings.canonical import Carried

MappedDossier = Mapped[HoSo2019] | Mapped[HoSo2023]


@dataclass(frozen=True, slots=True)
class Generation:
    """One dialect: `map_dossier` and `map_results` as in its profile, and the folder that holds its outcome table."""

    folder: str
    map_dossier: Callable[[Carried, Rules, ThuTuc | None, Mapping[str, str] | None], MappedDossier]
    map_results: Callable[[Carried, Rules, ThuTuc | None, Mapping[str, str]], MappedDossier]

    def outcomes(self, extra: Sequence[ExtraOutcome] = ()) -> Outcomes:
        """The outcome table of this generation behind the rows that a deployment adds."""
        return load_outcomes(self.folder, extra)


GENERATIONS: Mapping[str, Generation] = {
    "mapi-2019": Generation("mapi_2019", mapping_2019.map_dossier, mapping_2019.map_results),
    "mapi-2023": Generation("mapi_2023", mapping_2023.map_dossier, mapping_2023.map_results),
}
"""By the name that `profile` has in the settings (facts 0.1)."""
