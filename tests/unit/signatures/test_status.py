"""Status information fetched: what is asked, what is kept and until when, who is left alone, and that no answer is never good."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from connectors.kit.simulated_authority.conduct import Conduct, CrlConduct, OcspConduct, WireConduct
from gateway.clock import Clock
from gateway.coordination.memory import MemoryCoordination
from gateway.signatures.common_status import LARGEST, CommonStatus
from gateway.signatures.expiry import published
from gateway.signatures.status import Patience, StatusCache
from signing import der
from signing.chain import judge_certificate
from signing.errands import Errand, ErrandKind
from signing.model import CertificateQuestion, Evidence, Purpose, SubIndication, TrustDomain
from signing.policy import DEFAULT_POLICY
from tests import pki
from tests.unit.signatures.conftest import House

OFFICIAL = (pki.certificate("official"), *pki.chain("official"))
ANCHORS = tuple(one.certificate for one in pki.trust().anchors)


def _sub_indication(evidence: Evidence, name: str = "official") -> SubIndication | None:
    others = (*pki.chain(name), *evidence.certificates)
    question = CertificateQuestion(
        pki.certificate(name), Purpose.SIGNER, pki.NOW, pki.NOW, frozenset(TrustDomain), others
    )
    return judge_certificate(question, pki.trust(), evidence, DEFAULT_POLICY).sub_indication


async def test_responses_for_leaf_and_authority_satisfy_the_judge(house: House) -> None:
    """R22: both are asked about, each once, and no list is fetched where responses come."""
    evidence = await house.desk().gather(OFFICIAL, ANCHORS)
    assert _sub_indication(evidence) is None
    assert (house.calls("ocsp"), house.calls("crl")) == (2, 0)


async def test_a_missing_issuer_is_fetched_first(house: House) -> None:
    """A signature that carries its own certificate alone can still be judged."""
    evidence = await house.desk().gather(OFFICIAL[:1], ANCHORS)
    assert pki.chain("official")[0] in evidence.certificates
    assert _sub_indication(evidence) is None


async def test_where_no_response_comes_the_list_takes_its_place(house: House) -> None:
    """A responder that says tryLater has said nothing."""
    house.conduct(Conduct(ocsp=OcspConduct(refusal="tryLater")))
    evidence = await house.desk().gather(OFFICIAL, ANCHORS)
    assert evidence.ocsps == ()
    assert _sub_indication(evidence) is None


async def test_responses_that_the_judge_does_not_believe_are_joined_by_lists(house: House) -> None:
    """Whether an answer is worth anything is not for whoever fetches: `lists_too` brings the rest."""
    house.conduct(Conduct(ocsp=OcspConduct(forge=True)))
    desk = house.desk()
    assert _sub_indication(await desk.gather(OFFICIAL, ANCHORS)) is SubIndication.TRY_LATER
    assert _sub_indication(await desk.gather(OFFICIAL, ANCHORS, lists_too=True)) is None


@pytest.mark.parametrize(
    "conduct",
    [
        Conduct(wire=WireConduct(redirect="http://169.254.169.254/")),
        Conduct(wire=WireConduct(flood_bytes=4 << 20)),
        Conduct(ocsp=OcspConduct(forge=True), crl=CrlConduct(forge=True)),
        Conduct(ocsp=OcspConduct(about="agency", age_s=0), crl=CrlConduct(life_s=-1, age_s=86_400 * 9)),
    ],
    ids=["redirected", "flooded", "forged", "about-somebody-else-and-expired"],
)
async def test_no_answer_is_never_good(house: House, conduct: Conduct) -> None:
    """Whatever is wrong with what came, the judge says TRY_LATER, and nothing raises."""
    house.conduct(conduct)
    evidence = await house.desk().gather(OFFICIAL, ANCHORS, lists_too=True)
    assert _sub_indication(evidence) is SubIndication.TRY_LATER


async def test_a_revoked_certificate_is_known_as_such(house: House) -> None:
    """The control: what the authority took back is not good."""
    name = "revoked-before"
    evidence = await house.desk().gather((pki.certificate(name), *pki.chain(name)), ANCHORS)
    assert _sub_indication(evidence, name) in (SubIndication.REVOKED, SubIndication.REVOKED_NO_POE)


async def test_an_unlisted_host_is_never_asked(house: House) -> None:
    """T6: the addresses stand in the certificate, the list with the operator."""
    evidence = await house.desk(fetcher=house.fetcher(listed=False)).gather(OFFICIAL, ANCHORS, lists_too=True)
    assert (evidence.ocsps, evidence.crls) == ((), ())
    assert house.calls("ocsp") == house.calls("crl") == 0


async def test_an_answer_is_kept_until_it_says_so_and_not_longer(house: House) -> None:
    """Responses of the test authority hold for a day; ours for at most an hour; `since` wants a fresher one."""
    desk = house.desk(Patience(keep_s=3_600.0))
    for _ in range(3):
        await desk.gather(OFFICIAL, ANCHORS)
    assert house.calls("ocsp") == 2
    house.turn(timedelta(minutes=10))
    await desk.gather(OFFICIAL, ANCHORS, since=house.now[0])
    assert house.calls("ocsp") == 4
    house.turn(timedelta(minutes=61))
    await desk.gather(OFFICIAL, ANCHORS)
    assert house.calls("ocsp") == 6


async def test_an_answer_about_to_end_is_not_kept_beyond_its_end(house: House) -> None:
    """nextUpdate in a minute: after that it is asked for again."""
    house.conduct(Conduct(ocsp=OcspConduct(life_s=60)))
    desk = house.desk()
    await desk.gather(OFFICIAL, ANCHORS)
    house.turn(timedelta(seconds=61))
    await desk.gather(OFFICIAL, ANCHORS)
    assert house.calls("ocsp") == 4


async def test_many_who_ask_the_same_ask_once(house: House) -> None:
    """A batch of results by one signer costs its authority one question for each certificate."""
    desk = house.desk()
    found = await asyncio.gather(*(desk.gather(OFFICIAL, ANCHORS) for _ in range(20)))
    assert len(set(found)) == 1
    assert house.calls("ocsp") == 2


async def test_a_host_that_fails_is_left_alone_and_asked_again_later(house: House) -> None:
    """The breaker is the host's: after three failures in a row nobody waits for it, for a minute."""
    house.conduct(Conduct(wire=WireConduct(redirect="/")))
    desk = house.desk(Patience(failures=3, open_s=60.0))
    for _ in range(5):
        await desk.gather(OFFICIAL, ANCHORS, lists_too=True)
    house.conduct(Conduct())
    assert (await desk.gather(OFFICIAL, ANCHORS)).ocsps == ()
    house.turn(timedelta(seconds=61))
    assert len((await desk.gather(OFFICIAL, ANCHORS)).ocsps) == 2


