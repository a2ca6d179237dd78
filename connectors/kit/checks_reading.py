"""The conformance checks of tables and messages: outcomes, examples, and the probe (architecture 8)."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec

from connectors.kit.case import FAMILIES, Example, OutcomeTrigger
from connectors.kit.checks_guests import task_tried
from connectors.kit.contract import Lookup, Probe
from connectors.kit.errors import DeliveryError
from connectors.kit.faults import FaultKind, FaultPlan, ScriptedFault
from connectors.kit.ground import RECEIPT, Ears, Faults, Ground, Prepared, Subject, examined, ground, signed_on
from connectors.kit.inspect import example_files, outcome_rows


async def outcomes_are_reachable(subject: Subject, ears: Ears) -> Faults:
    """Every row of every `outcomes.csv` has an answer that it reads, and each ends as its family says."""
    faults: Faults = []
    case = subject.case("http://127.0.0.1:9")
    reached: set[tuple[str, int]] = set()
    tables = {profile.name: outcome_rows(profile) for profile in examined(subject)}
    for trigger in case.outcomes:
        numbers = [n for n, row in enumerate(tables.get(trigger.profile, ())) if trigger.row.items() <= row.items()]
        if len(numbers) != 1:
            faults.append(f"{trigger.profile} {dict(trigger.row)}: khớp {len(numbers)} dòng, phải là đúng một")
            continue
        reached.add((trigger.profile, numbers[0]))
        family = tables[trigger.profile][numbers[0]]["family"]
        faults += await _one_outcome(subject, ears, trigger, trigger.expect or FAMILIES.get(family, ()))
    for profile, rows in tables.items():
        if case.reads is not None:
            unread = [n + 2 for n, row in enumerate(rows) if not case.reads(profile, row)]
            faults += [f"{profile}/outcomes.csv: dòng {n} không đọc được câu trả lời nào" for n in unread]
            continue
        missing = [n + 2 for n in range(len(rows)) if (profile, n) not in reached]
        if missing:
            faults.append(
                f"{profile}/outcomes.csv: chưa có câu trả lời thử cho các dòng {', '.join(map(str, missing))}"
            )
    return faults


async def examples_round_trip(subject: Subject, ears: Ears) -> Faults:
    """Every example decodes, maps, and encodes again to the same message."""
    faults: Faults = []
    case = subject.case("http://127.0.0.1:9")
    for profile in examined(subject):
        for file in example_files(profile):
            tree = json.loads(file.read_text(encoding="utf-8"))
            example = Example(profile.name, file.stem, tree["message"], tree)
            try:
                again = case.round_trip(example)
            except (msgspec.MsgspecError, ValueError, LookupError, DeliveryError) as error:
                faults.append(f"{profile.name}/{file.name}: không đọc được ({type(error).__name__})")
                continue
            if again != example.message:
                faults.append(f"{profile.name}/{file.name}: mã hóa lại không giống thông điệp gốc")
    return faults


async def probing_has_no_effect(subject: Subject, ears: Ears) -> Faults:
    """`Probe` finds a working upstream ready, a dead one not, and changes nothing there."""
    async with ground(subject, ears) as here:
        if not isinstance(here.connector, Probe):
            return []
        faults: Faults = []
        before = await here.state()
        if await _probed(here) != RECEIPT:
            faults.append("hệ thống nhận hoạt động nhưng Probe báo không sẵn sàng")
        if await here.state() != before:
            faults.append("Probe làm thay đổi hệ thống nhận")
        await here.door.shut()
        if await _probed(here) == RECEIPT:
            faults.append("hệ thống nhận không kết nối được nhưng Probe báo sẵn sàng")
        await here.door.open()
        return faults


async def _one_outcome(subject: Subject, ears: Ears, trigger: OutcomeTrigger, expected: tuple[str, ...]) -> Faults:
    """Play the answer of `trigger` and look at what the connector makes of it."""
    where = f"{trigger.profile} {dict(trigger.row)}"
    if not expected:
        return [f"{where}: cần expect, vì nhóm kết quả này tùy thao tác"]
    async with ground(subject, ears) as here:
        faults: Faults = []
        if trigger.asked in ("task", "enquire_task"):
            here.simulation.plan = _played(trigger)
            code = await task_tried(here, trigger.operation, enquire=trigger.asked == "enquire_task")
        else:
            number, sample = here.sample(trigger.operation)
            memory = await here.predecessors(sample, number, faults)
            here.simulation.plan = _played(trigger)
            code = await _tried(
                here, trigger, Prepared(sample, replace(here.delivery(sample, number), memory=memory), (), number)
            )
        if not any(call.fault == FaultKind.ANSWER for call in here.simulation.log.calls):
            faults.append(f"{where}: câu trả lời thử không được hỏi tới (match «{trigger.match}»)")
        if code not in expected:
            faults.append(f"{where}: kết thúc bằng {code}, phải là {' hoặc '.join(expected)}")
        return faults


def _played(trigger: OutcomeTrigger) -> FaultPlan:
    """The answer of `trigger`, to every call of the operation that it names."""
    answer = ScriptedFault(
        fault=FaultKind.ANSWER,
        match=trigger.match,
        times=0,
        status=trigger.status,
        body=trigger.body,
        content_type=trigger.content_type,
    )
    return FaultPlan(script=(answer,))


async def _tried(here: Ground, trigger: OutcomeTrigger, ready: Prepared) -> str:
    if trigger.asked == "check":
        return await _probed(here)
    if trigger.asked == "ask":
        return await _asked(here, trigger.operation)
    if trigger.asked == "sign_on":
        return await signed_on(here, trigger.operation)
    if trigger.asked == "deliver":
        return (await here.deliver(ready.delivery)).code
    enquiry = await here.enquire(ready.delivery)
    return enquiry.code if isinstance(enquiry, DeliveryError) else enquiry.found.value


async def _asked(here: Ground, operation: str) -> str:
    """How the sample question of an operation ends."""
    assert isinstance(here.connector, Lookup)
    try:
        answer = await here.connector.ask(here.case.questions[operation])
    except DeliveryError as error:
        here.ears.error(error)
        return error.code
    here.ears.exchanges.append(answer.exchange)
    return RECEIPT


async def _probed(here: Ground) -> str:
    assert isinstance(here.connector, Probe)
    try:
        health = await here.connector.check()
    except DeliveryError as error:
        here.ears.error(error)
        return error.code
    here.ears.said.append(health.detail_vi)
    return RECEIPT if health.ready else "not_ready"
