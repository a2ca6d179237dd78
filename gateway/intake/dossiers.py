"""The resolution system registers and updates a dossier: the versioned snapshot that outbound messages are built from."""

from __future__ import annotations

from gateway.errors import Forbidden
from gateway.intake.accept import Arrival, Door, cannot_understand
from gateway.intake.course import RESOLUTION
from gateway.intake.receipts import answered
from gateway.intake.snapshot import SnapshotSubject, snapshot_intake
from gateway.intake.validate import NOT_A_DOSSIER, validate_dossier
from gateway.journal.model import Accepted
from gateway.records import dossiers
from mappings.faults import CannotUnderstand


async def register(door: Door, arrival: Arrival, code: str) -> Accepted:
    """Take one snapshot on, for the dossier `code` of the address; raises `IntakeError`, and then nothing is promised."""
    # 1. Who calls? The dossier belongs to the resolution system alone (architecture 1).
    caller = await door.identify(arrival.signed, arrival.body)
    if caller.refusal is not None:
        raise caller.refusal
    if caller.role != RESOLUTION:
        raise Forbidden("Chỉ hệ thống giải quyết được đăng ký hồ sơ.")

    # 2. Is it well formed, and 3. what does it mean?
    submission = validate_dossier(arrival.body, arrival.content_type, door.limits, path_code=code)
    try:
        dossier, _ = door.to_dossier(submission.tree)
    except CannotUnderstand as error:
        raise cannot_understand(error.faults, NOT_A_DOSSIER) from error

    # 4. Make it durable. An old signature may only repeat what is registered already, which changes nothing.
    subject = SnapshotSubject(dossier, dossiers.digest(dossier), caller.fresh)
    sectors = (code for code, record in door.authenticator.register.items() if record.role != RESOLUTION)
    intake = snapshot_intake(caller.system_code, submission.raw, submission.digest, subject, sectors)

    accepted = await door.journal.accept(intake)

    # 5. Answer. Events that waited for this dossier may be on their way now.
    door.wake(accepted.upstreams)
    return answered(accepted)
