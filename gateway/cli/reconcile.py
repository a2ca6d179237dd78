"""`gateway reconcile`: hold what an upstream acknowledged against what it shows now; see and close the differences."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.kit.settlement.tables import Table, as_csv
from connectors.kit.settlement.workbook import as_xlsx
from gateway.cli.operate import asked, decide, decision_arguments, lane_arguments, look, moment, refused
from gateway.cli.screen import EX_INPUT, EX_OK, EX_USAGE, EX_WRONG, failure, local, plain, print_json, say, table
from gateway.config import Loaded, load
from gateway.errors import IntakeError

SIGHTS_VI = {"missing": "không thấy", "differs": "nội dung khác"}
_COLUMNS = ("Mã hồ sơ", "Hệ thống nhận", "Thấy gì", "Diễn giải", "Thấy từ", "Lần gần nhất", "Số lần", "Xử lý")
_KEYS = ("dossier", "upstream", "sight", "told", "opened_at", "seen_at", "times", "do")
_WAIT_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which upstream, from when on; or which difference is closed, and why."""
    decision_arguments(parser, may_look=True)
    lane_arguments(parser)
    parser.add_argument(
        "--since",
        type=moment,
        metavar="LÚC",
        help="đối chiếu ngay những gì hệ thống nhận đã xác nhận từ lúc này (giờ Việt Nam), '2026-11-20'",
    )
    parser.add_argument("--no-wait", action="store_true", help="bắt đầu rồi thôi, không chờ xong")
    parser.add_argument("--close", action="store_true", help="khép khác biệt của --dossier ở --upstream; cần --reason")
    parser.add_argument("--report", type=Path, metavar="TỆP", help="ghi báo cáo ra tệp .csv hoặc .xlsx")


def run(arguments: argparse.Namespace) -> int:
    """Carry it, or show how things stand; 1 when a difference waits for a person."""
    if arguments.close:
        if not (arguments.reason and arguments.upstream and arguments.dossier):
            failure("Sai cú pháp: --close cần --upstream, --dossier và --reason")
            return EX_USAGE
        return decide(arguments, "repair-close", upstream=arguments.upstream, dossier=arguments.dossier)
    if arguments.report is not None and arguments.report.suffix not in (".csv", ".xlsx"):
        failure(f"{arguments.report}: báo cáo phải là tệp .csv hoặc .xlsx")
        return EX_USAGE
    if arguments.since and not (arguments.upstream and arguments.reason):
        failure("Sai cú pháp: --since cần --upstream HỆ_THỐNG và --reason LÝ_DO")
        return EX_USAGE
    loaded = load(arguments.config)
    try:
        if arguments.since:
            _carried_out(loaded, arguments)
        answer = look(loaded, "reconciliations", {"upstream": arguments.upstream, "limit": "1000"})
    except IntakeError as error:
        return refused(arguments, error)
    if arguments.report is not None and not _written(arguments.report, answer["upstreams"]):
        return EX_INPUT
    if arguments.json:
        print_json(answer)
    else:
        _show(answer["upstreams"])
    return EX_WRONG if any(one["open_repairs"] for one in answer["upstreams"]) else EX_OK


def _carried_out(loaded: Loaded, arguments: argparse.Namespace) -> None:
    """Begin a run and wait for its end, telling how far it is; a run goes on by itself when nobody waits any more."""
    began = asked(arguments, "reconcile", upstream=arguments.upstream, details={"since": arguments.since})
    if not arguments.no_wait:
        _told_to_wait(loaded, arguments.upstream)
    told = -1
    while not arguments.no_wait:
        one = look(loaded, "reconciliations", {"upstream": arguments.upstream, "limit": "0"})["upstreams"][0]
        current = one["current"]
        if current is None or current["run"] != began["run"]:
            return
        if current["looked"] != told and not arguments.json:
            told = current["looked"]
            say(
                f"Đã xem {told} hồ sơ: khớp {current['agrees']}, không thấy {current['missing']}, khác {current['differs']}…"
            )
        time.sleep(_WAIT_S)


