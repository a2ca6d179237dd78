"""Every connector passes the kit's suite; a new folder with a manifest is examined unasked."""

from __future__ import annotations

import pytest

from connectors.kit import inspect, registry
from connectors.kit.conformance import CHECKS, run_check
from connectors.kit.ground import subject

NAMES = tuple(registry.folders())


def test_there_are_connectors_to_examine() -> None:
    """An empty tree would pass everything below."""
    assert {"national_dvc", "resolution"} <= set(NAMES)


def test_every_manifest_can_be_read() -> None:
    """Discovery reads all of them, without a fault."""
    assert set(registry.discover()) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_folder_has_its_anatomy(name: str) -> None:
    """The inspector finds nothing missing, no unsourced row or example, no doubtful quality answer."""
    assert [f"{finding.path}: {finding.message_vi}" for finding in inspect.inspect_all(name)] == []


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", NAMES)
async def test_the_connector_conforms(name: str, check: str) -> None:
    """The connector keeps what the check says, and says nothing that it must not."""
    assert await run_check(subject(name), check) == ()
