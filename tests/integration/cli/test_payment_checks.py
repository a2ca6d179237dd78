"""What an operator is told about payment before anybody pays: whatever serving would refuse, `gateway config check` names."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import connectors.payment
from gateway.cli import config
from gateway.cli.installation import write_safely
from tests.line.paying import laid_till
from tests.line.running import lay


@pytest.fixture
def checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Check an installation in which fees can be paid, with some lines of it exchanged."""

    def check(*changes: tuple[str, str], more: str = "") -> Any:
        till = laid_till(tmp_path / "till", {}, more)
        text = till.line.config.read_text(encoding="utf-8").replace(f"port = {till.edge}", "port = 0")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        till.line.config.write_text(text, encoding="utf-8")
        config.run(argparse.Namespace(action="check", config=till.line.config, json=True))
        return json.loads(capsys.readouterr().out)

    return check


def test_an_installation_that_can_serve_passes(checked: Callable[..., Any]) -> None:
    """Nothing is wrong, and nothing is warned of."""
    assert checked() == {"ok": True, "faults": [], "warnings": []}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("file:keys/pay-vnpay", "file:keys/nobody", "file:keys/nobody: không đọc được tệp bí mật"),
        ('role = "access"', 'role = "acess"', 'providers.momo.keys: cần một khóa có role = "access"'),
        ('role = "access"', 'role = "acess"', "không có «acess» (có: main, access)"),
        ("\napi = ", "\napy = ", "providers.vnpay.endpoints.api: bắt buộc phải có"),
        ('merchant = "SIMTMN01"\nsources = ["127.0.0.1"]', 'merchant = "SIMTMN01"', "providers.vnpay.sources"),
        ('merchant = "SIMTMN01"', 'merchant = "SIMTMN01"\noptions = { lokale = "vn" }', "vnpay.options.lokale"),
        (
            'merchant = "SIMMOMO"',
            'merchant = "SIMMOMO"\nminimum = 90000000',
            "momo.minimum, maximum: không số tiền nào lọt",
        ),
        ("return_hosts", 'receipts = "nowhere"\nreturn_hosts', "thao tác receipt"),
        ('sources = ["127.0.0.1"]\n[[', 'sources = ["127.0.0.1"]\ntoken = "file:keys/nobody"\n[[', "file:keys/nobody"),
        ('pay = "http://127', 'pay = "https://127', ""),
    ],
)
def test_check_passed_what_serving_refuses(checked: Callable[..., Any], old: str, new: str, told: str) -> None:
    """A slip of keys, addresses, roles or references is named before the start, with its place."""
    faults = " | ".join(checked((old, new))["faults"])
    assert told in faults and bool(told) == bool(faults)


def test_a_file_of_certificates_that_is_not_there_waited_for_the_first_payer(checked: Callable[..., Any]) -> None:
    """An https address with a `ca_file` that cannot be read."""
    change = ('merchant = "SIMTMN01"', 'merchant = "SIMTMN01"\nca_file = "keys/nobody.pem"')
    told = checked(change, ('pay = "http://127', 'pay = "https://127'))
    assert any("providers.vnpay" in fault and "ca_file" in fault for fault in told["faults"])


def test_the_trial_of_the_readme_can_be_served(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What an operator copies from it, behind what `gateway init` writes, is in order."""
    readme = (Path(connectors.payment.__path__[0]) / "README.md").read_text(encoding="utf-8")
    block = readme.split("### Thử trên một máy", 1)[1].split("```toml\n", 1)[1].split("```", 1)[0]
    line = lay(tmp_path / "thu", {})
    line.config.write_text(line.config.read_text(encoding="utf-8") + block, encoding="utf-8")
    write_safely(tmp_path / "thu/keys/pay-vnpay", b"simulator-vnpay\n")
    config.run(argparse.Namespace(action="check", config=line.config, json=True))
    assert json.loads(capsys.readouterr().out) == {"ok": True, "faults": [], "warnings": []}


def test_payment_without_an_edge_is_warned_of(checked: Callable[..., Any]) -> None:
    """No notice could arrive and no payer come back."""
    told = checked(('[listen.edge]\nhost = "127.0.0.1"\nport = 0\n', ""))
    assert told["ok"] and "[listen.edge]" in told["warnings"][0] and "upstreams.payment" in told["warnings"][0]
