"""What can be set about lawful questions to registers: who may ask what, how much, and how long a proof is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from mappings.codes import DossierStatus


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of these settings: frozen, strict."""


Operation = Literal[
    "verify", "look_up", "relatives", "household_head", "current_residence", "marital_status", "household"
]
"""What a register of persons may be asked (identity facts 2.3)."""

OPEN_STATES: tuple[DossierStatus, ...] = (
    DossierStatus.SUBMITTED,
    DossierStatus.RECEIVED,
    DossierStatus.PROCESSING,
    DossierStatus.AWAITING_SUPPLEMENT,
    DossierStatus.AWAITING_PAYMENT,
    DossierStatus.WITHDRAWAL_REQUESTED,
)


class Asker(Struct, frozen=True):
    """What one calling system may ask, within its consent: operations, procedures (codes, beginnings such as "BVH-LH-*",
    "*"), and the agencies in whose name it asks (`units`, empty: any that it names).

    `subjects`: `parties` asks about the applicant and the submitter of the dossier alone, under the number that the dossier
    has of them; `any` asks about whoever a procedure concerns (a child, an employee), and is for procedures that need it.
    """

    operations: tuple[Operation, ...] = ("verify", "look_up")
    procedures: tuple[str, ...] = ("*",)
    units: tuple[str, ...] = ()
    subjects: Literal["parties", "any"] = "parties"


class Questions(Struct, frozen=True):
    """Questions about persons to a register; without this section nobody asks (Luật 91/2025/QH15: only for a stated purpose).

    `upstream` is the connection that answers them, `callers` who may ask; whom it does not list may not. A question needs a
    dossier in one of `open_states`. An officer asks `per_officer_per_hour`, an agency `per_agency_per_hour`, a calling system
    for all of them `per_system_per_hour` times an hour at most: a tenth of it at once, the others evenly; a check may take two
    questions. The register must answer within `timeout_s`. `fields_file` is
    the ministry's own minimisation table (CSV with the columns of `mappings/tables/identity_fields.csv`), whose rows come
    before ours.

    `cache_s` remembers, of questions `verify` alone, only whether the data agreed (a keyed digest of the question, never its
    words), for the same dossier; 0 remembers nothing, and it is at most 900 (identity facts 5).
    `year_again`: where a check finds nobody under the whole date of birth it asks once more with the year alone, so that a
    wrong day can be named; without it, all that can be said is that the data do not agree.
    """

    upstream: str
    callers: Mapping[str, Asker] = {}
    open_states: tuple[DossierStatus, ...] = OPEN_STATES
    per_officer_per_hour: int = 120
    per_agency_per_hour: int = 1_200
    per_system_per_hour: int = 12_000
    timeout_s: float = 20.0
    fields_file: str = ""
    cache_s: float = 0.0
    year_again: bool = True


class Proofs(Struct, frozen=True):
    """Proofs of identity that dossiers name. A dossier must name one within `named_within_days` of its making; what it proves
    is erased after `keep_days` (the dossier keeps that it was verified, and by whom).

    `min_ial` is the account level that a sign-on must have for a dossier, by the provider's profile; the others do not say one
    (NĐ 69/2024/NĐ-CP; [assumed]: level 2). `verified_by` says, by profile, what goes outside as the place of verification; the
    portal is told of VNeID where the word stands in it.
    """

    named_within_days: float = 30.0
    keep_days: float = 90.0
    min_ial: Mapping[str, int] = msgspec.field(default_factory=lambda: {"vneid": 2})
    verified_by: Mapping[str, str] = {}
