"""What we write as CMS is accepted by openssl and by our own reader, and a changed byte of content is not."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from signing.algorithms import Scheme, algorithm
from signing.cms.core import read_signed_data
from signing.cms.making import assemble, signed_attributes

SIGNED_AT = datetime(2026, 5, 1, tzinfo=UTC)
P256 = algorithm(Scheme.ECDSA, "sha256")
CONTENT = "Kết quả giải quyết hồ sơ".encode() * 400


def _certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Nguyễn Thị Ánh")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return (
        x509.CertificateBuilder(name, name, key.public_key(), 4711, start, start + timedelta(days=900))
        .add_extension(x509.KeyUsage(True, True, *(False,) * 7), critical=True)
        .sign(key, hashes.SHA256())
    )


def test_openssl_accepts_what_we_write_and_our_reader_finds_nothing_wrong(tmp_path: Path) -> None:
    """A CAdES-B signature over P-256 passes `openssl cms -verify -cades`; another content fails in our reader."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key)
    encoded = certificate.public_bytes(serialization.Encoding.DER)
    attributes = signed_attributes(P256.digest.of(CONTENT), encoded, P256, SIGNED_AT)
    value = key.sign(P256.digest.of(attributes), ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    message = assemble(attributes, value, P256, [encoded])
    (tmp_path / "content").write_bytes(CONTENT)
    (tmp_path / "signature").write_bytes(message)
    (tmp_path / "anchor.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    command = [
        "openssl",
        "cms",
        "-verify",
        "-cades",
        "-binary",
        "-inform",
        "DER",
        "-in",
        "signature",
        "-content",
        "content",
    ]
    command += ["-CAfile", "anchor.pem", "-purpose", "any", "-attime", str(int(SIGNED_AT.timestamp())), "-out", "out"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    facts = read_signed_data(message, lambda function: function.of(CONTENT), attached=False)
    assert [seen for seen in facts.all_observations if not seen.ok] == []
    assert facts.signer is not None and facts.signer.certificate == encoded and facts.signer.protected
    assert facts.signer.claimed_time == SIGNED_AT
    changed = read_signed_data(message, lambda function: function.of(CONTENT + b"."), attached=False)
    assert [seen.code for seen in changed.all_observations if not seen.ok] == ["content_digest"]
