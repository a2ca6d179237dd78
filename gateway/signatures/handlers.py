"""HTTP in and out of signatures: one route of the internal listener."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated

import msgspec
from aiohttp import web

from gateway.errors import Conflict, Fault, Invalid
from gateway.intake.accept import Door
from gateway.intake.validate import read_body
from gateway.records.signatures import Intent
from gateway.signatures.requests import SignatureRequests
from signing.making import Profile

ROUTE = "/v1/signatures"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request for one signature, as `signature-request.json` publishes it."""

    request_id: str
    dossier_code: str
    sha256: str
    profile: Profile
    key: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    purpose: str
    person: str


class SignatureHandlers:
    """The handler. Without `requests` (no [signing.keys]) the route says so."""

    def __init__(self, door: Door, requests: SignatureRequests | None, count: Callable[[str], None]) -> None:
        self._door, self._requests, self._count = door, requests, count

    def routes(self) -> list[web.RouteDef]:
        """Method, path and handler."""
        return [web.post(ROUTE, self.post_signature)]

    async def post_signature(self, request: web.Request) -> web.Response:
        """`POST /v1/signatures`: sign a stored file of a dossier; 201 with the report, 200 when it was signed before."""
        door = self._door
        body = await read_body(request, door.limits.max_body_bytes, door.limits.body_timeout_s)
        caller = await door.reader(door.authenticator.parts(request), body)
        if self._requests is None:
            raise Conflict("Cổng này chưa được cấu hình để ký số.", code="signing_not_configured")
        asked = _read(body)
        intent = Intent(
            system=caller.system_code,
            request_id=asked.request_id,
            dossier=asked.dossier_code,
            sha256=asked.sha256,
            profile=asked.profile.value,
            key=asked.key,
            purpose=" ".join(asked.purpose.split()),
            person=" ".join(asked.person.split()),
        )
        faults = tuple(_faults(intent))
        if not door.limits.is_dossier_code(intent.dossier):
            faults += (Fault("ma_ho_so_sai", "/dossier_code", "Mã hồ sơ không đúng dạng."),)
        if faults:
            raise Invalid(faults=faults)
        answer, status = await self._requests.sign(caller, intent)
        self._count(f"signature_{status}")
        return web.Response(
            body=answer, status=status, content_type="application/json", headers={"Cache-Control": "no-store"}
        )


def _read(body: bytes) -> Asked:
    try:
        return msgspec.json.decode(body, type=Asked)
    except msgspec.DecodeError as error:
        told = "Gửi đối tượng JSON đúng mẫu: request_id, dossier_code, sha256, profile, key, purpose, person."
        raise Invalid(faults=(Fault("sai_kieu", "", told),)) from error


def _faults(intent: Intent) -> list[Fault]:
    faults = []
    if _REQUEST_ID.fullmatch(intent.request_id) is None:
        faults.append(Fault("sai_kieu", "/request_id", "Từ 8 đến 64 ký tự chữ, số, dấu chấm, gạch dưới, gạch nối."))
    if _SHA256.fullmatch(intent.sha256) is None:
        faults.append(Fault("sai_kieu", "/sha256", "SHA-256 của tệp đã tải lên: 64 chữ số thập lục phân viết thường."))
    for name, text in (("purpose", intent.purpose), ("person", intent.person)):
        if not 3 <= len(text) <= 200:
            faults.append(Fault("thieu_truong", f"/{name}", "Cần từ 3 đến 200 ký tự."))
    return faults
