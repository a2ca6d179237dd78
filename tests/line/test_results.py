"""Results on the real program: signed for real, judged, sent behind their state, held with their reason, looked up by anybody."""

from __future__ import annotations

import hashlib
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from cryptography.x509.oid import NameOID

from gateway.cli.demonstration.servers import free_ports
from gateway.intake.signature import Stated, sign_head
from tests.line.program import Answer, ask, until
from tests.line.running import Line, lay
from tests.line.words import AHEAD, RESOLUTION, SECTOR, dossier, event

pytestmark = pytest.mark.xdist_group("line-results")

SIGNER = "Cục Ví Dụ"
PERSON = "Nguyễn Thị Ánh"
PURPOSE = "Đối chiếu trước khi trả kết quả"


class Seal:
    """An authority of the public-duty domain, made for this run, and a certificate of an agency under it."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        self._root_key, self._key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
        self._span = now - timedelta(days=1), now + timedelta(days=365)
        self.root = self._certificate("Gốc thử nghiệm", self._root_key, None)
        self.signer = self._certificate(SIGNER, self._key, self.root)

    def _certificate(self, name: str, key: EllipticCurvePrivateKey, above: x509.Certificate | None) -> x509.Certificate:
        subject = x509.Name(
            [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name), x509.NameAttribute(NameOID.COMMON_NAME, PERSON)]
        )
        authority = above is None
        usage = x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if above is None else above.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._span[0])
            .not_valid_after(self._span[1])
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._root_key.public_key()), critical=False
            )
            .sign(self._root_key, SHA256())
        )

    def sign(self, content: bytes) -> bytes:
        """A CMS signature with the content in it, by a library that is not ours."""
        builder = PKCS7SignatureBuilder().set_data(content).add_signer(self.signer, self._key, SHA256())
        return builder.sign(Encoding.DER, [PKCS7Options.Binary])

    def trust(self, folder: Path) -> Path:
        """The trust folder that an operator keeps."""
        (folder / "public-duty").mkdir(parents=True)
        (folder / "public-duty/goc.pem").write_bytes(self.root.public_bytes(Encoding.PEM))
        (folder / "anchors.toml").write_text('[[anchor]]\nfile = "public-duty/goc.pem"\nsource = "kiểm thử"\n')
        return folder


SEAL = Seal()
LENIENT = 'name = "thu-nghiem"\n[status]\nrequired = false\n'
STRICT = 'name = "thu-nghiem-chat"\n'


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Line]:
    """A running line that judges results, with an edge."""
    line = _laid(tmp_path_factory.mktemp("results"), program_environment)
    try:
        yield line.start()
    finally:
        line.program.close()


def _laid(folder: Path, environment: dict[str, str], policy: str = LENIENT, **more: str) -> Line:
    SEAL.trust(folder / "trust")
    (folder / "policy.toml").write_text(policy, encoding="utf-8")
    settings = {
        "results__trust_dir": "trust",
        "results__policy_file": "policy.toml",
        "results__retry_s": "[0.5]",
        "results__look_ups_per_minute": "30",
        "results__public_url": "https://tra-cuu.example.vn/v1/results",
        "listen__edge__port": str(free_ports(1)[0]),
        "upstreams__national_dvc__settings__result_url_base": "https://ket-qua.example.vn",
        **more,
    }
    overridden = {f"GATEWAY__{name.upper()}": value for name, value in settings.items()}
    return lay(folder, {**environment, **overridden})


def _edge(line: Line, target: str) -> Answer:
    port = line.program.environment["GATEWAY__LISTEN__EDGE__PORT"]
    return ask("GET", f"http://127.0.0.1:{port}{target}")


def _resolved(line: Line, content: bytes, system: str = RESOLUTION, code: str = "") -> str:
    """A dossier that ends with this result; its code."""
    if not code:
        code = line.new_code()
        assert line.put(dossier(code)).status == 201
    assert line.upload(system, code, content, "application/pkcs7-mime").status in (200, 201)
    file = {
        "name": "ket-qua.p7m",
        "media_type": "application/pkcs7-mime",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    named = [{"id": "GP-1", "name": f"Giấy phép của {PERSON}", "file": file, "signature": {"format": "cades"}}]
    for number, state in enumerate(("received", "processing"), start=1):
        assert line.push(event(system, code, number, state)).status == 202
    ended = event(system, code, 3, "resolved", results=named)
    assert line.push(ended).status == 202
    return code


def _report(line: Line, code: str, system: str = RESOLUTION) -> Answer:
    return line.get(f"/v1/results/{code}-KQ(1)/report", system)


def _stands(line: Line, code: str, *states: str) -> Any:
    """Wait until the first result of a dossier is in one of these states; its report."""

    def there() -> Any:
        answer = _report(line, code)
        assert answer.status in (200, 404), answer
        return answer.tree if answer.status == 200 and answer.tree["state"] in states else None

    return until(there, lambda: f"the result of {code} is {states}, not {_report(line, code).body!r}")


def _operations(line: Line, code: str) -> list[str]:
    rows = [row for row in line.view(code)["deliveries"] if row["upstream"] == "national_dvc"]
    return [row["operation"] for row in sorted(rows, key=lambda row: row["sequence"])]


def _shown(line: Line, code: str) -> Any:
    held = line.portal(code)
    return held["results"] if held else {}


def test_a_valid_result_goes_out_after_its_state(judged: Line) -> None:
    """Signed by a library that is not ours; the portal shows it beside the state that it belongs to, and once."""
    content = SEAL.sign(b"Giay phep so 1")
    code = _resolved(judged, content)
    told = _stands(judged, code, "passed")
    assert told["report"]["conclusion"] == "TOTAL-PASSED"
    shown = until(lambda: _shown(judged, code), "the portal shows the result")
    (result,) = shown.values()
    assert list(shown) == [f"{code}-KQ(1)"] and result["state"] == "9"
    assert result["result"]["DuongDanTepTinKetQua"].startswith("https://ket-qua.example.vn/")
    judged.portal_has(code, ["2", "4", "9"])
    assert _operations(judged, code)[-1] == "results"
    assert _operations(judged, code).count("results") == 1
    assert told["qr"] == f"{code}-KQ(1) {told['look_up_url']}"
    kinds = [row["kind"] for row in judged.feed() if row["dossier_code"] == code]
    assert kinds.index("result.registered") < kinds.index("result.passed")


def test_a_later_state_keeps_the_result_that_the_portal_shows(judged: Line) -> None:
    """The portal replaces the whole dossier with each state."""
    code = _resolved(judged, SEAL.sign(b"Giay phep so 2"))
    until(lambda: _shown(judged, code), "the portal shows the result")
    assert judged.push(event(RESOLUTION, code, 4, "returned")).status == 202
    judged.portal_has(code, ["2", "4", "9", "10"])
    (held,) = judged.order("national_dvc", "GET", f"dossiers?code={code}&fields=1")["dossiers"]
    assert [one["GiayToId"] for one in held["fields"]["DanhSachGiayToKetQua"]] == [f"{code}-KQ(1)"]


def test_a_result_changed_after_signing_is_held_and_its_dossier_goes_on(judged: Line) -> None:
    """One byte: held with its reason, never shown outside; the state and the states after it are not delayed."""
    signed = SEAL.sign(b"Giay phep so 3, het han 2030")
    code = _resolved(judged, signed.replace(b"2030", b"2090"))
    told = _stands(judged, code, "held")
    assert (told["reason"], told["report"]["conclusion"]) == ("HASH_FAILURE", "TOTAL-FAILED")
    assert told["reason_vi"] == "Nội dung đã bị thay đổi sau khi ký."
    assert judged.push(event(RESOLUTION, code, 4, "returned")).status == 202
    judged.portal_has(code, ["2", "4", "9", "10"])
    assert _shown(judged, code) == {}
    assert "results" not in _operations(judged, code)
    seen = judged.command("results", "--json")
    assert seen.code == 1 and f"{code}-KQ(1)" in [row["result"] for row in seen.tree["held"]]
    assert judged.command("lanes", "--json").tree["held_results"] >= 1
    (row,) = [row for row in judged.feed() if row["kind"] == "result.held" and row["dossier_code"] == code]
    assert row["fields"]["reason"] == "HASH_FAILURE"


def test_the_same_signed_result_under_another_dossier_is_held(judged: Line) -> None:
    """Attack C2."""
    content = SEAL.sign(b"Giay phep so 4")
    first = _resolved(judged, content)
    _stands(judged, first, "passed")
    second = _resolved(judged, content)
    assert _stands(judged, second, "held")["reason"] == "result_of_another_dossier"


def test_anybody_may_look_a_result_up_and_learns_nothing_about_anybody(judged: Line) -> None:
    """Verdict and organisations; no name of a person, no document, no reason why one may not look further."""
    content = SEAL.sign(b"Giay phep so 5")
    code = _resolved(judged, content)
    _stands(judged, code, "passed")
    answer = _edge(judged, f"/v1/results/{code}-KQ%281%29")
    assert answer.status == 200, answer
    assert answer.tree["published"] is True and answer.tree["verdict"] == "TOTAL-PASSED"
    assert answer.tree["sha256"] == hashlib.sha256(content).hexdigest()
    assert [one["organisation"] for one in answer.tree["signers"]] == [SIGNER]
    assert answer.headers["cache-control"] == "no-store"
    assert PERSON not in answer.body.decode() and "Ví Dụ A" not in answer.body.decode()
    held = _resolved(judged, SEAL.sign(b"Giay phep so 6").replace(b"so 6", b"so 7"))
    _stands(judged, held, "held")
    told = _edge(judged, f"/v1/results/{held}-KQ(1)").tree
    assert (told["published"], told["verdict"], told["signers"], told["sha256"]) == (False, "TOTAL-FAILED", [], None)
    assert _edge(judged, "/v1/results/khong-co-KQ(1)").status == 404


def test_another_systems_result_does_not_exist(judged: Line) -> None:
    """For the system that named it, and for the resolution system, it does; each look is in the trail."""
    code = _resolved(judged, SEAL.sign(b"Giay phep so 8"), SECTOR)
    _stands(judged, code, "passed")
    assert _report(judged, code, SECTOR).status == 200
    strange = _report(judged, code, AHEAD)
    assert (strange.status, strange.tree["code"]) == (404, "unknown_result")
    unknown = judged.get("/v1/results/khong-co-KQ(1)/report", AHEAD)
    assert unknown.tree["detail"] == strange.tree["detail"]
    body = msgspec.json.encode({"result_code": f"{code}-KQ(1)", "purpose": PURPOSE})
    assert judged.call(AHEAD, "POST", "/v1/validations", body).status == 404


def test_a_validation_needs_a_purpose_and_changes_nothing(judged: Line) -> None:
    """By code or with the file itself; the answer is a report and never a yes."""
    content = SEAL.sign(b"Giay phep so 9")
    code = _resolved(judged, content)
    before = _stands(judged, code, "passed")
    asked = {"result_code": f"{code}-KQ(1)", "purpose": PURPOSE}
    answer = judged.call(RESOLUTION, "POST", "/v1/validations", msgspec.json.encode(asked))
    assert answer.status == 200, answer
    assert answer.tree["report"]["conclusion"] == "TOTAL-PASSED"
    without = judged.call(RESOLUTION, "POST", "/v1/validations", msgspec.json.encode(asked | {"purpose": " "}))
    assert (without.status, without.tree["code"]) == (422, "invalid")
    target = "/v1/validations?purpose=Doi%20chieu%20ban%20ky"
    changed = content.replace(b"so 9", b"so 0")
    for sent, conclusion in ((content, "TOTAL-PASSED"), (changed, "TOTAL-FAILED"), (b"chua ky", "TOTAL-FAILED")):
        stated = Stated("application/pkcs7-mime", hashlib.sha256(sent).digest())
        signed = sign_head("POST", target, stated, judged.keys[SECTOR], int(time.time()))
        told = ask("POST", judged.url() + target, sent, signed)
        assert (told.status, told.tree["report"]["conclusion"]) == (200, conclusion), told
    assert _report(judged, code).tree == before
    (listed,) = judged.view(code)["results"]
    assert (listed["result_code"], listed["state"], listed["sent_to"]) == (f"{code}-KQ(1)", "passed", ["national_dvc"])


def test_what_could_not_be_judged_is_judged_once_it_can_and_survives_restarts(
    place: Path, program_environment: dict[str, str]
) -> None:
    """Without status information: waiting, tried again by itself; when the policy allows it, it passes and goes out."""
    line = _laid(place, program_environment, STRICT)
    try:
        line.start()
        code = _resolved(line, SEAL.sign(b"Giay phep so 10"))
        told = _stands(line, code, "waiting")
        assert told["reason"] == "TRY_LATER"
        until(lambda: _report(line, code).tree["tries"] >= 2, "it is tried again")
        line.portal_has(code, ["2", "4", "9"])
        assert _shown(line, code) == {}
        line.program.stop("gateway", signal.SIGKILL)
        (place / "policy.toml").write_text(LENIENT, encoding="utf-8")
        line.start("gateway")
        _stands(line, code, "passed")
        until(lambda: _shown(line, code), "the portal shows the result")
        assert _operations(line, code).count("results") == 1
        checked = line.command("evidence", "check", "--json")
        assert checked.code == 0, checked.out
    finally:
        line.program.close()


@pytest.mark.parametrize("point", ["result.judged", "result.written"])
def test_a_kill_between_judgement_and_delivery_loses_nothing_and_sends_once(judged: Line, point: str) -> None:
    """Killed with the verdict in hand, and killed with the verdict on disk: one result at the portal in the end."""
    line, usual = judged, judged.program.environment
    line.program.stop("gateway")
    line.program.environment = {**usual, "GATEWAY_CRASH_AT": point}
    try:
        line.start("gateway")
    finally:
        line.program.environment = usual
    code = _resolved(line, SEAL.sign(f"Giay phep so 11, {point}".encode()))
    assert line.program.ended("gateway") == -signal.SIGKILL
    line.start("gateway")
    until(lambda: _shown(line, code), "the portal shows the result")
    line.settled(code)
    assert list(_shown(line, code)) == [f"{code}-KQ(1)"]
    assert _operations(line, code).count("results") == 1


def test_a_peer_that_asks_too_often_has_to_wait(judged: Line) -> None:
    """429 with Retry-After, and again an answer after that; this test comes last on its line."""
    answers = [_edge(judged, "/v1/results/khong-co-KQ(1)") for _ in range(40)]
    assert {answer.status for answer in answers} == {404, 429}
    refused = next(answer for answer in answers if answer.status == 429)
    time.sleep(int(refused.headers["retry-after"]))
    assert _edge(judged, "/v1/results/khong-co-KQ(1)").status == 404


def test_a_trust_folder_that_cannot_be_used_is_refused_at_the_start(
    place: Path, program_environment: dict[str, str]
) -> None:
    """In one Vietnamese sentence that names the setting."""
    line = _laid(place, program_environment, results__trust_dir="khong-co")
    done = line.command("serve")
    assert done.code != 0
    assert "results.trust_dir" in done.err and "không có thư mục này" in done.err
