"""Policy files: TOML in, a typed policy out, every unknown key refused; and the digest of a policy that stands in each report.

What a file leaves out keeps its default (`signing.policy`). The words are explained in docs/verification-manual.vi.md, section 6.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from signing.algorithms import DIGESTS, Scheme
from signing.canonical_json import canonical_json, plain
from signing.errors import Unusable, reason_vi
from signing.model import TrustDomain
from signing.policy import AlgorithmRules, IdentifierRule, PathRules, Policy, ReadingLimits, StatusRules, TimeRules

_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_LARGEST_FILE = 262_144
_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1", "secp256k1", "brainpoolP256r1", "brainpoolP384r1"})
_KEY_USAGES = frozenset({"digital_signature", "non_repudiation"})
_SIGNED = frozenset({"grace_seconds"})
_CLOSED: dict[str, frozenset[str]] = {
    "digests": frozenset(DIGESTS),
    "reference_digests": frozenset(DIGESTS),
    "schemes": frozenset(one.value for one in Scheme),
    "curves": _CURVES,
    "key_usages": _KEY_USAGES,
}
_OIDS = frozenset({"policy_oids", "policies", "extended_key_usages"})


def read_policy(path: Path) -> Policy:
    """The policy of a TOML file; raises `Unusable` (chinh_sach_khong_doc_duoc, chinh_sach_sai) naming every wrong key."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        message = f"Không đọc được tệp chính sách {path}: {reason_vi(error)}."
        raise Unusable("chinh_sach_khong_doc_duoc", message) from None
    return parse_policy(raw, str(path))


def parse_policy(raw: bytes, name: str = "chính sách") -> Policy:
    """The policy of TOML text in UTF-8; `name` is used in messages. Raises `Unusable`."""
    if len(raw) > _LARGEST_FILE:
        raise Unusable("chinh_sach_sai", f"{name}: tệp chính sách lớn hơn {_LARGEST_FILE} byte.")
    try:
        tables = tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise Unusable("chinh_sach_sai", f"{name}: không phải TOML hợp lệ ({error}).") from None
    reading = _Reading()
    policy = reading.policy(tables)
    if reading.faults:
        raise Unusable("chinh_sach_sai", f"{name}: " + "; ".join(reading.faults) + ".")
    return policy


def policy_sha256(policy: Policy) -> str:
    """The digest of everything a policy says, its name included: equal exactly for equal rules under one name."""
    return sha256(canonical_policy(policy)).hexdigest()


def canonical_policy(policy: Policy) -> bytes:
    """The policy as canonical JSON: keys sorted, sets sorted, times in UTC."""
    return canonical_json(plain(policy))


