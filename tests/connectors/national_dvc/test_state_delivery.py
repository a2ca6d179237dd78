"""`state` over real sockets: create, update, sessions, unknown outcomes. The portal here answers by script."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.kit.contract import Budget, Delivery, Found, Question
from connectors.kit.errors import (
    AnswerUnreadable,
    Busy,
    CannotMap,
    CredentialsRefused,
    NoAnswer,
    NotSent,
    Rejected,
    UpstreamFault,
)
from connectors.kit.ground import LoneCoordination
from connectors.national_dvc.connector import NationalPortal
from mappings.canonical import Carried, Dossier
from mappings.codes import DossierStatus, Origin

SYNC, LOOKUP, PROCEDURE = "DongBoHoSoMC", "TraCuuHoSo", "LayThuTuc"
Make = Callable[..., Carried]
Build = Callable[..., Delivery]
Connect = Callable[..., NationalPortal]
Answer = Callable[..., tuple[int, bytes]]


@pytest.fixture
def received(make: Make, delivery: Build) -> Build:
    """A `state` delivery of the reception; more of the delivery by keyword."""

    def build(**more: Any) -> Delivery:
        return delivery("state", make(DossierStatus.RECEIVED, "20241014093000"), **more)

    return build


def flags(portal: Any) -> list[str]:
    """`isUpdating` of each synchronisation."""
    return [call["isUpdating"] for call in portal.named(SYNC)]


async def test_the_first_delivery_creates_and_the_next_update(portal: Any, connect: Connect, received: Build) -> None:
    """The receipt asks the lane to remember that the portal has the dossier; then it is an update."""
    connector = connect()
    receipt = await connector.deliver(received())
    assert (receipt.memory["created"], receipt.memory["state"]) == ("1", "2")
    assert not receipt.duplicate
    await connector.deliver(received(memory=receipt.memory))
    assert flags(portal) == ["False", "True"]
    assert portal.services == ["login", SYNC, SYNC]


async def test_a_result_on_the_dossier_is_said_to_be_withheld(connect: Connect, received: Build) -> None:
    """The receipt names what did not go out."""
    assert "result_unverified" in (await connect().deliver(received())).findings


@pytest.mark.parametrize(
    ("code", "words"), [("3", "Hồ sơ 1 đã tồn tại"), ("-3", "Mã hồ sơ đã tồn tại"), (0, "Hồ sơ đã tồn tại")]
)
async def test_a_duplicate_create_becomes_an_update_at_once(
    portal: Any, connect: Connect, received: Build, answer: Answer, code: object, words: str
) -> None:
    """In every spelling of the facts; the receipt says duplicate."""
    portal.script[SYNC] = [answer(code, words)]
    receipt = await connect().deliver(received())
    assert flags(portal) == ["False", "True"]
    assert receipt.duplicate and receipt.memory["created"] == "1"


async def test_an_update_of_what_is_not_there_becomes_a_create(
    portal: Any, connect: Connect, received: Build, answer: Answer
) -> None:
    """The portal lost it, or never had it."""
    portal.script[SYNC] = [answer("-1", "Hồ sơ không tồn tại")]
    await connect().deliver(received(memory={"created": "1"}))
    assert flags(portal) == ["True", "False"]


async def test_contradictions_end_in_a_retry_and_not_in_a_loop(
    portal: Any, connect: Connect, received: Build, answer: Answer
) -> None:
    """Exists and does not exist: nothing was done, and later may be better."""
    portal.script[SYNC] = [answer(3, "Hồ sơ đã tồn tại"), answer(-1, "Hồ sơ không tồn tại")]
    with pytest.raises(Busy):
        await connect().deliver(received())
    assert len(flags(portal)) == 2


async def test_an_expired_session_is_renewed_once_within_the_attempt(
    portal: Any, connect: Connect, received: Build, answer: Answer
) -> None:
    """The old session is dropped, one login, one repeat with the new one."""
    connector = connect()
    await connector.deliver(received())
    portal.script[SYNC] = [answer(-2, "Phiên làm việc không tồn tại hoặc đã hết hạn")]
    await connector.deliver(received())
    assert portal.services == ["login", SYNC, SYNC, "login", SYNC]
    assert [call["session"] for call in portal.named(SYNC)] == ["phien-1", "phien-1", "phien-2"]


async def test_an_unknown_refusal_may_be_an_expired_session(
    portal: Any, connect: Connect, received: Build, answer: Answer
) -> None:
    """Nobody knows the code of expiry (facts 1.5): one renewal, and if the refusal stays it is one."""
    connector = connect()
    await connector.deliver(received())
    portal.script[SYNC] = [answer(77, "Lỗi"), answer(77, "Lỗi")]
    with pytest.raises(Rejected) as caught:
        await connector.deliver(received())
    assert caught.value.exchange.upstream_code == "77"
    assert portal.services[2:] == [SYNC, "login", SYNC]


async def test_a_known_refusal_costs_no_login(portal: Any, connect: Connect, received: Build, answer: Answer) -> None:
    """The portal said what is wrong; the session is not to blame. The field is named, the value is not."""
    connector = connect()
    await connector.deliver(received())
    portal.script[SYNC] = [answer(-1, "Thiếu trường NgayTiepNhan của Nguyễn Văn A")]
    with pytest.raises(Rejected) as caught:
        await connector.deliver(received())
    assert portal.sessions == 1
    assert "NgayTiepNhan" in caught.value.message_vi
    assert "Nguyễn" not in str(caught.value)


async def test_the_portals_own_words_reach_the_operator_without_personal_data(
    portal: Any, connect: Connect, received: Build, answer: Answer
) -> None:
    """Why it was refused is read at a glance; the applicant's name, number, telephone and address are not."""
    words = "Sai NgayHenTra của NGUYỄN VĂN A (001099000001, 0900 000 001, a@example.vn)\n" + "dài " * 100
    portal.script[SYNC] = [answer(-9, words), answer(-9, words)]
    with pytest.raises(Rejected) as caught:
        await connect().deliver(received())
    said = caught.value.message_vi
    assert "(mã -9). Cổng trả lời: «Sai NgayHenTra của *** (***, ***, ***) dài dài" in said
    assert len(said) < 320 and "\n" not in said


