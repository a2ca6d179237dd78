"""Laws of SOAP messages: ours and zeep's say the same, what is written is read back, and what XML cannot hold is refused."""

from __future__ import annotations

import base64
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import zeep
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from connectors.kit.soap.building import Builder, Spelling
from connectors.kit.soap.contract import load_contract
from connectors.kit.soap.lexical import CannotBuild
from connectors.kit.soap.reading import Reader, opened
from connectors.kit.soap.tree import Contract, Message
from tests.unit.kit.soap.ground import OPERATIONS, WSDL, by_zeep, infoset
from tests.unit.kit.soap.test_answers import by_zeep as read_by_zeep
from tests.unit.kit.soap.test_answers import present
from tests.unit.kit.soap.trees import TEXT, bodies, headers

LIBRARY_WSDL = Path(__file__).parents[1] / "unit/kit/soap/wsdl/library.wsdl"
_CLIENT: Any = zeep.Client  # it has no types
POPULATION, LIBRARY = load_contract(WSDL), load_contract(LIBRARY_WSDL)
operations = st.sampled_from(OPERATIONS)


@cache
def builder(contract: str, binding: str, operation: str, answer: bool = False) -> tuple[Builder, Reader]:
    """Builder and reader of one message."""
    held = POPULATION if contract == "population" else LIBRARY
    found = held.binding(binding).operation(operation)
    message = found.answer if answer else found.request
    assert message.body is not None
    return Builder(held, message), Reader(held, message.body)


def message(contract: Contract, binding: str, operation: str) -> Message:
    """The request of an operation."""
    return contract.binding(binding).operation(operation).request


def for_zeep(tree: Any) -> Any:
    """The same values as zeep names them: attributes without a sign, text and repeated groups as _value_1."""
    if isinstance(tree, list):
        return [for_zeep(each) for each in tree]
    if not isinstance(tree, dict):
        return tree
    found = {("_value_1" if name == "#text" else name.removeprefix("@")): for_zeep(held) for name, held in tree.items()}
    if "word" in found:
        found["_value_1"] = [{"word": word} for word in found.pop("word")]
    return found


def as_read(tree: Any) -> Any:
    """A tree as it comes back: numbers and bytes are text then."""
    if isinstance(tree, dict):
        return {name: as_read(held) for name, held in tree.items()}
    if isinstance(tree, list):
        return [as_read(each) for each in tree]
    if isinstance(tree, Decimal):
        return format(tree, "f")
    return base64.b64encode(tree).decode() if isinstance(tree, bytes) else tree


def of(raw: bytes | Any) -> Any:
    """The infoset of a message, after it was written and read once."""
    return infoset(etree.fromstring(raw if isinstance(raw, bytes) else etree.tostring(raw)))


@given(operations, bodies(POPULATION, message(POPULATION, "DanCuDirectBinding", OPERATIONS[0])))
def test_without_header_blocks_zeep_says_the_same(operation: str, body: dict[str, Any]) -> None:
    """Every operation of the population database on its direct binding: the same infoset, whatever the values."""
    ours = builder("population", "DanCuDirectBinding", operation)[0].build(body)
    assert of(ours) == of(by_zeep("DanCuDirectBinding", operation, body))


@given(
    operations,
    bodies(POPULATION, message(POPULATION, "DanCuXRoadBinding", OPERATIONS[0])),
    headers(POPULATION, message(POPULATION, "DanCuXRoadBinding", OPERATIONS[0])),
)
def test_with_header_blocks_zeep_says_the_same(operation: str, body: dict[str, Any], blocks: dict[str, Any]) -> None:
    """Every operation of the population database on its X-Road binding: the same infoset, header and body."""
    ours = builder("population", "DanCuXRoadBinding", operation)[0].build(body, blocks)
    assert of(ours) == of(by_zeep("DanCuXRoadBinding", operation, body, for_zeep(blocks)))


