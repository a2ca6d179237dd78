"""The closed lists that people may read in a spreadsheet: findings with what their failure means, and sub-indications."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

from signing.model import Finding, Indication, Observation, SubIndication


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One check: its step in signing facts 5.2, what its failure means, and the sentence for either outcome."""

    code: str
    step: int
    on_failure: SubIndication | None
    ok_vi: str
    failed_vi: str


@dataclass(frozen=True, slots=True)
class SubIndicationRow:
    """One sub-indication: the main status it belongs to, its stable Vietnamese key, what it means and what to do, for people."""

    sub_indication: SubIndication
    indication: Indication
    key_vi: str
    message_vi: str
    advice_vi: str


@cache
def finding_rows() -> dict[str, FindingRow]:
    """Every known check by its code. An empty `on_failure` is a warning: reported, never decisive."""
    return {
        row["code"]: FindingRow(
            row["code"],
            int(row["step"]),
            SubIndication(row["on_failure"]) if row["on_failure"] else None,
            row["ok_vi"],
            row["failed_vi"],
        )
        for row in _rows("findings.csv")
    }


@cache
def sub_indication_rows() -> dict[SubIndication, SubIndicationRow]:
    """Every sub-indication with its main status and its words."""
    rows = {}
    for row in _rows("sub_indications.csv"):
        name = SubIndication(row["sub_indication"])
        indication = Indication(row["indication"])
        rows[name] = SubIndicationRow(name, indication, row["key_vi"], row["message_vi"], row["advice_vi"])
    return rows


def found(observation: Observation) -> Finding:
    """An observation in words; raises KeyError for a code that is not in the catalogue, which is our own mistake."""
    row = finding_rows()[observation.code]
    return Finding(row.code, observation.ok, row.ok_vi if observation.ok else row.failed_vi, observation.detail)


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files("signing").joinpath(name).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))
