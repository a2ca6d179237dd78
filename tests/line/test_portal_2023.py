"""The real program speaks mapi-2023 through an LGSP: what is complete arrives, what lacks a field is held and says which."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from connectors.resolution.client import ed25519_signer
from tests.conforming import Documented
from tests.line import program
from tests.line.program import Answer, ask, until
from tests.line.running import Line, lay
from tests.line.words import NUMBER, SECTOR, event, own

pytestmark = pytest.mark.xdist_group("line-portal-2023")

_CARRIER = """
[upstreams.national_dvc.settings.carrier]
kind = "lgsp"
token_url = "{base}/token"
client_id = "file:keys/lgsp.id"
client_secret = "file:keys/lgsp.secret"
credentials = "form"
"""
_SIMULATED = """
profile = "mapi-2023"
[lgsp]
client_id = "khach-lgsp"
client_secret = "bi-mat-lgsp"
credentials = "form"
token_ttl_s = 61
wrap = "rotating"
[[procedures]]
code = "1.999001"
name = "Cấp giấy phép kinh doanh dịch vụ lữ hành quốc tế"
field_code = "G16-LH01"
field_name = "Lữ hành"
[[procedures]]
code = "1.999002"
name = "Một tên khác hẳn"
"""


@pytest.fixture(scope="module")
def lgsp(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Line]:
    """A line whose portal demands what 2023 demands and answers through an LGSP only."""
    folder = tmp_path_factory.mktemp("lgsp")
    line = lay(folder, program_environment)
    text = line.config.read_text(encoding="utf-8")
    begin = text.index("[upstreams.national_dvc.settings.carrier]")
    end = text.index("\n[", begin)
    text = text[:begin] + _CARRIER.format(base=line.url("national_dvc")) + text[end:]
    text = text.replace('madonvi = "000.00.00.G16"', 'madonvi = "000.00.00.G16"\nprofile = "mapi-2023"')
    line.config.write_text(text, encoding="utf-8")
    (folder / "keys/lgsp.id").write_text("khach-lgsp\n")
    (folder / "keys/lgsp.secret").write_text("bi-mat-lgsp\n")
    options = folder / "simulators/national_dvc.toml"
    options.write_text(options.read_text(encoding="utf-8") + _SIMULATED, encoding="utf-8")
    try:
        yield line.start()
    finally:
        line.program.close()


@pytest.fixture(autouse=True)
def described(lgsp: Line) -> Iterator[None]:
    """As everywhere on the line, but by what this very gateway publishes: it names what the portal's connector brings."""
    published = Documented(lgsp.get("/openapi.json").tree)
    faults: list[str] = []

    def look(method: str, url: str, answer: Answer) -> None:
        parts = urlsplit(url)
        if url.startswith(f"{lgsp.url()}/"):
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            faults.extend(published.faults(method, target, answer.status, answer.headers, answer.body))

    program.OBSERVERS.append(look)
    yield
    program.OBSERVERS.remove(look)
    assert faults == []


def test_a_dossier_travels_from_its_sector_to_the_portal_with_the_fields_of_2023(lgsp: Line) -> None:
    """Pushed, pushed back, mapped from the registered facts, through the LGSP; the portal holds what they say."""
    code = lgsp.new_dossier(
        fees=[{"id": "PHI-1", "name": "Phí thẩm định", "amount": 500_000}],
        payments=[{"id": "TT-1", "method": "portal", "state": "paid", "amount": 500_000, "fee_ids": ["PHI-1"]}],
    )
    assert lgsp.push(event(SECTOR, code, 1, "received")).status == 202
    lgsp.portal_has(code, ["2"])
    lgsp.order("national_dvc", "POST", "lgsp/expire")
    lgsp.order("national_dvc", "POST", "sessions/expire")
    assert lgsp.push(event(SECTOR, code, 2, "processing")).status == 202
    held = lgsp.portal_has(code, ["2", "4"])
    said = {name: held["fields"][name] for name in ("DuocThanhToanTrucTuyen", "SoGiayToChuHoSo", "NgayNopHoSo")}
    assert said == {
        "DuocThanhToanTrucTuyen": "1",
        "SoGiayToChuHoSo": NUMBER,
        "NgayNopHoSo": "20261120080000",
    }
    assert held["fields"]["DinhDanhCHS"] == [{"LoaiDinhDanh": "1", "SoDinhDanh": NUMBER}]
    seen = lgsp.order("national_dvc", "GET", "lgsp")
    assert seen["issued"] >= 2 and seen["let_through"] >= 4 and seen["refused_clients"] == 0

    def all_by_lgsp() -> bool:
        calls = lgsp.order("national_dvc", "GET", "calls")["calls"]
        services = [call for call in calls if call["operation"] not in ("token", "lgsp_turned_away")]
        return len(services) == int(lgsp.order("national_dvc", "GET", "lgsp")["let_through"])

    assert until(all_by_lgsp, "nothing went around the LGSP")


