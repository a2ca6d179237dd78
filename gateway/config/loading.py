"""Reading the settings: a TOML file, overridden by the environment. Unknown keys are errors; all of them are named at once.

The environment is read here and nowhere else:
  GATEWAY_CONFIG                     path of the TOML file
  GATEWAY__SECTION__KEY=value        overrides one key (value as TOML, or a plain string)
  CREDENTIALS_DIRECTORY              where `credential:` references are looked up (systemd LoadCredential)
  GATEWAY_ORDERED_BY                 who gave the command, where it runs as somebody else (deploy/bin/gateway)
  NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID  what systemd wants to be told (sd_notify(3))
  GATEWAY_CRASH_AT=point[:n]         tests only: the process kills itself at the n-th passing of a named point
"""

from __future__ import annotations

import copy
import hashlib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from connectors.kit.fetching import is_host
from connectors.kit.secrets import PLAIN, SecretRef, write_setting
from connectors.kit.settings import UNKNOWN, typed
from gateway.config.identity_faults import identity_faults, is_network
from gateway.config.model import (
    LEAST_MONTHS,
    CallerRecord,
    Evidence,
    Files,
    Listeners,
    Loaded,
    Observe,
    Settings,
    Upstream,
)
from gateway.config.plain_secrets import plain_secrets
from gateway.config.references import Standing, examine, resolve
from gateway.config.signing_faults import signing_faults
from gateway.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Written:
    """What stands in a configuration file, overridden by the environment; nothing of it is judged yet."""

    path: Path
    tree: dict[str, Any] = field(repr=False)
    crash_at: str = ""

    def loaded(self, settings: Settings) -> Loaded:
        """The settings that were made of it."""
        return Loaded(
            settings=settings,
            base=self.path.parent.resolve(),
            file=self.path.resolve(),
            crash_at=self.crash_at,
            generation=generation_of(settings),
        )


def generation_of(settings: Settings) -> str:
    """A short digest of everything that nodes have in common (decision 0038)."""
    internal = settings.listen.internal
    tls = internal.tls
    if tls is not None:
        # That there is TLS, and what is demanded of clients, holds for all; where its files lie does not.
        tls = msgspec.structs.replace(tls, cert_file="", key_file="", client_ca_file="")
    alike = msgspec.structs.replace(
        settings,
        node="",
        # Strangers need not reach every node: whether there is an edge, and so all that stands in it, is the node's own.
        listen=Listeners(internal=msgspec.structs.replace(internal, host="", port=0, tls=tls)),
        storage=msgspec.structs.replace(settings.storage, data_dir=""),
        evidence=Evidence(),  # each node has a key of its own, and trusts those of the others
        observe=Observe(),  # a log may be talkative on one node for a while
    )
    encoded = msgspec.json.encode(alike, enc_hook=write_setting, order="sorted")
    return hashlib.sha256(encoded).hexdigest()[:12]


