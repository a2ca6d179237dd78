"""Handover lists: drawn up of parcels that can be handed over, printed, signed, countersigned once, and the parcels know it."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kit.contract import Sender
from connectors.kit.ledgers import RaiseAlarm, TellFeed
from connectors.kit.papers import Paper, PaperRefused, SignedPaper
from connectors.postal.handover import (
    Countersign,
    Countersigned,
    HandoverChange,
    HandoverLine,
    HandoverMade,
    Handovers,
    LineSigned,
    LineStatus,
    NoSuchHandover,
    Officer,
)
from connectors.postal.model import Direction, ShipmentState
from tests.connectors.postal.desk import CALLER, CITIZEN, Desk, opened_desk
from tests.papers import codes_of, pages_of, words_of

OTHER = Sender("KHAC", "resolution", ("*",))
AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


@dataclass
class Stamp:
    """A signer for tests of what surrounds it: it appends a line, keeps papers, and can be told to refuse."""

    papers: dict[str, SignedPaper] = field(default_factory=dict)
    asked: list[Paper] = field(default_factory=list)
    refuse: PaperRefused | None = None

    async def kept(self, paper_id: str) -> SignedPaper | None:
        """The paper, if it was signed."""
        return self.papers.get(paper_id)

    async def sign(self, paper: Paper) -> SignedPaper:
        """The paper with a line behind it."""
        if self.refuse is not None:
            raise self.refuse
        self.asked.append(paper)
        content = paper.content + b"%signed\n"
        signed = SignedPaper(content, hashlib.sha256(content).hexdigest(), paper.key, AT)
        return self.papers.setdefault(paper.paper_id, signed)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A desk whose lists are signed by hand."""
    async with opened_desk() as found:
        yield found


async def parcels(desk: Desk, count: int = 2, **changes: object) -> list[str]:
    """Parcels of as many dossiers."""
    found = []
    for number in range(count):
        code = f"000.00.00.G16-261122-{number:04}"
        made = await desk.asked(request_id=f"thu-{number}", dossier_code=code, **changes)
        found.append(made["shipment_id"])
    return found


def handover(*shipment_ids: str, **changes: object) -> dict[str, Any]:
    """A request for a list."""
    lines = [{"shipment_id": one, "component_count": 2} for one in shipment_ids]
    return {
        "request_id": "bk-1",
        "direction": "deliver",
        "agency_code": "G00.10",
        "pos_code": "100000",
        "deliverer": {"name": "Trần Văn Mẫu", "staff_id": "cb-0012"},
        "lines": lines,
        **changes,
    }


def countersign(desk: Desk, statuses: dict[str, str], **changes: object) -> dict[str, Any]:
    """A request for its countersigning."""
    lines = [{"shipment_id": one, "status": status, "note": "rách bì"} for one, status in statuses.items()]
    return {
        "request_id": "ky-1",
        "receiver": {"name": "Lê Thị Mẫu", "staff_id": "bt-07"},
        "handed_at": desk.now().isoformat(),
        "lines": lines,
        **changes,
    }


async def made(desk: Desk, *shipment_ids: str, **changes: object) -> Any:
    """A list that was drawn up."""
    reply = await desk.ask("POST", "/v1/handovers", handover(*shipment_ids, **changes))
    assert reply.status == 201, reply.body.decode()
    return msgspec.json.decode(reply.body)


async def refused(desk: Desk, method: str, path: str, tree: object = None, sender: Sender = CALLER) -> Any:
    """The refusal of a call, which changes nothing."""
    before = len(desk.books.effects)
    reply = await desk.ask(method, path, tree, sender=sender)
    assert reply.status >= 400 and len(desk.books.effects) == before
    return msgspec.json.decode(reply.body)


async def test_a_list_is_drawn_up_and_the_same_request_gets_the_same_one(desk: Desk) -> None:
    """It says what is in it by codes; another body under its request is refused."""
    ids = await parcels(desk)
    first = await made(desk, *ids)
    assert (first["state"], first["total_lines"], first["total_components"]) == ("made", 2, 4)
    assert first["total_cod_amount"] == 300_000
    assert first["lines"][1]["order_number"] == "000.00.00.G16-261122-0001-T"
    assert CITIZEN["name"] not in str(first)
    assert await made(desk, *ids) == first
    told = await refused(desk, "POST", "/v1/handovers", handover(*ids, pos_code="700000"))
    assert told["code"] == "handover_request_reused"
    shown = await desk.ask("GET", f"/v1/handovers/{first['handover_id']}")
    assert msgspec.json.decode(shown.body) == first


