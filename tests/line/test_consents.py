"""The consent register over the real program: entered or revoked by command, it holds from the next accept, with no restart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.intake.signature import SigningKey
from tests.line.program import Finished, ask
from tests.line.running import Line
from tests.line.words import SECTOR, dossier, event

pytestmark = pytest.mark.xdist_group("line-consents")

REASON = ("--reason", "Theo văn bản của chủ quản hệ thống")
NEW = "SEC-MOI"


def consent(line: Line, action: str, *words: str | Path) -> Finished:
    """`gateway consent …` on this installation."""
    return line.program.run("consent", action, "--config", line.config, *words)


@pytest.fixture(scope="module", autouse=True)
def operator(fragile: Line) -> None:
    """The first operator of the installation, whose key signs what this module decides."""
    words = ("an", "--new-key", "--person", "CB-001", "--role", "admin", *REASON)
    assert fragile.program.run("operators", "add", "--config", fragile.config, *words).code == 0


def new_key(line: Line, key_id: str) -> tuple[SigningKey, str]:
    """A fresh key and the words that register its public half."""
    private = ed25519.Ed25519PrivateKey.generate()
    path = line.folder / f"{key_id}.pub.pem"
    path.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return SigningKey(key_id, "ed25519", private), f"{key_id}={path}"


def with_key(line: Line, system: str, key: SigningKey) -> Line:
    """The same line, one system signing with another key."""
    return replace(line, keys={**line.keys, system: key})


def test_a_system_is_registered_rotates_its_key_and_is_revoked_while_the_gateway_runs(fragile: Line) -> None:
    """From the first 202 to `consent_revoked`, in one process; another system goes on, and the history tells everything."""
    line = fragile
    pid = line.program.running["gateway"].pid
    key, registered = new_key(line, f"{NEW}-1")
    line = with_key(line, NEW, key)
    code = line.new_dossier()
    refused = line.push(event(NEW, code, 1, "received"))
    assert (refused.status, refused.tree["code"]) == (401, "unknown_key")

    bad = consent(line, "add", NEW, "--number", "20/VHTTDL-ĐY", "--public-key", registered, *REASON)
    assert bad.code == 2 and "ngày của văn bản" in bad.err and "thủ tục được đồng ý" in bad.err
    added = consent(
        line,
        "add",
        NEW,
        *("--number", "20/VHTTDL-ĐY", "--date", "2026-01-10", "--procedures", "*", "--public-key", registered),
        *("--title", "Hệ thống mới", "--owner", "Cục Ví Dụ", *REASON),
    )
    assert added.code == 0 and "phiên bản 1" in added.out
    first = event(NEW, code, 1, "received")
    signed = line.signed(NEW, "POST", "/v1/events", msgspec.json.encode(first))
    accepted = ask("POST", line.url() + "/v1/events", msgspec.json.encode(first), signed)
    assert (accepted.status, accepted.tree["status"]) == (202, "accepted")

    other, renewed = new_key(line, f"{NEW}-2")
    assert consent(line, "add", NEW, "--public-key", renewed, "--keep-keys", *REASON).code == 0
    assert line.push(event(NEW, code, 2, "processing")).status == 202, "both keys hold while the rotation lasts"
    rotated = with_key(line, NEW, other)
    assert rotated.push(event(NEW, code, 3, "awaiting_supplement")).status == 202
    assert consent(line, "add", NEW, "--public-key", renewed, *REASON).code == 0
    old = line.push(event(NEW, code, 9, "processing"))
    assert (old.status, old.tree["code"]) == (401, "unknown_key"), "the old key is out with the next version"
    assert rotated.get(f"/v1/events/{first['event_id']}", NEW).status == 200

    stolen = consent(
        line,
        "add",
        "SEC-TRUNG",
        "--number",
        "1",
        "--date",
        "2026-01-01",
        "--procedures",
        "*",
        "--public-key",
        renewed,
        *REASON,
    )
    assert stolen.code == 2 and f"đã đăng ký cho hệ thống {NEW}" in stolen.err

    assert consent(line, "revoke", NEW, *REASON).code == 0
    ended = rotated.push(event(NEW, code, 9, "processing"))
    assert (ended.status, ended.tree["code"]) == (403, "consent_revoked")
    assert "thu hồi" in ended.tree["detail"] and "5" in ended.tree["detail"]
    assert rotated.get(f"/v1/events/{first['event_id']}", NEW).tree["code"] == "consent_revoked"
    repeat = ask("POST", line.url() + "/v1/events", msgspec.json.encode(first), signed)
    assert (repeat.status, repeat.tree["status"]) == (200, "duplicate"), (
        "the receipt of what was lawful is not withheld"
    )
    assert line.push(event(SECTOR, code, 1, "received")).status == 202, "another system goes on"
    assert line.program.running["gateway"].pid == pid

    (told,) = (row for row in consent(line, "list", "--json", "--history").tree["systems"] if row["system"] == NEW)
    assert told["standing"] == "consent_revoked" and [v["version"] for v in told["versions"]] == [1, 2, 3]
    assert [[k["key_id"] for k in v["keys"]] for v in told["versions"]] == [
        [f"{NEW}-1"],
        [f"{NEW}-2", f"{NEW}-1"],
        [f"{NEW}-2"],
    ]
    assert all(v["revoked"]["reason"] == REASON[1] for v in told["versions"])
    shown = consent(line, "list", "--history").out
    assert "đã thu hồi" in shown and NEW in shown


def test_a_declared_system_is_entered_once_and_a_restart_revives_nothing(fragile: Line) -> None:
    """`[callers.X]` is in the register after the first start; revoked by command it stays revoked, and the doctor says so."""
    line = fragile
    assert consent(line, "list", SECTOR).code == 0
    code = line.new_dossier()
    assert line.push(event(SECTOR, code, 1, "received")).status == 202
    assert consent(line, "revoke", SECTOR, *REASON).code == 0
    line.program.stop("gateway")
    assert "consent_revoked" in consent(line, "list", SECTOR, "--json").out, "also while no gateway runs"
    line.start("gateway")
    assert line.push(event(SECTOR, code, 2, "processing")).tree["code"] == "consent_revoked"
    listed = consent(line, "list", SECTOR)
    assert listed.code == 1 and "tệp cấu hình khác sổ" in listed.out
    looked = line.program.run("doctor", "--config", line.config, "--json").tree
    assert [f["ok"] for f in looked if f["check"] == f"sổ đồng ý {SECTOR}"] == [False]
    assert "configuration differs from the consent register" in line.program.log("gateway")
    anew = ("--number", "77/VHTTDL-ĐY", "--date", "2026-02-01", "--procedures", "*", "--keep-keys")
    assert consent(line, "add", SECTOR, *anew, *REASON).code == 0
    assert line.push(event(SECTOR, code, 2, "processing")).status == 202


def test_a_consent_can_be_entered_while_no_gateway_runs(fragile: Line) -> None:
    """The decision is carried out in the store itself; the next start knows it."""
    line = fragile
    code = line.new_dossier()
    key, registered = new_key(line, "SEC-KHUYA-1")
    line.program.stop("gateway")
    words = (
        "--number",
        "21/VB",
        "--date",
        "2026-01-10",
        "--procedures",
        str(dossier(code)["procedure"]["code"]),
        "--public-key",
        registered,
    )
    assert consent(line, "add", "SEC-KHUYA", *words, *REASON).code == 0
    line.start("gateway")
    spoken = with_key(line, "SEC-KHUYA", key)
    assert spoken.push(event("SEC-KHUYA", code, 1, "received")).status == 202
