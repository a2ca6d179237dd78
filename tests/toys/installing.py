"""Installs a toy connector as a distribution of its own would be: beside the gateway, found by its entry point alone."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def as_distribution(folder: Path, name: str, home: Path = HERE) -> tuple[str, str]:
    """Write what an installer writes for connector `name` into `folder`; the two entries of the path that find it."""
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[tthc_gateway.connectors]\n{name} = {name}\n")
    return str(folder), str(home)
