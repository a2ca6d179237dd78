"""What of PayGov nobody could confirm, as typed configuration with the defaults of payment facts 9."""

from __future__ import annotations

from typing import Literal

import msgspec

from connectors.payment.profiles.paygov.messages import Callback

UnitField = Literal["checksum", "accessKey", "serviceCode"]
_SIGNABLE = frozenset(Callback.__struct_encode_fields__) - {"checksum"} | {"accessKey", "partnerCode"}
_BINDING = frozenset({"orderId", "amount", "errorCode"})


class Unit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the hub wants in the body of one collecting unit."""

    fields: tuple[UnitField, ...] = ("checksum", "accessKey", "serviceCode")
    service_code: str = ""


class PaygovOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs between contracts with PayGov.

    `units` by the code of the collecting unit (`unit_code` of the payment), `unit` for every other one. `callback_fields`: what
    `checksum` of a callback signs, with `callback_separator` between; () while nobody knows it. Then callbacks prove nothing:
    they are let in from the listed networks only, and money counts by a statement or by two operators.
    """

    unit: Unit = Unit()
    units: dict[str, Unit] = {}
    callback_fields: tuple[str, ...] = ()
    callback_separator: str = ""

    def __post_init__(self) -> None:
        """Refuses a signature that would bind neither the order nor the money nor the outcome."""
        names = set(self.callback_fields)
        if not names <= _SIGNABLE:
            raise ValueError(
                "callback_fields: chỉ gồm các trường của thông báo (trừ checksum), accessKey và partnerCode"
            )
        if names and not names >= _BINDING:
            raise ValueError("callback_fields: chữ ký phải bao gồm orderId, amount và errorCode")

    def unit_of(self, code: str) -> Unit:
        """The unit's own rules, else those for every other one."""
        return self.units.get(code, self.unit)
