"""Every attack on a PDF signature is seen by the check that the signing facts name, and the document before it was good."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.signing.pdf import attacks, kit
from tests.unit.signing.pdf.attacks import ATTACKS


@pytest.fixture(scope="module")
def sole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """One good signature."""
    return attacks.base(tmp_path_factory.mktemp("sole"))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two good signatures."""
    return attacks.stamped_over(tmp_path_factory.mktemp("both"))


def test_what_the_attacks_start_from_holds(sole: bytes, both: bytes) -> None:
    """Otherwise each refusal below would prove nothing."""
    assert kit.holds(kit.read(sole))
    assert kit.holds(kit.read(both))


def _seen(raw: bytes) -> set[str]:
    facts = kit.read(raw)
    return set().union(*(kit.failures(facts, at) for at in range(max(1, len(facts.signatures)))))


@pytest.mark.parametrize("name", ATTACKS)
def test_each_attack_on_one_signature_is_seen(name: str, sole: bytes) -> None:
    """By one of the checks that its row of section 7 demands."""
    attack = ATTACKS[name]
    attacked = attack.make(sole)
    assert attacked != sole
    seen = _seen(attacked)
    assert seen & attack.seen_by, f"{name}: {seen}"
    assert not kit.holds(kit.read(attacked))


@pytest.mark.parametrize("name", ATTACKS)
def test_each_attack_on_two_signatures_is_seen(name: str, both: bytes) -> None:
    """The second signature gives an attacker no new room."""
    attack = ATTACKS[name]
    attacked = attack.make(both)
    assert _seen(attacked) & attack.seen_by
    assert not kit.holds(kit.read(attacked))


@pytest.mark.parametrize("trap", [attacks.planted, attacks.revealed])
def test_a_document_prepared_for_a_later_attack_fails_when_it_comes(
    trap: Callable[[Path], tuple[bytes, bytes]], tmp_path: Path
) -> None:
    """Shadow attacks: good as signed, refused as soon as the trap is sprung."""
    made, attacked = trap(tmp_path)
    assert kit.holds(kit.read(made)), kit.failures(kit.read(made))
    assert _seen(attacked) & {"coverage"}


def test_a_harmless_revision_is_no_attack(sole: bytes) -> None:
    """What the rules allow passes: an unreferenced object, a new date in Info, an object written again as it was."""
    assert kit.holds(kit.read(kit.appended(sole, {30: b"<</A 1>>"})))
    info = sole[sole.index(b"4 0 obj\n") + 8 :].split(b"\nendobj")[0].removesuffix(b">>")
    dated = kit.appended(sole, {4: info + b"/ModDate(D:20261120)>>"}, more=b"/Info 4 0 R")
    assert kit.holds(kit.read(dated)), kit.failures(kit.read(dated))
    again = kit.appended(sole, {3: b"<</BaseFont/Helvetica/Type/Font/Subtype/Type1>>"})
    assert kit.holds(kit.read(again))
