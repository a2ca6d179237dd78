"""The settings of one identity provider: every fact that nobody could confirm, typed, with the default of the facts.

Identity facts 7 (rows 1 to 7) lists them; README.md explains each. Secrets are references, never values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

import msgspec
from yarl import URL

from connectors.kit.secrets import SecretRef

ProfileName = Literal["cdvcqg", "vneid"]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"]
"""What a signature may be made with: never `none`, never a MAC, whose key would be our own secret or a public key."""

PLACES = (
    "subject_key",
    "kind",
    "personal_id",
    "cmnd",
    "passport",
    "full_name",
    "birth",
    "email",
    "phone",
    "tax_code",
    "enterprise_code",
    "organisation_name",
    "address",
    "ial",
    "level",
    "logout_uri",
)
"""What an account is read from; `claim_map` says under which name a provider gives it."""

SENSITIVE = ("DanToc", "TonGiao", "NhomMau")
"""Sensitive data (NĐ 356/2025/NĐ-CP Điều 4) that a sign-on never needs; dropped before anything reads them."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
_HOST = re.compile(r"[a-z0-9.-]{1,253}(:[1-9][0-9]{0,4})?", re.ASCII)
_NEEDED = ("authorize_url", "token_url", "jwks_url")
_DEFAULT_PORTS = {"https": 443, "http": 80}


class ClientKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The key of `private_key_jwt` (RFC 7523): `key` references a private JWK or PEM; `kid` is what the provider knows it by.

    `audience` is what the assertion is made out to; empty: the token endpoint, as OIDC Core 9 says.
    """

    key: SecretRef
    algorithm: Algorithm = "RS256"
    kid: str = ""
    audience: str = ""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Times in seconds and sizes: tolerance of clocks, age of tokens, life of fetched keys, bytes of an answer.

    `skew_s`: 60, to be raised to 300 for the product's own default; `token_age_s`: how old an `iat` may be;
    `jwks_refetch_s`: an unknown `kid` fetches the keys again at most that often (identity facts 1.9).
    `max_age_s`: the log-in itself may be that old (`max_age`, checked by `auth_time`); 0 asks nothing.
    """

    skew_s: int = 60
    token_age_s: int = 600
    jwks_ttl_s: int = 3_600
    jwks_refetch_s: int = 300
    max_age_s: int = 0
    answer_bytes: int = 262_144

    def __post_init__(self) -> None:
        """Refuses times that cannot be."""
        if not 0 <= self.skew_s <= 300:
            raise ValueError("skew_s: phải từ 0 đến 300")
        if min(self.token_age_s, self.jwks_ttl_s, self.jwks_refetch_s) < 1 or self.max_age_s < 0:
            raise ValueError("token_age_s, jwks_ttl_s, jwks_refetch_s phải lớn hơn 0; max_age_s không được âm")
        if not 4_096 <= self.answer_bytes <= 1_048_576:
            raise ValueError("answer_bytes: phải từ 4096 đến 1048576")


class ProviderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One identity provider. `hosts` (`host`, or `host:port` where it is not 443) bounds every address of it.

    With `discovery_url` the addresses that are left empty come from there, but for `logout_url`.

    `acr_values` and `logout_mode` left empty take what the profile is known to use; `acr_levels` orders levels, lowest
    first; `assurance_map` turns a text of `loAs` or `acr` into an account level. `required_claims` come on top of the subject
    key, which every account must have. `refused_values`: values of a claim, such as `TrangThai`, that let nobody in (what they
    mean is unknown, facts 1.4).
    """

    name: str
    profile: ProfileName
    issuer: str
    hosts: tuple[str, ...]
    client_id: str
    authorize_url: str = ""
    token_url: str = ""
    jwks_url: str = ""
    enabled: bool = True
    title_vi: str = ""
    userinfo_url: str = ""
    discovery_url: str = ""
    par_url: str = ""
    logout_url: str = ""
    token_auth: Literal["client_secret_post", "client_secret_basic", "private_key_jwt"] = "client_secret_post"
    client_secret: SecretRef = SecretRef("")
    client_key: ClientKey | None = None
    algorithms: tuple[Algorithm, ...] = ("RS256",)
    scope: str = "openid"
    acr_values: str = ""
    pkce: bool = True
    nonce_required: bool = True
    par: bool = False
    dpop: bool = False
    issuer_parameter_required: bool = False
    userinfo_method: Literal["GET", "POST"] = "POST"
    userinfo_format: Literal["json", "jwt"] = "json"
    claim_map: dict[str, str] = {}
    organisation_claim_map: dict[str, str] = {}
    required_claims: tuple[str, ...] = ()
    drop_claims: tuple[str, ...] = SENSITIVE
    refused_values: dict[str, tuple[str, ...]] = {}
    multi_value_separator: str = ","
    assurance_map: dict[str, int] = {}
    acr_levels: tuple[str, ...] = ("LoA1", "LoA2", "LoA3", "LoA4")
    min_ial: int = 0
    min_acr: str = ""
    logout_mode: Literal["", "rp", "claim", "none"] = ""
    logout_return_parameter: str = ""
    backchannel: bool = True
    limits: Limits = Limits()
    allow_plain: tuple[str, ...] = ()
    ca_file: str = ""
    client_cert_file: str = ""
    client_key_file: str = ""
    proxy: str = ""

    def __post_init__(self) -> None:
        """Refuses what types cannot; one sentence names every fault and repeats no value."""
        faults = [*self._shape(), *self._addresses(), *self._credentials(), *self._claims()]
        if faults:
            raise ValueError("; ".join(faults))

    @property
    def leaves_by(self) -> Literal["rp", "claim", "none"]:
        """How the provider's session is ended: by its logout endpoint, by the claim `logoutUri`, or not at all."""
        if self.logout_mode:
            return self.logout_mode
        if self.profile == "vneid":
            return "claim"
        return "rp" if self.logout_url else "none"

    @property
    def asked_acr(self) -> str:
        """`acr_values` of the request: four independent clients send LoA1 to CDVCQG, nobody any to VNeID (facts 1.2)."""
        return self.acr_values or ("LoA1" if self.profile == "cdvcqg" else "")

    def _shape(self) -> Iterable[str]:
        if not _NAME.fullmatch(self.name):
            yield "name: chữ thường, chữ số và dấu gạch ngang, bắt đầu bằng chữ"
        if not self.issuer or not self.client_id:
            yield "issuer và client_id: không được để trống"
        if not self.algorithms:
            yield "algorithms: cần ít nhất một thuật toán"
        if "openid" not in self.scope.split():
            yield "scope: phải có openid"
        if self.min_acr and self.min_acr not in self.acr_levels:
            yield "min_acr: phải là một trong acr_levels"
        if not 0 <= self.min_ial <= 4 or any(not 0 <= level <= 4 for level in self.assurance_map.values()):
            yield "min_ial và assurance_map: mức phải từ 0 đến 4"
        if not self.pkce and not self.nonce_required:
            # RFC 9700 2.1.1: without either, a stolen code can be slipped into anybody's callback.
            yield "pkce và nonce_required: không được tắt cả hai"
        if self.par and not self.par_url and not self.discovery_url:
            yield "par_url: bắt buộc phải có khi par = true"
        if self.logout_mode == "rp" and not self.logout_url:
            yield "logout_url: bắt buộc phải có khi logout_mode = rp"

    def _addresses(self) -> Iterable[str]:
        if not self.hosts or not all(_HOST.fullmatch(host) for host in self.hosts):
            yield "hosts: cần danh sách máy chủ chữ thường, kèm cổng khi khác 443"
        for key in (*_NEEDED, "userinfo_url", "par_url", "logout_url", "discovery_url"):
            address = getattr(self, key)
            if address and not allowed_address(address, self.hosts, self.allow_plain):
                yield f"{key}: phải là https:// tới một máy chủ trong hosts"
            elif not address and key in _NEEDED and not self.discovery_url:
                yield f"{key}: bắt buộc phải có, trừ khi có discovery_url"

    def _credentials(self) -> Iterable[str]:
        if self.token_auth == "private_key_jwt":
            if self.client_key is None:
                yield "client_key: bắt buộc phải có khi token_auth = private_key_jwt"
        elif not self.client_secret:
            yield "client_secret: bắt buộc phải có (tham chiếu tới bí mật)"
        if self.client_key_file and not self.client_cert_file:
            yield "client_key_file: chỉ dùng cùng client_cert_file"

    def _claims(self) -> Iterable[str]:
        for key in ("claim_map", "organisation_claim_map"):
            if set(getattr(self, key)) - set(PLACES):
                yield f"{key}: chỉ gồm các chỗ {', '.join(PLACES)}"
        if not self.multi_value_separator:
            yield "multi_value_separator: không được để trống"


def checked_providers(providers: Iterable[ProviderSettings]) -> tuple[str, ...]:
    """The faults of the providers of one upstream taken together: names are addresses of callbacks, so each is its own."""
    names = [one.name for one in providers]
    twice = {name for name in names if names.count(name) > 1}
    return tuple(f"providers: tên «{name}» bị trùng" for name in sorted(twice))


def allowed_address(address: str, hosts: Iterable[str], allow_plain: Iterable[str] = ()) -> bool:
    """Whether a browser or a call of ours may be sent there: https to a listed host, no account, no fragment.

    An address from a claim is a stranger's word: without this list it would send people wherever the claim says
    (open redirect; identity facts 1.6, rule).
    """
    if not address.isascii() or not address.isprintable() or " " in address or "\\" in address or len(address) > 2_000:
        return False
    try:
        url = URL(address)
        host, port = (url.host or "").lower(), url.port
    except ValueError:
        return False
    if url.scheme not in _DEFAULT_PORTS or not host or url.user is not None or url.password is not None or url.fragment:
        return False
    if url.scheme == "http" and not {host, f"{host}:{port}"} & set(allow_plain):
        return False
    names = {f"{host}:{port}"} | ({host} if port == _DEFAULT_PORTS[url.scheme] else set())
    return bool(names & set(hosts))
