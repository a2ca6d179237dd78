"""The canonical model: what the gateway means, whatever dialect it was said in.

Frozen and complete: times are aware and in UTC, money is an integer number of đồng, text is NFC, codes are strings.
`None` means "does not apply", an empty string or tuple means "none given"; neither ever means "unknown".
Source: dossier-model facts, sections 2.1, 2.2 and 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from mappings.codes import (
    CodState,
    CollectionTime,
    ComponentForm,
    ComponentKind,
    ComponentSource,
    Confidentiality,
    Database,
    DossierStatus,
    FeeKind,
    IdentityType,
    Origin,
    Outcome,
    PartyKind,
    PaymentMethod,
    PaymentState,
    ResultMethod,
    ShipmentDirection,
    ShipmentState,
    SignatureFormat,
)
from mappings.partial_date import PartialDate

SCHEMA_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Identity:
    """Giấy tờ định danh of a party; `type` none with an empty number says that none is held.

    `proof` names the sign-on or the check that verified it. None: this gateway keeps no proofs, so `verified` is what the
    resolution system says; empty: none was given, and then nothing is verified.
    """

    type: IdentityType = IdentityType.NONE
    number: str = ""
    issued_on: date | None = None
    verified: bool = False
    verified_by: str = ""
    proof: str | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Địa chỉ; `list_version` names the code list (district level ended on 2025-07-01)."""

    full_text: str = ""
    list_version: str = ""
    province_code: str = ""
    district_code: str = ""
    commune_code: str = ""
    street: str = ""
    postal_code: str = ""


@dataclass(frozen=True, slots=True)
class Party:
    """Chủ hồ sơ hoặc người nộp: a person or organisation; of a birth as much as is known (many papers hold only the year)."""

    kind: PartyKind
    name: str
    id: Identity = Identity()
    date_of_birth: PartialDate | None = None
    phone: str = ""
    email: str = ""
    fax: str = ""
    address: Address = Address()
    portal_account_id: str = ""


@dataclass(frozen=True, slots=True)
class Procedure:
    """Thủ tục hành chính: `code` is the ministry's own, `national_code` the portal's (grammar: national-portal 4.2)."""

    code: str
    national_code: str
    name: str
    field_code: str = ""
    field_name: str = ""
    level: str = ""


@dataclass(frozen=True, slots=True)
class Agency:
    """Cơ quan giải quyết: `code` is its electronic identifier, `handling_unit` the unit that works on the dossier."""

    code: str
    name: str
    receiving_unit_code: str = ""
    handling_unit: str = ""


@dataclass(frozen=True, slots=True)
class FileRef:
    """Tệp tin: named by content; the bytes travel elsewhere. `size` in bytes, `sha256` in lower-case hex."""

    name: str
    media_type: str
    size: int
    sha256: str
    file_id: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Reuse:
    """Tái sử dụng: a component taken from an earlier dossier; `result_code` (KQ…) where a result stands in for it."""

    result_code: str = ""


@dataclass(frozen=True, slots=True)
class Component:
    """Thành phần hồ sơ.

    `digitised`: a paper that was digitised at reception (TT 01/2023/TT-VPCP); an electronic form needs no digitising.
    `source` data_store: taken from the national personal data store instead of being asked for again.
    """

    id: str
    name: str
    code: str = ""
    kind: ComponentKind = ComponentKind.INPUT
    form: ComponentForm = ComponentForm.ELECTRONIC
    quantity: int = 1
    file: FileRef | None = None
    deleted: bool = False
    digitised: bool = False
    source: ComponentSource = ComponentSource.UPLOAD
    reuse: Reuse | None = None


@dataclass(frozen=True, slots=True)
class Fee:
    """Phí, lệ phí; `amount` in đồng."""

    id: str
    name: str
    amount: int
    code: str = ""
    kind: FeeKind = FeeKind.CHARGE
    collection_time: CollectionTime = CollectionTime.ON_RECEIPT
    mandatory: bool = True


@dataclass(frozen=True, slots=True)
class Payment:
    """Thanh toán; `amount` in đồng. Paid at the moment of the bank's or intermediary's notice (QĐ 3036 Điều 10.2)."""

    id: str
    method: PaymentMethod
    state: PaymentState
    amount: int
    fee_ids: tuple[str, ...] = ()
    provider_txn: str = ""
    paid_at: datetime | None = None
    receipt_no: str = ""


