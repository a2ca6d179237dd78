"""The course of a sign-on over both listeners: what goes well, and every way in which somebody else comes along."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from connectors.kit.errors import NoAnswer, NotSent, Rejected
from gateway.config import Identity
from gateway.records import identity_proofs
from tests.toys.signing_on import NAME, NUMBER, ToySignOn
from tests.unit.identity.ground import CALLBACK, GOODBYE, IDENTITY, PUBLIC, RETURN, opened


async def test_a_person_signs_on_and_the_account_is_handed_over_once(tmp_path: Path) -> None:
    """Begun, opened, back, redeemed: one clean account, and the trail tells each step."""
    async with opened(tmp_path) as ground:
        begun = await ground.begin()
        assert begun.status == 201 and begun.tree["provider"] == "toy"
        assert begun.tree["start_url"].startswith(
            f"{PUBLIC}/v1/identity/sign-ons/{begun.tree['sign_on_id']}/start?key="
        )
        browser = ground.browser()
        sent = await browser.open(begun.tree["start_url"])
        assert sent.status == 303 and urlsplit(sent.location).netloc == "dinh-danh.example.vn"
        assert sent.asked["redirect_uri"] == f"{PUBLIC}{CALLBACK}" and len(browser.jar) == 1
        back = await browser.open(ground.callback())
        assert back.status == 303 and back.location.startswith(f"{RETURN}&sign_on_id=") and not browser.jar
        told = await ground.redeem(back.asked["sign_on_id"], back.asked["ticket"])
        assert told.status == 200 and told.headers["Cache-Control"] == "no-store"
        assert (told.tree["id_number"], told.tree["full_name"], told.tree["birth"]) == (NUMBER, NAME, "1990")
        assert told.tree["missing"] == ["ThuDienTu"] and told.tree["assurance"]["ial"] == 2
        assert ground.audited() == [
            f"identity.sign_on_{step}" for step in ("begun", "sent", "claimed", "returned", "redeemed")
        ]
        assert [outcome for _, outcome in ground.counted] == ["begun", "sent", "returned", "redeemed"]


async def test_the_proof_of_a_sign_on_stands_under_its_id_before_the_account_leaves(tmp_path: Path) -> None:
    """What a dossier names later: number, level and provider, for this caller; nothing of it before the redemption."""
    async with opened(tmp_path) as ground:
        sign_on_id, ticket = await ground.signed_on()
        place = identity_proofs.key(sign_on_id)
        assert place is not None and await ground.journal.record(place) is None
        await ground.redeem(sign_on_id, ticket)
        record = await ground.journal.record(place)
        proof = identity_proofs.parse(record) if record is not None else None
        assert proof is not None and (proof.system, proof.by, proof.profile) == ("RES", "toy", "toy-dialect")
        assert (proof.id_number, proof.subject_key, proof.assurance.ial) == (NUMBER, "TECH-000000", 2)


async def test_a_ticket_that_was_redeemed_gives_nothing_more(tmp_path: Path) -> None:
    """Double redeem: of two that come with one ticket at once, one gets the account; afterwards nobody."""
    async with opened(tmp_path) as ground:
        sign_on_id, ticket = await ground.signed_on()
        both = await asyncio.gather(*[ground.redeem(sign_on_id, ticket) for _ in range(2)])
        assert sorted(seen.status for seen in both) == [200, 409]
        again = await ground.redeem(sign_on_id, ticket)
        assert (again.status, again.tree["code"]) == (409, "sign_on_used")
        assert len(ground.audited("identity.sign_on_redeemed")) == 1


async def test_a_guessed_ticket_and_another_system_get_nothing(tmp_path: Path) -> None:
    """The ticket must be the one; for a system that did not begin it, the sign-on does not exist."""
    async with opened(tmp_path) as ground:
        sign_on_id, ticket = await ground.signed_on()
        guessed = await ground.redeem(sign_on_id, "A" * 43)
        assert (guessed.status, guessed.tree["code"]) == (403, "ticket_refused")
        stranger = await ground.redeem(sign_on_id, ticket, "RES-2")
        assert (stranger.status, stranger.tree["code"]) == (404, "unknown_sign_on")
        assert (await ground.redeem(sign_on_id, ticket, "SEC")).status == 403
        assert (await ground.redeem("khong-co", ticket)).status == 404
        assert (await ground.redeem(sign_on_id, ticket)).status == 200


async def test_a_callback_in_another_browser_is_refused(tmp_path: Path) -> None:
    """Without the cookie of the browser that began, a state is worth nothing: nobody is signed on as somebody else."""
    async with opened(tmp_path) as ground:
        mine, other = ground.browser(), ground.browser()
        await mine.open((await ground.begin()).tree["start_url"])
        stolen = await other.open(ground.callback())
        assert stolen.status == 403 and "Set-Cookie" not in stolen.headers and not ground.toy.exchanged
        (name,) = mine.jar
        other.jar[name] = mine.jar[name].partition(".")[0] + "." + "A" * 43
        assert (await other.open(ground.callback())).status == 403
        refused = ground.audited("notice.refused")
        assert [row["code"] for row in refused] == ["another_browser"] * 2
        assert (await mine.open(ground.callback())).status == 303


async def test_a_state_that_was_never_given_out_is_refused(tmp_path: Path) -> None:
    """A forged callback, with the cookie of a real sign-on under the name that its state asks for."""
    async with opened(tmp_path) as ground:
        browser = ground.browser()
        await browser.open((await ground.begin()).tree["start_url"])
        from gateway.identity.sign_ons import cookie_name

        browser.jar[cookie_name("forged")] = next(iter(browser.jar.values()))
        assert (await browser.open(f"{CALLBACK}?code=c&state=forged")).status == 403
        assert (await browser.open(f"{CALLBACK}?code=c")).status == 400
        assert (await browser.open(f"{CALLBACK}?code=c&state=a&state=b")).status == 400
        assert not ground.toy.exchanged


async def test_a_replayed_callback_exchanges_nothing(tmp_path: Path) -> None:
    """The same address again, with the cookie put back, at once or later: the code is exchanged once."""
    async with opened(tmp_path) as ground:
        browser = ground.browser()
        await browser.open((await ground.begin()).tree["start_url"])
        cookies = dict(browser.jar)
        both = await asyncio.gather(*[browser.open(ground.callback()) for _ in range(2)])
        assert sorted(seen.status for seen in both) == [303, 409]
        browser.jar = cookies
        assert (await browser.open(ground.callback())).status == 409
        assert ground.toy.exchanged == ["code-1"]


async def test_a_callback_of_another_provider_ends_the_sign_on(tmp_path: Path) -> None:
    """Mix-up: a state that was given to one provider and comes back from another (RFC 9700 4.4)."""
    async with opened(tmp_path) as ground:
        browser = ground.browser()
        begun = (await ground.begin()).tree
        await browser.open(begun["start_url"])
        mixed = await browser.open(ground.callback().replace("/toy?", "/other?"))
        assert mixed.status == 403 and not ground.toy.exchanged
        assert await ground.state(begun["sign_on_id"]) == "failed"
        assert ground.audited("identity.sign_on_failed")[0]["code"] == "wrong_provider"


async def test_a_second_browser_cannot_open_what_a_first_one_opened(tmp_path: Path) -> None:
    """A start address that leaked is worth nothing any more; the first browser may begin again, with another state."""
    async with opened(tmp_path) as ground:
        first, second = ground.browser(), ground.browser()
        begun = (await ground.begin()).tree
        await first.open(begun["start_url"])
        before = ground.errand()["state"]
        assert (await second.open(begun["start_url"])).status == 403
        assert (await first.open(begun["start_url"])).status == 303 and len(first.jar) == 1
        assert ground.errand()["state"] != before
        old = f"{CALLBACK}?code=c&state={before}"
        assert (await first.open(old)).status == 403
        assert (await first.open(ground.callback())).status == 303


async def test_a_start_address_is_opened_only_with_its_key(tmp_path: Path) -> None:
    """The id is no secret: it stands in logs and in the feed."""
    async with opened(tmp_path) as ground:
        begun = (await ground.begin()).tree
        path = urlsplit(begun["start_url"]).path
        browser = ground.browser()
        assert [(await browser.open(path + more)).status for more in ("", "?key=", "?key=" + "A" * 43)] == [404] * 3
        assert not ground.toy.errands and not browser.jar


async def test_a_browser_may_not_begin_without_end(tmp_path: Path) -> None:
    """Each start asks the provider for something."""
    async with opened(tmp_path) as ground:
        browser, begun = ground.browser(), (await ground.begin()).tree
        statuses = [(await browser.open(begun["start_url"])).status for _ in range(11)]
        assert statuses == [303] * 10 + [409]


@pytest.mark.parametrize("late", ["start", "callback", "redeem"])
async def test_what_comes_too_late_is_refused_and_erased(tmp_path: Path, late: str) -> None:
    """Expired: 10 minutes to come back, 2 to redeem; the watch erases what is left, and says so in the trail."""
    async with opened(tmp_path) as ground:
        browser, begun = ground.browser(), (await ground.begin()).tree
        sign_on_id = begun["sign_on_id"]
        if late == "start":
            ground.time.on(600)
            page = await browser.open(begun["start_url"])
            assert page.status == 410 and f"sign_on_id={sign_on_id}&amp;error=expired" in page.body.decode()
            assert ground.counted[-1][1] == "expired"
        else:
            await browser.open(begun["start_url"])
        if late == "callback":
            ground.time.on(600)
            page = await browser.open(ground.callback())
            assert page.status == 410 and not ground.toy.exchanged
            assert (
                f"sign_on_id={sign_on_id}&amp;error=expired" in page.body.decode()
            )  # a way home, as after any other end
            told = await ground.redeem(sign_on_id, "A" * 43)
            assert (told.status, told.tree["code"]) == (410, "sign_on_expired")  # also before the watch has looked
        if late == "redeem":
            back = await browser.open(ground.callback())
            ground.time.on(120)
            told = await ground.redeem(sign_on_id, back.asked["ticket"])
            assert (told.status, told.tree["code"]) == (410, "sign_on_expired")
        assert await ground.watch.look() == 1 and await ground.watch.look() == 0
        kept = await ground.rules.books.find(sign_on_id)
        assert kept is not None and kept.state == "expired"
        assert (kept.secrets, kept.account, kept.session, kept.ticket, kept.browser) == (None, None, None, "", "")
        assert (await browser.open(begun["start_url"])).status == 410
        was = {"start": "begun", "callback": "sent", "redeem": "returned"}[late]
        assert ground.audited("identity.sign_on_expired")[0]["was"] == was


async def test_who_refuses_at_the_provider_is_led_back_with_a_code(tmp_path: Path) -> None:
    """A page in Vietnamese with the connector's words, and a way back that tells the system why; nothing is reflected."""
    async with opened(tmp_path) as ground:
        browser, begun = ground.browser(), (await ground.begin()).tree
        await browser.open(begun["start_url"])
        seen = await browser.open(ground.callback(error="access_denied", error_description="<b>phản chiếu</b>"))
        page = seen.body.decode()
        assert seen.status == 403 and "Quý vị đã không đồng ý đăng nhập." in page
        assert "phản chiếu" not in page and "<script" not in page and 'lang="vi"' in page
        assert f"sign_on_id={begun['sign_on_id']}&amp;error=access_denied" in page
        assert "style-src 'sha256-" in seen.headers["Content-Security-Policy"]
        told = await ground.redeem(begun["sign_on_id"], "A" * 43)
        assert (told.status, told.tree["code"]) == (409, "sign_on_failed")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotSent(), 503, "not_sent"),
        (NoAnswer(), 503, "no_answer"),
        (Rejected(), 403, "rejected"),
    ],
)
async def test_a_provider_that_is_down_or_refuses_ends_the_sign_on(
    tmp_path: Path, error: Exception, status: int, code: str
) -> None:
    """The code is never exchanged a second time: the person begins again."""
    async with opened(tmp_path) as ground:
        browser, begun = ground.browser(), (await ground.begin()).tree
        await browser.open(begun["start_url"])
        ground.toy.error = error
        assert (await browser.open(ground.callback())).status == status
        assert ground.audited("identity.sign_on_failed")[0]["code"] == code
        assert (await browser.open(ground.callback())).status in (403, 409) and len(ground.toy.exchanged) == 1


