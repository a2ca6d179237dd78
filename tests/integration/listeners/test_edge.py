"""The edge: what strangers may send, what they are told, and what is kept of those who were refused."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import apsw
import pytest

from gateway import bootstrap
from gateway.config import Loaded
from gateway.errors import ConfigError
from tests.integration.listeners.conftest import SECRET, Loads

CODE = "000.00.00.G16-261122-0001"
CALLBACK = "/v1/callbacks/toys/v1"
THANKS = "/toys/toys/thanks"


@dataclass
class Edge:
    """The edge of a running gateway, and its store to look into."""

    session: aiohttp.ClientSession
    running: bootstrap.Running
    loaded: Loaded

    async def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """A stranger's call."""
        url = f"http://{self.running.edge_host}:{self.running.edge_port}{path}"
        async with self.session.request(method, url, data=body or None, headers=headers) as answer:
            return answer.status, await answer.read(), answer.headers

    async def notify(self, movement: Mapping[str, Any], secret: str = SECRET) -> tuple[int, bytes, Mapping[str, str]]:
        """A callback of the library, signed with `secret`."""
        body = json.dumps(movement).encode()
        signature = hmac.new(secret.encode(), b"v1." + body, hashlib.sha256).hexdigest()
        return await self.ask("POST", CALLBACK, body, {"X-Toy-Signature": signature})

    def rows(self, sql: str) -> list[Any]:
        """What the store holds."""
        path = next(self.loaded.data_dir().glob("*.db"))
        return list(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY).execute(sql))

    def audited(self, kind: str) -> list[dict[str, Any]]:
        """The fields of every audit row of a kind."""
        return [json.loads(row[0]) for row in self.rows(f"SELECT fields FROM audit WHERE kind = '{kind}'")]


def movement(number: str = "m-1", **changes: Any) -> dict[str, Any]:
    """A toy that comes or goes."""
    return {"number": number, "loan": "L-1", "what": "lent", "toy": "tàu hỏa", "dossier": CODE, "at": 1, **changes}


@asynccontextmanager
async def opened(loaded: Loaded) -> AsyncIterator[Edge]:
    """A gateway with an edge."""
    async with bootstrap.running(loaded) as running, aiohttp.ClientSession() as session:
        yield Edge(session, running, loaded)


async def test_a_genuine_notice_is_journalled_before_it_is_acknowledged(loads: Loads) -> None:
    """The acknowledgement is the connector's own; the ledger, the change and its audit row are on disk by then."""
    async with opened(loads()) as edge:
        status, body, _ = await edge.notify(movement())
        assert (status, json.loads(body)) == (200, {"taken": True, "number": "m-1"})
        changed = edge.audited("ledger.changed")
        assert [(row["ledger"], row["ledger_id"], row["version"], row["effects"]) for row in changed] == [
            ("loans", "L-1", 1, ["deliver"])
        ]
        assert edge.rows("SELECT version FROM record WHERE kind = 'ledger:toys:loans' AND id = 'L-1'") == [(1,)]
        assert edge.rows("SELECT upstream, kind FROM msg") == [("toys", "remind")]


async def test_a_genuine_notice_with_headers_that_are_no_text_is_kept_all_the_same(loads: Loads) -> None:
    """Bytes that are no UTF-8 in a header are somebody else's carelessness: kept as escapes, never a fault of ours."""
    async with opened(loads()) as edge:
        body = json.dumps(movement()).encode()
        signature = hmac.new(SECRET.encode(), b"v1." + body, hashlib.sha256).hexdigest()
        lines = (
            f"POST {CALLBACK} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
            f"X-Toy-Signature: {signature}\r\n"
        ).encode()
        reader, writer = await asyncio.open_connection(edge.running.edge_host, edge.running.edge_port)
        writer.write(lines + b"User-Agent: ma\xfft\r\nX-Request-Id: \xc3(\r\n\r\n" + body)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert len(edge.audited("ledger.changed")) == 1


async def test_a_repeated_notice_has_one_effect_and_gets_the_same_acknowledgement(loads: Loads) -> None:
    """The sender that lost our answer repeats; nothing moves twice."""
    async with opened(loads()) as edge:
        first, again = await edge.notify(movement()), await edge.notify(movement())
        assert first[:2] == again[:2]
        assert len(edge.audited("ledger.changed")) == 1
        assert edge.rows("SELECT count(*) FROM msg") == [(1,)]


