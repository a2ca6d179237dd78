"""`gateway operators add|revoke|list`: who may decide, with which keys, in which roles."""

from __future__ import annotations

import argparse
import asyncio
import getpass
from datetime import datetime, time
from pathlib import Path
from typing import Any

from gateway.admin.statement import Spoken
from gateway.cli.operate import common_arguments, decide, decision_arguments, found, send, shown, standing_still
from gateway.cli.screen import EX_OK, EX_REFUSED, failure, local, pick, print_json, say, table
from gateway.cli.signer import FOLDER, make_key
from gateway.clock import LOCAL_ZONE
from gateway.config import Loaded, load, ordered_by
from gateway.records.operators import Role

EVERY_ROLE = (Role.OPERATOR, Role.SUPERVISOR, Role.AUDITOR, Role.ADMIN)
FOUNDED_BY_INIT = "Lập khi tạo cài đặt (gateway init)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """add, revoke, list."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VIỆC")
    add = verbs.add_parser(
        "add",
        help="thêm người vận hành, hoặc thêm khóa và đổi vai trò; người đầu tiên được lập không cần chữ ký",
    )
    decision_arguments(add)
    add.add_argument("name", metavar="TÊN", help="tên đăng nhập, ví dụ nguyenvana")
    add.add_argument("--display", default="", metavar="HỌ_TÊN", help="tên để hiển thị")
    add.add_argument("--person", default="", metavar="MÃ_CÁN_BỘ", help="mã cán bộ; một người chỉ tính là một")
    add.add_argument(
        "--role", action="append", default=[], choices=[role.value for role in Role], help="vai trò, lặp lại được"
    )
    add.add_argument("--public-key", action="append", default=[], type=Path, metavar="TỆP_PEM", help="khóa công khai")
    add.add_argument("--new-key", action="store_true", help=f"tạo cặp khóa mới trong {FOLDER} (khóa riêng 0600)")
    add.add_argument("--from", dest="valid_from", type=_day, metavar="YYYY-MM-DD", help="có hiệu lực từ ngày")
    add.add_argument("--to", dest="valid_to", type=_day, metavar="YYYY-MM-DD", help="hết hiệu lực từ ngày")
    revoke = verbs.add_parser("revoke", help="thu hồi một người vận hành, hoặc một khóa (--key-id)")
    decision_arguments(revoke)
    revoke.add_argument("name", metavar="TÊN")
    revoke.add_argument("--key-id", default="", metavar="KEY_ID", help="chỉ thu hồi khóa này")
    common_arguments(verbs.add_parser("list", help="liệt kê người vận hành, khóa và lịch sử"))


def run(arguments: argparse.Namespace) -> int:
    """Carry it out."""
    match arguments.verb:
        case "add":
            return _add(arguments)
        case "revoke":
            return decide(arguments, "operator-revoke", details=_some(name=arguments.name, key_id=arguments.key_id))
    return _list(arguments)


def found_first(loaded: Loaded, name: str) -> None:
    """Make the first operator of a fresh installation, in every role: a key pair, and the entry in the store."""
    public = make_key(loaded.path(f"{FOLDER}/{name}.pem"))
    roles = [role.value for role in EVERY_ROLE]
    words = Spoken(reason=FOUNDED_BY_INIT, details={"name": name, "roles": roles, "keys": [public]})
    asyncio.run(_make_store(loaded))
    found(loaded, words)


async def _make_store(loaded: Loaded) -> None:
    async with standing_still(loaded):
        """Opening it makes it."""


def whoami() -> str:
    """Who gave this command: who is said to have (`config.ordered_by`), else the operating system's user.

    The name of the first operator, and the actor of what needs no signature (`retire`, `restored`).
    """
    return ordered_by() or getpass.getuser()


def _add(arguments: argparse.Namespace) -> int:
    loaded = load(arguments.config)
    # Asked first: where the store does not answer, no key is left behind that stands in no register.
    founded = send(arguments, "identity")["founded"]
    try:
        keys = [path.read_text(encoding="utf-8") for path in arguments.public_key]
        if arguments.new_key:
            keys.append(make_key(loaded.path(f"{FOLDER}/{arguments.name}.pem")))
    except FileExistsError as error:
        failure(f"{error}: đã có khóa; hãy dùng --public-key hoặc tên khác.")
        return EX_REFUSED
    except (OSError, UnicodeDecodeError) as error:
        failure(f"Không đọc hoặc ghi được khóa: {error}")
        return EX_REFUSED
    details = _some(
        name=arguments.name,
        display=arguments.display,
        person=arguments.person,
        roles=arguments.role,
        keys=keys,
        valid_from=arguments.valid_from,
        valid_to=arguments.valid_to,
    )
    if founded:
        return decide(arguments, "operator-add", details=details)
    return shown(arguments, lambda: found(loaded, Spoken(reason=arguments.reason, details=details)))


def _list(arguments: argparse.Namespace) -> int:
    answer = send(arguments, "operators")
    if arguments.json:
        print_json(answer)
        return EX_OK
    table(
        "Người vận hành",
        ("Tên", "Họ tên", "Mã cán bộ", "Vai trò", "Hiệu lực", "Từ", "Đến", "Khóa"),
        (
            (
                *pick(row, "name", "display", "person"),
                ", ".join(row["roles"]),
                "✓" if row["in_force"] else "✗",
                local(row["valid_from"]),
                local(row["valid_to"] or ""),
                "\n".join(key["key_id"] + (" (đã thu hồi)" if key["revoked_at"] else "") for key in row["keys"]),
            )
            for row in answer["operators"]
        ),
    )
    for row in answer["operators"]:
        for change in row["history"]:
            say(f"{local(change['at'])}  {row['name']}: {change['what']} ({change['actor']}: {change['reason']})")
    return EX_OK


def _some(**details: Any) -> dict[str, Any]:
    """What was said; the rest keeps its default."""
    return {name: value for name, value in details.items() if value}


def _day(text: str) -> str:
    """The first moment of a day in Viet Nam."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - the zone is given on the next line
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} không phải ngày YYYY-MM-DD") from error
    return datetime.combine(day, time(), LOCAL_ZONE).isoformat()
