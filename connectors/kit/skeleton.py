"""The skeleton of a new connector, behind `gateway connectors new`: complete, honest about what it does not know yet.

Its templates stand in `skeletons/` as package files. What is written passes the inspector and the conformance suite against
its own simulator; what only the system's owner can say is marked TODO, and its quality answers say `todo`.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from connectors.kit.registry import folders

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_SUFFIX = ".tmpl"
_LONGEST = 40


class SkeletonRefused(ValueError):
    """Không tạo được khung đầu nối."""


def write_skeleton(name: str, into: Path) -> tuple[Path, ...]:
    """Write the skeleton of connector `name` into the folder `into`/`name`; the files, in order.

    Raises `SkeletonRefused` (Vietnamese) for a name that cannot be used, and for a place that is taken or cannot be written.
    """
    target = into / name
    if _NAME.fullmatch(name) and target.exists():
        raise SkeletonRefused(f"{target}: đã có; hãy chọn tên khác hoặc thư mục khác (--into).")
    fault = name_fault(name)
    if fault:
        raise SkeletonRefused(fault)
    if not into.is_dir():
        raise SkeletonRefused(f"{into}: không phải là thư mục.")
    words = {"@NAME@": name, "@CLASS@": "".join(part.capitalize() for part in name.split("_"))}
    written = []
    try:
        for path, text in _templates():
            place = target / path
            place.parent.mkdir(parents=True, exist_ok=True)
            for word, meaning in words.items():
                text = text.replace(word, meaning)
            place.write_text(text, encoding="utf-8")
            written.append(place)
    except OSError as error:
        raise SkeletonRefused(f"{error.filename or target}: không ghi được ({error.strerror}).") from error
    return tuple(written)


def name_fault(name: str) -> str:
    """Why a connector cannot have this name, in Vietnamese; empty when it can."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        return (
            f"Tên «{name}» không hợp lệ: chỉ gồm chữ thường không dấu, chữ số và dấu gạch dưới ở giữa, "
            f"bắt đầu bằng chữ, dài nhất {_LONGEST} ký tự; ví dụ land_registry."
        )
    if keyword.iskeyword(name) or name == "kit":
        return f"Tên «{name}» đã dành riêng; hãy chọn tên khác."
    if name in folders():
        return f"Đã có đầu nối tên «{name}»; hãy chọn tên khác."
    if importlib.util.find_spec(name) is not None:
        return f"Tên «{name}» trùng với một gói Python đang có; hãy chọn tên khác."
    return ""


def _templates() -> Iterator[tuple[Path, str]]:
    """Every template with its path inside the connector's folder."""
    root = resources.files("connectors.kit").joinpath("skeletons")
    yield from sorted(_inside(root, Path()), key=lambda found: str(found[0]))


def _inside(folder: Traversable, place: Path) -> Iterator[tuple[Path, str]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _inside(entry, place / entry.name)
        elif entry.name.endswith(_SUFFIX):
            yield place / entry.name.removesuffix(_SUFFIX), entry.read_text(encoding="utf-8")
