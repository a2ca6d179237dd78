"""The house rules: sizes, names, types, and documents that say what is true."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

STOREYS = ("gateway", "connectors", "signing", "mappings")
House = list[tuple[str, ast.Module]]
FORBIDDEN_NAMES = re.compile(r"(Manager|Helper|Util|Utils|Service|Data|Info)$")

# Exceptions to the size rules. This list may only shrink.
LONG_FILES: dict[str, int] = {}
LONG_FUNCTIONS: dict[str, int] = {}


def _root(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


def _sources() -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    for package in STOREYS:
        root = _root(package)
        found.extend((f"{package}/{path.relative_to(root)}", path) for path in sorted(root.rglob("*.py")))
    return found


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None
    size = node.end_lineno - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) and first.end_lineno is not None:
        size -= first.end_lineno - first.lineno + 1
    return size


@pytest.fixture(scope="module")
def house() -> House:
    """Every module of ours, read once for all rules and forgotten with the last of them."""
    return [(name, ast.parse(path.read_text(encoding="utf-8"))) for name, path in _sources()]


def _functions(house: House) -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    found: list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]] = []
    for name, tree in house:
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found.append((f"{name}:{node.name}", node))
    return found


def test_no_file_is_longer_than_400_lines() -> None:
    """A file holds one idea: at most 400 lines."""
    long = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in _sources()}
    assert {name: size for name, size in long.items() if size > 400 and name not in LONG_FILES} == {}


def test_no_function_is_longer_than_60_lines_and_p90_is_at_most_30(house: House) -> None:
    """A function is at most 60 lines without its docstring, and nine of ten are at most 30."""
    sizes = {name: _body_lines(node) for name, node in _functions(house)}
    assert {name: size for name, size in sizes.items() if size > 60 and name not in LONG_FUNCTIONS} == {}
    assert statistics.quantiles(sizes.values(), n=10)[8] <= 30


def test_no_function_takes_more_than_five_parameters(house: House) -> None:
    """More than five parameters ask for a value object; protocol stubs and constructors of exceptions are no exception."""
    broken = []
    for name, node in _functions(house):
        arguments = [
            a for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs) if a.arg not in ("self", "cls")
        ]
        if len(arguments) > 5:
            broken.append(f"{name} ({len(arguments)})")
    assert broken == []


def test_no_class_or_module_is_a_drawer(house: House) -> None:
    """No Manager, Helper, Util, Service, Data or Info: a name says what the thing is in the field's words."""
    broken = []
    for name, tree in house:
        if FORBIDDEN_NAMES.search(Path(name).stem.title()):
            broken.append(name)
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and FORBIDDEN_NAMES.search(node.name):
                broken.append(f"{name}:{node.name}")
    assert broken == []


def test_every_public_function_and_class_has_a_docstring(house: House) -> None:
    """What is public says what it means."""
    broken = []
    for name, tree in house:
        if not ast.get_docstring(tree):
            broken.append(name)
        kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        public = [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]
        broken.extend(f"{name}:{node.name}" for node in public if not ast.get_docstring(node))
    assert broken == []


def test_catch_all_handlers_stand_only_where_the_architecture_allows_them(house: House) -> None:
    """`except Exception` stands in the worker, the heartbeat and the application, nowhere else; raising again is no catch."""
    allowed = {"gateway/dispatch/worker.py", "gateway/dispatch/nodes.py", "gateway/app.py"}
    broken = []
    for name, tree in house:
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and name not in allowed:
                caught = node.type
                if isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None:
                    continue
                if caught is None or (isinstance(caught, ast.Name) and caught.id in ("Exception", "BaseException")):
                    broken.append(f"{name}:{node.lineno}")
    assert broken == []


def test_the_environment_is_read_in_config_only() -> None:
    """os.environ has one reader."""
    broken = [
        name
        for name, path in _sources()
        if name != "gateway/config/loading.py" and re.search(r"os\.(environ|getenv)", path.read_text(encoding="utf-8"))
    ]
    assert broken == []


def test_nothing_needs_a_zone_database_that_a_bare_machine_lacks(house: House) -> None:
    """Viet Nam has one offset (`mappings/dates.py`): a machine without tzdata starts every connector."""
    assert [name for name, tree in house if "zoneinfo" in _imported(tree)] == []


def _imported(tree: ast.Module) -> set[str | None]:
    nodes = list(ast.walk(tree))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom)}


