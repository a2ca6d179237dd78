"""What the audience sees: a live line while it runs, the verdict at the end. Vietnamese, for people."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

from rich.live import Live
from rich.table import Table

from gateway.cli.demonstration.play import Play, Progress
from gateway.cli.demonstration.verdict import Verdict
from gateway.cli.screen import local, out, table

_SHOWN = ("READY", "SENDING", "WAITING", "UNKNOWN", "HELD", "DELIVERED")
_LISTED = 12


async def watch(play: Play, dossiers: int) -> None:
    """Redraw the progress until cancelled; on a dumb terminal a line now and then."""
    progress = play.progress
    if not out.is_terminal:
        with suppress(asyncio.CancelledError):
            while True:
                await play.watch()
                out.print(_line(progress, dossiers), markup=False)
                await asyncio.sleep(3.0)
        return
    with Live(_board(progress, dossiers), console=out, refresh_per_second=4) as live, suppress(asyncio.CancelledError):
        while True:
            await play.watch()
            live.update(_board(progress, dossiers))
            await asyncio.sleep(0.4)


def _line(progress: Progress, dossiers: int) -> str:
    states = "  ".join(f"{state} {progress.states[state]}" for state in _SHOWN if progress.states.get(state))
    note = f" [{progress.notes[-1]}]" if progress.notes else ""
    return f"… {progress.act}: hồ sơ {progress.registered}/{dossiers}, sự kiện chuyên ngành {progress.accepted}; {states}{note}"


def _board(progress: Progress, dossiers: int) -> Table:
    grid = Table(title=f"Đang diễn: {progress.act}", title_justify="left", show_header=True)
    for column in ("Hồ sơ", "Sự kiện", *_SHOWN):
        grid.add_column(column, justify="right")
    counts = (str(progress.states.get(state, 0)) for state in _SHOWN)
    grid.add_row(f"{progress.registered}/{dossiers}", str(progress.accepted), *counts)
    grid.caption = " · ".join(progress.notes[-3:])
    return grid


def announce(verdict: Verdict, score: Mapping[str, object], seconds: float) -> None:
    """Print the verdict."""
    rows = (
        ("Sự kiện đã tiếp nhận (accepted)", verdict.accepted),
        ("Trong đó bằng XML theo chuẩn riêng của hệ thống gửi", verdict.foreign),
        ("Thông điệp phải đến nơi", verdict.expected),
        ("Đã giao (delivered)", verdict.delivered),
        ("Mất (lost)", verdict.lost),
        ("Sai thứ tự (out of order)", verdict.out_of_order),
        ("Tác dụng hai lần (doubled effects)", verdict.doubled),
        ("Dòng tiến trình lặp lại, đếm riêng (repeated rows)", verdict.repeated_rows),
        ("Bản ghi hồ sơ lặp lại, không đổi gì (echoes)", verdict.echoes),
        ("Bị từ chối sau khi thu hồi sự đồng ý", verdict.refused_after_revocation),
        ("Luồng giữ lại chờ người (held)", len(verdict.held)),
        ("Thông điệp chờ sau luồng bị giữ", verdict.behind_held),
        ("Kết quả đã ký số qua cổng (results signed)", verdict.results_signed),
        ("Kết quả kiểm tra đạt TOTAL-PASSED", verdict.results_passed),
        ("Kết quả đã đến Cổng DVC sau trạng thái của nó", verdict.results_delivered),
        ("Kết quả bị giữ lại (sửa sau khi ký)", len(verdict.results_held)),
        ("Công dân đã đăng nhập, hồ sơ mang chứng thực", verdict.signed_on),
        ("Cổng DVC ghi tài khoản đã xác thực với VNeID", verdict.proven_outside),
        ("Đối chiếu với CSDL dân cư: khớp", verdict.checks_agreed),
        ("Đối chiếu với CSDL dân cư: khai lệch được nêu", len(verdict.differences)),
        ("Biên lai điện tử đã phát hành (phí, lệ phí riêng)", verdict.receipts),
        ("Cổng DVC ghi phí, lệ phí và hình thức thanh toán", verdict.paid_outside),
        ("Điểm đúng hạn do Cổng tự tính", _score(score)),
        ("Thời gian", f"{seconds:.1f} giây"),
    )
    table("Kết luận", ("Chỉ tiêu", "Giá trị"), rows)
    for what in verdict.survived:
        out.print(f"[green]✓[/] Giữa chừng: {what}; đã đứng dậy và làm tiếp", markup=True)
    for decision in verdict.decisions:
        out.print(f"[green]✓[/] Người vận hành ký và ghi nhật ký: {decision}")
    for check in verdict.checks:
        out.print(f"[green]✓[/] {check}")
    for code, words in verdict.differences:
        out.print(f"[green]✓[/] Khai lệch của {code} được nêu và đề xuất sửa: {words}")
    if verdict.money:
        _announce_money(verdict.money)
        _announce_settlement(verdict.settled)
    if verdict.parcels:
        _announce_parcels(verdict)
    if verdict.held:
        _announce_held(verdict.held)
    for code, reason in verdict.results_held:
        out.print(f"[green]✓[/] Giữ lại {code}: {reason} Các trạng thái sau của hồ sơ vẫn được giao.", markup=True)
    for fault in verdict.faults[:_LISTED]:
        out.print(f"[red]✗[/] {fault}")
    out.print(
        "[bold green]ĐẠT[/]: không mất, không sai thứ tự, không tác dụng hai lần."
        if verdict.sound
        else "[bold red]KHÔNG ĐẠT[/]"
    )


def _announce_money(rows: Sequence[tuple[str | int, ...]]) -> None:
    """Every đồng: what the intermediaries and the counter hold, what the gateway says, and why the two agree."""
    heads = ("Hồ sơ", "Người nộp: giải thích", "Trung gian", "Tại quầy", "Cổng", "Đã hoàn", "Chờ hoàn")
    shown: list[tuple[str | int, ...]] = [(f"…{str(row[0])[-4:]}", f"{row[1]}: {row[8]}", *row[3:8]) for row in rows]
    total: tuple[str | int, ...] = ("Cộng", "", *(sum(int(row[place]) for row in rows) for place in range(3, 8)))
    table("Đối soát đến từng đồng", heads, [_in_figures(row) for row in (*shown, total)])


def _announce_settlement(rows: Sequence[tuple[str | int, ...]]) -> None:
    """What each statement says, and what the gateway's own report makes of it."""
    heads = ("Trung gian", "Sao kê thu", "Cổng thu", "Sao kê hoàn", "Cổng hoàn", "Kết quả, đề xuất")
    table("Báo cáo đối soát của cổng theo sao kê trong ngày", heads, [_in_figures(row) for row in rows])


