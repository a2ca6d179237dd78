"""A consent that ends while requests are under way, over a real listener and a real store, and what another node does."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from gateway.admin.consents import ConsentDesk
from gateway.admin.words import Words
from gateway.audit.trail import TrailQuery, search
from gateway.config import Intake as IntakePolicy
from gateway.errors import Forbidden, Unauthenticated
from gateway.intake.accept import Arrival, Door, accept
from gateway.intake.authenticate import Authenticator
from gateway.intake.certificates import Presented, pin
from gateway.intake.operator import gap_intake
from gateway.intake.register import Register
from gateway.intake.signature import as_request, sign_request
from gateway.intake.validate import Limits
from gateway.journal.model import Accepted, Intake


class _Between:
    """The journal of a door, where a revocation commits after the request was let in and before its accept begins."""

    def __init__(self, journal: Any, meanwhile: Any) -> None:
        self._journal, self._meanwhile = journal, meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def accept(self, intake: Intake) -> Accepted:
        """The revocation first, then what was asked."""
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        accepted: Accepted = await self._journal.accept(intake)
        return accepted


def _door(site: Any, journal: Any) -> Door:
    return Door(Authenticator(site.register, 300), Limits.of(IntakePolicy()), journal, site.time.clock())


def _arrival(site: Any, told: Any) -> Arrival:
    body = site.body(told)
    headers = sign_request("POST", "/v1/events", body, site.keys["SEC-A"], int(site.time.now.timestamp()))
    return Arrival(as_request("POST", "/v1/events", headers), body, "application/json")


def _revoking(system: str) -> Words:
    return Words("os:an", "chủ quản rút sự đồng ý", details={"system": system})


async def test_a_revocation_that_commits_between_authentication_and_accept_holds(site: Any, words: Any) -> None:
    """The door had let it in; nothing of it is stored, and the view learns from the refusal."""
    desk = ConsentDesk(site.journal, Register(), site.time.clock())
    door = _door(site, _Between(site.journal, lambda: desk.revoke(_revoking("SEC-A"))))
    told = words.event("SEC-A", 1, "received")
    arrival = _arrival(site, told)
    assert door.authenticator.identify(arrival.signed, arrival.body, site.time.now).refusal is None
    with pytest.raises(Forbidden) as caught:
        await accept(door, arrival)
    assert caught.value.code == "consent_revoked"
    assert await site.journal.event("SEC-A", told.event_id) is None
    refusal = door.authenticator.identify(arrival.signed, arrival.body, site.time.now).refusal
    assert refusal is not None and refusal.code == "consent_revoked"


async def test_the_other_order_is_lawful(site: Any, words: Any) -> None:
    """Accepted before the revocation committed: it stays, its repeat gets the receipt, the next event does not pass."""
    door = _door(site, site.journal)
    first = _arrival(site, words.event("SEC-A", 1, "received"))
    assert (await accept(door, first)).status == 202
    await ConsentDesk(site.journal, door.authenticator.register, site.time.clock()).revoke(_revoking("SEC-A"))
    assert msgspec.json.decode((await accept(door, first)).answer)["status"] == "duplicate"
    with pytest.raises(Forbidden):
        await accept(door, _arrival(site, words.event("SEC-A", 2, "processing")))
    broken = replace(first, body=b"{", signed=as_request("POST", "/v1/events", _signed(site, b"{")))
    with pytest.raises(Forbidden) as caught:
        await accept(door, broken)
    assert caught.value.code == "consent_revoked", "who may not speak learns that, and not what is wrong with his words"


def _signed(site: Any, body: bytes) -> dict[str, str]:
    return sign_request("POST", "/v1/events", body, site.keys["SEC-A"], int(site.time.now.timestamp()))


async def test_what_waited_under_a_consent_goes_on_after_its_revocation(site: Any, words: Any) -> None:
    """It was accepted while that was lawful: an operator who passes the gap sets it free (decision 0008)."""

    assert (await site.push("SEC-A", words.event("SEC-A", 1, "received")))[0] == 202
    waiting = words.event("SEC-A", 3, "resolved", previous_sequence=2)
    assert (await site.push("SEC-A", words.event("SEC-A", 3, "processing", previous_sequence=2)))[1][
        "status"
    ] == "parked_gap"
    desk = ConsentDesk(site.journal, Register(), site.time.clock())
    await desk.revoke(_revoking("SEC-A"))
    order = Words("os:an", "Đơn vị xác nhận số này không tồn tại", dossier=words.code, source="SEC-A")
    freed = await site.journal.accept(gap_intake(order, "k1"))
    assert msgspec.json.decode(freed.answer)["applied"] == [waiting.event_id]


async def test_a_system_that_another_node_registered_is_met_by_its_key(site: Any, words: Any) -> None:
    """The view does not know the key: it is read from the journal once; a key of nobody stays unknown."""
    door = _door(site, site.journal)
    private = ed25519.Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    there = ConsentDesk(site.journal, Register(), site.time.clock())
    key = {"key_id": "SEC-XA-1", "algorithm": "ed25519", "public_key": pem}
    details = {"system": "SEC-XA", "number": "5/VB", "dated": "2026-01-01", "procedures": ["*"], "keys": [key]}
    assert (await there.add(Words("os:an", "chủ quản đồng ý kết nối", details=details)))["done"] is True
    signer = replace(site.keys["SEC-A"], key_id="SEC-XA-1", private_key=private)
    body = site.body(words.event("SEC-XA", 1, "received"))
    headers = sign_request("POST", "/v1/events", body, signer, int(site.time.now.timestamp()))
    assert (
        await accept(door, Arrival(as_request("POST", "/v1/events", headers), body, "application/json"))
    ).status == 202
    headers = sign_request(
        "POST", "/v1/events", body, replace(signer, key_id="SEC-XB-1"), int(site.time.now.timestamp())
    )
    with pytest.raises(Unauthenticated) as caught:
        await accept(door, Arrival(as_request("POST", "/v1/events", headers), body, "application/json"))
    assert caught.value.code == "unknown_key"


@pytest.mark.parametrize("kind", ["certificate", "spki"])
async def test_a_system_that_another_node_registered_is_met_by_its_certificate(
    site: Any, words: Any, kind: Literal["certificate", "spki"]
) -> None:
    """However the certificate was pinned, as a whole or by its public key."""
    private = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SEC-XA")])
    begins = site.time.now - timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, private.public_key(), 7, begins, begins + timedelta(days=9))
    der = builder.sign(private, None).public_bytes(Encoding.DER)
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pinned = pin(kind, der if kind == "certificate" else public)
    there = ConsentDesk(site.journal, Register(), site.time.clock())
    details = {"system": "SEC-XA", "number": "5/VB", "dated": "2026-01-01", "procedures": ["*"]}
    details |= {"authentication": "certificate", "certificates": [pinned], "states": ["*"]}
    assert (await there.add(Words("os:an", "chủ quản đồng ý kết nối", details=details)))["done"] is True
    door, body = _door(site, site.journal), site.body(words.event("SEC-XA", 1, "received"))
    digest = f"sha-256=:{b64encode(hashlib.sha256(body).digest()).decode()}:"
    signed = replace(as_request("POST", "/v1/events", {"Content-Digest": digest}), certificate=Presented(der))
    assert (await accept(door, Arrival(signed, body, "application/json"))).status == 202


async def test_a_revoked_reader_reads_nothing_and_stands_in_the_trail(site: Any, words: Any) -> None:
    """Reading routes judge by the record itself, and the refusal is written down with the system's name."""
    assert (await site.call("SEC-A", "GET", f"/v1/dossiers/{words.code}"))[0] == 200
    await ConsentDesk(site.journal, Register(), site.time.clock()).revoke(_revoking("SEC-A"))
    status, told, _ = await site.call("SEC-A", "GET", f"/v1/dossiers/{words.code}")
    assert (status, told["code"]) == (403, "consent_revoked")
    assert (await site.call("SEC-B", "GET", f"/v1/dossiers/{words.code}"))[0] == 200
    query = TrailQuery(kinds=frozenset({"caller.refused"}))
    rows = [(row.actor, msgspec.json.decode(row.fields)["code"]) async for row in search(site.journal, query)]
    assert rows == [("SEC-A", "consent_revoked")]
