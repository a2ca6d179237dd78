"""HTTP in and out of the internal listener, and nothing else: what is meant stands in `accept.py` and behind it.

Routes are registered by `gateway/app.py`. Every request is signed, the reading ones too.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from gateway.errors import Forbidden, NotFound
from gateway.intake import feed, personal, views, xml_answers
from gateway.intake.accept import Arrival, Door, accept
from gateway.intake.apply import sees
from gateway.intake.authenticate import Caller
from gateway.intake.course import RESOLUTION
from gateway.intake.dossiers import register
from gateway.intake.file_reading import view as files_view
from gateway.intake.personal import Read
from gateway.intake.validate import read_body
from gateway.journal.model import Accepted
from gateway.observe.crash import Reach, never
from gateway.records import courses, files, results
from gateway.records.courses import Course
from mappings.codec import encode

Count = Callable[[str], None]


class IntakeHandlers:
    """The handlers of the internal API."""

    def __init__(self, door: Door, count: Count, reach: Reach = never) -> None:
        self._door = door
        self._count = count
        self._reach = reach

    def routes(self) -> list[web.RouteDef]:
        """Method, path and handler of each."""
        return [
            web.post("/v1/events", self.post_event),
            web.get("/v1/events/{event_id}", self.get_event, allow_head=False),
            web.put("/v1/dossiers/{code}", self.put_dossier),
            web.get("/v1/dossiers/{code}", self.get_dossier, allow_head=False),
            web.get("/v1/feed", self.get_feed, allow_head=False),
        ]

    async def post_event(self, request: web.Request) -> web.Response:
        """`POST /v1/events`: an event of a sector system or of the resolution system (dossier-model 4)."""
        arrival = await self._arrival(request)
        accepted = await accept(self._door, arrival)
        if xml_answers.wants_xml(request.headers.get("Accept", ""), accepted.answer_format):
            return self._answer(accepted, "event", xml_answers.MEDIA_TYPE)
        return self._answer(accepted, "event")

    async def put_dossier(self, request: web.Request) -> web.Response:
        """`PUT /v1/dossiers/{code}`: the resolution system registers or updates a dossier."""
        arrival = await self._arrival(request)
        return self._answer(await register(self._door, arrival, request.match_info["code"]), "dossier")

    async def get_event(self, request: web.Request) -> web.Response:
        """`GET /v1/events/{event_id}`: a sector reads its own; the resolution system anybody's, by `?system=CODE`."""
        caller = await self._reader(request)
        wanted = request.query.get("system", caller.system_code)
        row = None
        if wanted == caller.system_code or caller.role == RESOLUTION:
            row = await self._door.journal.event(wanted, request.match_info["event_id"])
        if row is None:
            raise NotFound("Không có sự kiện này.")
        known = row.known
        found = await self._door.journal.deliveries_of(known.dossier, known.event_id)
        read = Read(
            caller.system_code, "event", known.event_id, "GET /v1/events/{event_id}", known.dossier, known.event_id
        )
        await personal.note(self._door.journal, read)
        return _json(views.event_view(row, [delivery for delivery in found if delivery.source == known.source]))

    async def get_dossier(self, request: web.Request) -> web.Response:
        """`GET /v1/dossiers/{code}`: state, lanes, every attempt, what each upstream acknowledged, due date."""
        caller = await self._reader(request)
        code = request.match_info["code"]
        course = await self._course(caller, code)
        journal = self._door.journal
        lanes = await journal.lanes(dossier=code)
        view = views.dossier_view(code, course, lanes, await journal.deliveries_of(code))
        view["files"] = files_view(files.parse_list(await journal.record(files.list_key(code))))
        listed = results.parse_list(await journal.record(results.list_key(code)))
        known = [one for one in listed.results if caller.role == RESOLUTION or caller.system_code in one.by]
        view["results"] = [views.result_view(one) for one in known]
        whole = views.with_events(view, await journal.events_of(code))
        await personal.note(journal, Read(caller.system_code, "dossier", code, "GET /v1/dossiers/{code}", code))
        return _json(whole)

    async def get_feed(self, request: web.Request) -> web.Response:
        """`GET /v1/feed?after=CURSOR&limit=N`: the resolution system's alone (architecture 1)."""
        caller = await self._reader(request)
        if caller.role != RESOLUTION:
            raise Forbidden("Chỉ hệ thống giải quyết được đọc dòng sự kiện.")
        journal = self._door.journal
        start, rows, size = await feed.read(journal, request.query.get("after", ""), request.query.get("limit"))
        if rows:  # who looks and finds nothing new has read nothing
            span = f"{rows[0].position}-{rows[-1].position}"
            await personal.note(journal, Read(caller.system_code, "feed", span, "GET /v1/feed"))
        return _json(feed.shown(start, rows, size))

    async def _arrival(self, request: web.Request) -> Arrival:
        limits = self._door.limits
        body = await read_body(request, limits.max_body_bytes, limits.body_timeout_s)
        headers = request.headers
        return Arrival(
            signed=self._door.authenticator.parts(request),
            body=body,
            content_type=headers.get("Content-Type", ""),
            idempotency_key=headers.get("Idempotency-Key"),
        )

    async def _reader(self, request: web.Request) -> Caller:
        """Who reads, judged over the record of its consent."""
        arrival = await self._arrival(request)
        return await self._door.reader(arrival.signed, arrival.body)

    async def _course(self, caller: Caller, code: str) -> Course:
        """The course of a dossier that this caller may see; for the others it does not exist."""
        record = await self._door.journal.record(courses.key(code))
        course = courses.parse(record) if record is not None else None
        if course is None or not sees(caller.record, course):
            raise NotFound(f"Hồ sơ {code} chưa được hệ thống giải quyết đăng ký.", code="unknown_dossier")
        return course

    def _answer(self, accepted: Accepted, what: str, media_type: str = "application/json") -> web.Response:
        """The receipt. What it says is on disk already, so a crash here loses an answer and never an event."""
        self._count(f"{what}_{accepted.status}" if accepted.stored else f"{what}_known")
        self._reach("accept.before_answer")
        body = accepted.answer if media_type != xml_answers.MEDIA_TYPE else xml_answers.receipt(accepted.answer)
        return web.Response(body=body, status=accepted.status, content_type=media_type)


def _json(tree: dict[str, object]) -> web.Response:
    return web.Response(body=encode(tree), content_type="application/json", headers={"Cache-Control": "no-store"})
