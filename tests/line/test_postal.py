"""Results by post through the real program and the simulated carriers: one parcel for each request, followed to the door."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from mappings.dates import local_date
from tests.line.posting import CITIZEN, NAME, PHONE, STREET, Office, opened_office
from tests.line.program import until
from tests.line.test_payments import REASON

_DAYS = 40 * 86_400


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Office]:
    """The gateway with the simulated carriers."""
    with opened_office(tmp_path_factory.mktemp("office"), program_environment) as running:
        yield running


def test_a_result_goes_by_post_and_the_resolution_system_hears_that_it_arrived(office: Office) -> None:
    """Ordered once, followed by the feed, delivered; the proposal names codes, times and the fee, and nobody."""
    asked = office.asked()
    shipment_id, number = asked["shipment_id"], asked["order_number"]
    office.becomes(shipment_id, order="placed")
    office.turn(_DAYS)
    view = office.becomes(shipment_id, state="delivered")
    (parcel,) = office.parcels(number)
    told = [one["happening"] for one in parcel["history"] if one["happening"] != "created"]
    view = until(lambda: _told(office, shipment_id, len(told)), "all scans are there")
    assert [scan["means"] for scan in view["history"]] == told
    assert (view["cod"]["due"], view["cod"]["collected"]) == (150_000, 150_000)
    proposed = until(lambda: _proposed(office, asked["dossier_code"]), "the arrival is proposed")
    assert proposed["proposal"] == "shipment_delivered"
    assert proposed["fields"]["order_number"] == number and NAME not in str(proposed)
    taken = until(
        lambda: office.line.sent(asked["dossier_code"], "registration", "acknowledged")[1:], "it is taken over"
    )
    assert taken[0]["version"] == 2, "the snapshot that names the parcel is one that the gateway takes"


def test_an_address_written_before_the_merger_is_understood_and_sent_where_it_always_was(office: Office) -> None:
    """24 was Bắc Giang, which the post knows as 23; the bare code may be Bắc Ninh as well, and a new address says neither."""
    then = office.line.get("/v1/addresses/check?province=24&on=2024-05-01")
    assert (then.status, then.tree["standing"], then.tree["now"]["name"]) == (200, "valid", "Bắc Ninh")
    assert {one["province"] for one in then.tree["carriers"]} == {"23"}
    bare = office.line.get("/v1/addresses/check?province=24")
    assert (bare.tree["standing"], len(bare.tree["readings"])) == ("ambiguous", 2)
    wrong = office.line.get("/v1/addresses/check?province=24&text=nha")
    assert (wrong.status, wrong.tree["code"]) == (422, "address_invalid")
    old = {**CITIZEN, "place": {"list_version": "GSO-2024", "province": "24", "text": "Số 1, xã Ví Dụ, tỉnh Bắc Giang"}}
    assert office.asked(citizen=old)["address_warnings"] == []
    new = {
        **CITIZEN,
        "place": {"list_version": "GSO-2025-07", "province": "24", "text": "Số 1, xã Ví Dụ, tỉnh Bắc Ninh"},
    }
    assert office.asked(citizen=new)["address_warnings"] == ["receiver_province_guessed"]


def test_a_carrier_that_pushes_is_believed_by_its_signature_only(office: Office) -> None:
    """A notice that a stranger signed changes nothing; the genuine ones bring the parcel to the door."""
    asked = office.asked(carrier="donhang")
    shipment_id = asked["shipment_id"]
    office.becomes(shipment_id, order="placed")
    office.order("PUT", "lies", {"orders": [{"lie": "strangers_key", "times": 1, "provider": "m1"}]})
    office.turn(_DAYS)
    view = office.becomes(shipment_id, state="delivered")
    assert {scan["source"] for scan in view["history"]} >= {"webhook"}
    refused = until(lambda: _answered(office, 401), "the forgery is answered")
    assert len(refused) == 1


def test_forged_and_recorded_notices_move_nothing_and_strangers_parcels_are_quarantined(office: Office) -> None:
    """Each is refused in its own way over the edge; the same bytes are acknowledged; what is not ours is 200 and an alarm."""
    asked = office.asked(carrier="donhang")
    shipment_id, number = asked["shipment_id"], asked["order_number"]
    office.becomes(shipment_id, order="placed")
    genuine = until(lambda: _notices(office, number), "the carrier has told of it")
    before = until(lambda: _told(office, shipment_id, 1), "the notice is in the history")
    for lie, status in {"changed_data": 401, "no_signature": 400, "huge": 413, "old_date": 409}.items():
        office.order("POST", "notices", {"number": number, "lie": lie})
        told = until(partial(_tried, office, number, lie), f"{lie} is answered")
        assert told[0]["status"] == status, lie
    again = {"serial": genuine[-1]["serial"], "times": 2, "wait": True}
    told = office.order("POST", "notices/again", again)["notices"]
    assert [one["attempts"][-1]["status"] for one in told] == [200, 200]
    office.order("POST", "strays", {"house": "m1", "number": "G99.99-261120-0001-T", "happening": "delivered"})
    until(lambda: _notices(office, "G99.99-261120-0001-T"), "the stray is acknowledged")
    assert "postal.stray" in office.line.program.log("gateway")
    assert office.view(shipment_id) == before


def test_a_lost_answer_of_a_carrier_that_can_be_asked_doubles_nothing(office: Office) -> None:
    """It took the order and the line broke: the question finds it, and nobody is asked."""
    office.breaks("m1.order", "drop_after_commit")
    asked = office.asked(carrier="donhang")
    view = office.becomes(asked["shipment_id"], order="placed")
    assert len(office.parcels(view["order_number"])) == 1


def test_a_lost_answer_of_a_carrier_that_cannot_be_asked_waits_for_people(office: Office) -> None:
    """Three rounds of the feed are silent; two operators say that it was never placed; then the same number goes out."""
    operators(office)
    office.breaks("h2.order", "drop_before_commit")
    asked = office.asked()
    shipment_id, code = asked["shipment_id"], asked["dossier_code"]
    lane = until(lambda: _held(office, code), "the order is held")
    assert office.view(shipment_id)["order"] == "in_doubt" and office.parcels(asked["order_number"]) == [], lane
    words = (
        "decide",
        "postal",
        "state",
        shipment_id,
        "--set",
        "state=not_placed",
        "--set",
        "evidence=dien-thoai-22-11",
    )
    proposed = office.line.command(*words, *REASON, "--as", "binh", "--json")
    assert proposed.code == 1, proposed
    approve = ("decisions", "approve", proposed.tree["proposal"], *REASON, "--json", "--as", "chi")
    assert office.line.command(*approve).code == 0
    released = office.line.command("release", "--dossier", code, "--upstream", "postal", *REASON, "--as", "binh")
    assert released.code == 0, released
    office.becomes(shipment_id, order="placed")
    assert len(office.parcels(asked["order_number"])) == 1


def test_a_parcel_is_taken_back_before_pickup_and_not_after(office: Office) -> None:
    """The caller reads the carrier's word in the answer; once it is under way, where the parcel is."""
    first, second = office.asked(), office.asked()
    for asked in (first, second):
        office.becomes(asked["shipment_id"], order="placed")
    wish = {"request_id": "huy-1", "reason": "nhận trực tiếp"}
    taken = office.call("POST", f"/{first['shipment_id']}/cancel", wish)
    assert (taken.status, taken.tree["cancel"]["outcome"], taken.tree["state"]) == (200, "cancelled", "cancelled")
    office.turn(_DAYS)
    office.becomes(second["shipment_id"], state="delivered")
    late = office.call("POST", f"/{second['shipment_id']}/cancel", wish)
    assert (late.status, late.tree["code"]) == (409, "shipment_too_late") and "Đã phát" in late.tree["detail"]


