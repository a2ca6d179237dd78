"""Finds connectors by their manifests and builds them; the gateway never names one (architecture 2, "one door").

Connectors are the folders of the package `connectors` that hold a `manifest.toml`, and packages of other distributions
behind the entry point group `tthc_gateway.connectors` (entry point name = connector name, value = package).
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from aiohttp import web

from connectors.kit.contract import Connector, Kit
from connectors.kit.errors import SettingsError
from connectors.kit.manifest import Manifest, ManifestError, read_manifest
from connectors.kit.settings import typed

ENTRY_POINTS = "tthc_gateway.connectors"
MANIFEST = "manifest.toml"


class UnknownConnector(LookupError):
    """Không có đầu nối với tên này."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"Không có đầu nối tên «{name}» (có: {', '.join(known) or 'không có đầu nối nào'})")


def folders() -> Mapping[str, tuple[str, Path]]:
    """Name of every connector to its package and folder, in order of name; raises `ManifestError` for a name taken twice."""
    found: dict[str, tuple[str, Path]] = {}
    for name, package, folder in (*_own(), *_foreign()):
        if name in found:
            raise ManifestError((f"{folder}: tên đầu nối «{name}» đã được dùng bởi {found[name][1]}",))
        found[name] = (package, folder)
    return dict(sorted(found.items()))


def discover() -> Mapping[str, Manifest]:
    """Every connector with its manifest; raises `ManifestError` with the faults of all manifests."""
    manifests: dict[str, Manifest] = {}
    faults: list[str] = []
    for name, (_, folder) in folders().items():
        try:
            manifests[name] = read_manifest(folder / MANIFEST)
        except ManifestError as error:
            faults.extend(error.faults)
            continue
        if manifests[name].name != name:
            faults.append(f"{folder / MANIFEST}: name: phải là «{name}» như tên thư mục hoặc entry point")
    if faults:
        raise ManifestError(tuple(faults))
    return manifests


def create(name: str, settings: Mapping[str, object], kit: Kit) -> Connector:
    """The connector `name` for one upstream; raises `SettingsError` that names every wrong key, or `UnknownConnector`."""
    module = _module(name, "connector")
    ready, faults = typed(settings, _settings_type(module))
    if ready is None:
        raise SettingsError(name, faults)
    connector = module.create(ready, kit)
    if not isinstance(connector, Connector):
        raise SettingsError(name, ("create() phải trả về một Connector",))
    return connector


def read_settings(name: str, settings: Mapping[str, object]) -> tuple[msgspec.Struct | None, tuple[str, ...]]:
    """`settings` as the connector reads them, or every fault of them; nothing is built and nothing is connected."""
    return typed(settings, settings_type(name))


def settings_type(name: str) -> type[msgspec.Struct]:
    """The type of the settings of connector `name`."""
    return _settings_type(_module(name, "connector"))


def check_settings(name: str, settings: Mapping[str, object]) -> tuple[str, ...]:
    """Every fault of `settings`; nothing is built and nothing is connected."""
    return read_settings(name, settings)[1]


def simulator(name: str) -> Callable[[Mapping[str, object]], web.Application]:
    """`create_app(options)` of the simulator of connector `name`."""
    chosen: Callable[[Mapping[str, object]], web.Application] = _module(name, "simulator").create_app
    return chosen


def conformance_module(name: str) -> ModuleType:
    """The `conformance` module of connector `name`, which holds its `case`."""
    return _module(name, "conformance")


def _module(name: str, part: str) -> ModuleType:
    known = folders()
    if name not in known:
        raise UnknownConnector(name, tuple(known))
    return importlib.import_module(f"{known[name][0]}.{part}")


def _settings_type(module: Any) -> type[msgspec.Struct]:
    kind = module.Settings
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        raise SettingsError(module.__name__, ("Settings phải là msgspec.Struct",))
    return kind


def _own() -> Iterator[tuple[str, str, Path]]:
    """The folders beside the kit."""
    root = Path(__file__).parent.parent
    for manifest in sorted(root.glob(f"*/{MANIFEST}")):
        yield manifest.parent.name, f"connectors.{manifest.parent.name}", manifest.parent


def _foreign() -> Iterator[tuple[str, str, Path]]:
    """Connectors of other distributions; their packages are located, not imported."""
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        spec = importlib.util.find_spec(point.value)
        places = list(spec.submodule_search_locations or ()) if spec is not None else []
        if not places:
            raise ManifestError((f"entry point {point.name}: không tìm thấy gói {point.value}",))
        yield point.name, point.value, Path(places[0])
