"""The settings of the half that asks the population database: route, request rules, what is switched on.

Everything that no public text settles is here with the form that was seen as its default (identity facts 7, rows 8 to 20).
Secrets are references (`env:NAME`, `file:PATH`), read again whenever they are needed.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from connectors.kit.secrets import SecretRef
from connectors.kit.soap.facade import FacadeKeys
from connectors.kit.soap.xroad import XRoadMember
from connectors.vneid.profiles.dancu.outcomes import Family
from connectors.vneid.profiles.dancu.rules import WIRE_NAMES, RequestRules

MAX_ANSWER_BYTES = 1_048_576
"""Facts 6: an answer is at most 1 MiB."""

Operation = Literal[
    "verify", "look_up", "relatives", "household_head", "current_residence", "marital_status", "household"
]


class LgspToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The token of an LGSP (facts 2.2, "Route B token"): `POST` of `grant_type=client_credentials`.

    `access`: reference to the JSON object that goes into the header `lgspaccesstoken` in Base64 (AccessKey, SecretKey,
    AppName, PartnerCode, PartnerCodeCus). `client_id`, `client_secret`: references to a Basic pair, where the LGSP wants one.
    A token is renewed `margin_s` before its end; `default_ttl_s` holds where the LGSP does not say how long it lives.
    """

    url: str
    access: SecretRef = SecretRef("")
    client_id: SecretRef = SecretRef("")
    client_secret: SecretRef = SecretRef("")
    margin_s: int = 60
    default_ttl_s: int = 3_600

    def __post_init__(self) -> None:
        """Refuses half a pair, a token that nothing asks for, and times that cannot be."""
        if bool(self.client_id) != bool(self.client_secret):
            raise ValueError("client_id và client_secret phải đi cùng nhau")
        if not (self.access or self.client_id):
            raise ValueError("cần access, hoặc client_id và client_secret")
        if self.margin_s < 0 or self.default_ttl_s < 1:
            raise ValueError("margin_s không được âm, default_ttl_s phải lớn hơn 0")


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The headers that name and prove the caller (facts 2.2); the hash covers `hash_url`, not the address that is called.

    `secret`, `api_key`: references. `timestamp_unit`: milliseconds were seen twice, seconds once. `hash_urls`: another hashed
    text for single operations. `esb_headers`: ESB_SOURCE_TYPE and ESB_SOURCE_USERNAME as well (S6).
    """

    username: str
    secret: SecretRef
    hash_url: str
    api_key: SecretRef = SecretRef("")
    timestamp_unit: Literal["ms", "s"] = "ms"
    timestamp_header: str = "Timestamp"
    esb_headers: bool = False
    hash_urls: dict[str, str] = {}


class XRoadIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One side of an X-Road call (facts 2.8); the values of Viet Nam are not public."""

    instance: str
    member_class: str
    member_code: str
    subsystem: str = ""

    def __post_init__(self) -> None:
        """Refuses parts that X-Road does not allow."""
        self.member()

    def member(self) -> XRoadMember:
        """The identity as the SOAP kit takes it."""
        return XRoadMember(self.instance, self.member_class, self.member_code, self.subsystem)


class HeaderSigned(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind", tag="header_signed"
):
    """Route A: SOAP 1.1 with an empty header; who calls stands in HTTP headers (facts 2.1, 2.2)."""

    signature: Signature
    x_road_client: str = ""
    content_type: str = "application/xml"


class LgspSoap(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind", tag="lgsp_soap"
):
    """Route B: the same SOAP behind an LGSP: its token, and a key for each officer (facts 2.1).

    `officer_keys`: officer account to the reference of `keyName:keyPass`; `default_officer_key` for all others; an officer
    who has none is refused before anything is sent.
    """

    token: LgspToken
    officer_keys: dict[str, SecretRef] = {}
    default_officer_key: SecretRef = SecretRef("")
    content_type: str = "application/xml"


