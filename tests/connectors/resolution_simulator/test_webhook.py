"""What the simulated resolution system takes: genuine pushes once, in order, and nothing else."""

from __future__ import annotations

import base64
import time
from typing import Any

import aiohttp
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.kit.errors import SettingsError
from connectors.resolution.simulator import create_app


async def test_a_genuine_push_is_stored_and_gets_a_reference(open_system: Any, sector_event: Any) -> None:
    """200 with a reference, and the dossier shows system, sequence, event and state."""
    async with open_system(push_back=False) as system:
        status, answer = await system.push(sector_event(), "msg-1")
        shown = await system.control("GET", "dossiers")
    assert (status, answer) == (200, {"status": "accepted", "reference": "RES-VHTTDL-0000001"})
    push = shown["dossiers"][0]["pushes"][0]
    assert (push["system_code"], push["sequence"], push["state"]) == ("SEC-DEMO", 1, "processing")
    assert push["event_id"] == sector_event()["event_id"]
    assert shown["counts"]["received"] == 1


async def test_pushes_stand_in_order_of_arrival(open_system: Any, sector_event: Any) -> None:
    """A comparer sees what came first, whatever the sequence says."""
    async with open_system(push_back=False) as system:
        for number in (1, 3, 2):
            await system.push(sector_event(number), f"msg-{number}")
        held = (await system.control("GET", "dossiers"))["dossiers"][0]
    assert [push["sequence"] for push in held["pushes"]] == [1, 3, 2]


async def test_a_repeat_gets_the_same_reference_and_counts_once(open_system: Any, sector_event: Any) -> None:
    """The same `webhook-id` is one push, counted as a repeat, and answered by no second event."""
    async with open_system() as system:
        first = await system.push(sector_event(), "msg-1")
        again = await system.push(sector_event(), "msg-1")
        counts = await system.settled("events", 1)
    assert again == (200, {"status": "repeat", "reference": first[1]["reference"]})
    assert (counts["received"], counts["repeats"], counts["events"]["total"]) == (1, 1, 1)


async def test_other_content_under_one_id_is_a_conflict(open_system: Any, sector_event: Any) -> None:
    """409, counted, and the first content stays."""
    async with open_system(push_back=False) as system:
        await system.push(sector_event(), "msg-1")
        status, _ = await system.push(sector_event(2), "msg-1")
        shown = await system.control("GET", "dossiers")
    assert status == 409
    assert shown["counts"]["conflicts"] == 1
    assert len(shown["dossiers"][0]["pushes"]) == 1


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"key": Ed25519PrivateKey.generate()}, "bad_signature"),
        ({"headers": {"webhook-signature": "v1,AAAA"}}, "bad_signature"),
        ({"headers": {"webhook-signature": "v1a,not base64!"}}, "bad_signature"),
        ({"headers": {"webhook-id": "msg-2"}}, "bad_signature"),
        ({"headers": {"webhook-signature": ""}}, "missing_headers"),
        ({"headers": {"webhook-timestamp": "soon"}}, "bad_timestamp"),
        ({"timestamp": int(time.time()) - 86_400}, "outside_tolerance"),
        ({"timestamp": int(time.time()) + 86_400}, "outside_tolerance"),
    ],
)
async def test_a_push_that_is_not_genuine_is_refused_and_counted(
    open_system: Any, sector_event: Any, changes: dict[str, Any], fault: str
) -> None:
    """Forged, unsigned, too old or too new: 401, nothing stored, nothing pushed back."""
    async with open_system() as system:
        status, answer = await system.push(sector_event(), "msg-1", **changes)
        shown = await system.control("GET", "dossiers")
    assert (status, answer["fault"]) == (401, fault)
    assert shown["total"] == 0
    assert shown["counts"]["bad_signatures"] == 1
    assert shown["counts"]["bad_signatures_by_kind"][fault] == 1


async def test_a_changed_body_breaks_the_signature(open_system: Any, sector_event: Any) -> None:
    """The signature covers the bytes: one blank more is a forgery."""
    async with open_system() as system:
        raw = msgspec.json.encode(sector_event())
        signed: dict[str, str] = {}

        async def catch(session: object, context: object, params: Any) -> None:
            signed.update({name: value for name, value in params.headers.items() if name.startswith("webhook")})

        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(catch)
        async with aiohttp.ClientSession(trace_configs=[trace]) as http:
            system.http, kept = http, system.http
            await system.push(None, "msg-1", raw=raw)
            system.http = kept
        async with system.http.post(f"{system.base}/webhooks/gateway", data=raw + b" ", headers=signed) as answer:
            assert answer.status == 401


