"""The conformance checks: what every connector must keep, whatever its upstream (architecture 8).

Each check takes a subject and ears, and gives Vietnamese sentences about what does not hold; none means that it holds.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from connectors.kit import registry
from connectors.kit.contract import (
    BatchDeliverer,
    Deliverer,
    Endpoints,
    Enquirer,
    Ledgers,
    Listener,
    Lookup,
    Polls,
    Probe,
    ReadsBack,
    TaskDeliverer,
    TaskEnquirer,
)
from connectors.kit.errors import CertificateExpired, ContractChanged, DeliveryError, SettingsError
from connectors.kit.faults import FAMILIES, FaultKind
from connectors.kit.ground import RECEIPT, Ears, Ended, Faults, Ground, Prepared, Subject, fresh_budget, ground, kit_of
from connectors.kit.loopback_tls import self_signed
from connectors.kit.signing_on import SignOn

Check = Callable[[Subject, Ears], Awaitable[Faults]]

# An attempt's time in the checks of slowness, how long the upstream takes then, and what a machine under load may add.
_SHORT_S = 0.4
_LONG_S = 3.0
_SLACK_S = 1.5
# A cancelled call's upstream goes on working: long enough to be cancelled in, short enough to wait for.
_WHILE_S = 0.5
_PATIENCE_S = 3.0

PROTOCOLS: Mapping[str, type[object]] = {
    "Deliverer": Deliverer,
    "BatchDeliverer": BatchDeliverer,
    "Enquirer": Enquirer,
    "Lookup": Lookup,
    "Listener": Listener,
    "Poller": Polls,
    "Probe": Probe,
    "Endpoint": Endpoints,
    "Ledger": Ledgers,
    "TaskDeliverer": TaskDeliverer,
    "TaskEnquirer": TaskEnquirer,
    "SignOn": SignOn,
    "ReadsBack": ReadsBack,
}

EXPECTED: Mapping[FaultKind, tuple[str, ...]] = {
    **FAMILIES,
    FaultKind.REFUSE: ("no_answer",),
    FaultKind.DUPLICATE: (RECEIPT,),
    FaultKind.EXPIRED_SESSION: (RECEIPT, "credentials_refused"),
}
"""What each fault must end in at the first attempt of a delivery."""


async def capabilities_are_there(subject: Subject, ears: Ears) -> Faults:
    """The connector can do what its manifest says."""
    async with ground(subject, ears) as here:
        declared = [(name, protocol) for name, protocol in PROTOCOLS.items() if name in subject.manifest.capabilities]
        return [
            f"capabilities có {name} nhưng connector không có phương thức của nó"
            for name, protocol in declared
            if not isinstance(here.connector, protocol)
        ]


async def operations_succeed(subject: Subject, ears: Ears) -> Faults:
    """Each declared operation succeeds, with one effect; each lawful question is answered."""
    faults: Faults = []
    async with ground(subject, ears) as here:
        for operation in _event_operations(subject):
            ready = await here.prepared(operation)
            ended = await here.deliver(ready.delivery)
            faults += [*ready.faults, *_unless(ended, (RECEIPT,), operation)]
            faults += await _effects(here, ready, operation, (1,))
        for operation in _call_operations(subject):
            faults += await _asked(here, operation)
    return faults


async def repeats_have_one_effect(subject: Subject, ears: Ears) -> Faults:
    """The same `delivery_id` delivered twice, with what the first receipt asked to remember, has one effect."""
    faults: Faults = []
    async with ground(subject, ears) as here:
        for operation in _event_operations(subject):
            ready = await here.prepared(operation)
            first = await here.deliver(ready.delivery)
            memory = {**ready.delivery.memory, **(first.receipt.memory if first.receipt else {})}
            second = await here.deliver(replace(ready.delivery, attempt=2, memory=memory, budget=fresh_budget()))
            faults += [*ready.faults, *_unless(second, (RECEIPT,), f"{operation} lần hai")]
            faults += await _effects(here, ready, f"{operation} giao hai lần", (1,))
    return faults


async def faults_land_in_their_family(subject: Subject, ears: Ears) -> Faults:
    """Each fault of the kit ends in the error that says what may be concluded, and the line gets over it."""
    faults: Faults = []
    for operation in _event_operations(subject):
        for kind, usual in EXPECTED.items():
            async with ground(subject, ears) as here:
                expected = here.case.expected.get(kind, usual)
                if expected:
                    faults += await _one_fault(here, operation, kind, expected)
    return faults


async def a_drop_after_commit_ends_in_one_effect(subject: Subject, ears: Ears) -> Faults:
    """By enquiry; or held where nothing can be enquired; or in one counted repeat where configuration allows that."""
    faults: Faults = []
    for operation in _event_operations(subject):
        for kind in (FaultKind.DROP_AFTER_COMMIT, FaultKind.DROP_BEFORE_COMMIT):
            async with ground(subject, ears) as here:
                ready = await here.prepared(operation)
                here.play(kind, operation)
                ended = await here.deliver(ready.delivery)
                here.calm()
                followed = await here.follow(ready.delivery, ended)
                spec = subject.manifest.operations[operation]
                where = f"{operation} sau {kind.value}"
                faults += ready.faults
                if spec.enquirable and not followed.done:
                    faults.append(f"{where}: khai báo enquirable nhưng không tự kết thúc được")
                if followed.counted_repeats > 1:
                    faults.append(f"{where}: lặp lại {followed.counted_repeats} lần khi không rõ kết quả")
                faults += await _effects(
                    here, ready, where, _allowed(kind, followed.done, followed.counted_repeats, spec.idempotent)
                )
    return faults


async def a_cold_start_survives_faults(subject: Subject, ears: Ears) -> Faults:
    """The very first call of a fresh connector meets a fault, a log-in mostly: the line gets over it with one effect."""
    faults: Faults = []
    for operation in _event_operations(subject):
        for kind in (FaultKind.HTTP_502, FaultKind.DROP_AFTER_COMMIT, FaultKind.GARBAGE):
            async with ground(subject, ears) as here:
                number, sample = here.sample(operation)
                memory = await here.predecessors(sample, number, faults)
                delivery = replace(here.delivery(sample, number), memory=memory)
                here.play(kind, "", 0.0)
                followed = await here.follow(delivery, await here.deliver(delivery))
                where = f"{operation}, cuộc gọi đầu tiên gặp {kind.value}"
                count = await here.effects(sample)
                most = 1 + min(followed.counted_repeats, 1)
                if count > most or (followed.done and count < 1):
                    faults.append(f"{where}: {count} hiệu lực")
    return faults


async def deadlines_hold(subject: Subject, ears: Ears) -> Faults:
    """A slow upstream ends within the attempt's time; past `send_before` the upstream sees nothing."""
    faults: Faults = []
    async with ground(subject, ears) as here:
        for operation in _event_operations(subject):
            ready = await here.prepared(operation, timeout_s=_SHORT_S)
            here.play(FaultKind.SLOW, operation, _LONG_S)
            began = time.monotonic()
            ended = await here.deliver(ready.delivery)
            lasted = time.monotonic() - began
            here.calm()
            faults += [*ready.faults, *_unless(ended, ("no_answer",), f"{operation} khi hệ thống nhận chậm")]
            if lasted > _SHORT_S + _SLACK_S:
                faults.append(f"{operation}: kéo dài {lasted:.1f} giây dù thời hạn là {_SHORT_S} giây")
            seen = len(here.simulation.log.calls)
            late = replace(fresh_budget(), send_before=time.monotonic())
            ended = await here.deliver(replace(ready.delivery, budget=late))
            faults += _unless(ended, ("not_sent",), f"{operation} khi đã quá hạn gửi")
            if len(here.simulation.log.calls) != seen:
                faults.append(f"{operation}: vẫn gọi hệ thống nhận khi đã quá hạn gửi")
    return faults


