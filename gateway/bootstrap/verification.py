"""Checking results as the configuration wants it: trust, policy and signer table read and refused at the start, then used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from gateway.config import Loaded, Results
from gateway.errors import ConfigError
from gateway.intake.result_watch import ResultRules
from gateway.observe.working_time import WorkingTime, read_spans
from gateway.routes import Routes
from gateway.signatures.examining import Rules
from mappings.lint import lint_table
from mappings.signers import SignerTables, load_signers
from mappings.tables import TableUnreadable
from signing.errors import SigningError
from signing.policy import DEFAULT_POLICY
from signing.policy_file import read_policy
from signing.trust import TrustStore
from signing.trust_folder import read_trust


def rules_of(loaded: Loaded, settings: Results) -> Rules:
    """What is trusted and demanded; raises `ConfigError` for a trust folder or a policy that cannot be used."""
    faults = []
    trust, policy = TrustStore(), DEFAULT_POLICY
    try:
        trust = read_trust(loaded.path(settings.trust_dir))
        if not trust.anchors:
            faults.append(
                f"results.trust_dir: {settings.trust_dir} không có chứng thư gốc nào; không kết quả nào đạt được"
            )
    except SigningError as error:
        faults.append(f"results.trust_dir: {error.message_vi}")
    try:
        policy = read_policy(loaded.path(settings.policy_file)) if settings.policy_file else policy
    except SigningError as error:
        faults.append(f"results.policy_file: {error.message_vi}")
    if faults:
        raise ConfigError(tuple(faults))
    return Rules(trust, policy)


def result_rules(loaded: Loaded, settings: Results, routes: Routes) -> ResultRules:
    """What the ministry decided; raises `ConfigError` with everything that cannot be meant."""
    faults = list(_faults(settings))
    signers, spans = load_signers(), read_spans(("00:00-23:59",))
    try:
        signers = _signers(loaded, settings)
    except (OSError, TableUnreadable, ValueError) as error:
        faults.append(f"results.signers_file: {error}")
    try:
        spans = read_spans(settings.working.spans)
    except ValueError:
        faults.append("results.working.spans: viết «HH:MM-HH:MM», theo thứ tự và không chồng nhau")
    if faults:
        raise ConfigError(tuple(faults))
    return ResultRules(
        signers=signers,
        upstreams=dict(routes.results or {}),
        working=WorkingTime(frozenset(settings.working.days), spans, frozenset(settings.working.holidays)),
        retry_s=settings.retry_s,
        alarm_after=timedelta(hours=settings.alarm_working_hours),
        max_bytes=settings.max_bytes,
        dossier_paths=settings.dossier_paths,
    )


def _signers(loaded: Loaded, settings: Results) -> SignerTables:
    if not settings.signers_file:
        return load_signers()
    tables = load_signers(loaded.path(settings.signers_file).read_bytes())
    for finding in lint_table(tables.tables[0]):
        raise ValueError(f"dòng {finding.row}: {finding.message_vi}")
    return tables


def _faults(settings: Results) -> Iterator[str]:
    if not settings.retry_s or min(settings.retry_s) <= 0:
        yield "results.retry_s: cần ít nhất một khoảng chờ lớn hơn 0"
    if settings.alarm_working_hours <= 0:
        yield "results.alarm_working_hours: phải lớn hơn 0"
    if not set(settings.working.days) <= set(range(1, 8)) or not settings.working.days:
        yield "results.working.days: các ngày từ 1 (thứ hai) đến 7 (chủ nhật)"
    for name in ("max_bytes", "max_validation_bytes", "look_ups_per_minute"):
        if getattr(settings, name) <= 0:
            yield f"results.{name}: phải lớn hơn 0"
    if settings.public_url and not settings.public_url.startswith("https://"):
        yield "results.public_url: phải bắt đầu bằng https://"
