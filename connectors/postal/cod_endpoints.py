"""The endpoints of cash on delivery: the report of a day in three forms, and a statement sent in by the resolution system.

A statement that is sent in is judged at once, so that its sender hears line by line what is wrong, and then lies in the drop
folder like any other: there is one way in.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
from collections.abc import Iterator, Sequence

from connectors.kit.contract import Change, Endpoint, Kit, Notice, Reply, Sender
from connectors.kit.errors import Finding
from connectors.kit.refusals import internal
from connectors.kit.requests import Request, finding
from connectors.kit.settlement.asking import WronglyAsked, answered, asked_day, asked_form, faults_of
from connectors.kit.settlement.reading import head_of
from connectors.kit.settlement.state import FileReceived, head_id
from connectors.kit.settlement.statements import Fault, FileBad, Named, examine
from connectors.kit.settlement.tables import as_csv
from connectors.kit.settlement.workbook import as_xlsx
from connectors.postal.cod_days import COD
from connectors.postal.cod_report import TABLES, CodReport, TableName, as_tree, read_report
from connectors.postal.cod_settling import drop_folder
from connectors.postal.cod_statements import naming_of, not_yet, reading_of
from connectors.postal.reading import read_request
from connectors.postal.refusals import Refused
from connectors.postal.settings import Settings
from mappings.codec import encode, plain
from mappings.dates import local_date

REPORT = "/v1/shipments/cod/{carrier}/{date}"
STATEMENTS = "/v1/shipments/cod/statements"


class CodStatementRequest(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/shipments/cod/statements`: a statement as text, with its name and the SHA-256 (hex) of its UTF-8 bytes."""

    name: str
    sha256: str
    content: str

    def findings(self) -> Iterator[Finding]:
        """What is wrong with it."""
        yield from super().findings()
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            yield finding("sha256", "/sha256", "Phải là 64 chữ số hệ 16, chữ thường.")
        elif self.sha256 != hashlib.sha256(self.content.encode("utf-8", "surrogatepass")).hexdigest():
            yield finding("sha256", "/sha256", "Khác với SHA-256 của content (UTF-8).")
        if not self.content:
            yield finding("empty", "/content", "Không được để trống.")


class CodEndpoints:
    """Both of them."""

    def __init__(self, settings: Settings, kit: Kit) -> None:
        self._settings, self._kit = settings, kit
        self._naming = naming_of(one.name for one in settings.carriers)

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
            raise Refused("shipment_invalid", findings=(wrong.finding,)) from None
        report = await read_report(self._kit.ledgers, notice.params["carrier"], day, local_date(self._kit.now()))
        if report is None:
            raise Refused("shipment_cod_not_found")
        body = await asyncio.to_thread(self._written, report, form, table)
        which = f"-{table or 'parcels'}" if form == "csv" else ""
        name = f"thu-ho-{report.carrier}-{day}{which}.{form}"
        return answered(body, form, name)

    def _written(self, report: CodReport, form: str, table: TableName | None) -> bytes:
        if form == "csv":
            return as_csv(report.table(table or "parcels"))
        if form == "xlsx":
            title = f"Thu hộ qua bưu chính {report.carrier} ngày {report.day[6:]}/{report.day[4:6]}/{report.day[:4]}"
            return as_xlsx(title, (report.table(name) for name in TABLES), self._kit.now())
        return encode(as_tree(report, (table,) if table else TABLES))

    async def _statement(self, notice: Notice, sender: Sender) -> Reply:
        request, _ = read_request(notice.body, CodStatementRequest)
        folder = drop_folder(self._settings.cod, self._naming)
        if folder is None:
            raise Refused("shipment_cod_off")
        content = request.content.encode("utf-8", "surrogatepass")
        try:
            named = self._named(request.name)
            rows = await asyncio.to_thread(self._judged, content, named)
        except FileBad as bad:
            raise Refused("shipment_cod_statement_bad", findings=faults_of(bad)) from None
        day = f"{named.business_date:%Y%m%d}"
        head = await head_of(self._kit.ledgers, COD, named.provider, day)
        known = head.file(request.sha256) if head is not None else None
        stands = known is not None and known.state != "refused"
        answer = encode(
            {
                "sha256": request.sha256,
                "rows": rows,
                "state": known.state if known is not None and stands else "received",
                "report": REPORT.replace("{carrier}", named.provider).replace("{date}", day),
            }
        )
        if stands:
            return Reply(200, answer)
        try:
            await asyncio.to_thread(folder.put, request.name, content)
        except OSError:
            raise Refused("shipment_unavailable") from None
        received = FileReceived(
            at=self._kit.now(),
            provider=named.provider,
            business_date=day,
            sha256=request.sha256,
            name=request.name,
            seq=named.seq,
            rows=rows,
            by=sender.system_code,
        )
        key = f"received/{request.sha256}/{hashlib.sha256(request.request_id.encode()).hexdigest()[:16]}"
        entered = Change(COD.heads, head_id(named.provider, day), key, plain(received), passing=("at", "by"))
        return Reply(202, answer, inputs=(entered,))

    def _named(self, name: str) -> Named:
        """What the name says; raises `FileBad` for one of nobody whom we know, or under another customer code."""
        named = self._naming.read(name)
        ours = next(one for one in self._settings.carriers if one.name == named.provider)
        # A file's name goes into a folder: what it may hold is settled here, not there.
        if ours.customer != named.merchant or not re.fullmatch(r"[0-9A-Za-z._:-]{1,120}", name):
            raise FileBad(Fault("name", 0, "Đơn vị bưu chính hoặc mã khách hàng ở tên tệp không có trong cấu hình."))
        if not_yet(named.business_date, local_date(self._kit.now())):
            raise FileBad(Fault("date", 0, "Ngày của bảng kê ở tương lai."))
        return named

    def _judged(self, content: bytes, named: Named) -> int:
        """How many rows it has; raises `FileBad`."""
        chosen = self._settings.cod
        layout = chosen.of(named.provider).layout
        reading = reading_of(self._naming, named.provider, layout, chosen.part_rows)
        return examine(io.BytesIO(content), named, reading).rows
