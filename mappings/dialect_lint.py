"""The linter of foreign dialects: every field can be fed, every code of the publication has a row, every silence a reason.

What needs the whole door (that an example is accepted) is judged by `gateway mappings lint`, which can read XML too.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources.abc import Traversable

from mappings.dialect import EVENT_ID, SEQUENCE, STATE, Dialect, Rule
from mappings.dialect_file import parse_dialect
from mappings.tables import TableUnreadable
from mappings.targets import Target, label_of, needed_objects, targets
from mappings.text import is_blank, nfc

NO_PUBLICATION = "Hồ sơ kết nối phải nêu số, ngày và tên của văn bản công bố chuẩn (QĐ 3036 Điều 5.8)."

Finding = tuple[str, str]


def dialect_findings(name: str, raw: bytes, directory: Traversable) -> Iterator[Finding]:
    """Code and Vietnamese sentence of each defect of one profile."""
    try:
        dialect = parse_dialect(name, raw, directory)
    except TableUnreadable as fault:
        yield "bad_profile", fault.message_vi
        return
    if not dialect.publication.complete:
        yield "no_publication", NO_PUBLICATION
    if nfc(raw.decode()) != raw.decode():
        yield "not_nfc", "Tệp không ở dạng Unicode NFC."
    for path, reason in dialect.ignored.items():
        if is_blank(reason):
            yield "no_reason", f"ignored.{label_of(path)}: chưa ghi lý do bỏ qua."
    yield from _unfed(dialect)
    for rule in dialect.rules:
        yield from _rule_findings(rule)
    yield from _table_findings(dialect)
    for prefix in dialect.conditions:
        if not any(rule.to[: len(prefix)] == prefix for rule in dialect.rules):
            yield "idle_condition", f"when.{label_of(prefix)}: không có trường nào thuộc nhóm này."
    yield from _example_findings(dialect, directory)


def _unfed(dialect: Dialect) -> Iterator[Finding]:
    """Required fields that nothing feeds: those of the event itself, and those of every group that the profile feeds."""
    fed = {rule.to for rule in dialect.rules} | {to for rule in dialect.rules for to, _ in rule.also}
    for target in targets().values():
        around = target.path[:-1]
        wanted = around == () or around in needed_objects() or any(to[: len(around)] == around for to in fed)
        in_list = around[:2] if len(around) > 1 and around[1] == "[]" else ()
        if in_list and not any(to[:2] == in_list for to in fed):
            wanted = False
        if target.required and wanted and target.path not in fed and not _given(target, dialect):
            yield "unfed", f"Trường bắt buộc {target.label} chưa có nguồn."
    if not {("dossier_code",), ("sector_dossier_id",)} & fed:
        yield "unfed", "Chưa có nguồn cho dossier_code hoặc sector_dossier_id."
    if STATE not in fed:
        yield "unfed", "Chưa có nguồn cho state."


def _given(target: Target, dialect: Dialect) -> bool:
    """Whether the profile says by other words how the field comes to be."""
    return target.path == EVENT_ID or (target.path == SEQUENCE and dialect.arrival)


def _rule_findings(rule: Rule) -> Iterator[Finding]:
    codes = rule.target.codes if rule.target is not None else ()
    if rule.constant is not None and ((codes and rule.constant not in codes) or rule.constant == ""):
        yield "bad_constant", f"fields.{rule.label}: hằng số ngoài danh mục."
    if rule.table is None:
        return
    for row in rule.table.rows:
        if codes and row[rule.column] not in codes:
            yield (
                "bad_cell",
                f"Bảng {rule.table.name}, dòng {row.number}: {rule.column} ngoài danh mục của {rule.label}.",
            )
        for to, column in rule.also:
            allowed = targets()[to].codes
            if row[column] and allowed and row[column] not in allowed:
                yield (
                    "bad_cell",
                    f"Bảng {rule.table.name}, dòng {row.number}: {column} ngoài danh mục của {label_of(to)}.",
                )


def _table_findings(dialect: Dialect) -> Iterator[Finding]:
    for table in dialect.tables:
        (key,) = table.keys
        if not table.declaration.total or not table.declaration.domains.get(key):
            message = (
                f"Bảng {table.name}: tables.toml phải chép danh mục mã đã công bố (domains.{key}) và ghi total = true."
            )
            yield "no_list", message


def _example_findings(dialect: Dialect, directory: Traversable) -> Iterator[Finding]:
    if not dialect.examples:
        yield "no_example", "Hồ sơ kết nối phải có ít nhất một thông điệp mẫu (message.examples)."
    for example in dialect.examples:
        if not directory.joinpath(*example.split("/")).is_file():
            yield "no_example", f"Không thấy thông điệp mẫu {example}."
