"""The HTTP calls of one identity provider: pushed request, token, userinfo, keys; what each answer lets one conclude.

No body of these calls is ever kept: they hold codes, tokens and persons' data. An error carries the status and nothing else.
A token call is made once; the only repeats are those of a connection that never came about (in the kit), and the one that
RFC 9449 8 prescribes after `use_dpop_nonce`, which is sent back without looking at the code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import msgspec
from yarl import URL

from connectors.kit.contract import Kit
from connectors.kit.errors import (
    AnswerUnreadable,
    Busy,
    ContractChanged,
    CredentialsRefused,
    DeliveryError,
    Exchange,
    Rejected,
    UpstreamFault,
)
from connectors.kit.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest, refusal, retry_after_s
from connectors.kit.tokens import Attempt
from connectors.vneid.client_proof import ClientProof, Credentials, Possession
from connectors.vneid.common_keys import Common, CommonKeys
from connectors.vneid.discovery import DocumentRefused, filled
from connectors.vneid.jose import JoseRefused, KeySet, read_keys
from connectors.vneid.profiles._claims.outcomes import Operation, load_outcomes
from connectors.vneid.refusals import refused
from connectors.vneid.sign_on_settings import ProviderSettings

_FORM = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
_VISIBLE = re.compile(r"[!-~]{1,16384}")
_ERROR_CODE = re.compile(r"[a-z_]{1,60}")
_FAMILIES: Mapping[str, type[DeliveryError]] = {
    "busy": Busy,
    "upstream_fault": UpstreamFault,
    "credentials_refused": CredentialsRefused,
    "contract_changed": ContractChanged,
    "rejected": Rejected,
}


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a code was exchanged for. `scheme` is how the access token is presented: `Bearer`, or `DPoP`."""

    access_token: str = field(repr=False)
    id_token: str = field(repr=False)
    scheme: str


@dataclass(frozen=True, slots=True)
class UserClaims:
    """A userinfo answer as it came: a JSON object, or the text of a JWT that is still to be proved."""

    tree: Mapping[str, Any] = field(default_factory=dict, repr=False)
    jwt: str | None = field(default=None, repr=False)


