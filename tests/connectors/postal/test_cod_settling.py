"""From the drop folder to settled parcels, on a real journal: what carriers pay over beside what their postmen collected."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from pathlib import Path

import msgspec
import pytest

from connectors.kit.contract import Decided
from connectors.kit.errors import CannotMap, NotSent
from connectors.kit.settlement.deciding import closed_difference
from connectors.kit.settlement.drop_folder import KNOWN, REFUSED, SETTLED
from connectors.kit.settlement.state import part_id
from connectors.postal.changes import CodDecided
from connectors.postal.cod_days import COD
from connectors.postal.cod_review import CodReview
from connectors.postal.cod_settings import CodLayout, CodSettings, CodStatements
from connectors.postal.ledger import proposal_fields
from connectors.postal.model import CodState
from mappings.dates import local_date
from mappings.settlement_sums import Count
from tests.connectors.postal.cod_office import (
    COLLECTED,
    CUSTOMER,
    DAY,
    NAME,
    CodOffice,
    carrier,
    order_number,
    paid,
    settings_with,
    statement,
    written,
)

SECOND = NAME.replace("_1.csv", "_2.csv")


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[CodOffice]:
    """An office with an empty drop folder."""
    opened = CodOffice(tmp_path)
    yield opened
    await opened.journal.close()


async def test_what_was_collected_and_paid_over_costs_nobody_a_look(office: CodOffice) -> None:
    """Parcels, sums, day and file all say so."""
    for number in (1, 2, 3):
        await office.deliver(number)
    await office.settle()
    assert [(one.state, one.over) for one in (await office.day()).parcels] == [(CodState.COLLECTED, False)] * 3
    office.put(NAME, statement(*(paid(n, n) for n in (1, 2, 3))))
    await office.settle()
    head = await office.head()
    assert head.sums.pay == {"MATCHED": Count(3, 450_000, 450_000)}
    assert [(one.share.name, one.count, one.amount) for one in head.sums.shares] == [("Phí thẩm định", 3, 450_000)]
    assert [(await office.shipment(n)).cod for n in (1, 2, 3)] == [CodState.REMITTED] * 3
    assert (office.folder / SETTLED / NAME).is_file() and not (office.folder / NAME).exists()
    await office.review()
    day = await office.day()
    assert [(one.paid_over, one.over) for one in day.parcels] == [(150_000, True)] * 3 and not day.open
    assert office.alarms == [] and await office.open_differences() == []


async def test_less_than_was_collected_is_a_difference_until_the_rest_comes(office: CodOffice) -> None:
    """The second statement pays the rest; then both are even, and nobody had to close anything."""
    await office.deliver(1)
    office.put(NAME, statement(paid(1, 1, 100_000)))
    await office.settle()
    assert await office.open_differences() == [(order_number(1), "AMOUNT_DIFF", "")]
    assert (await office.shipment(1)).cod is CodState.SHORT
    assert "postal.settlement_differences" in [code for code, _ in office.alarms]
    office.put(f"cod_vnpost_{CUSTOMER}_20261119_1.csv", statement(paid(1, 1, 50_000), day="20261119"))
    await office.settle()
    await office.review()
    assert (await office.shipment(1)).cod is CodState.REMITTED
    assert (await office.head("20261119")).sums.pay == {"MATCHED": Count(1, 50_000, 50_000)}
    assert [one.closed for one in await office.differences()] == ["evened_out"]


async def test_money_for_a_parcel_that_nobody_reported_collected_is_a_difference_until_the_scan_comes(
    office: CodOffice,
) -> None:
    """A lost scan: the statement is the first to speak of the money."""
    await office.order(1)
    office.put(NAME, statement(paid(1, 1)))
    await office.settle()
    assert await office.open_differences() == [(order_number(1), "PAID_AT_PROVIDER_ONLY", "")]
    await office.deliver_scan(1)
    await office.review()
    assert [one.closed for one in await office.differences()] == ["collected_now"]


async def test_a_parcel_that_is_paid_for_twice_is_named_and_stays_until_it_is_taken_back(office: CodOffice) -> None:
    """In one statement or in two: nobody keeps money that was not owed, and taking it back evens it out."""
    await office.deliver(1)
    await office.deliver(2)
    office.put(NAME, statement(paid(1, 1), paid(2, 1), paid(3, 2)))
    await office.settle()
    second = f"cod_vnpost_{CUSTOMER}_20261119_1.csv"
    office.put(second, statement(paid(1, 2), day="20261119"))
    await office.settle()
    await office.review()
    assert await office.open_differences() == [(order_number(1), "DUPLICATE", "second_transaction")]
    assert await office.open_differences("20261119") == [(order_number(2), "DUPLICATE", "other_attempt_paid")]
    assert sum(one.amount for one in (await office.shipment(2)).cod_settlements) == 300_000
    office.now += timedelta(days=2)
    back = [paid(n, n, kind="REFUND") for n in (1, 2)]
    office.put(f"cod_vnpost_{CUSTOMER}_20261120_1.csv", statement(*back, day="20261120"))
    await office.settle()
    await office.review()
    assert [sum(one.amount for one in (await office.shipment(n)).cod_settlements) for n in (1, 2)] == [150_000] * 2
    assert await office.open_differences() == [] and await office.open_differences("20261119") == []


async def test_parcels_that_are_not_ours_are_listed_with_their_number_and_touch_nobody(office: CodOffice) -> None:
    """By number and by item code; nothing of it is entered anywhere but in the settlement."""
    await office.deliver(1)
    row = paid(2, 1, order_number="", item_code="RA999999999VN")
    office.put(NAME, statement(paid(1, 1), row, paid(3, 1, order_number="KHACH-LA-1")))
    await office.settle()
    assert await office.open_differences() == [
        ("KHACH-LA-1", "PAID_AT_PROVIDER_ONLY", "unknown_reference"),
        ("RA999999999VN", "PAID_AT_PROVIDER_ONLY", "unknown_reference"),
    ]
    assert (await office.head()).sums.pay["MATCHED"] == Count(1, 150_000, 150_000)


async def test_a_parcel_is_found_by_the_item_code_alone(office: CodOffice) -> None:
    """Carriers know their own code best; written in small letters it is the same one."""
    await office.deliver(7)
    office.put(NAME, statement(paid(1, 7, order_number="", item_code="ra000000007vn")))
    await office.settle()
    assert (await office.shipment(7)).cod is CodState.REMITTED and await office.open_differences() == []


async def test_the_id_of_a_shipment_in_place_of_an_item_code_finds_nothing(office: CodOffice) -> None:
    """An id of ours is no code of the carrier: whoever writes one into that column names no parcel by it."""
    shipment_id = await office.deliver(1)
    office.put(NAME, statement(paid(1, 1, order_number="", item_code=shipment_id)))
    await office.settle()
    assert (await office.shipment(1)).cod is CodState.COLLECTED
    assert [detail for _, _, detail in await office.open_differences()] == ["unknown_reference"]


async def test_a_corrected_file_replaces_what_the_one_before_it_said_of_every_parcel(office: CodOffice) -> None:
    """One parcel gets another sum, one is named no more, one stays; what is named no more is owed again."""
    for number in (1, 2, 3):
        await office.deliver(number)
    office.put(NAME, statement(*(paid(n, n) for n in (1, 2, 3))))
    await office.settle()
    office.put(SECOND, statement(paid(1, 1), paid(2, 2, 90_000)))
    await office.settle()
    assert [(await office.shipment(n)).cod for n in (1, 2, 3)] == [
        CodState.REMITTED,
        CodState.SHORT,
        CodState.COLLECTED,
    ]
    assert [file.state for file in (await office.head()).files] == ["superseded", "settled"]
    await office.review()
    assert [one.paid_over for one in (await office.day()).parcels] == [150_000, 90_000, 0]
    # A third file says again what the first one said: it is news all the same.
    office.put(NAME.replace("_1.csv", "_3.csv"), statement(*(paid(n, n) for n in (1, 2, 3)), paid(4, 3, 0)))
    await office.settle()
    assert [(await office.shipment(n)).cod for n in (1, 2, 3)] == [CodState.REMITTED] * 3


async def test_the_same_file_again_and_an_older_one_change_nothing(office: CodOffice) -> None:
    """Both are put away, unread."""
    await office.deliver(1)
    raw = statement(paid(1, 1))
    office.put(SECOND, raw)
    await office.settle()
    office.put(NAME, statement(paid(1, 1, 10_000)))
    office.put(NAME.replace("_1.csv", "_9.csv"), raw)
    await office.settle()
    assert (await office.shipment(1)).cod is CodState.REMITTED
    assert sorted(path.name for path in (office.folder / KNOWN).iterdir()) == [
        NAME,
        f"{NAME}.ly-do.txt",
        NAME.replace("_1.csv", "_9.csv"),
    ]


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([paid(1, 1), paid(1, 2)], "seq_repeated"),
        ([paid(1, 1, order_number="")], "parcel"),
        ([paid(1, 1, "150.000")], "amount"),
        ([paid(1, 1, "-1")], "amount"),
        ([paid(1, 1, status="hứa")], "status"),
        ([paid(1, 1, kind="GIVE")], "kind"),
        ([paid(1, 1, paid_at="2026-11-19T08:00:00")], "date"),
        ([paid(1, 1, paid_at="hôm qua")], "paid_at"),
        ([paid(1, 1, order_number="x" * 101)], "code"),
    ],
)
async def test_a_file_with_one_bad_row_is_refused_as_a_whole(
    office: CodOffice, rows: list[list[str]], code: str
) -> None:
    """Nothing of it is used, and the reason lies beside it for an accountant."""
    await office.deliver(1)
    header = ["H", "1", "vnpost", CUSTOMER, DAY, "", "VND"]
    office.put(NAME, written(header, *rows, ["T", "1", "150000", "0", "0", "0", "0"]))
    await office.settle()
    assert (await office.shipment(1)).cod is CodState.COLLECTED
    [file] = (await office.head()).files
    assert file.state == "refused" and code in [fault.code for fault in file.faults]
    assert (office.folder / REFUSED / f"{NAME}.ly-do.txt").read_text(encoding="utf-8")
    assert "postal.statement_bad" in [alarm for alarm, _ in office.alarms]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (NAME.replace(CUSTOMER, "KHAC"), "customer"),
        (NAME.replace("vnpost", "viettel"), "name"),
        (NAME.replace("20261118", "20261318"), "name"),
        (NAME.replace("cod_", "recon_"), "name"),
        (NAME.replace(DAY, "20261121"), "date"),
    ],
)
async def test_a_file_of_nobody_whom_we_know_is_refused(office: CodOffice, name: str, code: str) -> None:
    """Another customer, another carrier, a day that is none, a statement of another kind."""
    office.put(name, statement(paid(1, 1)))
    await office.settle()
    assert (office.folder / REFUSED / name).is_file()
    [(alarm, text)] = office.alarms
    assert alarm == "postal.statement_bad" and f"({code})" in text


async def test_a_carrier_whose_name_holds_that_of_another_gets_its_own_file(office: CodOffice) -> None:
    """`vnpost_hue` is not `vnpost` with the customer `hue_…`."""
    name = f"cod_vnpost_hue_{CUSTOMER}_{DAY}_1.csv"
    raw = statement(paid(1, 1)).replace(b"VNPOST", b"VNPOST_HUE")
    office.put(name, raw)
    await office.settle()
    assert (office.folder / SETTLED / name).is_file()


async def test_a_carrier_that_must_vouch_for_its_files_is_believed_with_the_digest_only(tmp_path: Path) -> None:
    """Without the side file, or with another digest in it, the file is bad."""
    office = CodOffice(tmp_path, {"carriers": {"vnpost": CodStatements(side_file=True)}})
    await office.deliver(1)
    raw = statement(paid(1, 1))
    office.put(NAME, raw)
    await office.settle()
    assert (await office.shipment(1)).cod is CodState.COLLECTED
    office.put(f"{SECOND}.sha256", hashlib.sha256(raw).hexdigest().encode())
    office.put(SECOND, raw)
    await office.settle()
    assert (await office.shipment(1)).cod is CodState.REMITTED
    await office.journal.close()


async def test_a_foreign_table_is_read_by_its_layout(tmp_path: Path) -> None:
    """Columns by their names, sums with dots, words of the carrier's own, and rows that are promised only."""
    layout = msgspec.convert(
        {
            "form": "table",
            "separator": ";",
            "columns": {
                "order_number": {"source": "Số hiệu đơn"},
                "amount": {"source": "Số tiền", "steps": ["digits"]},
                "status": {"source": "Tình trạng"},
            },
            "statuses": {"Đã trả": "paid", "Chờ": "pending"},
            "trailer": "Cộng",
        },
        CodLayout,
    )
    office = CodOffice(tmp_path, {"carriers": {"vnpost": CodStatements(layout=layout)}})
    await office.deliver(1)
    await office.deliver(2)
    text = (
        "STT;Số hiệu đơn;Số tiền;Tình trạng\n"
        f"1;{order_number(1)};150.000;Đã trả\n2;{order_number(2)};150.000;Chờ\nCộng;;300.000;\n"
    )
    office.put(NAME, text.encode())
    await office.settle()
    assert [(await office.shipment(n)).cod for n in (1, 2)] == [CodState.REMITTED, CodState.COLLECTED]
    assert await office.open_differences() == [(order_number(2), "STATUS_DIFF", "not_paid_there")]
    await office.journal.close()


