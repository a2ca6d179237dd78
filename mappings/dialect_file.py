"""Reads the TOML file of a foreign dialect: strict about every key, so that no line of a profile is without effect."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable
from typing import Any, Literal, cast

from mappings.codes import DossierStatus, Outcome
from mappings.dialect import (
    EVENT_ID,
    KEY,
    SEQUENCE,
    Condition,
    Dialect,
    Identity,
    MessageForm,
    Node,
    Rule,
)
from mappings.publication import publication_of
from mappings.tables import SECTORS, CodeTable, Confidence, TableUnreadable, TableVersion, load_table
from mappings.targets import ITEM, Path, Target, label_of, path_of, targets
from mappings.values import KINDS, ZONES, Reading, TimeForm, time_form

_TOP = frozenset(
    {
        "name", "title_vi", "owner_vi", "confidence", "publication", "message", "times", "event_id", "sequence",
        "fields", "when", "expected", "ignored",
    }
)  # fmt: skip
_MESSAGE = frozenset({"format", "root", "namespace", "prefixes", "unknown", "answer", "absent", "examples"})
_TIMES = frozenset({"time", "day", "zone", "z_means_local"})
_FIELD = frozenset({"from", "as", "formats", "absent", "true", "false", "table", "column", "also", "constant"})
_CONDITIONS = frozenset(
    {state.value for state in DossierStatus} | {f"{state}/{outcome}" for state in DossierStatus for outcome in Outcome}
)

_LOADED: dict[tuple[str, str], Dialect] = {}


def is_dialect(raw: bytes) -> bool:
    """Whether the bytes of a profile describe a foreign message, and not places of our own."""
    try:
        return "message" in tomllib.loads(raw.decode("utf-8"))
    except ValueError:
        return False


def dialect_names(directory: Traversable = SECTORS) -> tuple[str, ...]:
    """The foreign dialects of a folder, by name."""
    files = (entry for entry in directory.iterdir() if entry.name.endswith(".toml"))
    return tuple(sorted(entry.name[:-5] for entry in files if is_dialect(entry.read_bytes())))


def load_dialect(name: str, directory: Traversable = SECTORS) -> Dialect:
    """The dialect `name`.toml of a folder, compiled once for the process. Raises `TableUnreadable`."""
    place = (str(directory), name)
    known = _LOADED.get(place)
    if known is None:
        source = directory / f"{name}.toml"
        if not source.is_file() or not is_dialect(raw := source.read_bytes()):
            raise TableUnreadable(name, 0, "không tìm thấy hồ sơ kết nối của một chuẩn thông điệp riêng")
        known = _LOADED[place] = parse_dialect(name, raw, directory)
    return known


def parse_dialect(name: str, raw: bytes, directory: Traversable = SECTORS) -> Dialect:
    """A dialect from the bytes of its file; its tables are loaded from `directory`. Raises `TableUnreadable`."""
    try:
        document = tomllib.loads(raw.decode("utf-8"))
        _known(document, _TOP, "tệp")
        if document["name"] != name:
            raise ValueError("name khác tên tệp")
        return _Compiler(document, directory).dialect(TableVersion(name, hashlib.sha256(raw).hexdigest()))
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        if isinstance(fault, TableUnreadable):
            raise
        raise TableUnreadable(name, 0, f"hồ sơ kết nối không đọc được: {fault}") from fault


def _known(entry: Mapping[str, object], allowed: frozenset[str], where: str) -> None:
    strange = set(entry) - allowed
    if strange:
        raise ValueError(f"{where}: không có khóa {', '.join(sorted(strange))}")


def _texts(value: object, where: str) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise TypeError(f"{where}: cần một chuỗi hoặc danh sách chuỗi")
    return tuple(listed)


@dataclass(frozen=True, slots=True)
class _Times:
    """The forms of times and days that hold unless a field says otherwise."""

    time: tuple[TimeForm, ...]
    day: tuple[TimeForm, ...]
    plain: Reading


class _Compiler:
    """One file on its way to a `Dialect`."""

    def __init__(self, document: Mapping[str, Any], directory: Traversable) -> None:
        self._document = document
        self._directory = directory
        self._message: Mapping[str, Any] = document["message"]
        _known(self._message, _MESSAGE, "message")
        self._tables: dict[str, CodeTable] = {}
        self._times = self._read_times()
        self._when = {path_of(key): self._condition(key, words) for key, words in document.get("when", {}).items()}

    def dialect(self, version: TableVersion) -> Dialect:
        """The compiled dialect."""
        document, message = self._document, self._message
        if message.get("unknown", "refuse") not in ("refuse", "report"):
            raise ValueError("message.unknown: refuse hoặc report")
        identity = self._identity()
        rules = (*self._fields(), *self._identity_rules(identity), *self._order_rules())
        tree = Node(())
        for rule in rules:
            self._plant(tree, rule)
        for text, words in document.get("expected", {}).items():
            tree.at(path_of(text)).expected = _texts(words, f"expected.{text}")
        ignored = {path_of(text): str(reason) for text, reason in document.get("ignored", {}).items()}
        for path, reason in ignored.items():
            tree.at(path).ignored = reason or "?"
        _check_overlaps(tree)
        return Dialect(
            version=version,
            title_vi=document["title_vi"],
            owner_vi=document["owner_vi"],
            confidence=Confidence(document.get("confidence", "assumed")).value,
            publication=publication_of(document["publication"]),
            form=self._form(),
            refuses_unknown=message.get("unknown", "refuse") == "refuse",
            identity=identity,
            arrival=document["sequence"] == "arrival",
            rules=rules,
            tree=tree,
            ignored=ignored,
            conditions=self._when,
            examples=_texts(message.get("examples", []), "message.examples"),
            tables=tuple(self._tables.values()),
        )

    def _form(self) -> MessageForm:
        message = self._message
        if message["format"] not in ("json", "xml") or message.get("answer", "json") not in ("json", "xml"):
            raise ValueError("message.format và message.answer: json hoặc xml")
        if message["format"] == "xml" and not message.get("root"):
            raise ValueError("message.root: XML cần tên phần tử gốc")
        if message["format"] == "json" and {"root", "namespace", "prefixes"} & set(message):
            raise ValueError("message: root, namespace và prefixes chỉ dành cho XML")
        return MessageForm(
            cast(Literal["json", "xml"], message["format"]),
            str(message.get("root", "")),
            str(message.get("namespace", "")),
            {str(prefix): str(uri) for prefix, uri in message.get("prefixes", {}).items()},
            cast(Literal["json", "xml"], message.get("answer", "json")),
        )

    def _read_times(self) -> _Times:
        entry: Mapping[str, Any] = self._document.get("times", {})
        _known(entry, _TIMES, "times")
        zone = entry.get("zone")
        if zone is not None and zone not in ZONES:
            raise ValueError(f"times.zone: một trong {', '.join(ZONES)}")
        z_means_local = entry.get("z_means_local", False)
        if z_means_local and zone is None:
            raise ValueError("times.z_means_local: cần times.zone")
        plain = Reading(
            "text",
            zone=ZONES[zone] if zone is not None else None,
            z_means_local=bool(z_means_local),
            absent=frozenset(_texts(self._message.get("absent", []), "message.absent")),
            trimmed=self._message["format"] == "xml",
        )
        times = tuple(map(time_form, _texts(entry.get("time", "iso-offset"), "times.time")))
        return _Times(times, tuple(map(time_form, _texts(entry.get("day", "yyyy-MM-dd"), "times.day"))), plain)

    def _condition(self, where: str, words: object) -> Condition:
        found = frozenset(_texts(words, f"when.{where}"))
        if not found or found - _CONDITIONS:
            raise ValueError(f"when.{where}: trạng thái lạ {', '.join(sorted(found - _CONDITIONS))}")
        return Condition(found)

    def _fields(self) -> Iterable[Rule]:
        for label, entry in self._document["fields"].items():
            to = path_of(label)
            target = targets().get(to)
            if target is None or to in (EVENT_ID, SEQUENCE):
                raise ValueError(f"fields.{label}: mô hình chung không có trường này")
            yield self._rule(target, _spelled_out(entry), f"fields.{label}")

    def _rule(self, target: Target, entry: Mapping[str, Any], where: str) -> Rule:
        _known(entry, _FIELD, where)
        if ("from" in entry) == ("constant" in entry):
            raise ValueError(f"{where}: cần đúng một trong from và constant")
        how = self._reading(target, entry, where)
        condition = next(
            (found for prefix, found in self._when.items() if target.path[: len(prefix)] == prefix), Condition()
        )
        if "constant" in entry:
            return Rule(target.path, target, (), how, constant=entry["constant"], condition=condition)
        sources = tuple(path_of(text) for text in _texts(entry["from"], f"{where}.from"))
        rule = Rule(target.path, target, sources, how, condition=condition)
        return replace(rule, **self._translation(target, entry, where)) if "table" in entry else rule

    def _translation(self, target: Target, entry: Mapping[str, Any], where: str) -> dict[str, Any]:
        table = self._tables.setdefault(entry["table"], load_table(entry["table"], self._directory))
        if len(table.keys) != 1:
            raise ValueError(f"{where}.table: bảng phải có đúng một cột khóa")
        column = entry.get("column", target.path[-1])
        also = tuple((path_of(label), str(name)) for label, name in entry.get("also", {}).items())
        for path, name in ((target.path, column), *also):
            if path not in targets() or _list_of(path) != _list_of(target.path) or name not in table.columns:
                raise ValueError(f"{where}: bảng {table.name} không có cột {name}, hoặc không có trường này")
        return {"table": table, "column": column, "also": also}

    def _reading(self, target: Target, entry: Mapping[str, Any], where: str) -> Reading:
        # A table translates codes; its cells are words of our own lists.
        kind = entry.get("as", "code" if "table" in entry else target.kind)
        if kind not in KINDS:
            raise ValueError(f"{where}.as: một trong {', '.join(sorted(KINDS))}")
        forms = self._times.day if kind == "day" else self._times.time
        if "formats" in entry:
            forms = tuple(map(time_form, _texts(entry["formats"], f"{where}.formats")))
        plain = self._times.plain
        return replace(
            plain,
            kind=kind,
            forms=forms if kind in ("time", "day") else (),
            absent=plain.absent | frozenset(_texts(entry.get("absent", []), f"{where}.absent")),
            yes=frozenset(_texts(entry.get("true", []), f"{where}.true")),
            no=frozenset(_texts(entry.get("false", []), f"{where}.false")),
        )

    def _identity(self) -> Identity:
        entry = self._document["event_id"]
        if entry == "body":
            return Identity("body")
        _known(entry, frozenset({"uuid", "keys"}), "event_id")
        if len(entry) != 1:
            raise ValueError('event_id: cần {uuid = "…"}, {keys = […]} hoặc "body"')
        ((kind, paths),) = entry.items()
        found = tuple(path_of(text) for text in _texts(paths, "event_id"))
        if not found or (kind == "uuid" and len(found) != 1) or any(ITEM in path for path in found):
            raise ValueError("event_id: đường dẫn phải trỏ tới đúng một giá trị")
        return Identity(kind, found)

    def _identity_rules(self, identity: Identity) -> Iterable[Rule]:
        """The message's own UUID, or each place that an id is derived from; these must be there, whatever else is."""
        target = targets()[EVENT_ID]
        kind, to = ("uuid", EVENT_ID) if identity.kind == "uuid" else ("code", (KEY,))
        for path in identity.paths:
            yield Rule(to, target, (path,), replace(self._times.plain, kind=kind))

    def _order_rules(self) -> Iterable[Rule]:
        entry = self._document["sequence"]
        if entry == "arrival":
            return
        target = targets()[SEQUENCE]
        yield self._rule(target, _spelled_out(entry), "sequence")

    def _plant(self, tree: Node, rule: Rule) -> None:
        """Put a rule at its places; an item of a canonical list begins at the innermost list of the message around it."""
        depth = rule.to.count(ITEM)
        for source in rule.sources:
            if source.count(ITEM) and not depth:
                raise ValueError(f"{rule.label}: {label_of(source)} lặp lại, trường này thì không")
            tree.at(source).rules.append(rule)
            if depth:
                place = tree.at(_item_of(source))
                place.lists.add(rule.to[0])
                _check_lists(tree, rule.to[0], _item_of(source))


