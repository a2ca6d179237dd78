"""The citizens of a demonstration: who they are, how they sign on, and what the register knows of them.

All are invented, with numbers that end in six zeros. One of them declares another day of birth than the register holds.
"""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template

from gateway.cli.demonstration.cast import FAMILY, GIVEN, LEAVING, MIDDLE, Role
from gateway.cli.installation import RESOLUTION_SYSTEM, write_safely
from mappings.partial_date import PartialDate
from mappings.provinces import ProvinceList, provinces

PUBLIC_URL = "https://dich-vu-cong.vi-du.example"
"""The edge as browsers reach it; the proxy that stands there is played by the browser of the demonstration."""
RETURN_URL = "https://giai-quyet.vi-du.example/dang-nhap"
PROVIDERS = ("cdvcqg", "vneid")
CITIZENS = 12
OFFICER, UNIT = "canbo.motcua", "000.00.01.G16"

_CALLBACK = PUBLIC_URL + "/v1/callbacks/vneid/{name}"
_CONFIGURATION = Template("""
[listen.edge]
host = "127.0.0.1"
port = $edge

# Hai nhà cung cấp định danh và CSDL quốc gia về dân cư, do một bộ mô phỏng đóng vai.
[upstreams.vneid]
connector = "vneid"
timeout_s = 5.0         # mô phỏng
concurrency = 16
rate_per_s = 1000.0     # mô phỏng
burst = 200             # mô phỏng
$providers
[upstreams.vneid.settings.population]
base_url = "http://127.0.0.1:$simulator"
path = "/dancu"
allow_plain = ["127.0.0.1"]
[upstreams.vneid.settings.population.route]
kind = "header_signed"
[upstreams.vneid.settings.population.route.signature]
username = "bvhttdl"
secret = "file:keys/dancu.secret"
hash_url = "https://esb.example.gov.vn/dancu/1.0/tracuu"

[identity]
public_url = "$public"
return_urls = ["$back"]
begins_per_minute = 6000   # mô phỏng: mọi công dân đăng nhập trong vài giây
edge_per_minute = 6000     # mô phỏng: mọi trình duyệt ở cùng một địa chỉ

[identity.questions]
upstream = "vneid"
per_officer_per_hour = 6000   # mô phỏng: một cán bộ đối chiếu mọi hồ sơ trong vài giây
per_agency_per_hour = 6000    # mô phỏng
[identity.questions.callers.$system]
operations = ["verify", "look_up"]
units = ["$unit"]
""")
_PROVIDER = Template("""
[[upstreams.vneid.settings.providers]]
name = "$name"
profile = "$name"
title_vi = "$title"
issuer = "http://$host/$name$issuer"
hosts = ["$host"]
authorize_url = "http://$host/$name$authorize"
token_url = "http://$host/$name$token"
userinfo_url = "http://$host/$name$userinfo"
jwks_url = "http://$host/$name$jwks"
client_id = "bvhttdl-dvc"
client_secret = "file:keys/$name.secret"
allow_plain = ["127.0.0.1"]
""")
_PATHS: Mapping[str, Mapping[str, str]] = {
    "cdvcqg": {
        "title": "Cổng Dịch vụ công quốc gia",
        "issuer": "/oauth2/token",
        "authorize": "/oauth2/authorize",
        "token": "/oauth2/token",
        "userinfo": "/oauth2/userinfo",
        "jwks": "/oauth2/jwks",
    },
    "vneid": {
        "title": "VNeID",
        "issuer": "",
        "authorize": "/auth",
        "token": "/token",
        "userinfo": "/userinfo",
        "jwks": "/jwks",
    },
}


@dataclass(frozen=True, slots=True)
class Citizen:
    """One invented person with an account. `declared` is the date of birth that stands in the dossier."""

    number: str
    name: str
    born: PartialDate
    declared: PartialDate
    provider: str

    @property
    def honest(self) -> bool:
        """Whether the dossier says what the register knows."""
        return self.declared == self.born


