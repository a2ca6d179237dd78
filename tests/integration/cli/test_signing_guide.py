"""docs/cau-hinh-ky-so.vi.md shows settings that the gateway takes as they stand, and commands as they are called."""

from __future__ import annotations

import re
import shlex
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.program import parser
from gateway.config import check
from gateway.errors import ConfigError
from signing.making import Profile

CALLERS = {
    "SEC-DEMO": {
        "role": "sector",
        "consent_no": "01/VHTTDL-ĐY",
        "consent_date": date(2026, 1, 15),
        "keys": {"SEC-DEMO-1": {"algorithm": "ed25519", "file": "keys/SEC-DEMO.pub.pem"}},
    }
}


@pytest.fixture(scope="module")
def guide() -> str:
    """The guide as it is published."""
    return (Path(__file__).parents[3] / "docs" / "cau-hinh-ky-so.vi.md").read_text("utf-8")


def _shown(guide: str, *, with_options: bool) -> dict[str, Any]:
    """All blocks of settings as one file; options are lines behind `# `."""
    text = "\n".join(re.findall(r"^```toml\n(.*?)^```$", guide, re.DOTALL | re.MULTILINE))
    return tomllib.loads(re.sub(r"^# (?=[a-z_]+ = )", "", text, flags=re.MULTILINE) if with_options else text)


@pytest.mark.parametrize("with_options", [False, True])
def test_the_settings_of_the_guide_are_taken_as_they_stand(guide: str, with_options: bool) -> None:
    """Also with every line that is shown as an option."""
    settings = check({"callers": CALLERS, **_shown(guide, with_options=with_options)})
    assert [key.kind for key in settings.signing.keys.values()] == ["pkcs12", "pkcs11"]
    assert settings.results is not None and bool(settings.results.policy_file) is with_options


def test_the_commands_and_profiles_of_the_guide_are_those_of_the_program(guide: str) -> None:
    """Each command parses; each profile of the table exists, and none is left out."""
    commands = re.findall(r"^gateway .+$", guide, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        assert parser().parse_args(shlex.split(command)[1:]).profile
    rows = "\n".join(line for line in guide.splitlines() if line.startswith("| `P-"))
    assert sorted(re.findall(r"P-(?:PDF|XML|CMS)-[BT]", rows)) == sorted(profile.value for profile in Profile)


def test_hosts_of_ones_own_need_no_word_about_the_rewrites_that_we_bring() -> None:
    """What the operator did not write cannot be his fault; what he wrote is named, with what to do."""
    own = {"hosts": ["ocsp.ca-minh-hoa.vn"]}
    assert check({"signing": {"status": own}}).signing.status.hosts == ("ocsp.ca-minh-hoa.vn",)
    with pytest.raises(ConfigError) as caught:
        check({"signing": {"status": {**own, "internal": ["a.vn"], "rewrites": {"x.vn": "b.vn"}}}})
    assert [fault.split(", có")[0] for fault in caught.value.faults] == [
        "signing.status.hosts: thiếu 'a.vn'",
        "signing.status.hosts: thiếu 'b.vn'",
    ]
