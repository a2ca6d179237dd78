"""Shape before meaning: sizes, media type, strict JSON, the published schema, and what a schema cannot say.

Every fault of a request is found and named at once, by JSON pointer, with a Vietnamese sentence that says what to do;
no sentence repeats a value, since values are personal data. What an event *means* (codes of a sector system, the
lifecycle, a required reason) is judged later. The schemas in `schemas/` are the ones published to calling systems.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib import resources
from typing import Any, Literal, get_args

import jsonschema_rs
from aiohttp import web

from gateway.config import Intake
from gateway.errors import ConfigError, Fault, IntakeError, Invalid, TooLarge
from gateway.intake import strict_json

Kind = Literal["event", "dossier", "file-pull"]
Asked = Literal[
    "sign-on-request", "sign-on-redemption", "sign-on-logout-request", "identity-question", "identity-check-request"
]
"""The schemas of what is asked of identity."""

LONGEST_LIST = 500
"""The largest `maxItems` of the schemas; a test keeps them together."""

NOT_A_DOSSIER = "Hồ sơ không hợp lệ; hãy sửa theo danh sách lỗi rồi gửi lại."

BODY = web.RequestKey("body", bytes)  # where content is kept that arrived before its call was let in
_JSON = ("application/json",)
_MAX_CODE = 52
_MAX_UNIT = 35
_TIME = re.compile(r"(?:19|20|21)\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_ZONELESS = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?", re.ASCII)
_DAY = re.compile(r"(?:18|19|20|21)\d\d-\d\d-\d\d", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may measure, and the accepted forms of a dossier code (national-portal facts 4.1)."""

    max_body_bytes: int
    max_depth: int
    dossier_code_patterns: tuple[re.Pattern[str], ...]
    body_timeout_s: float = 30.0

    @classmethod
    def of(cls, intake: Intake) -> Limits:
        """The limits of the settings; raises `ConfigError` for a pattern that is none.

        Nesting is bounded whatever the settings say, so that no reader ever recurses without end.
        """
        try:
            # ASCII: a digit of another script looks like a digit and is another code.
            patterns = tuple(re.compile(pattern, re.ASCII) for pattern in intake.dossier_code_patterns)
        except re.error as error:
            raise ConfigError((f"intake.dossier_code_patterns: không phải biểu thức chính quy ({error})",)) from error
        return cls(intake.max_body_bytes, min(intake.max_depth, 200), patterns, intake.body_timeout_s)

    def is_dossier_code(self, code: str) -> bool:
        """Whether `code` has an accepted form; a unit is at most 35 characters long (QĐ 20/2020/QĐ-TTg Điều 4)."""
        if len(code) > _MAX_CODE:
            return False
        for pattern in self.dossier_code_patterns:
            found = pattern.fullmatch(code)
            if found is not None:
                return len(found.groupdict().get("unit") or "") <= _MAX_UNIT
        return False


@dataclass(frozen=True, slots=True)
class Submission:
    """Validated but not yet understood. `raw` are the bytes that were signed, `digest` their SHA-256."""

    kind: Kind
    raw: bytes = field(repr=False)
    tree: dict[str, Any] = field(repr=False)
    digest: bytes


async def read_body(request: web.BaseRequest, limit: int, within_s: float = 30.0) -> bytes:
    """The content of a request; raises `TooLarge` as soon as it exceeds `limit` bytes, announced or streamed.

    Nothing beyond the limit is kept in memory, and nobody keeps a place here by sending slowly: content that is not
    whole after `within_s` seconds is refused (408). Encoded content is refused: the digest is over the bytes as sent.
    """
    if any(line.strip().lower() != "identity" for line in request.headers.getall("Content-Encoding", ())):
        raise Invalid("Hãy gửi nội dung không nén (bỏ Content-Encoding).", code="unsupported_encoding", status=415)
    if (request.content_length or 0) > limit or len(request.get(BODY, b"")) > limit:
        raise _too_large(limit)
    try:
        if request.content.is_eof():  # it came with the head, as small content does: no clock is needed
            return await _content(request, limit)
        async with asyncio.timeout(within_s):
            return await _content(request, limit)
    except TimeoutError:
        message = f"Nội dung không đến đủ trong {within_s:g} giây; hãy gửi lại đúng yêu cầu này."
        raise IntakeError(message, code="body_timeout", status=408) from None
    except web.RequestPayloadError:
        raise Invalid(
            "Nội dung đến không trọn vẹn; hãy gửi lại đúng yêu cầu này.", code="broken_body", status=400
        ) from None


