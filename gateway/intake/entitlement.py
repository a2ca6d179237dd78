"""Whether a system may speak now, and with these credentials: a pure judgement over its registration.

The door asks it over the live view of the register; the accept transaction asks it again over the record itself, so that
a revocation holds from the next accept, also for a request that was let in a moment earlier (delivery-engine 4.2).
Source: QĐ 3036 Điều 5.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.config import CallerRecord
from gateway.errors import Forbidden, IntakeError, Unauthenticated
from gateway.journal.model import Situation
from gateway.records import consents
from gateway.records.consents import ConsentVersion, Lapse, Registration, in_force

RESOLUTION: Final = "resolution"
SECTOR: Final = "sector"


@dataclass(frozen=True, slots=True)
class Proof:
    """What vouched for a request: the key of its signature, and the pins of the client certificate that came with it.

    Empty text: there was none. A proof is what was checked against the request; whether it suffices, `judge` says.
    """

    key_id: str = ""
    certificate: str = ""
    spki: str = ""

    def pins(self) -> frozenset[str]:
        """The names that the certificate may be pinned by."""
        return frozenset((self.certificate, self.spki)) if self.certificate else frozenset()


@dataclass(frozen=True, slots=True)
class Scope:
    """What a system may say: its role, and the procedures and states that were consented to."""

    role: str
    procedures: tuple[str, ...]
    states: tuple[str, ...]


_LAPSED: Mapping[Lapse, IntakeError] = {
    "consent_missing": Forbidden("Chưa có văn bản đồng ý kết nối của chủ quản hệ thống.", code="consent_missing"),
    "consent_not_yet_valid": Forbidden(
        "Văn bản đồng ý kết nối chưa có hiệu lực; hãy gửi từ ngày có hiệu lực.", code="consent_not_yet_valid"
    ),
    "consent_expired": Forbidden(
        "Văn bản đồng ý kết nối đã hết hiệu lực; hãy đề nghị chủ quản gia hạn.", code="consent_expired"
    ),
    "consent_revoked": Forbidden(
        "Sự đồng ý kết nối của hệ thống này đã bị thu hồi (QĐ 3036 Điều 5 khoản 7); hãy dừng gửi và liên hệ chủ quản hệ thống.",
        code="consent_revoked",
    ),
}


def judge(registration: Registration | None, proof: Proof, at: datetime) -> ConsentVersion | IntakeError:
    """The version in force that covers `proof`, or the refusal: consent first, then the credentials."""
    found = in_force(registration, at)
    if isinstance(found, str):
        lapsed = _LAPSED[found]
        # A fresh one each time: a raised exception keeps its traceback.
        return type(lapsed)(lapsed.message_vi, code=lapsed.code)
    return _unproven(found, proof) or found


def covering(
    callers: Mapping[str, CallerRecord], situation: Situation, source: str, proof: Proof
) -> Scope | IntakeError:
    """What a system may say in this transaction: by the version in force in the record read here, or the refusal.

    The resolution system needs no consent; its role and its keys stand in the configuration (decision 0008).
    """
    record = callers.get(source)
    if record is not None and record.role == RESOLUTION:
        return Scope(RESOLUTION, record.procedures, record.states)
    found = judge(consents.read(situation.records, source), proof, situation.now)
    return found if isinstance(found, IntakeError) else Scope(SECTOR, found.procedures, found.states)


def _unproven(version: ConsentVersion, proof: Proof) -> IntakeError | None:
    """What is missing of the proof that this version demands."""
    if proof.key_id and all(key.key_id != proof.key_id for key in version.keys):
        return Unauthenticated("Khóa ký này không còn, hoặc chưa, được dùng cho hệ thống.", code="unknown_key")
    if not proof.key_id and version.authentication != "certificate":
        return Unauthenticated(
            "Yêu cầu chưa được ký; hãy ký theo HTTP Message Signatures (RFC 9421).", code="missing_signature"
        )
    if version.authentication == "signature":
        return None
    if not proof.certificate:
        return Unauthenticated(
            "Hệ thống này phải kết nối bằng chứng thư máy khách đã đăng ký.", code="missing_certificate"
        )
    if not proof.pins() & set(version.certificates):
        return Unauthenticated("Chứng thư máy khách chưa được đăng ký cho hệ thống này.", code="unknown_certificate")
    return None
