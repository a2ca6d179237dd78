"""The NGSP adapter behind an LGSP: the same messages, addressed by `service`, with three ways to a token, and prices."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import msgspec
import pytest

import connectors.postal.profiles.h3
from connectors.kit.errors import CannotMap
from connectors.kit.settings import typed
from connectors.postal.model import Contact, Placed, Price
from connectors.postal.profiles.h2 import PROFILE as H2_PROFILE
from connectors.postal.profiles.h3 import PROFILE
from connectors.postal.profiles.h3.mapping import H3
from connectors.postal.profiles.h3.options import H3Options, Services
from connectors.postal.speaking import Call, CancelSaid, Fed, Feeds, Finds, Prices, Refused, Registers, Tokens
from tests.connectors.postal.carrying import CITIZEN, CUSTOMER, account, answer, order
from tests.planted import secret

EXAMPLES = Path(connectors.postal.profiles.h3.__path__[0]) / "examples"
SERVICES = Services(order="orderPost", cancel="orderCancel", tracking="orderTracking", document="doc", price="priceHCC")
SECRETS = {role: secret(role) for role in PROFILE.more_roles}
PAGE = {"_size": 0, "_total_pages": 0, "_returned": 0}


def h3(services: Services = SERVICES, **options: Any) -> H3:
    """The dialect with these options."""
    return H3(account(PROFILE, H3Options(services=services, **options), secrets=SECRETS))


def example(name: str) -> Any:
    """The message of an example."""
    return json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))["message"]


def test_it_offers_what_the_proxy_has_and_no_more() -> None:
    """Prices beside a feed, registration and tokens; nothing to ask about one order."""
    dialogue: object = h3()
    assert isinstance(dialogue, Tokens) and isinstance(dialogue, Feeds)
    assert isinstance(dialogue, Registers) and isinstance(dialogue, Prices) and not isinstance(dialogue, Finds)


def test_an_order_is_that_of_the_adapter_sent_to_one_address() -> None:
    """The verb stands in the query; the body does not differ by a byte from h2."""
    call = h3().place(order())
    assert (call.method, call.path, call.query) == ("POST", "", {"service": "orderPost"})
    assert json.loads(call.body) == example("01-order")
    assert call.body == H2_PROFILE.open(account(H2_PROFILE)).place(order()).body


@pytest.mark.parametrize(
    ("call", "query"),
    [
        (
            h3().cancel(order()),
            {"service": "orderCancel", "CustomerCode": CUSTOMER, "OrderNumber": "G00.10-261120-0042-T"},
        ),
        (h3().feed("", 500), {"service": "orderTracking", "pagesize": "500", "lastId": "0" * 24}),
        (h3().register(order(), ("1", "Thủ tục"), ()), {"service": "doc"}),
        (h3().price(order()), {"service": "priceHCC"}),
    ],
)
def test_every_verb_is_a_service(call: Call, query: dict[str, str]) -> None:
    """Further parameters stand beside it, never after a second question mark (postal facts 3.3)."""
    assert (call.path, call.query) == ("", query)
    assert call.method == ("POST" if call.body else "GET")


def test_a_header_of_the_lgsp_stands_on_business_calls_only() -> None:
    """`service-code` and `Accept: *`, where one LGSP wants them."""
    rules = h3(service_code="SVC-1", accept="*")
    assert rules.place(order()).headers["service-code"] == "SVC-1"
    assert rules.feed("", 1).headers["Accept"] == "*"
    assert "service-code" not in rules.token().headers
    assert "service-code" not in h3().place(order()).headers


def test_a_token_is_asked_for_in_three_ways() -> None:
    """Key and secret in the header; a key as Bearer with the form; a key as Basic with no body (postal facts 3.3)."""
    pair = h3().token()
    assert (
        b64decode(pair.headers["Authorization"][6:]).decode()
        == f"{SECRETS['consumer_key']}:{SECRETS['consumer_secret']}"
    )
    bearer = h3(token_dialect="bearer_key").token()
    assert (bearer.headers["Authorization"], bearer.body) == (
        f"Bearer {SECRETS['token_key']}",
        b"grant_type=client_credentials",
    )
    basic = h3(token_dialect="basic_key").token()
    assert (basic.headers["Authorization"], basic.body) == (f"Basic {SECRETS['token_key']}", b"")
    assert "Content-Type" not in basic.headers
    for call in (pair, bearer, basic):
        assert call.method == "POST" and call.token_url and not call.authorised
        assert not any(value in repr(call) for value in SECRETS.values())


@pytest.mark.parametrize("way", ["client_credentials", "bearer_key", "basic_key"])
def test_a_secret_that_the_way_to_a_token_needs_is_missed_at_the_start(way: Any) -> None:
    """By name; the others need not be there."""
    with pytest.raises(ValueError, match="secrets"):
        H3(account(PROFILE, H3Options(services=SERVICES, token_dialect=way), secrets={}))
    needed = {"client_credentials": {"consumer_key", "consumer_secret"}}.get(way, {"token_key"})
    held = {role: secret(role) for role in needed}
    assert H3(account(PROFILE, H3Options(services=SERVICES, token_dialect=way), secrets=held)).token().token_url


def test_answers_mean_what_they_mean_to_the_adapter() -> None:
    """The same codes, by a table of its own."""
    rules = h3()
    assert rules.placed(order(), answer({"Status": 1}, 201)) == Placed()
    assert rules.cancelled(order(), answer({"Status": 1}, 201)) == CancelSaid("cancelled")
    assert isinstance(rules.fed("", answer(PAGE)), Fed)
    refused = rules.placed(order(), answer({"fault": {"code": 900908}}, 403))
    assert isinstance(refused, Refused) and refused.kind == "configuration"


def test_its_events_are_none_of_those_of_h2() -> None:
    """Two carriers of one name would never share an event."""
    page = rules_page()
    fed = h3().fed("", answer(page))
    assert isinstance(fed, Fed)
    assert fed.sightings[0].scan.event_id == "vnpost-h3:691fed200000000000000001"


def rules_page() -> Any:
    """The page of the facts."""
    return example("03-tracking-page")


def test_a_price_is_asked_for_with_places_and_weight_alone() -> None:
    """Nobody's name is needed for it."""
    nobody = msgspec.structs.replace(CITIZEN, name="", phone="")
    call = h3().price(order(receiver=nobody))
    assert json.loads(call.body) == example("05-price-ask")


