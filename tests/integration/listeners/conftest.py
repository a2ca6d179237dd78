"""A house as the composition root builds it, with a connector of another distribution that brings routes on both listeners."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.cli.installation import Ports, lay_out, write_safely
from gateway.config import Loaded, load
from tests.toys.installing import as_distribution

Loads = Callable[..., Loaded]

SECRET = "made-up-toy-secret"

TOY = """
[upstreams.{code}]
connector = "toy_registry"
[upstreams.{code}.settings]
base_url = "http://127.0.0.1:9"
secret = "file:keys/toy.secret"
allow_plain = ["127.0.0.1"]
"""


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The toy library's connector is installed, as a distribution of its own."""
    for entry in as_distribution(tmp_path / "site", "toy_registry"):
        monkeypatch.syspath_prepend(entry)
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "toy_registry"]:
        del sys.modules[name]


@pytest.fixture
def loads(tmp_path: Path, toys: None) -> Loads:
    """Lays an installation out with the named toy upstreams and loads it; ports are free ones, some keys changed."""

    def made(*codes: str, **changes: str) -> Loaded:
        house = tmp_path / "house"
        lay_out(house, Ports(), ("SEC-DEMO",))
        write_safely(house / "keys/toy.secret", SECRET.encode())
        config = house / "gateway.toml"
        more = "".join(TOY.format(code=code) for code in codes or ("toys",))
        config.write_text(config.read_text(encoding="utf-8") + more, encoding="utf-8")
        free = {"GATEWAY__LISTEN__INTERNAL__PORT": "0", "GATEWAY__LISTEN__EDGE__PORT": "0"}
        return load(config, {name: value for name, value in {**free, **changes}.items() if value})

    return made
