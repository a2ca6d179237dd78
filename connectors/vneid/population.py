"""The half that asks CSDLQG về dân cư: one lawful question, answered in our own words, or the family of what went wrong.

Nothing of a person is kept here, logged or said in an error: an `Answer` carries what was found, and it alone. Whatever stands
between the question and its answer is judged by one table (`profiles/dancu/outcomes.csv`) and the configured `error_map`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from connectors.kit.contract import Answer, Budget, Health, Kit, Question
from connectors.kit.errors import (
    AnswerUnreadable,
    Busy,
    CannotMap,
    ConsentMissing,
    ContractChanged,
    CredentialsRefused,
    DeliveryError,
    Finding,
    NotSent,
    Rejected,
    UpstreamFault,
)
from connectors.kit.redact import quotable
from connectors.kit.soap.port import Answer as SoapAnswer
from connectors.kit.soap.schema import MessageSchema
from connectors.vneid.client import CONTRACT, Heard, PopulationClient
from connectors.vneid.population_routes import WireQuestion
from connectors.vneid.population_settings import PopulationSettings
from connectors.vneid.profiles.dancu.mapping import Asked, people, refuse_error, refuse_vague, request, verdict
from connectors.vneid.profiles.dancu.messages import (
    COLLECTION,
    KNOWN_NAMES,
    VERDICT,
    CongdanCollection,
    KetQuaXacThuc,
    MessageUnreadable,
    from_tree,
)
from connectors.vneid.profiles.dancu.outcomes import Conclusion, Family, Outcomes, Signal
from mappings.dates import local_date
from mappings.names import NameForm, wire_name

VERIFY = "verify"

_LOG = logging.getLogger(__name__)
_PROBE_S = 10.0
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[0-9.:+\-Z]{0,16}", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9_.:/-]{1,120}", re.ASCII)
_GATEWAY_DOWN = frozenset({502, 503, 504})
_KINDS: Mapping[Family, type[DeliveryError]] = {
    Family.NOT_SENT: NotSent,
    Family.BUSY: Busy,
    Family.REJECTED: Rejected,
    Family.CONSENT_MISSING: ConsentMissing,
    Family.CREDENTIALS_REFUSED: CredentialsRefused,
    Family.CONTRACT_CHANGED: ContractChanged,
    Family.UPSTREAM_FAULT: UpstreamFault,
    Family.ANSWER_UNREADABLE: AnswerUnreadable,
}


class Population:
    """Lookup and Probe of the population database. Raises only `DeliveryError`."""

    def __init__(self, settings: PopulationSettings, kit: Kit) -> None:
        """Raises `ContractChanged` for an address that must not be used, and what `Kit.secret` raises."""
        self._settings = settings
        self._kit = kit
        self._client = PopulationClient(settings, kit)
        self._outcomes = Outcomes(settings.error_map)
        self._qcvn = MessageSchema.of_file(CONTRACT / "xsd" / "dancu-1.0-qcvn109.xsd")
        self._strange: set[str] = set()

    @property
    def operations(self) -> Collection[str]:
        """What the configuration switches on."""
        return self._settings.operations

    async def ask(self, question: Question) -> Answer:
        """Who fits, as the register says it: the gateway cuts it to what the procedure may know.

        `verify` says yes or no and nothing else. The same `request_id` goes out however often a question is sent.
        """
        asked = _asked(question)
        if asked.operation not in self._settings.operations:
            finding = Finding("operation_off", "/operation", "Thao tác này chưa được bật trong cấu hình (operations).")
            raise CannotMap("Thao tác này chưa được bật.", findings=(finding,))
        if not question.purpose.strip():
            finding = Finding("missing", "/purpose", "Thiếu mục đích của câu hỏi.")
            raise CannotMap("Không hỏi về ai khi chưa nêu mục đích (Luật 91/2025/QH15 Điều 3).", findings=(finding,))
        fields = request(asked, self._settings.request)
        wire = WireQuestion(
            asked.operation, fields, asked.officer_account or asked.officer, question.dossier_code.strip()
        )
        heard = await self._client.ask(wire, question.budget or self._budget(self._settings.timeout_s))
        if heard.answer is None:
            raise self._refused(heard, asked)
        try:
            return self._understood(heard, heard.answer, asked)
        except MessageUnreadable as error:
            raise AnswerUnreadable(f"CSDLQG về dân cư: {error.message_vi}", exchange=heard.exchange) from None

    async def check(self) -> Health:
        """Whether the address answers and the route's token can be had. Nobody is asked about, so rights show only at work."""
        started = self._kit.instant()
        try:
            await self._client.sign_in(self._budget(_PROBE_S))
            path = self._settings.path_of(self._settings.operations[0] if self._settings.operations else "")
            answer = await self._client.reach(path, self._budget(_PROBE_S))
        except DeliveryError as error:
            return Health(ready=False, detail_vi=error.message_vi, latency_ms=self._since(started))
        if answer.status in _GATEWAY_DOWN:
            said = f"Hệ thống trung gian trả lời HTTP {answer.status}."
            return Health(ready=False, detail_vi=said, latency_ms=self._since(started))
        return Health(True, "Địa chỉ của CSDLQG về dân cư trả lời.", self._since(started))

    async def close(self) -> None:
        """Release sockets."""
        await self._client.close()

    def _understood(self, heard: Heard, answer: SoapAnswer, asked: Asked) -> Answer:
        name, tree = _unwrapped(answer)
        self._judge_schema(answer, heard)
        if asked.operation == VERIFY:
            if name not in (VERDICT, f"{VERDICT}Response") and "TonTai" not in _keys(tree):
                raise MessageUnreadable("câu trả lời không phải KetQuaXacThuc.")
            refuse_error(tree)
            return Answer(found=verdict(from_tree(tree, KetQuaXacThuc)), fields={}, exchange=heard.exchange)
        if name != COLLECTION:
            raise MessageUnreadable("câu trả lời không phải CongdanCollection.")
        collection = from_tree(tree, CongdanCollection)
        rows = people(collection, asked, local_date(self._kit.now()))
        if not rows:
            refuse_vague(tree)
        return Answer(
            found=bool(rows),
            fields=rows[0] if rows else {},
            exchange=heard.exchange,
            rows=rows,
            as_of=_moment(collection.ThoiDiemDuLieu),
        )

    def _judge_schema(self, answer: SoapAnswer, heard: Heard) -> None:
        """An answer that fits neither published schema is refused where the configuration says so, else told once."""
        if not answer.breaches:
            return
        body = answer.envelope.body
        if answer.name == COLLECTION and body is not None and not self._qcvn.breaches(body):
            return
        place = _place(answer)
        if self._settings.answer_schema == "strict":
            sentence = f"Câu trả lời không đúng lược đồ nào đã công bố: {place}."
            raise AnswerUnreadable(sentence, exchange=heard.exchange)
        if place not in self._strange and len(self._strange) < 100:
            self._strange.add(place)
            _LOG.warning("population answer fits no published schema: %s", place)

    def _refused(self, heard: Heard, asked: Asked) -> DeliveryError:
        """The error behind what was said in place of an answer, under the first code that was named."""
        signal, conclusion = self._concluded(heard)
        code = _code(heard.signals[0])
        text = f"{conclusion.meaning_vi} (mã {code})."
        # The words of security servers speak of machines; those of a database may speak of people.
        words = quotable(signal.machine, _words_of(asked)).rstrip(".")
        text = f"{text} Máy chủ an ninh trả lời: «{words}»." if words else text
        return _KINDS.get(conclusion.family, UpstreamFault)(
            text, exchange=replace(heard.exchange, upstream_code=code), retry_after_s=heard.retry_after_s
        )

    def _concluded(self, heard: Heard) -> tuple[Signal, Conclusion]:
        """The first signal that the table knows; the last one, when it knows none of them."""
        at = local_date(self._kit.now())
        judged = [(signal, self._outcomes.conclude(signal, at)) for signal in heard.signals]
        return next((pair for pair in judged if pair[1].known), judged[-1])

    def _budget(self, seconds: float) -> Budget:
        return Budget(self._kit.instant() + seconds, seconds)

    def _since(self, started: float) -> float:
        return (self._kit.instant() - started) * 1000


