"""`gateway.toml.example`: every setting that there is, with its default and what it means, and nothing that is not so."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from connectors.kit import registry
from connectors.kit.describing import EACH, NAME, Key, keys
from connectors.kit.settings import typed
from gateway.bootstrap.checking import checked
from gateway.bootstrap.example import example
from gateway.cli.installation import Ports, lay_out
from gateway.config import Settings
from gateway.config.example import FILL, written
from gateway.config.meanings import described, meaning

_TABLES = ("gateway.config", "connectors.kit", *(f"connectors.{name}" for name in registry.folders()))


@pytest.fixture(scope="module")
def text() -> str:
    """What the command prints."""
    return example()


def _switched_on(text: str, *sections: str) -> str:
    """The text with sections switched on: `#` before keys and heads taken away; no names: all of them."""
    lines, on = [], not sections
    for line in text.splitlines():
        head = re.match(r"#\[+([^\]]+)\]", line)
        if sections and (head is not None or not line):
            on = head is not None and head[1] in sections
        lines.append(line[1:] if on and re.match(r"#(?=[\[\w\"])", line) else line)
    return "\n".join(lines)


def _leaves(tree: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(tree, Mapping):
        for name, one in tree.items():
            yield (*place, name), one
            yield from _leaves(one, (*place, name))
    elif isinstance(tree, list) and tree and isinstance(tree[0], Mapping):
        yield from _leaves(tree[0], (*place, EACH))


def _wanted(kind: type[msgspec.Struct]) -> dict[tuple[str, ...], Key]:
    """Every key by its place; of the forms of one section the first one."""
    found: dict[tuple[str, ...], Key] = {}
    for key in keys(kind):
        found.setdefault(tuple("TEN" if part == NAME else part for part in key.place), key)
    return found


def test_the_file_is_what_the_command_prints(project: Path, text: str) -> None:
    """`gateway config example > gateway.toml.example` after a setting was added."""
    assert (project / "gateway.toml.example").read_text(encoding="utf-8") == text


def test_no_key_is_without_a_meaning_and_no_meaning_without_its_key() -> None:
    """Both ways; what a connector's manifest says of its outermost keys is compared by the connector inspector."""
    said = {
        (package, struct, key) for package in _TABLES for struct, told in described(package).items() for key in told
    }
    used: set[tuple[str, str, str]] = set()
    for kind in (Settings, *(registry.settings_type(name) for name in registry.folders())):
        for key in keys(cast("type[msgspec.Struct]", kind)):
            told = meaning(key.owner, key.name)
            outermost = kind is not Settings and len(key.place) == 1
            assert told or outermost, f"{key.owner.__qualname__}.{key.name}"
            names = {one.__name__ for one in key.owner.__mro__} | {"*"}
            used |= {one for one in said if one[1] in names and one[2] == key.name}
    assert said - used == set()
    sentences = [one for package in _TABLES for table in described(package).values() for one in table.values()]
    assert [one for one in sentences if not one.strip() or "\n" in one] == []


def test_switched_on_it_is_every_key_of_the_house_with_its_default(text: str) -> None:
    """Nothing is left out, nothing is invented, and every value is of its type; what has a default shows that very default."""
    tree = tomllib.loads(_switched_on(text))
    mine = {"upstreams": {"TEN": tree["upstreams"].pop("TEN")}}
    _, faults = typed({**tree, **mine}, Settings)
    assert faults == ()
    _same(dict(_leaves({**tree, **mine})), _wanted(Settings))


@pytest.mark.parametrize("name", list(registry.folders()))
def test_switched_on_it_is_every_key_of_each_connector(text: str, name: str) -> None:
    """The same for what each connector takes; of a choice of routes the first is written out, the others stand behind ##."""
    tree = tomllib.loads(_switched_on(text))["upstreams"][name]
    assert tree["connector"] == name
    told = dict(_leaves(tree["settings"]))
    wanted = _wanted(registry.settings_type(name))
    first = {place: key for place, key in wanted.items() if place in told or not _other_form(place, key, text)}
    _same(told, first)
    assert [
        key.dotted for place, key in wanted.items() if place not in told and not _other_form(place, key, text)
    ] == []


def _other_form(place: tuple[str, ...], key: Key, text: str) -> bool:
    """A key of another form of its section, or of a section inside of one."""
    return re.search(rf"^##(?:\[.*\.)?{re.escape(key.name)}(?:\]| =)", text, re.M) is not None or any(
        re.search(rf"^##\[+[^\]]*\.{re.escape(part)}\]", text, re.M) for part in place
    )


def _same(told: Mapping[tuple[str, ...], Any], wanted: Mapping[tuple[str, ...], Key]) -> None:
    plain = {place: value for place, value in told.items() if place[-1] not in ("TEN", EACH)}
    assert {place for place in wanted if place not in plain} == set()
    for place, key in wanted.items():
        below = any(len(other) > len(place) and other[: len(place)] == place for other in plain)
        whole = below and isinstance(plain[place], Mapping | list)
        if key.required or key.value is None or whole:
            continue
        assert tomllib.loads(f"v = {written(key.value)}")["v"] == plain[place], key.dotted


async def test_as_it_stands_it_is_a_configuration(tmp_path: Path, text: str) -> None:
    """With nothing but the key that it names; and with sections switched on and filled in it is a working installation."""
    lay_out(tmp_path, Ports(), ("SEC-DEMO",))
    config = tmp_path / "example.toml"
    config.write_text(text, encoding="utf-8")
    assert (await checked(config)).faults == ()

    sections = (
        "callers.TEN",
        "callers.TEN.keys.TEN",
        "upstreams.resolution",
        "upstreams.resolution.settings",
        "routes",
    )
    filled = _switched_on(text, *sections)
    for old, new in (
        ("[callers.TEN", "[callers.RES-VHTTDL"),
        ('algorithm = "rsa-pss-sha512"', 'algorithm = "ed25519"'),
        (f'\nfile = "{FILL}"', '\nfile = "keys/RES-VHTTDL.pub.pem"'),
        (f'\nto = ["{FILL}"]', '\nto = ["resolution"]'),
        (f'\nurl = "{FILL}"', '\nurl = "https://giai-quyet.example.vn/cong"'),
        (f'\nsigning_key = "file:keys/{FILL}"', '\nsigning_key = "file:keys/webhook.pem"'),
        ("\nconsent_date = 2026-01-01", ""),
    ):
        assert old in filled, old
        filled = filled.replace(old, new)
    config.write_text(filled, encoding="utf-8")
    found = await checked(config)
    assert found.faults == ()
    assert found.loaded is not None
    assert list(found.loaded.settings.upstreams) == ["resolution"]
