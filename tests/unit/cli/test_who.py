"""Who gave a command that no signature vouches for."""

from __future__ import annotations

import getpass

import pytest

from gateway.cli.operators import whoami
from gateway.config import ordered_by


def test_who_is_said_to_have_given_the_command_comes_before_the_user_it_runs_as(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Under systemd that user is the same for everybody; blanks are nobody."""
    monkeypatch.delenv("GATEWAY_ORDERED_BY", raising=False)
    assert whoami() == getpass.getuser()
    monkeypatch.setenv("GATEWAY_ORDERED_BY", "nguyenvana")
    assert whoami() == "nguyenvana"
    assert ordered_by({"GATEWAY_ORDERED_BY": "  "}) == ""
