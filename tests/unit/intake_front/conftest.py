"""Ground of the intake tests: keys of two systems in all algorithms, an authenticator that knows them, a lawful event."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.config import Intake
from gateway.intake.authenticate import Authenticator, Caller
from gateway.intake.register import Register, read_key
from gateway.intake.signature import Algorithm, PrivateKey, SignedRequest, SigningKey, as_request, sign_request
from gateway.intake.validate import Limits
from gateway.records.consents import ConsentKey, ConsentVersion, Registration

NOW = datetime(2026, 11, 20, 8, 4, 7, tzinfo=UTC)
ALGORITHMS: tuple[Algorithm, ...] = ("rsa-pss-sha512", "ecdsa-p256-sha256", "ed25519")

EVENT: dict[str, Any] = {
    "schema_version": "1",
    "event_id": "019a0f5e-7b1c-7c40-9a51-2f1d6c0a1111",
    "system_code": "SEC-DEMO",
    "dossier_code": "000.00.00.G00-261120-0042",
    "sector_dossier_id": "LH-2026-000917",
    "sequence": 7,
    "previous_sequence": 6,
    "occurred_at": "2026-11-20T15:04:05+07:00",
    "sent_at": "2026-11-20T15:04:07+07:00",
    "state": "resolved",
    "raw_state": "09",
    "outcome": "granted",
    "step": {
        "actor": {"name": "Trần Văn Mẫu", "title": "Chuyên viên", "unit": "Phòng Ví Dụ"},
        "content": "Đã ký giấy phép",
    },
    "results": [
        {
            "id": "GP-1",
            "name": "Giấy phép",
            "number": "12/GP-DEMO",
            "issued_on": "2026-11-20",
            "file": {
                "name": "gp.pdf",
                "media_type": "application/pdf",
                "size": 184320,
                "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            },
            "signature": {"format": "pades"},
        }
    ],
}
DOSSIER: dict[str, Any] = {
    "schema_version": "1",
    "dossier_code": "000.00.00.G16-261120-0042",
    "version": 3,
    "origin": "online_ministry",
    "procedure": {"code": "TT-001", "national_code": "1.004528", "name": "Cấp giấy phép kinh doanh dịch vụ lữ hành"},
    "agency": {"code": "G16.05", "name": "Cục Ví Dụ", "handling_unit": "Phòng Ví Dụ"},
    "applicant": {
        "kind": "citizen",
        "name": "Nguyễn Thị Thử",
        "id": {"type": "cccd", "number": "001099000001", "issued_on": "2021-05-01", "verified": True},
        "date_of_birth": "1990-01-31",
        "phone": "0900000001",
        "email": "thu@example.vn",
        "address": {"full_text": "1 Phố Thử, Hà Nội", "province_code": "01", "commune_code": "00001"},
    },
    "state": "received",
    "times": {"submitted_at": "2026-11-19T08:00:00+07:00", "received_at": "2026-11-20T08:00:00+07:00"},
    "components": [{"id": "TP-1", "name": "Đơn đề nghị", "kind": "input", "form": "electronic", "quantity": 1}],
    "fees": [{"id": "LP-1", "name": "Lệ phí cấp phép", "amount": 3_000_000, "kind": "fee", "mandatory": True}],
    "delivery": {"result_method": "online"},
    "confidentiality": "public",
}


def as_json(tree: object) -> bytes:
    """A tree as a sender writes it."""
    return json.dumps(tree, ensure_ascii=False).encode()


def _private_key(algorithm: Algorithm) -> PrivateKey:
    if algorithm == "rsa-pss-sha512":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if algorithm == "ecdsa-p256-sha256":
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


@dataclass(frozen=True)
class Ground:
    """An authenticator with the private halves of what it knows: `sec-<algorithm>` and `other-<algorithm>`.

    `version` is the consent under which both systems are registered, each with its own keys.
    """

    authenticator: Authenticator
    signers: dict[str, SigningKey]
    version: ConsentVersion
    algorithm: Algorithm = "ed25519"
    defaults: dict[str, str] = field(default_factory=dict)

    def signer(self, system: str = "sec") -> SigningKey:
        """The key of a system in the algorithm of this ground."""
        return self.signers[f"{system}-{self.algorithm}"]

    def signed(
        self, body: bytes = b"{}", *, target: str = "/v1/events", method: str = "POST", at: datetime = NOW
    ) -> dict[str, str]:
        """Headers of a lawful request by SEC-DEMO."""
        return sign_request(method, target, body, self.signer(), int(at.timestamp()))

    def authenticate(
        self, headers: dict[str, str], body: bytes = b"{}", *, target: str = "/v1/events", method: str = "POST"
    ) -> Caller:
        """What the gateway makes of a request at NOW."""
        return self.authenticator.authenticate(as_request(method, target, headers), body, NOW)

    def under(self, *versions: ConsentVersion) -> Ground:
        """The same ground, both systems registered under other versions of their consent."""
        register = registered(self.signers, *versions)
        return Ground(Authenticator(register, 300), self.signers, versions[-1], self.algorithm)


def registered(signers: dict[str, SigningKey], *versions: ConsentVersion) -> Register:
    """A register that holds SEC-DEMO and SEC-OTHER under these versions, every version with their keys."""
    register = Register()
    for prefix, system in (("sec-", "SEC-DEMO"), ("other-", "SEC-OTHER")):
        keys = tuple(_public(name, key) for name, key in signers.items() if name.startswith(prefix))
        register.put(Registration(system, tuple(replace(version, keys=keys) for version in versions)))
    return register


@functools.cache
def _public(name: str, key: SigningKey) -> ConsentKey:
    pem = key.private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return read_key(name, key.algorithm, pem)


@pytest.fixture(scope="session")
def all_keys() -> dict[str, SigningKey]:
    """Keys of two systems in every algorithm, made once."""
    return {
        f"{system}-{algorithm}": SigningKey(f"{system}-{algorithm}", algorithm, _private_key(algorithm))
        for system in ("sec", "other")
        for algorithm in ALGORITHMS
    }


@pytest.fixture(params=ALGORITHMS)
def ground(request: pytest.FixtureRequest, all_keys: dict[str, SigningKey]) -> Ground:
    """The ground, once for each algorithm."""
    version = ConsentVersion(1, "12/VB", date(2026, 1, 1), date(2026, 1, 1), date(2026, 11, 20))
    return Ground(Authenticator(registered(all_keys, version), 300), all_keys, version, request.param)


@pytest.fixture
def limits() -> Limits:
    """The limits of the default settings."""
    return Limits.of(Intake())


@pytest.fixture
def event() -> dict[str, Any]:
    """A lawful event, to spoil as the test likes (dossier-model facts 4.4)."""
    return copy.deepcopy(EVENT)


@pytest.fixture
def dossier() -> dict[str, Any]:
    """A lawful snapshot, to spoil as the test likes."""
    return copy.deepcopy(DOSSIER)


@pytest.fixture
def to_json() -> Callable[[object], bytes]:
    """How a sender writes a tree."""
    return as_json


@pytest.fixture
def raw_request() -> Callable[[str, str, tuple[tuple[str, str], ...]], SignedRequest]:
    """A request from header lines, repeated ones included."""

    def build(method: str, target: str, lines: tuple[tuple[str, str], ...]) -> SignedRequest:
        path, mark, query = target.partition("?")
        return SignedRequest(method, path, query if mark else None, lines)

    return build
