"""What the translation needs beside the canonical values: the configured rules, the code tables, and a list of findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import msgspec

from connectors.kit.errors import CannotMap, Finding
from mappings.canonical import Carried
from mappings.codes import DossierStatus, Outcome
from mappings.dates import local_date
from mappings.tables import UnknownCode, load_table
from mappings.text import nfc

RECEIVED, FINISHED, RETURNED = "2", "9", "10"


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is unknown or a matter of policy (facts 8; dossier-model facts 8). Placeholders are empty: none is used.

    `refused_state`: status of a case that ended in a refusal. `allow_regress`: whether a closed dossier may be reopened.
    `mandatory_2023`: demand what the generation of 2023 made mandatory (identity, submission time).
    `summary_from_procedure`: a dossier without summary goes out under the name of its procedure.
    `reception_officer` signs a row "2" that no event reported.
    """

    refused_state: Literal["8", "9"] = "9"
    allow_regress: bool = False
    mandatory_2023: bool = False
    summary_from_procedure: bool = True
    procedure_code_pattern: str = r"^[123]\.\d{6}(\.(\d{3}\.\d{2}\.\d{2}\.)?[A-Y]\d{2}(\.\d+)*)?$"
    reception_officer: str = "Bộ phận Một cửa"
    applicant_placeholder: str = ""
    officer_placeholder: str = ""
    content_placeholder: str = ""


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

    `notes` are stable codes that do not stop the message; they end on the receipt.
    """

    carried: Carried
    rules: Rules
    memory: Mapping[str, str] = field(default_factory=dict)
    faults: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def day(self) -> date:
        """The day at which tables are read: that of the event, in Viet Nam."""
        return local_date(self.carried.event.occurred_at)

    def status(self) -> str:
        """The event's status, or a finding and an empty string."""
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
