"""The signer examples of docs/examples/signing, each as a stranger runs it: real keys, the real program, every algorithm."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from tests.line.running import Line, lay
from tests.line.words import SECTOR, event

KEYS = {
    "ed25519": ("-algorithm", "ed25519"),
    "rsa-pss-sha512": ("-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048"),
    "ecdsa-p256-sha256": ("-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
}
NEEDED = {"python": ("python3",), "shell": ("bash", "openssl", "curl"), "java": ("java", "openssl")}
CASES = [
    (language, algorithm)
    for language in NEEDED
    for algorithm in KEYS
    if (language, algorithm) != ("shell", "ecdsa-p256-sha256")  # openssl writes DER; the script says so
]


@dataclass(frozen=True)
class Bench:
    """A running line whose sector system has a key of every algorithm, made by openssl as the guide says."""

    line: Line
    examples: Path

    def command(self, language: str, key: Path, key_id: str, *, as_written: bool = False) -> list[str]:
        """The example, up to the method. Java is compiled once for all tests, `as_written` at each start as the guide has it."""
        missing = [program for program in NEEDED[language] if shutil.which(program) is None]
        if missing:
            pytest.fail(f"{', '.join(missing)} not found: the {language} example cannot be tried on this machine")
        options = ["-k", str(key), "-i", key_id] if language == "shell" else ["--key", str(key), "--keyid", key_id]
        program = {
            "python": [_python(), str(self.examples / "python/signer.py")],
            "shell": ["bash", str(self.examples / "shell/signer.sh")],
            "java": ["java", "-XX:TieredStopAtLevel=1"],
        }
        if language == "java":
            source = str(self.examples / "java/Signer.java")
            program[language] += [source] if as_written else ["-cp", self._compiled(source), "Signer"]
        return [*program[language], *options]

    def _compiled(self, source: str) -> str:
        """The folder of the compiled example, by the compiler that runs sources too."""
        folder = self.line.folder / "classes"
        if not folder.exists():
            compiler = ("java", "-m", "jdk.compiler/com.sun.tools.javac.Main", "-encoding", "UTF-8", "-d", str(folder))
            subprocess.run([*compiler, source], check=True, capture_output=True)
        return str(folder)

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run it with nothing of ours in its environment."""
        plain = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(self.line.folder)}
        return subprocess.run(command, capture_output=True, text=True, env=plain, timeout=60, check=False)


def _python() -> str:
    """The interpreter of the tests, because `cryptography` is installed there; the example imports nothing of ours."""
    import sys

    return sys.executable


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def bench(
    tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str], project: Path
) -> Iterator[Bench]:
    """The line, with the keys registered before it starts."""
    if shutil.which("openssl") is None:
        pytest.fail("openssl not found: no key of the examples can be made on this machine")
    line = lay(tmp_path_factory.mktemp("signers"), program_environment)
    registered = []
    for algorithm, options in KEYS.items():
        private, public = line.folder / f"{algorithm}.pem", line.folder / f"keys/{algorithm}.pub.pem"
        _openssl("genpkey", *options, "-out", str(private))
        _openssl("pkey", "-in", str(private), "-pubout", "-out", str(public))
        _openssl("genpkey", *options, "-out", str(line.folder / f"{algorithm}.wrong.pem"))
        registered.append(
            f'[callers.{SECTOR}.keys.{algorithm}]\nalgorithm = "{algorithm}"\nfile = "keys/{algorithm}.pub.pem"\n'
        )
    line.config.write_text(line.config.read_text() + "\n" + "\n".join(registered))
    try:
        yield Bench(line.start(), project / "docs/examples/signing")
    finally:
        line.program.close()


@pytest.mark.parametrize(("language", "algorithm"), CASES)
def test_an_example_posts_an_event_and_reads_its_receipt(bench: Bench, language: str, algorithm: str) -> None:
    """Accepted by the gateway, printed for the reader, and read again by a signed GET, with a query and without."""
    line = bench.line
    told = event(SECTOR, line.new_dossier(), 1, "received")
    file = line.folder / f"{language}-{algorithm}.json"
    file.write_bytes(msgspec.json.encode(told))
    command = bench.command(language, line.folder / f"{algorithm}.pem", algorithm)
    posted = bench.run([*command, "POST", f"{line.url()}/v1/events", str(file)])
    assert posted.returncode == 0, posted.stderr
    receipt = msgspec.json.decode(posted.stdout)
    assert (receipt["status"], receipt["event_id"]) == ("accepted", told["event_id"])
    for query in ("", f"?system={SECTOR}"):
        read = bench.run([*command, "GET", f"{line.url()}/v1/events/{told['event_id']}{query}"])
        assert read.returncode == 0, read.stderr
        assert msgspec.json.decode(read.stdout)["receipt"] == receipt


