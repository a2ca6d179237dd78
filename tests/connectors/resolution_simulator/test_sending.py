"""What the simulated resolution system sends: in order per dossier, the same bytes until acknowledged, well signed."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import aiohttp
import http_message_signatures as oracle
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.resolution.simulator_signing import MessageSigner, PrivateKey, UnfitKey, private_key
from connectors.resolution.simulator_store import uuid7

CODE = "000.00.00.G16-261120-0042"


class Message(NamedTuple):
    """A request as the oracle wants it."""

    method: str
    url: str
    headers: dict[str, str]


def verified(message: Message, public_keys: Any, algorithm: Any, body: bytes) -> Any:
    """What the message-signature library makes of it."""
    resolver = oracle.MappingKeyResolver(public_keys=public_keys, private_keys={})
    verifier = oracle.HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=resolver)
    return verifier.verify(message, body=body)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (Ed25519PrivateKey.generate(), oracle.algorithms.ED25519),
        (ec.generate_private_key(ec.SECP256R1()), oracle.algorithms.ECDSA_P256_SHA256),
        (rsa.generate_private_key(65537, 2048), oracle.algorithms.RSA_PSS_SHA512),
    ],
)
def test_the_library_accepts_what_is_signed_by_hand(key: PrivateKey, algorithm: Any) -> None:
    """All three algorithms, the four covered parts and the digest of the body (RFC 9421, RFC 9530)."""
    body = '{"tên":"Nguyễn"}'.encode()
    headers = MessageSigner(key, "RES").headers("POST", "/v1/events", body, int(time.time()))
    message = Message("POST", "http://127.0.0.1:8080/v1/events", headers)
    result = verified(message, {"RES": key.public_key()}, algorithm, body)[0]
    assert list(result.covered_components) == [
        '"@method"',
        '"@path"',
        '"content-digest"',
        '"content-type"',
        '"@signature-params"',
    ]
    assert result.parameters["alg"] == algorithm.algorithm_id
    assert result.body == body


@pytest.mark.parametrize("spoiled", ["method", "path", "body", "content-type"])
def test_the_library_refuses_what_was_changed_after_signing(spoiled: str) -> None:
    """Each covered part is really covered."""
    key, body = Ed25519PrivateKey.generate(), b"{}"
    headers = MessageSigner(key, "RES").headers("POST", "/v1/events", body, int(time.time()))
    if spoiled == "content-type":
        headers["Content-Type"] = "text/plain"
    path = "/v1/other" if spoiled == "path" else "/v1/events"
    message = Message("PUT" if spoiled == "method" else "POST", f"http://127.0.0.1{path}", headers)
    with pytest.raises(oracle.InvalidSignature):
        verified(message, {"RES": key.public_key()}, oracle.algorithms.ED25519, b"[]" if spoiled == "body" else body)


def test_a_key_that_cannot_sign_here_is_refused(tmp_path: Path) -> None:
    """P-384 has no registered use in this line; the file is named, its content is not."""
    file = tmp_path / "p384.pem"
    file.write_bytes(
        ec.generate_private_key(ec.SECP384R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(UnfitKey, match="P-256"):
        private_key(str(file))


def test_own_ids_are_uuids_of_version_7_ordered_by_time() -> None:
    """RFC 9562, 5.7."""
    ids = [UUID(uuid7(1_795_219_200.0 + number / 1000)) for number in range(50)]
    assert {(entry.version, entry.variant) for entry in ids} == {(7, "specified in RFC 4122")}
    assert ids == sorted(ids)


async def test_a_push_is_answered_by_an_own_signed_event(open_system: Any, sector_event: Any) -> None:
    """Own system, own sequence and id, `caused_by`, and the same step (architecture 1)."""
    pushed = sector_event(
        state="resolved", outcome="granted", results=[{"id": "GP-1"}], reason={"code": "r", "text_vi": "Lý do"}
    )
    async with open_system() as system:
        await system.push(pushed, "msg-1")
        await system.settled("events", 1)
        seen = system.gateway.seen[0]
        result = verified(
            Message(seen.method, seen.url, seen.headers),
            {"RES-VHTTDL": system.keys.resolution.public_key()},
            oracle.algorithms.ED25519,
            seen.body,
        )[0]
    own = seen.json
    assert (seen.method, seen.path) == ("POST", "/v1/events")
    assert result.parameters["keyid"] == "RES-VHTTDL"
    assert seen.headers["Idempotency-Key"] == own["event_id"] != pushed["event_id"]
    assert (own["system_code"], own["sequence"]) == ("RES-VHTTDL", 1)
    assert "previous_sequence" not in own
    assert own["caused_by"] == {"system": "SEC-DEMO", "event_id": pushed["event_id"]}
    for name in ("state", "outcome", "step", "reason", "results", "occurred_at", "dossier_code"):
        assert own[name] == pushed[name]


async def test_own_sequences_grow_per_dossier_over_all_sources(open_system: Any, sector_event: Any) -> None:
    """Answers and events of its own share one sequence per dossier, each naming the one before."""
    async with open_system() as system:
        await system.push(sector_event(7), "msg-1")
        sent = await system.control(
            "POST", "events", [sector_event(99, system_code="X"), sector_event(code="G16-261120-0001")]
        )
        await system.push(sector_event(8), "msg-2")
        await system.settled("events", 4)
        events = [event for event in system.gateway.events() if event["dossier_code"] == CODE]
    assert [event["sequence"] for event in events] == [1, 2, 3]
    assert [event.get("previous_sequence") for event in events] == [None, 1, 2]
    assert {event["system_code"] for event in events} == {"RES-VHTTDL"}
    assert [event["sequence"] for event in sent["events"]] == [2, 1]
    assert "caused_by" not in events[1]


async def test_push_back_can_be_switched_off(open_system: Any, sector_event: Any) -> None:
    """Without it a push is only stored; its own events it never answers at all."""
    async with open_system(push_back=False) as system:
        await system.push(sector_event(), "msg-1")
        assert (await system.control("GET", "counts"))["events"]["total"] == 0
    async with open_system() as system:
        await system.push(sector_event(system_code="RES-VHTTDL"), "msg-1")
        assert (await system.control("GET", "counts"))["events"]["total"] == 0


async def test_history_that_came_late_is_stored_and_not_answered(open_system: Any, sector_event: Any) -> None:
    """A push with `state_applies` false must not move the dossier, so no own event follows (dossier-model 4.3)."""
    async with open_system() as system:
        await system.push({"data": sector_event(state_applies=False)}, "msg-1")
        shown = await system.control("GET", "dossiers")
    assert shown["counts"]["events"]["total"] == 0
    assert shown["dossiers"][0]["pushes"][0]["state_applies"] is False


async def test_registrations_are_put_before_the_events_of_their_dossier(open_system: Any, sector_event: Any) -> None:
    """PUT to the dossier's own path, signed; its progress is told; a later event waits for it."""
    async with open_system() as system:
        system.gateway.script = [(503, {"Retry-After": "0"}), (201, {})]
        queued = await system.control("POST", "register", [{"dossier_code": CODE, "version": 3}])
        await system.push(sector_event(), "msg-1")
        await system.settled("events", 1)
        told = await system.control("GET", "registrations")
    assert queued == {"queued": 1}
    assert [(seen.method, seen.path) for seen in system.gateway.seen] == [
        ("PUT", f"/v1/dossiers/{CODE}"),
        ("PUT", f"/v1/dossiers/{CODE}"),
        ("POST", "/v1/events"),
    ]
    assert (told["total"], told["acknowledged"], told["waiting"]) == (1, 1, 0)
    row = told["registrations"][0]
    assert (row["dossier_code"], row["version"], row["attempts"], row["http_status"]) == (CODE, 3, 2, 201)


