"""The inspector: a good folder has no findings, and each thing that can be missing is named."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.kit.inspect import inspect_all, inspect_folder, known_gaps


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the toy connector that may be damaged."""
    source = Path(__file__).with_name("foreign") / "toy_upstream"
    return Path(shutil.copytree(source, tmp_path / "toy_upstream", ignore=shutil.ignore_patterns("__pycache__")))


def said(folder: Path, gaps: frozenset[str] | None = frozenset()) -> str:
    return "\n".join(f"{f.code} {f.path} {f.message_vi}" for f in inspect_folder("toy_upstream", folder, gaps))


def replaced(file: str, old: str, new: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text
        (folder / file).write_text(text.replace(old, new), encoding="utf-8")

    return damage


def example(tree: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / "profiles/v1/examples/item.json").write_text(json.dumps(tree), encoding="utf-8")

    return damage


def test_a_good_folder_has_no_findings(folder: Path) -> None:
    """Nothing to say."""
    assert said(folder) == ""


@pytest.mark.parametrize(
    "file",
    [
        "README.md",
        "connector.py",
        "client.py",
        "simulator.py",
        "conformance.py",
        "manifest.toml",
        "profiles/v1/messages.py",
        "profiles/v1/mapping.py",
        "profiles/v1/outcomes.csv",
        "profiles/v1/examples/item.json",
    ],
)
def test_a_missing_file_is_named(folder: Path, file: str) -> None:
    """The anatomy is the same for all."""
    (folder / file).unlink()
    assert Path(file).name.split(".")[0] in said(folder) or "mẫu" in said(folder)


def test_a_folder_without_profiles_is_named(folder: Path) -> None:
    """At least one dialect."""
    shutil.rmtree(folder / "profiles")
    assert "profiles/" in said(folder)


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (replaced("profiles/v1/outcomes.csv", "code,pattern", "kode,pattern"), "outcomes_columns"),
        (replaced("profiles/v1/outcomes.csv", ",rejected,", ",exploded,"), "exploded"),
        (replaced("profiles/v1/outcomes.csv", "Mã lạ,our own,assumed", "Mã lạ,our own,sure"), "outcomes_row"),
        (replaced("profiles/v1/outcomes.csv", "Mã lạ,our own", "Mã lạ,"), "source"),
        (replaced("profiles/v1/outcomes.csv", "1,,duplicate", "1,(,duplicate"), "biểu thức"),
        (replaced("profiles/v1/outcomes.csv", "1,,duplicate", "0,,done"), "lặp"),
        (replaced("profiles/v1/outcomes.csv", "*,,", "9,,"), "quality_outcomes_total"),
        (
            replaced(
                "profiles/v1/messages.py", '    """An item as the upstream keeps it (our own invention)."""\n', ""
            ),
            "Item",
        ),
        (replaced("README.md", "## Giới hạn", "## Khác"), "quality_limits_documented"),
        (replaced("simulator.py", "mount_control(app)", "None"), "quality_simulator_faults"),
        (replaced("manifest.toml", '"Enquirer", ', ""), "quality_enquiry"),
        (replaced("manifest.toml", '"BatchDeliverer", ', ""), "BatchDeliverer"),
        (replaced("manifest.toml", '"Deliverer", ', ""), "Deliverer"),
        (replaced("manifest.toml", 'name = "toy_upstream"', 'name = "other"'), "toy_upstream"),
        (replaced("manifest.toml", 'owner = "Phòng thử nghiệm"', ""), "owner"),
        (example({"source": "x", "confidence": "doc"}), "message"),
        (example({"message": 1, "confidence": "doc"}), "source"),
        (example({"message": 1, "source": "x", "confidence": "sure"}), "confidence"),
        (example([]), "message"),
        (replaced("profiles/v1/examples/item.json", "{", "{{"), "JSON"),
    ],
)
def test_damage_is_found(folder: Path, damage: Callable[[Path], None], finding: str) -> None:
    """Tables, examples, promises and answers that do not hold."""
    damage(folder)
    assert finding in said(folder)


def test_a_deliverer_with_nothing_to_deliver_is_found(folder: Path) -> None:
    """A manifest without operations promises nothing that could be kept."""
    manifest = folder / "manifest.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(re.sub(r"(?ms)^\[operations\..*?(?=^\[(?!operations))", "", text), encoding="utf-8")
    assert "không khai báo thao tác" in said(folder)


def test_a_new_gap_is_refused_and_an_old_one_must_go(folder: Path) -> None:
    """The list of open quality answers may only shrink."""
    gap = frozenset({"toy_upstream.bench"})
    assert "toy_upstream.bench" in said(folder, gap)
    replaced("manifest.toml", 'bench = { answer = "exempt"', 'bench = { answer = "todo"')(folder)
    assert "toy_upstream.bench" in said(folder, frozenset())
    assert said(folder, gap) == ""
    assert said(folder, None) == ""


def test_an_unknown_name_is_a_finding() -> None:
    """Asking for a connector that is not there is answered, not ignored."""
    assert [finding.code for finding in inspect_all("nobody")] == ["unknown_connector"]


def test_the_list_of_gaps_names_rules_that_exist() -> None:
    """A gap nobody can close would stay for ever."""
    from connectors.kit.manifest import QUALITY_RULES

    assert all(gap.split(".")[1] in QUALITY_RULES for gap in known_gaps())
