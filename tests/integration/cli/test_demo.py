"""`gateway demo`: the whole performance, small; a sound verdict and nothing left behind."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.cli.demonstration.servers import postgres_programs, redis_program
from tests.line.program import processes_of

pytestmark = pytest.mark.xdist_group("cli-demo")


@pytest.mark.timeout(500)
def test_a_small_demo_is_sound_and_leaves_no_process_and_no_file(
    program_environment: dict[str, str], tmp_path: Path
) -> None:
    """Outage, faults, one SIGKILL, XML of a foreign system, a consent revoked, a poisoned lane released: lost 0, doubled 0.

    Citizens sign on before, their dossiers prove it outside, and one wrong day of birth is named. Fees are paid: one twice, which
    goes back under two keys, one at the counter, one only by a forged notice; every đồng is explained.
    Of four parcels one comes back after two failed attempts, and the board of operators shows its way.
    """
    # Not under tmp_path: the admin socket's path must stay short enough for the operating system.
    with tempfile.TemporaryDirectory() as place:
        words = ("--dossiers", "12", "--no-late")
        session, verdict = _played(words, program_environment | {"TMPDIR": place}, tmp_path)
        assert verdict["sound"] is True and verdict["accepted"] >= 40
        assert (verdict["lost"], verdict["out_of_order"], verdict["doubled"], verdict["faults"]) == (0, 0, 0, [])
        assert all(reason for _, _, reason in verdict["held"])
        assert verdict["foreign"] >= 3 and verdict["refused_after_revocation"] == 1
        assert len(verdict["decisions"]) == 3 and len(verdict["checks"]) >= 4
        assert verdict["results_signed"] == verdict["results_passed"] + 1 >= 3
        ((_, reason),) = verdict["results_held"]
        assert reason == "Nội dung đã bị thay đổi sau khi ký."
        assert verdict["results_delivered"] >= 1
        assert any("mã thoát 1" in check for check in verdict["checks"])
        assert verdict["score"]["dossiers"] >= 11
        assert verdict["signed_on"] == verdict["checks_agreed"] + 1 >= 3
        assert 1 <= verdict["proven_outside"] <= verdict["signed_on"]
        ((_, difference),) = verdict["differences"]
        assert difference.startswith("Ngày, tháng, năm sinh: người nộp khai ")
        assert any("Trình duyệt lạ" in check for check in verdict["checks"])
        assert any("Thông báo giả" in check for check in verdict["checks"])
        assert len(verdict["money"]) == 8 and verdict["receipts"] == 8 and len(verdict["settled"]) == 4
        assert [row[-1] for row in verdict["parcels"]] == ["khớp sổ của bưu chính"] * 4
        assert [row[1] for row in verdict["way"]].count("Phát không thành công") == 2
        assert verdict["way"][-1][1] == "Đã chuyển hoàn"
        assert list(Path(place).iterdir()) == []
        # The processes of the stage have sessions of their own, so they are sought by what they hold open.
        assert processes_of(session) == [] and _holding(place) == []


@pytest.mark.timeout(500)
@pytest.mark.skipif(postgres_programs() is None or redis_program() is None, reason="PostgreSQL 15 or Redis is missing")
def test_a_small_demo_on_several_nodes_survives_a_killed_node_database_and_redis_and_leaves_nothing(
    program_environment: dict[str, str], tmp_path: Path
) -> None:
    """Each of the three is killed while systems push; nothing is lost, every node's evidence holds, no server is left."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o711)  # who runs the servers is not who runs the tests
        words = ("--nodes", "2", "--dossiers", "8", "--brief")
        session, verdict = _played(words, program_environment | {"TMPDIR": place}, tmp_path)
        assert verdict["sound"] is True and verdict["accepted"] >= 20
        assert (verdict["lost"], verdict["out_of_order"], verdict["doubled"], verdict["faults"]) == (0, 0, 0, [])
        assert [what.split()[1] for what in verdict["survived"]] == ["nút", "mọi", "Redis"]
        # Two nodes and one that started again, the command that made the store, and the one that named the operator.
        (chains,) = (check for check in verdict["checks"] if check.startswith("Bằng chứng"))
        assert int(chains.split()[-2]) >= 4
        assert verdict["money"] == [] and verdict["parcels"] == []
        assert list(Path(place).iterdir()) == []
        assert processes_of(session) == [] and _holding(place) == []


def _played(words: Sequence[str], environment: Mapping[str, str], place: Path) -> tuple[int, Any]:
    """The session of a demo and its verdict; whatever comes, it does not outlive the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "demo", *words, "--json"],
        env=dict(environment),
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        try:
            out, err = process.communicate(timeout=480)
        finally:
            process.kill()
    assert process.returncode == 0, err.decode()
    return process.pid, msgspec.json.decode(out)


def _holding(place: str) -> list[str]:
    """Living processes whose command line names a folder."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = line.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if place in words:
            found.append(words)
    return found