class ProviderClient:
    """Calls one provider. Raises `DeliveryError` and, for what ends the sign-on without doubt, `SignOnRefused`."""

    def __init__(self, settings: ProviderSettings, kit: Kit) -> None:
        """Raises what `ClientProof` and `HttpClient` raise for settings that must not be used."""
        self._settings = settings
        self._kit = kit
        self._proof = ClientProof(settings, kit)
        self._outcomes = load_outcomes(settings.profile)
        self._doors: dict[str, HttpClient] = {}
        addresses = (
            settings.token_url,
            settings.jwks_url,
            settings.userinfo_url,
            settings.par_url,
            settings.discovery_url,
        )
        for address in addresses:
            if address:
                self._door(URL(address))

    @property
    def settings(self) -> ProviderSettings:
        """Whom it calls: as configured, or as filled by `discover`."""
        return self._settings

    async def discover(self, attempt: Attempt) -> None:
        """Have every address that is needed: once, where the configuration leaves them to the provider's own document."""
        address = self._settings.discovery_url
        if not address:
            return
        answer = await self._call(address, HttpRequest("GET", "", {"Accept": "application/json"}), attempt)
        failure = refusal(answer, _bare(answer))
        if failure is not None:
            raise failure
        try:
            self._settings = filled(self._settings, _tree(answer))
        except DocumentRefused as error:
            text = f"Tài liệu discovery của hệ thống đăng nhập không dùng được: {error}."
            raise ContractChanged(text, exchange=_bare(answer)) from None
        self._proof = ClientProof(self._settings, self._kit)

    async def push(self, parameters: Mapping[str, str], seed: str, attempt: Attempt) -> str:
        """The `request_uri` of a pushed authorization request (RFC 9126, 2)."""
        credentials = self._proof.credentials(seed)
        answer = await self._post(self._settings.par_url, parameters, credentials, attempt)
        self._check("par", answer)
        request_uri = _tree(answer).get("request_uri")
        if not isinstance(request_uri, str) or not _VISIBLE.fullmatch(request_uri):
            raise AnswerUnreadable("Hệ thống đăng nhập không trả request_uri.", exchange=_bare(answer))
        return request_uri

    async def exchange(
        self, grant: Mapping[str, str], seed: str, possession: Possession | None, attempt: Attempt
    ) -> Tokens:
        """The tokens for an authorization code; the call is made once (identity facts 1.3, rule)."""
        credentials = self._proof.credentials(seed)
        proved = _with_proof(credentials, possession, self._settings.token_url)
        answer = await self._post(self._settings.token_url, grant, proved, attempt)
        nonce = _wanted_nonce(answer) if possession is not None else ""
        if possession is not None and nonce:
            # A client assertion is for one call (RFC 7523 3, `jti`), so the repeat carries its own.
            credentials = self._proof.credentials(f"{seed}\n{nonce}")
            proved = _with_proof(credentials, possession, self._settings.token_url, nonce)
            answer = await self._post(self._settings.token_url, grant, proved, attempt)
        self._check("token", answer)
        tokens = _tokens(answer)
        if possession is not None and tokens.scheme != "DPoP":
            # RFC 9449 5: what is not bound to our key is thrown away where the operator wants it bound.
            raise ContractChanged("Hệ thống đăng nhập không gắn mã truy cập với khóa (DPoP).", exchange=_bare(answer))
        return tokens

    async def userinfo(self, tokens: Tokens, possession: Possession | None, attempt: Attempt) -> UserClaims:
        """What the provider says of the person; an HTTP 500 is asked once more (identity facts 1.5: a known race)."""
        answer = await self._ask_userinfo(tokens, possession, attempt)
        nonce = _wanted_nonce(answer) if possession is not None else ""
        if answer.status == 500 or nonce:
            answer = await self._ask_userinfo(tokens, possession, attempt, nonce)
        if answer.status == 401:
            raise refused("userinfo_refused")
        if answer.status == 403:
            text = "Hệ thống đăng nhập không cho ứng dụng này đọc thông tin tài khoản (scope)."
            raise ContractChanged(text, exchange=_bare(answer))
        failure = refusal(answer, _bare(answer))
        if failure is not None:
            raise refused("userinfo_refused") if isinstance(failure, Rejected) else failure
        return self._read_userinfo(answer)

    async def keys(self, attempt: Attempt) -> KeySet:
        """The provider's published keys (RFC 7517)."""
        await self.discover(attempt)
        request = HttpRequest("GET", "", {"Accept": "application/json, application/jwk-set+json"})
        answer = await self._call(self._settings.jwks_url, request, attempt)
        failure = refusal(answer, _bare(answer))
        if failure is not None:
            raise failure
        tree = _tree(answer)
        try:
            keys = read_keys(tree)
        except JoseRefused:
            raise AnswerUnreadable(
                "Danh sách khóa của hệ thống đăng nhập không đọc được.", exchange=_bare(answer)
            ) from None
        if not keys:
            raise ContractChanged("Hệ thống đăng nhập không công bố khóa nào dùng được.", exchange=_bare(answer))
        await CommonKeys(self._settings, self._kit).keep(tree)
        return keys

    async def common_keys(self) -> Common | None:
        """The keys as another node fetched them; None while the addresses are not known yet."""
        if self._settings.discovery_url:
            return None
        return await CommonKeys(self._settings, self._kit).find()

    async def close(self) -> None:
        """Close every connection."""
        for door in self._doors.values():
            await door.close()

    async def _ask_userinfo(
        self, tokens: Tokens, possession: Possession | None, attempt: Attempt, nonce: str = ""
    ) -> HttpAnswer:
        url, method = self._settings.userinfo_url, self._settings.userinfo_method
        headers = {
            "Accept": "application/json, application/jwt",
            "Authorization": f"{tokens.scheme} {tokens.access_token}",
        }
        if method == "POST":
            # Even an empty body must be said to be a form (RFC 6750 2.2), or a strict provider refuses it.
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if possession is not None and tokens.scheme == "DPoP":
            headers |= possession.header(method, url, tokens.access_token, nonce)
        return await self._call(url, HttpRequest(method, "", headers), attempt)

    def _read_userinfo(self, answer: HttpAnswer) -> UserClaims:
        """JSON by default; a JWT only where the configuration says so, and then nothing else (identity facts 1.5)."""
        signed = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/jwt"
        if self._settings.userinfo_format == "json":
            if signed:
                text = "Hệ thống đăng nhập trả userinfo dạng JWT; hãy đặt userinfo_format = jwt."
                raise ContractChanged(text, exchange=_bare(answer))
            return UserClaims(tree=_tree(answer))
        if not signed:
            raise refused("userinfo_unsigned")
        try:
            return UserClaims(jwt=answer.body.decode("ascii").strip())
        except UnicodeDecodeError:
            raise refused("token_malformed") from None

    def _check(self, operation: Operation, answer: HttpAnswer) -> None:
        """Raises what an answer other than 2xx means: its OAuth error by the profile's table, else its status."""
        failure = refusal(answer, _bare(answer))
        if failure is None:
            return
        code, description = _oauth_error(answer) if 400 <= answer.status < 500 else ("", "")
        if code:
            found = self._outcomes.conclude(operation, code, description, self._kit.now().date())
            kind = _FAMILIES[found.family]
            exchange = replace(_bare(answer), upstream_code=code)
            failure = kind(f"Hệ thống đăng nhập: {found.meaning_vi}.", exchange=exchange)
            failure.retry_after_s = retry_after_s(answer.headers)
        if isinstance(failure, Rejected) and operation == "token":
            raise refused("code_refused")
        raise failure

    async def _post(
        self, url: str, parameters: Mapping[str, str], credentials: Credentials, attempt: Attempt
    ) -> HttpAnswer:
        body = urlencode({**parameters, **credentials.form}).encode()
        return await self._call(url, HttpRequest("POST", "", {**_FORM, **credentials.headers}, body), attempt)

    async def _call(self, address: str, request: HttpRequest, attempt: Attempt) -> HttpAnswer:
        url = URL(address)
        request = replace(request, path=url.path, query=dict(url.query) or None)
        try:
            return await self._door(url).call(request, attempt.left(self._kit))
        except DeliveryError as error:
            error.exchange = Exchange(http_status=error.exchange.http_status)
            raise

    def _door(self, url: URL) -> HttpClient:
        """One client for each host of the provider; raises `ContractChanged` for one that must not be used."""
        origin = str(url.origin())
        if origin not in self._doors:
            settings = self._settings
            options = HttpOptions(
                allow_plain=settings.allow_plain,
                ca_file=settings.ca_file,
                client_cert_file=settings.client_cert_file,
                client_key_file=settings.client_key_file,
                proxy=settings.proxy,
                max_answer_bytes=settings.limits.answer_bytes,
            )
            self._doors[origin] = HttpClient(base_url=origin, kit=self._kit, options=options)
        return self._doors[origin]


