"""The ledger of the portal's catalogues: what was seen last, what changed since, and what that means for us. Pure.

A procedure that vanished from the portal must be noticed before its dossiers are refused there (duty L16 of the facts, 5.1).
Each catalogue is one ledger, by the name of its service. What changed is told in the feed; what concerns a procedure of our
own list (`mappings/tables/procedures.csv`) is an alarm, once for each new trouble.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from connectors.kit.contract import Effect, RaiseAlarm, TellFeed
from connectors.national_dvc.profiles._mapi.catalogues import PROCEDURES
from mappings.tables import load_table
from mappings.text import nfc

KIND = "catalogues"
# A feed row and an alarm name so many codes; the ledger itself has all of them.
_NAMED = 20
_KEPT_DIFFERENCES = 20


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row as it is kept: its name where one is known, and the row as it came."""

    name: str
    raw: dict[str, Any]


class Difference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What changed between two looks, by code; `renamed` holds the name before and after."""

    seen_on: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: dict[str, tuple[str, str]] = {}
    changed: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether the two looks saw the same."""
        return not (self.added or self.removed or self.renamed or self.changed)


class Standing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of one catalogue.

    `seen_on`: the day (Viet Nam) of the look that changed it last. `troubles`: our own procedures by code, with what is
    wrong about each there.
    """

    service: str
    rows: dict[str, Entry] = {}
    seen_on: str = ""
    empty: bool = False
    differences: tuple[Difference, ...] = ()
    troubles: dict[str, str] = {}


class Observed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One look at a catalogue, on a day in Viet Nam. `hidden`: own procedures that exist there and are not public."""

    service: str
    seen_on: str
    rows: dict[str, Entry]
    hidden: tuple[str, ...] = ()


class Catalogues:
    """The ledger."""

    kind = KIND
    state_type = Standing
    change_type = Observed

    def apply(self, state: Standing | None, change: Observed) -> tuple[Standing, Sequence[Effect]]:
        """What is known after one look. The first one only notes what is there, except for our own procedures."""
        before = state or Standing(change.service)
        if not change.rows:
            return _emptied(before, change)
        difference = Difference(change.seen_on) if state is None or not before.rows else compared(before.rows, change)
        troubles = _troubles(change) if change.service == PROCEDURES else {}
        after = Standing(
            change.service,
            rows=change.rows,
            seen_on=change.seen_on,
            differences=before.differences
            if difference.nothing
            else (*before.differences, difference)[-_KEPT_DIFFERENCES:],
            troubles=troubles,
        )
        return after, [*_told(change.service, difference), *_alarms(before.troubles, troubles)]


def compared(before: Mapping[str, Entry], change: Observed) -> Difference:
    """What changed from `before` to the look."""
    now = change.rows
    both = sorted(set(before) & set(now))
    renamed = {code: (before[code].name, now[code].name) for code in both if before[code].name != now[code].name}
    return Difference(
        change.seen_on,
        added=tuple(sorted(set(now) - set(before))),
        removed=tuple(sorted(set(before) - set(now))),
        renamed=renamed,
        changed=tuple(code for code in both if code not in renamed and before[code].raw != now[code].raw),
    )


def own_procedures(day: date) -> dict[str, tuple[str, ...]]:
    """The names that our own list gives to each national code on that day."""
    names: dict[str, list[str]] = {}
    for row in load_table("procedures").rows:
        if row.holds(day):
            names.setdefault(row["national_code"], []).append(row["name"])
    return {code: tuple(found) for code, found in names.items()}


def _emptied(before: Standing, change: Observed) -> tuple[Standing, Sequence[Effect]]:
    """A catalogue without a row is no catalogue: what was seen before stays, and a person is told once."""
    after = msgspec.structs.replace(before, empty=True, seen_on=change.seen_on)
    if before.empty:
        return after, []
    sentence = f"Cổng trả về danh mục rỗng cho {change.service}; giữ danh mục đã thấy lần trước."
    return after, [RaiseAlarm("catalogue.empty", sentence)]


def _troubles(change: Observed) -> dict[str, str]:
    """`gone`, `hidden`, or `renamed:` with the name there, for each of our own procedures that is not as we know it."""
    found = {}
    for code, names in own_procedures(date.fromisoformat(change.seen_on)).items():
        entry = change.rows.get(code)
        if entry is None:
            found[code] = "hidden" if code in change.hidden else "gone"
        elif entry.name and not any(_same(entry.name, name) for name in names):
            found[code] = f"renamed:{entry.name}"
    return found


def _same(there: str, here: str) -> bool:
    return " ".join(nfc(there).split()).casefold() == " ".join(nfc(here).split()).casefold()


def _told(service: str, difference: Difference) -> list[Effect]:
    if difference.nothing:
        return []
    kinds: Mapping[str, Sequence[str]] = {
        "added": difference.added,
        "removed": difference.removed,
        "renamed": tuple(difference.renamed),
        "changed": difference.changed,
    }
    facts = {"service": service, "seen_on": difference.seen_on}
    for kind, codes in kinds.items():
        if codes:
            facts[kind] = str(len(codes))
            facts[f"{kind}_codes"] = _codes(codes)
    return [TellFeed("catalogue.changed", facts)]


def _alarms(before: Mapping[str, str], now: Mapping[str, str]) -> list[Effect]:
    """One alarm for each kind of trouble that is new, and a row in the feed for what is well again."""
    effects: list[Effect] = []
    for kind, sentence in _SENTENCES.items():
        new = [code for code, trouble in now.items() if trouble.startswith(kind) and before.get(code) != trouble]
        if new:
            effects.append(RaiseAlarm(f"catalogue.procedure_{kind}", f"{sentence}: {_codes(sorted(new))}."))
    mended = sorted(code for code in before if code not in now)
    if mended:
        effects.append(TellFeed("catalogue.procedure_mended", {"codes": _codes(mended), "count": str(len(mended))}))
    return effects


_SENTENCES: Mapping[str, str] = {
    "gone": "Thủ tục của Bộ không còn trong danh mục của Cổng",
    "hidden": "Thủ tục của Bộ còn trên Cổng nhưng không còn công khai",
    "renamed": "Thủ tục của Bộ có tên khác trên Cổng",
}


def _codes(codes: Sequence[str]) -> str:
    more = f" và {len(codes) - _NAMED} mã khác" if len(codes) > _NAMED else ""
    return ", ".join(codes[:_NAMED]) + more
