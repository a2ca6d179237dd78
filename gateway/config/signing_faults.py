"""What types cannot say of the settings of signatures: whom we may ask, and keys whose custody says nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from connectors.kit.fetching import is_host
from gateway.config.model import Settings
from gateway.config.signing import Signing, SigningKey, StatusAsked
from signing.making import Profile

_LOOPBACK = re.compile(r"127\.0\.0\.1:[1-9][0-9]{0,4}")
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::[1-9][0-9]{0,4})?(?:/[A-Za-z0-9._~/-]*)?")


def signing_faults(settings: Settings) -> Iterator[str]:
    """Every fault, with its place."""
    signing = settings.signing
    yield from _status_faults(signing)
    if signing.timestamp is not None and _URL.fullmatch(signing.timestamp.url) is None:
        yield "signing.timestamp.url: phải là http(s)://máy/đường-dẫn"
    if signing.keys and settings.results is None:
        yield "signing.keys: cần mục [results] (trust_dir), vì chữ ký tạo ra phải được kiểm tra trước khi đưa ra"
    if not signing.work_dir.strip("./ "):
        yield "signing.work_dir: phải là một thư mục riêng, không phải chính thư mục dữ liệu"
    for name, key in signing.keys.items():
        yield from _key_faults(f"signing.keys.{name}", key, settings)


def _status_faults(signing: Signing) -> Iterator[str]:
    status = signing.status
    figures = {
        "signing.workers": signing.workers,
        "signing.fresh_s": signing.fresh_s,
        "signing.status.timeout_s": status.timeout_s,
        "signing.status.whole_s": status.whole_s,
        "signing.status.max_bytes": status.max_bytes,
        "signing.status.failures": status.failures,
    }
    yield from (f"{name}: phải lớn hơn 0" for name, value in figures.items() if value <= 0)
    named = (("hosts", status.hosts), ("internal", status.internal), ("rewrites", tuple(status.rewrites.values())))
    for where, hosts in named:
        for host in hosts:
            # An address of this machine may be listed: test authorities live there. Any other is named.
            if not (is_host(host) or _LOOPBACK.fullmatch(host)):
                yield f"signing.status.{where}: {host!r} phải là tên máy (chữ thường), có thể kèm :cổng"
    # Whoever lists hosts of his own has not written the rewrites that we bring: their target is simply not asked.
    rewritten = set() if status.rewrites == StatusAsked().rewrites else set(status.rewrites.values())
    for host in sorted({*status.internal, *rewritten} - set(status.hosts)):
        yield f"signing.status.hosts: thiếu {host!r}, có trong internal hoặc rewrites; hãy thêm vào hosts hoặc bỏ ở đó"


def _key_faults(where: str, key: SigningKey, settings: Settings) -> Iterator[str]:
    known = {profile.value for profile in Profile}
    for profile in key.profiles:
        if profile not in known:
            yield f"{where}.profiles: không có hồ sơ ký {profile!r} (có: {', '.join(sorted(known))})"
        elif Profile(profile).stamped and settings.signing.timestamp is None:
            yield f"{where}.profiles: {profile} cần [signing.timestamp]"
    for system in key.systems:
        if system not in settings.callers:
            yield f"{where}.systems: không có hệ thống {system!r} trong callers"
    for name in ("custodian", "entrusted_by", "profiles", "systems", "procedures"):
        if not getattr(key, name):
            yield f"{where}.{name}: không được để trống"
    if key.kind == "pkcs11":
        if not (key.module and (key.token_label or key.token_serial) and (key.key_label or key.key_id)):
            yield f"{where}: pkcs11 cần module, token_label hoặc token_serial, key_label hoặc key_id"
        if re.fullmatch(r"(?:[0-9a-f]{2})*", key.key_id) is None:
            yield f"{where}.key_id: phải là số thập lục phân viết thường"
    elif not key.file:
        yield f"{where}.file: cần tệp khóa"
    if key.per_minute <= 0:
        yield f"{where}.per_minute: phải lớn hơn 0"