async def test_what_both_sides_signed_moves_the_parcels(desk: Desk) -> None:
    """A parcel that arrived is collected; one that is missing has not moved, is flagged, and people hear of it."""
    good, lost = await parcels(desk)
    drawn = await made(desk, good, lost)
    path = f"/v1/handovers/{drawn['handover_id']}/countersign"
    request = countersign(desk, {good: "ok", lost: "missing"}, evidence_sha256="ab" * 32)
    reply = await desk.ask("POST", path, request)
    view = msgspec.json.decode(reply.body)
    assert (reply.status, view["state"], view["evidence_sha256"]) == (200, "countersigned", "ab" * 32)
    assert [line["line_status"] for line in view["lines"]] == ["ok", "missing"]
    assert (await desk.shipment(good)).state is ShipmentState.COLLECTED
    left = await desk.shipment(lost)
    assert left.state is ShipmentState.CREATED and "handover_missing" in left.flags
    effects = [effect for change, effect in desk.books.effects if change.ledger == "handovers"]
    assert [type(one) for one in effects] == [TellFeed, RaiseAlarm]
    again = await desk.ask("POST", path, request)
    assert again.body == reply.body
    assert (await desk.shipment(good)).handovers == ((drawn["handover_id"], "ok"),)


async def test_what_the_post_brings_has_arrived_when_it_was_signed_for(desk: Desk) -> None:
    """The other way: the postman gives, the clerk takes, and the collected dossier is there."""
    (one,) = await parcels(desk, 1, direction="collect", cod_lines=[])
    drawn = await made(desk, one, direction="collect")
    assert drawn["total_cod_amount"] == 0
    path = f"/v1/handovers/{drawn['handover_id']}/countersign"
    assert (await desk.ask("POST", path, countersign(desk, {one: "ok"}))).status == 200
    assert (await desk.shipment(one)).state is ShipmentState.DELIVERED


async def test_a_list_is_countersigned_once(desk: Desk) -> None:
    """Another one is refused and changes no parcel; of two that race the first counts, for the list and for its parcels."""
    (good,) = await parcels(desk, 1)
    drawn = await made(desk, good)
    path = f"/v1/handovers/{drawn['handover_id']}/countersign"
    racing = await desk.heard("POST", path, countersign(desk, {good: "damaged"}, request_id="ky-2"))
    assert (await desk.ask("POST", path, countersign(desk, {good: "ok"}))).status == 200
    assert desk.books.take(racing.inputs) == 0
    assert racing.then is not None
    assert msgspec.json.decode((await racing.then()).body)["code"] == "handover_countersigned"
    told = await refused(desk, "POST", path, countersign(desk, {good: "damaged"}, request_id="ky-3"))
    assert told["code"] == "handover_countersigned"
    assert (await desk.shipment(good)).handovers == ((drawn["handover_id"], "ok"),)


async def test_a_parcel_stands_in_one_open_list_at_a_time(desk: Desk) -> None:
    """Until its list is countersigned; one that was missing goes on the next list, one that arrived never again."""
    good, lost = await parcels(desk)
    first = await made(desk, good, lost)
    told = await refused(desk, "POST", "/v1/handovers", handover(lost, request_id="bk-2"))
    assert told["code"] == "handover_listed"
    assert first["batch_no"] in told["errors"][0]["message_vi"]
    path = f"/v1/handovers/{first['handover_id']}/countersign"
    assert (await desk.ask("POST", path, countersign(desk, {good: "ok", lost: "missing"}))).status == 200
    assert (await made(desk, lost, request_id="bk-2"))["total_lines"] == 1
    told = await refused(desk, "POST", "/v1/handovers", handover(good, request_id="bk-3"))
    assert "đã được bàn giao" in told["errors"][0]["message_vi"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"direction": "collect"}, "/lines/0/shipment_id"),
        ({"direction": "sideways"}, "/direction"),
        ({"lines": []}, "/lines"),
        ({"lines": [{"shipment_id": "khong", "component_count": 1}]}, "/lines/0/shipment_id"),
        ({"lines": [{"shipment_id": "0123456789abc", "component_count": 1}]}, "/lines/0/shipment_id"),
        ({"deliverer": {"name": " ", "staff_id": "cb"}}, "/deliverer/name"),
        ({"deliverer": {"name": "Trần Văn Mẫu", "staff_id": "c b"}}, "/deliverer/staff_id"),
        ({"agency_code": ""}, "/agency_code"),
        ({"request_id": "a b"}, "/request_id"),
    ],
)
async def test_a_list_that_cannot_be_meant_is_refused_by_its_place(
    desk: Desk, changes: dict[str, Any], pointer: str
) -> None:
    """The other direction, no parcel, one that is not there, nobody who gives."""
    (good,) = await parcels(desk, 1)
    told = await refused(desk, "POST", "/v1/handovers", handover(good, **changes))
    assert (told["code"], told["errors"][0]["pointer"]) == ("handover_invalid", pointer)


