"""Sổ chứng thực danh tính: what was verified of whom, by which provider or register, and which dossiers drew on a register.

Record kind `identity_proof:DAY`, id = the sign-on or the check (UUIDv7), sealed with a key of its day. The day stands in the
id itself, so that one day's proofs are found, and erased, together. A proof holds what was verified and nothing more: no
address, no claim, no answer of a register (Luật 91/2025/QH15; identity facts 5). Kind `identity_use`, id = dossier code,
unsealed: which databases the handling of a dossier drew on (indicator 4.5 of QĐ 766/QĐ-TTg), codes and times only.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum

from gateway.journal.model import Record, RecordKey, RecordWrite
from mappings.codec import decode, encode
from mappings.codes import Database, IdentityType
from mappings.identity import Account, AccountKind, Assurance
from mappings.partial_date import PartialDate
from mappings.text import nfc

KIND = "identity_proof"
USE_KIND = "identity_use"
_ERASED = b"null"
_VERSION_7 = 7


class ProofKind(StrEnum):
    """How somebody was verified: by signing on, or by a register that knows the declared data."""

    SIGN_ON = "sign_on"
    REGISTER = "register"


@dataclass(frozen=True, slots=True)
class IdentityProof:
    """What was verified. `system` is the caller that it was made for: nobody else may name a sign-on.

    `by` is the provider or the upstream of the register, `profile` its dialect (`cdvcqg`, `vneid`, `dancu`). The number of a
    person stands in `id_number`, those of an organisation in `tax_code` and `enterprise_code`; `subject_key` is the TechID.
    `dossier` binds a register's proof to the dossier that it was asked for, `words` (`words_of`) to the name and birth that
    the register confirmed beside the number; both are empty for a sign-on.
    """

    proof_id: str
    system: str
    kind: ProofKind
    by: str
    profile: str
    account: AccountKind
    proven_at: datetime
    id_type: IdentityType = IdentityType.NONE
    id_number: str = field(default="", repr=False)
    tax_code: str = field(default="", repr=False)
    enterprise_code: str = field(default="", repr=False)
    subject_key: str = field(default="", repr=False)
    assurance: Assurance = Assurance()
    dossier: str = ""
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Use:
    """The databases that answered something for a dossier, each with when it did so last."""

    drew_on: Mapping[Database, datetime] = field(default_factory=dict)


def of_account(proof_id: str, system: str, profile: str, account: Account, now: datetime) -> IdentityProof:
    """The proof behind a sign-on that `system` began; `proof_id` is the sign-on's id."""
    organisation = account.organisation
    return IdentityProof(
        proof_id=proof_id,
        system=system,
        kind=ProofKind.SIGN_ON,
        by=account.provider,
        profile=profile,
        account=account.kind,
        proven_at=now,
        id_type=account.id_type,
        id_number=account.id_number,
        tax_code=organisation.tax_code if organisation is not None else "",
        enterprise_code=organisation.enterprise_code if organisation is not None else "",
        subject_key=account.subject_key,
        assurance=account.assurance,
    )


def words_of(proof_id: str, full_name: str, birth: PartialDate | None) -> str:
    """Which name and birth a register confirmed, as a digest: enough to notice another name, useless for anything else."""
    told = f"{proof_id}\n{' '.join(nfc(full_name).casefold().split())}\n{birth if birth is not None else ''}"
    return hashlib.sha256(told.encode()).hexdigest()


def day_of(proof_id: str) -> date | None:
    """The day (UTC) on which an id was made; None for what is no UUIDv7 in its one spelling (RFC 9562, 5.7)."""
    try:
        parsed = uuid.UUID(proof_id)
    except ValueError:
        return None
    if str(parsed) != proof_id or parsed.version != _VERSION_7:
        return None
    try:
        return datetime.fromtimestamp((parsed.int >> 80) / 1000, UTC).date()
    except (ValueError, OverflowError, OSError):
        return None


def kind_of(day: date) -> str:
    """The kind under which the proofs of a day stand."""
    return f"{KIND}:{day.isoformat()}"


def key(proof_id: str) -> RecordKey | None:
    """Where a proof stands; None for a text that can name none."""
    day = day_of(proof_id)
    return RecordKey(kind_of(day), proof_id) if day is not None else None


def parse(record: Record) -> IdentityProof | None:
    """The proof in a stored record; None where it was erased."""
    return decode(record.state, IdentityProof) if record.state != _ERASED else None


def read(records: Mapping[RecordKey, Record], proof_id: str) -> IdentityProof | None:
    """The proof among the records read; None where there is none (any more)."""
    place = key(proof_id)
    record = records.get(place) if place is not None else None
    return parse(record) if record is not None else None


def write(proof: IdentityProof) -> RecordWrite:
    """The record that puts a proof in place, once; raises `ValueError` for an id that is no UUIDv7."""
    place = key(proof.proof_id)
    if place is None:
        raise ValueError("the id of a proof must be a UUIDv7")
    return RecordWrite(place, 1, encode(proof), sealed_for=place.kind)


def erased(record: Record) -> RecordWrite:
    """What stays where a proof was kept long enough: that there was one, and nothing of it."""
    return RecordWrite(record.key, record.version + 1, _ERASED)


def use_key(dossier: str) -> RecordKey:
    """Where it stands which databases a dossier drew on."""
    return RecordKey(USE_KIND, dossier)


def read_use(records: Mapping[RecordKey, Record], dossier: str) -> Use:
    """What is known of the databases behind a dossier."""
    record = records.get(use_key(dossier))
    return decode(record.state, Use) if record is not None else Use()


def drew_on(record: Record | None, database: Database) -> bool:
    """Whether a record of uses already says so of a database."""
    return record is not None and database in decode(record.state, Use).drew_on


def write_use(before: Record | None, dossier: str, database: Database, now: datetime) -> RecordWrite:
    """The record that remembers that a database answered for a dossier."""
    known = decode(before.state, Use).drew_on if before is not None else {}
    state = encode(Use({**known, database: now}))
    return RecordWrite(use_key(dossier), (before.version if before is not None else 0) + 1, state)