async def test_a_provider_that_is_down_at_the_start_costs_nothing(tmp_path: Path) -> None:
    """Nothing has changed: the same address works once the provider is well."""
    async with opened(tmp_path) as ground:
        browser, begun = ground.browser(), (await ground.begin()).tree
        ground.toy.error = NotSent()
        assert (await browser.open(begun["start_url"])).status == 503
        assert (await browser.open(begun["start_url"])).status == 303


async def test_a_provider_that_never_answers_is_not_waited_for(tmp_path: Path) -> None:
    """Slow: the time of one step is bounded by the upstream's settings."""
    async with opened(tmp_path) as ground:
        browser, begun = ground.browser(), (await ground.begin()).tree
        await browser.open(begun["start_url"])
        ground.toy.silent = asyncio.Event()
        assert (await browser.open(ground.callback())).status == 503
        assert ground.audited("identity.sign_on_failed")[0]["code"] == "no_answer"


async def test_nobody_begins_while_the_provider_is_paused(tmp_path: Path) -> None:
    """A planned pause holds for sign-ons too: people are told before they leave the portal."""
    from gateway.journal.model import UpstreamRow

    async with opened(tmp_path) as ground:
        await ground.journal.remember_upstream(UpstreamRow("vneid", paused="bảo trì"))
        told = await ground.begin()
        assert (told.status, told.tree["code"]) == (503, "upstream_unavailable") and told.headers["Retry-After"]