def _announce_parcels(verdict: Verdict) -> None:
    """Where each parcel is, and the way of the one that came back, as `gateway shipments` shows it."""
    heads = ("Hồ sơ", "Bưu gửi", "Trạng thái", "Phát hỏng", "Phải thu hộ", "Đã nộp", "Đối chiếu")
    shown = [_in_figures((f"…{str(row[0])[-4:]}", *row[1:])) for row in verdict.parcels]
    table("Bưu gửi: hồ sơ và kết quả qua bưu chính công ích", heads, shown)
    steps = ((local(at), what, code) for at, what, code in verdict.way)
    table("gateway shipments: đường đi của bưu gửi bị chuyển hoàn", ("Lúc", "Chặng", "Mã"), steps)


def _in_figures(row: Sequence[str | int]) -> list[str]:
    return [f"{value:,}".replace(",", ".") if isinstance(value, int) else value for value in row]


def _announce_held(held: Sequence[tuple[str, str, str]]) -> None:
    """The lanes that wait for a person, one line for each reason."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for upstream, dossier, reason in held:
        by_reason.setdefault((upstream, reason), []).append(dossier)
    rows = (
        (upstream, len(dossiers), ", ".join(dossiers[:2]) + (", …" if len(dossiers) > 2 else ""), reason)
        for (upstream, reason), dossiers in sorted(by_reason.items(), key=lambda entry: -len(entry[1]))
    )
    table("Giữ lại chờ người quyết định", ("Hệ thống nhận", "Số luồng", "Hồ sơ", "Lý do"), rows)


def _score(score: Mapping[str, object]) -> str:
    on_time, counted = score.get("on_time"), score.get("counted")
    if isinstance(on_time, int) and isinstance(counted, int) and counted:
        return f"{on_time}/{counted} hồ sơ đúng hạn ({100 * on_time / counted:.1f} %)"
    return str(score)
