"""Signatures on the real program: asked for by a system, made with a configured key, stored, judged, killed in between."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from gateway.cli.demonstration.servers import free_ports
from tests import pki
from tests.judges.test_pdf_judges import pdfsig
from tests.line.program import Answer, until
from tests.line.running import Line, lay
from tests.line.words import AHEAD, PROCEDURE, RESOLUTION, SECTOR, STRANGER, dossier, event
from tests.papers import words_of

pytestmark = pytest.mark.xdist_group("line-signing")

POLICY = 'name = "thu-nghiem-ky"\n[status]\ngrace_seconds = 86400\n'
POST = """
[upstreams.postal]
connector = "postal"

[upstreams.postal.settings]
papers = { agency_name = "Bộ Ví Dụ", signing_key = "mot_cua", signing_profile = "P-PDF-T" }

[upstreams.postal.settings.agencies.default]
name = "Bộ phận Một cửa"
phone = "02400000000"
place = { province = "01", text = "51 Ngô Quyền, Hà Nội" }

[[upstreams.postal.settings.carriers]]
name = "vnpost"
profile = "h2"
customer = "BVHTTDL01"
base_url = "http://127.0.0.1:9/h2"
token_url = "http://127.0.0.1:9/token"
secrets = { consumer_key = "env:POST_KEY", consumer_secret = "env:POST_SECRET" }
allow_plain = ["127.0.0.1"]
"""
"""A carrier that nobody reaches: its orders wait, and what is printed of its parcels does not."""
CITIZEN = "Nguyễn Thị Bàn Giao"
DOCUMENT = "<KetQua><Ten>Nguyễn Thị Ánh</Ten></KetQua>".encode()
SHA256 = hashlib.sha256(DOCUMENT).hexdigest()


@contextmanager
def authority(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The test authority as a process of its own, with its committed keys, as of now; its address."""
    folder.mkdir(parents=True)
    for key in pki.MADE.glob("*.key.pem"):
        shutil.copy(key, folder)
    (port,) = free_ports(1)
    words = [
        sys.executable,
        "-m",
        "connectors.kit.simulated_authority",
        str(pki.HERE / "declaration.toml"),
        str(folder),
    ]
    with subprocess.Popen([*words, str(port)], env=dict(environment)) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            until(lambda: _answers(url), "the authority answers")
            yield url
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/crl/duty-ca.crl", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _laid(folder: Path, environment: Mapping[str, str], url: str) -> Line:
    """A line with one key: the official's, for the resolution system and one sector."""
    place = folder / "authority"
    pki.trust_folder(folder / "trust")
    (folder / "policy.toml").write_text(POLICY, "utf-8")
    (folder / "keys").mkdir(exist_ok=True)
    key = folder / "keys/official.pem"
    shutil.copy(pki.key_file("official-far"), key)
    key.chmod(0o600)
    chain = [(place / f"{name}.cer").read_bytes() for name in ("official-far", "duty-ca")]
    pem = b"".join(load_der_x509_certificate(one).public_bytes(Encoding.PEM) for one in chain)
    (folder / "keys/official-chain.pem").write_bytes(pem)
    host = url.removeprefix("http://")
    settings = {
        "results__trust_dir": "trust",
        "results__policy_file": "policy.toml",
        "results__retry_s": "[0.5]",
        "signing__status__hosts": f'["{host}"]',
        "signing__status__internal": f'["{host}"]',
        "signing__status__rewrites": "{}",
        "signing__timestamp__url": f'"{url}/tsa/tsa-duty"',
        "signing__timestamp__internal": "true",
    }
    names = {
        "kind": "pem", "domain": "public-duty", "file": "keys/official.pem",
        "certificates_file": "keys/official-chain.pem", "custodian": "Văn phòng Bộ",
        "entrusted_by": "QĐ 12/QĐ-BVHTTDL", "profiles": ["P-XML-B", "P-XML-T", "P-CMS-T"],
        "systems": [RESOLUTION, SECTOR], "procedures": [PROCEDURE],
    }  # fmt: skip
    settings |= {f"signing__keys__can_bo__{name}": msgspec.json.encode(value).decode() for name, value in names.items()}
    papers = names | {"profiles": ["P-PDF-T"], "systems": [RESOLUTION], "media_types": ["application/pdf"]}
    settings |= {
        f"signing__keys__mot_cua__{name}": msgspec.json.encode(value).decode() for name, value in papers.items()
    }
    overridden = {f"GATEWAY__{name.upper()}": value for name, value in settings.items()}
    line = lay(folder, {**environment, **overridden, "POST_KEY": "a", "POST_SECRET": "b"})
    line.config.write_text(line.config.read_text("utf-8") + POST, "utf-8")
    return line


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Line]:
    """A running line that signs."""
    folder = tmp_path_factory.mktemp("signing")
    with authority(folder / "authority", program_environment) as url:
        line = _laid(folder, program_environment, url)
        try:
            yield line.start()
        finally:
            line.program.close()


