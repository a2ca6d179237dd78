"""HTTP in and out of results: validations asked for, the report for those whose result it is, the look-up for the public.

Source: NĐ 45/2020/NĐ-CP Điều 18 khoản 2 (a printed result carries an identifier that can be looked up at any time).
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import quote

import msgspec
from aiohttp import web

from gateway.audit.events import audit
from gateway.clock import Clock
from gateway.coordination import gcra
from gateway.errors import Conflict, Fault, IntakeError, Invalid, NotFound, TooManyRequests, UpstreamUnavailable
from gateway.intake import personal
from gateway.intake.accept import Door
from gateway.intake.authenticate import Caller
from gateway.intake.course import RESOLUTION
from gateway.intake.personal import Read
from gateway.intake.recording import Recording, recording_intake
from gateway.intake.result_decision import REASONS, sentence
from gateway.intake.result_watch import JOURNAL, ResultRules, Store, expected_signers, known_evidence, read_file
from gateway.intake.validate import read_body
from gateway.intake.verification import Judged, Question, Verifier
from gateway.journal.store import Journal
from gateway.records import results
from gateway.records.results import KeptResult, ResultState, parse_code
from mappings.codec import encode
from signing.errors import SigningError
from signing.model import Evidence, Existence
from signing.rendering.structured import as_tree
from signing.report import SignatureReport

VALIDATIONS = "/v1/validations"
LOOK_UP = "/v1/results/{code}"
REPORT = "/v1/results/{code}/report"

_SHORTEST_PURPOSE, _LONGEST_PURPOSE = 5, 200
_NO_STORE = {"Cache-Control": "no-store"}

_PUBLISHED = "Kết quả này đã được cơ quan có thẩm quyền ký số và được công bố."
_BY_DECISION = (
    "Kết quả này được công bố theo quyết định của cơ quan vận hành; việc kiểm tra chữ ký chưa có kết luận đạt."
)
_NOT_PUBLISHED = "Kết quả này chưa được công bố; đừng căn cứ vào bản in hay tệp mang mã này."


@dataclass(frozen=True, slots=True)
class Judging:
    """What judges, where results are configured: the verifier with the ministry's rules."""

    verifier: Verifier
    rules: ResultRules


