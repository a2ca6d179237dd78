"""Programs that judge our signatures and share no code with us; tests ask them through here."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
_EXPORTS = tuple(
    f"--add-exports=java.xml.crypto/com.sun.org.apache.xml.internal.security{name}=ALL-UNNAMED"
    for name in ("", ".c14n")
)
_DS = "http://www.w3.org/2000/09/xmldsig#"


@dataclass(frozen=True, slots=True)
class Said:
    """What a judge said of one file: "VALID", "INVALID" or "ERROR", and why."""

    verdict: str
    reason: str


def xml_judge(*arguments: str) -> list[str]:
    """Run the JDK's XML signature judge (XmlJudge.java); its lines. Skips where no JDK is."""
    java = shutil.which("java")
    if java is None:
        pytest.skip("no JDK on this machine")
    done = subprocess.run(
        (java, *_EXPORTS, str(HERE / "XmlJudge.java"), *arguments),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def jdk_says(files: Sequence[Path], *, secure: bool = True, certificates: Path | None = None) -> list[Said]:
    """The JDK's word on each file, with secure validation unless told otherwise."""
    lines = xml_judge("verify", "secure" if secure else "legacy", str(certificates or "-"), *map(str, files))
    return [Said(verdict, reason) for verdict, _name, reason in (line.split("\t", 2) for line in lines)]


def xmlsec1_says(file: Path, root: Path, *untrusted: Path) -> str:
    """What xmlsec1 says of a XAdES file under this root (PEM): "OK" or "FAIL", with its status line. Skips where it is absent."""
    tool = shutil.which("xmlsec1")
    if tool is None:
        pytest.skip("no xmlsec1 on this machine")
    command = [tool, "--verify", "--trusted-pem", str(root)]
    for one in untrusted:
        command += ["--untrusted-pem", str(one)]
    command += ["--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    said = done.stdout + done.stderr
    return "OK" if done.returncode == 0 and "OK" in said.splitlines() else f"FAIL: {said[-500:]}"
