"""`gateway verify` as a person and as a program uses it: offline, no configuration, an exit code that says the outcome."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.cli.program import main
from tests import pki, signed

AT = "2026-11-20T03:00:00Z"


@dataclass(frozen=True, slots=True)
class Told:
    """How the program ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder with signed files, trust and evidence, and the program."""

    place: Path
    environment: dict[str, str]

    def verify(self, *arguments: str, at: str = AT) -> Told:
        """Run the command in the folder, with trust and evidence."""
        given = ["--trust", "trust", "--evidence", "evidence", "--at", at]
        return self.bare(*given, *arguments)

    def bare(self, *arguments: str) -> Told:
        """Run the command with exactly these arguments, in this process: a start of the program costs a second."""
        said, faults = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        with (
            contextlib.chdir(self.place),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(faults),
            pytest.raises(SystemExit) as ended,
        ):
            main(["verify", *arguments])
        assert isinstance(ended.value.code, int)
        return Told(ended.value.code, _text(said), _text(faults))


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Desk:
    """What a person has who only has a result, the trust folder and the program."""
    place = tmp_path_factory.mktemp("desk")
    (place / "kq.txt").write_text("Kết quả", encoding="utf-8")
    signed.sign(place / "kq.txt", place / "kq.txt.p7s")
    signed.sign(place / "kq.txt", place / "con-dau.p7s", "agency")
    (place / "goc.xml").write_bytes(b"<kq><so>1</so></kq>")
    signed.sign(place / "goc.xml", place / "kq.xml")
    signed.sign(signed.pages(place / "goc.pdf"), place / "kq.pdf", "agency", stamped=pki.NOW)
    (place / "sua.xml").write_bytes((place / "kq.xml").read_bytes().replace(b"<so>1<", b"<so>2<"))
    pki.trust_folder(place / "trust")
    pki.trust_folder(place / "public-only", "public-root")
    pki.evidence_folder(place / "evidence")
    return Desk(place, program_environment)


def test_a_good_file_ends_with_0_and_says_who_signed(desk: Desk) -> None:
    """The words for people, in Vietnamese."""
    given = ["verify", "kq.xml", "--trust", "trust", "--evidence", "evidence", "--at", AT]
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *given],
        cwd=desk.place,
        env=desk.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "HỢP LỆ: TOTAL-PASSED" in done.stdout
    assert "Nguyễn Thị Ánh" in done.stdout
    assert "Chữ ký số chuyên dùng công vụ" in done.stdout


def test_json_has_the_promised_shape_one_line_a_file(desk: Desk) -> None:
    """And the detached signature finds its content beside it."""
    done = desk.verify("--json", "kq.xml", "kq.txt.p7s")
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["file"], second["file"]) == ("kq.xml", "kq.txt.p7s")
    for one in (first, second):
        (signature,) = one["signatures"]
        assert one["conclusion"] == signature["indication"] == "TOTAL-PASSED"
        assert signature["sub_indication"] is None
        assert signature["domain"] == "public-duty"
        assert {"signer", "signing_time", "proven_time", "covers"} <= set(signature)
        assert all({"code", "ok", "message_vi"} <= set(finding) for finding in signature["findings"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("sua.xml",), 1),
        (("con-dau.p7s",), 2),
        (("con-dau.p7s", "--content", "kq.txt"), 0),
        (("kq.xml", "sua.xml", "con-dau.p7s"), 1),
        (("kq.xml", "con-dau.p7s"), 2),
        (("kq.pdf",), 0),
        (("goc.pdf",), 1),
        (("absent.pdf",), 3),
        (("kq.xml", "sua.xml", "absent.pdf"), 3),
        (("kq.xml", "--policy", "absent.toml"), 3),
        (("kq.xml", "--report", "report.docx"), 64),
        (("kq.xml", "sua.xml", "--report", "report.pdf"), 64),
        (("kq.xml", "--no-such-option"), 64),
        ((), 64),
    ],
)
def test_the_exit_code_is_the_gravest_outcome(desk: Desk, arguments: tuple[str, ...], code: int) -> None:
    """0 passed, 1 failed, 2 undecided, 3 unusable input, 64 wrong usage; words beside each that is not 0."""
    done = desk.verify("--json", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if code in (3, 64):
        assert "✗" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("absent.pdf",), "absent.pdf: không có tệp này. Hãy nêu đường dẫn của tệp cần kiểm tra."),
        (("trust",), "trust: là thư mục. Hãy nêu đường dẫn của tệp cần kiểm tra."),
        (("/dev/null",), "/dev/null: không phải là tệp thường. Hãy nêu đường dẫn của tệp cần kiểm tra."),
        (("kq.xml", "--policy", "absent.toml"), "tệp chính sách absent.toml: không có tệp hoặc thư mục này."),
        (("kq.xml", "--policy", "trust"), "tệp chính sách trust: là thư mục, không phải tệp."),
        (("kq.xml", "--evidence", "absent"), "absent: không có thư mục chứng cứ này."),
        (("kq.xml", "--report", "absent/report.pdf"), "absent/report.pdf: không có tệp hoặc thư mục này."),
    ],
)
def test_what_cannot_be_read_is_named_with_its_reason_in_vietnamese(
    desk: Desk, arguments: tuple[str, ...], said: str
) -> None:
    """The system's own words are English; a person has to learn which path to mend, and why."""
    done = desk.verify("--json", *arguments)
    assert done.returncode == 3
    assert said in " ".join(done.stderr.split())


