"""Field by field: where a value came from, what it became, and which table and row decided. Behind `mappings explain`.

Pure. Personal data and free text never appear: names and numbers are masked, free text is shown by its length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from mappings.canonical import Dossier, StatusEvent
from mappings.codes import DossierStatus, Outcome
from mappings.dates import local_date
from mappings.faults import CannotUnderstand, SectorFault
from mappings.lifecycle import event_faults, event_flags
from mappings.masking import hidden, masked_birth, masked_email, masked_name, masked_number, masked_phone
from mappings.reading import RecordReader, Step, locate, pointer_of
from mappings.sector import SectorProfile, Tree, load_profile, to_dossier, to_event
from mappings.tables import SECTORS, UnknownCode, declarations, load_table

_PERSONAL: Mapping[tuple[str, str], Callable[[str], str]] = {
    ("Party", "name"): masked_name,
    ("Party", "date_of_birth"): masked_birth,
    ("Party", "phone"): masked_phone,
    ("Party", "email"): masked_email,
    ("Party", "fax"): masked_phone,
    ("Party", "portal_account_id"): hidden,
    ("Identity", "number"): masked_number,
    ("Identity", "issued_on"): masked_birth,
    ("Address", "full_text"): hidden,
    ("Address", "street"): hidden,
    ("Actor", "name"): masked_name,
    ("Supplement", "requester"): masked_name,
}
# Free text may name people; so may the name or address of a file.
_FREE_TEXT = frozenset(
    {
        ("Step", "content"), ("Supplement", "content"), ("Reason", "text_vi"), ("Dossier", "summary"),
        ("Dossier", "note"), ("Dossier", "other_information"), ("FileRef", "name"), ("FileRef", "url"),
    }
)  # fmt: skip
_OUTWARD = {
    ("Dossier", "origin"): ("portal_channel", "KenhThucHien"),
    ("Dossier", "result_method"): ("portal_result_method", "HinhThuc"),
    ("Party", "kind"): ("portal_party_kind", "LoaiDoiTuong"),
    ("Identity", "type"): ("portal_identity_type", "LoaiDinhDanh"),
    ("Fee", "kind"): ("portal_fee_kind", "LoaiPhiLePhi"),
    ("Fee", "collection_time"): ("portal_collection_time", "HinhThucThu"),
}
_HIDDEN = "•••"
FAULT = "LỖI"
WARNING = "CẢNH BÁO"


@dataclass(frozen=True, slots=True)
class ExplainRow:
    """One step of the translation. `pointer` into the tree, `value` as sent (masked), canonical `field`, the `table` and
    `row` that decided (empty and 0 when none did), `result`: the canonical value, the portal's code, or the fault."""

    pointer: str
    value: str
    field: str
    table: str
    row: int
    result: str


@dataclass(slots=True)
class _Walk:
    """One explanation under way: the day at which tables are read, and the remarks not yet shown, by pointer."""

    at: date
    remarks: dict[str, list[tuple[str, SectorFault]]] = field(default_factory=dict)

    def note(self, faults: Iterable[SectorFault], kind: str = FAULT) -> None:
        """Keep what is to be said about places of the tree."""
        for fault in faults:
            self.remarks.setdefault(fault.pointer, []).append((kind, fault))

    def take(self, pointer: str) -> tuple[str, str, int]:
        """The sentences about one place, or an empty string, and the table and row behind them; each is shown once."""
        found = self.remarks.pop(pointer, [])
        row = next((fault.row for _, fault in found if fault.row), 0)
        return " ".join(f"{kind}: {fault.message_vi}" for kind, fault in found), "requirements" if row else "", row


def title_of(table: str) -> str:
    """The Vietnamese title of one of our tables or of the sectors' code lists; its name when it has none."""
    found = declarations().get(table) or declarations(SECTORS).get(table)
    return found.title_vi if found is not None and found.title_vi else table


def explain(
    tree: object, system_code: str | None = None, profile: SectorProfile | None = None
) -> tuple[ExplainRow, ...]:
    """The rows for an event or a dossier; a tree with `event_id` or `sequence` is an event.

    `system_code` is who would send it (default: what the tree says). Never raises for what the tree contains.
    """
    profile = profile or load_profile()
    if not isinstance(tree, Mapping):
        return (ExplainRow("", _HIDDEN, "", "", 0, f"{FAULT}: Nội dung phải là một đối tượng JSON."),)
    if "event_id" in tree or "sequence" in tree:
        return tuple(_explain_event(tree, system_code, profile))
    return tuple(_explain_dossier(tree, profile))


def _explain_event(tree: Tree, system_code: str | None, profile: SectorProfile) -> Iterator[ExplainRow]:
    sender = system_code or str(tree.get("system_code", ""))
    event: StatusEvent | None = None
    walk = _Walk(date.max)
    try:
        event = to_event(tree, sender, profile).event
        walk.at = local_date(event.occurred_at)
        walk.note(event_faults(event))
        walk.note(event_flags(event), WARNING)
    except CannotUnderstand as refused:
        walk.note(refused.faults)
    yield from _walk_record(tree, profile.event, "", "", walk)
    yield from _left_over(walk)
    if event is None:
        return
    if tree.get("state") is None and profile.raw_states is not None:
        row = profile.raw_states.find(sender, event.raw_state, at=walk.at)
        yield ExplainRow("/raw_state", event.raw_state, "state", profile.raw_states.name, row.number, event.state)
    yield portal_status(event.state, event.outcome, walk.at)


