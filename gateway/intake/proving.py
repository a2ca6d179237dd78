"""What of a snapshot's identities is proven: the proofs that it names, judged over their records. Pure.

With `[identity]` nothing that a snapshot says of verification is believed: `verified`, `verified_by`, `portal_account_id` and
the use of the population database come from proofs and answered questions alone. What is not proven is stored as such, and
its sender is told; a proof that does not fit is refused, since its sender believes in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from gateway.errors import Fault
from gateway.intake.receipts import Remark
from gateway.journal.model import RecordKey, Situation
from gateway.records import identity_proofs
from gateway.records.identity_proofs import IdentityProof, ProofKind
from mappings.canonical import Dossier, Party
from mappings.codes import Database, IdentityType
from mappings.identity import AccountKind
from mappings.personal_numbers import bare

TITLES: Final[Mapping[str, str]] = {
    "vneid": "VNeID",
    # NĐ 69/2024/NĐ-CP Điều 40.4: since 01/07/2025 nobody signs on there but with an electronic identification account.
    "cdvcqg": "VNeID (Cổng Dịch vụ công quốc gia)",
    "dancu": "Cơ sở dữ liệu quốc gia về dân cư",
}
"""What `verified_by` says of a proof, by the profile that it came through."""

_PERSONAL = frozenset({IdentityType.CCCD, IdentityType.CMND})
_OF_A_PERSON = _PERSONAL | {IdentityType.PASSPORT}
_PERSONAL_LENGTH = 12


@dataclass(frozen=True, slots=True)
class ProofRules:
    """How proofs are judged.

    A snapshot must name a proof within `named_within` of its making; one that names it once may name it for ever.
    `min_ial` is the account level that a sign-on must have, by profile (none named: any; NĐ 69/2024/NĐ-CP). `titles` say what
    `verified_by` becomes, by profile.
    """

    named_within: timedelta = timedelta(days=30)
    min_ial: Mapping[str, int] = field(default_factory=lambda: {"vneid": 2})
    titles: Mapping[str, str] = field(default_factory=lambda: TITLES)


@dataclass(frozen=True, slots=True)
class Judged:
    """A dossier as far as it is proven. With `faults` it is refused; `doubts` tell what was not believed."""

    dossier: Dossier
    faults: tuple[Fault, ...] = ()
    doubts: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class _Bench:
    """One snapshot on its way: who sends it, what was registered before it, and the records read with it."""

    rules: ProofRules
    situation: Situation
    source: str
    dossier: Dossier
    before: Dossier | None


def reads(dossier: Dossier) -> tuple[RecordKey, ...]:
    """The records that this judgement needs to see."""
    named = (identity_proofs.key(party.id.proof) for _, party in _parties(dossier) if party.id.proof)
    return (identity_proofs.use_key(dossier.dossier_code), *dict.fromkeys(key for key in named if key is not None))


def unkept(dossier: Dossier) -> tuple[Fault, ...]:
    """Proofs that a snapshot names although this gateway keeps none."""
    told = "Cổng này chưa bật [identity] nên không giữ chứng thực danh tính; hãy bỏ trường này."
    return tuple(
        Fault("truong_khong_biet", f"/{role}/id/proof", told) for role, party in _parties(dossier) if party.id.proof
    )


def judge(rules: ProofRules, situation: Situation, source: str, dossier: Dossier, before: Dossier | None) -> Judged:
    """What `source` may say of who is who in `dossier`; `before` is the snapshot that stands registered."""
    bench = _Bench(rules, situation, source, dossier, before)
    faults: list[Fault] = []
    doubts: list[Remark] = []
    proven: dict[str, Party] = {}
    for role, party in _parties(dossier):
        if not party.id.proof:
            proven[role] = _unproven(party)
            doubts.extend(_unbelieved(role, party))
            continue
        found = _proven(bench, role, party)
        if isinstance(found, Fault):
            faults.append(found)
        else:
            proven[role] = found
    databases, doubted = _databases(bench)
    judged = dossier
    if not faults:
        judged = replace(dossier, applicant=proven["applicant"], submitter=proven.get("submitter"), databases=databases)
    return Judged(judged, tuple(faults), (*doubts, *doubted))


def _parties(dossier: Dossier) -> Iterator[tuple[str, Party]]:
    yield "applicant", dossier.applicant
    if dossier.submitter is not None:
        yield "submitter", dossier.submitter


def _unproven(party: Party) -> Party:
    return replace(party, id=replace(party.id, verified=False, verified_by="", proof=""), portal_account_id="")


def _unbelieved(role: str, party: Party) -> Iterator[Remark]:
    """What was said of a party without a proof, and is not passed on."""
    if party.id.verified:
        told = f"/{role}/id: không nêu chứng thực (proof) nên danh tính được ghi là chưa xác thực."
        yield Remark("danh_tinh_chua_chung_thuc", told)
    if party.portal_account_id:
        told = f"/{role}/portal_account_id: không nêu lần đăng nhập (proof) nên mã tài khoản này không được chuyển đi."
        yield Remark("tai_khoan_chua_chung_thuc", told)


def _databases(bench: _Bench) -> tuple[tuple[Database, ...], tuple[Remark, ...]]:
    """The databases that the dossier drew on; the population database by what it answered here, and by nothing else."""
    said = bench.dossier.databases
    use = identity_proofs.read_use(bench.situation.records, bench.dossier.dossier_code)
    if Database.POPULATION in use.drew_on:
        return (said if Database.POPULATION in said else (*said, Database.POPULATION)), ()
    kept = tuple(one for one in said if one is not Database.POPULATION)
    if kept == said:
        return said, ()
    told = "/databases: hồ sơ này chưa hỏi Cơ sở dữ liệu quốc gia về dân cư qua Cổng nên không được ghi là đã kết nối."
    return kept, (Remark("csdl_chua_chung_thuc", told),)


def _proven(bench: _Bench, role: str, party: Party) -> Party | Fault:
    """The party with what its proof says of it, or why the proof does not hold."""
    named = party.id.proof or ""
    proof = identity_proofs.read(bench.situation.records, named)
    held = _held(bench, role, named)
    if proof is None:
        if held is not None and _same_person(held, party):
            return _stamped(party, held.id.verified_by, held.portal_account_id)
        return _fault(role, "chung_thuc_khong_co")
    # What a register confirmed for a dossier is a fact of that dossier, whoever asked; a sign-on is its system's own.
    if proof.dossier != bench.dossier.dossier_code if proof.dossier else proof.system != bench.source:
        return _fault(role, "chung_thuc_khong_co")
    if held is None and bench.situation.now - proof.proven_at > bench.rules.named_within:
        return _fault(role, "chung_thuc_het_han")
    if not _fits_number(proof, party):
        return _fault(role, "chung_thuc_khac_so")
    if proof.words and proof.words != identity_proofs.words_of(named, party.name, party.date_of_birth):
        return _fault(role, "chung_thuc_khac_nguoi")
    if held is None and proof.assurance.ial < _least_level(bench.rules, proof):
        return _fault(role, "chung_thuc_chua_du_muc")
    title = bench.rules.titles.get(proof.profile) or proof.by
    return _stamped(party, title, proof.subject_key if proof.kind is ProofKind.SIGN_ON else "")


def _least_level(rules: ProofRules, proof: IdentityProof) -> int:
    """The level that a proof must have; the highest of all where nobody knows any more through which dialect it came."""
    return rules.min_ial.get(proof.profile, 0) if proof.profile else max(rules.min_ial.values(), default=0)


def _held(bench: _Bench, role: str, named: str) -> Party | None:
    """The party as it stands registered, if it was proven by this very proof: then the proof was judged already."""
    party = getattr(bench.before, role, None)
    return party if isinstance(party, Party) and party.id.verified and party.id.proof == named else None


def _same_person(held: Party, party: Party) -> bool:
    """Whether the proof, erased since, still speaks of the one who is named: number, name and birth are what they were."""
    same_id = (held.id.type, held.id.number) == (party.id.type, party.id.number)
    return same_id and (held.name, held.date_of_birth) == (party.name, party.date_of_birth)


def _stamped(party: Party, title: str, account: str) -> Party:
    return replace(party, id=replace(party.id, verified=True, verified_by=title), portal_account_id=account)


def _fits_number(proof: IdentityProof, party: Party) -> bool:
    """Whether the proof speaks of the number that the party is registered under."""
    number = bare(party.id.number)
    if not number:
        return False
    if proof.account is AccountKind.ORGANISATION:
        own = {bare(proof.tax_code), bare(proof.enterprise_code)} - {""}
        return party.id.type not in _OF_A_PERSON and number in own
    if number != bare(proof.id_number):
        return False
    if party.id.type in _PERSONAL:
        return proof.id_type in _PERSONAL
    # TT 86/2024/TT-BTC: the personal number is the tax code of persons and household businesses.
    as_tax_code = party.id.type is IdentityType.TAX_CODE and len(number) == _PERSONAL_LENGTH
    return party.id.type is proof.id_type or (as_tax_code and proof.id_type in _PERSONAL)


_FAULTS: Final[Mapping[str, tuple[str, str]]] = {
    "chung_thuc_khong_co": (
        "/id/proof",
        "Không có chứng thực này của hệ thống và hồ sơ này; hãy nêu lần đăng nhập hoặc lần đối chiếu đã nhận.",
    ),
    "chung_thuc_het_han": (
        "/id/proof",
        "Chứng thực đã quá thời hạn được nêu lần đầu; hãy đăng nhập hoặc đối chiếu lại.",
    ),
    "chung_thuc_khac_so": ("/id/number", "Số giấy tờ khác với số đã được chứng thực; hãy kiểm tra lại số và proof."),
    "chung_thuc_khac_nguoi": (
        "/name",
        "Họ tên hoặc ngày sinh khác với nội dung đã đối chiếu; hãy đối chiếu lại rồi nêu lần đối chiếu mới.",
    ),
    "chung_thuc_chua_du_muc": (
        "/id/proof",
        "Mức độ của tài khoản chưa đủ để nộp hồ sơ (NĐ 69/2024/NĐ-CP); hãy đăng nhập bằng tài khoản mức độ 02.",
    ),
}


def _fault(role: str, code: str) -> Fault:
    place, told = _FAULTS[code]
    return Fault(code, f"/{role}{place}", told)