@cache
def librarian() -> tuple[Any, Any]:
    """zeep on the other WSDL."""
    client: Any = _CLIENT(str(LIBRARY_WSDL))
    return client, client.bind("Library", "LibraryPort")


@given(bodies(LIBRARY, message(LIBRARY, "LibraryBinding", "Store")))
def test_every_construct_that_is_spoken_is_said_as_zeep_says_it(body: dict[str, Any]) -> None:
    """Extension, groups, choices of sequences, nil, attributes, lists, unqualified names, types that contain themselves."""
    client, service = librarian()
    # zeep cannot leave out a group that may be left out as a whole: it asks for each of its elements.
    body = {"height": 1, "width": 2, "word": ["w"], **body}
    if "isbn" in body:
        body["isbn"] += "x"  # nor does it see a branch of a choice whose text is empty
    ours = builder("library", "LibraryBinding", "Store")[0].build(body)
    assert of(ours) == of(client.create_message(service, "Store", **for_zeep(body)))


@given(bodies(LIBRARY, message(LIBRARY, "LibraryBinding", "Store")))
def test_what_is_written_is_read_back(body: dict[str, Any]) -> None:
    """Building and reading are each other's inverse, for every construct."""
    writer, reader = builder("library", "LibraryBinding", "Store")
    element = opened(writer.build(body)).body
    assert element is not None and reader.read(element) == as_read(body)


@settings(max_examples=60)
@given(bodies(POPULATION, POPULATION.binding("DanCuDirectBinding").operation("TraCuuThongTinCongDan").answer))
def test_an_answer_is_read_as_zeep_reads_it(body: dict[str, Any]) -> None:
    """Whatever record the database gives, both readers find the same in it."""
    writer, reader = builder("population", "DanCuDirectBinding", "TraCuuThongTinCongDan", True)
    body.pop("@ThoiDiemDuLieu", None)  # zeep makes a moment of it, ours keeps the text
    raw = writer.build(body)
    element = opened(raw).body
    assert element is not None
    ours = reader.read(element)
    assert ours == as_read(body)
    assert present(ours) == present(read_by_zeep("TraCuuThongTinCongDan", raw) or {})


@given(
    TEXT,
    st.sampled_from([chr(code) for code in (*range(9), 11, 12, *range(14, 32), 0xD800, 0xDFFF, 0xFFFE, 0xFFFF)]),
    TEXT,
)
def test_a_character_that_xml_cannot_hold_is_never_written(before: str, held: str, after: str) -> None:
    """XML 1.0, 2.2: in a value, in an attribute; refused with the place, and the value is not repeated."""
    writer = builder("library", "LibraryBinding", "Store")[0]
    good: dict[str, Any] = {"@by": "x", "title": "y", "author": [{"name": "z"}]}
    writer.build(good)
    for change, pointer in (
        ({"@by": before + held + after}, "/@by"),
        ({"title": before + held + after}, "/title"),
        ({"author": [{"name": "z"}, {"name": before + held + after}]}, "/author/1/name"),
    ):
        with pytest.raises(CannotBuild) as refused:
            writer.build({**good, **change})
        assert (refused.value.code, refused.value.pointer) == ("soap_ky_tu", pointer)


@given(
    st.permutations(["MaYeuCau", "MaDVC", "MaTichHop", "MaCanBo", "MaDonVi", "SoDinhDanh", "HoVaTen"]),
    st.integers(0, 7),
)
def test_any_order_of_fields_is_written_as_it_is_asked_for(names: list[str], length: int) -> None:
    """What is named first comes first; nothing is lost or doubled, whatever the order."""
    body = {name: name for name in names}
    spelling = Spelling(order=tuple(names[:length]))
    request = message(POPULATION, "DanCuDirectBinding", "TraCuuThongTinCongDan")
    written = etree.fromstring(Builder(POPULATION, request, spelling).build(body))[-1][0]
    found = [etree.QName(child).localname for child in written]
    assert found[:length] == names[:length] and sorted(found) == sorted(names)
