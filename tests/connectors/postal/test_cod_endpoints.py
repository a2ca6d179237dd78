"""The endpoints of cash on delivery: reports in three forms, statements sent in, and what is refused with which words."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.kit.contract import Notice, Reply, Sender
from connectors.kit.settlement.drop_folder import SETTLED
from connectors.postal.cod_endpoints import REPORT, STATEMENTS, CodEndpoints
from connectors.postal.cod_report import TABLES
from connectors.postal.refusals import TABLE
from gateway.intake.inputs import SEALED_READS
from tests.connectors.postal.cod_office import CUSTOMER, NAME, UPSTREAM, CodOffice, order_number, paid, statement


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[CodOffice]:
    """An office with an empty drop folder."""
    opened = CodOffice(tmp_path)
    yield opened
    await opened.journal.close()


async def called(office: CodOffice, method: str, path: str, *, query: str = "", body: object = None) -> Reply:
    """The answer to a call of the resolution system; what it brings is journalled as the gateway does."""
    endpoint = next(one for one in CodEndpoints(office.settings, office.kit).endpoints() if one.method == method)
    carrier, _, day = path.removeprefix("/v1/shipments/cod/").partition("/")
    notice = Notice(
        method=method,
        path=path,
        query=query,
        headers={},
        body=json.dumps(body).encode() if body is not None else b"",
        peer="10.0.0.1",
        params={"carrier": carrier, "date": day},
        sender=Sender("GQHS", "resolution"),
    )
    reply = await endpoint.handler(notice)
    await office.taker.take(UPSTREAM, reply.inputs)
    return reply


async def report(office: CodOffice, day: str = "2026-11-18", query: str = "", carrier: str = "vnpost") -> Reply:
    """The report of a day."""
    return await called(office, "GET", REPORT.format(carrier=carrier, date=day), query=query)


def sending(raw: bytes, **change: Any) -> dict[str, Any]:
    """The body that sends a file."""
    body = {"request_id": "bk-1", "name": NAME, "sha256": hashlib.sha256(raw).hexdigest(), "content": raw.decode()}
    return {**body, **change}


def told(reply: Reply) -> dict[str, Any]:
    """A JSON answer."""
    found: dict[str, Any] = json.loads(reply.body)
    return found


async def test_a_statement_that_is_sent_in_is_settled_and_reported_in_three_forms(office: CodOffice) -> None:
    """The way of the folder, begun by a signed call: who sent it stays known."""
    await office.deliver(1)
    raw = statement(paid(1, 1), paid(2, 1, order_number="KHACH-LA"))
    reply = await called(office, "POST", STATEMENTS, body=sending(raw))
    assert (reply.status, told(reply)["rows"], told(reply)["state"]) == (202, 2, "received")
    await office.settle()
    assert (office.folder / SETTLED / NAME).read_bytes() == raw
    assert [(file.state, file.by) for file in (await office.head()).files] == [("settled", "GQHS")]
    tree = told(await report(office))
    assert (tree["open_differences"], [row["outcome"] for row in tree["summary"]]) == (
        1,
        ["Khớp", "Thừa: bưu chính trả, sổ của cổng chưa ghi đã thu", "Cộng"],
    )
    assert tree["differences"][0]["order_number"] == "KHACH-LA"
    sheet = await report(office, "20261118", "format=csv&table=summary")
    assert sheet.headers["Content-Disposition"] == 'attachment; filename="thu-ho-vnpost-20261118-summary.csv"'
    rows = list(csv.reader(io.StringIO(sheet.body.decode("utf-8-sig"))))
    assert rows[-1] == ["Trả", "Cộng", "2", "300000", "150000", "150000"]
    with zipfile.ZipFile(io.BytesIO((await report(office, query="format=xlsx")).body)) as book:
        assert len([name for name in book.namelist() if name.startswith("xl/worksheets/sheet")]) == len(TABLES)


async def test_the_day_of_collection_says_what_was_due_collected_and_paid_over_since(office: CodOffice) -> None:
    """By state and parcel by parcel, with what every fee of the day comes to."""
    for number, due in ((1, 150_000), (2, 90_000), (3, 60_000)):
        await office.deliver(number, due)
    office.put(NAME, statement(paid(1, 1), paid(2, 2, 50_000)))
    await office.settle()
    await office.review()
    tree = told(await report(office, "2026-11-16"))
    assert (tree["settled"], tree["open_parcels"]) == (False, 2)
    money = [
        (row["state"], row["due"], row["collected"], row["paid_over"], row["remaining"]) for row in tree["collected"]
    ]
    assert money == [
        ("Đã thu, chưa trả", 60_000, 60_000, 0, 60_000),
        ("Đã trả đủ", 150_000, 150_000, 150_000, 0),
        ("Thiếu", 90_000, 90_000, 50_000, 40_000),
        ("Cộng", 300_000, 300_000, 200_000, 100_000),
    ]
    assert tree["fees"] == [
        {"name": "Phí thẩm định", "count": 3, "due": 300_000, "remitted": 150_000, "remaining": 150_000}
    ]
    assert [row["order_number"] for row in tree["parcels"]] == [order_number(n) for n in (1, 2, 3)]
    assert tree["parcels"][0]["collected_at"] == "2026-11-16 10:00:00"


async def test_a_report_opens_nobodys_parcel_and_names_nobody(office: CodOffice) -> None:
    """It is made of codes and sums that stand open: the trail need not name every parcel for it."""
    await office.deliver(1)
    await office.settle()
    token = SEALED_READS.set([])
    try:
        reply = await report(office, "2026-11-16")
        assert SEALED_READS.get() == []
    finally:
        SEALED_READS.reset(token)
    text = reply.body.decode()
    assert "Nguyễn" not in text and "0900000000" not in text and "Ví Dụ" not in text


async def test_a_cell_that_a_spreadsheet_would_run_is_only_text(office: CodOffice) -> None:
    """A carrier's file is nobody's program."""
    raw = statement(paid(1, 1, order_number='=HYPERLINK("x")'))
    assert (await called(office, "POST", STATEMENTS, body=sending(raw))).status == 202
    await office.settle()
    sheet = (await report(office, query="format=csv&table=differences")).body.decode("utf-8-sig")
    assert "'=HYPERLINK" in sheet and ",=HYPERLINK" not in sheet


async def test_the_same_statement_again_is_one_statement(office: CodOffice) -> None:
    """Before and after it was settled."""
    raw = statement(paid(1, 1))
    first = await called(office, "POST", STATEMENTS, body=sending(raw))
    again = await called(office, "POST", STATEMENTS, body=sending(raw))
    assert (first.status, again.status) == (202, 200)
    await office.settle()
    late = await called(office, "POST", STATEMENTS, body=sending(raw, request_id="bk-2"))
    assert (late.status, told(late)["state"]) == (200, "settled")
    await office.settle()
    assert len((await office.head()).files) == 1 and not (office.folder / NAME).exists()


async def test_a_bad_statement_is_told_line_by_line_and_leaves_nothing_behind(office: CodOffice) -> None:
    """The sender hears at once what the folder would say at night."""
    raw = statement(paid(1, 1), paid(1, 2))
    reply = await called(office, "POST", STATEMENTS, body=sending(raw))
    tree = told(reply)
    assert (reply.status, tree["code"]) == (422, "shipment_cod_statement_bad")
    assert tree["errors"] == [
        {"code": "seq_repeated", "pointer": "/content", "message_vi": "Dòng 3: Số thứ tự 1 bị lặp."}
    ]
    assert not any(office.folder.iterdir())


@pytest.mark.parametrize(
    ("change", "code", "status"),
    [
        ({"sha256": "0" * 64}, "shipment_invalid", 422),
        ({"sha256": "x"}, "shipment_invalid", 422),
        ({"content": "", "sha256": hashlib.sha256(b"").hexdigest()}, "shipment_invalid", 422),
        ({"request_id": ""}, "shipment_invalid", 422),
        ({"more": 1}, "shipment_invalid", 422),
        ({"name": NAME.replace(CUSTOMER, "KHAC")}, "shipment_cod_statement_bad", 422),
        ({"name": NAME.replace("vnpost", "viettel")}, "shipment_cod_statement_bad", 422),
        ({"name": NAME.replace("20261118", "20261121")}, "shipment_cod_statement_bad", 422),
        ({"name": f"../{NAME}"}, "shipment_cod_statement_bad", 422),
    ],
)
async def test_a_body_that_says_no_statement_is_refused(
    office: CodOffice, change: dict[str, Any], code: str, status: int
) -> None:
    """With a stable code, before anything is written."""
    reply = await called(office, "POST", STATEMENTS, body=sending(statement(paid(1, 1)), **change))
    assert (reply.status, told(reply)["code"]) == (status, code)
    assert not any(office.folder.iterdir()) and reply.inputs == ()


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/v1/shipments/cod/vnpost/2026-13-01", "", "shipment_invalid"),
        ("/v1/shipments/cod/vnpost/homnay", "", "shipment_invalid"),
        ("/v1/shipments/cod/vnpost/2026-11-18", "format=pdf", "shipment_invalid"),
        ("/v1/shipments/cod/vnpost/2026-11-18", "format=csv&table=people", "shipment_invalid"),
        ("/v1/shipments/cod/vnpost/2026-11-18", "format=csv&format=csv", "shipment_invalid"),
        ("/v1/shipments/cod/vnpost/2026-11-18", "&".join(f"a{n}=1" for n in range(20)), "shipment_invalid"),
        ("/v1/shipments/cod/vnpost/2026-11-18", "", "shipment_cod_not_found"),
        ("/v1/shipments/cod/khac/2026-11-18", "", "shipment_cod_not_found"),
    ],
)
async def test_what_no_report_is_of_is_refused(office: CodOffice, path: str, query: str, code: str) -> None:
    """Days, forms and tables that are none, and days of which nothing is known."""
    reply = await called(office, "GET", path, query=query)
    assert told(reply)["code"] == code and reply.status == TABLE.words()[code].status


async def test_nothing_is_taken_where_there_is_no_folder(office: CodOffice) -> None:
    """The switch of settlement is its folder."""
    office.settings = type(office.settings)(carriers=office.settings.carriers, agencies=office.settings.agencies)
    reply = await called(office, "POST", STATEMENTS, body=sending(statement(paid(1, 1))))
    assert (reply.status, told(reply)["code"]) == (409, "shipment_cod_off")


async def test_a_folder_that_cannot_be_written_to_is_told_as_try_again(office: CodOffice) -> None:
    """Also where another file waits under the name: that one comes first."""
    raw = statement(paid(1, 1))
    (office.folder / NAME).write_bytes(b"another")
    reply = await called(office, "POST", STATEMENTS, body=sending(raw))
    assert (reply.status, told(reply)["code"]) == (503, "shipment_unavailable")
    assert (office.folder / NAME).read_bytes() == b"another"


async def test_a_report_of_a_day_tells_which_files_came_and_why_one_was_refused(office: CodOffice) -> None:
    """People find the reason without looking into a folder."""
    office.put(NAME, statement(paid(1, 1), paid(1, 2)))
    await office.settle()
    tree = told(await report(office))
    assert [(row["name"], row["state"]) for row in tree["files"]] == [(NAME, "Bị từ chối")]
    assert tree["files"][0]["fault"] == "Dòng 3: Số thứ tự 1 bị lặp." and not tree["settled"]