@pytest.mark.parametrize("language", list(NEEDED))
def test_a_file_comes_back_byte_for_byte(bench: Bench, language: str) -> None:
    """A line end behind a signed file, or a character set read into it, and its signature no longer holds."""
    line = bench.line
    file = line.folder / f"{language}.pdf"
    file.write_bytes(f"%PDF-1.7 {language}\n".encode() + bytes(range(256)))
    where = f"{line.url()}/v1/files?dossier={line.new_dossier()}"
    typed = ["-t", "application/pdf"] if language == "shell" else ["--content-type", "application/pdf"]
    command = bench.command(language, line.folder / "ed25519.pem", "ed25519")
    posted = bench.run([*command, *typed, "POST", where, str(file)])
    assert posted.returncode == 0, posted.stderr
    digest = msgspec.json.decode(posted.stdout)["sha256"]
    back = line.folder / f"{language}.back"
    read = [*command, "GET", where.replace("/v1/files", f"/v1/files/{digest}")]
    kept = bench.run(["sh", "-c", '"$@" > "$0"', str(back), *read])
    assert kept.returncode == 0, kept.stderr
    assert back.read_bytes() == file.read_bytes()


@pytest.mark.parametrize(("language", "algorithm"), CASES)
def test_an_example_with_a_wrong_key_is_refused_and_prints_the_sentence(
    bench: Bench, language: str, algorithm: str
) -> None:
    """401 `bad_signature`: exit code 2, the problem's sentence and what to do about it on the screen; nothing is stored."""
    line = bench.line
    told = event(SECTOR, line.new_dossier(), 1, "received")
    file = line.folder / f"{language}-{algorithm}-wrong.json"
    file.write_bytes(msgspec.json.encode(told))
    command = bench.command(language, line.folder / f"{algorithm}.wrong.pem", algorithm)
    refused = bench.run([*command, "POST", f"{line.url()}/v1/events", str(file)])
    assert refused.returncode == 2
    assert "401 bad_signature" in refused.stderr and "Chữ ký không đúng với yêu cầu này." in refused.stderr
    assert "Kiểm tra khóa riêng có đúng là của keyid này" in refused.stderr
    assert line.get(f"/v1/events/{told['event_id']}", SECTOR).status == 404


@pytest.mark.parametrize("language", NEEDED)
def test_an_example_names_every_fault_of_a_refused_event(bench: Bench, language: str) -> None:
    """422: the sentences of the faults reach the developer too."""
    line = bench.line
    told = event(SECTOR, line.new_dossier(), 1, "stopped", reason=None)
    file = line.folder / f"{language}-invalid.json"
    file.write_bytes(msgspec.json.encode(told))
    command = bench.command(language, line.folder / "ed25519.pem", "ed25519", as_written=True)
    refused = bench.run([*command, "POST", f"{line.url()}/v1/events", str(file)])
    assert refused.returncode == 2 and "422 invalid" in refused.stderr and "/reason" in refused.stderr


@pytest.mark.parametrize("language", NEEDED)
def test_an_example_says_when_nobody_answers(bench: Bench, language: str, free_port: int) -> None:
    """Exit code 3 and the advice to repeat the very same request."""
    file = bench.line.folder / "nobody.json"
    file.write_bytes(b"{}")
    command = bench.command(language, bench.line.folder / "ed25519.pem", "ed25519")
    started = time.monotonic()
    failed = bench.run([*command, "POST", f"http://127.0.0.1:{free_port}/v1/events", str(file)])
    assert failed.returncode == 3 and "Không kết nối được" in failed.stderr
    assert time.monotonic() - started < 30


def test_no_example_imports_anything_of_ours(bench: Bench) -> None:
    """A sector's developer has the file and nothing else."""
    for file in bench.examples.rglob("*.*"):
        text = file.read_text(encoding="utf-8")
        for ours in ("import gateway", "from gateway", "import connectors", "import mappings", "from mappings"):
            assert ours not in text, file