def test_a_payment_that_is_proposed_reaches_the_portal_by_the_event_that_the_resolution_system_pushes_back(
    lgsp: Line,
) -> None:
    """Fees, then who paid them: the dossier moves by its own system's word only, and the portal counts it (indicator 3.6)."""
    fees = [{"id": "PHI-1", "name": "Phí thẩm định", "amount": 450_000, "kind": "charge", "code": "PTD01"}]
    code = lgsp.new_dossier(fees=fees)
    lgsp.own_events(own(code, "received"))
    assert lgsp.portal_has(code, ["2"])["fields"]["DuocThanhToanTrucTuyen"] == "3"
    paid = {
        "payment_id": "4q7k2m9p0a1bc",
        "method": "bank",
        "amount": 450_000,
        "fee_ids": ["PHI-1"],
        "provider_txn": "14000001",
        "completed_at": "2026-11-20T08:00:00+07:00",
    }
    assert _proposed(lgsp, code, "payment_received", paid).status == 200
    held = lgsp.portal_has(code, ["2", "4"])
    assert held["fields"]["DuocThanhToanTrucTuyen"] == "2"
    assert [(fee["MaPhiLePhi"], fee["Gia"]) for fee in held["fields"]["DanhSachLePhi"]] == [("PTD01", "450000")]
    refund = {"payment_id": "4q7k2m9p0a1bc", "amount": 450_000, "whole": True}
    assert _proposed(lgsp, code, "payment_refunded", refund).status == 200
    assert lgsp.portal_has(code, ["2", "4", "4"])["fields"]["DuocThanhToanTrucTuyen"] == "3"


def test_a_result_that_the_post_delivered_is_told_to_the_portal_as_returned(lgsp: Line) -> None:
    """Filed and given back by post; returned when it was delivered, paid by the postman when his house paid it over."""
    fees = [{"id": "PHI-1", "name": "Lệ phí cấp", "amount": 150_000, "kind": "fee", "code": "LPC01"}]
    code = lgsp.new_dossier(origin="post", delivery={"result_method": "post"}, fees=fees)
    for state in ("received", "resolved"):
        lgsp.own_events(own(code, state))
    said = lgsp.portal_has(code, ["2", "9"])["fields"]
    assert (said["KenhThucHien"], said["HinhThuc"], said["NgayTra"]) == ("3", "1", "")
    delivered = {
        "shipment_id": "v7k2m9p0a1bcd",
        "direction": "deliver",
        "order_number": f"{code}-T",
        "item_code": "RA473124829VN",
        "state": "delivered",
        "occurred_at": "2026-11-21T11:40:00+07:00",
        "cod": {
            "state": "collected",
            "amount": 150_000,
            "collected_at": "2026-11-21T11:41:00+07:00",
            "lines": [{"fee_id": "PHI-1", "name": "Lệ phí cấp", "amount": 150_000}],
        },
    }
    assert _proposed(lgsp, code, "shipment_delivered", delivered).status == 200
    given = lgsp.portal_has(code, ["2", "9", "10"])["fields"]
    assert (given["TrangThaiHoSo"], given["NgayTra"], given["HinhThuc"]) == ("10", "20261121114000", "1")
    remitted = delivered | {"cod": {**delivered["cod"], "state": "remitted"}}  # type: ignore[dict-item]
    assert _proposed(lgsp, code, "shipment_cod_remitted", remitted).status == 200
    until(lambda: lgsp.portal(code)["counts"]["rows"] == 4, "the portal has the row about the money")
    assert lgsp.portal(code)["progress"][-1]["row"]["NoiDungXuLy"] == "Ghi nhận đã nộp phí, lệ phí"
    held = lgsp.order("resolution", "GET", f"dossiers?code={code}")["dossiers"][0]
    assert {one["outcome"] for one in held["sent"]} == {"acknowledged"}
    assert [one["version"] for one in held["sent"] if one["kind"] == "registration"] == [1, 2, 3]