def _with_proof(credentials: Credentials, possession: Possession | None, url: str, nonce: str = "") -> Credentials:
    if possession is None:
        return credentials
    return Credentials(credentials.form, {**credentials.headers, **possession.header("POST", url, nonce=nonce)})


def _wanted_nonce(answer: HttpAnswer) -> str:
    """The nonce that a DPoP proof must carry (RFC 9449 8, 9); empty when none was asked for."""
    asked = "use_dpop_nonce" in (_oauth_error(answer)[0], *re.findall(r'error="(\w+)"', _challenge(answer)))
    nonce = answer.headers.get("DPoP-Nonce", "")
    return nonce if asked and answer.status in (400, 401) and _VISIBLE.fullmatch(nonce) else ""


def _challenge(answer: HttpAnswer) -> str:
    return answer.headers.get("WWW-Authenticate", "")[:1_000]


def _tokens(answer: HttpAnswer) -> Tokens:
    tree = _tree(answer)
    access_token, id_token, kind = tree.get("access_token"), tree.get("id_token"), tree.get("token_type", "Bearer")
    if not isinstance(access_token, str) or not _VISIBLE.fullmatch(access_token):
        raise AnswerUnreadable("Hệ thống đăng nhập không trả access_token.", exchange=_bare(answer))
    if not isinstance(id_token, str) or not id_token:
        # Without scope openid a provider answers in this way: a matter of its entry for us, not of the person.
        raise ContractChanged("Hệ thống đăng nhập không trả id_token.", exchange=_bare(answer))
    scheme = {"bearer": "Bearer", "dpop": "DPoP"}.get(str(kind).lower())
    if scheme is None:
        raise ContractChanged("Hệ thống đăng nhập trả loại mã truy cập không biết.", exchange=_bare(answer))
    return Tokens(access_token, id_token, scheme)


def _tree(answer: HttpAnswer) -> Mapping[str, Any]:
    """The JSON object in an answer."""
    try:
        tree: Any = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        tree = None
    if not isinstance(tree, dict):
        raise AnswerUnreadable("Hệ thống đăng nhập trả nội dung không đọc được.", exchange=_bare(answer))
    return tree


def _oauth_error(answer: HttpAnswer) -> tuple[str, str]:
    """`error` and `error_description` (RFC 6749 5.2); empty when the body is none of that kind."""
    try:
        tree: Any = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", ""
    code = tree.get("error") if isinstance(tree, dict) else None
    if not isinstance(code, str) or not _ERROR_CODE.fullmatch(code):
        return "", ""
    return code, str(tree.get("error_description", ""))[:500]


def _bare(answer: HttpAnswer) -> Exchange:
    return Exchange(http_status=answer.status)