async def _content(request: web.BaseRequest, limit: int) -> bytes:
    chunks = [request.get(BODY, b"")]
    size = len(chunks[0])
    while chunk := await request.content.readany():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"Nội dung vượt quá {limit} byte; hãy tải tệp lên trước rồi chỉ gửi tên, cỡ và sha256 của tệp.")


def validate_event(raw: bytes, content_type: str, limits: Limits, *, idempotency_key: str | None = None) -> Submission:
    """An event as it came in (dossier-model facts 4.1); raises `Invalid` with all its faults.

    `idempotency_key` is the header's value: when present it must be the `event_id`.
    """
    submission, faults = _examine("event", raw, content_type, limits)
    faults.extend(_event_faults(submission.tree, idempotency_key))
    _raise_if_any(faults)
    return submission


def validate_dossier(raw: bytes, content_type: str, limits: Limits, *, path_code: str | None = None) -> Submission:
    """A dossier snapshot (dossier-model facts 2.1); raises `Invalid` with all its faults.

    `path_code` is the code in the address: when given it must be the `dossier_code` of the snapshot.
    """
    submission, faults = _examine("dossier", raw, content_type, limits)
    if path_code is not None and submission.tree.get("dossier_code") != path_code:
        message = "Mã hồ sơ trong nội dung phải trùng với mã trên đường dẫn."
        faults.append(Fault("ma_ho_so_khac_duong_dan", "/dossier_code", message))
    _raise_if_any(faults, NOT_A_DOSSIER)
    return submission


def validate_pull(raw: bytes, content_type: str, limits: Limits) -> Submission:
    """The wish that a file be fetched; raises `Invalid` with all its faults."""
    submission, faults = _examine("file-pull", raw, content_type, limits)
    _raise_if_any(faults)
    return submission


def asked_faults(kind: Asked, raw: bytes, limits: Limits) -> tuple[Fault, ...]:
    """Every fault of what was asked of identity, by its published schema; raises `Invalid` for what is no JSON object."""
    found = _kept(list(_schema_faults(kind, strict_json.parse(raw, limits.max_depth).tree)))
    return found[: strict_json.MAX_FAULTS]


def _examine(kind: Kind, raw: bytes, content_type: str, limits: Limits) -> tuple[Submission, list[Fault]]:
    """Media type and structure are refused at once; the schema's faults are returned to be joined by others."""
    check_media_type(content_type, _JSON)
    parsed = strict_json.parse(raw, limits.max_depth)
    tree = _without_nulls(parsed.tree) if b"null" in raw else parsed.tree
    submission = Submission(kind, raw, tree, hashlib.sha256(raw).digest())
    faults = [Fault("sai_kieu", pointer, "Số phải viết dạng số nguyên, không có phần thập phân hay số mũ.")
              for pointer in parsed.fractions]  # fmt: skip
    faults.extend(_tree_faults(kind, tree, limits))
    return submission, faults


def tree_faults(tree: dict[str, Any], limits: Limits) -> list[Fault]:
    """The faults of an event that was translated into our published form: the same schema, the same rules between fields."""
    return [*_tree_faults("event", tree, limits), *_event_faults(tree, None)]


def _tree_faults(kind: Kind, tree: dict[str, Any], limits: Limits) -> Iterator[Fault]:
    if not _VALIDATORS[kind].is_valid(tree):
        yield from _schema_faults(kind, tree)
    code = tree.get("dossier_code")
    if isinstance(code, str) and code and not limits.is_dossier_code(code):
        message = "Mã hồ sơ không đúng cấu trúc, ví dụ đúng: 000.00.00.G16-241014-0001."
        yield Fault("ma_ho_so_sai", "/dossier_code", message)


