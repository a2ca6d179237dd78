"""What callers send to the endpoints of handover lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Literal, get_args

import msgspec

from connectors.kit.errors import Finding
from connectors.kit.requests import Request, code_findings, finding, words_findings
from connectors.postal.handover import LineStatus, Officer

AREA = "handover"
DirectionName = Literal["collect", "deliver"]
StatusName = Literal["ok", "missing", "damaged"]

_MOST_COMPONENTS = 999
_LONGEST_NOTE = 200
_ID = re.compile(r"[0-9a-v]{13}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class AskedOfficer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who gives or takes."""

    name: str
    staff_id: str

    def __repr__(self) -> str:
        return "<AskedOfficer>"

    @property
    def officer(self) -> Officer:
        """The same in our words."""
        return Officer(name=self.name.strip(), staff_id=self.staff_id)

    def findings(self, where: str) -> Iterator[Finding]:
        """What is wrong with it."""
        yield from words_findings(f"{where}/name", self.name)
        yield from code_findings(f"{where}/staff_id", self.staff_id)


class AskedHandoverLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A parcel of a new list. `component_count`: how many papers lie in it."""

    shipment_id: str
    component_count: int
    sealed: bool = True
    note: str = ""

    def __repr__(self) -> str:
        return "<AskedHandoverLine>"


class HandoverRequest(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/handovers`."""

    choices: ClassVar[Mapping[str, Sequence[str]]] = {"direction": get_args(DirectionName)}

    direction: DirectionName
    agency_code: str
    deliverer: AskedOfficer
    lines: tuple[AskedHandoverLine, ...]
    pos_code: str = ""

    def findings(self) -> Iterator[Finding]:
        """What is wrong with it."""
        yield from super().findings()
        yield from code_findings("/agency_code", self.agency_code)
        if self.pos_code:
            yield from code_findings("/pos_code", self.pos_code)
        yield from self.deliverer.findings("/deliverer")
        if not self.lines:
            yield finding("lines", "/lines", "Cần ít nhất một bưu gửi.")
        seen: set[str] = set()
        for number, line in enumerate(self.lines):
            where = f"/lines/{number}"
            yield from _line(f"{where}/shipment_id", line.shipment_id, seen)
            if not 0 <= line.component_count <= _MOST_COMPONENTS:
                told = f"Số thành phần từ 0 đến {_MOST_COMPONENTS}."
                yield finding("component_count", f"{where}/component_count", told)
            yield from _note(f"{where}/note", line.note)


class SignedLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What both sides found of a parcel."""

    shipment_id: str
    status: StatusName
    note: str = ""

    def __repr__(self) -> str:
        return "<SignedLine>"


class CountersignRequest(Request, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/handovers/{handover_id}/countersign`. Every parcel of the list is named, so that none is forgotten."""

    choices: ClassVar[Mapping[str, Sequence[str]]] = {"status": get_args(StatusName)}

    receiver: AskedOfficer
    handed_at: datetime
    lines: tuple[SignedLine, ...]
    evidence_sha256: str = ""

    def findings(self) -> Iterator[Finding]:
        """What is wrong with it."""
        yield from super().findings()
        yield from self.receiver.findings("/receiver")
        if self.handed_at.tzinfo is None:
            yield finding("handed_at", "/handed_at", "Phải có múi giờ, ví dụ 2026-09-21T14:30:05+07:00.")
        if self.evidence_sha256 and not _SHA256.fullmatch(self.evidence_sha256):
            yield finding("evidence_sha256", "/evidence_sha256", "Phải là 64 chữ số hệ 16, chữ thường.")
        seen: set[str] = set()
        for number, line in enumerate(self.lines):
            where = f"/lines/{number}"
            yield from _line(f"{where}/shipment_id", line.shipment_id, seen)
            yield from _note(f"{where}/note", line.note)
            if LineStatus(line.status) is not LineStatus.OK and not line.note.strip():
                yield finding("note", f"{where}/note", "Bưu gửi thiếu hoặc hư hỏng phải ghi chú.")


def _line(pointer: str, shipment_id: str, seen: set[str]) -> Iterator[Finding]:
    if not _ID.fullmatch(shipment_id):
        yield finding("shipment_id", pointer, "Không phải mã bưu gửi của cổng.")
    elif shipment_id in seen:
        yield finding("repeated", pointer, "Bưu gửi này đã có trong bảng kê.")
    seen.add(shipment_id)


def _note(pointer: str, note: str) -> Iterator[Finding]:
    if len(note) > _LONGEST_NOTE or not note.isprintable():
        yield finding("note", pointer, f"Nhiều nhất {_LONGEST_NOTE} ký tự, trên một dòng.")