async def test_one_good_signature_among_several_is_enough(open_system: Any, sector_event: Any) -> None:
    """While a key is rotated two signatures stand side by side."""
    raw = msgspec.json.encode(sector_event())
    async with open_system(push_back=False) as system:
        stamp = str(int(time.time()))
        good = base64.b64encode(system.keys.gateway.sign(f"msg-1.{stamp}.".encode() + raw)).decode()
        other = base64.b64encode(Ed25519PrivateKey.generate().sign(raw)).decode()
        headers = {"webhook-signature": f"v1a,{other} v1a,{good}"}
        status, _ = await system.push(None, "msg-1", raw=raw, timestamp=stamp, headers=headers)
    assert status == 200


async def test_an_enveloped_event_is_read_and_other_bodies_are_refused(open_system: Any, sector_event: Any) -> None:
    """The event may stand under `data`; a body without a dossier code is 422."""
    async with open_system(push_back=False) as system:
        assert (await system.push({"type": "dossier.event", "data": sector_event()}, "msg-1"))[0] == 200
        for number, raw in enumerate((b"{", b"[]", b'{"data":{}}', b'{"dossier_code":7}', b"\xff")):
            assert (await system.push(None, f"bad-{number}", raw=raw))[0] == 422
        assert (await system.control("GET", "counts"))["unreadable"] == 5


async def test_drop_after_commit_stores_the_push_without_an_answer(open_system: Any, sector_event: Any) -> None:
    """The gateway sees a broken connection; its repeat is recognised and nothing is doubled."""
    async with open_system() as system:
        await system.control("PUT", "faults", {"script": [{"fault": "drop_after_commit", "match": "push"}]})
        with pytest.raises(aiohttp.ClientError):
            await system.push(sector_event(), "msg-1")
        status, answer = await system.push(sector_event(), "msg-1")
        counts = await system.settled("events", 1)
    assert (status, answer["status"]) == (200, "repeat")
    assert (counts["received"], counts["events"]["acknowledged"]) == (1, 1)


@pytest.mark.parametrize(("fault", "status"), [("http_503", 503), ("busy_429", 429), ("http_502", 502)])
async def test_a_fault_stores_nothing(open_system: Any, sector_event: Any, fault: str, status: int) -> None:
    """5xx and 429 (with Retry-After) leave no trace but the call."""
    async with open_system() as system:
        await system.control("PUT", "faults", {"script": [{"fault": fault, "match": "push", "seconds": 2}]})
        assert (await system.push(sector_event(), "msg-1"))[0] == status
        assert (await system.control("GET", "counts"))["received"] == 0
        call = (await system.control("GET", "calls"))["calls"][-1]
    assert (call["operation"], call["fault"], call["summary"]["webhook_id"]) == ("push", fault, "msg-1")
    assert "Mẫu" not in repr(call)


async def test_a_duplicate_answer_stores_the_push_once(open_system: Any, sector_event: Any) -> None:
    """The answer says that it was known; it is held once all the same."""
    async with open_system(push_back=False) as system:
        await system.control("PUT", "faults", {"script": [{"fault": "duplicate"}]})
        _, answer = await system.push(sector_event(), "msg-1")
        assert answer["status"] == "repeat"
        assert (await system.control("GET", "counts"))["received"] == 1


def test_options_and_keys_that_do_not_fit_are_named(keys: Any, tmp_path: Any) -> None:
    """A missing or wrong key file and an unknown option stop the start, in Vietnamese."""
    good = {"gateway_public_key_file": keys.gateway_public_file, "signing_key_file": keys.resolution_file}
    assert create_app(good) is not None
    for spoiled in (
        {},
        good | {"push_bak": True},
        good | {"signing_key_file": str(tmp_path / "absent.pem")},
        good | {"gateway_public_key_file": keys.resolution_file},
        good | {"signing_key_file": keys.gateway_public_file},
    ):
        with pytest.raises(SettingsError):
            create_app(spoiled)


async def test_the_public_key_may_come_as_text(open_system: Any, sector_event: Any, keys: Any) -> None:
    """For suites that have no files: PEM text in the options."""
    text = keys.gateway_public_text
    async with open_system(gateway_public_key_file="", gateway_public_key=text, push_back=False) as system:
        assert (await system.push(sector_event(), "msg-1"))[0] == 200
