"""`gateway consent add|revoke|list`: the register of who may connect, with whose consent, for what, and until when."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.cli.operate import common_arguments, decide, decision_arguments, send
from gateway.cli.screen import EX_INPUT, EX_OK, EX_WRONG, failure, local, out, plain, print_json, say
from gateway.errors import ConfigError
from gateway.intake.certificates import pin
from gateway.intake.signature import fitting_algorithm

_STANDING_VI = {
    "in_force": "đang có hiệu lực",
    "consent_missing": "chưa có",
    "consent_not_yet_valid": "chưa đến ngày hiệu lực",
    "consent_expired": "đã hết hiệu lực",
    "consent_revoked": "đã thu hồi",
}
_AUTHENTICATION_VI = {"signature": "chữ ký", "certificate": "chứng thư", "both": "chữ ký và chứng thư"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Three things to do with the register."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="VIỆC")
    add = actions.add_parser("add", help="ghi một hệ thống mới, hoặc phiên bản mới của một hệ thống đã ghi")
    decision_arguments(add)
    add.add_argument("system", metavar="MÃ_HỆ_THỐNG")
    _consent_arguments(add)
    _credential_arguments(add)
    revoke = actions.add_parser("revoke", help="thu hồi sự đồng ý, có hiệu lực từ lần tiếp nhận kế tiếp")
    decision_arguments(revoke)
    revoke.add_argument("system", metavar="MÃ_HỆ_THỐNG")
    listed = actions.add_parser("list", help="xem sổ; mã thoát 1 khi tệp cấu hình khác sổ")
    common_arguments(listed)
    listed.add_argument("system", nargs="?", default="", metavar="MÃ_HỆ_THỐNG")
    listed.add_argument("--history", action="store_true", help="xem mọi phiên bản, cả đã thay và đã thu hồi")


def _consent_arguments(parser: argparse.ArgumentParser) -> None:
    """The document, its scope and its validity."""
    group = parser.add_argument_group(
        "văn bản đồng ý", "với hệ thống đã ghi, mục không nêu được lấy từ phiên bản đang có"
    )
    group.add_argument("--number", metavar="SỐ", help="số văn bản đồng ý của chủ quản")
    group.add_argument("--date", dest="dated", metavar="YYYY-MM-DD", help="ngày văn bản")
    group.add_argument(
        "--from", dest="valid_from", metavar="YYYY-MM-DD", help="ngày có hiệu lực (mặc định: ngày văn bản)"
    )
    group.add_argument("--to", dest="valid_to", metavar="YYYY-MM-DD", help="ngày hiệu lực cuối cùng, tính cả ngày đó")
    group.add_argument("--no-end", action="store_true", help="không có ngày hết hiệu lực")
    group.add_argument("--title", metavar="TÊN", help="tên hệ thống")
    group.add_argument("--owner", metavar="TÊN", help="chủ quản hệ thống")
    group.add_argument("--procedures", type=_codes, metavar="MÃ,MÃ", help="thủ tục được đồng ý, hoặc '*' cho tất cả")
    group.add_argument("--states", type=_codes, metavar="TRẠNG_THÁI,…", help="trạng thái được báo (mặc định '*')")
    technical = parser.add_argument_group(
        "kỹ thuật", "mục [callers.MÃ_HỆ_THỐNG] của tệp cấu hình, nếu có, được dùng trước"
    )
    technical.add_argument("--outside", choices=("on_push_back", "on_ack"), help="khi nào sự kiện đi tiếp ra ngoài")
    technical.add_argument("--profile", metavar="TÊN", help="dạng bản tin đã công bố của hệ thống (mặc định default)")
    technical.add_argument(
        "--pull-host", dest="pull_hosts", action="append", metavar="MÁY", help="máy được phép tải tệp về"
    )


def _credential_arguments(parser: argparse.ArgumentParser) -> None:
    """Keys and certificates."""
    group = parser.add_argument_group("khóa và chứng thư")
    group.add_argument(
        "--public-key", dest="keys", action="append", metavar="KEYID=TỆP.pem", help="khóa công khai; nêu nhiều lần được"
    )
    group.add_argument("--keep-keys", action="store_true", help="giữ các khóa đang có bên cạnh khóa mới (đổi khóa dần)")
    group.add_argument(
        "--certificate", dest="certificates", action="append", metavar="TỆP", help="chứng thư máy khách (PEM hoặc DER)"
    )
    group.add_argument(
        "--certificate-key",
        dest="certificate_keys",
        action="append",
        metavar="TỆP",
        help="như trên, nhưng chỉ giữ khóa của chứng thư: chứng thư gia hạn cùng khóa vẫn dùng được",
    )
    group.add_argument("--keep-certificates", action="store_true", help="giữ các chứng thư đang có bên cạnh cái mới")
    group.add_argument(
        "--authentication",
        choices=tuple(_AUTHENTICATION_VI),
        help="điều gì xác nhận một yêu cầu: chữ ký (mặc định), chứng thư, hay cả hai",
    )


def run(arguments: argparse.Namespace) -> int:
    """Carry the decision, or print the register."""
    if arguments.action == "list":
        return _list(arguments)
    if arguments.action == "revoke":
        return decide(arguments, "consent-revoke", details={"system": arguments.system})
    faults: list[str] = []
    details = _details(arguments, faults)
    for fault in faults:
        failure(fault)
    return EX_INPUT if faults else decide(arguments, "consent-add", details=details)


def _details(arguments: argparse.Namespace, faults: list[str]) -> Mapping[str, object]:
    """What was said on the command line, with the files read; `faults` takes those that cannot be used."""
    plain = ("number", "dated", "valid_from", "valid_to", "title", "owner", "procedures", "states", "authentication")
    technical = ("outside", "profile", "pull_hosts")
    told = {name: getattr(arguments, name) for name in (*plain, *technical)}
    flags = {name: getattr(arguments, name) for name in ("no_end", "keep_keys", "keep_certificates")}
    certificates = [
        *(_pin(Path(file), faults, key_only=False) for file in arguments.certificates or ()),
        *(_pin(Path(file), faults, key_only=True) for file in arguments.certificate_keys or ()),
    ]
    return {
        "system": arguments.system,
        **{name: value for name, value in told.items() if value is not None},
        **{name: True for name, value in flags.items() if value},
        **({"keys": [_key(text, faults) for text in arguments.keys]} if arguments.keys else {}),
        **({"certificates": certificates} if certificates else {}),
    }


def _codes(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _key(text: str, faults: list[str]) -> Mapping[str, str]:
    """`KEYID=FILE` as the register takes it; the algorithm follows from the key."""
    key_id, mark, file = text.partition("=")
    if not mark or not key_id or not file:
        faults.append(f"--public-key {text}: hãy viết KEYID=TỆP.pem")
        return {}
    try:
        pem = Path(file).read_bytes()
        return {"key_id": key_id, "algorithm": fitting_algorithm(pem), "public_key": pem.decode("ascii")}
    except OSError as error:
        faults.append(f"--public-key {text}: không đọc được tệp ({error.strerror})")
    except (ConfigError, UnicodeDecodeError) as error:
        faults.append(f"--public-key {text}: {error}")
    return {}


def _pin(file: Path, faults: list[str], *, key_only: bool) -> str:
    """The name by which the register will know a certificate."""
    try:
        raw = file.read_bytes()
        pem = b"-----BEGIN" in raw
        certificate = x509.load_pem_x509_certificate(raw) if pem else x509.load_der_x509_certificate(raw)
    except OSError as error:
        faults.append(f"--certificate {file}: không đọc được tệp ({error.strerror})")
        return ""
    except ValueError:
        faults.append(f"--certificate {file}: không phải chứng thư X.509")
        return ""
    if key_only:
        return pin("spki", certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return pin("certificate", certificate.public_bytes(Encoding.DER))


def _list(arguments: argparse.Namespace) -> int:
    answer = send(arguments, "consents", query={"system": arguments.system})
    systems = answer["systems"]
    if arguments.json:
        shown = systems if arguments.history else [_without_history(row) for row in systems]
        print_json({"systems": shown})
    else:
        _show(systems, history=arguments.history)
    return EX_WRONG if any(row["differs_from_configuration"] for row in systems) else EX_OK


def _without_history(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The system with the one version that matters: the one in force, or else the newest."""
    return {**{name: value for name, value in row.items() if name != "versions"}, "version": _current(row)}


