"""What the conformance suite needs to know of the identity connector: routes, questions, sign-ons, and every outcome.

One case for each route to the population database. The tables and examples of `dancu` are examined on the JSON facade, where
every signal can be heard; those of the sign-on profiles beside the header-signed route.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from connectors.kit.case import Case, ConformanceCase, Feeding, Sample, SignOnSample
from connectors.kit.contract import Question
from connectors.kit.signing_on import Errand, Secrets
from connectors.vneid.conformance_outcomes import DANCU, population_outcomes, round_trip, sign_on_outcomes
from connectors.vneid.profiles.dancu.rules import WIRE_NAMES
from mappings.canonical import (
    Actor,
    Agency,
    Carried,
    Dossier,
    DossierTimes,
    Identity,
    Party,
    Procedure,
    StatusEvent,
    Step,
)
from mappings.codes import DossierStatus, IdentityType, Origin, PartyKind

_NUMBER, _NAME, _SHOWN = "001090000000", "Nguyễn Văn Thử", "NGUYỄN VĂN THỬ"
_ADDRESS, _EMAIL, _PHONE = "SỐ 1 ĐƯỜNG MẪU", "thu@example.invalid", "0900000000"
_KEY, _CLIENT_SECRET, _API = "khoa-bi-mat-kiem-thu", "mat-khau-ung-dung-kiem-thu", "khoa-api-kiem-thu"
_ACCESS = '{"AccessKey":"a-kiem-thu","SecretKey":"b-kiem-thu","AppName":"c","PartnerCode":"d","PartnerCodeCus":"e"}'
_OFFICER_KEY = "ten-khoa:mat-khau-can-bo"
_HASHED = "https://esb.example.gov.vn/dancu/1.0/tracuu"
_MEMBER = {"instance": "VN", "member_class": "GOV", "member_code": "G00.01", "subsystem": "gateway"}
_PROVIDER = {"instance": "VN", "member_class": "GOV", "member_code": "G00.99", "subsystem": "dancu"}
_CODES = {"verify": "003", "look_up": "037"} | {
    name: str(38 + place).zfill(3) for place, name in enumerate(list(WIRE_NAMES)[2:])
}
_SIGNATURE = {"username": "bvhttdl", "secret": "env:key", "hash_url": _HASHED, "api_key": "env:api"}
_BACK = "https://cong-ket-noi.example.gov.vn/v1/callbacks/vneid/cdvcqg"
_START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
_NOTHING = ("",)
"""No profile: another case examines its tables."""


def _route(base_url: str, route: Mapping[str, Any], population: Mapping[str, Any]) -> ConformanceCase:
    """The case of one route, with every operation switched on."""
    settings = {
        "base_url": base_url,
        "route": route,
        "operations": tuple(WIRE_NAMES),
        "request": {"integration_codes": _CODES},
        "allow_plain": ("127.0.0.1",),
        **population,
    }
    signed = {"username": "bvhttdl", "secret": _KEY, "sv_url": _HASHED, "api_key": _API}
    lgsp = {"officer_keys": (_OFFICER_KEY,)}
    return ConformanceCase(
        settings={"population": settings},
        secrets={"env:key": _KEY, "env:api": _API, "env:access": _ACCESS, "env:officer": _OFFICER_KEY},
        simulator={"population": {"signed": signed, "lgsp": lgsp}},
        sample=_sample,
        effects=lambda _state, _sample: 0,
        round_trip=round_trip,
        outcomes=(),
        planted=(_NUMBER, _NAME, _SHOWN, _ADDRESS, _KEY, _API, _OFFICER_KEY),
        state_path="/_simulator/questions",
        fault_operation=dict(WIRE_NAMES),
        questions={name: _question(name) for name in WIRE_NAMES},
        profiles=_NOTHING,
    )


def _header_signed(base_url: str) -> ConformanceCase:
    """Route A, and both providers."""
    route = {"kind": "header_signed", "signature": _SIGNATURE}
    case = _route(base_url, route, {"path": "/dancu", "answer_schema": "strict"})
    providers = [{"name": name, "profile": name, "clients": [_client()]} for name in ("cdvcqg", "vneid")]
    return replace(
        case,
        settings={**case.settings, "providers": (_cdvcqg(base_url), _vneid(base_url))},
        secrets={**case.secrets, "env:client": _CLIENT_SECRET},
        simulator={**case.simulator, "providers": providers},
        planted=(*case.planted, _CLIENT_SECRET, _EMAIL, _PHONE, "tech-thu"),
        sign_ons={name: _sign_on(name) for name in ("cdvcqg", "vneid")},
        outcomes=(*sign_on_outcomes("cdvcqg"), *sign_on_outcomes("vneid")),
        profiles=("cdvcqg", "vneid"),
    )


def _lgsp_soap(base_url: str) -> ConformanceCase:
    """Route B: a token of the LGSP, the officer's own key, and records in the shape of QCVN 109."""
    token = {"url": f"{base_url}/lgsp/token", "access": "env:access"}
    route = {"kind": "lgsp_soap", "token": token, "officer_keys": {"canbo.test": "env:officer"}}
    case = _route(base_url, route, {"path": "/lgsp/dancu", "answer_schema": "strict"})
    population: Any = case.simulator["population"]
    return replace(case, simulator={"population": {**population, "register": {"shape": "qcvn109"}}})


