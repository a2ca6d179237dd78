"""Whatever a snapshot says and whatever proofs lie there: verified is what a fitting proof says, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import uuid7
from gateway.intake.proving import ProofRules, judge, reads
from gateway.journal.model import Record, Situation
from gateway.records import identity_proofs
from gateway.records.identity_proofs import IdentityProof, ProofKind
from mappings.canonical import Agency, Dossier, Identity, Party, Procedure
from mappings.codes import Database, DossierStatus, IdentityType, Origin, PartyKind
from mappings.identity import AccountKind, Assurance

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
IDS = tuple(uuid7(NOW, bytes([number]) * 10) for number in range(3))
CODES = ("000.00.00.G16-261120-0001", "000.00.00.G16-261120-0002")
NUMBERS = ("", "001090000000", "001 090 000 000", "001192000000", "001000000", "0100000028")
TITLES = frozenset(ProofRules().titles.values())

proofs = st.builds(
    IdentityProof,
    proof_id=st.sampled_from(IDS),
    system=st.sampled_from(["RES", "SEC"]),
    kind=st.sampled_from(ProofKind),
    by=st.just("vneid"),
    profile=st.sampled_from(["vneid", "cdvcqg", "dancu"]),
    account=st.sampled_from(AccountKind),
    proven_at=st.sampled_from([NOW, NOW - timedelta(days=29), NOW - timedelta(days=31)]),
    id_type=st.sampled_from(IdentityType),
    id_number=st.sampled_from(NUMBERS),
    tax_code=st.sampled_from(NUMBERS),
    subject_key=st.sampled_from(["", "tech-0", "tech-1"]),
    assurance=st.builds(Assurance, ial=st.integers(0, 2)),
    dossier=st.sampled_from(["", *CODES]),
)
parties = st.builds(
    Party,
    kind=st.sampled_from(PartyKind),
    name=st.sampled_from(["Nguyễn Văn Thử", "Trần Thị Thử"]),
    id=st.builds(
        Identity,
        type=st.sampled_from(IdentityType),
        number=st.sampled_from(NUMBERS),
        verified=st.booleans(),
        verified_by=st.sampled_from(["", "VNeID"]),
        proof=st.sampled_from([None, "", "khong-phai-ma", *IDS]),
    ),
    portal_account_id=st.sampled_from(["", "tu-khai"]),
)
databases = st.lists(st.sampled_from(Database), unique=True, max_size=2).map(tuple)


def _dossier(applicant: Party, submitter: Party | None, drawn: tuple[Database, ...]) -> Dossier:
    return Dossier(
        CODES[0],
        1,
        Origin.ONLINE_MINISTRY,
        Procedure("P", "1.000000", "Thủ tục"),
        Agency("G16", "Cục Thử"),
        applicant,
        DossierStatus.RECEIVED,
        submitter=submitter,
        databases=drawn,
    )


def _situation(kept: list[IdentityProof], dossier: Dossier, *, asked: bool) -> Situation:
    """What the journal would read: what `reads` names, and no more."""
    writes = [identity_proofs.write(proof) for proof in kept]
    if asked:
        writes.append(identity_proofs.write_use(None, CODES[0], Database.POPULATION, NOW))
    stored = {write.key: Record(write.key, write.version, write.state) for write in writes}
    seen = {key: stored[key] for key in reads(dossier) if key in stored}
    return Situation(NOW, None, None, None, None, (), seen)


@given(
    st.lists(proofs, max_size=3, unique_by=lambda one: one.proof_id),
    parties,
    st.none() | parties,
    databases,
    st.booleans(),
)
def test_nothing_is_verified_without_a_fitting_proof(
    kept: list[IdentityProof], applicant: Party, submitter: Party | None, drawn: tuple[Database, ...], asked: bool
) -> None:
    """Verified means: a proof of the sender's (or of this dossier), young enough, of this very number; nothing else passes."""
    dossier = _dossier(applicant, submitter, drawn)
    judged = judge(ProofRules(), _situation(kept, dossier, asked=asked), "RES", dossier, None)
    if judged.faults:
        assert judged.dossier == dossier  # a refusal changes nothing
        return
    by_id = {proof.proof_id: proof for proof in kept}
    for party in (judged.dossier.applicant, judged.dossier.submitter):
        if party is None or not party.id.verified:
            assert party is None or (party.id.proof, party.id.verified_by, party.portal_account_id) == ("", "", "")
            continue
        proof = by_id[party.id.proof or ""]
        number = party.id.number.replace(" ", "")
        own = proof.tax_code if proof.account is AccountKind.ORGANISATION else proof.id_number
        assert number and number == own.replace(" ", "")
        assert proof.dossier == CODES[0] if proof.dossier else proof.system == "RES"
        assert NOW - proof.proven_at <= timedelta(days=30)
        assert proof.profile != "vneid" or proof.assurance.ial == 2
        assert party.id.verified_by in TITLES
        assert party.portal_account_id == (proof.subject_key if proof.kind is ProofKind.SIGN_ON else "")
    assert (Database.POPULATION in judged.dossier.databases) is asked