async def test_the_poller_goes_on_where_it_stood_whatever_page_it_died_after(tmp_path: Path) -> None:
    """A new process for every page, and each page asked for twice before it is stored: the outcome is that of one run."""
    office = CodOffice(tmp_path, {"part_rows": 2})
    for number in range(1, 8):
        await office.deliver(number)
    office.put(NAME, statement(*(paid(n, n) for n in range(1, 8))))
    for _ in range(40):
        office.restart()
        await office.settling.poll(office.cursor)  # dies before it is stored
        office.restart()
        await office.step()
    head = await office.head()
    assert head.sums.pay == {"MATCHED": Count(7, 1_050_000, 1_050_000)} and head.files[0].parts == 4
    assert [(await office.shipment(n)).cod for n in range(1, 8)] == [CodState.REMITTED] * 7
    assert [len((await office.shipment(n)).cod_settlements) for n in range(1, 8)] == [1] * 7
    await office.journal.close()


async def test_money_that_nobody_pays_over_is_an_alarm_once_after_the_days_that_are_given(office: CodOffice) -> None:
    """Seven business days by default; holidays and weekends do not count, and one alarm is enough."""
    await office.deliver(1)
    await office.deliver(2)
    await office.settle()
    office.now = COLLECTED + timedelta(days=9)
    await office.settle()
    assert office.alarms == []
    office.now = COLLECTED + timedelta(days=11)
    await office.settle()
    await office.review()
    overdue = [text for code, text in office.alarms if code == "postal.cod_overdue"]
    assert len(overdue) == 1 and "2 bưu gửi" in overdue[0] and "300000" in overdue[0]
    assert (await office.day()).late_since is not None


