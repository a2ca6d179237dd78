"""A settlement as its ledgers keep it: the files of one day of one sender, what they add up to, and every difference.

Nothing here is personal data, so the two ledgers are not sealed: codes, references, sums. The head has the files and sums of a
day; its parts have the differences one by one and the lines to transfer. `provider` is who sends the statements.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from mappings.settlement_sums import Sums, Transfer
from mappings.settlement_words import Pairing, Share


class Kinds(msgspec.Struct, frozen=True):
    """What one connector calls its two ledgers, and what the codes of its alarms begin with."""

    heads: str
    parts: str
    codes: str


class FileFault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of a file: stable code, line (0: the whole), sentence for an accountant."""

    code: str
    line: int
    message_vi: str


class FileState(msgspec.Struct, frozen=True, kw_only=True):
    """A file. `state`: received, settling, settled, superseded (a later one took its place), refused.

    `figures` as in a `T` row; `by` is the system that sent it through the endpoint, "" for one that lay in the folder.
    """

    sha256: str
    name: str
    seq: int
    state: str
    at: datetime
    rows: int = 0
    parts: int = 0
    figures: tuple[int, ...] = ()
    faults: tuple[FileFault, ...] = ()
    ended_at: datetime | None = None
    by: str = ""


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """The head: one day of one sender.

    `current` is the file (SHA-256) whose result stands, "" before the first; `sums` are of it. While another one is being
    settled, `under_way` names it, and `parts_done` and `building` grow: the result that stands is untouched until the end.
    """

    provider: str
    business_date: str
    files: tuple[FileState, ...] = ()
    current: str = ""
    sums: Sums = Sums()
    under_way: str = ""
    parts_done: int = 0
    building: Sums = Sums()
    missing_since: datetime | None = None

    def file(self, sha256: str) -> FileState | None:
        """The file of that content, None where it never came."""
        return next((one for one in self.files if one.sha256 == sha256), None)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The money of one reference that is to be transferred: for each share its place in `Part.places` and its amount."""

    ref: str
    dossier_code: str
    txn_id: str
    shares: tuple[tuple[int, int], ...]
    held: str = ""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A difference and what has become of it.

    `closed` says how ("" while it is open), `closed_by` which operator did; `overdue`: too long in our books only.
    """

    pairing: Pairing
    closed: str = ""
    closed_at: datetime | None = None
    closed_by: str = ""
    overdue: bool = False


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a settled file. `places` are shares without amounts, named by `lines`."""

    provider: str
    business_date: str
    sha256: str
    number: int
    at: datetime
    differences: tuple[Difference, ...] = ()
    places: tuple[Share, ...] = ()
    lines: tuple[Line, ...] = ()


class FileReceived(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="file_received"):
    """A system sent a good file through the endpoint; it lies in the drop folder now."""

    at: datetime
    provider: str
    business_date: str
    sha256: str
    name: str
    seq: int
    rows: int
    by: str


class FileTaken(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="file_taken"):
    """A good file is going to be settled."""

    at: datetime
    provider: str
    business_date: str
    sha256: str
    name: str
    seq: int
    rows: int
    parts: int
    figures: tuple[int, ...]


class FileRefused(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="file_refused"):
    """A bad file (FILE_BAD): nothing of it is used, the previous result stands."""

    at: datetime
    provider: str
    business_date: str
    sha256: str
    name: str
    seq: int
    faults: tuple[FileFault, ...]


class PartCounted(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="part_counted"):
    """A part of the file under way is done."""

    at: datetime
    sha256: str
    number: int
    sums: Sums


class FileMissing(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="file_missing"):
    """Our books have payments of the day, and after two business days there is still no statement."""

    at: datetime
    provider: str
    business_date: str


HeadChange = FileReceived | FileTaken | FileRefused | PartCounted | FileMissing
"""Every input of the ledger of heads."""


class PartMatched(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="part_matched"):
    """What matching one part gave. `closed` names, by place, the differences that explain themselves."""

    at: datetime
    provider: str
    business_date: str
    sha256: str
    number: int
    differences: tuple[Pairing, ...]
    closed: tuple[tuple[int, str], ...] = ()
    places: tuple[Share, ...] = ()
    lines: tuple[Line, ...] = ()


class Reviewed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="reviewed"):
    """Our books were looked at once more: what has closed (place: how), and what has been open too long."""

    at: datetime
    closed: tuple[tuple[int, str], ...] = ()
    overdue: tuple[int, ...] = ()


class DifferenceClosed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="difference_closed"):
    """An operator has looked at a difference and signed that it is settled; why stands beside the signature in the trail."""

    at: datetime
    place: int
    decided_by: str
    decision_id: str


PartChange = PartMatched | Reviewed | DifferenceClosed
"""Every input of the ledger of parts."""


def head_id(provider: str, business_date: str) -> str:
    """The id of a head: `vnpay-20260921`."""
    return f"{provider}-{business_date}"


def part_id(provider: str, business_date: str, sha256: str, number: int) -> str:
    """The id of a part."""
    return f"{head_id(provider, business_date)}-{sha256[:12]}-{number}"


def unread_id(sha256: str) -> str:
    """Where a file is kept whose name does not even say what it is."""
    return f"unread-{sha256[:16]}"


def compact(transfers: list[Transfer]) -> tuple[tuple[Share, ...], tuple[Line, ...]]:
    """Transfers by reference, with every place in the budget written once."""
    places: dict[Share, int] = {}
    lines: dict[str, Line] = {}
    for one in transfers:
        place = places.setdefault(msgspec.structs.replace(one.share, amount=0), len(places))
        before = lines.get(one.ref)
        shares = (*(before.shares if before is not None else ()), (place, one.share.amount))
        held = one.held if one.held == "refund" else ""
        lines[one.ref] = Line(ref=one.ref, dossier_code=one.dossier_code, txn_id=one.txn_id, shares=shares, held=held)
    return tuple(places), tuple(lines.values())
