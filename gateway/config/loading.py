"""Reading the settings: a TOML file, overridden by the environment. Unknown keys are errors; all of them are named at once.

The environment is read here and nowhere else:
  GATEWAY_CONFIG                     path of the TOML file
  GATEWAY__SECTION__KEY=value        overrides one key (value as TOML, or a plain string)
  GATEWAY_CRASH_AT=point[:n]         tests only: the process kills itself at the n-th passing of a named point
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec

from connectors.kit.fetching import is_host
from gateway.config.identity_faults import identity_faults, is_network
from gateway.config.model import CallerRecord, Files, Loaded, Settings, Upstream
from gateway.config.signing_faults import signing_faults
from gateway.errors import ConfigError


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
    faults = [f"files.{key}: phải lớn hơn 0" for key, value in _positive_of_files(settings.files) if value <= 0]
    for name, upstream in settings.upstreams.items():
        if upstream.lease() * 0.7 < upstream.timeout_s:
            faults.append(
                f"upstreams.{name}.lease_s: phải lớn hơn timeout_s / 0.7 (hiện là {upstream.timeout_s / 0.7:.0f} giây)"
            )
        faults.extend(f"upstreams.{name}.{key}: phải lớn hơn 0" for key, value in _positive(upstream) if value <= 0)
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


def _unknown_keys(tree: object, kind: object, where: str) -> list[str]:
    """Every key of `tree` that `kind` does not know, as dotted paths."""
    if not isinstance(tree, dict):
        return []
    kind = _struct_of(kind)
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


def _struct_of(kind: object) -> object:
    """The struct of a setting that may be left out (`Struct | None`); anything else as it is."""
    if isinstance(kind, types.UnionType):
        structs = [m for m in get_args(kind) if isinstance(m, type) and issubclass(m, msgspec.Struct)]
        return structs[0] if len(structs) == 1 else kind
    return kind


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
