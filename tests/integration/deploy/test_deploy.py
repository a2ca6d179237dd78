"""What a ministry installs from: units that systemd accepts, containers that name only what is there."""

from __future__ import annotations

import base64
import re
import shlex
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # the library brings no types
import pytest
import yaml  # type: ignore[import-untyped]  # the library brings no types

from gateway.bootstrap.checking import checked
from gateway.cli.program import COMMANDS
from gateway.cli.screen import EX_BUSY, EX_CONFIG, EX_UNAVAILABLE
from gateway.cli.signer import FOLDER
from tests import corpora

UNITS = ("tthc-gateway.service", "tthc-gateway@gateway-1.service", "tthc-gateway-worker@worker-1.service")
BACKUP = ("tthc-gateway-backup.service", "tthc-gateway-backup.timer")

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_SECONDS = {"type": "string", "pattern": r"^(\d+m)?(\d+s)?$"}
_SERVICE = {
    "type": "object",
    "required": ["image", "restart", "networks", "healthcheck"],
    "additionalProperties": False,
    "properties": {
        "image": {"type": "string", "pattern": r"^[a-z0-9./-]+:[a-z0-9.-]+$"},
        "build": {
            "type": "object",
            "required": ["context"],
            "additionalProperties": False,
            "properties": {"context": _TEXT, "dockerfile": _TEXT},
        },
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "read_only": {"type": "boolean"},
        "cap_drop": _TEXTS,
        "security_opt": _TEXTS,
        "tmpfs": _TEXTS,
        "stop_grace_period": _SECONDS,
        "shm_size": _TEXT,
        "command": _TEXTS,
        "environment": {"type": "object", "additionalProperties": _TEXT},
        "ports": {"type": "array", "items": {"type": "string", "pattern": r"^\d+:\d+$"}},
        "volumes": {"type": "array", "items": {"type": "string", "pattern": r"^[a-z0-9./-]+:/[a-z0-9./-]+(:ro)?$"}},
        "secrets": _TEXTS,
        "networks": {"type": ["array", "object"]},
        "depends_on": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["condition"],
                "additionalProperties": False,
                "properties": {
                    "condition": {"enum": ["service_started", "service_healthy", "service_completed_successfully"]}
                },
            },
        },
        "healthcheck": {
            "type": "object",
            "required": ["test"],
            "additionalProperties": False,
            "properties": {
                "test": {**_TEXTS, "minItems": 2},
                "interval": _SECONDS,
                "timeout": _SECONDS,
                "start_period": _SECONDS,
                "retries": {"type": "integer"},
            },
        },
    },
}
"""The part of the Compose Specification (services, "the Compose application model") that our file uses, written from its text."""


@pytest.fixture(scope="module")
def deploy(project: Path) -> Path:
    """The folder."""
    return project / "deploy"


@pytest.fixture(scope="module")
def compose(deploy: Path) -> Any:
    """The file as an engine reads it, merges done."""
    return yaml.safe_load((deploy / "compose.yaml").read_text(encoding="utf-8"))


def _rooted(deploy: Path, folder: Path, *changed: tuple[str, str]) -> Path:
    """A root with our units and those of the system, and programs where they say that programs are."""
    for path in ("etc/systemd/system", "opt/tthc-gateway/bin", "bin", "usr/lib/systemd"):
        (folder / path).mkdir(parents=True)
    for program in ("opt/tthc-gateway/bin/gateway", "bin/kill", "bin/sh"):
        (folder / program).write_bytes(b"")
        (folder / program).chmod(0o755)
    shutil.copytree("/usr/lib/systemd/system", folder / "usr/lib/systemd/system", symlinks=True)
    for unit in (*UNITS, *BACKUP):
        text = (deploy / "systemd" / re.sub(r"@[^.]+", "@", unit)).read_text(encoding="utf-8")
        for old, new in changed:
            text = text.replace(old, new)
        (folder / "etc/systemd/system" / unit).write_text(text, encoding="utf-8")
    return folder


def _analyzed(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    line = ["systemd-analyze", f"--root={root}", "--no-pager", *words]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)


needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
_PATHS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