def citizens(count: int, seed: int) -> tuple[Citizen, ...]:
    """`count` people, at most one from each province of the 63; the second of them declares another day of birth."""
    chance = random.Random(seed)
    codes = chance.sample(sorted(provinces(ProvinceList.BEFORE_2025_07)), count)
    return tuple(_citizen(index, code, chance) for index, code in enumerate(codes))


def _citizen(index: int, code: str, chance: random.Random) -> Citizen:
    female, year = chance.random() < 0.5, chance.randint(1960, 1999)
    born = PartialDate(year, chance.randint(1, 12), chance.randint(1, 27))
    name = " ".join((chance.choice(FAMILY), "Thị" if female else chance.choice(MIDDLE), chance.choice(GIVEN)))
    declared = PartialDate(born.year, born.month, (born.day or 0) + 1) if index == 1 else born
    return Citizen(f"0{code}{int(female)}{year % 100:02d}000000", name, born, declared, PROVIDERS[index % 2])


def lay_out_identity(folder: Path, edge: int, simulator: int, people: Sequence[Citizen]) -> None:
    """Add sign-ons and questions to the installation in `folder`: the gateway's half, and the simulator's."""
    known = {name: secrets.token_urlsafe(24) for name in (*PROVIDERS, "dancu")}
    for name, secret in known.items():
        write_safely(folder / f"keys/{name}.secret", f"{secret}\n".encode())
    host = f"127.0.0.1:{simulator}"
    words = {
        "edge": str(edge),
        "simulator": str(simulator),
        "providers": "".join(_PROVIDER.substitute(_PATHS[name], name=name, host=host) for name in PROVIDERS),
        "public": PUBLIC_URL,
        "back": RETURN_URL,
        "system": RESOLUTION_SYSTEM,
        "unit": UNIT,
    }
    configuration = folder / "gateway.toml"
    told = configuration.read_text(encoding="utf-8") + _CONFIGURATION.substitute(words)
    write_safely(configuration, told.encode(), mode=0o644)
    write_safely(folder / "simulators/vneid.toml", _simulated(known, people).encode())


def _simulated(known: Mapping[str, str], people: Sequence[Citizen]) -> str:
    """The options of the simulator: who exists, and which client the providers know."""
    parts = [f"[population.signed]\nsecret = {_text(known['dancu'])}\n"]
    for name in PROVIDERS:
        back = _CALLBACK.format(name=name)
        parts.append(
            f"[[providers]]\nname = {_text(name)}\nprofile = {_text(name)}\n[[providers.clients]]\n"
            f'client_id = "bvhttdl-dvc"\nclient_secret = {_text(known[name])}\nrequire_pkce = true\n'
            f"redirect_uris = [{_text(back)}]\npost_logout_uris = [{_text(back + '/logged-out')}]\n"
        )
    for one in people:
        sex = "2" if one.number[3] == "1" else "1"
        parts.append(
            f"[[persons]]\npersonal_id = {_text(one.number)}\nfull_name = {_text(one.name)}\n"
            f'birth = "{one.born}"\nsex = "{sex}"\naccount = {{ level = 2 }}\n'
        )
    return "\n".join(parts)


def _text(value: str) -> str:
    """A TOML basic string: what JSON writes is one."""
    return json.dumps(value, ensure_ascii=False)


def takers(roles: Sequence[Role], spared: str, count: int) -> tuple[Role, ...]:
    """The roles whose applicant becomes one of the citizens: people's dossiers that go the whole way."""
    fitting = (role for role in roles if role.system != LEAVING and role.code != spared)
    return tuple(role for role in fitting if _is_citizens(role))[:count]


def _is_citizens(role: Role) -> bool:
    applicant = role.dossier["applicant"]
    return isinstance(applicant, Mapping) and applicant["kind"] == "citizen"


def filed_by(role: Role, citizen: Citizen, account: Mapping[str, object]) -> Role:
    """The role with the citizen as its applicant, its identity proven by the sign-on that `account` came from."""
    applicant = {
        "kind": "citizen",
        "name": account["full_name"],
        "id": {"type": account["id_type"], "number": account["id_number"], "proof": account["sign_on_id"]},
        "date_of_birth": str(citizen.declared),
        "phone": "0900000000",
        "email": "",
    }
    return replace(role, dossier={**role.dossier, "applicant": applicant})
