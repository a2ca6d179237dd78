"""README.md tells operators every secret and every option of a carrier's dialect, with its default, and no other."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

import connectors.postal
import connectors.postal.profiles
from connectors.kit.settings import typed
from connectors.postal.client import dialect_of
from connectors.postal.handover import LineStatus
from connectors.postal.ledger import _ALARMS_VI
from connectors.postal.model import Meaning
from connectors.postal.paper_settings import PaperSettings
from connectors.postal.settings import (
    AgencyPlace,
    AgencySettings,
    CancelSettings,
    CarrierSettings,
    NoticeLimits,
    OrderNumberSettings,
    Settings,
    TrackingSettings,
)
from connectors.postal.statuses import load_statuses

_README = Path(connectors.postal.__path__[0], "README.md").read_text(encoding="utf-8")
_SECTION = _README.partition("### Từng phương ngữ")[2].partition("\n### ")[0]
_PROFILES = sorted(
    file.parent.name for file in Path(connectors.postal.profiles.__path__[0]).glob("[a-z]*/statuses.csv")
)

_SOURCES = sorted(Path(connectors.postal.__path__[0]).glob("*.py"))


def _rows(name: str) -> list[list[str]]:
    """The rows of a dialect in the table of options, with those that go on beneath them: key, default, meaning."""
    found: list[list[str]] = []
    mine = False
    for line in _SECTION.partition("| Khóa trong `options` |")[2].splitlines()[2:]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4:
            mine = f"`{name}`" in cells[0] if cells[0] else mine
            found += [cells[1:]] if mine else []
    return found


@pytest.mark.parametrize("name", _PROFILES)
def test_every_option_of_a_dialect_is_told_and_no_other(name: str) -> None:
    """A new one without a row fails here, and so does a row of one that is gone."""
    told = [key for row in _rows(name) for key in re.findall(r"`(\w+)`", row[0])]
    assert sorted(told) == sorted(dialect_of(name).options_type.__struct_fields__)
    assert all(row[1] and row[2] for row in _rows(name))


@pytest.mark.parametrize("name", _PROFILES)
def test_the_default_of_every_option_is_the_one_that_is_told(name: str) -> None:
    """As the table writes it: numbers, words of a closed list, `trống` for nothing."""
    told = {key: default for row in _rows(name) for key, default in _paired(re.findall(r"`(\w+)`", row[0]), row[1])}
    for field in msgspec.structs.fields(dialect_of(name).options_type):
        assert told[field.name] == _written(field), field.name


def _paired(keys: list[str], defaults: str) -> list[tuple[str, str]]:
    values = defaults.replace("`", "")
    return [(keys[0], values)] if len(keys) == 1 else list(zip(keys, values.split(", "), strict=True))


def _written(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "bắt buộc"
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if value or value == 0 else "trống"


@pytest.mark.parametrize("name", _PROFILES)
def test_every_secret_of_a_dialect_is_told(name: str) -> None:
    """In its row of the table of secrets."""
    row = next(line for line in _SECTION.splitlines() if line.startswith(f"| `{name}` |"))
    dialect = dialect_of(name)
    assert set(re.findall(r"`(\w+)`", row)) >= {*dialect.roles, *dialect.more_roles}


@pytest.mark.parametrize(
    "group",
    [
        Settings,
        CarrierSettings,
        AgencySettings,
        AgencyPlace,
        TrackingSettings,
        NoticeLimits,
        OrderNumberSettings,
        CancelSettings,
        PaperSettings,
    ],
)
def test_every_key_of_the_settings_is_told(group: type[msgspec.Struct]) -> None:
    """In the table of the whole or in that of a carrier; what belongs together may stand in one row (`.page_size`)."""
    tables = _README.partition("## Cấu hình")[2].partition("### Từng phương ngữ")[0].partition("```\n\n")[2]
    told = {
        name for key in re.findall(r"`([\w.]+)`", tables) for name in (key.partition(".")[0], key.rpartition(".")[2])
    }
    assert set(group.__struct_fields__) - told == set()


def test_what_nobody_could_confirm_has_the_default_of_the_facts() -> None:
    """A witness wrote the table of postal facts 11 down; each is a typed key with that default."""
    ngsp, donhang = (dialect_of(name).options_type for name in ("h2", "m1"))
    default = {field.name: field.default for one in (ngsp, donhang) for field in msgspec.structs.fields(one)}
    assert default["success_status"] == (0, 1, 200, 201)
    assert (default["event_time_format"], default["tz"], default["document_state"]) == ("auto", "Asia/Ho_Chi_Minh", 1)
    at = datetime(2026, 11, 22, tzinfo=UTC)
    known = [code for code in map(str, range(1_000)) if load_statuses("h2").meaning(code, at, {}) != Meaning.UNMAPPED]
    assert (known, load_statuses("h2").meaning("4", at, {})) == (["4"], "delivered")
    carrier = CarrierSettings(name="vnpost", profile="h2", base_url="https://post.example.vn", customer="X")
    assert (carrier.causes, carrier.public_keys, carrier.token_url) == ({}, (), "")
    assert (carrier.order_number.max_len, carrier.order_number.pattern) == (50, "[A-Za-z0-9._-]+")
    assert list(map(str, carrier.cancel.allowed_states)) == ["created", "accepted", "collecting"]
    assert carrier.order_number_unique is None
    assert [dialect_of(name).numbers_unique for name in _PROFILES] == [False] * len(_PROFILES)
    assert AgencyPlace(province="01", text="51 Ngô Quyền").list_version == "GSO-2025-07"
    assert (TrackingSettings().interval_s, TrackingSettings().page_size) == (300, 500)
    with pytest.raises(ValueError, match="page_size"):
        TrackingSettings(page_size=1_001)
    assert all(text in PaperSettings().legal_vi for text in ("45/2016/QĐ-TTg", "118/2025/NĐ-CP"))


def test_the_configuration_that_it_shows_is_one() -> None:
    """As an operator would copy it."""
    shown = next(text for text in re.findall(r"```toml\n(.*?)```", _README, re.DOTALL) if "[upstreams.postal]" in text)
    settings, faults = typed(tomllib.loads(shown)["upstreams"]["postal"]["settings"], Settings)
    assert (settings is not None, faults) == (True, ())


def test_an_operator_finds_every_alarm_of_the_post_with_what_is_to_be_done() -> None:
    """Nobody is woken by a code that stands in no table; eight of them stood in none."""
    table = _README.partition("## Việc của người vận hành")[2].partition("\n## ")[0]
    told = set(re.findall(r"`postal\.(\w+)`", table))
    raised = set(_ALARMS_VI) | {code for path in _SOURCES for code in _alarms(path)}
    raised |= {"statement_bad", "settlement_differences"}  # of the kit's settlement, under the name of the connector
    assert {"stray", "refused", "address_warning", "quiet", "handover_missing", "cod_overdue"} <= raised
    assert told == raised


def _alarms(path: Path) -> Iterator[str]:
    """The codes that a module raises by name; those of `_ALARMS_VI` follow from history and money."""
    module = importlib.import_module(f"connectors.postal.{path.stem}")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        match node.args[0] if name in ("alarm", "RaiseAlarm") else None:
            case ast.Constant(value=str(code)):
                yield code.removeprefix("postal.")
            case ast.Name(id=known) if hasattr(module, known):
                yield getattr(module, known)
            case ast.JoinedStr() as joined if name == "alarm":
                assert ast.unparse(joined) == "f'handover_{change.line_status}'"
                yield from (f"handover_{status}" for status in LineStatus if status is not LineStatus.OK)
