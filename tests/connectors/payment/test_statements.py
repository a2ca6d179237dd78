"""Statement files are judged whole: any fault makes the file bad, and what is good is read to the last đồng, part by part."""

from __future__ import annotations

import io
import tracemalloc
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kit.settlement.statements import MOST_FAULTS, Examined, FileBad, Named
from connectors.payment.settlement_settings import Column, Layout, SettlementSettings, Statements
from connectors.payment.statements import examine, read_name
from mappings.settlement import part_of, payment_of
from mappings.settlement_words import Kind, Row, Standing
from tests.connectors.payment.statement_files import DAY, NAME, NOON, header, pay, statement, trailer, written

OWN = Layout()
SHIFT = timedelta(minutes=10)
REF = "0123456789abca1"


def examined(raw: bytes, layout: Layout = OWN, part_rows: int = 400, name: str = NAME) -> Examined:
    """The file as it was judged."""
    return examine(io.BytesIO(raw), read_name(name), layout, part_rows, SHIFT)


def rows_of(raw: bytes, layout: Layout = OWN, part_rows: int = 400) -> list[Row]:
    """All rows of a good file."""
    found = examined(raw, layout, part_rows)
    stream = io.BytesIO(raw)
    return [row for part in range(found.parts) for row in found.part(stream, part)]


def faults(raw: bytes, layout: Layout = OWN) -> set[tuple[str, int]]:
    """What is wrong with a file: codes with their lines."""
    with pytest.raises(FileBad) as bad:
        examined(raw, layout)
    return {(fault.code, fault.line) for fault in bad.value.faults}


def test_a_file_in_our_own_layout_is_read_as_it_was_written() -> None:
    """Every column in its place; the note, which may name persons, is not kept."""
    raw = statement(pay(1, REF, dossier_no="000.00.00.G11-260921-000123", note="NGUYEN VAN A nop phi"))
    (row,) = rows_of(raw)
    assert row == Row(
        seq=1,
        kind=Kind.PAY,
        ref=REF,
        txn_id="14000001",
        amount=500_000,
        fee=1100,
        net=498_900,
        standing=Standing.PAID,
        paid_at=(NOON + timedelta(seconds=1)).astimezone(UTC),
        bank_code="NCB",
        dossier_code="000.00.00.G11-260921-000123",
    )
    assert "NGUYEN" not in repr(row)
    found = examined(raw)
    assert (found.rows, found.totals.figures()) == (1, (1, 500_000, 0, 0, 1100, 498_900))


@pytest.mark.parametrize(
    ("separator", "end", "mark"), [(",", "\n", b""), (";", "\r\n", b"\xef\xbb\xbf"), ("|", "\n", b"")]
)
def test_separators_line_ends_and_a_byte_order_mark_are_taken_as_configured(
    separator: str, end: str, mark: bytes
) -> None:
    """Facts 5: accept BOM, separator by configuration, either line end, RFC 4180 quoting."""
    rows = [pay(1, REF, note=f'hai dòng:\n"trích{separator} dẫn"'), pay(2, "0123456789abda1")]
    raw = mark + written([header(), *rows, trailer(rows)], separator, end)
    layout = msgspec.structs.replace(OWN, separator=separator)
    assert {row.seq for row in rows_of(raw, layout, part_rows=1)} == {1, 2}


def test_money_that_went_back_says_so_whatever_word_stands_for_it() -> None:
    """`paid` of a refund means that it happened."""
    rows = [
        pay(1, REF),
        pay(2, REF, kind="REFUND"),
        pay(3, REF, kind="REVERSAL", status="SUCCESS"),
        pay(4, REF, kind="REFUND", status="failed"),
        pay(5, "", kind="FEE", paid_at="", fee=""),
    ]
    assert [row.standing for row in sorted(rows_of(statement(*rows)), key=lambda row: row.seq)] == [
        Standing.PAID,
        Standing.REFUNDED,
        Standing.REVERSED,
        Standing.FAILED,
        Standing.PAID,
    ]


