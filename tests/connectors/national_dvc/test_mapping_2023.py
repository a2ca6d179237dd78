"""A dossier as the generation of 2023 wants it: from facts only, and every missing field named at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from typing import Any

import msgspec
import pytest

from connectors.kit.contract import Delivery
from connectors.kit.errors import CannotMap
from connectors.national_dvc.connector import NationalPortal
from connectors.national_dvc.profiles._mapi.rules import IdentityPlaceholder, Rules
from connectors.national_dvc.profiles.mapi_2023.mapping import map_dossier
from connectors.national_dvc.profiles.mapi_2023.messages import HoSo
from mappings.canonical import Carried, Component, Dossier, DossierTimes, Fee, FileRef, Identity, Payment, Reuse
from mappings.codes import (
    ComponentForm,
    ComponentSource,
    Database,
    DossierStatus,
    IdentityType,
    Origin,
    Outcome,
    PaymentMethod,
    PaymentState,
)

Make = Callable[..., Carried]
RULES = Rules()


def sent(carried: Carried, rules: Rules = RULES) -> HoSo:
    """The dossier as it would go out."""
    return map_dossier(carried, rules).dossier


def faults(carried: Carried, rules: Rules = RULES) -> dict[str, str]:
    """The findings of a dossier that cannot go out: code to sentence."""
    with pytest.raises(CannotMap) as caught:
        map_dossier(carried, rules)
    return {finding.code: finding.message_vi for finding in caught.value.findings}


def golden(name: str) -> dict[str, Any]:
    """The dossier in an example of the profile."""
    folder = files("connectors.national_dvc.profiles.mapi_2023") / "examples"
    tree: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))["message"]["data"][0]
    return tree


def _pdf(name: str, number: str) -> FileRef:
    url = f"https://gateway.example.gov.vn/files/t/{number}-token"
    return FileRef(name, "application/pdf", 10, "ab" * 32, file_id=number, url=url)


PAID = Payment("P1", PaymentMethod.PORTAL, PaymentState.PAID, 500_000, fee_ids=("F1",))


def test_the_full_example_of_the_facts_is_reproduced(make: Make, dossier: Dossier) -> None:
    """Example 02, every field, from canonical facts alone; only the result is withheld until its signature is judged."""
    parts = (
        Component("1", "Đơn", code="000.00.00.G16-KQ000001", file=_pdf("don-de-nghi.pdf", "501")),
        Component(
            "2",
            "Giấy chứng nhận đã cấp",
            code="000.00.00.G16-KQ000002",
            file=_pdf("giay-chung-nhan-da-cap.pdf", "502"),
            source=ComponentSource.DATA_STORE,
            reuse=Reuse("KQ.G16.000123"),
        ),
    )
    full = replace(dossier, components=parts, payments=(PAID,))
    mapped = map_dossier(make(DossierStatus.RESOLVED, "20241018160000", outcome=Outcome.GRANTED, dossier=full), RULES)
    expected = golden("02-dong-bo-ho-so-mc.json") | {"DanhSachGiayToKetQua": []}
    assert json.loads(msgspec.json.encode(mapped.dossier)) == expected
    assert mapped.findings == ("result_unverified",)


def test_a_paper_dossier_of_the_counter_is_reproduced(
    make: Make, dossier: Dossier, moment: Callable[[str], Any]
) -> None:
    """Example 05: digitised at reception, an old identity card, a fee that is due and not paid."""
    times = DossierTimes(moment("20241015081500"), moment("20241015081500"), moment("20241022081500"))
    counter = replace(
        dossier,
        dossier_code="H26.16-241015-160002",
        origin=Origin.DIRECT,
        applicant=replace(
            dossier.applicant, name="Trần Thị Mẫu", id=Identity(IdentityType.CMND, "012345678"), phone="", email=""
        ),
        summary="Đề nghị cấp giấy phép (ví dụ nộp tại Bộ phận Một cửa)",
        times=times,
        components=(
            Component(
                "1",
                "Đơn",
                code="000.00.00.G16-KQ000001",
                form=ComponentForm.ORIGINAL,
                digitised=True,
                file=_pdf("don-scan.pdf", "511"),
                reuse=Reuse(),
            ),
        ),
        results=(),
    )
    mapped = map_dossier(make(DossierStatus.RECEIVED, "20241015081500", dossier=counter), RULES)
    assert json.loads(msgspec.json.encode(mapped.dossier)) == golden("05-ho-so-tai-quay.json")


def test_every_missing_mandatory_field_is_named_in_one_go(make: Make, dossier: Dossier) -> None:
    """Held before anything is sent; each finding says in Vietnamese what is missing, under the portal's own name."""
    bare = replace(
        dossier,
        applicant=replace(dossier.applicant, id=Identity(), name=" "),
        times=DossierTimes(),
        summary="",
    )
    strict = Rules(summary_from_procedure=False, connected_databases=())
    named = faults(make(DossierStatus.PROCESSING, "20241015080000", dossier=bare), strict)
    assert set(named) == {
        "missing_applicant_name",
        "missing_identity",
        "missing_identity_list",
        "missing_submitted_at",
        "missing_received_at",
        "missing_summary",
        "missing_databases",
    }
    assert "SoGiayToChuHoSo" in named["missing_identity"] and "DinhDanhCHS" in named["missing_identity_list"]
    assert all(sentence.startswith("thiếu ") for sentence in named.values())


