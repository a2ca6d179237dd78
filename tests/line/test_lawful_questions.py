"""Lawful questions through the real program: asked over SOAP, cut, audited; proofs go to the portal, differences are proposed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.line.program import Answer, until
from tests.line.signing_on import CITIZEN, QUESTIONS, Browser, Portal, opened_portal
from tests.line.words import RESOLUTION, SECTOR, dossier, event

pytestmark = pytest.mark.xdist_group("line-questions")

NAME, BIRTH = "Nguyễn Văn Thử", "1990-02-28"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Portal]:
    """The gateway with everything around it: identity providers and population database, portal, resolution system."""
    folder = tmp_path_factory.mktemp("office")
    environment = {**program_environment, "GATEWAY__UPSTREAMS__VNEID__RATE_PER_S": "50"}
    with opened_portal(folder, environment, QUESTIONS) as portal:
        portal.line.start("national_dvc", "resolution")
        yield portal


def snapshot(code: str, version: int = 1, **applicant: Any) -> dict[str, Any]:
    """A dossier of the invented citizen that came online."""
    person = {
        "kind": "citizen",
        "name": NAME,
        "id": {"type": "cccd", "number": CITIZEN, "verified": True, "verified_by": "tự khai"},
        "date_of_birth": BIRTH,
        "portal_account_id": "tu-khai",
    }
    return dossier(code, version=version, applicant=person | applicant)


def proven(code: str, proof: str, version: int = 1) -> dict[str, Any]:
    """The same, naming a proof."""
    return snapshot(code, version, id={"type": "cccd", "number": CITIZEN, "proof": proof}, portal_account_id=None)


def post(office: Portal, path: str, tree: dict[str, Any]) -> Answer:
    """A signed question or check of the resolution system."""
    who = {"purpose": "Đối chiếu khi tiếp nhận", "officer": "CB-000001", "unit": "000.00.01.G16"}
    body = msgspec.json.encode({**who, "officer_account": "canbo.thu", **tree})
    return office.line.call(RESOLUTION, "POST", path, body)


def question(code: str, request_id: str, **changes: Any) -> dict[str, Any]:
    """A lawful question about the citizen."""
    subject = {"full_name": NAME, "birth": BIRTH, "personal_id": CITIZEN}
    base = {"request_id": request_id, "operation": "look_up", "dossier_code": code, "subject": subject}
    return base | changes


def test_a_citizen_who_signed_on_is_told_to_the_portal_as_verified(office: Portal) -> None:
    """Sign-on, proof in the dossier, check at reception, then the portal's own fields: all from what was verified."""
    begun, back = office.come_back(Browser(), "vneid")
    assert office.redeem(back).status == 200
    code = office.line.new_code()
    told = office.line.put(proven(code, begun["sign_on_id"]))
    assert (told.status, "warnings" in told.tree) == (201, False)
    checked = post(office, f"/v1/dossiers/{code}/identity-checks", {})
    assert (checked.status, checked.tree["status"]) == (200, "agrees"), checked
    for number, state in enumerate(("received", "processing"), start=1):
        assert office.line.push(event(RESOLUTION, code, number, state)).status == 202
    held = office.line.portal_has(code, ["2", "4"])["fields"]
    assert held["TaiKhoanDuocXacThucVoiVNeID"] == "1"
    assert held["DinhDanhCHS"] == [{"LoaiDinhDanh": "1", "SoDinhDanh": CITIZEN}]
    assert held["MaDoiTuong"] == "tech-thu"


def test_what_nobody_verified_is_not_said_outside(office: Portal) -> None:
    """A claim without a proof is answered with a warning, and the portal hears none of it."""
    code = office.line.new_code()
    told = office.line.put(snapshot(code))
    assert told.status == 201
    assert {one["code"] for one in told.tree["warnings"]} == {
        "danh_tinh_chua_chung_thuc", "tai_khoan_chua_chung_thuc",
    }  # fmt: skip
    assert office.line.push(event(RESOLUTION, code, 1, "received")).status == 202
    held = office.line.portal_has(code, ["2"])["fields"]
    assert (held["TaiKhoanDuocXacThucVoiVNeID"], held["DinhDanhCHS"], held["MaDoiTuong"]) == ("0", [], None)


def test_a_stolen_or_foreign_proof_registers_nothing(office: Portal) -> None:
    """Another person's sign-on does not prove this number, and a check of another dossier proves nothing here."""
    begun, back = office.come_back(Browser(), "cdvcqg")
    assert office.redeem(back).status == 200
    code, other = office.line.new_code(), office.line.new_code()
    wrong = proven(code, begun["sign_on_id"])
    wrong["applicant"]["id"]["number"] = "001192000000"
    refused = office.line.put(wrong)
    assert (refused.status, refused.tree["errors"][0]["code"]) == (422, "chung_thuc_khac_so")
    assert office.line.put(snapshot(other)).status == 201
    check = post(office, f"/v1/dossiers/{other}/identity-checks", {}).tree
    refused = office.line.put(proven(code, check["proof"]))
    assert (refused.status, refused.tree["errors"][0]["code"]) == (422, "chung_thuc_khong_co")
    assert office.line.put(proven(other, check["proof"], version=2)).status == 200