BAD = {
    "no header": (written([pay(1, REF), trailer([pay(1, REF)])]), {("header", 1)}),
    "empty": (b"", {("header", 0), ("trailer", 0)}),
    "cut off": (written([header(), pay(1, REF)]), {("trailer", 0)}),
    "another provider": (statement(first=header(provider="MOMO")), {("provider", 1)}),
    "another merchant": (statement(first=header(merchant="OTHER")), {("merchant", 1)}),
    "another day": (statement(first=header(day="20260922")), {("date", 1)}),
    "two headers": (written([header(), header(), ["T", *"000000"]]), {("row_kind", 2)}),
    "a row of another day": (statement(pay(1, REF, paid_at="2026-09-20T12:00:00+07:00")), {("date", 2)}),
    "a repeated number": (statement(pay(1, REF), pay(1, "0123456789abda1")), {("seq_repeated", 3)}),
    "a missing column": (
        written([header(), pay(1, REF)[:-1], trailer([pay(1, REF)])]),
        {("columns", 2), ("trailer_count", 3), ("trailer_sum", 3)},
    ),
    "an amount with a point": (
        written([header(), [*pay(1, REF)[:6], "500000.0", *pay(1, REF)[7:]], ["T", "0", "0", "0", "0", "0", "0"]]),
        {("amount", 2)},
    ),
    "a number in other digits": (
        written([header(), [*pay(1, REF)[:6], "٥٠٠", *pay(1, REF)[7:]], ["T", "0", "0", "0", "0", "0", "0"]]),
        {("amount", 2)},
    ),
    "a negative amount": (statement(pay(1, REF, amount=-5)), {("amount", 2), ("trailer_count", 3), ("trailer_sum", 3)}),
    "an empty status, which is not paid": (
        statement(pay(1, REF, status="")),
        {("status", 2), ("trailer_count", 3), ("trailer_sum", 3)},
    ),
    "an unknown status": (
        statement(pay(1, REF, status="maybe")),
        {("status", 2), ("trailer_count", 3), ("trailer_sum", 3)},
    ),
    "an unknown kind": (
        written([header(), pay(1, REF, kind="GIFT"), ["T", "0", "0", "0", "0", "0", "0"]]),
        {("kind", 2)},
    ),
    "a time that is none": (
        written([header(), pay(1, REF, paid_at="hôm qua"), ["T", "0", "0", "0", "0", "0", "0"]]),
        {("paid_at", 2)},
    ),
    "a wrong count": (
        written([header(), pay(1, REF), ["T", "2", "500000", "0", "0", "1100", "498900"]]),
        {("trailer_count", 3)},
    ),
    "a wrong sum": (
        written([header(), pay(1, REF), ["T", "1", "500001", "0", "0", "1100", "498900"]]),
        {("trailer_sum", 3)},
    ),
    "something behind the trailer": (statement(pay(1, REF)) + written([pay(2, REF)]), {("after_trailer", 4)}),
    "no text": (written([header()]) + b"\xff\xfe\r\n", {("encoding", 2)}),
    "an open quote": (written([header()]) + b'D,"1\r\n', {("encoding", 2)}),
    "an endless line": (written([header()]) + b"D" * 70_000, {("line_length", 2)}),
    "a control character in a code": (
        statement(pay(1, "0123\x0056789")),
        {("code", 2), ("trailer_count", 3), ("trailer_sum", 3)},
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_with_a_fault_is_bad_as_a_whole_and_says_where(case: str) -> None:
    """Facts 5, FILE_BAD: each fault with its line."""
    raw, expected = BAD[case]
    assert faults(raw) == expected


def test_a_thoroughly_bad_file_is_not_read_to_its_end() -> None:
    """A person reads twenty faults, not a million."""
    raw = statement(*(pay(n, REF, status="?") for n in range(1, 100)))
    with pytest.raises(FileBad) as bad:
        examined(raw)
    assert len(bad.value.faults) == MOST_FAULTS


@pytest.mark.parametrize(
    "name",
    [
        "recon_vnpay_TESTTMN1_20260921.csv",
        "recon_vnpay_TESTTMN1_20260931_1.csv",
        "x.csv",
        "recon_vnpay_T_20260921_1.csv.part",
    ],
)
def test_a_name_that_does_not_say_what_the_file_is_is_a_fault(name: str) -> None:
    """Nothing is guessed from the content alone."""
    with pytest.raises(FileBad) as bad:
        read_name(name)
    assert [fault.code for fault in bad.value.faults] == ["name"]


def test_the_name_says_intermediary_merchant_day_and_number() -> None:
    """The merchant may hold an underscore."""
    assert read_name("recon_VNPAY_TEST_TMN_20260921_12.csv") == Named("vnpay", "TEST_TMN", date(2026, 9, 21), 12)


TABLE = Layout(
    form="table",
    separator=";",
    header_line=2,
    trailer="Tổng",
    columns={
        "merchant_ref": Column(source="Mã đơn hàng", steps=("after:_",)),
        "provider_txn_id": Column(source="Mã giao dịch"),
        "amount": Column(source="Số tiền", steps=("digits", "/100")),
        "status": Column(source="Trạng thái"),
        "paid_at": Column(source="Thời gian", steps=("time:%d/%m/%Y %H:%M:%S",)),
        "kind": Column(source="Loại"),
    },
    kinds={"Thanh toán": Kind.PAY, "Hoàn tiền": Kind.REFUND},
    statuses={"Thành công": Standing.PAID, "Thất bại": Standing.FAILED},
)
SHEET = (
    "Báo cáo ngày;21/09/2026\r\n"
    "Thời gian;Loại;Mã đơn hàng;Mã giao dịch;Số tiền;Trạng thái\r\n"
    f"21/09/2026 12:00:00;Thanh toán;260921_{REF};99;50.000.000;thành công\r\n"
    "\r\n"
    f"21/09/2026 13:00:00;Hoàn tiền;260921_{REF};100;1.000.000;Thành công\r\n"
    "Tổng cộng;;;;51.000.000;\r\n"
)


def test_a_foreign_layout_is_data_columns_steps_and_words() -> None:
    """Another header, amounts times a hundred with dots, a prefixed reference, times of Viet Nam, Vietnamese words."""
    rows = sorted(rows_of(SHEET.encode(), TABLE, part_rows=1), key=lambda row: row.seq)
    assert [(row.ref, row.kind, row.standing, row.amount, row.paid_at) for row in rows] == [
        (REF, Kind.PAY, Standing.PAID, 500_000, datetime(2026, 9, 21, 5, tzinfo=UTC)),
        (REF, Kind.REFUND, Standing.REFUNDED, 10_000, datetime(2026, 9, 21, 6, tzinfo=UTC)),
    ]


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("Mã giao dịch", "Mã GD", "columns"),
        ("Số tiền;Trạng thái", "Số tiền;Số tiền", "columns"),
        ("thành công", "đang chờ", "status"),
        ("50.000.000", "50.000.001", "amount"),
        ("Tổng cộng;;;;51.000.000;", "", "trailer"),
    ],
)
def test_a_foreign_file_that_does_not_fit_its_layout_is_bad(before: str, after: str, code: str) -> None:
    """A layout that no longer fits is a person's business, never a guess."""
    assert code in {name for name, _ in faults(SHEET.replace(before, after).encode(), TABLE)}


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        (f"MBVCB.77.{REF.upper()}.CT tu 0011", REF),
        (f"{REF} {REF}", REF),
        (f"x{REF}", ""),
        (f"{REF} 0123456789abda1", ""),
        ("nop phi", ""),
    ],
)
def test_a_bank_line_names_our_reference_in_its_text_exactly_once_or_not_at_all(text: str, ref: str) -> None:
    """Facts 3.13: banks copy the purpose only; a text with two references names neither."""
    layout = Layout(
        form="table",
        header_line=0,
        columns={
            "merchant_ref": Column(source="1", steps=("reference",)),
            "amount": Column(source="2"),
            "paid_at": Column(source="3", steps=("epoch_ms",)),
        },
    )
    (row,) = rows_of(written([[text, "500000", str(int(NOON.timestamp() * 1000))]]), layout)
    assert (row.ref, row.paid_at) == (ref, NOON.astimezone(UTC))


