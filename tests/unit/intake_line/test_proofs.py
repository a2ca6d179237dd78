"""Proofs of identity at the registration of a dossier: which hold, which are refused, and what is believed without one."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from gateway.clock import uuid7
from gateway.intake.proving import ProofRules
from gateway.journal.model import Record
from gateway.records import dossiers, identity_proofs
from gateway.records.identity_proofs import IdentityProof, ProofKind
from mappings.canonical import Identity, Party
from mappings.codec import encode_sorted
from mappings.codes import Database, IdentityType, PartyKind
from mappings.identity import AccountKind, Assurance
from mappings.partial_date import PartialDate

NUMBER = "001090000000"
OTHER = "002090000000"
TECH_ID = "tech-000000"
MADE = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
ID = uuid7(MADE)


def proof(**changes: Any) -> IdentityProof:
    """A sign-on of an invented person through VNeID, level 2."""
    base = IdentityProof(
        ID, "RES", ProofKind.SIGN_ON, "vneid", "vneid", AccountKind.PERSON, MADE,
        IdentityType.CCCD, NUMBER, subject_key=TECH_ID, assurance=Assurance(ial=2),
    )  # fmt: skip
    return replace(base, **changes)


def person(named: str | None = ID, **changes: Any) -> Party:
    """The applicant, naming a proof."""
    held = Identity(IdentityType.CCCD, NUMBER, proof=named)
    return replace(Party(PartyKind.CITIZEN, "Nguyễn Văn Thử", held, PartialDate(1990, 2, 28)), **changes)


@pytest.fixture
def proving(worlds: Callable[..., Any]) -> Any:
    """A line that keeps proofs, and one of them."""
    world = worlds()
    world.decide.judging(ProofRules())
    keep(world, proof())
    return world


def keep(world: Any, kept: IdentityProof) -> None:
    """Put a proof in place."""
    written = identity_proofs.write(kept)
    world.records[written.key] = Record(written.key, written.version, written.state)


def stored(world: Any, words: Any) -> Any:
    """The snapshot as it goes outside."""
    return dossiers.parse(world.records[dossiers.key(words.code)])


def test_a_sign_on_proves_number_account_and_where_it_was_verified(proving: Any, words: Any) -> None:
    """What goes outside is set from the proof, whatever the snapshot says beside it."""
    said = person(portal_account_id="tu-khai")
    status, answer = proving.put(applicant=replace(said, id=replace(said.id, verified_by="tự khai")))
    assert (status, "warnings" in answer) == (201, False)
    owner = stored(proving, words).applicant
    assert (owner.id.verified, owner.id.verified_by, owner.portal_account_id) == (True, "VNeID", TECH_ID)


def test_what_is_said_without_a_proof_is_stored_as_unverified_and_told(proving: Any, words: Any) -> None:
    """An unproven claim is not believed, and its sender learns that."""
    held = Identity(IdentityType.CCCD, NUMBER, verified=True, verified_by="VNeID")
    party = Party(PartyKind.CITIZEN, "Nguyễn Văn Thử", held, portal_account_id="tu-khai")
    status, answer = proving.put(applicant=party, databases=(Database.POPULATION, Database.LAND))
    assert status == 201
    codes = {warning["code"] for warning in answer["warnings"]}
    assert codes == {"danh_tinh_chua_chung_thuc", "tai_khoan_chua_chung_thuc", "csdl_chua_chung_thuc"}
    assert NUMBER not in str(answer)
    kept = stored(proving, words)
    assert (kept.applicant.id.verified, kept.applicant.id.verified_by) == (False, "")
    assert (kept.applicant.id.proof, kept.applicant.portal_account_id) == ("", "")
    assert kept.databases == (Database.LAND,)


def test_without_identity_the_resolution_system_is_believed_as_before(worlds: Any, words: Any) -> None:
    """No [identity]: nothing is stamped, and a proof that is named has nobody to hold it against."""
    world = worlds()
    party = Party(PartyKind.CITIZEN, "A", Identity(IdentityType.CCCD, NUMBER, verified=True, verified_by="VNeID"))
    assert world.put(applicant=party, databases=(Database.POPULATION,))[0] == 201
    kept = stored(world, words)
    assert kept.applicant == party and kept.databases == (Database.POPULATION,)
    status, answer = world.put(2, applicant=person())
    assert (status, answer["faults"][0]["pointer"]) == (422, "/applicant/id/proof")


@pytest.mark.parametrize(
    ("kept", "said", "code", "pointer"),
    [
        (proof(), person(str(uuid.uuid4())), "chung_thuc_khong_co", "/applicant/id/proof"),
        (proof(), person("khong-phai-ma"), "chung_thuc_khong_co", "/applicant/id/proof"),
        (proof(), person(uuid7(MADE)), "chung_thuc_khong_co", "/applicant/id/proof"),
        (proof(system="SEC-A"), person(), "chung_thuc_khong_co", "/applicant/id/proof"),
        (proof(dossier="000.00.00.G16-261120-0043"), person(), "chung_thuc_khong_co", "/applicant/id/proof"),
        (proof(proven_at=MADE - timedelta(days=31)), person(), "chung_thuc_het_han", "/applicant/id/proof"),
        (proof(id_number=OTHER), person(), "chung_thuc_khac_so", "/applicant/id/number"),
        (proof(id_number=""), person(), "chung_thuc_khac_so", "/applicant/id/number"),
        (proof(id_type=IdentityType.PASSPORT), person(), "chung_thuc_khac_so", "/applicant/id/number"),
        (proof(account=AccountKind.ORGANISATION), person(), "chung_thuc_khac_so", "/applicant/id/number"),
        (proof(assurance=Assurance(ial=1)), person(), "chung_thuc_chua_du_muc", "/applicant/id/proof"),
        (proof(assurance=Assurance()), person(), "chung_thuc_chua_du_muc", "/applicant/id/proof"),
        (proof(profile="", assurance=Assurance(ial=1)), person(), "chung_thuc_chua_du_muc", "/applicant/id/proof"),
    ],
    ids=[
        "another-uuid", "no-uuid", "never-made", "another-system", "another-dossier", "too-old", "another-number",
        "no-number", "another-paper", "an-organisation", "level-1", "no-level", "a-provider-that-is-gone",
    ],
)  # fmt: skip
def test_a_proof_that_does_not_hold_is_refused_by_place(
    proving: Any, words: Any, kept: IdentityProof, said: Party, code: str, pointer: str
) -> None:
    """422, nothing is stored, and no number is repeated; who does not own a proof does not learn that it exists."""
    keep(proving, kept)
    status, answer = proving.put(applicant=said)
    assert (status, [(one["code"], one["pointer"]) for one in answer["faults"]]) == (422, [(code, pointer)])
    assert dossiers.key(words.code) not in proving.records
    assert NUMBER not in str(answer) and OTHER not in str(answer)


def test_a_registers_proof_is_of_one_name_and_birth(proving: Any) -> None:
    """The register confirmed number, name and birth together; another name under the same number is not what it confirmed."""
    born = PartialDate(1990, 2, 28)
    words = identity_proofs.words_of(ID, "Nguyễn Văn Thử", born)
    by_register = proof(kind=ProofKind.REGISTER, profile="dancu", words=words, assurance=Assurance())
    keep(proving, by_register)
    assert proving.put(applicant=person())[0] == 201
    for changed in (person(name="Nguyễn Văn Khác"), person(date_of_birth=PartialDate(1990, 2, 27))):
        status, answer = proving.put(2, applicant=changed)
        assert (status, answer["faults"][0]["code"]) == (422, "chung_thuc_khac_nguoi")
    assert proving.put(2, applicant=person(name="NGUYỄN VĂN  THỬ"))[0] == 200


def test_a_registers_proof_is_the_dossiers_whoever_asked(proving: Any, words: Any) -> None:
    """A sector system checks at its counter, and the resolution system names that check; for another dossier it is nothing."""
    keep(proving, proof(kind=ProofKind.REGISTER, profile="dancu", system="SEC-A", dossier=words.code))
    assert proving.put(applicant=person())[0] == 201
    keep(proving, proof(kind=ProofKind.REGISTER, profile="dancu", dossier=f"{words.code}9"))
    other = replace(person(), name="Ai Khác")
    assert proving.put(2, applicant=other)[1]["faults"][0]["code"] == "chung_thuc_khong_co"


def test_a_registers_proof_is_no_account(proving: Any, words: Any) -> None:
    """Nobody signed on: there is no account to name at the portal, and the word VNeID is not said."""
    keep(proving, proof(kind=ProofKind.REGISTER, profile="dancu", subject_key="", assurance=Assurance()))
    proving.put(applicant=person(portal_account_id="tu-khai"))
    owner = stored(proving, words).applicant
    assert owner.id.verified and "vneid" not in owner.id.verified_by.casefold() and owner.portal_account_id == ""


def test_an_organisation_is_proven_by_its_tax_code(proving: Any) -> None:
    """The account of an organisation names its tax code or its enterprise code, with or without dashes."""
    keep(proving, proof(account=AccountKind.ORGANISATION, id_number="", tax_code="0100000001-001"))
    firm = Party(PartyKind.BUSINESS, "Công ty Thử", Identity(IdentityType.TAX_CODE, "0100000001001", proof=ID))
    assert proving.put(applicant=firm)[0] == 201
    assert proving.put(2, applicant=replace(firm, id=replace(firm.id, number="0100000001")))[0] == 422


def test_an_organisation_proves_nobodys_passport(proving: Any) -> None:
    """The same signs on a person's paper are another number, whoever wrote them there."""
    keep(proving, proof(account=AccountKind.ORGANISATION, id_number="", tax_code="0100000001"))
    held = Identity(IdentityType.PASSPORT, "0100000001", proof=ID)
    status, answer = proving.put(applicant=Party(PartyKind.CITIZEN, "A", held))
    assert (status, answer["faults"][0]["code"]) == (422, "chung_thuc_khac_so")


