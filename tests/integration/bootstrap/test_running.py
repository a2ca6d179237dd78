"""The house as the composition root builds it: settings that cannot work, secrets that vanish, what `/metrics` tells."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from connectors.kit.errors import CredentialsRefused
from connectors.kit.loopback_tls import self_signed
from connectors.kit.secrets import SecretRef
from gateway import bootstrap
from gateway.bootstrap import gauges, lines
from gateway.bootstrap.enrolment import open_register
from gateway.cli.installation import Ports, lay_out
from gateway.clock import Clock, utc_now
from gateway.config import Loaded, load
from gateway.errors import ConfigError
from gateway.intake.decide import EventSubject, event_intake
from gateway.intake.entitlement import Proof
from gateway.intake.register import Register
from gateway.journal.model import Counts, DeliveryState
from gateway.observe import crash
from gateway.observe.metrics import Metrics
from mappings.canonical import Actor, StatusEvent, Step
from mappings.codec import encode
from mappings.codes import DossierStatus

Loads = Callable[..., Loaded]
CODE = "000.00.00.G16-261120-0042"


@pytest.fixture
def loads(tmp_path: Path) -> Loads:
    """Lays an installation out and loads its settings; a free port, some keys changed."""
    lay_out(tmp_path / "house", Ports(), ("SEC-DEMO",))

    def made(**changes: str) -> Loaded:
        return load(tmp_path / "house" / "gateway.toml", {"GATEWAY__LISTEN__INTERNAL__PORT": "0", **changes})

    return made


async def _metrics(running: bootstrap.Running) -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{running.host}:{running.port}/metrics") as answer,
    ):
        return await answer.text()


async def _park(loaded: Loaded) -> None:
    """Leave an event behind that waits for its dossier."""
    register = Register.load(loaded)
    journal = bootstrap.open_journal(loaded, register, Clock(), crash.never)
    await open_register(journal, register)
    event = StatusEvent(
        event_id="ev-1",
        system_code="SEC-DEMO",
        dossier_code=CODE,
        sequence=1,
        occurred_at=utc_now() - timedelta(minutes=1),
        state=DossierStatus.PROCESSING,
        step=Step(Actor("Cán bộ thử nghiệm"), "Xử lý hồ sơ"),
    )
    raw = encode(event)
    subject = EventSubject(event, raw, ("default@1",), fresh=True, proof=Proof("SEC-DEMO-1"))
    accepted = await journal.accept(event_intake("SEC-DEMO", raw, hashlib.sha256(raw).digest(), subject))
    assert accepted.stored
    await journal.close()


async def test_a_gap_that_stands_too_long_is_an_alarm(loads: Loads) -> None:
    """`intake.gap_alarm_s` rules: the alarm is counted by its code, and the age of the gap is a figure."""
    loaded = loads(GATEWAY__INTAKE__UNKNOWN_DOSSIER='"park"', GATEWAY__INTAKE__GAP_ALARM_S="0")
    await _park(loaded)
    async with bootstrap.running(loaded) as running, asyncio.timeout(60):
        while 'gateway_alarms_total{code="event.gap",upstream=""} 1.0' not in (text := await _metrics(running)):
            await asyncio.sleep(0.01)
        assert "gateway_parked_events 1.0" in text
        age = next(line for line in text.splitlines() if line.startswith("gateway_oldest_gap_seconds "))
        assert float(age.split()[1]) > 0


async def test_a_secret_that_is_missing_at_the_start_is_a_named_fault(loads: Loads) -> None:
    """The operator learns which upstream and which reference, not a stack; other faults are told beside it."""
    loaded = loads(GATEWAY__UPSTREAMS__NATIONAL_DVC__SETTINGS__UNHEARD_OF="1")
    (loaded.base / "keys" / "webhook.pem").unlink()
    with pytest.raises(ConfigError) as refused:
        async with bootstrap.running(loaded):
            pass
    told = "\n".join(refused.value.faults)
    assert "upstreams.resolution.settings: file:keys/webhook.pem" in told
    assert "upstreams.national_dvc.settings." in told


async def test_superseding_is_switched_on_by_upstream_and_only_where_a_connector_declares_it(loads: Loads) -> None:
    """The portal's full record is cumulative when it is switched on; its rows never are; a connector without one is a fault."""

    def cumulative(loaded: Loaded) -> dict[str, bool]:
        (portal,) = [
            route for route in lines.read_routes(loaded).first("resolution") if route.upstream == "national_dvc"
        ]
        return {operation.name: operation.cumulative for operation in portal.operations}

    assert cumulative(loads()) == {"state": False, "progress": False}
    assert cumulative(loads(GATEWAY__UPSTREAMS__NATIONAL_DVC__SUPERSEDE="true")) == {"state": True, "progress": False}
    with pytest.raises(ConfigError, match=r"upstreams\.resolution\.supersede: "):
        async with bootstrap.running(loads(GATEWAY__UPSTREAMS__RESOLUTION__SUPERSEDE="true")):
            pass


def test_a_secret_that_vanishes_later_is_trouble_of_its_connection(tmp_path: Path) -> None:
    """A file that is being replaced pauses an upstream; a fault of the configuration would be an unknown outcome."""
    (tmp_path / "password").write_text("made-up\n")
    secrets = lines.Secrets(tmp_path)
    with pytest.raises(ConfigError):
        secrets(SecretRef("file:nothing"))
    secrets.started = True
    assert secrets(SecretRef("file:password")) == "made-up"
    (tmp_path / "password").unlink()
    with pytest.raises(CredentialsRefused, match="password"):
        secrets(SecretRef("file:password"))


async def test_a_trust_anchor_is_looked_for_beside_the_configuration(
    loads: Loads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ca_file` is relative to the configuration like every other path, wherever the gateway was started from."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    self_signed(elsewhere, utc_now())
    loaded = loads(
        GATEWAY__UPSTREAMS__RESOLUTION__SETTINGS__URL='"https://127.0.0.1:9/hook"',
        GATEWAY__UPSTREAMS__RESOLUTION__SETTINGS__CA_FILE='"keys/ca.pem"',
    )
    with pytest.raises(ConfigError, match="ca_file"):
        async with bootstrap.running(loaded):
            pass
    shutil.copy(elsewhere / "certificate.pem", loaded.base / "keys" / "ca.pem")
    async with bootstrap.running(loaded):
        pass


async def test_a_state_that_nothing_is_in_any_more_is_not_told_any_longer(loads: Loads) -> None:
    """A gauge that keeps the last number of a drained queue would never let an alarm end."""

    class Journal:
        counted = Counts({("A", DeliveryState.READY): 5}, {"A": 1}, {}, 0)

        async def counts(self) -> Counts:
            return self.counted

        async def records(self, _kind: str) -> tuple[()]:
            return ()

    journal, metrics = Journal(), Metrics()
    assert b'gateway_messages{state="READY",upstream="A"} 5.0' in await gauges.render(metrics, journal, Clock())  # type: ignore[arg-type]  # only its counts are asked for
    journal.counted = Counts({}, {}, {}, 0)
    told = await gauges.render(metrics, journal, Clock())  # type: ignore[arg-type]  # only its counts are asked for
    assert b" 5.0" not in told and b'gateway_blocked_lanes{upstream="A"} 1.0' not in told
