"""Reads and lints `manifest.toml`: what a connector offers, who owns the system, on which legal basis, how good it is.

name = "national_dvc"
title_vi = "Cổng Dịch vụ công quốc gia"
owner = "…"                              # the system's owner, whose consent is needed (QĐ 3036 Điều 5 khoản 7)
legal_basis = ["…"]
capabilities = ["Deliverer", "Enquirer", "Probe"]
[operations.sync_dossier]
trigger = "event"                        # or "call", or "effect": a ledger asks for it
order = 1                                # lane order of the operations of one event
supersedes = "cumulative"                # optional: each call says all that the one before it said
[quality.enquiry]
answer = "exempt"                        # done | todo | exempt
reason = "…"                             # required unless done

Endpoints, callbacks, pollers, ledgers and reading back are declared as `connectors.kit.declarations` says.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from connectors.kit.declarations import SECTIONS, Declarations, read_declarations

CAPABILITIES = frozenset(
    {
        "Deliverer",
        "BatchDeliverer",
        "Enquirer",
        "Lookup",
        "Listener",
        "Poller",
        "Probe",
        "Ledger",
        "Endpoint",
        "TaskDeliverer",
        "TaskEnquirer",
        "SignOn",
        "Decides",
        "Shows",
        "ReadsBack",
    }
)

QUALITY_RULES: Mapping[str, str] = {
    "messages_cited": "mỗi trường của thông điệp có nguồn dẫn",
    "outcomes_total": "bảng kết quả bao trùm mọi mã trả lời",
    "enquiry": "tra cứu được kết quả của lần gửi không rõ",
    "idempotency": "gửi lặp cùng delivery_id chỉ có một hiệu lực",
    "deadline": "mọi cuộc gọi tuân theo thời hạn",
    "credential_rotation": "đổi khóa, mật khẩu không cần khởi động lại",
    "redaction": "không để lộ bí mật và dữ liệu cá nhân",
    "limits_documented": "giới hạn của hệ thống nhận được ghi lại",
    "simulator_faults": "bộ giả lập chơi được các lỗi của kit",
    "owner": "nêu rõ chủ quản hệ thống nhận",
    "legal_basis": "nêu căn cứ pháp lý và sự đồng ý kết nối",
    "bench": "có số đo hiệu năng",
}

Trigger = Literal["event", "call", "effect"]
Supersedes = Literal["", "cumulative"]
QualityWord = Literal["done", "todo", "exempt"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TOP = frozenset(
    {
        "name",
        "title_vi",
        "owner",
        "legal_basis",
        "capabilities",
        "operations",
        "quality",
        "settings",
        "read_back",
        *SECTIONS,
    }
)


@dataclass(frozen=True, slots=True)
class OperationSpec:
    """One operation of a connector.

    `trigger` "event": an accepted event calls for it, in `order`; `when_late` also for a predecessor that arrived after
    its gap was skipped; "call": it is asked at once; "effect": a ledger asks for it. `idempotent`: a repeat is harmless.
    `enquirable`: an unknown outcome can be found out.
    `skippable`: its refusal lets the lane go on. `batch`: how many contiguous deliveries of one lane go in one call.
    `supersedes` "cumulative": each call says all that the one before it said, so one that was never tried may be left out
    when a newer one waits, where the upstream's `supersede` is on and its event brought nothing of its own.
    """

    name: str
    trigger: Trigger
    order: int = 0
    when_late: bool = False
    idempotent: bool = False
    enquirable: bool = False
    skippable: bool = False
    batch: int = 1
    supersedes: Supersedes = ""


@dataclass(frozen=True, slots=True)
class QualityAnswer:
    """How a connector stands to one of the twelve rules; `reason` is given unless it is done."""

    rule: str
    answer: QualityWord
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a connector says of itself. `settings` documents its settings: key to Vietnamese sentence."""

    name: str
    title_vi: str
    owner: str
    legal_basis: tuple[str, ...]
    capabilities: tuple[str, ...]
    operations: Mapping[str, OperationSpec]
    quality: Mapping[str, QualityAnswer]
    settings: Mapping[str, str] = field(default_factory=dict)
    declared: Declarations = Declarations()

    def for_effects(self) -> tuple[OperationSpec, ...]:
        """The operations that ledgers ask for, by name."""
        chosen = (operation for operation in self.operations.values() if operation.trigger == "effect")
        return tuple(sorted(chosen, key=lambda operation: operation.name))

    def for_events(self) -> tuple[OperationSpec, ...]:
        """The operations that an event calls for, in lane order."""
        chosen = (operation for operation in self.operations.values() if operation.trigger == "event")
        return tuple(sorted(chosen, key=lambda operation: (operation.order, operation.name)))


