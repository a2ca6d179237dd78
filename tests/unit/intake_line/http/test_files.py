"""Files over a real store: what the trail, the evidence and the records say of them."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import msgspec

from gateway.evidence.original import unpack
from gateway.intake.signature import SignedRequest, Stated, read_default, sign_head, verifies
from gateway.records import files

CONTENT = b"%PDF-1.7 " + "giấy phép của một người".encode() * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()


async def audits(site: Any, kind: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Actor, dossier and fields of each audit row of a kind."""
    rows = await site.journal.feed(0, 1000, feed_only=False)
    return [(row.actor, row.dossier, msgspec.json.decode(row.fields)) for row in rows if row.kind == kind]


async def read(site: Any, who: str, target: str) -> int:
    """A signed read of content; its status."""
    headers = sign_head("GET", target, None, site.keys[who], int(site.time.now.timestamp()))
    async with site.client.get(target, headers=headers) as answer:
        await answer.read()
        return int(answer.status)


async def test_a_stored_file_is_audited_once_and_bound_by_a_leaf(site: Any, words: Any) -> None:
    """One row without names for two uploads, a leaf for what was written, none for the repeat."""
    writer = site.journal.writer
    before = len(await site.journal.leaves(writer))
    assert (await site.upload("SEC-A", CONTENT))[0] == 201
    assert (await site.upload("SEC-A", CONTENT))[0] == 200
    assert await audits(site, "file.stored") == [("SEC-A", words.code, {"sha256": SHA256, "size": len(CONTENT)})]
    assert len(await site.journal.leaves(writer)) == before + 1


async def test_every_read_is_audited_and_a_refused_one_is_not(site: Any, words: Any) -> None:
    """Who read what, by which route; whoever may not read leaves no row of a read."""
    await site.upload("SEC-A", CONTENT)
    target = f"/v1/files/{SHA256}?dossier={words.code}"
    assert [await read(site, who, target) for who in ("RES", "SEC-A", "SEC-OTHER")] == [200, 200, 404]
    told = {"subject": SHA256, "what": "file", "purpose": "result", "route": "GET /v1/files/{sha256}"}
    assert await audits(site, "personal.read") == [("RES", words.code, told), ("SEC-A", words.code, told)]


async def test_the_signed_head_of_an_upload_is_kept_and_can_be_checked(site: Any, words: Any) -> None:
    """A third party can check years later who sent this very content (RFC 9421; QĐ 3036 Điều 11.2)."""
    await site.upload("SEC-A", CONTENT)
    stored = files.parse(await site.journal.record(files.key(words.code, SHA256)))
    original, body = unpack(stored.signed)
    assert body == b""
    request = SignedRequest(original.method, original.path, original.query, original.headers)
    signature = read_default(request, has_content=True)
    assert signature is not None
    assert verifies(site.keys["SEC-A"].private_key.public_key(), signature.signature, signature.base)
    assert dict(original.headers)["content-digest"].startswith("sha-256=:")


async def test_an_old_signature_may_repeat_what_is_stored_and_nothing_else(site: Any, words: Any) -> None:
    """A client that lost our answer repeats the very same signed bytes lawfully (dossier-model 4.1)."""
    target, stated = f"/v1/files?dossier={words.code}", Stated("application/pdf", hashlib.sha256(CONTENT).digest())
    headers = sign_head("POST", target, stated, site.keys["SEC-A"], int(site.time.now.timestamp()))
    _, first, _ = await site.send("POST", target, CONTENT, headers)
    site.time.now += timedelta(hours=1)
    status, again, _ = await site.send("POST", target, CONTENT, headers)
    assert (status, again) == (200, first)
    other = Stated("application/pdf", hashlib.sha256(b"other").digest())
    old = sign_head("POST", target, other, site.keys["SEC-A"], int(site.time.now.timestamp()) - 3_600)
    status, tree, _ = await site.send("POST", target, b"other", old)
    assert (status, tree["code"]) == (401, "signature_expired")


def wish(words: Any, **changes: Any) -> bytes:
    """The wish that a file be fetched."""
    told = {
        "dossier_code": words.code,
        "url": "https://tep.donvi.example.vn/kq/1.pdf",
        "sha256": SHA256,
        "size": len(CONTENT),
        "media_type": "application/pdf",
    }
    return msgspec.json.encode(told | changes)


