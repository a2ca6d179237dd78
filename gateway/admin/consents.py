"""The operators' desk of the consent register: what a person enters, revokes and looks at. Words in, records out.

Every entry and every revocation carries its reason and the proof of who decided, in the transaction of the change, and
holds from the next accept (QĐ 3036 Điều 5.7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date
from typing import Any, Literal, TypeVar

import msgspec

from gateway.admin.words import Words
from gateway.clock import Clock
from gateway.dispatch.replay import checked_reason
from gateway.errors import ConfigError, Fault, Invalid
from gateway.intake.enrolment import FAULT, ConsentEntry, ConsentRevocation, Entered, entry_intake, revocation_intake
from gateway.intake.foreign import OWN
from gateway.intake.receipts import answered
from gateway.intake.register import Register, read_key
from gateway.journal.model import Intake
from gateway.journal.store import Journal
from gateway.records import consents
from gateway.records.consents import Algorithm, Authentication, ConsentKey, ConsentVersion, Registration, in_force
from mappings.dialect_file import load_dialect
from mappings.tables import TableUnreadable


class StatedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public key as an operator states it: its `keyid`, algorithm and PEM text."""

    key_id: str
    algorithm: Algorithm
    public_key: str


class StatedConsent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The details of `consent-add`. What is absent is taken from the version in place, when there is one.

    With a new `number` the validity is that of the new document: `dated` must be stated too, and `valid_to` absent means
    without end. `no_end` takes the last day away. `keep_keys` and `keep_certificates` leave those in place beside the new.
    """

    system: str
    number: str | None = None
    dated: date | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    no_end: bool = False
    title: str | None = None
    owner: str | None = None
    procedures: tuple[str, ...] | None = None
    states: tuple[str, ...] | None = None
    keys: tuple[StatedKey, ...] | None = None
    keep_keys: bool = False
    certificates: tuple[str, ...] | None = None
    keep_certificates: bool = False
    authentication: Authentication | None = None
    outside: Literal["on_push_back", "on_ack"] | None = None
    profile: str | None = None
    pull_hosts: tuple[str, ...] | None = None


class StatedRevocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The details of `consent-revoke`."""

    system: str


class ConsentDesk:
    """The consent register as an operator meets it."""

    def __init__(self, journal: Journal, register: Register, clock: Clock) -> None:
        self._journal, self._register, self._clock = journal, register, clock

    async def add(self, words: Words) -> Mapping[str, object]:
        """Enter a system, or a new version for a known one; raises `Invalid` that names every fault."""
        checked_reason(words.reason, words.actor)
        stated = _details(words.details, StatedConsent)
        entry = replace(_entry(stated, words), reserved=self._register.reserved)
        return await self._decide(entry_intake(entry), words)

    async def revoke(self, words: Words) -> Mapping[str, object]:
        """Take a consent back; raises `NotFound` for a system that was never entered, `Conflict` for one revoked already."""
        checked_reason(words.reason, words.actor)
        stated = _details(words.details, StatedRevocation)
        by = Entered(words.actor, words.reason)
        return await self._decide(revocation_intake(ConsentRevocation(stated.system, by)), words)

    async def listing(self, system: str = "") -> Mapping[str, object]:
        """Every system with its versions, what is in force now, and where the configuration says something else."""
        rows = [consents.parse(record) for record in await self._journal.records(consents.KIND)]
        return {"systems": [self._shown(row) for row in rows if system in ("", row.system_code)]}

    def _shown(self, registration: Registration) -> Mapping[str, object]:
        found = in_force(registration, self._clock.now())
        versions = [asdict(version) for version in registration.versions]
        return {
            "system": registration.system_code,
            "standing": found if isinstance(found, str) else "in_force",
            "version_in_force": 0 if isinstance(found, str) else found.version,
            "versions": versions,
            "differs_from_configuration": self._register.differences(registration),
        }

    async def _decide(self, intake: Intake, words: Words) -> Mapping[str, object]:
        accepted = answered(await self._journal.accept(replace(intake, signed=words.signed)))
        answer: dict[str, object] = msgspec.json.decode(accepted.answer)
        await self._register.refresh(self._journal, intake.source)
        return {"done": True, **answer}


_Stated = TypeVar("_Stated")


def _details(details: Mapping[str, Any], kind: type[_Stated]) -> _Stated:
    try:
        return msgspec.convert(dict(details), kind)
    except msgspec.ValidationError as error:
        raise Invalid(f"Lệnh không hợp lệ: {error}", status=400) from error


def _entry(stated: StatedConsent, words: Words) -> ConsentEntry:
    """The version that is stated, and which of its fields were left open."""
    keys, faults = _keys(stated.keys or ())
    faults += _profile_faults(stated.profile)
    if faults:
        raise Invalid("Chưa ghi được sự đồng ý kết nối:", faults=tuple(Fault(FAULT, "", fault) for fault in faults))
    given: dict[str, Any] = {
        "number": stated.number,
        "dated": stated.dated,
        "valid_from": stated.valid_from,
        "valid_to": stated.valid_to,
        "title": stated.title,
        "owner": stated.owner,
        "procedures": stated.procedures,
        "states": stated.states,
        "keys": keys if stated.keys is not None else None,
        "certificates": stated.certificates,
        "authentication": stated.authentication,
        "outside": stated.outside,
        "profile": stated.profile,
        "pull_hosts": stated.pull_hosts,
    }
    inherit = {name for name, value in given.items() if value is None}
    if stated.number is not None:
        inherit -= {"dated", "valid_from", "valid_to"}
    if stated.no_end:
        inherit.discard("valid_to")
    dated = stated.dated or date.min
    defaults = {"number": "", "dated": dated, "valid_from": dated, "procedures": ()}
    named = {name: value for name, value in given.items() if value is not None}
    version = ConsentVersion(version=0, **{**defaults, **named})
    by = Entered(words.actor, words.reason)
    return ConsentEntry(
        stated.system,
        version,
        by,
        inherit=frozenset(inherit),
        keep_keys=stated.keep_keys,
        keep_certificates=stated.keep_certificates,
    )


def _profile_faults(profile: str | None) -> list[str]:
    """A dialect that is not shipped would be met by every event of the system."""
    if profile is None or profile == OWN:
        return []
    try:
        load_dialect(profile)
    except TableUnreadable as error:
        return [f"profile: {error}"]
    return []


def _keys(stated: tuple[StatedKey, ...]) -> tuple[tuple[ConsentKey, ...], list[str]]:
    """The keys that fit, and the faults of those that do not."""
    keys, faults = [], []
    for key in stated:
        try:
            keys.append(read_key(key.key_id, key.algorithm, key.public_key.encode()))
        except ConfigError as error:
            faults += [f"{key.key_id}: {fault}" for fault in error.faults]
    return tuple(keys), faults
