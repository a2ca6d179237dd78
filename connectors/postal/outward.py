"""The place of a contact in the codes of a carrier: what the caller gave, else what its table or the merger tells."""

from __future__ import annotations

from connectors.postal.model import Place
from connectors.postal.shipment import Shipment
from mappings.carrier_places import NO_CODES, CarrierPlace, PlaceCodes, Written, carrier_place
from mappings.places import ListVersion, UnknownPlace


def guessed_sides(shipment: Shipment, codes: PlaceCodes = NO_CODES) -> tuple[str, ...]:
    """Whose former province was guessed for the carrier: `sender_province_guessed`, `receiver_province_guessed`.

    The address in words goes along all the same; an officer who knows better writes `old_text` or the carrier's own code.
    """
    sides = (("sender", shipment.sender), ("receiver", shipment.receiver))
    return tuple(f"{side}_province_guessed" for side, contact in sides if not _is_sure(contact.place, codes))


def _is_sure(place: Place, codes: PlaceCodes) -> bool:
    """A place that no carrier could be told of is no guess: the order was refused for it, or was told before it was."""
    try:
        return outward(place, codes).sure
    except UnknownPlace:
        return True


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
