"""The suite every connector passes: `python -m connectors.kit.conformance NAME`, and the same checks under pytest.

Plain async checks without a test framework; each stands on a fresh simulator and a fresh connector, and each also fails
when a secret or a planted name was logged, said in an error, or (secrets) kept as evidence.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence

from connectors.kit import (
    checks,
    checks_back,
    checks_guests,
    checks_ledgers,
    checks_people,
    checks_reading,
    inspect,
    registry,
)
from connectors.kit.ground import Subject, examined, listening, subject, variants
from connectors.kit.inspect import profiles
from connectors.kit.manifest import ManifestError
from connectors.kit.registry import UnknownConnector

CHECKS: Mapping[str, checks.Check] = {
    check.__name__: check
    for check in (
        checks.capabilities_are_there,
        checks.operations_succeed,
        checks.repeats_have_one_effect,
        checks.faults_land_in_their_family,
        checks.a_drop_after_commit_ends_in_one_effect,
        checks.a_cold_start_survives_faults,
        checks.deadlines_hold,
        checks.cancellation_leaks_nothing,
        checks_reading.outcomes_are_reachable,
        checks_reading.examples_round_trip,
        checks_reading.probing_has_no_effect,
        checks.batches_answer_each_delivery,
        checks.unsafe_transport_is_refused,
        checks_guests.endpoints_are_declared,
        checks_guests.tasks_have_one_effect,
        checks_guests.notices_are_judged_first,
        checks_guests.pollers_repeat_safely,
        checks_ledgers.ledgers_are_pure,
        checks_back.reading_back_never_guesses,
        checks_people.questions_meet_faults_in_their_family,
        checks_people.sign_ons_meet_faults_in_their_family,
    )
}

EX_OK, EX_FAULTS, EX_USAGE = 0, 1, 64


async def run_check(chosen: Subject, name: str) -> tuple[str, ...]:
    """What does not hold of check `name`, leaks included; empty when all is well."""
    with listening() as ears:
        faults = await CHECKS[name](chosen, ears)
    leaks = ears.leaks(chosen.case("http://127.0.0.1:9"))
    return (*faults, *leaks)


def main(arguments: Sequence[str]) -> int:
    """Inspect and examine one connector; a plain report on standard output; 1 when anything does not hold."""
    if len(arguments) != 1:
        _say("usage: python -m connectors.kit.conformance NAME")
        return EX_USAGE
    name = arguments[0]
    findings = inspect.inspect_all(name)
    for finding in findings:
        _say(f"LỖI  {finding.path}: {finding.message_vi}")
    try:
        chosen = [subject(name, variant) for variant in variants(name)]
    except (ManifestError, UnknownConnector, ModuleNotFoundError) as error:
        _say(f"LỖI  {error}")
        return EX_FAULTS
    bad = bool(findings)
    for profile in unexamined(name):
        bad = True
        _say(f"LỖI  profiles/{profile}: không có bộ kiểm thử nào (conformance.py) trả lời cho hồ sơ này")
    for one in chosen:
        bad = _examine(one) or bad
    _say("KHÔNG ĐẠT" if bad else "ĐẠT")
    return EX_FAULTS if bad else EX_OK


def unexamined(name: str) -> tuple[str, ...]:
    """The profiles of connector `name` that none of its cases answers for."""
    covered = {folder for variant in variants(name) for folder in examined(subject(name, variant))}
    return tuple(folder.name for folder in profiles(registry.folders()[name][1]) if folder not in covered)


def _examine(chosen: Subject) -> bool:
    """Run every check on one case and say what came of it; whether anything did not hold."""
    bad = False
    for check in CHECKS:
        faults = asyncio.run(run_check(chosen, check))
        bad = bad or bool(faults)
        _say(f"{'LỖI ' if faults else 'đạt '} {check}{f' ({chosen.variant})' if chosen.variant else ''}")
        for fault in faults:
            _say(f"       {fault}")
    return bad


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":  # pragma: no cover - a process of its own
    raise SystemExit(main(sys.argv[1:]))
