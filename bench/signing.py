"""What signing and verifying cost: XML and PDF against the raw operation and the usual libraries, workers, and the event loop.

One run, one core (workers and load beside it on others), medians of processor time over rounds in which all competitors take
turns, so that other work on the machine counts for little; the ratios are what counts. Bounds (exit code 1 when one is missed):
XML and PAdES cheaper than signxml and stock pyHanko, no key loaded twice, the event loop late by at most 20 ms (p99) while 20 MB
files are signed and verified. Aims (printed, performance goals G10 and G11): XML sign 10 KB at most 1.7 raw RSA-2048 signatures,
verify at most 1.1 of xmlsec, two workers at least 1.6 of one.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
# This file bears the name of the package that it measures, and stands before it in the path of a script.
sys.path[:] = [str(ROOT), *(entry for entry in sys.path if Path(entry or ".").resolve() != ROOT / "bench")]

from bench import key_loads  # noqa: E402, F401, I001  # after the path has been set right, and before all that loads keys

import uvloop  # noqa: E402

from bench import figures, pooled, rivals  # noqa: E402
from signing.making import Profile  # noqa: E402
from tests import pki  # noqa: E402

CORES = sorted(os.sched_getaffinity(0))
SIGN_AIM, VERIFY_AIM = 1.7, 1.1


def main() -> int:
    """Run everything; the exit code says whether a bound was missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="fewer rounds, fewer files")
    scale = figures.QUICK if parser.parse_args().quick else figures.FULL
    bounds = figures.Bounds()
    load = os.getloadavg()[0]
    print(
        f"{len(CORES)} cores, load {load:.1f} before the run{': others work here, workers share their cores' if load > 1 else ''}"
    )
    with _folder() as folder:
        with _pinned():
            _xml(scale, folder, bounds)
            _pdf(scale, folder, bounds)
        uvloop.run(pooled.workers(scale, folder, bounds))
        uvloop.run(pooled.stalls(scale, folder, bounds))
    print("held" if not bounds.missed else "BROKEN: " + "; ".join(bounds.missed))
    return 1 if bounds.missed else 0


@contextmanager
def _folder() -> Iterator[Path]:
    """In memory where there is such a place: the disk is measured elsewhere (accept.py)."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="signing-bench-", dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


@contextmanager
def _pinned() -> Iterator[None]:
    os.sched_setaffinity(0, {CORES[0]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, set(CORES))


def _xml(scale: figures.Scale, folder: Path, bounds: figures.Bounds) -> None:
    source = rivals.xml_document(10_240)
    jobs, raw = rivals.xml_jobs(source, folder), rivals.raw_jobs()
    (sign_raw, sign_job), (verify_raw, verify_job) = raw.items()
    signing = figures.measured({sign_raw: sign_job, **jobs.sign}, scale)
    figures.table(
        f"XML sign, {len(source)} bytes, RSA-2048", signing, (sign_raw, "signxml, XMLDSig", "xmlsec, XMLDSig")
    )
    verifying = figures.measured({verify_raw: verify_job, **jobs.verify}, scale)
    figures.table(
        f"XML verify, {len(source)} bytes, RSA-2048",
        verifying,
        (verify_raw, "signxml, certificate given", "xmlsec, key given"),
    )
    _xmlsec1(source, folder, scale)
    ours = signing["ours, XAdES B-B"]
    figures.aim("XML sign to raw RSA-2048", ours / signing[sign_raw], SIGN_AIM)
    bounds.held("XML sign to signxml (XAdES)", ours / signing["signxml, XAdES"], 1.0)
    ours = verifying["ours, facts (as xmlsec)"]
    figures.aim("XML verify to xmlsec", ours / verifying["xmlsec, key given"], VERIFY_AIM)
    bounds.held("XML verify to signxml", ours / verifying["signxml, certificate given"], 1.0)


def _xmlsec1(source: bytes, folder: Path, scale: figures.Scale) -> None:
    """The command line tool on our signature, its process included."""
    signed, trusted, above = folder / "signed.xml", folder / "root.pem", folder / "ca.pem"
    signed.write_bytes(rivals.sign_xml(source, rivals.order(Profile.XML_B, folder / "x", folder / "y")))
    trusted.write_bytes(pki.pem("duty-root"))
    above.write_bytes(pki.pem("duty-ca"))
    # Its chain is judged at the machine's clock, as ours is not; the certificates are valid for years.
    identifier = "--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties"
    command = ("xmlsec1", "--verify", "--trusted-pem", trusted, "--untrusted-pem", above, *identifier, signed)
    calls = []
    try:
        for _ in range(scale.rounds):
            begun = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            calls.append(time.perf_counter() - begun)
    except FileNotFoundError:
        print("xmlsec1: not on this machine")
        return
    print(f"xmlsec1 --verify, process included: {statistics.median(calls) * 1e3:.1f} ms")


def _pdf(scale: figures.Scale, folder: Path, bounds: figures.Bounds) -> None:
    for size in (2_400, 1_000_000):
        source = rivals.pdf_document(size)
        jobs = rivals.pdf_jobs(source, folder)
        signing, verifying = figures.measured(jobs.sign, scale), figures.measured(jobs.verify, scale)
        figures.table(f"PAdES B-B sign, {len(source)} bytes, RSA-2048", signing, ("stock pyHanko",))
        figures.table(
            f"PAdES verify, {len(source)} bytes (ours with status and judgement)", verifying, ("stock pyHanko",)
        )
        bounds.held("PAdES sign to stock pyHanko", signing["ours, file to file"] / signing["stock pyHanko"], 1.0)
        ratio = verifying["ours, whole verdict"] / verifying["stock pyHanko"]
        bounds.held("PAdES verify to stock pyHanko", ratio, 1.0)


if __name__ == "__main__":
    raise SystemExit(main())