def _explain_dossier(tree: Tree, profile: SectorProfile) -> Iterator[ExplainRow]:
    dossier: Dossier | None = None
    walk = _Walk(date.max)
    try:
        dossier = to_dossier(tree, profile).dossier
        walk.at = _day_of(dossier)
    except CannotUnderstand as refused:
        walk.note(refused.faults)
    yield from _walk_record(tree, profile.dossier, "", "", walk)
    yield from _left_over(walk)
    if dossier is not None:
        yield portal_status(dossier.state, dossier.outcome, walk.at)


def _day_of(dossier: Dossier) -> date:
    """The last day on which something happened to the dossier; without any, the newest rows of the tables count."""
    times = dossier.times
    happened = (times.submitted_at, times.received_at, times.resolved_at, times.returned_at, times.stopped_at)
    return max((local_date(moment) for moment in happened if moment is not None), default=date.max)


def _walk_record(
    tree: Mapping[str, object], reader: RecordReader, pointer: str, name: str, walk: _Walk
) -> Iterator[ExplainRow]:
    """The rows of one object: every field that is present, in canonical order, then the members nobody reads."""
    for step in reader.steps:
        raw, path = locate(tree, step.paths)
        if raw is None:
            continue
        place, title = pointer + pointer_of(path), f"{name}.{step.name}" if name else step.name
        for position, item in enumerate(raw) if step.many and isinstance(raw, list | tuple) else ((None, raw),):
            spot = place if position is None else f"{place}/{position}"
            label = title if position is None else f"{title}[{position}]"
            if step.inner is not None and isinstance(item, Mapping):
                yield from _walk_record(item, step.inner, spot, label, walk)
            else:
                yield _leaf((reader.kind.__name__, step.name), step, item, (spot, label), walk)
    read = {path[0] for step in reader.steps for path in step.paths}
    for key in tree:
        if key not in read:
            yield ExplainRow(
                pointer + pointer_of((key,)), _HIDDEN, "", "", 0, "không dùng: giao diện không có trường này"
            )


def _leaf(place: tuple[str, str], step: Step, raw: object, spot: tuple[str, str], walk: _Walk) -> ExplainRow:
    pointer, label = spot
    # An object or list where a plain value belongs may hold anything, personal data too.
    told = _HIDDEN if step.inner is not None or isinstance(raw, Mapping | list) else shown(place, raw)
    remark, table, row = walk.take(pointer)
    if remark:
        return ExplainRow(pointer, told, label, table, row, remark)
    try:
        value = step.read(raw)
    except CannotUnderstand as refused:
        return ExplainRow(
            pointer, told, label, "", 0, " ".join(f"{FAULT}: {found.message_vi}" for found in refused.faults)
        )
    if place in _OUTWARD and isinstance(value, StrEnum):
        return _outward(place, value, ExplainRow(pointer, told, label, "", 0, value.value), walk)
    return ExplainRow(pointer, told, label, "", 0, shown(place, value))


def _outward(place: tuple[str, str], value: StrEnum, row: ExplainRow, walk: _Walk) -> ExplainRow:
    table, portal_field = _OUTWARD[place]
    try:
        found = load_table(table).find(value.value, at=walk.at)
    except UnknownCode as unknown:
        return ExplainRow(row.pointer, row.value, row.field, table, 0, f"{value.value} → {unknown.message_vi}")
    result = f"{value.value} → {portal_field} {found['portal_code']} ({found['name_vi']})"
    return ExplainRow(row.pointer, row.value, row.field, table, found.number, result)


def portal_status(state: DossierStatus, outcome: Outcome, at: date) -> ExplainRow:
    """The portal's status behind state and outcome; the row's result says so when there is none."""
    value = f"{state.value}, {outcome.value}"
    try:
        row = load_table("portal_status").find(state.value, outcome.value, at=at)
    except UnknownCode as unknown:
        return ExplainRow("/state", value, "TrangThaiHoSo", "portal_status", 0, unknown.message_vi)
    return ExplainRow(
        "/state", value, "TrangThaiHoSo", "portal_status", row.number, f"{row['portal_code']} ({row['name_vi']})"
    )


def _left_over(walk: _Walk) -> Iterator[ExplainRow]:
    """The faults of places that the tree does not have, such as a missing value."""
    for pointer in tuple(walk.remarks):
        remark, table, row = walk.take(pointer)
        yield ExplainRow(pointer, "", "", table, row, remark)


def shown(place: tuple[str, str], value: object) -> str:
    """A value of the field `place` (canonical type, field) as it may be shown."""
    mask = _PERSONAL.get(place)
    if mask is not None:
        return mask(str(value))
    if place in _FREE_TEXT:
        return f"({len(str(value))} ký tự)" if value else ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
