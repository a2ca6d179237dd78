"""The example messages of every carrier's dialect are of the wire types that they name."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import msgspec
import pytest

import connectors.postal.profiles

_FILES = sorted(Path(connectors.postal.profiles.__path__[0]).glob("[a-z]*/examples/*.json"))


@pytest.mark.parametrize("file", [pytest.param(file, id=f"{file.parts[-3]}-{file.stem}") for file in _FILES])
def test_an_example_is_of_the_type_that_it_names(file: Path) -> None:
    """Reading it by its type and writing it again loses nothing and adds nothing."""
    example = json.loads(file.read_text(encoding="utf-8"))
    messages = importlib.import_module(f"connectors.postal.profiles.{file.parts[-3]}.messages")
    kind = getattr(messages, example["type"])
    read = msgspec.convert(example["message"], kind)
    assert json.loads(msgspec.json.encode(read)) == example["message"]
    for one in read if isinstance(read, list) else [read]:
        assert repr(one) == f"<{type(one).__name__}>"  # messages name persons; a log of one must not
