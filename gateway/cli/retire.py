"""`gateway retire`: let go of the months of attempts and payloads before a month, where nothing needs them any more."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping

from gateway.bootstrap.retirement import Retirement, RetirementRefused, retire, would_retire
from gateway.cli.operate import common_arguments
from gateway.cli.operators import whoami
from gateway.cli.screen import EX_OK, EX_REFUSED, EX_UNAVAILABLE, EX_WRONG, failure, print_json, say
from gateway.clock import Clock
from gateway.config import load
from gateway.journal.retiring import Hold

_REASON = 10
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_WHY: Mapping[str, str] = {
    "open_messages": "còn {n} thông điệp chưa kết thúc cần tới; hãy đợi giao xong, hoặc quyết định về chúng "
    "(gateway lanes --blocked; release, skip), rồi chạy lại",
    "open_repairs": "{n} thông điệp thuộc khác biệt đối chiếu đang mở; hãy khép lại (gateway reconcile), rồi chạy lại",
    "parked_events": "còn {n} sự kiện chưa được áp dụng; hãy quyết định về chúng (gateway release, gateway skip với --source), "
    "rồi chạy lại",
    "moved_house": "chứa lượt gửi của kho nhúng trước khi chuyển nhà; bằng chứng của chúng không ghi tháng, nên được giữ",
    "earlier_month": "lượt gửi cũ hơn còn phải giữ (của một tháng trước đó, hoặc nằm ngoài mọi tháng, trong attempt_other); "
    "lượt gửi được bỏ theo đúng thứ tự tháng",
    "busy": "bảng đang được đọc hết (đối chiếu bằng chứng, export, pg_dump) nên chưa bỏ được; hãy chạy lại sau",
}


def as_month(text: str) -> int:
    """A month of the command line, `2024-01`, as months since January 1970."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} không phải tháng, ví dụ 2024-01")
    return (int(found[1]) - 1970) * 12 + int(found[2]) - 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which months, and why."""
    parser.add_argument(
        "--before",
        type=as_month,
        required=True,
        metavar="NĂM-THÁNG",
        help="bỏ các tháng trước tháng này, ví dụ 2024-01",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="chỉ nêu những gì sẽ bỏ và những gì phải giữ, không đổi gì"
    )
    parser.add_argument(
        "--reason",
        default="",
        metavar="LÝ_DO",
        help="lý do, ít nhất 10 ký tự; được ghi vào nhật ký kiểm toán và bằng chứng",
    )
    common_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when everything before the month is gone (or there was nothing), 1 when something stays, 2 when it was refused.

    69 when the database failed on the way; what went before is told all the same.
    """
    reason = arguments.reason.strip()
    if not arguments.dry_run and len(reason) < _REASON:
        failure(f"--reason: cần ít nhất {_REASON} ký tự")
        return EX_REFUSED
    loaded, clock = load(arguments.config), Clock()
    try:
        if arguments.dry_run:
            done = would_retire(loaded, arguments.before, clock)
        else:
            done = retire(loaded, arguments.before, (whoami(), reason), clock)
    except RetirementRefused as error:
        failure(str(error))
        return EX_REFUSED
    if arguments.json:
        print_json(_told(done, dry_run=arguments.dry_run))
    else:
        _show(done, dry_run=arguments.dry_run)
    if done.broken_vi:
        return EX_UNAVAILABLE
    return EX_WRONG if done.kept else EX_OK


def why(hold: Hold) -> str:
    """Why a partition stays, and what to do about it."""
    told = _WHY[hold.code].format(n=hold.count)
    return f"{told}. Ví dụ: {', '.join(hold.examples)}" if hold.examples else told


def _told(done: Retirement, *, dry_run: bool) -> dict[str, object]:
    gone = [{"table": one.partition.table, "month": one.partition.month, "rows": one.rows} for one in done.gone]
    kept = [
        {
            "table": hold.partition.table,
            "month": hold.partition.month,
            "code": hold.code,
            "count": hold.count,
            "examples": list(hold.examples),
            "message_vi": why(hold),
        }
        for hold in done.kept
    ]
    told: dict[str, object] = {"dry_run": dry_run, "dropped": gone, "kept": kept}
    return {**told, "broken_vi": done.broken_vi} if done.broken_vi else told


def _show(done: Retirement, *, dry_run: bool) -> None:
    for one in done.gone:
        did = "Sẽ bỏ" if dry_run else "Đã bỏ"
        say(f"[green]✓[/] {did} {one.partition.table} {one.partition.month}: {one.rows} dòng")
    for hold in done.kept:
        failure(f"{hold.partition.table} {hold.partition.month}: giữ lại; {why(hold)}")
    if done.broken_vi:
        failure(done.broken_vi)
    elif not (done.gone or done.kept):
        say("Không có phân vùng nào trước tháng này.")
    if done.gone and not dry_run:
        say("Biên nhận, nhật ký và bằng chứng vẫn còn; nội dung và lượt gửi của các tháng đó thì không.")
