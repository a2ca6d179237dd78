"""Operators at the real program: their keys, their signatures in the trail, four eyes, planned pauses, and a crash."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.line.program import ask, until
from tests.line.words import own

pytestmark = pytest.mark.xdist_group("cli-operators")

REASON = "Đơn vị vận hành đã xác minh"
ME = getpass.getuser()
SECOND = "truongca"


@pytest.fixture(scope="module")
def two(office: Any) -> Iterator[Any]:
    """The running installation with its two operators."""
    yield office


def test_who_holds_no_key_decides_nothing(two: Any) -> None:
    """No key chosen where there are two; a name without a key; a key that nobody registered: each with what to do."""
    done = two.command("pause", "national_dvc", "--reason", REASON)
    assert done.code == 78 and "--as" in done.err and SECOND in done.err
    assert two.command("pause", "national_dvc", "--reason", REASON, "--as", "ai").code == 78
    foreign = two.folder / "keys/SEC-DEMO.pem"
    done = two.command("pause", "national_dvc", "--reason", REASON, "--as", ME, "--key", foreign, "--json")
    assert done.code == 2 and done.tree["code"] == "key_unknown"
    assert [row["paused"] for row in two.command("lanes", "--json").tree["upstreams"]] == ["", ""]


def test_a_key_that_others_can_read_is_not_used(two: Any) -> None:
    """As with ssh: 78, and the mode it must have."""
    path = two.folder / "keys/operators" / f"{SECOND}.pem"
    path.chmod(0o644)
    try:
        done = two.command("pause", "national_dvc", "--reason", REASON, "--as", SECOND)
        assert done.code == 78 and "0600" in done.err
    finally:
        path.chmod(0o600)


def test_four_eyes_from_the_command_line(two: Any) -> None:
    """A skip is proposed (1), listed (1 while it waits), not to be approved by its own author (2), refused by the other."""
    words = ("skip", "--upstream", "national_dvc", "--dossier", "000.00.00.G16-261120-7777", "--reason", REASON)
    proposed = two.command(*words, "--as", ME, "--json")
    assert proposed.code == 1 and proposed.tree["done"] is False
    proposal = proposed.tree["proposal"]
    listed = two.command("decisions", "list", "--json")
    assert listed.code == 1 and [row["proposal"] for row in listed.tree["proposals"]] == [proposal]
    screen = two.command("decisions", "list").out
    assert proposal in screen and "'" not in screen and "{" not in screen, "the second signer reads words, no dump"
    assert "upstream: national_dvc" in screen and f"{ME} đề nghị lúc" in screen
    own_word = two.command("decisions", "approve", proposal, "--reason", REASON, "--as", ME, "--json")
    assert own_word.code == 2 and own_word.tree["code"] == "same_person"
    nothing = two.approve(proposal)
    assert nothing.code == 2 and nothing.tree["done"] is False, "there is no such lane; the proposal still stands"
    refused = two.command("decisions", "refuse", proposal, "--reason", "Không có luồng này", "--as", SECOND, "--json")
    assert refused.code == 0
    assert two.command("decisions", "list", "--json").code == 0
    (row,) = two.command("decisions", "list", "--all", "--json").tree["proposals"]
    assert (row["fate"], row["decided_by"]) == ("refused", SECOND)


def test_a_revoked_operator_is_out_at_once(two: Any) -> None:
    """Added, may pause; revoked, may not; listed with history all the time."""
    add = ("operators", "add", "tam", "--new-key", "--role", "operator", "--display", "Người tạm thay")
    assert two.command(*add, "--reason", REASON, "--as", ME).code == 0
    assert two.command("resume", "--all", "--reason", REASON, "--as", "tam").code == 0
    assert two.command("operators", "revoke", "tam", "--reason", "Hết thời gian trực thay", "--as", ME).code == 0
    done = two.command("resume", "--all", "--reason", REASON, "--as", "tam", "--json")
    assert done.code == 2 and done.tree["code"] == "operator_not_in_force"
    listed = {row["name"]: row for row in two.command("operators", "list", "--json").tree["operators"]}
    assert listed["tam"]["in_force"] is False and len(listed["tam"]["history"]) == 2
    assert "Hết thời gian trực thay" in two.command("operators", "list").out
    again = two.command(*add, "--reason", REASON, "--as", ME)
    assert again.code == 2, "its private key lies there already"


def test_a_planned_pause_is_announced_kept_and_ended(two: Any) -> None:
    """Callers read it in /healthz and in the feed; nothing leaves inside; afterwards what waited arrives."""
    code = two.line.new_dossier()
    notice = "Cổng quốc gia bảo trì theo thông báo"
    before = time.monotonic()
    assert two.command("pause", "--list", "--json").code == 0
    lasts_s = max(15.0, 12 * (time.monotonic() - before))  # commands in it have to end before it does, on any machine
    now = datetime.now(UTC)
    begins, ends = (now + timedelta(seconds=s) for s in (0, lasts_s))
    window = two.decide(
        "pause", "national_dvc", "--from", begins.isoformat(), "--until", ends.isoformat(), "--notice", notice
    )["window"]
    health = ask("GET", f"{two.line.url()}/healthz").tree
    assert [(row["window"], row["notice"], row["in_force"]) for row in health["pauses"]] == [(window, notice, True)]
    assert "reason" not in health["pauses"][0]
    two.line.own_events(own(code, "received"))
    until(lambda: two.line.sent(code, outcome="acknowledged"), "accepted all the same")
    shown = two.command("lanes")
    assert shown.code == 1 and "Đang tạm dừng theo kế hoạch" in shown.out and notice in shown.out
    assert two.line.portal(code) is None
    assert two.command("pause", "--list", "--json").tree["windows"][-1]["phase"] in ("planned", "active")
    two.line.portal_has(code, ["2"], limit_s=60 + lasts_s)
    assert datetime.now(UTC) >= ends
    until(lambda: two.audit("pause.ended"), "the end is told")
    assert [len(two.audit(f"pause.{kind}")) for kind in ("planned", "began", "ended")] == [1, 1, 1]
    assert {"pause.planned", "pause.began", "pause.ended"} <= {row["kind"] for row in two.line.feed()}
    assert ask("GET", f"{two.line.url()}/healthz").tree["pauses"] == []


def test_a_planned_pause_can_be_cancelled(two: Any) -> None:
    """By its number, with a reason."""
    begins = (datetime.now(UTC) + timedelta(hours=5)).isoformat()
    told = two.decide("pause", "--all", "--from", begins, "--notice", "Bảo trì toàn hệ thống đêm nay")
    assert two.command("pause", "--cancel", told["window"], "--as", ME).code == 64, "a reason is needed"
    two.decide("pause", "--cancel", told["window"])
    assert two.command("pause", "--list", "--json").tree["windows"][-1]["phase"] == "cancelled"
    again = two.said("pause", "--cancel", told["window"])
    assert again.code == 2 and again.tree["code"] == "window_closed"


def test_the_trail_is_searched_exported_and_verified(two: Any) -> None:
    """On the running gateway; the export holds, and one changed letter is named."""
    found = two.command("audit", "search", "--kind", "operator.added", "--reason", REASON, "--as", ME, "--json")
    assert found.code == 0 and {row["fields"]["operator"] for row in found.tree["rows"]} >= {SECOND}
    file = two.folder / "trail.jsonl"
    assert two.command("audit", "export", "--reason", REASON, "--as", ME, "--out", file).code == 0
    assert file.stat().st_mode & 0o077 == 0
    whole = two.command("audit", "verify", file, "--json")
    assert whole.code == 0 and whole.tree["decisions"] > 0 and whole.tree["faults"] == [], whole
    file.write_bytes(file.read_bytes().replace(b"operator.added", b"operator.addes", 1))
    broken = two.command("audit", "verify", file, "--json")
    assert broken.code == 1 and broken.tree["faults"]
    assert two.command("audit", "verify", file, "--offline").code == 1
    denied = two.command("audit", "search", "--reason", "tò mò", "--as", ME, "--json")
    assert denied.code == 2 and denied.tree["code"] == "order_incomplete"
    table = two.command("audit", "export", "--csv", "--reason", REASON, "--as", ME, "--kind", "operator.added")
    assert table.out.splitlines()[0].startswith("position,at,kind") and "# sha256" in table.out.splitlines()[-1]
    reads = [row for row in two.audit("personal.read") if row["what"] == "audit"]
    assert {row["actor"] for row in reads} == {ME} and len(reads) >= 3


def test_the_kinds_of_the_trail_are_listed(two: Any) -> None:
    """For people, for programs, and as the document."""
    tree = two.line.program.run("audit", "kinds", "--json").tree
    assert {"decision.taken", "personal.read"} <= {row["kind"] for row in tree}
    assert "Quyết định đã ký" in two.line.program.run("audit", "kinds", "--markdown").out
    assert two.line.program.run("audit", "kinds").code == 0


def test_a_decision_whose_answer_a_crash_took_is_carried_out_once(two: Any) -> None:
    """Killed between commit and answer: the command says the very same thing to the store, and gets the answer it had."""
    line = two.line
    assert line.program.stop("gateway") == 0
    before = len(two.audit("upstream.paused"))
    line.program.start(
        "gateway", ["serve", "--config", str(line.config)], f"{line.url()}/readyz",
        extra={"GATEWAY_CRASH_AT": "decision.before_answer"},
    )  # fmt: skip
    told = two.decide("pause", "national_dvc")
    assert told["done"] is True
    assert line.program.ended("gateway") == -9, "it was killed before it could answer"
    assert len(two.audit("upstream.paused")) == before + 1
    line.start("gateway")
    assert {row["upstream"]: bool(row["paused"]) for row in two.command("lanes", "--json").tree["upstreams"]} == {
        "national_dvc": True,
        "resolution": False,
    }
    two.decide("resume", "national_dvc")
    statements = [msgspec.json.decode(row["statement"])["decision_id"] for row in two.audit("decision.taken")]
    assert len(statements) == len(set(statements))