class _Reading:
    """One file on its way to a policy: faults are gathered, so that a person mends them all at once."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def policy(self, tables: dict[str, Any]) -> Policy:
        """The whole file."""
        chosen: dict[str, Any] = {}
        sections: dict[str, Callable[[str, Any], Any]] = {
            "algorithms": self._algorithms,
            "time": lambda place, table: self._section(place, table, TimeRules()),
            "status": lambda place, table: self._section(place, table, StatusRules()),
            "path": lambda place, table: self._section(place, table, PathRules()),
            "limits": lambda place, table: self._section(place, table, ReadingLimits()),
            "identifiers": self._identifiers,
        }
        rest: dict[str, Any] = {}
        for key, value in tables.items():
            if key in sections:
                chosen[key] = sections[key](key, value)
            else:
                rest[key] = value
        if not isinstance(rest.get("name"), str) or not 1 <= len(rest["name"]) <= 64:
            self._fault("name", "phải có, dài 1 đến 64 ký tự")
            rest.pop("name", None)
        plain: Policy = self._section("", rest, Policy(), leave=frozenset(sections))
        return replace(plain, **chosen)

    def _fault(self, place: str, what: str) -> None:
        self.faults.append(f"“{place}” {what}")

    def _section(self, place: str, table: Any, default: Any, leave: frozenset[str] = frozenset()) -> Any:
        """A table over the defaults of its value object."""
        if not isinstance(table, dict):
            self._fault(place, "phải là một bảng")
            return default
        known = {one.name for one in fields(default)} - leave
        changed = {}
        for key, value in table.items():
            label = f"{place}.{key}" if place else key
            if key not in known:
                self._fault(label, "không phải khóa đã biết")
                continue
            before = len(self.faults)
            read = self._value(label, key, value, getattr(default, key))
            if len(self.faults) == before:
                changed[key] = read
        return replace(default, **changed)

    def _value(self, label: str, key: str, value: Any, default: Any) -> Any:
        if isinstance(default, frozenset):
            return self._words(label, key, value)
        if isinstance(default, bool) or isinstance(value, bool):
            return self._typed(label, value, bool if isinstance(default, bool) else type(default))
        if isinstance(default, float) and type(value) is int:
            value = float(value)
        read = self._typed(label, value, type(default))
        if isinstance(read, (int, float)) and not 0 <= read < 2**53 and key not in _SIGNED:
            self._fault(label, "nằm ngoài khoảng cho phép")
        return read

    def _typed(self, label: str, value: Any, kind: type) -> Any:
        if type(value) is not kind:
            names = {bool: "true hoặc false", int: "số nguyên", float: "số", str: "chuỗi"}
            self._fault(label, f"phải là {names.get(kind, kind.__name__)}")
        return value

    def _words(self, label: str, key: str, value: Any) -> frozenset[Any]:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self._fault(label, "phải là danh sách chuỗi")
            return frozenset()
        closed = frozenset(one.value for one in TrustDomain) if key == "domains" else _CLOSED.get(key)
        for one in value:
            if (closed is not None and one not in closed) or (key in _OIDS and not _OID.fullmatch(one)):
                self._fault(label, f"không nhận giá trị “{one}”")
        if key == "domains":
            return frozenset(TrustDomain(one) for one in value if one in (closed or ()))
        return frozenset(value)

    def _algorithms(self, place: str, table: Any) -> AlgorithmRules:
        """`digests` counts without an end, `until` up to a moment; both together take the place of the default."""
        if not isinstance(table, dict):
            self._fault(place, "phải là một bảng")
            return AlgorithmRules()
        rest = {key: value for key, value in table.items() if key not in ("digests", "until")}
        rules: AlgorithmRules = self._section(place, rest, AlgorithmRules())
        counted = dict(rules.digests)
        if "digests" in table:
            counted = dict.fromkeys(sorted(self._words(f"{place}.digests", "digests", table["digests"])))
        until = table.get("until", {})
        if not isinstance(until, dict):
            self._fault(f"{place}.until", "phải là một bảng")
            until = {}
        for name, moment in until.items():
            label = f"{place}.until.{name}"
            if name not in DIGESTS:
                self._fault(label, "không phải hàm băm đã biết")
            elif not isinstance(moment, datetime) or moment.tzinfo is None:
                self._fault(label, "phải là thời điểm có múi giờ, ví dụ 2016-01-01T00:00:00Z")
            else:
                counted[name] = moment.astimezone(UTC)
        return replace(rules, digests=counted)

    def _identifiers(self, place: str, rows: Any) -> tuple[IdentifierRule, ...]:
        known = {one.name for one in fields(IdentifierRule)}
        read = []
        for number, row in enumerate(rows if isinstance(rows, list) else [None], 1):
            label = f"{place}[{number}]"
            if not isinstance(row, dict) or set(row) != known or not all(isinstance(one, str) for one in row.values()):
                self._fault(label, f"phải là bảng với đúng các khóa {', '.join(sorted(known))}")
            elif self._rule_holds(label, row):
                read.append(IdentifierRule(**{**row, "domain": TrustDomain(row["domain"])}))
        return tuple(read)

    def _rule_holds(self, label: str, row: dict[str, str]) -> bool:
        before = len(self.faults)
        if row["domain"] not in {one.value for one in TrustDomain}:
            self._fault(f"{label}.domain", f"không nhận giá trị “{row['domain']}”")
        if not re.fullmatch(r"\*|key:[0-9a-f]{2,128}|name:[0-9a-f]{64}", row["issuer"]):
            self._fault(f"{label}.issuer", "phải là *, key:<hex> hoặc name:<sha256>")
        if not _OID.fullmatch(row["attribute"]):
            self._fault(f"{label}.attribute", "phải là mã OID")
        if not re.fullmatch(r"[A-Z][A-Z0-9]{0,15}", row["kind"]):
            self._fault(f"{label}.kind", "phải là chữ hoa ASCII")
        try:
            grouped = "value" in re.compile(row["pattern"], re.ASCII).groupindex
        except re.error:
            grouped = False
        if not grouped or not row["pattern"].isascii():
            self._fault(f"{label}.pattern", "phải là biểu thức chính quy ASCII có nhóm (?P<value>…)")
        return len(self.faults) == before
