"""The last net under the logs: what looks like personal data or a secret leaves as its kind, quickly, at any depth."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import date

import pytest

from connectors.postal.label import as_pdf
from gateway.observe.log import configure, redact
from tests.connectors.postal.parcels import parcel
from tests.effort import effort


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the root logger writes; the loggers stand as before afterwards."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    fonts = logging.getLogger("fontTools")
    told = fonts.level
    configure("INFO", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    fonts.setLevel(told)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("gọi 0912345678", "gọi [phone]"),
        ("gọi 0912 345 678", "gọi [phone]"),
        ("gọi 0912.345.678", "gọi [phone]"),
        ("gọi +84 912 345 678", "gọi [phone]"),
        ("gọi 84912345678", "gọi [phone]"),
        ("phone:0912345678", "phone:[phone]"),
        ("CCCD 001099012345.", "CCCD [id]."),
        ("cccd:001099012345", "cccd:[id]"),
        ("CCCD 001 099 012 345", "CCCD [id]"),
        ("CMND 012345678", "CMND [id]"),
        ("nguyen.van-a@vi.du.vn", "[email]"),
        ("Authorization: Bearer abcdefghijkl", "Authorization: [secret] [secret]"),
        ('{"password": "hai chữ", "n": 1}', '{"password": [secret], "n": 1}'),
        ("api_key=abc", "api_key=[secret]"),
        ("got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ0aHUifQ.c2lnbmVk here", "got [secret] here"),
        ("unsigned eyJhbGciOiJub25lIn0.eyJzdWIiOiJ0aHUifQ.", "unsigned [secret]"),
        ("Authorization: DPoP abcdefghijkl", "Authorization: [secret] [secret]"),
    ],
)
def test_what_looks_personal_or_secret_is_replaced_by_its_kind(text: str, shown: str) -> None:
    """Telephone numbers, identities, addresses and secrets, grouped or quoted as people write them."""
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "000.00.00.G16-261120-0042",
        "019a0f5e-7b1c-7c40-9a51-261120004212",
        "2026-11-20T15:04:05.123456789Z",
        "2026-11-20T08:04:05.123456+00:00",
        "10.123.100.200:8443",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ],
)
def test_codes_times_and_addresses_of_machines_stay_readable(text: str) -> None:
    """A log that masks its own dossier codes helps nobody."""
    assert redact(text) == text


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "a.b-",
        "0",
        "1 ",
        "token ",
        "bearer ",
        '"',
        "@",
        "a@",
        "session" + " " * 50,
        "012 ",
        "password:'",
        "eyJ",
        "eyJhbGciOiJub25l.",
        "-eyJ",
    ],
)
def test_redaction_of_a_long_text_takes_one_pass(unit: str) -> None:
    """Whoever can put a long text into a log must not stop the gateway: a quadratic pattern took minutes for this."""
    text = unit * (200_000 // len(unit))
    assert effort(lambda: redact(text)) < 300


def test_fields_are_redacted_at_any_depth(written: io.StringIO) -> None:
    """Lists, maps and strange values are no way around the net."""
    told = {"a": ["gọi 0912345678", {"b": ("x@vi.du.vn",)}], "n": 7}
    logging.getLogger("t").warning(
        "câu", extra={"told": told, "day": date(2026, 11, 20), "odd": ValueError("0912345678")}
    )
    line = json.loads(written.getvalue())
    assert line["told"] == {"a": ["gọi [phone]", {"b": ["[email]"]}], "n": 7}
    assert (line["day"], line["odd"]) == ("2026-11-20", "[phone]")


def test_a_message_cannot_write_a_line_of_its_own(written: io.StringIO) -> None:
    """One record is one line, whatever it says."""
    logging.getLogger("t").warning('x\n{"level":"ERROR"}')
    assert len(written.getvalue().splitlines()) == 1


def test_the_glyphs_of_every_printed_page_were_written_into_the_log(written: io.StringIO) -> None:
    """The library of fonts tells of each page which letters it holds, names of people among them; its warnings stay."""
    assert as_pdf(parcel()).startswith(b"%PDF-")
    logging.getLogger("fontTools.subset").warning("a font is broken")
    assert [json.loads(line)["message"] for line in written.getvalue().splitlines()] == ["a font is broken"]


def test_the_library_of_fonts_still_tells_of_its_glyphs(written: io.StringIO) -> None:
    """Where nobody silences it: so that the test above holds something."""
    logging.getLogger("fontTools").setLevel(logging.NOTSET)
    assert as_pdf(parcel()).startswith(b"%PDF-")
    assert "Glyph IDs" in written.getvalue()