def _spelled_out(entry: Any) -> Mapping[str, Any]:
    """A field in its long form; a bare place (or a list of alternatives) is the short one."""
    return {"from": entry} if isinstance(entry, str | list) else entry


def _list_of(path: Path) -> str:
    """The canonical list that a field is a part of; empty for a field of the event itself."""
    return path[0] if ITEM in path else ""


def _item_of(path: Path) -> Path:
    """The path up to its innermost list item; empty where nothing repeats."""
    return path[: len(path) - path[::-1].index(ITEM)] if ITEM in path else ()


def _check_lists(tree: Node, name: str, place: Path) -> None:
    """Items of one canonical list come from one place; otherwise nobody could say which parts belong together."""
    found: list[Path] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if name in node.lists:
            found.append(node.path)
        waiting += [*node.children.values(), *([node.item] if node.item is not None else [])]
    if found != [place]:
        raise ValueError(f"{name}[]: các phần lấy từ nhiều danh sách khác nhau")


def _check_overlaps(node: Node) -> None:
    """A place is fed or ignored, never both; nothing below an ignored place is read."""
    if node.ignored and (node.leaf or node.children or node.item is not None):
        raise ValueError(f"ignored.{label_of(node.path)}: đường dẫn này cũng được đọc")
    for child in (*node.children.values(), *([node.item] if node.item is not None else [])):
        _check_overlaps(child)
