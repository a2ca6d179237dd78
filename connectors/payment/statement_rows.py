"""One record of a statement as a row in our words: which cell is what, by the layout, and how its text becomes a value.

Amounts are whole numbers of đồng written in digits: no float is ever made (payment facts 4.1). Codes are taken exactly as
they stand; only what the layout names as a step is done to them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from connectors.payment.settlement_settings import FIELDS, Layout
from mappings.dates import VIETNAM
from mappings.settlement_words import Kind, Row, Standing

W = TypeVar("W", Kind, Standing)
Cells = Callable[[Sequence[str], int], Mapping[str, str]]
"""From a record, and its number, to texts by our names of columns."""

_DIGITS = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_REFERENCE = re.compile(r"(?<![0-9a-z])[0-9a-v]{13}[ar][1-9][0-9]{0,2}(?![0-9a-z])", re.ASCII)
_LONGEST_CODE = 100
_CODES = ("provider_txn_id", "bank_txn_id", "channel", "bank_code", "original_provider_txn_id", "dossier_no")

_KINDS: Mapping[str, Kind] = {kind.casefold(): kind for kind in Kind}
_STATUSES: Mapping[str, Standing] = {
    **{standing.casefold(): standing for standing in Standing},
    "success": Standing.PAID,
    "done": Standing.PAID,
}


class Unreadable(Exception):
    """Dòng không đọc được theo bố cục."""

    def __init__(self, code: str, message_vi: str) -> None:
        self.code, self.message_vi = code, message_vi
        super().__init__(code)


def own_cells(record: Sequence[str], number: int) -> Mapping[str, str]:
    """The cells of a `D` row of our own layout."""
    if len(record) != len(FIELDS) + 1:
        raise Unreadable("columns", f"dòng D phải có {len(FIELDS) + 1} cột, dòng này có {len(record)}.")
    return dict(zip(FIELDS, record[1:], strict=True))


def table_cells(layout: Layout, header: Sequence[str] | None) -> Cells:
    """How the records of a foreign table are taken apart. Raises `Unreadable` where a named column is missing or twice."""
    places: dict[str, int] = {}
    for name, column in layout.columns.items():
        if header is None:
            places[name] = int(column.source) - 1
            continue
        found = [place for place, title in enumerate(header) if title.strip() == column.source]
        if len(found) != 1:
            raise Unreadable("columns", f"cột «{column.source}» phải có đúng một lần ở dòng tiêu đề.")
        places[name] = found[0]

    def cells(record: Sequence[str], number: int) -> Mapping[str, str]:
        if max(places.values()) >= len(record):
            raise Unreadable("columns", f"dòng có {len(record)} cột, ít hơn bố cục đã cấu hình.")
        return {"seq": str(number), **{name: record[place] for name, place in places.items()}}

    return cells


def read_row(cells: Mapping[str, str], layout: Layout) -> Row:
    """The row that cells are; raises `Unreadable` with what is wrong. `note` is not kept: it may speak of persons."""
    texts = {name: _stepped(layout, name, text) for name, text in cells.items()} if layout.columns else cells
    kind = _word(texts.get("kind", "") or Kind.PAY, layout.kinds, _KINDS, "kind")
    said = texts.get("status")
    # A statement without such a column lists what happened; an empty cell in one says nothing, so least of all "paid".
    if said is None or (not said and kind is Kind.FEE):
        said = Standing.PAID
    standing = _word(said, layout.statuses, _STATUSES, "status")
    if kind in (Kind.REFUND, Kind.REVERSAL) and standing is Standing.PAID:
        # The word for "it happened": of money that went back it means that it did.
        standing = Standing.REVERSED if kind is Kind.REVERSAL else Standing.REFUNDED
    amount, net = _number(texts, "amount"), _number(texts, "net")
    fee = _number(texts, "fee")
    if amount < 0 or fee < 0:
        raise Unreadable("amount", "số tiền không được âm; chiều của tiền do loại dòng cho biết.")
    ref = texts["merchant_ref"]
    for name in ("merchant_ref", *_CODES):
        text = texts.get(name, "")
        if len(text) > _LONGEST_CODE or not text.isprintable():
            raise Unreadable("code", f"cột {name}: mã dài hơn {_LONGEST_CODE} ký tự hoặc có ký tự điều khiển.")
    return Row(
        seq=_number(texts, "seq"),
        kind=kind,
        ref=ref,
        txn_id=texts.get("provider_txn_id", ""),
        bank_txn_id=texts.get("bank_txn_id", ""),
        amount=amount,
        fee=fee,
        net=net,
        standing=standing,
        paid_at=_moment(texts["paid_at"], layout, required=kind is not Kind.FEE),
        channel=texts.get("channel", ""),
        bank_code=texts.get("bank_code", ""),
        original_txn_id=texts.get("original_provider_txn_id", ""),
        dossier_code=texts.get("dossier_no", ""),
        beneficiary_account=texts.get("beneficiary_account", ""),
    )


def _stepped(layout: Layout, name: str, text: str) -> str:
    """A cell after the steps of its column, but for those that read a time."""
    column = layout.columns.get(name)
    for step in column.steps if column is not None else ():
        word, _, argument = step.partition(":")
        match word:
            case "trim":
                text = text.strip()
            case "digits":
                text = re.sub(r"[\s.,]", "", text)
            case "/100":
                text = _hundredth(text)
            case "after":
                text = text.partition(argument)[2] if argument in text else text
            case "before":
                text = text.partition(argument)[0]
            case "reference":
                found = set(_REFERENCE.findall(text.lower()))
                text = found.pop() if len(found) == 1 else ""
    return text


def _hundredth(text: str) -> str:
    """An amount that is written times a hundred; exact, or the row is bad."""
    if not _DIGITS.fullmatch(text) or int(text) % 100:
        raise Unreadable("amount", "số tiền nhân 100 phải là bội của 100.")
    return str(int(text) // 100)


def _number(texts: Mapping[str, str], name: str) -> int:
    text = texts.get(name, "")
    if not text and name in ("fee", "net"):
        return 0
    if not _DIGITS.fullmatch(text):
        raise Unreadable("amount" if name != "seq" else "seq", f"cột {name}: phải là số nguyên.")
    return int(text)


def _word(text: str, own: Mapping[str, W], words: Mapping[str, W], code: str) -> W:
    """What a word means: by the layout's own list where it has one, else by ours."""
    found = {word.casefold(): meaning for word, meaning in own.items()} if own else words
    meaning = found.get(text.casefold())
    if meaning is None:
        raise Unreadable(code, f"cột {code}: từ không có trong bố cục.")
    return meaning


def _moment(text: str, layout: Layout, *, required: bool) -> datetime | None:
    """A time of the intermediary. Without a zone it is Viet Nam's (payment facts 4.2, decision D9)."""
    column = layout.columns.get("paid_at")
    step = next((s for s in (column.steps if column else ()) if s.startswith("time:") or s == "epoch_ms"), "")
    if not text and not required:
        return None
    try:
        if step == "epoch_ms":
            return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(text))
        moment = datetime.strptime(text, step.removeprefix("time:")) if step else datetime.fromisoformat(text)  # noqa: DTZ007 - the zone follows
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=VIETNAM)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable("paid_at", "thời điểm không đúng định dạng của bố cục.") from None
