"""A hostile caller on the wire: what a client library would never write, byte by byte, against the real listener."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, web

from gateway.bootstrap.doorway import Doorway, Room
from gateway.bootstrap.sites import tcp_site
from gateway.intake.feed import cursor_of
from gateway.intake.signature import sign_request


async def say(site: Any, raw: bytes) -> tuple[int, dict[str, str], bytes]:
    """Write raw bytes to the listener; the status, headers (lower case) and body of the first answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.client.server.port)
    try:
        writer.write(raw)
        await writer.drain()
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await asyncio.wait_for(reader.readexactly(int(headers.get("content-length", "0"))), 60)
        return int(first.split(" ")[1]), headers, body
    finally:
        writer.close()


def wire(method: str, target: str, headers: Mapping[str, str], body: bytes = b"", *more: tuple[str, str]) -> bytes:
    """A request exactly as given; `more` are further header lines, duplicates allowed."""
    lines = [("Host", "gateway.local"), *headers.items(), *more] if "Host" not in headers else [*headers.items(), *more]
    if body or method in {"POST", "PUT"}:
        lines.append(("Content-Length", str(len(body))))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def signed(site: Any, who: str, method: str, target: str, body: bytes = b"") -> dict[str, str]:
    """The headers of a good signature, made now."""
    return sign_request(method, target, body, site.keys[who], int(site.time.now.timestamp()))


def code_of(answer: tuple[int, dict[str, str], bytes]) -> str:
    """The problem's code; fails unless the answer is a problem document."""
    status, headers, body = answer
    assert headers["content-type"].startswith("application/problem+json"), (status, headers, body[:200])
    code: str = msgspec.json.decode(body)["code"]
    return code


async def test_a_host_header_cannot_lend_a_signature_to_another_path(site: Any, words: Any) -> None:
    """Signed for the feed, replayed on a dossier: the Host header is no part of the signed path."""
    headers = signed(site, "RES", "GET", "/v1/feed")
    headers["Signature-Input"] = headers["Signature-Input"].replace('" "', '"  "')  # the library's reading, not ours
    assert (await say(site, wire("GET", "/v1/feed", headers)))[0] == 200
    for host in ("gateway.local/v1/feed?x=", "gateway.local/v1/feed#", "a@b/v1/feed?"):
        answer = await say(site, wire("GET", f"/v1/dossiers/{words.code}", {**headers, "Host": host}))
        assert answer[0] in (400, 401), (host, answer)


@pytest.mark.parametrize("target", ["/v1/feed/%00", "/v1/events/%ff%00", "/v1/dossiers/%ED%A0%80"])
async def test_a_path_that_is_no_text_is_a_problem_document(site: Any, target: str) -> None:
    """Escaped bytes that are no text: refused in our form, never a bare 500."""
    answer = await say(site, wire("GET", target, {}))
    assert answer[0] in (400, 401, 404), answer
    code_of(answer)


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [("/v1/dossiers/A%00B", 404, "not_found"), ("/v1/feed?after=%00", 400, "invalid_query")],
)
async def test_an_address_with_the_null_character_never_reaches_the_store(
    site: Any, target: str, status: int, code: str
) -> None:
    """PostgreSQL can hold no such text, and a question that it cannot even be asked is no fault of the store."""
    answer = await say(site, wire("GET", target, signed(site, "RES", "GET", target)))
    assert (answer[0], code_of(answer)) == (status, code)


