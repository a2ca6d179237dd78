"""What the translation needs beside the canonical values: the configured rules, the code tables, and a list of findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import msgspec

from connectors.kit.errors import CannotMap, Finding
from mappings.canonical import Carried
from mappings.codes import Database, DossierStatus, Outcome
from mappings.dates import local_date
from mappings.tables import UnknownCode, load_table
from mappings.text import nfc

RECEIVED, FINISHED, RETURNED = "2", "9", "10"


class IdentityPlaceholder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `DinhDanhCHS` says where nothing true can be said. Only an office that answers for it sets one."""

    kind: Literal["1", "2"]
    number: str

    def __post_init__(self) -> None:
        """Refuses a number that the portal could not take for its kind: 12 digits for "1", 9 for "2" (facts 2.6)."""
        if not identity_fits(self.kind, self.number):
            raise ValueError("identity_placeholder.number: phải gồm 12 chữ số (kind 1) hoặc 9 chữ số (kind 2)")


def identity_fits(kind: str, number: str) -> bool:
    """Whether `number` is one of kind "1" (12 digits) or "2" (9 digits), the only two that the portal knows."""
    return len(number) == {"1": 12, "2": 9}[kind] and number.isascii() and number.isdigit()


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is unknown or a matter of policy (facts 8; dossier-model facts 8). Placeholders are empty: none is used.

    `refused_state`: status of a case that ended in a refusal. `allow_regress`: whether a closed dossier may be reopened.
    `mandatory_2023`: demand what the generation of 2023 made mandatory (identity, submission time); without a value the
    profile decides, and mapi-2023 always demands it.
    `summary_from_procedure`: a dossier without summary goes out under the name of its procedure.
    `added_rows`: statuses of the progress rows that are added where no event reported them (facts 2.7: first "2", last
    "9"); `reception_officer` signs an added row "2".
    `identity_placeholder`: an identity for owners who have none that mapi-2023 knows. `connected_databases`: `MaCSDL` of
    the databases that the ministry's system is connected to, said of every dossier (2.6: the one known client says "7"
    of all, and nobody knows what it means); `database_codes`: `MaCSDL` of databases that a dossier names, by our words.
    `unproven_identity`: what becomes of the owner's number where the gateway keeps proofs and there is none of it: `withhold`
    leaves it out of `DinhDanhCHS`, `send` says it as it was declared.
    """

    refused_state: Literal["8", "9"] = "9"
    allow_regress: bool = False
    mandatory_2023: bool | None = None
    summary_from_procedure: bool = True
    procedure_code_pattern: str = r"^[123]\.\d{6}(\.(\d{3}\.\d{2}\.\d{2}\.)?[A-Y]\d{2}(\.\d+)*)?$"
    added_rows: tuple[Literal["2", "9"], ...] = ("2", "9")
    reception_officer: str = "Bộ phận Một cửa"
    applicant_placeholder: str = ""
    officer_placeholder: str = ""
    content_placeholder: str = ""
    identity_placeholder: IdentityPlaceholder | None = None
    connected_databases: tuple[str, ...] = ("7",)
    database_codes: dict[str, str] = {}
    unproven_identity: Literal["withhold", "send"] = "withhold"

    def __post_init__(self) -> None:
        """Refuses names of databases that the canonical model does not have, and codes that say nothing."""
        unknown = sorted(set(self.database_codes) - set(Database))
        if unknown:
            raise ValueError(f"database_codes: cơ sở dữ liệu không tồn tại ({', '.join(unknown)})")
        if not all(code.strip() for code in (*self.connected_databases, *self.database_codes.values())):
            raise ValueError("connected_databases, database_codes: mã cơ sở dữ liệu không được để trống")


def portal_code(table: str, *key: str, at: date, column: str = "portal_code") -> str:
    """The portal's code for canonical words, from `mappings/tables/portal_<table>.csv`; raises `UnknownCode`."""
    return load_table(f"portal_{table}").value(column, *key, at=at)


def portal_status(carried: Carried, rules: Rules) -> str:
    """The status "1" to "10" of the event; raises `UnknownCode` for a draft, which the portal must not see."""
    event = carried.event
    if event.state is DossierStatus.RESOLVED and event.outcome is Outcome.REFUSED:
        return rules.refused_state
    return portal_code("status", event.state, event.outcome, at=local_date(event.occurred_at))


@dataclass(slots=True)
class Draft:
    """A message being built: collects findings, so that a person sees all of them at once.

    `notes` are stable codes that do not stop the message; they end on the receipt. `said`: status and dates, by the portal's
    names, that are repeated as they were acknowledged last, because what is told is no new state (judged results).
    """

    carried: Carried
    rules: Rules
    memory: Mapping[str, str] = field(default_factory=dict)
    faults: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    said: Mapping[str, str] | None = None

    @property
    def day(self) -> date:
        """The day at which tables are read: that of the event, in Viet Nam."""
        return local_date(self.carried.event.occurred_at)

    def status(self) -> str:
        """The event's status, or a finding and an empty string; what was said last where no new one is told."""
        if self.said is not None:
            return self.said.get("TrangThaiHoSo", "")
        return self.look_up("/event/state", lambda: portal_status(self.carried, self.rules))

    def fault(self, code: str, pointer: str, message_vi: str) -> str:
        """Add a finding; the value is empty for now, as nothing will be sent."""
        self.faults.append(Finding(code, pointer, message_vi))
        return ""

    def note(self, code: str) -> None:
        """Say once what does not stop the message."""
        if code not in self.notes:
            self.notes.append(code)

    def demand(self, value: str, code: str, pointer: str, message_vi: str) -> str:
        """The value in NFC without outer blanks, or a finding when nothing is left of it."""
        text = nfc(value).strip()
        return text or self.fault(code, pointer, message_vi)

    def look_up(self, pointer: str, read: Callable[[], str]) -> str:
        """What `read` finds in a table, or a finding."""
        try:
            return read()
        except UnknownCode as error:
            return self.fault("unmapped_code", pointer, error.message_vi)

    def refuse_if_faulty(self) -> None:
        """Raise `CannotMap` with everything found; its text names fields, never their values."""
        if self.faults:
            named = "; ".join(fault.message_vi for fault in self.faults)
            raise CannotMap(f"Không chuyển được hồ sơ sang định dạng của Cổng: {named}", findings=tuple(self.faults))
