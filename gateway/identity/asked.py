"""What a system asked of identity, read; what is wrong with it is named field by field, as of everything else that comes in."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from gateway.errors import Fault, Invalid
from gateway.intake.validate import Asked, Limits, asked_faults

T = TypeVar("T")

NOT_FIT = "Yêu cầu không hợp lệ; hãy sửa theo danh sách lỗi rồi gửi lại."
"""What is said above the list of faults: a request of identity is no event, and has no id to renew."""


def read_asked(body: bytes, kind: type[T], published: Asked, limits: Limits) -> T:
    """The body as `kind`; raises `Invalid` with every fault against the schema that is published for it.

    The reader's own error is never passed on: it may quote what was sent. The schema's faults name fields and what they must be.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError:
        raise Invalid(NOT_FIT, faults=_faults(body, published, limits)) from None


def _faults(body: bytes, published: Asked, limits: Limits) -> tuple[Fault, ...]:
    try:
        found = asked_faults(published, body, limits)
    except Invalid as error:  # no JSON at all, or JSON that two readers could read differently
        found = error.faults
    return found or (Fault("sai_kieu", "", "Gửi một đối tượng JSON đúng lược đồ đã công bố."),)
