"""Writes elements by tables made from the contract, step by step: any tree that may be written is, any other is refused by place.

What is as most messages are is written by `connectors.kit.soap.quick`; this is what it stands for, and what says why not.
Sources: XML Schema part 1, 2.6.2 (xsi:nil) and 3.8.4 (model groups).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.kit.soap.lexical import WRITERS, CannotBuild, Write, attribute_text, needs_care
from connectors.kit.soap.models import Model, fits, unconditional
from connectors.kit.soap.tree import Lexical, Shape

Bearing = tuple[str, str, bool, Callable[[Any], str]]
"""An attribute: its key in the tree, how it begins, whether it must stand, how its value is spelled."""


@dataclass(slots=True)
class Step:
    """One element of a content model, ready to be written: a simple value (`lexical`) or what has parts (`content`)."""

    key: str
    opening: str
    closing: str
    minimum: int
    maximum: int | None
    nil: str
    plain: bool = False
    write: Write | None = None
    lexical: Lexical | None = None
    content: Content | None = None


class Content:
    """What stands in an element that has attributes or parts."""

    __slots__ = ("_keys", "_lines", "attributes", "lexical", "model", "steps")

    def fill(self, shape: Shape, steps: Sequence[Step], attributes: Sequence[Bearing]) -> None:
        """Make it; done after it is known by its key, because it may contain itself."""
        self.lexical = shape.lexical
        self.attributes = attributes
        self.model: Model | None = Model.of(shape.content)
        self.steps = steps
        certain = set(unconditional(shape.content))
        for step in steps:
            if step.key not in certain:
                # Whether it must stand depends on the others: the model says so, not the place alone.
                step.minimum = 0
        # Taken apart, because this is what every element that is not written the quick way goes through.
        self._lines = [(step.key, step.opening, step.closing, step.plain, step) for step in steps]
        self._keys = {step.key for step in steps} | {key for key, *_ in attributes}
        if shape.lexical is not None:
            self._keys.add("#text")

    @property
    def simply_tagged(self) -> bool:
        """Whether the opening tag is the name alone: no attributes to be written by `write`, nor a text."""
        return not self.attributes and self.lexical is None

    def write(self, value: Any, out: list[str]) -> None:
        """Attributes, then the parts or the text; closes the opening tag of the element."""
        if not isinstance(value, Mapping):
            if self.lexical is None:
                raise CannotBuild("soap_sai_kieu", "", "Phải là một nhóm trường, không phải một giá trị.")
            value = {"#text": value}
        if self.attributes:
            self._write_attributes(value, out)
        out.append(">")
        if self.lexical is not None:
            _under("#text", WRITERS[self.lexical], value.get("#text", ""), out)
        self._write_steps(value, out)
        if not value.keys() <= self._keys:
            strange = next(key for key in value if key not in self._keys)
            raise CannotBuild("soap_thua", f"/{strange}", "Không có trường này trong thông điệp.")
        if self.model is not None:
            present = {key for key, held in value.items() if held is not None and held != []}
            fault = fits(self.model, present)
            if fault is not None:
                raise CannotBuild(fault.code, fault.pointer, fault.message_vi)

    def _write_attributes(self, value: Mapping[str, Any], out: list[str]) -> None:
        for key, opening, required, text in self.attributes:
            held = value.get(key)
            if held is None:
                if required:
                    raise CannotBuild("soap_thieu", f"/{key}", "Thiếu thuộc tính bắt buộc.")
                continue
            try:
                said = attribute_text(text(held))
            except CannotBuild as error:
                raise error.under(key) from None
            out.append(f'{opening}{said}"')

    def _write_steps(self, value: Mapping[str, Any], out: list[str]) -> None:
        get = value.get
        for key, opening, closing, plain, step in self._lines:
            held = get(key)
            if held is None:
                if step.minimum:
                    _write_missing(step, out, f"/{key}")
            elif plain and type(held) is str and not needs_care(held):
                out.append(f"{opening}{held}{closing}")
            else:
                try:
                    if isinstance(held, list | tuple):
                        _write_many(step, held, out)
                    else:
                        write_one(step, held, out)
                except CannotBuild as error:
                    raise error.under(key) from None


def write_one(step: Step, value: Any, out: list[str]) -> None:
    """One element with its tags; raises `CannotBuild`."""
    if step.write is None:
        raise CannotBuild("soap_sai_kieu", "", "Không ghi được trường này.")
    out.append(step.opening)
    step.write(value, out)
    out.append(step.closing)


def _write_many(step: Step, values: Sequence[Any], out: list[str]) -> None:
    most = step.maximum
    if most == 1:
        raise CannotBuild("soap_sai_kieu", "", "Chỉ có một giá trị ở đây, không phải danh sách.")
    if len(values) < step.minimum or (most is not None and len(values) > most):
        raise CannotBuild("soap_lap", "", "Số phần tử của danh sách không đúng quy định.")
    for place, value in enumerate(values):
        try:
            if value is None:
                _write_missing(step, out, "")
            else:
                write_one(step, value, out)
        except CannotBuild as error:
            raise error.under(place) from None


def _write_missing(step: Step, out: list[str], pointer: str) -> None:
    """XML Schema part 1, 2.6.2: what must stand and has no value is written as nil where the contract allows that."""
    if not step.nil:
        raise CannotBuild("soap_thieu", pointer, "Thiếu trường bắt buộc.")
    out.append(step.nil)


def _under(key: str, write: Write, value: Any, out: list[str]) -> None:
    try:
        write(value, out)
    except CannotBuild as error:
        raise error.under(key) from None
