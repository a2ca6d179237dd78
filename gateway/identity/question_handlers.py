"""HTTP in and out of lawful questions and checks: two routes of the internal listener. Every request is signed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

import msgspec
from aiohttp import web

from gateway.config.identity_questions import Operation
from gateway.errors import Fault, IntakeError, NotFound
from gateway.identity.asked import read_asked
from gateway.identity.asking import NOT_LICENSED, Questions, Told
from gateway.identity.checking import Checked, Checks, Ordered, PartyRole, difference
from gateway.identity.lawfulness import (
    Asking,
    File,
    Permit,
    Wanted,
    asking_faults,
    check_faults,
    subject_faults,
    told_faults,
)
from gateway.intake.accept import Door
from gateway.intake.apply import sees
from gateway.intake.authenticate import Caller
from gateway.intake.validate import Asked as Published
from gateway.intake.validate import read_body
from gateway.records import courses, dossiers
from mappings.codec import encode
from mappings.identity import PERSON_FIELDS
from mappings.names import clean_name

QUESTIONS = "/v1/identity/questions"
CHECKS = "/v1/dossiers/{code}/identity-checks"
T = TypeVar("T")
_Text = Annotated[str, msgspec.Meta(max_length=200)]


class SubjectAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom a question is about."""

    full_name: _Text
    birth: _Text
    personal_id: _Text = ""
    cmnd: _Text = ""


class QuestionAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question, as `identity-question.json` publishes it."""

    request_id: _Text
    operation: Operation
    dossier_code: _Text
    purpose: _Text
    officer: _Text
    unit: _Text
    subject: SubjectAsked
    officer_account: _Text = ""
    fields: Annotated[tuple[_Text, ...], msgspec.Meta(max_length=100)] = ()


class CheckAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One check, as `identity-check-request.json` publishes it."""

    purpose: _Text
    officer: _Text
    unit: _Text
    party: PartyRole = "applicant"
    operation: Literal["look_up", "verify"] = "look_up"
    officer_account: _Text = ""


class QuestionHandlers:
    """The handlers. `count` is told of what was answered."""

    def __init__(self, door: Door, questions: Questions, checks: Checks, count: Callable[[str], None]) -> None:
        self._door, self._questions, self._checks, self._count = door, questions, checks, count

    def routes(self) -> list[web.RouteDef]:
        """Method, path and handler of each."""
        return [web.post(QUESTIONS, self.post_question), web.post(CHECKS, self.post_check)]

    async def post_question(self, request: web.Request) -> web.Response:
        """`POST /v1/identity/questions`: one lawful question, answered at once and not kept."""
        caller, asked = await self._asked(request, QuestionAsked, "identity-question")
        wanted = _wanted(caller, asked)
        faults = (
            asking_faults(wanted.asking),
            subject_faults(wanted),
            told_faults(wanted),
            _field_faults(asked.fields),
        )
        check_faults(*faults)
        try:
            permit = await self._permit(caller, wanted)
            told = await self._questions.ask(permit)
        except IntakeError as error:
            await self._refused(wanted, error)
            raise
        self._count("identity_question_found" if told.found else "identity_question_not_found")
        return _json(_answer(permit, told))

    async def post_check(self, request: web.Request) -> web.Response:
        """`POST /v1/dossiers/{code}/identity-checks`: declared data against the register; differences named."""
        caller, asked = await self._asked(request, CheckAsked, "identity-check-request")
        code, check_id = request.match_info["code"], self._door.clock.new_id()
        asking = _asking(caller, asked, check_id)
        check_faults(asking_faults(asking))
        ordered = Ordered(asking, code, asked.party, asked.operation)
        try:
            made = await self._checks.check(ordered, await self._file(caller, code), check_id)
        except IntakeError as error:
            await self._refused(Wanted(asking, asked.operation, code, ""), error)
            raise
        self._count(f"identity_check_{made.verdict}")
        return _json(_checked(ordered, made))

    async def _permit(self, caller: Caller, wanted: Wanted) -> Permit:
        file = await self._file(caller, wanted.dossier)
        return self._questions.desk.law.permit(wanted, file, self._door.clock.now())

    async def _file(self, caller: Caller, code: str) -> File:
        """The dossier that a question is asked for; for whom it is not, it does not exist."""
        journal = self._door.journal
        record = await journal.record(courses.key(code))
        course = courses.parse(record) if record is not None else None
        snapshot = await journal.record(dossiers.key(code))
        if course is None or snapshot is None or not sees(caller.record, course):
            raise NotFound("Hồ sơ này chưa được hệ thống giải quyết đăng ký.", code="unknown_dossier")
        return File(course, dossiers.parse(snapshot))

    async def _refused(self, wanted: Wanted, error: IntakeError) -> None:
        """A question that was not let out; what the register itself refused is in the trail already."""
        if error.status in (403, 404, 409, 429) and error.code != NOT_LICENSED:
            await self._questions.refused(wanted, error)

    async def _asked(self, request: web.Request, kind: type[T], published: Published) -> tuple[Caller, T]:
        door = self._door
        body = await read_body(request, door.limits.max_body_bytes, door.limits.body_timeout_s)
        caller = await door.reader(door.authenticator.parts(request), body)
        return caller, read_asked(body, kind, published, door.limits)


