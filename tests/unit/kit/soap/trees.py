"""Random trees for any contract: every element that may stand or not, every text that XML can hold."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from connectors.kit.soap.tree import Contract, Lexical, Message, Particle, Shape, local_name

TEXT = st.text(
    st.one_of(
        st.sampled_from("&<>\"'\r\n\t ]]>éđĐ\u0085\u2028\U0001f600"),
        st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
    ),
    max_size=12,
)
"""Text that XML can hold, with what writers forget to escape."""

_VALUES: dict[Lexical, st.SearchStrategy[Any]] = {
    Lexical.TEXT: TEXT,
    Lexical.BOOLEAN: st.booleans(),
    Lexical.NUMBER: st.decimals(-(10**6), 10**6, places=2),
    Lexical.MOMENT: st.datetimes().map(lambda moment: moment.replace(microsecond=0).isoformat()),
    Lexical.BYTES: st.binary(max_size=8),
    Lexical.HEX: st.binary(max_size=8),
}


def bodies(contract: Contract, message: Message) -> st.SearchStrategy[dict[str, Any]]:
    """Trees for the body of a message."""
    assert message.body is not None
    key = message.body.shape
    return st.composite(lambda draw: _Drawing(contract, draw).shape(contract.shapes[key], 0))()


def headers(contract: Contract, message: Message) -> st.SearchStrategy[dict[str, Any]]:
    """Trees for all blocks of the header of a message."""

    @st.composite
    def drawn(draw: st.DrawFn) -> dict[str, Any]:
        drawing = _Drawing(contract, draw)
        return {local_name(each.name): drawing.one(each, 0) for each in message.headers}

    return drawn()


class _Drawing:
    def __init__(self, contract: Contract, draw: Any) -> None:
        self._contract = contract
        self._draw = draw

    def shape(self, shape: Shape, depth: int) -> Any:
        """A value of this shape."""
        if shape.lexical is not None and not shape.attributes:
            return self._draw(_VALUES[shape.lexical])
        tree: dict[str, Any] = {}
        for attribute in shape.attributes:
            if attribute.required or self._draw(st.booleans()):
                tree[f"@{local_name(attribute.name)}"] = self._draw(_VALUES[attribute.lexical])
        if shape.lexical is not None:
            tree["#text"] = self._draw(_VALUES[shape.lexical])
        elif shape.content is not None:
            self.particle(shape.content, tree, depth)
        return tree

    def particle(self, particle: Particle, tree: dict[str, Any], depth: int) -> None:
        """Fill in what one particle asks for."""
        if particle.kind == "any" or (not particle.minimum and (depth > 2 or not self._draw(st.booleans()))):
            return
        if particle.kind == "element":
            tree[local_name(particle.name)] = self.several(particle, depth)
        elif particle.kind == "choice":
            branch = self._draw(st.sampled_from(particle.parts))
            if branch.kind == "element":
                # zeep takes an empty text for a branch that was not chosen.
                value = self.several(branch, depth)
                tree[local_name(branch.name)] = "x" if value == "" else value
            else:
                self.particle(branch, tree, depth)
        else:
            for part in particle.parts:
                self.particle(part, tree, depth)

    def several(self, particle: Particle, depth: int) -> Any:
        """The value, or the values, of an element that stands."""
        if not particle.many:
            nothing = particle.nillable and particle.minimum and self._draw(st.booleans())
            return None if nothing else self.one(particle, depth)
        most = min(particle.maximum or 3, 3)
        count = self._draw(st.integers(max(particle.minimum, 1), most))
        return [self.one(particle, depth) for _ in range(count)]

    def one(self, particle: Particle, depth: int) -> Any:
        """The value of one element."""
        return self.shape(self._contract.shapes[particle.shape], depth + 1)
