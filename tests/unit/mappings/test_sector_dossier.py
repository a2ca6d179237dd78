"""The inward mapping of dossier snapshots, and its agreement with the published JSON Schemas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import Any

import pytest
from msgspec import ValidationError

from mappings.canonical import Address, Dossier, DossierTimes, Party, Payment, Reuse, ShipmentRef
from mappings.codec import convert, decode, encode, encode_sorted, plain
from mappings.codes import (
    CodState,
    CollectionTime,
    ComponentSource,
    Confidentiality,
    Database,
    DossierStatus,
    FeeKind,
    IdentityType,
    Origin,
    PartyKind,
    PaymentMethod,
    PaymentState,
    ResultMethod,
    ShipmentDirection,
    ShipmentState,
)
from mappings.faults import CannotUnderstand
from mappings.partial_date import PartialDate
from mappings.reading import RecordReader
from mappings.sector import load_profile, to_dossier

Tree = dict[str, Any]


def test_a_full_dossier_is_understood(dossier_tree: Tree) -> None:
    """Every part of the accepted shape arrives where the model wants it."""
    dossier, versions = to_dossier(dossier_tree)
    assert (dossier.version, dossier.origin, dossier.state) == (3, Origin.ONLINE_NATIONAL, DossierStatus.PROCESSING)
    assert dossier.result_method is ResultMethod.POST
    assert dossier.confidentiality is Confidentiality.RESTRICTED
    assert dossier.applicant.kind is PartyKind.BUSINESS
    assert dossier.applicant.address == Address(full_text="1 Phố Mẫu", province_code="01")
    assert dossier.submitter is not None
    assert (dossier.submitter.id.type, dossier.submitter.id.issued_on) == (IdentityType.CCCD, date(2021, 5, 1))
    assert dossier.times.due_at == datetime(2026, 11, 28, 2, tzinfo=UTC)
    (component,) = dossier.components
    assert component.file is not None
    assert component.file.sha256 == "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    (fee,) = dossier.fees
    assert (fee.amount, fee.kind, fee.collection_time) == (3_000_000, FeeKind.CHARGE, CollectionTime.ON_RECEIPT)
    assert versions == (load_profile().version.short,)
    assert decode(encode(dossier), Dossier) == dossier


def test_what_the_quality_indicators_read_is_understood(dossier_tree: Tree) -> None:
    """Payments, databases, and of a component where it came from; absent, each has the model's own default."""
    component = dossier_tree["components"][0] | {
        "digitised": True,
        "source": "data_store",
        "reuse": {"result_code": "KQ.G16.000123"},
    }
    tree = dossier_tree | {
        "components": [component, component | {"id": "2", "reuse": {}}],
        "payments": [{"id": "TT-1", "method": "portal", "state": "paid", "amount": 5, "fee_ids": ["PHI-1"]}],
        "databases": ["population", "land"],
    }
    dossier = to_dossier(tree).dossier
    assert [(part.digitised, part.source, part.reuse) for part in dossier.components] == [
        (True, ComponentSource.DATA_STORE, Reuse("KQ.G16.000123")),
        (True, ComponentSource.DATA_STORE, Reuse()),
    ]
    assert dossier.payments == (Payment("TT-1", PaymentMethod.PORTAL, PaymentState.PAID, 5, ("PHI-1",)),)
    assert dossier.databases == (Database.POPULATION, Database.LAND)
    plain = to_dossier(dossier_tree).dossier
    assert (plain.payments, plain.databases, plain.components[0].reuse) == ((), (), None)
    with pytest.raises(CannotUnderstand) as caught:
        to_dossier(dossier_tree | {"databases": ["moon"], "payments": [{"id": "x"}]})
    assert {fault.pointer for fault in caught.value.faults} == {
        "/databases/0",
        *(f"/payments/0/{name}" for name in ("method", "state", "amount")),
    }