async def test_a_listed_host_is_fetched_from_and_the_file_is_kept_as_an_upload_is(site: Any, words: Any) -> None:
    """201 and 200, one copy, readable, audited; the signed wish itself is kept as evidence."""
    site.office.holds["/kq/1.pdf"] = CONTENT
    body = wish(words)
    status, told, _ = await site.call("SEC-PULL", "POST", "/v1/files/pull", body)
    assert (status, told["sha256"], told["size"]) == (201, SHA256, len(CONTENT))
    assert (await site.call("SEC-PULL", "POST", "/v1/files/pull", body))[0] == 200
    assert (await site.upload("SEC-A", CONTENT))[0] == 200
    assert await audits(site, "file.stored") == [("SEC-PULL", words.code, {"sha256": SHA256, "size": len(CONTENT)})]
    assert await read(site, "RES", f"/v1/files/{SHA256}?dossier={words.code}") == 200
    stored = files.parse(await site.journal.record(files.key(words.code, SHA256)))
    assert unpack(stored.signed)[1] == body


async def test_fetching_is_off_unless_the_host_is_listed_for_this_system(site: Any, words: Any) -> None:
    """No list: never. Another host, http, an account, an IP address: refused before anything is called."""
    for who in ("SEC-A", "RES"):
        status, told, _ = await site.call(who, "POST", "/v1/files/pull", wish(words))
        assert (status, told["code"]) == (403, "pull_not_allowed")
    for url, status in (
        ("https://khac.example.vn/1.pdf", 403),
        ("https://tep.donvi.example.vn:8443/1.pdf", 403),
        ("http://tep.donvi.example.vn/1.pdf", 422),
        ("https://a@tep.donvi.example.vn/1.pdf", 422),
        ("https://127.0.0.1/1.pdf", 422),
    ):
        assert (await site.call("SEC-PULL", "POST", "/v1/files/pull", wish(words, url=url)))[0] == status, url
    assert site.office.asked == []


async def test_what_is_fetched_must_be_what_was_said(site: Any, words: Any) -> None:
    """Another content, another size, nothing there, another dossier, a wish that is none: told each in its own way."""
    site.office.holds.update({"/kq/1.pdf": CONTENT, "/khac": b"khac"})
    base = "https://tep.donvi.example.vn"
    cases: tuple[tuple[bytes, int, set[tuple[str, str]]], ...] = (
        (wish(words, url=f"{base}/khac"), 422, {("noi_dung_khac", "/sha256")}),
        (wish(words, size=len(CONTENT) - 1), 422, {("sai_kich_thuoc", "/size")}),
        (wish(words, url=f"{base}/mat"), 502, set()),
        (wish(words, dossier_code="000.00.00.G16-261120-9999"), 404, set()),
        (wish(words, sha256="x", them=1), 422, {("sai_dinh_dang", "/sha256"), ("truong_khong_biet", "/them")}),
    )
    for body, status, faults in cases:
        told = await site.call("SEC-PULL", "POST", "/v1/files/pull", body)
        assert told[0] == status
        assert {(fault["code"], fault["pointer"]) for fault in told[1]["errors"]} == faults
    assert await audits(site, "file.stored") == []
    assert site.office.asked == ["/khac", "/kq/1.pdf", "/mat"], "nobody is called for what would be refused anyway"


async def test_hosts_that_do_not_answer_are_waited_for_in_few_places(site: Any, words: Any) -> None:
    """A system has as many calls under way as it has places; the next is told to come again, and nobody is called for it."""
    site.office.silent.append(answering := asyncio.Event())
    calls = [asyncio.create_task(site.call("SEC-PULL", "POST", "/v1/files/pull", wish(words))) for _ in range(9)]
    done, waiting = await asyncio.wait(calls, timeout=20, return_when=asyncio.FIRST_COMPLETED)
    (refused,) = done
    assert (refused.result()[0], refused.result()[1]["code"]) == (429, "too_many_requests")
    assert (await site.upload("SEC-A", CONTENT))[0] == 201, "where files arrive nobody waits"
    answering.set()
    assert {status for status, _, _ in await asyncio.gather(*waiting)} == {502}
    assert len(site.office.asked) == 8


async def test_a_header_that_no_evidence_can_hold_is_refused_before_the_content(site: Any, words: Any) -> None:
    """Bytes that are no text, in a header that no signature covers: 400, and nothing of the file remains on the disk."""
    target, stated = f"/v1/files?dossier={words.code}", Stated("application/pdf", hashlib.sha256(CONTENT).digest())
    headers = sign_head("POST", target, stated, site.keys["SEC-A"], int(site.time.now.timestamp()))
    lines = [f"{name}: {value}".encode() for name, value in headers.items()]
    lines += [
        b"Host: x",
        b"Connection: close",
        b"Content-Length: %d" % len(CONTENT),
        b"Idempotency-Key: \xff",
        b"",
        b"",
    ]
    reading, writing = await asyncio.open_connection(site.client.server.host, site.client.server.port)
    writing.write(b"\r\n".join([f"POST {target} HTTP/1.1".encode(), *lines]) + CONTENT)
    answer = await reading.read()
    writing.close()
    assert answer.startswith(b"HTTP/1.1 400 ") and b'"code":"malformed"' in answer
    assert (await site.upload("SEC-A", CONTENT))[0] == 201
