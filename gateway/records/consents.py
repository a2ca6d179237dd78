"""Sổ đồng ý kết nối: what the owner of each system consented to, version by version, with every revocation kept.

Record kind `consent`, id = system code. A version is never edited: another document, other keys or another validity are a
new version, and a revocation is noted on the versions that it ends. Beside it stands the record kind `credential`: which
system a key id, a public key or a certificate belongs to, for ever, so that no two systems can share one.
Source: QĐ 3036 Điều 5.7 (connecting needs the owner's consent), dossier-model 4.1 and 8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Literal

from gateway.clock import LOCAL_ZONE
from gateway.journal.model import Record, RecordKey, RecordWrite
from mappings.codec import decode, encode

KIND = "consent"
CREDENTIAL_KIND = "credential"
EVERYTHING = "*"

Algorithm = Literal["rsa-pss-sha512", "ecdsa-p256-sha256", "ed25519"]
Authentication = Literal["signature", "certificate", "both"]
Lapse = Literal["consent_missing", "consent_not_yet_valid", "consent_expired", "consent_revoked"]
"""Why no version is in force: none was ever entered, none has begun, the last one has ended, it was taken back."""


@dataclass(frozen=True, slots=True)
class ConsentKey:
    """Khóa công khai: its `keyid`, algorithm, PEM text, and `print`: the SHA-256 (hex) of its SubjectPublicKeyInfo."""

    key_id: str
    algorithm: Algorithm
    public_key: str
    print: str


@dataclass(frozen=True, slots=True)
class Revocation:
    """Thu hồi: when, by whom, and why. It holds from the moment of its commit, not from the next day."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ConsentVersion:
    """One version of a consent: the document (`number`, `dated`), its scope, credentials and validity, and who entered it.

    `procedures` and `states` may be ("*",). `valid_from` and `valid_to` are days in Viet Nam, both included; no `valid_to`
    means without end. `certificates` pin client certificates as `certificate:HEX` (SHA-256 of the DER form) or `spki:HEX`
    (SHA-256 of the public key in it). `authentication` says what must vouch for a request. `outside`, `profile` and
    `pull_hosts` are the technical settings of a system that has no section in the configuration.
    """

    version: int
    number: str
    dated: date
    valid_from: date
    valid_to: date | None = None
    title: str = ""
    owner: str = ""
    procedures: tuple[str, ...] = (EVERYTHING,)
    states: tuple[str, ...] = (EVERYTHING,)
    keys: tuple[ConsentKey, ...] = ()
    certificates: tuple[str, ...] = ()
    authentication: Authentication = "signature"
    outside: Literal["on_push_back", "on_ack"] = "on_push_back"
    profile: str = "default"
    pull_hosts: tuple[str, ...] = ()
    registered_at: datetime | None = None
    registered_by: str = ""
    reason: str = ""
    revoked: Revocation | None = None

    def credentials(self) -> Iterator[str]:
        """The names under which this version's keys and certificates are kept apart from those of other systems."""
        for key in self.keys:
            yield key_name(key.key_id)
            yield f"spki:{key.print}"
        yield from self.certificates


@dataclass(frozen=True, slots=True)
class Registration:
    """Everything that was ever entered for one system, the oldest version first."""

    system_code: str
    versions: tuple[ConsentVersion, ...] = ()

    def newest(self) -> ConsentVersion | None:
        """The version that was entered last, revoked or not."""
        return self.versions[-1] if self.versions else None


def in_force(registration: Registration | None, at: datetime) -> ConsentVersion | Lapse:
    """The version that decides at a moment, or why none does.

    A revocation ends every version entered before it. Of the others the one entered last among those that have begun
    decides, also when it has ended meanwhile: an older and wider version never comes back by itself.
    """
    if registration is None or not registration.versions:
        return "consent_missing"
    today = local_day(at)
    standing = [version for version in registration.versions if version.revoked is None]
    if not standing:
        return "consent_revoked"
    begun = [version for version in standing if version.valid_from <= today]
    if not begun:
        return "consent_not_yet_valid"
    newest = begun[-1]
    return "consent_expired" if newest.valid_to is not None and newest.valid_to < today else newest


def local_day(at: datetime) -> date:
    """The day in Viet Nam."""
    return at.astimezone(LOCAL_ZONE).date()


def key_name(key_id: str) -> str:
    """The name of a key id among the credentials."""
    return f"key:{key_id}"


def key(system_code: str) -> RecordKey:
    """Where the consent of a system stands."""
    return RecordKey(KIND, system_code)


def credential_key(name: str) -> RecordKey:
    """Where it stands which system a credential belongs to."""
    return RecordKey(CREDENTIAL_KIND, name)


def read(records: Mapping[RecordKey, Record], system_code: str) -> Registration | None:
    """The registration among the records read, None for a system that was never entered."""
    record = records.get(key(system_code))
    return _parsed(record.state) if record is not None else None


def parse(record: Record) -> Registration:
    """The registration in a stored record."""
    return _parsed(record.state)


# Every accept reads the record of its system; its bytes change a few times in a year.
@lru_cache(maxsize=1024)
def _parsed(state: bytes) -> Registration:
    return decode(state, Registration)


def number(registration: Registration) -> int:
    """The version of a registration's record: it counts entries and revocations."""
    newest = registration.newest()
    return newest.version * 2 + int(newest.revoked is not None) if newest is not None else 0


def write(registration: Registration) -> RecordWrite:
    """The record that puts a registration in place."""
    return RecordWrite(key(registration.system_code), number(registration), encode(registration))


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whose a credential is; for a key id also the public key that it names, for ever."""

    system_code: str
    print: str = ""


def read_ownership(record: Record) -> Ownership:
    """Whose a credential is, from its stored record."""
    return decode(record.state, Ownership)


def write_ownership(name: str, ownership: Ownership) -> RecordWrite:
    """The record that gives a credential to a system."""
    return RecordWrite(credential_key(name), 1, encode(ownership))