def _without_nulls(value: Any) -> Any:
    """The same tree without members that are null: in this interface null says that a field does not apply."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def check_media_type(content_type: str, allowed: tuple[str, ...]) -> None:
    """Raise `Invalid` (415) unless the content is of an allowed media type, in UTF-8."""
    if content_type in allowed:  # by far the usual spelling
        return
    media_type, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if media_type.strip().lower() not in allowed or charset not in {"", "charset=utf-8"}:
        message = f"Content-Type phải là {' hoặc '.join(allowed)} (UTF-8)."
        raise Invalid(message, code="unsupported_media_type", status=415)


def _raise_if_any(faults: list[Fault], message_vi: str = "") -> None:
    if not faults:
        return
    raise Invalid(message_vi, faults=_kept(faults)[: strict_json.MAX_FAULTS])


def _kept(faults: list[Fault]) -> tuple[Fault, ...]:
    """Each once; of a value of the wrong type nothing else is said."""
    wrong_type = {fault.pointer for fault in faults if fault.code == "sai_kieu"}
    kept = [fault for fault in faults if fault.code == "sai_kieu" or fault.pointer not in wrong_type]
    return tuple(dict.fromkeys(kept))


def _event_faults(tree: dict[str, Any], idempotency_key: str | None) -> Iterator[Fault]:
    """What the schema of an event cannot say: how its fields stand to each other and to the header."""
    offered = key_fault(idempotency_key, tree)
    if offered is not None:
        yield offered
    for one, other in (("state", "raw_state"), ("dossier_code", "sector_dossier_id")):
        if (one in tree or other in tree) and _blank(tree.get(one)) and _blank(tree.get(other)):
            yield Fault("thieu_mot_trong", "", _one_of((one, other)))
    sequence, previous = tree.get("sequence"), tree.get("previous_sequence")
    if type(sequence) is int and type(previous) is int and previous >= sequence:
        yield Fault("thu_tu_sai", "/previous_sequence", "previous_sequence phải nhỏ hơn sequence.")


def key_fault(idempotency_key: str | None, tree: dict[str, Any]) -> Fault | None:
    """The fault of an Idempotency-Key that is not the event's id; none was sent, or it is that id: None."""
    if idempotency_key is None or _unquoted(idempotency_key) == tree.get("event_id"):
        return None
    return Fault("khoa_khac_event_id", "/event_id", "Idempotency-Key phải trùng với event_id (chữ thường).")


def _blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _one_of(names: Iterable[str]) -> str:
    return f"Cần ít nhất một trong các trường: {', '.join(names)}."


def _unquoted(text: str) -> str:
    """The header's value, be it bare or a Structured Field string."""
    stripped = text.strip(" \t")
    quoted = len(stripped) >= 2 and stripped[0] == stripped[-1] == '"'
    return stripped[1:-1] if quoted else stripped


def _is_time(text: str) -> bool:
    """RFC 3339 with a zone, and a moment that exists; no leap second, which no later reader can hold."""
    return _TIME.fullmatch(text) is not None and _reads(datetime.fromisoformat, text)


def _is_day(text: str) -> bool:
    return _DAY.fullmatch(text) is not None and _reads(date.fromisoformat, text)


def _is_uuid(text: str) -> bool:
    """RFC 9562 in lower case: one id has one spelling, because it is the idempotency key."""
    return _UUID.fullmatch(text) is not None


def _reads(reader: Any, text: str) -> bool:
    try:
        reader(text)
    except ValueError:
        return False
    return True


