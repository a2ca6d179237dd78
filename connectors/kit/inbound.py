"""What comes in through a connector: notices from outside, endpoints of its own, pages of a source that it follows.

Whatever changes something comes out as `Change`s, which the gateway journals before any acknowledgement leaves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from connectors.kit.ledgers import Change


@dataclass(frozen=True, slots=True)
class Sender:
    """The authenticated system behind a call of an internal endpoint. `procedures` may be ("*",)."""

    system_code: str
    role: str
    procedures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """An inbound call, as it came.

    `headers` have lower-case names. `profile` is the dialect named by the address of a callback, `params` what an
    endpoint's path names. `sender` is set on internal endpoints: there somebody known calls.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    peer: str
    profile: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    sender: Sender | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered. `inputs` of an endpoint's reply are journalled before it leaves; a callback has them in its reading.

    `then` makes the answer once the inputs are durable: it reads what became of them, or waits for what they set off. Its
    own `inputs` and `then` count for nothing.

    `shows`: what the answer tells of a person that stands in no sealed ledger (a document fetched from an upstream), as a code
    for the trail, and the dossier that it belongs to. It is written into the trail before the answer leaves.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Change, ...] = ()
    then: Callable[[], Awaitable[Reply]] | None = None
    shows: tuple[str, str] | None = None


class NotGenuine(Exception):
    """Thông báo không chứng minh được nguồn gốc."""

    def __init__(self, message_vi: str = "", *, code: str = "not_genuine", reply: Reply | None = None) -> None:
        """`code` is stable and audited. `reply` is the refusal that the sender's protocol knows; else it gets a 401."""
        self.message_vi = message_vi or (type(self).__doc__ or "")
        self.code = code
        self.reply = reply
        super().__init__(self.message_vi)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a `Listener` made of a genuine notice: changes, and the acknowledgement that its sender expects.

    `again` is the acknowledgement where the sender's protocol wants another one for a notice that changed nothing new;
    `unstored` the one that it knows for "our fault, tell us again", given when nothing could be stored.
    """

    inputs: tuple[Change, ...]
    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    again: Reply | None = None
    unstored: Reply | None = None

    def reply(self, *, changed: bool) -> Reply:
        """The acknowledgement."""
        if not changed and self.again is not None:
            return self.again
        return Reply(self.status, self.body, self.content_type)


@runtime_checkable
class Listener(Protocol):
    """Reads notices from outside. Authenticity first; the gateway journals `inputs` before the answer leaves."""

    async def read(self, notice: Notice) -> Reading:
        """The reading of a genuine notice; the same notice gives the same reading.

        Raises `NotGenuine` for a notice that is not, and `DeliveryError` for one that cannot be read now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a polled source: changes and the cursor after them, committed together. `more` asks for another."""

    inputs: tuple[Change, ...]
    cursor: str
    more: bool = False


@runtime_checkable
class Poller(Protocol):
    """Follows a source by cursor; the schedule stands in the manifest."""

    async def poll(self, cursor: str) -> Page:
        """What came after `cursor` (empty at the very start); no effect upstream. Raises only `DeliveryError`.

        The same cursor may be asked for again: after a crash, and after a page that could not be stored.
        """
        ...


@runtime_checkable
class Polls(Protocol):
    """A connector with pollers (capability `Poller`): each stands in the manifest under its name."""

    def pollers(self) -> Mapping[str, Poller]:
        """The pollers by name; the same each time."""
        ...


class Audience(StrEnum):
    """Which listener serves an endpoint."""

    INTERNAL = "internal"
    EDGE = "edge"


Handle = Callable[[Notice], Awaitable[Reply]]
"""Answers a call. Raises `NotGenuine`, or `DeliveryError` where an upstream must be asked and cannot be."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An API that a connector brings along, mounted on exactly one listener.

    `path` may hold `{name}` for one segment, and `{upstream}`, which stands for the code of the upstream. An internal path
    begins with `/v1/`. Its declaration (summary, schema, who may call) stands in the manifest under the same method and path.
    """

    method: str
    path: str
    audience: Audience
    handler: Handle


@runtime_checkable
class Endpoints(Protocol):
    """A connector with endpoints (capability `Endpoint`)."""

    def endpoints(self) -> Sequence[Endpoint]:
        """The endpoints with their handlers; the same each time."""
        ...