def test_the_parcels_of_a_dossier_are_understood(dossier_tree: Tree) -> None:
    """Each by its id, its way and its state; money and item code where there are any (dossier-model facts 2.2)."""
    going = {"shipment_id": "v7k2m0000000a", "direction": "deliver", "order_number": "G16-1-T", "state": "delivered"}
    coming = {"shipment_id": "v7k2m0000000b", "direction": "collect", "order_number": "G16-1-N", "state": "accepted"}
    paid = going | {"item_code": "RA473124829VN", "cod_state": "remitted"}
    dossier = to_dossier(dossier_tree | {"shipments": [paid, coming]}).dossier
    assert dossier.shipments == (
        ShipmentRef(
            "v7k2m0000000a",
            ShipmentDirection.DELIVER,
            "G16-1-T",
            ShipmentState.DELIVERED,
            "RA473124829VN",
            CodState.REMITTED,
        ),
        ShipmentRef("v7k2m0000000b", ShipmentDirection.COLLECT, "G16-1-N", ShipmentState.ACCEPTED),
    )
    assert decode(encode(dossier), Dossier) == dossier
    assert to_dossier(dossier_tree).dossier.shipments == ()


def test_a_parcel_that_nobody_can_find_again_is_refused(dossier_tree: Tree) -> None:
    """Without id, way, number or state, or with words of no list."""
    with pytest.raises(CannotUnderstand) as caught:
        to_dossier(
            dossier_tree
            | {"shipments": [{}, {"shipment_id": "x", "direction": "up", "order_number": "y", "state": "lost"}]}
        )
    assert {fault.pointer for fault in caught.value.faults} == {
        *(f"/shipments/0/{name}" for name in ("shipment_id", "direction", "order_number", "state")),
        *(f"/shipments/1/{name}" for name in ("direction", "state")),
    }


def test_a_snapshot_that_was_journalled_before_there_were_parcels_still_reads(dossier_tree: Tree) -> None:
    """What was kept by an earlier release lacks the member."""
    dossier = to_dossier(dossier_tree).dossier
    kept = plain(dossier)
    del kept["shipments"]
    assert convert(kept, Dossier) == dossier


def test_a_dossier_needs_no_more_than_its_required_parts(dossier_tree: Tree) -> None:
    """What is optional has the model's own default."""
    needed = ("dossier_code", "version", "origin", "procedure", "agency", "applicant", "state")
    dossier = to_dossier({key: dossier_tree[key] for key in needed}).dossier
    assert dossier.times == DossierTimes()
    assert (dossier.components, dossier.fees, dossier.results) == ((), (), ())
    assert dossier.result_method is ResultMethod.DIRECT


def test_every_missing_part_is_named() -> None:
    """An empty dossier lacks exactly what is required."""
    with pytest.raises(CannotUnderstand) as caught:
        to_dossier({"procedure": {}, "applicant": {"id": {"issued_on": "2021-13-01", "verified": "yes"}}})
    assert {fault.pointer: fault.code for fault in caught.value.faults} == {
        "/dossier_code": "thieu_truong",
        "/version": "thieu_truong",
        "/origin": "thieu_truong",
        "/procedure/code": "thieu_truong",
        "/procedure/national_code": "thieu_truong",
        "/procedure/name": "thieu_truong",
        "/agency": "thieu_truong",
        "/applicant/kind": "thieu_truong",
        "/applicant/name": "thieu_truong",
        "/applicant/id/issued_on": "sai_ngay",
        "/applicant/id/verified": "sai_kieu",
        "/state": "thieu_truong",
    }


@pytest.mark.parametrize("amount", [1.0, "1000", True, -1, 2**63])
def test_money_is_a_whole_number_of_dong(dossier_tree: Tree, amount: object) -> None:
    """No fraction, no text, no boolean, no debt, nothing beyond 64 bits."""
    dossier_tree["fees"][0]["amount"] = amount
    with pytest.raises(CannotUnderstand) as caught:
        to_dossier(dossier_tree)
    assert [fault.pointer for fault in caught.value.faults] == ["/fees/0/amount"]


_NO_DAYS = ["20261120", "2026-W47-5", "20/11/2026", "2026-11-31", "2026-11-20T00:00:00Z", 5]


@pytest.mark.parametrize("day", [*_NO_DAYS, "2026-11", "2026"])
def test_a_day_is_written_one_way(dossier_tree: Tree, day: object) -> None:
    """`yyyy-mm-dd` and nothing else."""
    dossier_tree["submitter"]["id"]["issued_on"] = day
    with pytest.raises(CannotUnderstand) as caught:
        to_dossier(dossier_tree)
    assert [fault.code for fault in caught.value.faults] == ["sai_ngay"]


