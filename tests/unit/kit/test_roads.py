"""The road through an LGSP: its token is fetched once for all, renewed once, never shown; what failed there was not sent."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import web

from connectors.kit.carriers import Carrier, Lgsp
from connectors.kit.contract import Budget, Kit
from connectors.kit.errors import ContractChanged, CredentialsRefused, DeliveryError, NotSent
from connectors.kit.faults import FaultKind, FaultPlan, ScriptedFault
from connectors.kit.ground import LoneCoordination
from connectors.kit.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest
from connectors.kit.roads import LgspRoad, Road, road
from connectors.kit.secrets import read_setting
from connectors.kit.simulated_lgsp import LgspOptions, SimulatedLgsp, mount_lgsp
from connectors.kit.simulation import Call, Door, json_answer, mount_control, opened

SECRET = "khoa-rat-bi-mat"
REQUEST = HttpRequest("POST", "/mapi/g", {"Accept": "application/json"}, b'{"x": 1}', service="TraCuuHoSo")


class Remembering(LoneCoordination):
    """Coordination that tells for how long things were kept, and whose memory can be wiped."""

    def __init__(self) -> None:
        super().__init__()
        self.ttls: list[float] = []

    async def remember(self, key: str, value: str, ttl: timedelta) -> None:
        self.ttls.append(ttl.total_seconds())
        await super().remember(key, value, ttl)


@dataclass
class Clock:
    """Seconds since the epoch at the LGSP."""

    at: float = 1_795_219_200.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Stage:
    """An LGSP in front of one service, and roads to it."""

    lgsp: SimulatedLgsp
    door: Door
    clock: Clock
    kit: Kit
    coordination: Remembering
    roads: list[Road] = field(default_factory=list)

    def build(self, **changes: Any) -> LgspRoad:
        """A road with changed settings."""
        base = f"http://127.0.0.1:{self.door.port}"
        tree = {
            "kind": "lgsp",
            "token_url": f"{base}/token",
            "client_id": "env:ID",
            "client_secret": "env:SECRET",
            **changes,
        }
        carrier: Carrier = msgspec.convert(tree, Carrier, dec_hook=read_setting)
        options = HttpOptions(allow_plain=("127.0.0.1",))
        made = road(carrier, HttpClient(base_url=base, kit=self.kit, options=options), self.kit, options)
        assert isinstance(made, LgspRoad)
        self.roads.append(made)
        return made

    async def call(self, way: LgspRoad, timeout_s: float = 5.0) -> HttpAnswer:
        """One call."""
        return await way.call(REQUEST, Budget(time.monotonic() + 60, timeout_s))

    def fault(self, kind: FaultKind, match: str, times: int = 1, seconds: float = 0.0) -> None:
        """The next calls of `match` meet a fault."""
        script = ScriptedFault(fault=kind, match=match, times=times, seconds=seconds)
        self.lgsp.simulation.plan = FaultPlan(script=(script,))

    @property
    def asked(self) -> list[str]:
        """What was asked of the LGSP, in order."""
        return [call.operation for call in self.lgsp.simulation.log.calls]


OpenStage = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def stage() -> OpenStage:
    """`async with stage(option=…) as here`: an LGSP with these options, knowing the client `khach` with the secret."""

    @asynccontextmanager
    async def opening(**options: Any) -> AsyncIterator[Stage]:
        app, clock, numbers = web.Application(), Clock(), itertools.count(1)
        simulation = mount_control(app)

        async def serve(request: web.Request, service: str) -> web.StreamResponse:
            async def work(_fault: object) -> web.Response:
                return json_answer({"error_code": 0, "message": "", "result": [{"service": service}]})

            return await simulation.play(Call(request, service), work)

        chosen = LgspOptions(**{"client_id": "khach", "client_secret": SECRET, **options})
        lgsp = SimulatedLgsp(chosen, simulation, clock, lambda: f"the-{next(numbers)}", serve)
        mount_lgsp(app, lgsp)
        coordination = Remembering()
        secrets = {"env:ID": "khach", "env:SECRET": SECRET, "env:WRONG": "sai"}
        kit = Kit("portal", lambda: datetime.now(UTC), time.monotonic, coordination, secrets.__getitem__)
        async with opened(app) as door:
            here = Stage(lgsp, door, clock, kit, coordination)
            yield here
            for way in here.roads:
                await way.close()

    return opening


@pytest.mark.parametrize("credentials", ["basic", "form"])
async def test_the_token_is_got_as_configured_and_the_service_has_its_own_path(
    stage: OpenStage, credentials: str
) -> None:
    """Basic header or form fields (facts 1.5); the answer comes back inside a string and is opened (1.6)."""
    async with stage(credentials=credentials) as here:
        way = here.build(credentials=credentials)
        answer = await here.call(way)
        assert set(json.loads(answer.body)) == {"message"}
        assert json.loads(way.opened(answer.body))["result"] == [{"service": "TraCuuHoSo"}]
        assert here.asked == ["token", "TraCuuHoSo"]
        other = here.build(credentials="form" if credentials == "basic" else "basic")
        await here.coordination.forget("portal.lgsp_token")
        with pytest.raises(CredentialsRefused):
            await here.call(other)


async def test_many_at_once_ask_for_one_token(stage: OpenStage) -> None:
    """Single flight: whoever waits gets the token that the first one fetched."""
    async with stage() as here:
        way = here.build()
        answers = await asyncio.gather(*(here.call(way) for _ in range(12)))
        assert {answer.status for answer in answers} == {200}
        assert here.asked.count("token") == 1


async def test_a_failure_is_shared_by_those_who_waited_for_it(stage: OpenStage) -> None:
    """Twelve calls with a wrong secret are one try: asking again and again locks accounts."""
    async with stage() as here:
        way = here.build(client_secret="env:WRONG")
        here.fault(FaultKind.SLOW, "token", seconds=0.1)
        ends = await asyncio.gather(*(here.call(way) for _ in range(12)), return_exceptions=True)
        assert {type(end) for end in ends} == {CredentialsRefused}
        assert here.asked == ["token"]


@pytest.mark.parametrize(("life", "margin", "kept"), [(3_600, 60, 3_540.0), (3_600, 0, 3_600.0), (30, 60, 1.0)])
async def test_a_token_is_kept_until_shortly_before_its_end(
    stage: OpenStage, life: int, margin: int, kept: float
) -> None:
    """`expires_in` less the margin, and never nothing."""
    async with stage(token_ttl_s=float(life)) as here:
        await here.call(here.build(margin_s=margin))
        assert here.coordination.ttls == [kept]


async def test_a_token_that_the_lgsp_ended_early_is_renewed_once_for_all(stage: OpenStage) -> None:
    """HTTP 401 to a kept token: one new token, one repeat, whoever else met the same 401 uses the same new one."""
    async with stage() as here:
        way = here.build()
        await here.call(way)
        here.clock.at += 4_000
        answers = await asyncio.gather(*(here.call(way) for _ in range(6)))
        assert {answer.status for answer in answers} == {200}
        assert here.asked.count("token") == 2


async def test_a_fresh_token_that_is_refused_is_not_asked_for_again(stage: OpenStage) -> None:
    """401 to a token made just now means us, not its age: the answer stands, and there is no loop."""
    async with stage(token_ttl_s=0.0) as here:
        assert (await here.call(here.build())).status == 401
        assert here.asked == ["token", "lgsp_turned_away"]


@pytest.mark.parametrize(
    "kind", [FaultKind.HTTP_502, FaultKind.DROP_AFTER_COMMIT, FaultKind.DROP_BEFORE_COMMIT, FaultKind.GARBAGE]
)
async def test_whatever_fails_at_the_token_was_not_sent(stage: OpenStage, kind: FaultKind) -> None:
    """A dead token endpoint is no doubt about the delivery: the service never heard of it."""
    async with stage() as here:
        here.fault(kind, "token")
        with pytest.raises(NotSent):
            await here.call(here.build())
        assert "TraCuuHoSo" not in here.asked


async def test_a_slow_token_endpoint_ends_within_the_attempt(stage: OpenStage) -> None:
    """The time of the token counts with that of the call."""
    async with stage() as here:
        here.fault(FaultKind.SLOW, "token", seconds=60.0)
        began = time.monotonic()
        with pytest.raises(NotSent):
            await here.call(here.build(), timeout_s=0.2)
        assert time.monotonic() - began < 20


async def test_an_unreachable_token_endpoint_and_a_wrong_address_are_told_apart(stage: OpenStage) -> None:
    """Nobody there: later may be better. Another answer than a token endpoint's: a person must look."""
    async with stage() as here:
        wrong = here.build(token_url=f"http://127.0.0.1:{here.door.port}/nowhere")
        with pytest.raises(ContractChanged, match="token_url"):
            await here.call(wrong)
        way = here.build()
        await here.door.shut()
        with pytest.raises(NotSent):
            await here.call(way)


