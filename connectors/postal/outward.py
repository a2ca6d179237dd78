"""The place of a contact in the codes of a carrier: what the caller gave, else what its table or the merger tells."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.postal.model import Place
from connectors.postal.shipment import Shipment
from mappings.carrier_places import NO_CODES, CarrierPlace, PlaceCodes, Written, carrier_place
from mappings.places import ListVersion, UnknownPlace, commune_fits, province_of


def place_warnings(shipment: Shipment, codes: PlaceCodes = NO_CODES) -> tuple[str, ...]:
    """What is doubtful about the two places, as `sender_…` and `receiver_…`; the address in words goes along all the same.

    `province_guessed`: the former province was guessed for the carrier; an officer who knows better writes the commune,
    `old_text` or the carrier's own code. `commune_elsewhere`: the commune's code is of another province.
    """
    sides = (("sender", shipment.sender), ("receiver", shipment.receiver))
    return tuple(f"{side}_{word}" for side, contact in sides for word in _doubts(contact.place, codes))


def _doubts(place: Place, codes: PlaceCodes) -> Iterator[str]:
    """Nothing of a place that no carrier could be told of: the order was refused for it, or told before it was."""
    try:
        written = written_of(place)
        if not outward(place, codes).sure:
            yield "province_guessed"
        if commune_fits(province_of(written.list_version, place.province), place.commune) is False:
            yield "commune_elsewhere"
    except UnknownPlace:
        return


def written_of(place: Place) -> Written:
    """The address in the words of `mappings.carrier_places`; raises `UnknownPlace` for a list that nobody knows."""
    try:
        version = ListVersion(place.list_version)
    except ValueError:
        raise UnknownPlace(place.list_version, place.province) from None
    return Written(version, place.province, place.commune, place.text, place.old_text)


def outward(place: Place, codes: PlaceCodes = NO_CODES) -> CarrierPlace:
    """Province, district and ward as the carrier knows them, "" for what it has no code for (postal facts 8.3).

    Codes that the caller gave in `place.carrier` stand above everything. `sure` is False where the former province of a merged
    one was guessed. Raises `UnknownPlace`, which a dialect turns into `CannotMap`.
    """
    given = place.carrier
    if given.get("province"):
        return CarrierPlace(given["province"], given.get("district", ""), given.get("ward", ""))
    return carrier_place(written_of(place), codes)