def test_a_fee_counts_as_paid_once_a_statement_of_the_carrier_has_paid_it_over(office: Office) -> None:
    """Collected is not paid: the statement is, and the resolution system hears of it with the sum and the fee."""
    office.order("PUT", "scripts", {"default": {"cod": "unpaid"}})
    asked = office.asked()
    office.becomes(asked["shipment_id"], order="placed")  # only now the carrier has chosen what the parcel meets
    office.order("PUT", "scripts", {"default": {}})
    office.turn(_DAYS)
    assert office.becomes(asked["shipment_id"], state="delivered")["cod"]["state"] == "collected"
    day = f"{local_date(datetime.now(UTC)):%Y%m%d}"
    rows = f"H,1,vnpost,SIMBUUDIEN,{day},,VND\nD,1,PAY,{asked['order_number']},,150000,,,,,\nT,1,150000,0,0,0,0\n"
    body = {
        "request_id": "bk-1",
        "name": f"cod_vnpost_SIMBUUDIEN_{day}_1.csv",
        "sha256": hashlib.sha256(rows.encode()).hexdigest(),
        "content": rows,
    }
    sent = office.call("POST", "/cod/statements", body)
    assert (sent.status, sent.tree["state"], sent.tree["rows"]) == (202, "received", 1)
    proposed = until(lambda: _proposed(office, asked["dossier_code"], "shipment_cod_remitted"), "the fee")
    cod = proposed["fields"]["cod"]
    assert (cod["state"], cod["amount"], cod["lines"][0]["fee_id"]) == ("remitted", 150_000, "PTD01")
    report = office.call("GET", f"/cod/vnpost/{day}?table=summary")
    assert report.status == 200 and [row["outcome"] for row in report.tree["summary"]] == ["Khớp", "Cộng"]


