"""The routes to the population database (identity facts 2.1): how one question becomes an HTTP request on each, and is read.

A, G: SOAP with the caller in HTTP headers. B: the same behind an LGSP. C, D: JSON in, a SOAP string in JSON out. F: X-Road 4.0
header blocks. A request is made anew for every sending, because its hash binds the time (facts 2.2, "Retry note"), while
`MaYeuCau` stays the same.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from connectors.kit.contract import Kit
from connectors.kit.errors import CannotMap, Finding
from connectors.kit.http import HttpAnswer, HttpRequest
from connectors.kit.secrets import SecretRef
from connectors.kit.soap.building import Spelling
from connectors.kit.soap.facade import unwrapped
from connectors.kit.soap.lexical import CannotBuild
from connectors.kit.soap.port import Answer, Port, Spoken
from connectors.kit.soap.xroad import XRoadHeader, XRoadServiceId
from connectors.vneid.population_settings import (
    HeaderSigned,
    LgspJson,
    LgspSoap,
    LgspToken,
    PopulationSettings,
    Route,
    Signature,
    XRoadRest,
    XRoadSoap,
)
from connectors.vneid.profiles.dancu.messages import REQUESTS, Tree
from connectors.vneid.profiles.dancu.outcomes import Signal
from connectors.vneid.profiles.dancu.rules import WIRE_NAMES, RequestRules

# Any fixed namespace will do: an X-Road message id must differ from one sending to the next, and name its question.
_MESSAGES = uuid.UUID("3f0b6c0e-8a51-4c3e-9d9b-6b1d2f6f2a77")
_JSON = {"Accept": "application/json", "Content-Type": "application/json"}
_CAMEL = {
    "MaYeuCau": "maYeuCau",
    "MaDVC": "maDVC",
    "MaCanBo": "maCanBo",
    "SoDinhDanh": "soDinhDanh",
    "SoCMND": "soCMND",
    "HoVaTen": "hoVaTen",
}
"""Names of route C (facts 2.1); it knows no MaTichHop, and one field for both forms of a birth."""


@dataclass(frozen=True, slots=True)
class WireQuestion:
    """A question in the words of the wire: our name of the operation, the fields by WSDL name, and who asks for what."""

    operation: str
    fields: Tree = field(repr=False)
    officer: str
    dossier_code: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request that is ready, and how its answer is read: an answer, or a signal of whoever stands before the database.

    `read` raises `NotSoap`.
    """

    request: HttpRequest = field(repr=False)
    read: Callable[[HttpAnswer], Answer | Signal]


class Routing(Protocol):
    """One route. `prepare` raises `CannotMap` for what the route cannot carry."""

    def prepare(self, question: WireQuestion, now: datetime, token: str) -> Outgoing:
        """The request for this sending."""
        ...


def routing(settings: PopulationSettings, port: Port, kit: Kit) -> Routing:
    """The route of the configuration, over the port of its binding; a secret that is missing is found now."""
    route, voices = settings.route, _Voices(port, settings.request)
    for reference in _references(route):
        kit.secret(reference)
    if isinstance(route, LgspJson):
        return _JsonFacade(route, settings, voices)
    if isinstance(route, XRoadSoap):
        return _XRoadHeaders(route, settings, voices)
    return _CallerInHeaders(route, settings, voices, kit)


def token_of(route: Route) -> LgspToken | None:
    """The token that a route demands."""
    return route.token if isinstance(route, LgspSoap | LgspJson) else None


def signed_headers(signature: Signature, operation: str, now: datetime, secret: str) -> dict[str, str]:
    """The headers that prove the caller at this moment (facts 2.2): h = hex(SHA256(sv_url + user + Timestamp + secret))."""
    moment = now.timestamp()
    stamp = str(round(moment * 1000) if signature.timestamp_unit == "ms" else int(moment))
    hashed = signature.hash_urls.get(operation, signature.hash_url) + signature.username + stamp + secret
    digest = hashlib.sha256(hashed.encode()).hexdigest()
    proof = base64.b64encode(f"{signature.username}:{digest}".encode()).decode()
    headers = {signature.timestamp_header: stamp, "Authorization": f"Basic {proof}"}
    if signature.esb_headers:
        headers |= {"ESB_SOURCE_TYPE": signature.username, "ESB_SOURCE_USERNAME": signature.username}
    return headers


