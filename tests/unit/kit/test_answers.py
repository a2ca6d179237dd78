"""What a status and its headers let one conclude, and how addresses are put together."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.addresses import joined
from connectors.kit.errors import (
    Busy,
    CannotMap,
    ContractChanged,
    CredentialsRefused,
    DeliveryError,
    Rejected,
    UpstreamFault,
)
from connectors.kit.http import HttpAnswer, refusal, retry_after_s

SENDABLE = st.text(st.characters(codec="utf-8"))
PATHS = SENDABLE.filter(lambda text: not any(part in (".", "..") for part in text.split("/")))


def answer(status: int, **headers: str) -> HttpAnswer:
    return HttpAnswer(status, {key.replace("_", "-"): value for key, value in headers.items()}, b"", 1.0)


@pytest.mark.parametrize(
    ("base", "path", "whole"),
    [
        ("https://h/a", "b", "https://h/a/b"),
        ("https://h/a/", "b", "https://h/a/b"),
        ("https://h/a", "/b", "https://h/a/b"),
        ("https://h/a/", "/b", "https://h/a/b"),
        ("https://h", "/b/", "https://h/b/"),
        ("https://h/", "", "https://h"),
        (
            "https://h:8080/XrdAdapter/RestService/forward",
            "/mapi/g",
            "https://h:8080/XrdAdapter/RestService/forward/mapi/g",
        ),
        ("https://h", "/a:b@c;d=e,f", "https://h/a:b@c;d=e,f"),
        ("https://h", "/100%25?x#y", "https://h/100%2525%3Fx%23y"),
        ("https://h", "/hồ sơ", "https://h/h%E1%BB%93%20s%C6%A1"),
    ],
)
def test_base_and_path_meet_at_one_slash(base: str, path: str, whole: str) -> None:
    """With or without slashes at the seam; what is plain text is encoded once, a percent sign included."""
    assert str(joined(base, path)) == whole


def test_a_query_is_encoded_exactly_once() -> None:
    """The encoding trap of the adapter: colons and slashes of `providerurl` (national-portal facts 1.2)."""
    query = {
        "dstcode": "VN:GOV:000.00.00.G22:vpcpdvcprovider",
        "providerurl": "https://apigiaytocanhan.dichvucong.gov.vn",
    }
    assert str(joined("https://h", "/p", query)) == (
        "https://h/p?dstcode=VN%3AGOV%3A000.00.00.G22%3Avpcpdvcprovider"
        "&providerurl=https%3A%2F%2Fapigiaytocanhan.dichvucong.gov.vn"
    )


@given(path=PATHS, query=st.dictionaries(SENDABLE, SENDABLE, max_size=4))
def test_decoding_once_gives_the_plain_text_back(path: str, query: dict[str, str]) -> None:
    """For every path and query: encoded exactly once, never twice, never not at all, and nothing escapes its place."""
    url = joined("https://h/base", path, query)
    sent = url.raw_path_qs
    raw_path, _, raw_query = sent.partition("?")
    assert sent.isascii()
    assert unquote(raw_path) == "/base" + ("/" + path.removeprefix("/") if path else "")
    assert dict(parse_qsl(raw_query, keep_blank_values=True)) == query
    assert url.host == "h"
    assert not url.fragment


@pytest.mark.parametrize("path", ["/a/../b", "..", "/./a", "/a/.."])
def test_a_path_that_climbs_is_refused(path: str) -> None:
    """A dossier code must not choose another resource."""
    with pytest.raises(CannotMap):
        joined("https://h/base", path)


def test_half_a_surrogate_is_refused() -> None:
    """Text that UTF-8 cannot say cannot be sent."""
    with pytest.raises(CannotMap):
        joined("https://h", "/\ud800")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
        ("99999999999999999999", None),
        ("Sat, 21 Nov 2026 00:02:00 GMT", 120.0),
        ("Fri, 20 Nov 2026 00:00:00 GMT", 0.0),
        ("Saturday, 21-Nov-26 00:00:30 GMT", 30.0),
        ("Sat Nov 21 00:00:10 2026", 10.0),
        ("Sat, 99 Nov 2026 00:02:00 GMT", None),
    ],
)
def test_retry_after_reads_seconds_and_dates(value: str, seconds: float | None) -> None:
    """RFC 9110, 10.2.3 and all three date forms of 5.6.7; a past date is now, nonsense is nothing."""
    now = datetime(2026, 11, 21, tzinfo=UTC)
    assert retry_after_s({"Retry-After": value}, now) == seconds


def test_a_date_is_read_against_the_date_of_the_same_answer() -> None:
    """The upstream's clock may be wrong; its two times are of one clock."""
    headers = {"Retry-After": "Sat, 21 Nov 2026 00:02:00 GMT", "Date": "Sat, 21 Nov 2026 00:01:30 GMT"}
    assert retry_after_s(headers) == 30.0
    assert retry_after_s({"Retry-After": headers["Retry-After"]}) is None


@given(st.integers(-100_000, 100_000))
def test_every_date_gives_its_distance(seconds: int) -> None:
    """For every whole second around now: the distance, never negative."""
    now = datetime(2026, 11, 21, tzinfo=UTC)
    then = datetime.fromtimestamp(now.timestamp() + seconds, UTC)
    assert retry_after_s({"Retry-After": format_datetime(then, usegmt=True)}, now) == max(0.0, float(seconds))


@given(SENDABLE)
def test_no_retry_after_breaks_the_reader(value: str) -> None:
    """Whatever an upstream writes, the answer is a number of seconds or nothing."""
    seconds = retry_after_s({"Retry-After": value}, datetime(2026, 11, 21, tzinfo=UTC))
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, None),
        (204, None),
        (301, ContractChanged),
        (400, Rejected),
        (401, CredentialsRefused),
        (403, CredentialsRefused),
        (404, ContractChanged),
        (405, ContractChanged),
        (408, UpstreamFault),
        (409, Rejected),
        (410, ContractChanged),
        (422, Rejected),
        (429, Busy),
        (500, UpstreamFault),
        (502, UpstreamFault),
        (503, UpstreamFault),
        (599, UpstreamFault),
    ],
)
def test_a_status_means_what_may_be_concluded(status: int, kind: type[DeliveryError] | None) -> None:
    """The generic table; a 503 is of unknown effect unless the upstream documents otherwise."""
    error = refusal(answer(status, Retry_After="3"))
    assert type(error) is (kind or type(None))


def test_a_documented_503_is_busy_with_its_wait() -> None:
    """A connector that can cite the upstream's document says so."""
    error = refusal(answer(503, Retry_After="3"), busy=(429, 503))
    assert isinstance(error, Busy)
    assert error.retry_after_s == 3.0