@dataclass(frozen=True, slots=True)
class ResultDoor:
    """What the routes of results stand on. `judging` None: [results] is not configured, and nothing can be judged.

    `public_url` is the address of the look-up as the public reaches it, empty where there is none.
    """

    door: Door
    store: Store
    judging: Judging | None = None
    public_url: str = ""
    max_bytes: int = 20_971_520


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A validation of a result that is stored already."""

    result_code: str
    purpose: str = ""


class ResultHandlers:
    """The handlers of the internal listener."""

    def __init__(self, door: ResultDoor, count: Callable[[str], None]) -> None:
        self._results, self._count = door, count

    def routes(self) -> list[web.RouteDef]:
        """Method, path and handler of each."""
        return [
            web.post(VALIDATIONS, self.post_validation),
            web.get(REPORT, self.get_report, allow_head=False),
        ]

    async def post_validation(self, request: web.Request) -> web.Response:
        """`POST /v1/validations`: a file (`?purpose=`), or a stored result by its code; nothing is changed by it."""
        door = self._results.door
        body = await read_body(request, self._results.max_bytes, door.limits.body_timeout_s)
        caller = await door.reader(door.authenticator.parts(request), body)
        judging = self._results.judging
        if judging is None:
            message = "Cổng này chưa được cấu hình để kiểm tra chữ ký ([results])."
            raise Conflict(message, code="results_not_configured")
        if request.content_type == "application/json":
            asked = _asked(body)
            purpose, code = _purpose(asked.purpose), asked.result_code
            kept = await visible(self._results.store.journal, caller, code)
            judged = await self._again(judging, kept)
        else:
            purpose, code = _purpose(request.query.get("purpose", "")), ""
            now = door.clock.now()
            evidence = Evidence(existences=(Existence(hashlib.sha256(body).hexdigest(), now, JOURNAL),))
            judged = await _judged(judging, Question(body, (), evidence, now))
        report = judged.report
        row = audit(
            "validation.made",
            caller.system_code,
            kept.dossier if code else "",
            sha256=report.document_sha256,
            size=report.size,
            verdict=report.conclusion,
            purpose=purpose,
            route=f"POST {VALIDATIONS}",
            result=code,
        )
        intake = recording_intake("validation", caller.system_code, Recording(audit=(row,)))
        await self._results.store.journal.accept(intake)
        self._count("validation")
        return _json({"result_code": code or None, "named_dossiers": list(judged.named), "report": as_tree(report)})

    async def get_report(self, request: web.Request) -> web.Response:
        """`GET /v1/results/{code}/report`: for the resolution system, and for the systems that named the result."""
        door, code = self._results.door, request.match_info["code"]
        body = await read_body(request, door.limits.max_body_bytes, door.limits.body_timeout_s)
        caller = await door.reader(door.authenticator.parts(request), body)
        journal = self._results.store.journal
        kept = await visible(journal, caller, code)
        read = Read(caller.system_code, "result", code, f"GET {REPORT}", kept.dossier)
        await personal.note(journal, read)
        self._count("result_report")
        return _json(report_view(kept, self._results.public_url))

    async def _again(self, judging: Judging, kept: KeptResult) -> Judged:
        """A stored result judged now, as its procedure demands; what is stored of it stays as it was."""
        store = self._results.store
        content = await read_file(store, kept.dossier, kept.sha256)
        if content is None:
            raise IntakeError("Tệp đã lưu không mở được.", code="file_broken", status=500)
        expected = await expected_signers(store.journal, judging.rules, kept)
        known = await known_evidence(store.journal, kept)
        evidence = replace(known, existences=(Existence(kept.sha256, kept.registered_at, JOURNAL),))
        at = store.clock.now()
        return await _judged(judging, Question(content, expected, evidence, at, judging.rules.dossier_paths))


async def _judged(judging: Judging, question: Question) -> Judged:
    try:
        return await judging.verifier(question)
    except SigningError as error:
        message = "Bộ kiểm tra chữ ký chưa dùng được; hãy gửi lại sau."
        raise UpstreamUnavailable(message) from error


async def visible(journal: Journal, caller: Caller, code: str) -> KeptResult:
    """A result for those whose it is; for everybody else it does not exist. Raises `NotFound`."""
    named = parse_code(code)
    record = await journal.record(results.key(code)) if named is not None else None
    if named is None or record is None:
        raise no_result()
    listed = results.parse_list(await journal.record(results.list_key(named[0]))).with_code(code)
    if caller.role != RESOLUTION and (listed is None or caller.system_code not in listed.by):
        raise no_result()
    return results.parse(record)


def no_result() -> NotFound:
    """A result that is not there, or not for this caller: the two answers are the same."""
    return NotFound("Không có kết quả mang mã này.", code="unknown_result")


def report_view(kept: KeptResult, public_url: str) -> dict[str, object]:
    """What its owner may know of a result: state, reason, the whole report, and what goes into a QR code (R08)."""
    address = f"{public_url.rstrip('/')}/{quote(kept.code, safe='')}" if public_url else ""
    return {
        "result_code": kept.code,
        "dossier_code": kept.dossier,
        "document_id": kept.document.id,
        "sha256": kept.sha256,
        "size": kept.size,
        "state": kept.state,
        "reason": kept.reason,
        "reason_vi": kept.reason_vi,
        "registered_at": kept.registered_at,
        "judged_at": kept.judged_at,
        "tries": kept.tries,
        "by_decision": kept.overridden,
        "signers_table": kept.signers,
        "evidence": list(kept.evidence),
        "look_up_url": address,
        "qr": f"{kept.code} {address}".strip(),
        "report": as_tree(kept.report) if kept.report is not None else None,
    }


def public_view(kept: KeptResult) -> dict[str, object]:
    """What anybody may know who has the code: whether to trust it, and which organisations signed. Nobody's name.

    Of a result that is not published the verdict on its signatures is told, and nothing of how the ministry came to hold it.
    """
    published = kept.state is ResultState.PASSED
    message = (_BY_DECISION if kept.overridden else _PUBLISHED) if published else _NOT_PUBLISHED
    report = kept.report
    if not published and kept.reason and kept.reason not in REASONS:
        message = f"{message} {sentence(kept.reason)}"
    return {
        "result_code": kept.code,
        "published": published,
        "verdict": report.conclusion if report is not None else None,
        "message_vi": message,
        "checked_at": kept.judged_at,
        "sha256": kept.sha256 if published else None,
        "signers": [_signer(one) for one in report.signatures] if published and report is not None else [],
    }


def _signer(one: SignatureReport) -> dict[str, object]:
    """An organisation by its name; a person as one, without a name: a certificate's subject is personal data."""
    signer = one.signer
    of_organisation = signer is not None and any(name.startswith("MST:") for name in signer.identifiers)
    organisation = signer.organisation if signer is not None else ""
    if signer is not None and of_organisation and not organisation:
        organisation = signer.name
    return {
        "organisation": organisation,
        "domain": one.domain,
        "indication": one.indication,
        "proven_time": one.proven_time,
    }