async def test_only_registered_addresses_and_known_providers_are_taken(tmp_path: Path) -> None:
    """Both faults at once, by their places; an address that only begins like a registered one is another address."""
    async with opened(tmp_path) as ground:
        told = await ground.begin(return_url=f"{RETURN}&x=1", provider="ai-do")
        assert told.status == 422
        assert {fault["pointer"]: fault["code"] for fault in told.tree["errors"]} == {
            "/provider": "nha_cung_cap_khong_co",
            "/return_url": "dia_chi_khong_dang_ky",
        }
        assert (await ground.begin(nobody="x")).status == 422
        assert (await ground.call("/v1/identity/sign-ons", {"return_url": RETURN}, "SEC")).status == 403
        assert (await ground.begin(provider="other", min_ial=2, fresh=True)).status == 201
        assert ground.audited("identity.sign_on_begun") == [
            {
                "sign_on": ground.audited("identity.sign_on_begun")[0]["sign_on"],
                "upstream": "vneid",
                "provider": "other",
                "min_ial": 2,
                "fresh": True,
            }
        ]


async def test_what_is_wrong_with_a_request_is_named_field_by_field(tmp_path: Path) -> None:
    """ "Send an object of the published schema" helps nobody; and a sign-on has no event_id that could be renewed."""
    async with opened(tmp_path) as ground:
        told = await ground.begin(min_ial=5, fresh="có", nobody=1)
        assert {fault["pointer"]: fault["code"] for fault in told.tree["errors"]} == {
            "/min_ial": "gia_tri_khong_co",
            "/fresh": "sai_kieu",
            "/nobody": "truong_khong_biet",
        }
        assert "event_id" not in told.tree["detail"]
        empty = await ground.call("/v1/identity/sign-ons", {})
        assert [(fault["code"], fault["pointer"]) for fault in empty.tree["errors"]] == [
            ("thieu_truong", "/return_url")
        ]
        short = await ground.call("/v1/identity/sign-ons/x/redeem", {"ticket": "ngan"})
        assert [(fault["code"], fault["pointer"]) for fault in short.tree["errors"]] == [("sai_dinh_dang", "/ticket")]