def test_a_wrong_birth_date_is_named_and_proposed_to_the_resolution_system(office: Portal) -> None:
    """The check asks over SOAP, names the day, and the resolution system gets it pushed with both values, once."""
    code = office.line.new_code()
    assert office.line.put(snapshot(code, date_of_birth="1990-02-27")).status == 201
    told = post(office, f"/v1/dossiers/{code}/identity-checks", {}).tree
    assert (told["status"], told["proposed"], told["proof"]) == ("differs", True, None)
    (difference,) = told["differences"]
    assert (difference["pointer"], difference["registered"]) == ("/applicant/date_of_birth", BIRTH)
    assert "27/02/1990" in difference["message_vi"] and "28/02/1990" in difference["message_vi"]
    pushed: Any = until(lambda: office.line.pushes(code), "the difference is pushed")
    body = msgspec.json.decode(msgspec.json.encode(pushed[0]))
    assert "identity_difference" in str(body) and BIRTH in str(body)
    assert post(office, f"/v1/dossiers/{code}/identity-checks", {}).tree["proposed"] is False


def test_a_question_carries_who_and_why_and_brings_back_the_least(office: Portal) -> None:
    """MaYeuCau, MaDVC, MaCanBo, MaDonVi reach the register; of its whole record four fields come back."""
    code = office.line.new_code()
    assert office.line.put(snapshot(code)).status == 201
    told = post(office, "/v1/identity/questions", question(code, f"cau-hoi-{code[-4:]}"))
    assert (told.status, set(told.tree["fields"])) == (200, {"personal_id", "full_name", "birth"})
    asked = office.order("GET", "questions")["questions"][-1]
    assert (asked["MaYeuCau"], asked["MaCanBo"], asked["MaTichHop"]) == (f"cau-hoi-{code[-4:]}", "canbo.thu", "037")
    assert (asked["MaDVC"], asked["MaDonVi"], asked["outcome"]) == ("1.999001", "000.00.01.G16", "found")
    for system, changes, code_of in (
        (SECTOR, {}, "question_not_allowed"),
        (RESOLUTION, {"subject": {"full_name": "Trần Thị Thử", "birth": "1992", "personal_id": "001192000000"}},
         "question_not_allowed"),
    ):  # fmt: skip
        body = {"purpose": "Tò mò xem thử", "officer": "CB-000001", "unit": "000.00.01.G16"}
        tree = {**body, **question(code, "cau-hoi-to-mo", **changes)}
        refused = office.line.call(system, "POST", "/v1/identity/questions", msgspec.json.encode(tree))
        assert (refused.status, refused.tree["code"]) == (403, code_of)


def test_a_register_in_trouble_is_told_as_such(office: Portal) -> None:
    """Cut off, broken, busy, talking nonsense: the caller may ask again, and nothing of it looks like an answer."""
    code = office.line.new_code()
    assert office.line.put(snapshot(code)).status == 201
    for number, fault in enumerate(("drop_before_commit", "http_500", "busy_429", "garbage")):
        office.order("PUT", "faults", {"script": [{"fault": fault, "times": 1}]})
        told = post(office, "/v1/identity/questions", question(code, f"truc-trac-{number}"))
        assert (told.status, told.tree["code"]) == (503, "register_unavailable"), fault
        assert int(told.headers["retry-after"]) >= 1
        assert office.order("GET", "calls")["calls"][-1]["fault"] == fault
    told = post(office, "/v1/identity/questions", question(code, "truc-trac-het", operation="verify"))
    assert (told.status, told.tree["found"]) == (200, True)


def test_a_kill_at_any_step_proposes_once_and_loses_no_proof_of_what_was_asked(office: Portal) -> None:
    """SIGKILL between two steps: the same check comes to the same end, one proposal travels, and every row is where it was."""
    code = office.line.new_code()
    assert office.line.put(snapshot(code, date_of_birth="1990-02-27")).status == 201
    points = ("question.asked", "question.answered", "check.kept")
    office.line.program.stop("gateway")
    for point in points:
        office.start(GATEWAY_CRASH_AT=point)
        with pytest.raises(OSError):
            post(office, f"/v1/dossiers/{code}/identity-checks", {})
        assert office.line.program.ended("gateway") == -signal.SIGKILL, point
    office.start()
    told = post(office, f"/v1/dossiers/{code}/identity-checks", {}).tree
    assert (told["status"], told["proposed"]) == ("differs", False)
    until(lambda: office.line.pushes(code), "the difference is pushed")
    assert len(office.line.pushes(code)) == 1
    checked = office.line.command("evidence", "check", "--json")
    assert checked.code == 0, checked.out
