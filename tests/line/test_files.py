"""Files on the real program: streamed, sealed, durable before the answer, read back by who may, nothing left of the refused."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import signal
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.intake.signature import Stated, sign_head
from tests.line.program import Answer, ask, until
from tests.line.running import Line, opened
from tests.line.words import AHEAD, LAPSED, RESOLUTION, SECTOR, STRANGER, dossier, event

pytestmark = pytest.mark.xdist_group("line-files")

MEGABYTE = 1024 * 1024


def paper(text: str, size: int = 3_000) -> bytes:
    """A small paper like a PDF, different for each text."""
    return (f"%PDF-1.7\n% {text}\n".encode() * size)[:size]


def sha(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def kept(line: Line) -> list[Path]:
    """Every file of the cabinet, wherever it lies."""
    return [path for path in (line.folder / "data/content").rglob("*") if path.is_file()]


def read_audits(line: Line, code: str) -> list[Any]:
    """The audit rows of the feed about the files of a dossier."""
    return [row for row in line.feed() if row["dossier_code"] == code and row["kind"] == "file.stored"]


class Slow:
    """A caller that sends its head and then what it likes, over a bare socket."""

    def __init__(self, line: Line, headers: dict[str, str], code: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", line.ports.gateway), timeout=60)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.socket.sendall(f"POST /v1/files?dossier={code} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode())

    def answer(self) -> Answer:
        """What comes back."""
        response = http.client.HTTPResponse(self.socket)
        response.begin()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Line]:
    """A line with little patience, few places and small files."""
    settings = {
        "files__stall_s": "0.5",
        "files__min_bytes_per_s": "100000",
        "files__max_bytes": str(300 * MEGABYTE),
        "files__concurrency": "3",
        "files__per_system": "2",
        "files__max_per_dossier": "3",
        "files__keep_free_bytes": "0",
    }
    with opened(tmp_path_factory.mktemp("hasty"), program_environment, **settings) as line:
        yield line


def test_a_file_comes_back_as_it_was_sent(line: Line) -> None:
    """Stored 201, told again 200 in the same words, listed, shown in the dossier and the feed, read back byte by byte."""
    code, content = line.new_dossier(), paper("giấy phép", 200_000)
    first, second = line.upload(SECTOR, code, content), line.upload(SECTOR, code, content)
    assert (first.status, second.status) == (201, 200) and first.body == second.body
    told = first.tree
    assert (told["status"], told["sha256"], told["size"]) == ("stored", sha(content), len(content))
    assert line.upload(AHEAD, code, content).status == 200, "whoever uploads it: one copy"

    back = line.download(RESOLUTION, code, sha(content))
    assert (back.status, back.body) == (200, content)
    assert back.headers["content-type"] == "application/pdf" and back.headers["cache-control"] == "no-store"
    assert back.headers["content-length"] == str(len(content))
    assert back.headers["content-digest"] == f"sha-256=:{b64encode(hashlib.sha256(content).digest()).decode()}:"
    assert line.download(SECTOR, code, sha(content)).body == content

    (row,) = line.view(code)["files"]
    assert (row["sha256"], row["size"], row["uploaded_by"]) == (sha(content), len(content), SECTOR)
    assert line.get(f"/v1/files?dossier={code}").tree["files"] == [row]
    (fed,) = read_audits(line, code)
    assert fed["actor"] == SECTOR


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 1_000_000])
def test_every_size_comes_back(line: Line, size: int) -> None:
    """Empty, and on both sides of every chunk border."""
    code, content = line.new_dossier(), paper("cỡ", size)
    assert line.upload(SECTOR, code, content, "image/png").tree["size"] == size
    assert line.download(SECTOR, code, sha(content)).body == content


def test_a_file_without_an_announced_size_is_taken(line: Line) -> None:
    """Chunked transfer coding; the digest says what is meant."""
    code, content = line.new_dossier(), paper("không rõ cỡ", 300_000)
    pieces = (content[at : at + 70_000] for at in range(0, len(content), 70_000))
    answer = ask("POST", f"{line.url()}/v1/files?dossier={code}", pieces, line.signed_file(SECTOR, code, content))
    assert answer.status == 201
    assert line.download(SECTOR, code, sha(content)).body == content


def test_one_content_in_two_dossiers_is_two_files_on_disk(fragile: Line) -> None:
    """Nothing on disk tells that they are the same, nor what they are; nobody else may read the directory."""
    line, content = fragile, paper("Tôn Nữ Tuyệt Mật", 100_000)
    codes = [line.new_dossier(), line.new_dossier()]
    before = set(kept(line))
    assert [line.upload(SECTOR, code, content).status for code in codes] == [201, 201]
    one, other = (path.read_bytes() for path in set(kept(line)) - before)
    assert len(one) == len(other) > len(content)
    common = {one[at : at + 32] for at in range(200, len(one) - 32)} & {other[at : at + 32] for at in range(200, 9_000)}
    assert common == set() and b"%PDF" not in one and "Tuyệt Mật".encode() not in one
    assert (line.folder / "data/content").stat().st_mode & 0o077 == 0
    assert all(sha(content) not in path.name and codes[0] not in path.name for path in kept(line))


def test_a_large_file_passes_in_bounded_memory(hasty: Line) -> None:
    """200 MB in, and 200 MB out again: the process grows by a few megabytes only."""
    line, code, size = hasty, hasty.new_dossier(), 200 * MEGABYTE
    piece = paper("khối lớn", MEGABYTE)
    digest = hashlib.sha256()
    for _ in range(200):
        digest.update(piece)
    line.upload(SECTOR, code, paper("làm nóng", 2 * MEGABYTE))
    line.download(SECTOR, code, sha(paper("làm nóng", 2 * MEGABYTE)))
    target = f"/v1/files?dossier={code}"
    stated = Stated("application/zip", digest.digest())
    headers = sign_head("POST", target, stated, line.keys[SECTOR], int(time.time()))
    before = line.memory_kib("gateway")["VmHWM"]
    answer = ask("POST", line.url() + target, (piece for _ in range(200)), headers | {"Content-Length": str(size)})
    assert (answer.status, answer.tree["size"]) == (201, size)
    target = f"/v1/files/{digest.hexdigest()}?dossier={code}"
    connection = http.client.HTTPConnection("127.0.0.1", line.ports.gateway, timeout=60)
    connection.request("GET", target, headers=line.signed(SECTOR, "GET", target))
    response, came, again = connection.getresponse(), 0, hashlib.sha256()
    while block := response.read(MEGABYTE):
        came += len(block)
        again.update(block)
    connection.close()
    assert (came, again.digest()) == (size, digest.digest())
    assert line.memory_kib("gateway")["VmHWM"] - before < 12 * 1024


def test_who_may_not_send_sends_nothing(line: Line) -> None:
    """Unsigned, of an unregistered dossier, of somebody else's, without consent: refused before the content, nothing kept."""
    code, content = line.new_dossier(), paper("người lạ")
    before = len(kept(line))
    unsigned = ask("POST", f"{line.url()}/v1/files?dossier={code}", content, {"Content-Type": "application/pdf"})
    assert (unsigned.status, unsigned.tree["code"]) == (401, "missing_signature")
    unknown = line.upload(SECTOR, line.new_code(), content)
    foreign = line.upload(STRANGER, code, content)
    assert (unknown.status, unknown.tree["code"]) == (foreign.status, foreign.tree["code"]) == (404, "unknown_dossier")
    assert line.upload(LAPSED, code, content).tree["code"] == "consent_expired"
    old = ask(
        "POST",
        f"{line.url()}/v1/files?dossier={code}",
        content,
        sign_head(
            "POST",
            f"/v1/files?dossier={code}",
            Stated("application/pdf", hashlib.sha256(content).digest()),
            line.keys[SECTOR],
            int(time.time()) - 900,
        ),
    )
    assert (old.status, old.tree["code"]) == (401, "signature_expired")
    assert len(kept(line)) == before
    assert line.upload(RESOLUTION, line.new_code(), content).status == 201, (
        "its owner may before it registers the dossier"
    )


