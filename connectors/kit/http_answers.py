"""One answer over HTTP, as a value: what pure translation may know of a call without knowing how calls are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One answer, whatever its status. `headers` ignores case; `body` is as it came."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    latency_ms: float