def _told_to_wait(loaded: Loaded, upstream: str) -> None:
    """A run asks nothing of an upstream that is paused: whoever waits for its end must know why nothing moves."""
    rows = look(loaded, "lanes", {"upstream": upstream, "dossier": "", "limit": "1"})["upstreams"]
    if any(row["upstream"] == upstream and row["paused"] for row in rows):
        failure(
            f"{upstream} đang tạm dừng: việc đối chiếu đã được ghi và chờ tới khi có lệnh gateway resume {upstream}. "
            "Ctrl+C chỉ thôi xem, việc đối chiếu vẫn đi tiếp."
        )


def _show(upstreams: Sequence[Mapping[str, Any]]) -> None:
    for one in upstreams:
        say(f"[bold]{plain(one['title'])}[/] ({plain(one['upstream'])})")
        if one["none"]:
            say(f"  Không đối chiếu: {plain(one['none'])}")
            continue
        for label, sentences in (("Cho xem", one["sees"]), ("Không cho xem", one["hidden"])):
            for sentence in sentences:
                say(f"  {label}: {plain(sentence)}")
        for label, key in (("Đang đối chiếu", "current"), ("Lần gần nhất", "last")):
            if one[key] is not None:
                say(f"  {label}: {_told(one[key])}")
        if one["current"] is None and one["last"] is None:
            say("  Chưa đối chiếu lần nào.")
    rows = _rows(upstreams)
    if rows:
        table("Khác biệt chờ xử lý", _COLUMNS, ([_local(cell) for cell in row] for row in rows))
    waiting = sum(one["open_repairs"] for one in upstreams)
    say(f"Khác biệt chờ xử lý: {waiting}")


def _told(run: Mapping[str, Any]) -> str:
    ended = f" tới {local(run['ended_at'])}" if run["ended_at"] else ""
    return (
        f"từ {local(run['began_at'])}{ended}, những gì được xác nhận từ {local(run['since'])}: xem {run['looked']} hồ sơ, "
        f"khớp {run['agrees']}, không thấy {run['missing']}, khác {run['differs']}, không rõ {run['cannot_tell']}, "
        f"không trả lời {run['failed']}"
    )


def _rows(upstreams: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Every difference with the command that sends the dossier again; the choice stays with a person."""
    return [
        (
            repair["dossier"],
            one["upstream"],
            SIGHTS_VI.get(repair["sight"], repair["sight"]),
            repair["told"],
            repair["opened_at"],
            repair["seen_at"],
            str(repair["times"]),
            _remedy(one["upstream"], repair),
        )
        for one in upstreams
        for repair in one["repairs"]
    ]


def _remedy(upstream: str, repair: Mapping[str, Any]) -> str:
    again = "; ".join(
        f"gateway replay --upstream {upstream} --dossier {repair['dossier']} --delivery {delivery} --reason …"
        for delivery in repair["deliveries"].values()
    )
    return again or f"gateway reconcile --close --upstream {upstream} --dossier {repair['dossier']} --reason …"


def _local(cell: str) -> str:
    return local(cell) if cell[:4].isdigit() and "T" in cell[:11] else cell


def _written(file: Path, upstreams: Sequence[Mapping[str, Any]]) -> bool:
    """Write the report: what was looked at, what could not be seen, and every difference. False where it cannot be written."""
    rows = tuple(tuple(_local(cell) for cell in row) for row in _rows(upstreams))
    differences = Table("repairs", "Khác biệt", _KEYS, _COLUMNS, rows)
    seen = tuple(
        (
            one["title"],
            "; ".join(one["sees"]) or one["none"],
            "; ".join(one["hidden"]),
            _told(one["last"]) if one["last"] else "",
        )
        for one in upstreams
    )
    titles = ("Hệ thống nhận", "Cho xem", "Không cho xem", "Lần đối chiếu gần nhất")
    scope = Table("scope", "Phạm vi", ("title", "sees", "hidden", "last"), titles, seen)
    content = (
        as_xlsx("Đối chiếu với hệ thống nhận", (differences, scope), datetime.now(UTC))
        if file.suffix == ".xlsx"
        else as_csv(differences)
    )
    try:
        file.write_bytes(content)
    except OSError as error:
        failure(f"{file}: không ghi được báo cáo ({error.strerror})")
        return False
    return True