@dataclass(slots=True)
class PeerLimit:
    """How often one peer may ask, by the generic cell rate algorithm; a /64 of IPv6 is one peer."""

    limit: gcra.RateLimit
    clock: Clock
    most: int = 4_096
    message_vi: str = "Đã tra cứu quá nhiều lần; hãy thử lại sau."
    _arrivals: dict[str, float] = field(default_factory=dict)

    def take(self, peer: str) -> None:
        """Raises `TooManyRequests` for a peer that asks too often."""
        now, key = self.clock.instant(), _network(peer)
        if len(self._arrivals) >= self.most:
            self._arrivals = {name: at for name, at in self._arrivals.items() if at > now}
        taken = gcra.take(self._arrivals.get(key, 0.0), now, 1, self.limit)
        if not taken.allowed or (key not in self._arrivals and len(self._arrivals) >= self.most):
            wait = max(1, round(taken.retry_after_s + 0.5))
            raise TooManyRequests(self.message_vi, retry_after_s=wait)
        self._arrivals[key] = taken.arrival


def _network(peer: str) -> str:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


class LookUp:
    """The handler of the edge."""

    def __init__(self, journal: Journal, limit: PeerLimit, count: Callable[[str], None]) -> None:
        self._journal, self._limit, self._count = journal, limit, count

    def routes(self) -> list[web.RouteDef]:
        """Method, path and handler."""
        return [web.get(LOOK_UP, self.get_result, allow_head=False)]

    async def get_result(self, request: web.Request) -> web.Response:
        """`GET /v1/results/{code}`: what anybody may know of a result whose code they have."""
        self._limit.take(request.remote or "")
        code = request.match_info["code"]
        record = await self._journal.record(results.key(code)) if parse_code(code) is not None else None
        if record is None:
            raise no_result()
        self._count("result")
        return _json(public_view(results.parse(record)))


def _asked(body: bytes) -> Asked:
    try:
        return msgspec.json.decode(body, type=Asked)
    except msgspec.DecodeError as error:
        fault = Fault("sai_kieu", "/result_code", "Gửi đối tượng JSON có result_code và purpose.")
        raise Invalid(faults=(fault,)) from error


def _purpose(text: str) -> str:
    purpose = " ".join(text.split())
    if not _SHORTEST_PURPOSE <= len(purpose) <= _LONGEST_PURPOSE:
        told = f"Hãy nêu mục đích kiểm tra (từ {_SHORTEST_PURPOSE} đến {_LONGEST_PURPOSE} ký tự)."
        raise Invalid(faults=(Fault("thieu_truong", "/purpose", told),))
    return purpose


def _json(tree: object) -> web.Response:
    return web.Response(body=encode(tree), content_type="application/json", headers=_NO_STORE)
