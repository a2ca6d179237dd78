"""The conformance check of reading back: it sees what is there, misses what is not, and never takes silence for either."""

from __future__ import annotations

from connectors.kit.contract import Acknowledged, Believed, ReadBack, ReadsBack, Sight
from connectors.kit.errors import DeliveryError
from connectors.kit.faults import FaultKind, FaultPlan, ScriptedFault
from connectors.kit.ground import RECEIPT, Ears, Faults, Ground, Prepared, Subject, fresh_budget, ground

_SILENT = (FaultKind.DROP_BEFORE_COMMIT, FaultKind.HTTP_500, FaultKind.HTTP_503, FaultKind.GARBAGE)


async def reading_back_never_guesses(subject: Subject, ears: Ears) -> Faults:
    """What was delivered agrees, what never was is missing, a fault is an error; nothing changes upstream."""
    if "ReadsBack" not in subject.manifest.capabilities:
        return []
    async with ground(subject, ears) as here:
        if not isinstance(here.connector, ReadsBack):
            return ["capabilities có ReadsBack nhưng connector không có read_back"]
        operation = subject.manifest.for_events()[0].name
        there, astray = await here.prepared(operation), await here.prepared(operation)
        faults = [*there.faults, *astray.faults]
        if (await here.deliver(there.delivery)).code != RECEIPT:
            faults.append(f"{operation}: không giao được khi không có lỗi nào")
        before = await here.state()
        for ready, expected in ((there, Sight.AGREES), (astray, Sight.MISSING)):
            seen = await _read(here, ready)
            if not isinstance(seen, ReadBack) or seen.sight is not expected:
                faults.append(f"đối chiếu phải thấy {expected.value}, thấy {_told(seen)}")
        for kind in _SILENT:
            here.simulation.plan = FaultPlan(script=(ScriptedFault(fault=kind, match="*", times=0),))
            seen = await _read(here, there)
            if isinstance(seen, ReadBack) and seen.sight is not Sight.CANNOT_TELL:
                faults.append(f"đối chiếu khi {kind.value}: kết luận {seen.sight.value}, phải là lỗi")
            here.calm()
        if await here.state() != before:
            faults.append("đối chiếu làm thay đổi hệ thống nhận")
        return faults


async def _read(here: Ground, ready: Prepared) -> ReadBack | DeliveryError | None:
    delivery = ready.delivery
    acknowledged = Acknowledged(delivery.delivery_id, delivery.sequence, delivery.accepted_at)
    believed = Believed(delivery.upstream, delivery.dossier_code, {delivery.operation: acknowledged})
    assert isinstance(here.connector, ReadsBack)
    try:
        return await here.connector.read_back(believed, fresh_budget())
    except DeliveryError as error:
        here.ears.error(error)
        return error


def _told(seen: ReadBack | DeliveryError | None) -> str:
    if isinstance(seen, DeliveryError):
        return f"lỗi {seen.code}"
    return seen.sight.value if seen is not None else "không có gì để xem"
