"""Entering and revoking a consent: what an operator, or once the configuration, says of a system. Pure.

Everything that can be wrong is found inside the transaction and told at once, over the records of the system and of each
credential, so that two entries at the same moment cannot share a key. Source: QĐ 3036 Điều 5.7.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from gateway.audit.events import audit
from gateway.errors import Conflict, Fault, Invalid, NotFound
from gateway.intake.receipts import refuse
from gateway.journal.model import AuditWrite, Decision, Intake, RecordKey, Situation
from gateway.records import consents
from gateway.records.consents import EVERYTHING, ConsentVersion, Ownership, Registration, Revocation
from mappings.codec import encode
from mappings.codes import DossierStatus

CONSENT = "consent"
CONFIGURATION = "configuration"
FAULT = "consent_invalid"
"""The code of every fault of an entry; operators read the sentence, and no caller ever meets it."""

_SYSTEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KEY_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[0-9]{1,5})?")
_PIN = re.compile(r"(?:certificate|spki):[0-9a-f]{64}")
_TEXT_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Entered:
    """Who enters a consent or revokes it, and why; `source` says whether a person did, or once the configuration."""

    actor: str
    reason: str
    source: str = "operator"


@dataclass(frozen=True, slots=True)
class ConsentEntry:
    """A version to enter. `inherit` names the fields that were left open: they are taken from the version in place.

    `keep_keys` and `keep_certificates`: those of the version in place stay beside the new ones (rotation with an overlap).
    `once`: only for a system that the register does not know (the configuration's own declaration). `reserved` are the
    systems of the configuration that no consent can be entered for, with their keys.
    """

    system_code: str
    stated: ConsentVersion
    by: Entered
    inherit: frozenset[str] = frozenset()
    keep_keys: bool = False
    keep_certificates: bool = False
    once: bool = False
    reserved: Mapping[str, Registration] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ConsentRevocation:
    """A consent to take back."""

    system_code: str
    by: Entered


def entry_intake(entry: ConsentEntry) -> Intake:
    """The entry as the journal takes it, with every record that says whose a credential is."""
    raw = encode({"kind": CONSENT, "system": entry.system_code, "stated": entry.stated, "by": entry.by.actor})
    credentials = (consents.credential_key(name) for name in entry.stated.credentials())
    return _intake(entry.system_code, raw, entry, (consents.key(entry.system_code), *credentials))


def revocation_intake(revocation: ConsentRevocation) -> Intake:
    """The revocation as the journal takes it."""
    raw = encode({"kind": CONSENT, "revoked": revocation.system_code, "by": revocation.by.actor})
    return _intake(revocation.system_code, raw, revocation, (consents.key(revocation.system_code),))


def _intake(system_code: str, raw: bytes, subject: object, reads: tuple[RecordKey, ...]) -> Intake:
    """Without a key: a decision is made once, and nobody's to repeat."""
    digest = hashlib.sha256(raw).digest()
    return Intake(
        kind=CONSENT, source=system_code, key="", dossier="", digest=digest, raw=raw, subject=subject, reads=reads
    )


def decide_entry(situation: Situation, entry: ConsentEntry) -> Decision:
    """The new version of a consent, or every fault of it."""
    known = consents.read(situation.records, entry.system_code)
    if entry.once and known is not None:
        return Decision(encode({"status": "known", "version": len(known.versions)}), 200, store=False)
    version = _completed(entry, known)
    version = replace(
        version,
        version=len(known.versions) + 1 if known is not None else 1,
        registered_at=situation.now,
        registered_by=entry.by.actor,
        reason=entry.by.reason,
        revoked=None,
    )
    faults = tuple(
        Fault(FAULT, pointer, message)
        for pointer, message in (
            *_faults_of_form(entry, version, situation),
            *_faults_of_credentials(entry, version, situation),
        )
    )
    if faults:
        return refuse(Invalid("Chưa ghi được sự đồng ý kết nối:", faults=faults))
    earlier = known.versions if known is not None else ()
    registration = Registration(entry.system_code, (*earlier, version))
    ownerships = (
        consents.write_ownership(name, ownership)
        for name, ownership in _ownerships(entry.system_code, version).items()
        if consents.credential_key(name) not in situation.records
    )
    answer = {
        "status": "entered",
        "system": entry.system_code,
        "version": version.version,
        "message_vi": f"Đã ghi sự đồng ý kết nối của {entry.system_code}, phiên bản {version.version}; "
        "có hiệu lực từ lần tiếp nhận kế tiếp"
        + (
            f" kể từ ngày {version.valid_from:%d/%m/%Y}."
            if version.valid_from > consents.local_day(situation.now)
            else "."
        ),
    }
    return Decision(
        encode(answer),
        200,
        records=(consents.write(registration), *ownerships),
        audit=(_added(entry, version),),
    )


def decide_revocation(situation: Situation, revocation: ConsentRevocation) -> Decision:
    """Every version that stands is revoked, from this commit on."""
    code = revocation.system_code
    known = consents.read(situation.records, code)
    if known is None:
        return refuse(NotFound(f"Sổ đồng ý không có hệ thống {code}.", code="nothing_waits"))
    newest = known.versions[-1]
    if all(version.revoked is not None for version in known.versions):
        return refuse(Conflict(f"Sự đồng ý kết nối của {code} đã bị thu hồi từ trước."))
    mark = Revocation(situation.now, revocation.by.actor, revocation.by.reason)
    versions = tuple(
        version if version.revoked is not None else replace(version, revoked=mark) for version in known.versions
    )
    row = audit(
        "consent.revoked",
        revocation.by.actor,
        system=code,
        version=newest.version,
        number=newest.number,
        date=newest.dated.isoformat(),
        keys=[key.key_id for key in newest.keys],
        certificates=newest.certificates or None,
        reason=revocation.by.reason,
    )
    answer = {
        "status": "revoked",
        "system": code,
        "version": newest.version,
        "message_vi": f"Đã thu hồi sự đồng ý kết nối của {code}; mọi yêu cầu mới của hệ thống này bị từ chối từ bây giờ.",
    }
    return Decision(
        encode(answer),
        200,
        records=(consents.write(Registration(code, versions)),),
        audit=(row,),
    )


def _completed(entry: ConsentEntry, known: Registration | None) -> ConsentVersion:
    """The version with what was left open taken from the one in place. After a revocation everything is stated anew,

    but for keys and certificates that are kept on purpose.
    """
    base = known.newest() if known is not None else None
    if base is None:
        return entry.stated
    inherit = entry.inherit if base.revoked is None else ()
    stated = replace(entry.stated, **{name: getattr(base, name) for name in inherit})
    if entry.keep_keys:
        new = {key.key_id for key in stated.keys}
        stated = replace(stated, keys=(*stated.keys, *(key for key in base.keys if key.key_id not in new)))
    if entry.keep_certificates:
        stated = replace(stated, certificates=tuple(dict.fromkeys((*stated.certificates, *base.certificates))))
    return stated


def _faults_of_form(entry: ConsentEntry, version: ConsentVersion, situation: Situation) -> Iterator[tuple[str, str]]:
    """What is wrong whatever else the register holds, as (field, sentence)."""
    if _SYSTEM.fullmatch(entry.system_code) is None:
        yield "system", "Mã hệ thống chỉ gồm chữ, số, dấu chấm, gạch dưới, gạch nối (tối đa 64 ký tự)."
    if not version.number.strip() or len(version.number) > _TEXT_LIMIT:
        yield "number", "Cần số văn bản đồng ý của chủ quản hệ thống (--number)."
    if version.dated == date.min:
        yield "date", "Cần ngày của văn bản đồng ý (--date, dạng YYYY-MM-DD)."
    if version.valid_to is not None and version.valid_to < version.valid_from:
        yield "valid_to", "Ngày hết hiệu lực đứng trước ngày có hiệu lực."
    elif version.valid_to is not None and version.valid_to < consents.local_day(situation.now) and not entry.once:
        yield "valid_to", "Văn bản đồng ý này đã hết hiệu lực; hãy nêu --to mới."
    yield from _faults_of_scope(version)
    if not version.keys and version.authentication != "certificate":
        yield "keys", "Cần ít nhất một khóa công khai (--public-key)."
    if not version.certificates and version.authentication != "signature":
        yield "certificates", "Cần ít nhất một chứng thư máy khách (--certificate)."
    for text in (version.title, version.owner):
        if len(text) > _TEXT_LIMIT:
            yield "title", f"Tên hệ thống và tên chủ quản không dài quá {_TEXT_LIMIT} ký tự."


def _faults_of_scope(version: ConsentVersion) -> Iterator[tuple[str, str]]:
    if not version.procedures:
        yield "procedures", "Cần nêu thủ tục được đồng ý (--procedures MÃ,MÃ… hoặc '*' cho tất cả)."
    for code in version.procedures:
        if code != EVERYTHING and _CODE.fullmatch(code) is None:
            yield "procedures", f"Mã thủ tục {code!r} không hợp lệ."
    if not version.states:
        yield "states", "Cần nêu trạng thái được báo (--states) hoặc '*' cho tất cả."
    known = {state.value for state in DossierStatus}
    for state in version.states:
        if state != EVERYTHING and state not in known:
            yield "states", f"Không có trạng thái {state!r}; có: {', '.join(sorted(known))}."
    for host in version.pull_hosts:
        if _HOST.fullmatch(host) is None:
            yield "pull_hosts", f"Tên máy {host!r} không hợp lệ."


def _faults_of_credentials(
    entry: ConsentEntry, version: ConsentVersion, situation: Situation
) -> Iterator[tuple[str, str]]:
    """A key id means one public key of one system for ever; a public key and a certificate belong to one system."""
    reserved = entry.reserved
    if entry.system_code in reserved:
        yield "system", f"{entry.system_code} được khai báo trong tệp cấu hình và không cần văn bản đồng ý."
    seen: set[str] = set()
    for key in version.keys:
        if _KEY_ID.fullmatch(key.key_id) is None:
            yield "keys", f"keyid {key.key_id!r} chỉ gồm chữ, số và . _ ~ - (tối đa 128 ký tự)."
        if key.key_id in seen:
            yield "keys", f"keyid {key.key_id} được nêu hai lần."
        seen.add(key.key_id)
    for pin in version.certificates:
        if _PIN.fullmatch(pin) is None:
            yield "certificates", f"Dấu chứng thư {pin!r} phải viết certificate:HEX hoặc spki:HEX (SHA-256)."
    taken = {
        name: Ownership(code) for code, entry_ in reserved.items() for v in entry_.versions for name in v.credentials()
    }
    for name, wanted in _ownerships(entry.system_code, version).items():
        record = situation.records.get(consents.credential_key(name))
        holder = taken.get(name) or (consents.read_ownership(record) if record is not None else wanted)
        if holder.system_code != wanted.system_code:
            yield "keys", f"{_named(name)} đã đăng ký cho hệ thống {holder.system_code}; mỗi hệ thống cần khóa riêng."
        elif holder.print != wanted.print:
            yield "keys", f"{_named(name)} đã được dùng cho một khóa công khai khác; khóa mới cần keyid mới."


def _ownerships(system_code: str, version: ConsentVersion) -> dict[str, Ownership]:
    """Whose each credential of a version will be."""
    prints = {consents.key_name(key.key_id): key.print for key in version.keys}
    return {name: Ownership(system_code, prints.get(name, "")) for name in version.credentials()}


def _named(name: str) -> str:
    kind, _, rest = name.partition(":")
    words = {"key": f"keyid {rest}", "spki": f"Khóa công khai (SHA-256 {rest[:16]}…)"}
    return words.get(kind, f"Chứng thư (SHA-256 {rest[:16]}…)")


def _added(entry: ConsentEntry, version: ConsentVersion) -> AuditWrite:
    """The audit row of a new version."""
    return audit(
        "consent.added",
        entry.by.actor,
        system=entry.system_code,
        version=version.version,
        number=version.number,
        date=version.dated.isoformat(),
        valid_from=version.valid_from.isoformat(),
        valid_to=version.valid_to.isoformat() if version.valid_to is not None else None,
        procedures=version.procedures,
        states=version.states,
        keys=[key.key_id for key in version.keys] or None,
        certificates=version.certificates or None,
        authentication=version.authentication,
        source=entry.by.source,
        reason=entry.by.reason,
    )
