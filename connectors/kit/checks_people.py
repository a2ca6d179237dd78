"""The conformance checks of what is asked about people: questions answered at once, and sign-ons (architecture 8).

Both are audited and not journalled, so nobody follows them up: each fault must end at once in the family that says what may be
concluded, and nothing of the person may stand in what was said about it.
"""

from __future__ import annotations

import time
from dataclasses import replace

from connectors.kit.contract import Answer, Lookup
from connectors.kit.errors import DeliveryError
from connectors.kit.faults import FAMILIES, FaultKind, FaultPlan, ScriptedFault
from connectors.kit.ground import RECEIPT, Ears, Faults, Ground, Subject, fresh_budget, ground, signed_on
from connectors.kit.manifest import OperationSpec
from connectors.kit.signing_on import SignOn

_WAITING = frozenset({FaultKind.OUTAGE, FaultKind.SLOW})
_SHORT_S, _LONG_S, _SLACK_S = 0.4, 3.0, 1.5


async def questions_meet_faults_in_their_family(subject: Subject, ears: Ears) -> Faults:
    """A question that meets a fault ends in time in the family of the fault, and the same one succeeds afterwards."""
    faults: Faults = []
    for place, operation in enumerate(_personal(subject)):
        async with ground(subject, ears) as here:
            for kind, usual in FAMILIES.items():
                expected = here.case.expected.get(kind, usual)
                # What takes real time is played once: it meets the connection, whatever is asked over it.
                if expected and (kind not in _WAITING or place == 0):
                    faults += await _one_question(here, operation.name, kind, expected)
            faults += await _too_late(here, operation.name)
    return faults


async def sign_ons_meet_faults_in_their_family(subject: Subject, ears: Ears) -> Faults:
    """A sign-on ends in an account; with a fault at the call that spends the code, in the family of the fault, once."""
    faults: Faults = []
    if "SignOn" not in subject.manifest.capabilities:
        return faults
    async with ground(subject, ears) as here:
        assert isinstance(here.connector, SignOn)
        for provider in here.connector.providers():
            if provider not in here.case.sign_ons:
                faults.append(f"{provider}: thiếu lần đăng nhập mẫu trong sign_ons")
                continue
            ended = await signed_on(here, provider)
            faults += [] if ended == RECEIPT else [f"{provider}: đăng nhập kết thúc bằng {ended}"]
            for kind, expected in FAMILIES.items():
                if kind is not FaultKind.OUTAGE:
                    faults += await _one_sign_on(here, provider, kind, expected)
    return faults


async def _one_question(here: Ground, operation: str, kind: FaultKind, expected: tuple[str, ...]) -> Faults:
    if kind is FaultKind.OUTAGE:
        await here.door.shut()
    else:
        here.play(kind, operation, _seconds(kind))
    began = time.monotonic()
    ended = await _asked(here, operation, _SHORT_S if kind is FaultKind.SLOW else 10.0)
    lasted = time.monotonic() - began
    here.calm()
    if kind is FaultKind.OUTAGE:
        await here.door.open()
    where = f"{operation} gặp {kind.value}"
    faults = [] if ended in expected else [f"{where}: kết thúc bằng {ended}, phải là {' hoặc '.join(expected)}"]
    if kind is FaultKind.SLOW and lasted > _SHORT_S + _SLACK_S:
        faults.append(f"{where}: kéo dài {lasted:.1f} giây")
    again = await _asked(here, operation, 10.0)
    return faults if again == RECEIPT else [*faults, f"{where}: hỏi lại sau đó kết thúc bằng {again}"]


async def _too_late(here: Ground, operation: str) -> Faults:
    """Past its instant a question is not sent at all."""
    seen = len(here.simulation.log.calls)
    assert isinstance(here.connector, Lookup)
    late = replace(fresh_budget(), send_before=time.monotonic())
    try:
        await here.connector.ask(replace(here.case.questions[operation], budget=late))
        ended = RECEIPT
    except DeliveryError as error:
        here.ears.error(error)
        ended = error.code
    faults = [] if ended == "not_sent" else [f"{operation} khi đã quá hạn gửi: kết thúc bằng {ended}"]
    sent = len(here.simulation.log.calls) != seen
    return [*faults, f"{operation}: vẫn gọi hệ thống khi đã quá hạn gửi"] if sent else faults


async def _one_sign_on(here: Ground, provider: str, kind: FaultKind, expected: tuple[str, ...]) -> Faults:
    spends = here.case.sign_ons[provider].operations[0]
    here.simulation.plan = FaultPlan(
        script=(ScriptedFault(fault=kind, match=spends, times=0, seconds=_seconds(kind)),),
    )
    seen = sum(call.operation == spends for call in here.simulation.log.calls)
    ended = await signed_on(here, provider, fresh_budget(_SHORT_S) if kind is FaultKind.SLOW else None)
    calls = sum(call.operation == spends for call in here.simulation.log.calls) - seen
    here.calm()
    where = f"{provider}: {spends} gặp {kind.value}"
    faults = [] if ended in expected else [f"{where}: kết thúc bằng {ended}, phải là {' hoặc '.join(expected)}"]
    return [*faults, f"{where}: gọi {calls} lần, phải đúng một lần"] if calls != 1 else faults


async def _asked(here: Ground, operation: str, timeout_s: float) -> str:
    assert isinstance(here.connector, Lookup)
    try:
        answer: Answer = await here.connector.ask(
            replace(here.case.questions[operation], budget=fresh_budget(timeout_s))
        )
    except DeliveryError as error:
        here.ears.error(error)
        return error.code
    here.ears.exchanges.append(answer.exchange)
    here.ears.said.append(repr(answer))
    return RECEIPT


def _personal(subject: Subject) -> tuple[OperationSpec, ...]:
    """The questions of a connector that answers nothing else: those about catalogues are cached, and other checks meet them."""
    operations = tuple(subject.manifest.operations.values())
    if any(operation.trigger != "call" for operation in operations):
        return ()
    return operations


def _seconds(kind: FaultKind) -> float:
    return {FaultKind.SLOW: _LONG_S, FaultKind.BUSY_429: 1.0}.get(kind, 0.0)