def read(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Written:
    """The file as it stands; raises `ConfigError` where it is not there or no TOML."""
    env = os.environ if environ is None else environ
    chosen = path or Path(env.get("GATEWAY_CONFIG", "gateway.toml"))
    try:
        tree = tomllib.loads(chosen.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError((f"{chosen}: không đọc được tệp cấu hình ({error.strerror})",)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError((f"{chosen}: không phải TOML hợp lệ ({error})",)) from error
    _override(tree, env)
    return Written(chosen, tree, env.get("GATEWAY_CRASH_AT", ""))


_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
"""One step of a dotted place: a key, or a position in a list."""


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read the settings; raises `ConfigError` that names every wrong key."""
    written = read(path, environ)
    return written.loaded(check(written.tree))


def check(tree: dict[str, Any]) -> Settings:
    """The settings in a parsed tree; raises `ConfigError` that names every wrong key."""
    settings, faults = judged(tree)
    if faults or settings is None:
        raise ConfigError(faults)
    return settings


def judged(tree: dict[str, Any]) -> tuple[Settings | None, tuple[str, ...]]:
    """The settings in a parsed tree as far as they have the right types, and every fault; no value of it is repeated."""
    settings, told = typed(tree, Settings)
    places = {fault.partition(":")[0] for fault in told}
    faults = [*told, *(fault for fault in plain_secrets(tree) if fault.partition(":")[0] not in places)]
    meant = settings if settings is not None else _meant(tree, told)
    if meant is not None:
        faults.extend(_semantic_faults(meant))
    return settings, tuple(faults)


def _meant(tree: dict[str, Any], told: Sequence[str]) -> Settings | None:
    """The settings but for keys that nobody knows and secrets that stand there themselves: the rest is judged nevertheless."""
    mended = copy.deepcopy(tree)
    for fault in told:
        place, _, said = fault.partition(": ")
        *parents, leaf = [int(at) if at else name for at, name in _STEP.findall(place)]
        node: Any = mended
        try:
            for parent in parents:
                node = node[parent]
            if said == PLAIN:
                node[leaf] = SecretRef("env:X")
            elif said.startswith(UNKNOWN):
                del node[leaf]
        except (LookupError, TypeError):
            return None
    return typed(mended, Settings)[0]


def _semantic_faults(settings: Settings) -> list[str]:
    """What types cannot say: references, deadlines, consent."""
    faults = [f"files.{key}: phải lớn hơn 0" for key, value in _positive_of_files(settings.files) if value <= 0]
    faults.extend(_coordination_faults(settings))
    for name, upstream in settings.upstreams.items():
        if upstream.lease() * 0.7 < upstream.timeout_s:
            faults.append(
                f"upstreams.{name}.lease_s: phải lớn hơn timeout_s / 0.7 (hiện là {upstream.timeout_s / 0.7:.0f} giây)"
            )
        faults.extend(f"upstreams.{name}.{key}: phải lớn hơn 0" for key, value in _positive(upstream) if value <= 0)
        if upstream.reconcile.share > 1:
            faults.append(f"upstreams.{name}.reconcile.share: phải từ trên 0 tới 1")
        if re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", upstream.reconcile.daily_at) is None:
            faults.append(f"upstreams.{name}.reconcile.daily_at: phải là giờ:phút, ví dụ 02:30 (giờ Việt Nam)")
    edge = settings.listen.edge
    if edge is not None:
        figures = ("max_body_bytes", "body_timeout_s", "reply_timeout_s", "concurrency")
        faults.extend(f"listen.edge.{key}: phải lớn hơn 0" for key in figures if getattr(edge, key) <= 0)
        if edge.port and edge.port == settings.listen.internal.port and edge.host == settings.listen.internal.host:
            faults.append("listen.edge: phải nghe ở địa chỉ khác listen.internal")
    for index, rule in enumerate(settings.routes):
        faults.extend(
            f"routes[{index}].to: không có upstream tên {to!r}" for to in rule.to if to not in settings.upstreams
        )
    for name, value in (
        ("proposal_hours", settings.operators.proposal_hours),
        ("max_skew_s", settings.operators.max_skew_s),
    ):
        if value <= 0:
            faults.append(f"operators.{name}: phải lớn hơn 0")
    for name, caller in settings.callers.items():
        faults.extend(_caller_faults(f"callers.{name}", caller))
    for setting, listen in (("internal", settings.listen.internal), ("edge", settings.listen.edge)):
        tls = listen.tls if listen is not None else None
        if tls is not None and tls.require_client_certificate and not tls.client_ca_file:
            faults.append(f"listen.{setting}.tls.client_ca_file: cần có khi require_client_certificate = true")
    if settings.storage.postgres is not None and settings.storage.postgres.keep_months < LEAST_MONTHS:
        faults.append(f"storage.postgres.keep_months: ít nhất {LEAST_MONTHS}")
    faults.extend(signing_faults(settings))
    faults.extend(identity_faults(settings))
    if settings.listen.edge is not None and settings.listen.edge.trusted_proxies:
        faults.append("listen.edge.trusted_proxies: chỉ dùng cho listen.internal; cổng ngoài không nhận Client-Cert")
    faults += [
        f"listen.edge.forwarded_by: {proxy!r} phải là địa chỉ IP hoặc dải mạng"
        for proxy in (settings.listen.edge.forwarded_by if settings.listen.edge is not None else ())
        if not is_network(proxy)
    ]
    return faults


def _coordination_faults(settings: Settings) -> Iterator[str]:
    """What nodes share is for nodes that share a store: a single one has nobody to share with."""
    wanted = settings.coordination
    for key, value in (("connect_s", wanted.connect_s), ("answer_s", wanted.answer_s)):
        if value <= 0:
            yield f"coordination.{key}: phải lớn hơn 0"
    if re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", wanted.prefix) is None:
        yield "coordination.prefix: từ 1 đến 64 ký tự A-Z a-z 0-9 _ . : -"
    if wanted.redis and settings.storage.postgres is None:
        yield "coordination.redis: chỉ dùng cùng [storage.postgres]; một nút với SQLite không chia sẻ với ai"


def _caller_faults(where: str, caller: CallerRecord) -> Iterator[str]:
    """A caller declares a whole consent, or (a sector system that is registered by command) nothing of one."""
    stated = bool(caller.consent_no or caller.consent_date or caller.keys or caller.certificates)
    if caller.role == "sector" and stated and not (caller.consent_no and caller.consent_date):
        yield f"{where}: hệ thống chuyên ngành cần consent_no và consent_date (QĐ 3036 Điều 5.7)"
    if (stated or caller.role != "sector") and not caller.keys and caller.authentication != "certificate":
        yield f"{where}.keys: cần ít nhất một khóa công khai"
    if caller.authentication != "signature" and not caller.certificates:
        yield f"{where}.certificates: cần ít nhất một chứng thư khi authentication = {caller.authentication!r}"
    for host in caller.pull_hosts:
        if not is_host(host):
            yield f"{where}.pull_hosts: {host!r} phải là tên máy (chữ thường, không phải địa chỉ IP), có thể kèm :cổng"
    for pin in caller.certificates:
        if re.fullmatch(r"(?:certificate|spki):[0-9a-f]{64}", pin) is None:
            yield f"{where}.certificates: {pin!r} phải viết certificate:HEX hoặc spki:HEX (SHA-256, 64 chữ số hex thường)"


def _positive(upstream: Upstream) -> tuple[tuple[str, float], ...]:
    """The figures of an upstream that mean nothing unless they are above zero."""
    return (
        ("concurrency", upstream.concurrency),
        ("rate_per_s", upstream.rate_per_s),
        ("burst", upstream.burst),
        ("timeout_s", upstream.timeout_s),
        ("enquiry_s", upstream.enquiry_s),
        ("max_unsettled", upstream.max_unsettled),
        ("breaker.failures", upstream.breaker.failures),
        ("breaker.open_s", upstream.breaker.open_s),
        ("retry.base_s", upstream.retry.base_s),
        ("retry.factor", upstream.retry.factor),
        ("retry.cap_s", upstream.retry.cap_s),
        ("retry.window_s", upstream.retry.window_s),
        ("reconcile.days", upstream.reconcile.days),
        ("reconcile.share", upstream.reconcile.share),
    )


def _positive_of_files(files: Files) -> tuple[tuple[str, float], ...]:
    """The figures of the files that mean nothing unless they are above zero."""
    return (
        ("max_bytes", files.max_bytes),
        ("max_per_dossier", files.max_per_dossier),
        ("stall_s", files.stall_s),
        ("min_bytes_per_s", files.min_bytes_per_s),
        ("concurrency", files.concurrency),
        ("per_system", files.per_system),
        ("pull_timeout_s", files.pull_timeout_s),
    )


def _override(tree: dict[str, Any], env: Mapping[str, str]) -> None:
    """Apply GATEWAY__SECTION__KEY variables to the tree."""
    for name, text in env.items():
        if not name.startswith("GATEWAY__"):
            continue
        *parents, leaf = [part.lower() for part in name.removeprefix("GATEWAY__").split("__")]
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise ConfigError((f"{name}: mục {parent!r} của cấu hình không chứa khóa con",))
        try:
            node[leaf] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            node[leaf] = text


def supervision(environ: Mapping[str, str] | None = None) -> tuple[str, float]:
    """Where the service manager listens (`NOTIFY_SOCKET`, empty: nowhere), and after how many seconds of silence it ends us.

    0: it does not look (sd_watchdog_enabled(3)).
    """
    env = os.environ if environ is None else environ
    silence = env.get("WATCHDOG_USEC", "")
    mine = env.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return env.get("NOTIFY_SOCKET", ""), int(silence) / 1_000_000 if mine and silence.isdecimal() else 0.0


def ordered_by(environ: Mapping[str, str] | None = None) -> str:
    """Who gave the command that runs as the user of the service (`GATEWAY_ORDERED_BY`); empty: nobody said."""
    return (os.environ if environ is None else environ).get("GATEWAY_ORDERED_BY", "").strip()


def secret(reference: str, base: Path, environ: Mapping[str, str] | None = None) -> str:
    """The secret behind a reference (`SecretRef`); raises `ConfigError`. Plain text is refused and not repeated."""
    return resolve(reference, base, os.environ if environ is None else environ)


def standing(reference: SecretRef, base: Path, environ: Mapping[str, str] | None = None) -> Standing:
    """How a reference stands: whether there is something behind it, and who may read it."""
    return examine(reference, base, os.environ if environ is None else environ)
