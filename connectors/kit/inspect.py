"""The folder inspector behind `gateway connectors check`: anatomy, tables, examples, quality answers; it runs nothing."""

from __future__ import annotations

import ast
import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.kit.case import FAMILIES
from connectors.kit.declarations import SECTIONS
from connectors.kit.manifest import Manifest, ManifestError, read_manifest
from connectors.kit.registry import MANIFEST, UnknownConnector, folders

# Official text, seen in real code, our own choice (architecture, "Marks"); `seen` for recorded traffic.
CONFIDENCES = frozenset({"doc", "code", "seen", "assumed"})
GAPS = Path(__file__).with_name("quality_gaps.txt")

_FILES = ("README.md", "connector.py", "client.py", "simulator.py", "conformance.py")
_PROFILE_FILES = ("messages.py", "mapping.py", "outcomes.csv")
_COLUMNS = ("code", "family", "meaning_vi", "source", "confidence")
_PATTERN_COLUMNS = ("pattern", "message_pattern")
_LIMITS_HEADING = re.compile(r"^#+ .*(giới hạn|hạn chế|limits)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class InspectionFinding:
    """One fault of a connector folder: stable code, path inside the folder, Vietnamese sentence."""

    connector: str
    code: str
    path: str
    message_vi: str


def inspect_all(name: str = "", gaps: frozenset[str] | None = None) -> tuple[InspectionFinding, ...]:
    """The findings of every connector, or of `name` alone; an unknown name is a finding."""
    known = folders()
    if name and name not in known:
        return (InspectionFinding(name, "unknown_connector", "", str(UnknownConnector(name, tuple(known)))),)
    allowed = known_gaps() if gaps is None else gaps
    findings: list[InspectionFinding] = []
    for chosen, (package, folder) in known.items():
        if name in ("", chosen):
            # The list of gaps is ours: other distributions keep their own.
            findings.extend(inspect_folder(chosen, folder, allowed if package.startswith("connectors.") else None))
    return tuple(findings)


def known_gaps() -> frozenset[str]:
    """The open `todo` answers, as `name.rule`."""
    lines = (line.split("#")[0].strip() for line in GAPS.read_text(encoding="utf-8").splitlines())
    return frozenset(line for line in lines if line)


def inspect_folder(name: str, folder: Path, gaps: frozenset[str] | None) -> tuple[InspectionFinding, ...]:
    """The findings of one folder; without `gaps` every `todo` is let through."""
    findings = list(_anatomy(name, folder))
    try:
        manifest = read_manifest(folder / MANIFEST)
    except ManifestError as error:
        findings.extend(InspectionFinding(name, "manifest", MANIFEST, fault) for fault in error.faults)
        return tuple(findings)
    if manifest.name != name:
        findings.append(InspectionFinding(name, "manifest", MANIFEST, f"name phải là «{name}»"))
    findings.extend(_consistency(manifest))
    findings.extend(_schemas(manifest, folder))
    findings.extend(_answers(manifest, folder))
    if gaps is not None:
        findings.extend(_gaps(manifest, gaps))
    return tuple(findings)


def profiles(folder: Path) -> tuple[Path, ...]:
    """The profile folders of a connector."""
    return tuple(sorted(path for path in (folder / "profiles").glob("*") if path.is_dir() and path.name[0] not in "_."))


def outcome_rows(profile: Path) -> tuple[Mapping[str, str], ...]:
    """The rows of the profile's `outcomes.csv`, in order."""
    with (profile / "outcomes.csv").open(encoding="utf-8", newline="") as lines:
        return tuple({key: value or "" for key, value in row.items() if key} for row in csv.DictReader(lines))


def example_files(profile: Path) -> tuple[Path, ...]:
    """The example messages of a profile."""
    return tuple(sorted((profile / "examples").glob("*.json")))


def _anatomy(name: str, folder: Path) -> Iterator[InspectionFinding]:
    for file in _FILES:
        if not (folder / file).is_file():
            yield InspectionFinding(name, "missing_file", file, f"Thiếu tệp {file}.")
    if not profiles(folder):
        yield InspectionFinding(name, "missing_file", "profiles/", "Thiếu thư mục profiles/<tên>/.")
    for profile in profiles(folder):
        where = f"profiles/{profile.name}"
        missing = [file for file in _PROFILE_FILES if not (profile / file).is_file()]
        for file in missing:
            yield InspectionFinding(name, "missing_file", f"{where}/{file}", f"Thiếu tệp {where}/{file}.")
        if "outcomes.csv" not in missing:
            yield from _outcomes(name, profile)
        yield from _examples(name, profile)


def _outcomes(name: str, profile: Path) -> Iterator[InspectionFinding]:
    """Every row has a known family, a meaning, a source and a confidence; patterns compile; no row twice."""
    where = f"profiles/{profile.name}/outcomes.csv"
    rows = outcome_rows(profile)
    header = set(rows[0]) if rows else set()
    absent = [column for column in _COLUMNS if column not in header]
    if absent or not header & set(_PATTERN_COLUMNS):
        sentence = f"Cần các cột {', '.join((*_COLUMNS, 'pattern'))} và ít nhất một dòng."
        yield InspectionFinding(name, "outcomes_columns", where, sentence)
        return
    seen: dict[tuple[str, ...], int] = {}
    for number, row in enumerate(rows, start=2):
        for fault in _row_faults(row):
            yield InspectionFinding(name, "outcomes_row", f"{where}:{number}", f"Dòng {number}: {fault}.")
        key = tuple(value for column, value in row.items() if column not in ("meaning_vi", "source", "confidence"))
        if key in seen:
            yield InspectionFinding(name, "outcomes_row", f"{where}:{number}", f"Dòng {number} lặp dòng {seen[key]}.")
        seen[key] = number


def _row_faults(row: Mapping[str, str]) -> Iterator[str]:
    if row["family"] not in FAMILIES:
        yield f"nhóm kết quả «{row['family']}» không tồn tại ({', '.join(FAMILIES)})"
    if row["confidence"] not in CONFIDENCES:
        yield f"độ tin cậy phải là một trong {', '.join(sorted(CONFIDENCES))}"
    for column in ("code", "meaning_vi", "source"):
        if not row[column].strip():
            yield f"cột {column} để trống"
    try:
        re.compile(_pattern(row))
    except re.error as error:
        yield f"mẫu không phải biểu thức chính quy hợp lệ ({error.msg})"


def _pattern(row: Mapping[str, str]) -> str:
    return next((row[column] for column in _PATTERN_COLUMNS if column in row), "")


def _examples(name: str, profile: Path) -> Iterator[InspectionFinding]:
    """Each example is JSON with its message, its source and how far it can be trusted."""
    files = example_files(profile)
    if not files:
        where = f"profiles/{profile.name}/examples/"
        yield InspectionFinding(name, "examples", where, "Cần ít nhất một thông điệp mẫu *.json.")
    for file in files:
        where = f"profiles/{profile.name}/examples/{file.name}"
        try:
            tree = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            yield InspectionFinding(name, "examples", where, "Không phải JSON hợp lệ.")
            continue
        if not isinstance(tree, dict) or "message" not in tree:
            yield InspectionFinding(name, "examples", where, "Cần khóa message chứa thông điệp.")
        elif not (isinstance(tree.get("source"), str) and tree["source"].strip()):
            yield InspectionFinding(name, "examples", where, "Cần khóa source nêu nguồn.")
        elif tree.get("confidence") not in CONFIDENCES:
            sentence = f"Khóa confidence phải là một trong {', '.join(sorted(CONFIDENCES))}."
            yield InspectionFinding(name, "examples", where, sentence)


def _consistency(manifest: Manifest) -> Iterator[InspectionFinding]:
    """What operations promise, the capabilities must be able to keep."""

    def fault(sentence: str) -> InspectionFinding:
        return InspectionFinding(manifest.name, "manifest", MANIFEST, sentence)

    operations = manifest.operations.values()
    capabilities = set(manifest.capabilities)
    if any(operation.trigger == "event" for operation in operations) and "Deliverer" not in capabilities:
        yield fault("Có thao tác theo sự kiện nhưng capabilities thiếu Deliverer.")
    for effect, capability in ((False, "Enquirer"), (True, "TaskEnquirer")):
        asked = any(operation.enquirable and (operation.trigger == "effect") is effect for operation in operations)
        if asked and capability not in capabilities:
            yield fault(f"Có thao tác enquirable nhưng capabilities thiếu {capability}.")
    if any(operation.batch > 1 for operation in operations) and "BatchDeliverer" not in capabilities:
        yield fault("Có thao tác batch > 1 nhưng capabilities thiếu BatchDeliverer.")
    if "Deliverer" in capabilities and not operations:
        yield fault("Có Deliverer nhưng không khai báo thao tác nào.")
    if any(operation.trigger == "effect" for operation in operations) and "TaskDeliverer" not in capabilities:
        yield fault("Có thao tác effect nhưng capabilities thiếu TaskDeliverer.")
    yield from (fault(sentence) for sentence in _declared(manifest))


def _declared(manifest: Manifest) -> Iterator[str]:
    """A capability and its declarations come together, and a ledger asks only for what somebody carries out."""
    declared = manifest.declared
    pairs = {
        "Endpoint": bool(declared.endpoints),
        "Listener": declared.listener is not None,
        "Poller": bool(declared.pollers),
        "Ledger": bool(declared.ledgers),
        "Decides": bool(declared.decisions),
        "Shows": bool(declared.views),
    }
    sections = dict(zip(pairs, SECTIONS, strict=True))
    for capability, there in pairs.items():
        if (capability in manifest.capabilities) != there:
            yield f"capabilities có {capability} khi và chỉ khi manifest có mục {sections[capability]}."
    shown = declared.read_back is not None and bool(declared.read_back.sees)
    if ("ReadsBack" in manifest.capabilities) != shown:
        yield "capabilities có ReadsBack khi và chỉ khi manifest có read_back.sees."
    writes = any(operation.trigger in ("event", "effect") for operation in manifest.operations.values())
    if writes and declared.read_back is None:
        yield "Cần mục [read_back]: xem lại được gì ở hệ thống nhận (sees, hidden), hoặc vì sao không (none)."
    seen: set[tuple[str, str]] = set()
    for endpoint in declared.endpoints:
        if (endpoint.method, endpoint.path) in seen:
            yield f"endpoints: {endpoint.method} {endpoint.path} được khai báo hai lần."
        seen.add((endpoint.method, endpoint.path))
    if any("deliver" in ledger.effects for ledger in declared.ledgers.values()) and not manifest.for_effects():
        yield "Có sổ với hiệu lực deliver nhưng không có thao tác effect nào."
    for name, decision in declared.decisions.items():
        if decision.ledger not in declared.ledgers:
            yield f"decisions.{name}: không có sổ {decision.ledger}."


def _schemas(manifest: Manifest, folder: Path) -> Iterator[InspectionFinding]:
    """Each schema that an endpoint names stands in the folder and is JSON."""
    for endpoint in manifest.declared.endpoints:
        if not endpoint.schema:
            continue
        try:
            json.loads((folder / endpoint.schema).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            sentence = f"Lược đồ của {endpoint.method} {endpoint.path} thiếu hoặc không phải JSON."
            yield InspectionFinding(manifest.name, "endpoint_schema", endpoint.schema, sentence)


def _answers(manifest: Manifest, folder: Path) -> Iterator[InspectionFinding]:
    """Quality answers `done` that a machine can doubt."""
    doubts: Mapping[str, Sequence[str]] = {
        "messages_cited": _uncited(folder),
        "outcomes_total": _not_total(folder),
        "enquiry": ()
        if {"Enquirer", "TaskEnquirer"} & set(manifest.capabilities)
        else ("capabilities thiếu Enquirer",),
        "limits_documented": () if _documents_limits(folder) else ("README.md thiếu mục về giới hạn",),
        "simulator_faults": () if _mounts_control(folder) else ("simulator không dùng mount_control của kit",),
    }
    for rule, reasons in doubts.items():
        answer = manifest.quality.get(rule)
        if answer is not None and answer.answer == "done":
            for reason in reasons:
                yield InspectionFinding(
                    manifest.name, f"quality_{rule}", MANIFEST, f"quality.{rule} = done nhưng {reason}."
                )


def _uncited(folder: Path) -> tuple[str, ...]:
    """Message types without a docstring: nobody can tell where they come from."""
    bare = []
    for profile in profiles(folder):
        file = profile / "messages.py"
        if not file.is_file():
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not ast.get_docstring(node):
                bare.append(f"{profile.name}/messages.py: lớp {node.name} không nêu nguồn (docstring)")
    return tuple(bare)


def _not_total(folder: Path) -> tuple[str, ...]:
    """Profiles whose table ends without a row for every answer that nobody has described yet."""
    open_ended = []
    for profile in profiles(folder):
        rows = outcome_rows(profile) if (profile / "outcomes.csv").is_file() else ()
        if not any(row.get("code") == "*" and not _pattern(row) for row in rows):
            open_ended.append(f"{profile.name}/outcomes.csv thiếu dòng cho mọi mã khác (code = *, không có mẫu)")
    return tuple(open_ended)


def _documents_limits(folder: Path) -> bool:
    readme = folder / "README.md"
    return readme.is_file() and _LIMITS_HEADING.search(readme.read_text(encoding="utf-8")) is not None


def _mounts_control(folder: Path) -> bool:
    files = folder.glob("simulator*.py")
    return any("mount_control(" in file.read_text(encoding="utf-8") for file in files)


def _gaps(manifest: Manifest, gaps: frozenset[str]) -> Iterator[InspectionFinding]:
    """The list of gaps and the manifests say the same, so that the list can only shrink on purpose."""
    todo = {f"{manifest.name}.{answer.rule}" for answer in manifest.quality.values() if answer.answer == "todo"}
    for gap in sorted(todo - gaps):
        sentence = f"{gap}: câu trả lời todo mới không được chấp nhận; danh sách {GAPS.name} chỉ được ngắn đi."
        yield InspectionFinding(manifest.name, "quality_gap", MANIFEST, sentence)
    mine = {gap for gap in gaps if gap.startswith(f"{manifest.name}.")}
    for gap in sorted(mine - todo):
        yield InspectionFinding(manifest.name, "quality_gap", GAPS.name, f"{gap}: đã xong, hãy xóa khỏi {GAPS.name}.")
