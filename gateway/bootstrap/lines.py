"""The outside systems of the configuration: connectors built and closed, their operations, the routes to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from connectors.kit import registry
from connectors.kit.contract import RESULTS, Coordination, Kit
from connectors.kit.errors import CredentialsRefused, DeliveryError, SettingsError
from connectors.kit.manifest import Manifest, ManifestError
from connectors.kit.secrets import SecretRef
from gateway.bootstrap.guests import Outside, signer_faults
from gateway.clock import Clock
from gateway.config import Loaded, secret
from gateway.dispatch.upstreams import OperationTraits, UpstreamLine
from gateway.errors import ConfigError
from gateway.intake.inputs import Shelf
from gateway.routes import EventOperation, Route, Routes
from gateway.signatures.pens import Pen


def _nobody(_upstream: str) -> None:
    """A command that asks once counts nothing."""


async def open_lines(
    loaded: Loaded,
    clock: Clock,
    coordination: Coordination,
    house: AsyncExitStack,
    again: Callable[[str], None] = _nobody,
) -> Outside:
    """Every upstream with its connector; all faults of all settings at once. `again` is told whom a call goes to once more."""
    outside = Outside()
    faults: list[str] = []
    manifests = registry.discover()
    secrets = Secrets(loaded.base)
    for code, settings in loaded.settings.upstreams.items():
        if settings.connector not in manifests:
            faults.append(f"upstreams.{code}.connector: không có đầu nối tên {settings.connector!r}")
            continue
        operations = manifests[settings.connector].operations.values()
        if settings.supersede and not any(operation.supersedes for operation in operations):
            faults.append(
                f"upstreams.{code}.supersede: đầu nối này không khai thao tác nào mà bản mới thay được bản cũ"
            )
        declared = manifests[settings.connector].declared.ledgers
        shelf = Shelf(code, frozenset(kind for kind, spec in declared.items() if not spec.sealed))
        pen = Pen(code)
        kit = Kit(code, clock.now, clock.instant, coordination, secrets, shelf, pen, partial(again, code))
        try:
            connector = registry.create(settings.connector, _anchored(settings.settings, loaded), kit)
        except SettingsError as error:
            faults.extend(f"upstreams.{code}.settings.{fault}" for fault in error.faults)
            continue
        except ConfigError as error:
            faults.extend(f"upstreams.{code}.settings: {fault}" for fault in error.faults)
            continue
        except DeliveryError as error:  # an address that must not be used, such as plain HTTP to nobody's own machine
            faults.append(f"upstreams.{code}.settings: {error.message_vi}")
            continue
        house.push_async_callback(connector.close)
        traits = {
            name: OperationTraits(
                spec.idempotent, spec.enquirable, spec.skippable, spec.batch, task=spec.trigger == "effect"
            )
            for name, spec in manifests[settings.connector].operations.items()
        }
        outside.lines[code] = UpstreamLine(code, settings, connector, traits)
        outside.manifests[code] = manifests[settings.connector]
        outside.shelves[code] = shelf
        outside.pens[code] = pen
    faults.extend(signer_faults(outside, loaded))
    if faults:
        raise ConfigError(tuple(faults))
    secrets.started = True
    return outside


class Secrets:
    """Secrets by reference. While the gateway starts, a missing one is a fault of the configuration, with its name.

    One that is gone later (a file that is being replaced) is trouble of its connection: the upstream is paused with an
    alarm, nothing is in doubt, and nothing else stops.
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        self.started = False

    def __call__(self, reference: SecretRef) -> str:
        """The secret; raises `ConfigError` at the start, `CredentialsRefused` afterwards."""
        try:
            return secret(reference, self._base)
        except ConfigError as error:
            if not self.started:
                raise
            raise CredentialsRefused(f"Không đọc được bí mật của kết nối: {error}") from error


_FILE = "_file"


def _anchored(settings: Mapping[str, Any], loaded: Loaded) -> dict[str, Any]:
    """A connector's settings with the paths of files resolved: they are relative to the configuration, like all others."""
    return {key: _resolved(key, value, loaded) for key, value in settings.items()}


def _resolved(key: str, value: Any, loaded: Loaded) -> Any:
    if isinstance(value, Mapping):
        return _anchored(value, loaded)
    if isinstance(value, list):
        return [_resolved(key, one, loaded) for one in value]
    return str(loaded.path(value)) if key.endswith(_FILE) and isinstance(value, str) and value else value


def certificates_of(settings: Mapping[str, Any]) -> Iterator[str]:
    """Every file of certificates that a connector's settings name, however deep, as it stands there."""
    for key, value in settings.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, Mapping):
                yield from certificates_of(one)
            elif key.endswith(("ca_file", "cert_file")) and isinstance(one, str) and one:
                yield one


def read_routes(loaded: Loaded) -> Routes:
    """The routes of the configuration, with the operations that each manifest names for events, in lane order."""
    try:
        manifests = registry.discover()
    except ManifestError as error:
        raise ConfigError(tuple(error.faults)) from error
    by_role: dict[str, tuple[Route, ...]] = {}
    for rule in loaded.settings.routes:
        for code in rule.to:
            manifest = manifests[loaded.settings.upstreams[code].connector]
            triggered = sorted(
                ((spec.order, name, spec) for name, spec in manifest.operations.items() if spec.trigger == "event"),
                key=lambda entry: entry[:2],
            )
            on = loaded.settings.upstreams[code].supersede
            operations = tuple(
                EventOperation(name, spec.when_late, cumulative=on and bool(spec.supersedes))
                for _, name, spec in triggered
            )
            by_role[rule.role] = (*by_role.get(rule.role, ()), Route(code, operations))
    return Routes(by_role, _takers(loaded, manifests) if loaded.settings.results is not None else None)


def _takers(loaded: Loaded, manifests: Mapping[str, Manifest]) -> dict[str, str]:
    """The outside systems that take judged results, each with its operation."""
    return {
        code: RESULTS
        for rule in loaded.settings.routes
        if rule.role == "resolution"
        for code in rule.to
        if any(spec.name == RESULTS for spec in manifests[loaded.settings.upstreams[code].connector].for_effects())
    }