def schema(kind: Kind | Asked) -> dict[str, Any]:
    """The published JSON Schema (2020-12) of what is submitted."""
    text = resources.files("gateway.intake").joinpath("schemas", f"{kind}.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


_KINDS: tuple[Kind | Asked, ...] = ("event", "dossier", "file-pull", *get_args(Asked))
_VALIDATORS = {
    kind: jsonschema_rs.Draft202012Validator(
        schema(kind),
        validate_formats=True,
        ignore_unknown_formats=False,
        formats={"date-time": _is_time, "date": _is_day, "uuid": _is_uuid},
    )
    for kind in _KINDS
}

PATTERNS: dict[str, tuple[str, str]] = {
    "^[0-9]{4}(-[0-9]{2}){0,2}$": ("sai_ngay", "Ngày sinh phải viết dạng YYYY, YYYY-MM hoặc YYYY-MM-DD."),
    r"\S": ("de_trong", "Trường này không được để trống."),
    "^[0-9a-f]{64}$": ("sai_dinh_dang", "sha256 phải gồm 64 chữ số thập lục phân viết thường."),
    "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$": (
        "sai_dinh_dang",
        "Mã hệ thống gồm chữ không dấu, chữ số và các dấu . _ -, dài tối đa 64 ký tự.",
    ),
    "^[a-zA-Z0-9!#$&^_.+-]{1,64}/[a-zA-Z0-9!#$&^_.+-]{1,64}$": (
        "sai_dinh_dang",
        "Kiểu nội dung phải có dạng loại/phân-loại, ví dụ application/pdf.",
    ),
    "^[A-Za-z0-9_-]{43}$": ("sai_dinh_dang", "Vé gồm đúng 43 ký tự, như trình duyệt mang về."),
    "^[A-Za-z0-9._-]{8,40}$": (
        "sai_dinh_dang",
        "Từ 8 đến 40 ký tự chữ, số, dấu chấm, gạch dưới, gạch nối; mỗi câu hỏi một mã.",
    ),
    "^(?:https?://[!-~]+)?$": ("sai_dinh_dang", "Phải là một địa chỉ http hoặc https đầy đủ."),
}
"""Each pattern of the schemas with its code and sentence; a test keeps the two together."""

_FORMATS = {
    "date-time": ("sai_thoi_diem", "Thời điểm phải theo RFC 3339 và có múi giờ, ví dụ 2026-11-20T15:04:05+07:00."),
    "date": ("sai_ngay", "Ngày phải có thật và viết dạng YYYY-MM-DD."),
    "uuid": ("sai_uuid", "Phải là UUID viết thường, ví dụ 019a0f5e-7b1c-7c40-9a51-2f1d6c0a1111."),
}
_TYPES = {
    "string": "một chuỗi",
    "integer": "một số nguyên",
    "boolean": "true hoặc false",
    "object": "một đối tượng",
    "array": "một mảng",
}


def _schema_faults(kind: Kind | Asked, tree: dict[str, Any]) -> Iterator[Fault]:
    for error in _VALIDATORS[kind].iter_errors(_cut(tree)):
        pointer = "".join(f"/{strict_json.escape(str(step))}" for step in error.instance_path)
        if error.kind.name == "format" and isinstance(error.instance, str) and _ZONELESS.fullmatch(error.instance):
            yield Fault("thieu_mui_gio", pointer, "Thời điểm thiếu múi giờ; hãy ghi rõ, ví dụ +07:00.")
        else:
            yield from _faults_of(error.kind, pointer)


def _cut(value: Any) -> Any:
    """The tree without what lies behind the end of an overlong list; the list is still too long, and named as such.

    The validator makes an error of every item at a cost that grows with the square: 0.8 MB of `{}` took 14 seconds.
    """
    if isinstance(value, dict):
        return {key: _cut(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cut(item) for item in value[: LONGEST_LIST + 1]]
    return value


def _faults_of(found: Any, pointer: str) -> Iterator[Fault]:
    """One error of the validator as faults; `found` is its kind, one class a keyword."""
    keyword = jsonschema_rs.ValidationErrorKind
    if isinstance(found, keyword.Required):
        yield Fault("thieu_truong", f"{pointer}/{found.property}", "Thiếu trường bắt buộc này; hãy bổ sung.")
    elif isinstance(found, keyword.AdditionalProperties):
        for name in found.unexpected:
            message = "Không có trường này trong giao diện; hãy bỏ đi hoặc kiểm tra tên."
            yield Fault("truong_khong_biet", f"{pointer}/{strict_json.escape(name)}", message)
    elif isinstance(found, keyword.AnyOf):
        kinds: list[Any] = [error.kind for branch in found.context for error in branch]
        names = [kind.property for kind in kinds]
        yield Fault("thieu_mot_trong", pointer, _one_of(names))
    elif isinstance(found, keyword.Type):
        wanted = " hoặc ".join(_TYPES.get(name, name) for name in found.types)
        yield Fault("sai_kieu", pointer, f"Phải là {wanted}; nếu không có giá trị thì bỏ hẳn trường này.")
    elif isinstance(found, keyword.Pattern):
        code, message = PATTERNS.get(found.pattern, ("sai_dinh_dang", "Giá trị không đúng định dạng."))
        yield Fault(code, pointer, message)
    elif isinstance(found, keyword.Format):
        code, message = _FORMATS.get(found.format, ("sai_dinh_dang", "Giá trị không đúng định dạng."))
        yield Fault(code, pointer, message)
    else:
        yield _limit_fault(found, pointer)


def _limit_fault(found: Any, pointer: str) -> Fault:
    """Faults against a list or a bound."""
    keyword = jsonschema_rs.ValidationErrorKind
    if isinstance(found, keyword.Enum):
        allowed = ", ".join(str(option) for option in found.options)
        return Fault("gia_tri_khong_co", pointer, f"Giá trị phải là một trong: {allowed}.")
    if isinstance(found, keyword.MaxLength):
        return Fault("qua_dai", pointer, f"Dài tối đa {found.limit} ký tự.")
    if isinstance(found, keyword.MinLength):
        return Fault("khong_hop_le", pointer, f"Dài ít nhất {found.limit} ký tự.")
    if isinstance(found, keyword.MaxItems):
        return Fault("qua_nhieu", pointer, f"Nhiều nhất {found.limit} phần tử.")
    if isinstance(found, keyword.Minimum):
        return Fault("qua_nho", pointer, f"Phải từ {found.limit} trở lên.")
    if isinstance(found, keyword.Maximum):
        return Fault("qua_lon", pointer, f"Phải không quá {found.limit}.")
    return Fault("khong_hop_le", pointer, f"Không đạt điều kiện {found.name} của lược đồ.")