async def test_what_operators_decided_about_the_money_of_a_parcel_is_waited_for_no_more(office: CodOffice) -> None:
    """Closed short: the parcel owes nothing more, and its difference says who decided."""
    await office.deliver(1)
    office.put(NAME, statement(paid(1, 1, 100_000)))
    await office.settle()
    decided = CodDecided(
        at=office.now.astimezone(UTC),
        decision="close_short",
        reason="bưu chính đã lập biên bản",
        decided_by="lan",
        approved_by="minh",
        decision_id="d-1",
    )
    await office.tell(1, decided)
    await office.review()
    assert [one.closed for one in await office.differences()] == ["decided"]
    assert (await office.day()).open == ()


async def test_an_operator_closes_a_difference_with_a_signature(office: CodOffice) -> None:
    """By part and place, as the report shows them; what is closed already, or is none, is not signed for."""
    office.put(NAME, statement(paid(1, 9)))
    await office.settle()
    where = part_id("vnpost", DAY, (await office.head()).current, 0)

    def asked(place: str, who: str = "lan") -> Decided:
        return Decided("close_difference", where, {"place": place}, f"d-{who}", who, "", "đã đối chiếu", office.now)

    await office.take(await closed_difference(office.shelf, COD, asked("0")))
    assert [(one.closed, one.closed_by) for one in await office.differences()] == [("by_person", "lan")]
    for place, who in (("1", "lan"), ("-1", "lan"), ("", "lan"), ("0", "minh")):
        with pytest.raises(CannotMap):
            await closed_difference(office.shelf, COD, asked(place, who))


