"""python -m tests.pki: write tests/pki/made/ again. Says which files changed; none do unless the declaration did."""

from __future__ import annotations

import sys

from tests import pki
from tests.pki import generate


def main() -> int:
    """Write the folder and name what is new or different."""
    before = {file.name: file.read_bytes() for file in pki.MADE.glob("*")} if pki.MADE.exists() else {}
    generate.write(pki.declaration(), pki.MADE, pki.MADE)
    for file in sorted(pki.MADE.glob("*")):
        if before.get(file.name) != file.read_bytes():
            sys.stdout.write(f"{file.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
