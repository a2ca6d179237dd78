"""`gateway push`: one event, an array, one a line; what was answered, and an exit code that says it."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest

from tests.line.pki import openssl
from tests.line.words import PAPER, PROCEDURE, RESOLUTION, SECTOR, dossier, event

pytestmark = pytest.mark.xdist_group("cli-office")


def test_one_event_is_accepted_and_the_same_file_again_is_a_duplicate(office: Any) -> None:
    """Exit 0 both times; nothing is stored twice."""
    code = office.line.new_dossier()
    file = office.write("one.json", event(SECTOR, code, 1, "received"))
    first, again = office.command("push", "--json", file), office.command("push", "--json", file)
    assert (first.code, again.code) == (0, 0)
    assert [(a["http"], a["answer"]["status"]) for a in first.tree + again.tree] == [
        (202, "accepted"),
        (200, "duplicate"),
    ]
    assert again.tree[0]["answer"]["original"] == first.tree[0]["answer"]
    assert [e["sequence"] for e in office.line.view(code)["events"] if e["system_code"] == SECTOR] == [1]


@pytest.mark.parametrize("shape", ["array", "lines"])
def test_an_array_and_a_line_each_are_pushed_in_order(office: Any, shape: str) -> None:
    """The order of the file is the order at the door, so sequences follow without a gap."""
    code = office.line.new_dossier()
    told = [event(SECTOR, code, n, state) for n, state in enumerate(("received", "processing", "resolved"), 1)]
    lines = b"\n".join(msgspec.json.encode(one) for one in told) + b"\n\n"
    file = office.write(f"{shape}.json", told if shape == "array" else lines)
    assert office.line.upload(SECTOR, code, PAPER).status == 201
    done = office.command("push", "--json", file)
    assert done.code == 0
    assert [a["request"] for a in done.tree] == [one["event_id"] for one in told]
    assert [a["answer"]["status"] for a in done.tree] == ["accepted"] * 3
    assert office.command("push", "--json", file).tree[2]["answer"]["status"] == "duplicate"
    office.line.portal_has(code, ["2", "4", "9"])


def test_a_result_is_uploaded_in_front_of_its_event_and_filled_in(office: Any) -> None:
    """`--file`: the event names the file, the command knows its size and digest; pushed again, nothing is doubled."""
    code, content = office.line.new_dossier(), b"%PDF-1.7 " + b"k" * 5_000
    (office.line.folder / "giay phep.pdf").write_bytes(content)
    told = event(SECTOR, code, 1, "resolved", results=[{"id": "GP-1", "name": "Giấy phép"}])
    file = office.write("ket-qua.json", told)
    assert office.command("push", "--json", file).code == 2, "a result without its file is refused"
    words = ("push", "--json", "--file", office.line.folder / "giay phep.pdf", file)
    done = office.command(*words)
    assert done.code == 0 and [a["http"] for a in done.tree] == [201, 202]
    digest = hashlib.sha256(content).hexdigest()
    assert done.tree[0]["answer"]["sha256"] == digest
    again = office.command(*words)
    assert [a["http"] for a in again.tree] == [200, 200]
    assert again.tree[1]["answer"]["status"] == "duplicate"
    assert office.line.download(SECTOR, code, digest).body == content
    unnamed = office.command("push", "--file", file, office.write("khac.json", event(SECTOR, code, 2, "received")))
    assert unnamed.code != 0 and "ket-qua.json" in unnamed.err


def test_several_files_and_a_table_for_people(office: Any) -> None:
    """Without --json a table, one line an event."""
    code = office.line.new_dossier()
    files = [office.write(f"f{n}.json", event(SECTOR, code, n, s)) for n, s in ((1, "received"), (2, "processing"))]
    done = office.command("push", *files)
    assert done.code == 0 and done.out.count("accepted") == 2 and "Trạng thái" in done.out


def test_a_refused_event_exits_with_2_and_shows_every_fault(office: Any) -> None:
    """The table names pointer and sentence; the other events of the file are pushed all the same."""
    code = office.line.new_dossier()
    good = event(SECTOR, code, 1, "received")
    file = office.write("mixed.json", [good | {"event_id": "42", "state": "approved"}, good])
    done = office.command("push", file)
    assert done.code == 2
    assert "422" in done.out and "/event_id" in done.out and "/state" in done.out and "accepted" in done.out
    told = office.command("push", "--json", file)
    assert told.code == 2 and [a["http"] for a in told.tree] == [422, 200]
    assert {fault["pointer"] for fault in told.tree[0]["answer"]["errors"]} == {"/event_id", "/state"}


def test_a_dossier_is_registered_as_the_resolution_system(office: Any) -> None:
    """--as and --dossiers: 201, the same again 200 duplicate; as a sector it is refused."""
    code = office.line.new_code()
    file = office.write("dossier.json", dossier(code))
    done = office.command("push", "--json", "--as", RESOLUTION, "--dossiers", file)
    assert done.code == 0 and (done.tree[0]["http"], done.tree[0]["answer"]["status"]) == (201, "registered")
    refused = office.command("push", "--json", "--dossiers", file)
    assert refused.code == 2 and refused.tree[0]["answer"]["code"] == "forbidden"


def test_a_key_of_ones_own_is_refused_by_the_gateway(office: Any) -> None:
    """--key signs with another key under the registered name: 401, exit 2."""
    code = office.line.new_dossier()
    file = office.write("forged.json", event(SECTOR, code, 1, "received"))
    done = office.command("push", "--json", "--key", office.folder / "keys/RES-VHTTDL.pem", file)
    assert done.code == 2 and done.tree[0]["answer"]["code"] == "bad_signature"


def test_a_system_that_only_the_register_knows_pushes_with_its_key_and_its_name(office: Any) -> None:
    """Entered by `consent add`, absent from the configuration: --key and --keyid suffice; a wrong name is refused."""
    openssl(office.folder, "genpkey", "-algorithm", "ed25519", "-out", "rieng.pem")
    openssl(office.folder, "pkey", "-in", "rieng.pem", "-pubout", "-out", "rieng.pub.pem")
    words = ("--number", "7/VHTTDL-ĐY", "--date", "2026-01-15", "--title", "Hệ thống riêng", "--owner", "Cục Ví Dụ")
    consent = ("consent", "add", "SEC-RIENG", *words, "--procedures", PROCEDURE, "--states", "*")
    private = office.said(*consent, "--public-key", f"SEC-RIENG-1={office.folder}/rieng.pem")
    assert private.code == 3 and "rieng.pem" in private.err and "khóa riêng" in private.err
    office.decide(*consent, "--public-key", f"SEC-RIENG-1={office.folder}/rieng.pub.pem")
    file = office.write("rieng.json", event("SEC-RIENG", office.line.new_dossier(), 1, "received"))
    push = ("push", "--json", "--as", "SEC-RIENG", "--key", office.folder / "rieng.pem")
    done = office.command(*push, "--keyid", "SEC-RIENG-1", file)
    assert done.code == 0 and done.tree[0]["answer"]["status"] == "accepted"
    wrong = office.command(*push, "--keyid", "SEC-RIENG-2", file)
    assert wrong.code == 2 and wrong.tree[0]["answer"]["code"] == "unknown_key"


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"not json\n{}", b"\xff\xfe"], ids=["empty", "none", "cut", "words", "bytes"]
)
def test_a_file_that_is_no_json_exits_with_3_and_pushes_nothing(office: Any, content: bytes) -> None:
    """Unusable input is told before anything is sent."""
    done = office.command("push", office.write("rubbish.json", content))
    assert done.code == 3 and "Traceback" not in done.err and done.err


def test_a_missing_file_an_unknown_system_and_an_unreachable_gateway(office: Any) -> None:
    """3, 78 and 69: each with a sentence."""
    assert office.command("push", office.folder / "absent.json").code == 3
    file = office.write("any.json", event(SECTOR, "000.00.00.G16-261120-0001", 1, "received"))
    unknown = office.command("push", "--as", "SEC-NOBODY", file)
    assert unknown.code == 78 and "SEC-NOBODY" in unknown.err
    assert "--keyid" in unknown.err, "and what to add for a system of the register"
    away = office.command("push", "--json", "--url", "http://127.0.0.1:9", file)
    assert away.code == 69 and away.tree == [] and "không bị nhân đôi" in away.err