async def test_without_a_drop_folder_collected_money_is_followed_all_the_same(tmp_path: Path) -> None:
    """A carrier's own word in its scans pays, where no statement does."""
    office = CodOffice(tmp_path, {"statements_dir": ""})
    await office.deliver(1)
    await office.settle()
    assert len((await office.day()).open) == 1
    await office.deliver_scan(
        1, at=COLLECTED + timedelta(days=1), event_id="paid", means="cod_remitted", raw_code="120"
    )
    await office.review()
    assert [(one.state, one.paid_over) for one in (await office.day()).parcels] == [(CodState.REMITTED, 150_000)]
    await office.journal.close()


async def test_a_collection_that_turns_out_to_be_of_another_day_moves_there(office: CodOffice) -> None:
    """An earlier scan comes late: the day that was marked first holds the parcel no more."""
    await office.deliver(1, means="delivered")
    await office.settle()
    await office.deliver_scan(
        1, at=COLLECTED - timedelta(days=1), event_id="earlier", means="cod_collected", raw_code="110"
    )
    await office.review()
    assert (await office.shipment(1)).cod_collected_at == COLLECTED - timedelta(days=1)
    assert (await office.day()).parcels == ()
    assert len((await office.day(COLLECTED - timedelta(days=1))).parcels) == 1


