"""The endpoints of settlement: the report of a day in three forms, and a statement sent in by the resolution system.

A statement that is sent in is judged at once, so that its sender hears line by line what is wrong, and then lies in the drop
folder like any other: there is one way in (payment facts 5).
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
from collections.abc import Sequence
from datetime import timedelta

from connectors.kit.contract import Change, Endpoint, Kit, Notice, Reply, Sender
from connectors.kit.errors import Finding
from connectors.kit.refusals import internal
from connectors.kit.settlement.asking import WronglyAsked, answered, asked_day, asked_form, faults_of
from connectors.kit.settlement.reading import head_of
from connectors.kit.settlement.state import FileReceived, Settlement, head_id
from connectors.kit.settlement.statements import Fault, FileBad, Named
from connectors.kit.settlement.tables import as_csv
from connectors.payment.refusals import Refused
from connectors.payment.requests import StatementRequest, read_request
from connectors.payment.settings import Settings
from connectors.payment.settlement_kinds import HEADS, KINDS
from connectors.payment.settlement_report import TABLES, Report, TableName, as_tree, read_report
from connectors.payment.settlement_xlsx import as_xlsx
from connectors.payment.settling import drop_folder
from connectors.payment.statements import examine, read_name
from mappings.codec import encode, plain
from mappings.dates import local_date

REPORT = "/v1/payments/settlements/{provider}/{date}"
STATEMENTS = "/v1/payments/statements"


class SettlementEndpoints:
    """Both of them."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        self._settings, self._kit = settings, kit

    def endpoints(self) -> Sequence[Endpoint]:
        """With their handlers."""
        return (
            internal("GET", REPORT, self._report),
            internal("POST", STATEMENTS, self._statement),
        )

    async def _report(self, notice: Notice, sender: Sender) -> Reply:
        try:
            day, (form, table) = asked_day(notice.params["date"]), asked_form(notice.query, TABLES)
        except WronglyAsked as wrong:
            raise Refused("payment_invalid", findings=(wrong.finding,)) from None
        report = await read_report(self._kit.ledgers, notice.params["provider"], day, local_date(self._kit.now()))
        if report is None:
            raise Refused("payment_settlement_not_found")
        body = await asyncio.to_thread(self._written, report, form, table)
        name = f"doi-soat-{report.head.provider}-{day}{f'-{table}' if form == 'csv' else ''}.{form}"
        return answered(body, form, name)

    def _written(self, report: Report, form: str, table: TableName | None) -> bytes:
        if form == "csv":
            return as_csv(report.table(table or "differences"))
        if form == "xlsx":
            return as_xlsx(report, self._kit.now())
        # The lines to transfer are many: programs ask for that table by name.
        return encode(as_tree(report, (table,) if table else tuple(name for name in TABLES if name != "transfers")))

    async def _statement(self, notice: Notice, sender: Sender) -> Reply:
        request, _ = read_request(notice.body, StatementRequest)
        chosen, content = self._settings.settlement, request.content.encode()
        if not chosen.statements_dir:
            raise Refused("payment_settlement_off")
        sha256 = hashlib.sha256(content).hexdigest()
        if request.sha256 != sha256:
            raise _invalid("sha256", "/sha256", "Khác với SHA-256 của content (UTF-8).")
        try:
            named = self._named(request.name)
            rows = await asyncio.to_thread(self._judged, content, named)
        except FileBad as bad:
            raise Refused("payment_statement_bad", findings=faults_of(bad)) from None
        head = await self._head(named)
        known = head.file(sha256) if head is not None else None
        day = f"{named.business_date:%Y%m%d}"
        answer = encode(
            {
                "sha256": sha256,
                "rows": rows,
                "state": known.state if known is not None and known.state != "refused" else "received",
                "report": REPORT.replace("{provider}", named.provider).replace("{date}", day),
            }
        )
        if known is not None and known.state != "refused":
            return Reply(200, answer)
        folder = drop_folder(chosen)
        assert folder is not None, "looked at above"
        try:
            await asyncio.to_thread(folder.put, request.name, content)
        except OSError:
            raise Refused("payment_unavailable") from None
        received = FileReceived(
            at=self._kit.now(),
            provider=named.provider,
            business_date=day,
            sha256=sha256,
            name=request.name,
            seq=named.seq,
            rows=rows,
            by=sender.system_code,
        )
        key = f"received/{sha256}/{hashlib.sha256(request.request_id.encode()).hexdigest()[:16]}"
        entered = Change(HEADS, head_id(named.provider, day), key, plain(received), passing=("at", "by"))
        return Reply(202, answer, inputs=(entered,))

    def _named(self, name: str) -> Named:
        """What the name says; raises `FileBad` for one of nobody whom we know, or of another merchant."""
        named = read_name(name)
        ours = next((one for one in self._settings.providers if one.profile == named.provider), None)
        if ours is None or ours.merchant != named.merchant:
            raise _unknown()
        # A file's name goes into a folder: what it may hold is settled here, not there.
        if not re.fullmatch(r"[0-9A-Za-z._:-]{1,120}", name):
            raise _unknown()
        return named

    def _judged(self, content: bytes, named: Named) -> int:
        """How many rows it has; raises `FileBad`."""
        chosen = self._settings.settlement
        layout = chosen.of(named.provider).layout
        shift = timedelta(minutes=chosen.shift_minutes)
        return examine(io.BytesIO(content), named, layout, chosen.part_rows, shift).rows

    async def _head(self, named: Named) -> Settlement | None:
        return await head_of(self._kit.ledgers, KINDS, named.provider, f"{named.business_date:%Y%m%d}")


def _unknown() -> FileBad:
    return FileBad(Fault("name", 0, "Trung gian hoặc mã đơn vị ở tên tệp không có trong cấu hình."))


def _invalid(code: str, pointer: str, message_vi: str) -> Refused:
    return Refused("payment_invalid", findings=(Finding(code, pointer, message_vi),))
