"""Every connector passes the kit's suite; a new folder with a manifest is examined unasked."""

from __future__ import annotations

import pytest

from connectors.kit import inspect, registry
from connectors.kit.conformance import CHECKS, run_check, unexamined
from connectors.kit.ground import subject, variants

NAMES = tuple(registry.folders())
VARIANTS = tuple((name, variant) for name in NAMES for variant in variants(name))


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


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_is_examined_by_a_case(name: str) -> None:
    """A dialect that no case answers for would never meet the suite."""
    assert unexamined(name) == ()


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(("name", "variant"), VARIANTS)
async def test_the_connector_conforms(name: str, variant: str, check: str) -> None:
    """The connector keeps what the check says in every dialect and on every route, and says nothing that it must not."""
    assert await run_check(subject(name, variant), check) == ()
