"""From a foreign message to our own published one, by the rules of its profile: pure, all faults at once, nothing dropped.

Two passes. The walk meets every leaf of the message once and finds the rules of its place; then the rules are applied:
the time first, because tables are read at a date, then the state, because groups of fields may hold in some states only.
The result is judged by the same schema and the same readers as a message in our own form.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from mappings.canonical import SCHEMA_VERSION
from mappings.codes import DossierStatus, Outcome
from mappings.dates import local_date
from mappings.dialect import EVENT_ID, KEY, OCCURRED, OUTCOME, SEQUENCE, STATE, TEXT, Dialect, Node, Rule
from mappings.faults import CannotUnderstand, SectorFault
from mappings.lifecycle import Content, content_faults
from mappings.reading import pointer_of
from mappings.tables import CodeTable, TableRow, UnknownCode
from mappings.targets import ITEM, Path, needed_objects
from mappings.translation import Fate, Leaf, Place, Translation, Whence
from mappings.values import read_code

MAX_LEAVES = 5_000
"""A message with more single values than this is no report about one step of one dossier."""

_EVENT_SPACE = uuid.UUID("6a3f5c0e-6d0b-5b2e-9a54-3c1f2b8e7d10")
_NO_ID = str(uuid.UUID(int=0))
_WEIGHED = ("reason", "supplement", "fees", "results", "new_due_at")
_SINGLE = "Chỉ được có một giá trị ở đây, không lặp lại."
_STRANGE = "Chuẩn thông điệp đã công bố không có trường này; hãy bỏ đi hoặc kiểm tra tên."
_IDLE = "Trường này không dùng cho trạng thái đã báo; hãy bỏ đi."


class _TooMuchError(Exception):
    """The message has more leaves than anybody will read."""


def translate(tree: Mapping[str, object], dialect: Dialect, system_code: str, digest: bytes) -> Translation:
    """The message of `system_code` in our own form; `digest` is the SHA-256 of its bytes. Raises nothing."""
    work = _Work(dialect)
    try:
        work.visit(tree, dialect.tree, Place())
    except _TooMuchError:
        fault = SectorFault("qua_nhieu", "", f"Thông điệp có quá {MAX_LEAVES} giá trị; mỗi thông điệp báo một bước.")
        return Translation({}, (fault,), tuple(work.leaves), (), Whence(dialect))
    work.apply()
    return work.result(system_code, digest)


class _Work:
    """One message under way."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.leaves: list[Leaf] = []
        self.faults: list[SectorFault] = []
        self._told: set[SectorFault] = set()
        self._unknown: list[str] = []
        self._values: dict[tuple[Path, tuple[int, ...]], tuple[object, str]] = {}
        self._keys: dict[Path, str] = {}
        self._items: dict[str, dict[tuple[int, ...], str]] = {}
        self._broken: set[str] = set()
        self._xml = dialect.form.format == "xml"

    # First pass: every leaf, and the rules of its place.

    def visit(self, value: object, node: Node | None, place: Place) -> None:
        """Find what is to be done with a value, or with everything below it."""
        if node is None:
            self._strange(value, place)
        elif node.ignored:
            self._all(value, place, Fate.IGNORED, node.ignored)
        elif isinstance(value, list):
            self._visit_list(value, node, place)
        elif node.item is not None and not (value is None and not self._xml):
            self._visit_single(value, node, place)
        elif isinstance(value, Mapping) and (value or self._xml):
            self._visit_members(value, node, place)
        elif node.leaf and not isinstance(value, Mapping):
            self._meet(value, node, place)
        elif self._xml and TEXT in node.children:
            self.visit(value, node.children[TEXT], place)
        elif value is None or value == {} or (self._xml and isinstance(value, str) and not value.strip()):
            self._all(value, place, Fate.FAULTY if node.leaf else Fate.ABSENT, "")
            if node.leaf:
                self._blame(place, node.rules)
        else:
            self._misplaced(value, place, "Ở đây phải là một nhóm trường, không phải một giá trị đơn.", node)

    def _visit_list(self, value: list[object], node: Node, place: Place) -> None:
        if node.item is None:
            self._misplaced(value, place, _SINGLE, node)
            return
        if not value:
            self._all(value, place, Fate.ABSENT, "")
        for number, item in enumerate(value):
            self._enter(item, node.item, place.item(number))

    def _visit_single(self, value: object, node: Node, place: Place) -> None:
        """One element where several may stand: in XML a list of one; in JSON a list was published."""
        if self._xml and node.item is not None:
            self._enter(value, node.item, place.only_item())
        else:
            self._misplaced(value, place, "Ở đây phải là một danh sách.", node)

    def _enter(self, value: object, node: Node, place: Place) -> None:
        for name in node.lists:
            self._items.setdefault(name, {})[place.numbers] = place.pointer
        self.visit(value, node, place)

    def _visit_members(self, value: Mapping[str, object], node: Node, place: Place) -> None:
        if node.leaf and not self._xml and not node.children:
            self._misplaced(value, place, "Ở đây phải là một giá trị đơn, không phải một nhóm trường.", node)
            return
        for key, item in value.items():
            child = node.children.get(key)
            # The text of an element that carries attributes is the value of that element all the same.
            if child is None and key == TEXT and self._xml and node.leaf:
                child = Node(node.path, rules=node.rules, expected=node.expected)
            self.visit(item, child, place.step(key))

    def _meet(self, value: object, node: Node, place: Place) -> None:
        leaf = self._add(Leaf(place, value, rules=tuple(node.rules)))
        if not node.expected:
            return
        leaf.fate = Fate.EXPECTED
        text = value.strip(" \t\r\n") if self._xml and isinstance(value, str) else value
        if not isinstance(text, str | int) or str(text) not in node.expected:
            self._fault(leaf, "gia_tri_khong_co", f"Giá trị phải là một trong: {', '.join(node.expected)}.")

    def _strange(self, value: object, place: Place) -> None:
        self._all(value, place, Fate.UNKNOWN, "")
        self._note_unknown(place.pointer, _STRANGE)

    def _note_unknown(self, pointer: str, message_vi: str) -> None:
        if self.dialect.refuses_unknown:
            self.faults.append(SectorFault("truong_khong_biet", pointer, message_vi))
        else:
            self._unknown.append(pointer)

    def _misplaced(self, value: object, place: Place, message_vi: str, node: Node) -> None:
        self._all(value, place, Fate.FAULTY, message_vi)
        self.faults.append(SectorFault("sai_kieu", place.pointer, message_vi))
        self._broken.update(rule.to[0] for rule in _rules_below(node))

    def _blame(self, place: Place, rules: list[Rule]) -> None:
        self.faults.append(SectorFault("sai_kieu", place.pointer, "Ở đây phải là một giá trị đơn."))
        self._broken.update(rule.to[0] for rule in rules)

    def _all(self, value: object, place: Place, fate: Fate, result: str) -> None:
        """One fate for every leaf of a value."""
        for at, found in _leaves(value, place):
            self._add(Leaf(at, found, fate, result=result))

    def _add(self, leaf: Leaf) -> Leaf:
        self.leaves.append(leaf)
        if len(self.leaves) > MAX_LEAVES:
            raise _TooMuchError
        return leaf

    def _fault(self, leaf: Leaf, code: str, message_vi: str) -> None:
        leaf.fate, leaf.result = Fate.FAULTY, message_vi
        fault = SectorFault(code, leaf.place.pointer, message_vi)
        if fault not in self._told:
            self._told.add(fault)
            self.faults.append(fault)
        self._broken.update(rule.to[0] for rule in leaf.rules)

    # Second pass: the rules.

    def apply(self) -> None:
        """Apply every rule that found a value: the time, then the state, then the rest."""
        waiting = [(leaf, rule) for leaf in self.leaves for rule in leaf.rules]
        for first in ({OCCURRED}, {STATE, OUTCOME}):
            for leaf, rule in waiting:
                if rule.to in first:
                    self._apply(leaf, rule)
        for leaf, rule in waiting:
            if rule.to not in (OCCURRED, STATE, OUTCOME):
                self._apply(leaf, rule)
        for leaf in self.leaves:
            if leaf.rules and leaf.fate is Fate.UNKNOWN:
                leaf.result = _IDLE
                self._note_unknown(leaf.place.pointer, _IDLE)
        self._constants()
        self._missing()

    def _apply(self, leaf: Leaf, rule: Rule) -> None:
        if not self._holds(rule):
            return
        if rule.how.is_absent(leaf.value):
            leaf.fate = Fate.ABSENT if leaf.fate is Fate.UNKNOWN else leaf.fate
            return
        try:
            value: object = rule.how(leaf.value)
        except CannotUnderstand as refused:
            self._fault(leaf, refused.faults[0].code, refused.faults[0].message_vi)
            return
        if rule.table is not None:
            row = self._row(leaf, rule.table, str(value))
            if row is None:
                return
            value = row[rule.column]
            leaf.table, leaf.row = rule.table.name, row.number
            for to, column in rule.also:
                if row[column]:
                    leaf.fields += (".".join(to),)
                    self._values.setdefault(
                        (to, leaf.place.numbers if ITEM in to else ()), (row[column], leaf.place.pointer)
                    )
        self._place(leaf, rule, value)

    def _place(self, leaf: Leaf, rule: Rule, value: object) -> None:
        leaf.fields += (rule.label,)
        if rule.condition.words and self._judged() is None:
            pass  # looked at for its faults alone: whether the group is fed at all, nobody can say yet
        elif rule.to == (KEY,):
            self._keys[rule.sources[0]] = read_code(value)
        else:
            key = (rule.to, leaf.place.numbers if ITEM in rule.to else ())
            known = self._values.setdefault(key, (value, leaf.place.pointer))
            if known[0] != value:
                self._fault(
                    leaf, "gia_tri_mau_thuan", "Giá trị này khác với giá trị ở một trường cùng nghĩa; hãy gửi một."
                )
        if leaf.fate in (Fate.UNKNOWN, Fate.ABSENT):
            leaf.fate, leaf.result = Fate.MAPPED, value

    def _row(self, leaf: Leaf, table: CodeTable, code: str) -> TableRow | None:
        try:
            return table.find(code, at=self._day())
        except UnknownCode:
            message = (
                f"Mã này không có trong bảng “{table.declaration.title_vi or table.name}” vào ngày xảy ra sự kiện."
            )
            self._fault(leaf, "ma_rieng_chua_khai_bao", message)
            return None

    def _day(self) -> date:
        """The day at which tables are read; without a readable one the newest rows count, and the message is refused."""
        found = self._values.get((OCCURRED, ()))
        if found is None:
            return date.max
        try:
            return local_date(datetime.fromisoformat(str(found[0])))
        except (ValueError, OverflowError):
            return date.max

    def _holds(self, rule: Rule) -> bool:
        """Whether the rule's group of fields is fed in this state; while the state is unknown every group is looked at."""
        judged = self._judged()
        return judged is None or rule.condition.holds(*judged)

    def _judged(self) -> tuple[DossierStatus, Outcome] | None:
        try:
            state = DossierStatus(str(self._values[STATE, ()][0]))
            return state, Outcome(str(self._values.get((OUTCOME, ()), ("none", ""))[0]))
        except (KeyError, ValueError):
            return None

    def _constants(self) -> None:
        """Constants, where the object around them is there already."""
        needed = needed_objects()
        for rule in self.dialect.rules:
            if rule.constant is None or not self._holds(rule) or (rule.condition.words and self._judged() is None):
                continue
            around = rule.to[:-1]
            there = {numbers for to, numbers in self._values if to[: len(around)] == around and len(to) > len(around)}
            if around == () or (around in needed and ITEM not in around):
                there.add(())
            if around[1:2] == (ITEM,) and (len(around) == 2 or around in needed):
                there.update(self._items.get(around[0], {}))
            for numbers in there:
                self._values.setdefault((rule.to, numbers if ITEM in rule.to else ()), (rule.constant, ""))

    def _missing(self) -> None:
        """What our own schema could name only in its own words: the state, the dossier, and the parts of an id."""
        whence = Whence(self.dialect)
        if (STATE, ()) not in self._values and "state" not in self._broken:
            pointer = whence.locate("/state")
            self.faults.append(SectorFault("thieu_truong", pointer, "Thiếu trạng thái của hồ sơ; hãy bổ sung."))
        names = ("dossier_code", "sector_dossier_id")
        if not any((((name,), ()) in self._values) or name in self._broken for name in names):
            places = [pointer_of(source) for name in names for source in self.dialect.sources_of((name,))]
            message = f"Cần ít nhất một trong các trường: {', '.join(places)}."
            self.faults.append(SectorFault("thieu_mot_trong", places[0] if places else "", message))
        if self.dialect.identity.kind == "keys":
            for path in self.dialect.identity.paths:
                pointer = pointer_of(path)
                if path not in self._keys and all(fault.pointer != pointer for fault in self.faults):
                    self.faults.append(
                        SectorFault("thieu_truong", pointer, "Thiếu giá trị tạo nên mã sự kiện; hãy bổ sung.")
                    )

    # The result.

    def result(self, system_code: str, digest: bytes) -> Translation:
        """The translated message with everything that is known about it."""
        order = self._order()
        pointers: dict[str, str] = {}
        tree: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "system_code": system_code}
        for (to, numbers), (value, pointer) in self._values.items():
            pointers[_put(tree, to, order.get(to[0], {}).get(numbers, 0), value)] = pointer
        for around in needed_objects():
            for number in range(len(order.get(around[0], ()))) if ITEM in around else (0,):
                _put(tree, around, number, {})
        for name, places in order.items():
            tree[name] = [tree.get(name, {}).get(number, {}) for number in range(len(places))]
        if self.dialect.identity.kind != "uuid":
            tree[EVENT_ID[0]] = self._derived_id(system_code, digest)
        if self.dialect.arrival:
            tree[SEQUENCE[0]] = 1  # a number that every schema takes; the decision gives the true one
        items = {
            name: tuple(self._items.get(name, {}).get(at, "") for at in numbers) for name, numbers in order.items()
        }
        whence = Whence(self.dialect, {at: pointer for at, pointer in pointers.items() if pointer}, items)
        self.faults.extend(map(whence.fault, self._content_faults(tree)))
        return Translation(tree, tuple(self.faults), tuple(self.leaves), tuple(self._unknown), whence)

    def _order(self) -> dict[str, dict[tuple[int, ...], int]]:
        """For each canonical list that has items: the places of its items in the message, numbered in their order."""
        found: dict[str, set[tuple[int, ...]]] = {}
        judged = self._judged()
        for name, items in self._items.items():
            rules = [rule for rule in self.dialect.rules if rule.to[0] == name and rule.sources]
            if any(not rule.condition.words or (judged and rule.condition.holds(*judged)) for rule in rules):
                found.setdefault(name, set()).update(items)
        for to, numbers in self._values:
            if ITEM in to:
                found.setdefault(to[0], set()).add(numbers)
        return {name: {at: number for number, at in enumerate(sorted(places))} for name, places in found.items()}

    def _derived_id(self, system_code: str, digest: bytes) -> str:
        """The same id for the same words of the same system, on every node and after every restart."""
        identity = self.dialect.identity
        if any(path not in self._keys for path in identity.paths):
            return _NO_ID  # refused anyway: the missing part is a fault of its own
        words = [self._keys[path] for path in identity.paths] if identity.kind == "keys" else [digest.hex()]
        return str(uuid.uuid5(_EVENT_SPACE, json.dumps([system_code, self.dialect.name, *words])))

    def _content_faults(self, tree: Mapping[str, object]) -> tuple[SectorFault, ...]:
        """What the law asks of an event in this state (dossier-model 4.1), told beside the faults of form."""
        judged = self._judged()
        if judged is None or "occurred_at" in self._broken or OUTCOME[0] in self._broken:
            return ()
        given = frozenset(name for name in _WEIGHED if tree.get(name) or name in self._broken)
        return content_faults(Content(*judged, given), self._day())


def _put(tree: dict[str, Any], to: Path, number: int, value: object) -> str:
    """Place a value; items of lists are kept by number until all are there. Its pointer. An object never replaces one."""
    at: dict[Any, Any] = tree
    steps: list[Any] = [number if step == ITEM else step for step in to]
    for step in steps[:-1]:
        at = at.setdefault(step, {})
    at.setdefault(steps[-1], value)
    return "".join(f"/{step}" for step in steps)


def _leaves(value: object, place: Place) -> Iterator[tuple[Place, object]]:
    """Every single value below a place; an empty group or list is one of them."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, place.step(key))
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from _leaves(item, place.item(number))
    else:
        yield place, value


def _rules_below(node: Node) -> Iterator[Rule]:
    yield from node.rules
    for child in (*node.children.values(), *([node.item] if node.item is not None else [])):
        yield from _rules_below(child)
