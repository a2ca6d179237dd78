"""The trust folder is read whole or refused with the file and the remedy; domains never mix."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signing.chain import judge_certificate
from signing.errors import Unusable
from signing.model import CertificateQuestion, Purpose, SubIndication, TrustDomain
from signing.policy import DEFAULT_POLICY
from signing.trust_folder import read_trust
from tests import pki


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound folder with every declared root."""
    return pki.trust_folder(tmp_path / "trust")


def _refused(folder: Path) -> str:
    with pytest.raises(Unusable) as refused:
        read_trust(folder)
    assert refused.value.code == "kho_tin_cay_sai"
    return refused.value.message_vi


def _table(folder: Path, change: str = "", *, lines: str = "") -> None:
    table = folder / "anchors.toml"
    table.write_text((table.read_text("utf-8") if not lines else "") + change + lines, "utf-8")


def test_every_root_is_an_anchor_of_the_domain_of_its_folder(folder: Path) -> None:
    """Several roots of one domain count side by side (roll-over), and each says where it came from."""
    anchors = read_trust(folder).anchors
    assert {one.certificate: one.domain for one in anchors} == {
        pki.certificate(row.certificate): TrustDomain(row.domain) for row in pki.declaration().roots
    }
    assert sum(one.domain is TrustDomain.PUBLIC_DUTY for one in anchors) == 2
    assert all(one.source for one in anchors)


def test_the_same_folder_gives_the_same_anchors_whatever_the_order_of_the_table(folder: Path) -> None:
    """The order of entries means nothing."""
    before = read_trust(folder)
    entries = (folder / "anchors.toml").read_text("utf-8").split("[[anchor]]")[1:]
    _table(folder, lines="".join("[[anchor]]" + one for one in reversed(entries)))
    assert read_trust(folder) == before


def test_dates_of_the_table_reach_the_anchor(tmp_path: Path) -> None:
    """valid_from, valid_until and distrust_after are moments with a zone."""
    folder = pki.trust_folder(tmp_path / "trust", "public-root")
    _table(folder, "valid_from = 2020-01-01T00:00:00Z\nvalid_until = 2030-01-01T07:00:00+07:00\n")
    _table(folder, "distrust_after = 2029-01-01T00:00:00Z\n")
    (anchor,) = read_trust(folder).anchors
    assert anchor.valid_from == datetime(2020, 1, 1, tzinfo=UTC)
    assert anchor.valid_until == datetime(2030, 1, 1, tzinfo=UTC)
    assert anchor.distrust_after == datetime(2029, 1, 1, tzinfo=UTC)


def test_a_missing_folder_and_a_missing_table_are_named(tmp_path: Path) -> None:
    """The sentence names the path and what to make there."""
    assert "anchors.toml" in _refused(tmp_path / "absent") and str(tmp_path / "absent") in _refused(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    assert "[[anchor]]" in _refused(tmp_path / "empty")


def test_an_anchor_file_that_the_table_does_not_name_is_refused(folder: Path) -> None:
    """A certificate that merely lies there is no decision of the operator."""
    (folder / "public" / "stranger.pem").write_bytes(pki.pem("duty-ca"))
    assert "stranger.pem" in _refused(folder) and "anchors.toml" in _refused(folder)


def test_a_certificate_in_another_file_form_is_not_silently_ignored(folder: Path) -> None:
    """A .crt beside the .pem files is named, not passed over."""
    (folder / "public" / "root.crt").write_bytes(pki.certificate("public-root"))
    assert "root.crt" in _refused(folder) and "PEM" in _refused(folder)


def test_a_named_file_that_is_missing_is_refused(folder: Path) -> None:
    """The table says trust, the folder has nothing to trust."""
    (folder / "public" / "public-root.pem").unlink()
    assert "public-root.pem" in _refused(folder)


def test_one_certificate_in_both_domains_is_refused(folder: Path) -> None:
    """Public-duty and public are never mixed: the same anchor cannot stand in both."""
    (folder / "public" / "copy.pem").write_bytes(pki.pem("duty-root"))
    _table(folder, '[[anchor]]\nfile = "public/copy.pem"\nsource = "nhầm"\n')
    assert "hai miền" in _refused(folder)


def test_one_key_in_both_domains_is_refused(folder: Path) -> None:
    """Another certificate of the same key is the same authority."""
    (folder / "public" / "cross.pem").write_bytes(pki.pem("duty-root-2-by-1"))
    _table(folder, '[[anchor]]\nfile = "public/cross.pem"\nsource = "nhầm"\n')
    assert "khóa công khai" in _refused(folder)


def test_one_certificate_twice_in_one_domain_is_refused(folder: Path) -> None:
    """Two names for one anchor would hide which dates count."""
    (folder / "public" / "copy.pem").write_bytes(pki.pem("public-root"))
    _table(folder, '[[anchor]]\nfile = "public/copy.pem"\nsource = "lặp"\n')
    assert "cùng một chứng thư số" in _refused(folder)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('file = "public/../x.pem"\nsource = "s"', "«file»"),
        ('file = "other/x.pem"\nsource = "s"', "«file»"),
        ('file = "/etc/x.pem"\nsource = "s"', "«file»"),
        ('source = "s"', "«file»"),
        ('file = "public/x.pem"', "«source»"),
        ('file = "public/x.pem"\nsource = "  "', "«source»"),
        ('file = "public/x.pem"\nsource = "s"\nvalid_from = 2020-01-01T00:00:00', "múi giờ"),
        ('file = "public/x.pem"\nsource = "s"\nvalid_from = 2020-01-01', "múi giờ"),
        ('file = "public/x.pem"\nsource = "s"\nvalid_until = "mai"', "múi giờ"),
        (
            'file = "public/x.pem"\nsource = "s"\nvalid_from = 2021-01-01T00:00:00Z\nvalid_until = 2020-01-01T00:00:00Z',
            "valid_until",
        ),
        ('file = "public/x.pem"\nsource = "s"\ntrusted = true', "«trusted»"),
        ('file = "public/x.pem"\nsource = "s"', "x.pem"),
    ],
)
def test_an_entry_out_of_form_is_refused_by_its_field(folder: Path, entry: str, said: str) -> None:
    """Each field's form is checked, and a misspelt field is no field."""
    _table(folder, f"[[anchor]]\n{entry}\n")
    assert said in _refused(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "[[anchor]]"),
        ("anchor = 3", "[[anchor]]"),
        ("anchor = [3]", "bảng"),
        ("[[anchors]]\nfile = 'public/x.pem'", "«anchors»"),
        ("[[anchor]\n", "TOML"),
        ("[[anchor]]\nfile = 'public/a.pem'\nsource='s'\n[[anchor]]\nfile = 'public/a.pem'\nsource='s'", "hai lần"),
    ],
)
def test_a_table_out_of_form_is_refused(folder: Path, text: str, said: str) -> None:
    """What is not a table of anchors is refused as a whole."""
    (folder / "anchors.toml").write_text(text, "utf-8")
    assert said in _refused(folder)


