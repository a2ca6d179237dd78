"""Settlement with the simulated intermediaries: their statements, in our layout and in theirs, against our books."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.kit.errors import DeliveryError
from connectors.kit.secrets import read_setting
from connectors.payment.model import Made, State
from connectors.payment.profiles import vietqr
from connectors.payment.settings import ProviderSettings, Settings
from connectors.payment.settlement_settings import SettlementSettings
from connectors.payment.settling import Settling
from connectors.payment.statement_fetching import StatementFetching
from mappings.settlement_sums import Count
from tests.connectors.payment.accounts import dialogue, order
from tests.connectors.payment.office import NIGHT, UPSTREAM, Office
from tests.connectors.payment_simulator.conftest import MERCHANTS, START, Ground, OpenGround, vnpay_address

LAYOUTS = Path(__file__).parents[3] / "docs/examples/settlement-layouts.toml"


def layouts() -> dict[str, Any]:
    """The layouts that the documentation shows."""
    return tomllib.loads(LAYOUTS.read_text(encoding="utf-8"))


def set_up(office: Office, **settlement: object) -> None:
    """Settle by these settings from now on; everything else stays."""
    tree = {"statements_dir": str(office.folder), "quiet_s": 0.0, **settlement}
    providers = tuple(
        ProviderSettings(
            profile=profile,
            merchant=str(MERCHANTS[profile]["merchant"]),
            notices_from_anywhere=True,
            allow_plain=("127.0.0.1",),
        )
        for profile in ("vnpay", "momo", "vietqr")
    )
    office.settings = Settings(
        public_url="https://cong.example.gov.vn",
        providers=providers,
        beneficiaries=office.settings.beneficiaries,
        settlement=msgspec.convert(tree, SettlementSettings, dec_hook=read_setting),
    )
    office.settling = Settling(office.settings, office.kit)


async def paid_there(ground: Ground, office: Office, request: str) -> str:
    """A fee that VNPAY was paid and of which we never heard; its id."""
    payment_id = await office.ask_for(request, at=START)
    address = vnpay_address(vnp_TxnRef=f"{payment_id}a1", vnp_OrderInfo="Phi")
    await ground.does("pay", address=ground.base + address)
    return payment_id


@pytest.mark.parametrize("layout", ["own", "table"])
async def test_their_books_equal_ours_after_settlement(open_ground: OpenGround, tmp_path: Path, layout: str) -> None:
    """One payment told by a notice, one of which the notice was lost: the statement finds it, whatever its layout."""
    office = Office(tmp_path)
    set_up(office, providers=layouts()["providers"] if layout == "table" else {"vnpay": {"trust": "statement"}})
    async with open_ground() as ground:
        known, lost = await paid_there(ground, office, "yc-1"), await paid_there(ground, office, "yc-2")
        (money,) = (await ground.standing(f"{known}a1"))["transactions"]
        await office.pay(known, money["txn_id"], START)
        made = await ground.control(
            "POST", "statements", {"provider": "vnpay", "date": "20260921", "layout": layout, "fee": 1100}
        )
        office.put(made["name"], made["content"].encode())
        await office.settle()
        head = await office.head()
        assert head.sums.pay == {
            "MATCHED": Count(1, 500_000, 500_000),
            "PAID_AT_PROVIDER_ONLY": Count(1, 500_000, 0),
        }
        assert head.files[0].figures[:2] == (2, 1_000_000) and head.files[0].figures[4] == 2200
        books = (await ground.control("GET", "books"))["orders"]
        assert sum(money["amount"] for order in books for money in order["transactions"]) == 1_000_000
        payment = await office.payment(lost)
        # Whoever can be asked is asked; a statement that is believed pays at once.
        assert (payment.state is State.PAID, payment.due is None) == (layout == "own", layout == "own")
    await office.journal.close()


async def test_a_bank_statement_pays_a_vietqr_by_the_reference_in_its_text(
    open_ground: OpenGround, tmp_path: Path
) -> None:
    """In capitals, among other words, with dots in the amount: the documented layout reads it."""
    office = Office(tmp_path)
    set_up(office, providers=layouts()["providers"])
    payment_id = await office.ask_for("yc-1", provider="vietqr", at=START)
    async with open_ground() as ground:
        made_by_us = dialogue(vietqr.PROFILE, merchant=str(MERCHANTS["vietqr"]["merchant"])).create(
            order(ref=f"{payment_id}a1", created_at=START)
        )
        assert isinstance(made_by_us, Made)
        await ground.does("pay", address=made_by_us.qr_text)
        made = await ground.control("POST", "statements", {"provider": "vietqr", "date": "20260921", "layout": "table"})
    office.put(made["name"] + ".sha256", made["sha256"].encode())
    office.put(made["name"], made["content"].encode())
    await office.settle()
    assert (await office.payment(payment_id)).state is State.PAID
    await office.journal.close()


DEFECTS = {
    "no_trailer": "trailer",
    "wrong_count": "trailer_count",
    "wrong_sum": "trailer_sum",
    "wrong_date": "date",
    "wrong_merchant": "merchant",
    "repeated_seq": "seq_repeated",
}


@pytest.mark.parametrize("defect", DEFECTS)
async def test_every_defect_of_a_file_is_found(open_ground: OpenGround, tmp_path: Path, defect: str) -> None:
    """FILE_BAD: the whole file is refused, the fault named."""
    office = Office(tmp_path)
    set_up(office)
    async with open_ground() as ground:
        for number in (1, 2):
            await paid_there(ground, office, f"yc-{number}")
        made = await ground.control("POST", "statements", {"provider": "vnpay", "date": "20260921", "defect": defect})
    office.put(made["name"], made["content"].encode())
    await office.settle()
    (file,) = (await office.head()).files
    assert file.state == "refused" and DEFECTS[defect] in {fault.code for fault in file.faults}
    await office.journal.close()


async def test_statements_are_fetched_from_an_api_once_a_day_is_over_and_settled(
    open_ground: OpenGround, tmp_path: Path
) -> None:
    """With the bearer token; a settled day is not asked for again; a wrong token is an error of that intermediary only."""
    office = Office(tmp_path)
    async with open_ground(vnpay={**MERCHANTS["vnpay"], "bearer": "sao_ke"}) as ground:
        payment_id = await paid_there(ground, office, "yc-1")
        url = f"{ground.base}/statements/vnpay/{{date}}"
        set_up(office, providers={"vnpay": {"url": url, "token": "env:sao_ke", "days_back": 1}})
        fetching = StatementFetching(office.settings, replace(office.kit, upstream=UPSTREAM))
        await fetching.poll("")
        assert not list(tmp_path.glob("*.csv"))  # the simulator's day is not over
        ground.clock.at = office.now
        await fetching.poll("")
        assert [path.name for path in tmp_path.glob("*.csv")] == ["recon_vnpay_TESTTMN1_20260921_1.csv"]
        office.now += timedelta(days=100)  # the file has rested, whatever the machine's clock says
        await office.settle()
        office.now = NIGHT
        assert (await office.head()).sums.pay == {"PAID_AT_PROVIDER_ONLY": Count(1, 500_000, 0)}
        assert (await office.payment(payment_id)).due is not None
        await fetching.poll("")
        assert not list(tmp_path.glob("*.csv"))
        await fetching.close()
        set_up(office, providers={"vnpay": {"url": url, "token": "env:khac", "days_back": 2}})
        wrong = StatementFetching(office.settings, office.kit)
        with pytest.raises(DeliveryError) as failed:
            await wrong.poll("")
        assert failed.value.partial and "khac" not in str(failed.value)
        await wrong.close()
    await office.journal.close()


def test_the_documented_layouts_are_layouts() -> None:
    """What an operator copies is read."""
    assert set(msgspec.convert(layouts(), SettlementSettings, dec_hook=read_setting).providers) == {
        "vnpay",
        "momo",
        "vietqr",
    }
