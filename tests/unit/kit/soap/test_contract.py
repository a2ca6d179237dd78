"""Contracts: compiled once from disk, stored, never fetched; what cannot be spoken is named."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from connectors.kit.soap.contract import compiled, load_contract, main, stored_path, written
from connectors.kit.soap.documents import closure
from connectors.kit.soap.lexical import CannotBuild
from connectors.kit.soap.port import Port
from connectors.kit.soap.reading import NotSoap
from connectors.kit.soap.schema import MessageSchema
from connectors.kit.soap.tree import ContractUnsupported
from tests.unit.kit.soap.ground import OPERATIONS, WSDL, infoset

LIBRARY = Path(__file__).parent / "wsdl" / "library.wsdl"
BOOK: dict[str, Any] = {"@by": "x", "title": "y", "author": [{"name": "z"}]}


def test_the_stored_contract_is_what_zeep_makes_of_the_wsdl() -> None:
    """Whoever changes the WSDL runs `python -m connectors.kit.soap.contract` on it; byte for byte the same."""
    assert stored_path(WSDL).read_bytes() == written(compiled(WSDL, closure(WSDL)))


def test_every_operation_of_both_bindings_can_be_spoken() -> None:
    """Seven operations; six header blocks on one binding, none on the other."""
    contract = load_contract(WSDL)
    for name, blocks in (("DanCuXRoadBinding", 6), ("DanCuDirectBinding", 0)):
        binding = contract.binding(name)
        assert tuple(binding.operations) == OPERATIONS
        assert {len(binding.operation(each).request.headers) for each in OPERATIONS} == {blocks}


def test_zeep_is_loaded_only_when_the_stored_contract_no_longer_fits(tmp_path: Path) -> None:
    """In a fresh process: with the stored contract no zeep; after a change of a schema zeep, and the change is seen."""
    folder = tmp_path / "contract"
    shutil.copytree(WSDL.parent, folder)
    program = (
        "import sys; from pathlib import Path; from connectors.kit.soap.contract import load_contract\n"
        "held = load_contract(Path(sys.argv[1])); shape = held.shapes['{http://dancuquocgia.bca}YeuCauCongDanType']\n"
        "print('zeep' in sys.modules, len(shape.content.parts))"
    )

    def run() -> str:
        command = [sys.executable, "-c", program, str(folder / WSDL.name)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert run() == "False 11"
    xsd = folder / "xsd" / "dancuquocgia-bca.xsd"
    text = xsd.read_text(encoding="utf-8")
    added = text.replace("<xs:all>", '<xs:all><xs:element name="Moi" type="xs:string" minOccurs="0"/>', 1)
    assert added != text
    xsd.write_text(added, encoding="utf-8")
    assert run() == "True 12"
    assert main([str(folder / WSDL.name)]) == 0
    assert run() == "False 12"


def test_a_stored_contract_that_cannot_be_read_is_made_anew(tmp_path: Path) -> None:
    """A file cut in two is no contract; the WSDL beside it is."""
    shutil.copytree(WSDL.parent, tmp_path, dirs_exist_ok=True)
    wsdl = tmp_path / WSDL.name
    stored_path(wsdl).write_bytes(stored_path(WSDL).read_bytes()[:5000])
    assert load_contract(wsdl) == load_contract(WSDL)


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ("Pairs", "repeats as a whole"),
        ("Twins", "same stands at two places"),
        ("Anything", "anything may stand there"),
        ("Nothing", "has no operation"),
    ],
)
def test_what_cannot_be_spoken_is_named_and_leaves_the_rest_alone(operation: str, words: str) -> None:
    """One strange operation in a large WSDL does not keep the others from being used."""
    port = Port.load(LIBRARY, "LibraryBinding")
    with pytest.raises(ContractUnsupported, match=words):
        port.speak(operation)
    port.speak("Store").write(BOOK)


def test_rpc_style_and_soap_1_2_are_not_spoken() -> None:
    """WS-I Basic Profile 1.1 and X-Road want document/literal over SOAP 1.1."""
    contract = load_contract(LIBRARY)
    with pytest.raises(ContractUnsupported, match="style rpc"):
        contract.binding("OldBinding").operation("Old")
    with pytest.raises(ContractUnsupported, match="NewBinding"):
        contract.binding("NewBinding")
    assert contract.binding("LibraryBinding").address == "http://library.invalid/"


def test_values_of_python_are_written_as_the_schema_spells_them() -> None:
    """Booleans, numbers, dates, moments and bytes; nil where an element must stand and has no value."""
    spoken = Port.load(LIBRARY, "LibraryBinding").speak("Store")
    raw = spoken.write(
        {
            **BOOK,
            "title": None,
            "author": [{"name": "A&B <c>", "@role": 'q"\n', "born": date(1990, 2, 28), "pen": ["1", "2"]}],
            "lent": True,
            "cover": b"\x00\xff",
            "seen": datetime(2026, 1, 1, 7, tzinfo=UTC),
            "isbn": "0",
            "edition": 2,
            "price": {"#text": Decimal("1E+3"), "@currency": "VND"},
            "place": {"label": "a", "shelf": [{"label": "b"}]},
            "word": ["x", "y"],
        }
    )
    body = etree.fromstring(raw)[-1][0]
    b, c = "{urn:library:books}", "{urn:library:common}"
    nil = {"{http://www.w3.org/2001/XMLSchema-instance}nil": "true"}
    text: Callable[[str, str], Any] = lambda name, said: (name, {}, said, [])  # noqa: E731
    assert infoset(body) == (
        f"{b}Store",
        {"by": "x"},
        "",
        [
            (f"{b}title", nil, "", []),
            (
                f"{b}author",
                {f"{c}role": 'q"\n'},
                "",
                [text("name", "A&B <c>"), text("born", "1990-02-28"), text(f"{b}pen", "1"), text(f"{b}pen", "2")],
            ),
            text(f"{b}lent", "true"),
            text(f"{b}cover", "AP8="),
            text(f"{b}seen", "2026-01-01T07:00:00+00:00"),
            text(f"{b}isbn", "0"),
            text(f"{b}edition", "2"),
            (f"{b}price", {"currency": "VND"}, "1000", []),
            (f"{b}place", {}, "", [text(f"{b}label", "a"), (f"{b}shelf", {}, "", [text(f"{b}label", "b")])]),
            text(f"{b}word", "x"),
            text(f"{b}word", "y"),
        ],
    )


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"@by": None}, "soap_thieu", "/@by"),
        ({"author": []}, "soap_lap", "/author"),
        ({"author": [{"name": "z", "pen": ["1", "2", "3", "4"]}]}, "soap_lap", "/author/0/pen"),
        ({"author": [{}]}, "soap_thieu", "/author/0/name"),
        ({"author": [{"name": "z", "@x": "1"}]}, "soap_thua", "/author/0/@x"),
        ({"edition": 1}, "soap_thieu", "/isbn"),
        ({"isbn": "1", "none": "2"}, "soap_chon_mot", ""),
        ({"height": 1}, "soap_thieu", "/width"),
        ({"lent": "co"}, "soap_sai_kieu", "/lent"),
        ({"height": True, "width": 1}, "soap_sai_kieu", "/height"),
        ({"seen": 5}, "soap_sai_kieu", "/seen"),
        ({"cover": 5}, "soap_sai_kieu", "/cover"),
        ({"title": 1.5}, "soap_sai_kieu", "/title"),
        ({"price": {"#text": "x", "@currency": "VND"}}, "soap_luoc_do", "/price"),
        ({"price": {"#text": [1], "@currency": "VND"}}, "soap_sai_kieu", "/price/#text"),
        ({"place": {"label": "a", "shelf": [{"label": "b"}, {"nhan": "c"}]}}, "soap_thieu", "/place/shelf/1/label"),
    ],
)
def test_each_wrong_tree_is_refused_at_its_place(change: dict[str, Any], code: str, pointer: str) -> None:
    """Missing, too many, unknown, half a group, two of a choice, wrong kinds: by code and pointer."""
    with pytest.raises(CannotBuild) as refused:
        Port.load(LIBRARY, "LibraryBinding").speak("Store").write({**BOOK, **change})
    assert (refused.value.code, refused.value.pointer) == (code, pointer)


def test_foreign_elements_are_passed_over_where_the_schema_has_a_place_for_them() -> None:
    """xs:any in an answer; anywhere else what the WSDL does not have is refused."""
    spoken = Port.load(LIBRARY, "LibraryBinding").speak("Store")
    good = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><Stored xmlns="urn:library:books">'
        '<place><label>a</label></place><x xmlns="urn:other">1</x></Stored></s:Body></s:Envelope>'
    )
    assert spoken.read(good.encode()).body == {"place": {"label": "a"}}
    with pytest.raises(NotSoap):
        spoken.read(good.replace("<label>", '<x xmlns="urn:other"/><label>').encode())


def test_an_operation_without_an_answer_reads_none() -> None:
    """One-way operations have a request alone; an answer to them is not believed."""
    spoken = Port.load(LIBRARY, "LibraryBinding").speak("Tell")
    assert spoken.write(BOOK)
    with pytest.raises(NotSoap):
        spoken.read(
            b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><a/></s:Body></s:Envelope>'
        )


_STRANGE = {
    "an address": '<xs:import namespace="urn:x" schemaLocation="http://127.0.0.1:9/x.xsd"/>',
    "a file address": '<xs:import namespace="urn:x" schemaLocation="file:///etc/passwd"/>',
    "an absolute path": '<xs:include schemaLocation="/etc/passwd"/>',
    "a path out of the folder": '<xs:include schemaLocation="../../etc/passwd"/>',
    "a network path": '<xs:include schemaLocation="//127.0.0.1/x.xsd"/>',
    "a file that is not there": '<xs:include schemaLocation="nowhere.xsd"/>',
}


@pytest.mark.parametrize("name", _STRANGE)
def test_a_schema_that_reaches_out_is_not_loaded(name: str, tmp_path: Path) -> None:
    """Addresses, paths out of the folder, files that are not there: nothing is opened, the reason is said."""
    text = LIBRARY.read_text(encoding="utf-8").replace('<xs:import namespace="urn:library:common"/>', _STRANGE[name])
    wsdl = tmp_path / "a.wsdl"
    wsdl.write_text(text, encoding="utf-8")
    for load in (load_contract, MessageSchema.of_wsdl):
        with pytest.raises(ContractUnsupported) as refused:
            load(wsdl)
        assert "root:" not in str(refused.value)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """A symbolic link is a path out of the folder as well."""
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.xsd").write_text('<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>', encoding="utf-8")
    (tmp_path / "in" / "x.xsd").symlink_to(tmp_path / "secret.xsd")
    wsdl = tmp_path / "in" / "a.wsdl"
    include = '<xs:include schemaLocation="x.xsd"/>'
    text = LIBRARY.read_text(encoding="utf-8").replace('<xs:import namespace="urn:library:common"/>', include)
    wsdl.write_text(text, encoding="utf-8")
    with pytest.raises(ContractUnsupported, match="out of the folder"):
        load_contract(wsdl)


@pytest.mark.parametrize(
    "text",
    ['<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "<a", "", "<html/>"],
    ids=["entity", "cut", "empty", "html"],
)
def test_what_is_no_wsdl_is_refused(text: str, tmp_path: Path) -> None:
    """DTD, cut, empty, a page."""
    wsdl = tmp_path / "a.wsdl"
    wsdl.write_text(text, encoding="utf-8")
    with pytest.raises(ContractUnsupported):
        load_contract(wsdl)
