"""Laws of the code that is made from a contract: it writes what the tables write, and refuses what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.soap.building import Builder, Spelling
from connectors.kit.soap.contract import load_contract
from connectors.kit.soap.lexical import CannotBuild
from connectors.kit.soap.tree import Contract, Message, Particle
from tests.unit.kit.soap.ground import OPERATIONS, WSDL
from tests.unit.kit.soap.trees import bodies

POPULATION = load_contract(WSDL)
LIBRARY = load_contract(Path(__file__).parents[1] / "unit/kit/soap/wsdl/library.wsdl")
ODD: list[Any] = [None, "", "\x00", "a&b\r", 7, True, 0.5, b"x", [], [None], ["a"], {}, {"x": "y"}, {"#text": "x"}]


class ByTables(Builder):
    """The same builder without the code."""

    def _written_quickly(self, body: Any) -> str | None:
        return None


class ByCode(Builder):
    """The same builder, which says whether the code gave up."""

    gave_up = False

    def _written_quickly(self, body: Any) -> str | None:
        found = super()._written_quickly(body)
        self.gave_up = found is None
        return found


def written(builder: Builder, body: Any) -> Any:
    """The message, or the code and the place of the refusal."""
    try:
        return builder.build(body)
    except CannotBuild as error:
        return error.code, error.pointer, error.message_vi


def messages(contract: Contract) -> list[Message]:
    """A message for every shape that has parts and no attributes: each is a body once."""
    return [
        Message((), Particle("element", name="{urn:test}body", shape=key))
        for key, shape in contract.shapes.items()
        if shape.content is not None and not shape.attributes
    ]


def trees(tree: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a tree."""
    if isinstance(tree, dict):
        yield tree
    for each in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from trees(each)


CASES = [(POPULATION, each) for each in messages(POPULATION)] + [(LIBRARY, each) for each in messages(LIBRARY)]


@given(st.data())
def test_the_code_and_the_tables_write_the_same_bytes(data: st.DataObject) -> None:
    """Whatever the contract allows, for every shape of two contracts."""
    contract, message = data.draw(st.sampled_from(CASES))
    body = data.draw(bodies(contract, message))
    assert written(Builder(contract, message), body) == written(ByTables(contract, message), body)


@given(st.data())
def test_the_code_and_the_tables_refuse_the_same_at_the_same_place(data: st.DataObject) -> None:
    """A tree with something odd at one place: a value of another kind, one too many, one missing, a name that has no place."""
    contract, message = data.draw(st.sampled_from(CASES))
    body = data.draw(bodies(contract, message))
    tree = data.draw(st.sampled_from(list(trees(body))))
    key = data.draw(st.sampled_from([*tree, "strange"]))
    if data.draw(st.booleans()):
        tree[key] = data.draw(st.sampled_from(ODD))
    else:
        tree.pop(key, None)
    assert written(Builder(contract, message), body) == written(ByTables(contract, message), body)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_code_writes_the_questions_of_the_population_database(operation: str) -> None:
    """It does not give up on what is asked every day, escaping and numbers included; else all laws above hold for nothing."""
    request = POPULATION.binding("DanCuDirectBinding").operation(operation).request
    builder = ByCode(POPULATION, request, Spelling(order=("HoVaTen",)))
    names = ("MaYeuCau", "MaDVC", "MaTichHop", "MaCanBo", "MaDonVi", "SoDinhDanh", "HoVaTen")
    body = {**dict.fromkeys(names, "NGUYỄN & CON"), "MaTichHop": 37, "NgayThangNamSinh": {"Nam": "1990"}}
    builder.build(body)
    assert not builder.gave_up