def test_a_sector_cannot_read_what_is_not_of_its_procedures(line: Line) -> None:
    """Neither content nor list; what is not there at all is answered in the same way."""
    code, content = line.new_dossier(), paper("không phải của bạn")
    line.upload(SECTOR, code, content)
    for target in (f"/v1/files/{sha(content)}?dossier={code}", f"/v1/files/{'0' * 64}?dossier={code}"):
        answer = line.get(target, STRANGER)
        assert (answer.status, answer.tree["code"]) == (404, "not_found")
    assert line.get(f"/v1/files?dossier={code}", STRANGER).tree["code"] == "unknown_dossier"
    assert line.download(SECTOR, line.new_dossier(), sha(content)).status == 404, "of that dossier only"


def test_content_that_is_not_what_was_signed_is_refused(line: Line) -> None:
    """Another content, one byte less, one byte more: 401 at its end, and nothing remains."""
    code, content = line.new_dossier(), paper("đã ký", 400_000)
    before, headers = len(kept(line)), line.signed_file(SECTOR, code, content)
    for wrong in (b"X" + content[1:], content[:-1], content + b"X"):
        answer = ask("POST", f"{line.url()}/v1/files?dossier={code}", wrong, headers)
        assert (answer.status, answer.tree["code"]) == (401, "bad_digest")
    assert len(kept(line)) == before and line.view(code)["files"] == []


