"""Sign, verify and judge digital signatures; opens no socket, asks no clock, and answers with a report, never with a yes.

For those outside: `verify` (a document to a report), `examine` (a document to facts that may be stored and given to
`signing.judge.judge`), `covered_bytes` (what a signature proves, and nothing else), with `Grounds`. They are loaded when first
asked for, because most users of this package want one module of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signing.grounds import Grounds
    from signing.verifying import covered_bytes, examine, verify

__all__ = ["Grounds", "covered_bytes", "examine", "verify"]

_HOMES = {
    "Grounds": "signing.grounds",
    "covered_bytes": "signing.verifying",
    "examine": "signing.verifying",
    "verify": "signing.verifying",
}


def __getattr__(name: str) -> Any:
    """A public name, from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module 'signing' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