async def cancellation_leaks_nothing(subject: Subject, ears: Ears) -> Faults:
    """A cancelled delivery leaves no connection and no task behind."""
    faults: Faults = []
    for operation in _event_operations(subject):
        async with ground(subject, ears) as here:
            faults += await _cancelled(here, operation)
    return faults


async def batches_answer_each_delivery(subject: Subject, ears: Ears) -> Faults:
    """A batch gives one outcome for each delivery, in order, with one effect each."""
    faults: Faults = []
    for operation in _event_operations(subject):
        size = min(subject.manifest.operations[operation].batch, 3)
        async with ground(subject, ears) as here:
            if size < 2 or not isinstance(here.connector, BatchDeliverer):
                continue
            ready = await here.prepared(operation)
            samples = [here.case.sample(operation, ready.number, step) for step in range(size)]
            deliveries = [here.delivery(sample, ready.number, step) for step, sample in enumerate(samples)]
            deliveries = [replace(delivery, memory=ready.delivery.memory) for delivery in deliveries]
            try:
                outcomes = await here.connector.deliver_batch(deliveries)
            except DeliveryError as error:
                ears.error(error)
                faults.append(f"{operation}: cả lô thất bại ({error.code})")
                continue
            refused = [outcome.code for outcome in outcomes if isinstance(outcome, DeliveryError)]
            if len(outcomes) != size or refused:
                faults.append(f"{operation}: lô {size} trả về {len(outcomes)} kết quả, lỗi: {refused}")
            for sample in samples:
                faults += await _effects(here, replace(ready, sample=sample), f"{operation} theo lô", (1,))
    return faults


async def unsafe_transport_is_refused(subject: Subject, ears: Ears) -> Faults:
    """Plain HTTP to a host that is not listed, and a certificate nobody vouches for, are refused before anything is said."""
    faults: Faults = []
    operations = _event_operations(subject)
    if operations and not await _refuses_plain(subject, ears, operations[0]):
        faults.append("chấp nhận http:// tới máy chủ không có trong allow_plain")
    with tempfile.TemporaryDirectory() as folder:
        tls = self_signed(Path(folder), datetime.now(UTC))
        for operation in operations:
            async with ground(subject, ears, tls) as here:
                number, sample = here.sample(operation)
                ended = await here.deliver(here.delivery(sample, number))
                faults += _unless(ended, (CertificateExpired.code,), f"{operation} qua chứng thư tự ký")
                if here.simulation.log.calls:
                    faults.append(f"{operation}: đã gửi qua kết nối có chứng thư không tin cậy")
    return faults


