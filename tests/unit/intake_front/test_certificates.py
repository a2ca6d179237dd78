"""Client certificates that strangers made up: each is read, or refused as what it is, and none is a fault of ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.errors import Unauthenticated
from gateway.intake.certificates import read_certificate

_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
_BEGINS = datetime(2026, 1, 1, tzinfo=UTC)


def _der() -> bytes:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    builder = x509.CertificateBuilder(_NAME, _NAME, key.public_key(), 7, _BEGINS, _BEGINS + timedelta(days=9))
    return builder.sign(key, None).public_bytes(Encoding.DER)


# Some of what is spoilt here is read with a warning of the library; that is not what is asked.
@pytest.mark.filterwarnings("ignore")
def test_a_certificate_of_any_shape_is_read_or_refused() -> None:
    """Another version, a key of an unknown algorithm, and every other byte spoilt in several ways."""
    der, refused = _der(), 0
    for place in range(len(der)):
        for value in {0, 1, 3, 5, 0x71, 0xFF, der[place] ^ 1, der[place] ^ 2} - {der[place]}:
            spoilt = der[:place] + bytes([value]) + der[place + 1 :]
            try:
                assert read_certificate.__wrapped__(spoilt).certificate != read_certificate(der).certificate
            except Unauthenticated as error:
                assert (error.code, error.status) == ("malformed_client_cert", 400)
                refused += 1
    assert refused > len(der) // 4
