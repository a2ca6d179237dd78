"""Wire types of PayGov behind an LGSP (payment facts 3.4), in small letters with `_` where the wire has a capital.

From code of one public client that serves units of two provinces and a ministry. Money is đồng without scale, a number.
"""

from __future__ import annotations

import msgspec


class _Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A type of the wire; its `repr` says no value."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Create(_Wire, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """create [code]. Some units leave out the last three fields; `checksum` has no separators between its parts."""

    partner_code: str
    return_url: str
    order_id: str
    amount: int
    order_info: str
    request_code: str
    ip_address: str
    checksum: str = ""
    access_key: str = ""
    service_code: str = ""


class CreatedPage(_Wire, frozen=True, kw_only=True):
    """Where the payer goes [code]."""

    url: str


class CreateAnswer(_Wire, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to create [code: `data.url`]; `error_code` where there is one [assumed]."""

    data: CreatedPage | None = None
    error_code: str = ""
    error_message: str = ""


class Callback(_Wire, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The notice to us [code]: `error_code` 00 is paid. What `checksum` signs is not known; the public client ignores it."""

    amount: int
    order_id: str
    order_info: str
    request_code: str
    transaction_no: str
    pay_date: str
    paygate: str
    error_code: str
    type: str = ""
    transaction_code: str = ""
    checksum: str = ""


class Acknowledgement(_Wire, frozen=True, kw_only=True):
    """What a callback is answered with [code]: SUCCESSFUL, FAILED or SIGNATURE_WRONG."""

    error_code: str
    error_message: str