async def _refuses_plain(subject: Subject, ears: Ears, operation: str) -> bool:
    case = subject.case("http://plain.invalid")
    try:
        connector = registry.create(subject.name, case.settings, kit_of(subject.name, case.secrets))
    except (ContractChanged, SettingsError):
        return True
    async with ground(subject, ears) as here:
        number, sample = here.sample(operation)
        await here.connector.close()
        ended = await replace(here, connector=connector).deliver(here.delivery(sample, number))
        await connector.close()
    return ended.code == ContractChanged.code


async def _cancelled(here: Ground, operation: str) -> Faults:
    ready = await here.prepared(operation)
    faults = list(ready.faults)
    before = asyncio.all_tasks()
    here.play(FaultKind.SLOW, operation, _WHILE_S)
    log = here.simulation.log.calls
    seen = len(log)
    call = asyncio.create_task(here.deliver(ready.delivery))
    if not await _soon(lambda: any(line.fault for line in log[seen:]) or call.done()):
        faults.append(f"{operation}: không gọi tới hệ thống nhận")
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await here.connector.close()
    if not await _soon(lambda: here.door.connections == 0):
        faults.append(f"{operation}: còn kết nối mở sau khi hủy")
    if not await _soon(lambda: asyncio.all_tasks() <= before):
        faults.append(f"{operation}: còn tác vụ chạy sau khi hủy")
    return faults


async def _one_fault(here: Ground, operation: str, kind: FaultKind, expected: tuple[str, ...]) -> Faults:
    timeout_s = _SHORT_S if kind is FaultKind.SLOW else 10.0
    ready = await here.prepared(operation, timeout_s)
    where = f"{operation} gặp {kind.value}"
    if kind is FaultKind.OUTAGE:
        await here.door.shut()
        # The client must have seen its idle connections end: writing to one that is closing is another story.
        await _soon(lambda: here.door.connections == 0)
        await asyncio.sleep(0.02)
    else:
        # A refusal of no time cuts the call and opens the door again at once.
        here.play(kind, operation, {FaultKind.SLOW: _LONG_S, FaultKind.BUSY_429: 1.0}.get(kind, 0.0))
    ended = await here.deliver(ready.delivery)
    here.calm()
    if kind is FaultKind.OUTAGE:
        await here.door.open()
    faults = [*ready.faults, *_unless(ended, expected, where)]
    if (
        ended.error is not None
        and ended.code == "busy"
        and kind is FaultKind.BUSY_429
        and not ended.error.retry_after_s
    ):
        faults.append(f"{where}: bỏ qua Retry-After")
    return faults


async def _asked(here: Ground, operation: str) -> Faults:
    """One lawful question of a "call" operation, where the connector answers questions at all."""
    if not isinstance(here.connector, Lookup):
        return []
    question = here.case.questions.get(operation)
    if question is None:
        return [f"{operation}: thiếu câu hỏi mẫu trong questions"]
    try:
        answer = await here.connector.ask(question)
    except DeliveryError as error:
        here.ears.error(error)
        return [f"{operation}: {error.code}"]
    here.ears.exchanges.append(answer.exchange)
    return [] if answer.found else [f"{operation}: không tìm thấy câu trả lời"]


async def _effects(here: Ground, ready: Prepared, where: str, allowed: tuple[int, ...]) -> Faults:
    count = await here.effects(ready.sample)
    return [] if count in allowed else [f"{where}: {count} hiệu lực, phải là {' hoặc '.join(map(str, allowed))}"]


def _allowed(kind: FaultKind, done: bool, repeats: int, idempotent: bool) -> tuple[int, ...]:
    """How many effects a followed-up delivery may have. Only a counted repeat of a call that had happened makes two."""
    happened = kind is FaultKind.DROP_AFTER_COMMIT
    if not done:
        return (1,) if happened else (0,)
    return (1, 2) if happened and repeats and not idempotent else (1,)


def _unless(ended: Ended, expected: tuple[str, ...], where: str) -> Faults:
    return [] if ended.code in expected else [f"{where}: kết thúc bằng {ended.code}, phải là {' hoặc '.join(expected)}"]


def _event_operations(subject: Subject) -> tuple[str, ...]:
    return tuple(operation.name for operation in subject.manifest.for_events())


def _call_operations(subject: Subject) -> tuple[str, ...]:
    return tuple(operation.name for operation in subject.manifest.operations.values() if operation.trigger == "call")


async def _soon(true: Callable[[], bool]) -> bool:
    """Whether `true` comes to hold in good time."""
    until = time.monotonic() + _PATIENCE_S
    while not true():
        if time.monotonic() > until:
            return False
        await asyncio.sleep(0.005)
    return True
