"""Writes the folder of the test PKI from its declaration: keys where they are missing, certificates always."""

from __future__ import annotations

from pathlib import Path

from connectors.kit.simulated_authority import certificates, keys
from connectors.kit.simulated_authority.declaration import Declaration


def key_ring(declaration: Declaration, folder: Path) -> dict[str, keys.PrivateKey]:
    """All keys of the declaration: read where the folder holds them, made and written where not."""
    folder.mkdir(parents=True, exist_ok=True)
    ring = {}
    for name, kind in declaration.keys.items():
        file = folder / f"{name}.key.pem"
        if not file.exists():
            file.write_bytes(keys.to_pem(keys.make(kind)))
        ring[name] = keys.from_pem(file.read_bytes())
    return ring


def write(declaration: Declaration, keys_from: Path, folder: Path) -> None:
    """Issue every certificate with the keys of one folder into `folder` (NAME.cer, DER)."""
    ring = key_ring(declaration, keys_from)
    folder.mkdir(parents=True, exist_ok=True)
    for name, certificate in certificates.issue_all(declaration, ring).items():
        (folder / f"{name}.cer").write_bytes(certificate)
