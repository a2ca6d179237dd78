"""How bytes reach a system: the same call, wrapped for the route that the configuration names.

A carrier is data: it says which path, headers and query a provider's path becomes. Values stay plain text here;
`HttpClient` percent-encodes them, exactly once (national-portal facts 1.2, "encoding trap"). The route through an LGSP
with its own token is not built yet; it will be a third kind in `Carrier`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from connectors.kit.http import HttpRequest

# [assumed] beyond the classes GOV and COM, which were seen (national-portal facts 1.2).
DSTCODE = re.compile(r"[A-Z]{2}:(GOV|COM|ORG|EDU):[0-9A-Za-z.\-]{1,35}:[0-9A-Za-z_.\-]+", re.ASCII)


class Direct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind", tag="direct"):
    """Straight to the provider: its path is the path."""

    def carry(self, request: HttpRequest) -> HttpRequest:
        """`request` as it goes out on this route."""
        return request


class XRoadAdapter(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind", tag="xroad_adapter"
):
    """Through the adapter in front of the ministry's security server (NDXP/VXP, an X-Road derivative).

    `prefix` is the adapter's forwarder: `/XrdAdapter/RestService/forward`, on newer ones `/VXPAdapter/RestService/forward`;
    empty when the base URL ends with it already. `dstcode` is the X-Road client id of the provider; `placement` says
    where it goes (clients of both kinds exist; the header is the default [assumed]). `providerurl` is the provider's base
    URL behind the far security server, absent on the classic `mapi` calls.
    """

    dstcode: str
    prefix: str = "/XrdAdapter/RestService/forward"
    placement: Literal["header", "query", "both"] = "header"
    providerurl: str = ""

    def __post_init__(self) -> None:
        """Refuses a `dstcode` that no security server could route."""
        if not DSTCODE.fullmatch(self.dstcode):
            raise ValueError(
                "dstcode: phải có dạng NƯỚC:LỚP:ĐƠN_VỊ:HỆ_THỐNG, ví dụ VN:GOV:000.00.00.G22:vpcpdvcprovider"
            )

    def carry(self, request: HttpRequest) -> HttpRequest:
        """`request` as it goes out on this route: the provider's path after the prefix, and where it is to go."""
        headers: Mapping[str, str] = request.headers
        query = dict(request.query or {})
        if self.placement in ("header", "both"):
            headers = {**headers, "dstcode": self.dstcode}
        if self.placement in ("query", "both"):
            query["dstcode"] = self.dstcode
        if self.providerurl:
            query["providerurl"] = self.providerurl
        path = "/".join(part for part in (self.prefix.strip("/"), request.path.lstrip("/")) if part)
        return HttpRequest(request.method, f"/{path}", headers, request.body, query or None)


Carrier = Direct | XRoadAdapter