@dataclass(frozen=True, slots=True)
class Supplement:
    """Yêu cầu bổ sung: asked once and complete (QĐ 3036 Điều 8.2)."""

    id: str
    requester: str
    content: str
    requested_at: datetime
    old_due_at: datetime | None = None
    new_due_at: datetime | None = None
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ResultDocument:
    """Giấy tờ kết quả: named by digest; published outside only after its signature was judged (QĐ 3036 Điều 11.2).

    `result_code`: the code of this kind of result in the national catalogue (MAKETQUA, such as KQ.G16.000456).
    """

    id: str
    name: str
    file: FileRef
    number: str = ""
    issued_on: date | None = None
    issuer: str = ""
    component_code: str = ""
    signature_format: SignatureFormat = SignatureFormat.NONE
    replaces: str = ""
    result_code: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """Cán bộ xử lý."""

    name: str
    title: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """Bước xử lý behind a status: who did what; feeds the portal's progress row."""

    actor: Actor
    content: str
    started_at: datetime | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Lý do with its legal basis (QĐ 3036 Điều 4.5, 8.2)."""

    code: str
    text_vi: str
    legal_basis: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that the resolution system answers with this one: (system, event_id)."""

    system: str
    event_id: str


@dataclass(frozen=True, slots=True)
class ShipmentRef:
    """Bưu gửi of a dossier (dossier-model facts 2.2): named, and how it stood when the resolution system last heard of it.

    `order_number` is ours at the carrier; `item_code` the carrier's own (UPU S10), "" until it is assigned.
    """

    shipment_id: str
    direction: ShipmentDirection
    order_number: str
    state: ShipmentState
    item_code: str = ""
    cod_state: CodState = CodState.NONE


@dataclass(frozen=True, slots=True)
class DossierTimes:
    """Các mốc thời gian of a dossier, each absent until it happened. Time counts from reception (QĐ 3036 Điều 9)."""

    submitted_at: datetime | None = None
    received_at: datetime | None = None
    due_at: datetime | None = None
    extended_due_at: datetime | None = None
    resolved_at: datetime | None = None
    returned_at: datetime | None = None
    withdrawn_at: datetime | None = None
    stopped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Dossier:
    """Hồ sơ: the versioned snapshot that the resolution system registers and outbound messages are built from."""

    dossier_code: str
    version: int
    origin: Origin
    procedure: Procedure
    agency: Agency
    applicant: Party
    state: DossierStatus
    summary: str = ""
    outcome: Outcome = Outcome.NONE
    submitter: Party | None = None
    times: DossierTimes = DossierTimes()
    components: tuple[Component, ...] = ()
    fees: tuple[Fee, ...] = ()
    results: tuple[ResultDocument, ...] = ()
    result_method: ResultMethod = ResultMethod.DIRECT
    receipt_number: str = ""
    note: str = ""
    other_information: str = ""
    confidentiality: Confidentiality = Confidentiality.PUBLIC
    schema_version: str = SCHEMA_VERSION
    payments: tuple[Payment, ...] = ()
    databases: tuple[Database, ...] = ()
    shipments: tuple[ShipmentRef, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusEvent:
    """Sự kiện trạng thái: one step in the life of a dossier, as one system reported it (dossier-model facts 4.1)."""

    event_id: str
    system_code: str
    dossier_code: str
    sequence: int
    occurred_at: datetime
    state: DossierStatus
    step: Step
    previous_sequence: int | None = None
    sent_at: datetime | None = None
    sector_dossier_id: str = ""
    raw_state: str = ""
    sub_state: str = ""
    outcome: Outcome = Outcome.NONE
    reason: Reason | None = None
    new_due_at: datetime | None = None
    supplement: Supplement | None = None
    fees: tuple[Fee, ...] = ()
    results: tuple[ResultDocument, ...] = ()
    caused_by: Cause | None = None
    schema_version: str = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class VerifiedResult:
    """Kết quả đã kiểm tra chữ ký: `result_code` is `<dossier code>-KQ(n)` (NĐ 45/2020 Điều 14.3), `document` as it was named."""

    result_code: str
    document: ResultDocument


@dataclass(frozen=True, slots=True)
class Carried:
    """What is journalled for an accepted event: the event and the dossier as it stood at that moment.

    Outbound messages are built from this and nothing newer, so no intermediate state is ever lost.
    `state_applies` is False for a predecessor that arrived after a person skipped it: history, not state (4.3).
    `verified` are the results that were judged and may be shown; whatever else `results` name, no upstream may see it.
    """

    event: StatusEvent
    dossier: Dossier
    state_applies: bool = True
    table_versions: tuple[str, ...] = field(default=())
    verified: tuple[VerifiedResult, ...] = ()