class LgspJson(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind", tag="lgsp_json"
):
    """Routes C and D: JSON in, and the SOAP answer as a string inside JSON (facts 2.1).

    `names`: `wire` (D: HoVaTen, NgayThangNam, Nam…) or `camel` (C: maYeuCau, ngayThangNam, userNameService…). `token`:
    where the LGSP wants one. `user_name`: `userNameService` of route C. `answer_code`, `answer_message`: under which names the
    answer says its code and the envelope; `no_error`: the codes that say that all went well ([assumed] beside "0").
    """

    names: Literal["wire", "camel"] = "wire"
    token: LgspToken | None = None
    user_name: str = ""
    answer_code: str = FacadeKeys().code
    answer_message: str = FacadeKeys().message
    no_error: tuple[str, ...] = tuple(sorted(FacadeKeys().no_error))

    def keys(self) -> FacadeKeys:
        """The same as the SOAP kit takes them."""
        return FacadeKeys(self.answer_code, self.answer_message, frozenset(self.no_error))


class XRoadSoap(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind", tag="xroad_soap"
):
    """Route F: X-Road 4.0 header blocks through our security server (facts 2.8).

    `service_version`: left out when empty. `country`: prefix of `userId`, the acting officer.
    """

    client: XRoadIdentity
    service: XRoadIdentity
    service_version: str = ""
    country: str = "VN"


class XRoadRest(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind", tag="xroad_rest"
):
    """Route G: the same SOAP over X-Road REST, `path` being `/r1/…`; its headers travel, those of route A too (facts 2.9)."""

    client: XRoadIdentity
    country: str = "VN"
    signature: Signature | None = None
    content_type: str = "application/xml"


Route = HeaderSigned | LgspSoap | LgspJson | XRoadSoap | XRoadRest


class PopulationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the population database is asked; README.md explains each key.

    `paths`: the path of single operations, where they have one of their own; a JSON facade has one for each. `operations`:
    what is switched on (facts 2.3: two by default). `error_map`: code of an upstream to a family of
    `outcomes.csv`, read before the table. `answer_schema`: `strict` refuses an answer that fits neither published schema,
    `tolerant` reads what it knows. `timeout_s` bounds a question that brings no budget. `client_cert_file`, `client_key_file`:
    PEM files for a server that asks for a certificate, as security servers do. `proxy`: the forward proxy of the network.
    """

    base_url: str
    route: Route
    path: str = ""
    paths: dict[str, str] = {}
    operations: tuple[Operation, ...] = ("verify", "look_up")
    request: RequestRules = RequestRules()
    error_map: dict[str, Family] = {}
    answer_schema: Literal["tolerant", "strict"] = "tolerant"
    timeout_s: float = 20.0
    allow_plain: tuple[str, ...] = ()
    ca_file: str = ""
    client_cert_file: str = ""
    client_key_file: str = ""
    proxy: str = ""

    def path_of(self, operation: str) -> str:
        """Where an operation is called."""
        return self.paths.get(operation, self.path)

    def __post_init__(self) -> None:
        """Refuses an operation that could not be asked, and a time that is none."""
        if set(self.paths) - set(WIRE_NAMES):
            raise ValueError("paths: tên thao tác không tồn tại")
        pathless = [name for name in self.operations if not self.paths.get(name)]
        if isinstance(self.route, LgspJson) and pathless:
            raise ValueError(f"paths: LGSP kiểu JSON có một đường dẫn cho mỗi thao tác; thiếu {', '.join(pathless)}")
        nameless = [name for name in self.operations if name not in self.request.integration_codes]
        if nameless:
            raise ValueError(f"request.integration_codes: thiếu MaTichHop cho {', '.join(nameless)}")
        if len(set(self.operations)) != len(self.operations) or set(self.operations) - set(WIRE_NAMES):
            raise ValueError("operations: mỗi thao tác chỉ nêu một lần")
        if bool(self.client_cert_file) != bool(self.client_key_file):
            raise ValueError("client_cert_file và client_key_file phải đi cùng nhau")
        if {Family.DONE, Family.NOT_FOUND} & set(self.error_map.values()):
            raise ValueError("error_map: một mã lỗi không thể nghĩa là thành công hay không tìm thấy")
        if not 0 < self.timeout_s <= 120:
            raise ValueError("timeout_s: phải lớn hơn 0 và không quá 120")
