"""What differs between LGSPs that pass the adapter on, as typed configuration (postal facts 3.3 and 11)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from connectors.postal.profiles._ngsp.options import NgspOptions

TokenDialect = Literal["client_credentials", "bearer_key", "basic_key"]
"""How a token is asked for: (a) key and secret in the header; (b) a key as Bearer, with the form; (c) a key as Basic, no body."""

TOKEN_ROLES: Mapping[TokenDialect, tuple[str, ...]] = {
    "client_credentials": ("consumer_key", "consumer_secret"),
    "bearer_key": ("token_key",),
    "basic_key": ("token_key",),
}
"""The secrets that each of them needs."""

_NAME = re.compile(r"[!-~]{1,100}", re.ASCII)


class Services(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The names that the LGSP gave the verbs (`?service=`); no source shows any, so whoever set it up has to say them.

    Without `document` no dossier is registered, without `price` nothing costs.
    """

    order: str
    cancel: str
    tracking: str
    document: str = ""
    price: str = ""

    def __post_init__(self) -> None:
        """Refuses names that are none, and one for two verbs: an order would be taken for a cancellation."""
        names = [self.order, self.cancel, self.tracking, *filter(None, (self.document, self.price))]
        if not all(_NAME.fullmatch(name) for name in names):
            raise ValueError(
                "services: tên dịch vụ là chữ, số, dấu, không khoảng trắng; order, cancel, tracking bắt buộc"
            )
        if len(set(names)) != len(names):
            raise ValueError("services: mỗi dịch vụ phải có tên riêng")


class H3Options(NgspOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs between LGSPs. `service_code` is a header of each call where one is wanted, `accept` the other that differs.

    Of a price `main_service` is `mainSrv` and `price_is_return` is `isreturn` (the sample's 1; what it says is not known).
    """

    services: Services
    token_dialect: TokenDialect = "client_credentials"
    service_code: str = ""
    accept: str = "application/json"
    main_service: str = "HCC"
    price_is_return: int = 1

    def __post_init__(self) -> None:
        """Refuses what cannot stand in a header."""
        super().__post_init__()
        if not _NAME.fullmatch(self.accept) or (self.service_code and not _NAME.fullmatch(self.service_code)):
            raise ValueError("accept, service_code: chữ, số và dấu, không khoảng trắng")