@pytest.mark.parametrize("day", [*_NO_DAYS, "2026-13", "0001", "", "2026-11-20-01", "２０２６"])
def test_a_birth_that_no_calendar_has_is_refused_without_repeating_it(dossier_tree: Tree, day: object) -> None:
    """A year, a month or a day, in one spelling each."""
    dossier_tree["submitter"]["date_of_birth"] = day
    with pytest.raises(CannotUnderstand) as caught:
        to_dossier(dossier_tree)
    assert [fault.code for fault in caught.value.faults] == ["sai_ngay"]
    assert not str(day) or str(day) == "5" or str(day) not in str(caught.value)


@pytest.mark.parametrize("birth", ["1950", "1950-03", "1950-03-31"])
def test_a_birth_is_kept_as_far_as_it_is_known(dossier_tree: Tree, birth: str) -> None:
    """Year-only papers are common for the elderly; 01/01 is never filled in, here or in what is stored."""
    dossier_tree["submitter"]["date_of_birth"] = birth
    dossier = to_dossier(dossier_tree).dossier
    assert dossier.submitter is not None and str(dossier.submitter.date_of_birth) == birth
    stored = encode(dossier)
    assert f'"date_of_birth":"{birth}"'.encode() in stored
    assert decode(stored, Dossier) == dossier
    assert convert(plain(dossier), Dossier) == dossier


def test_a_snapshot_stored_with_a_full_date_is_read_and_digested_as_before(dossier_tree: Tree) -> None:
    """Records written by earlier versions hold `yyyy-mm-dd` as text: same value, same bytes."""
    dossier = to_dossier(dossier_tree).dossier
    stored = b'{"kind":"citizen","name":"N","date_of_birth":"1990-01-31"}'
    party = decode(stored, Party)
    assert party.date_of_birth == PartialDate(1990, 1, 31)
    assert b'"date_of_birth":"1990-01-31"' in encode_sorted(party)
    assert b'"date_of_birth":"1990-01-02"' in encode(dossier)


@pytest.mark.parametrize("birth", ["31/01/1990", "1990-02-30", "", 1990, {"year": 1990}])
def test_a_stored_birth_that_is_none_is_no_party(birth: object) -> None:
    """A broken record is said to be broken."""
    with pytest.raises(ValidationError):
        convert({"kind": "citizen", "name": "N", "date_of_birth": birth}, Party)


@pytest.mark.parametrize("tree", [[], "x", None, 5])
def test_what_is_no_object_is_refused(tree: Any) -> None:
    """A JSON text may be any value; a dossier is an object."""
    with pytest.raises(CannotUnderstand) as caught:
        to_dossier(tree)
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [("", "sai_kieu")]


def _schema_places(schema: Mapping[str, Any], node: Mapping[str, Any], prefix: str = "") -> set[str]:
    """The pointers that a schema allows, `*` for the items of a list; objects themselves are left out."""
    if "$ref" in node:
        return _schema_places(schema, schema["$defs"][node["$ref"].rsplit("/", 1)[1]], prefix)
    if "items" in node:
        return _schema_places(schema, node["items"], prefix + "/*")
    if "properties" not in node:
        return {prefix}
    return {
        place for key, inner in node["properties"].items() for place in _schema_places(schema, inner, f"{prefix}/{key}")
    }


def _profile_places(reader: RecordReader, prefix: str = "") -> set[str]:
    """The pointers that the default profile reads, in the same notation."""
    places: set[str] = set()
    for step in reader.steps:
        for path in step.paths:
            place = prefix + "".join(f"/{key}" for key in path) + ("/*" if step.many else "")
            places |= _profile_places(step.inner, place) if step.inner is not None else {place}
    return places


@pytest.mark.parametrize("name", ["event", "dossier"])
def test_the_published_schema_and_the_profile_speak_of_the_same_members(name: str) -> None:
    """A member that the schema admits and the mapping ignores would be lost in silence; the reverse could never arrive."""
    schema = json.loads((files("gateway") / "intake" / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    profile = load_profile()
    reader = profile.event if name == "event" else profile.dossier
    assert _schema_places(schema, schema) == _profile_places(reader)
