"""`gateway certificate verify`: verdict for people and machines, exit codes of the issue, no network and no configuration."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.cli.program import main
from tests import pki, pkits

AT = pki.NOW.isoformat()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder as an auditor would have it: certificates, lists, one response, the trust folder."""
    pki.trust_folder(tmp_path / "trust")
    for name in ("official", "revoked-before", "not-yet-valid", "company", "duty-ca", "tsa-duty"):
        (tmp_path / f"{name}.pem").write_bytes(pki.pem(name))
    (tmp_path / "official.cer").write_bytes(pki.certificate("official"))
    for name in pki.authorities():
        (tmp_path / f"{name}.crl").write_bytes(pki.crl(name))
    (tmp_path / "official.ocsp").write_bytes(pki.ocsp("official"))
    return tmp_path


def _run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main(["certificate", "verify", *map(str, arguments)])
    assert isinstance(end.value.code, int)
    return end.value.code


def _lists(files: Path) -> list[object]:
    return ["--crl", *sorted(files.glob("*.crl"))]


def _usual(files: Path) -> list[object]:
    return ["--chain", files / "duty-ca.pem", "--trust", files / "trust", "--at", AT, *_lists(files)]


def _document(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_good_certificate_exits_with_0_and_says_so_in_vietnamese(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdict, the domain and the path stand on the screen, DER or PEM alike."""
    for name in ("official.pem", "official.cer"):
        assert _run(files / name, *_usual(files)) == 0
        shown = capsys.readouterr().out
        assert "ĐẠT" in shown and "công vụ" in shown and "KHÔNG" not in shown


def test_the_json_names_path_findings_and_what_was_relied_on(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A program gets the same verdict with codes, and the same run gives the same bytes."""
    assert _run(files / "official.pem", *_usual(files), "--json") == 0
    first = capsys.readouterr().out
    told = json.loads(first)
    assert (told["indication"], told["sub_indication"], told["domain"]) == ("TOTAL-PASSED", None, "public-duty")
    assert told["path"][0]["subject"] == "Nguyễn Thị Ánh" and len(told["path"]) == 3
    assert all(one["message_vi"] for one in told["findings"]) and told["used"]
    assert _run(files / "official.pem", *_usual(files), "--json") == 0
    assert capsys.readouterr().out == first


def test_a_proven_failure_exits_with_1_and_an_open_question_with_2(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """1: proven before its validity. 2: revoked without proof, no path, no status."""
    assert _run(files / "not-yet-valid.pem", *_usual(files), "--json") == 1
    assert _document(capsys)["sub_indication"] == "NOT_YET_VALID"
    assert _run(files / "revoked-before.pem", *_usual(files), "--json") == 2
    assert _document(capsys)["sub_indication"] == "REVOKED_NO_POE"
    assert _run(files / "company.pem", *_usual(files), "--json") == 2
    assert _document(capsys)["sub_indication"] == "NO_CERTIFICATE_CHAIN_FOUND"
    assert _run(files / "official.pem", "--chain", files / "duty-ca.pem", "--trust", files / "trust", "--at", AT) == 2
    assert "thử lại sau" in capsys.readouterr().out


def test_without_a_trust_folder_nothing_passes_and_the_screen_says_why(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No anchor is taken from the machine."""
    assert _run(files / "official.pem", "--chain", files / "duty-ca.pem", "--at", AT, *_lists(files)) == 2
    assert "--trust" in capsys.readouterr().out


def test_status_may_come_by_ocsp_and_a_proof_of_time_reaches_back(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A response does for the leaf; --proven before a revocation lets it pass."""
    root = files / "duty-root.crl"
    response = ["--ocsp", files / "official.ocsp", "--crl", root]
    known = ["--chain", files / "duty-ca.pem", "--trust", files / "trust", "--at", AT]
    assert _run(files / "official.pem", *known, *response) == 0
    assert _run(files / "official.pem", *known, "--crl", root) == 2
    assert _run(files / "revoked-before.pem", *_usual(files), "--proven", "2026-05-01T00:00:00Z") == 0
    assert "được chứng minh có từ" in capsys.readouterr().out


def test_a_folder_of_evidence_does_for_lists_and_certificates(files: Path) -> None:
    """The folder that `gateway verify` takes is taken here too, and may stand beside single files."""
    kept = files / "evidence"
    kept.mkdir()
    (files / "duty-ca.pem").rename(kept / "duty-ca.pem")
    (files / "duty-ca.crl").rename(kept / "duty-ca.crl")
    known = ["--trust", files / "trust", "--at", AT, "--evidence", kept]
    assert _run(files / "official.pem", *known, "--crl", files / "duty-root.crl") == 0
    assert _run(files / "official.pem", *known) == 2
    assert _run(files / "official.pem", "--evidence", files / "absent") == 3


def test_the_purpose_follows_the_certificate_and_can_be_asked_for(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stamper's and an authority's certificate hold as such, and not for signing documents."""
    for name, purpose in (("tsa-duty", "timestamp"), ("duty-ca", "authority")):
        assert _run(files / f"{name}.pem", *_usual(files), "--json") == 0
        assert _document(capsys)["purpose"] == purpose
        assert _run(files / f"{name}.pem", *_usual(files), "--purpose", "signer", "--json") == 2
        assert _document(capsys)["sub_indication"] == "CHAIN_CONSTRAINTS_FAILURE"


def test_a_domain_that_is_not_asked_for_does_not_count(files: Path) -> None:
    """An official's certificate holds in its own domain only."""
    assert _run(files / "official.pem", *_usual(files), "--domain", "public-duty") == 0
    assert _run(files / "official.pem", *_usual(files), "--domain", "public") == 2


def test_unusable_input_exits_with_3_and_names_the_file(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing file, a file of another kind, a broken trust folder."""
    (files / "text.pem").write_text("không phải chứng thư số", "utf-8")
    (files / "bad").mkdir()
    for arguments, said in (
        ([files / "absent.pem"], "absent.pem"),
        ([files / "text.pem"], "text.pem"),
        ([files / "duty-root.crl"], "duty-root.crl"),
        ([files / "official.pem", "--crl", files / "official.cer"], "official.cer"),
        ([files / "official.pem", "--ocsp", files / "official.cer"], "official.cer"),
        ([files / "official.pem", "--chain", files / "text.pem"], "text.pem"),
        ([files / "official.pem", "--trust", files / "bad"], "anchors.toml"),
        ([files / "official.pem", "--policy-file", files / "absent.toml"], "absent.toml"),
    ):
        assert _run(*arguments) == 3, arguments
        assert said in capsys.readouterr().err


def test_wrong_usage_exits_with_64(files: Path) -> None:
    """A wrong OID, a wrong time, a proof after the moment of judging, no file."""
    good = files / "official.pem"
    assert _run(good, "--policy", "anyPolicy") == 64
    assert _run(good, "--at", "hôm qua") == 64
    assert _run(good, "--at", "2026-01-01", "--proven", "2026-01-02") == 64
    assert _run() == 64


@pytest.mark.parametrize(
    ("number", "options", "expected"),
    [
        ("4.8.1", [], 0),
        ("4.8.1", ["--explicit-policy"], 0),
        ("4.8.1", ["--explicit-policy", "--policy", "2.16.840.1.101.3.2.1.48.2"], 2),
        ("4.10.1", ["--policy", "2.16.840.1.101.3.2.1.48.1", "--explicit-policy"], 0),
        ("4.10.1", ["--explicit-policy", "--inhibit-mapping"], 2),
        ("4.8.13", ["--explicit-policy", "--policy", "2.16.840.1.101.3.2.1.48.1"], 0),
        ("4.8.11", ["--explicit-policy"], 0),
        ("4.8.11", ["--explicit-policy", "--inhibit-any"], 2),
    ],
)
def test_the_inputs_of_rfc_5280_reach_the_path(tmp_path: Path, number: str, options: list[str], expected: int) -> None:
    """--policy, --explicit-policy, --inhibit-mapping and --inhibit-any decide as in NIST PKITS."""
    case = next(one for one in pkits.cases() if one.number == number)
    names = []
    for name in case.certificates:
        (tmp_path / f"{name}.cer").write_bytes(pkits.certificate(name))
        names.append(tmp_path / f"{name}.cer")
    for name in case.crls:
        (tmp_path / f"{name}.crl").write_bytes(pkits.crl(name))
    trust = tmp_path / "trust" / "public"
    trust.mkdir(parents=True)
    (trust / "root.pem").write_text(_pem(pkits.certificate(case.certificates[0])), "ascii")
    (tmp_path / "trust" / "anchors.toml").write_text('[[anchor]]\nfile="public/root.pem"\nsource="NIST"\n', "ascii")
    known = ["--trust", tmp_path / "trust", "--at", "2010-01-01T12:00:00Z", *_lists(tmp_path)]
    assert _run(names[-1], "--chain", *names[1:-1], *known, *options) == expected


def _pem(der: bytes) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n"


def test_a_certificate_without_an_end_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """99991231235959Z says that there is none (RFC 5280 4.1.2.5); it has no local time in Việt Nam."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Không có ngày hết hạn")])
    key = ec.generate_private_key(ec.SECP256R1())
    made = x509.CertificateBuilder(
        name,
        name,
        key.public_key(),
        7,
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    )
    (tmp_path / "endless.cer").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))
    assert _run(tmp_path / "endless.cer", "--at", AT) == 2
    assert "31/12/9999" in capsys.readouterr().out


@pytest.mark.parametrize("at", ["0001-01-01", "9999-12-31T23:59:59Z"])
def test_a_moment_at_the_end_of_the_calendar_is_wrong_usage(files: Path, at: str) -> None:
    """No rule of ours reaches so far, and sums of times would leave the calendar."""
    assert _run(files / "official.pem", "--at", at) == 64
