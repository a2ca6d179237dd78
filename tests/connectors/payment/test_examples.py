"""The example messages of every dialect are of the wire types that they name."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import msgspec
import pytest

import connectors.payment.profiles

_FILES = sorted(Path(connectors.payment.profiles.__path__[0]).glob("[a-z]*/examples/*.json"))


@pytest.mark.parametrize("file", [pytest.param(file, id=f"{file.parts[-3]}-{file.stem}") for file in _FILES])
def test_an_example_is_of_the_type_that_it_names(file: Path) -> None:
    """Reading it by its type and writing it again loses nothing; an unknown or a missing member fails."""
    example = json.loads(file.read_text(encoding="utf-8"))
    messages = importlib.import_module(f"connectors.payment.profiles.{file.parts[-3]}.messages")
    written = example["message"]
    if not isinstance(written, dict):
        pytest.skip("a text, judged by its dialect's own tests")
    read = msgspec.convert(written, getattr(messages, example["type"]))
    assert {name: value for name, value in json.loads(msgspec.json.encode(read)).items() if value != ""} == {
        name: value for name, value in written.items() if value != ""
    }
