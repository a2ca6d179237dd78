"""Python made from the contract for messages that are as most are: one function for each shape, its tags joined beforehand.

A function takes a mapping of texts and mappings and gives what stands between the tags, or gives up: `Unusual`, KeyError,
TypeError, CannotBuild. Then the tables of `connectors.kit.soap.steps` write the whole message, or say what is wrong with it and
where; the two write the same (a law in the tests). One look at all texts of a shape together tells whether any needs escaping.

The code is made of numbers, of names of ours and of literals that `repr` wrote: nothing of a contract can become code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors.kit.soap.lexical import VALUES, escaped, harmless
from connectors.kit.soap.models import fits
from connectors.kit.soap.steps import Content, Step
from connectors.kit.soap.tree import Lexical

Inside = Callable[[Any], str]
"""What stands inside an element, made from its tree; gives up as the module says."""


class Unusual(Exception):
    """The tree is not as most are; it may well be right."""


GIVES_UP = (Unusual, KeyError, TypeError, ValueError)
"""What a function raises that leaves the message to the tables; CannotBuild is a ValueError."""


def quick(content: Content) -> Inside:
    """The function for a shape, with those of every shape below it."""
    made = _Making()
    name = made.function(content)
    lines = "\n\n".join(made.functions)
    names = made.names
    exec(compile(lines, "<soap contract>", "exec"), names)
    found: Inside = names[name]
    return found


class _Making:
    """The source of functions that call one another, and the names that it uses."""

    def __init__(self) -> None:
        self.functions: list[str] = []
        self.names: dict[str, Any] = {
            "Unusual": Unusual,
            "harmless": harmless,
            "fits": fits,
            "text": escaped(VALUES[Lexical.TEXT]),
        }
        self._known: dict[int, str] = {}

    def function(self, content: Content) -> str:
        """The name of the function for a shape, made when it is not yet."""
        name = self._known.get(id(content))
        if name is None:
            name = self._known[id(content)] = f"shape{len(self._known)}"
            if content.simply_tagged:
                self.functions.append(_Function(self, content).source(name))
            else:
                self.names[name] = _by_table(content)
        return name

    def value(self, lexical: Lexical) -> str:
        """The name of what spells values of a kind, escaped."""
        if lexical is Lexical.TEXT:
            return "text"
        name = f"value_{lexical.value}"
        self.names[name] = escaped(VALUES[lexical])
        return name

    def constant(self, held: Any) -> str:
        """A name for something that has no literal."""
        name = f"held{len(self.names)}"
        self.names[name] = held
        return name


class _Function:
    """The source of one function: takes what is there, sees to the texts, joins."""

    def __init__(self, making: _Making, content: Content) -> None:
        self._making = making
        self._content = content
        self._lines: list[str] = []
        self._texts: list[tuple[str, bool]] = []
        """Variables that hold a text as it came, and whether it may be None."""
        self._pieces: list[str] = []
        self._literal = ""

    def source(self, name: str) -> str:
        """The whole function."""
        self._lines = [f"def {name}(v):", " if type(v) is not dict: raise Unusual", *self._counted()]
        for place, step in enumerate(self._content.steps):
            self._step(f"a{place}", step)
        self._care()
        self._spell()
        self._lines.append(f" return ''.join(({''.join(f'{piece}, ' for piece in self._pieces)}))")
        return "\n".join(self._lines)

    def _counted(self) -> list[str]:
        """A key that has no place is seen by the number of keys."""
        certain = sum(1 for step in self._content.steps if step.minimum)
        free = "".join(f" + ({step.key!r} in v)" for step in self._content.steps if not step.minimum)
        lines = [f" if len(v) != {certain}{free}: raise Unusual"]
        if self._content.model is not None:
            model = self._making.constant(self._content.model)
            present = "{key for key, held in v.items() if held is not None and held != []}"
            lines.append(f" if fits({model}, {present}) is not None: raise Unusual")
        return lines

    def _step(self, name: str, step: Step) -> None:
        self._lines.append(f" {name} = v[{step.key!r}]" if step.minimum else f" {name} = v.get({step.key!r})")
        if step.maximum != 1:
            self._many(name, step)
        elif step.lexical is not None:
            self._simple(name, step, step.lexical)
        else:
            inside = f"{self._inside(step)}({name})"
            self._stands(name, step, inside, _opening(step))

    def _simple(self, name: str, step: Step, lexical: Lexical) -> None:
        if lexical is Lexical.TEXT:
            self._texts.append((name, not step.minimum))
            self._stands(name, step, name, step.opening)
        else:
            self._stands(name, step, f"{self._making.value(lexical)}({name})", step.opening)

    def _stands(self, name: str, step: Step, inside: str, opening: str) -> None:
        """One element, or none where it may be left out."""
        if step.minimum:
            self._literal += opening
            self._spell(inside)
            self._literal += step.closing
        else:
            self._spell(f"'' if {name} is None else {opening!r} + {inside} + {step.closing!r}")

    def _many(self, name: str, step: Step) -> None:
        most = "" if step.maximum is None else f" <= {step.maximum}"
        bounded = f" if type({name}) is not list or not {step.minimum} <= len({name}){most}: raise Unusual"
        self._lines.append(bounded if step.minimum else f" if {name} is None: {name} = []")
        if not step.minimum:
            self._lines.append(bounded)
        inside = self._making.value(step.lexical) if step.lexical is not None else self._inside(step)
        opening = step.opening if step.lexical is not None else _opening(step)
        between = step.closing + opening
        self._spell(
            f"{opening!r} + {between!r}.join([{inside}(each) for each in {name}]) + {step.closing!r} if {name} else ''"
        )

    def _inside(self, step: Step) -> str:
        assert step.content is not None, "an element has a simple value or a content"
        return self._making.function(step.content)

    def _care(self) -> None:
        """Most texts need none; what is no text fails to join, and is spelled or refused."""
        if not self._texts:
            return
        joined = "".join(f"'' if {name} is None else {name}, " if free else f"{name}, " for name, free in self._texts)
        self._lines += [" try:", f"  plain = harmless(''.join(({joined})))", " except TypeError:", "  plain = False"]
        self._lines.append(" if not plain:")
        for name, free in self._texts:
            self._lines.append(
                f"  {name} = text({name})" if not free else f"  if {name} is not None: {name} = text({name})"
            )

    def _spell(self, piece: str = "") -> None:
        """A piece after what is certain to stand before it."""
        if self._literal:
            self._pieces.append(repr(self._literal))
            self._literal = ""
        if piece:
            self._pieces.append(f"({piece})")


def _opening(step: Step) -> str:
    """The opening tag, whole unless the table closes it because attributes come first."""
    content = step.content
    assert content is not None
    return f"{step.opening}>" if content.simply_tagged else step.opening


def _by_table(content: Content) -> Inside:
    def inside(value: Any) -> str:
        out: list[str] = []
        content.write(value, out)
        return "".join(out)

    return inside
