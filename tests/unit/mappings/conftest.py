"""Messages that the mapping tests start from: the example of the facts and a full dossier, each test with its own copy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

EVENT = """{"schema_version":"1","event_id":"019a0f5e-7b1c-7c40-9a51-2f1d6c0a1111","system_code":"SEC-DEMO",
"dossier_code":"000.00.00.G00-261120-0042","sector_dossier_id":"LH-2026-000917","sequence":7,"previous_sequence":6,
"occurred_at":"2026-11-20T15:04:05+07:00","sent_at":"2026-11-20T15:04:07+07:00","state":"resolved","raw_state":"09",
"outcome":"granted","step":{"actor":{"name":"Trần Văn Mẫu","title":"Chuyên viên","unit":"Phòng Ví Dụ"},
"content":"Đã ký giấy phép"},"results":[{"id":"GP-1","name":"Giấy phép","number":"12/GP-DEMO","issued_on":"2026-11-20",
"file":{"name":"gp.pdf","media_type":"application/pdf","size":184320,
"sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},"signature":{"format":"pades"}}]}"""

DOSSIER = """{"schema_version":"1","dossier_code":"000.00.00.G16-261120-0042","version":3,"origin":"online_national",
"procedure":{"code":"BVH-LH-01","national_code":"1.999001","name":"Cấp giấy phép kinh doanh dịch vụ lữ hành quốc tế",
"field_code":"G16-LH01","field_name":"Lữ hành","level":"bo"},
"agency":{"code":"000.00.01.G16","name":"Cục Du lịch Quốc gia Việt Nam","handling_unit":"Phòng Lữ hành"},
"applicant":{"kind":"business","name":"Công ty Ví Dụ","id":{"type":"tax_code","number":"0100000001"},
"phone":"0900000001","email":"a@example.vn","address":{"full_text":"1 Phố Mẫu","province_code":"01"}},
"submitter":{"kind":"citizen","name":"Nguyễn Văn Mẫu","id":{"type":"cccd","number":"001099000001",
"issued_on":"2021-05-01","verified":true,"verified_by":"VNeID"},"date_of_birth":"1990-01-02"},
"summary":"Đề nghị cấp giấy phép","state":"processing","outcome":"none",
"times":{"submitted_at":"2026-11-18T08:00:00+07:00","received_at":"2026-11-18T09:00:00+07:00",
"due_at":"2026-11-28T09:00:00+07:00"},
"components":[{"id":"TP-1","name":"Đơn đề nghị","kind":"input","form":"electronic","quantity":1,"deleted":false,
"file":{"name":"don.pdf","media_type":"application/pdf","size":10,
"sha256":"9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"}}],
"fees":[{"id":"P-1","name":"Phí thẩm định","amount":3000000,"kind":"charge","collection_time":"on_receipt"}],
"delivery":{"result_method":"post"},"receipt_number":"BN-1","note":"","confidentiality":"restricted"}"""


@pytest.fixture
def event_tree() -> dict[str, Any]:
    """The example of dossier-model facts 4.4."""
    tree: dict[str, Any] = json.loads(EVENT)
    return tree


@pytest.fixture
def dossier_tree() -> dict[str, Any]:
    """A dossier that uses every part of the accepted shape."""
    tree: dict[str, Any] = json.loads(DOSSIER)
    return tree


class WriteTables(Protocol):
    """Writes files of tables into an own folder and gives the folder."""

    def __call__(self, files: Mapping[str, str]) -> Path:
        """The folder that now holds `files`."""
        ...


@pytest.fixture
def write_tables(tmp_path: Path) -> WriteTables:
    """A folder of tables of the test's own; parsed tables are cached by folder, so each test has its own."""

    def write(files: Mapping[str, str]) -> Path:
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return write
