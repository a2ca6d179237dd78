"""docs/verification-manual.vi.md is followed word by word: its files, its commands, what it says they print."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.cli.program import main
from signing.catalogue import sub_indication_rows
from signing.evidence_folder import read_evidence
from signing.policy import Policy
from signing.policy_file import read_policy
from signing.rendering.structured import as_tree
from signing.trust_folder import read_trust
from tests import pki, signed


@pytest.fixture(scope="module")
def manual(project_root: Path) -> str:
    """The manual as it is published."""
    return (project_root / "docs" / "verification-manual.vi.md").read_text("utf-8")


@pytest.fixture(scope="module")
def project_root() -> Path:
    """The folder that holds docs."""
    return Path(__file__).parents[3]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, manual: str) -> Path:
    """What the reader of the manual has before him."""
    place = tmp_path_factory.mktemp("manual")
    pki.trust_folder(place / "tin-cay")
    pki.evidence_folder(place / "chung-cu")
    signed.pages(place / "goc.pdf")
    half_hour = timedelta(minutes=30)
    signed.sign(place / "goc.pdf", place / "mot.pdf", stamped=pki.NOW - half_hour)
    signed.sign(place / "mot.pdf", place / "ket-qua.pdf", "agency", stamped=pki.NOW - half_hour / 2)
    (place / "goc.xml").write_text("<quyet-dinh><so>15</so></quyet-dinh>", encoding="utf-8")
    signed.sign(place / "goc.xml", place / "quyet-dinh.xml")
    (place / "sua-doi.xml").write_bytes((place / "quyet-dinh.xml").read_bytes().replace(b"<so>15<", b"<so>16<"))
    (place / "giay-phep.docx").write_bytes(b"PK\x03\x04 a document")
    signed.sign(place / "giay-phep.docx", place / "giay-phep.docx.p7s")
    signed.sign(place / "giay-phep.docx", place / "con-dau.p7s", "agency")
    (place / "chinh-sach-van-ban-cu.toml").write_text(_blocks(manual, "toml")[2], encoding="utf-8")
    return place


def _blocks(manual: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", manual, re.DOTALL | re.MULTILINE)


def _said(place: Path, command: str) -> tuple[int, list[str]]:
    """Run one command of the manual; its exit code and its lines."""
    words = shlex.split(command)
    assert words[0] == "gateway"
    screen = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with (
        contextlib.chdir(place),
        contextlib.redirect_stdout(screen),
        contextlib.redirect_stderr(screen),
        pytest.raises(SystemExit) as ended,
    ):
        main(words[1:])
    screen.seek(0)
    assert isinstance(ended.value.code, int)
    return ended.value.code, [line for line in screen.read().splitlines() if line.strip()]


def _matches(shown: list[str], said: list[str]) -> bool:
    """Whether the shown lines are what was said; `…` stands for anything, alone on its line for any lines."""
    if not shown:
        return not said
    if shown[0] == "…":
        return any(_matches(shown[1:], said[skipped:]) for skipped in range(len(said) + 1))
    if not said:
        return False
    pattern = ".*".join(re.escape(part) for part in shown[0].rstrip().split("…"))
    return re.fullmatch(pattern, said[0].rstrip()) is not None and _matches(shown[1:], said[1:])


def test_every_command_of_the_manual_prints_what_the_manual_shows(desk: Path, manual: str) -> None:
    """Words, order and exit codes."""
    commands = 0
    for block in _blocks(manual, "console"):
        code: int | None = None
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = step.rstrip().split("\n")
            if command == "echo $?":
                assert [str(code)] == shown
                continue
            code, said = _said(desk, command)
            if shown[-1].startswith(("{", "…")) or not shown:
                shown = [*shown, "…"]
            assert _matches(shown, said) or _matches([*shown, "…"], said), "\n".join([command, *said])
            commands += 1
    assert commands >= 9


def test_every_sub_indication_stands_in_the_manual_with_its_words(manual: str) -> None:
    """What a report may say, a reader can look up."""
    for row in sub_indication_rows().values():
        line = f"| `{row.sub_indication}` | {row.indication} | {row.message_vi} | {row.advice_vi} |"
        assert line in manual, row.sub_indication


def test_the_files_that_the_manual_shows_are_read_as_they_stand(desk: Path, manual: str, tmp_path: Path) -> None:
    """anchors.toml, received.toml and the policy file, each as printed."""
    anchors, received, _ = _blocks(manual, "toml")
    trust = pki.trust_folder(tmp_path / "tin-cay", "duty-root")
    (trust / "public-duty" / "duty-root.pem").rename(trust / "public-duty" / "root-2024.pem")
    (trust / "anchors.toml").write_text(anchors, encoding="utf-8")
    (anchor,) = read_trust(trust).anchors
    assert anchor.distrust_after is not None
    evidence = tmp_path / "chung-cu"
    evidence.mkdir()
    (evidence / "ket-qua.pdf").write_bytes((desk / "ket-qua.pdf").read_bytes())
    (evidence / "received.toml").write_text(received, encoding="utf-8")
    (existence,) = read_evidence(evidence).existences
    assert existence.at == pki.NOW
    policy = read_policy(desk / "chinh-sach-van-ban-cu.toml")
    assert policy.algorithms.digests["sha1"] is not None
    # All but what the example changes on purpose are the defaults that the manual claims them to be.
    assert (policy.time, policy.status, policy.path, policy.limits) == (
        Policy().time,
        Policy().status,
        Policy().path,
        Policy().limits,
    )
    assert policy.algorithms.schemes == Policy().algorithms.schemes


def test_every_key_of_the_json_is_explained(desk: Path, manual: str) -> None:
    """A key that nobody explains is a key that nobody may rely on."""
    from signing.grounds import Grounds
    from signing.verifying import verify

    report = verify(desk / "ket-qua.pdf", Grounds(pki.trust(), pki.NOW, pki.evidence()))
    explained = manual[manual.index("| khóa | nghĩa |") : manual.index("## 5.")]
    tree = as_tree(report)
    for key in tree:
        assert f"{key}" in explained, key
    signatures = tree["signatures"]
    assert isinstance(signatures, list)
    for key in signatures[0]:
        assert key in explained or key in ("id", "format", "level"), key
