"""The gateway's own pool of signature workers: two to one, keys parsed, and how late the event loop is under 20 MB files."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from pathlib import Path

from bench import figures, key_loads, rivals
from gateway.signatures import pool as pools
from gateway.signatures import tasks
from signing.confinement import confinement_for
from signing.keys import FileSigner, KeyFile, open_key
from signing.making import Prepared, Profile
from signing.policy import DEFAULT_POLICY
from tests import pki

CORES = sorted(os.sched_getaffinity(0))
WORKERS_AIM, STALL_BOUND_MS = 1.6, 20.0
LARGE = 20 * 1024 * 1024


def _signer(folder: Path) -> FileSigner:
    """The product's signer, from a file that only its owner reads."""
    file = folder / "key.pem"
    file.touch(mode=0o600)
    certificates = b"".join(pki.pem(name) for name in (rivals.SIGNER, "duty-ca"))
    file.write_bytes(pki.key_file(rivals.SIGNER).read_bytes() + certificates)
    return open_key(KeyFile(file))


async def _signed(pool: pools.Pool, signer: FileSigner, profile: Profile, source: Path) -> Path:
    """One document as the gateway signs and checks it: three steps, and the finished file read once more."""
    target = source.with_name("signed-" + source.name)
    limits = confinement_for(source.stat().st_size, DEFAULT_POLICY.limits)
    wanted = rivals.order(profile, source, target)
    prepared: Prepared = await pool.do(tasks.PrepareSignature(wanted), limits)
    value = await signer.sign(prepared.digest, wanted.algorithm)
    await pool.do(tasks.CompleteSignature(prepared, value, None), limits)
    await pool.do(tasks.ReadDocument(target, DEFAULT_POLICY), limits)
    return target


async def workers(scale: figures.Scale, folder: Path, bounds: figures.Bounds) -> None:
    """Documents of 100 KB signed and read through the pool: two workers to one, each on a core of its own."""
    sources = []
    for number in range(8):
        pdf, xml = folder / f"pool-{number}.pdf", folder / f"pool-{number}.xml"
        pdf.write_bytes(rivals.pdf_document(100_000 + number))
        xml.write_bytes(rivals.xml_document(100_000 + number))
        sources += [(Profile.PDF_B, pdf), (Profile.XML_B, xml)]
    before = key_loads.LOADS[0]
    signer = _signer(folder)
    ratios = []
    for _ in range(3):
        speed = [await _speed(size, signer, sources, scale.documents) for size in (1, 2)]
        ratios.append(speed[1] / speed[0])
        print(f"\n== workers: one {speed[0]:.1f}/s, two {speed[1]:.1f}/s, ratio {ratios[-1]:.2f}", flush=True)
    loads, signatures = key_loads.LOADS[0] - before, 3 * 2 * scale.documents
    print(f"{signatures} signatures; the workers have no key")
    bounds.held("private keys parsed by the signer", loads, 1)
    ratio = statistics.median(ratios)
    print(f"two workers to one: {ratio:.2f} (aim {WORKERS_AIM}{'' if ratio >= WORKERS_AIM else ', missed'})")


async def _speed(size: int, signer: FileSigner, sources: list[tuple[Profile, Path]], documents: int) -> float:
    """Documents a second with so many workers, kept busy by twice as many callers."""
    async with pools.opened(size) as pool:
        for number, process in enumerate(pool.processes):
            os.sched_setaffinity(process, {CORES[(number + 1) % len(CORES)]})
        todo = iter([sources[number % len(sources)] for number in range(documents)])

        async def caller(name: str) -> None:
            for profile, source in todo:
                mine = source.with_name(f"{name}-{source.name}")
                mine.write_bytes(source.read_bytes())
                await _signed(pool, signer, profile, mine)

        await asyncio.gather(*(_signed(pool, signer, *sources[0]) for _ in range(size)))
        begun = time.perf_counter()
        await asyncio.gather(*(caller(str(number)) for number in range(2 * size)))
        return documents / (time.perf_counter() - begun)


async def stalls(scale: figures.Scale, folder: Path, bounds: figures.Bounds) -> None:
    """How late the loop's own clock is while 20 MB files are signed and read, beside an idle loop."""
    pdf, xml = folder / "large.pdf", folder / "large.xml"
    pdf.write_bytes(rivals.pdf_document(LARGE))
    xml.write_bytes(rivals.xml_document(LARGE))
    signer = _signer(folder)
    async with pools.opened(2) as pool:
        for process in pool.processes:
            os.sched_setaffinity(process, set(CORES[1:] or CORES))
        await _signed(pool, signer, Profile.XML_B, folder / "pool-0.xml")
        begun = time.perf_counter()
        async with _Lateness() as busy:
            for _ in range(scale.large):
                await asyncio.gather(
                    _signed(pool, signer, Profile.PDF_B, pdf), _signed(pool, signer, Profile.XML_B, xml)
                )
        took = time.perf_counter() - begun
        async with _Lateness() as idle:
            await asyncio.sleep(min(took, 20.0))
    print(f"\n== event loop, {2 * scale.large} files of 20 MB signed and read again in {took:.1f} s (late by, ms)")
    for name, late in (("busy", busy), ("idle", idle)):
        print(
            f"{name}: p50 {late.at(0.5):.2f} p99 {late.at(0.99):.2f} max {late.at(1.0):.2f} of {len(late.found)} ticks"
        )
    bounds.held("stall p99, ms", busy.at(0.99), STALL_BOUND_MS)


class _Lateness:
    """A tick each millisecond, and how late it came."""

    def __init__(self) -> None:
        self.found: list[float] = []

    async def __aenter__(self) -> _Lateness:
        self._task = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _tick(self) -> None:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(0.001)
            self.found.append((time.perf_counter() - begun - 0.001) * 1e3)

    def at(self, share: float) -> float:
        """The lateness below which this share of the ticks lie, milliseconds (nearest rank)."""
        ordered = sorted(self.found)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