async def test_the_same_key_with_other_content_changes_nothing_and_is_an_alarm(loads: Loads) -> None:
    """Told once, however often it comes: a genuine sender that contradicts itself is a person's affair."""
    async with opened(loads()) as edge:
        await edge.notify(movement())
        for _ in range(3):
            assert (await edge.notify(movement(what="returned")))[0] == 200
        assert [row["code"] for row in edge.audited("ledger.refused")] == ["key_reused"]
        assert len(edge.audited("ledger.changed")) == 1


async def test_a_notice_that_is_not_genuine_changes_nothing_and_is_audited(loads: Loads) -> None:
    """The refusal is the one that the sender's protocol knows; who called and why it was refused is in the trail."""
    async with opened(loads()) as edge:
        status, body, headers = await edge.notify(movement(), secret="guessed")
        assert (status, body) == (403, b'{"taken":false}')
        assert headers["X-Content-Type-Options"] == "nosniff"
        [row] = edge.audited("notice.refused")
        assert (row["upstream"], row["code"], row["route"], row["peer"]) == (
            "toys",
            "bad_signature",
            CALLBACK,
            "127.0.0.1",
        )
        assert edge.audited("ledger.changed") == [] and edge.rows("SELECT count(*) FROM msg") == [(0,)]


async def test_a_flood_of_forgeries_does_not_fill_the_trail(loads: Loads) -> None:
    """Rows are bounded; every call is refused all the same."""
    async with opened(loads()) as edge:
        for number in range(75):
            assert (await edge.notify(movement(f"m-{number}"), secret="guessed"))[0] == 403
        assert len(edge.audited("notice.refused")) < 70


async def test_a_refusal_without_an_own_word_is_a_problem_document(loads: Loads) -> None:
    """RFC 9457 in Vietnamese, as on the internal listener, and no advice that belongs there."""
    async with opened(loads()) as edge:
        signature = hmac.new(SECRET.encode(), b"v1.[]", hashlib.sha256).hexdigest()
        status, body, headers = await edge.ask("POST", CALLBACK, b"[]", {"X-Toy-Signature": signature})
        told = json.loads(body)
        assert (status, told["code"], headers["Content-Type"]) == (401, "not_genuine", "application/problem+json")
        assert "Accept-Signature" not in headers


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/healthz", 404, "not_found"),
        ("GET", CALLBACK, 405, "method_not_allowed"),
        ("POST", "/v1/callbacks/toys/v9", 404, "not_found"),
        ("POST", "/v1/callbacks/portal/v1", 404, "not_found"),
    ],
)
async def test_strangers_learn_nothing_but_that_there_is_nothing(
    loads: Loads, method: str, path: str, status: int, code: str
) -> None:
    """A profile or an upstream that is not there is not found, like everything else."""
    async with opened(loads()) as edge:
        answered, body, headers = await edge.ask(method, path)
        assert (answered, json.loads(body)["code"]) == (status, code)
        assert headers["Server"] == "gateway" and headers["Cache-Control"] == "no-store"


async def test_a_page_for_a_browser_is_hardened(loads: Loads) -> None:
    """Nothing of it may be framed, sniffed, referred to or kept."""
    async with opened(loads()) as edge:
        status, body, headers = await edge.ask("GET", THANKS)
        assert status == 200 and "Cảm ơn" in body.decode()
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        for name in ("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Strict-Transport-Security"):
            assert headers[name]


async def test_a_fault_of_a_connector_tells_nothing_of_the_inside(
    loads: Loads, caplog: pytest.LogCaptureFixture
) -> None:
    """No stack, no text of the error: neither to the stranger nor, since it may quote personal data, in the log."""
    async with opened(loads()) as edge:
        status, body, _ = await edge.ask("GET", f"{THANKS}?crash=Nguyen-Thi-Bi-Mat")
        assert status == 500 and json.loads(body)["code"] == "intake_error"
        assert b"RuntimeError" not in body and b"Bi-Mat" not in body
    assert "RuntimeError" in caplog.text or any("RuntimeError" in str(vars(r)) for r in caplog.records)
    assert not any("Bi-Mat" in f"{r.getMessage()} {r.exc_info} {vars(r)}" for r in caplog.records)


