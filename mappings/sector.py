"""The inward mapping: a schema-checked JSON tree, as a system sent it, to the canonical event or dossier.

A *sector profile* (`sectors/<name>.toml`) says where each canonical field stands in the tree; the `default` profile is
our own published schema (QĐ 3036/QĐ-BVHTTDL Điều 5.8 lets a sector system publish another). Its shape:

Event (dossier-model facts 4.1, 4.4). Required: `event_id`, `sequence`, `occurred_at`, `step` {`actor` {`name`,
  title?, unit?}, `content`, started_at?, due_at?}; `state` or `raw_state`; `dossier_code` or `sector_dossier_id`.
  Optional: schema_version ("1"), system_code (must be the caller's), previous_sequence, sent_at, sub_state, outcome,
  new_due_at, reason {`code`, `text_vi`, legal_basis?}, supplement {`id`, `requester`, `content`, `requested_at`,
  old_due_at?, new_due_at?, received_at?}, fees[] {`id`, `name`, `amount`, code?, kind?, collection_time?, mandatory?},
  results[] {`id`, `name`, `file`, number?, issued_on?, issuer?, component_code?, signature {format}?, replaces?,
  result_code?},
  caused_by {`system`, `event_id`}. A file is {`name`, `media_type`, `size`, `sha256`, file_id?, url?}.

Dossier (dossier-model facts 2). Required: `dossier_code`, `version`, `origin`, `state`, `procedure` {`code`,
  `national_code`, `name`, field_code?, field_name?, level?}, `agency` {`code`, `name`, receiving_unit_code?,
  handling_unit?}, `applicant` {`kind`, `name`, id {type?, number?, issued_on?, verified?, verified_by?,
  proof?}?,
  date_of_birth?, phone?, email?, fax?, address {full_text?, list_version?, province_code?, district_code?,
  commune_code?, street?, postal_code?}?, portal_account_id?}. Optional: submitter (as applicant), outcome, summary,
  times {submitted_at?, received_at?, due_at?, extended_due_at?, resolved_at?, returned_at?, withdrawn_at?,
  stopped_at?}, components[] {`id`, `name`, code?, kind?, form?, quantity?, file?, deleted?, digitised?, source?,
  reuse {result_code?}?}, fees[], payments[] {`id`, `method`, `state`, `amount`, fee_ids[]?, provider_txn?, paid_at?,
  receipt_no?}, databases[], shipments[] {`shipment_id`, `direction`, `order_number`, `state`,
  item_code?, cod_state?}, results[], delivery {result_method}, receipt_number, note, other_information,
  confidentiality, schema_version.

Times are RFC 3339 with an offset, days `yyyy-mm-dd` (a birth also `yyyy` and `yyyy-mm`), amounts whole đồng, closed lists
those of `mappings.codes`; `null` is the same as absent; members not named here are left alone (the JSON Schema decides on them).
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources.abc import Traversable
from typing import NamedTuple, cast

from mappings.canonical import SCHEMA_VERSION, Dossier, StatusEvent
from mappings.codes import DossierStatus, Outcome
from mappings.dates import local_date
from mappings.faults import CannotUnderstand, SectorFault
from mappings.lifecycle import Content, content_faults
from mappings.publication import Publication, publication_of
from mappings.reading import RecordReader, compile_reader
from mappings.tables import SECTORS, CodeTable, TableUnreadable, TableVersion, UnknownCode, load_table

Tree = Mapping[str, object]

# The caller, not the tree, says who speaks; a state may be resolved from `raw_state`; a dossier may be named by the
# sector's own number. The rest is required as the canonical type requires it.
_FILLED_IN = frozenset({"system_code", "state", "dossier_code"})
_WEIGHED = ("reason", "supplement", "fees", "results", "new_due_at")


class UnderstoodEvent(NamedTuple):
    """A canonical event and the short versions of the profile and tables that were used."""

    event: StatusEvent
    table_versions: tuple[str, ...]


class UnderstoodDossier(NamedTuple):
    """A canonical dossier and the short versions of the profile and tables that were used."""

    dossier: Dossier
    table_versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SectorProfile:
    """Hồ sơ kết nối: how one published message dialect becomes canonical. `publication` names that dialect's document."""

    version: TableVersion
    title_vi: str
    publication: Publication
    owner_vi: str
    raw_states: CodeTable | None
    event: RecordReader
    dossier: RecordReader

    @property
    def name(self) -> str:
        """The name of the profile, without extension."""
        return self.version.name


_PROFILES: dict[tuple[str, str], SectorProfile] = {}


def load_profile(name: str = "default", directory: Traversable = SECTORS) -> SectorProfile:
    """The profile `name`.toml of a folder, compiled once for the process. Raises `TableUnreadable`."""
    place = (str(directory), name)
    profile = _PROFILES.get(place)
    if profile is None:
        source = directory / f"{name}.toml"
        if not source.is_file():
            raise TableUnreadable(name, 0, "không tìm thấy hồ sơ kết nối")
        profile = _PROFILES[place] = parse_profile(name, source.read_bytes(), directory)
    return profile