def lgsp_access(token: LgspToken, kit: Kit) -> dict[str, str]:
    """The header that names the caller to an LGSP (facts 2.2, "Route B token"); none where the LGSP wants none."""
    if not token.access:
        return {}
    return {"lgspaccesstoken": base64.b64encode(kit.secret(token.access).strip().encode()).decode()}


class _Voices:
    """The operations of a port in the spelling of the configuration, each made when it is first asked."""

    def __init__(self, port: Port, rules: RequestRules) -> None:
        self._port = port
        self._rules = rules
        self._made: dict[str, Spoken] = {}

    def of(self, operation: str) -> Spoken:
        """One operation, by our name."""
        made = self._made.get(operation)
        if made is None:
            made = self._made[operation] = self._port.speak(WIRE_NAMES[operation], self._spelling(operation))
        return made

    def _spelling(self, operation: str) -> Spelling:
        rules = self._rules
        return Spelling(
            order=rules.field_order,
            wrapper=rules.operation_aliases.get(WIRE_NAMES[operation], ""),
            aliases=rules.field_aliases,
            namespaces={} if rules.namespace == REQUESTS else {REQUESTS: rules.namespace},
            prefixes={REQUESTS: "dan"},
            empty_header=True,
        )


class _CallerInHeaders:
    """Routes A, B and G: the same SOAP with an empty header; who calls stands in HTTP headers."""

    def __init__(
        self, route: HeaderSigned | LgspSoap | XRoadRest, settings: PopulationSettings, voices: _Voices, kit: Kit
    ) -> None:
        self._route = route
        self._settings = settings
        self._voices = voices
        self._kit = kit

    def prepare(self, question: WireQuestion, now: datetime, token: str) -> Outgoing:
        """The envelope, and the headers of this moment."""
        spoken = self._voices.of(question.operation)
        body = _written(spoken, question.fields)
        headers = {
            "Content-Type": self._route.content_type,
            "SOAPAction": spoken.action,
            **self._caller(question, now, token),
        }
        request = HttpRequest("POST", self._settings.path_of(question.operation), headers, body)
        return Outgoing(request, lambda answer: _xroad_error(answer) or spoken.read(answer.body))

    def _caller(self, question: WireQuestion, now: datetime, token: str) -> Mapping[str, str]:
        route = self._route
        if isinstance(route, LgspSoap):
            return {
                "Authorization": f"Bearer {token}",
                **lgsp_access(route.token, self._kit),
                "AuthHash": self._officer_key(route, question.officer),
            }
        headers: dict[str, str] = {}
        if route.signature is not None:
            secret = self._kit.secret(route.signature.secret)
            headers |= signed_headers(route.signature, question.operation, now, secret)
            if route.signature.api_key:
                headers["ApiKey"] = self._kit.secret(route.signature.api_key)
        if isinstance(route, HeaderSigned):
            return {**headers, **({"X-Road-Client": route.x_road_client} if route.x_road_client else {})}
        return {**headers, **_rest_headers(route, question, now)}

    def _officer_key(self, route: LgspSoap, officer: str) -> str:
        """`AuthHash` of the officer who asks (facts 2.2); nobody asks with another one's key."""
        reference = route.officer_keys.get(officer, route.default_officer_key)
        if not reference:
            finding = Finding("officer_without_key", "/officer", "Cán bộ chưa có khóa AuthHash ở LGSP.")
            raise CannotMap("Cán bộ chưa có khóa AuthHash ở LGSP; chưa gửi gì.", findings=(finding,))
        return base64.b64encode(self._kit.secret(reference).strip().encode()).decode()


class _XRoadHeaders:
    """Route F: X-Road 4.0 header blocks; the answer must repeat them (facts 2.8)."""

    def __init__(self, route: XRoadSoap, settings: PopulationSettings, voices: _Voices) -> None:
        self._route = route
        self._settings = settings
        self._voices = voices

    def prepare(self, question: WireQuestion, now: datetime, token: str) -> Outgoing:
        """The envelope with its blocks: only Content-Type and SOAPAction pass a security server."""
        route, rules = self._route, self._settings.request
        spoken = self._voices.of(question.operation)
        name = WIRE_NAMES[question.operation]
        header = XRoadHeader(
            route.client.member(),
            XRoadServiceId(route.service.member(), rules.operation_aliases.get(name, name), route.service_version),
            _message_id(question, now),
            f"{route.country}{question.fields['MaCanBo']}",
            question.dossier_code,
        )
        body = _written(spoken, question.fields, header.tree())
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": spoken.action}

        def read(answer: HttpAnswer) -> Answer:
            read = spoken.read(answer.body)
            header.check_echo(read.envelope)
            return read

        return Outgoing(HttpRequest("POST", self._settings.path_of(question.operation), headers, body), read)


