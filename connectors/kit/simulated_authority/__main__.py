"""python -m connectors.kit.simulated_authority DECLARATION.toml FOLDER PORT: the services of a declared authority on loopback.

FOLDER keeps the keys (made where missing) and gets the certificates (NAME.cer), whose addresses are rewritten to this port. The
clock is the machine's. Ends with SIGTERM.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from connectors.kit.simulated_authority import keys
from connectors.kit.simulated_authority.authority import Authority
from connectors.kit.simulated_authority.declaration import read_declaration
from connectors.kit.simulated_authority.server import create_app
from connectors.kit.simulation import run


def main(arguments: list[str]) -> int:
    """Serve until told to stop."""
    if len(arguments) != 3 or not arguments[2].isdigit():
        sys.stderr.write(f"{__doc__}\n")
        return 64
    folder, port = Path(arguments[1]), int(arguments[2])
    declaration = read_declaration(Path(arguments[0])).at(f"http://127.0.0.1:{port}")
    authority = Authority(declaration, keys.ring(declaration.keys, folder))
    for name, certificate in authority.certificates.items():
        (folder / f"{name}.cer").write_bytes(certificate)
    uvloop.run(run(create_app(authority, lambda: datetime.now(UTC)), port))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
