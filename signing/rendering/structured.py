"""The report for other programs: canonical JSON in the published shape, the same bytes for the same report.

One document is an object with `file`, `conclusion` and `signatures`; docs/verification-manual.vi.md explains every key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from signing.canonical_json import canonical_json, utc_text
from signing.catalogue import sub_indication_rows
from signing.identity import displayed
from signing.model import Covered, Finding, SubIndication
from signing.report import Report, SignatureReport, SignerIdentity

Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | float | bool | None


def as_json(report: Report, file: str = "") -> bytes:
    """The report as one line of UTF-8 with its keys sorted, ended by a line feed."""
    return canonical(as_tree(report, file))


def canonical(tree: Json) -> bytes:
    """A JSON value in its one form: keys sorted, no blanks, a line feed at the end."""
    return canonical_json(tree) + b"\n"


def as_tree(report: Report, file: str = "") -> dict[str, Json]:
    """The report as plain values."""
    return {
        "file": displayed(file),
        "conclusion": report.conclusion.value,
        "sub_indication": _name(report.sub_indication),
        "message_vi": _message(report.sub_indication),
        "advice_vi": _advice(report.sub_indication),
        "signatures": [_signature(one) for one in report.signatures],
        "findings": [_finding(one) for one in report.findings],
        "document_sha256": report.document_sha256,
        "size": report.size,
        "judged_at": _moment(report.judged_at),
        "policy": displayed(report.policy),
        "policy_sha256": report.policy_sha256,
        "software": report.software,
        "used": list(report.used),
        "wanted": [displayed(one, 600) for one in report.wanted],
    }


def _signature(one: SignatureReport) -> dict[str, Json]:
    return {
        "id": displayed(one.id),
        "format": one.format.value,
        "level": displayed(one.level),
        "indication": one.indication.value,
        "sub_indication": _name(one.sub_indication),
        "message_vi": _message(one.sub_indication),
        "advice_vi": _advice(one.sub_indication),
        "signer": _signer(one.signer),
        "domain": one.domain.value if one.domain else None,
        "signing_time": _moment(one.signing_time),
        "proven_time": _moment(one.proven_time),
        "proven_by": displayed(one.proven_by),
        "covers": _covers(one.covers),
        "findings": [_finding(finding) for finding in one.findings],
    }


def _signer(one: SignerIdentity | None) -> dict[str, Json] | None:
    if one is None:
        return None
    return {
        "name": displayed(one.name),
        "organisation": displayed(one.organisation),
        "identifiers": [displayed(text) for text in one.identifiers],
        "issuer": displayed(one.issuer),
        "serial": one.serial,
        "certificate_sha256": one.certificate_sha256,
    }


def _covers(one: Covered) -> dict[str, Json]:
    return {
        "extent": displayed(one.extent),
        "ranges": [list(pair) for pair in one.ranges],
        "path": displayed(one.path, 1024),
        "sha256": one.sha256,
    }


def _finding(one: Finding) -> dict[str, Json]:
    return {"code": one.code, "ok": one.ok, "message_vi": one.message_vi, "detail": displayed(one.detail)}


def _name(sub_indication: SubIndication | None) -> str | None:
    return sub_indication.value if sub_indication is not None else None


def _message(sub_indication: SubIndication | None) -> str:
    return sub_indication_rows()[sub_indication].message_vi if sub_indication is not None else "Hợp lệ."


def _advice(sub_indication: SubIndication | None) -> str:
    return sub_indication_rows()[sub_indication].advice_vi if sub_indication is not None else ""


def _moment(value: datetime | None) -> str | None:
    return utc_text(value) if value is not None else None
