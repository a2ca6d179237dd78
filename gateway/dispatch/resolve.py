"""A delivery of unknown outcome: ask before anything is repeated (architecture 3 and 6).

The upstream's own answer rules where the connector can ask. Where it cannot, only an operation whose manifest calls it
idempotent is sent again; for everything else a person decides, because a repeat could count against the dossier.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from connectors.kit.contract import Change, Enquiry, Found, Receipt, TaskDelivery
from connectors.kit.errors import AnswerUnreadable, DeliveryError
from gateway.dispatch.retry import Next, RetryDecision
from gateway.dispatch.upstreams import Sending, UpstreamLine

T = TypeVar("T")


class Guard(Protocol):
    """Awaits a call into a connector and makes a value of whatever it raises; gives it `limit_s` seconds."""

    async def __call__(self, call: Awaitable[T], limit_s: float) -> T | DeliveryError:
        """The call's result, or the error that it ended in."""
        ...


@dataclass(frozen=True, slots=True)
class Repeat:
    """The delivery may be sent again, and why."""

    reason_vi: str


NOBODY_CAN_TELL = frozenset({"cannot_tell", "not_resolvable"})
"""Codes of a hold that no enquiry can end: a person's release means that it is sent again."""

Resolution = Receipt | DeliveryError | RetryDecision | Repeat
"""It happened; the enquiry failed; a person decides; or it may be sent again."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What an enquiry came to, and what its answer taught beside a receipt or an error, which carry their own."""

    what: Resolution
    inputs: tuple[Change, ...] = ()


async def resolve(delivery: Sending, line: UpstreamLine, guard: Guard) -> Resolved:
    """Find out what became of a delivery that may have arrived."""
    enquiry = _enquiry(delivery, line)
    if enquiry is None:
        return Resolved(_without_enquiry(line.traits(delivery.operation).idempotent))
    answer = await guard(enquiry, delivery.budget.timeout_s)
    if isinstance(answer, DeliveryError):
        return Resolved(answer)
    return Resolved(_concluded(answer), answer.inputs)


def _enquiry(delivery: Sending, line: UpstreamLine) -> Awaitable[Enquiry] | None:
    """The question about a delivery; None where the connector cannot ask."""
    if isinstance(delivery, TaskDelivery):
        return line.task_enquirer.enquire_task(delivery) if line.task_enquirer is not None else None
    return line.enquirer.enquire(delivery) if line.enquirer is not None else None


def _without_enquiry(idempotent: bool) -> Resolution:
    if idempotent:
        return Repeat("Thao tác được khai báo là lặp lại không gây hại.")
    return RetryDecision(
        Next.HOLD,
        "not_resolvable",
        "Không rõ lần gửi trước đã đến chưa và không có cách tra cứu; cần người quyết định.",
    )


def _concluded(enquiry: Enquiry) -> Resolution:
    """What an answered enquiry allows."""
    match enquiry.found:
        case Found.DONE if enquiry.receipt is not None:
            return enquiry.receipt
        case Found.DONE:
            return AnswerUnreadable("Kết quả tra cứu báo đã thực hiện nhưng không kèm xác nhận.")
        case Found.NOT_FOUND:
            return Repeat(enquiry.reason_vi or "Hệ thống nhận trả lời chưa có thông điệp này.")
        case Found.CANNOT_TELL if enquiry.repeat_allowed:
            return Repeat(enquiry.reason_vi or "Không tra cứu được; cấu hình cho phép gửi lại.")
        case Found.CANNOT_TELL:
            return RetryDecision(
                Next.HOLD,
                "cannot_tell",
                enquiry.reason_vi or "Không tra cứu được kết quả lần gửi trước; cần người quyết định.",
            )
