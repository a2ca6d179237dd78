"""The live view of the consent register: keys parsed once, certificates by pin, and the settings of every system.

It is a cache and never the truth: what it lets in is judged again in the accept transaction, over the record. A decision of
this process refreshes it; a credential that it does not know is looked up in the journal, so that a system which another
node registered is met as well. Nothing is read from the store for what it knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache

from gateway.config import CallerRecord, Loaded
from gateway.errors import ConfigError, IntakeError
from gateway.intake.entitlement import RESOLUTION, SECTOR, Proof, judge
from gateway.intake.signature import Algorithm, PublicKey, load_public_key, public_key_print
from gateway.journal.store import Journal
from gateway.records import consents
from gateway.records.consents import ConsentKey, ConsentVersion, Registration


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A public key in the register, parsed once."""

    system_code: str
    key_id: str
    algorithm: Algorithm
    public_key: PublicKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the view knows of a system's right to speak: its record, and the refusal when it may not speak now."""

    record: CallerRecord
    refusal: IntakeError | None


@dataclass(frozen=True, slots=True)
class _Known:
    """A system in the view: its registration, and its settings under each version."""

    registration: Registration
    records: Mapping[int, CallerRecord]


class Register(Mapping[str, CallerRecord]):
    """Every registered system by its code, with the settings of its newest version, revoked or not.

    `reserved` are systems of the configuration that need no consent (the resolution system is the ministry's own);
    `technical` are the sections of the others, whose technical settings come before those of the register; `declared` is
    what these sections say of consents, to be entered once.
    """

    def __init__(
        self,
        reserved: Mapping[str, Registration] | None = None,
        technical: Mapping[str, CallerRecord] | None = None,
        declared: Mapping[str, Registration] | None = None,
    ) -> None:
        self._technical = dict(technical or {})
        self.declared = dict(declared or {})
        self._known: dict[str, _Known] = {}
        self.keys_by_id: dict[str, RegisteredKey] = {}
        self._pins: dict[str, str] = {}
        self.reserved = dict(reserved or {})
        for registration in self.reserved.values():
            self.put(registration)

    def __getitem__(self, system_code: str) -> CallerRecord:
        known = self._known[system_code]
        return known.records[known.registration.versions[-1].version]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    @classmethod
    def load(cls, loaded: Loaded) -> Register:
        """The view as it stands before the store is read; raises `ConfigError` that names every unfit key."""
        declared = read_declared(loaded)
        technical = {code: record for code, record in loaded.settings.callers.items() if record.role == SECTOR}
        reserved = {code: entry for code, entry in declared.items() if code not in technical}
        return cls(reserved, technical, {code: entry for code, entry in declared.items() if code in technical})

    def put(self, registration: Registration) -> None:
        """Take a registration in, in place of what was known of its system.

        Keys of every version are kept: an old one still verifies bytes that were stored long ago, and `judge` decides.
        """
        code = registration.system_code
        records = {version.version: self._record(code, version) for version in registration.versions}
        for version in registration.versions:
            for key in version.keys:
                parsed = _parsed(key.public_key, key.algorithm)
                self.keys_by_id[key.key_id] = RegisteredKey(code, key.key_id, key.algorithm, parsed)
            for pin in version.certificates:
                self._pins[pin] = code
        if records:
            self._known[code] = _Known(registration, records)

    def _record(self, code: str, version: ConsentVersion) -> CallerRecord:
        """The settings of a system under one version of its consent."""
        stated = self._technical.get(code)
        reserved = code in self.reserved
        return CallerRecord(
            role=RESOLUTION if reserved else SECTOR,
            procedures=version.procedures,
            states=version.states,
            consent_no=version.number,
            consent_date=None if reserved else version.dated,
            valid_to=version.valid_to,
            outside=stated.outside if stated is not None else version.outside,
            profile=stated.profile if stated is not None else version.profile,
            pull_hosts=stated.pull_hosts if stated is not None else version.pull_hosts,
            authentication=version.authentication,
        )

    def key(self, key_id: str) -> RegisteredKey | None:
        """A key by its id, of any version of any system."""
        return self.keys_by_id.get(key_id)

    def pinned(self, proof: Proof) -> str:
        """The system that has pinned a certificate; empty when none has."""
        return self._pins.get(proof.certificate) or self._pins.get(proof.spki, "")

    def standing(self, system_code: str, proof: Proof, now: datetime) -> Standing:
        """Whether a known system may speak now, as far as the view knows."""
        known = self._known[system_code]
        found = judge(known.registration, proof, now)
        if isinstance(found, IntakeError):
            return Standing(self[system_code], found)
        return Standing(known.records[found.version], None)

    def registration(self, system_code: str) -> Registration | None:
        """What the view holds of a system."""
        known = self._known.get(system_code)
        return known.registration if known is not None else None

    def differences(self, registration: Registration) -> list[str]:
        """The keys of `[callers.X]` that say something else than the register, which is what counts."""
        declared = self.declared.get(registration.system_code)
        if declared is None:
            return []
        kept = registration.versions[-1]
        found = _differences(declared.versions[0], kept)
        return ["revoked", *found] if kept.revoked is not None else found

    async def refresh(self, journal: Journal, system_code: str) -> None:
        """Read one system's record again, after a decision or a refusal that the view did not foresee."""
        if system_code in self.reserved:
            return
        record = await journal.record(consents.key(system_code))
        if record is not None:
            self.put(consents.parse(record))

    async def refresh_all(self, journal: Journal) -> None:
        """Read every record: at the start."""
        for record in await journal.records(consents.KIND):
            if record.key.id not in self.reserved:
                self.put(consents.parse(record))

    async def learn(self, journal: Journal, credential: str) -> bool:
        """Look a credential up that the view does not know; whether some system has it.

        What strangers write may be anything: no name of ours holds more than plain characters.
        """
        if not (credential.isascii() and credential.isprintable()):
            return False
        record = await journal.record(consents.credential_key(credential))
        if record is None:
            return False
        await self.refresh(journal, consents.read_ownership(record).system_code)
        return True