@pytest.mark.parametrize(
    ("query", "change", "status", "told"),
    [
        ("", {}, 422, "invalid"),
        ("?dossier=khong-phai-ma", {}, 422, "invalid"),
        ("?dossier={code}&dossier={code}", {}, 422, "invalid"),
        ("?dossier={code}", {"Content-Encoding": "gzip"}, 415, "unsupported_encoding"),
        ("?dossier={code}", {"media": "khong-phai-kieu"}, 415, "unsupported_media_type"),
    ],
)
def test_a_head_that_says_too_little_is_refused(
    line: Line, query: str, change: dict[str, str], status: int, told: str
) -> None:
    """The dossier exactly once, a media type, no compression."""
    content, target = paper("đầu đề"), "/v1/files" + query.format(code=line.new_dossier())
    headers = dict(change)
    stated = Stated(headers.pop("media", "application/pdf"), hashlib.sha256(content).digest())
    signed = sign_head("POST", target, stated, line.keys[SECTOR], int(time.time()))
    answer = ask("POST", line.url() + target, content, signed | headers)
    assert (answer.status, answer.tree["code"]) == (status, told)


def test_who_expects_to_be_asked_sends_nothing_that_is_refused(line: Line) -> None:
    """100 Continue comes once the head was judged, and not at all when it is refused (RFC 9110, 10.1.1)."""
    code, content = line.new_dossier(), paper("chờ hỏi", 5_000)
    asked = {"Expect": "100-continue", "Content-Length": str(len(content))}
    good = Slow(line, line.signed_file(SECTOR, code, content) | asked, code)
    assert good.socket.recv(4_096) == b"HTTP/1.1 100 Continue\r\n\r\n"
    good.socket.sendall(content)
    assert good.answer().status == 201
    bad = Slow(line, line.signed_file(STRANGER, code, content) | asked, code)
    assert bad.answer().status == 404
    for caller in (good, bad):
        caller.close()


def test_who_stops_sending_is_told_so(hasty: Line) -> None:
    """A sender that stalls, and one that drips, are refused (408); nothing remains."""
    line, code, content = hasty, hasty.new_dossier(), paper("chậm", 2_000_000)
    headers = line.signed_file(SECTOR, code, content) | {"Content-Length": str(len(content))}
    before = len(kept(line))
    stalled = Slow(line, headers, code)
    stalled.socket.sendall(content[:1_000_000])
    assert (told := stalled.answer()).status == 408 and told.tree["code"] == "body_timeout"
    dripping = Slow(line, headers, code)
    until(lambda: len(kept(line)) > before, "it arrives")

    def given_up() -> bool:
        with contextlib.suppress(OSError):
            dripping.socket.sendall(b"%")
        return len(kept(line)) == before

    until(given_up, "who drips is given up")
    assert dripping.answer().status == 408
    assert len(kept(line)) == before
    for caller in (stalled, dripping):
        caller.close()


def test_who_hangs_up_leaves_nothing(hasty: Line) -> None:
    """A connection that breaks midway: the part is removed, the same bytes are taken afterwards."""
    line, code, content = hasty, hasty.new_dossier(), paper("đứt", 2_000_000)
    before = len(kept(line))
    broken = Slow(line, line.signed_file(SECTOR, code, content) | {"Content-Length": str(len(content))}, code)
    broken.socket.sendall(content[:1_000_000])
    until(lambda: len(kept(line)) > before, "it arrives")
    broken.close()
    until(lambda: len(kept(line)) == before, "nothing remains of it")
    assert line.upload(SECTOR, code, content).status == 201


