"""Which elements must stand together: content models with choices and optional groups, judged by the names that are present.

Most types are a plain sequence or `all`, where each place says for itself whether it must be filled; only the others get a model.
Source: XML Schema part 1, 3.8.4 (validation rules of model groups).
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from connectors.kit.soap.tree import Particle, local_name


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why the elements that are present do not make a content: stable code, place, words."""

    code: str
    pointer: str
    message_vi: str


@dataclass(frozen=True, slots=True)
class Model:
    """A content model with the names below each of its groups."""

    kind: str
    optional: bool
    name: str
    names: frozenset[str]
    parts: tuple[Model, ...]

    @classmethod
    def of(cls, content: Particle | None) -> Model | None:
        """The model of a type; None where each place judges for itself."""
        if content is None or _plain(content):
            return None
        return _model(content)


def places(content: Particle | None) -> Iterator[Particle]:
    """Every element of a content model, in the order in which it is written."""
    if content is None:
        return
    if content.kind == "element":
        yield content
    for part in content.parts:
        yield from places(part)


def unconditional(content: Particle | None) -> Iterator[str]:
    """The local names of the elements that no choice and no optional group stands around."""
    if content is None or content.kind == "any":
        return
    if content.kind == "element":
        yield local_name(content.name)
    elif content.kind != "choice" and content.minimum:
        for part in content.parts:
            yield from unconditional(part)


def fits(model: Model, present: Set[str]) -> Misfit | None:
    """The first misfit of the names that are present, or None."""
    if model.kind == "element":
        if model.optional or model.name in present:
            return None
        return Misfit("soap_thieu", f"/{model.name}", "Thiếu trường bắt buộc.")
    if model.optional and not model.names & present:
        return None
    if model.kind == "choice":
        return _chosen(model, present)
    return next((fault for part in model.parts if (fault := fits(part, present)) is not None), None)


def _chosen(model: Model, present: Set[str]) -> Misfit | None:
    taken = [part for part in model.parts if part.names & present]
    if len(taken) == 1:
        return fits(taken[0], present)
    if not taken and any(fits(part, frozenset()) is None for part in model.parts):
        return None
    return Misfit("soap_chon_mot", "", f"Phải có đúng một trong: {', '.join(sorted(model.names))}.")


def _plain(particle: Particle) -> bool:
    if particle.kind in ("element", "any"):
        return True
    return particle.kind != "choice" and particle.minimum == 1 and all(_plain(part) for part in particle.parts)


def _model(particle: Particle, *, branch: bool = False) -> Model:
    if particle.kind == "element":
        name = local_name(particle.name)
        # zeep gives every branch of a choice as optional; that one must stand is said by the choice.
        optional = particle.nillable or (particle.minimum == 0 and not branch)
        return Model("element", optional, name, frozenset((name,)), ())
    parts = tuple(_model(part, branch=particle.kind == "choice") for part in particle.parts if part.kind != "any")
    names = frozenset(name for part in parts for name in part.names)
    return Model(particle.kind, particle.minimum == 0, "", names, parts)
