"""X-Road message protocol 4.0 in SOAP headers: who asks whom, under which id; and whether an answer belongs to its question.

Source: X-Road PR-MESS 4.0, 2.1 (identifiers), 2.2 (header fields), 2.3 (a response repeats the fields of its request unchanged),
2.7 (characters of identifiers); identity facts 2.8. Whose values these are is configuration (identity facts 7, item 10).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from connectors.kit.soap.building import Tree
from connectors.kit.soap.reading import Envelope, NotSoap, loosely

XROAD = "http://x-road.eu/xsd/xroad.xsd"
"""The namespace of the header fields."""

IDENTIFIERS = "http://x-road.eu/xsd/identifiers"
"""The namespace of the parts of an identifier."""

PROTOCOL_VERSION = "4.0"
"""The only version that is spoken."""

_PART = re.compile(r"[A-Za-z0-9'()+,\-.=?_]{1,255}")
_FIELDS = ("client", "service", "id", "userId", "issue", "protocolVersion")
_MUST_ECHO = ("client", "service", "id")


@dataclass(frozen=True, slots=True)
class XRoadMember:
    """A member of an X-Road instance, or one of its subsystems."""

    instance: str
    member_class: str
    member_code: str
    subsystem: str = ""

    def __post_init__(self) -> None:
        """Refuses parts that the protocol does not allow."""
        _checked(self.instance, self.member_class, self.member_code, *([self.subsystem] if self.subsystem else []))

    @classmethod
    def parse(cls, text: str) -> XRoadMember:
        """`INSTANCE/CLASS/MEMBER[/SUBSYSTEM]`; raises ValueError for anything else."""
        parts = text.split("/")
        if len(parts) not in (3, 4):
            raise ValueError("phải có dạng INSTANCE/CLASS/MEMBER hoặc INSTANCE/CLASS/MEMBER/SUBSYSTEM")
        return cls(*parts)

    def __str__(self) -> str:
        """The form of the header `X-Road-Client`."""
        return "/".join(part for part in (self.instance, self.member_class, self.member_code, self.subsystem) if part)

    def tree(self) -> dict[str, Any]:
        """The identifier as a tree."""
        kind = "SUBSYSTEM" if self.subsystem else "MEMBER"
        return {"@objectType": kind, **self.parts()}

    def parts(self) -> dict[str, str]:
        """The parts that it shares with the identifier of a service."""
        found = {"xRoadInstance": self.instance, "memberClass": self.member_class, "memberCode": self.member_code}
        return {**found, "subsystemCode": self.subsystem} if self.subsystem else found


@dataclass(frozen=True, slots=True)
class XRoadServiceId:
    """A service of a provider. `code` must be the name of the element in the body (identity facts 2.8)."""

    provider: XRoadMember
    code: str
    version: str = ""

    def __post_init__(self) -> None:
        """Refuses parts that the protocol does not allow."""
        _checked(self.code, *([self.version] if self.version else []))

    def tree(self) -> dict[str, Any]:
        """The identifier as a tree."""
        found = {"@objectType": "SERVICE", **self.provider.parts(), "serviceCode": self.code}
        return {**found, "serviceVersion": self.version} if self.version else found


@dataclass(frozen=True, slots=True)
class XRoadHeader:
    """The header of one request. `message_id` is unique; `issue` is the dossier; `user` the officer after a country."""

    client: XRoadMember
    service: XRoadServiceId
    message_id: str
    user: str = field(default="", repr=False)
    issue: str = ""

    def tree(self) -> Tree:
        """The blocks by their local names, as `Builder.build` takes them; never `requestHash`, which belongs to answers."""
        found = {
            "client": self.client.tree(),
            "service": self.service.tree(),
            "id": self.message_id,
            "userId": self.user,
            "issue": self.issue,
            "protocolVersion": PROTOCOL_VERSION,
        }
        return {name: value for name, value in found.items() if value}

    def check_echo(self, envelope: Envelope) -> None:
        """An answer must bear the fields of its request unchanged; raises `NotSoap` that names the field.

        client, service and id must be there; the others are compared where they are. `requestHash` may stand beside them. A
        technical fault comes from whoever could not read the request, and may have no header at all (PR-MESS 2.6).
        """
        if envelope.fault is not None and envelope.fault.technical and not envelope.blocks:
            return
        sent = self.tree()
        for name in _FIELDS:
            block = envelope.header(f"{{{XROAD}}}{name}")
            if block is None:
                if name in _MUST_ECHO:
                    raise NotSoap("soap_xroad", f"Câu trả lời X-Road thiếu trường {name} của câu hỏi.")
            elif _stripped(loosely(block)) != sent.get(name, ""):
                raise NotSoap("soap_xroad", f"Câu trả lời X-Road không thuộc về câu hỏi này: trường {name} khác.")


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _stripped(held) for name, held in value.items()}
    return value.strip() if isinstance(value, str) else value


def _checked(*parts: str) -> None:
    if not all(_PART.fullmatch(part) for part in parts):
        raise ValueError("phần của định danh X-Road chỉ gồm chữ, số và '()+,-.=?_")