async def test_the_same_bytes_go_out_until_they_are_acknowledged(open_system: Any, sector_event: Any) -> None:
    """5xx, 429 and 408 are tried again with the same body and key; the order within the dossier holds."""
    async with open_system() as system:
        system.gateway.script = [(500, {}), (429, {"Retry-After": "0"}), (408, {}), (202, {})]
        await system.control("POST", "events", [sector_event(1), sector_event(2)])
        await system.settled("events", 2)
    bodies = [seen.body for seen in system.gateway.seen]
    assert bodies[0] == bodies[1] == bodies[2] == bodies[3] != bodies[4]
    assert [event["sequence"] for event in system.gateway.events()] == [1, 1, 1, 1, 2]


@pytest.mark.parametrize("status", [400, 401, 404, 409, 413, 422])
async def test_a_final_refusal_is_recorded_and_the_next_event_goes_on(
    open_system: Any, sector_event: Any, status: int
) -> None:
    """A final 4xx ends a message; the dossier shows the gateway's answer."""
    async with open_system() as system:
        system.gateway.script = [(status, {})]
        await system.control("POST", "events", [sector_event(1), sector_event(2)])
        counts = await system.settled("events", 2)
        sent = (await system.control("GET", f"dossiers?code={CODE}"))["dossiers"][0]["sent"]
    assert (counts["events"]["refused"], counts["events"]["acknowledged"]) == (1, 1)
    assert [(entry["http_status"], entry["outcome"]) for entry in sent] == [(status, "refused"), (202, "acknowledged")]
    assert sent[1]["answer"] == '{"status":"accepted"}'