def _asked(question: Question) -> Asked:
    """What concerns the wire of a question."""
    said = {name: question.fields.get(name, "").strip() for name in ("full_name", "personal_id", "cmnd", "birth")}
    return Asked(
        operation=question.operation,
        **said,
        request_id=question.request_id.strip(),
        procedure_code=question.procedure_code.strip(),
        unit=question.unit.strip(),
        officer=question.officer.strip(),
        officer_account=question.officer_account.strip(),
    )


def _code(signal: Signal) -> str:
    """The code that was named, where it is one: whatever else stands in its place may be words about somebody."""
    code = signal.code.strip()
    if not code:
        return "không có"
    return quotable(code)[:60] if _CODE.fullmatch(code) else "không rõ"


def _words_of(asked: Asked) -> tuple[str, ...]:
    """The person of a question in the forms in which a wire may repeat it."""
    names = (asked.full_name, *(wire_name(asked.full_name, form) for form in NameForm))
    return (*names, asked.personal_id, asked.cmnd, asked.birth)


def _place(answer: SoapAnswer) -> str:
    """Where an answer breaks its schema first, in names of the schema: others may hold anything."""
    first = answer.breaches[0]
    steps = [answer.name, *first.pointer.strip("/").split("/")]
    shown = [step if step in KNOWN_NAMES or (step.isdigit() and len(step) < 4) else "…" for step in steps if step]
    return f"/{'/'.join(shown)} ({first.rule})"


def _unwrapped(answer: SoapAnswer) -> tuple[str, Any]:
    """Name and tree of an answer; one that follows the wrapped style (`…Response` around one element) is opened (facts 2.8)."""
    if answer.name.endswith("Response") and isinstance(answer.body, dict) and len(answer.body) == 1:
        name, tree = next(iter(answer.body.items()))
        if name in (COLLECTION, VERDICT):
            return name, tree
    return answer.name, answer.body


def _keys(tree: object) -> frozenset[str]:
    return frozenset(tree) if isinstance(tree, dict) else frozenset()


def _moment(said: str | None) -> str:
    """The moment that the register names, when it is one."""
    text = (said or "").strip()
    return text if _MOMENT.fullmatch(text) else ""
