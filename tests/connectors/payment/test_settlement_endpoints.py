"""The endpoints of settlement: reports in three forms, statements sent in, and what is refused with which words."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from connectors.kit.contract import Notice, Reply, Sender
from connectors.kit.settlement.drop_folder import SETTLED
from connectors.payment.settings import ProviderSettings, Settings
from connectors.payment.settlement_endpoints import REPORT, STATEMENTS, SettlementEndpoints
from tests.connectors.payment.office import UPSTREAM, Office
from tests.connectors.payment.statement_files import NAME, NOON, pay, statement


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """An office with an empty drop folder."""
    opened = Office(tmp_path)
    yield opened
    await opened.journal.close()


async def called(office: Office, method: str, path: str, *, query: str = "", body: object = None) -> Reply:
    """The answer to a call of the resolution system; what it brings is journalled as the gateway does."""
    endpoint = next(one for one in SettlementEndpoints(office.settings, office.kit).endpoints() if one.method == method)
    _, _, _, _, provider, day = (*path.split("/"), "", "", "")[:6]
    notice = Notice(
        method=method,
        path=path,
        query=query,
        headers={},
        body=json.dumps(body).encode() if body is not None else b"",
        peer="10.0.0.1",
        params={"provider": provider, "date": day},
        sender=Sender("GQHS", "resolution"),
    )
    reply = await endpoint.handler(notice)
    await office.taker.take(UPSTREAM, reply.inputs)
    return reply


async def report(office: Office, day: str = "2026-09-21", query: str = "") -> Reply:
    """The report of VNPAY's day."""
    return await called(office, "GET", REPORT.format(provider="vnpay", date=day), query=query)


def sending(raw: bytes, **change: Any) -> dict[str, Any]:
    """The body that sends a file."""
    body = {"request_id": "sk-1", "name": NAME, "sha256": hashlib.sha256(raw).hexdigest(), "content": raw.decode()}
    return {**body, **change}


def told(reply: Reply) -> dict[str, Any]:
    """A JSON answer."""
    found: dict[str, Any] = json.loads(reply.body)
    return found


async def test_a_statement_that_is_sent_in_is_settled_and_reported_in_three_forms(office: Office) -> None:
    """The way of the folder, begun by a signed call: who sent it stays known."""
    payment_id = await office.ask_for("yc-1")
    await office.pay(payment_id, "14000001", NOON + timedelta(seconds=30))
    raw = statement(pay(1, f"{payment_id}a1"), pay(2, "khach-la"))
    reply = await called(office, "POST", STATEMENTS, body=sending(raw))
    assert (reply.status, told(reply)["rows"], told(reply)["state"]) == (202, 2, "received")
    await office.settle()
    assert (office.folder / SETTLED / NAME).read_bytes() == raw
    assert [(file.state, file.by) for file in (await office.head()).files] == [("settled", "GQHS")]
    tree = told(await report(office))
    assert (tree["open"], [row["outcome"] for row in tree["summary"]]) == (
        1,
        ["Khớp", "Thừa: trung gian có, cổng không có", "Cộng", "Cộng"],
    )
    assert "transfers" not in tree
    assert len(told(await report(office, query="table=transfers"))["transfers"]) == 2
    sheet = await report(office, "20260921", "format=csv&table=fees")
    assert sheet.headers["Content-Disposition"] == 'attachment; filename="doi-soat-vnpay-20260921-fees.csv"'
    assert "Lệ phí" in sheet.body.decode("utf-8-sig")
    with zipfile.ZipFile(BytesIO((await report(office, query="format=xlsx")).body)) as book:
        assert "xl/workbook.xml" in book.namelist()


async def test_a_statement_of_a_busy_day_is_longer_than_any_notice_and_is_taken(office: Office) -> None:
    """A thousand payments are more than 64 kB, which no notice may be; how long a body may be the door has decided."""
    raw = statement(*(pay(number, f"khach-la-{number}") for number in range(1, 1_001)))
    assert len(raw) > 65_536
    reply = await called(office, "POST", STATEMENTS, body=sending(raw))
    assert (reply.status, told(reply)["rows"]) == (202, 1_000)


