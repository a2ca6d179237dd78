"""What is no HTTP at all is refused like everything else: a problem document, and nothing of it repeated or logged."""

from __future__ import annotations

import socket

import msgspec
import pytest

from tests.conforming import documented
from tests.line.program import ask
from tests.line.running import Line

pytestmark = pytest.mark.xdist_group("line")

SECRET = b"001099776655"
UNREADABLE = {
    "garbage": b"\x16\x03\x01" + SECRET + b"\r\n\r\n",
    "header_without_a_colon": b"GET /v1/feed HTTP/1.1\r\nHost: a\r\n" + SECRET + b"\r\n\r\n",
    "header_with_a_control_character": b"GET /v1/feed HTTP/1.1\r\nHost: a\r\nX: \x00" + SECRET + b"\r\n\r\n",
    "two_lengths": b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n" + SECRET,
    "length_and_chunks": b"POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
    + SECRET,
    "endless_header": b"GET /v1/feed HTTP/1.1\r\nHost: a\r\nX: " + SECRET * 5_000 + b"\r\n\r\n",
    "unknown_version": b"GET /v1/feed HTTP/9.9" + SECRET + b"\r\nHost: a\r\n\r\n",
}


def _answer(line: Line, raw: bytes) -> tuple[int, dict[str, str], bytes]:
    with socket.create_connection(("127.0.0.1", line.ports.gateway), timeout=60) as connection:
        connection.sendall(raw)
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_request_that_cannot_be_read_is_refused_as_a_problem_document(line: Line, kind: str) -> None:
    """400 `malformed` in the form of RFC 9457; the connection is closed, the bytes are neither repeated nor logged."""
    status, headers, body = _answer(line, UNREADABLE[kind])
    assert status == 400 and headers["Content-Type"] == "application/problem+json"
    assert msgspec.json.decode(body)["code"] == "malformed"
    assert documented().faults("GET", "/v1/feed", status, headers, body) == []
    assert SECRET not in body and SECRET.decode() not in line.program.log("gateway")
    assert ask("GET", f"{line.url()}/healthz").status == 200
