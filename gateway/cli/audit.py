"""`gateway audit search|export|verify|kinds`: the trail of everything that happened, and whether it holds."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from gateway.admin.proofs import Judged, StoreLeaf, bound_by, judge
from gateway.audit.catalogue import markdown
from gateway.audit.events import CATALOGUE
from gateway.cli.operate import common_arguments, decision_arguments, leaves, moment, read, stream
from gateway.cli.screen import EX_INPUT, EX_OK, EX_WRONG, failure, local, pick, print_json, say, table
from gateway.records.operators import UnusableKey, key_id

_COLUMNS = ("position", "at", "kind", "title_vi", "actor", "dossier", "event_id", "fields")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """search, export, verify, kinds."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VIỆC")
    search = verbs.add_parser("search", help="tìm trong nhật ký; mỗi lần xem đều được ghi lại")
    _question(search)
    search.add_argument("--limit", type=int, default=100, metavar="SỐ", help="số dòng mỗi trang, tối đa 1000")
    export = verbs.add_parser("export", help="xuất nhật ký ra JSON Lines, dòng cuối gắn tệp với chuỗi bằng chứng")
    _question(export)
    export.add_argument("--csv", action="store_true", help="xuất CSV để xem bằng bảng tính (không kiểm tra lại được)")
    export.add_argument("--out", type=Path, metavar="TỆP", help="ghi ra tệp thay vì màn hình")
    verify = verbs.add_parser("verify", help="kiểm tra một tệp đã xuất: trọn vẹn, chữ ký đúng, khớp với kho")
    common_arguments(verify)
    verify.add_argument("file", type=Path, metavar="TỆP")
    verify.add_argument("--offline", action="store_true", help="chỉ kiểm tra tệp và chữ ký, không đối chiếu với kho")
    verify.add_argument(
        "--trust", action="append", default=[], type=Path, metavar="TỆP_PEM", help="chỉ tin các khóa công khai này"
    )
    kinds = verbs.add_parser("kinds", help="danh mục sự kiện, đóng: không có loại nào khác")
    kinds.add_argument("--json", action="store_true", help="in dạng JSON")
    kinds.add_argument("--markdown", action="store_true", help="in dạng tài liệu (docs/audit-events.md)")


def _question(parser: argparse.ArgumentParser) -> None:
    decision_arguments(parser)
    parser.add_argument("--kind", action="append", default=[], choices=sorted(CATALOGUE), metavar="LOẠI")
    for name, told in (
        ("actor", "người hoặc hệ thống"),
        ("dossier", "mã hồ sơ"),
        ("event", "event_id"),
        ("upstream", "hệ thống nhận"),
        ("text", "chữ có trong nội dung"),
    ):
        parser.add_argument(f"--{name}", default="", help=told)
    parser.add_argument("--since", type=moment, metavar="LÚC", help="từ lúc (giờ Việt Nam), ví dụ '2026-11-23 22:00'")
    parser.add_argument("--until", type=moment, metavar="LÚC", help="trước lúc (giờ Việt Nam)")
    parser.add_argument("--after", type=int, default=0, metavar="SỐ", help="sau vị trí này")


def run(arguments: argparse.Namespace) -> int:
    """Carry it out."""
    match arguments.verb:
        case "search":
            return read(arguments, "audit-search", _asked(arguments) | {"limit": arguments.limit}, _show)
        case "export":
            return _export(arguments)
        case "verify":
            return _verify(arguments)
    return _kinds(arguments)


def _asked(arguments: argparse.Namespace) -> dict[str, Any]:
    asked = {
        "kinds": arguments.kind,
        "actor": arguments.actor,
        "dossier": arguments.dossier,
        "event_id": arguments.event,
        "upstream": arguments.upstream,
        "text": arguments.text,
        "since": arguments.since,
        "until": arguments.until,
        "after": arguments.after,
    }
    return {name: value for name, value in asked.items() if value}


def _show(answer: Any) -> None:
    table(
        "Nhật ký kiểm toán",
        ("Vị trí", "Lúc", "Sự kiện", "Ai", "Hồ sơ", "Nội dung"),
        (
            (
                row["position"],
                local(row["at"]),
                row["title_vi"],
                *pick(row, "actor", "dossier"),
                "; ".join(f"{name}={_short(value)}" for name, value in row["fields"].items()),
            )
            for row in answer["rows"]
        ),
    )
    if answer["next"]:
        say(f"Còn nữa: thêm --after {answer['next']}")


