"""Options of the simulated population database: its own, and those of each route that leads to it (identity facts 2.1, 2.2, 2.8).

Defaults are invented values of the facts' own vectors, so that a client set up by the examples gets through.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from connectors.vneid.simulator_register import RegisterOptions


class SignedRoute(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Route A: the trunk with caller identity in HTTP headers. `sv_url` is what is hashed, not what is posted to (2.2).

    `client` and `api_key`: the headers `X-Road-Client` and `ApiKey` when set. `drift_s`: how far a `Timestamp` may be off.
    """

    path: str = "/dancu"
    username: str = "bvhttdl"
    secret: str = "s3cr3t"
    sv_url: str = "https://esb.example.gov.vn/dancu/1.0/tracuu"
    timestamp_unit: Literal["ms", "s"] = "ms"
    timestamp_header: str = "Timestamp"
    drift_s: float = 300.0
    client: str = ""
    api_key: str = ""
    media_types: tuple[str, ...] = ("application/xml",)

    def __repr__(self) -> str:
        return f"SignedRoute(path={self.path!r})"


class XRoadRoute(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Route F: a security server. `clients` that have a right, in slash form; empty: all. `service` likewise, without code."""

    path: str = "/xroad"
    clients: tuple[str, ...] = ()
    service: str = ""


class RestRoute(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Route G: X-Road REST with the same SOAP (2.9). `clients` in slash form have a right; empty: all. `signed`: the headers
    of route A are demanded as well."""

    path: str = "/r1/{instance}/{member_class}/{member}/{subsystem}/{service}"
    clients: tuple[str, ...] = ()
    signed: bool = False


class FacadeRoute(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Route D: JSON in, SOAP as a string inside JSON out. `error_style`: `error_code` as text or number."""

    path: str = "/apiCSDLDanCu/{service}"
    error_style: Literal["text", "number"] = "text"


class LgspRoute(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Routes B and C: an LGSP with tokens. `access` is what `lgspaccesstoken` must hold; empty: nothing is demanded.

    `client_id` with `client_secret`: what the token call must prove by HTTP Basic; empty: nothing.

    `officer_keys` are `keyName:keyPass` of officers, of which route B demands one in `AuthHash`; empty: none is demanded.
    """

    token_path: str = "/lgsp/token"
    soap_path: str = "/lgsp/dancu"
    json_path: str = "/lgsp/dancu/{service}"
    access: dict[str, str] = {}
    client_id: str = ""
    client_secret: str = ""
    officer_keys: tuple[str, ...] = ()
    token_ttl_s: float = 3_600.0

    def __repr__(self) -> str:
        return f"LgspRoute(soap_path={self.soap_path!r})"


class PopulationOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The population database and its doors. `errors`: how a business refusal is said on SOAP routes, and with which status.

    `quota`: HTTP 429 with Retry-After, or a SOAP fault.
    """

    register: RegisterOptions = RegisterOptions()
    signed: SignedRoute = SignedRoute()
    xroad: XRoadRoute = XRoadRoute()
    rest: RestRoute = RestRoute()
    facade: FacadeRoute = FacadeRoute()
    lgsp: LgspRoute = LgspRoute()
    errors: Literal["fault", "inside"] = "fault"
    error_status: int = 500
    quota: Literal["http", "fault"] = "http"