def _uploaded(line: Line, content: bytes = DOCUMENT, system: str = RESOLUTION) -> str:
    code = line.new_code()
    assert line.put(dossier(code)).status == 201
    assert line.upload(system, code, content, "application/xml").status == 201
    return code


def _ask(line: Line, code: str, system: str = RESOLUTION, **changes: Any) -> Answer:
    wish = {
        "request_id": f"ky-{code}"[-60:],
        "dossier_code": code,
        "sha256": SHA256,
        "profile": "P-XML-T",
        "key": "can_bo",
        "purpose": "Ban hành kết quả",
        "person": "Trưởng phòng",
    } | changes
    return line.call(system, "POST", "/v1/signatures", msgspec.json.encode(wish))


def test_a_stored_file_is_signed_stored_and_passes_as_a_result(signing: Line) -> None:
    """The whole way: upload, sign, name the signed file in the event, see it judged and passed; every step is in the trail."""
    code = _uploaded(signing)
    answer = _ask(signing, code)
    assert answer.status == 201, answer
    told = answer.tree
    assert told["report"]["conclusion"] == "TOTAL-PASSED"
    assert told["sha256"] != told["source_sha256"] == SHA256
    content = signing.download(RESOLUTION, code, told["sha256"])
    assert hashlib.sha256(content.body).hexdigest() == told["sha256"]
    file = {"name": "kq.xml", "media_type": "application/xml", "size": told["size"], "sha256": told["sha256"]}
    named = [{"id": "GP-1", "name": "Giấy phép", "file": file, "signature": {"format": "xades"}}]
    for number, state in enumerate(("received", "processing"), start=1):
        assert signing.push(event(RESOLUTION, code, number, state)).status == 202
    assert signing.push(event(RESOLUTION, code, 3, "resolved", results=named)).status == 202

    def passed() -> bool:
        report = signing.get(f"/v1/results/{code}-KQ(1)/report")
        return report.status == 200 and report.tree["state"] == "passed"

    until(passed, "the signed result passes")
    kinds = [row["kind"] for row in signing.feed() if row["dossier_code"] == code]
    assert kinds.index("signature.made") < kinds.index("result.passed")


