"""`gateway init DIR`: write a working installation and print the commands that start it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gateway.cli.installation import Ports, lay_out, write_safely
from gateway.cli.operators import found_first, whoami
from gateway.cli.screen import EX_OK, EX_REFUSED, EX_UNAVAILABLE, failure, out, say
from gateway.config import load

_DOSSIER = {
    "schema_version": "1",
    "dossier_code": "000.00.00.G16-261120-0001",
    "version": 1,
    "origin": "online_ministry",
    "procedure": {
        "code": "BVH-LH-01",
        "national_code": "1.999001",
        "name": "Cấp giấy phép kinh doanh dịch vụ lữ hành quốc tế",
        "field_code": "G16-LH01",
        "field_name": "Lữ hành",
    },
    "agency": {"code": "000.00.01.G16", "name": "Cục Du lịch Quốc gia Việt Nam"},
    "applicant": {"kind": "citizen", "name": "Nguyễn Văn Mẫu", "id": {"type": "cccd", "number": "001099000001"}},
    "summary": "Hồ sơ ví dụ",
    "state": "submitted",
    "outcome": "none",
    "times": {
        "submitted_at": "2026-11-20T08:00:00+07:00",
        "received_at": "2026-11-20T09:00:00+07:00",
        "due_at": "2026-12-01T09:00:00+07:00",
    },
    "delivery": {"result_method": "direct"},
}

_EVENT = {
    "schema_version": "1",
    "event_id": "019a0f5e-7b1c-7c40-9a51-2f1d6c0a1111",
    "system_code": "SEC-DEMO",
    "dossier_code": "000.00.00.G16-261120-0001",
    "sequence": 1,
    "occurred_at": "2026-11-20T09:00:00+07:00",
    "state": "received",
    "outcome": "none",
    "step": {
        "actor": {"name": "Trần Văn Mẫu", "title": "Chuyên viên", "unit": "Bộ phận Một cửa"},
        "content": "Tiếp nhận hồ sơ",
    },
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where, and on which ports."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="thư mục cài đặt (sẽ được tạo)")
    defaults = Ports()
    parser.add_argument("--gateway-port", type=int, default=defaults.gateway, metavar="CỔNG")
    parser.add_argument("--portal-port", type=int, default=defaults.portal, metavar="CỔNG")
    parser.add_argument("--resolution-port", type=int, default=defaults.resolution, metavar="CỔNG")


def run(arguments: argparse.Namespace) -> int:
    """Write, then say what to run."""
    folder: Path = arguments.folder
    ports = Ports(arguments.gateway_port, arguments.portal_port, arguments.resolution_port)
    try:
        if (folder / "gateway.toml").exists():
            failure(f"{folder}/gateway.toml đã có; hãy chọn thư mục khác.")
            return EX_REFUSED
        folder.mkdir(parents=True, exist_ok=True)
        lay_out(folder, ports, ("SEC-DEMO",))
        for name, tree in (("dossier.json", _DOSSIER), ("event.json", _EVENT)):
            write_safely(folder / name, json.dumps(tree, ensure_ascii=False, indent=1).encode() + b"\n", mode=0o644)
        first = whoami()
        found_first(load(folder / "gateway.toml"), first)
    except OSError as error:
        failure(f"{folder}: không tạo được cài đặt ({error.strerror})")
        return EX_UNAVAILABLE
    say(
        f"[green]✓[/] Đã tạo cài đặt trong {folder} (hệ thống chuyên ngành mẫu: SEC-DEMO, khóa {folder}/keys/SEC-DEMO.pem)."
    )
    say(
        f"[green]✓[/] Đã lập người vận hành đầu tiên: {first} (khóa {folder}/keys/operators/{first}.pem); mọi quyết định được ký "
        "bằng khóa này."
    )
    say("Chạy mỗi lệnh trong một cửa sổ:")
    config = folder / "gateway.toml"
    for command in (
        f"gateway simulate national_dvc --port {ports.portal} --options {folder}/simulators/national_dvc.toml",
        f"gateway simulate resolution --port {ports.resolution} --options {folder}/simulators/resolution.toml",
        f"gateway serve --config {config}",
    ):
        out.print(f"  {command}", soft_wrap=True)
    say("Rồi đăng ký hồ sơ mẫu (với khóa của hệ thống giải quyết), gửi một sự kiện và xem nó đi đâu:")
    for command in (
        f"gateway push --config {config} --as RES-VHTTDL --dossiers {folder}/dossier.json",
        f"gateway push --config {config} {folder}/event.json",
        f"gateway lanes --config {config}",
    ):
        out.print(f"  {command}", soft_wrap=True)
    say(
        "Nối hệ thống của chính bạn, với khóa của nó: gateway consent add --help, và docs/huong-dan-ket-noi.md trong mã nguồn. "
        f"Mọi yêu cầu và mã lỗi: http://127.0.0.1:{ports.gateway}/docs"
    )
    return EX_OK