def _asking(caller: Caller, asked: QuestionAsked | CheckAsked, request_id: str) -> Asking:
    """Who asks and why, without the blanks that would make one officer two, or nobody somebody."""
    return Asking(
        caller.system_code,
        request_id,
        _line(asked.officer),
        _line(asked.unit),
        _line(asked.purpose),
        _line(asked.officer_account),
    )


def _wanted(caller: Caller, asked: QuestionAsked) -> Wanted:
    subject = asked.subject
    return Wanted(
        asking=_asking(caller, asked, asked.request_id),
        operation=asked.operation,
        dossier=asked.dossier_code,
        full_name=clean_name(subject.full_name),
        personal_id=subject.personal_id,
        cmnd=subject.cmnd,
        birth=subject.birth,
        fields=asked.fields,
    )


def _field_faults(fields: tuple[str, ...]) -> list[Fault]:
    told = "Không có trường này trong danh mục trường của công dân."
    return [
        Fault("gia_tri_khong_co", f"/fields/{index}", told)
        for index, place in enumerate(fields)
        if place not in PERSON_FIELDS
    ]


def _line(text: str) -> str:
    return " ".join(text.split())


def _answer(permit: Permit, told: Told) -> dict[str, object]:
    return {
        "request_id": permit.wanted.asking.request_id,
        "operation": permit.wanted.operation,
        "dossier_code": permit.wanted.dossier,
        "found": told.found,
        "fields": told.fields,
        "rows": told.rows,
        "as_of": told.as_of or None,
        "allowed": permit.allowed.places,
        "legal_basis": permit.allowed.legal_bases,
    }


def _checked(ordered: Ordered, made: Checked) -> dict[str, object]:
    return {
        "check_id": made.check_id,
        "dossier_code": ordered.dossier,
        "party": ordered.party,
        "version": made.version,
        "status": made.verdict,
        "proof": made.proof or None,
        "compared": [
            {
                "place": one.place,
                "title_vi": one.title_vi,
                "agreement": one.agreement,
                "message_vi": one.message_vi,
            }
            for one in made.compared
        ],
        "differences": [difference(ordered.party, one) for one in made.differing()],
        "hints": [{"code": hint.value, "message_vi": hint.message_vi} for hint in made.hints],
        "proposed": made.proposed,
        "as_of": made.told.as_of or None,
    }


def _json(tree: dict[str, object]) -> web.Response:
    return web.Response(body=encode(tree), content_type="application/json", headers={"Cache-Control": "no-store"})