@pytest.mark.parametrize(
    ("said", "amount"),
    [("31000", 31_000), ("31000.0", 31_000), (31000, 31_000), ("30999.5", 31_000), (31000.0, 31_000)],
)
def test_a_price_is_whole_dong(said: object, amount: int) -> None:
    """A number as text, also where it comes with a fraction."""
    assert h3().priced(answer({"content": {"price": said}})) == (
        Price(service="HCC", name="Bưu chính công ích", amount=amount),
    )


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"content": {"price": ""}}, 200, "business"),
        ({"content": None}, 200, "business"),
        ({}, 200, "business"),
        ({"content": {"price": "31.000 đ"}}, 200, "unreadable"),
        ({"content": {"price": "-1"}}, 200, "unreadable"),
        (b"", 200, "unreadable"),
        (b"", 417, "business"),
        (b"", 500, "busy"),
        (b"", 401, "auth"),
    ],
)
def test_an_answer_without_a_price_is_no_price(body: object, status: int, kind: str) -> None:
    """Never zero; a question may be put again after an error of the other side."""
    refused = h3().priced(answer(body, status))
    assert isinstance(refused, Refused)
    assert refused.kind == kind


def test_what_the_lgsp_does_not_offer_is_said_in_words() -> None:
    """Without a name for it nothing is sent."""
    rules = h3(Services(order="a", cancel="b", tracking="c"))
    with pytest.raises(CannotMap, match="tra cước"):
        rules.price(order())
    with pytest.raises(CannotMap, match="đăng ký hồ sơ"):
        rules.register(order(), ("1", "Thủ tục"), ())


@pytest.mark.parametrize(
    "receiver",
    [msgspec.structs.replace(CITIZEN, place=msgspec.structs.replace(CITIZEN.place, carrier={"province": "X"}))],
)
def test_a_price_for_nowhere_is_not_asked(receiver: Contact) -> None:
    """A place without a number of the post."""
    with pytest.raises(CannotMap):
        h3().price(order(receiver=receiver))


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({}, "services"),
        ({"services": {"order": "a", "cancel": "b"}}, "services.tracking"),
        ({"services": {"order": "a", "cancel": "a", "tracking": "c"}}, "services"),
        ({"services": {"order": "a b", "cancel": "b", "tracking": "c"}}, "services"),
        ({"services": {"order": "a", "cancel": "b", "tracking": "c"}, "accept": "a\r\nX: y"}, "accept"),
        ({"services": {"order": "a", "cancel": "b", "tracking": "c"}, "settle_s": 1000.0}, "settle_s"),
    ],
)
def test_options_that_cannot_work_are_refused_by_name(wrong: dict[str, Any], word: str) -> None:
    """When the program starts, and no value is repeated."""
    read, faults = typed(wrong, H3Options)
    assert read is None
    assert any(word in fault for fault in faults)
