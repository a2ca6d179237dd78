"""A message in the dialect that its system's owner published: from its bytes to the event, every fault by its own place.

The profile translates the message into our own published form; then the very schema and readers judge it that judge
everybody, and what they find is told by pointers into the message as it was sent (QĐ 3036 Điều 5.8). No sentence
repeats a value of the message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gateway.config import CallerRecord
from gateway.errors import ConfigError, Fault, Invalid
from gateway.intake import strict_json, xml_tree
from gateway.intake.receipts import Remark
from gateway.intake.validate import Limits, check_media_type, key_fault, tree_faults
from mappings.canonical import StatusEvent
from mappings.dialect import Dialect
from mappings.dialect_file import load_dialect
from mappings.faults import CannotUnderstand, SectorFault
from mappings.lifecycle import event_faults
from mappings.sector import load_profile, to_event
from mappings.tables import TableUnreadable, load_table
from mappings.translate import translate
from mappings.translation import Translation

MEDIA_TYPES: Mapping[str, tuple[str, ...]] = {"json": ("application/json",), "xml": ("application/xml", "text/xml")}
OWN = "default"
"""The profile of our own published message."""

NAMED = 50
"""So many unknown fields are named one by one in a receipt; of the others their number is told."""

_OURS = frozenset({"thieu_mot_trong"})


def check_profiles(callers: Mapping[str, CallerRecord]) -> None:
    """Raise `ConfigError` that names every caller whose profile is not shipped, cannot be read, or is not its to have.

    The resolution system speaks our own form: what it registers is the ground that every dialect is judged on.
    """
    faults = []
    for code, record in callers.items():
        if record.profile == OWN:
            continue
        if record.role != "sector":
            faults.append(f"callers.{code}.profile: chỉ hệ thống chuyên ngành được dùng chuẩn thông điệp riêng")
            continue
        try:
            load_dialect(record.profile)
        except TableUnreadable as unreadable:
            faults.append(f"callers.{code}.profile: {unreadable}")
    if faults:
        raise ConfigError(tuple(faults))


@dataclass(frozen=True, slots=True)
class Message:
    """A foreign message as it came: its bytes, their SHA-256, and what its headers say."""

    raw: bytes
    digest: bytes
    content_type: str
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """An event that was said in a foreign dialect, with what its sender is to be told of it."""

    event: StatusEvent
    versions: tuple[str, ...]
    remarks: tuple[Remark, ...]
    translation: Translation


def message(raw: bytes, content_type: str, idempotency_key: str | None = None) -> Message:
    """A message with the digest of its bytes."""
    return Message(raw, hashlib.sha256(raw).digest(), content_type, idempotency_key)


def hear(sent: Message, dialect: Dialect, system_code: str, limits: Limits) -> Heard:
    """What a message of `system_code` means. Raises `Invalid` with all its faults."""
    translation = read(sent, dialect, system_code, limits)
    event, faults = judge(translation, system_code, limits)
    offered = key_fault(sent.idempotency_key, translation.tree)
    if offered is not None and dialect.identity.kind == "uuid":
        pointer = translation.whence.locate("/event_id")
        faults.append(Fault(offered.code, pointer, "Idempotency-Key phải trùng với mã sự kiện (UUID, chữ thường)."))
    elif offered is not None:
        message = (
            "Mã sự kiện của chuẩn này do Cổng tạo từ nội dung; hãy bỏ Idempotency-Key hoặc gửi event_id của biên nhận."
        )
        faults.append(Fault(offered.code, "", message))
    if faults or event is None:
        raise Invalid(_advice(dialect), faults=tuple(dict.fromkeys(faults))[: strict_json.MAX_FAULTS])
    tables = (load_table(name).version.short for name in ("transitions", "requirements"))
    return Heard(event, (*dialect.versions(), *tables), tuple(remarks_of(translation.unknown)), translation)


def judge(translation: Translation, system_code: str, limits: Limits) -> tuple[StatusEvent | None, list[Fault]]:
    """The event that a translated message means, or all that is wrong with it, by places of the message as it was sent."""
    faults = [*_told(translation.faults), *_shape_faults(translation, limits, translation.faults)]
    if faults:
        return None, faults
    event, refused = _event(translation, system_code)
    return event, _told(map(translation.whence.fault, refused))


def read(sent: Message, dialect: Dialect, system_code: str, limits: Limits) -> Translation:
    """The translation of a message, faults of meaning included; raises `Invalid` for what has no tree at all."""
    allowed = MEDIA_TYPES[dialect.form.format]
    check_media_type(sent.content_type, allowed)
    if dialect.form.format == "xml":
        tree: Mapping[str, object] = xml_tree.parse(sent.raw, dialect.form, limits)
    else:
        tree = strict_json.parse(sent.raw, limits.max_depth).tree
    return translate(tree, dialect, system_code, sent.digest)


def relocated(refused: Invalid, heard: Heard) -> Invalid:
    """A refusal of the decision, which knows our own form alone, by places of the message that was sent."""
    whence = heard.translation.whence
    faults = tuple(Fault(fault.code, whence.locate(fault.pointer), fault.message_vi) for fault in refused.faults)
    return Invalid(refused.message_vi, code=refused.code, status=refused.status, faults=faults)


def remarks_of(unknown: tuple[str, ...]) -> Iterator[Remark]:
    """What a receipt says of fields that the publication does not know, where the profile lets them pass."""
    for pointer in unknown[:NAMED]:
        yield Remark(
            "truong_chua_khai_bao",
            f"Trường {pointer} không có trong chuẩn đã công bố; được giữ trong bản gốc, chưa được dùng.",
        )
    if len(unknown) > NAMED:
        yield Remark(
            "truong_chua_khai_bao",
            f"Còn {len(unknown) - NAMED} trường khác không có trong chuẩn đã công bố, chưa được dùng.",
        )


def _advice(dialect: Dialect) -> str:
    """The sentence above the list: a message whose id is its content gets a new one by being mended."""
    again = "gửi lại với mã sự kiện mới" if dialect.identity.kind != "body" else "gửi lại"
    return f"Nội dung không hợp lệ; hãy sửa theo danh sách lỗi và {again}."


def _told(faults: Iterable[SectorFault]) -> list[Fault]:
    return [Fault(fault.code, fault.pointer, fault.message_vi) for fault in faults]


def _shape_faults(translation: Translation, limits: Limits, known: Iterable[SectorFault]) -> Iterator[Fault]:
    """What our published schema and our readers refuse, save what lacks only because its source was faulty: that is told.

    The readers know what a schema cannot say, such as signs without a shape; each place is blamed by one of the three.
    """
    blamed = {fault.pointer for fault in known}
    found = [fault for fault in tree_faults(translation.tree, limits) if fault.code not in _OURS]
    by_schema = {translation.whence.locate(fault.pointer) for fault in found}
    for fault in found:
        pointer = translation.whence.locate(fault.pointer)
        if pointer not in blamed:
            yield Fault(fault.code, pointer, fault.message_vi)
    for misread in load_profile().event.collect(translation.tree)[1]:
        pointer = translation.whence.locate(misread.pointer)
        if pointer not in blamed | by_schema:
            yield Fault(misread.code, pointer, misread.message_vi)


def _event(translation: Translation, system_code: str) -> tuple[StatusEvent | None, tuple[SectorFault, ...]]:
    """The canonical event, or why there is none."""
    try:
        event = to_event(translation.tree, system_code).event
    except CannotUnderstand as refused:
        return None, refused.faults
    return event, event_faults(event)
