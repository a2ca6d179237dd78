"""The internal listener over a real store, with real signatures: what leaves the door, and what never does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from gateway.evidence.original import unpack
from gateway.intake.signature import SignedRequest, digest_matches, read_default, sign_request, verifies


async def test_an_event_is_durable_before_its_202_leaves(site: Any, words: Any) -> None:
    """The receipt is that of the store; the crash point stands just before the answer."""
    status, body, headers = await site.push("SEC-A", words.event("SEC-A", 1, "received"))
    assert (status, body["status"]) == (202, "accepted")
    assert site.reached == ["accept.before_answer"] * 2 and site.counted == ["dossier_201", "event_202"]
    row = await site.journal.event("SEC-A", body["event_id"])
    assert msgspec.json.decode(row.answer) == body
    assert headers["X-Correlation-Id"]


async def test_the_very_same_signed_bytes_are_a_duplicate_even_an_hour_later(site: Any, words: Any) -> None:
    """4.1: a client that lost our 202 repeats itself lawfully."""
    raw = site.body(words.event("SEC-A", 1, "received"))
    headers = sign_request("POST", "/v1/events", raw, site.keys["SEC-A"], int(site.time.now.timestamp()))
    _, first, _ = await site.send("POST", "/v1/events", raw, headers)
    site.time.now += timedelta(hours=1)
    status, body, _ = await site.send("POST", "/v1/events", raw, headers)
    assert (status, body["status"], body["original"]) == (200, "duplicate", first)


async def test_an_old_signature_over_something_new_is_a_problem_document(site: Any, words: Any) -> None:
    """401 with a stable code, in the form of RFC 9457."""
    raw = site.body(words.event("SEC-A", 1, "received"))
    headers = sign_request("POST", "/v1/events", raw, site.keys["SEC-A"], int(site.time.now.timestamp()) - 4_000)
    status, body, answered = await site.send("POST", "/v1/events", raw, headers)
    assert (status, body["code"]) == (401, "signature_expired")
    assert answered["Content-Type"].startswith("application/problem+json")
    assert (await site.journal.event("SEC-A", words.event_id("SEC-A", 1))) is None


async def test_a_signed_word_in_anothers_name_is_forbidden(site: Any, words: Any) -> None:
    """403 wrong_system: a key speaks for its own system only."""
    status, body, _ = await site.push("SEC-A", words.event("SEC-B", 1, "received"))
    assert (status, body["code"]) == (403, "wrong_system")


async def test_every_fault_of_meaning_is_named(site: Any, words: Any) -> None:
    """422 with pointers: a missing reason and a missing supplement at once."""
    told = words.event("SEC-A", 1, "awaiting_supplement", reason=None, supplement=None)
    status, body, _ = await site.push("SEC-A", told)
    assert status == 422
    assert {fault["pointer"] for fault in body["errors"]} == {"/reason", "/supplement"}


async def test_an_event_may_name_its_dossier_by_the_sectors_own_number_once_it_is_known(site: Any, words: Any) -> None:
    """404 before; afterwards the number stands for the dossier, for this sector only."""
    blind = words.event("SEC-A", 2, "processing", dossier_code="", sector_dossier_id="LH-1")
    assert (await site.push("SEC-A", blind))[1]["code"] == "unknown_dossier"
    await site.push("SEC-A", words.event("SEC-A", 1, "received", sector_dossier_id="LH-1"))
    status, body, _ = await site.push("SEC-A", blind)
    assert (status, body["status"], body["dossier_code"]) == (202, "accepted", words.code)
    assert (await site.push("SEC-A", blind))[1]["status"] == "duplicate"
    other = words.event("SEC-B", 1, "received", dossier_code="", sector_dossier_id="LH-1")
    assert (await site.push("SEC-B", other))[0] == 404


async def test_refusals_of_the_decision_come_out_as_problem_documents(site: Any, words: Any) -> None:
    """404, 403 and 409 from inside the transaction look like those from the door."""
    other = words.event("SEC-A", 1, "received", dossier_code="000.00.00.G16-261120-0099")
    status, body, _ = await site.push("SEC-A", other)
    assert (status, body["code"], body["instance"]) == (404, "unknown_dossier", "/v1/events")
    assert (await site.push("SEC-MEEK", words.event("SEC-MEEK", 1, "processing")))[1]["code"] == "state_not_allowed"
    await site.push("SEC-A", words.event("SEC-A", 1, "received"))
    status, body, _ = await site.push("SEC-A", words.event("SEC-A", 1, "processing"))
    assert (status, body["code"]) == (409, "conflict")


async def test_a_big_body_is_refused_before_it_is_read(site: Any) -> None:
    """413, for a body that would be 50 MB."""
    raw = b"{" + b" " * 70_000 + b"}"
    status, body, _ = await site.call("SEC-A", "POST", "/v1/events", raw)
    assert (status, body["code"]) == (413, "too_large")


async def test_a_dossier_is_registered_by_the_resolution_system_alone(site: Any, words: Any) -> None:
    """403 for a sector; 409 for a version with other content; 200 for the same again."""
    assert await site.put() == 200
    assert await site.put(summary="khác") == 409
    assert await site.put(2, summary="khác") == 200
    raw = b'{"dossier_code":"x"}'
    assert (await site.call("SEC-A", "PUT", f"/v1/dossiers/{words.code}", raw))[0] == 403
    status, body, _ = await site.call("RES", "PUT", f"/v1/dossiers/{words.code}9", raw)
    assert status == 422 and "ma_ho_so_khac_duong_dan" in {fault["code"] for fault in body["errors"]}


async def test_a_dossier_shows_its_state_lanes_attempts_and_due_date_and_no_person(site: Any, words: Any) -> None:
    """Reading is for carrying, so no name, phone or content of the dossier is told."""
    await site.push("SEC-A", words.event("SEC-A", 1, "received"))
    await site.push("RES", words.event("RES", 1, "received"))
    status, body, headers = await site.call("SEC-A", "GET", f"/v1/dossiers/{words.code}")
    assert status == 200 and headers["Cache-Control"] == "no-store"
    assert (body["state"], body["version"], body["due_at"]) == ("received", 1, "2026-12-01T10:00:00Z")
    assert {lane["upstream"]: lane["waiting"] for lane in body["lanes"]} == {"national": 2, "resolution": 1}
    assert [d["state"] for d in body["deliveries"]] == ["READY"] * 3 and body["deliveries"][0]["attempts"] == []
    assert {told["upstream"]: told["waiting"] for told in body["acknowledged"]} == {"national": 2, "resolution": 1}
    assert [row["status"] for row in body["events"]] == ["accepted", "accepted"]
    text = msgspec.json.encode(body).decode()
    assert not [secret for secret in ("Nguyễn", "0900000000", "Trần Văn") if secret in text]


@pytest.mark.parametrize("who", ["SEC-OTHER", "RES"])
async def test_a_dossier_that_one_may_not_see_answers_as_one_that_is_not_there(site: Any, words: Any, who: str) -> None:
    """404 for a foreign procedure, in the very words of an unknown code."""
    code = words.code if who == "SEC-OTHER" else "000.00.00.G16-261120-0099"
    status, body, _ = await site.call(who, "GET", f"/v1/dossiers/{code}")
    assert (status, body["code"]) == (404, "unknown_dossier")
    assert body["detail"] == f"Hồ sơ {code} chưa được hệ thống giải quyết đăng ký."


async def test_an_event_is_read_by_its_sender_and_by_the_resolution_system(site: Any, words: Any) -> None:
    """The receipt as it was given, the status as it is now; another sector learns nothing."""
    later, first = words.event("SEC-A", 2, "processing"), words.event("SEC-A", 1, "received")
    _, receipt, _ = await site.push("SEC-A", later)
    assert receipt["status"] == "parked_gap"
    await site.push("SEC-A", first)
    target = f"/v1/events/{later.event_id}"
    status, body, _ = await site.call("SEC-A", "GET", target)
    assert (status, body["status"], body["receipt"]) == (200, "accepted", receipt)
    assert [delivery["upstream"] for delivery in body["deliveries"]] == ["resolution"]
    assert (await site.call("RES", "GET", f"{target}?system=SEC-A"))[0] == 200
    assert (await site.call("SEC-B", "GET", f"{target}?system=SEC-A"))[0] == 404
    assert (await site.call("RES", "GET", target))[0] == 404


async def test_reading_needs_a_fresh_signature(site: Any, words: Any) -> None:
    """A recorded reading request opens nothing later."""
    target = f"/v1/dossiers/{words.code}"
    headers = sign_request("GET", target, b"", site.keys["RES"], int(site.time.now.timestamp()) - 4_000)
    assert (await site.send("GET", target, b"", headers))[1]["code"] == "signature_expired"
    assert (await site.send("GET", target, b"", {}))[0] == 401


async def test_the_feed_is_read_in_order_page_by_page_and_misses_nothing(site: Any, words: Any) -> None:
    """Pages of one, with events coming between, give every row once, in the order of the journal."""
    kinds, cursor = [], ""
    for sequence in range(1, 4):
        await site.push("SEC-A", words.event("SEC-A", sequence, "processing"))
        _, page, _ = await site.call("RES", "GET", f"/v1/feed?after={cursor}&limit=1" if cursor else "/v1/feed?limit=1")
        kinds += [row["kind"] for row in page["events"]]
        cursor = page["next"]
        assert page["more"]
    _, page, _ = await site.call("RES", "GET", f"/v1/feed?after={cursor}")
    kinds += [row["kind"] for row in page["events"]]
    assert kinds == ["dossier.registered"] + ["event.accepted"] * 3 and not page["more"]
    assert page["events"][0]["title_vi"] and page["events"][0]["dossier_code"] == words.code
    _, empty, _ = await site.call("RES", "GET", f"/v1/feed?after={page['next']}")
    assert (empty["events"], empty["next"]) == ([], page["next"])


@pytest.mark.parametrize(
    "query", ["after=xyz", "after=dHRoYzE6LTE", "limit=0", "limit=", "limit=a", "after=%C3%A9", "limit=%D9%A1"]
)
async def test_a_cursor_that_was_never_ours_is_refused(site: Any, query: str) -> None:
    """400, not an empty page: a feed that silently starts elsewhere loses rows."""
    assert (await site.call("RES", "GET", f"/v1/feed?{query}"))[0] == 400


async def test_the_feed_is_the_resolution_systems_alone(site: Any) -> None:
    """Architecture 1."""
    assert (await site.call("SEC-A", "GET", "/v1/feed"))[0] == 403


async def test_the_probes_say_whether_the_process_lives_and_whether_the_store_commits(site: Any) -> None:
    """/healthz names the configuration; /readyz makes a real commit, and fails without one or without heartbeats."""
    assert (await site.send("GET", "/healthz", b"", {}))[1]["config_generation"] == "g1"
    assert (await site.send("GET", "/readyz", b"", {}))[0] == 200
    async with site.client.get("/metrics") as answer:
        assert answer.status == 200 and await answer.read() == b"gateway_up 1\n"
    site.missed.append("a heartbeat")
    status, told, _ = await site.send("GET", "/readyz", b"", {})
    assert status == 503 and "nhịp báo" in told["reason_vi"]
    site.missed.clear()
    assert (await site.send("GET", "/readyz", b"", {}))[0] == 200
    await site.journal.close()
    assert (await site.send("GET", "/readyz", b"", {}))[0] == 503


async def test_a_store_that_cannot_commit_answers_503_and_promises_nothing(site: Any, words: Any) -> None:
    """Never a 202 that is not on disk; Retry-After says when to come again."""
    await site.journal.close()
    status, body, headers = await site.push("SEC-A", words.event("SEC-A", 1, "received"))
    assert (status, body["code"]) == (503, "busy") and int(headers["Retry-After"]) > 0


@pytest.mark.parametrize(("method", "target", "status"), [("GET", "/nowhere", 404), ("DELETE", "/v1/events", 405)])
async def test_the_routers_own_errors_are_problem_documents_too(
    site: Any, method: str, target: str, status: int
) -> None:
    """No HTML, no second form of errors."""
    got, body, headers = await site.send(method, target, b"", {})
    assert (got, body["status"]) == (status, status)
    assert headers["Content-Type"].startswith("application/problem+json")
    assert status != 405 or headers["Allow"] == "POST"


async def test_a_fault_of_ours_is_logged_and_told_without_details(
    site: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """500 with the correlation id that the log line carries, and nothing of the stack."""

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("0900000000")

    monkeypatch.setattr(type(site.journal), "feed", broken)
    status, body, headers = await site.call("RES", "GET", "/v1/feed", **{"X-Correlation-Id": "abc-12345"})
    assert status == 500 and headers["X-Correlation-Id"] == "abc-12345"
    assert "RuntimeError" not in str(body) and "0900000000" not in str(body)
    assert any(record.exc_info for record in caplog.records)


async def test_an_unfit_correlation_id_is_replaced(site: Any) -> None:
    """What goes into a log line is not chosen by strangers."""
    headers = (await site.send("GET", "/healthz", b"", {"X-Correlation-Id": "{evil}"}))[2]
    assert headers["X-Correlation-Id"] != "{evil}"


async def test_years_later_a_third_party_can_check_who_sent_an_event(site: Any, words: Any) -> None:
    """The caller's own signature is kept with the very bytes it covers, and still verifies with the public key alone."""
    raw = site.body(words.event("SEC-A", 1, "received"))
    headers = sign_request("POST", "/v1/events", raw, site.keys["SEC-A"], int(site.time.now.timestamp()))
    _, body, _ = await site.send("POST", "/v1/events", raw, headers)
    head, kept = unpack(await site.journal.original("SEC-A", body["event_id"]))
    assert kept == raw
    request = SignedRequest(head.method, head.path, head.query, head.headers)
    read = read_default(request, has_content=True)
    assert read is not None and digest_matches(request.lines("content-digest"), kept)
    public = site.keys["SEC-A"].private_key.public_key()
    assert verifies(public, read.signature, read.base)
    assert not verifies(public, read.signature, read.base + b" ")
    assert await site.journal.original("SEC-B", body["event_id"]) is None
