"""What operators may set for each dialect is written down, and what cannot work is refused when the program starts."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import connectors.payment
from connectors.kit.contract import Kit
from connectors.kit.errors import SettingsError
from connectors.kit.ground import LoneCoordination
from connectors.kit.secrets import SecretRef
from connectors.payment.client import Intermediaries, dialect_of
from connectors.payment.settings import PROFILES, KeySettings, ProviderSettings

_README = Path(connectors.payment.__path__[0]) / "README.md"


def _documented(name: str) -> set[str]:
    """The options that the README explains for a dialect: its row in their table, and those that go on beneath it."""
    table = _README.read_text(encoding="utf-8").partition("| Đơn vị | Khóa trong `options` |")[2].partition("\n\n")[0]
    rows = re.search(rf"^\| `{name}` \|.*(?:\n\| \|.*)*", table, re.MULTILINE)
    cells = [row.split("|")[2] for row in rows[0].splitlines()] if rows is not None else []
    return set(re.findall(r"`(\w+)`", " ".join(cells)))


@pytest.mark.parametrize("name", PROFILES)
def test_the_readme_explains_every_option_and_no_other(name: str) -> None:
    """By the names that the configuration knows."""
    options = dialect_of(name).options_type
    assert _documented(name) == set(options.__struct_fields__)


def opened(profile: Any, merchant: str, **options: Any) -> Intermediaries:
    """The connector's intermediaries with this one alone."""
    dialect = dialect_of(profile)
    keys = tuple(KeySettings(id=role, role=role, secret=SecretRef(f"env:{role.upper()}")) for role in dialect.roles)
    provider = ProviderSettings(
        profile=profile,
        merchant=merchant,
        endpoints={name: f"https://pay.example.gov.vn/{name}" for name in dialect.endpoints},
        keys=keys,
        options=options,
        sources=("203.0.113.0/28",),
    )
    now = datetime(2026, 9, 21, tzinfo=UTC)
    kit = Kit("payment", lambda: now, lambda: 0.0, LoneCoordination(), lambda reference: reference)
    return Intermediaries((provider,), kit)


@pytest.mark.parametrize(
    ("profile", "merchant", "options", "word"),
    [
        ("zalopay", "ung-dung", {}, "app_id"),
        ("vietqr", "970436", {}, "BIN"),
        ("vietqr", "970436:0011001234567", {"accounts": ["1:2"]}, "BIN"),
        ("vnpay", "TESTTMN1", {"refund_done_when": "soon"}, "refund_done_when"),
        ("momo", "MOMO", {"capture": "never"}, "capture"),
        ("zalopay", "2553", {"secret": "x"}, "options"),
    ],
)
async def test_what_cannot_work_is_refused_at_the_start_by_name(
    profile: str, merchant: str, options: dict[str, Any], word: str
) -> None:
    """A sentence for the operator, before anybody pays."""
    with pytest.raises(SettingsError) as refused:
        opened(profile, merchant, **options)
    assert any(f"providers.{profile}" in fault and word in fault for fault in refused.value.faults)


@pytest.mark.parametrize(("profile", "merchant"), [("zalopay", "2553"), ("vietqr", "970436:0011001234567")])
async def test_what_can_work_is_opened(profile: str, merchant: str) -> None:
    """VietQR needs neither a key nor an address."""
    intermediaries = opened(profile, merchant)
    assert intermediaries.named(profile) is not None
    await intermediaries.close()
