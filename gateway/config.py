"""Typed settings: a TOML file, overridden by the environment. Unknown keys are errors; all of them are named at once.

The environment is read here and nowhere else:
  GATEWAY_CONFIG                     path of the TOML file
  GATEWAY__SECTION__KEY=value        overrides one key (value as TOML, or a plain string)
  GATEWAY_CRASH_AT=point[:n]         tests only: the process kills itself at the n-th passing of a named point
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

import msgspec

from gateway.errors import ConfigError


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all settings: frozen, strict."""


class Listen(Struct, frozen=True):
    """Where a listener binds; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 8080


class Listeners(Struct, frozen=True):
    """The listeners; `admin_socket` is a Unix socket of mode 0600, relative to the data directory."""

    internal: Listen = Listen()
    admin_socket: str = "admin.sock"


class Storage(Struct, frozen=True):
    """The embedded store. `key_file` holds the key-encryption key (32 bytes, base64), mode 0600.

    Payloads above `inline_bytes` go to content-addressed files. `queue_limit` bounds what waits for the writer:
    beyond it the answer is 503. `synchronous` exists for the negative controls of tests and stays FULL in production.
    """

    data_dir: str = "data"
    key_file: str = "keys/kek"
    inline_bytes: int = 65_536
    queue_limit: int = 4_096
    synchronous: Literal["FULL", "NORMAL"] = "FULL"


class Intake(Struct, frozen=True):
    """Limits and policies of the way in (dossier-model 4 and 8). `body_timeout_s`: a body must be whole by then.

    `parked_limit`: how many events of one system may wait on one dossier; beyond it the answer is 429, because each
    accept on that dossier reads them all.
    """

    max_body_bytes: int = 1_048_576
    body_timeout_s: float = 30.0
    max_depth: int = 32
    max_skew_s: int = 300
    unknown_dossier: Literal["refuse", "park"] = "refuse"
    parked_limit: int = 200
    gap_alarm_s: int = 600
    logical_path_prefix: str = ""
    transitions: Literal["strict", "lenient"] = "strict"
    dossier_code_patterns: tuple[str, ...] = (
        r"^(?P<unit>(?:\d{3}\.\d{2}\.\d{2}\.)?[A-Y]\d{2}(?:\.[0-9A-Z]+)*)-(?P<date>\d{6}|\d{8})-(?P<seq>\d{4,7})$",
    )


class CallerKey(Struct, frozen=True):
    """A public key of a caller, by its `keyid`. `file` is a PEM file, relative to the configuration file."""

    algorithm: Literal["rsa-pss-sha512", "ecdsa-p256-sha256", "ed25519"]
    file: str


class CallerRecord(Struct, frozen=True):
    """A registered calling system: its keys and what its owner consented to (QĐ 3036 Điều 5.7).

    `procedures` and `states` may be ("*",). `outside` says when its events go on to the outside: after the resolution
    system pushed its own event back (`on_push_back`), or as soon as the resolution system acknowledged (`on_ack`).
    """

    role: Literal["resolution", "sector"]
    keys: Mapping[str, CallerKey]
    procedures: tuple[str, ...] = ("*",)
    states: tuple[str, ...] = ("*",)
    consent_no: str = ""
    consent_date: date | None = None
    valid_to: date | None = None
    outside: Literal["on_push_back", "on_ack"] = "on_push_back"


class Retry(Struct, frozen=True):
    """The persisted schedule of waiting: full jitter over base·factor^n, capped, for a window of days."""

    base_s: float = 5.0
    factor: float = 2.0
    cap_s: float = 3_600.0
    window_s: float = 14 * 86_400.0
    retry_after_cap_s: float = 3_600.0


class Breaker(Struct, frozen=True):
    """After `failures` upstream-level failures in a row nothing is sent for `open_s` seconds; then one probe goes through."""

    failures: int = 5
    open_s: float = 30.0


class Upstream(Struct, frozen=True):
    """One outside system and how hard it may be pressed. `settings` belongs to the connector and is checked by it.

    `lease_s` must exceed `timeout_s` / 0.7; None derives it. `max_unsettled` holds a message whose attempts kept dying
    with the process (poison).
    """

    connector: str
    enabled: bool = True
    concurrency: int = 4
    rate_per_s: float = 1.0
    burst: int = 10
    timeout_s: float = 60.0
    lease_s: float | None = None
    max_unsettled: int = 5
    enquiry_s: float = 15.0
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    settings: dict[str, Any] = {}

    def lease(self) -> float:
        """The lease in seconds: long enough that no call outlives it."""
        return self.lease_s if self.lease_s is not None else self.timeout_s / 0.7 + 5.0


class RouteRule(Struct, frozen=True):
    """Events of callers with `role` go to the upstreams `to`, in the operations that each manifest names for events."""

    role: Literal["resolution", "sector"]
    to: tuple[str, ...]


class Observe(Struct, frozen=True):
    """Logs as JSON lines on standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class Settings(Struct, frozen=True):
    """Everything. Paths are relative to the directory of the file."""

    node: str = "gateway-1"
    listen: Listeners = Listeners()
    storage: Storage = Storage()
    intake: Intake = Intake()
    callers: dict[str, CallerRecord] = {}
    upstreams: dict[str, Upstream] = {}
    routes: tuple[RouteRule, ...] = ()
    observe: Observe = Observe()


