"""Exit codes are an interface: 64 for wrong usage of any command, 78 for a wrong configuration, 69 for what is not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.program import COMMANDS, main
from tests.line.program import Program

pytestmark = pytest.mark.xdist_group("cli-usage")

REASON = ("--reason", "Đã xác minh với đơn vị")
WRONG_USAGE: tuple[tuple[str, ...], ...] = (
    (),
    ("fly",),
    ("--config", "x", "lanes"),
    ("init",),
    ("init", "a", "b"),
    ("init", "a", "--gateway-port", "abc"),
    ("serve", "--port", "1"),
    ("simulate",),
    ("simulate", "national_dvc"),
    ("simulate", "national_dvc", "--port", "x"),
    ("simulate", "no_such_system", "--port", "1"),
    ("push",),
    ("push", "--as"),
    ("lanes", "--limit", "many"),
    ("hold", "--upstream", "national_dvc", "--dossier", "x"),
    ("release", "--upstream", "national_dvc", "--dossier", "x"),
    ("replay", *REASON),
    ("replay", "--upstream", "national_dvc", "--dossier", "x", "--delivery", "y"),
    ("skip", "--upstream", "national_dvc", "--dossier", "x"),
    ("skip", *REASON, "--before", "x"),
    ("pause", *REASON),
    ("pause", "national_dvc"),
    ("resume", "national_dvc"),
    ("pause", "national_dvc", "--all", *REASON),
    ("pause", "--cancel", "x"),
    ("pause", "national_dvc", "--until", "2026-11-24 02:00", *REASON),
    ("pause", "national_dvc", "--from", "tomorrow", *REASON),
    ("audit",),
    ("audit", "search"),
    ("audit", "search", "--kind", "no.such", *REASON),
    ("audit", "verify"),
    ("operators",),
    ("operators", "add", *REASON),
    ("operators", "add", "x", "--role", "king", *REASON),
    ("operators", "revoke", "x"),
    ("decisions",),
    ("decisions", "approve", *REASON),
    ("decisions", "approve", "x"),
    ("mappings",),
    ("mappings", "explain"),
    ("mappings", "improve"),
    ("connectors",),
    ("config",),
    ("config", "mend"),
    ("doctor", "now"),
    ("demo", "--dossiers", "many"),
)


def _told(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[object, str, str]:
    """What the program's own entry point says to these words: exit code, standard output, standard error.

    A process would do nothing but start: what is wrong with the words is found before anything else happens.
    """
    with pytest.raises(SystemExit) as ended:
        main(words)
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


@pytest.mark.parametrize("words", WRONG_USAGE, ids=" ".join)
def test_wrong_usage_of_every_command_exits_with_64_and_says_how(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A usage line or a Vietnamese sentence on standard error, nothing on standard output."""
    code, out, err = _told(words, capsys)
    assert code == 64
    assert out == "" and "✗" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("verify",), "thiếu TỆP"),
        (("verify", "x", "--no-such"), "không có tùy chọn hoặc tham số --no-such"),
        (("verify", "x", "--at", "20/11/2026"), "--at: '20/11/2026' không phải thời điểm, ví dụ '2026-11-23 22:00'"),
        (("verify", "x", "--at"), "--at: cần một giá trị"),
        (("certificate", "verify", "x", "--proven", "mai"), "--proven: 'mai' không phải thời điểm"),
        (
            ("certificate", "verify", "x", "--purpose", "y"),
            "--purpose: không nhận giá trị 'y'; chọn một trong: 'signer',",
        ),
        (("lanes", "--limit", "many"), "--limit: giá trị không hợp lệ: 'many'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_wrong_usage_is_said_in_vietnamese(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The words of argparse are English and name our functions; a person gets his own language and an example."""
    code, _, err = _told(words, capsys)
    assert code == 64 and f"✗ Sai cú pháp: {said}" in " ".join(err.split())


def test_wrong_usage_of_the_process_exits_with_64_too(at_once: Any) -> None:
    """What the entry point answers is what the shell sees."""
    for done in at_once([(), ("fly",), ("pause", "national_dvc")]):
        assert done.code == 64 and done.out == "" and "✗" in done.err and "Traceback" not in done.err


def test_help_lists_every_command_and_the_exit_codes(program: Program) -> None:
    """`gateway --help` names each command that the program has."""
    done = program.run("--help")
    assert done.code == 0
    for name in COMMANDS:
        assert f"\n    {name} " in done.out or f"\n    {name}\n" in done.out
    for code in ("0", "1", "2", "3", "64", "69", "78"):
        assert f"{code} " in done.out


@pytest.mark.parametrize("wrong", ["absent", "broken"])
@pytest.mark.parametrize(
    "words",
    [("serve",), ("lanes",), ("doctor",), ("config", "check"), ("push", "x.json"), ("pause", "national_dvc", *REASON)],
    ids=lambda words: words[0],
)
def test_a_missing_or_broken_configuration_exits_with_78_and_names_the_file(
    words: tuple[str, ...], wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command that needs the configuration says which file it could not use."""
    place = tmp_path / "gateway.toml"
    if wrong == "broken":
        place.write_text("[[[", encoding="utf-8")
    code, _, err = _told((*words, "--config", str(place)), capsys)
    assert code == 78 and str(place) in err


def test_without_a_gateway_and_without_a_store_orders_exit_with_69(at_once: Any, still: Any) -> None:
    """Nothing runs and nothing is stored: say so, and what to do."""
    for kept in (still.folder / "data").iterdir():
        kept.unlink()
    lane = ("--upstream", "national_dvc", "--dossier", "000.00.00.G16-261120-0001")
    config = ("--config", str(still.folder / "gateway.toml"))
    commands: list[tuple[str, ...]] = [
        ("lanes", *config),
        ("lanes", "--json", *config),
        ("hold", *lane, *REASON, *config),
        ("release", *lane, *REASON, *config),
        ("skip", *lane, *REASON, *config),
        ("replay", *lane, "--delivery", "x", *REASON, *config),
        ("pause", "national_dvc", *REASON, *config),
        ("resume", "national_dvc", *REASON, *config),
        ("push", str(still.folder / "event.json"), *config),
    ]
    for words, done in zip(commands, at_once(commands), strict=True):
        assert done.code == 69, (words, done)
        assert len(done.err.strip("✗ \n")) > 20 and "Traceback" not in done.err, (words, done)
    assert not (still.folder / "data/journal.db").exists(), "asking makes no store"


def test_a_store_that_is_no_database_is_named(still: Any) -> None:
    """A damaged file exits with 69 and a sentence, for `serve` and for an operator's look."""
    damaged = still.folder / "data/journal.db"
    damaged.write_bytes(b"this is no database, and was never one" * 10)
    try:
        for command in ("serve", "lanes"):
            done = still.command(command)
            assert done.code == 69 and "không mở được kho dữ liệu" in done.err and "Traceback" not in done.err
        assert damaged.read_bytes().startswith(b"this is no database")
    finally:
        damaged.unlink()


def test_options_of_a_simulator_that_it_does_not_know_are_named(still: Any, program: Program) -> None:
    """78 for a wrong key, 3 for a file that is no TOML."""
    wrong = still.write("wrong.toml", b'colour = "blue"\n')
    done = program.run("simulate", "resolution", "--port", "1", "--options", wrong)
    assert done.code == 78 and "colour" in done.err and "Traceback" not in done.err
    rubbish = still.write("rubbish.toml", b"[[[")
    assert program.run("simulate", "resolution", "--port", "1", "--options", rubbish).code == 3
