"""The closed lists of the canonical model. Values are the words that travel in our own API; each carries its Vietnamese term.

Sources: dossier-model facts 2.1, 2.2 and 3; national-portal facts 3.1 to 3.4; postal facts 6.1 and 7.
"""

from __future__ import annotations

from enum import StrEnum


class DossierStatus(StrEnum):
    """Trạng thái hồ sơ: where a dossier stands in its life (NĐ 61/2018 Điều 17-20; QĐ 3036 Điều 8, 9)."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    INTAKE_REFUSED = "intake_refused"
    RECEIVED = "received"
    PROCESSING = "processing"
    AWAITING_SUPPLEMENT = "awaiting_supplement"
    AWAITING_PAYMENT = "awaiting_payment"
    WITHDRAWAL_REQUESTED = "withdrawal_requested"
    STOPPED = "stopped"
    RESOLVED = "resolved"
    RETURNED = "returned"


class Outcome(StrEnum):
    """Kết quả giải quyết: how the case ended, `none` while it has not."""

    NONE = "none"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"


class Origin(StrEnum):
    """Nguồn gốc hồ sơ: by which door the dossier came."""

    DIRECT = "direct"
    ONLINE_MINISTRY = "online_ministry"
    ONLINE_NATIONAL = "online_national"
    POST = "post"
    SECTOR = "sector"
    INTERAGENCY = "interagency"


class PartyKind(StrEnum):
    """Loại đối tượng: citizen (cá nhân), business (doanh nghiệp), organisation (cơ quan, tổ chức), other."""

    CITIZEN = "citizen"
    BUSINESS = "business"
    ORGANISATION = "organisation"
    OTHER = "other"


class IdentityType(StrEnum):
    """Loại giấy tờ định danh. `none` is said openly; no identity is ever invented."""

    CCCD = "cccd"
    CMND = "cmnd"
    PASSPORT = "passport"
    TAX_CODE = "tax_code"
    ORG_CODE = "org_code"
    OTHER = "other"
    NONE = "none"


class ResultMethod(StrEnum):
    """Hình thức nhận kết quả (portal `HinhThuc`, national-portal facts 3.4)."""

    DIRECT = "direct"
    ONLINE = "online"
    POST = "post"


class Confidentiality(StrEnum):
    """Mức độ hạn chế: public or restricted."""

    PUBLIC = "public"
    RESTRICTED = "restricted"


class ComponentKind(StrEnum):
    """Loại thành phần hồ sơ."""

    INPUT = "input"
    OUTPUT = "output"
    OTHER = "other"


class ComponentForm(StrEnum):
    """Dạng bản: original, copy, certified, electronic."""

    ORIGINAL = "original"
    COPY = "copy"
    CERTIFIED = "certified"
    ELECTRONIC = "electronic"


class FeeKind(StrEnum):
    """Loại khoản thu: charge = phí, fee = lệ phí (architecture glossary), tax, postage, other."""

    FEE = "fee"
    CHARGE = "charge"
    TAX = "tax"
    POSTAGE = "postage"
    OTHER = "other"


class CollectionTime(StrEnum):
    """Thời điểm thu (portal `HinhThucThu`: 1 on receipt, 2 on supplement, 4 on returning the result)."""

    ON_RECEIPT = "on_receipt"
    ON_SUPPLEMENT = "on_supplement"
    ON_RETURN = "on_return"


class SignatureFormat(StrEnum):
    """Định dạng chữ ký số của một kết quả."""

    NONE = "none"
    XADES = "xades"
    PADES = "pades"
    CADES = "cades"


class ComponentSource(StrEnum):
    """Nguồn của thành phần hồ sơ: uploaded, taken from the national personal data store, or brought by a sector system."""

    UPLOAD = "upload"
    DATA_STORE = "data_store"
    SECTOR = "sector"


class PaymentMethod(StrEnum):
    """Hình thức thanh toán; `portal` is the payment platform of the national portal (QĐ 3036 Điều 10)."""

    BANK = "bank"
    EWALLET = "ewallet"
    PORTAL = "portal"
    CASH = "cash"
    POSTAL_COD = "postal_cod"


class PaymentState(StrEnum):
    """Trạng thái thanh toán; only `paid` and `refunded` say that money moved."""

    REQUESTED = "requested"
    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"
    REFUNDED = "refunded"


class ShipmentDirection(StrEnum):
    """Chiều bưu gửi: which way a parcel goes (postal facts 7)."""

    COLLECT = "collect"  # from the citizen to the agency: the papers of a dossier
    DELIVER = "deliver"  # from the agency to the citizen: the result


class ShipmentState(StrEnum):
    """Trạng thái bưu gửi (postal facts 6.1). `EXCEPTION`: lost, damaged, or told in a way that cannot be."""

    CREATED = "created"
    ACCEPTED = "accepted"
    COLLECTING = "collecting"
    COLLECTED = "collected"
    IN_TRANSIT = "in_transit"
    AT_OFFICE = "at_office"
    OUT_FOR_DELIVERY = "out_for_delivery"
    FAILED_ATTEMPT = "failed_attempt"
    DELIVERED = "delivered"
    RETURNING = "returning"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    EXCEPTION = "exception"


class CodState(StrEnum):
    """Thu hộ (COD), apart from where the parcel is (postal facts 6.1). Settled is only what the carrier paid over: `remitted`."""

    NONE = "none"
    TO_COLLECT = "to_collect"
    COLLECTED = "collected"
    REMITTED = "remitted"
    SHORT = "short"
    WAIVED = "waived"


class Database(StrEnum):
    """Cơ sở dữ liệu that the handling of a dossier drew on (indicator 4.5 of QĐ 766/QĐ-TTg)."""

    POPULATION = "population"
    ENTERPRISE = "enterprise"
    CIVIL_STATUS = "civil_status"
    LAND = "land"
    INSURANCE = "insurance"
    OTHER = "other"