class _JsonFacade:
    """Routes C and D: the fields as JSON, the SOAP answer as a string inside JSON."""

    def __init__(self, route: LgspJson, settings: PopulationSettings, voices: _Voices) -> None:
        self._route = route
        self._settings = settings
        self._voices = voices

    def prepare(self, question: WireQuestion, now: datetime, token: str) -> Outgoing:
        """The JSON of the facade. What it says is judged as the SOAP message that the facade makes of it."""
        spoken = self._voices.of(question.operation)
        _written(spoken, question.fields)
        headers = {**_JSON, **({"Authorization": f"Bearer {token}"} if token else {})}
        body = msgspec.json.encode(self._said(question.fields))
        request = HttpRequest("POST", self._settings.path_of(question.operation), headers, body)
        return Outgoing(request, lambda answer: self._read(spoken, answer))

    def _said(self, fields: Tree) -> dict[str, Any]:
        birth = dict(fields.get("NgayThangNamSinh", {}))
        if self._route.names == "camel":
            said = {_CAMEL[name]: value for name, value in fields.items() if name in _CAMEL}
            said["ngayThangNam"] = birth.get("NgayThangNam") or birth.get("Nam", "")
            return {**said, "userNameService": self._route.user_name}
        return {**{name: value for name, value in fields.items() if name != "NgayThangNamSinh"}, **birth}

    def _read(self, spoken: Spoken, answer: HttpAnswer) -> Answer | Signal:
        facade = unwrapped(answer.body, self._route.keys())
        return Signal("gateway", facade.code, facade.text) if facade.refused else spoken.read(facade.envelope)


def _written(spoken: Spoken, fields: Tree, headers: Mapping[str, Any] | None = None) -> bytes:
    """A request that its schema accepts; raises `CannotMap` that names the place."""
    try:
        return spoken.write(fields, headers)
    except CannotBuild as error:
        finding = Finding(error.code, error.pointer, error.message_vi)
        raise CannotMap("Không lập được câu hỏi theo lược đồ của CSDLQG về dân cư.", findings=(finding,)) from None


def _rest_headers(route: XRoadRest, question: WireQuestion, now: datetime) -> dict[str, str]:
    """Who asks, over X-Road REST (facts 2.9): parts percent-encoded, the slashes between them not."""
    client = "/".join(quote(part, safe="") for part in str(route.client.member()).split("/"))
    headers = {
        "X-Road-Client": client,
        "X-Road-Id": _message_id(question, now),
        "X-Road-UserId": f"{route.country}{question.fields['MaCanBo']}",
    }
    return {**headers, "X-Road-Issue": question.dossier_code} if question.dossier_code else headers


def _xroad_error(answer: HttpAnswer) -> Signal | None:
    """What a security server says for itself: `X-Road-Error` and a JSON of type, message and detail (facts 2.7, 2.9)."""
    said = answer.headers.get("X-Road-Error", "")
    if not said:
        return None
    try:
        tree: Any = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        tree = {}
    message = tree.get("message", "") if isinstance(tree, dict) else ""
    text = message if isinstance(message, str) else ""
    return Signal("fault", said, text, text if "Proxy" in said else "")


def _message_id(question: WireQuestion, now: datetime) -> str:
    return str(uuid.uuid5(_MESSAGES, f"{question.fields['MaYeuCau']} {now.isoformat()}"))


def _references(route: Route) -> tuple[SecretRef, ...]:
    """Every secret that a route refers to."""
    signature = route.signature if isinstance(route, HeaderSigned | XRoadRest) else None
    token = token_of(route)
    found = [signature.secret, signature.api_key] if signature is not None else []
    found += [token.access, token.client_id, token.client_secret] if token is not None else []
    if isinstance(route, LgspSoap):
        found += [*route.officer_keys.values(), route.default_officer_key]
    return tuple(reference for reference in found if reference)
