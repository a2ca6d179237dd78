"""A file that its system asks us to fetch: `POST /v1/files/pull`, off unless the system's `pull_hosts` name its host.

The request states digest and size as an upload would; what is fetched goes the same way as what is sent (`files.py`), and is
kept only when it is that very content (dossier-model 4.1: "pull by URL off by default, host list per sector").
"""

from __future__ import annotations

from connectors.kit.fetching import Address, FetchError, read_address
from gateway.errors import Fault, Forbidden, IntakeError, Invalid, TooLarge
from gateway.intake.accept import Arrival
from gateway.intake.authenticate import Caller
from gateway.intake.files import Announced, FileDoor, known_already, store
from gateway.intake.validate import validate_pull
from gateway.journal.model import Accepted

_OURS = {"body_timeout", "broken_body"}  # what the way of an upload says of its sender; here it is the host's fault


async def pull(files_door: FileDoor, arrival: Arrival) -> Accepted:
    """Fetch one file and take it on; durable when this returns. Raises `IntakeError`, and then nothing of it remains."""
    door = files_door.door
    caller = await door.identify(arrival.signed, arrival.body)
    if caller.refusal is not None:
        raise caller.refusal
    if not caller.record.pull_hosts:
        raise Forbidden("Hệ thống này không được yêu cầu cổng tải tệp; hãy tải tệp lên.", code="pull_not_allowed")
    tree = validate_pull(arrival.body, arrival.content_type, door.limits).tree
    address = _address(str(tree["url"]), caller)
    if tree["size"] > files_door.policy.max_bytes:
        raise TooLarge(f"Tệp vượt quá {files_door.policy.max_bytes} byte.")
    wanted = Announced(
        caller,
        arrival.signed,
        str(tree["dossier_code"]),
        str(tree["sha256"]),
        str(tree["media_type"]).lower(),
        int(tree["size"]),
        arrival.body,
    )
    await known_already(files_door, wanted)  # whoever may not store here makes us call nobody
    try:
        # A host that never answers keeps its caller's own places, and none of those where files arrive.
        with files_door.fetching.of(caller.system_code):
            async with files_door.fetcher.content(address, files_door.policy.max_bytes) as content:
                return await store(files_door, wanted, content, _begun)
    except FetchError as error:
        raise _refusal(error) from None
    except IntakeError as error:
        raise _of_content(error) from None


async def _begun() -> None:
    """Whoever is fetched from has begun already."""


def _address(url: str, caller: Caller) -> Address:
    try:
        return read_address(url, caller.record.pull_hosts)
    except FetchError as error:
        raise _refusal(error) from None


def _refusal(error: FetchError) -> IntakeError:
    if error.code == "host":
        return Forbidden(error.message_vi, code="pull_not_allowed")
    if error.code == "address":
        return Invalid(faults=(Fault("dia_chi_khong_duoc", "/url", error.message_vi),))
    if error.code == "private":
        return Forbidden(error.message_vi, code="pull_not_allowed")
    if error.code == "size":
        return TooLarge(error.message_vi)
    return IntakeError(error.message_vi, code="pull_failed", status=502)


def _of_content(error: IntakeError) -> IntakeError:
    """What the way of an upload says of its sender, said of the host that was fetched from."""
    if error.code == "bad_digest":
        return Invalid(faults=(Fault("noi_dung_khac", "/sha256", "Nội dung tải về không có SHA-256 này."),))
    if error.code in _OURS:
        return IntakeError("Máy chủ đã nêu gửi tệp quá chậm hoặc không trọn vẹn.", code="pull_failed", status=502)
    return error