class Loaded(Struct, frozen=True):
    """Settings with the directory they are relative to. `generation` is a short digest of all keys, shown in `/healthz`."""

    settings: Settings
    base: Path
    crash_at: str = ""
    generation: str = ""

    def path(self, relative: str) -> Path:
        """A path of the settings, resolved."""
        return (self.base / relative).resolve()

    def data_dir(self) -> Path:
        """Where the store, the lock and the admin socket live."""
        return self.path(self.settings.storage.data_dir)


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read the settings; raises `ConfigError` that names every wrong key."""
    env = os.environ if environ is None else environ
    chosen = path or Path(env.get("GATEWAY_CONFIG", "gateway.toml"))
    try:
        tree = tomllib.loads(chosen.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError((f"{chosen}: không đọc được tệp cấu hình ({error.strerror})",)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError((f"{chosen}: không phải TOML hợp lệ ({error})",)) from error
    _override(tree, env)
    settings = check(tree)
    generation = hashlib.sha256(msgspec.json.encode(settings, order="sorted")).hexdigest()[:12]
    crash_at = env.get("GATEWAY_CRASH_AT", "")
    return Loaded(settings=settings, base=chosen.parent.resolve(), crash_at=crash_at, generation=generation)


def check(tree: dict[str, Any]) -> Settings:
    """The settings in a parsed tree; raises `ConfigError` that names every wrong key."""
    faults = list(_unknown_keys(tree, Settings, ""))
    settings: Settings | None = None
    try:
        settings = msgspec.convert(tree, Settings)
    except msgspec.ValidationError as error:
        if not faults or "unknown field" not in str(error):
            faults.append(str(error))
    if settings is not None:
        faults.extend(_semantic_faults(settings))
    if faults or settings is None:
        raise ConfigError(tuple(faults))
    return settings


def _semantic_faults(settings: Settings) -> list[str]:
    """What types cannot say: references, deadlines, consent."""
    faults = []
    for name, upstream in settings.upstreams.items():
        if upstream.lease() * 0.7 < upstream.timeout_s:
            faults.append(
                f"upstreams.{name}.lease_s: phải lớn hơn timeout_s / 0.7 (hiện là {upstream.timeout_s / 0.7:.0f} giây)"
            )
        faults.extend(f"upstreams.{name}.{key}: phải lớn hơn 0" for key, value in _positive(upstream) if value <= 0)
    for index, rule in enumerate(settings.routes):
        faults.extend(
            f"routes[{index}].to: không có upstream tên {to!r}" for to in rule.to if to not in settings.upstreams
        )
    for name, caller in settings.callers.items():
        if caller.role == "sector" and not (caller.consent_no and caller.consent_date):
            faults.append(f"callers.{name}: hệ thống chuyên ngành cần consent_no và consent_date (QĐ 3036 Điều 5.7)")
        if not caller.keys:
            faults.append(f"callers.{name}.keys: cần ít nhất một khóa công khai")
    return faults


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
    )


def _unknown_keys(tree: object, kind: object, where: str) -> list[str]:
    """Every key of `tree` that `kind` does not know, as dotted paths."""
    if not isinstance(tree, dict):
        return []
    origin = getattr(kind, "__origin__", None)
    if origin is not None:
        arguments: tuple[object, ...] = getattr(kind, "__args__", ())
        if len(arguments) == 2 and arguments[0] is str:
            return [
                fault for key, value in tree.items() for fault in _unknown_keys(value, arguments[1], f"{where}{key}.")
            ]
        return []
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return []
    known = {field.name: field.type for field in msgspec.structs.fields(kind)}
    faults = []
    for key, value in tree.items():
        if key not in known:
            faults.append(f"{where}{key}: khóa cấu hình không tồn tại (các khóa hợp lệ: {', '.join(sorted(known))})")
        else:
            faults.extend(_unknown_keys(value, known[key], f"{where}{key}."))
    return faults


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


def secret(reference: str, base: Path, environ: Mapping[str, str] | None = None) -> str:
    """The secret behind a reference: `env:NAME` or `file:PATH` (relative to the configuration). Plain text is refused."""
    env = os.environ if environ is None else environ
    scheme, _, rest = reference.partition(":")
    if scheme == "env" and rest in env:
        return env[rest]
    if scheme == "file":
        try:
            return (base / rest).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError((f"{reference}: không đọc được tệp bí mật ({error.strerror})",)) from error
    if scheme == "env" and rest:
        raise ConfigError((f"{reference}: không có biến môi trường này",))
    # What stands there may be the secret itself, so not a letter of it is repeated.
    raise ConfigError(("bí mật phải viết là env:TÊN hoặc file:ĐƯỜNG_DẪN, không viết thẳng giá trị",))
