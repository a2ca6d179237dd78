"""What tests say: snapshots and events of invented people, complete unless a test takes something out."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

RESOLUTION = "RES-VHTTDL"
SECTOR = "SEC-DEMO"
AHEAD = "SEC-DLVN"
"""A sector whose events go outside on acknowledgement (`on_ack`)."""

STRANGER = "SEC-KHAC"
"""A sector with a consent for another procedure only."""

LAPSED = "SEC-HETHAN"
"""A sector whose consent has run out."""

MEEK = "SEC-MOTPHAN"
"""A sector that may report nothing but a reception."""

XML = "SEC-XML"
"""A sector that speaks the XML of its own publication (`bieu_dien_xml`)."""

ROWS = "SEC-HANG"
"""A sector that sends JSON rows without ids and counters (`dieuphoi_2026`)."""

PROCEDURE = "BVH-LH-01"
NUMBER = "001099000000"
"""The applicant's invented personal number, planted: the run fails when it is shown anywhere (`tests/planted.py`)."""


def dossier(code: str, **changes: Any) -> dict[str, Any]:
    """A snapshot of an invented person's dossier."""
    tree: dict[str, Any] = {
        "schema_version": "1",
        "dossier_code": code,
        "version": 1,
        "origin": "online_ministry",
        "procedure": {
            "code": PROCEDURE,
            "national_code": "1.999001",
            "name": "Cấp giấy phép kinh doanh dịch vụ lữ hành quốc tế",
            "field_code": "G16-LH01",
            "field_name": "Lữ hành",
        },
        "agency": {"code": "000.00.01.G16", "name": "Cục Du lịch Quốc gia Việt Nam"},
        "applicant": {"kind": "citizen", "name": "Nguyễn Văn Mẫu", "id": {"type": "cccd", "number": NUMBER}},
        "summary": "Hồ sơ thử",
        "state": "submitted",
        "outcome": "none",
        "times": {
            "submitted_at": "2026-11-20T08:00:00+07:00",
            "received_at": "2026-11-20T08:30:00+07:00",
            "due_at": "2026-12-01T09:00:00+07:00",
        },
        "delivery": {"result_method": "direct"},
    }
    return tree | changes


_REASON = {
    "code": "LD-01",
    "text_vi": "Thiếu giấy tờ theo quy định",
    "legal_basis": "QĐ 3036/QĐ-BVHTTDL Điều 8 khoản 2",
}
PAPER = b"%PDF-1.7 giay phep vi du".ljust(1000, b"%")
"""The content of the one result that `event` names."""

_FILE = {
    "name": "gp.pdf",
    "media_type": "application/pdf",
    "size": len(PAPER),
    "sha256": hashlib.sha256(PAPER).hexdigest(),
}
_NEEDS: Mapping[str, Mapping[str, Any]] = {
    "awaiting_supplement": {
        "reason": _REASON,
        "supplement": {
            "id": "BS-1",
            "requester": "Lê Thị Ví Dụ",
            "content": "Bổ sung bản sao giấy chứng nhận",
            "requested_at": "2026-11-20T09:00:00+07:00",
        },
    },
    "awaiting_payment": {"fees": [{"id": "PHI-1", "name": "Phí thẩm định", "amount": 500_000}]},
    "intake_refused": {"reason": _REASON},
    "stopped": {"reason": _REASON},
    "resolved": {
        "outcome": "granted",
        "results": [{"id": "GP-1", "name": "Giấy phép", "file": _FILE, "signature": {"format": "pades"}}],
    },
    "returned": {"outcome": "granted"},
}


def event(system: str, code: str, sequence: int, state: str, **changes: Any) -> dict[str, Any]:
    """An event with all that its state demands; a change to None leaves the field out."""
    tree: dict[str, Any] = {
        "schema_version": "1",
        "event_id": str(uuid.uuid4()),
        "system_code": system,
        "dossier_code": code,
        "sequence": sequence,
        "occurred_at": f"2026-11-20T09:{sequence % 60:02d}:00+07:00",
        "state": state,
        "outcome": "none",
        "step": {
            "actor": {"name": "Trần Văn Mẫu", "title": "Chuyên viên", "unit": "Bộ phận Một cửa"},
            "content": f"Đã thực hiện bước {sequence}",
        },
        **_NEEDS.get(state, {}),
    }
    return {name: value for name, value in (tree | changes).items() if value is not None}


def own(code: str, state: str, sequence: int = 1, **changes: Any) -> dict[str, Any]:
    """An event for the resolution simulator, which sets its identity and sequence itself."""
    tree = event(RESOLUTION, code, sequence, state, **changes)
    return {name: value for name, value in tree.items() if name not in ("event_id", "system_code", "sequence")}