@pytest.mark.parametrize(
    ("identity", "code"),
    [
        (Identity(IdentityType.TAX_CODE, "0100000001"), "missing_identity_list"),
        (Identity(IdentityType.PASSPORT, "B1234567"), "missing_identity_list"),
        (Identity(IdentityType.CCCD, "00109900000"), "identity_malformed"),
        (Identity(IdentityType.CMND, "001099000001"), "identity_malformed"),
        (Identity(IdentityType.CCCD, "00109900000X"), "identity_malformed"),
    ],
)
def test_no_identity_is_invented_or_bent(make: Make, dossier: Dossier, identity: Identity, code: str) -> None:
    """What the portal has no kind for is refused by name; only an explicit placeholder lets it out, and is said."""
    other = replace(dossier, applicant=replace(dossier.applicant, id=identity))
    carried = make(DossierStatus.RECEIVED, "20241014093000", dossier=other)
    assert set(faults(carried)) == {code}
    allowed = map_dossier(carried, Rules(identity_placeholder=IdentityPlaceholder(kind="2", number="000000001")))
    assert [(one.LoaiDinhDanh, one.SoDinhDanh) for one in allowed.dossier.DinhDanhCHS] == [("2", "000000001")]
    assert allowed.dossier.SoGiayToChuHoSo == identity.number
    assert "identity_placeholder" in allowed.findings


def test_an_identity_without_a_proof_is_not_said_of_the_owner(make: Make, dossier: Dossier) -> None:
    """Where the gateway keeps proofs, `DinhDanhCHS` is filled from them alone; an office may decide otherwise, openly."""
    number = "001090000000"

    def owned(proof: str | None) -> Carried:
        held = Identity(IdentityType.CCCD, number, verified=bool(proof), proof=proof)
        owner = replace(dossier.applicant, id=held)
        return make(DossierStatus.RECEIVED, "20241014093000", dossier=replace(dossier, applicant=owner))

    assert set(faults(owned(""))) == {"identity_unproven"}
    for carried, rules in (
        (owned("019a0f5e-7b1c-7c40-9a51-2f1d6c0a1111"), RULES),
        (owned(None), RULES),
        (owned(""), Rules(unproven_identity="send")),
    ):
        assert [one.SoDinhDanh for one in sent(carried, rules).DinhDanhCHS] == [number]


def _payment(method: PaymentMethod, state: PaymentState = PaymentState.PAID) -> Payment:
    return Payment("P", method, state, 1_000)


@pytest.mark.parametrize(
    ("fee", "payments", "code"),
    [
        (500_000, (), "3"),
        (0, (), "0"),
        (None, (), "0"),
        (500_000, (_payment(PaymentMethod.PORTAL),), "1"),
        (500_000, (_payment(PaymentMethod.BANK),), "2"),
        (500_000, (_payment(PaymentMethod.EWALLET), _payment(PaymentMethod.PORTAL)), "1"),
        (500_000, (_payment(PaymentMethod.CASH),), "3"),
        (500_000, (_payment(PaymentMethod.PORTAL, PaymentState.PENDING),), "3"),
        (500_000, (_payment(PaymentMethod.PORTAL, PaymentState.REFUNDED),), "3"),
    ],
)
def test_online_payment_is_what_was_paid_and_where(
    make: Make, dossier: Dossier, fee: int | None, payments: tuple[Payment, ...], code: str
) -> None:
    """1 on the national portal, 2 on the ministry's gateway; only money that moved counts (facts 2.6, indicator 3.6)."""
    fees = () if fee is None else (Fee("F1", "Phí", fee),)
    paid = replace(dossier, fees=fees, payments=payments)
    assert sent(make(DossierStatus.RECEIVED, "20241014093000", dossier=paid)).DuocThanhToanTrucTuyen == code


def test_a_database_goes_out_only_under_a_code_that_somebody_configured(make: Make, dossier: Dossier) -> None:
    """The code list of `MaCSDL` is unknown (facts U10): the default is what the one known client says, no guess beside it."""
    drawn = replace(dossier, databases=(Database.POPULATION, Database.LAND))
    carried = make(DossierStatus.RECEIVED, "20241014093000", dossier=drawn)
    plain = map_dossier(carried, RULES)
    assert [one.MaCSDL for one in plain.dossier.DSKetNoiCSDL] == ["7"]
    assert "database_without_code" in plain.findings
    told = sent(carried, Rules(connected_databases=(), database_codes={"population": "1", "land": "5"}))
    assert [one.MaCSDL for one in told.DSKetNoiCSDL] == ["1", "5"]


async def test_the_configured_profile_decides_what_is_demanded_and_nothing_is_sent_without_it(
    connect: Callable[..., NationalPortal],
    make: Make,
    dossier: Dossier,
    delivery: Callable[..., Delivery],
    portal: Any,
) -> None:
    """The same dossier goes out under mapi-2019 and is held under mapi-2023, before a single call."""
    late = replace(dossier, times=replace(dossier.times, submitted_at=None))
    carried = make(DossierStatus.RECEIVED, "20241014093000", dossier=late)
    with pytest.raises(CannotMap) as caught:
        await connect(profile="mapi-2023").deliver(delivery("state", carried))
    assert [finding.code for finding in caught.value.findings] == ["missing_submitted_at"]
    assert portal.calls == []
    receipt = await connect(profile="mapi-2019").deliver(delivery("state", carried))
    assert receipt.reference == dossier.dossier_code
    assert portal.named("DongBoHoSoMC")[0]["data"][0]["DuocThanhToanTrucTuyen"] == "0"