def test_a_file_with_a_private_key_several_certificates_or_rubbish_is_refused(folder: Path) -> None:
    """One certificate, nothing else; a private key is called by its name."""
    file = folder / "public" / "public-root.pem"
    whole = file.read_bytes()
    for content, said in (
        (whole + whole, "đúng một"),
        (whole + pki.key_file("public-root").read_bytes(), "khóa bí mật"),
        (b"rubbish", "đúng một"),
        (whole.replace(b"MII", b"M*I", 1), "base64"),
        (b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", "X.509"),
        (pki.pem("company"), "CA"),
        (b"x" * 70_000, "lớn hơn"),
    ):
        file.write_bytes(content)
        assert said in _refused(folder), content[:40]


def _judged(name: str, trust_folder: Path, *, proven: datetime = pki.NOW) -> SubIndication | None:
    others = (*pki.chain(name), pki.certificate("duty-root-2-by-1"), pki.certificate("duty-root-1-by-2"))
    question = CertificateQuestion(
        pki.certificate(name), Purpose.SIGNER, proven, pki.NOW, frozenset(TrustDomain), others
    )
    evidence = pki.evidence(at=pki.NOW)
    return judge_certificate(question, read_trust(trust_folder), evidence, DEFAULT_POLICY).sub_indication


def test_a_root_counts_only_within_its_dates_and_never_after_it_is_distrusted(tmp_path: Path) -> None:
    """The operator's dates decide by the proven time; the certificate's own dates hold where none are given."""
    day = timedelta(days=1)
    for number, (line, expected) in enumerate(
        (
            ("", None),
            (f"valid_from = {(pki.NOW + day).isoformat()}", SubIndication.NO_CERTIFICATE_CHAIN_FOUND),
            (f"valid_until = {(pki.NOW - day).isoformat()}", SubIndication.NO_CERTIFICATE_CHAIN_FOUND_NO_POE),
            (f"valid_until = {pki.NOW.isoformat()}", SubIndication.NO_CERTIFICATE_CHAIN_FOUND_NO_POE),
            (f"distrust_after = {(pki.NOW - day).isoformat()}", SubIndication.NO_CERTIFICATE_CHAIN_FOUND_NO_POE),
            (f"distrust_after = {(pki.NOW + day).isoformat()}", None),
        )
    ):
        folder = pki.trust_folder(tmp_path / str(number), "public-root")
        _table(folder, line + "\n")
        assert _judged("company", folder) is expected, line


def test_a_root_distrusted_since_still_bears_what_is_proven_to_be_earlier(tmp_path: Path) -> None:
    """Distrust is from a moment on; what somebody proves to be older keeps its root."""
    folder = pki.trust_folder(tmp_path / "trust", "public-root")
    _table(folder, f"distrust_after = {(pki.NOW - timedelta(hours=1)).isoformat()}\n")
    assert _judged("company", folder, proven=pki.NOW - timedelta(hours=2)) is None


def test_a_store_with_either_generation_of_the_root_reaches_what_both_issued(tmp_path: Path) -> None:
    """Roll-over: the cross certificates carry a store that has only the old root, or only the new one."""
    for root in ("duty-root", "duty-root-2"):
        folder = pki.trust_folder(tmp_path / root, root)
        assert _judged("official-2", folder) is None, root
        assert _judged("official", folder) is None, root


def test_a_certificate_of_one_domain_finds_no_root_in_the_other(tmp_path: Path) -> None:
    """K7: the public root does not bear an official, and the public-duty roots do not bear a company."""
    public = pki.trust_folder(tmp_path / "public", "public-root")
    duty = pki.trust_folder(tmp_path / "duty", "duty-root", "duty-root-2")
    assert _judged("official", public) is SubIndication.NO_CERTIFICATE_CHAIN_FOUND
    assert _judged("company", duty) is SubIndication.NO_CERTIFICATE_CHAIN_FOUND