def _short(value: object) -> str:
    """A field for people; statements and keys are long, and stand in the export."""
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _export(arguments: argparse.Namespace) -> int:
    if arguments.out is not None:
        # The trail is for its auditor alone, so nobody else gets to read the file either.
        arguments.out.touch(mode=0o600)
        with arguments.out.open("wb") as file:
            return stream(arguments, "audit-export", _asked(arguments), _writer(arguments, file.write))
    return stream(arguments, "audit-export", _asked(arguments), _writer(arguments, _to_screen))


def _to_screen(raw: bytes) -> int:
    return sys.stdout.write(raw.decode())


def _writer(arguments: argparse.Namespace, write: Any) -> Any:
    if not arguments.csv:
        return write
    write(_csv_row(_COLUMNS))

    def as_csv(raw: bytes) -> None:
        row = msgspec.json.decode(raw)
        if "export" in row:
            write(_csv_row(("# sha256", row["export"]["sha256"], "rows", row["export"]["rows"])))
        else:
            write(_csv_row([msgspec.json.encode(row[c]).decode() if c == "fields" else row[c] for c in _COLUMNS]))

    return as_csv


def _csv_row(cells: Iterable[object]) -> bytes:
    """One line of CSV (RFC 4180). A cell that a spreadsheet would take for a formula gets an apostrophe in front."""
    text = io.StringIO()
    csv.writer(text).writerow([f"'{cell}" if str(cell)[:1] in "=+-@" and str(cell) else cell for cell in cells])
    return text.getvalue().encode()


def _verify(arguments: argparse.Namespace) -> int:
    """1 when something does not hold; every fault with its position."""
    try:
        trusted = {key_id(pem): pem for pem in (path.read_text(encoding="utf-8") for path in arguments.trust)}
        with arguments.file.open("rb") as file:
            judged = judge(file, trusted)
    except (OSError, UnicodeDecodeError, UnusableKey) as error:
        failure(f"Không đọc được: {error}")
        return EX_INPUT
    if not arguments.offline:
        judged.faults.extend(bound_by(judged, (_leaf(told) for told in leaves(arguments))))
    _tell(arguments, judged)
    return EX_WRONG if judged.faults else EX_OK


def _tell(arguments: argparse.Namespace, judged: Judged) -> None:
    if arguments.json:
        faults = [{"position": fault.position, "reason_vi": fault.reason_vi} for fault in judged.faults]
        print_json({"rows": judged.rows, "decisions": judged.decisions, "faults": faults})
        return
    say(f"Đã xem {judged.rows} dòng, {judged.decisions} quyết định có chữ ký.")
    for fault in judged.faults:
        failure(f"vị trí {fault.position}: {fault.reason_vi}" if fault.position else fault.reason_vi)
    if not judged.faults:
        against = "và chữ ký" if arguments.offline else "chữ ký và chuỗi bằng chứng của kho"
        say(f"[green]✓[/] Tệp trọn vẹn; mọi dòng, {against} đều khớp.")


def _leaf(told: Any) -> StoreLeaf:
    covers = [bytes.fromhex(cover) for cover in told["covers"]]
    return StoreLeaf(told["writer"], told["n"], bytes.fromhex(told["digest"]), covers)


def _kinds(arguments: argparse.Namespace) -> int:
    if arguments.json:
        print_json(
            [
                {"kind": kind.name, "title_vi": kind.title_vi, "fields": sorted(kind.fields), "feed": kind.feed}
                for kind in CATALOGUE.values()
            ]
        )
    elif arguments.markdown:
        sys.stdout.write(markdown())
    else:
        table(
            "Danh mục sự kiện của nhật ký",
            ("Loại", "Sự kiện", "Trong dòng sự kiện", "Nội dung"),
            (
                (kind.name, kind.title_vi, "có" if kind.feed else "", ", ".join(sorted(kind.fields)))
                for kind in CATALOGUE.values()
            ),
        )
    return EX_OK
