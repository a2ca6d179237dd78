"""What somebody who sees the post for the first time copies and looks up: configurations, dialects, codes of refusals."""

from __future__ import annotations

import re
import time
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import connectors.postal
import connectors.postal.profiles
from connectors.kit.contract import Health, Kit
from connectors.kit.errors import SettingsError
from connectors.kit.lone import LoneCoordination
from connectors.kit.settings import typed
from connectors.kit.simulation import opened
from connectors.postal.client import dialect_of
from connectors.postal.connector import PostalConnector
from connectors.postal.refusals import TABLE
from connectors.postal.settings import Settings
from connectors.postal.simulator import create_app
from tests.connectors.postal.desk import FEED_STATUSES

_FOLDER = Path(connectors.postal.__path__[0])
_PROJECT = Path(__file__).parents[3]
_README = (_FOLDER / "README.md").read_text(encoding="utf-8")
_FIRST_STEPS = _README.partition("### Thử trên một máy")[2].partition("\n## ")[0]
_PROFILES = sorted(file.parent.name for file in (_FOLDER / "profiles").glob("[a-z]*/statuses.csv"))


def _example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((_PROJECT / "docs/examples" / name).read_text(encoding="utf-8"))
    return found


def _opened(tree: Mapping[str, Any], secrets: Mapping[str, str]) -> PostalConnector:
    settings, faults = typed(tree, Settings)
    assert settings is not None, faults
    kit = Kit("postal", lambda: datetime.now(UTC), time.monotonic, LoneCoordination(), secrets.__getitem__)
    return PostalConnector(settings, kit)


async def test_the_example_that_operators_copy_is_a_working_configuration() -> None:
    """Every dialect, with what it needs: addresses, secrets by role, services, the keys of who sends notices."""
    tree = _example("postal.toml")["upstreams"]["postal"]["settings"]
    secrets = {ref: "s3cr3t" for one in tree["carriers"] for ref in one["secrets"].values()}
    connector = _opened(tree, secrets)
    assert sorted(one["profile"] for one in tree["carriers"]) == _PROFILES
    assert all(one["base_url"].split("/")[2].endswith(".example.vn") for one in tree["carriers"])
    await connector.close()


async def test_the_first_steps_of_the_readme_reach_the_simulated_carriers() -> None:
    """By the secrets that they write and the addresses of the example: every carrier answers and knows us."""
    text = (_PROJECT / "docs/examples/postal-simulated.toml").read_text(encoding="utf-8")
    written = {f"file:{file}": word for word, file in re.findall(r"printf ([\w-]+) > thu/(keys/[\w-]+)", _FIRST_STEPS)}
    (played,) = re.findall(r"printf '(.+)' > thu/simulators/postal\.toml", _FIRST_STEPS)
    options = tomllib.loads(played.replace("\\n", "\n"))
    assert options["script"]["step_s"] == 10.0
    assert ":9103/" in text and "--port 9103" in _FIRST_STEPS
    async with opened(create_app(options)) as door:
        tree = tomllib.loads(text.replace(":9103/", f":{door.port}/"))["upstreams"]["postal"]["settings"]
        assert tree["carriers"][0]["statuses"] == FEED_STATUSES
        for one in tree["carriers"]:
            assert (await _checked({**tree, "carriers": [one]}, written)).ready, one["name"]


async def test_the_first_steps_with_another_secret_reach_nobody() -> None:
    """So that the test above holds something."""
    text = (_PROJECT / "docs/examples/postal-simulated.toml").read_text(encoding="utf-8")
    async with opened(create_app({})) as door:
        tree = tomllib.loads(text.replace(":9103/", f":{door.port}/"))["upstreams"]["postal"]["settings"]
        wrong = {f"file:keys/{name}": "khac" for name in ("vnpost-key", "vnpost-secret", "donhang-token")}
        assert not (await _checked({**tree, "carriers": tree["carriers"][:1]}, wrong)).ready


async def _checked(tree: Mapping[str, Any], secrets: Mapping[str, str]) -> Health:
    connector = _opened(tree, secrets)
    try:
        return await connector.check()
    finally:
        await connector.close()


def test_an_unknown_dialect_was_refused_without_a_word_of_those_there_are() -> None:
    """Who mistypes a profile reads which ones may stand there."""
    with pytest.raises(SettingsError) as refused:
        dialect_of("m2")
    told = " ".join(refused.value.faults)
    assert "m2" in told and all(name in told for name in _PROFILES)


def test_a_refusal_was_in_no_guide() -> None:
    """A developer who reads a code in an answer finds it in the guide, under the status that it comes with."""
    guide = (_PROJECT / "docs/huong-dan-ket-noi.md").read_text(encoding="utf-8")
    section = guide.partition("## 18. ")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if re.match(r"\| [45]\d\d \|", line)]
    told = {code: row[1].strip() for row in rows for code in re.findall(r"`(\w+)`", row[2]) if "_" in code}
    assert told == {code: str(row.status) for code, row in TABLE.words().items()}


def test_a_secret_that_was_written_out_was_refused_without_the_name_of_its_carrier() -> None:
    """Who has three carriers reads which key of which one it is, and the secret is not repeated."""
    tree = _example("postal.toml")["upstreams"]["postal"]["settings"]
    tree["carriers"][2]["secrets"] = {"token": "mat-khau-that"}
    settings, faults = typed(tree, Settings)
    told = " ".join(faults)
    assert settings is None and "carriers[2]" in told and "secrets.token" in told and "mat-khau-that" not in told