@pytest.mark.parametrize(
    "more",
    [
        ("Signature", "sig2=:AAAA:"),
        ("Signature-Input", 'sig2=("@method");created=1;keyid="x"'),
        ("Signature", "sig1=:AAAA:"),
        ("Content-Digest", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"),
        ("Content-Type", "text/plain"),
        ("Content-Type", "application/json"),
    ],
)
async def test_a_second_line_of_a_signed_header_is_refused(site: Any, words: Any, more: tuple[str, str]) -> None:
    """Two lines may be read in two ways by two readers."""
    body = site.body(words.event("SEC-A", 1, "received"))
    headers = signed(site, "SEC-A", "POST", "/v1/events", body)
    answer = await say(site, wire("POST", "/v1/events", headers, body, more))
    assert answer[0] in (400, 401), answer
    assert await site.journal.event("SEC-A", words.event_id("SEC-A", 1)) is None


@pytest.mark.parametrize("labels", [("sig1", "sig2"), ("a", "b")])
async def test_two_good_signatures_are_one_refusal_and_no_crash(site: Any, words: Any, labels: tuple[str, str]) -> None:
    """Which of two is meant cannot be told: 401, not 500."""
    body = site.body(words.event("SEC-A", 1, "received"))
    headers = signed(site, "SEC-A", "POST", "/v1/events", body)
    stated, given = headers["Signature-Input"][5:], headers["Signature"][5:]
    headers["Signature-Input"] = ", ".join(f"{label}={stated}" for label in labels)
    headers["Signature"] = ", ".join(f"{label}={given}" for label in labels)
    answer = await say(site, wire("POST", "/v1/events", headers, body))
    assert (answer[0], code_of(answer)) == (401, "bad_signature")


@pytest.mark.parametrize(
    "target",
    ["/v1//feed", "//v1/feed", "/v1/./feed", "/v1/x/../feed", "/v1/feed/", "/V1/feed", "/v1%2Ffeed", "/%76%31/feed",
     "/v1/feed;x", "/v1/fee\td"],
)  # fmt: skip
@pytest.mark.parametrize("loose", [False, True])
async def test_another_spelling_of_a_signed_path_is_refused(site: Any, target: str, loose: bool) -> None:
    """A signature for /v1/feed opens nothing under another spelling, by either reader."""
    headers = signed(site, "RES", "GET", "/v1/feed")
    if loose:
        headers["Signature-Input"] = headers["Signature-Input"].replace('" "', '"  "')
    assert (await say(site, wire("GET", target, headers)))[0] in (400, 401, 404)


async def test_an_absolute_target_is_read_as_its_path(site: Any, words: Any) -> None:
    """RFC 9112 3.2.2: a server takes the absolute form; what is signed is the path."""
    headers = signed(site, "RES", "GET", "/v1/feed")
    assert (await say(site, wire("GET", "http://gateway.local/v1/feed", headers)))[0] == 200
    other = await say(site, wire("GET", f"http://gateway.local/v1/dossiers/{words.code}", headers))
    assert (other[0], code_of(other)) == (401, "bad_signature")


async def test_no_header_changes_the_method(site: Any, words: Any) -> None:
    """A signed GET stays a GET, and HEAD is not one."""
    target = f"/v1/dossiers/{words.code}"
    headers = signed(site, "RES", "GET", target)
    assert (await say(site, wire("GET", target, {**headers, "X-HTTP-Method-Override": "PUT"})))[0] == 200
    assert (await say(site, wire("PUT", target, headers)))[0] == 401
    assert (await site.client.head(target, headers=headers)).status == 405


async def test_a_query_cannot_be_added_to_a_signed_reading(site: Any, words: Any) -> None:
    """Neither a query nor an empty one."""
    target = f"/v1/events/{words.event_id('SEC-A', 1)}"
    headers = signed(site, "RES", "GET", target)
    for more in ("?", "?system=SEC-A", "?system=RES&system=SEC-A"):
        answer = await say(site, wire("GET", target + more, headers))
        assert (answer[0], code_of(answer)) == (401, "uncovered_component"), more


async def test_content_cannot_be_added_to_a_signed_reading(site: Any) -> None:
    """A body that nobody signed is refused, announced or chunked."""
    headers = signed(site, "RES", "GET", "/v1/feed")
    answer = await say(site, wire("GET", "/v1/feed", headers | {"Content-Length": "2"}) + b"{}")
    assert (answer[0], code_of(answer)) == (401, "bad_digest")
    chunked = wire("GET", "/v1/feed", headers | {"Transfer-Encoding": "chunked"}) + b"2\r\n{}\r\n0\r\n\r\n"
    assert (await say(site, chunked))[0] == 401


async def test_a_length_beside_chunks_is_refused(site: Any, words: Any) -> None:
    """Request smuggling (RFC 9112 6.1): never two readings of where a request ends."""
    body = site.body(words.event("SEC-A", 1, "received"))
    headers = signed(site, "SEC-A", "POST", "/v1/events", body)
    raw = wire("POST", "/v1/events", headers | {"Transfer-Encoding": "chunked"}, body)
    assert (await say(site, raw))[0] == 400
    twice = wire("POST", "/v1/events", headers | {"Content-Length": "3"}, body)
    assert (await say(site, twice))[0] == 400
    assert await site.journal.event("SEC-A", words.event_id("SEC-A", 1)) is None


async def test_a_chunked_event_is_read_whole(site: Any, words: Any) -> None:
    """Chunks are lawful; the signature is over the content."""
    body = site.body(words.event("SEC-A", 1, "received"))
    headers = signed(site, "SEC-A", "POST", "/v1/events", body)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    raw = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{head}\r\n".encode()
    for start in range(0, len(body), 100):
        piece = body[start : start + 100]
        raw += f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    status, _, _ = await say(site, raw + b"0\r\n\r\n")
    assert status == 202


async def test_a_folded_header_is_refused(site: Any) -> None:
    """Obsolete line folding (RFC 9112 5.2)."""
    headers = signed(site, "RES", "GET", "/v1/feed")
    headers["Signature-Input"] = headers["Signature-Input"].replace(";created", "\r\n ;created")
    assert (await say(site, wire("GET", "/v1/feed", headers)))[0] in (400, 401)


async def test_a_second_content_encoding_does_not_hide_the_first(site: Any, words: Any) -> None:
    """Nothing is ever unpacked, however it is announced."""
    body = site.body(words.event("SEC-A", 1, "received"))
    headers = signed(site, "SEC-A", "POST", "/v1/events", body)
    for more in (
        (("Content-Encoding", "identity"), ("Content-Encoding", "gzip")),
        (("Content-Encoding", "identity, gzip"),),
    ):
        answer = await say(site, wire("POST", "/v1/events", headers, body, *more))
        assert answer[0] in (400, 415), answer


async def test_a_cursor_beyond_all_numbers_is_a_named_fault(site: Any) -> None:
    """A cursor that was never ours: 400, not 500."""
    for position in (2**63 - 1, 2**63, 10**19 - 1):
        status, body, _ = await site.call("RES", "GET", f"/v1/feed?after={cursor_of(position)}")
        assert (status, body.get("code")) in ((400, "invalid_query"), (200, None)), position


async def test_a_body_that_does_not_come_is_not_waited_for(site: Any) -> None:
    """Slowloris: content that stands still ends in 408, and another caller is served meanwhile."""
    head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{"
    slow = asyncio.create_task(say(site, head))
    assert (await site.call("RES", "GET", "/v1/feed"))[0] == 200
    answer = await slow
    assert (answer[0], code_of(answer)) == (408, "body_timeout")


async def test_concurrent_repeats_of_one_event_are_one_event(site: Any, words: Any) -> None:
    """One 202, the others duplicates with the very same receipt; other bytes under the key are conflicts."""
    told = words.event("SEC-A", 1, "received")
    other = words.event("SEC-A", 1, "processing")
    answers = await asyncio.gather(*(site.push("SEC-A", told if n % 3 else other) for n in range(24)))
    accepted = [body for status, body, _ in answers if status == 202]
    assert len(accepted) == 1
    for status, body, _ in answers:
        assert status in (202, 200, 409)
        assert status != 200 or (body["status"], body["original"]) == ("duplicate", accepted[0])


async def test_odd_signature_inputs_never_crash(site: Any) -> None:
    """401 for whatever is no signature."""
    good = signed(site, "RES", "GET", "/v1/feed")
    odd = ['sig1=("@method" "@path");created=1;keyid=1', 'sig1=();created=1;keyid="RES-1"', "sig1", "sig1=?1", "\xff",
           'sig1=("@method" "@path");created=?1;keyid="RES-1"', 'sig1=("@method";req "@path");created=1;keyid="RES-1"',
           'sig1=("@method" "@path");created=99999999999999999999;keyid="RES-1"', 'sig1=("@method" "@path");keyid="\xe1"',
           'sig1=("@method" "@path" "x\\"y");created=1;keyid="RES-1"', ",", "sig1=(1 2);created=1"]  # fmt: skip
    for text in odd:
        for given in (good["Signature"], "sig1=:AA==:", "sig1=1", "sig1=:\xff:"):
            answer = await say(site, wire("GET", "/v1/feed", good | {"Signature-Input": text, "Signature": given}))
            assert answer[0] in (400, 401), (text, given, answer)


async def test_packed_content_of_a_stranger_is_never_unpacked() -> None:
    """A bomb of 0.2 MB that unpacks to 200 MB is refused and thrown away as it came: 415 without the work."""
    bomb = zlib.compress(bytes(200_000_000), 9)
    application = web.Application()
    seen: list[int] = []

    async def count(request: web.Request) -> web.Response:
        seen.append(len(await request.read()))
        return web.Response(status=415)

    application.router.add_post("/v1/events", count)
    room, doorway = Room(application, lambda: None), Doorway()
    await room.open()
    doorway.lead_to(room)
    async with tcp_site(doorway, "127.0.0.1", 0) as port, ClientSession() as session:
        headers = {"Content-Encoding": "deflate", "Content-Length": str(len(bomb))}
        async with session.post(f"http://127.0.0.1:{port}/v1/events", data=bomb, headers=headers) as answer:
            assert answer.status == 415
    assert seen == [len(bomb)]