def test_an_operator_who_mistyped_was_told_that_no_gateway_runs(office: Office) -> None:
    """A parcel, or a state, that there is not is a refusal with its reason (2), not an unreachable gateway (69)."""
    nothing = office.line.command("shipments", "khong-co", "--json")
    assert (nothing.code, nothing.tree["code"]) == (2, "view_filter") and "khong-co" in nothing.tree["message_vi"]
    state = office.line.command("shipments", "--state", "tra-lai")
    assert state.code == 2 and "returning" in state.err


def test_a_gateway_that_is_killed_while_it_follows_goes_on_without_gap_or_repeat(office: Office) -> None:
    """What the feed said while nobody listened is read afterwards, each scan once."""
    asked = office.asked()
    office.becomes(asked["shipment_id"], order="placed")
    office.line.program.stop("gateway", 9)
    office.turn(_DAYS)
    office.start()
    office.becomes(asked["shipment_id"], state="delivered")
    (parcel,) = office.parcels(asked["order_number"])
    told = [one["happening"] for one in parcel["history"] if one["happening"] != "created"]
    view = until(lambda: _told(office, asked["shipment_id"], len(told)), "all scans are there")
    assert [scan["means"] for scan in view["history"]] == told


def test_no_answer_and_no_log_names_who_gets_a_parcel(office: Office) -> None:
    """The view holds nothing of the person, nor does anything that the program printed."""
    asked = office.asked()
    shown = str(office.view(asked["shipment_id"]))
    log = office.line.program.log("gateway")
    for planted in (NAME, PHONE, STREET):
        assert planted not in shown and planted not in log
    for secret in ("simulator-consumer", "simulator-password"):
        assert secret not in log


def operators(office: Office) -> None:
    """The first operator of the installation, and two who may decide."""
    add = ("operators", "add", "--config", office.line.config)
    first = office.line.program.run(*add, "an", "--new-key", "--person", "CB-001", "--role", "admin", *REASON)
    assert first.code == 0, first
    for name, person in (("binh", "CB-002"), ("chi", "CB-003")):
        words = (name, "--new-key", "--person", person, "--role", "supervisor", "--as", "an", *REASON)
        done = office.line.program.run(*add, *words)
        assert done.code in (0, 1), done


def _answered(office: Office, status: int) -> list[Any]:
    """The notices that were first answered so."""
    notices = office.order("GET", "notices")["notices"]
    return [one for one in notices if one["attempts"] and one["attempts"][0]["status"] == status]


def _told(office: Office, shipment_id: str, count: int) -> Any:
    view = office.view(shipment_id)
    return view if len(view["history"]) == count else None


def _proposed(office: Office, code: str, proposal: str = "shipment_") -> Any:
    """The proposal about a parcel that the resolution system was pushed."""
    events = [push.get("event", push) for push in office.line.pushes(code)]
    return next((one for one in events if str(one.get("proposal", "")).startswith(proposal)), None)


def _held(office: Office, code: str) -> Any:
    lanes = office.line.view(code)["lanes"]
    return next((lane for lane in lanes if (lane["upstream"], lane["state"]) == ("postal", "HELD")), None)


def _notices(office: Office, number: str) -> Any:
    """The genuine notices about an order that were acknowledged."""
    sent = [one for one in office.order("GET", "notices")["notices"] if one["number"] == number and not one["lie"]]
    return [one for one in sent if one["state"] == "settled"]


def _tried(office: Office, number: str, lie: str) -> Any:
    """The tries of the last lie of that kind about an order."""
    sent = [one for one in office.order("GET", "notices")["notices"] if (one["number"], one["lie"]) == (number, lie)]
    return sent[-1]["attempts"] if sent else None