async def test_a_level_that_the_provider_does_not_know_is_refused_before_anybody_is_sent_there(tmp_path: Path) -> None:
    """The person would sign on in vain, and be told so at the very end."""
    async with opened(tmp_path) as ground:
        told = await ground.begin(min_acr="LoA9")
        assert (told.status, told.tree["errors"][0]["pointer"]) == (422, "/min_acr")
        assert (await ground.begin(min_acr="LoA2")).status == 201
        assert (await ground.begin(provider="other", min_acr="bất-kỳ")).status == 201  # its levels are not known


async def test_who_was_sent_to_which_provider_is_counted(tmp_path: Path) -> None:
    """Begun, sent, returned, redeemed: where people get lost can be seen by provider."""
    async with opened(tmp_path) as ground:
        await ground.signed_on(ground.browser())
        name = ground.counted[0][0]
        assert name and ground.counted == [(name, "begun"), (name, "sent"), (name, "returned")]


async def test_a_logout_ends_the_session_here_and_leads_through_the_provider(tmp_path: Path) -> None:
    """RP-initiated: the address carries the id_token once, the browser comes back once, and the feed shows the end."""
    async with opened(tmp_path) as ground:
        browser = ground.browser()
        sign_on_id, ticket = await ground.signed_on(browser)
        assert (await ground.log_out(sign_on_id)).tree["code"] == "sign_on_not_ready"  # nobody has redeemed it yet
        await ground.redeem(sign_on_id, ticket)
        left = (await ground.log_out(sign_on_id)).tree
        query = dict(part.split("=") for part in urlsplit(left["logout_url"]).query.split("&"))
        assert left["state"] == "ended" and query["id_token_hint"] == "id-token-of-toy"
        back = await browser.open(f"{CALLBACK}/logged-out?state={query['state']}")
        assert (back.status, back.location) == (303, f"{GOODBYE}?sign_on_id={sign_on_id}")
        for again in (f"?state={query['state']}", "", "?state=x", f"?state={sign_on_id}.x"):
            assert (await browser.open(f"{CALLBACK}/logged-out{again}")).status == 200
        assert (await ground.log_out(sign_on_id)).status == 409
        feed = [row.kind for row in await ground.journal.feed(0, 100)]
        assert feed == ["identity.sign_on_ended"]