@needs_systemd
def test_systemd_accepts_every_unit(deploy: Path, tmp_path: Path) -> None:
    """No word of complaint about any of them; a word that systemd does not know would be one."""
    words = ("verify", "--man=no", "--recursive-errors=no", *UNITS, *BACKUP)
    done = _analyzed(_rooted(deploy, tmp_path / "good"), *words)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    wrong = _analyzed(_rooted(deploy, tmp_path / "wrong", ("ProtectSystem=", "ProtectSystm=")), *words)
    assert wrong.returncode != 0
    assert "ProtectSystm" in wrong.stderr


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_exposes_little(deploy: Path, tmp_path: Path, unit: str) -> None:
    """systemd's own judgement of what a process that was taken over could do: 10 is everything."""
    done = _analyzed(_rooted(deploy, tmp_path / "root"), "security", "--offline=true", "--threshold=20", unit)
    assert done.returncode == 0, done.stdout[-400:]


def test_units_call_commands_that_there_are(deploy: Path) -> None:
    """Each starts the program with a command of ours, and hands secrets over as credentials only."""
    for path in sorted((deploy / "systemd").glob("*.service")):
        text = path.read_text(encoding="utf-8")
        (called,) = re.findall(r"^ExecStart=.*?/opt/tthc-gateway/bin/gateway (\w+)", text, re.M)
        assert called in COMMANDS
        assert "LoadCredential=kek:" in text
        assert "GATEWAY__STORAGE__KEY=credential:kek" in text
        assert not re.search(r"(?i)password|EnvironmentFile", text)


def test_the_compose_file_is_one_and_names_only_what_is_there(deploy: Path, compose: Any) -> None:
    """Services in the words of the specification; networks, volumes and secrets are declared, files stand where they are said."""
    jsonschema.validate(compose["services"], {"type": "object", "additionalProperties": _SERVICE})
    known = {"name", "services", "networks", "volumes", "secrets"}
    assert {key for key in compose if not key.startswith("x-")} == known
    for name, service in compose["services"].items():
        assert set(service.get("secrets", ())) <= set(compose["secrets"]), name
        assert set(service["networks"]) <= set(compose["networks"]), name
        assert set(service.get("depends_on", ())) <= set(compose["services"]), name
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert (deploy / source).exists() if source.startswith(".") else source in compose["volumes"], volume
    secrets = {Path(one["file"]).parent.name for one in compose["secrets"].values()}
    assert secrets == {"secrets"}, "one folder, which is never committed"
    assert not (deploy / "secrets").exists()


def test_the_compose_file_against_the_specifications_own_schema(compose: Any) -> None:
    """The published JSON schema, where it was fetched (`scripts/corpora`)."""
    schema = corpora.corpus("compose-spec__compose-spec", "schema/compose-spec.json")
    jsonschema.Draft7Validator(yaml.safe_load(schema.read_text(encoding="utf-8"))).validate(compose)


def test_the_database_keeps_what_it_says_that_it_has(compose: Any) -> None:
    """Three nodes of their own name and data; checksums, and commits that are on the disk before they are told."""
    nodes = {name: one for name, one in compose["services"].items() if name.startswith("gateway-")}
    assert len(nodes) == 3
    assert {one["environment"]["GATEWAY__NODE"] for one in nodes.values()} == set(nodes)
    assert len({one["volumes"][1] for one in nodes.values()}) == 3
    postgres = compose["services"]["postgres"]
    assert "--data-checksums" in postgres["environment"]["POSTGRES_INITDB_ARGS"]
    assert {"fsync=on", "full_page_writes=on", "synchronous_commit=on"} <= set(postgres["command"])
    assert all("ports" not in compose["services"][name] for name in (*nodes, "postgres", "redis"))


