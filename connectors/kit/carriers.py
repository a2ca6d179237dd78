"""How bytes reach a system: the same call, wrapped for the route that the configuration names.

A carrier is data: it says which path, headers and query a provider's path becomes. Values stay plain text here;
`HttpClient` percent-encodes them, exactly once (national-portal facts 1.2, "encoding trap"). What a route needs at run
time, such as the token of an LGSP, is done by `connectors.kit.roads`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from connectors.kit.http import HttpRequest
from connectors.kit.secrets import SecretRef

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


class Lgsp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind", tag="lgsp"):
    """Through the LGSP of the ministry or a province: a WSO2-style gateway with a token of its own (facts 1.1, 1.5).

    `token_url` is the whole address of its token endpoint, mostly another port than its services. `client_id` and
    `client_secret` are secret references; `credentials` says whether they go into a Basic header or into the form.
    `resource` is the path under the base URL where a service is exposed, `{service}` its name; `/KetNoiMotCuaQuocGia/…`
    was seen. A token is renewed `margin_s` before its end; `default_ttl_s` holds where its answer does not say how long it
    lives (3600 s were seen). `scope` is sent when set.
    """

    token_url: str
    client_id: SecretRef
    client_secret: SecretRef
    credentials: Literal["basic", "form"] = "basic"
    scope: str = ""
    resource: str = "/KetNoiMotCuaQuocGia/{service}"
    margin_s: int = 60
    default_ttl_s: int = 3_600

    def __post_init__(self) -> None:
        """Refuses a path that leads nowhere, and times that cannot be."""
        if not self.resource.startswith("/") or set("{}") & set(self.resource.replace("{service}", "")):
            raise ValueError("resource: phải bắt đầu bằng / và chỉ chứa một chỗ điền là {service}")
        if self.margin_s < 0 or self.default_ttl_s < 1:
            raise ValueError("margin_s không được âm, default_ttl_s phải lớn hơn 0")

    def carry(self, request: HttpRequest) -> HttpRequest:
        """`request` as it goes out on this route: the path of its service; the token is added on the road."""
        path = self.resource.replace("{service}", request.service)
        return HttpRequest(request.method, path, request.headers, request.body, request.query)


Carrier = Direct | XRoadAdapter | Lgsp