async def test_a_wrong_address_in_a_strangers_certificate_does_not_close_its_host(house: House) -> None:
    """What a listed host refuses is held against that address alone: else one hostile file would stop all status for a minute."""
    desk = house.desk(Patience(failures=1, open_s=60.0))
    wrong = Errand(ErrandKind.CRL, f"http://{house.here}/nobody-knows-this.crl", "00")
    assert await desk._asked(wrong, pki.NOW - timedelta(hours=1)) is None
    assert len((await desk.gather(OFFICIAL, ANCHORS)).ocsps) == 2


async def test_what_failed_is_remembered_within_bounds(house: House) -> None:
    """Strangers write as many addresses as they like."""
    desk = house.desk(Patience(failures=1))
    for number in range(3_000):
        desk._failed(f"http://{house.here}/{number}")
    assert len(desk._standings) <= 1_024


async def test_the_certificates_asked_about_are_not_handed_back_as_evidence(house: House) -> None:
    """A signer's certificate names a person: it lies sealed with the document, and nowhere else."""
    evidence = await house.desk().gather(OFFICIAL, ANCHORS)
    assert not set(evidence.certificates) & set(OFFICIAL)


@pytest.mark.parametrize("kind", list(ErrandKind))
@pytest.mark.parametrize(
    "raw",
    [
        "3000",
        "30023000",
        "30040a01003000",
        "30070a0100a0023000",
        "300b0a0100a006300406002a00",
        "300d0a0100a008300606000402a000",
    ],
)
def test_an_answer_with_nothing_inside_is_no_answer(kind: ErrandKind, raw: str) -> None:
    """Anybody on the way of plain HTTP can write such an answer; what is raised over it would stop all who wait for it."""
    said = published(kind, bytes.fromhex(raw))
    assert said is None or kind is ErrandKind.ISSUER


async def test_a_slow_authority_costs_no_more_than_the_deadline(house: House) -> None:
    """One octet every two seconds: the whole is given up, what is missing is missing."""
    house.conduct(Conduct(wire=WireConduct(drip_s=2.0)))
    desk = house.desk(Patience(whole_s=0.3))
    loop = asyncio.get_running_loop()
    started = loop.time()
    evidence = await desk.gather(OFFICIAL, ANCHORS, lists_too=True)
    assert (evidence.ocsps, evidence.crls) == ((), ())
    assert loop.time() - started < 20.0, "the whole of it would come in an hour"
    await desk.close()


