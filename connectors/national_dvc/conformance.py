"""What the conformance suite needs to know of the portal connector: set-up, samples, and an answer for every outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec

from connectors.kit.case import Case, ConformanceCase, Example, Feeding, OutcomeTrigger, Sample, TaskSample
from connectors.kit.contract import RESULTS, Change, Question, Task
from connectors.national_dvc.profiles._mapi.catalogues import AGENCIES
from connectors.national_dvc.profiles._mapi.messages import (
    APPEND_ROWS,
    LOGIN,
    LOOK_UP_DOSSIER,
    READ_PROCEDURE,
    SYNC_DOSSIER,
    DongTienDo,
)
from connectors.national_dvc.profiles.mapi_2019.messages import HoSo as HoSo2019
from connectors.national_dvc.profiles.mapi_2023.messages import HoSo as HoSo2023
from mappings.canonical import (
    Actor,
    Agency,
    Carried,
    Dossier,
    DossierTimes,
    FileRef,
    Identity,
    Party,
    Procedure,
    ResultDocument,
    StatusEvent,
    Step,
    VerifiedResult,
)
from mappings.codes import DossierStatus, IdentityType, Origin, Outcome, PartyKind
from mappings.dates import to_portal_time

_MADONVI = "000.00.00.G16"
_USERNAME = "tai-khoan-kiem-thu"
_PASSWORD = "khong-bao-gio-ghi-nhat-ky"
_LGSP_ID, _LGSP_SECRET = "khach-lgsp-kiem-thu", "khoa-lgsp-khong-bao-gio-ghi"
_START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
_APPLICANT, _ID_NUMBER, _PHONE = "Nguyễn Văn Kiểm Thử", "001099012345", "0900000123"
_SESSION_WORDS = "Phiên làm việc đã hết hạn"
_BUSY_WORDS = "Hệ thống đang bận"
_UNKNOWN_DOSSIER = "Hồ sơ không tồn tại"
_EXISTS = "Hồ sơ đã tồn tại"


def _through_lgsp(base_url: str) -> ConformanceCase:
    """The newer generation through an LGSP: every call with its token, every answer a string in a string."""
    plain = _case(base_url, "mapi-2023")
    carrier = {
        "kind": "lgsp",
        "token_url": f"{base_url}/token",
        "client_id": "env:lgsp_id",
        "client_secret": "env:lgsp_secret",
    }
    lgsp = {"client_id": _LGSP_ID, "client_secret": _LGSP_SECRET, "credentials": "basic", "wrap": "always"}
    return replace(
        plain,
        settings={**plain.settings, "carrier": carrier},
        secrets={**plain.secrets, "env:lgsp_id": _LGSP_ID, "env:lgsp_secret": _LGSP_SECRET},
        simulator={**plain.simulator, "lgsp": lgsp},
        planted=(*plain.planted, _LGSP_SECRET),
    )


def _case(base_url: str, profile: str) -> ConformanceCase:
    """The case of this connector against a simulator at `base_url` that demands what the generation demands."""
    folder = profile.replace("-", "_")
    return ConformanceCase(
        settings={
            "base_url": base_url,
            "madonvi": _MADONVI,
            "username": "env:username",
            "password": "env:password",
            "profile": profile,
            "allow_plain": ("127.0.0.1",),
            "progress_after_unknown": {"5": "hold"},
            "endpoints": {"share": "/mapi/share"},
            "result_url_base": "https://ket-qua.bvhttdl.example.vn/kq",
        },
        secrets={"env:username": _USERNAME, "env:password": _PASSWORD},
        simulator={"username": _USERNAME, "password": _PASSWORD, "profile": profile},
        sample=_sample,
        effects=_effects,
        round_trip=_round_trip,
        outcomes=_outcomes(folder),
        planted=(_PASSWORD, _APPLICANT, _ID_NUMBER, _PHONE),
        state_path="/_simulator/dossiers?limit=100000",
        fault_operation={
            "state": SYNC_DOSSIER,
            RESULTS: SYNC_DOSSIER,
            "progress": APPEND_ROWS,
            "procedure": READ_PROCEDURE,
            "catalogue": AGENCIES,
        },
        questions={
            "procedure": Question(
                "procedure", {"code": "1.004528"}, "đối chiếu danh mục thủ tục", "kiểm thử", "TTCNTT"
            ),
            "catalogue": Question(
                "catalogue", {"service": AGENCIES}, "đối chiếu danh mục cơ quan", "kiểm thử", "TTCNTT"
            ),
        },
        profiles=(folder,),
        changes=_looks,
        task=_task,
        task_effects=_task_effects,
        # The catalogues are there already; one procedure is renamed to show that a round reads what is new.
        feeding=lambda _poller: Feeding("POST", "/_simulator/catalogue", b'{"rename": {"1.004528": "Ten moi"}}'),
    )


def _looks(ledger: str) -> tuple[Change, ...]:
    """A catalogue as it was seen: first, the same again, renamed, empty, and back."""

    def look(number: int, **names: str) -> Change:
        rows = {code: {"name": name, "raw": {"MA": code, "TEN": name}} for code, name in names.items()}
        fields = {"service": AGENCIES, "seen_on": f"2026-11-{number:02d}", "rows": rows, "hidden": []}
        return Change(ledger, AGENCIES, f"{AGENCIES}-{number}", fields)

    return (
        look(1, A="Cục A", B="Cục B"),
        look(2, A="Cục A", B="Cục B"),
        look(3, A="Cục A mới"),
        look(4),
        look(5, A="Cục A"),
    )


def _sample(operation: str, number: int, step: int) -> Sample:
    """Dossier `number` at its event `step`; the snapshot lacks the sector's name, so the catalogue is asked once."""
    at = _START + timedelta(hours=number, minutes=10 * step)
    code = f"{_MADONVI}-261120-{number:04d}"
    dossier = Dossier(
        dossier_code=code,
        version=1,
        origin=Origin.ONLINE_MINISTRY,
        procedure=Procedure("BVH-DL-01", "1.004528", "Cấp thẻ hướng dẫn viên du lịch", "G16-DL01"),
        agency=Agency("G16.05", "Cục Du lịch Quốc gia Việt Nam", handling_unit="Phòng Quản lý lữ hành"),
        applicant=Party(PartyKind.CITIZEN, _APPLICANT, Identity(IdentityType.CCCD, _ID_NUMBER), phone=_PHONE),
        state=DossierStatus.RECEIVED,
        summary="Đề nghị cấp thẻ hướng dẫn viên",
        times=DossierTimes(submitted_at=at - timedelta(hours=1), received_at=at, due_at=at + timedelta(days=15)),
    )
    event = StatusEvent(
        event_id=f"019a0f5e-7b1c-7c40-9a51-{number:06d}{step:06d}",
        system_code="RES-VHTTDL",
        dossier_code=code,
        sequence=step + 1,
        occurred_at=at,
        state=DossierStatus.RECEIVED if step == 0 else DossierStatus.PROCESSING,
        step=Step(Actor("Trần Thị Mẫu", "Chuyên viên", "Bộ phận Một cửa"), f"Bước xử lý {step + 1}"),
    )
    return Sample(operation, Carried(event, dossier), before=("state",) if operation == "progress" else ())


