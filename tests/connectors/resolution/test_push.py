"""Pushes to the resolution system: signed as Standard Webhooks says, the same bytes on every attempt, read strictly."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import jsonschema_rs
import pytest
from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors.kit import registry
from connectors.kit.contract import Budget, Deliverer, Delivery, Enquirer, Found, Kit
from connectors.kit.errors import AnswerUnreadable, Busy, ContractChanged, CredentialsRefused, Rejected, SettingsError
from connectors.kit.ground import LoneCoordination, kit_of
from connectors.resolution.conformance import case
from connectors.resolution.profiles.push_v1.mapping import map_push
from mappings.canonical import Carried

NOW = datetime(2026, 11, 21, 3, 4, 5, tzinfo=UTC)
SHARED = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@dataclass(slots=True)
class Receiver:
    """Takes pushes, and answers by the replies left in `script`, else 200 with a reference."""

    key: Ed25519PrivateKey
    script: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=list)
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        """Any push."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.taken.append((headers, await request.read()))
        if self.script:
            status, body, extra = self.script.pop(0)
            return web.Response(status=status, body=body, headers=extra)
        return web.json_response({"reference": "RES-0000001", "status": "accepted"})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on a free port of loopback."""
    held = Receiver(Ed25519PrivateKey.generate())
    app = web.Application()
    app.router.add_post("/hooks/gateway", held.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    held.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/gateway"
    try:
        yield held
    finally:
        await runner.cleanup()


@pytest.fixture
async def connect(receiver: Receiver) -> AsyncIterator[Callable[..., Any]]:
    """Builds connectors in front of the receiver, on a turned clock; closed at the end."""
    pem = receiver.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    secrets = {"env:ed": pem, "env:shared": SHARED}
    opened: list[Any] = []

    def build(now: datetime = NOW, **more: Any) -> Any:
        tree = {"url": receiver.url, "signing_key": "env:ed", "allow_plain": ["127.0.0.1"], **more}
        kit = Kit("resolution", lambda: now, time.monotonic, LoneCoordination(), secrets.__getitem__)
        opened.append(registry.create("resolution", tree, kit))
        return opened[-1]

    yield build
    for connector in opened:
        await connector.close()


@pytest.fixture
def carried() -> Carried:
    """An event of a sector system with a reason and a result."""
    return case("http://127.0.0.1:9").sample("event", 42, 6).carried


@pytest.fixture
def delivery(carried: Carried) -> Delivery:
    """That event on its way."""
    return Delivery(
        delivery_id="019a0f5e-7b1c-7c40-9a51-2f1d6c0a2222",
        upstream="resolution",
        operation="event",
        dossier_code=carried.dossier.dossier_code,
        sequence=1,
        attempt=1,
        carried=carried,
        accepted_at=NOW,
        budget=Budget(time.monotonic() + 30, 5.0),
    )


async def test_a_push_is_signed_over_id_time_and_body(
    receiver: Receiver, connect: Callable[..., Any], delivery: Delivery
) -> None:
    """`v1a` with Ed25519; one changed byte and the signature no longer holds."""
    receipt = await connect().deliver(delivery)
    headers, body = receiver.taken[0]
    assert headers["webhook-id"] == delivery.delivery_id
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    version, _, text = headers["webhook-signature"].partition(",")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    assert version == "v1a"
    receiver.key.public_key().verify(base64.b64decode(text), signed)
    with pytest.raises(InvalidSignature):
        receiver.key.public_key().verify(base64.b64decode(text), signed + b" ")
    assert (receipt.reference, receipt.duplicate) == ("RES-0000001", False)


async def test_a_shared_secret_signs_with_hmac(
    receiver: Receiver, connect: Callable[..., Any], delivery: Delivery
) -> None:
    """`v1` with HMAC-SHA256, for receivers that know no other form."""
    await connect(signature="hmac_sha256", signing_key="env:shared").deliver(delivery)
    headers, body = receiver.taken[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(bytes(range(32)), signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


async def test_a_repeat_has_the_same_id_and_bytes_and_a_new_time(
    receiver: Receiver, connect: Callable[..., Any], delivery: Delivery
) -> None:
    """The receiver tells a repeat by its id, compares its content, and refuses an old timestamp."""
    await connect().deliver(delivery)
    await connect(now=NOW.replace(hour=9)).deliver(replace(delivery, attempt=2))
    (first, body), (second, again) = receiver.taken
    assert first["webhook-id"] == second["webhook-id"]
    assert body == again
    assert first["webhook-timestamp"] != second["webhook-timestamp"]


async def test_the_pushed_event_could_be_posted_to_the_gateway(
    receiver: Receiver, connect: Callable[..., Any], delivery: Delivery
) -> None:
    """One schema for both directions: the receiver may answer with what it got."""
    await connect().deliver(delivery)
    push = json.loads(receiver.taken[0][1])
    assert push["type"] == "dossier.status_changed"
    assert push["timestamp"] == push["data"]["occurred_at"]
    assert push["data"].pop("state_applies") is True
    schema = json.loads((files("gateway") / "intake" / "schemas" / "event.json").read_text(encoding="utf-8"))
    assert [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(push["data"])] == []


def test_late_history_says_that_its_state_does_not_apply(carried: Carried) -> None:
    """The dossier must not move by it (dossier-model facts 4.3)."""
    assert map_push(replace(carried, state_applies=False)).data["state_applies"] is False


@pytest.mark.parametrize(
    "told",
    [
        (200, b'{"status": "repeat", "reference": "RES-7"}', True, "RES-7"),
        (409, b"", True, ""),
        (409, b'{"reference": "RES-7"}', True, "RES-7"),
        (204, b"", False, ""),
        (202, b'{"more": [1]}', False, ""),
    ],
)
async def test_an_acknowledgement_is_a_receipt(
    receiver: Receiver, connect: Callable[..., Any], delivery: Delivery, told: tuple[int, bytes, bool, str]
) -> None:
    """Known already is as good as taken now; without a reference of its own the delivery's id is one."""
    receiver.script = [(told[0], told[1], {})]
    receipt = await connect().deliver(delivery)
    assert receipt.duplicate is told[2]
    assert receipt.reference == (told[3] or delivery.delivery_id)


