"""Group commit where the disk is slow: every sync takes 2 ms longer, by a shim that is loaded before the C library.

Accepts a second of the same store with the same 64 producers, whatever waits committed together against one transaction for
each request, on SQLite and on PostgreSQL (whose server runs under the shim too). Aim: 8 x. Needs a C compiler.
`python bench/slow_disk.py [--quick]`; exit code 1 when the aim is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ground  # noqa: F401  # the path of what is measured

from bench import stores
from gateway.clock import Clock
from gateway.evidence.log import chain
from gateway.journal.kept import KeptJournal
from gateway.journal.postgres import PostgresJournal
from gateway.journal.session import DatabaseOptions
from gateway.journal.sqlite import SqliteJournal, StoreOptions
from tests.postgres import served

AIM = 8.0
DELAY_MS = 2
_SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
static void wait_for_the_disk(void) {
  struct timespec left = {0, %d};
  while (nanosleep(&left, &left) != 0) {}
}
#define SLOW(name) \\
  int name(int fd) { \\
    static int (*real)(int); \\
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, #name); \\
    wait_for_the_disk(); \\
    return real(fd); \\
  }
SLOW(fsync)
SLOW(fdatasync)
"""


def shim(folder: Path) -> Path:
    """The library that makes every sync wait first; exits where nothing can compile it."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("no C compiler: the disk cannot be made slow here")
    source, library = folder / "slow.c", folder / "slow.so"
    source.write_text(_SHIM % (DELAY_MS * 1_000_000))
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    folder.chmod(0o755)
    library.chmod(0o755)
    return library


def opened(kind: str, place: Path, dsn: str) -> KeptJournal:
    """A fresh store."""
    clock = Clock()
    if kind == "sqlite":
        return SqliteJournal.open(place, StoreOptions("n", stores.KEK), decide=stores.decide, chain=chain, clock=clock)
    return PostgresJournal.open(DatabaseOptions("n", dsn, stores.KEK), decide=stores.decide, chain=chain, clock=clock)


async def rate(journal: KeptJournal, together: bool, events: int) -> float:
    """Accepts a second."""
    journal.grouping(0 if together else 1)
    rest = iter([stores.event(n % stores.LANES, 1 + n // stores.LANES) for n in range(events)])

    async def produce() -> None:
        for intake in rest:
            await journal.accept(intake)

    begun = time.perf_counter()
    await asyncio.gather(*(produce() for _ in range(stores.AT_ONCE)))
    spent = time.perf_counter() - begun
    await journal.close()
    return events / spent


def measure(rounds: int, events: int) -> bool:
    """All rounds, in turn, under the shim."""
    kept = True
    with tempfile.TemporaryDirectory() as name, served(shared_buffers="256MB", autovacuum="on") as server:
        for kind in ("sqlite", "postgres"):
            rates: dict[bool, list[float]] = {True: [], False: []}
            for n in range(rounds):
                for together in (True, False):
                    dsn = server.database() if kind == "postgres" else ""
                    journal = opened(kind, Path(name) / f"{kind}-{n}-{together}", dsn)
                    rates[together].append(asyncio.run(rate(journal, together, events if together else events // 6)))
                    if dsn:
                        server.drop(dsn)
            group, single = (statistics.median(rates[together]) for together in (True, False))
            print(
                f"{kind:9} together {group:6.0f}/s   one transaction each {single:5.0f}/s   ratio {group / single:.1f}",
                flush=True,
            )
            if single > 1_000 / DELAY_MS:
                print("FASTER THAN A SYNC FOR EACH: THE DISK IS NOT SLOW, THE BENCH IS BROKEN")
                kept = False
            kept = kept and group >= AIM * single
    print(f"every sync takes {DELAY_MS} ms longer; aim {AIM:.0f} x:", "kept" if kept else "MISSED")
    return kept


def main() -> int:
    """Compile the shim and run under it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round")
    arguments = parser.parse_args()
    if "TTHC_SLOW_DISK" in os.environ:
        return 0 if measure(1 if arguments.quick else 3, 1_200 if arguments.quick else 3_000) else 1
    with tempfile.TemporaryDirectory(prefix="slow-disk-") as name:
        environment = {**os.environ, "LD_PRELOAD": str(shim(Path(name))), "TTHC_SLOW_DISK": "1"}
        return subprocess.run([sys.executable, *sys.argv], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
