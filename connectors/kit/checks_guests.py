"""The conformance checks of what a connector brings along: endpoints, tasks, notices, pollers, decisions (architecture 8)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

import aiohttp
import msgspec

from connectors.kit.case import Feeding, TaskSample
from connectors.kit.checks_ledgers import ledgers_of, misfits
from connectors.kit.contract import (
    Change,
    Decides,
    Endpoints,
    Enquiry,
    Found,
    Listener,
    NotGenuine,
    Notice,
    Page,
    Poller,
    Polls,
    Reading,
    Shows,
    TaskDeliverer,
    TaskDelivery,
    TaskEnquirer,
)
from connectors.kit.errors import DeliveryError, OutcomeUnknown, Retryable
from connectors.kit.faults import FaultKind
from connectors.kit.ground import RECEIPT, Ears, Faults, Ground, Subject, fresh_budget, ground

_MOST_PAGES = 1_000
_TRIES = 5
_TASKS = uuid.UUID("3a1f7b9e-8f0c-4f58-9f3b-6d0f6c3e8a21")


async def endpoints_are_declared(subject: Subject, ears: Ears) -> Faults:
    """The connector offers exactly the endpoints, pollers, ledgers, decisions and views that its manifest declares."""
    declared = subject.manifest.declared
    async with ground(subject, ears) as here:
        able = here.connector
        endpoints = {
            (e.method, e.path, e.audience.value) for e in (able.endpoints() if isinstance(able, Endpoints) else ())
        }
        pollers = set(able.pollers()) if isinstance(able, Polls) else set()
        kinds = {ledger.kind for ledger in ledgers_of(here)}
        decides = isinstance(able, Decides)
        views = set(able.views()) if isinstance(able, Shows) else set()
    told = {(spec.method, spec.path, spec.audience) for spec in declared.endpoints}
    differences: Mapping[str, Set[object]] = {
        "endpoints": endpoints ^ told,
        "pollers": pollers ^ set(declared.pollers),
        "ledgers": kinds ^ set(declared.ledgers),
        "views": views ^ set(declared.views),
        "decisions": set[str]() if decides else set(declared.decisions),
    }
    astray = [
        f"decisions: {name} nêu sổ {spec.ledger} không tồn tại"
        for name, spec in sorted(declared.decisions.items())
        if spec.ledger not in kinds
    ]
    if decides and not declared.decisions:
        astray.append("decisions: cung cấp nhưng không khai báo quyết định nào")
    return astray + [
        f"{section}: khai báo và cung cấp khác nhau ở {one}"
        for section, ones in differences.items()
        for one in sorted(map(str, ones))
    ]


async def tasks_have_one_effect(subject: Subject, ears: Ears) -> Faults:
    """Each operation of trigger `effect` succeeds; twice, or after a lost answer, it has one effect or a person is asked."""
    faults: Faults = []
    for number, operation in enumerate(subject.manifest.for_effects(), start=1):
        for kind in (None, FaultKind.DROP_AFTER_COMMIT, FaultKind.DROP_BEFORE_COMMIT):
            async with ground(subject, ears) as here:
                if here.case.task is None or here.case.task_effects is None:
                    return ["thiếu task và task_effects trong case cho các thao tác effect"]
                sample = await _after_those_before(here, here.case.task(operation.name, number), number, faults)
                if kind is not None:
                    here.play(kind, operation.name)
                done = await _followed(here, sample, operation.idempotent)
                where = f"{operation.name} sau {kind.value}" if kind is not None else operation.name
                if not done and (kind is None or operation.enquirable or operation.idempotent):
                    faults.append(f"{where}: không tự kết thúc được")
                count = here.case.task_effects(await here.state(), sample)
                if count > 1 or (done and count != 1):
                    faults.append(f"{where}: {count} hiệu lực")
                if kind is None and done:
                    await _sent(here, sample, 2)
                    if operation.idempotent and here.case.task_effects(await here.state(), sample) != 1:
                        faults.append(f"{where}: khai báo idempotent nhưng gửi lặp có thêm hiệu lực")
    return faults


async def task_tried(here: Ground, operation: str, *, enquire: bool) -> str:
    """How the sample task of an operation ends when it is delivered, or asked about, once: `receipt`, what was found, a code."""
    assert here.case.task is not None
    sample = here.case.task(operation, 1)
    ended = await _enquired(here, sample, 2) if enquire else await _sent(here, sample, 1)
    if isinstance(ended, DeliveryError):
        return ended.code
    return ended.found.value if isinstance(ended, Enquiry) else ended or Found.CANNOT_TELL.value


async def notices_are_judged_first(subject: Subject, ears: Ears) -> Faults:
    """A genuine notice is read, and read the same again; whatever is wrong with it, it is not genuine."""
    if "Listener" not in subject.manifest.capabilities:
        return []
    faults: Faults = []
    async with ground(subject, ears) as here:
        notices, connector = here.case.notices, here.connector
        if notices is None or not isinstance(connector, Listener):
            return ["thiếu notices trong case cho Listener"]
        genuine = notices.genuine(1)
        first, again = [await _read(connector, genuine, ears) for _ in range(2)]
        if isinstance(first, str):
            return [f"thông báo thật bị từ chối ({first})"]
        if _lasting(first) != _lasting(again):
            faults.append("đọc lại cùng một thông báo cho kết quả khác")
        faults += [f"thông báo thật: {fault}" for fault in misfits(here, first.inputs)]
        forged = tuple(notices.forgeries(genuine))
        if not forged:
            faults.append("case không có thông báo giả nào để thử")
        for number, forgery in enumerate(forged, start=1):
            if forgery == genuine:
                faults.append(f"thông báo giả {number} không khác thông báo thật")
            elif not isinstance(await _read(connector, forgery, ears), str):
                faults.append(f"thông báo giả {number} được chấp nhận")
    return faults


async def pollers_repeat_safely(subject: Subject, ears: Ears) -> Faults:
    """From the same cursor comes the same page; following the cursor ends; nothing is changed upstream by asking."""
    faults: Faults = []
    async with ground(subject, ears) as here:
        if not isinstance(here.connector, Polls):
            return []
        for name, poller in here.connector.pollers().items():
            if name in here.case.own_pollers:
                try:
                    faults += [f"{name}: {fault}" for fault in await _followed_books(here, poller)]
                except DeliveryError as error:
                    ears.error(error)
                    faults.append(f"{name}: {error.code} dù chỉ đi theo sổ của chính mình")
                continue
            if here.case.feeding is None:
                return ["thiếu feeding trong case cho Poller"]
            await _feed(here, name)
            before = await here.state()
            try:
                faults += [f"{name}: {fault}" for fault in await _walked(here, poller)]
            except DeliveryError as error:
                ears.error(error)
                faults.append(f"{name}: {error.code} khi không có lỗi nào")
            if await here.state() != before:
                faults.append(f"{name}: đọc định kỳ làm thay đổi hệ thống nguồn")
            await here.door.shut()
            try:
                await poller.poll("")
                faults.append(f"{name}: không báo lỗi khi nguồn không kết nối được")
            except DeliveryError as error:
                ears.error(error)
            await here.door.open()
    return faults


async def _walked(here: Ground, poller: Poller) -> Faults:
    """Follow a source to its end, asking for each page twice."""
    faults: Faults = []
    cursor, seen = "", set[tuple[str, str, str]]()
    for _ in range(_MOST_PAGES):
        page, again = await poller.poll(cursor), await poller.poll(cursor)
        if _lasting_page(page) != _lasting_page(again):
            faults.append("cùng một cursor cho hai trang khác nhau")
        faults += list(misfits(here, page.inputs))
        keys = {(change.ledger, change.id, change.key) for change in page.inputs}
        if keys & seen:
            faults.append("một thay đổi xuất hiện ở hai trang khi đi theo cursor")
        seen |= keys
        if page.more and page.cursor == cursor:
            faults.append("trang báo còn nữa nhưng cursor không tiến")
            break
        cursor = page.cursor
        if not page.more:
            break
    if not seen:
        faults.append("không đọc được thay đổi nào sau feeding")
    rest = await poller.poll(cursor)
    # The cursor itself may go on: a source that is looked at in rounds begins the next one.
    if rest.inputs:
        faults.append("đọc tiếp ở cuối nguồn yên lặng vẫn có thay đổi")
    return faults


async def _followed_books(here: Ground, poller: Poller) -> Faults:
    """Follow the connector's own ledgers to the end of what they ask for; the upstream is only asked, even when it is away."""
    before = await here.state()
    await here.door.shut()
    try:
        faults = await _to_the_end(here, poller)
    finally:
        await here.door.open()
    faults += await _to_the_end(here, poller)
    if await here.state() != before:
        faults.append("đọc định kỳ làm thay đổi hệ thống nguồn")
    return faults