# The same few keys are parsed again whenever a version is added.
@lru_cache(maxsize=4096)
def _parsed(pem: str, algorithm: Algorithm) -> PublicKey:
    return load_public_key(pem.encode(), algorithm)


def read_key(key_id: str, algorithm: Algorithm, pem: bytes) -> ConsentKey:
    """A public key on its way into the register; raises `ConfigError` for one that does not fit."""
    key = load_public_key(pem, algorithm)
    return ConsentKey(key_id, algorithm, pem.decode("ascii").strip() + "\n", public_key_print(key))


def read_declared(loaded: Loaded) -> dict[str, Registration]:
    """What the configuration declares, as first versions, for every caller that declares a consent or needs none.

    Raises `ConfigError` that names every key which cannot be read, does not fit, or stands twice.
    """
    found: dict[str, Registration] = {}
    faults: list[str] = []
    owners: dict[str, str] = {}
    for system_code, record in loaded.settings.callers.items():
        keys = _keys_of(loaded, system_code, owners, faults)
        for pin in record.certificates:
            if owners.setdefault(pin, system_code) != system_code:
                faults.append(f"callers.{system_code}.certificates: {pin} đã được hệ thống {owners[pin]} dùng")
        if record.role != SECTOR or record.consent_date is not None:
            found[system_code] = Registration(system_code, (_declared_version(record, keys),))
    if faults:
        raise ConfigError(tuple(faults))
    return found


def _keys_of(loaded: Loaded, system_code: str, owners: dict[str, str], faults: list[str]) -> tuple[ConsentKey, ...]:
    """The keys of one caller, with the faults of those that are unfit; `owners` says whose each credential is."""
    keys = []
    for key_id, stated in loaded.settings.callers[system_code].keys.items():
        where = f"callers.{system_code}.keys.{key_id}"
        named = consents.key_name(key_id)
        if named in owners:
            faults.append(f"{where}: keyid đã được hệ thống {owners[named]} dùng")
            continue
        owners[named] = system_code
        try:
            key = read_key(key_id, stated.algorithm, loaded.path(stated.file).read_bytes())
        except OSError as error:
            faults.append(f"{where}: không đọc được tệp khóa {stated.file} ({error.strerror})")
        except ConfigError as error:
            faults.extend(f"{where}: {fault}" for fault in error.faults)
        else:
            keys.append(key)
            holder = owners.setdefault(f"spki:{key.print}", system_code)
            if holder != system_code:
                faults.append(
                    f"{where}: khóa công khai này đã đăng ký cho hệ thống {holder}; mỗi hệ thống cần khóa riêng"
                )
    return tuple(keys)


def _declared_version(record: CallerRecord, keys: tuple[ConsentKey, ...]) -> ConsentVersion:
    """The version that a section of the configuration declares; a system that needs no consent is bound by no day."""
    bound = record.role == SECTOR and record.consent_date is not None
    return ConsentVersion(
        version=1,
        number=record.consent_no,
        dated=record.consent_date or date.min,
        valid_from=(record.valid_from or record.consent_date or date.min) if bound else date.min,
        valid_to=record.valid_to if bound else None,
        title=record.title,
        owner=record.owner,
        procedures=record.procedures,
        states=record.states,
        keys=keys,
        certificates=record.certificates,
        authentication=record.authentication,
        outside=record.outside,
        profile=record.profile,
        pull_hosts=record.pull_hosts,
    )


def _differences(declared: ConsentVersion, kept: ConsentVersion) -> list[str]:
    """The keys of a section of the configuration that say something else than the version in place."""
    pairs = {
        "consent_no": (declared.number, kept.number),
        "consent_date": (declared.dated, kept.dated),
        "valid_from": (declared.valid_from, kept.valid_from),
        "valid_to": (declared.valid_to, kept.valid_to),
        "procedures": (set(declared.procedures), set(kept.procedures)),
        "states": (set(declared.states), set(kept.states)),
        "keys": ({(k.key_id, k.print) for k in declared.keys}, {(k.key_id, k.print) for k in kept.keys}),
        "certificates": (set(declared.certificates), set(kept.certificates)),
        "authentication": (declared.authentication, kept.authentication),
    }
    return [name for name, (stated, known) in pairs.items() if stated != known]
