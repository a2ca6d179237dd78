"""From the drop folder to closed differences, on a real journal: files judged, matched part by part, and what follows of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from connectors.kit.contract import Decided
from connectors.kit.errors import CannotMap, NotSent
from connectors.kit.settlement.drop_folder import KNOWN, REFUSED, SETTLED, DropFolder
from connectors.kit.settlement.state import part_id
from connectors.payment.decisions import Decisions
from connectors.payment.model import State
from connectors.payment.settling import Settling
from connectors.payment.statements import NAMING
from mappings.codec import encode
from mappings.dates import VIETNAM
from mappings.settlement_sums import Count
from tests.connectors.payment.office import NIGHT, Office
from tests.connectors.payment.statement_files import NAME, NOON, header, pay, statement

LATER = NOON + timedelta(seconds=30)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """An office with an empty drop folder."""
    opened = Office(tmp_path)
    yield opened
    await opened.journal.close()


def ref(payment_id: str, number: int = 1) -> str:
    """The reference of an attempt."""
    return f"{payment_id}a{number}"


async def paid(office: Office, request: str, txn_id: str, at: datetime = LATER) -> str:
    """A fee that our books have as paid."""
    payment_id = await office.ask_for(request)
    await office.pay(payment_id, txn_id, at)
    return payment_id


async def test_a_day_on_which_everything_agrees_costs_nobody_a_look(office: Office) -> None:
    """Files, sums and payments all say so; the file lies among the settled ones."""
    ids = [await paid(office, f"yc-{n}", f"14{n:06d}") for n in (1, 2, 3)]
    office.put(NAME, statement(*(pay(n, ref(payment_id)) for n, payment_id in enumerate(ids, start=1))))
    await office.settle()
    head = await office.head()
    assert head.sums.pay == {"MATCHED": Count(3, 1_500_000, 1_500_000)}
    assert [(file.state, file.rows, file.figures[1]) for file in head.files] == [("settled", 3, 1_500_000)]
    assert [(await office.payment(p)).settled for p in ids] == [(("vnpay", "20260921", "MATCHED"),)] * 3
    assert (office.folder / SETTLED / NAME).is_file() and not (office.folder / NAME).exists()
    assert office.alarms == [] and await office.open_differences() == []


async def test_money_that_we_never_heard_of_is_asked_about_then_paid_then_closed(office: Office) -> None:
    """The notice was lost: the statement alone pays nothing where the intermediary can be asked."""
    payment_id = await office.ask_for("yc-1")
    office.put(NAME, statement(pay(1, ref(payment_id))))
    await office.settle()
    payment = await office.payment(payment_id)
    assert payment.state is not State.PAID and payment.due == NIGHT + timedelta(seconds=2)
    assert await office.open_differences() == [(ref(payment_id), "PAID_AT_PROVIDER_ONLY", "")]
    assert [code for code, _ in office.alarms] == ["payment.settlement_differences"]
    await office.pay(payment_id, "14000001", LATER)
    assert (await office.payment(payment_id)).state is State.PAID
    office.now += timedelta(hours=2)
    await office.settle()
    assert await office.open_differences() == []
    assert [one.closed for part in await office.parts() for one in part.differences] == ["paid_here_now"]


async def test_a_bank_feed_pays_what_nobody_can_be_asked_about(tmp_path: Path) -> None:
    """VietQR has no query: its statement, vouched for by its side file, is the proof (facts 3.13)."""
    office = Office(tmp_path)
    payment_id = await office.ask_for("yc-1", provider="vietqr")
    raw = statement(pay(1, ref(payment_id)), first=header("VIETQR", "0011001234567"))
    name = "recon_vietqr_0011001234567_20260921_1.csv"
    office.put(name + ".sha256", hashlib.sha256(raw).hexdigest().encode())
    office.put(name, raw)
    await office.settle()
    payment = await office.payment(payment_id)
    assert (payment.state, payment.paid_by) == (State.PAID, "statement")
    assert payment.attempts[0].txn_id == "14000001"
    await office.journal.close()


async def test_a_bank_feed_that_nobody_vouches_for_pays_nothing(tmp_path: Path) -> None:
    """Without its side file, or with another digest in it, the file is bad."""
    office = Office(tmp_path)
    payment_id = await office.ask_for("yc-1", provider="vietqr")
    raw = statement(pay(1, ref(payment_id)), first=header("VIETQR", "0011001234567"))
    first, second = (f"recon_vietqr_0011001234567_20260921_{n}.csv" for n in (1, 2))
    office.put(first, raw)
    office.put(second, raw + b" ")
    office.put(second + ".sha256", hashlib.sha256(raw).hexdigest().encode())
    await office.settle()
    assert (await office.payment(payment_id)).state is not State.PAID
    head = await office.head("vietqr")
    assert [(file.state, file.faults[0].code) for file in head.files] == [("refused", "side_file")] * 2
    await office.journal.close()


async def test_an_underpayment_in_a_bank_feed_is_evidence_for_people_never_the_fee(tmp_path: Path) -> None:
    """Abuse case A32, by free transfer."""
    office = Office(tmp_path)
    payment_id = await office.ask_for("yc-1", provider="vietqr")
    raw = statement(pay(1, ref(payment_id), 400_000), first=header("VIETQR", "0011001234567"))
    name = "recon_vietqr_0011001234567_20260921_1.csv"
    office.put(name + ".sha256", hashlib.sha256(raw).hexdigest().encode())
    office.put(name, raw)
    await office.settle()
    payment = await office.payment(payment_id)
    assert payment.state is not State.PAID and "underpaid" in payment.flags and payment.attempts[0].held
    await office.journal.close()


async def test_what_was_paid_twice_is_named_with_its_refund_and_closes_when_that_is_done(office: Office) -> None:
    """Both transactions were notified; our books asked for the refund already."""
    payment_id = await paid(office, "yc-1", "14000001")
    await office.pay(payment_id, "14000002", LATER)
    office.put(NAME, statement(pay(1, ref(payment_id)), pay(2, ref(payment_id))))
    await office.settle()
    head = await office.head()
    assert head.sums.pay == {
        "DUPLICATE": Count(1, 500_000, 500_000),
        "MATCHED": Count(1, 500_000, 500_000),
    }
    assert await office.open_differences() == [(ref(payment_id), "DUPLICATE", "known")]


async def test_a_bad_file_changes_nothing_and_says_line_by_line_why(office: Office) -> None:
    """The result of the day before it stays; the reasons lie beside it, in Vietnamese."""
    payment_id = await paid(office, "yc-1", "14000001")
    office.put(NAME, statement(pay(1, ref(payment_id))))
    await office.settle()
    before = await office.head()
    bad = NAME.replace("_1.csv", "_2.csv")
    office.put(bad, statement(pay(1, ref(payment_id)), pay(1, ref(payment_id))))
    await office.settle()
    head = await office.head()
    assert (head.current, head.sums) == (before.current, before.sums)
    assert [file.state for file in head.files] == ["settled", "refused"]
    assert [(fault.code, fault.line) for fault in head.files[1].faults] == [("seq_repeated", 3)]
    reasons = (office.folder / REFUSED / f"{bad}.ly-do.txt").read_text(encoding="utf-8")
    assert reasons == "Dòng 3: Số thứ tự 1 bị lặp.\n"
    assert [code for code, _ in office.alarms] == ["payment.statement_bad"]


async def test_a_file_whose_name_says_nothing_is_put_aside_and_told(office: Office) -> None:
    """Also one of an intermediary that is not configured, or of another merchant."""
    office.put("sao-ke.csv", b"x")
    office.put("recon_zalopay_1_20260921_1.csv", b"x")
    office.put("recon_vnpay_OTHER_20260921_1.csv", b"x")
    await office.settle()
    assert sorted(path.name for path in (office.folder / REFUSED).glob("*.csv")) == [
        "recon_vnpay_OTHER_20260921_1.csv",
        "recon_zalopay_1_20260921_1.csv",
        "sao-ke.csv",
    ]
    assert len(office.alarms) == 3


async def test_a_corrected_file_takes_the_place_of_the_first_and_never_the_other_way_round(office: Office) -> None:
    """By its number: a lower one that comes late is put away; the same file again changes nothing."""
    one, two = await paid(office, "yc-1", "14000001"), await paid(office, "yc-2", "14000002")
    half, whole = statement(pay(1, ref(one))), statement(pay(1, ref(one)), pay(2, ref(two)))
    office.put(NAME, half)
    await office.settle()
    assert await office.open_differences() == [(ref(two), "PAID_HERE_ONLY", "")]
    office.put(NAME.replace("_1.csv", "_3.csv"), whole)
    await office.settle()
    assert (await office.head()).sums.pay == {"MATCHED": Count(2, 1_000_000, 1_000_000)}
    assert (await office.payment(two)).settled == (("vnpay", "20260921", "MATCHED"),)
    office.put(NAME.replace("_1.csv", "_2.csv"), statement(pay(1, ref(one)), pay(7, "x")))
    office.put(NAME, half)
    await office.settle()
    head = await office.head()
    assert [file.state for file in head.files] == ["superseded", "settled"]
    assert len(list((office.folder / KNOWN).glob("*.csv"))) == 2


@pytest.mark.parametrize("stop_after", [1, 2, 3, 4, 5])
async def test_a_stop_at_any_page_ends_in_the_same_settlement(tmp_path: Path, stop_after: int) -> None:
    """A new process goes on from the cursor; nothing is counted twice or left out."""
    office = Office(tmp_path, {"part_rows": 1})
    ids = [await paid(office, f"yc-{n}", f"14{n:06d}") for n in (1, 2, 3)]
    office.put(NAME, statement(*(pay(n, ref(payment_id)) for n, payment_id in enumerate(ids, start=1))))
    for _ in range(stop_after):
        await office.step()
    # A page that was made and never stored, as by a kill: the next process makes it again.
    await office.settling.poll(office.cursor)
    office.settling = Settling(office.settings, office.kit)
    await office.settle()
    head = await office.head()
    assert head.sums.pay == {"MATCHED": Count(3, 1_500_000, 1_500_000)}
    assert [(await office.payment(p)).settled[0][2] for p in ids] == ["MATCHED"] * 3
    await office.journal.close()


async def test_a_file_that_changes_while_it_is_settled_is_refused_and_may_come_again(tmp_path: Path) -> None:
    """What was judged is what is matched."""
    office = Office(tmp_path, {"part_rows": 1})
    ids = [await paid(office, f"yc-{n}", f"14{n:06d}") for n in (1, 2, 3)]
    raw = statement(*(pay(n, ref(payment_id)) for n, payment_id in enumerate(ids, start=1)))
    office.put(NAME, raw)
    await office.step()
    office.put(NAME, raw.replace(b"500000", b"500001"))
    office.settling = Settling(office.settings, office.kit)
    await office.settle()
    head = await office.head()
    assert (head.current, head.under_way) == ("", "")
    assert {fault.code for fault in head.files[0].faults} <= {"changed", "trailer_sum"}
    office.put(NAME, raw)
    await office.settle()
    assert (await office.head()).sums.pay == {"MATCHED": Count(3, 1_500_000, 1_500_000)}
    await office.journal.close()


async def test_what_no_statement_names_is_held_and_asked_about_after_two_business_days(office: Office) -> None:
    """Paid on a Monday: on Wednesday a person hears of it, once, and the intermediary is asked."""
    payment_id = await paid(office, "yc-1", "14000001")
    office.put(NAME, statement())
    await office.settle()
    office.alarms.clear()
    office.now = NIGHT + timedelta(hours=20)
    await office.settle()
    assert office.alarms == []
    office.now = NIGHT + timedelta(days=1, hours=1)
    await office.settle()
    assert [code for code, _ in office.alarms] == ["payment.settlement_overdue"]
    payment = await office.payment(payment_id)
    assert payment.state is State.PAID and payment.due == office.now + timedelta(seconds=2)
    office.now += timedelta(days=1)
    await office.settle()
    assert len(office.alarms) == 1


async def test_a_payment_at_midnight_closes_with_the_statement_of_the_next_day(office: Office) -> None:
    """Our clock says 23:59:58, theirs 00:00:03: DATE_SHIFT, each side counts it once."""
    late = datetime(2026, 9, 21, 23, 59, 58, tzinfo=VIETNAM)
    payment_id = await office.ask_for("yc-1", at=late - timedelta(minutes=5))
    await office.pay(payment_id, "14000001", late)
    office.put(NAME, statement())
    await office.settle()
    assert await office.open_differences() == [(ref(payment_id), "PAID_HERE_ONLY", "near_midnight")]
    office.now = NIGHT + timedelta(days=1)
    next_day = NAME.replace("20260921", "20260922")
    row = pay(1, ref(payment_id), paid_at="2026-09-22T00:00:03+07:00")
    office.put(next_day, statement(row, first=header(day="20260922")))
    await office.settle()
    office.now += timedelta(hours=2)
    await office.settle()
    assert await office.open_differences() == await office.open_differences(day="20260922") == []
    first, second = await office.head(), await office.head(day="20260922")
    assert first.sums.pay == {"PAID_HERE_ONLY": Count(1, 0, 500_000)}
    assert second.sums.pay == {"DATE_SHIFT": Count(1, 500_000, 0)}


async def test_a_day_with_payments_and_no_statement_is_an_alarm_once(office: Office) -> None:
    """After two business days."""
    await paid(office, "yc-1", "14000001")
    office.now = NIGHT + timedelta(days=1)
    await office.settle()
    office.now += timedelta(hours=3)
    await office.settle()
    assert [code for code, _ in office.alarms] == ["payment.statement_missing"]


async def test_a_contrary_statement_asks_and_never_takes_back(office: Office) -> None:
    """Paid here, failed there: the payment stays paid and its intermediary is asked now."""
    payment_id = await paid(office, "yc-1", "14000001")
    office.put(NAME, statement(pay(1, ref(payment_id), status="failed")))
    await office.settle()
    payment = await office.payment(payment_id)
    assert payment.state is State.PAID and payment.due == NIGHT + timedelta(seconds=2)
    assert await office.open_differences() == [(ref(payment_id), "STATUS_DIFF", "not_paid_there")]


async def test_the_ledgers_of_settlement_hold_nothing_of_persons(office: Office) -> None:
    """They are not sealed: codes, references and sums only."""
    payment_id = await paid(office, "yc-1", "14000001")
    office.put(NAME, statement(pay(1, ref(payment_id), note="NGUYEN VAN A 001090000000"), pay(2, "khach")))
    await office.settle()
    kept = encode([await office.head(), *(await office.parts())]).decode()
    assert "001090000000" not in kept and "NGUYEN" not in kept and "Nguyễn" not in kept


async def test_a_file_is_not_taken_while_somebody_may_still_be_writing_it(tmp_path: Path) -> None:
    """It must rest, or its side file must agree; unfinished names, links and folders are left alone."""
    office = Office(tmp_path, {"quiet_s": 3600.0}, now=datetime.now(VIETNAM))
    raw = statement()
    office.put(NAME, raw)
    office.put(NAME + ".part", raw)
    (tmp_path / NAME.replace("_1", "_9")).symlink_to(tmp_path / NAME)
    await office.settle()
    assert (tmp_path / NAME).exists()
    office.put(NAME + ".sha256", f"{hashlib.sha256(raw).hexdigest()}  {NAME}\n".encode())
    await office.settle()
    assert (tmp_path / SETTLED / NAME).exists() and (tmp_path / SETTLED / f"{NAME}.sha256").exists()
    assert (tmp_path / f"{NAME}.part").exists() and (tmp_path / NAME.replace("_1", "_9")).is_symlink()
    await office.journal.close()


async def test_nothing_that_was_put_away_is_overwritten_by_another_file_of_its_name(office: Office) -> None:
    """Three bad files under one name are three pieces of evidence, each with its reasons."""
    bad = [statement(pay(1, "x"), pay(1, name)) for name in ("a", "b", "c")]
    for raw in bad:
        office.put(NAME, raw)
        await office.settle()
    kept = sorted((office.folder / REFUSED).glob("*.csv"))
    assert {path.read_bytes() for path in kept} == set(bad) and len(kept) == 3
    assert all((path.parent / f"{path.name}.ly-do.txt").is_file() for path in kept)


async def test_a_file_that_nobody_can_name_stops_no_other(office: Office) -> None:
    """A name that is no UTF-8, or one without end: the good file is settled all the same, the others are left alone."""
    folder = os.fsencode(str(office.folder))
    strange = (b"n" * 240 + b".csv", b"\xff\xfe.csv")
    for name in strange:
        path = folder + b"/" + name
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        os.utime(path, (1, 1))  # nobody is writing it any more
    office.put(NAME, statement())
    await office.settle()
    assert [file.state for file in (await office.head()).files] == ["settled"]
    assert all(Path(os.fsdecode(folder + b"/" + name)).exists() for name in strange)


@pytest.mark.parametrize("goal", [SETTLED, REFUSED])
async def test_a_link_in_place_of_a_folder_for_people_moves_nothing_out_of_the_drop_folder(
    office: Office, tmp_path: Path, goal: str
) -> None:
    """Who may only drop files would else choose where the gateway puts them, beside its keys for instance."""
    keys = tmp_path / "keys"
    keys.mkdir()
    (office.folder / goal).symlink_to(keys, target_is_directory=True)
    name = NAME if goal == SETTLED else "shared-secret"
    office.put(name, statement() if goal == SETTLED else b"mine")
    with pytest.raises(NotSent):
        await office.settle()
    assert list(keys.iterdir()) == [] and (office.folder / name).is_file()


async def test_a_link_in_place_of_an_unfinished_file_overwrites_nothing(office: Office, tmp_path: Path) -> None:
    """The reasons of a refusal, and a statement that is sent in, are written beside files of strangers."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (office.folder / REFUSED).mkdir()
    (office.folder / REFUSED / ".bad.csv.ly-do.txt.tmp").symlink_to(victim)
    (office.folder / f".{NAME}.tmp").symlink_to(victim)
    office.put("bad.csv", b"x")
    await office.settle()
    DropFolder(office.folder, 0.0, NAMING).put(NAME, b"new")
    assert victim.read_bytes() == b"precious"
    assert (office.folder / REFUSED / "bad.csv.ly-do.txt").is_file() and (office.folder / NAME).read_bytes() == b"new"


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
async def test_a_side_file_that_is_no_file_vouches_for_nothing_and_stops_nothing(
    office: Office, tmp_path: Path, kind: str
) -> None:
    """A link to a device has no end, a pipe no beginning; a link to another file is another file's word."""
    raw, side = statement(), office.folder / f"{NAME}.sha256"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(hashlib.sha256(raw).hexdigest(), encoding="ascii")
    match kind:
        case "link":
            side.symlink_to(elsewhere)
        case "pipe":
            os.mkfifo(side)
        case _:
            side.mkdir()
    office.put(NAME, raw)
    await office.settle()
    assert [(file.state, file.faults[0].code) for file in (await office.head()).files] == [("refused", "side_file")]


