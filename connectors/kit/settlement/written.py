"""A statement as a simulator writes it: bytes under a name, and the side file that a drop folder may ask for."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Written:
    """A statement as bytes under its name."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """What stands in its side file."""
        return hashlib.sha256(self.content).hexdigest()

    def put(self, folder: Path) -> None:
        """Write the side file, then the file at once, so that nobody reads half of it. Raises `OSError`."""
        (folder / f"{self.name}.sha256").write_text(f"{self.sha256}  {self.name}\n", encoding="ascii")
        half = folder / f".{self.name}.part"
        half.write_bytes(self.content)
        half.replace(folder / self.name)


def lines_as_csv(lines: Iterable[Sequence[str]], separator: str) -> bytes:
    """Records with any separator, as spreadsheets write them (CRLF)."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator="\r\n").writerows(lines)
    return text.getvalue().encode()