class ManifestError(Exception):
    """Tệp manifest.toml không hợp lệ."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        """`faults` are Vietnamese sentences, each naming the file and the key."""
        self.faults = faults
        super().__init__("\n".join(faults))


def read_manifest(path: Path) -> Manifest:
    """The manifest in `path`; raises `ManifestError` with every fault, not only the first."""
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError((f"{path}: không đọc được ({error.strerror})",)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ManifestError((f"{path}: không phải TOML hợp lệ ({error})",)) from None
    lint = _Lint(path)
    manifest = lint.manifest(tree)
    if lint.faults:
        raise ManifestError(tuple(lint.faults))
    return manifest


class _Lint:
    """One pass over a manifest that collects what is wrong and reads what is right."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.faults: list[str] = []

    def fault(self, key: str, sentence: str) -> None:
        self.faults.append(f"{self._path}: {key}: {sentence}")

    def manifest(self, tree: dict[str, Any]) -> Manifest:
        self._unknown("", tree, _TOP)
        name = self._text(tree, "name")
        if name and not _NAME.fullmatch(name):
            self.fault("name", "chỉ gồm chữ thường không dấu, chữ số và dấu gạch dưới")
        capabilities = self._texts(tree, "capabilities")
        for capability in capabilities:
            if capability not in CAPABILITIES:
                self.fault("capabilities", f"không có khả năng tên «{capability}» ({', '.join(sorted(CAPABILITIES))})")
        operations = {key: self._operation(key, value) for key, value in self._table(tree, "operations").items()}
        self._orders(operations)
        return Manifest(
            name=name,
            title_vi=self._text(tree, "title_vi"),
            owner=self._text(tree, "owner"),
            legal_basis=self._texts(tree, "legal_basis"),
            capabilities=capabilities,
            operations=operations,
            quality=self._qualities(self._table(tree, "quality")),
            settings=self._settings(self._table(tree, "settings")),
            declared=read_declarations(tree, self.fault),
        )

    def _operation(self, name: str, tree: object) -> OperationSpec:
        where = f"operations.{name}"
        if not isinstance(tree, dict) or not _NAME.fullmatch(name):
            self.fault(where, "phải là một bảng, tên gồm chữ thường không dấu, chữ số và dấu gạch dưới")
            return OperationSpec(name, "call")
        flags = ("when_late", "idempotent", "enquirable", "skippable")
        self._unknown(f"{where}.", tree, frozenset({"trigger", "order", "batch", "supersedes", *flags}))
        triggers: Mapping[object, Trigger] = {word: word for word in get_args(Trigger)}
        trigger = triggers.get(tree.get("trigger"))
        if trigger is None:
            self.fault(f"{where}.trigger", "phải là «event», «call» hoặc «effect»")
            trigger = "call"
        values = {flag: self._typed(tree, where, flag, False) for flag in flags}
        order = self._typed(tree, where, "order", 0)
        batch = self._typed(tree, where, "batch", 1)
        if batch < 1:
            self.fault(f"{where}.batch", "phải từ 1 trở lên")
        if trigger == "effect" and (batch > 1 or values["when_late"] or order):
            self.fault(where, "thao tác «effect» không có order, when_late và batch")
        supersedes: Supersedes = "cumulative" if "supersedes" in tree else ""
        if supersedes and tree["supersedes"] != supersedes:
            self.fault(f"{where}.supersedes", "chỉ có thể là «cumulative»")
        if supersedes and (trigger != "event" or batch > 1 or not values["idempotent"]):
            self.fault(f"{where}.supersedes", "chỉ dành cho thao tác «event» có idempotent và không gộp (batch)")
        return OperationSpec(name, trigger, order=order, batch=batch, supersedes=supersedes, **values)

    def _orders(self, operations: Mapping[str, OperationSpec]) -> None:
        """Two operations of one event with the same order would leave their order to chance."""
        seen: dict[int, str] = {}
        for operation in operations.values():
            if operation.trigger != "event":
                continue
            if operation.order in seen:
                self.fault(f"operations.{operation.name}.order", f"trùng với operations.{seen[operation.order]}")
            seen[operation.order] = operation.name

    def _qualities(self, tree: Mapping[str, object]) -> dict[str, QualityAnswer]:
        self._unknown("quality.", tree, frozenset(QUALITY_RULES))
        answers = {}
        for rule, meaning in QUALITY_RULES.items():
            if rule not in tree:
                self.fault(f"quality.{rule}", f"chưa trả lời ({meaning})")
                continue
            answers[rule] = self._quality(rule, tree[rule])
        return answers

    def _quality(self, rule: str, tree: object) -> QualityAnswer:
        where = f"quality.{rule}"
        if not isinstance(tree, dict) or tree.get("answer") not in get_args(QualityWord):
            self.fault(where, "cần answer = «done», «todo» hoặc «exempt»")
            return QualityAnswer(rule, "todo")
        self._unknown(f"{where}.", tree, frozenset({"answer", "reason"}))
        reason = tree.get("reason", "")
        if tree["answer"] != "done" and not (isinstance(reason, str) and reason.strip()):
            self.fault(f"{where}.reason", "phải nêu lý do khi chưa làm hoặc được miễn")
        return QualityAnswer(rule, tree["answer"], str(reason))

    def _settings(self, tree: Mapping[str, object]) -> dict[str, str]:
        for key, value in tree.items():
            if not isinstance(value, str):
                self.fault(f"settings.{key}", "phải là một câu mô tả")
        return {key: value for key, value in tree.items() if isinstance(value, str)}

    def _unknown(self, where: str, tree: Mapping[str, object], known: frozenset[str]) -> None:
        for key in tree:
            if key not in known:
                self.fault(f"{where}{key}", f"khóa không tồn tại ({', '.join(sorted(known))})")

    def _text(self, tree: Mapping[str, object], key: str) -> str:
        value = tree.get(key)
        if isinstance(value, str) and value.strip():
            return value
        self.fault(key, "phải là chuỗi không rỗng")
        return ""

    def _texts(self, tree: Mapping[str, object], key: str) -> tuple[str, ...]:
        value = tree.get(key)
        if isinstance(value, list) and value and all(isinstance(item, str) and item.strip() for item in value):
            return tuple(value)
        self.fault(key, "phải là danh sách chuỗi không rỗng")
        return ()

    def _table(self, tree: Mapping[str, object], key: str) -> Mapping[str, object]:
        value = tree.get(key, {})
        if isinstance(value, dict):
            return value
        self.fault(key, "phải là một bảng")
        return {}

    def _typed(self, tree: Mapping[str, Any], where: str, key: str, default: Any) -> Any:
        """The value of `key`, of exactly the type of its default (TOML's true is no number)."""
        value = tree.get(key, default)
        if type(value) is type(default):
            return value
        self.fault(f"{where}.{key}", "phải là true hoặc false" if isinstance(default, bool) else "phải là số nguyên")
        return default
