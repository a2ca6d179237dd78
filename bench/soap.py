"""JSON to SOAP to JSON on one core: our parts beside Node-RED, fastify with node-soap, and a bridge with zeep; one run.

Every bridge takes the same JSON, asks the same stub and answers JSON; before anything is measured each one's request is shown to
be the same document, valid against the schema, and each one's answer to hold everything that the stub said. All are warmed and
kept warm, take turns on core 0 and are loaded by 32 connections from other cores. Translation only: no audit, no encryption.

What is judged is translations for each second of processor time, of all threads: what a core can do, whoever else uses it. Rates
by the clock are printed beside it. Bounds: 2.5 times Node-RED, 2 times node-soap, 2.5 times zeep, for a dossier of the size
that they were set by; for questions to the population database they are aims, because there HTTP costs more than translation.
Below three cores nothing is judged: the load would share the core of the bridge. "through kit" is ours by `connectors.kit.http`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import multiprocessing.pool
import os
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# bench/signing.py bears the name of a package that everything here needs, and would stand before it in the path of a script.
sys.path[:] = [str(ROOT), *(entry for entry in sys.path if Path(entry or ".").resolve() != ROOT / "bench")]

import uvloop  # noqa: E402
from lxml import etree  # noqa: E402

from bench import bridges, ground  # noqa: E402
from bench.soap_workloads import Workload, workloads  # noqa: E402
from connectors.kit.soap.schema import MessageSchema  # noqa: E402
from tests.prove import peers  # noqa: E402

BOUNDS = {"Node-RED": 2.5, "node-soap": 2.0, "zeep": 2.5}
OURS = "ours"
TICKS = os.sysconf("SC_CLK_TCK")
_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"


@dataclass(frozen=True, slots=True)
class Scale:
    """Seconds of warming, of unmeasured load before each sample and of each sample; how many rounds."""

    warm_s: float
    before_s: float
    sample_s: float
    rounds: int


FULL, QUICK = Scale(10.0, 1.0, 2.0, 5), Scale(3.0, 0.3, 0.7, 3)


@dataclass(slots=True)
class Bridge:
    """A bridge that runs: where it listens, its process, and what was measured of it."""

    name: str
    port: int
    pid: int
    rates: list[float] = field(default_factory=list)
    per_cpu_s: list[float] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def core_rate(self) -> float:
        """Translations for each second of processor time: the median of the rounds."""
        return statistics.median(self.per_cpu_s)

    def cpu_s(self) -> float:
        """Processor time so far, user and system, of all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss_mb(self) -> float:
        """Memory in use, MB."""
        status = Path(f"/proc/{self.pid}/status").read_text("utf-8")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


def _json(work: Workload) -> bytes:
    return json.dumps(work.request, ensure_ascii=False).encode()


@contextmanager
def started(command: Sequence[str], on_core: int) -> Iterator[dict[str, Any]]:
    """A process on one core, and what its first line says of itself; Node programs run as they do in production."""
    process = subprocess.Popen(
        ["taskset", "-c", str(on_core), *command],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env={**os.environ, "NODE_ENV": "production"},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"did not start: {' '.join(command)}")
        yield {"pid": process.pid, **json.loads(line)}
    finally:
        process.kill()
        process.wait()


@contextmanager
def running(folder: Path, work: Workload) -> Iterator[tuple[int, list[Bridge]]]:
    """The stub (its port), and every bridge in front of it, all on core 0 and idle."""
    python = [sys.executable, "-m", "bench.bridges"]
    answers = folder / "answers.json"
    answers.write_text(json.dumps({work.operation: work.answer}), "utf-8")
    with ExitStack() as stack:
        port = stack.enter_context(started([*python, "stub", str(answers)], ground.aside(0)))["port"]
        address = f"http://127.0.0.1:{port}/dancu"
        red = folder / "node-red"
        red.mkdir()
        contract = work.contract
        spoken = [str(contract.wsdl), contract.binding, address]
        ports = [str(contract.wsdl), contract.service, contract.port, address]
        commands = {
            OURS: [*python, "ours", *spoken],
            "through kit": [*python, "door", *spoken],
            "Node-RED": [peers.node(), str(peers.HERE / "node_red.mjs"), address, contract.namespace, str(red)],
            "node-soap": [peers.node(), str(peers.HERE / "node_soap_bridge.mjs"), *ports],
            "zeep": [*python, "zeep", *spoken],
        }
        told = {name: stack.enter_context(started(words, ground.core(0))) for name, words in commands.items()}
        yield port, [Bridge(name, one["port"], one["pid"]) for name, one in told.items()]


