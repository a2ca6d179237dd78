"""The consent register at the start: the configuration's declarations entered once, the live view filled, doubts told."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from gateway.errors import ConfigError, IntakeError
from gateway.intake.enrolment import CONFIGURATION, ConsentEntry, Entered, entry_intake
from gateway.intake.receipts import answered
from gateway.intake.register import Register
from gateway.journal.store import Journal
from gateway.records import consents

ACTOR = "gateway.toml"
_REASON = "Khai báo trong tệp cấu hình, ghi vào sổ một lần khi hệ thống chưa có trong sổ"
_log = logging.getLogger("gateway")


async def open_register(journal: Journal, register: Register) -> None:
    """Read all of it, and enter what the store does not know yet; raises `ConfigError` for what cannot be entered.

    What the register knows already is left as it is: a declaration never changes a consent, nor brings back a revoked one.
    """
    faults = [fault async for fault in _taken(journal, register)]
    await register.refresh_all(journal)
    new = {code: entry for code, entry in register.declared.items() if register.registration(code) is None}
    for system_code, declared in new.items():
        by = Entered(ACTOR, _REASON, source=CONFIGURATION)
        try:
            entry = ConsentEntry(system_code, declared.versions[0], by, once=True, reserved=register.reserved)
            answered(await journal.accept(entry_intake(entry)))
        except IntakeError as error:
            faults += [f"callers.{system_code}: {fault.message_vi}" for fault in error.faults] or [error.message_vi]
    if faults:
        raise ConfigError(tuple(faults))
    for system_code in new:
        await register.refresh(journal, system_code)
    warn(register)


def warn(register: Register) -> None:
    """Tell where the configuration says something else than the register."""
    for system_code in register.declared:
        registration = register.registration(system_code)
        differing = register.differences(registration) if registration is not None else []
        if differing:
            _log.warning(
                "configuration differs from the consent register, which counts",
                extra={"system": system_code, "keys": ", ".join(differing)},
            )


async def _taken(journal: Journal, register: Register) -> AsyncIterator[str]:
    """The faults of systems without consent (the resolution system) whose credentials a registered system holds."""
    for system_code, declared in register.reserved.items():
        for version in declared.versions:
            for name in version.credentials():
                record = await journal.record(consents.credential_key(name))
                if record is not None:
                    holder = consents.read_ownership(record).system_code
                    yield f"callers.{system_code}: {name} đã đăng ký cho hệ thống {holder} trong sổ đồng ý"