def test_places_are_few_and_no_system_takes_all_of_them(hasty: Line) -> None:
    """The third of one system waits (429 with Retry-After), another system finds a place."""
    line, code, content = hasty, hasty.new_dossier(), paper("chỗ", 500_000)
    waiting = []
    before = len(kept(line))
    for _ in range(2):
        caller = Slow(line, line.signed_file(SECTOR, code, content) | {"Content-Length": str(len(content))}, code)
        caller.socket.sendall(content[:200_000])
        waiting.append(caller)
    until(lambda: len(kept(line)) == before + 2, "both have a place")
    third = line.upload(SECTOR, code, content)
    assert (third.status, third.tree["code"]) == (429, "too_many_requests") and int(third.headers["retry-after"]) > 0
    assert line.upload(AHEAD, code, content).status == 201
    for caller in waiting:
        caller.close()
    until(lambda: len(kept(line)) == before + 1, "only the whole one remains")
    assert line.upload(SECTOR, code, content).status == 200


def test_a_file_too_large_is_refused_whether_it_says_so_or_not(hasty: Line) -> None:
    """By its announced size before the first byte, by its bytes otherwise."""
    line, code = hasty, hasty.new_dossier()
    headers = line.signed_file(SECTOR, code, b"x") | {"Content-Length": str(301 * MEGABYTE)}
    announced = Slow(line, headers, code)
    assert announced.answer().status == 413
    announced.close()
    before, piece = len(kept(line)), bytes(MEGABYTE)
    answer = ask(
        "POST",
        f"{line.url()}/v1/files?dossier={code}",
        (piece for _ in range(302)),
        line.signed_file(SECTOR, code, b"x"),
    )
    assert (answer.status, answer.tree["code"]) == (413, "too_large")
    assert len(kept(line)) == before


def test_a_dossier_holds_so_many_files(hasty: Line) -> None:
    """Nobody fills the disk with one dossier; what is there already may be told again."""
    line, code = hasty, hasty.new_dossier()
    papers = [paper(f"tờ {number}") for number in range(4)]
    assert [line.upload(SECTOR, code, content).status for content in papers] == [201, 201, 201, 409]
    assert line.upload(SECTOR, code, papers[0]).status == 200


def test_a_file_changed_on_disk_never_looks_whole(fragile: Line) -> None:
    """Broken at its beginning: 500. Broken midway: the connection breaks. Sent again: mended."""
    line, code, content = fragile, fragile.new_dossier(), paper("bị sửa", 900_000)
    before = set(kept(line))
    line.upload(SECTOR, code, content)
    (path,) = set(kept(line)) - before
    whole = path.read_bytes()
    path.write_bytes(whole[:600_000] + b"?" + whole[600_001:])
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        line.download(SECTOR, code, sha(content))
    path.write_bytes(whole[:300] + b"?" + whole[301:])
    assert line.download(SECTOR, code, sha(content)).tree["code"] == "file_broken"
    path.unlink()
    assert line.download(SECTOR, code, sha(content)).tree["code"] == "file_broken"
    assert line.upload(SECTOR, code, content).status == 201, "a copy that is gone is replaced"
    assert line.download(SECTOR, code, sha(content)).body == content


@pytest.fixture(scope="module")
def sweeping(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Line]:
    """A line that sweeps what has no row at once; tests kill its gateway and leave it running."""
    settings = {"files__orphan_after_s": "0", "files__keep_free_bytes": "0"}
    with opened(tmp_path_factory.mktemp("sweeping"), program_environment, **settings) as line:
        yield line


@pytest.mark.parametrize("point", ["file.before_commit", "file.after_commit", "accept.before_commit"])
def test_a_crash_around_the_commit_leaves_a_file_or_nothing(sweeping: Line, point: str) -> None:
    """Killed with the file on disk: without a row it is swept, with one it is put in its place and can be read."""
    line, before, logged = sweeping, set(kept(sweeping)), len(sweeping.program.log("gateway"))
    code, content = line.new_dossier(), paper(point, 100_000)
    line.program.stop("gateway", signal.SIGTERM)
    usual = line.program.environment
    line.program.environment = {**usual, "GATEWAY_CRASH_AT": point}
    try:
        line.start("gateway")
    finally:
        line.program.environment = usual
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        line.upload(SECTOR, code, content)
    assert line.program.running.pop("gateway").wait(60) == -signal.SIGKILL
    assert len(set(kept(line)) - before) == 1
    line.start("gateway")
    if point == "file.after_commit":
        assert "files swept" in line.program.log("gateway")[logged:]
        assert line.download(SECTOR, code, sha(content)).body == content
        assert line.upload(SECTOR, code, content).status == 200
    else:
        assert set(kept(line)) == before and line.view(code)["files"] == []
        assert line.upload(SECTOR, code, content).status == 201
    assert [path.parent.name not in ("parts", "arrived") for path in set(kept(line)) - before] == [True]