def _current(row: Mapping[str, Any]) -> Mapping[str, Any]:
    versions: list[Mapping[str, Any]] = row["versions"]
    return next((v for v in versions if v["version"] == row["version_in_force"]), versions[-1])


def _show(systems: list[Mapping[str, Any]], *, history: bool) -> None:
    if not systems:
        say("Sổ đồng ý chưa có hệ thống nào như vậy.")
        return
    for row in systems:
        for version in row["versions"] if history else [_current(row)]:
            _say_version(row, version, history=history)
    for row in systems:
        if row["differs_from_configuration"]:
            keys = ", ".join(row["differs_from_configuration"])
            say(f"[yellow]![/] {row['system']}: tệp cấu hình khác sổ ({keys}); sổ là bản có giá trị.")


def _say_version(row: Mapping[str, Any], version: Mapping[str, Any], *, history: bool) -> None:
    """One version, a line for each thing: readable in the narrowest window, and its names can be copied whole."""
    revoked = version["revoked"]
    if history and version["version"] != row["version_in_force"]:
        standing = "đã thu hồi" if revoked else "không áp dụng hôm nay"
    else:
        standing = _STANDING_VI[row["standing"]]
    names = [key["key_id"] for key in version["keys"]] + [name[:20] + "…" for name in version["certificates"]]
    entered = f"{local(version['registered_at'] or '')} {version['registered_by']}: {version['reason']}"
    out.print(plain(f"{row['system']}, bản {version['version']}: {standing}"), style="bold", soft_wrap=True)
    for title, text in (
        ("Hệ thống", ", ".join(part for part in (version["title"], version["owner"]) if part)),
        ("Văn bản", f"{version['number']} ngày {_day(version['dated'])}"),
        ("Hiệu lực", f"từ {_day(version['valid_from'])}, {_end(version['valid_to'])}"),
        ("Thủ tục", _scope(version["procedures"])),
        ("Trạng thái", _scope(version["states"])),
        ("Xác thực", f"{_AUTHENTICATION_VI[version['authentication']]}: {', '.join(names)}"),
        ("Đã ghi", entered),
        ("Thu hồi", f"{local(revoked['at'])} {revoked['by']}: {revoked['reason']}" if revoked else ""),
    ):
        if text:
            say(plain(f"  {title + ':':<12}{text}"))


def _day(text: str | None) -> str:
    """A date as people in Viet Nam write it; what is no date stays as it is."""
    parts = (text or "").split("-")
    return "/".join(reversed(parts)) if len(parts) == 3 else text or ""


def _end(day: str | None) -> str:
    return f"đến {_day(day)}" if day else "không thời hạn"


def _scope(names: Sequence[str]) -> str:
    return "tất cả (*)" if list(names) == ["*"] else ", ".join(names)