async def test_a_statement_that_is_sent_in_overwrites_none_that_waits_under_its_name(office: Office) -> None:
    """Neither one that the intermediary laid there, nor one that is being settled; the very same one may come again."""
    office.put(NAME, statement())
    folder, first = DropFolder(office.folder, 0.0, NAMING), (office.folder / NAME).read_bytes()
    with pytest.raises(FileExistsError):
        folder.put(NAME, b"another")
    folder.put(NAME, first)
    assert (office.folder / NAME).read_bytes() == first
    await office.settle()
    assert [file.state for file in (await office.head()).files] == ["settled"]


async def test_without_a_drop_folder_nothing_is_settled_and_a_lost_one_is_told(tmp_path: Path) -> None:
    """An operator hears of a folder that cannot be read."""
    quiet = Office(tmp_path, {"statements_dir": ""})
    assert not await quiet.step()
    lost = Office(tmp_path / "gone")
    with pytest.raises(Exception, match="thư mục đối soát"):
        await lost.step()
    await quiet.journal.close()
    await lost.journal.close()


async def test_an_operator_closes_what_people_must_judge_by_signing_for_it(office: Office) -> None:
    """It moves no payment; a place that is none, or closed by somebody else, cannot even be proposed."""
    office.put(NAME, statement(pay(1, "khach-la")))
    await office.settle()
    (part,) = await office.parts()
    name = part_id(part.provider, part.business_date, part.sha256, part.number)
    decisions = Decisions(office.kit)

    def signed(place: str, by: str = "lan") -> Decided:
        return Decided("close_difference", name, {"place": place}, "d-1", by, "", "đã đối chiếu", office.now)

    change = await decisions.decided(signed("0"))
    assert await office.take(change) == 1 and await office.take(await decisions.decided(signed("0"))) == 0
    assert await office.open_differences() == []
    assert [(one.closed, one.closed_by) for one in (await office.parts())[0].differences] == [("by_person", "lan")]
    for place, by in (("1", "lan"), ("-1", "lan"), ("x", "lan"), ("", "lan"), ("9" * 5000, "lan"), ("0", "minh")):
        with pytest.raises(CannotMap):
            await decisions.decided(signed(place, by))