async def test_a_session_that_is_refused_by_status_is_renewed_once(
    portal: Any, connect: Connect, received: Build
) -> None:
    """HTTP 401 on a business call may be an expired session; only with a fresh one does it stop the upstream."""
    connector = connect()
    await connector.deliver(received())
    portal.script[SYNC] = [(401, b"")]
    await connector.deliver(received())
    assert portal.services == ["login", SYNC, SYNC, "login", SYNC]
    portal.script[SYNC] = [(401, b""), (401, b"")]
    with pytest.raises(CredentialsRefused):
        await connector.deliver(received())
    assert portal.services[5:] == [SYNC, "login", SYNC]


async def test_sixteen_deliveries_that_meet_the_same_expiry_log_in_once(
    portal: Any, connect: Connect, received: Build, answer: Answer
) -> None:
    """All sent with the dead session, all refused: one login, and each is repeated once."""
    connector = connect()
    await connector.deliver(received())
    portal.script[SYNC] = [answer(-2, "Phiên làm việc đã hết hạn") for _ in range(16)]
    receipts = await asyncio.gather(*(connector.deliver(received()) for _ in range(16)))
    assert len(receipts) == 16
    assert portal.sessions == 2
    assert len(portal.named(SYNC)) == 1 + 16 + 16


async def test_a_login_that_fails_is_not_tried_again_by_those_who_wait(
    portal: Any, connect: Connect, received: Build
) -> None:
    """A portal that is down is asked once, not once for each delivery; the next attempt asks again."""
    portal.script["login"] = [(502, b"") for _ in range(16)]
    connector = connect()
    outcomes = await asyncio.gather(*(connector.deliver(received()) for _ in range(16)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {NotSent}
    assert portal.services == ["login"]
    portal.script["login"] = []
    await connector.deliver(received())


async def test_waiting_for_a_login_ends_with_the_own_time(
    portal: Any, connect: Connect, received: Build, answer: Answer
) -> None:
    """Somebody else's slow login takes no longer than the attempt may last, and does not count as its failure."""
    portal.delay_s["login"] = 2.0
    connector = connect()
    first = asyncio.create_task(connector.deliver(received()))
    async with asyncio.timeout(60):
        while "login" not in portal.services:
            await asyncio.sleep(0.005)
    with pytest.raises(NotSent, match="chờ đăng nhập"):
        await connector.deliver(received(budget=Budget(time.monotonic() + 30, 0.1)))
    assert (await first).memory["created"] == "1"


async def test_why_a_login_failed_is_said(portal: Any, connect: Connect, received: Build, answer: Answer) -> None:
    """The portal's words, without the account that it repeats."""
    portal.script["login"] = [answer(-1, "Tài khoản tai-khoan đã bị khóa"), answer(-3, "Lỗi hệ thống")]
    connector = connect()
    with pytest.raises(CredentialsRefused) as refused:
        await connector.deliver(received())
    assert "«Tài khoản *** đã bị khóa»" in refused.value.message_vi
    with pytest.raises(NotSent, match="«Lỗi hệ thống»"):
        await connector.deliver(received())


async def test_a_session_that_never_holds_ends_in_a_retry(
    portal: Any, connect: Connect, received: Build, answer: Answer
) -> None:
    """One renewal an attempt, not more; a configured code counts like the words."""
    portal.script[SYNC] = [answer(401, ""), answer("401", "")]
    with pytest.raises(Busy):
        await connect(session={"expired_codes": ["0401 "]}).deliver(received())
    assert portal.services == ["login", SYNC, "login", SYNC]


async def test_many_deliveries_share_one_login(portal: Any, connect: Connect, received: Build) -> None:
    """One login at a time; whoever waited uses what it brought."""
    connector = connect()
    await asyncio.gather(*(connector.deliver(received()) for _ in range(8)))
    assert portal.sessions == 1


async def test_a_wrong_password_is_tried_once_by_all_who_wait(
    portal: Any, connect: Connect, received: Build, answer: Answer
) -> None:
    """Repeating it would lock the account."""
    portal.script["login"] = [answer(-1, "Sai tài khoản hoặc mật khẩu") for _ in range(8)]
    connector = connect()
    outcomes = await asyncio.gather(*(connector.deliver(received()) for _ in range(8)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {CredentialsRefused}
    assert portal.services == ["login"]


@pytest.mark.parametrize(
    "reply", [None, (502, b"<html>Bad Gateway</html>"), (200, b"<html>"), (200, b'{"error_code": 0}')]
)
async def test_whatever_happens_to_the_login_the_delivery_was_not_sent(
    portal: Any, connect: Connect, received: Build, reply: tuple[int, bytes] | None
) -> None:
    """An unanswered login is no doubtful delivery: it may simply be tried again later."""
    portal.script["login"] = [reply]
    with pytest.raises(NotSent):
        await connect().deliver(received())
    assert portal.named(SYNC) == []


@pytest.mark.parametrize(
    ("reply", "error"),
    [(None, NoAnswer), ((502, b"<html>Bad Gateway</html>"), UpstreamFault), ((200, b"<html>Loi"), AnswerUnreadable)],
)
async def test_an_unreadable_end_is_doubtful(
    portal: Any, connect: Connect, received: Build, reply: tuple[int, bytes] | None, error: type[Exception]
) -> None:
    """The portal may have stored it."""
    portal.script[SYNC] = [reply]
    with pytest.raises(error):
        await connect().deliver(received())


async def test_secrets_never_become_evidence(portal: Any, connect: Connect, received: Build, answer: Answer) -> None:
    """Session, user name and password are masked in what is kept; the rest is kept as it went."""
    receipt = await connect().deliver(received())
    assert b"phien-1" not in receipt.exchange.request
    assert b'"session":"***"' in receipt.exchange.request
    assert "Nguyễn Văn A".encode() in receipt.exchange.request
    portal.script["login"] = [answer(-1, "Sai mật khẩu")]
    portal.script[SYNC] = [answer(-2, "Phiên hết hạn")]
    with pytest.raises(CredentialsRefused) as caught:
        await connect().deliver(received())
    assert b"mat-khau" not in caught.value.exchange.request
    assert b"tai-khoan" not in caught.value.exchange.request


async def test_past_the_send_deadline_nothing_leaves(portal: Any, connect: Connect, received: Build) -> None:
    """A lease that may have passed on must not send (delivery-engine 3.7)."""
    with pytest.raises(NotSent):
        await connect().deliver(received(budget=Budget(time.monotonic() - 1, 5.0)))
    assert portal.calls == []


async def test_names_are_asked_once_and_kept(
    portal: Any, connect: Connect, make: Make, delivery: Build, dossier: Dossier, answer: Answer
) -> None:
    """A snapshot without the sector's names asks the catalogue; the answer is cached."""
    row = {"MATTHC": "1.999999", "TENTTHC": "T", "LINHVUCTHUCHIEN": [{"MALINHVUC": "G16-XX01", "TENLINHVUC": "LV"}]}
    portal.script[PROCEDURE] = [answer(0, "", result=[row])]
    bare = replace(dossier, procedure=replace(dossier.procedure, field_code="", field_name=""))
    connector = connect()
    for _ in range(2):
        await connector.deliver(delivery("state", make(DossierStatus.RECEIVED, "20241014093000", dossier=bare)))
    assert len(portal.named(PROCEDURE)) == 1
    assert portal.named(SYNC)[0]["data"][0]["TenLinhVuc"] == "LV"
    told = await connector.ask(Question("procedure", {"code": "1.999999"}, "đối chiếu", "cán bộ", "đơn vị"))
    assert told.found and told.fields["field_name"] == "LV"


async def test_a_procedure_that_was_not_listed_is_asked_for_again_soon(
    portal: Any, connect: Connect, make: Make, delivery: Build, dossier: Dossier, answer: Answer
) -> None:
    """Once it is published, the dossiers held for it must not wait for a cache of hours."""
    kept: dict[str, timedelta] = {}

    class Watched(LoneCoordination):
        async def remember(self, key: str, value: str, ttl: timedelta) -> None:
            kept[key] = ttl
            await super().remember(key, value, ttl)

    bare = replace(dossier, procedure=replace(dossier.procedure, field_code=""))
    carried = make(DossierStatus.RECEIVED, "20241014093000", dossier=bare)
    connector = connect(coordination=Watched())
    with pytest.raises(CannotMap, match="không công bố"):
        await connector.deliver(delivery("state", carried))
    assert kept["national_dvc.procedure.1.999999"] <= timedelta(minutes=1)
    listed = replace(bare, procedure=replace(bare.procedure, national_code="1.004528"))
    row = {"MATTHC": "1.004528", "LINHVUCTHUCHIEN": [{"MALINHVUC": "G16-XX01"}]}
    portal.script[PROCEDURE] = [answer(0, "", result=[row])]
    await connector.deliver(delivery("state", make(DossierStatus.RECEIVED, "20241014093000", dossier=listed)))
    assert kept["national_dvc.procedure.1.004528"] == timedelta(hours=6)


@pytest.mark.parametrize(
    "case",
    [
        ((200, b'{"error_code": 0, "result": []}'), CannotMap),
        (None, NotSent),
        ((500, b""), NotSent),
        ((200, '{"error_code": -1, "message": "Thiếu trường maTTHC"}'.encode()), CannotMap),
    ],
)
async def test_an_unanswered_catalogue_sends_nothing(
    portal: Any,
    connect: Connect,
    make: Make,
    delivery: Build,
    dossier: Dossier,
    case: tuple[tuple[int, bytes] | None, type[Exception]],
) -> None:
    """Not listed is a fault of the dossier; not answered is a reason to wait."""
    portal.script[PROCEDURE] = [case[0]]
    bare = replace(dossier, procedure=replace(dossier.procedure, field_code=""))
    with pytest.raises(case[1]):
        await connect().deliver(delivery("state", make(DossierStatus.RECEIVED, "20241014093000", dossier=bare)))
    assert portal.named(SYNC) == []


async def test_absent_after_an_unanswered_call_may_be_repeated(portal: Any, connect: Connect, received: Build) -> None:
    """Only an empty answer says "not found"."""
    assert (await connect().enquire(received())).found is Found.NOT_FOUND
    assert portal.named(LOOKUP)[0]["mahoso"] == "000.00.00.G16-241014-0001"


async def test_a_dead_connection_is_never_not_found(portal: Any, connect: Connect, received: Build) -> None:
    """The mistake of a known client: it read every failure as "not synced" and created twice (facts 6)."""
    portal.script[LOOKUP] = [None, (503, b"")]
    connector = connect()
    with pytest.raises(NoAnswer):
        await connector.enquire(received())
    with pytest.raises(UpstreamFault):
        await connector.enquire(received())


async def test_existing_shows_nothing_about_content(
    portal: Any, connect: Connect, received: Build, answer: Answer
) -> None:
    """A dossier that another system may have created earlier is sent again, as an update, and no status is lost."""
    portal.script[LOOKUP] = [answer(0, "", result=[{"MaHoSo": "x"}])]
    connector = connect()
    enquiry = await connector.enquire(received())
    assert (enquiry.found, enquiry.repeat_allowed) == (Found.CANNOT_TELL, True)
    await connector.deliver(received(attempt=2))
    assert flags(portal) == ["True"]


async def test_only_a_sole_writer_may_take_existence_for_its_own_create(
    portal: Any, connect: Connect, make: Make, delivery: Build, dossier: Dossier, answer: Answer
) -> None:
    """First of the lane, not born on the portal, not created before: then it can be nobody else's."""
    present = answer(0, "", result=[{"MaHoSo": "x"}])
    portal.script[LOOKUP] = [present] * 4
    connector = connect(sole_writer=True)
    born = replace(dossier, origin=Origin.ONLINE_NATIONAL)
    ours = make(DossierStatus.RECEIVED, "20241014093000")
    done = await connector.enquire(delivery("state", ours))
    assert done.found is Found.DONE and done.receipt is not None
    said = {"TrangThaiHoSo": "2", "NgayNopHoSo": "20241014081500"}
    said |= {"NgayTiepNhan": "20241014093000", "NgayHenTra": "20241021093000"}
    assert done.receipt.memory == {"created": "1", "state": "2", "said": json.dumps(said, separators=(",", ":"))}
    for doubtful in (
        delivery("state", ours, sequence=3),
        delivery("state", ours, memory={"created": "1"}),
        delivery("state", make(DossierStatus.RECEIVED, "20241014093000", dossier=born)),
    ):
        assert (await connector.enquire(doubtful)).found is Found.CANNOT_TELL


async def test_the_adapter_is_told_where_to_forward(portal: Any, connect: Connect, received: Build) -> None:
    """`dstcode` in the header, `providerurl` in the query, each encoded once (facts 1.2)."""
    carrier = {
        "kind": "xroad_adapter",
        "dstcode": "VN:GOV:000.00.00.G22:vpcpdvcprovider",
        "prefix": "/VXPAdapter/RestService/forward",
        "placement": "both",
    }
    portal.script["login"] = [(200, b'{"error_code": 0, "session": "s"}')]
    await connect(carrier=carrier).deliver(received())
    call = portal.named(SYNC)[0]
    assert call["_path"] == "/VXPAdapter/RestService/forward/mapi/g?dstcode=VN%3AGOV%3A000.00.00.G22%3Avpcpdvcprovider"
    assert call["_headers"]["dstcode"] == "VN:GOV:000.00.00.G22:vpcpdvcprovider"
    assert call["_headers"]["Charset"] == "utf-8"


async def test_the_probe_signs_in_or_looks_and_changes_nothing(portal: Any, connect: Connect, answer: Answer) -> None:
    """A log-in without session, a look-up with one; a refused log-in is not ready."""
    portal.script["login"] = [answer(-1, "Sai mật khẩu")]
    connector = connect()
    assert not (await connector.check()).ready
    assert (await connector.check()).ready
    assert (await connector.check()).ready
    assert portal.services == ["login", "login", LOOKUP]
