"""What a signature itself forbids to be done after it: DocMDP, FieldMDP and locks (ISO 32000-2 12.8.2.2, 12.8.2.4)."""

from __future__ import annotations

from dataclasses import dataclass

from signing.pdf.difference import Change
from signing.pdf.document import View
from signing.pdf.syntax import Dictionary, String, Value, text_of

NOTHING = 1
"""P of DocMDP: no change but the security store and document time stamps (12.8.2.2.2)."""
ANNOTATE = 3


@dataclass(frozen=True, slots=True)
class Permission:
    """`level`: P of DocMDP, None where the signature certifies nothing. `locked`: fields; `all_but`: all except `locked`."""

    level: int | None = None
    locked: frozenset[str] = frozenset()
    all_but: bool = False

    @property
    def free(self) -> bool:
        """Whether it forbids nothing beyond what coverage forbids anyway."""
        return self.level is None and not self.locked and not self.all_but

    def breach(self, change: Change) -> str:
        """What a later revision did against this, or nothing. Document time stamps are always allowed."""
        if self.level is not None:
            if not NOTHING <= self.level <= ANNOTATE:
                return f"DocMDP with P {self.level}"
            if self.level == NOTHING and (change.signed or change.created - change.stamped):
                return "a further signature after a certification that allows no change"
            if change.shown:
                return "a new visible signature field after a certification"
        broken = sorted(name for name in change.signed if self.locks(name))
        return f"field {broken[0][:64]!r} was locked" if broken else ""

    def locks(self, name: str) -> bool:
        """Whether the field of this name may not be changed any more."""
        listed = any(name == one or name.startswith(f"{one}.") for one in self.locked)
        return listed != self.all_but


def permission_of(view: View, signature: Dictionary, field: Dictionary) -> Permission:
    """What one signature forbids, from its Reference entries and its field's Lock; raises `Malformed`."""
    level: int | None = None
    locked: frozenset[str] = frozenset()
    all_but = False
    for one in view.array(signature.get(b"Reference"), "Reference"):
        reference = view.dictionary(one, "an entry of Reference")
        method = view.get(reference, b"TransformMethod")
        parameters = view.at(reference.get(b"TransformParams"))
        if not isinstance(parameters, Dictionary):
            parameters = Dictionary()
        if method == b"DocMDP":
            level = _stricter(level, view.at(parameters.get(b"P", 2)))
        elif method == b"FieldMDP":
            locked, all_but = _fields(view, parameters)
    lock = view.at(field.get(b"Lock"))
    if isinstance(lock, Dictionary):
        if b"P" in lock:
            level = _stricter(level, view.get(lock, b"P"))
        if not locked and not all_but:
            locked, all_but = _fields(view, lock)
    return Permission(level, locked, all_but)


def _stricter(one: int | None, other: Value) -> int:
    level = other if type(other) is int else 0
    return level if one is None else min(one, level)


def _fields(view: View, parameters: Dictionary) -> tuple[frozenset[str], bool]:
    action = view.get(parameters, b"Action")
    names = [view.at(one) for one in view.array(parameters.get(b"Fields"), "Fields of a lock")]
    listed = frozenset(text_of(one.value) for one in names if isinstance(one, String))
    if action == b"All":
        return frozenset(), True
    return (listed, action == b"Exclude") if action in (b"Include", b"Exclude") else (frozenset(), False)