def test_a_gateway_killed_while_a_file_arrives_starts_clean(fragile: Line) -> None:
    """The part of it is swept at the next start, and told in the log."""
    line, code, content = fragile, fragile.new_dossier(), paper("bị giết", 3_000_000)
    before = len(kept(line))
    caller = Slow(line, line.signed_file(SECTOR, code, content) | {"Content-Length": str(len(content))}, code)
    caller.socket.sendall(content[:2_000_000])
    until(lambda: len(kept(line)) > before, "it arrives")
    line.program.stop("gateway", signal.SIGKILL)
    caller.close()
    assert len(kept(line)) == before + 1
    line.start("gateway")
    assert len(kept(line)) == before
    assert '"parts":1' in line.program.log("gateway")
    assert line.upload(SECTOR, code, content).status == 201


def test_a_snapshot_is_not_needed_for_the_owner(line: Line) -> None:
    """The resolution system uploads for a dossier that it registers afterwards, and a sector sees the file then."""
    code, content = line.new_code(), paper("trước khi đăng ký")
    assert line.upload(RESOLUTION, code, content).status == 201
    assert line.download(SECTOR, code, sha(content)).status == 404
    line.register(dossier(code))
    assert line.download(SECTOR, code, sha(content)).body == content


def test_room_for_the_journal_is_not_taken_by_files(place: Path, program_environment: dict[str, str]) -> None:
    """A disk that has less left than must stay free: 503, nothing stored, events go on."""
    with opened(place, program_environment, files__keep_free_bytes=str(10**18)) as line:
        code = line.new_dossier()
        answer = line.upload(SECTOR, code, paper("hết chỗ"))
        assert (answer.status, answer.tree["code"]) == (503, "busy") and int(answer.headers["retry-after"]) > 0
        assert kept(line) == []
        assert line.push(event(SECTOR, code, 1, "received")).status == 202


def test_a_full_disk_stores_nothing_and_says_so(place: Path, program_environment: dict[str, str]) -> None:
    """The files' own disk of one megabyte: 503 midway, nothing remains, a smaller file is taken afterwards."""
    content_of = place / "data/content"
    with opened(place, program_environment, files__keep_free_bytes="0") as line:
        line.program.stop("gateway")
        content_of.mkdir(mode=0o700, exist_ok=True)
        mounting = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(content_of)]
        if subprocess.run(mounting, capture_output=True, check=False).returncode != 0:
            pytest.skip("NOTICE: a tiny file system cannot be mounted here (needs root)")
        try:
            line.start("gateway")
            code = line.new_dossier()
            answer = line.upload(SECTOR, code, paper("quá đĩa", 3_000_000))
            assert (answer.status, answer.tree["code"]) == (503, "busy")
            assert kept(line) == [] and line.view(code)["files"] == []
            assert line.upload(SECTOR, code, paper("vừa đĩa", 300_000)).status == 201
            line.program.stop("gateway")
        finally:
            subprocess.run(["umount", str(content_of)], check=True)


def resolved(code: str, *contents: bytes, sequence: int = 1, **changes: Any) -> dict[str, Any]:
    """An event of the sector whose results are these contents."""
    results = [
        {
            "id": f"KQ-{number}",
            "name": "Giấy phép",
            "file": {"name": "kq.pdf", "media_type": "application/pdf", "size": len(content), "sha256": sha(content)},
        }
        for number, content in enumerate(contents)
    ]
    return event(SECTOR, code, sequence, "resolved", results=results, **changes)


def faults(answer: Answer) -> set[tuple[str, str]]:
    """Codes and pointers of a refusal."""
    return {(fault["code"], fault["pointer"]) for fault in answer.tree["errors"]}


