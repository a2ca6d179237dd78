"""Following the portal's catalogues against the simulated portal, whose catalogues change between two looks."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from connectors.kit.contract import Answer, Kit, LedgerEntry, Mark, Notice, Page, Question
from connectors.kit.errors import CannotMap, DeliveryError
from connectors.kit.ground import LoneCoordination
from connectors.kit.secrets import read_setting
from connectors.kit.simulation import SIMULATION, opened
from connectors.national_dvc.connector import NationalPortal, Settings, create
from connectors.national_dvc.profiles._mapi.catalogue_ledger import Catalogues, Observed, Standing
from connectors.national_dvc.profiles._mapi.catalogues import AGENCIES, FIELDS, PROCEDURES
from connectors.national_dvc.simulator import portal_app
from connectors.national_dvc.simulator_catalogue import CatalogueChange
from connectors.national_dvc.simulator_portal import Portal, PortalOptions
from mappings.tables import load_table

OURS = {row["national_code"]: row["name"] for row in load_table("procedures").rows}
FIRST, SECOND, *_ = OURS


class Kept:
    """A ledger reader with one entry."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], LedgerEntry] = {}

    async def read(self, ledger: str, ledger_id: str) -> LedgerEntry | None:
        """The entry, if there is one."""
        return self.entries.get((ledger, ledger_id))

    async def marked(self, ledger: str, after: str, until: str, limit: int) -> Sequence[Mark]:
        """Nothing is found by a mark here."""
        return ()


@dataclass
class Watch:
    """A connector in front of a portal, with what its poller and its ledger have made so far."""

    connector: NationalPortal
    portal: Portal
    asked: Callable[[], list[str]]
    kept: Kept
    cursor: str = ""

    async def round(self) -> dict[str, Observed]:
        """Poll until the round is through; the changes by service."""
        found: dict[str, Observed] = {}
        for _ in range(10):
            page: Page = await self.connector.pollers()["catalogues"].poll(self.cursor)
            self.cursor = page.cursor
            for change in page.inputs:
                found[change.id] = msgspec.convert(change.fields, Observed)
                self.keys.append(change.key)
            if not page.more:
                return found
        raise AssertionError("the round does not end")

    def __post_init__(self) -> None:
        self.keys: list[str] = []


OpenWatch = Callable[..., AbstractAsyncContextManager[Watch]]


@pytest.fixture
def watch() -> OpenWatch:
    """`async with watch(setting=…) as here`: a portal that publishes all our procedures, and a connector in front of it."""

    @asynccontextmanager
    async def opening(**settings: Any) -> AsyncIterator[Watch]:
        listed = [{"code": code, "name": name} for code, name in OURS.items()]
        options = msgspec.convert({"procedures": listed}, PortalOptions)
        numbers = iter(range(1_000))
        portal, kept = Portal(options, time.time, lambda: f"s-{next(numbers)}"), Kept()
        app = portal_app(portal)
        async with opened(app) as door:
            tree = {
                "base_url": f"http://127.0.0.1:{door.port}",
                "madonvi": "000.00.00.G16",
                "username": "env:u",
                "password": "env:p",
                "allow_plain": ["127.0.0.1"],
                "endpoints": {"share": "/mapi/share"},
                **settings,
            }
            secrets = {"env:u": "000.00.00.G16", "env:p": "simulator"}
            kit = Kit("p", lambda: datetime.now(UTC), time.monotonic, LoneCoordination(), secrets.__getitem__, kept)
            connector = create(msgspec.convert(tree, Settings, dec_hook=read_setting), kit)
            log = app[SIMULATION].log
            yield Watch(connector, portal, lambda: [call.operation for call in log.calls], kept)
            await connector.close()

    return opening


async def test_each_followed_catalogue_is_one_change_and_an_unchanged_one_is_none(watch: OpenWatch) -> None:
    """The first round tells what is there; the second costs one call each and tells nothing."""
    async with watch() as here:
        first = await here.round()
        assert set(first) == {PROCEDURES, AGENCIES, FIELDS}
        assert {code: entry.name for code, entry in first[PROCEDURES].rows.items()} == OURS
        assert list(first[FIELDS].rows) == ["G16-LH01"]
        assert await here.round() == {}
        assert here.asked() == ["login", PROCEDURES, AGENCIES, FIELDS, PROCEDURES, AGENCIES, FIELDS]