async def _to_the_end(here: Ground, poller: Poller) -> Faults:
    cursor = ""
    for _ in range(_MOST_PAGES):
        page = await poller.poll(cursor)
        faults = list(misfits(here, page.inputs))
        here.books.take(page.inputs)
        if faults or not page.more:
            return faults
        if page.cursor == cursor:
            break
        cursor = page.cursor
    return ["trang báo còn nữa nhưng cursor không tiến"]


async def _feed(here: Ground, poller: str) -> None:
    assert here.case.feeding is not None
    await _ordered(here, here.case.feeding(poller))


async def _ordered(here: Ground, feeding: Feeding) -> object:
    """Carry an order to the simulator; its answer, parsed where it is JSON."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(feeding.method, here.base_url + feeding.path, data=feeding.body, ssl=False) as answer,
    ):
        answer.raise_for_status()
        body = await answer.read()
    try:
        told: object = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
    return told


def _lasting(reading: Reading | str) -> Reading | str:
    """A reading without what only says when or by whom it was brought."""
    return reading if isinstance(reading, str) else replace(reading, inputs=_lasting_changes(reading.inputs))


def _lasting_page(page: Page) -> Page:
    """A page without what only says when or by whom it was brought."""
    return replace(page, inputs=_lasting_changes(page.inputs))


def _lasting_changes(changes: Sequence[Change]) -> tuple[Change, ...]:
    return tuple(
        replace(change, fields={name: value for name, value in change.fields.items() if name not in change.passing})
        for change in changes
    )


async def _read(connector: Listener, notice: Notice, ears: Ears) -> Reading | str:
    """The reading, or the code of the refusal."""
    try:
        return await connector.read(notice)
    except NotGenuine as error:
        ears.said.append(error.message_vi)
        return error.code
    except DeliveryError as error:
        ears.error(error)
        return error.code


async def _sent(here: Ground, sample: TaskSample, attempt: int) -> str | DeliveryError:
    """Have a task delivered once: `receipt`, or how it ended."""
    assert isinstance(here.connector, TaskDeliverer)
    try:
        receipt = await here.connector.deliver_task(_delivery(here, sample, attempt))
    except DeliveryError as error:
        here.ears.error(error)
        here.books.learn(sample.task, error.inputs)
        return error
    here.ears.receipt(receipt)
    here.books.learn(sample.task, receipt.inputs)
    return RECEIPT


async def _followed(here: Ground, sample: TaskSample, idempotent: bool) -> bool:
    """What the line makes of it, without its waiting: enquire before any doubtful repeat. False: a person is asked."""
    for attempt in range(1, _TRIES):
        ended = await _sent(here, sample, attempt)
        here.calm()
        if isinstance(ended, str):
            return True
        if isinstance(ended, OutcomeUnknown):
            enquiry = await _enquired(here, sample, attempt + 1)
            if enquiry is None and idempotent:
                continue
            if not isinstance(enquiry, Enquiry):
                return False
            if enquiry.found is Found.DONE:
                return True
            if enquiry.found is Found.CANNOT_TELL and not enquiry.repeat_allowed:
                return False
        elif not isinstance(ended, Retryable):
            return False
    return False


async def _enquired(here: Ground, sample: TaskSample, attempt: int) -> Enquiry | DeliveryError | None:
    if not isinstance(here.connector, TaskEnquirer):
        return None
    try:
        enquiry = await here.connector.enquire_task(_delivery(here, sample, attempt))
    except DeliveryError as error:
        here.ears.error(error)
        here.books.learn(sample.task, error.inputs)
        return error
    found = enquiry.receipt.inputs if enquiry.receipt is not None else ()
    here.books.learn(sample.task, (*enquiry.inputs, *found))
    return enquiry


def _delivery(here: Ground, sample: TaskSample, attempt: int) -> TaskDelivery:
    task = sample.task
    return TaskDelivery(
        delivery_id=str(uuid.uuid5(_TASKS, f"{sample.operation}/{task.ledger_id}")),
        upstream=here.subject.name,
        operation=sample.operation,
        dossier_code=task.dossier_code,
        sequence=1,
        attempt=attempt,
        task=task,
        accepted_at=task.asked_at,
        budget=fresh_budget(),
        memory=dict(sample.memory),
    )


async def _after_those_before(here: Ground, sample: TaskSample, number: int, faults: Faults) -> TaskSample:
    """The task, once what must come before it was delivered, with what the lane remembers of that."""
    for earlier in sample.after:
        ready = await _after_those_before(here, earlier, number, faults)
        carried = await _sent(here, ready, 1)
        if isinstance(carried, DeliveryError):
            faults.append(f"{earlier.operation} (trước {sample.operation}): không giao được ({carried.code})")
    answers = [await _ordered(here, order) for order in sample.orders]
    if sample.kept is not None:
        here.books.take(sample.kept(answers))
    memory = dict(sample.memory)
    for step, before in enumerate(sample.before):
        ended = await here.deliver(replace(here.delivery(before, number, step), memory=dict(memory)))
        if ended.receipt is None:
            faults.append(f"{before.operation} (trước {sample.operation}): không giao được ({ended.code})")
        else:
            memory.update(ended.receipt.memory)
    return replace(sample, memory=memory)