async def test_one_stuck_dossier_does_not_hold_up_the_others(open_system: Any, sector_event: Any) -> None:
    """With one request at a time a dossier that waits for its next try gives way."""
    async with open_system(concurrency=1, retry_base_s=0.3, retry_cap_s=0.3) as system:
        system.gateway.script = [(503, {})]
        await system.control("POST", "events", [sector_event(), sector_event(code="G16-261120-0001")])
        await system.settled("events", 2)
    assert [event["dossier_code"] for event in system.gateway.events()] == [CODE, "G16-261120-0001", CODE]


async def test_no_more_requests_are_under_way_than_allowed(
    open_system: Any, new_gateway: Any, sector_event: Any
) -> None:
    """The bound on concurrency holds over dossiers, and it is used."""
    gateway = new_gateway(hold_s=0.25)
    async with open_system(gateway=gateway, concurrency=3) as system:
        await system.control("POST", "events", [sector_event(code=f"G16-261120-{n:04}") for n in range(12)])
        await system.settled("events", 12)
    assert gateway.most_under_way == 3


async def test_it_goes_on_when_the_gateway_comes_back(
    open_system: Any, new_gateway: Any, sector_event: Any, free_port: int
) -> None:
    """While nothing listens everything waits in order; then everything arrives."""
    gone = f"http://127.0.0.1:{free_port}"
    async with open_system(gateway_url=gone) as system:
        await system.control("POST", "register", [{"dossier_code": CODE, "version": 1}])
        await system.push(sector_event(1), "msg-1")
        await system.push(sector_event(2), "msg-2")
        await asyncio.sleep(0.1)
        assert (await system.control("GET", "counts"))["events"]["waiting"] == 2
        late = new_gateway(port=free_port)
        async with open_system(gateway=late):
            await system.settled("events", 2)
        assert [(seen.method, seen.json.get("sequence")) for seen in late.seen] == [
            ("PUT", None),
            ("POST", 1),
            ("POST", 2),
        ]


async def test_an_outage_refuses_pushes_and_loses_nothing(open_system: Any, sector_event: Any) -> None:
    """During the outage nobody can connect; what was held is there afterwards."""
    async with open_system(push_back=False) as system:
        await system.push(sector_event(1), "msg-1")
        assert await system.control("POST", "outage", {"seconds": 1.0}) == {"seconds": 1.0}
        refused, number = 0, 1
        async with asyncio.timeout(60):
            while True:
                number += 1
                try:
                    await system.push(sector_event(number), f"msg-{number}")
                except aiohttp.ClientConnectorError:
                    refused += 1
                except aiohttp.ClientError:
                    continue  # A connection of before the outage was hung up on.
                else:
                    if refused:
                        break
                await asyncio.sleep(0.02)
        pushes = (await system.control("GET", f"dossiers?code={CODE}"))["dossiers"][0]["pushes"]
    assert refused > 1
    assert (pushes[0]["sequence"], pushes[-1]["sequence"]) == (1, number)


async def test_forgetting_stops_what_was_queued(open_system: Any, sector_event: Any, free_port: int) -> None:
    """`DELETE state` empties the queue too; what comes afterwards starts anew at sequence 1."""
    async with open_system() as system:
        system.gateway.script = [(503, {})] * 3
        await system.control("POST", "events", [sector_event(1), sector_event(2)])
        await system.control("DELETE", "state")
        counts = await system.control("GET", "counts")
        assert counts["events"]["total"] == 0
        sent = await system.control("POST", "events", [sector_event(5)])
        assert sent["events"][0]["sequence"] == 1
        await system.settled("events", 1)


@pytest.mark.parametrize("path", ["register", "events"])
@pytest.mark.parametrize("body", [{}, [{}], [{"dossier_code": ""}], ["x"]])
async def test_an_order_without_a_dossier_code_is_refused(open_system: Any, path: str, body: object) -> None:
    """422, and nothing of the list is queued."""
    async with open_system() as system, system.http.post(f"{system.base}/_simulator/{path}", json=body) as answer:
        assert answer.status == 422
