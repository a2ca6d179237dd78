"""A real HTTP server that plays the ministry's resolution system (Hệ thống thông tin giải quyết TTHC).

It takes the gateway's pushes in the Standard Webhooks shape, fetches each file that they name once, pushes its own
authoritative events back and registers dossiers, signing by HTTP Message Signatures, and goes on after the gateway was
away. The control plane:

    POST   /_simulator/register        [snapshot, …]: each is PUT to the gateway, before later events of its dossier
    GET    /_simulator/registrations   how far that is
    POST   /_simulator/files           [{dossier_code, media_type, content}, …]: content in base64, uploaded in its turn
    POST   /_simulator/events          [event, …]: its own events; identity and sequence are set here
    GET    /_simulator/dossiers?offset=0&limit=1000&code=    pushes and own messages with the gateway's answers
    GET    /_simulator/counts          received, repeats, conflicts, bad signatures by kind, own messages by outcome
    DELETE /_simulator/state           everything held and queued is forgotten
    GET /_simulator/calls, GET|PUT /_simulator/faults, POST /_simulator/outage, GET /_simulator/health    as in
    `connectors.kit.simulation`

Source: architecture note 1; dossier-model facts 4.1 to 4.3; the Standard Webhooks specification.
"""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import web

from connectors.kit.errors import SettingsError
from connectors.kit.faults import Fault, FaultKind, FaultPlan, FaultPlanError
from connectors.kit.simulation import Call, Simulation, json_answer, mount_control, order, whole_number
from connectors.resolution import simulator_payments, simulator_shipments
from connectors.resolution.simulator_payments import fees_of, is_about_payment
from connectors.resolution.simulator_sender import Message, Pace, Sender
from connectors.resolution.simulator_shipments import is_about_shipment
from connectors.resolution.simulator_signing import (
    MessageSigner,
    UnfitKey,
    WebhookStamps,
    WebhookVerifier,
    private_key,
    public_key,
)
from connectors.resolution.simulator_store import Author, Event, HeldDossier, Push, Records, digest, uuid7

_MOST_BYTES = 64 * 1024 * 1024


class ResolutionOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How this resolution system behaves; key files are PEM.

    The gateway's public key comes from `gateway_public_key_file`, or as PEM text in `gateway_public_key`. Without
    `signing_key_file` it signs with a key of the moment that no gateway knows. `push_back`: answer a sector's event by
    an own one. `answer_payments`, `answer_shipments`: take proposals about payments, about parcels over, by a new snapshot
    and an own event where one follows. `faults` is a plan to begin with.
    """

    gateway_url: str = "http://127.0.0.1:8080"
    system_code: str = "RES-VHTTDL"
    signing_key_file: str = ""
    key_id: str = "RES-VHTTDL"
    gateway_public_key_file: str = ""
    gateway_public_key: str = ""
    webhook_path: str = "/webhooks/gateway"
    push_back: bool = True
    answer_payments: bool = True
    answer_shipments: bool = True
    concurrency: int = 8
    retry_base_s: float = 0.2
    retry_cap_s: float = 3.0
    timeout_s: float = 15.0
    faults: dict[str, Any] = {}


def create_app(options: Mapping[str, object]) -> web.Application:
    """The resolution system as an application; raises `SettingsError` for options or keys that do not fit."""
    try:
        chosen = msgspec.convert(dict(options), ResolutionOptions, strict=False)
        plan = FaultPlan.from_json(msgspec.json.encode(chosen.faults))
        signer = MessageSigner(private_key(chosen.signing_key_file), chosen.key_id)
        verifier = WebhookVerifier(public_key(chosen.gateway_public_key_file, chosen.gateway_public_key))
    except (msgspec.ValidationError, FaultPlanError, UnfitKey) as error:
        raise SettingsError("resolution", (str(error),)) from error
    pace = Pace(chosen.concurrency, chosen.retry_base_s, chosen.retry_cap_s, chosen.timeout_s)
    sender = Sender(chosen.gateway_url.rstrip("/"), signer, pace, time.time)
    return resolution_app(Resolution(chosen, verifier, sender, time.time), plan)


def resolution_app(resolution: Resolution, plan: FaultPlan | None = None) -> web.Application:
    """An application in front of `resolution`."""
    app = web.Application(client_max_size=_MOST_BYTES)
    front = Front(resolution, mount_control(app, plan=plan))
    app.router.add_post(resolution.options.webhook_path, front.take_push)
    app.router.add_post("/_simulator/register", front.register)
    app.router.add_get("/_simulator/registrations", front.registrations)
    app.router.add_post("/_simulator/files", front.upload)
    app.router.add_post("/_simulator/events", front.push_events)
    app.router.add_get("/_simulator/dossiers", front.dossiers)
    app.router.add_get("/_simulator/counts", front.counts)
    app.router.add_delete("/_simulator/state", front.forget)

    async def start(_app: web.Application) -> None:
        await resolution.sender.start()

    async def stop(_app: web.Application) -> None:
        await resolution.sender.close()

    app.on_startup.append(start)
    app.on_cleanup.append(stop)
    return app


@dataclass(slots=True)
class Resolution:
    """The system without its sockets. `now` gives seconds since the epoch."""

    options: ResolutionOptions
    verifier: WebhookVerifier
    sender: Sender
    now: Callable[[], float]
    records: Records = field(default_factory=Records)
    author: Author = field(init=False)
    _turn: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.author = Author(self.options.system_code, self._now_text, lambda: uuid7(self.now()))

    def receive(self, stamps: WebhookStamps, body: bytes) -> tuple[int, dict[str, object]]:
        """Check and store one push, and answer it by an own event; the HTTP status and body for the gateway."""
        fault = self.verifier.fault(stamps, body, self.now())
        if fault:
            self.records.count(fault)
            return 401, {"status": "unauthenticated", "fault": fault}
        event = _event(body)
        if event is None:
            self.records.count("unreadable")
            return 422, {"status": "invalid", "fault": "dossier_code"}
        reference = f"{self.options.system_code}-{next(self._turn):07d}"
        push = Push(self.now(), stamps.id, reference, digest(body), event)
        taken = self.records.take(push)
        held = self.records.dossier(str(event["dossier_code"]))
        if taken.status == "accepted":
            for sha256 in held.unread(event):
                self._fetch(held.code, sha256)
        if taken.status == "accepted":
            held.fees |= fees_of(event)
            if self._answers(event):
                self._send_event(self.author.answer_to(event, held))
            elif held.snapshot is not None and held.version:
                self._take_over(event, held, held.snapshot)
        status = 409 if taken.status == "conflict" else 200
        return status, {"status": taken.status, "reference": taken.reference}

    def push_own(self, event: Event) -> dict[str, object]:
        """Queue an own event; what was set here, for the caller of the control plane."""
        held = self.records.dossier(str(event["dossier_code"]))
        held.fees |= fees_of(event)
        complete = self.author.complete(event, held)
        self._send_event(complete)
        return {name: complete[name] for name in ("dossier_code", "sequence", "event_id")}

    def register(self, snapshot: Event) -> None:
        """Queue the registration of a dossier."""
        code = str(snapshot["dossier_code"])
        held = self.records.dossier(code)
        version = snapshot.get("version")
        held.version = version if isinstance(version, int) else 0
        held.snapshot = snapshot
        path = f"/v1/dossiers/{quote(code, safe='')}"
        label: dict[str, object] = {"dossier_code": code, "version": held.version}
        raw = msgspec.json.encode(snapshot)
        self.sender.enqueue(Message("registration", code, "PUT", path, raw, "", label, self.now()))

    def upload(self, code: str, media_type: str, content: bytes) -> str:
        """Queue a file in front of the events that will name it; its SHA-256."""
        sha256 = digest(content)
        label: dict[str, object] = {"dossier_code": code, "sha256": sha256, "size": len(content)}
        path = f"/v1/files?dossier={quote(code, safe='')}"
        self.sender.enqueue(Message("file", code, "POST", path, content, "", label, self.now(), media_type=media_type))
        return sha256

    def _take_over(self, event: Event, held: HeldDossier, snapshot: Event) -> None:
        """What a proposal says, for a dossier that is registered: its next version, and the event that follows, if any."""
        proposal, fields = str(event.get("proposal")), event.get("fields", {})
        following: dict[str, Any] | None
        own: dict[str, Any] | None
        if self.options.answer_payments and is_about_payment(event):
            following = simulator_payments.snapshot_after(snapshot, proposal, fields, held.fees)
            own = simulator_payments.event_after(held.last_event, held.state, proposal)
        elif self.options.answer_shipments and is_about_shipment(event):
            following = simulator_shipments.snapshot_after(snapshot, proposal, fields, held.fees)
            own = simulator_shipments.event_after(held.last_event, held.state, event)
        else:
            return
        if following is None:
            self.records.count("unknown_proposals")
            return
        self.register(following)
        if own is not None:
            self._send_event(self.author.complete(own | {"dossier_code": held.code}, held))

    def _fetch(self, code: str, sha256: str) -> None:
        """Queue the one read of a file that a push names."""
        path = f"/v1/files/{quote(sha256, safe='')}?dossier={quote(code, safe='')}"
        label: dict[str, object] = {"dossier_code": code, "sha256": sha256}
        self.sender.enqueue(Message("fetch", code, "GET", path, b"", "", label, self.now(), wanted=sha256))

    def forget(self) -> None:
        """Drop everything held and queued."""
        self.records = Records()
        self.sender.forget()

    def _answers(self, event: Event) -> bool:
        """Whether an own event follows: not upon its own, nor upon history that must not move the dossier (4.3).

        A proposal is another matter: one about a payment or a parcel is taken over, any other held for an officer, who is
        not played here.
        """
        own = event.get("system_code") == self.options.system_code or "proposal" in event
        return self.options.push_back and not own and event.get("state_applies") is not False

    def _send_event(self, event: Event) -> None:
        names = ("event_id", "sequence", "state", "caused_by")
        label = {name: event[name] for name in names if name in event}
        code, raw = str(event["dossier_code"]), msgspec.json.encode(event)
        key = str(event["event_id"])
        self.sender.enqueue(Message("event", code, "POST", "/v1/events", raw, key, label, self.now()))

    def _now_text(self) -> str:
        return datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class Front:
    """HTTP in and out: the webhook and the control plane."""

    resolution: Resolution
    simulation: Simulation

    async def take_push(self, request: web.Request) -> web.StreamResponse:
        """One push from the gateway."""
        body = await request.read()
        stamps = WebhookStamps(
            *(request.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
        )

        async def work(fault: Fault | None) -> web.Response:
            status, answer = self.resolution.receive(stamps, body)
            if fault is not None and fault.kind is FaultKind.DUPLICATE and answer["status"] == "accepted":
                # The push is stored and the answer is that of a second try: both are true.
                answer["status"] = "repeat"
            return json_answer(answer, status)

        return await self.simulation.play(Call(request, "push", _summary(stamps, body)), work)

    async def register(self, request: web.Request) -> web.Response:
        """Queue registrations."""
        snapshots = await _subjects(request)
        for snapshot in snapshots:
            self.resolution.register(snapshot)
        return json_answer({"queued": len(snapshots)}, 202)

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Queue files."""
        try:
            files = [
                (str(one["dossier_code"]), str(one["media_type"]), base64.b64decode(one["content"], validate=True))
                for one in await _subjects(request)
            ]
        except (KeyError, TypeError, ValueError):
            raise web.HTTPUnprocessableEntity(text="media_type, content: bắt buộc, content là base64") from None
        return json_answer({"files": [self.resolution.upload(*file) for file in files]}, 202)

    async def push_events(self, request: web.Request) -> web.Response:
        """Queue own events."""
        events = await _subjects(request)
        return json_answer({"events": [self.resolution.push_own(event) for event in events]}, 202)

    async def registrations(self, _request: web.Request) -> web.Response:
        """How far the registrations are."""
        messages = [message for message in self._messages() if message.kind == "registration"]
        return json_answer({**_outcomes(messages), "registrations": [message.shown() for message in messages]})

    async def dossiers(self, request: web.Request) -> web.Response:
        """What is held and was sent, page by page in order of first mention."""
        known = self.resolution.records.dossiers
        offset, limit = whole_number(request, "offset", 0), whole_number(request, "limit", 1_000)
        code = request.query.get("code")
        page = list(known.values())[offset : offset + limit] if code is None else [d for d in (known.get(code),) if d]
        shown = [
            {
                "code": held.code,
                "version": held.version,
                "last_sequence": held.last_sequence,
                "pushes": [push.shown() for push in held.pushes],
                "sent": [message.shown() for message in self.resolution.sender.sent.get(held.code, ())],
            }
            for held in page
        ]
        following = offset + limit if code is None and offset + limit < len(known) else None
        return json_answer({"total": len(known), "next_offset": following, "counts": self._counts(), "dossiers": shown})

    async def counts(self, _request: web.Request) -> web.Response:
        """All counters."""
        return json_answer(self._counts())

    async def forget(self, _request: web.Request) -> web.Response:
        """Forget everything."""
        self.resolution.forget()
        self.simulation.log.calls.clear()
        return json_answer({"dossiers": 0})

    def _messages(self) -> list[Message]:
        return list(itertools.chain.from_iterable(self.resolution.sender.sent.values()))

    def _counts(self) -> dict[str, object]:
        counts = self.resolution.records.counts
        kinds = ("missing_headers", "bad_timestamp", "outside_tolerance", "bad_signature")
        messages = self._messages()
        return {
            **{name: counts.get(name, 0) for name in ("received", "repeats", "conflicts", "unreadable")},
            "bad_signatures": sum(counts.get(kind, 0) for kind in kinds),
            "bad_signatures_by_kind": {kind: counts.get(kind, 0) for kind in kinds},
            "registrations": _outcomes(message for message in messages if message.kind == "registration"),
            "events": _outcomes(message for message in messages if message.kind == "event"),
            "files": _outcomes(message for message in messages if message.kind == "file"),
            "fetches": _outcomes(message for message in messages if message.kind == "fetch"),
        }