async def test_a_catalogue_that_changes_back_is_a_change_each_time(watch: OpenWatch) -> None:
    """No two changes share a key: one that undoes another must not look like a repeat."""
    async with watch(follow=[PROCEDURES]) as here:
        await here.round()
        for name in ("Tên khác", OURS[FIRST], "Tên khác"):
            here.portal.change_catalogue(CatalogueChange(rename={FIRST: name}))
            assert (await here.round())[PROCEDURES].rows[FIRST].name == name
        assert here.keys == [f"{PROCEDURES}-{number}" for number in range(1, 5)]


async def test_a_hidden_procedure_is_told_apart_from_a_deleted_one(watch: OpenWatch) -> None:
    """Both left the list; `LayThuTuc` of the one says "not public", of the other nothing (2.1, 2.2)."""
    async with watch(follow=[PROCEDURES]) as here:
        await here.round()
        here.portal.change_catalogue(CatalogueChange(hide=(FIRST,), remove=(SECOND,)))
        observed = (await here.round())[PROCEDURES]
        assert observed.hidden == (FIRST,) and not {FIRST, SECOND} & set(observed.rows)


async def test_a_page_that_could_not_be_stored_comes_again_the_same(watch: OpenWatch) -> None:
    """The same cursor gives the same change under the same key."""
    async with watch(follow=[PROCEDURES]) as here:
        poller = here.connector.pollers()["catalogues"]
        assert await poller.poll("") == await poller.poll("")


async def test_a_portal_that_does_not_answer_is_no_empty_catalogue(watch: OpenWatch) -> None:
    """A refusal ends the look with an error; nothing is told to the ledger."""
    async with watch(endpoints={"share": "/mapi/nowhere"}) as here:
        with pytest.raises(DeliveryError):
            await here.round()


async def test_nothing_is_followed_where_no_path_is_configured(watch: OpenWatch) -> None:
    """The path is unknown (facts U1) and empty by default: no call, no change, no error."""
    async with watch(endpoints={}) as here:
        assert await here.round() == {} and here.asked() == []
        with pytest.raises(CannotMap, match=r"endpoints\.share"):
            await here.connector.ask(Question("catalogue", {"service": AGENCIES}, "x", "y", "z"))


async def test_a_catalogue_is_asked_for_once_and_shown_as_it_came(watch: OpenWatch) -> None:
    """Cached for `catalogue_ttl_s`; the raw rows, trailing blanks included, as JSON; an unknown name is refused by name."""
    async with watch() as here:
        question = Question("catalogue", {"service": AGENCIES}, "đối chiếu", "a", "b")
        answers: list[Answer] = [await here.connector.ask(question) for _ in range(3)]
        assert here.asked().count(AGENCIES) == 1
        rows = msgspec.json.decode(answers[2].fields["rows"])
        assert answers[0] == answers[2] and answers[0].fields["count"] == "2"
        assert rows[0]["TENDONVI"] == "Bộ Văn hóa, Thể thao và Du lịch "
        with pytest.raises(CannotMap, match="không có danh mục"):
            await here.connector.ask(Question("catalogue", {"service": "LayMatKhau"}, "x", "y", "z"))
        empty = await here.connector.ask(Question("catalogue", {"service": "LayDanhMucQuanHuyen"}, "x", "y", "z"))
        assert not empty.found, "the district level ended on 01/07/2025"


async def test_what_was_seen_can_be_read_by_those_who_keep_lists(watch: OpenWatch) -> None:
    """The endpoint gives the ledger: rows, differences, troubles; 404 for what was never seen."""
    async with watch(follow=[PROCEDURES]) as here:
        state, _ = Catalogues().apply(None, (await here.round())[PROCEDURES])
        here.kept.entries["catalogues", PROCEDURES] = LedgerEntry(1, "", msgspec.json.encode(state))
        endpoint = here.connector.endpoints()[0]

        def asked(service: str) -> Notice:
            return Notice("GET", f"/v1/catalogues/p/{service}", "", {}, b"", "", params={"service": service})

        reply = await endpoint.handler(asked(PROCEDURES))
        assert reply.status == 200
        assert set(msgspec.json.decode(reply.body, type=Standing).rows) == set(OURS)
        assert (await endpoint.handler(asked(AGENCIES))).status == 404


@pytest.mark.parametrize("follow", [["LayQDCB"], ["LayDanhMucKhac"]])
def test_only_catalogues_can_be_followed(follow: list[str]) -> None:
    """A decision needs a number, and what does not exist is named at start."""
    tree = {"base_url": "https://x", "madonvi": "m", "username": "env:u", "password": "env:p", "follow": follow}
    with pytest.raises(msgspec.ValidationError, match="follow"):
        msgspec.convert(tree, Settings, dec_hook=read_setting)
