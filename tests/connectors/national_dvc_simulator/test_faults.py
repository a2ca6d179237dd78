"""The simulated portal misbehaves as the real one does, and its control plane tells what happened."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest


def script(fault: str, match: str = "*", **more: object) -> dict[str, object]:
    return {"script": [{"fault": fault, "match": match, **more}]}


async def test_drop_after_commit_has_the_effect_and_gives_no_answer(open_portal: Any, papers: Any) -> None:
    """The dossier is held, the caller sees a broken connection, the log shows status 0."""
    async with open_portal() as portal:
        await portal.control("PUT", "faults", script("drop_after_commit", "DongBoHoSoMC"))
        with pytest.raises(aiohttp.ClientError):
            await portal.create(papers.dossier())
        assert (await portal.held(papers.code))["states"] == ["2"]
        last = (await portal.control("GET", "calls"))["calls"][-1]
        assert (last["operation"], last["fault"], last["status"]) == ("DongBoHoSoMC", "drop_after_commit", 0)
        assert last["summary"]["dossier"] == papers.code


async def test_drop_before_commit_has_no_effect(open_portal: Any, papers: Any) -> None:
    """The same picture for the caller, but nothing was stored."""
    async with open_portal() as portal:
        await portal.control("PUT", "faults", script("drop_before_commit"))
        with pytest.raises(aiohttp.ClientError):
            await portal.create(papers.dossier())
        assert await portal.held(papers.code) is None


@pytest.mark.parametrize(
    ("fault", "status"), [("http_500", 500), ("http_502", 502), ("http_503", 503), ("busy_429", 429)]
)
async def test_http_faults_do_nothing_and_wear_out(open_portal: Any, papers: Any, fault: str, status: int) -> None:
    """5xx and 429 at one service, `times` times; other services work on."""
    async with open_portal() as portal:
        await portal.create(papers.dossier())
        await portal.control("PUT", "faults", script(fault, "CapNhatTienDoHoSoMC", times=1))
        body = {"session": portal.session, "madonvi": "x", "service": "CapNhatTienDoHoSoMC", "data": [papers.row("2")]}
        assert (await portal.call("TraCuuHoSo", mahoso=papers.code))["result"]
        assert (await portal.post("/mapi/g", body))[0] == status
        assert (await portal.held(papers.code))["progress"] == []
        assert (await portal.post("/mapi/g", body))[0] == 200


async def test_garbage_was_done_all_the_same(open_portal: Any, papers: Any) -> None:
    """Nobody can tell from the answer, but the dossier is there."""
    async with open_portal() as portal:
        await portal.control("PUT", "faults", script("garbage"))
        body = {"session": portal.session, "madonvi": "x", "service": "DongBoHoSoMC", "isUpdating": "False"}
        async with portal.http.post(f"{portal.base}/mapi/g", json={**body, "data": [papers.dossier()]}) as answer:
            assert b"</bo" in await answer.read()
        assert (await portal.held(papers.code))["counts"]["creates"] == 1


async def test_an_expired_session_is_told_in_the_portals_words_and_stays_expired(open_portal: Any, papers: Any) -> None:
    """The session of that call ends; another one lives on."""
    async with open_portal() as portal:
        first = portal.session
        await portal.login()
        await portal.control("PUT", "faults", script("expired_session", "DongBoHoSoMC"))
        assert (await portal.create(papers.dossier()))["error_code"] == -2
        assert (await portal.create(papers.dossier()))["error_code"] == -2
        portal.session = first
        assert (await portal.create(papers.dossier()))["error_code"] == 0


async def test_a_duplicate_answer_to_a_create_that_was_carried_out(open_portal: Any, papers: Any) -> None:
    """The dossier is stored once and the answer says that it existed already; an update is not touched."""
    async with open_portal() as portal:
        await portal.control("PUT", "faults", script("duplicate", times=0))
        answer = await portal.create(papers.dossier())
        assert (answer["error_code"], "đã tồn tại" in answer["message"]) == (3, True)
        assert (await portal.update(papers.dossier("4")))["error_code"] == 0
        assert (await portal.held(papers.code))["states"] == ["2", "4"]


async def test_a_slow_call_is_carried_out_even_when_the_caller_hangs_up(open_portal: Any, papers: Any) -> None:
    """The portal does not notice; it commits later, and only then is it done."""
    async with open_portal() as portal:
        await portal.control("PUT", "faults", script("slow", "DongBoHoSoMC", seconds=1.0))
        calling = asyncio.create_task(portal.create(papers.dossier()))
        async with asyncio.timeout(60):
            while (await portal.control("GET", "calls"))["calls"][-1]["operation"] != "DongBoHoSoMC":
                await asyncio.sleep(0.005)
            calling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await calling
            assert await portal.held(papers.code) is None
            while (held := await portal.held(papers.code)) is None:
                await asyncio.sleep(0.02)
        assert held["states"] == ["2"]


async def test_an_outage_refuses_connections_and_ends(open_portal: Any, papers: Any) -> None:
    """The listening socket is really closed and old connections end; then everything held is there on the same port."""
    async with open_portal() as portal:
        await portal.create(papers.dossier())
        assert await portal.control("POST", "outage", {"seconds": 1.0}) == {"seconds": 1.0}
        refused = 0
        async with asyncio.timeout(60):
            while True:
                try:
                    answer = await portal.call("TraCuuHoSo", mahoso=papers.code)
                except aiohttp.ClientConnectorError:
                    refused += 1
                except aiohttp.ClientError:
                    continue  # A connection of before the outage was hung up on.
                else:
                    if refused:
                        break
                await asyncio.sleep(0.02)
        assert answer["result"] == [{"MaHoSo": papers.code}]
        assert refused > 1


async def test_the_history_tells_echoes_and_returns_apart(open_portal: Any, papers: Any) -> None:
    """An identical update is an echo, going back to a replaced version is a return; both keep their times."""
    async with open_portal() as portal:
        await portal.create(papers.dossier("2"))
        for state in ("4", "4", "9", "4"):
            portal.clock.at += 60
            await portal.update(papers.dossier(state))
        held = await portal.held(papers.code)
        totals = (await portal.control("GET", "dossiers"))["totals"]
    assert [version["effect"] for version in held["versions"]] == ["create", "update", "echo", "update", "return"]
    assert held["states"] == ["2", "4", "9", "4"]
    assert held["versions"][-1]["at"] - held["versions"][0]["at"] == 240
    assert held["counts"] == {"creates": 1, "updates": 4, "echoes": 1, "returns": 1, "rows": 0, "repeated_rows": 0}
    assert totals == {"dossiers": 1, **held["counts"]}
    assert held["fields"]["TrangThaiHoSo"] == "4"


async def test_holdings_come_in_pages(open_portal: Any, papers: Any) -> None:
    """Order of first arrival, an offset for the next page, fields only when wanted."""
    async with open_portal() as portal:
        codes = [f"000.00.00.G16-241014-{n:04}" for n in range(5)]
        for code in codes:
            await portal.create(papers.dossier(MaHoSo=code))
        first = await portal.control("GET", "dossiers?limit=3&fields=0")
        second = await portal.control("GET", f"dossiers?limit=3&offset={first['next_offset']}")
    assert [held["code"] for held in first["dossiers"] + second["dossiers"]] == codes
    assert "fields" not in first["dossiers"][0]
    assert second["next_offset"] is None


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "dossiers?limit=x", None),
        ("GET", "score?until=2024", None),
        ("POST", "poison", {"ad": []}),
        ("POST", "outage", {"seconds": "long"}),
        ("PUT", "faults", {"probability": {"nothing": 1}}),
    ],
)
async def test_a_wrong_control_order_is_refused(open_portal: Any, method: str, path: str, body: object) -> None:
    """422 with a sentence, and nothing changes."""
    async with (
        open_portal() as portal,
        portal.http.request(method, f"{portal.base}/_simulator/{path}", json=body) as got,
    ):
        assert got.status == 422


async def test_forgetting_leaves_an_empty_portal(open_portal: Any, papers: Any) -> None:
    """`DELETE state` drops dossiers, sessions and calls."""
    async with open_portal() as portal:
        await portal.create(papers.dossier())
        await portal.control("DELETE", "state")
        assert (await portal.control("GET", "dossiers"))["total"] == 0
        assert (await portal.control("GET", "calls"))["calls"] == []
        assert (await portal.call("TraCuuHoSo", mahoso="x"))["error_code"] == -2


async def test_calls_are_told_in_order_without_personal_values(open_portal: Any, papers: Any) -> None:
    """Numbers, codes and states; neither names nor the password nor the session."""
    async with open_portal() as portal:
        await portal.create(papers.dossier())
        await portal.progress(papers.row("2"), papers.row("4"))
        calls = (await portal.control("GET", "calls"))["calls"]
    assert [call["operation"] for call in calls] == ["login", "DongBoHoSoMC", "CapNhatTienDoHoSoMC"]
    assert calls[2]["summary"]["states"] == ["2", "4"]
    assert calls[1]["summary"]["updating"] == "False"
    assert all(secret not in repr(calls) for secret in ("simulator'", "Nguyễn", portal.session))
