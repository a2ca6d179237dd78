"""Durable accept through HTTP, every request's rsa-pss-sha512 signature checked, while everything is delivered.

Peer: a bare aiohttp server that reads the same requests and answers 202, on the same core, with the same load. Five interleaved
rounds, medians. Aim: 0.15 of the bare server. Prints p50/p99 and where the time goes.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import ground
import uvloop
from aiohttp import web

CONNECTIONS = 64
AIM = 0.15


def bare(port: int) -> None:
    """The peer: the least that an aiohttp server can do with the same request."""

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=b'{"status":"accepted"}', status=202, content_type="application/json")

    async def serve() -> None:
        app = web.Application()
        app.router.add_post("/v1/events", handle)
        app.router.add_get("/readyz", lambda _request: _ready())
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()

    async def _ready() -> web.Response:
        return web.Response()

    uvloop.run(serve())


def load(port: int, lines: Sequence[Sequence[bytes]], seconds: float, on_core: int) -> list[ground.Answered]:
    """One load process."""
    os.sched_setaffinity(0, {on_core})
    return uvloop.run(ground.drive(port, lines, seconds))


def measure(
    pool: multiprocessing.pool.Pool, port: int, lines: list[list[bytes]], seconds: float
) -> list[ground.Answered]:
    """All load processes at once."""
    halves = [(port, lines[part::2], seconds, ground.core(2 + part)) for part in range(2)]
    return [answer for part in pool.starmap(load, halves) for answer in part]


def rate(answers: list[ground.Answered]) -> float:
    """Answers a second."""
    return len(answers) / (max(a.answered for a in answers) - min(a.asked for a in answers))


def main() -> int:
    """Run the rounds and print the ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="three short rounds")
    parser.add_argument("--bare", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.bare:
        bare(arguments.bare)
        return 0
    rounds, seconds = (3, 3.0) if arguments.quick else (5, 6.0)
    per_line = 60 if arguments.quick else 150
    with ground.ground() as place, multiprocessing.get_context("spawn").Pool(2) as pool:
        place.start_simulators(ground.core(1))
        place.start_gateway(ground.core(0))
        (bare_port,) = ground.free_ports(1)
        place.start_command("bare", ground.core(0), [sys.executable, __file__, "--bare", str(bare_port)])
        place.wait_for(f"http://127.0.0.1:{bare_port}/readyz", "bare")
        codes = [ground.dossier_code(number) for number in range(CONNECTIONS * 4)]
        asyncio.run(ground.register(place, codes))
        key = ground.sector_key(place)
        ratios, gateway_rates, bare_rates, latencies, lags = [], [], [], [], []
        sequence = 0
        for number in range(rounds):
            lines = []
            for line in range(CONNECTIONS):
                bodies = [
                    ground.event(ground.SECTOR, code, sequence + step + 1)
                    for step in range(per_line // 4)
                    for code in codes[line * 4 : line * 4 + 4]
                ]
                lines.append([ground.request("POST", "/v1/events", body, key) for body in bodies])
            bare_answers = measure(pool, bare_port, lines, seconds)
            # All of the round's events are accepted, so that the next round's sequences follow on.
            answers = measure(pool, place.ports.gateway, lines, 600.0)
            wrong = {a.status for a in answers} - {202}
            if wrong:
                raise SystemExit(f"unexpected answers: {wrong}")
            sequence += per_line // 4
            accepted, drained_s = _drained(place, len(codes) * sequence)
            ratios.append(rate(answers) / rate(bare_answers))
            gateway_rates.append(rate(answers))
            bare_rates.append(rate(bare_answers))
            latencies += [(a.answered - a.asked) * 1000 for a in answers]
            lags.append(drained_s)
            print(
                f"round {number + 1}: gateway {rate(answers):6.0f}/s, bare aiohttp {rate(bare_answers):6.0f}/s, ratio "
                f"{ratios[-1]:.3f}; all {accepted} delivered {drained_s:.1f} s after the last accept",
                flush=True,
            )
    ratio = statistics.median(ratios)
    print(
        f"median: gateway {statistics.median(gateway_rates):.0f} durable accepts/s, bare {statistics.median(bare_rates):.0f}/s, "
        f"ratio {ratio:.3f} (aim {AIM}); "
        f"accept p50 {ground.percentile(latencies, 0.5):.1f} ms, p99 {ground.percentile(latencies, 0.99):.1f} ms "
        f"at {CONNECTIONS} connections, saturated"
    )
    _where_the_time_goes(statistics.median(gateway_rates))
    print("held" if ratio >= AIM else "NOT MET: the aim is a ratio of 0.15")
    return 0 if ratio >= AIM else 1


def _drained(place: ground.Ground, expected: int) -> tuple[int, float]:
    """Wait until the resolution simulator holds everything; how many, and how long that took."""
    begun = time.monotonic()
    while time.monotonic() - begun < 120:
        received = ground.fetch(f"http://127.0.0.1:{place.ports.resolution}/_simulator/counts")["received"]
        assert isinstance(received, int)
        if received >= expected:
            return received, time.monotonic() - begun
        time.sleep(0.02)
    raise SystemExit(f"only {received} of {expected} were delivered")


def _where_the_time_goes(per_second: float) -> None:
    """Microseconds of each stage of one accept, measured alone in this process, beside the whole."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    from gateway.config import Intake
    from gateway.intake.signature import SigningKey, as_request, sign_request
    from gateway.intake.validate import Limits, validate_event
    from mappings.codec import encode
    from mappings.sector import to_event

    body = ground.event(ground.SECTOR, ground.dossier_code(1), 2)
    limits = Limits.of(Intake())
    submission = validate_event(body, "application/json", limits)
    event, _ = to_event(submission.tree, ground.SECTOR)
    private = rsa.generate_private_key(65537, 2048)
    pss = padding.PSS(padding.MGF1(hashes.SHA512()), 64)
    signature = private.sign(body, pss, hashes.SHA512())
    public = private.public_key()
    key = SigningKey("bench", "rsa-pss-sha512", private)
    headers = sign_request("POST", "/v1/events", body, key, int(datetime.now(UTC).timestamp()))
    stages = {
        "rsa-pss-sha512 verification": lambda: public.verify(signature, body, pss, hashes.SHA512()),
        "reading the signature headers": lambda: as_request("POST", "/v1/events", headers),
        "strict JSON and schema": lambda: validate_event(body, "application/json", limits),
        "mapping to the canonical event": lambda: to_event(submission.tree, ground.SECTOR),
        "encoding what is journalled": lambda: encode(event),
    }
    print(f"where the time goes (of {1e6 / per_second:.0f} us of one core for each accept, delivery included):")
    for name, stage in stages.items():
        begun = time.perf_counter()
        for _ in range(2_000):
            stage()
        print(f"  {(time.perf_counter() - begun) / 2_000 * 1e6:7.1f} us  {name}")
    print(
        "  the rest: HTTP in, the journal's transaction, then claim, signing and sending of the push, its answer, settle"
    )


if __name__ == "__main__":
    raise SystemExit(main())