@pytest.mark.parametrize(
    "tree",
    [
        {"columns": {"amount": {"source": "x"}}},
        {"form": "table", "columns": {"amount": {"source": "x"}}},
        {"form": "table", "columns": {"amunt": {"source": "x"}}},
        {
            "form": "table",
            "header_line": 0,
            "columns": {name: {"source": "x"} for name in ("merchant_ref", "amount", "paid_at")},
        },
        {"form": "table", "columns": {"amount": {"source": "x", "steps": ["round"]}}},
        {"form": "table", "columns": {"amount": {"source": "x", "steps": ["time:"]}}},
    ],
)
def test_a_layout_by_which_nothing_could_be_read_is_refused_at_the_start(tree: dict[str, object]) -> None:
    """Not at night, when the file comes."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(tree, Layout)


def test_only_those_that_cannot_be_asked_are_believed_by_default() -> None:
    """Whoever answers queries is asked (facts 3.4, 3.13)."""
    chosen = SettlementSettings(providers={"momo": Statements(trust="statement")})
    assert {name: chosen.of(name).trust for name in ("vnpay", "paygov", "vietqr", "momo")} == {
        "vnpay": "query",
        "paygov": "statement",
        "vietqr": "statement",
        "momo": "statement",
    }
    assert chosen.of("vietqr").side_file and not chosen.of("vnpay").side_file


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from([f"{n:013d}a{m}" for n in range(6) for m in (1, 2)] + ["foreign", "ngoại"]), max_size=20),
    st.integers(1, 7),
)
def test_every_row_stands_in_exactly_one_part_that_of_its_payment(refs: list[str], part_rows: int) -> None:
    """All rows of a payment come together, however the file is cut."""
    raw = statement(*(pay(seq, ref) for seq, ref in enumerate(refs, start=1)))
    found, stream = examined(raw, part_rows=part_rows), io.BytesIO(raw)
    parts = {row.seq: part for part in range(found.parts) for row in found.part(stream, part)}
    assert parts == {seq: part_of(payment_of(ref), found.parts) for seq, ref in enumerate(refs, start=1)}


def test_a_file_that_was_exchanged_meanwhile_is_found_out() -> None:
    """Between the judgement and a part."""
    raw = statement(pay(1, REF))
    found = examined(raw)
    with pytest.raises(FileBad):
        list(found.part(io.BytesIO(raw[: len(raw) // 2]), 0))


def test_a_row_costs_a_few_bytes_whatever_it_says() -> None:
    """What is kept of a file while it is settled is no more than forty bytes for each row."""
    raw = statement(*(pay(seq, f"{seq:013d}a1", note="x" * 300) for seq in range(1, 5001)))
    stream = io.BytesIO(raw)
    tracemalloc.start()
    try:
        found = examine(stream, read_name(NAME), OWN, 400, SHIFT)
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert found.rows == 5000 and kept < 5000 * 40 + 100_000
    assert found.named.business_date == DAY