def _effects(state: object, sample: Sample) -> int:
    """How often the portal shows the status, or the row, of the sample; a full replacement by the same is no effect."""
    event = sample.carried.event
    held = next((row for row in _list(state, "dossiers") if row.get("code") == event.dossier_code), {})
    status = {DossierStatus.RECEIVED: "2"}.get(event.state, "4")
    if sample.operation == "state":
        states = held.get("states")
        return states.count(status) if isinstance(states, list) else 0
    rows = [row.get("row") for row in _list(held, "progress")]
    moment = to_portal_time(event.occurred_at)
    return sum(
        isinstance(row, dict) and row.get("TrangThai") == status and row.get("ThoiDiemXuLy") == moment for row in rows
    )


def _task(operation: str, number: int) -> TaskSample:
    """The judged result of a dossier that has ended."""
    sample = _sample("state", 1_000 + number, 0)
    ended = replace(sample.carried.event, state=DossierStatus.RESOLVED, outcome=Outcome.GRANTED)
    dossier = sample.carried.dossier
    file = FileRef("the-hdv.pdf", "application/pdf", 10, "ab" * 32)
    shown = VerifiedResult(f"{dossier.dossier_code}-KQ(1)", ResultDocument("GP-1", f"Thẻ của {_APPLICANT}", file))
    task = Task(
        kind=RESULTS,
        reported_by="gateway",
        ledger="result",
        ledger_id=shown.result_code,
        version=2,
        dossier_code=dossier.dossier_code,
        asked_at=ended.occurred_at + timedelta(minutes=1),
        fields={RESULTS: msgspec.to_builtins((shown,))},
        dossier=dossier,
    )
    return TaskSample(operation, task, before=(replace(sample, carried=replace(sample.carried, event=ended)),))