def test_what_the_nodes_write_is_theirs_and_what_the_proxy_looks_up_stays(deploy: Path, compose: Any) -> None:
    """A fresh volume takes the owner of the image's folder, and root's where there is none; the proxy asks for addresses once."""
    (made,) = re.findall(r"install -d -o tthc -g tthc -m 0700 ([^\n]+)", (deploy / "Containerfile").read_text("utf-8"))
    nodes = [one for name, one in compose["services"].items() if name.startswith("gateway-")]
    written = {volume.split(":")[1] for node in nodes for volume in node["volumes"] if not volume.startswith(".")}
    assert len(written) == 2
    assert written <= set(made.split())
    addresses = {node["networks"]["front"]["ipv4_address"] for node in nodes}
    assert len(addresses) == 3


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_tries_again_for_ever_but_where_the_configuration_is_wrong(deploy: Path, unit: str) -> None:
    """After a power cut the database may be up many minutes later; nobody is there at night to start the gateway again."""
    words = (deploy / "systemd" / re.sub(r"@[^.]+", "@", unit)).read_text(encoding="utf-8").splitlines()
    assert {"Restart=on-failure", "StartLimitIntervalSec=0", f"RestartPreventExitStatus={EX_CONFIG}"} <= set(words)
    assert EX_CONFIG not in (EX_UNAVAILABLE, EX_BUSY)


@pytest.mark.parametrize("unit", ("tthc-gateway.service", "tthc-gateway@.service", "tthc-gateway-worker@.service"))
def test_what_serves_cannot_read_the_keys_of_the_operators(deploy: Path, unit: str) -> None:
    """They lie beside the configuration, where the command looks for them, as the same user."""
    assert f"InaccessiblePaths=-/etc/tthc-gateway/{FOLDER}\n" in (deploy / "systemd" / unit).read_text(encoding="utf-8")


async def test_the_configuration_of_the_nodes_is_one(deploy: Path, compose: Any, tmp_path: Path) -> None:
    """With the secrets that the file names it passes the check; the proxy that is believed is the one of the compose file."""
    text = (deploy / "config/gateway.toml").read_text(encoding="utf-8")
    address = compose["services"]["proxy"]["networks"]["front"]["ipv4_address"]
    assert text.count(f'["{address}"]') == 2
    for name, content in (
        ("kek", base64.b64encode(bytes(32)).decode()),
        ("postgres_dsn", "postgresql:///tthc"),
        ("redis_url", "redis://redis"),
    ):
        assert name in compose["secrets"]
        (tmp_path / name).write_text(content, encoding="utf-8")
        (tmp_path / name).chmod(0o600)
    config = tmp_path / "gateway.toml"
    config.write_text(text.replace("/run/secrets", str(tmp_path)), encoding="utf-8")
    assert (await checked(config)).faults == ()


def test_the_containerfile_copies_and_runs_only_what_is_there(project: Path, deploy: Path) -> None:
    """Sources exist and pass the ignore file; pip takes pinned hashes only, from no index of its own; nothing runs as root."""
    joined = (deploy / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    steps = [line.split(None, 1) for line in joined.splitlines() if line and not line.startswith("#")]
    let_in = {
        line[1:] for line in (project / ".containerignore").read_text(encoding="utf-8").split() if line.startswith("!")
    }
    here: set[str] = set()
    for word, rest in steps:
        if word == "COPY" and "--from=" not in rest:
            *sources, target = shlex.split(rest)
            for source in sources:
                # Beside an installed wheel our packages are where Python finds them.
                assert (project / source).exists() or (source.isidentifier() and find_spec(source)), source
                assert source.split("/")[0] in let_in, source
                here.add(
                    f"{target.rstrip('/')}/{Path(source).name}" if target.endswith("/") and target != "./" else source
                )
        if word == "RUN":
            for install in re.findall(r"pip install ([^&]+)", rest):
                assert "--require-hashes" in install or "--no-deps" in install
                assert not re.search(r"--index-url|-i |--extra-index-url|https?:", install)
                assert set(re.findall(r"-r (\S+)", install)) <= here
    words = [word for word, _ in steps]
    assert [rest for word, rest in steps if word == "USER"] == ["10001:10001"]
    assert words.index("USER") > len(words) - 1 - words[::-1].index("FROM"), "in the stage that runs"
    assert {"HEALTHCHECK", "ENTRYPOINT"} <= set(words)
    assert "docker.io/library/python:3.11-slim-bookworm AS build" in [rest for word, rest in steps if word == "FROM"]
