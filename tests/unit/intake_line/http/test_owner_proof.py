"""The resolution system needs no consent, but it proves itself as its configuration demands, on every route."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.config import Intake as IntakePolicy
from gateway.errors import Unauthenticated
from gateway.intake.accept import Arrival, Door, accept
from gateway.intake.authenticate import Authenticator
from gateway.intake.certificates import Presented, pin
from gateway.intake.signature import as_request, sign_request
from gateway.intake.validate import Limits
from gateway.records.consents import Registration


def _certificate(site: Any) -> bytes:
    """A certificate of the resolution system, in DER."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "RES")])
    private = site.keys["RES"].private_key
    begins = site.time.now - timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, private.public_key(), 7, begins, begins + timedelta(days=9))
    return builder.sign(private, None).public_bytes(Encoding.DER)


def _demanding_both(site: Any, der: bytes) -> None:
    """From now on a request of the resolution system needs its signature and its certificate."""
    (version,) = site.register.reserved["RES"].versions
    version = replace(version, authentication="both", certificates=(pin("certificate", der),))
    site.register.put(Registration("RES", (version,)))


@pytest.mark.parametrize(
    ("shown", "code"), [("signature", "missing_certificate"), ("certificate", "missing_signature")]
)
async def test_an_event_of_the_resolution_system_needs_all_that_was_demanded(
    site: Any, words: Any, shown: str, code: str
) -> None:
    """Where both must vouch, neither the key alone nor the certificate alone says an event; both together do."""
    der = _certificate(site)
    _demanding_both(site, der)
    door = Door(Authenticator(site.register, 300), Limits.of(IntakePolicy()), site.journal, site.time.clock())
    told = words.event("RES", 1, "received")
    body = site.body(told)
    headers = sign_request("POST", "/v1/events", body, site.keys["RES"], int(site.time.now.timestamp()))
    whole = replace(as_request("POST", "/v1/events", headers), certificate=Presented(der))
    half = replace(whole, certificate=None)
    if shown == "certificate":
        kept = tuple((name, value) for name, value in whole.headers if not name.startswith("Signature"))
        half = replace(whole, headers=kept)
    with pytest.raises(Unauthenticated) as caught:
        await accept(door, Arrival(half, body, "application/json"))
    assert caught.value.code == code
    assert await site.journal.event("RES", told.event_id) is None
    assert (await accept(door, Arrival(whole, body, "application/json"))).status == 202
