"""Results as papers: which dossiers end with a signed one, what it says, and how its system has it signed and names it.

One paper is changed after it was signed, by the system that sends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol
from xml.sax.saxutils import escape

import msgspec

from gateway.cli.demonstration.cast import LEAVING, SECTORS, Role, paper
from gateway.cli.demonstration.custody import KEY, PAPER_NAMESPACE
from gateway.cli.demonstration.foreign import Paper

IN_XML = SECTORS[1]
"""Its results are signed XML; those of all others are PDF."""
CHANGING = SECTORS[0]
"""One of its results is changed after signing."""

_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of paper: media type, profile of its signature, format and file ending as events name them."""

    media_type: str
    profile: str
    format: str
    ending: str


PDF = Kind("application/pdf", "P-PDF-T", "pades", "pdf")
XML = Kind("application/xml", "P-XML-T", "xades", "xml")


@dataclass(frozen=True, slots=True)
class Issued:
    """A paper as it is handed over: its content, signed, and perhaps changed since."""

    kind: Kind
    content: bytes

    @property
    def sha256(self) -> str:
        """The digest under which an event names it."""
        return sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Programme:
    """The roles of a performance; `signed` are the codes of the dossiers that end with a result, `changed` the one that lies."""

    roles: tuple[Role, ...]
    signed: tuple[str, ...]
    changed: str


def programme(roles: Sequence[Role]) -> Programme:
    """Every granted dossier ends with a signed result. Raises `StopIteration` for a cast none of whose results can be changed."""
    ending = [role for role in roles if role.system != LEAVING and "resolved" in role.states]
    changed = next(role for role in reversed(ending) if role.system == CHANGING and role.states[-1] == "returned")
    return Programme(tuple(roles), tuple(role.code for role in ending), changed.code)


def kind_of(role: Role) -> Kind:
    """What a system's results are."""
    return XML if role.system == IN_XML else PDF


def draft(role: Role) -> bytes:
    """The unsigned paper of a dossier, the same at every performance."""
    if kind_of(role) is PDF:
        return paper(role.code)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<KetQua xmlns="{PAPER_NAMESPACE}"><MaHoSo>{escape(role.code)}</MaHoSo>'
        "<TenGiayTo>Giấy phép (ví dụ)</TenGiayTo><HieuLuc>2030-12-31</HieuLuc></KetQua>\n"
    ).encode()


def change(signed: bytes) -> bytes:
    """What somebody makes of a signed PDF who hopes that nobody looks: one letter of its signed part."""
    changed = signed.replace(b"Giay phep", b"Giay Phep", 1)
    if changed == signed:
        raise ValueError("the paper holds no word that can be changed")
    return changed


class Call(Protocol):
    """Carries out a signed request of a system, again until it was answered; the body of the answer."""

    async def __call__(self, system: str, method: str, target: str, media_type: str, body: bytes) -> bytes: ...


@dataclass(slots=True)
class Desk:
    """Has papers signed at the gateway's own door, each once; `at_once` bounds how many systems ask at the same time."""

    programme: Programme
    issued: dict[str, Issued] = field(default_factory=dict)
    at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    conclusions: list[str] = field(default_factory=list)

    async def issue(self, call: Call, role: Role) -> Issued | None:
        """Upload the draft, ask for its signature, fetch the signed file; None for a dossier that ends without a result."""
        if role.code not in self.programme.signed:
            return None
        if role.code not in self.issued:
            async with self.at_once:
                self.issued[role.code] = await self._issue(call, role)
        return self.issued[role.code]

    async def _issue(self, call: Call, role: Role) -> Issued:
        kind, content = kind_of(role), draft(role)
        await call(role.system, "POST", f"/v1/files?dossier={role.code}", kind.media_type, content)
        wish = {
            "request_id": f"ky-{role.code}",
            "dossier_code": role.code,
            "sha256": sha256(content).hexdigest(),
            "profile": kind.profile,
            "key": KEY,
            "purpose": "Ban hành kết quả giải quyết",
            "person": "Nguyễn Thị Ví Dụ",
        }
        answer = await call(role.system, "POST", "/v1/signatures", "application/json", msgspec.json.encode(wish))
        told = msgspec.json.decode(answer)
        self.conclusions.append(told["report"]["conclusion"])
        signed = await call(role.system, "GET", f"/v1/files/{told['sha256']}?dossier={role.code}", "", b"")
        if role.code == self.programme.changed:
            signed = change(signed)
            await call(role.system, "POST", f"/v1/files?dossier={role.code}", kind.media_type, signed)
        return Issued(kind, signed)


def naming(event: Mapping[str, object], issued: Issued) -> Mapping[str, Any]:
    """The event with the signed file in the place of the draft."""
    if "results" not in event:
        return event
    file = {
        "name": f"{event['dossier_code']}-KQ1.{issued.kind.ending}",
        "media_type": issued.kind.media_type,
        "size": len(issued.content),
        "sha256": issued.sha256,
    }
    result = {"id": "KQ1", "name": "Giấy phép (ví dụ)", "file": file, "signature": {"format": issued.kind.format}}
    return {**event, "results": [result]}


def foreign_paper(issued: Issued) -> Paper:
    """The same for a system that speaks the XML of its own publication."""
    return Paper("GP-1", "Giấy phép biểu diễn (ví dụ)", len(issued.content), issued.sha256)