def _task_effects(state: object, sample: TaskSample) -> int:
    """Whether the portal ever showed the result, beside the state that the dossier ended in."""
    held = next((row for row in _list(state, "dossiers") if row.get("code") == sample.task.dossier_code), {})
    shown = held.get("results")
    return int(isinstance(shown, dict) and sample.task.ledger_id in shown and held.get("state") == "9")


def _list(tree: object, key: str) -> list[dict[str, object]]:
    items = tree.get(key) if isinstance(tree, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _round_trip(example: Example) -> object:
    """A request of the examples read with the profile's types and written again."""
    dossier = {"mapi_2019": HoSo2019, "mapi_2023": HoSo2023}[example.profile]
    kinds: dict[object, type] = {"dossier": dossier, "rows": DongTienDo}
    kind = kinds.get(example.tree.get("kind"))
    if kind is None or not isinstance(example.message, dict):
        return example.message
    items: list[object] = [msgspec.convert(item, kind) for item in example.message["data"]]
    written: object = msgspec.json.decode(msgspec.json.encode({**example.message, "data": items}))
    return written


def _said(row: dict[str, str], code: object, message: str, **more: object) -> OutcomeTrigger:
    """The trigger of an envelope answer for `row`; the operation follows from the row's own."""
    told = {**_TOLD[row["operation"]], **more}
    body = msgspec.json.encode({"error_code": code, "message": message, "result": told.pop("result", [])}).decode()
    return msgspec.convert({"profile": "", "row": row, "body": body, **told}, OutcomeTrigger)


def _text(row: dict[str, str], text: str, expect: tuple[str, ...] = ()) -> OutcomeTrigger:
    return OutcomeTrigger(
        profile="",
        row=row,
        operation="progress",
        match=APPEND_ROWS,
        body=text,
        content_type="text/plain",
        expect=expect,
    )


_STATE: dict[str, object] = {"operation": "state", "match": SYNC_DOSSIER}
_TOLD: dict[str, dict[str, object]] = {
    "*": _STATE,
    "login": {"operation": "state", "match": LOGIN},
    "create": _STATE,
    "update": _STATE,
    "progress": {"operation": "progress", "match": APPEND_ROWS},
    "lookup": {"operation": "state", "match": LOOK_UP_DOSSIER, "asked": "enquire"},
    "procedure": {"operation": "state", "match": READ_PROCEDURE},
    "catalogue": {"operation": "catalogue", "match": AGENCIES, "asked": "ask"},
}


def _row(operation: str, code: str, family: str, **more: str) -> dict[str, str]:
    return {"operation": operation, "code": code, "family": family, **more}


_LISTED = [
    {
        "MATTHC": "1.004528",
        "TENTTHC": "Cấp thẻ",
        "LINHVUCTHUCHIEN": [{"MALINHVUC": "G16-DL01", "TENLINHVUC": "Du lịch"}],
    }
]

_TRIGGERS = (
    _said(_row("*", "*", "session_expired"), -9, _SESSION_WORDS, expect=("busy",)),
    _text(_row("*", "text", "session_expired"), _SESSION_WORDS, ("busy",)),
    _said(_row("*", "0", "unreadable"), 0, "Đồng bộ thất bại"),
    _said(_row("*", "*", "unreadable"), -9, "Lỗi hệ thống, vui lòng thử lại sau"),
    _said(_row("*", "*", "busy", meaning_vi="Cổng Dịch vụ công quốc gia đang bận và chưa xử lý"), -9, _BUSY_WORDS),
    _said(_row("progress", "*", "unreadable"), -9, "Vui lòng thử lại"),
    _said(_row("*", "*", "busy", meaning_vi="Cổng Dịch vụ công quốc gia bảo thử lại sau"), -9, "Vui lòng thử lại"),
    _said(_row("login", "0", "done"), 0, "", expect=("not_sent",)),  # Without a session nothing could be sent.
    _said(_row("login", "-1", "credentials_refused"), -1, "Sai tài khoản hoặc mật khẩu"),
    _said(_row("login", "*", "credentials_refused"), 7, "Không được phép"),
    _said(_row("create", "0", "duplicate"), 0, _EXISTS),
    _said(_row("create", "3", "duplicate"), 3, _EXISTS, expect=("busy", "rejected")),
    _said(_row("create", "-3", "duplicate"), "-3", _EXISTS, expect=("busy", "rejected")),
    _said(_row("create", "*", "duplicate"), 8, _EXISTS, expect=("busy", "rejected")),
    _said(_row("create", "0", "done"), "00", "Đồng bộ thành công"),
    # The same answer to a create and to the update after it: "exists" to the one, "does not exist" to the other.
    _said(_row("update", "*", "not_found"), 8, f"{_UNKNOWN_DOSSIER}; {_EXISTS}", expect=("busy",)),
    _said(_row("update", "0", "done"), 0, _EXISTS),
    _said(_row("progress", "*", "not_found"), -1, _UNKNOWN_DOSSIER, expect=("rejected",)),
    _said(_row("progress", "0", "done"), "0", "Cập nhật thành công"),
    _text(_row("progress", "text", "rejected"), "Cập nhật không thành công"),
    _text(_row("progress", "text", "not_found"), _UNKNOWN_DOSSIER, ("rejected",)),
    _text(_row("progress", "text", "done"), "Cập nhật tiến độ thành công"),
    _text(_row("progress", "text", "unreadable"), "Xong"),
    _said(_row("lookup", "*", "not_found"), -1, _UNKNOWN_DOSSIER, expect=("not_found",)),
    _said(_row("lookup", "0", "done"), 0, "", result=[{"MaHoSo": "x"}], expect=("cannot_tell",)),
    _said(_row("procedure", "*", "not_found"), 4, "Thủ tục không tồn tại", expect=("cannot_map",)),
    _said(_row("procedure", "0", "done"), 0, "", result=_LISTED),
    _said(_row("catalogue", "0", "done"), 0, ""),
    _said(_row("*", "-1", "rejected"), "-1", "Thiếu trường NgayTiepNhan"),
    _said(_row("*", "*", "rejected"), "E17", "Lỗi chưa biết"),
)


def _outcomes(folder: str) -> tuple[OutcomeTrigger, ...]:
    """The same answers for each generation: both tables know the same rows."""
    return tuple(replace(trigger, profile=folder) for trigger in _TRIGGERS)


CASES: Mapping[str, Case] = {
    "mapi-2019": lambda base_url: _case(base_url, "mapi-2019"),
    "mapi-2023": lambda base_url: _case(base_url, "mapi-2023"),
    "mapi-2023-lgsp": _through_lgsp,
}
"""One case for each generation, and one for the road through an LGSP."""