def test_who_names_the_content_is_shown_the_signature_beside_it(desk: Desk) -> None:
    """The file that a person knows is the document; what is to be judged is the `.p7s` beside it."""
    done = desk.verify("kq.txt")
    assert done.returncode == 1
    assert "hãy kiểm tra tệp đó: kq.txt.p7s" in " ".join(done.stdout.split())
    assert "p7s" not in desk.verify("goc.pdf").stdout


def test_without_trust_nothing_passes_and_the_person_is_told(desk: Desk) -> None:
    """No anchor is shipped."""
    done = desk.bare("kq.xml", "--at", AT)
    assert done.returncode == 2
    assert "--trust" in done.stdout
    assert "NO_CERTIFICATE_CHAIN_FOUND" in done.stdout


def test_domains_are_never_mixed(desk: Desk) -> None:
    """An official's signature means nothing to a folder with the public root only."""
    done = desk.bare("kq.xml", "--trust", "public-only", "--evidence", "evidence", "--at", AT, "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["sub_indication"] == "NO_CERTIFICATE_CHAIN_FOUND"


def test_old_evidence_says_try_later_and_a_reception_proves_the_time(desk: Desk) -> None:
    """A month later the lists are stale; what the ministry's own journal knows is taken from received.toml."""
    done = desk.verify("kq.xml", "--json", at="2027-01-10T03:00:00Z")
    assert done.returncode == 2
    assert json.loads(done.stdout)["sub_indication"] == "TRY_LATER"
    received = desk.place / "evidence" / "received.toml"
    (desk.place / "evidence" / "kq.xml").write_bytes((desk.place / "kq.xml").read_bytes())
    received.write_text(f'[[received]]\nfile = "kq.xml"\nat = {AT}\nsource = "Sổ tiếp nhận"\n', encoding="utf-8")
    try:
        told = json.loads(desk.verify("kq.xml", "--json").stdout)
    finally:
        received.unlink()
    (signature,) = told["signatures"]
    assert signature["proven_time"] == AT
    assert signature["proven_by"] == "reception: Sổ tiếp nhận"


def test_the_time_may_be_written_as_people_in_vietnam_do(desk: Desk) -> None:
    """Without a zone it is UTC+07:00, whatever the machine's zone."""
    told = json.loads(desk.verify("kq.xml", "--json", at="2026-11-20T10:00").stdout)
    assert told["judged_at"] == AT


@pytest.mark.parametrize("suffix", ["html", "pdf"])
def test_a_report_is_written_twice_alike(desk: Desk, suffix: str) -> None:
    """Equal input, equal bytes."""
    written = []
    for name in (f"first.{suffix}", f"second.{suffix}"):
        assert desk.verify("sua.xml", "--report", name).returncode == 1
        written.append((desk.place / name).read_bytes())
    assert written[0] == written[1]
    assert written[0].startswith(b"<!DOCTYPE html>" if suffix == "html" else b"%PDF-")


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("policy.toml", 'name = "x"\nspeed = 1\n', "speed"),
        ("policy.toml", 'name = "x"\n[algorithms]\ndigests = ["crc32"]\n', "crc32"),
        ("policy.toml", "name = [\n", "TOML"),
        ("policy.toml", "domains = []\n", "name"),
    ],
)
def test_a_wrong_policy_is_refused_with_its_key(desk: Desk, file: str, text: str, said: str) -> None:
    """A misspelt rule must not be a rule that silently does not hold."""
    (desk.place / file).write_text(text, encoding="utf-8")
    done = desk.verify("kq.xml", "--policy", file)
    assert done.returncode == 3
    assert said in done.stderr


def test_a_trust_folder_that_explains_itself_badly_is_refused(desk: Desk) -> None:
    """A certificate that nobody vouches for in anchors.toml is not half trusted: the run ends."""
    folder = pki.trust_folder(desk.place / "odd")
    (folder / "public" / "stranger.pem").write_bytes(pki.pem("duty-root"))
    done = desk.bare("kq.xml", "--trust", "odd", "--at", AT)
    assert done.returncode == 3
    assert "stranger.pem" in done.stderr


@pytest.mark.parametrize("at", ["0001-01-01", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"])
def test_a_moment_at_the_end_of_the_calendar_is_wrong_usage(desk: Desk, at: str) -> None:
    """No rule of ours reaches so far, and sums of times would leave the calendar."""
    assert desk.verify("kq.pdf", at=at).returncode == 64
