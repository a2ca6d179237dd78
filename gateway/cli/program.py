"""The program `gateway`: all commands, one parser, one exit.

Exit codes: 0 done; 1 done, but something is wrong and was named; 2 refused, with the reason; 3 unusable input;
64 wrong usage (sysexits EX_USAGE); 69 the gateway or a file it needs is not available (EX_UNAVAILABLE);
75 another process holds the store just now (EX_TEMPFAIL), which systemd tries again; 78 the configuration is wrong (EX_CONFIG).
"""

from __future__ import annotations

import argparse
import importlib
import keyword
import re
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from gateway.cli.ending import Stopped
from gateway.cli.screen import EX_BUSY, EX_CONFIG, EX_UNAVAILABLE, EX_USAGE, failure
from gateway.errors import ConfigError, GatewayError
from gateway.journal.lock import StoreInUse

COMMANDS: Mapping[str, str] = {
    "init": "Tạo một cài đặt chạy được trên một máy: cấu hình, khóa, tùy chọn bộ mô phỏng",
    "serve": "Chạy cổng kết nối (bộ giao nhận chạy bên trong)",
    "worker": "Chạy riêng bộ giao nhận, bên cạnh gateway serve --without-worker (cần kho PostgreSQL)",
    "simulate": "Chạy bộ mô phỏng của một hệ thống bên ngoài",
    "push": "Ký và gửi các sự kiện trong tệp tới cổng",
    "nodes": "Xem các nút dùng chung kho dữ liệu: từ bao giờ, nghe thấy lúc nào, có Redis không, giữ bao nhiêu lượt gửi",
    "lanes": "Xem các luồng giao nhận: đang chờ, đang bị giữ, và lý do",
    "hold": "Dừng luồng giao nhận của một hồ sơ tới một hệ thống nhận",
    "release": "Cho luồng đang bị giữ chạy tiếp, hoặc áp dụng sự kiện đang chờ vì mâu thuẫn (--source, --event)",
    "replay": "Gửi lại một thông điệp đã kết thúc (đã giao hoặc đã bỏ)",
    "skip": "Bỏ qua thông điệp đang bị giữ, số thứ tự còn thiếu (--source), hoặc sự kiện mâu thuẫn (--event)",
    "shipments": "Xem bưu gửi: đang ở đâu, cái nào cần người xem và vì sao; nêu một mã để xem từng chặng",
    "reconcile": "Đối chiếu: hệ thống nhận cho xem lại gì, hồ sơ nào đã xác nhận mà nay khác; khép một khác biệt",
    "results": "Xem kết quả đang giữ lại và lý do; kiểm tra lại (--judge), từ chối (--refuse), đề nghị vẫn công bố (--override)",
    "pause": "Tạm dừng gửi tới một hệ thống nhận, ngay hoặc theo kế hoạch; sự kiện mới vẫn được tiếp nhận và lưu",
    "resume": "Cho phép gửi tới một hệ thống nhận trở lại",
    "operators": "Người vận hành: thêm, thu hồi, liệt kê (khóa, vai trò, thời hạn)",
    "decide": "Quyết định về sổ của một đầu nối (ví dụ hoàn tiền): ký, gửi; không nêu gì thì liệt kê",
    "decisions": "Đề nghị chờ người vận hành thứ hai: liệt kê, đồng ý, bác",
    "audit": "Nhật ký kiểm toán: tìm, xuất, kiểm tra chữ ký và bằng chứng, danh mục sự kiện",
    "consent": "Sổ đồng ý kết nối (QĐ 3036 Điều 5.7): ghi, thu hồi, xem các hệ thống được kết nối",
    "mappings": "Kiểm tra bảng mã và hồ sơ kết nối (lint), giải thích cách dịch một tệp (explain), thống kê trường (coverage)",
    "connectors": "Kiểm tra các thư mục đầu nối, tạo khung đầu nối mới",
    "config": "Kiểm tra tệp cấu hình và nêu mọi khóa sai (check); in mọi khóa với mặc định và ý nghĩa (example)",
    "reload": "Nạp lại cấu hình cho cổng đang chạy: thay toàn bộ cùng lúc, hoặc giữ nguyên và nêu mọi lỗi",
    "migrate": "Nâng cấp bảng của kho dữ liệu trước và sau khi đổi bản chương trình; --check chỉ nêu những gì còn thiếu",
    "backup": "Sao lưu kho nhúng trong khi cổng đang chạy, rồi kiểm tra bằng chứng của bản sao",
    "restore": "Dựng lại kho nhúng từ một bản sao lưu; lần chạy sau, mọi thông điệp còn mở sẽ được hỏi lại trước khi gửi",
    "restored": "Báo rằng kho đã được phục hồi về thời điểm trước: mọi thông điệp còn mở sẽ được hỏi lại trước khi gửi",
    "retire": "Bỏ dữ liệu (nội dung, lượt gửi) của các tháng cũ khỏi kho PostgreSQL khi không còn gì cần tới; có ghi nhận",
    "export": "Xuất cả kho ra một thư mục để chuyển nhà (SQLite hoặc PostgreSQL); dừng giữa chừng thì chạy lại là tiếp tục",
    "import": "Nhập một bản xuất vào kho mới, kiểm tra toàn bộ bằng chứng trước khi kho được mở; chạy lại là tiếp tục",
    "evidence": "Kiểm tra bằng chứng: chuỗi mắt xích và mọi dòng của kho; nêu mắt xích đầu tiên không còn đúng",
    "certificate": "Kiểm tra một chứng thư số: chuỗi tới gốc tin cậy, hiệu lực, thu hồi, mục đích (không cần mạng và cấu hình)",
    "sign": "ký số một tệp bằng khóa trong tệp hoặc khóa đã cấu hình; kiểm tra chứng thư trước và chữ ký sau khi ký",
    "verify": "kiểm tra chữ ký số của tệp (PDF, XML, CMS), không cần mạng, không cần cấu hình",
    "doctor": "Kiểm tra máy: đồng hồ, đĩa, SQLite, quyền tệp, chứng thư, khóa người vận hành, cổng đang chạy",
    "selftest": "Tự kiểm: trên đúng đĩa và máy chủ này, giết tiến trình nhiều vòng, đếm mất, trùng, sai thứ tự, kết luận",
    "demo": "Trình diễn trọn vẹn: đẩy hồ sơ thật qua cổng giữa mọi sự cố, một lần SIGKILL, rồi đối chiếu",
}
"""Every command with what it is for. Its module under `gateway.cli` is read when it is called for, and no other one."""