def test_an_event_whose_files_were_not_uploaded_is_refused_with_each_of_them(line: Line) -> None:
    """422 by pointer: not uploaded, uploaded to another dossier, of another size; nothing of it is kept."""
    code, other = line.new_dossier(), line.new_dossier()
    here, elsewhere, nowhere = paper("ở đây"), paper("nơi khác"), paper("chưa đâu")
    line.upload(SECTOR, code, here)
    line.upload(SECTOR, other, elsewhere)
    told = resolved(code, here, elsewhere, nowhere)
    told["results"][0]["file"]["size"] += 1
    answer = line.push(told)
    assert answer.status == 422
    assert faults(answer) == {
        ("sai_kich_thuoc", "/results/0/file/size"),
        ("tep_chua_tai_len", "/results/1/file/sha256"),
        ("tep_chua_tai_len", "/results/2/file/sha256"),
    }
    assert line.get(f"/v1/events/{told['event_id']}", SECTOR).status == 404


def test_a_file_first_and_then_its_event_goes_all_the_way(line: Line) -> None:
    """Uploaded, named, pushed; the resolution system fetches it once, and its echo names it without another upload."""
    code, content = line.new_dossier(), paper("đi tới nơi", 120_000)
    told = resolved(code, content)
    assert line.push(told).status == 422
    assert line.upload(SECTOR, code, content).status == 201
    assert line.push(told).tree["status"] == "accepted", "the refused event was not stored, so it may come again"
    assert line.push(told).tree["status"] == "duplicate"
    until(lambda: line.sent(code, "fetch", "acknowledged"), "the resolution system has fetched the file")
    until(lambda: line.sent(code, "event", "acknowledged"), "its own event was accepted with the same file")
    assert line.push(resolved(code, content, sequence=2) | {"state": "returned"}).status == 202
    until(lambda: len(line.pushes(code)) == 2, "the second event was pushed")
    line.settled(code)
    assert len(line.sent(code, "fetch")) == 1, "once"
    assert line.order("resolution", "GET", "counts")["fetches"]["refused"] == 0


def test_an_event_that_waits_is_judged_when_it_comes(line: Line) -> None:
    """Also behind a gap: its file is there when its turn comes, since files are never taken away."""
    code, content = line.new_dossier(), paper("chờ lượt")
    told = resolved(code, content, sequence=2, previous_sequence=1)
    assert faults(line.push(told)) == {("tep_chua_tai_len", "/results/0/file/sha256")}
    line.upload(SECTOR, code, content)
    assert line.push(told).tree["status"] == "parked_gap"
    assert line.push(event(SECTOR, code, 1, "received")).tree["status"] == "accepted"
    assert line.get(f"/v1/events/{told['event_id']}", SECTOR).tree["status"] == "accepted"


def test_a_snapshot_with_results_needs_their_files_too(line: Line) -> None:
    """A dossier that comes with its results: files first, which its owner may before it is registered."""
    code, content = line.new_code(), paper("hồ sơ cũ")
    (result,) = resolved(code, content)["results"]
    told = dossier(code, state="resolved", outcome="granted", results=[result])
    assert faults(line.put(told)) == {("tep_chua_tai_len", "/results/0/file/sha256")}
    line.upload(RESOLUTION, code, content)
    assert line.put(told).status == 201


def test_where_unknown_dossiers_are_parked_files_wait_with_their_events(
    place: Path, program_environment: dict[str, str]
) -> None:
    """`intake.unknown_dossier = park`: file and event before the registration; nobody learns what others uploaded."""
    with opened(place, program_environment, intake__unknown_dossier="park", files__keep_free_bytes="0") as line:
        code, content = line.new_code(), paper("chưa đăng ký")
        assert [line.upload(SECTOR, code, content).status for _ in range(2)] == [201, 200]
        assert line.upload(STRANGER, code, content).status == 201, "the answer of a first one"
        assert line.upload(STRANGER, code, content).status == 200
        assert len(kept(line)) == 1
        assert line.push(resolved(code, content)).tree["status"] == "parked_gap"
        assert line.download(SECTOR, code, sha(content)).status == 404, "it is nobody's yet"
        line.register(dossier(code))
        assert line.view(code)["systems"][0]["state"] == "resolved"
        assert line.download(SECTOR, code, sha(content)).body == content
        unseen = resolved(code, content) | {"system_code": STRANGER}
        assert line.push(unseen).tree["status"] == "parked_gap", "the stranger uploaded it itself"
        secret = paper("của người khác")
        line.upload(SECTOR, code, secret)
        guess = resolved(code, secret, sequence=2) | {"system_code": STRANGER}
        assert faults(line.push(guess)) == {("tep_chua_tai_len", "/results/0/file/sha256")}