async def test_a_provider_without_a_place_to_log_out_says_so(tmp_path: Path) -> None:
    """The session here has ended all the same, and nothing of it is kept."""
    async with opened(tmp_path) as ground:
        browser = ground.browser()
        await browser.open((await ground.begin(provider="other")).tree["start_url"])
        back = await browser.open(ground.callback())
        await ground.redeem(back.asked["sign_on_id"], back.asked["ticket"])
        assert (await ground.log_out(back.asked["sign_on_id"])).tree["logout_url"] is None
        kept = await ground.rules.books.find(back.asked["sign_on_id"])
        assert kept is not None and kept.session is None and kept.leaving is None


async def test_the_provider_ends_one_session_by_its_sid_and_all_by_the_person(tmp_path: Path) -> None:
    """Back-channel: a token with a sid ends that session and no other; one with a sub alone ends every one of that person."""
    async with opened(tmp_path) as ground:
        ids = []
        for code in ("a", "b", "c"):
            sign_on_id, ticket = await ground.signed_on(code=code)
            await ground.redeem(sign_on_id, ticket)
            ids.append(sign_on_id)
        told = await ground.tell_logout("j1 sid-a thu.nguyen")
        assert (told.status, told.body, told.headers["Cache-Control"]) == (200, b"", "no-store")
        assert [await ground.state(one) for one in ids] == ["ended", "redeemed", "redeemed"]
        assert (await ground.tell_logout("j2 - thu.nguyen")).status == 200
        assert [await ground.state(one) for one in ids] == ["ended"] * 3
        ended = ground.audited("identity.sign_on_ended")
        assert [(row["sign_on"], row["reason"]) for row in ended] == [(one, "provider") for one in ids]


async def test_a_logout_before_the_redemption_takes_the_account_with_it(tmp_path: Path) -> None:
    """Whoever was signed off meanwhile is not signed on."""
    async with opened(tmp_path) as ground:
        sign_on_id, ticket = await ground.signed_on(code="a")
        assert (await ground.tell_logout("j1 sid-a -")).status == 200
        assert (await ground.redeem(sign_on_id, ticket)).tree["code"] == "sign_on_used"


async def test_a_logout_token_is_taken_once_and_a_forged_one_never(tmp_path: Path) -> None:
    """400 without a word of why, and the trail has the reason (Back-Channel Logout 1.0, 2.8)."""
    async with opened(tmp_path) as ground:
        assert (await ground.tell_logout("j1 - thu.nguyen")).status == 200
        for told in (
            await ground.tell_logout("j1 - thu.nguyen"),
            await ground.tell_logout("giả"),
            await ground.tell_logout("j2 - thu.nguyen", **{f"f{n}": "x" for n in range(40)}),
        ):
            assert (told.status, told.tree, told.headers["Cache-Control"]) == (
                400,
                {"error": "invalid_request"},
                "no-store",
            )
        assert [row["code"] for row in ground.audited("notice.refused")] == [
            "logout_replayed",
            "bad_logout_token",
            "malformed_logout",
        ]
        ground.toy.error = NotSent()  # the keys cannot be had: the provider tries again later
        assert (await ground.tell_logout("j3 - thu.nguyen")).status == 503
        assert (await ground.tell_logout("j3 - thu.nguyen")).status == 200


