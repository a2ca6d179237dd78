"""What each key of the configuration means, in Vietnamese, out of the tables that stand beside the types."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

_TABLE = "meanings.toml"
_ANYWHERE = "*"
_SHARED = "connectors.kit"


def meaning(owner: type[msgspec.Struct], key: str) -> str:
    """What a key means, empty where nobody says.

    A struct is described in the table of the folder that it stands in, or of one above; a key that it has from another struct,
    by that one; a key that means the same everywhere, once for all connectors.
    """
    for kind in owner.__mro__:
        told = _table_of(kind.__module__).get(kind.__name__, {}).get(key, "")
        if told:
            return told
    shared = _table(_SHARED) if not owner.__module__.startswith("gateway.") else {}
    return shared.get(_ANYWHERE, {}).get(key, "")


def described(package: str) -> Mapping[str, Mapping[str, str]]:
    """Everything that the table of a package says: struct to key to meaning; nothing where it has none."""
    return _table(package)


def _table_of(module: str) -> Mapping[str, Mapping[str, str]]:
    while "." in module:
        module = module.rpartition(".")[0]
        if found := _table(module):
            return found
    return {}


@cache
def _table(package: str) -> Mapping[str, Mapping[str, str]]:
    # Whoever asks has the struct in hand, so its package is loaded; it may be one of another distribution.
    place = getattr(sys.modules.get(package), "__file__", None)
    path = Path(place).with_name(_TABLE) if place else None
    if path is None or not path.is_file():
        return {}
    return tomllib.loads(path.read_text(encoding="utf-8"))