def parse_profile(name: str, raw: bytes, directory: Traversable = SECTORS) -> SectorProfile:
    """A profile from the bytes of its TOML file; its code list is loaded from `directory`. Raises `TableUnreadable`."""
    try:
        document = tomllib.loads(raw.decode("utf-8"))
        unknown = set(document) - {"name", "title_vi", "publication", "owner_vi", "raw_state", "fields"}
        if unknown or document["name"] != name:
            raise KeyError(", ".join(sorted(unknown)) or "name")
        renames = document.get("fields", {})
        listed = document.get("raw_state", {}).get("table", "")
        return SectorProfile(
            TableVersion(name, hashlib.sha256(raw).hexdigest()),
            document["title_vi"],
            publication_of(document["publication"]),
            document["owner_vi"],
            load_table(listed, directory) if listed else None,
            compile_reader(StatusEvent, renames, _FILLED_IN),
            compile_reader(Dossier, renames),
        )
    except TableUnreadable:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise TableUnreadable(name, 0, f"hồ sơ kết nối không đọc được: {fault}") from fault


def to_event(tree: Tree, system_code: str, profile: SectorProfile | None = None) -> UnderstoodEvent:
    """The canonical event in a tree that `system_code` sent (the authenticated caller).

    Raises `CannotUnderstand` with every fault at once; when the state could be read, the faults of content
    (`mappings.lifecycle.event_faults`) are among them. A tree without such faults may still fail `event_faults`.
    """
    profile = profile or load_profile()
    values, faults = profile.event.collect(tree)
    versions: tuple[str, ...] = (profile.version.short,)
    if "state" not in values and not _blamed(faults, "/state"):
        versions += _resolve_state(values, faults, system_code, profile)
    if values.get("system_code", system_code) != system_code:
        message = "Mã hệ thống khác với hệ thống đã ký thông điệp; hãy gửi mã của chính mình."
        faults.append(SectorFault("sai_he_thong", "/system_code", message))
    if not values.get("dossier_code") and not values.get("sector_dossier_id") and not _blamed(faults, "/dossier_code"):
        message = "Thiếu mã hồ sơ; hãy gửi dossier_code hoặc sector_dossier_id."
        faults.append(SectorFault("thieu_truong", "/dossier_code", message))
    _check_schema_version(values, faults)
    if faults:
        raise CannotUnderstand((*faults, *_content_faults(tree, values)))
    values["system_code"] = system_code
    values.setdefault("dossier_code", "")
    return UnderstoodEvent(StatusEvent(**values), versions)  # type: ignore[arg-type]  # the readers were compiled from this very type


def to_dossier(tree: Tree, profile: SectorProfile | None = None) -> UnderstoodDossier:
    """The canonical dossier snapshot in a tree. Raises `CannotUnderstand` with every fault at once."""
    profile = profile or load_profile()
    values, faults = profile.dossier.collect(tree)
    _check_schema_version(values, faults)
    if faults:
        raise CannotUnderstand(faults)
    dossier = Dossier(**values)  # type: ignore[arg-type]  # the readers were compiled from this very type
    return UnderstoodDossier(dossier, (profile.version.short,))


def _blamed(faults: list[SectorFault], pointer: str) -> bool:
    return any(fault.pointer == pointer for fault in faults)


def _check_schema_version(values: dict[str, object], faults: list[SectorFault]) -> None:
    if values.get("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
        message = f"Phiên bản lược đồ không được hỗ trợ; hãy dùng “{SCHEMA_VERSION}”."
        faults.append(SectorFault("sai_phien_ban", "/schema_version", message))


def _resolve_state(
    values: dict[str, object], faults: list[SectorFault], system_code: str, profile: SectorProfile
) -> tuple[str, ...]:
    """Put the state (and the outcome, if the list gives one) behind `raw_state` in place; the table version used."""
    raw_state = values.get("raw_state")
    if not raw_state:
        faults.append(SectorFault("thieu_truong", "/state", "Thiếu trạng thái; hãy gửi state hoặc raw_state."))
        return ()
    if "occurred_at" not in values or profile.raw_states is None:
        # A code list is read at a date; the missing date is a fault of its own already.
        if profile.raw_states is None:
            faults.append(
                SectorFault(
                    "thieu_truong", "/state", "Hệ thống này không có danh mục mã trạng thái riêng; hãy gửi state."
                )
            )
        return ()
    occurred = cast(datetime, values["occurred_at"])
    try:
        row = profile.raw_states.find(system_code, cast(str, raw_state), at=local_date(occurred))
    except UnknownCode:
        message = "Mã này chưa có trong danh mục của hệ thống vào ngày xảy ra sự kiện; hãy khai báo mã hoặc gửi state."
        faults.append(SectorFault("ma_rieng_chua_khai_bao", "/raw_state", message))
        return ()
    values["state"] = DossierStatus(row["state"])
    if row["outcome"]:
        values.setdefault("outcome", Outcome(row["outcome"]))
    return (profile.raw_states.version.short,)


def _content_faults(tree: Tree, values: dict[str, object]) -> tuple[SectorFault, ...]:
    """The faults of content that can be told beside faults of form, so that a sender mends all of them in one go."""
    state, occurred = values.get("state"), values.get("occurred_at")
    if not isinstance(state, DossierStatus) or not isinstance(occurred, datetime):
        return ()
    outcome = values.get("outcome", Outcome.NONE)
    if not isinstance(outcome, Outcome) or (tree.get("outcome") is not None and "outcome" not in values):
        return ()
    given = frozenset(name for name in _WEIGHED if tree.get(name))
    return content_faults(Content(state, outcome, given), local_date(occurred))
