"""The simulated LGSP: one address, services by name, three ways to a token, and prices."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.connectors.postal_simulator.conftest import NUMBER, Ground, OpenGround, h2_order

_BASIC = "Basic " + base64.b64encode(b"simulator-consumer:simulator-consumer-secret").decode()
_FORM = b"grant_type=client_credentials"


async def _sign_in(ground: Ground, authorization: str = _BASIC, form: bytes = _FORM) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _, body = await ground.call(
        "POST", "/h3/token", data=form, headers={"Authorization": authorization, **kind}
    )
    assert status == 200, body
    ground.headers["Authorization"] = f"Bearer {json.loads(body)['access_token']}"


def _order(number: str = NUMBER) -> dict[str, object]:
    return h2_order(number, CustomerCode="SIMTRUC")


async def _service(ground: Ground, query: str, body: object = None, expect: int = 200) -> Any:
    return await ground.json("GET" if body is None else "POST", f"/h3/postal?service={query}", body, expect)


async def test_every_verb_has_a_service_and_parcels_are_apart_from_those_of_h2(open_ground: OpenGround) -> None:
    """The same customer's feed, another carrier."""
    async with open_ground() as ground:
        await _sign_in(ground)
        assert (await _service(ground, "order", _order(), 201))["Status"] == 1
        await ground.turn(24)
        page = await _service(ground, f"tracking&pagesize=10&lastId={'0' * 24}")
        assert [one["StatusCode"] for one in page["_embedded"]["rh:doc"]][-2:] == [4, 14]
        assert (await _service(ground, f"cancel&CustomerCode=SIMTRUC&OrderNumber={NUMBER}", None, 201))["Status"] == 423
        await ground.sign_in()
        assert await ground.records() == []
        assert (await ground.sums("h3"))["orders"] == 1


async def test_a_second_question_mark_is_no_parameter(open_ground: OpenGround) -> None:
    """The mistake of a client of the field (facts 3.3) finds no service here."""
    async with open_ground() as ground:
        await _sign_in(ground)
        await _service(ground, f"tracking?pagesize=10&lastId={'0' * 24}", None, 404)
        await _service(ground, "order", None, 405)
        await _service(ground, "", None, 404)


@pytest.mark.parametrize(
    ("credentials", "authorization", "form"),
    [
        ("basic", _BASIC, _FORM),
        ("bearer", "Bearer simulator-consumer-secret", _FORM),
        ("basic_key", "Basic simulator-consumer-secret", b""),
    ],
)
async def test_a_token_is_given_in_its_own_way_only(
    open_ground: OpenGround, credentials: str, authorization: str, form: bytes
) -> None:
    """Each of the three, and none of the others."""
    async with open_ground(h3={"customer": "SIMTRUC", "credentials": credentials}) as ground:
        for other in ("Bearer simulator-consumer-secret", "Basic simulator-consumer-secret", _BASIC, ""):
            if other != authorization:
                got = await ground.call("POST", "/h3/token", data=form, headers={"Authorization": other})
                assert got[0] == 401
        await _sign_in(ground, authorization, form)
        assert (await _service(ground, "order", _order(), 201))["Status"] == 1


async def test_services_have_the_names_that_were_chosen_and_may_want_a_code(open_ground: OpenGround) -> None:
    """In a header of each business call."""
    options = {"customer": "SIMTRUC", "services": {"order": "guiDonHang"}, "service_code": "BCCI"}
    async with open_ground(h3=options) as ground:
        await _sign_in(ground)
        await _service(ground, "guiDonHang", _order(), 403)
        ground.headers["service-code"] = "BCCI"
        await _service(ground, "order", _order(), 404)
        assert (await _service(ground, "guiDonHang", _order(), 201))["Status"] == 1


async def test_a_price_is_a_number_as_text_dearer_by_way_and_weight(open_ground: OpenGround) -> None:
    """And refused for a place without a code."""
    ask: dict[str, Any] = {
        "weight": 100,
        "mainSrv": "HCC",
        "isreturn": 1,
        "sender": {"provCode": 10, "distCode": 0},
        "receiver": {"provCode": 10, "distCode": 0},
    }
    async with open_ground() as ground:
        await _sign_in(ground)
        near = (await _service(ground, "price", ask))["content"]["price"]
        far = (await _service(ground, "price", {**ask, "receiver": {"provCode": 70, "distCode": 0}}))["content"][
            "price"
        ]
        heavy = (await _service(ground, "price", {**ask, "weight": 2_000}))["content"]["price"]
        assert int(near) < int(far)
        assert int(near) < int(heavy)
        await _service(ground, "price", {**ask, "sender": {"provCode": 0, "distCode": 0}}, 400)
        await ground.lie("no_price")
        assert await _service(ground, "price", ask) == {"content": {"price": ""}}