async def test_a_parcel_twice_on_one_list_or_more_than_allowed_is_refused() -> None:
    """A list is bounded by the settings, and each parcel is signed for once."""
    async with opened_desk(papers={"most_lines": 2}) as desk:
        ids = await parcels(desk, 3)
        told = await refused(desk, "POST", "/v1/handovers", handover(ids[0], ids[0]))
        assert told["errors"][0]["pointer"] == "/lines/1/shipment_id"
        told = await refused(desk, "POST", "/v1/handovers", handover(*ids))
        assert "Nhiều nhất 2" in told["errors"][0]["message_vi"]


async def test_a_cancelled_parcel_is_not_handed_over(desk: Desk) -> None:
    """It stays where it is, and has no label any more."""
    (one,) = await parcels(desk, 1)
    cancelled = {"request_id": "huy-1", "reason": "không cần nữa"}
    await desk.ask("POST", f"/v1/shipments/{one}/cancel", cancelled)
    assert (await desk.shipment(one)).state is ShipmentState.CANCELLED
    told = await refused(desk, "POST", "/v1/handovers", handover(one))
    assert "Đã hủy" in told["errors"][0]["message_vi"]
    assert (await refused(desk, "GET", f"/v1/shipments/{one}/label"))["code"] == "shipment_no_label"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"lines": []}, "/lines"),
        ({"handed_at": (AT + timedelta(days=3_000)).isoformat()}, "/handed_at"),
        ({"handed_at": "2026-11-22T08:30:00"}, "/handed_at"),
        ({"handed_at": (AT - timedelta(days=3_000)).isoformat()}, "/handed_at"),
        ({"handed_at": "0001-01-01T00:00:00+07:00"}, "/handed_at"),  # no moment at all in UTC: no table could show it
        ({"evidence_sha256": "AB"}, "/evidence_sha256"),
        ({"receiver": {"name": "", "staff_id": "bt"}}, "/receiver/name"),
    ],
)
async def test_a_countersigning_speaks_of_every_parcel_and_of_the_past(
    desk: Desk, changes: dict[str, Any], pointer: str
) -> None:
    """Nothing is forgotten, nobody signs for tomorrow."""
    (good,) = await parcels(desk, 1)
    drawn = await made(desk, good)
    path = f"/v1/handovers/{drawn['handover_id']}/countersign"
    told = await refused(desk, "POST", path, countersign(desk, {good: "ok"}, **changes))
    assert (told["code"], told["errors"][0]["pointer"]) == ("handover_invalid", pointer)


async def test_a_parcel_that_is_missing_needs_a_word(desk: Desk) -> None:
    """And one that is not on the list cannot be signed for."""
    good, other = await parcels(desk)
    drawn = await made(desk, good)
    path = f"/v1/handovers/{drawn['handover_id']}/countersign"
    silent = countersign(desk, {good: "missing"}) | {"lines": [{"shipment_id": good, "status": "missing"}]}
    assert (await refused(desk, "POST", path, silent))["errors"][0]["pointer"] == "/lines/0/note"
    strange = countersign(desk, {good: "ok", other: "ok"})
    assert (await refused(desk, "POST", path, strange))["errors"][0]["pointer"] == "/lines/1/shipment_id"


async def test_nobody_else_learns_that_a_list_or_a_parcel_is_there(desk: Desk) -> None:
    """Another system of the house gets the same answer as for what never was."""
    (good,) = await parcels(desk, 1)
    drawn = await made(desk, good)
    one = f"/v1/handovers/{drawn['handover_id']}"
    for method, path, tree in (
        ("GET", one, None),
        ("GET", f"{one}/sheet", None),
        ("GET", f"{one}/csv", None),
        ("POST", f"{one}/countersign", countersign(desk, {good: "ok"})),
    ):
        assert (await refused(desk, method, path, tree, OTHER))["code"] == "handover_not_found"
    assert (await refused(desk, "GET", f"/v1/shipments/{good}/label", sender=OTHER))["code"] == "shipment_not_found"
    assert (await refused(desk, "POST", "/v1/handovers", handover(good), OTHER))["code"] == "handover_invalid"


