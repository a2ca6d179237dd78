"""Manifests: read whole, and every fault of one named at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.kit.manifest import QUALITY_RULES, ManifestError, read_manifest

HEAD = """
name = "portal"
title_vi = "Cổng"
owner = "Bộ"
legal_basis = ["QĐ 3036/QĐ-BVHTTDL Điều 5 khoản 7"]
capabilities = ["Deliverer"]
"""
OPERATIONS = """
[operations.progress]
trigger = "event"
order = 2
when_late = true
batch = 10
[operations.state]
trigger = "event"
order = 1
idempotent = true
enquirable = true
supersedes = "cumulative"
[operations.procedure]
trigger = "call"
"""
QUALITY = "".join(f'[quality.{rule}]\nanswer = "done"\n' for rule in QUALITY_RULES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the manifest lies."""
    return tmp_path


def faults_of(folder: Path, text: str) -> str:
    path = folder / "manifest.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ManifestError) as caught:
        read_manifest(path)
    assert caught.value.faults
    return "\n".join(caught.value.faults)


def test_a_manifest_is_read_whole(folder: Path) -> None:
    """Operations of an event come in lane order; what is not said has its default."""
    path = folder / "manifest.toml"
    path.write_text(HEAD + OPERATIONS + QUALITY + '[settings]\nbase_url = "Địa chỉ"\n', encoding="utf-8")
    manifest = read_manifest(path)
    state, progress = manifest.for_events()
    assert (state.name, state.idempotent, state.enquirable, state.batch) == ("state", True, True, 1)
    assert (progress.name, progress.when_late, progress.idempotent, progress.batch) == ("progress", True, False, 10)
    assert manifest.operations["procedure"].trigger == "call"
    assert (state.supersedes, progress.supersedes) == ("cumulative", "")
    assert len(manifest.quality) == 12
    assert manifest.settings == {"base_url": "Địa chỉ"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('nam = "x"\n' + HEAD, "nam: "),
        (HEAD.replace('"portal"', '"Cổng DVC"'), "name: "),
        (HEAD.replace('owner = "Bộ"', 'owner = " "'), "owner: "),
        (HEAD.replace('["QĐ 3036/QĐ-BVHTTDL Điều 5 khoản 7"]', "[]"), "legal_basis: "),
        (HEAD.replace('"Deliverer"', '"Teleporter"'), "Teleporter"),
        (HEAD + OPERATIONS.replace('"cumulative"', '"latest"'), "operations.state.supersedes: "),
        (HEAD + OPERATIONS.replace("batch = 10", 'supersedes = "cumulative"'), "operations.progress.supersedes: "),
        (HEAD + OPERATIONS.replace('"call"', '"call"\nsupersedes = "cumulative"'), "operations.procedure.supersedes: "),
        (HEAD + 'operations = "x"\n', "operations: "),
        (HEAD + "[operations]\nx = 1\n", "operations.x: "),
        (HEAD + '[operations.x]\ntrigger = "moon"\n', "operations.x.trigger: "),
        (HEAD + '[operations.x]\ntrigger = "event"\norder = true\n', "operations.x.order: "),
        (HEAD + '[operations.x]\ntrigger = "event"\nidempotent = 1\n', "operations.x.idempotent: "),
        (HEAD + '[operations.x]\ntrigger = "event"\nbatch = 0\n', "operations.x.batch: "),
        (HEAD + '[operations.x]\ntrigger = "event"\n[operations.y]\ntrigger = "event"\n', "operations.y.order: "),
        (HEAD + '[operations.x]\ntrigger = "call"\nretries = 3\n', "operations.x.retries: "),
        (HEAD + '[quality.speed]\nanswer = "done"\n', "quality.speed: "),
        (HEAD + '[quality.bench]\nanswer = "maybe"\n', "quality.bench: "),
        (HEAD + '[quality.bench]\nanswer = "todo"\n', "quality.bench.reason: "),
        (HEAD + '[quality.bench]\nanswer = "exempt"\nreason = " "\n', "quality.bench.reason: "),
        (HEAD + "[settings]\nx = 1\n", "settings.x: "),
    ],
)
def test_a_fault_is_named(folder: Path, text: str, named: str) -> None:
    """Each fault says where it is."""
    assert named in faults_of(folder, text)


def test_all_faults_come_at_once(folder: Path) -> None:
    """An empty manifest is told everything it lacks, all twelve quality answers included."""
    faults = faults_of(folder, "")
    assert all(key in faults for key in ("name", "title_vi", "owner", "legal_basis", "capabilities"))
    assert all(f"quality.{rule}" in faults for rule in QUALITY_RULES)


@pytest.mark.parametrize("raw", [b"name = ", b"\xff\xfe", b"name = 'a'\nname = 'b'"])
def test_what_is_no_toml_is_said(folder: Path, raw: bytes) -> None:
    """Neither a syntax error nor a wrong encoding escapes as something else."""
    path = folder / "manifest.toml"
    path.write_bytes(raw)
    with pytest.raises(ManifestError, match="TOML"):
        read_manifest(path)


def test_a_missing_manifest_is_said(folder: Path) -> None:
    """A folder without a manifest is no connector."""
    with pytest.raises(ManifestError, match="không đọc được"):
        read_manifest(folder / "manifest.toml")
