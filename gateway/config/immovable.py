"""What a reload cannot change: the ground that the process stands on. Each such key that differs is named."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from gateway.config.model import Settings

GROUND = (
    "node",
    "storage",
    "coordination",
    "files.folder",
    "files.keep_free_bytes",
    "evidence",
    "signing.work_dir",
    "listen.admin_socket",
    "listen.internal.host",
    "listen.internal.port",
    "listen.internal.tls",
    "listen.edge.host",
    "listen.edge.port",
    "listen.edge.tls",
)
"""Keys, and sections with all that is below them. Files of certificates are read again at each handshake in any case."""

RESTART = "cần khởi động lại, nạp lại không đổi được"


def immovable(before: Settings, after: Settings) -> tuple[str, ...]:
    """A sentence for every key of the ground that is another one in `after`."""
    differing = (key for place in GROUND for key in _differing(before, after, place.split("."), ""))
    return tuple(f"{key}: {RESTART}" for key in dict.fromkeys(differing))


def _differing(before: object, after: object, place: list[str], where: str) -> Iterator[str]:
    if before == after:
        return
    whole = isinstance(before, msgspec.Struct) and type(before) is type(after)
    if not whole:  # a value, or a section that is there on one side only
        yield where
    elif place:
        name, *below = place
        yield from _differing(getattr(before, name), getattr(after, name), below, f"{where}.{name}" if where else name)
    else:
        for name in type(before).__struct_fields__:  # type: ignore[attr-defined]  # a struct, as was asked above
            yield from _differing(getattr(before, name), getattr(after, name), [], f"{where}.{name}")