async def test_a_session_ends_by_its_time(tmp_path: Path) -> None:
    """Nothing that could end it, or name its person, is kept longer than the configuration says."""
    async with opened(tmp_path) as ground:
        sign_on_id, ticket = await ground.signed_on()
        await ground.redeem(sign_on_id, ticket)
        await ground.watch.look()
        assert (ground.opened.waiting, ground.opened.sessions) == (0, 1)
        ground.time.on(36_000)
        assert await ground.watch.look() == 1
        assert await ground.state(sign_on_id) == "ended"
        assert ground.audited("identity.sign_on_ended")[0]["reason"] == "time"


async def test_bounds_hold_for_callers_networks_and_everybody_together(tmp_path: Path) -> None:
    """A flood is answered 429, by caller inside, by network address at the edge, and by what is under way altogether."""
    few = Identity(
        public_url=PUBLIC,
        return_urls=IDENTITY.return_urls,
        open_limit=3,
        begins_per_minute=40,
        edge_per_minute=6,
        trusted_proxies=("127.0.0.1",),
    )
    async with opened(tmp_path, few) as ground:
        assert [(await ground.begin()).status for _ in range(4)] == [201, 201, 201, 429]
        ground.opened.waiting = 0
        assert [(await ground.begin()).status for _ in range(2)] == [201, 429]
        one, other = ground.browser(), ground.browser()
        one.forwarded, other.forwarded = "10.9.9.9, 203.0.113.7", "203.0.113.7, 203.0.113.8"
        path = "/v1/identity/sign-ons/x/start"
        assert [(await one.open(path)).status for _ in range(3)] == [404, 404, 429]
        assert (await other.open(path)).status == 404


async def test_nothing_of_a_person_and_no_secret_stands_in_the_trail_or_in_a_repr(tmp_path: Path) -> None:
    """The trail, the unsealed records and what a debugger prints are searched for everything that was planted."""
    async with opened(tmp_path) as ground:
        browser = ground.browser()
        begun = (await ground.begin()).tree
        await browser.open(begun["start_url"])
        secrets = [*ground.toy.errands[-1].secrets.__reduce__()[-1:], *browser.jar.values()]
        back = await browser.open(ground.callback())
        kept = await ground.rules.books.find(begun["sign_on_id"])
        await ground.redeem(begun["sign_on_id"], back.asked["ticket"])
        await ground.tell_logout("jti-bi-mat sid-code-1 thu.nguyen")
        errand = ground.toy.errands[-1]
        planted = [
            NUMBER,
            NAME,
            "TECH-000000",
            "thu.nguyen",
            "sid-code-1",
            "jti-bi-mat",
            "id-token-of-toy",
            back.asked["ticket"],
            errand.secrets.state,
            errand.secrets.nonce,
            errand.secrets.verifier,
            begun["start_url"].partition("key=")[2],
        ]
        assert secrets and all(planted)
        told = repr(kept) + repr(await ground.rules.books.find(begun["sign_on_id"]))
        stored = "".join(str(row) for row in ground.rows("SELECT kind, actor, fields FROM audit"))
        stored += "".join(str(row) for row in ground.rows("SELECT kind, id, state FROM record"))
        assert [word for word in planted if word in told or word in stored] == []


async def test_two_upstreams_may_not_name_a_provider_alike() -> None:
    """Nobody could tell which one a system means."""
    from gateway.config import Upstream
    from gateway.errors import ConfigError
    from gateway.identity.providers import find_providers

    lines = [(code, Upstream(connector="toy"), ToySignOn()) for code in ("a", "b")]
    with pytest.raises(ConfigError) as caught:
        find_providers(lines, 1.0)
    assert len(caught.value.faults) == 2 and "upstreams.a" in caught.value.faults[0]
    off = [("a", Upstream(connector="toy", enabled=False), ToySignOn()), ("b", Upstream(connector="toy"), object())]
    assert find_providers(off, 1.0).all() == ()