async def test_strangers_do_not_choose_the_names_in_our_log(loads: Loads) -> None:
    """The correlation id of an edge call is always ours."""
    async with opened(loads()) as edge:
        _, _, headers = await edge.ask("GET", THANKS, headers={"X-Correlation-Id": "chosen-by-me"})
        assert headers["X-Correlation-Id"] != "chosen-by-me"


async def test_the_edge_has_its_own_limit_of_size(loads: Loads) -> None:
    """Far smaller than the internal one; refused before the connector sees anything."""
    async with opened(loads(GATEWAY__LISTEN__EDGE__MAX_BODY_BYTES="200")) as edge:
        assert (await edge.notify(movement(toy="x" * 300)))[0] == 413
        assert (await edge.notify(movement(toy="x")))[0] == 200


async def test_who_sends_slowly_holds_no_place_of_those_that_are_answered(loads: Loads) -> None:
    """As many calls as there are places, none with its body: pages and notices are answered as if nobody were there."""
    async with (
        opened(loads(GATEWAY__LISTEN__EDGE__CONCURRENCY="2", GATEWAY__LISTEN__EDGE__BODY_TIMEOUT_S="2.0")) as edge,
        slow(edge) as first,
        slow(edge),
    ):
        await first_waits(edge)
        assert (await edge.ask("GET", THANKS))[0] == 200
        status, body, _ = await edge.notify(movement())
        assert (status, json.loads(body)["taken"]) == (200, True)
        assert b" 408 " in await first.readline()


async def test_one_address_waits_with_only_so_many_calls(loads: Loads) -> None:
    """What waits is held in memory: the next one is told to come again, and later it may."""
    async with opened(
        loads(GATEWAY__LISTEN__EDGE__CONCURRENCY="1", GATEWAY__LISTEN__EDGE__BODY_TIMEOUT_S="2.0")
    ) as edge:
        async with slow(edge) as reader:
            await first_waits(edge)
            async with slow(edge) as second:
                assert b" 429 " in await second.readline()
            assert b" 408 " in await reader.readline()
        async with slow(edge) as later:
            assert b" 408 " in await later.readline()


@asynccontextmanager
async def slow(edge: Edge) -> AsyncIterator[asyncio.StreamReader]:
    """A call that announces ten bytes and sends one."""
    reader, writer = await asyncio.open_connection(edge.running.edge_host, edge.running.edge_port)
    try:
        writer.write(f"POST {CALLBACK} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{{".encode())
        await writer.drain()
        yield reader
    finally:
        writer.close()


async def first_waits(edge: Edge) -> None:
    """What was sent before this on other connections has been seen: a call of ours has gone there and back."""
    for _ in range(3):
        await edge.ask("GET", "/nothing-here")


@pytest.mark.parametrize(
    ("believed", "forwarded", "peer"),
    [
        ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "192.0.2.1, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.0/8", "203.0.113.7", "127.0.0.1"),
        ("", "203.0.113.7", "127.0.0.1"),
    ],
)
async def test_who_calls_is_told_by_our_own_proxies_only(
    loads: Loads, believed: str, forwarded: str, peer: str
) -> None:
    """What a connector compares with its allow-list: nobody writes an address of somebody else in front of it."""
    changes = {"GATEWAY__LISTEN__EDGE__FORWARDED_BY": f'["{believed}"]'} if believed else {}
    async with opened(loads(**changes)) as edge:
        status, _, _ = await edge.ask("POST", CALLBACK, b"{}", {"X-Forwarded-For": forwarded})
        assert status == 403
        assert [row["peer"] for row in edge.audited("notice.refused")] == [peer]


async def test_a_proxy_that_is_no_address_is_found_at_the_start(loads: Loads) -> None:
    """A typing error must not silently let everybody be the proxy."""
    with pytest.raises(ConfigError) as refused:
        loads(GATEWAY__LISTEN__EDGE__FORWARDED_BY='["proxy.example"]')
    assert any("forwarded_by" in fault for fault in refused.value.faults)
