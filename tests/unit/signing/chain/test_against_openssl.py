"""`openssl verify` judges the same certificates: it accepts nothing less than we do, and refuses nothing that we pass."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest

from signing.chain import judge_certificate
from signing.chain.certificates import read_certificate
from signing.chain.usage import likely_purpose
from signing.model import CertificateQuestion, CertificateVerdict, Evidence, Purpose, TrustDomain
from signing.policy import DEFAULT_POLICY
from tests import pki, pkits
from tests.unit.signing.chain.test_pkits import THEN

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")

STRICTER = {
    "extended_key_usage",
    "not_tls_server",
    "timestamp_usage",
    "key_usage",
    "chain_algorithms",
    "certificate_form",
}
"""What openssl does not look at when it verifies a path: usage for documents, our algorithms, serial numbers."""

OPENSSL_DIFFERS = {
    "4.1.5": "DSA parameters inherited from the issuer: not supported by openssl either",
    "4.14.30": "a list issuer whom its authority lets speak of itself: openssl finds no list for it",
}
"""The cases of NIST PKITS that openssl 3.0 refuses although NIST says they are valid."""


def _pem(label: str, *many: bytes) -> str:
    return "".join(
        f"-----BEGIN {label}-----\n{base64.encodebytes(one).decode()}-----END {label}-----\n" for one in many
    )


def _openssl(folder: Path, at: float, *options: str) -> bool:
    files: list[str | Path] = [
        "-CAfile",
        folder / "roots",
        "-untrusted",
        folder / "chain",
        "-CRLfile",
        folder / "crls",
        folder / "leaf",
    ]
    command: list[str | Path] = [
        "openssl",
        "verify",
        "-crl_check_all",
        "-auth_level",
        "0",
        "-attime",
        str(int(at)),
        *options,
        *files,
    ]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _ours(name: str) -> CertificateVerdict:
    der = pki.certificate(name)
    read = read_certificate(der)
    purpose = Purpose.SIGNER if read is None else likely_purpose(read)
    question = CertificateQuestion(der, purpose, pki.NOW, pki.NOW, frozenset(TrustDomain), pki.chain(name))
    return judge_certificate(question, pki.trust(), Evidence(crls=pki.evidence().crls), DEFAULT_POLICY)


def test_openssl_and_we_agree_on_every_certificate_of_the_test_pki(tmp_path: Path) -> None:
    """Good and bad ones, defects included; where we refuse and openssl does not, the reason is one it has no eyes for."""
    (tmp_path / "roots").write_text(_pem("CERTIFICATE", *(one.certificate for one in pki.trust().anchors)))
    (tmp_path / "crls").write_text(_pem("X509 CRL", *pki.evidence().crls))
    agreed, wrong = 0, []
    for name in pki.declaration().certificates:
        chain = pki.chain(name) or (pki.certificate("duty-ca"),)
        (tmp_path / "chain").write_text(_pem("CERTIFICATE", *chain))
        (tmp_path / "leaf").write_text(_pem("CERTIFICATE", pki.certificate(name)))
        theirs = _openssl(tmp_path, pki.NOW.timestamp(), "-x509_strict")
        verdict = _ours(name)
        if theirs == (verdict.sub_indication is None):
            agreed += 1
        elif not theirs or not STRICTER & {one.code for one in verdict.findings if not one.ok}:
            wrong.append((name, theirs, verdict.sub_indication))
    assert wrong == []
    assert agreed >= 60


def test_openssl_agrees_with_nist_where_it_can_judge_and_so_do_we(tmp_path: Path) -> None:
    """Every case of PKITS with its policy inputs; the few on which openssl differs from NIST are named."""
    differs = set()
    for case in pkits.cases():
        root, *between, target = (pkits.certificate(name) for name in case.certificates)
        (tmp_path / "roots").write_text(_pem("CERTIFICATE", root))
        (tmp_path / "chain").write_text(_pem("CERTIFICATE", *(between or [root])))
        (tmp_path / "crls").write_text(_pem("X509 CRL", *map(pkits.crl, case.crls)))
        (tmp_path / "leaf").write_text(_pem("CERTIFICATE", target))
        options = ["-extended_crl", "-use_deltas", "-policy_check"]
        options += [word for policy in sorted(case.policies) for word in ("-policy", policy)]
        options += ["-explicit_policy"] * case.explicit_policy + ["-inhibit_map"] * case.inhibit_mapping
        options += ["-inhibit_any"] * case.inhibit_any
        if _openssl(tmp_path, THEN.timestamp(), *options) != case.valid:
            differs.add(case.number)
    assert differs <= set(OPENSSL_DIFFERS)