def test_a_dossier_that_lacks_mandatory_fields_is_held_with_each_of_them_named(lgsp: Line) -> None:
    """Held before anything is sent; the operator reads in Vietnamese what is missing."""
    applicant = {"kind": "business", "name": "Công ty Mẫu", "id": {"type": "none"}}
    times = {"received_at": "2026-11-20T08:30:00+07:00", "due_at": "2026-12-01T09:00:00+07:00"}
    code = lgsp.new_dossier(applicant=applicant, times=times)
    assert lgsp.push(event(SECTOR, code, 1, "received")).status == 202

    def is_held() -> Any:
        lanes = [lane for lane in lgsp.view(code)["lanes"] if lane["upstream"] == "national_dvc"]
        return lanes if lanes and lanes[0]["state"] == "HELD" else None

    until(is_held, f"{code} is held")
    shown = lgsp.command("lanes", "--json").out
    for missing in ("SoGiayToChuHoSo", "DinhDanhCHS", "thiếu ngày nộp hồ sơ"):
        assert missing in shown
    assert lgsp.portal(code) is None


def test_the_portals_catalogue_is_followed_and_what_concerns_us_is_said(lgsp: Line) -> None:
    """Looked at by itself, kept over a restart; procedures of ours that are gone or renamed there are named, raw rows shown."""

    def seen() -> Any:
        answer = lgsp.get("/v1/catalogues/national_dvc/LayDanhSachTTHC")
        return answer.tree if answer.status == 200 else None

    tree = until(seen, "the catalogue was seen")
    assert tree["rows"]["1.999001"]["raw"]["MATTHC"] == "1.999001"
    assert "1.999001" not in tree["troubles"]
    assert tree["troubles"]["1.999002"] == "renamed:Một tên khác hẳn"
    assert tree["troubles"]["1.999003"] == "gone"
    agencies = until(lambda: _rows(lgsp, "LayDanhMucCoQuan"), "the agencies were seen")
    assert agencies["000.00.00.G16"]["name"] == "Bộ Văn hóa, Thể thao và Du lịch"
    assert lgsp.get("/v1/catalogues/national_dvc/LayDanhMucGioiTinh").status == 404
    lgsp.program.stop("gateway")
    lgsp.start("gateway")
    again = lgsp.get("/v1/catalogues/national_dvc/LayDanhSachTTHC")
    assert (again.status, again.tree) == (200, tree)


def _proposed(line: Line, code: str, proposal: str, fields: dict[str, Any]) -> Answer:
    """A push of the gateway, signed with its key, as a ledger's proposal makes one."""
    body = msgspec.json.encode({"data": {"dossier_code": code, "proposal": proposal, "fields": fields}})
    signer = ed25519_signer((line.folder / "keys/webhook.pem").read_text(encoding="ascii"))
    stamps = signer.headers(f"{code}/{proposal}", int(time.time()), body)
    return ask("POST", f"{line.url('resolution')}/webhooks/gateway", body, stamps)


def _rows(line: Line, service: str) -> Any:
    answer = line.get(f"/v1/catalogues/national_dvc/{service}")
    return answer.tree["rows"] if answer.status == 200 else None