def test_the_settings_of_statements_refuse_what_could_not_be_read() -> None:
    """A layout that names no parcel, a step that is not for parcels, a window shorter than the days that are waited for."""
    for tree in (
        {"form": "table", "columns": {"amount": {"source": "A"}}},
        {"form": "table", "columns": {"order_number": {"source": "A"}}},
        {
            "form": "table",
            "columns": {"order_number": {"source": "A", "steps": ["reference"]}, "amount": {"source": "B"}},
        },
        {"form": "own", "columns": {"amount": {"source": "A"}}},
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(tree, CodLayout)
    for wrong in ({"statements_dir": "x"}, {"part_rows": 0}, {"remit_days": 50}, {"quiet_s": -1.0}):
        with pytest.raises(ValueError, match="cod"):
            CodSettings(**wrong)


async def test_a_correction_that_takes_back_what_was_proposed_as_paid_is_an_alarm(office: CodOffice) -> None:
    """A payment that was told is never taken back by a program: people hear of it, and of nothing the second time."""
    await office.deliver(1)
    office.put(NAME, statement(paid(1, 1)))
    await office.settle()
    assert "postal.cod_taken_back" not in [code for code, _ in office.alarms]
    office.put(SECOND, statement(paid(1, 1, 20_000)))
    await office.settle()
    office.put(NAME.replace("_1.csv", "_3.csv"), statement(paid(1, 1, 10_000)))
    await office.settle()
    assert [code for code, _ in office.alarms].count("postal.cod_taken_back") == 1


async def test_a_fee_that_only_a_statement_speaks_of_is_proposed_with_the_moment_that_it_names(
    office: CodOffice,
) -> None:
    """No scan told of the collection: the payment has the time at which it was paid over."""
    await office.order(1)
    office.put(NAME, statement(paid(1, 1, paid_at="2026-11-18T16:00:00+07:00")))
    await office.settle()
    cod = proposal_fields(await office.shipment(1))["cod"]
    assert isinstance(cod, dict)
    assert (cod["state"], cod["collected_at"], cod["remitted_at"]) == ("remitted", "", "2026-11-18T09:00:00+00:00")


def test_a_customer_code_that_no_file_could_bear_is_named_before_the_start(tmp_path: Path) -> None:
    """Only where files are taken: their names hold it."""
    odd = carrier(customer="BV/HTTDL 01")
    assert settings_with((odd,)).carriers == (odd,)
    with pytest.raises(ValueError, match="customer"):
        settings_with((odd,), statements_dir=str(tmp_path))
    with pytest.raises(ValueError, match="khac"):
        settings_with((carrier(),), carriers={"khac": CodStatements()})


async def test_a_folder_that_cannot_be_read_is_no_trouble_of_the_carriers(tmp_path: Path) -> None:
    """An operator hears of it; the breaker of the post, which holds back orders, does not."""
    office = CodOffice(tmp_path / "gone")
    with pytest.raises(NotSent) as raised:
        await office.step()
    assert raised.value.partial
    await office.journal.close()


async def test_a_carrier_that_is_configured_no_more_stops_no_other_file(tmp_path: Path) -> None:
    """Its file was under way when the settings changed: it is refused, and the next one is settled."""
    office = CodOffice(tmp_path, {"part_rows": 1})
    await office.deliver(1)
    name = f"cod_vnpost_hue_{CUSTOMER}_{DAY}_1.csv"
    office.put(name, statement(paid(1, 1), paid(2, 2)).replace(b"VNPOST", b"VNPOST_HUE"))
    await office.step()
    office.settings = settings_with((carrier(),), statements_dir=str(tmp_path), quiet_s=0.0)
    office.restart()
    office.put(NAME, statement(paid(1, 1)))
    await office.settle()
    assert (office.folder / REFUSED / name).is_file()
    assert (await office.shipment(1)).cod is CodState.REMITTED
    await office.journal.close()


async def test_money_that_is_paid_over_long_after_the_window_stands_in_the_report_of_its_day(tmp_path: Path) -> None:
    """Months late: nobody looks at such a day any more, but for a statement that spoke of it."""
    office = CodOffice(tmp_path, {"window_days": 20, "remit_days": 7})
    await office.deliver(1)
    await office.settle()
    assert len((await office.day()).open) == 1
    office.now = COLLECTED + timedelta(days=120)
    late = f"{office.now - timedelta(days=1):%Y%m%d}"
    office.put(NAME.replace(DAY, late), statement(paid(1, 1), day=late))
    await office.settle()
    await office.review()
    assert [(one.paid_over, one.over) for one in (await office.day()).parcels] == [(150_000, True)]
    assert (await office.day()).stale == ()
    await office.journal.close()


async def test_a_round_of_many_parcels_comes_to_its_end_whatever_carriers_are_called(tmp_path: Path) -> None:
    """One name is the beginning of another, with a sign that sorts before the slash; a page holds one day each."""
    office = CodOffice(tmp_path, {"statements_dir": ""})
    review = CodReview(office.settings.cod, ["vnpost-hue", "vnpost"], office.kit, page=1)
    after, seen, pages = "", 0, 0
    for number in range(1, 4):
        await office.deliver(number, at=COLLECTED - timedelta(days=number))
    for _ in range(500):
        looked = await review.look(0.0, after)
        assert looked is not None
        seen, pages = seen + len(looked.changes), pages + 1
        after = looked.after
        if not after:
            break
    assert (after, seen) == ("", 3) and pages >= 4
    first = review.places(local_date(office.now))
    assert first == sorted(first) and first[-1].startswith("vnpost/")
    await office.journal.close()