async def test_a_second_payment_that_only_the_statement_names_goes_back_once_people_confirmed_it(
    office: Office,
) -> None:
    """No query tells of it, and a statement alone is not believed: two operators confirm it, and the refund is asked for."""
    payment_id = await paid(office, "yc-1", "14000001")
    office.put(NAME, statement(pay(1, ref(payment_id)), pay(2, ref(payment_id))))
    await office.settle()
    assert await office.open_differences() == [(ref(payment_id), "DUPLICATE", "second_transaction")]
    assert (await office.payment(payment_id)).refunds == ()
    decisions = Decisions(office.kit)

    def confirming(txn_id: str, word: str = "yes") -> Decided:
        words = {"attempt": "1", "paid": word, "txn_id": txn_id, "evidence": "sao kê 21/9, dòng 2"}
        return Decided("confirm_payment", payment_id, words, "d-2", "lan", "minh", "trùng", office.now)

    for known in (confirming("14000001"), confirming("14000002", "no")):
        with pytest.raises(CannotMap):
            await decisions.decided(known)
    assert await office.take(await decisions.decided(confirming("14000002"))) == 1
    payment = await office.payment(payment_id)
    assert payment.state is State.PAID and payment.attempts[0].txn_id == "14000001"
    assert [(one.state, one.amount, one.paid_txn_id) for one in payment.refunds] == [("asked", 500_000, "14000002")]
