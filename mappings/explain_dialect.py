"""A foreign message field by field: where each leaf went, through which row of which table, and what nobody reads.

Pure, and masked like `mappings.explain`: personal data and free text never appear, nor do values that no field gives a meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mappings.dialect import KEY, Rule
from mappings.explain import FAULT, WARNING, ExplainRow, shown
from mappings.faults import SectorFault
from mappings.translation import Fate, Leaf, Translation

HIDDEN = "•••"
_SAID = {
    Fate.EXPECTED: "đúng giá trị mà chuẩn ấn định",
    Fate.ABSENT: "không có giá trị",
    Fate.UNKNOWN: "chuẩn đã công bố không có trường này; giữ trong bản gốc, không dùng",
}


def explain_translation(translation: Translation, faults: Iterable[SectorFault] = ()) -> tuple[ExplainRow, ...]:
    """The rows of a translated message; `faults` are all that the door would name, by places of the message."""
    told: dict[str, list[str]] = {}
    for fault in faults:
        told.setdefault(fault.pointer, []).append(fault.message_vi)
    rows = [_row(leaf, told) for leaf in translation.leaves]
    rows += [
        ExplainRow(pointer, "", "", "", 0, f"{FAULT}: {' '.join(sentences)}") for pointer, sentences in told.items()
    ]
    return (*rows, *_constants(translation))


def _row(leaf: Leaf, told: dict[str, list[str]]) -> ExplainRow:
    pointer = leaf.place.pointer
    sentences = told.pop(pointer, [])
    value = str(leaf.value) if leaf.fate is Fate.EXPECTED else _masked(leaf.rules, leaf.value)
    fields = ", ".join("event_id" if name == KEY else name for name in leaf.fields)
    if sentences:
        result = f"{FAULT}: {' '.join(sentences)}"
    elif leaf.fate is Fate.MAPPED:
        result = _mapped(leaf)
    elif leaf.fate is Fate.IGNORED:
        result = f"bỏ qua có chủ ý: {leaf.result}"
    elif leaf.fate is Fate.UNKNOWN:
        result = f"{WARNING}: {leaf.result or _SAID[leaf.fate]}"
    else:
        result = _SAID.get(leaf.fate, f"{FAULT}: {leaf.result}")
    return ExplainRow(pointer, value, fields, leaf.table, leaf.row, result)


def _mapped(leaf: Leaf) -> str:
    """What became of the value: the canonical one; of a value that feeds several fields each that differs, once."""
    results = {_masked(tuple(rule for rule in leaf.rules if rule.to != (KEY,)) or leaf.rules, leaf.result)}
    return " · ".join(sorted(results))


def _masked(rules: tuple[Rule, ...], value: object) -> str:
    """A value under the strictest mask of the fields that it feeds; without a field nobody knows what it is."""
    if isinstance(value, dict | list):
        return HIDDEN if value else ""
    places = {(rule.target.owner, rule.target.name) for rule in rules if rule.target is not None}
    if not places:
        return HIDDEN if value not in ("", None) else ""
    told = {shown(place, "" if value is None else value) for place in places}
    plain = str("" if value is None else value)
    return next((text for text in sorted(told) if text != plain), plain)


def _constants(translation: Translation) -> Iterator[ExplainRow]:
    """Fields that the profile sets without a place in the message, where they were set."""
    for rule in translation.whence.dialect.rules:
        if rule.constant is not None and _is_set(translation.tree, rule):
            yield ExplainRow("", "", rule.label, "", 0, f"hằng số của hồ sơ kết nối: {rule.constant}")


def _is_set(tree: object, rule: Rule) -> bool:
    values = [tree]
    for step in rule.to:
        if step == "[]":
            values = [item for value in values if isinstance(value, list) for item in value]
        else:
            values = [value[step] for value in values if isinstance(value, dict) and step in value]
    return rule.constant in values