def _json_facade(base_url: str) -> ConformanceCase:
    """Route D: SOAP as a string inside JSON; here the tables of `dancu` are examined."""
    paths = {name: f"/apiCSDLDanCu/{wire}" for name, wire in WIRE_NAMES.items()}
    case = _route(base_url, {"kind": "lgsp_json"}, {"paths": paths})
    return replace(case, outcomes=population_outcomes(), profiles=(DANCU,))


def _json_facade_with_token(base_url: str) -> ConformanceCase:
    """Route C: other names, and a token."""
    paths = {name: f"/lgsp/dancu/{wire}" for name, wire in WIRE_NAMES.items()}
    token = {"url": f"{base_url}/lgsp/token", "access": "env:access"}
    return _route(base_url, {"kind": "lgsp_json", "names": "camel", "token": token}, {"paths": paths})


def _xroad_soap(base_url: str) -> ConformanceCase:
    """Route F: X-Road header blocks."""
    route = {"kind": "xroad_soap", "client": _MEMBER, "service": _PROVIDER, "service_version": "v1"}
    return _route(base_url, route, {"path": "/xroad"})


def _xroad_rest(base_url: str) -> ConformanceCase:
    """Route G: the same SOAP over X-Road REST, each operation a service."""
    route = {"kind": "xroad_rest", "client": _MEMBER, "signature": _SIGNATURE}
    paths = {name: f"/r1/VN/GOV/G00.99/dancu/{wire}" for name, wire in WIRE_NAMES.items()}
    return _route(base_url, route, {"paths": paths})


def _client() -> dict[str, object]:
    return {
        "client_id": "cong-ket-noi",
        "client_secret": _CLIENT_SECRET,
        "redirect_uris": (_BACK,),
        "require_pkce": True,
    }


def _cdvcqg(base_url: str) -> dict[str, object]:
    at = f"{base_url}/cdvcqg"
    return {
        **_common("cdvcqg", base_url),
        "issuer": f"{at}/oauth2/token",
        "authorize_url": f"{at}/oauth2/authorize",
        "token_url": f"{at}/oauth2/token",
        "jwks_url": f"{at}/oauth2/jwks",
        "userinfo_url": f"{at}/oauth2/userinfo",
        "logout_url": f"{at}/oidc/logout",
    }


def _vneid(base_url: str) -> dict[str, object]:
    at = f"{base_url}/vneid"
    return {
        **_common("vneid", base_url),
        "issuer": at,
        "authorize_url": f"{at}/auth",
        "token_url": f"{at}/token",
        "jwks_url": f"{at}/jwks",
        "userinfo_url": f"{at}/userinfo",
    }


def _common(name: str, base_url: str) -> dict[str, object]:
    return {
        "name": name,
        "profile": name,
        "hosts": (urlsplit(base_url).netloc,),
        "client_id": "cong-ket-noi",
        "client_secret": "env:client",
        "allow_plain": ("127.0.0.1",),
    }


def _sign_on(provider: str) -> SignOnSample:
    """One sign-on of the invented person; the simulator does what they do with a browser."""
    chance = Secrets(state="s" * 43, nonce="n" * 43, verifier="v" * 43)
    return SignOnSample(
        Errand(provider, _BACK, chance),
        lambda address: Feeding(
            "POST", "/_simulator/sign-in", f'{{"address": "{address}", "account": "{_NUMBER}"}}'.encode()
        ),
        ("token", "userinfo"),
    )


def _question(operation: str) -> Question:
    """One lawful question about the invented person."""
    return Question(
        subject="",
        fields={"full_name": _NAME, "personal_id": _NUMBER, "birth": "1990-02-28"},
        purpose="đối chiếu khi tiếp nhận hồ sơ",
        officer="cb-0001",
        unit="G00",
        dossier_code="000.00.00.G16-261120-0001",
        operation=operation,
        procedure_code="1.004528",
        request_id="019b7a10-0000-7000-8000-000000000001",
        officer_account="canbo.test",
    )


def _sample(operation: str, number: int, step: int) -> Sample:
    """Nothing is delivered here; the suite still wants to know of which dossier a question is."""
    dossier = Dossier(
        dossier_code=f"000.00.00.G16-261120-{number:04d}",
        version=1,
        origin=Origin.ONLINE_MINISTRY,
        procedure=Procedure("BVH-DL-01", "1.004528", "Cấp thẻ hướng dẫn viên du lịch", "G16-DL01"),
        agency=Agency("G16.05", "Cục Du lịch Quốc gia Việt Nam"),
        applicant=Party(PartyKind.CITIZEN, _NAME, Identity(IdentityType.CCCD, _NUMBER)),
        state=DossierStatus.RECEIVED,
        times=DossierTimes(received_at=_START),
    )
    event = StatusEvent(
        event_id=f"019b7a10-0000-7000-8000-{number:06d}{step:06d}",
        system_code="RES-VHTTDL",
        dossier_code=dossier.dossier_code,
        sequence=step + 1,
        occurred_at=_START,
        state=DossierStatus.RECEIVED,
        step=Step(Actor("Trần Thị Mẫu", "Chuyên viên", "Bộ phận Một cửa"), "Tiếp nhận"),
    )
    return Sample(operation, Carried(event, dossier))


CASES: Mapping[str, Case] = {
    "header-signed": _header_signed,
    "lgsp-soap": _lgsp_soap,
    "lgsp-json": _json_facade,
    "lgsp-json-camel": _json_facade_with_token,
    "xroad-soap": _xroad_soap,
    "xroad-rest": _xroad_rest,
}
"""One case for each route."""
