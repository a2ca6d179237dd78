"""One port of a contract at work: a tree becomes a checked request, an answer becomes a tree or a fault.

What a connector holds: it is made once from a WSDL on disk, and knows no network. `Spoken` is one of its operations.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from connectors.kit.soap.building import AS_WRITTEN, Builder, Spelling, Tree
from connectors.kit.soap.contract import load_contract
from connectors.kit.soap.lexical import CannotBuild
from connectors.kit.soap.reading import ANSWER, Envelope, NotSoap, Reader, SoapFault, loosely, opened
from connectors.kit.soap.schema import Invalid, MessageSchema, written
from connectors.kit.soap.tree import Contract, Operation
from signing.canonical import XmlLimits, XmlRefused


@dataclass(frozen=True, slots=True)
class Reading:
    """How answers are read. `by` the contract: exact names, valid against its schema, or `NotSoap`.

    By `local_names`: whatever the namespaces and the nesting, with the elements of `many` as lists; the schema is asked as
    well, and what it says stands in `Answer.breaches` for whoever wants to know (identity facts 0 (4), 2.6).
    """

    by: Literal["contract", "local_names"] = "contract"
    many: Set[str] = frozenset()
    limits: XmlLimits = ANSWER
    understood: Set[str] = frozenset()


MOST_SENT = 16_777_216
"""Bytes of a request of ours."""

EXACTLY = Reading()
"""By the contract."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was read: the tree of its body or a fault, and the envelope that it came in."""

    name: str
    body: Any = field(repr=False)
    fault: SoapFault | None
    envelope: Envelope
    breaches: tuple[Invalid, ...] = ()


class Spoken:
    """One operation, ready: `write` a request, `read` an answer."""

    def __init__(self, port: Port, operation: Operation, spelling: Spelling) -> None:
        self.operation = operation
        self._port = port
        self._builder = Builder(port.contract, operation.request, spelling)
        # Another spelling is no document of the schema: what it judges is the same tree in the words of the contract.
        self._plain = Builder(port.contract, operation.request) if spelling.departs else None
        answer = operation.answer.body
        self._reader = Reader(port.contract, answer) if answer is not None else None

    @property
    def action(self) -> str:
        """The value of the HTTP header SOAPAction, with its quotes (SOAP 1.1 6.1.1)."""
        return f'"{self.operation.action}"'

    def write(self, body: Tree, headers: Tree | None = None) -> bytes:
        """A request that its schema accepts, UTF-8; raises `CannotBuild` that names the place."""
        raw = self._builder.build(body, headers)
        judged = raw if self._plain is None else self._plain.build(body, headers)
        if len(judged) > MOST_SENT:
            raise CannotBuild("soap_luoc_do", "", f"Thông điệp SOAP vượt quá {MOST_SENT} byte.")
        try:
            root = written(judged)
        except XmlRefused as error:
            raise CannotBuild("soap_luoc_do", "", error.message_vi) from None
        for block in root[0] if len(root) == 2 else ():
            self._refuse(self._port.schema.breaches(block), _local(str(block.tag)))
        self._refuse(self._port.schema.breaches(root[-1][0]), "")
        return raw

    def read(self, raw: bytes) -> Answer:
        """The answer in these bytes; raises `NotSoap`. A SOAP fault is an answer."""
        reading = self._port.reading
        envelope = opened(raw, reading.limits, reading.understood)
        element = envelope.body
        if element is None:
            return Answer("Fault", None, envelope.fault, envelope)
        name = _local(str(element.tag))
        if envelope.fault is not None:
            return Answer(name, None, envelope.fault, envelope)
        breaches = self._port.schema.breaches(element)
        if reading.by == "local_names":
            # An element without anything in it is an empty tree: how "not found" is said (identity facts 2.6).
            return Answer(name, loosely(element, reading.many) or {}, None, envelope, breaches)
        if breaches or self._reader is None:
            places = ", ".join(f"{each.pointer or '/'} ({each.rule})" for each in breaches[:3])
            raise NotSoap("soap_luoc_do", f"Câu trả lời không đúng lược đồ của WSDL: {places}.")
        return Answer(name, self._reader.read(element), None, envelope)

    @staticmethod
    def _refuse(breaches: tuple[Invalid, ...], under: str) -> None:
        if breaches:
            first = breaches[0]
            pointer = f"/{under}{first.pointer}" if under else first.pointer
            raise CannotBuild("soap_luoc_do", pointer, f"Giá trị không đúng lược đồ của hệ thống nhận ({first.rule}).")


class Port:
    """One binding of a WSDL: contract, schema, and how answers are read. Operations are made when they are first asked for."""

    def __init__(self, contract: Contract, binding: str, schema: MessageSchema, reading: Reading = EXACTLY) -> None:
        """Raises `ContractUnsupported` when there is no such binding."""
        self.contract = contract
        self.schema = schema
        self.reading = reading
        self._binding = contract.binding(binding)

    @classmethod
    def load(cls, wsdl: Path, binding: str, reading: Reading = EXACTLY) -> Port:
        """A port of the WSDL on disk; raises `ContractUnsupported`."""
        return cls(load_contract(wsdl), binding, MessageSchema.of_wsdl(wsdl), reading)

    @property
    def operations(self) -> Mapping[str, Operation]:
        """Every operation of the binding."""
        return self._binding.operations

    def speak(self, operation: str, spelling: Spelling = AS_WRITTEN) -> Spoken:
        """One operation; raises `ContractUnsupported` for one that does not exist, ValueError for an impossible spelling."""
        return Spoken(self, self._binding.operation(operation), spelling)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
