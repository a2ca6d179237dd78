"""The register of operators, as people change it: the first one is founded, every other one is added under a signature.

An empty register knows no key that could sign, so the first operator is written without a signature; the trail says so, and
names the operating system's user who did it. From then on an `admin` signs. The last admin cannot be revoked: nobody could
add another one afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated, TypeVar

import msgspec

from gateway.admin.decisions import INSTALLATION, Installation
from gateway.admin.words import Words
from gateway.audit.events import FieldValue, audit
from gateway.clock import Clock
from gateway.dispatch.replay import checked_reason
from gateway.errors import Conflict, Fault, IntakeError, Invalid, NotFound
from gateway.intake.receipts import answered
from gateway.intake.recording import Recording, recording_intake
from gateway.journal.model import RecordKey, RecordWrite
from gateway.journal.store import Journal
from gateway.records import operators
from gateway.records.operators import NAME, Change, Operator, OperatorKey, Role, UnusableKey
from mappings.codec import encode

T = TypeVar("T")
CHANGES = RecordKey("operator_register", "this")
"""Its version counts the changes of the register."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment with its time zone: one without would stand in the register and could be compared with no clock."""


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who is to be added, or what is to be added to an entry that stands. Empty roles keep those that stand."""

    name: str
    display: str = ""
    person: str = ""
    roles: tuple[Role, ...] = ()
    keys: tuple[str, ...] = ()
    valid_from: Moment | None = None
    valid_to: Moment | None = None


class Gone(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who is revoked; with `key_id` one key only."""

    name: str
    key_id: str = ""