async def test_the_sheet_names_everybody_and_its_code_is_read_back(desk: Desk, tmp_path: Path) -> None:
    """Before and after it was countersigned; how it stood before can be printed afterwards too."""
    good, lost = await parcels(desk)
    drawn = await made(desk, good, lost)
    path = f"/v1/handovers/{drawn['handover_id']}"
    before = await desk.ask("GET", f"{path}/sheet")
    assert (before.status, before.content_type) == (200, "application/pdf")
    assert codes_of(before.body, tmp_path) == {("QR-Code", drawn["batch_no"])}
    told = words_of(before.body, tmp_path)
    for said in ("BẢNG KÊ BÀN GIAO", drawn["batch_no"], CITIZEN["name"], "Trần Văn Mẫu", "300.000", "được ký tay"):
        assert said in told, told
    assert "Ba trăm nghìn đồng" in told and "Nghị định 118/2025/NĐ-CP" in told and "Lê Thị Mẫu" not in told
    early = await refused(desk, "GET", f"{path}/sheet?stage=countersigned")
    assert early["code"] == "handover_not_countersigned"
    await desk.ask("POST", f"{path}/countersign", countersign(desk, {good: "ok", lost: "missing"}))
    after = words_of((await desk.ask("GET", f"{path}/sheet")).body, tmp_path)
    assert "Lê Thị Mẫu" in after and "Thiếu" in after and "rách bì" in after
    assert (await desk.ask("GET", f"{path}/sheet?stage=made")).body == before.body


async def test_a_long_list_goes_on_over_pages_and_loses_nothing(desk: Desk, tmp_path: Path) -> None:
    """Every line is there, the heading on every page, the sum and both signatures at the end."""
    ids = await parcels(desk, 40)
    drawn = await made(desk, *ids)
    content = (await desk.ask("GET", f"/v1/handovers/{drawn['handover_id']}/sheet")).body
    told = words_of(content, tmp_path)
    pages = pages_of(content, tmp_path)
    assert pages >= 2 and f"Trang {pages}/{pages}" in told
    assert told.count("Số đơn hàng") in (pages - 1, pages)  # the last page may hold nothing but the signatures
    assert all(f"000.00.00.G16-261122-{number:04}-T" in told for number in range(40))
    assert told.rindex("BÊN NHẬN") > told.rindex("Cộng")


async def test_the_table_neutralises_what_a_spreadsheet_would_run(desk: Desk) -> None:
    """A citizen may be called like a formula; it stays a name. Money stays a number."""
    citizen = {**CITIZEN, "name": "=HYPERLINK(1)"}
    (one,) = await parcels(desk, 1, citizen=citizen)
    drawn = await made(desk, one)
    reply = await desk.ask("GET", f"/v1/handovers/{drawn['handover_id']}/csv")
    assert reply.content_type.startswith("text/csv") and reply.body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(reply.body.decode("utf-8-sig"))))
    assert rows[0][4] == "Người nộp hồ sơ"
    assert (rows[1][4], rows[1][7]) == ("'=HYPERLINK(1)", "150000")
    assert rows[2][1] == "Cộng"


async def test_a_sheet_is_signed_once_for_each_stage(tmp_path: Path) -> None:
    """With the key of the settings, for the asking system, naming each procedure; afterwards it is what was signed."""
    signer = Stamp()
    async with opened_desk(signer=signer, papers={"signing_key": "mot-cua", "signing_profile": "P-PDF-T"}) as desk:
        assert desk.connector.signs() == (("mot-cua", "P-PDF-T"),)
        good, _ = await parcels(desk)
        drawn = await made(desk, good)
        path = f"/v1/handovers/{drawn['handover_id']}"
        first = await desk.ask("GET", f"{path}/sheet")
        assert first.body.endswith(b"%signed\n") and "được cổng kết nối ký số" in words_of(first.body, tmp_path)
        assert (await desk.ask("GET", f"{path}/sheet")).body == first.body
        await desk.ask("POST", f"{path}/countersign", countersign(desk, {good: "ok"}))
        assert (await desk.ask("GET", f"{path}/sheet")).body != first.body
        assert (await desk.ask("GET", f"{path}/sheet?stage=made")).body == first.body
        told = [(paper.paper_id.rpartition("/")[2], paper.system, paper.procedures) for paper in signer.asked]
        assert told == [("made", "GQHS", ("1.001234",)), ("countersigned", "GQHS", ("1.001234",))]
        assert CITIZEN["name"] not in "".join(paper.purpose for paper in signer.asked)


