"""The client against the simulated population database, which was written from the facts alone: routes, rights, quotas, lies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import msgspec
import pytest

from connectors.kit.contract import Answer, Lookup, Question
from connectors.kit.errors import (
    AnswerUnreadable,
    Busy,
    ConsentMissing,
    CredentialsRefused,
    DeliveryError,
    NotSent,
    Rejected,
    UpstreamFault,
)
from connectors.kit.ground import Ears, Ground, Subject, ground, subject
from connectors.vneid.conformance import CASES
from tests.connectors.vneid_population.conftest import question

Standing = Callable[..., AbstractAsyncContextManager[Ground]]


@asynccontextmanager
async def standing(route: str, **population: Any) -> AsyncIterator[Ground]:
    """The simulator with these options of its population database, and the connector on that route in front of it."""
    chosen = subject("vneid", route)

    def case(base_url: str) -> Any:
        made = CASES[route](base_url)
        held: Any = made.simulator["population"]
        return replace(made, simulator={**made.simulator, "population": {**held, **population}})

    made = Subject(chosen.name, chosen.manifest, chosen.folder, case, chosen.variant)
    async with ground(made, Ears()) as here:
        yield here


async def ask(here: Ground, asked: Question) -> Answer:
    """The answer of the connector."""
    assert isinstance(here.connector, Lookup)
    return await here.connector.ask(asked)


async def order(here: Ground, path: str, body: object) -> None:
    """An order to the control plane."""
    raw = msgspec.json.encode(body)
    async with aiohttp.ClientSession() as session, session.put(here.base_url + path, data=raw) as answer:
        assert answer.status == 200, await answer.text()


ROUTES = tuple(CASES)
ELDER = {"full_name": "Đỗ Thị Đượm", "personal_id": "", "cmnd": "001000000", "birth": "1940"}


@pytest.mark.parametrize("route", ROUTES)
async def test_people_are_found_as_the_register_knows_them_on_every_route(route: str) -> None:
    """By number, by CMND, with a year or a month alone; and whoever does not fit is not found."""
    async with standing(route, register={"shape": "rotating"}) as here:
        young = await ask(here, question())
        assert young.fields["birth"] == "1990-02-28" and young.fields["sex"] == "male"
        elder = await ask(here, question(fields=ELDER))
        assert elder.fields["birth"] == "1940" and elder.fields["marital_status"] == "divorced_or_widowed"
        month = {"full_name": "Phạm Hữu Ẩn", "personal_id": "075051000000", "birth": "1951-07"}
        assert (await ask(here, question(fields=month))).fields["birth"] == "1951-07"
        wrong = await ask(here, question(fields={"birth": "1991-02-28"}))
        assert not wrong.found and wrong.fields == {} and wrong.rows == ()
        assert (await ask(here, question("verify"))).found
        assert not (await ask(here, question("verify", fields={"full_name": "Nguyễn Văn Khác"}))).found


@pytest.mark.parametrize("shape", ["observed", "qcvn109"])
@pytest.mark.parametrize("route", ROUTES)
async def test_each_operation_brings_what_it_is_for_on_every_route(route: str, shape: str) -> None:
    """Relatives, head, residence, marital status, members: each from its own service, in either shape."""
    async with standing(route, register={"shape": shape}) as here:
        told = (await ask(here, question("look_up"))).fields
        assert told["full_name"].upper() == "NGUYỄN VĂN THỬ" and told["father.full_name"].upper() == "NGUYỄN VĂN MẪU"
        relatives = (await ask(here, question("relatives"))).fields
        assert relatives["mother.personal_id"] == "001162000000" and relatives["spouse.personal_id"] == "001192000000"
        head = await ask(here, question("household_head"))
        assert head.fields["head_of_household.personal_id"] == "001090000000"
        assert head.fields["head_of_household.relation"]
        residence = (await ask(here, question("current_residence"))).fields
        assert residence["current_address.detail"] == "SỐ 2 ĐƯỜNG MẪU"
        if shape == "observed":  # the other one has no place for these
            assert residence["current_address.commune_code"] == "00004"
            assert (await ask(here, question(fields=ELDER))).fields["household_book"] == "000000"
        assert (await ask(here, question("marital_status"))).fields["marital_status"] == "married"
        household = await ask(here, question("household"))
        members = ["001090000000", "001192000000", "001215000000"]
        assert [row["personal_id"] for row in household.rows] == members and household.fields == household.rows[0]
        verified = await ask(here, question("verify"))
        assert verified.found and verified.fields == {}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("options", "family", "code"),
    [
        ({"register": {"licensed_procedures": ("1.999999",)}}, ConsentMissing, "004"),
        ({"register": {"officers": ("ai-do",)}}, Rejected, "005"),
        ({"register": {"per_officer": 1}}, Busy, "429"),
        ({"register": {"per_agency": 1}, "quota": "fault"}, Busy, "429"),
    ],
)
async def test_rights_and_quotas_end_in_their_family_on_every_route(
    route: str, options: dict[str, Any], family: type[DeliveryError], code: str
) -> None:
    """Licence, officer, quota (facts 2.7), whichever way the route says it."""
    async with standing(route, **options) as here:
        with pytest.raises(family) as refused:
            await ask(here, question("verify"))
            await ask(here, question("verify"))
        assert refused.value.exchange.upstream_code == code


LIES: dict[str, type[DeliveryError] | None] = {
    "other_person": AnswerUnreadable,
    "second_body": AnswerUnreadable,
    "wrapped_body": AnswerUnreadable,
    "truncated": AnswerUnreadable,
    "html_page": AnswerUnreadable,
    "doctype": AnswerUnreadable,
    "huge_text": AnswerUnreadable,
    "client_proxy_fault": NotSent,
    "server_proxy_fault": UpstreamFault,
    "inner_fault": Rejected,
    "nameless": None,
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("lie", LIES)
async def test_a_lying_database_is_caught(route: str, lie: str) -> None:
    """Each lie by its name ends in its family; a person without a name is nobody; the question after it is answered."""
    # An LGSP says in its own words what stopped it, so where it happened is not known.
    unsure = route in {"lgsp-json", "lgsp-json-camel"} and lie == "client_proxy_fault"
    family = UpstreamFault if unsure else LIES[lie]
    async with standing(route) as here:
        await order(here, "/_simulator/lies", {"orders": [{"lie": lie, "provider": "population"}]})
        if family is None:
            assert not (await ask(here, question())).found
        else:
            with pytest.raises(DeliveryError) as caught:
                await ask(here, question())
            assert type(caught.value) is family, caught.value.message_vi
            assert not any(text in str(caught.value) for text in ("001090000000", "001192000000", "NGUYỄN", "TRẦN"))
        assert (await ask(here, question())).found


@pytest.mark.parametrize("lie", ["wrong_echo", "no_echo"])
async def test_an_x_road_answer_to_another_question_is_caught(lie: str) -> None:
    """PR-MESS 4.0: a response repeats the header of its request."""
    async with standing("xroad-soap") as here:
        await order(here, "/_simulator/lies", {"orders": [{"lie": lie, "times": 0, "provider": "population"}]})
        with pytest.raises(AnswerUnreadable):
            await ask(here, question())


async def test_a_secret_that_changed_is_refused_and_not_guessed() -> None:
    """The hash no longer fits: a person has to look, and nothing of the secret is said."""
    signed = {"username": "bvhttdl", "secret": "da-doi", "sv_url": "https://esb.example.gov.vn/dancu/1.0/tracuu"}
    async with standing("header-signed", signed=signed) as here:
        with pytest.raises(CredentialsRefused) as refused:
            await ask(here, question())
        assert "khoa-bi-mat-kiem-thu" not in str(refused.value)
