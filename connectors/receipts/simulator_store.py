"""What the simulated receipt service holds: accounts, series with their numbers, receipts by key. It issues a key once."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import msgspec

from connectors.receipts.simulator_wire import Heard, Unreadable, Wanted, read_receipts

_MOST = 99_999_999


class Series(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Registered receipts: form symbol, receipt symbol, and the last number that may be used."""

    pattern: str
    serial: str
    last: int = _MOST


class Accounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who may call: the publishing account and the service account, with their passwords."""

    account: str = "bienlai"
    account_password: str = "bienlai-simulator"
    username: str = "dichvu"
    password: str = "dichvu-simulator"


_SERIES = tuple(
    Series(pattern=pattern, serial=f"{year}T{letters}")
    for pattern, letters in (("EBL01", "AA"), ("EBL01", "BB"), ("EBL02", "AA"))
    for year in range(26, 31)
)


@dataclass(frozen=True, slots=True)
class Held:
    """An issued receipt."""

    wanted: Wanted
    pattern: str
    serial: str
    number: int
    turn: int

    def shown(self) -> dict[str, object]:
        """For the control plane: codes and sums."""
        names = ("pattern", "serial", "number", "turn")
        held = {name: getattr(self, name) for name in names}
        return {**asdict(self.wanted), **held}


@dataclass(slots=True, repr=False)
class IssuingOffice:
    """The service without its sockets."""

    accounts: Accounts = field(default_factory=Accounts)
    series: tuple[Series, ...] = _SERIES
    held: dict[str, Held] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def result(self, heard: Heard) -> str:
        """The text of the result of a call; raises `Unreadable` for an operation that does not exist."""
        match heard.operation:
            case "ImportAndPublishInv":
                said = self._publish(heard.arguments)
            case "downloadInvFkeyNoPay":
                said = self._fetched(heard.arguments, pdf=False)
            case "downloadInvPDFFkeyNoPay":
                said = self._fetched(heard.arguments, pdf=True)
            case _:
                raise Unreadable("operation")
        word = said[:6].strip() if said.startswith("ERR") else "ok"
        self.counts[word] = self.counts.get(word, 0) + 1
        return said

    def _publish(self, said: Mapping[str, str]) -> str:
        accounts = self.accounts
        if (said.get("Account"), said.get("ACpass")) != (accounts.account, accounts.account_password):
            return "ERR:1"
        if (said.get("username"), said.get("password")) != (accounts.username, accounts.password):
            return "ERR:7"
        try:
            wanted = read_receipts(said.get("xmlInvData", ""))
        except Unreadable:
            return "ERR:3"
        series = next(
            (one for one in self.series if (one.pattern, one.serial) == (said.get("pattern"), said.get("serial"))), None
        )
        if series is None or any(series.serial[:2] != f"{one.year % 100:02d}" for one in wanted):
            return "ERR:20"
        if len({one.fkey for one in wanted}) != len(wanted) or any(one.fkey in self.held for one in wanted):
            return "ERR:13"
        first = 1 + max((one.number for one in self._of(series)), default=0)
        if first + len(wanted) - 1 > series.last:
            return "ERR:6"
        for number, one in enumerate(wanted, start=first):
            self.held[one.fkey] = Held(one, series.pattern, series.serial, number, len(self.held) + 1)
        keys = ",".join(f"{one.fkey}_{self.held[one.fkey].number}" for one in wanted)
        return f"OK:{series.pattern};{series.serial}-{keys}"

    def _of(self, series: Series) -> list[Held]:
        return [one for one in self.held.values() if (one.pattern, one.serial) == (series.pattern, series.serial)]

    def _fetched(self, said: Mapping[str, str], *, pdf: bool) -> str:
        if (said.get("userName"), said.get("userPass")) != (self.accounts.username, self.accounts.password):
            return "ERR:1"
        held = self.held.get(said.get("fkey", ""))
        if held is None:
            return "ERR:6"
        return base64.b64encode(_pdf(held)).decode() if pdf else _xml(held)


def _xml(held: Held) -> str:
    return (
        "<Invoice><Content>"
        f"<InvoicePattern>{held.pattern}</InvoicePattern><SerialNo>{held.serial}</SerialNo>"
        f"<InvoiceNo>{held.number:08d}</InvoiceNo><Total>{held.wanted.amount}</Total>"
        "</Content></Invoice>"
    )


def _pdf(held: Held) -> bytes:
    """One page that names the receipt; enough for a reader to open it."""
    text = f"BIEN LAI {held.pattern} {held.serial} so {held.number:08d}: {held.wanted.amount} dong"
    stream = f"BT /F1 14 Tf 40 780 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    start = len(out)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, start)
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer
