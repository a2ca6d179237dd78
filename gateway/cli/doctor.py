"""`gateway doctor`: look at the machine before the machine surprises us."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from ssl import Purpose, create_default_context
from statistics import median
from typing import Any

import aiohttp
from cryptography import x509

from gateway.admin.client import NotRunning
from gateway.bootstrap.identity import registrations
from gateway.bootstrap.lines import certificates_of
from gateway.bootstrap.questions import examined
from gateway.bootstrap.results import rules_for
from gateway.cli.doctor_nodes import shared_store
from gateway.cli.findings import Finding
from gateway.cli.operate import common_arguments, look
from gateway.cli.screen import EX_OK, EX_WRONG, print_json, table
from gateway.cli.signer import FOLDER
from gateway.clock import LOCAL_ZONE, boottime
from gateway.config import Loaded, load
from gateway.errors import ConfigError, GatewayError
from gateway.journal.library import mended
from gateway.journal.sqlite import library_version
from gateway.records import operators
from gateway.signatures.keys import open_held
from signing.catalogue import sub_indication_rows
from signing.chain import judge_certificate
from signing.errors import SigningError
from signing.model import CertificateQuestion, Evidence
from signing.model import Purpose as CertificatePurpose

_KEY_DAYS = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only where the configuration is."""
    common_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print every look; 1 when one of them is not well."""
    loaded = load(arguments.config)
    checks: tuple[Callable[[Loaded], Iterator[Finding]], ...] = (
        _clock,
        _disk,
        _sqlite,
        shared_store,
        _permissions,
        _certificates,
        _listeners,
        _consents,
        _operators,
        _results,
        _signing_keys,
        _identity,
        _questions,
        _alive,
    )
    findings = [finding for check in checks for finding in check(loaded)]
    if arguments.json:
        print_json([asdict(finding) for finding in findings])
    else:
        table("Kiểm tra máy", ("Mục", "Đạt", "Thấy"), ((f.check, "✓" if f.ok else "✗", f.seen_vi) for f in findings))
    return EX_OK if all(finding.ok for finding in findings) else EX_WRONG


def _clock(loaded: Loaded) -> Iterator[Finding]:
    synchronised = Path("/run/systemd/timesync/synchronized").exists()
    year = datetime.now(UTC).year
    yield Finding(
        "đồng hồ", year >= 2024, f"năm {year}; đồng bộ thời gian của systemd: {'có' if synchronised else 'không rõ'}"
    )
    before, wall = boottime(), time.time()
    time.sleep(0.05)
    drift = abs((boottime() - before) - (time.time() - wall))
    yield Finding("đồng hồ đơn điệu", drift < 0.02, f"lệch {drift * 1000:.1f} ms trong 50 ms")


def _disk(loaded: Loaded) -> Iterator[Finding]:
    folder = loaded.data_dir() if loaded.data_dir().exists() else loaded.base
    spent = []
    with tempfile.NamedTemporaryFile(dir=folder) as probe:
        for _ in range(20):
            probe.write(b"x" * 4096)
            probe.flush()
            begun = time.perf_counter()
            os.fdatasync(probe.fileno())
            spent.append((time.perf_counter() - begun) * 1000)
    usual = median(spent)
    yield Finding("fsync", usual < 50, f"trung vị {usual:.2f} ms, chậm nhất {max(spent):.2f} ms")
    room = os.statvfs(folder)
    free = room.f_bavail * room.f_frsize
    yield Finding("chỗ trống", free > 1 << 30, f"còn {free / (1 << 30):.1f} GiB ở {folder}")


def _sqlite(loaded: Loaded) -> Iterator[Finding]:
    if loaded.settings.storage.postgres is not None:
        return
    text = library_version()
    well = mended(text)
    yield Finding("SQLite", well, f"{text} ({'đã' if well else 'CHƯA'} sửa lỗi WAL-reset)")
    full = loaded.settings.storage.synchronous == "FULL"
    yield Finding("synchronous", full, loaded.settings.storage.synchronous)


def _permissions(loaded: Loaded) -> Iterator[Finding]:
    storage = loaded.settings.storage
    if not storage.key:
        yield _private(f"tệp {storage.key_file}", loaded.path(storage.key_file))
    folder = loaded.data_dir()
    if folder.exists():
        mode = stat.S_IMODE(folder.stat().st_mode)
        yield Finding("thư mục dữ liệu", mode & 0o007 == 0, f"quyền {mode:04o}")


def _private(check: str, path: Path) -> Finding:
    """A file that nobody but the gateway's user may read."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        return Finding(check, False, "không tồn tại" if isinstance(error, FileNotFoundError) else str(error.strerror))
    return Finding(check, mode & 0o077 == 0, f"quyền {mode:04o}" + ("" if mode & 0o077 == 0 else "; phải là 0600"))


def _certificates(loaded: Loaded) -> Iterator[Finding]:
    """Every certificate file that a connector's settings name: readable and not about to run out."""
    for code, upstream in loaded.settings.upstreams.items():
        for name in certificates_of(upstream.settings):
            yield _certificate(f"chứng thư {code}", name, loaded.path(name))


def _listeners(loaded: Loaded) -> Iterator[Finding]:
    """Where a listener speaks TLS: its certificates, and that its key is private and belongs to them."""
    listen = loaded.settings.listen
    for name, listener in (("listen.internal", listen.internal), ("listen.edge", listen.edge)):
        if listener is None or listener.tls is None:
            continue
        tls = listener.tls
        for file in (tls.cert_file, tls.client_ca_file) if tls.client_ca_file else (tls.cert_file,):
            yield _certificate(f"chứng thư {name}", file, loaded.path(file))
        yield _private(f"khóa TLS {name}", loaded.path(tls.key_file))
        try:
            # A passphrase is never asked for: the gateway could not answer either.
            create_default_context(Purpose.CLIENT_AUTH).load_cert_chain(
                loaded.path(tls.cert_file), loaded.path(tls.key_file), password=""
            )
        except (OSError, ValueError) as error:
            yield Finding(f"khóa TLS {name}", False, f"{tls.key_file}: không dùng được với {tls.cert_file} ({error})")


def _certificate(check: str, name: str, path: Path) -> Finding:
    """A file of certificates: readable, and not about to run out."""
    try:
        bundle = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        return Finding(check, False, f"{name}: không đọc được ({error})")
    last = min(certificate.not_valid_after_utc for certificate in bundle)
    return Finding(check, (last - datetime.now(UTC)).days > 14, f"{name}: hết hạn {last:%d/%m/%Y}")


def _consents(loaded: Loaded) -> Iterator[Finding]:
    """Where the configuration says something else than the consent register, and consents that are about to end."""
    try:
        systems = look(loaded, "consents")["systems"]
    except GatewayError as error:
        yield Finding("sổ đồng ý", isinstance(error, NotRunning), f"chưa xem được: {error}")
        return
    soon = (datetime.now(LOCAL_ZONE) + timedelta(days=30)).date().isoformat()
    for row in systems:
        newest = row["versions"][-1]
        if row["differs_from_configuration"]:
            keys = ", ".join(row["differs_from_configuration"])
            yield Finding(f"sổ đồng ý {row['system']}", False, f"tệp cấu hình khác sổ ({keys}); sổ là bản có giá trị")
        elif row["standing"] == "in_force" and newest["valid_to"] and newest["valid_to"] <= soon:
            yield Finding(f"sổ đồng ý {row['system']}", False, f"hết hiệu lực sau ngày {newest['valid_to']}")
    yield Finding("sổ đồng ý", True, f"{len(systems)} hệ thống")


def _results(loaded: Loaded) -> Iterator[Finding]:
    """Whether results are judged, and with what; where they are not, they are withheld from the outside."""
    if loaded.settings.results is None:
        yield Finding(
            "kết quả", True, "chưa cấu hình [results]: không kiểm tra chữ ký, kết quả được giữ lại, không gửi ra ngoài"
        )
        return
    try:
        rules = rules_for(loaded)
    except ConfigError as error:
        yield from (Finding("kết quả", False, fault) for fault in error.faults)
        return
    version = rules[1].signers.version if rules is not None else ""
    yield Finding("kết quả", True, f"kiểm tra chữ ký trước khi gửi ra ngoài; bảng người ký {version}")