def test_the_cache_is_bounded_and_forgets_the_least_used() -> None:
    """Bytes are counted, whatever the number of answers."""
    cache = StatusCache(1_000)
    later = pki.NOW + timedelta(hours=1)
    for number in range(20):
        cache.keep(str(number), bytes(200), pki.NOW, later)
        cache.find("0", pki.NOW, pki.NOW)
    assert cache.size <= 1_000
    assert cache.find("0", pki.NOW, pki.NOW) is not None
    assert cache.find("1", pki.NOW, pki.NOW) is None
    cache.keep("huge", bytes(251), pki.NOW, later)
    assert cache.find("huge", pki.NOW, pki.NOW) is None


def test_until_when_an_answer_holds_is_read_from_its_outside() -> None:
    """Lists of the test authority hold for seven days, responses for one; what is neither is no answer."""
    crl, ocsp = pki.crl("duty-ca"), pki.ocsp("official")
    listed, answered = published(ErrandKind.CRL, crl), published(ErrandKind.OCSP, ocsp)
    assert listed is not None and listed.until == pki.NOW + timedelta(days=7)
    assert answered is not None and answered.until == pki.NOW + timedelta(days=1)
    for kind in ErrandKind:
        assert published(kind, b"<html>not found</html>") is None
        assert published(kind, crl[:-1]) is None


def test_a_list_of_twenty_megabytes_is_not_walked_to_learn_until_when_it_holds() -> None:
    """Only its outermost fields are looked at: 600,000 entries that are no entries change nothing."""
    small = der.whole(pki.crl("duty-ca"), der.SEQUENCE)
    signed, algorithm, value = der.children(small)
    fields = [one.raw for one in der.children(signed)]
    after_times = 1 + max(
        at for at, one in enumerate(der.children(signed)) if one.tag in (der.UTC_TIME, der.GENERALIZED_TIME)
    )
    fields.insert(after_times, der.sequence(b"\xff" * 20_000_000))
    huge = der.sequence(der.sequence(*fields), algorithm.raw, value.raw)
    told = published(ErrandKind.CRL, huge)
    assert told is not None and told.until == pki.NOW + timedelta(days=7)


async def test_what_one_node_fetched_the_others_need_not_ask_for(house: House) -> None:
    """Through the common place for values; the judge checks what comes out of it like anything that was fetched."""
    common = CommonStatus(MemoryCoordination(Clock()))
    first, second = house.desk(), house.desk()
    first.share(common)
    second.share(common)
    await first.gather(OFFICIAL, ANCHORS, lists_too=True)
    asked = house.calls("ocsp"), house.calls("crl")
    evidence = await second.gather(OFFICIAL, ANCHORS, lists_too=True)
    assert (house.calls("ocsp"), house.calls("crl")) == asked
    assert _sub_indication(evidence) is None


async def test_what_lies_in_the_common_place_is_believed_no_more_than_what_is_fetched(house: House) -> None:
    """A forged answer stays forged, one from the future or of no kind at all is fetched anew, an old one too."""
    place = MemoryCoordination(Clock())
    common = CommonStatus(place)
    house.conduct(Conduct(ocsp=OcspConduct(forge=True)))
    first, second = house.desk(), house.desk()
    first.share(common)
    second.share(common)
    await first.gather(OFFICIAL, ANCHORS)
    house.conduct(Conduct())
    forged = await second.gather(OFFICIAL, ANCHORS)
    assert _sub_indication(forged) is SubIndication.TRY_LATER
    fresh = await house.desk().gather(OFFICIAL, ANCHORS)
    before = house.calls("ocsp")
    assert before == 4
    for key in list(place._values):
        await place.remember(key, f"{(pki.NOW + timedelta(hours=1)).isoformat()}\nAAAA", timedelta(hours=1))
    third = house.desk()
    third.share(common)
    assert set((await third.gather(OFFICIAL, ANCHORS)).ocsps) == set(fresh.ocsps)
    assert house.calls("ocsp") == before + 2
    fourth = house.desk()
    fourth.share(common)
    await fourth.gather(OFFICIAL, ANCHORS, since=pki.NOW + timedelta(seconds=1))
    assert house.calls("ocsp") == before + 4


async def test_nonsense_in_the_common_place_is_as_if_nothing_were_there() -> None:
    """Whatever lies there, nothing but an answer comes out."""
    place = MemoryCoordination(Clock())
    common, past = CommonStatus(place), pki.NOW - timedelta(hours=1)
    for text in (
        "",
        "\n",
        "now\nAAAA",
        f"{pki.NOW.isoformat()}\n!",
        f"{pki.NOW.isoformat()}\nAAAA",
        "2026-01-01\nAAAA",
    ):
        await place.remember("status/key", text, timedelta(hours=1))
        assert await common.find("key", ErrandKind.CRL, pki.NOW, past) is None
    await common.keep("large", bytes(LARGEST + 1), pki.NOW, timedelta(hours=1))
    assert await place.recall("status/large") is None