def test_the_same_request_gets_the_same_answer_and_is_signed_once(signing: Line) -> None:
    """Eight at once and one afterwards: one signature, one file."""
    code = _uploaded(signing)
    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(lambda _: _ask(signing, code), range(8)))
    again = _ask(signing, code)
    assert sorted(one.status for one in answers) == [200] * 7 + [201]
    assert {one.body for one in (*answers, again)} == {again.body}
    assert len(signing.view(code)["files"]) == 2
    other = _ask(signing, code, purpose="Mục đích khác")
    assert (other.status, other.tree["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("system", "changes", "status", "code"),
    [
        (AHEAD, {}, 403, "signing_key_refused"),
        (STRANGER, {}, 403, "signing_key_refused"),
        (RESOLUTION, {"key": "khong-co"}, 403, "signing_key_refused"),
        (RESOLUTION, {"profile": "P-PDF-B"}, 403, "signing_key_refused"),
        (RESOLUTION, {"sha256": "0" * 64}, 404, "not_found"),
        (RESOLUTION, {"sha256": "khong phai"}, 422, "invalid"),
        (RESOLUTION, {"profile": "P-GI-DO"}, 422, "invalid"),
        (RESOLUTION, {"digest": "00"}, 422, "invalid"),
        (RESOLUTION, {"purpose": " "}, 422, "invalid"),
        (RESOLUTION, {"request_id": "../../x"}, 422, "invalid"),
    ],
)
def test_what_a_key_was_not_given_for_is_refused(
    signing: Line, system: str, changes: dict[str, Any], status: int, code: str
) -> None:
    """Custody: who, which key, which profile, which file; there is no way to have other bytes signed."""
    dossier_code = _uploaded(signing)
    answer = _ask(signing, dossier_code, system, **{"request_id": f"tu-choi-{dossier_code}"[-60:], **changes})
    assert (answer.status, answer.tree["code"]) == (status, code), answer
    assert len(signing.view(dossier_code)["files"]) == 1


def test_a_file_of_another_procedure_is_not_signed_by_this_key(signing: Line) -> None:
    """The custody names procedures; another one's dossier is refused although the file is there."""
    code = signing.new_code()
    other = dossier(code)
    other["procedure"] = {**other["procedure"], "code": "BVH-KHAC-99"}
    assert signing.put(other).status == 201
    assert signing.upload(RESOLUTION, code, DOCUMENT, "application/xml").status == 201
    assert _ask(signing, code).tree["code"] == "signing_key_refused"


def test_an_xml_file_that_is_none_is_refused_with_its_reason_and_may_be_asked_again(signing: Line) -> None:
    """The refusal is in the trail; nothing is stored, and nothing lies about in the clear."""
    content = b"no XML at all"
    code = _uploaded(signing, content)
    refused = _ask(signing, code, sha256=hashlib.sha256(content).hexdigest())
    assert (refused.status, refused.tree["code"]) == (409, "signing_refused")
    assert len(signing.view(code)["files"]) == 1
    assert list((signing.folder / "data" / "signing").iterdir()) == []


def test_the_doctor_looks_at_every_key(signing: Line) -> None:
    """The key opens, its certificate leads to an anchor of its domain and is far from its end; then its file is opened up."""
    key = signing.folder / "keys/official.pem"
    found = {one["check"]: one for one in signing.command("doctor", "--json").tree}
    assert found["khóa ký can_bo"]["ok"] and found["khóa ký can_bo, chuỗi"]["ok"]
    key.chmod(0o640)
    try:
        told = {one["check"]: one for one in signing.command("doctor", "--json").tree}["khóa ký can_bo"]
        assert not told["ok"] and "0600" in told["seen_vi"]
    finally:
        key.chmod(0o600)


@pytest.mark.parametrize(
    "point",
    ["signature.intended", "signing.signed", "signing.verified", "signature.before_commit", "signature.after_commit"],
)
def test_a_kill_in_the_middle_leaves_nothing_half_signed_and_repeats_cleanly(signing: Line, point: str) -> None:
    """SIGKILL between two steps: no signed file without its record, one signed file after the same request again."""
    line, usual = signing, signing.program.environment
    line.program.stop("gateway")
    line.program.environment = {**usual, "GATEWAY_CRASH_AT": point}
    try:
        line.start("gateway")
    finally:
        line.program.environment = usual
    code = _uploaded(line)
    with pytest.raises(OSError):
        _ask(line, code)
    assert line.program.ended("gateway") == -signal.SIGKILL
    line.start("gateway")
    assert list((line.folder / "data" / "signing").iterdir()) == []
    assert len(line.view(code)["files"]) == (2 if point == "signature.after_commit" else 1)
    again = _ask(line, code)
    assert again.status == (200 if point == "signature.after_commit" else 201), again
    assert len(line.view(code)["files"]) == 2
    assert line.download(RESOLUTION, code, again.tree["sha256"]).status == 200
    checked = line.command("evidence", "check", "--json")
    assert checked.code == 0, checked.out


@dataclass(frozen=True)
class Row:
    """A row of the trail, as the store holds it."""

    kind: str
    dossier: str
    fields: Mapping[str, Any]


def _trail(line: Line) -> list[Row]:
    """The whole trail, in order."""
    with contextlib.closing(sqlite3.connect(f"file:{line.folder}/data/journal.db?mode=ro", uri=True)) as store:
        rows = store.execute("SELECT kind, dossier, fields FROM audit ORDER BY position").fetchall()
    return [Row(kind, dossier, msgspec.json.decode(fields)) for kind, dossier, fields in rows]


def _listed(line: Line) -> tuple[str, str]:
    """A parcel of a new dossier, and the list that it stands in; their ids."""
    code = line.new_code()
    assert line.put(dossier(code)).status == 201
    place = {"list_version": "GSO-2025-07", "province": "79", "text": "Số 1, phường Ví Dụ, TP Hồ Chí Minh"}
    wish = {
        "request_id": code,
        "dossier_code": code,
        "procedure_code": PROCEDURE,
        "procedure_name": "Thủ tục thử nghiệm",
        "direction": "deliver",
        "citizen": {"name": CITIZEN, "phone": "0900000000", "place": place},
    }
    made = line.call(RESOLUTION, "POST", "/v1/shipments", msgspec.json.encode(wish))
    assert made.status == 201, made
    drawn = {
        "request_id": f"bk-{code}",
        "direction": "deliver",
        "agency_code": "G16",
        "deliverer": {"name": "Trần Văn Mẫu", "staff_id": "cb-1"},
        "lines": [{"shipment_id": made.tree["shipment_id"], "component_count": 1}],
    }
    listed = line.call(RESOLUTION, "POST", "/v1/handovers", msgspec.json.encode(drawn))
    assert listed.status == 201, listed
    return code, listed.tree["handover_id"]


def test_a_handover_list_leaves_signed_and_its_readers_are_in_the_trail(signing: Line, tmp_path: Path) -> None:
    """Signed by the configured key with a stamp, as poppler finds it; the same bytes again; who read whose name is written."""
    code, handover_id = _listed(signing)
    sheet = signing.get(f"/v1/handovers/{handover_id}/sheet")
    assert sheet.status == 200, sheet
    (word,) = pdfsig(sheet.body, tmp_path)
    assert (word.valid, word.total) == (True, True)
    assert CITIZEN in words_of(sheet.body, tmp_path)
    assert signing.get(f"/v1/handovers/{handover_id}/sheet").body == sheet.body
    rows = [row for row in _trail(signing) if row.fields.get("request", "").endswith(f"{handover_id}/made")]
    assert [row.kind for row in rows] == ["signature.requested", "signature.made"]
    assert rows[0].fields["key"] == "mot_cua" and "BG" in rows[0].fields["purpose"]
    reads = [row for row in _trail(signing) if row.kind == "personal.read" and row.dossier == code]
    assert sum("sheet" in row.fields["route"] for row in reads) == 2


def test_a_kill_while_a_list_is_signed_leaves_none_and_the_next_reader_has_one(signing: Line, tmp_path: Path) -> None:
    """SIGKILL after the intent: nothing in the clear is left, and the list is signed when it is asked for again."""
    line, usual = signing, signing.program.environment
    _, handover_id = _listed(line)
    line.program.stop("gateway")
    line.program.environment = {**usual, "GATEWAY_CRASH_AT": "paper.intended"}
    try:
        line.start("gateway")
    finally:
        line.program.environment = usual
    with pytest.raises(OSError):
        line.get(f"/v1/handovers/{handover_id}/sheet")
    assert line.program.ended("gateway") == -signal.SIGKILL
    line.start("gateway")
    assert list((line.folder / "data" / "signing").iterdir()) == []
    sheet = line.get(f"/v1/handovers/{handover_id}/sheet")
    assert [(word.valid, word.total) for word in pdfsig(sheet.body, tmp_path)] == [(True, True)]
