"""Reports say the same on every paper, safely, and the same report gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from signing.model import Covered, Finding, Indication, SignatureFormat, SubIndication, TrustDomain
from signing.rendering import as_html, as_json, as_pdf
from signing.report import Report, SignatureReport, SignerIdentity
from signing.storing import decode_report, encode_report
from tests import pki

HOSTILE = 'Nguyễn <script>alert("1")</script>\u202eThị\x1b[31m Ánh\n\u2028中'


def report(name: str = "Nguyễn Thị Ánh") -> Report:
    """A report with one signature that waits for status information."""
    signature = SignatureReport(
        id=name,
        format=SignatureFormat.PADES,
        indication=Indication.INDETERMINATE,
        sub_indication=SubIndication.TRY_LATER,
        signer=SignerIdentity(name, name, "01", name, "ab" * 32, ("CCCD:001185000011",)),
        domain=TrustDomain.PUBLIC_DUTY,
        signing_time=pki.NOW,
        proven_time=pki.NOW - timedelta(hours=1),
        proven_by="signature-timestamp: 7",
        covers=Covered("revision", ((0, 100), (200, 12345)), "", "cd" * 32),
        findings=(
            Finding("content_digest", True, "Nội dung đúng như khi ký.", name),
            Finding("revocation", False, "Chưa có."),
        ),
        level="B-T",
    )
    return Report(
        "ef" * 32,
        12345,
        Indication.INDETERMINATE,
        SubIndication.TRY_LATER,
        (signature,),
        (),
        pki.NOW,
        "p",
        "00" * 32,
        "s",
    )


def test_the_json_has_the_published_shape() -> None:
    """Programs find what the interface promises, under the names that it promises."""
    tree = json.loads(as_json(report(), "kết quả.pdf"))
    assert tree["file"] == "kết quả.pdf"
    assert tree["conclusion"] == "INDETERMINATE"
    (signature,) = tree["signatures"]
    assert signature["indication"] == "INDETERMINATE"
    assert signature["sub_indication"] == "TRY_LATER"
    assert signature["signer"]["name"] == "Nguyễn Thị Ánh"
    assert signature["domain"] == "public-duty"
    assert signature["signing_time"] == "2026-11-20T03:00:00Z"
    assert signature["proven_time"] == "2026-11-20T02:00:00Z"
    assert signature["covers"]["ranges"] == [[0, 100], [200, 12345]]
    assert set(signature["findings"][0]) == {"code", "ok", "message_vi", "detail"}


def test_the_json_is_canonical() -> None:
    """One line, keys sorted, nothing to choose: whoever compares digests compares reports."""
    raw = as_json(report())
    assert raw.endswith(b"}\n")
    assert raw.count(b"\n") == 1
    assert (
        json.dumps(json.loads(raw), ensure_ascii=False, sort_keys=True, separators=(",", ":")) == raw.decode().strip()
    )


class _Tags(HTMLParser):
    """What a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the tag, and every address in it."""
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "style")]


def test_a_hostile_name_is_text_on_the_page_and_nothing_else() -> None:
    """No tag, no direction mark, no control character of a certificate reaches a screen (attack C5)."""
    for raw in (as_html(report(HOSTILE), HOSTILE), as_json(report(HOSTILE), HOSTILE)):
        assert not re.search(
            r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", raw.decode("utf-8")
        )
    seen = _Tags()
    seen.feed(as_html(report(HOSTILE), HOSTILE).decode("utf-8"))
    assert "script" not in seen.tags
    assert seen.addresses == []


def test_the_page_says_what_who_when_which_rule_and_what_to_do() -> None:
    """A person needs nothing but the page."""
    page = as_html(report(), "kết quả.pdf").decode("utf-8")
    for said in (
        "kết quả.pdf",
        "CHƯA KẾT LUẬN ĐƯỢC",
        "TRY_LATER",
        "Việc cần làm",
        "Nguyễn Thị Ánh",
        "Chữ ký số chuyên dùng công vụ",
        "09:00:00 ngày 20/11/2026 (giờ Việt Nam), dấu thời gian của chữ ký",
        "đến byte 12.345",
        "[revocation]",
    ):
        assert said in page, said


def test_the_pdf_holds_the_same_words_with_their_diacritics(tmp_path: Path) -> None:
    """Read back by a tool that is not ours; a letter the fonts lack stands as its code."""
    target = tmp_path / "report.pdf"
    target.write_bytes(as_pdf(report("Nguyễn Thị Ánh 中"), "kết quả.pdf"))
    told = subprocess.run(["pdftotext", "-layout", target, "-"], capture_output=True, text=True, check=True).stdout
    for said in (
        "BÁO CÁO KIỂM TRA CHỮ KÝ SỐ",
        "CHƯA KẾT LUẬN ĐƯỢC",
        "Nguyễn Thị Ánh \\u4e2d",
        "Chữ ký số chuyên dùng công vụ",
    ):
        assert said in told, told


@pytest.mark.parametrize("zone", ["Asia/Ho_Chi_Minh", "America/New_York"])
def test_paper_does_not_depend_on_zone_hour_or_process(zone: str, tmp_path: Path) -> None:
    """Another process, in another zone and language, later: the same bytes."""
    stored = tmp_path / "report.json"
    stored.write_bytes(encode_report(report()))
    program = (
        "import sys, hashlib; from pathlib import Path; from signing.rendering import *; from signing.storing import *\n"
        "r = decode_report(Path(sys.argv[1]).read_bytes())\n"
        "print(hashlib.sha256(as_json(r, 'x') + as_html(r, 'x') + as_pdf(r, 'x')).hexdigest())\n"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "TZ": zone, "LC_ALL": "C"}
    told = {
        subprocess.run(
            [sys.executable, "-c", program, str(stored)],
            capture_output=True,
            text=True,
            check=True,
            env={**environment, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    here = hashlib.sha256(as_json(report(), "x") + as_html(report(), "x") + as_pdf(report(), "x")).hexdigest()
    assert told == {here + "\n"}


def test_a_stored_report_comes_back_as_it_was() -> None:
    """Nothing is lost between a verdict and its archive."""
    assert decode_report(encode_report(report(HOSTILE))) == report(HOSTILE)
    before = as_pdf(report())
    assert as_pdf(decode_report(encode_report(report()))) == before


def test_a_claim_at_the_end_of_the_calendar_is_shown_as_it_stands() -> None:
    """A signer may claim 9999-12-31T23:59:59Z, which has no local time in Việt Nam; every paper is made all the same."""
    made = report()
    claimed = replace(made.signatures[0], signing_time=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    document = replace(made, signatures=(claimed,))
    assert b"9999-12-31T23:59:59" in as_html(document, "a.pdf")
    assert as_pdf(document, "a.pdf").startswith(b"%PDF-")
    assert b"9999-12-31T23:59:59Z" in as_json(document, "a.pdf")
