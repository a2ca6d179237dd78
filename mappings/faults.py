"""What is wrong with something that a system sent, said all at once and by place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class SectorFault:
    """One fault: stable code, JSON pointer (RFC 6901) into the tree as it was sent, Vietnamese sentence.

    The sentence never repeats a value that was sent, except a code of a closed list, so it is fit for logs. `row` is the
    line of the requirements that the fault comes from, 0 for a fault of form.
    """

    code: str
    pointer: str
    message_vi: str
    row: int = field(default=0, compare=False)

    def under(self, prefix: str) -> SectorFault:
        """The same fault seen from a level higher in the tree."""
        return replace(self, pointer=prefix + self.pointer)


class CannotUnderstand(ValueError):
    """Nội dung không chuyển được sang mô hình chung. Carries every fault, ordered as they were met."""

    def __init__(self, faults: Iterable[SectorFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.pointer or '/'}: {fault.code}" for fault in self.faults))
