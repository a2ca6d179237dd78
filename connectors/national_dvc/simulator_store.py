"""What the simulated portal holds: dossiers by `MaHoSo`, every version of each, and the progress rows as they came.

The wire shows none of this but existence (national-portal facts 2.5); the control plane shows all of it, so that a
comparer which does not know the client can prove what was lost, reordered or done twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

_SORTED = msgspec.json.Encoder(order="sorted")


class Effect(StrEnum):
    """What an accepted `DongBoHoSoMC` did to the stored dossier.

    `echo` repeats what is held; `return` goes back to an older version that had been replaced; `result` differs in nothing
    but the results.
    """

    CREATE = "create"
    UPDATE = "update"
    ECHO = "echo"
    RETURN = "return"
    RESULT = "result"


# What tells nothing new of a dossier's state.
_NO_STATE = frozenset({Effect.ECHO, Effect.RESULT})


@dataclass(frozen=True, slots=True)
class Version:
    """One accepted version of a dossier: when (seconds since the epoch), `TrangThaiHoSo`, effect, digest of the fields.

    `bare` is the digest without the results.
    """

    at: float
    state: str
    effect: Effect
    digest: str
    bare: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One progress row as it came. `repeat_of` is the index of the first identical row, -1 for a new one."""

    at: float
    fields: Mapping[str, object]
    digest: str
    repeat_of: int = -1

    @property
    def state(self) -> str:
        """`TrangThai` of the row."""
        return str(self.fields.get("TrangThai", ""))


@dataclass(slots=True)
class HeldDossier:
    """Everything the portal holds of one dossier."""

    code: str
    fields: Mapping[str, object]
    versions: list[Version] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    results: dict[str, Mapping[str, object]] = field(default_factory=dict)

    def show_results(self, at: float) -> None:
        """Note every result that was ever shown, with the status that it was shown beside first: nothing is forgotten."""
        listed = self.fields.get("DanhSachGiayToKetQua")
        for result in listed if isinstance(listed, (list, tuple)) else ():
            if isinstance(result, Mapping):
                known = {"at": at, "state": self.fields.get("TrangThaiHoSo", ""), "result": dict(result)}
                self.results.setdefault(str(result.get("GiayToId", "")), known)

    def count(self, effect: Effect) -> int:
        """How many accepted calls had this effect."""
        return sum(version.effect is effect for version in self.versions)

    def repeated_rows(self) -> int:
        """How many rows repeat an earlier one word for word."""
        return sum(row.repeat_of >= 0 for row in self.rows)

    def shown(self, *, with_fields: bool) -> dict[str, object]:
        """The dossier for the control plane."""
        body: dict[str, object] = {
            "code": self.code,
            "state": self.fields.get("TrangThaiHoSo", ""),
            "states": [version.state for version in self.versions if version.effect not in _NO_STATE],
            "versions": [
                {"at": entry.at, "state": entry.state, "effect": entry.effect, "digest": entry.digest}
                for entry in self.versions
            ],
            "progress": [
                {"at": row.at, "state": row.state, "digest": row.digest, "repeat_of": row.repeat_of, "row": row.fields}
                for row in self.rows
            ],
            "results": self.results,
            "counts": self.counts(),
        }
        if with_fields:
            body["fields"] = self.fields
        return body

    def counts(self) -> dict[str, int]:
        """Counters: creates, updates (echoes and returns included), each kind apart, rows and repeated rows."""
        echoes, returns = self.count(Effect.ECHO), self.count(Effect.RETURN)
        return {
            "creates": self.count(Effect.CREATE),
            "updates": self.count(Effect.UPDATE) + self.count(Effect.RESULT) + echoes + returns,
            "echoes": echoes,
            "returns": returns,
            "rows": len(self.rows),
            "repeated_rows": self.repeated_rows(),
        }


@dataclass(slots=True)
class Holdings:
    """All dossiers, in order of first arrival."""

    dossiers: dict[str, HeldDossier] = field(default_factory=dict)

    def __contains__(self, code: str) -> bool:
        return code in self.dossiers

    def create(self, fields: Mapping[str, object], at: float) -> None:
        """Store a new dossier; the caller has made sure that the code is free."""
        code = str(fields["MaHoSo"])
        held = HeldDossier(code=code, fields=fields)
        held.versions.append(Version(at, str(fields["TrangThaiHoSo"]), Effect.CREATE, digest(fields), _bare(fields)))
        self.dossiers[code] = held
        held.show_results(at)

    def update(self, fields: Mapping[str, object], at: float) -> None:
        """Replace a stored dossier in full (`isUpdating` "True"; facts 2.6) and note what that did."""
        held = self.dossiers[str(fields["MaHoSo"])]
        mark, bare = digest(fields), _bare(fields)
        held.versions.append(Version(at, str(fields["TrangThaiHoSo"]), _effect(held.versions, mark, bare), mark, bare))
        held.fields = fields
        held.show_results(at)

    def append_rows(self, code: str, rows: Sequence[Mapping[str, object]], at: float) -> None:
        """Append progress rows: nothing identifies one, so a repeated call repeats history (facts 2.7)."""
        held = self.dossiers[code]
        for row in rows:
            mark = digest(row)
            first = next((index for index, known in enumerate(held.rows) if known.digest == mark), -1)
            held.rows.append(Row(at, row, mark, first))

    def page(self, offset: int, limit: int) -> list[HeldDossier]:
        """`limit` dossiers from `offset` on, in order of first arrival."""
        return list(self.dossiers.values())[offset : offset + limit]

    def totals(self) -> dict[str, int]:
        """The counters of all dossiers together."""
        totals = {"dossiers": len(self.dossiers)}
        for held in self.dossiers.values():
            for name, value in held.counts().items():
                totals[name] = totals.get(name, 0) + value
        return totals


def digest(fields: Mapping[str, object]) -> str:
    """A short digest of a JSON object that does not depend on the order of its keys."""
    return hashlib.sha256(_SORTED.encode(fields)).hexdigest()[:16]


def _bare(fields: Mapping[str, object]) -> str:
    return digest({name: value for name, value in fields.items() if name != "DanhSachGiayToKetQua"})


def _effect(versions: Sequence[Version], mark: str, bare: str) -> Effect:
    if versions[-1].digest == mark:
        return Effect.ECHO
    if versions[-1].bare == bare:
        return Effect.RESULT
    return Effect.RETURN if any(version.digest == mark for version in versions) else Effect.UPDATE