@pytest.mark.parametrize("credentials", ["basic", "form"])
async def test_neither_secret_nor_token_becomes_evidence_or_text(stage: OpenStage, credentials: str) -> None:
    """Not in the exchange of a failed token call, not in the words, not in the repr."""
    async with stage() as here:
        here.fault(FaultKind.GARBAGE, "token")
        way = here.build(credentials=credentials)
        with pytest.raises(DeliveryError) as caught:
            await here.call(way)
        said = f"{caught.value!r} {caught.value.exchange!r} {way!r}"
        assert SECRET not in said and "the-1" not in said
        here.lgsp.options = msgspec.structs.replace(here.lgsp.options, client_secret="khac")
        with pytest.raises(CredentialsRefused) as refused:
            await here.call(way)
        assert SECRET not in f"{refused.value!r} {refused.value.exchange!r}"


@pytest.mark.parametrize(
    ("body", "inner"),
    [
        (b'{"message": "{\\"error_code\\": 0}"}', b'{"error_code": 0}'),
        (b'{"error_code": 0, "message": "x"}', b'{"error_code": 0, "message": "x"}'),
        (b'"{\\"error_code\\": 0}"', b'{"error_code": 0}'),
        ('{"message": "Cập nhật thành công"}'.encode(), "Cập nhật thành công".encode()),
        (b'{"message": {"a": 1}}', b'{"message": {"a": 1}}'),
        (b'{"fault": {"code": 900901}}', b'{"fault": {"code": 900901}}'),
        (b"<html>", b"<html>"),
        (b"\xff", b"\xff"),
        (b"[1]", b"[1]"),
    ],
)
async def test_answers_are_opened_where_they_are_wrapped_and_left_alone_where_not(
    stage: OpenStage, body: bytes, inner: bytes
) -> None:
    """Tolerant of both (facts 1.6)."""
    async with stage() as here:
        assert here.build().opened(body) == inner


def _carrier(**changes: object) -> Lgsp:
    return Lgsp(**{"token_url": "https://x", "client_id": "a", "client_secret": "b", **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong", [{"resource": "KetNoi"}, {"resource": "/x/{dich_vu}"}, {"margin_s": -1}, {"default_ttl_s": 0}]
)
def test_a_road_that_leads_nowhere_is_refused_at_start(wrong: dict[str, object]) -> None:
    """By its setting."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        _carrier(**wrong)


def test_a_service_may_have_any_path_of_the_lgsps() -> None:
    """The template is configuration (facts 1.1, row 3)."""
    assert _carrier().carry(REQUEST).path == "/KetNoiMotCuaQuocGia/TraCuuHoSo"
    assert _carrier(resource="/dvcqg/1.0/{service}/goi").carry(REQUEST).path == "/dvcqg/1.0/TraCuuHoSo/goi"
    assert _carrier(resource="/dvcqg").carry(REQUEST).path == "/dvcqg"
