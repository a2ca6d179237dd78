"""`gateway selftest`: whether the promise holds on this machine's own disk and servers; counts lost, doubled, out of order."""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

from gateway.cli.demonstration.verdict import Verdict
from gateway.cli.ending import Ending, orderly
from gateway.cli.screen import EX_OK, EX_UNAVAILABLE, EX_WRONG, failure, plain, print_json, say
from gateway.cli.trials import image
from gateway.cli.trials.disk import flushes, part
from gateway.cli.trials.killing import Round, one_round
from gateway.cli.trials.place import Ground, ground_of
from gateway.cli.trials.power import Cut, one_cut
from gateway.cli.trials.waits import Waits
from gateway.config import load
from gateway.journal.errands import commits

_SLOW_S = 0.02
_FEWEST = 12
_LISTED, _TOLD = 10, 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """On what, and how often."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="TỆP",
        help="thử đúng đĩa hoặc đúng máy chủ PostgreSQL, Redis của cấu hình này (dữ liệu đang có không bị đụng tới); không nêu: "
        "SQLite trên đĩa của thư mục hiện tại",
    )
    parser.add_argument(
        "--folder", type=Path, metavar="THƯ_MỤC", help="thử đĩa của thư mục này (mặc định: cạnh data_dir của --config)"
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="SỐ", help="số vòng SIGKILL, ít nhất 1 (mặc định 5)")
    parser.add_argument(
        "--cuts", type=int, default=2, metavar="SỐ", help="số vòng cắt điện giả lập, nơi máy cho phép (mặc định 2)"
    )
    parser.add_argument(
        "--dossiers", type=int, default=30, metavar="SỐ", help="số hồ sơ mỗi vòng, ít nhất 12 (mặc định 30)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="SỐ", help="hạt giống của vòng đầu (mặc định: giờ hiện tại)"
    )
    parser.add_argument("--json", action="store_true", help="in kết luận dạng JSON cho chương trình")


@dataclass(slots=True)
class Totals:
    """What all rounds came to. `waits` is how long accepts waited for the store; `floor` how long a flush takes alone

    (`floor_of`: a `fdatasync` of the disk, a `commit` of the server), in seconds.
    """

    rounds: int = 0
    kills: int = 0
    accepted: int = 0
    delivered: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    repeated: int = 0
    expected: int = 0
    held: int = 0
    behind_held: int = 0
    waits: Waits = field(default_factory=Waits)
    floor: list[float] = field(default_factory=list)
    floor_of: str = "fdatasync"
    faults: list[str] = field(default_factory=list)
    broken_seeds: list[int] = field(default_factory=list)
    cuts: int = 0
    no_cuts_vi: str = ""

    def add_cut(self, cut: Cut) -> None:
        """Add one power cut."""
        self.cuts += 1
        self.lost += cut.lost
        if cut.verdict is not None:
            self.faults += cut.verdict.faults
        if cut.lost or (cut.verdict is not None and not cut.verdict.sound):
            self.broken_seeds.append(cut.seed)

    def add(self, seen: Round) -> None:
        """Add one round."""
        verdict = seen.verdict
        self.rounds += 1
        self.kills += seen.kills
        for name in ("accepted", "expected", "delivered", "behind_held", "lost", "doubled", "out_of_order"):
            setattr(self, name, getattr(self, name) + getattr(verdict, name))
        self.repeated += verdict.repeated_rows + verdict.echoes
        self.held += len(verdict.held)
        for bound, count in seen.waits.counts.items():
            self.waits.counts[bound] = self.waits.counts.get(bound, 0.0) + count
        self.faults += verdict.faults
        if not verdict.sound:
            self.broken_seeds.append(seen.seed)

    def sound(self) -> bool:
        """Whether the promise held in every round."""
        return self.rounds > 0 and not self.broken_seeds


def run(arguments: argparse.Namespace) -> int:
    """Try it, and tell; 1 when the promise did not hold."""
    loaded = load(arguments.config) if arguments.config is not None else None
    totals = Totals()
    began = time.monotonic()
    try:
        with orderly() as ending, ground_of(loaded, arguments.folder) as ground:
            _begin(arguments, ground, totals)
            ending.look()
            _rounds(arguments, (ground, ending), totals)
            _cuts(arguments, (ground, ending), totals)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        failure(f"Không thử được tại đây: {error.strerror or error}{where}")
        return EX_UNAVAILABLE
    except image.CannotMount as error:
        failure(f"Không thử cắt điện được: {error}")
        return EX_UNAVAILABLE
    if arguments.json:
        print_json(_told(totals))
    else:
        _announce(totals, time.monotonic() - began)
    return EX_OK if totals.sound() else EX_WRONG


def _begin(arguments: argparse.Namespace, ground: Ground, totals: Totals) -> None:
    """Measure how long the store takes to keep anything at all, and say what will be done."""
    shared = ground.storage.postgres is not None
    if shared:
        with ground.place() as place:
            totals.floor = commits(place.shared.dsn) if place.shared is not None else []
    else:
        totals.floor = flushes(ground.folder)
    totals.floor_of = "commit" if shared else "fdatasync"
    if arguments.json:
        return
    what = "máy chủ ghi xong một giao dịch" if shared else "đĩa ghi xong một lần (fdatasync)"
    say(f"Thử trên {plain(ground.form_vi)}; {what} sau {_ms(part(totals.floor, 0.5))} (p50).")
    say(
        "Mỗi vòng là một cài đặt tạm với hệ thống giả lập, chừng nửa phút; kho đang có không bị đụng tới. Ctrl+C để dừng, "
        "không để lại gì."
    )


def _rounds(arguments: argparse.Namespace, on: tuple[Ground, Ending], totals: Totals) -> None:
    (ground, ending), first = on, arguments.seed or int(time.time())
    for seed in range(first, first + max(1, arguments.rounds)):
        with ground.place() as place:
            seen = ending.run(one_round(place, seed, max(_FEWEST, arguments.dossiers)))
        ending.look()
        totals.add(seen)
        if not arguments.json:
            verdict = seen.verdict
            say(
                f"Vòng {totals.rounds}: giết {seen.kills} lần; tiếp nhận {verdict.accepted} sự kiện, phải đến nơi "
                f"{verdict.expected}, đã đến {verdict.delivered}; mất {verdict.lost}, sai thứ tự {verdict.out_of_order}, "
                f"làm hai lần {verdict.doubled}{_mark(verdict)}"
            )


def _mark(verdict: Verdict | None) -> str:
    return "" if verdict is None or verdict.sound else ": [bold red]HỎNG[/]"


def _cuts(arguments: argparse.Namespace, on: tuple[Ground, Ending], totals: Totals) -> None:
    """Power cuts, where an image can be mounted; where not, why not."""
    ground, ending = on
    if arguments.cuts <= 0:
        totals.no_cuts_vi = "không yêu cầu"
    elif ground.storage.postgres is not None:
        totals.no_cuts_vi = "chỉ cắt được điện của kho nhúng; máy chủ PostgreSQL do nơi vận hành nó thử"
    elif reason := image.possible(ground.folder):
        totals.no_cuts_vi = f"máy này không gắn được ảnh đĩa ({reason})"
    else:
        first = arguments.seed or int(time.time())
        for seed in range(first, first + arguments.cuts):
            with ground.place() as place:
                cut = ending.run(one_cut(place, seed, max(_FEWEST, arguments.dossiers)))
            ending.look()
            totals.add_cut(cut)
            if not arguments.json:
                say(
                    f"Cắt điện {totals.cuts}: đã xác nhận {cut.acknowledged} sự kiện trước lúc cắt, có điện lại thì mất "
                    f"{cut.lost}{_mark(cut.verdict)}"
                )


def _announce(totals: Totals, seconds: float) -> None:
    waits = totals.waits
    say("")
    cut = f"cắt điện {totals.cuts} lần" if totals.cuts else f"không thử cắt điện: {totals.no_cuts_vi}"
    say(f"Số vòng {totals.rounds}, SIGKILL {totals.kills} lần; {plain(cut)}; {seconds:.0f} giây.")
    say(
        f"Tiếp nhận {totals.accepted} sự kiện, phải đến nơi {totals.expected} (mỗi sự kiện có thể đến nhiều nơi), đã đến "
        f"{totals.delivered}: mất {totals.lost}, sai thứ tự {totals.out_of_order}, làm hai lần {totals.doubled}; "
        f"gửi lặp trên đường truyền {totals.repeated}."
    )
    if totals.held:
        say(
            f"Luồng giữ lại chờ người: {totals.held}, {totals.behind_held} thông điệp chờ sau đó (đúng quy tắc: nơi không hỏi "
            "lại được kết quả, cổng giữ lại chứ không gửi liều)."
        )
    floor = "riêng máy chủ PostgreSQL, một giao dịch" if totals.floor_of == "commit" else "riêng đĩa, một fdatasync"
    say(
        f"Mỗi lần tiếp nhận chờ kho ghi xong: p50 ≤ {_ms(waits.within(0.5))}, p99 ≤ {_ms(waits.within(0.99))} "
        f"({waits.total()} lần đo được); {floor}: p50 {_ms(part(totals.floor, 0.5))}, p99 {_ms(part(totals.floor, 0.99))}."
    )
    for fault in totals.faults[:_LISTED]:
        failure(fault)
    if len(totals.faults) > _LISTED:
        failure(f"… và {len(totals.faults) - _LISTED} lỗi khác (--json nêu đến {_TOLD})")
    if part(totals.floor, 0.99) > _SLOW_S:
        say(f"[yellow]Ghi chậm:[/] p99 trên {_ms(_SLOW_S)}; tiếp nhận dưới tải sẽ chờ lâu tương ứng.")
    if totals.sound():
        say("[bold green]ĐẠT[/]: không mất, không sai thứ tự, không làm hai lần.")
    else:
        broken = ", ".join(map(str, totals.broken_seeds))
        say(f"[bold red]KHÔNG ĐẠT[/]: hạt giống của các vòng hỏng: {broken} (--seed SỐ để chạy lại vòng đó).")


def _told(totals: Totals) -> dict[str, object]:
    names = (
        "rounds",
        "kills",
        "accepted",
        "expected",
        "delivered",
        "lost",
        "doubled",
        "out_of_order",
        "repeated",
        "held",
    )
    return {
        **{name: getattr(totals, name) for name in names},
        "cuts": totals.cuts,
        "accept_wait_s": {"p50": _plain(totals.waits.within(0.5)), "p99": _plain(totals.waits.within(0.99))},
        "floor_s": {"of": totals.floor_of, "p50": part(totals.floor, 0.5), "p99": part(totals.floor, 0.99)},
        "no_cuts": totals.no_cuts_vi,
        "faults": totals.faults[:_TOLD],
        "broken_seeds": totals.broken_seeds,
        "sound": totals.sound(),
    }


def _ms(seconds: float) -> str:
    return "quá 5 giây" if math.isinf(seconds) else f"{seconds * 1000:.3g} ms"


def _plain(seconds: float) -> float | None:
    return None if math.isinf(seconds) else seconds