def test_the_commands_in_readme_are_the_commands_of_the_program(
    project: Path, program_environment: dict[str, str]
) -> None:
    """README lists exactly the commands that `gateway --help` knows."""
    from gateway.cli.program import COMMANDS

    readme = (project / "README.md").read_text(encoding="utf-8")
    block = readme.split("<!-- commands -->")[1].split("<!-- /commands -->")[0]
    listed = re.findall(r"^\| `gateway ([a-z]+)", block, flags=re.MULTILINE)
    assert listed == list(COMMANDS)
    shown = subprocess.run(
        [sys.executable, "-m", "gateway", "--help"], capture_output=True, text=True, env=program_environment, check=True
    ).stdout
    assert all(re.search(rf"^\s+{name}\b", shown, flags=re.MULTILINE) for name in listed)


def test_the_map_in_architecture_names_every_room(project: Path) -> None:
    """ARCHITECTURE.md names every module of the four storeys, and no module that does not stand."""
    text = (project / "ARCHITECTURE.md").read_text(encoding="utf-8")
    block = text.split("<!-- map -->")[1].split("<!-- /map -->")[0]
    mapped = set(re.findall(r"`([a-z_/0-9]+(?:\.py|/))`", block))
    rooms = {name for name, _ in _sources() if not name.endswith("__init__.py") and not name.startswith("gateway/cli/")}
    covered = {
        name for name in rooms if name in mapped or any(name.startswith(room) for room in mapped if room.endswith("/"))
    }
    assert rooms - covered == set()
    known = {name for name, _ in _sources()}
    gone = {room for room in mapped if not any(name == room or name.startswith(room) for name in known)}
    assert gone == set()


def test_the_map_says_of_a_module_what_the_module_says_of_itself(project: Path, house: House) -> None:
    """One sentence in two places: the row is the first line of the docstring."""
    rows = re.findall(
        r"^\| `([^`]+\.py)` \| (.*) \|$", (project / "ARCHITECTURE.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    told = {name: (ast.get_docstring(tree) or "").partition("\n")[0].replace("`", "") for name, tree in house}
    assert len(rows) > 400
    assert [name for name, says in rows if name in told and says.replace("`", "") != told[name]] == []


def test_no_registry_host_and_no_local_path_is_committed(project: Path) -> None:
    """Lock files carry hashes and no index address, and nothing names a registry host."""
    for lock in (project / "requirements").glob("*.txt"):
        text = lock.read_text(encoding="utf-8")
        assert "--index-url" not in text and "://" not in text
        pins = [line for line in text.splitlines() if re.match(r"^[a-z0-9].*==", line)]
        assert pins and text.count("--hash=sha256:") >= len(pins)
    assert not (project / "uv.lock").exists()


def test_the_lock_of_the_peers_pins_every_file_and_names_no_place_to_fetch_it_from(project: Path) -> None:
    """What npm installs is known by its digest alone; whoever installs says from where."""
    peers = project / "tests/prove/peers"
    text = (peers / "package-lock.json").read_text(encoding="utf-8")
    lock = json.loads(text)
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert [name for name, one in packages.items() if "://" in json.dumps({**one, "funding": ""})] == []
    unpinned = [name for name, one in packages.items() if not one.get("inBundle") and "integrity" not in one]
    assert unpinned == []
    assert all(str(one["integrity"]).startswith("sha512-") for one in packages.values() if "integrity" in one)
    wanted = json.loads((peers / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert wanted == {name: packages[f"node_modules/{name}"]["version"] for name in wanted}
    assert lock["packages"][""]["dependencies"] == wanted


def test_each_set_of_requirements_holds_the_smaller_one_with_the_same_pins(project: Path) -> None:
    """`scripts/setup prove` installs at once what `dev` and `runtime` would: only lines are added from one to the next."""
    pins = {
        kind: set(re.findall(r"^[a-z0-9].*==\S+", (project / f"requirements/{kind}.txt").read_text("utf-8"), re.M))
        for kind in ("runtime", "dev", "prove")
    }
    assert pins["runtime"] and pins["runtime"] < pins["dev"] < pins["prove"]


@pytest.mark.skipif("TTHC_TEST_WHEEL" not in os.environ, reason="only meaningful on the installed wheel")
def test_nobody_else_owns_our_top_level_names() -> None:
    """In an environment with the wheel, the four names belong to this distribution alone."""
    owners = importlib.metadata.packages_distributions()
    assert {name: owners.get(name) for name in STOREYS} == {name: ["tthc-gateway"] for name in STOREYS}
    assert not (Path.cwd() / "gateway").exists()