def agree(stub: int, found: Sequence[Bridge], work: Workload) -> None:
    """All send the same document, valid against the schema, and give back all that was said."""
    schema = MessageSchema.of_wsdl(work.contract.wsdl)
    said = _texts(etree.fromstring(work.answer.encode()))
    documents = set()
    for bridge in found:
        raw = urllib.request.Request(
            f"http://127.0.0.1:{bridge.port}/{work.operation}",
            _json(work),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(raw, timeout=30) as answer:
            given = Counter(_leaves(json.load(answer)))
        if not said <= given:
            raise SystemExit(f"{bridge.name} lost {sorted((said - given).elements())}")
        with urllib.request.urlopen(f"http://127.0.0.1:{stub}/", timeout=30) as answer:
            body = etree.fromstring(answer.read()).find(f"{_SOAP}Body")
        assert body is not None and len(body) == 1
        if schema.breaches(body[0]):
            raise SystemExit(f"{bridge.name} sends what the schema refuses: {schema.breaches(body[0])}")
        documents.add(_infoset(body[0]))
    if len(documents) != 1:
        raise SystemExit(f"the bridges do not send the same document: {documents}")


def _infoset(element: Any) -> Any:
    return element.tag, (element.text or "").strip(), tuple(_infoset(child) for child in element)


def _texts(root: Any) -> Counter[str]:
    return Counter(element.text for element in root.iter() if not len(element) and element.text)


def _leaves(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from _leaves(value)


def load(port: int, raw: bytes, seconds: float, connections: int, on_core: int) -> list[ground.Answered]:
    """One load process: each connection asks again as soon as it was answered."""
    os.sched_setaffinity(0, {on_core})
    return uvloop.run(ground.drive(port, [[raw] * 1_000_000] * connections, seconds))


class Track:
    """Loads one bridge at a time."""

    def __init__(self, work: Workload, pool: multiprocessing.pool.Pool) -> None:
        body = _json(work)
        head = f"POST /{work.operation} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        self._raw = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        self._pool = pool

    def drive(self, bridge: Bridge, seconds: float) -> list[ground.Answered]:
        """32 connections for so long, from one core that is not the bridge's."""
        found = self._pool.apply(load, (bridge.port, self._raw, seconds, bridges.CONNECTIONS, ground.aside(1)))
        wrong = {answer.status for answer in found} - {200}
        if wrong or not found:
            raise SystemExit(f"{bridge.name} answers {wrong or 'nothing'}")
        return found

    def sample(self, bridge: Bridge, scale: Scale) -> None:
        """Warm again, then measure."""
        self.drive(bridge, scale.before_s)
        used = bridge.cpu_s()
        found = self.drive(bridge, scale.sample_s)
        bridge.per_cpu_s.append(len(found) / (bridge.cpu_s() - used))
        bridge.rates.append(len(found) / (max(a.answered for a in found) - min(a.asked for a in found)))
        bridge.latencies_ms += [(a.answered - a.asked) * 1000 for a in found]


def measured(work: Workload, scale: Scale, pool: multiprocessing.pool.Pool) -> dict[str, Bridge]:
    """Every bridge on one workload."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name, running(Path(name), work) as (stub, found):
        agree(stub, found, work)
        track = Track(work, pool)
        for bridge in found:
            track.drive(bridge, scale.warm_s)
        for number in range(scale.rounds):
            # Each round begins with another one: nobody is always measured first.
            for bridge in [*found[number % len(found) :], *found[: number % len(found)]]:
                track.sample(bridge, scale)
        print(f"\n{work.title}: {len(_json(work))} bytes in, {len(work.answer.encode())} bytes of SOAP answer")
        print(
            f"{'':12}{'/s of a core':>14}{'CPU us':>9}{'/s by clock':>13}{'p50 ms':>9}{'p99 ms':>9}{'RSS MB':>9}"
            f"{'ours to it':>12}"
        )
        ours = found[0].core_rate
        for bridge in found:
            print(
                f"{bridge.name:12}{bridge.core_rate:14.0f}{1e6 / bridge.core_rate:9.0f}{statistics.median(bridge.rates):13.0f}"
                f"{ground.percentile(bridge.latencies_ms, 0.5):9.1f}{ground.percentile(bridge.latencies_ms, 0.99):9.1f}"
                f"{bridge.rss_mb():9.0f}{ours / bridge.core_rate:12.2f}",
                flush=True,
            )
    return {bridge.name: bridge for bridge in found}


def judged(work: Workload, found: dict[str, Bridge]) -> bool:
    """Whether every bound holds; said for each."""
    held = True
    for name, bound in BOUNDS.items():
        ratio = found[OURS].core_rate / found[name].core_rate
        kind = "bound" if work.judged else "aim"
        print(f"{work.title}: {ratio:.2f} times {name} ({kind} {bound}{'' if ratio >= bound else ', missed'})")
        held = held and ratio >= bound
    return held


def main() -> int:
    """Run every workload; 1 when a bound is missed on a machine that can tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="three short rounds, without the question of one person")
    arguments = parser.parse_args()
    if not peers.node():
        print("the peers are not installed: scripts/setup prove")
        return 2
    scale = QUICK if arguments.quick else FULL
    chosen = [work for work in workloads() if not (arguments.quick and work.title == "one person")]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        results = [(work, measured(work, scale, pool)) for work in chosen]
    print()
    missed = [work.title for work, found in results if not judged(work, found) and work.judged]
    if len(ground.CORES) < 3:
        print(f"{len(ground.CORES)} cores: printed, not judged")
        return 0
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
