"""python -m tests.unit.signing.attacks [FOLDER]: write digests.csv again; with FOLDER, every case as files for the command line.

A case becomes FOLDER/NAME/{document.p7m, evidence/, trust/, case.txt}, to be judged by hand or by another tool.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from tests import pki
from tests.unit.signing.attacks.case import Case
from tests.unit.signing.attacks.key_cases import KEY_CASES
from tests.unit.signing.attacks.time_cases import TIME_CASES

DIGESTS = Path(__file__).with_name("digests.csv")
ALL = (*KEY_CASES, *TIME_CASES)


def digests() -> str:
    """One line for each case: row, name, SHA-256 of the document and of all its evidence."""
    lines = ["row,name,document,evidence"]
    for case in ALL:
        evidence = hashlib.sha256()
        for one in _evidence(case).values():
            evidence.update(hashlib.sha256(one).digest())
        lines.append(f"{case.row},{case.name},{hashlib.sha256(case.document()).hexdigest()},{evidence.hexdigest()}")
    return "\n".join(lines) + "\n"


def _evidence(case: Case) -> dict[str, bytes]:
    found = case.evidence()
    kinds = (("crl", found.crls), ("ocsp", found.ocsps), ("cer", found.certificates))
    return {f"{number}.{kind}": one for kind, many in kinds for number, one in enumerate(many)}


def write(case: Case, folder: Path) -> None:
    """The case as files."""
    (folder / "evidence").mkdir(parents=True, exist_ok=True)
    (folder / "document.p7m").write_bytes(case.document())
    for name, one in _evidence(case).items():
        (folder / "evidence" / name).write_bytes(one)
    pki.trust_folder(folder / "trust", *case.roots)
    (folder / "case.txt").write_text(
        f"{case.row} {case.name}\nat {case.at.isoformat()}\nallowed {' '.join(sorted(case.allowed))}\n",
        encoding="utf-8",
    )


def main(arguments: list[str]) -> int:
    """Write what was asked for."""
    DIGESTS.write_text(digests(), encoding="utf-8")
    for folder in arguments:
        for case in ALL:
            write(case, Path(folder) / case.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