@pytest.mark.parametrize(
    ("later", "status", "code"), [(True, 503, "handover_signing_unavailable"), (False, 409, "handover_signing_refused")]
)
async def test_a_list_that_cannot_be_signed_is_not_given_out_unsigned(later: bool, status: int, code: str) -> None:
    """A configured key that refuses refuses the sheet; the table has no signature and is there."""
    signer = Stamp(refuse=PaperRefused("x", "Chứng thư số hết hạn.", later=later))
    async with opened_desk(signer=signer, papers={"signing_key": "mot-cua"}) as desk:
        (good,) = await parcels(desk, 1)
        drawn = await made(desk, good)
        path = f"/v1/handovers/{drawn['handover_id']}"
        told = await refused(desk, "GET", f"{path}/sheet")
        assert (told["status"], told["code"], told["detail"]) == (status, code, "Chứng thư số hết hạn.")
        assert (await desk.ask("GET", f"{path}/csv")).status == 200


async def test_a_label_is_printed_in_the_size_that_is_asked_for(desk: Desk, tmp_path: Path) -> None:
    """A6 unless the settings or the caller say otherwise; its name is made of codes."""
    (one,) = await parcels(desk, 1)
    reply = await desk.ask("GET", f"/v1/shipments/{one}/label?size=a5")
    assert (reply.status, reply.content_type) == (200, "application/pdf")
    assert reply.headers["Content-Disposition"] == 'attachment; filename="nhan-000.00.00.G16-261122-0000-T.pdf"'
    assert len(codes_of(reply.body, tmp_path)) == 2
    assert (await desk.ask("GET", f"/v1/shipments/{one}/label")).body != reply.body
    told = await refused(desk, "GET", f"/v1/shipments/{one}/label?size=a0")
    assert (told["code"], told["errors"][0]["pointer"]) == ("shipment_invalid", "/size")


def _drawn(lines: int) -> HandoverMade:
    return HandoverMade(
        at=AT, handover_id="h", batch_no="BG", asked_by="a", request_id="r", body_sha256="", direction=Direction.DELIVER,
        carrier="vnpost", agency_code="G", pos_code="", deliverer=Officer(name="Trần Văn Mẫu", staff_id="cb"),
        lines=tuple(_listed(shipment_id=f"p{number}") for number in range(lines)),
    )  # fmt: skip


def _listed(shipment_id: str) -> HandoverLine:
    return HandoverLine(
        shipment_id=shipment_id, dossier_code="d", procedure_code="p", order_number="n", item_code="", components=1,
        sealed=True, cod_amount=1,
    )  # fmt: skip


def _signed(number: int, status: LineStatus) -> Countersigned:
    line = LineSigned(shipment_id="p0", status=status)
    receiver = Officer(name="Lê Thị Mẫu", staff_id="bt")
    signed = Countersign(request_id=f"k{number}", body_sha256="", receiver=receiver, handed_at=AT, lines=(line,))
    return Countersigned(at=AT, countersign=signed)


CHANGES = st.one_of(
    st.integers(1, 3).map(_drawn), st.builds(_signed, st.integers(0, 3), st.sampled_from(sorted(LineStatus)))
)


@given(st.lists(CHANGES, max_size=12))
@settings(max_examples=60, deadline=None)
def test_whatever_comes_a_list_is_what_was_drawn_up_first_and_signed_first(changes: list[HandoverChange]) -> None:
    """No order, no repeat, no second hand changes what both sides signed; an alarm is raised once, and only where it belongs."""
    ledger, state, raised = Handovers(), None, 0
    first = _drawn(2)
    state, _ = ledger.apply(state, first)
    for change in changes:
        state, effects = ledger.apply(state, change)
        raised += sum(isinstance(effect, RaiseAlarm) for effect in effects)
        assert all("Mẫu" not in str(effect) for effect in effects)
    signed = [change.countersign for change in changes if isinstance(change, Countersigned)]
    assert state.lines == first.lines
    assert state.countersign == (signed[0] if signed else None)
    bad = bool(signed) and signed[0].lines[0].status is not LineStatus.OK
    assert raised == int(bad)


def test_a_list_that_nobody_drew_up_is_not_countersigned() -> None:
    """It would name parcels that nobody counted."""
    with pytest.raises(NoSuchHandover):
        Handovers().apply(None, _signed(1, LineStatus.OK))
