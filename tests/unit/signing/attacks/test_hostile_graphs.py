"""Certificates made to cost time: meshes, endless chains, names by the thousand. Judged within five seconds, never passed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.kit.simulated_authority import certificates, cms, crl, der
from connectors.kit.simulated_authority.authority import Authority
from connectors.kit.simulated_authority.declaration import declared
from signing.grounds import Grounds
from signing.model import Evidence, Indication, TrustDomain
from signing.trust import Anchor, TrustStore
from signing.verifying import verify
from tests import pki

_SECONDS = 5.0
_START, _END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2034, 1, 1, tzinfo=UTC)


def _row(subject: str, issuer: str, serial: int, **more: object) -> dict[str, object]:
    return {
        "subject": [["C", "VN"], ["CN", subject]],
        "issuer": issuer,
        "serial": hex(serial),
        "key": "one",
        "from": _START,
        "until": _END,
        **more,
    }


def _authority(rows: Mapping[str, Mapping[str, Any]]) -> Authority:
    declaration = declared({"now": pki.NOW, "keys": {"one": "p256"}, "certificates": dict(rows)})
    return Authority(declaration, {"one": pki.key("official-p256")})


_CA = {"ca": True, "usage": ["keyCertSign", "cRLSign"]}
_LEAF = {"ca": False, "usage": ["digitalSignature", "nonRepudiation"]}


def _mesh(size: int, rooted: bool) -> Authority:
    """Authorities of which each certifies each other one, and a signer under the first."""
    rows = {"root": _row("root", "root", 1, **_CA)}
    for one in range(size):
        rows[f"ca-{one}"] = _row(f"ca {one}", "root" if rooted and one == size - 1 else f"ca-{one}", 2 + one, **_CA)
    for one in range(size):
        for other in range(size):
            if one != other:
                rows[f"{one}-by-{other}"] = _row(f"ca {one}", f"ca-{other}", 1000 + one * size + other, **_CA)
    rows["leaf"] = _row("leaf", "ca-0", 999_999, **_LEAF)
    return _authority(rows)


def _chained(length: int) -> Authority:
    rows = {"root": _row("root", "root", 1, **_CA)}
    for one in range(length):
        rows[f"ca-{one}"] = _row(f"ca {one}", f"ca-{one - 1}" if one else "root", 2 + one, **_CA)
    rows["leaf"] = _row("leaf", f"ca-{length - 1}", 999_999, **_LEAF)
    return _authority(rows)


def _named(names: int, constraints: int) -> Authority:
    """Name constraints times names: a comparison of each with each (known from other verifiers)."""
    alternative = der.sequence(*(der.implicit(2, der.ia5(f"h{number}.x.example")) for number in range(names)))
    extra = [{"oid": "2.5.29.17", "value": alternative.hex()}]
    excluded = [f"dns:e{number}.example" for number in range(constraints)]
    return _authority(
        {
            "root": _row("root", "root", 1, **_CA),
            "ca-0": _row("ca 0", "root", 2, **_CA, excluded=excluded),
            "leaf": _row("leaf", "ca-0", 3, **_LEAF, extra=extra),
        }
    )


def _crowded(extensions: int) -> Authority:
    """Unknown extensions by the thousand."""
    extra = [{"oid": f"1.3.6.1.4.1.55555.{number}.1", "value": "0500"} for number in range(extensions)]
    return _authority({"root": _row("root", "root", 1, **_CA), "leaf": _row("leaf", "root", 3, **_LEAF, extra=extra)})


def _judged(made: Authority) -> tuple[Indication, float]:
    """The verdict on a document that carries all certificates, and the processor seconds that it took."""
    others = [one for name, one in made.certificates.items() if name not in ("leaf", "root")]
    order = cms.Signing(b"x", made.certificates["leaf"], (made.certificates["leaf"],))
    document = cms.wrap(cms.sign(order, made.ring["one"]))
    issuers = [name for name in made.certificates if name == "root" or name.startswith("ca-")]
    evidence = Evidence(certificates=tuple(others), crls=tuple(made.crl(name, pki.NOW) for name in issuers))
    trust = TrustStore((Anchor(made.certificates["root"], TrustDomain.PUBLIC),))
    begun = time.process_time()
    report = verify(document, Grounds(trust, pki.NOW, evidence))
    return report.conclusion, time.process_time() - begun


@pytest.mark.parametrize("rooted", [True, False], ids=["rooted", "rootless"])
def test_a_mesh_of_authorities_is_left_in_time(rooted: bool) -> None:
    """Twelve authorities have more than a hundred million paths among them."""
    conclusion, took = _judged(_mesh(12, rooted))
    assert conclusion is not Indication.TOTAL_FAILED
    assert rooted or conclusion is Indication.INDETERMINATE
    assert took < _SECONDS


def test_a_chain_without_end_is_no_chain() -> None:
    """Two hundred authorities, one above the other; eight are allowed."""
    conclusion, took = _judged(_chained(200))
    assert conclusion is Indication.INDETERMINATE and took < _SECONDS
    assert _judged(_chained(3))[0] is Indication.TOTAL_PASSED


def test_names_times_constraints_are_compared_in_time() -> None:
    """2,500 of each would be six million comparisons; sixty of each are nothing."""
    conclusion, took = _judged(_named(2_500, 2_500))
    assert took < _SECONDS
    assert conclusion is Indication.INDETERMINATE
    assert _judged(_named(60, 60))[0] is Indication.TOTAL_PASSED


def test_a_crowd_of_extensions_is_read_in_time() -> None:
    """As many as a certificate of 64 KB holds, none of them known; a larger one is not read at all."""
    for many in (2_000, 10_000):
        assert _judged(_crowded(many))[1] < _SECONDS
    assert _judged(_crowded(10))[0] is Indication.TOTAL_PASSED


def test_a_thousand_lists_are_sorted_out_in_time() -> None:
    """Lists of strangers, and one that counts."""
    made = _chained(1)
    stranger = _authority({"root": _row("root", "root", 1, **_CA), "leaf": _row("leaf", "root", 2, **_LEAF)})
    lists = [stranger.crl("root", pki.NOW - timedelta(seconds=number)) for number in range(1000)]
    order = cms.Signing(b"x", made.certificates["leaf"], (made.certificates["leaf"], made.certificates["ca-0"]))
    document = cms.wrap(cms.sign(order, made.ring["one"]))
    evidence = Evidence(crls=(*lists, made.crl("root", pki.NOW), made.crl("ca-0", pki.NOW)))
    trust = TrustStore((Anchor(made.certificates["root"], TrustDomain.PUBLIC),))
    begun = time.process_time()
    assert verify(document, Grounds(trust, pki.NOW, evidence)).conclusion is Indication.TOTAL_PASSED
    assert time.process_time() - begun < _SECONDS


def test_a_list_of_a_hundred_thousand_is_read_in_time() -> None:
    """As large as lists of busy authorities are: a revoked signer is found in it, another is not."""
    made = _chained(1)
    serials = [*range(5_000_000, 5_100_000), 999_999]
    order = cms.Signing(b"x", made.certificates["leaf"], (made.certificates["leaf"], made.certificates["ca-0"]))
    document = cms.wrap(cms.sign(order, made.ring["one"]))
    trust = TrustStore((Anchor(made.certificates["root"], TrustDomain.PUBLIC),))
    for listed, expected in ((serials, Indication.INDETERMINATE), (serials[:-1], Indication.TOTAL_PASSED)):
        large = crl.List(
            issuer=certificates.name((("C", "VN"), ("CN", "ca 0"))),
            this_update=pki.NOW,
            next_update=pki.NOW + timedelta(days=1),
            listed=tuple(crl.Listed(serial, _START, "superseded") for serial in listed),
        )
        evidence = Evidence(crls=(made.crl("root", pki.NOW), crl.make(large, made.ring["one"])))
        begun = time.process_time()
        assert verify(document, Grounds(trust, pki.NOW, evidence)).conclusion is expected
        assert time.process_time() - begun < _SECONDS
