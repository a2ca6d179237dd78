"""Reconciliation in the running gateway: which upstreams can be read back, who does it, and the operators' desk of it."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.kit.contract import ReadsBack
from gateway.admin.reconciling import ReadLine, ReconcileDesk, Reconciler
from gateway.admin.repairs import RepairDesk, Seeing
from gateway.bootstrap.guests import Outside
from gateway.errors import ConfigError


def readable(outside: Outside) -> Mapping[str, ReadLine]:
    """Every upstream that is switched on and can be read back; raises `ConfigError` for one that claims it and cannot."""
    found: dict[str, ReadLine] = {}
    faults: list[str] = []
    for code, line in outside.lines.items():
        spec = outside.manifests[code].declared.read_back
        able = line.connector
        if isinstance(able, ReadsBack) != bool(spec is not None and spec.sees):
            faults.append(f"upstreams.{code}: đầu nối khai báo và cung cấp khác nhau về đối chiếu (read_back)")
        if isinstance(able, ReadsBack) and line.settings.enabled:
            found[code] = ReadLine(code, line.settings, able)
    if faults:
        raise ConfigError(tuple(faults))
    return found


def repair_desk(outside: Outside, reconciler: Reconciler, desk: ReconcileDesk) -> RepairDesk:
    """What operators see of it: every upstream, also those that show nothing, with the reason why."""
    seeing = {
        code: Seeing(outside.manifests[code].title_vi, outside.manifests[code].declared.read_back)
        for code in outside.enabled()
    }
    return RepairDesk(reconciler, seeing, desk.journal, desk.clock)