_NOBODY = "-"
_PHRASES = (
    (r"^the following arguments are required: ", "thiếu "),
    (r"^unrecognized arguments: ", "không có tùy chọn hoặc tham số "),
    (r"^one of the arguments (.+) is required$", r"cần một trong: \1"),
    (r"^argument (\S+): ", r"\1: "),
    (r"invalid choice: (.+) \(choose from (.+)\)$", r"không nhận giá trị \1; chọn một trong: \2"),
    (r"invalid \S+ value: ", "giá trị không hợp lệ: "),
    (r"expected one argument$", "cần một giá trị"),
    (r"expected at least one argument$", "cần ít nhất một giá trị"),
    (r"not allowed with argument ", "không dùng cùng với "),
)


class _Parser(argparse.ArgumentParser):
    """argparse with the exit code that sysexits gives to wrong usage."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and how it is used; exit with 64."""
        self.print_usage(sys.stderr)
        failure(f"Sai cú pháp: {_in_vietnamese(message)}")
        raise SystemExit(EX_USAGE)


def _in_vietnamese(message: str) -> str:
    """What argparse says in English, for people here; what is not in the table stays as it is."""
    for english, vietnamese in _PHRASES:
        message = re.sub(english, vietnamese, message)
    return message


def parser(called: str = "") -> argparse.ArgumentParser:
    """The parser of all commands; only the one that is `called` (empty: every one) knows its own arguments.

    A command line lives for a moment: reading the whole gateway to print one table took longer than all else.
    """
    top = _Parser(
        prog="gateway",
        description="Cổng kết nối hồ sơ thủ tục hành chính (TTHC) của Bộ Văn hóa, Thể thao và Du lịch.",
        epilog="Mã thoát: 0 xong; 1 có sai lệch; 2 bị từ chối; 3 dữ liệu không dùng được; 64 sai cú pháp; 69 không kết nối được; "
        "75 kho đang được tiến trình khác dùng, chạy lại sau; 78 cấu hình sai.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="LỆNH", parser_class=_Parser)
    for name, purpose in COMMANDS.items():
        sub = commands.add_parser(name, help=purpose, description=purpose)
        if called in ("", name):
            # A word of Python cannot name a module.
            module = importlib.import_module(
                f"gateway.cli.{name}_" if keyword.iskeyword(name) else f"gateway.cli.{name}"
            )
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return top


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code."""
    words = sys.argv[1:] if argv is None else list(argv)
    # Options of the top parser take no value, so the first word that is none is the command.
    called = next((word for word in words if not word.startswith("-")), _NOBODY)
    arguments = parser(called).parse_args(words)
    try:
        code = arguments.run(arguments)
    except ConfigError as error:
        for fault in error.faults:
            failure(fault)
        code = EX_BUSY if isinstance(error, StoreInUse) else EX_CONFIG
    except GatewayError as error:
        failure(str(error))
        code = EX_UNAVAILABLE
    except Stopped as stopped:
        failure("Đã dừng giữa chừng theo yêu cầu: chưa có kết luận, không để lại gì.")
        code = 128 + stopped.number
    except KeyboardInterrupt:
        code = 130
    raise SystemExit(code)