def _event(body: bytes) -> Event | None:
    """The event in a push: the body itself, or its member `data`; None for one that names no dossier."""
    try:
        tree = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(tree, dict) and isinstance(tree.get("data"), dict):
        tree = tree["data"]
    named = isinstance(tree, dict) and isinstance(tree.get("dossier_code"), str) and tree["dossier_code"]
    return tree if named else None


def _summary(stamps: WebhookStamps, body: bytes) -> dict[str, object]:
    """Codes and numbers of a push, no personal data."""
    event = _event(body) or {}
    names = ("dossier_code", "system_code", "sequence", "event_id", "state")
    return {"webhook_id": stamps.id} | {name: event.get(name) for name in names}


def _outcomes(messages: Iterable[Message]) -> dict[str, int]:
    outcomes = [message.outcome for message in messages]
    return {"total": len(outcomes)} | {name: outcomes.count(name) for name in ("acknowledged", "refused", "waiting")}


async def _subjects(request: web.Request) -> list[Event]:
    """A list of JSON objects that each name a dossier."""
    subjects = await order(request, list[dict[str, Any]])
    if not all(isinstance(subject.get("dossier_code"), str) and subject["dossier_code"] for subject in subjects):
        raise web.HTTPUnprocessableEntity(text="dossier_code: bắt buộc")
    return list(subjects)
