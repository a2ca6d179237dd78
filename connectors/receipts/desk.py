"""The API of receipts for the resolution system: one receipt, the summary of a day, an error notice that was sent.

The book holds nothing personal. A document does: it is fetched when it is asked for, and the reading stands in the trail.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import date

import msgspec

from connectors.kit.contract import Audience, Endpoint, Kit, Notice, Reply
from connectors.receipts.book import BOOK, Entry, ErrorNoticed, WrongField, day_mark, entered
from connectors.receipts.summary import summary_csv
from mappings.codec import decode, encode

_FKEY = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,79}", re.ASCII)
_PAGE = 500


class NoticeAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An error notice (mẫu 04/SS-CTĐT) that the agency sent to the tax authority. Numbers and words of a list; no person."""

    request_id: str
    notice_no: str
    notified_on: date
    field: WrongField

    def __post_init__(self) -> None:
        """Raises `ValueError` for codes that cannot be shown."""
        if not re.fullmatch(r"[0-9A-Za-z._:-]{1,80}", self.request_id, re.ASCII):
            raise ValueError("request_id chỉ gồm chữ, số, . _ : - và dài nhất 80")
        if not re.fullmatch(r"[0-9A-Za-zĐđ][0-9A-Za-zĐđ/._-]{0,39}", self.notice_no):
            raise ValueError("notice_no chỉ gồm chữ, số, / . _ - và dài nhất 40")


class Desk:
    """Answers the calls."""

    def __init__(self, kit: Kit, document: Callable[[str], Awaitable[bytes]]) -> None:
        """`document` fetches the PDF of a receipt by its key, empty where there is none."""
        self._kit, self._document = kit, document

    def endpoints(self) -> Sequence[Endpoint]:
        """As the manifest declares them."""
        base = "/v1/receipts/{upstream}"
        return (
            Endpoint("GET", f"{base}/summaries/{{day}}", Audience.INTERNAL, self.summary),
            Endpoint("GET", f"{base}/issued/{{fkey}}", Audience.INTERNAL, self.receipt),
            Endpoint("GET", f"{base}/issued/{{fkey}}/document", Audience.INTERNAL, self.document),
            Endpoint("POST", f"{base}/issued/{{fkey}}/error-notices", Audience.INTERNAL, self.error_notice),
        )

    async def receipt(self, notice: Notice) -> Reply:
        """A receipt as the book has it."""
        entry = await self._entry(notice.params["fkey"])
        return _unknown() if entry is None else Reply(200, encode({"fkey": notice.params["fkey"], "receipt": entry}))

    async def document(self, notice: Notice) -> Reply:
        """The receipt as its payer gets it, fetched now and kept nowhere; who reads it stands in the trail."""
        fkey = notice.params["fkey"]
        entry = await self._entry(fkey)
        if entry is None or entry.state != "issued" or entry.fee is None:
            return _unknown()
        found = await self._document(fkey)
        if not found:
            return _unknown()
        disposition = {"Content-Disposition": f'attachment; filename="bien-lai-{fkey}.pdf"'}
        return Reply(200, found, "application/pdf", disposition, shows=(f"{BOOK}/{fkey}", entry.fee.dossier_code))

    async def summary(self, notice: Notice) -> Reply:
        """Mẫu 01/TH-BLĐT of a day (yyyy-mm-dd, by the date of collection in Viet Nam), as CSV."""
        day = _day(notice.params["day"])
        if day is None:
            return _problem(422, "invalid_day", "Ngày phải viết theo dạng yyyy-mm-dd.")
        entries = [entry for fkey in await self._of(day) if (entry := await self._entry(fkey)) is not None]
        name = f"01-TH-BLDT-{self._kit.upstream}-{day:%Y%m%d}.csv"
        disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Reply(200, summary_csv(entries), "text/csv; charset=utf-8", disposition)

    async def error_notice(self, notice: Notice) -> Reply:
        """Remember an error notice; told twice it is remembered once."""
        fkey = notice.params["fkey"]
        try:
            asked = msgspec.json.decode(notice.body, type=NoticeAsked)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            sentence = (
                "Cần request_id, notice_no, notified_on (yyyy-mm-dd) và field; sai số tiền thì phải lập biên lai khác, "
                "không thông báo sai sót."
            )
            return _problem(422, "invalid_error_notice", sentence)
        entry = await self._entry(fkey)
        if entry is None or entry.state != "issued":
            return _unknown()
        noticed = ErrorNoticed(
            at=self._kit.now(),
            request_id=asked.request_id,
            notice_no=asked.notice_no,
            notified_on=asked.notified_on,
            field=asked.field,
            told_by=notice.sender.system_code if notice.sender is not None else "",
        )
        if any(known.notice_no == asked.notice_no for known in entry.notices):
            return Reply(200, encode({"fkey": fkey, "receipt": entry}))

        async def done() -> Reply:
            return Reply(201, encode({"fkey": fkey, "receipt": await self._entry(fkey)}))

        return Reply(201, inputs=(entered(fkey, noticed),), then=done)

    async def _entry(self, fkey: str) -> Entry | None:
        kept = await self._kit.ledgers.read(BOOK, fkey) if _FKEY.fullmatch(fkey) else None
        return decode(kept.state, Entry) if kept is not None else None

    async def _of(self, day: date) -> list[str]:
        """The keys of everything that was collected on a day and issued."""
        mark, found = day_mark(day), dict[str, None]()
        after = f"{mark}/"
        while page := await self._kit.ledgers.marked(BOOK, after, f"{mark}0", _PAGE):
            found |= dict.fromkeys(each.ledger_id for each in page)
            after = page[-1].place
        return list(found)


def _day(text: str) -> date | None:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _unknown() -> Reply:
    return _problem(404, "unknown_receipt", "Không có biên lai đã phát hành nào theo khóa này.")


def _problem(status: int, code: str, detail_vi: str) -> Reply:
    """A problem document (RFC 9457) in the gateway's own form."""
    body = {
        "type": f"urn:tthc-gateway:problem:{code}",
        "title": detail_vi,
        "status": status,
        "detail": detail_vi,
        "code": code,
        "errors": [],
    }
    return Reply(status, encode(body), "application/problem+json", {"Content-Language": "vi"})