def _signing_keys(loaded: Loaded) -> Iterator[Finding]:
    """Every key that we sign with: it opens, is closed to others, its certificate leads to an anchor and is not about to end."""
    for name, custody in loaded.settings.signing.keys.items():
        where = f"khóa ký {name}"
        try:
            held = asyncio.run(open_held(loaded, name, custody))
            rules = rules_for(loaded)
        except SigningError as error:
            yield Finding(where, False, error.message_vi)
            continue
        except ConfigError as error:
            yield from (Finding(where, False, fault) for fault in error.faults)
            continue
        now = datetime.now(UTC)
        until = x509.load_der_x509_certificate(held.signer.certificate).not_valid_after_utc
        days = (until - now).days
        ends = f"hết hạn {until.astimezone(LOCAL_ZONE):%d/%m/%Y}"
        yield Finding(where, days >= _KEY_DAYS, ends if days >= _KEY_DAYS else f"{ends}: còn {days} ngày, hãy gia hạn")
        if rules is None:
            continue
        # Whether it was revoked is asked before each signature; here nobody is asked.
        policy = replace(rules[0].policy, status=replace(rules[0].policy.status, required=False))
        domains = frozenset({held.domain})
        question = CertificateQuestion(
            held.signer.certificate, CertificatePurpose.SIGNER, now, now, domains, held.signer.chain
        )
        found = judge_certificate(question, rules[0].trust, Evidence(), policy).sub_indication
        told = sub_indication_rows()[found].message_vi if found is not None else f"tới gốc tin cậy, miền {held.domain}"
        yield Finding(f"{where}, chuỗi", found is None, told)


def _identity(loaded: Loaded) -> Iterator[Finding]:
    """Whether people can sign on, and the addresses that each provider must have registered, letter by letter."""
    identity = loaded.settings.identity
    if identity is None or not identity.public_url:
        yield Finding("đăng nhập", True, "chưa cấu hình [identity] public_url: không ai đăng nhập qua cổng")
        return
    try:
        found = asyncio.run(registrations(loaded))
    except ConfigError as error:
        yield from (Finding("đăng nhập", False, fault) for fault in error.faults)
        return
    secure = identity.public_url.startswith("https://")
    yield Finding("đăng nhập", True, identity.public_url + ("" if secure else " (http: chỉ để thử trên chính máy này)"))
    edge = loaded.settings.listen.edge
    if secure and edge is not None and edge.tls is None and not identity.trusted_proxies:
        # Somebody else speaks TLS, so somebody stands before the edge, and every browser comes from there.
        told = "trước cổng biên có máy chủ trung gian mà identity.trusted_proxies trống: mọi người dùng chung edge_per_minute"
        yield Finding("đăng nhập, máy chủ trung gian", False, told)
    for one in found:
        told = (
            f"đăng ký với nhà cung cấp: quay về {one.redirect_uri}; sau đăng xuất {one.post_logout_uri}; báo hết phiên "
        )
        yield Finding(f"đăng nhập {one.provider}", True, told + one.backchannel_uri)


def _questions(loaded: Loaded) -> Iterator[Finding]:
    """Whether a register may be asked, by whom, about whom; and which rows of the minimisation table nobody confirmed yet."""
    try:
        law = asyncio.run(examined(loaded))
    except ConfigError as error:
        yield from (Finding("câu hỏi", False, fault) for fault in error.faults)
        return
    if law is None:
        yield Finding("câu hỏi", True, "chưa cấu hình [identity.questions]: không ai hỏi cơ sở dữ liệu dân cư qua cổng")
        return
    told = "; ".join(
        f"{code}: {', '.join(asker.operations)}{' (về người bất kỳ)' if asker.subjects == 'any' else ''}"
        for code, asker in law.questions.callers.items()
    )
    yield Finding("câu hỏi", bool(told), f"tới {law.questions.upstream}; {told or 'chưa có hệ thống nào được hỏi'}")
    if not loaded.settings.upstreams[law.questions.upstream].enabled:
        yield Finding(
            "câu hỏi", False, f"upstreams.{law.questions.upstream} đang tắt (enabled): không câu hỏi nào được trả lời"
        )
    for code in _strangers(loaded, law.questions.callers):
        yield Finding(
            f"câu hỏi {code}", False, "không có hệ thống này trong [callers] và sổ đồng ý; kiểm tra mã hệ thống"
        )
    assumed = sum(row.confidence == "assumed" for table in law.table.tables for row in table.rows)
    seen = f"{law.table.version}; {assumed} dòng là cách hiểu của cổng, cần đơn vị pháp chế xác nhận (fields_file)"
    yield Finding("trường dữ liệu", True, seen if assumed else law.table.version)


def _strangers(loaded: Loaded, callers: Iterable[str]) -> list[str]:
    """Those who may ask and do not exist; a register of consents that cannot be looked at now has its own line."""
    try:
        registered = {row["system"] for row in look(loaded, "consents")["systems"]}
    except NotRunning:  # no store yet: nobody is registered but in the configuration
        registered = set()
    except GatewayError:
        return []
    return [code for code in callers if code not in loaded.settings.callers and code not in registered]


def _operators(loaded: Loaded) -> Iterator[Finding]:
    """The operators' keys on this machine: private, registered to somebody, not revoked and not about to end."""
    files = [path for path in sorted(loaded.path(FOLDER).glob("*.pem")) if not path.name.endswith(".pub.pem")]
    try:
        register = look(loaded, "operators")["operators"]
    except GatewayError as error:
        yield Finding("sổ người vận hành", isinstance(error, NotRunning), f"chưa xem được: {error}")
        register = None
    for path in files:
        yield _private(f"khóa {FOLDER}/{path.name}", path)
        if register is not None:
            yield _registered(path, register)
    if register is not None:
        in_force = sum(1 for row in register if row["in_force"])
        yield Finding("sổ người vận hành", in_force > 0, f"{in_force} người đang có hiệu lực")
        yield _four_eyes(loaded, register)


def _four_eyes(loaded: Loaded, register: Sequence[Mapping[str, Any]]) -> Finding:
    """With two admins there is no reason left to let one of them alone register the second pair of eyes."""
    admins = sum(1 for row in register if row["in_force"] and "admin" in row["roles"])
    marked = "operator-add" in loaded.settings.operators.second_key_for
    told = "thêm người vận hành cần hai chữ ký" if marked else "một quản trị viên thêm được người vận hành một mình"
    if admins > 1 and not marked:
        told += '; hãy thêm "operator-add" vào [operators] second_key_for'
    return Finding("bốn mắt", marked or admins < 2, told)


def _registered(path: Path, register: Sequence[Mapping[str, Any]]) -> Finding:
    """Whose key a private key is, as its public part beside it says (a private one may have a passphrase)."""
    check = f"khóa {FOLDER}/{path.name}"
    try:
        key_id = operators.key_id(path.with_suffix(".pub.pem").read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        return Finding(check, False, f"không đọc được khóa công khai bên cạnh ({error})")
    found = [(row, key) for row in register for key in row["keys"] if key["key_id"] == key_id]
    if not found:
        return Finding(check, False, "chưa được ghi vào sổ người vận hành; hãy dùng gateway operators add")
    row, key = found[0]
    if key["revoked_at"] or not row["in_force"]:
        return Finding(check, False, f"của {row['name']}: đã thu hồi hoặc hết hiệu lực; hãy xóa khóa này")
    ends = row["valid_to"]
    if ends and datetime.fromisoformat(ends) <= datetime.now(UTC) + timedelta(days=30):
        return Finding(check, False, f"của {row['name']}: hết hiệu lực {ends}")
    return Finding(check, True, f"của {row['name']}, đang có hiệu lực")


def _alive(loaded: Loaded) -> Iterator[Finding]:
    listen = loaded.settings.listen.internal
    if listen.tls is not None:
        # A client certificate may be demanded, which the doctor does not have: only the door is tried.
        try:
            socket.create_connection((listen.host, listen.port), timeout=5).close()
        except OSError:
            yield Finding("cổng", True, f"không chạy tại {listen.host}:{listen.port}")
        else:
            yield Finding("cổng", True, f"đang nghe TLS tại {listen.host}:{listen.port}")
        return
    url = f"http://{listen.host}:{listen.port}/readyz"
    try:
        status, text = asyncio.run(_get(url))
    except (aiohttp.ClientError, TimeoutError, OSError):
        yield Finding("cổng", True, f"không chạy tại {listen.host}:{listen.port}")
        return
    except ConfigError as error:
        yield Finding("cổng", False, str(error))
        return
    yield Finding("cổng", status == 200, f"{url}: {status} {text[:200]}")


async def _get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session, session.get(url) as response:
        return response.status, await response.text()
