"""`gateway sign`: sign one file with a key of a file or of the configuration, and verify what was made before it is given out.

Exit codes: 0 signed; 2 refused (own certificate, clock, or what was made does not verify); 3 unusable input; 64 wrong usage; 69
key or time stamps are not available now. A passphrase is asked for or read from a file, never taken as an argument.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import logging
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from yarl import URL

from gateway.cli.screen import EX_INPUT, EX_OK, EX_REFUSED, EX_UNAVAILABLE, EX_USAGE, failure, plain, print_json, say
from gateway.clock import LOCAL_ZONE, Clock
from gateway.config import Loaded, load
from gateway.config.signing import Signing, StampAsked, StatusAsked
from gateway.signatures.examining import Rules
from gateway.signatures.issuing import Made, Wish
from gateway.signatures.keys import open_held
from gateway.signatures.outfit import outfitted
from signing.errands import issuer_errands, status_errands
from signing.errors import KeyUnavailable, SigningError, SigningRefused, StampUnavailable, Unusable, reason_vi
from signing.evidence_folder import read_evidence
from signing.keys import KeyFile, Signer, open_key
from signing.making import Profile
from signing.model import Evidence, TrustDomain
from signing.policy import DEFAULT_POLICY
from signing.policy_file import read_policy
from signing.trust_folder import read_trust

_SUFFIXES = {"PDF": ".pdf", "XML": ".xml", "CMS": ".p7s"}
_LONGEST_SECRET = 1_024


@dataclass(frozen=True, slots=True)
class _Set:
    """With what is signed: the key, what is trusted, whom we may ask."""

    signer: Signer
    domains: frozenset[TrustDomain]
    rules: Rules
    settings: Signing
    base: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("file", metavar="TỆP", type=Path)
    parser.add_argument(
        "--profile", required=True, choices=[one.value for one in Profile], help="hồ sơ ký; -T có dấu thời gian"
    )
    parser.add_argument(
        "--key", required=True, metavar="KHÓA", help="tệp .p12/.pfx/.pem, hoặc tên trong [signing.keys]"
    )
    parser.add_argument("--chain", metavar="TỆP", type=Path, help="chứng thư số của khóa và các cấp trên (PEM)")
    parser.add_argument("--passphrase-file", metavar="TỆP", type=Path, help="tệp chứa mật khẩu của khóa (quyền 0600)")
    parser.add_argument("--out", metavar="TỆP", type=Path, help="mặc định: TỆP-da-ky.pdf/.xml, hoặc TỆP.p7s")
    parser.add_argument("--tsa", metavar="URL", help="máy chủ cấp dấu thời gian (RFC 3161)")
    parser.add_argument("--trust", metavar="THƯ_MỤC", type=Path, help="gốc tin cậy; bắt buộc khi khóa là tệp")
    parser.add_argument("--evidence", metavar="THƯ_MỤC", type=Path, help="trạng thái chứng thư có sẵn: *.crl, *.ocsp")
    parser.add_argument("--policy", metavar="TỆP", type=Path, help="chính sách kiểm tra (TOML)")
    parser.add_argument("--internal", action="store_true", help="máy chủ trạng thái và dấu thời gian ở mạng riêng")
    parser.add_argument("--config", metavar="TỆP", type=Path, help="cấu hình có [signing.keys] (mặc định gateway.toml)")
    parser.add_argument("--json", action="store_true", help="kết quả dạng JSON, cho máy")


def run(arguments: argparse.Namespace) -> int:
    """Sign; nothing is written unless what was made verifies."""
    profile = Profile(arguments.profile)
    target = arguments.out or _beside(arguments.file, profile)
    if profile.stamped and arguments.tsa is None and _is_file(arguments.key):
        failure(f"Hồ sơ ký {profile} có dấu thời gian: hãy nêu máy chủ cấp bằng --tsa URL.")
        return EX_USAGE
    if target.exists():
        failure(f"{target} đã có; hãy chọn tên khác bằng --out.")
        return EX_USAGE
    logging.getLogger("gateway.signatures").addHandler(logging.NullHandler())  # the refusal says it in Vietnamese
    try:
        known = read_evidence(arguments.evidence) if arguments.evidence is not None else Evidence()
        made = asyncio.run(_signed(arguments, profile, target, known))
    except SigningRefused as error:
        failure(error.message_vi)
        if error.code == "chung_thu_ky_khong_dat" and _is_file(arguments.key) and not arguments.internal:
            say("Máy chủ OCSP, CRL ở mạng riêng chỉ được hỏi khi có --internal; không có mạng thì dùng --evidence.")
        return EX_REFUSED
    except (KeyUnavailable, StampUnavailable) as error:
        failure(error.message_vi)
        return EX_UNAVAILABLE
    except SigningError as error:
        failure(error.message_vi)
        return EX_INPUT
    _tell(made, target, profile, as_json=arguments.json)
    return EX_OK


async def _signed(arguments: argparse.Namespace, profile: Profile, target: Path, known: Evidence) -> Made:
    chosen = await _by_file(arguments) if _is_file(arguments.key) else await _by_name(arguments, profile)
    async with outfitted(chosen.settings, chosen.rules, Clock(), chosen.base) as outfit:
        wish = Wish(chosen.signer, chosen.domains, profile, arguments.file, target, known=known)
        return await outfit.issuer.sign(wish)


def _is_file(key: str) -> bool:
    return Path(key).suffix.lower() in (".p12", ".pfx", ".pem", ".key") or Path(key).is_file()


async def _by_file(arguments: argparse.Namespace) -> _Set:
    """A key of a file, with the services that its own certificate names: that certificate is ours, and so they are trusted."""
    if arguments.trust is None:
        raise Unusable("thieu_goc_tin_cay", "Cần --trust: không ký bằng chứng thư số không nối được tới gốc tin cậy.")
    place = KeyFile(Path(arguments.key), arguments.chain)
    signer = open_key(place, _passphrase(arguments, place.path))
    rules = Rules(read_trust(arguments.trust), read_policy(arguments.policy) if arguments.policy else DEFAULT_POLICY)
    hosts = _named_hosts(signer, rules)
    status = StatusAsked(hosts=hosts, internal=hosts if arguments.internal else (), rewrites={})
    stamp = StampAsked(url=_url(arguments.tsa), internal=arguments.internal) if arguments.tsa else None
    return _Set(signer, frozenset(TrustDomain), rules, Signing(workers=1, status=status, timestamp=stamp), Path())


async def _by_name(arguments: argparse.Namespace, profile: Profile) -> _Set:
    """A key of the configuration, with everything that stands there."""
    loaded: Loaded = load(arguments.config)
    custody = loaded.settings.signing.keys.get(arguments.key)
    results = loaded.settings.results
    if custody is None or results is None:
        known = ", ".join(loaded.settings.signing.keys) or "chưa có khóa nào"
        raise Unusable("khong_co_khoa", f"Không có khóa {arguments.key!r} trong [signing.keys] ({known}).")
    if profile.value not in custody.profiles:
        raise SigningRefused("khoa_khong_duoc_dung", f"Khóa {arguments.key} không được dùng cho hồ sơ ký {profile}.")
    held = await open_held(loaded, arguments.key, custody)
    policy = arguments.policy or (loaded.path(results.policy_file) if results.policy_file else None)
    trust = read_trust(arguments.trust or loaded.path(results.trust_dir))
    settings = loaded.settings.signing
    if arguments.tsa:
        stamp = settings.timestamp or StampAsked(url="", internal=arguments.internal)
        settings = Signing(
            workers=1,
            status=settings.status,
            timestamp=StampAsked(url=_url(arguments.tsa), internal=arguments.internal, policy=stamp.policy),
        )
    rules = Rules(trust, read_policy(policy) if policy is not None else DEFAULT_POLICY)
    return _Set(held.signer, frozenset({held.domain}), rules, settings, loaded.base)


def _named_hosts(signer: Signer, rules: Rules) -> tuple[str, ...]:
    certificates = (signer.certificate, *signer.chain)
    errands = (*status_errands(certificates, rules.anchors), *issuer_errands(certificates, rules.anchors))
    urls = [URL(one.url) for one in errands]
    return tuple(dict.fromkeys(f"{(url.host or '').lower()}:{url.port}" for url in urls if url.host))


def _url(text: str) -> str:
    if re.fullmatch(r"https?://[A-Za-z0-9.-]+(?::[1-9][0-9]{0,4})?(?:/[A-Za-z0-9._~/-]*)?", text) is None:
        raise Unusable("dia_chi_sai", "--tsa phải là http(s)://máy/đường-dẫn.")
    return text


def _passphrase(arguments: argparse.Namespace, key: Path) -> bytes | None:
    """From a file of mode 0600, or asked for; None for a key that needs none."""
    if arguments.passphrase_file is not None:
        try:
            if arguments.passphrase_file.stat().st_mode & 0o077:
                raise Unusable("tep_bi_mat_ho_quyen", "Tệp mật khẩu cho người khác đọc; hãy đặt quyền 0600.")
            return bytes(arguments.passphrase_file.read_bytes()[:_LONGEST_SECRET].rstrip(b"\r\n"))
        except OSError as fault:
            raise Unusable("tep_bi_mat_khong_doc_duoc", f"Không đọc được tệp mật khẩu ({reason_vi(fault)}).") from None
    try:
        needed = key.suffix.lower() in (".p12", ".pfx") or b"ENCRYPTED" in key.read_bytes()
    except OSError as fault:
        raise Unusable("tep_khoa_khong_doc_duoc", f"Không đọc được tệp {key.name} ({reason_vi(fault)}).") from None
    if not needed:
        return None
    if not sys.stdin.isatty():
        raise Unusable("thieu_mat_khau", "Khóa có mật khẩu; hãy dùng --passphrase-file hoặc chạy ở cửa sổ có bàn phím.")
    return getpass.getpass(f"Mật khẩu của {key.name}: ").encode()


def _beside(source: Path, profile: Profile) -> Path:
    kind = profile.value.split("-")[1]
    if kind == "CMS":
        return source.with_name(f"{source.name}.p7s")
    return source.with_name(f"{source.stem}-da-ky{_SUFFIXES[kind]}")


def _tell(made: Made, target: Path, profile: Profile, *, as_json: bool) -> None:
    mine = made.report.signatures[-1]
    stamped = mine.proven_time if profile.stamped else None
    if as_json:
        print_json(
            {
                "file": str(target),
                "sha256": made.sha256,
                "size": made.size,
                "profile": profile.value,
                "signer": mine.signer.name if mine.signer else "",
                "domain": mine.domain.value if mine.domain else "",
                "stamped_at": stamped.isoformat() if stamped else "",
                "conclusion": made.report.conclusion.value,
            }
        )
        return
    say(f"[bold green]✓ Đã ký[/] {plain(str(target))}")
    say(f"  Hồ sơ ký: {profile}; người ký: {plain(mine.signer.name if mine.signer else '')}")
    if stamped:
        say(f"  Dấu thời gian: {stamped.astimezone(LOCAL_ZONE).isoformat(timespec='seconds')}")
    say(f"  SHA-256: {made.sha256}")
    say("  Chữ ký vừa tạo đã được kiểm tra lại: ĐẠT.")