def test_the_personal_number_is_the_tax_code_of_a_person(proving: Any) -> None:
    """TT 86/2024/TT-BTC, from 01/07/2025."""
    trader = Party(PartyKind.BUSINESS, "Hộ kinh doanh Thử", Identity(IdentityType.TAX_CODE, NUMBER, proof=ID))
    assert proving.put(applicant=trader)[0] == 201


def test_a_proof_once_accepted_outlives_its_time_and_its_erasure(proving: Any, words: Any) -> None:
    """Later versions of the dossier name the same proof; what it proved stands as long as the person is the same."""
    assert proving.put(applicant=person())[0] == 201
    proving.now += timedelta(days=400)
    assert proving.put(2, applicant=person())[0] == 200
    place = identity_proofs.key(ID)
    assert place is not None
    erased = identity_proofs.erased(proving.records[place])
    assert NUMBER.encode() not in erased.state and erased.sealed_for == ""
    proving.records[place] = Record(place, erased.version, erased.state)
    assert proving.put(3, applicant=person(phone="0900000000"))[0] == 200
    owner = stored(proving, words).applicant
    assert (owner.id.verified, owner.portal_account_id) == (True, TECH_ID)
    other = person()
    status, answer = proving.put(4, applicant=replace(other, id=replace(other.id, number=OTHER)))
    assert (status, answer["faults"][0]["code"]) == (422, "chung_thuc_khong_co")


