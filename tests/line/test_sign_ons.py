"""People sign on through the real program at the simulated providers; nobody comes in beside them, and no crash lets one in."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.line.program import ask, until
from tests.line.signing_on import CITIZEN, NAMES, RETURN, Browser, Portal, opened_portal


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str]) -> Iterator[Portal]:
    """The gateway with the simulated providers."""
    with opened_portal(tmp_path_factory.mktemp("portal"), program_environment) as running:
        yield running


@pytest.mark.parametrize("provider", NAMES)
def test_a_citizen_signs_on_whatever_the_dialect(portal: Portal, provider: str) -> None:
    """Both providers, one account: number, name, birth, level; and what the dialect did not give is named."""
    begun, back = portal.come_back(Browser(), provider)
    assert back.headers["location"].startswith(f"{RETURN}?sign_on_id={begun['sign_on_id']}&ticket=")
    told = portal.redeem(back)
    assert told.status == 200
    assert (told.tree["provider"], told.tree["profile"], told.tree["kind"]) == (provider, provider, "person")
    assert told.tree["id_number"] == CITIZEN and told.tree["subject_key"] and told.tree["full_name"]
    assert portal.redeem(back).tree["code"] == "sign_on_used"


def test_a_callback_in_another_browser_and_a_replay_are_refused(portal: Portal) -> None:
    """The address alone, seen over a shoulder or in a log, signs nobody on; and the right browser uses it once."""
    mine, other = Browser(), Browser()
    sent = mine.open(portal.begin()["start_url"])
    location = portal.sign_in(sent.headers["location"])
    stolen = other.open(location)
    assert stolen.status == 403 and not other.jar and "Đăng nhập được mở ở trình duyệt khác" in stolen.body.decode()
    assert mine.open(location).status == 303
    assert mine.open(location).status == 403  # the cookie is gone with the first time


def test_who_cancels_at_the_provider_comes_back_to_a_page_with_a_way_home(portal: Portal) -> None:
    """Hủy: nothing is wrong, and the system that asked is told so by its own code."""
    browser = Browser()
    begun = portal.begin()
    sent = browser.open(begun["start_url"])
    refused = browser.open(portal.sign_in(sent.headers["location"], account=""))
    assert refused.status == 403
    assert f"{RETURN}?sign_on_id={begun['sign_on_id']}&amp;error=access_denied" in refused.body.decode()


def test_a_lie_of_the_provider_signs_nobody_on(portal: Portal) -> None:
    """The refusal of the client reaches the person as a page, and the system as a stable code."""
    portal.order("PUT", "lies", {"orders": [{"lie": "wrong_audience", "times": 1}]})
    begun, back = portal.come_back(Browser())
    assert back.status == 403 and "error=wrong_audience" in back.body.decode()
    assert portal.call(f"/{begun['sign_on_id']}/redeem", {"ticket": "A" * 43}).tree["code"] == "sign_on_failed"


def test_a_logout_here_leads_through_the_provider_and_back(portal: Portal) -> None:
    """RP-initiated: the browser ends where the system wants it, with the sign-on that ended."""
    browser = Browser()
    begun, back = portal.come_back(browser)
    portal.redeem(back)
    left = portal.call(f"/{begun['sign_on_id']}/logout", {"return_url": RETURN})
    assert left.status == 200
    query = dict(parse_qsl(urlsplit(left.tree["logout_url"]).query))
    assert query["post_logout_redirect_uri"] == f"{portal.base}/v1/callbacks/vneid/cdvcqg/logged-out"
    home = browser.open(f"{query['post_logout_redirect_uri']}?state={query['state']}")
    assert (home.status, home.headers["location"]) == (303, f"{RETURN}?sign_on_id={begun['sign_on_id']}")


def test_a_logout_at_the_provider_is_told_in_the_feed(portal: Portal) -> None:
    """Back-channel: the provider's own token, judged, ends the session; the resolution system reads which one."""
    begun, back = portal.come_back(Browser())
    portal.redeem(back)
    portal.order("POST", "logout", {"provider": "cdvcqg", "account": CITIZEN})

    def ended() -> bool:
        rows = [row for row in portal.line.feed() if row["kind"] == "identity.sign_on_ended"]
        return any(row["fields"] == _ended(begun["sign_on_id"]) for row in rows)

    until(ended, "the feed tells the end of the session")
    forged = ask(
        "POST",
        f"{portal.base}/v1/callbacks/vneid/cdvcqg/logout",
        b"logout_token=x.y.z",
        {"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert (forged.status, forged.tree, forged.headers["cache-control"]) == (
        400,
        {"error": "invalid_request"},
        "no-store",
    )


def _ended(sign_on_id: str) -> dict[str, str]:
    return {"sign_on": sign_on_id, "upstream": "vneid", "provider": "cdvcqg", "reason": "provider"}


def test_metrics_count_sign_ons_by_provider_and_name_nobody(portal: Portal) -> None:
    """What an operator looks at: how many are under way, and what came of them."""
    portal.redeem(portal.come_back(Browser(), "vneid")[1])
    text = ask("GET", portal.line.url() + "/metrics").body.decode()
    assert 'gateway_sign_ons_total{outcome="redeemed",provider="vneid"}' in text
    assert "gateway_open_sign_ons" in text and CITIZEN not in text


def test_a_kill_at_any_step_signs_nobody_on_twice(portal: Portal) -> None:
    """SIGKILL between two steps: a code is never exchanged again, a ticket never redeemed again, and the evidence holds."""
    points = ("sign_on.claimed", "sign_on.returned", "sign_on.redeemed")
    portal.line.program.stop("gateway")
    portal.start(GATEWAY_CRASH_AT=points[0])
    for point, following in zip(points, (*points[1:], ""), strict=True):
        browser, begun = Browser(), portal.begin()
        location = portal.sign_in(browser.open(begun["start_url"]).headers["location"])
        cookies, ticket = dict(browser.jar), "A" * 43
        with pytest.raises(OSError):
            back = browser.open(location)
            ticket = dict(parse_qsl(urlsplit(back.headers["location"]).query))["ticket"]
            portal.redeem(back)
        assert portal.line.program.ended("gateway") == -signal.SIGKILL
        portal.start(**({"GATEWAY_CRASH_AT": following} if following else {}))
        browser.jar = cookies
        assert browser.open(location).status == 409, point
        told = portal.call(f"/{begun['sign_on_id']}/redeem", {"ticket": ticket})
        code = {"sign_on.claimed": "sign_on_not_ready", "sign_on.returned": "ticket_refused"}.get(point, "sign_on_used")
        assert told.tree["code"] == code, point
    checked = portal.line.command("evidence", "check", "--json")
    assert checked.code == 0, checked.out