class Register:
    """The operators of this installation."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock

    async def _changes(self) -> int:
        """How often the register was changed; asked before it is read.

        Who writes states that no entry moved meanwhile, on any node: two admins who revoke each other leave one.
        """
        record = await self._journal.record(CHANGES)
        return record.version if record is not None else 0

    async def _entries(self) -> dict[str, tuple[Operator, int]]:
        found = await self._journal.records(operators.KIND)
        return {record.key.id: (operators.parse(record), record.version) for record in found}

    async def shown(self) -> Mapping[str, object]:
        """Everybody, with keys and history."""
        now = self._clock.now()
        entries = [operator for operator, _ in (await self._entries()).values()]
        return {"operators": [{**asdict(operator), "in_force": operator.in_force(now)} for operator in entries]}

    async def add(self, words: Words) -> Mapping[str, object]:
        """Add an operator, or keys and roles to one; the first one founds the register."""
        reason, now = checked_reason(words.reason, words.actor), self._clock.now()
        wanted = _read(words.details, Wanted)
        changes, entries = await self._changes(), await self._entries()
        keys = _keys(wanted, [operator for operator, _ in entries.values()], now)
        known = entries.get(wanted.name)
        operator = _founded(wanted, now) if known is None else _extended(known[0], wanted)
        operator = replace(
            operator,
            keys=(*operator.keys, *keys),
            history=(*operator.history, Change(now, words.actor, "founded" if not entries else "added", reason)),
        )
        others = [other for other, _ in entries.values() if other.name != operator.name]
        if not operators.admin_left([*others, operator], now):
            raise _no_admin(founding=not entries)
        record = operators.write(operator, 1 + (known[1] if known is not None else 0))
        fields = _fields(operator, keys, reason)
        named = ", ".join(key.key_id for key in keys) or "không đổi"
        answer = _done(f"Đã ghi người vận hành {operator.name}; khóa: {named}.")
        if entries:
            recording = Recording(answer, (record,), (audit("operator.added", words.actor, "", "", **fields),))
        else:
            installation = Installation(self._clock.new_id())
            row = audit(
                "operator.founded", words.actor, "", "", **fields, peer=words.actor, installation=installation.id
            )
            home = RecordWrite(INSTALLATION, 1, encode(installation))
            recording = Recording(answer, (record, home), (row,))
        return await self._store(words, recording, changes)

    async def revoke(self, words: Words) -> Mapping[str, object]:
        """Revoke an operator, or one key; what was signed before stays proven."""
        reason, now = checked_reason(words.reason, words.actor), self._clock.now()
        gone = _read(words.details, Gone)
        changes, entries = await self._changes(), await self._entries()
        if gone.name not in entries:
            raise NotFound(f"Không có người vận hành tên {gone.name!r}.", code="operator_unknown")
        operator, version = entries[gone.name]
        good = [key for key in operator.keys if key.revoked_at is None]
        ended = [key.key_id for key in good if gone.key_id in ("", key.key_id)]
        if operator.revoked_at is not None or not ended:
            raise Conflict("Người vận hành hoặc khóa này đã bị thu hồi hoặc không tồn tại.", code="already_revoked")
        operator = replace(
            operator,
            keys=tuple(replace(key, revoked_at=now) if key.key_id in ended else key for key in operator.keys),
            revoked_at=now if not gone.key_id else None,
            history=(*operator.history, Change(now, words.actor, f"revoked {' '.join(ended)}", reason)),
        )
        others = [other for other, _ in entries.values() if other.name != operator.name]
        if not operators.admin_left([*others, operator], now):
            raise Conflict("Không thu hồi được người quản trị cuối cùng; hãy thêm người khác trước.", code="last_admin")
        row = audit("operator.revoked", words.actor, operator=operator.name, key_ids=ended, reason=reason)
        recording = Recording(
            _done(f"Đã thu hồi {operator.name}: {', '.join(ended)}."), (operators.write(operator, version + 1),), (row,)
        )
        return await self._store(words, recording, changes)

    async def _store(self, words: Words, recording: Recording, changes: int) -> Mapping[str, object]:
        counted = RecordWrite(CHANGES, changes + 1, b"{}")
        recording = replace(recording, records=(*recording.records, counted))
        accepted = await self._journal.accept(recording_intake("operator", words.actor, recording, words.signed))
        answer: dict[str, object] = msgspec.json.decode(answered(accepted).answer)
        return answer


def _no_admin(*, founding: bool) -> IntakeError:
    """The refusal of a register in which nobody could add anybody."""
    if founding:
        return Invalid("Người vận hành đầu tiên phải có vai trò admin và một khóa.", code="founder_not_admin")
    return Conflict(
        "Không bỏ được vai trò hay hạn của người quản trị cuối cùng; hãy thêm người khác trước.", code="last_admin"
    )


def _read(details: Mapping[str, object], kind: type[T]) -> T:
    try:
        return msgspec.convert(details, kind)
    except msgspec.ValidationError as error:
        raise Invalid(f"Lệnh không hợp lệ: {error}", code="order_incomplete") from error


def _founded(wanted: Wanted, now: datetime) -> Operator:
    """A fresh entry, without keys yet."""
    faults = []
    if not NAME.fullmatch(wanted.name):
        faults.append(Fault("sai_dinh_dang", "/name", "Tên chỉ gồm chữ không dấu, số và . _ @ -, tối đa 64 ký tự."))
    if not wanted.roles:
        faults.append(Fault("thieu_truong", "/roles", f"Hãy nêu vai trò: {', '.join(Role)}."))
    if not wanted.keys:
        faults.append(Fault("thieu_truong", "/keys", "Hãy nêu ít nhất một khóa công khai."))
    if faults:
        raise Invalid("Chưa đủ thông tin về người vận hành.", code="order_incomplete", faults=tuple(faults))
    return Operator(
        name=wanted.name,
        display=wanted.display or wanted.name,
        person=wanted.person or wanted.name,
        roles=tuple(sorted(set(wanted.roles))),
        keys=(),
        valid_from=wanted.valid_from or now,
        valid_to=wanted.valid_to,
    )


def _extended(operator: Operator, wanted: Wanted) -> Operator:
    """An entry that stands, with what is new; nobody becomes another person."""
    if operator.revoked_at is not None:
        raise Conflict(f"{operator.name} đã bị thu hồi; hãy dùng tên khác.", code="already_revoked")
    if wanted.person and not operators.same_person(wanted.person, operator.person):
        raise Conflict(f"{operator.name} là của người khác (mã {operator.person}).", code="operator_exists")
    return replace(
        operator,
        display=wanted.display or operator.display,
        roles=tuple(sorted(set(wanted.roles))) or operator.roles,
        valid_to=wanted.valid_to or operator.valid_to,
    )


def _keys(wanted: Wanted, register: Sequence[Operator], now: datetime) -> list[OperatorKey]:
    """The new keys; a key belongs to one entry for ever, revoked or not."""
    keys: dict[str, OperatorKey] = {}
    for pem in wanted.keys:
        try:
            plain = operators.plain_pem(pem)
        except UnusableKey as error:
            raise Invalid(str(error), code="key_unusable") from error
        name = operators.key_id(plain)
        holder = operators.owner(register, name)
        if holder is not None:
            raise Conflict(f"Khóa {name} đã được đăng ký cho {holder.name}.", code="key_registered")
        keys[name] = OperatorKey(name, plain, now)
    return list(keys.values())


def _fields(operator: Operator, keys: Sequence[OperatorKey], reason: str) -> dict[str, FieldValue]:
    """What the trail says of an entry: enough for an auditor to check its signatures, and not what the person is called."""
    return {
        "operator": operator.name,
        "person": operator.person,
        "roles": operator.roles,
        "key_ids": [key.key_id for key in keys],
        "public_keys": [key.public_key for key in keys],
        "valid_from": operator.valid_from,
        "valid_to": operator.valid_to,
        "reason": reason,
    }


def _done(message_vi: str) -> bytes:
    return encode({"done": True, "message_vi": message_vi})
