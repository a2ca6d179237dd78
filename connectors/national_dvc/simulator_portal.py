"""The simulated portal without its sockets: sessions, services and answers, as the fact book tells them.

Every service takes the parsed body of one call and gives an `Answer`; HTTP, faults and the control plane stand in
`simulator.py`. Source: national-portal facts 1.5, 1.6, 2, 6 and 8.1.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import inf
from typing import Any, Literal

import msgspec

from connectors.kit.simulated_lgsp import LgspOptions
from connectors.national_dvc.simulator_catalogue import (
    DEFAULT_LISTS,
    SHARED_LISTS,
    CatalogueChange,
    ListedProcedure,
    Row,
    catalogue_of,
    catalogue_row,
    change_procedures,
    durations,
    listing,
)
from connectors.national_dvc.simulator_rules import dossier_fault, procedure_code_fits, row_fault
from connectors.national_dvc.simulator_score import Calendar, Duration, Scorer
from connectors.national_dvc.simulator_store import Holdings

Body = Mapping[str, Any]  # A raw JSON object from the wire: shapes are judged, never assumed.


Style = Literal["number", "string", "padded", "rotating"]


class PortalOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How this portal behaves. What the facts leave unknown is an option with its default here.

    `expired_code` is the answer to an unknown or expired session (1.5: unknown; [assumed] -2); `share_endpoint` and
    `integration_endpoint` are paths after `prefix` (1.3: [assumed]). `profile` mapi-2023 makes the fields of 2023
    mandatory. With neither `procedures` nor `catalogue`, every well-formed procedure code is known; `lists` replaces the
    rows of other catalogues, by service. `faults` is a plan to begin with. `lgsp` puts an LGSP in front: then the portal
    answers through it and no longer directly.
    """

    username: str = "000.00.00.G16"
    password: str = "simulator"
    madonvi: str = ""
    session_ttl_s: float = 600.0
    prefix: str = ""
    auth_endpoint: str = "/mapi/login"
    integration_endpoint: str = "/mapi/g"
    share_endpoint: str = "/mapi/share"
    require_dstcode: bool = False
    dstcode: str = ""
    require_providerurl: bool = False
    code_style: Style = "number"
    progress_answers: Literal["json", "text", "rotating"] = "json"
    duplicate_code: int = 3
    expired_code: int = -2
    profile: Literal["mapi-2019", "mapi-2023"] = "mapi-2019"
    reception_always: bool = False
    rows_per_call: int = 10
    procedures: tuple[ListedProcedure, ...] = ()
    catalogue: tuple[dict[str, Any], ...] = ()
    lists: dict[str, tuple[dict[str, Any], ...]] = {}
    poison_dossiers: tuple[str, ...] = ()
    holidays: tuple[date, ...] = ()
    lgsp: LgspOptions | None = None
    faults: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """One business answer; `code` 0 is success. `plain` allows it to leave as bare text (1.6)."""

    code: int
    message: str
    result: Sequence[Mapping[str, Any]] | None = None
    session: str = ""
    plain: bool = False


REFUSED_LOGIN = Answer(-1, "Sai tài khoản hoặc mật khẩu")
UNREADABLE = Answer(-1, "Dữ liệu gửi lên không đúng định dạng")
POISONED = Answer(-1, "Dữ liệu hồ sơ không hợp lệ theo quy định của Cổng")

_STYLES: tuple[Style, ...] = ("number", "string", "padded")