async def test_the_same_statement_again_is_one_statement(office: Office) -> None:
    """Before and after it was settled."""
    raw = statement(pay(1, "khach-la"))
    first = await called(office, "POST", STATEMENTS, body=sending(raw))
    again = await called(office, "POST", STATEMENTS, body=sending(raw))
    assert (first.status, again.status) == (202, 200)
    await office.settle()
    late = await called(office, "POST", STATEMENTS, body=sending(raw, request_id="sk-2"))
    assert (late.status, told(late)["state"]) == (200, "settled")
    await office.settle()
    assert len((await office.head()).files) == 1 and not (office.folder / NAME).exists()


async def test_a_bad_statement_is_told_line_by_line_and_leaves_nothing_behind(office: Office) -> None:
    """The sender hears at once what the folder would say at night."""
    raw = statement(pay(1, "x"), pay(1, "y"))
    reply = await called(office, "POST", STATEMENTS, body=sending(raw))
    tree = told(reply)
    assert (reply.status, tree["code"]) == (422, "payment_statement_bad")
    assert tree["errors"] == [
        {"code": "seq_repeated", "pointer": "/content", "message_vi": "Dòng 3: Số thứ tự 1 bị lặp."}
    ]
    assert not any(office.folder.iterdir())


@pytest.mark.parametrize(
    ("change", "code", "status"),
    [
        ({"sha256": "0" * 64}, "payment_invalid", 422),
        ({"sha256": "x"}, "payment_invalid", 422),
        ({"name": "../../etc/passwd"}, "payment_statement_bad", 422),
        ({"name": "recon_vnpay_../x_20260921_1.csv"}, "payment_statement_bad", 422),
        ({"name": "recon_vnpay_OTHER_20260921_1.csv"}, "payment_statement_bad", 422),
        ({"name": "recon_zalopay_TESTTMN1_20260921_1.csv"}, "payment_statement_bad", 422),
        ({"content": ""}, "payment_invalid", 422),
        ({"extra": 1}, "payment_invalid", 422),
    ],
)
async def test_a_request_that_is_wrong_writes_no_file(
    office: Office, change: dict[str, Any], code: str, status: int
) -> None:
    """No name of a caller leads out of the folder."""
    reply = await called(office, "POST", STATEMENTS, body=sending(statement(), **change))
    assert (reply.status, told(reply)["code"]) == (status, code)
    assert not any(office.folder.iterdir())


def test_a_merchant_code_that_would_leave_the_folder_is_refused_at_the_start(office: Office) -> None:
    """It stands in the names of files."""
    old = office.settings
    first, *rest = old.providers
    evil = ProviderSettings(profile=first.profile, merchant="../x", notices_from_anywhere=True)
    with pytest.raises(ValueError, match="merchant"):
        Settings(
            public_url=old.public_url,
            providers=(evil, *rest),
            beneficiaries=old.beneficiaries,
            settlement=old.settlement,
        )


@pytest.mark.parametrize("query", ["format=pdf", "format=csv&format=json", "table=all", "x=1"])
async def test_a_report_that_nobody_has_is_refused(office: Office, query: str) -> None:
    """With what there is."""
    reply = await report(office, query=query)
    assert (reply.status, told(reply)["code"]) == (422, "payment_invalid")


@pytest.mark.parametrize(
    ("day", "status", "code"),
    [
        ("2026-09-31", 422, "payment_invalid"),
        ("hom-qua", 422, "payment_invalid"),
        ("2026-09-20", 404, "payment_settlement_not_found"),
    ],
)
async def test_a_day_that_is_none_or_has_no_statement_says_so(office: Office, day: str, status: int, code: str) -> None:
    """A missing statement is no empty report."""
    reply = await report(office, day)
    assert (reply.status, told(reply)["code"]) == (status, code)


async def test_without_a_drop_folder_no_statement_is_taken(tmp_path: Path) -> None:
    """Settlement is off until somebody says where files lie."""
    office = Office(tmp_path, {"statements_dir": ""})
    reply = await called(office, "POST", STATEMENTS, body=sending(statement()))
    assert (reply.status, told(reply)["code"]) == (409, "payment_settlement_off")
    await office.journal.close()


async def test_a_folder_that_cannot_be_written_is_told_and_nothing_is_kept(office: Office) -> None:
    """The sender repeats."""
    gone = replace(office, folder=office.folder / "gone")
    reply = await called(gone, "POST", STATEMENTS, body=sending(statement()))
    assert (reply.status, told(reply)["code"]) == (503, "payment_unavailable")
    await gone.journal.close()