@pytest.mark.parametrize(
    "told",
    [
        (200, b"<html>ok</html>", AnswerUnreadable),
        (409, b'{"status": "conflict"}', Rejected),
        (422, b"", Rejected),
        (401, b"", CredentialsRefused),
        (404, b"", ContractChanged),
        (410, b"", ContractChanged),
        (302, b"", ContractChanged),
    ],
)
async def test_a_refusal_says_what_may_be_concluded(
    receiver: Receiver, connect: Callable[..., Any], delivery: Delivery, told: tuple[int, bytes, type[Exception]]
) -> None:
    """Unreadable is doubtful, a conflict is for a person, a closed door pauses the connection."""
    receiver.script = [(told[0], told[1], {"Location": "/elsewhere"} if told[0] == 302 else {})]
    with pytest.raises(told[2]):
        await connect().deliver(delivery)
    assert len(receiver.taken) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_busy_says_that_nothing_was_done(
    receiver: Receiver, connect: Callable[..., Any], delivery: Delivery, status: int
) -> None:
    """By our own contract also 503; Retry-After is handed on."""
    receiver.script = [(status, b"", {"Retry-After": "17"})]
    with pytest.raises(Busy) as caught:
        await connect().deliver(delivery)
    assert caught.value.retry_after_s == 17.0


async def test_after_an_unknown_outcome_the_push_may_be_repeated(
    receiver: Receiver, connect: Callable[..., Any], delivery: Delivery
) -> None:
    """Nothing can be asked and nothing needs to be; no call is made."""
    connector = connect()
    assert isinstance(connector, Deliverer) and isinstance(connector, Enquirer)
    enquiry = await connector.enquire(delivery)
    assert (enquiry.found, enquiry.repeat_allowed) == (Found.CANNOT_TELL, True)
    assert receiver.taken == []


def _pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"signing_key": "env:curve"}, "signing_key"),
        ({"signing_key": "env:noise"}, "signing_key"),
        ({"signing_key": "env:short", "signature": "hmac_sha256"}, "signing_key"),
        ({"signing_key": "env:noise", "signature": "hmac_sha256"}, "signing_key"),
        ({"url": "http://resolution.example/hooks"}, "url"),
        ({"url": "https://user:pw@resolution.example/hooks"}, "url"),
        ({"url": "hooks"}, "url"),
        ({"urls": "x"}, "urls"),
    ],
)
def test_a_wrong_set_up_is_named_at_start_without_its_secret(settings: dict[str, Any], named: str) -> None:
    """Before the first event; the key itself is never repeated."""
    secrets = {
        "env:good": _pem(Ed25519PrivateKey.generate()),
        "env:curve": _pem(generate_private_key(SECP256R1())),
        "env:noise": "không phải khóa",
        "env:short": "whsec_" + base64.b64encode(b"ngan").decode(),
    }
    tree = {"url": "https://resolution.example/hooks", "signing_key": "env:good", **settings}
    with pytest.raises(SettingsError) as caught:
        registry.create("resolution", tree, kit_of("resolution", secrets))
    assert named in str(caught.value)
    assert "không phải khóa" not in str(caught.value)
    assert "pw" not in str(caught.value)