@dataclass(slots=True)
class Portal:
    """The portal's state and services. `now` gives seconds since the epoch, `new_token` an opaque session."""

    options: PortalOptions
    now: Callable[[], float]
    new_token: Callable[[], str]
    holdings: Holdings = field(default_factory=Holdings)
    sessions: dict[str, float] = field(default_factory=dict)
    poison: set[str] = field(default_factory=set)
    catalogue: dict[str, Row] = field(default_factory=dict)
    lists: dict[str, tuple[Row, ...]] = field(default_factory=dict)
    _turn: itertools.count[int] = field(default_factory=itertools.count)
    _text_turn: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.poison.update(self.options.poison_dossiers)
        self.catalogue.update(catalogue_of(self.options.procedures, self.options.catalogue))
        self.lists.update({**DEFAULT_LISTS, **self.options.lists})

    def login(self, body: object) -> Answer:
        """A session for the right account (1.5)."""
        if not isinstance(body, dict):
            return UNREADABLE
        if (body.get("username"), body.get("password")) != (self.options.username, self.options.password):
            return REFUSED_LOGIN
        now = self.now()
        for token in [token for token, until in self.sessions.items() if until <= now]:
            del self.sessions[token]
        token = self.new_token()
        self.sessions[token] = now + self.options.session_ttl_s
        return Answer(0, "Thành công", session=token)

    def standing_session(self) -> str:
        """The session that an LGSP in front of the portal keeps for everybody; made anew when it was ended."""
        return next((token for token, until in self.sessions.items() if until == inf), None) or self._lasting()

    def _lasting(self) -> str:
        token = self.new_token()
        self.sessions[token] = inf
        return token

    def expire_sessions(self) -> int:
        """Forget every session; how many there were."""
        count = len(self.sessions)
        self.sessions.clear()
        return count

    def forget(self) -> None:
        """Drop everything held; poison returns to what the options say."""
        self.holdings = Holdings()
        self.sessions.clear()
        self.poison = set(self.options.poison_dossiers)

    def expired(self) -> Answer:
        """What a call without a living session is told; the words and the code are [assumed] (1.5)."""
        return Answer(self.options.expired_code, "Phiên làm việc không tồn tại hoặc đã hết hạn")

    def knows(self, body: object) -> bool:
        """Whether a call comes with a living session."""
        return isinstance(body, dict) and self.sessions.get(str(body.get("session", "")), 0.0) > self.now()

    def serve(self, body: object, services: Services) -> Answer:
        """The answer of an endpoint that offers `services`; a living session comes first."""
        if not isinstance(body, dict):
            return UNREADABLE
        if not self.knows(body):
            return self.expired()
        madonvi = body.get("madonvi")
        if not madonvi or (self.options.madonvi and madonvi != self.options.madonvi):
            return Answer(-1, "Mã đơn vị không hợp lệ")
        service = services.get(str(body.get("service", "")))
        return service(self, body) if service is not None else Answer(-1, "Dịch vụ không tồn tại")

    def look_up(self, body: Body) -> Answer:
        """`TraCuuHoSo`: existence, and nothing more (2.5)."""
        code = str(body.get("mahoso", ""))
        return Answer(0, "", [{"MaHoSo": code}] if code in self.holdings else [])

    def procedure(self, body: Body) -> Answer:
        """`LayThuTuc`: one catalogue row, or an empty result (2.2)."""
        row = self._procedure(str(body.get("maTTHC", "")))
        return Answer(0, "", [row] if row is not None else [])

    def procedures(self, _body: Body) -> Answer:
        """`LayDanhSachTTHC`: every published procedure (2.1)."""
        return Answer(0, "", listing(self.catalogue.values()))

    def listed(self, body: Body) -> Answer:
        """Any other catalogue, as it is held; an empty one is an empty result (2.3)."""
        return Answer(0, "", list(self.lists.get(str(body.get("service", "")), ())))

    def change_catalogue(self, change: CatalogueChange) -> None:
        """The portal's editors were at work."""
        change_procedures(self.catalogue, change)
        self.lists.update(change.lists)

    def sync(self, body: Body) -> Answer:
        """`DongBoHoSoMC`: create or replace dossiers, all of a call or none (1.6, 2.6)."""
        dossiers, updating = _objects(body.get("data")), body.get("isUpdating")
        if not dossiers or updating not in ("True", "False"):
            return UNREADABLE
        refusal = self._refusal(dossiers, updating == "True")
        if refusal is not None:
            return refusal
        store = self.holdings.update if updating == "True" else self.holdings.create
        at = self.now()
        for fields in dossiers:
            store(fields, at)
        return Answer(0, "Đồng bộ thành công")

    def progress(self, body: Body) -> Answer:
        """`CapNhatTienDoHoSoMC`: append rows of one known dossier, at most ten a call (1.4, 2.7)."""
        rows = _objects(body.get("data"))
        if not rows:
            return UNREADABLE
        if len(rows) > self.options.rows_per_call:
            return Answer(-1, f"Vượt quá {self.options.rows_per_call} bản ghi trong một lần gửi", plain=True)
        codes = {str(row.get("MaHoSo", "")) for row in rows}
        if len(codes) != 1:
            return Answer(-1, "Các bản ghi tiến độ phải thuộc cùng một hồ sơ", plain=True)
        code = codes.pop()
        if code in self.poison:
            return Answer(POISONED.code, POISONED.message, plain=True)
        fault = next((fault for fault in map(row_fault, rows) if fault), "")
        if fault:
            return Answer(-1, fault, plain=True)
        if code not in self.holdings:
            return Answer(-1, "Hồ sơ không tồn tại", plain=True)
        self.holdings.append_rows(code, rows, self.now())
        return Answer(0, "Cập nhật tiến độ thành công", plain=True)

    def duplicate(self, code: str) -> Answer:
        """Both documented spellings: with code -3 the dossier is not named (example 02)."""
        words = "Mã hồ sơ đã tồn tại" if self.options.duplicate_code < 0 else f"Hồ sơ {code} đã tồn tại"
        return Answer(self.options.duplicate_code, words)

    def render(self, answer: Answer) -> tuple[bytes, str]:
        """The answer as bytes with its content type, in the configured spellings."""
        if answer.plain and self._as_text():
            return answer.message.encode(), "text/plain"
        body: dict[str, object] = {"error_code": self._code(answer.code), "message": answer.message}
        if answer.session:
            body["session"] = answer.session
        if answer.result is not None:
            body["result"] = answer.result
        return msgspec.json.encode(body), "application/json"

    def scorer(self) -> Scorer:
        """The scorer with this portal's calendar and catalogue."""
        return Scorer(Calendar(frozenset(self.options.holidays)), self._durations)

    def _refusal(self, dossiers: Sequence[Body], updating: bool) -> Answer | None:
        """Why the call is refused as a whole, or None."""
        full_2023, always = self.options.profile == "mapi-2023", self.options.reception_always
        seen = set()
        for fields in dossiers:
            code = str(fields.get("MaHoSo", ""))
            if code in self.poison:
                return POISONED
            fault = dossier_fault(fields, full_2023=full_2023, reception_always=always)
            if fault:
                return Answer(-1, fault)
            if not updating and (code in self.holdings or code in seen):
                return self.duplicate(code)
            if updating and code not in self.holdings:
                return Answer(-1, f"Hồ sơ {code} không tồn tại")
            if self._listed() and str(fields["MaTTHC"]) not in self.catalogue:
                return Answer(-1, f"Thủ tục {fields['MaTTHC']} không tồn tại")
            seen.add(code)
        return None

    def _listed(self) -> bool:
        return bool(self.options.procedures or self.options.catalogue)

    def _procedure(self, code: str) -> Row | None:
        row = self.catalogue.get(code)
        if row is None and procedure_code_fits(code) and not self._listed():
            row = catalogue_row(ListedProcedure(code=code, name=f"Thủ tục {code}"))
        return row

    def _durations(self, code: str) -> Sequence[Duration]:
        row = self._procedure(code)
        return tuple(durations(row)) if row is not None else ()

    def _code(self, code: int) -> int | str:
        style: Style = self.options.code_style
        if style == "rotating":
            style = _STYLES[next(self._turn) % len(_STYLES)]
        if style == "number":
            return code
        return "00" if style == "padded" and code == 0 else str(code)

    def _as_text(self) -> bool:
        chosen = self.options.progress_answers
        return chosen == "text" or (chosen == "rotating" and next(self._text_turn) % 2 == 1)


Services = Mapping[str, Callable[[Portal, Body], Answer]]

INTEGRATION: Services = {
    "TraCuuHoSo": Portal.look_up,
    "LayThuTuc": Portal.procedure,
    "DongBoHoSoMC": Portal.sync,
    "CapNhatTienDoHoSoMC": Portal.progress,
}
SHARED: Services = {"LayDanhSachTTHC": Portal.procedures, **dict.fromkeys(SHARED_LISTS, Portal.listed)}


def _objects(value: object) -> list[Body]:
    """A list of JSON objects as it is; anything else as an empty list."""
    return value if isinstance(value, list) and all(isinstance(item, dict) for item in value) else []
