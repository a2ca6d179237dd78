"""Following references to secrets, and finding every one that a configuration holds; the environment is passed in."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from connectors.kit.secrets import PLAIN, SecretRef
from gateway.errors import ConfigError

CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""The variable by which systemd says where the credentials of a unit are (systemd.exec(5))."""

_OTHERS = stat.S_IRWXO
_GROUP = stat.S_IRWXG


@dataclass(frozen=True, slots=True)
class Standing:
    """How one reference stands: `fault` when there is nothing behind it, `warning` when too many people may read it."""

    fault: str = ""
    warning: str = ""


def resolve(reference: str, base: Path, environ: Mapping[str, str]) -> str:
    """The secret behind a reference, without white space around it; raises `ConfigError`, which never repeats a plain value."""
    try:
        chosen = SecretRef(reference)
    except ValueError:
        raise ConfigError((PLAIN,)) from None
    if not chosen:
        raise ConfigError((PLAIN,))
    if chosen.scheme == "env":
        if chosen.place not in environ:
            raise ConfigError((f"{chosen}: không có biến môi trường này",))
        return environ[chosen.place].strip()
    try:
        return file_of(chosen, base, environ).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError((f"{chosen}: không đọc được tệp bí mật ({error.strerror})",)) from error
    except UnicodeDecodeError:
        raise ConfigError((f"{chosen}: tệp bí mật không phải văn bản UTF-8",)) from None


def file_of(reference: SecretRef, base: Path, environ: Mapping[str, str]) -> Path:
    """The file that a `file:` or `credential:` reference names; raises `ConfigError` outside a unit with credentials."""
    if reference.scheme == "file":
        return base / reference.place
    if not environ.get(CREDENTIALS):
        raise ConfigError(
            (f"{reference}: không có {CREDENTIALS}; chỉ dùng được trong đơn vị systemd có LoadCredential",)
        )
    return Path(environ[CREDENTIALS]) / reference.place


def examine(reference: SecretRef, base: Path, environ: Mapping[str, str]) -> Standing:
    """How a reference stands; the secret is read and forgotten."""
    try:
        told = resolve(reference, base, environ)
    except ConfigError as error:
        return Standing(fault=str(error.faults[0]))
    if not told:
        return Standing(fault=f"{reference}: bí mật rỗng")
    if reference.scheme != "file":
        return Standing()
    return Standing(warning=shared(file_of(reference, base, environ), str(reference)))


def shared(path: Path, name: str) -> str:
    """What is wrong with the permissions of a file with a secret, empty: nothing."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        return f"{name}: mọi người trên máy đều đọc được (quyền {mode:04o}); hãy đặt quyền 0600"
    if mode & _GROUP & ~stat.S_IRGRP:
        return f"{name}: nhóm của tệp ghi được (quyền {mode:04o}); hãy đặt quyền 0600"
    return ""


def references(value: object, where: str = "") -> Iterator[tuple[str, SecretRef]]:
    """Every reference in settings, with its dotted place; empty ones are none."""
    if isinstance(value, SecretRef):
        if value:
            yield where, value
    elif isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(type(value)):
            yield from references(getattr(value, field.name), _under(where, field.encode_name))
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from references(one, _under(where, str(key)))
    elif isinstance(value, list | tuple):
        for at, one in enumerate(value):
            yield from references(one, f"{where}[{at}]")


def _under(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
