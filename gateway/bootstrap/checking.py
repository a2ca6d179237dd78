"""A whole configuration judged at once: the house, every connector, what references and paths lead to; nothing is started.

`gateway config check` says what stands here, and a reload refuses what it finds. It runs where the gateway runs: references
are followed, and forgotten again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from connectors.kit import registry
from connectors.kit.manifest import Manifest, ManifestError
from gateway.bootstrap.identity import registrations
from gateway.bootstrap.kek import kek_of
from gateway.bootstrap.questions import examined
from gateway.bootstrap.rehearsal import rehearse
from gateway.bootstrap.tls import server_context
from gateway.config import Loaded, judged, read, standing
from gateway.config.references import references, shared
from gateway.errors import ConfigError
from gateway.intake.authenticate import Authenticator
from gateway.intake.foreign import check_profiles
from gateway.intake.validate import Limits

T = TypeVar("T")

_PRIVATE_FILES = ("key_file", "client_key_file")
_INSTEAD = frozenset({"storage.key_file"})
"""What nobody reads where `storage.key` refers to the key itself."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found; `loaded` only when there is no fault."""

    faults: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    loaded: Loaded | None = None


async def checked(path: Path | None) -> Checked:
    """Everything that is wrong with a configuration file, all at once."""
    try:
        written = read(path)
    except ConfigError as error:
        return Checked(error.faults)
    settings, faults = judged(written.tree)
    found = _Found(list(faults))
    parts = _connectors(written.tree, found)
    if settings is not None:
        parts = {"": settings, **parts}
    base = written.path.parent.resolve()
    for where, part in parts.items():
        _followed(part, where, base, found)
    if settings is not None:
        await _built(written.loaded(settings), found)
    own_key = settings is None or bool(settings.storage.key)
    for where, part in parts.items():
        _there(part, where, base, found, _INSTEAD if own_key else frozenset())
    return found.whole(written.loaded(settings) if settings is not None else None)


class _Found:
    """Faults and warnings, each once."""

    def __init__(self, faults: list[str]) -> None:
        self.faults, self.warnings = faults, list[str]()

    def fault(self, *told: str) -> None:
        """Take down what was told and is not there yet."""
        self.faults += [one for one in told if one not in self.faults]

    def whole(self, loaded: Loaded | None) -> Checked:
        """Everything."""
        return Checked(tuple(self.faults), tuple(self.warnings), None if self.faults else loaded)


def _connectors(tree: Mapping[str, Any], found: _Found) -> dict[str, msgspec.Struct]:
    """The settings of every upstream as its connector reads them, by their place; out of the tree, however wrong the rest is."""
    ready: dict[str, msgspec.Struct] = {}
    known = _known(found)
    upstreams = tree.get("upstreams")
    for code, upstream in upstreams.items() if isinstance(upstreams, Mapping) else ():
        name = upstream.get("connector") if isinstance(upstream, Mapping) else None
        settings = upstream.get("settings", {}) if isinstance(upstream, Mapping) else None
        if not isinstance(name, str) or not isinstance(settings, Mapping):
            continue  # the types of the house have said so
        if name not in known:
            found.fault(
                f"upstreams.{code}.connector: không có đầu nối tên {name!r} (có: {', '.join(sorted(known)) or 'không có'})"
            )
            continue
        where = f"upstreams.{code}.settings"
        connected, told = registry.read_settings(name, settings)
        found.fault(*(f"{where}.{fault}" for fault in told if not _told(found.faults, f"{where}.{fault}")))
        if connected is not None:
            ready[where] = connected
    return ready


def _known(found: _Found) -> Mapping[str, Manifest]:
    try:
        return registry.discover()
    except ManifestError as error:
        found.fault(*error.faults)
        return {}


def _told(faults: list[str], fault: str) -> bool:
    """Whether something was said about this very place already: two sentences about one key help nobody."""
    return any(one.partition(":")[0] == fault.partition(":")[0] for one in faults)


def _followed(settings: msgspec.Struct, where: str, base: Path, found: _Found) -> None:
    """References to nothing, and secrets that everybody may read."""
    for place, reference in references(settings, where):
        told = standing(reference, base)
        if told.fault:
            found.fault(f"{place}: {told.fault}")
        if told.warning:
            found.warnings.append(f"{place}: {told.warning}")


def _there(settings: msgspec.Struct, where: str, base: Path, found: _Found, unused: frozenset[str]) -> None:
    """Files that are not there, unless whoever reads them has said so already; private keys that everybody may read."""
    for place, name in _files(settings, where):
        path = base / name
        if place in unused:
            continue
        if not path.is_file():
            if not any(name in fault or fault.startswith(f"{place}:") for fault in found.faults):
                found.fault(f"{place}: không có tệp {path}")
        elif place.rpartition(".")[2] in _PRIVATE_FILES and (told := shared(path, str(path))):
            found.warnings.append(f"{place}: {told}")


def _files(value: object, where: str) -> Iterator[tuple[str, str]]:
    """Every file that settings name, with its place: keys that end in `_file`, and `file` itself."""
    if isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(type(value)):
            one, name = getattr(value, field.name), field.encode_name
            place = f"{where}.{name}" if where else name
            if isinstance(one, str) and one and (name == "file" or name.endswith("_file")):
                yield place, one
            else:
                yield from _files(one, place)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _files(one, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for at, one in enumerate(value):
            yield from _files(one, f"{where}[{at}]")


async def _built(loaded: Loaded, found: _Found) -> None:
    """What only building says: keys that are none, certificates, tables, what a connector itself refuses."""
    steps: tuple[Callable[[], object], ...] = (
        lambda: Limits.of(loaded.settings.intake),
        lambda: check_profiles(loaded.settings.callers),
        lambda: Authenticator.load(loaded),
        lambda: kek_of(loaded),
        lambda: server_context(loaded, loaded.settings.listen.internal, "listen.internal"),
        lambda: loaded.settings.listen.edge and server_context(loaded, loaded.settings.listen.edge, "listen.edge"),
    )
    for step in steps:
        try:
            step()
        except ConfigError as error:
            found.fault(*error.faults)
    if found.faults:
        return  # only what is right so far can be built
    found.warnings += await _ended(rehearse(loaded), found) or ()
    later: tuple[Callable[[Loaded], Awaitable[object]], ...] = (registrations, examined)
    for build in later:
        await _ended(build(loaded), found)


async def _ended(step: Awaitable[T], found: _Found) -> T | None:
    try:
        return await step
    except ConfigError as error:
        found.fault(*error.faults)
        return None
