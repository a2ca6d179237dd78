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
from datetime import date, timedelta
from typing import get_args
from urllib.parse import parse_qsl

from connectors.kit.contract import Change, Endpoint, Kit, Notice, Reply, Sender
from connectors.kit.errors import Finding
from connectors.kit.refusals import internal
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
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)", re.ASCII)
_FORMATS = ("json", "csv", "xlsx")


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
        provider, day = notice.params["provider"], _day(notice.params["date"])
        form, table = _wanted(notice.query)
        report = await read_report(self._kit.ledgers, provider, day, local_date(self._kit.now()))
        if report is None:
            raise Refused("payment_settlement_not_found")
        body = await asyncio.to_thread(self._written, report, form, table)
        kinds = {"json": "application/json", "csv": "text/csv; charset=utf-8", "xlsx": XLSX}
        name = f"doi-soat-{report.head.provider}-{day}{f'-{table}' if form == 'csv' else ''}.{form}"
        headers = {} if form == "json" else {"Content-Disposition": f'attachment; filename="{name}"'}
        return Reply(200, body, kinds[form], headers=headers)

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
            findings = [
                Finding(f.code, "/content" if f.line else "/name", _told(f.line, f.message_vi)) for f in bad.faults
            ]
            raise Refused("payment_statement_bad", findings=findings) from None
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


def _day(text: str) -> str:
    """A day as `yyyymmdd`, from that or from `yyyy-mm-dd`."""
    found = _DAY.fullmatch(text)
    try:
        return f"{date(int(found[1]), int(found[2]), int(found[3])):%Y%m%d}" if found is not None else _no_day()
    except ValueError:
        return _no_day()


def _no_day() -> str:
    raise _invalid("date", "/date", "Phải là một ngày, yyyy-mm-dd hoặc yyyymmdd.")


def _wanted(query: str) -> tuple[str, TableName | None]:
    """The form and the table that are asked for."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=10)
    except ValueError:
        raise _invalid("format", "/format", "Quá nhiều tham số.") from None
    asked = dict(pairs)
    form, table = asked.pop("format", "json"), asked.pop("table", "")
    tables: dict[str, TableName] = {name: name for name in get_args(TableName)}
    if asked or len(pairs) != len(dict(pairs)) or form not in _FORMATS:
        raise _invalid("format", "/format", f"format: {', '.join(_FORMATS)}; ngoài ra chỉ có table.")
    if table and table not in tables:
        raise _invalid("table", "/table", f"table: {', '.join(tables)}.")
    return form, tables.get(table)


def _unknown() -> FileBad:
    return FileBad(Fault("name", 0, "Trung gian hoặc mã đơn vị ở tên tệp không có trong cấu hình."))


def _told(line: int, message_vi: str) -> str:
    return f"Dòng {line}: {message_vi}" if line else message_vi


def _invalid(code: str, pointer: str, message_vi: str) -> Refused:
    return Refused("payment_invalid", findings=(Finding(code, pointer, message_vi),))