def test_both_parties_are_judged_and_all_faults_are_told(proving: Any) -> None:
    """The submitter's proof is judged like the applicant's."""
    submitter = replace(person(), id=Identity(IdentityType.CCCD, OTHER, proof=ID))
    status, answer = proving.put(applicant=person("x"), submitter=submitter)
    assert status == 422
    assert [one["pointer"] for one in answer["faults"]] == ["/applicant/id/proof", "/submitter/id/number"]


def test_the_population_database_is_named_where_it_answered(proving: Any, words: Any) -> None:
    """Indicator 4.5: said because it was asked here, not because somebody says so."""
    use = identity_proofs.write_use(None, words.code, Database.POPULATION, MADE)
    proving.records[use.key] = Record(use.key, use.version, use.state)
    status, answer = proving.put(applicant=person(), databases=(Database.LAND,))
    assert (status, "warnings" in answer) == (201, False)
    assert stored(proving, words).databases == (Database.LAND, Database.POPULATION)


def test_the_same_snapshot_again_is_the_same_although_it_was_stamped(proving: Any) -> None:
    """Versions are compared as they were sent."""
    assert proving.put(applicant=person())[0] == 201
    assert proving.put(applicant=person())[1]["status"] == "duplicate"


def test_a_snapshot_without_a_proof_has_the_digest_that_it_always_had(words: Any) -> None:
    """A store of an older version knows its dossiers again."""
    plain = words.dossier()
    tree = msgspec.to_builtins(plain)
    del tree["applicant"]["id"]["proof"]
    assert dossiers.digest(plain) == hashlib.sha256(encode_sorted(tree)).hexdigest()
    named = replace(plain, applicant=replace(plain.applicant, id=Identity(proof="")))
    assert dossiers.digest(plain) != dossiers.digest(named)


def test_a_proof_tells_nothing_in_its_repr() -> None:
    """Luật 91/2025/QH15: no number and no account in a log by accident."""
    told = repr(proof(tax_code="0100000001", words="w"))
    assert NUMBER not in told and TECH_ID not in told and "0100000001" not in told
