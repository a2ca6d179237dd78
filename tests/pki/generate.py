"""Writes the folder of the test PKI from its declaration: keys where they are missing, certificates always."""

from __future__ import annotations

from pathlib import Path

from connectors.kit.simulated_authority import certificates, keys
from connectors.kit.simulated_authority.declaration import Declaration


def write(declaration: Declaration, keys_from: Path, folder: Path) -> None:
    """Issue every certificate with the keys of one folder into `folder` (NAME.cer, DER)."""
    ring = keys.ring(declaration.keys, keys_from)
    folder.mkdir(parents=True, exist_ok=True)
    for name, certificate in certificates.issue_all(declaration, ring).items():
        (folder / f"{name}.cer").write_bytes(certificate)
