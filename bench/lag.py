"""One lane poisoned and one upstream down: what does that cost the others?

Paired runs: a healthy run and a troubled run at the same steady load, back to back. In the troubled run one dossier is
refused by the portal for ever, and the resolution system refuses connections while a sector system keeps pushing to it.
Delivery lag of an event: from the accept's answer to the moment the portal has its progress row. Bound: the median over five
pairs of p99(troubled) / p99(healthy) of the other lanes is at most 1.5.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from datetime import datetime

import ground

BOUND = 1.5
RATE_PER_S = 60
DOSSIERS = 60


def main() -> int:
    """Run the pairs and print the ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="three short pairs")
    arguments = parser.parse_args()
    pairs, seconds = (3, 4.0) if arguments.quick else (5, 10.0)
    ratios = []
    for number in range(pairs):
        healthy = asyncio.run(_run(seconds, troubled=False))
        troubled = asyncio.run(_run(seconds, troubled=True))
        ratios.append(ground.percentile(troubled, 0.99) / ground.percentile(healthy, 0.99))
        print(
            f"pair {number + 1}: healthy p50 {_ms(healthy, 0.5)} p99 {_ms(healthy, 0.99)}, troubled p50 {_ms(troubled, 0.5)} "
            f"p99 {_ms(troubled, 0.99)} ms, ratio {ratios[-1]:.2f} ({len(troubled)} deliveries)",
            flush=True,
        )
    ratio = statistics.median(ratios)
    print(f"median ratio of the p99 delivery lag of the other lanes: {ratio:.2f} (bound {BOUND})")
    print("held" if ratio <= BOUND else "BROKEN")
    return 0 if ratio <= BOUND else 1


def _ms(values: list[float], share: float) -> str:
    return f"{ground.percentile(values, share) * 1000:.0f}"


async def _run(seconds: float, *, troubled: bool) -> list[float]:
    with ground.ground() as place:
        place.start_simulators(ground.core(1))
        place.start_gateway(ground.core(0))
        codes = [ground.dossier_code(number) for number in range(DOSSIERS)]
        poisoned, pushed = codes[0], codes[1:11]
        healthy = codes[11:]
        await ground.register(place, codes)
        if troubled:
            portal, resolution = place.ports.portal, place.ports.resolution
            ground.order("POST", f"http://127.0.0.1:{portal}/_simulator/poison", {"add": [poisoned]})
            ground.order("POST", f"http://127.0.0.1:{resolution}/_simulator/outage", {"seconds": 600})
        accepted = await _steady(place, healthy, (poisoned, pushed), seconds)
        return await _lags(place, accepted)


async def _steady(
    place: ground.Ground, healthy: list[str], others: tuple[str, list[str]], seconds: float
) -> dict[tuple[str, int], float]:
    """Push at a steady rate; when each event of the healthy lanes was acknowledged."""
    resolution, sector = ground.resolution_key(place), ground.sector_key(place)
    poisoned, pushed = others
    accepted: dict[tuple[str, int], float] = {}
    connections = [await asyncio.open_connection("127.0.0.1", place.ports.gateway) for _ in range(8)]
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for connection in connections:
        free.put_nowait(connection)

    async def send(raw: bytes, mark: tuple[str, int] | None) -> None:
        reader, writer = await free.get()
        writer.write(raw)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]))
        if int(head[9:12]) not in (200, 202):
            raise SystemExit(f"unexpected answer {head[:60]!r}")
        if mark is not None:
            accepted[mark] = time.time()
        free.put_nowait((reader, writer))

    begun, sent = time.monotonic(), 0
    sequences: dict[str, int] = {}
    while time.monotonic() - begun < seconds:
        # Every tenth event goes to the poisoned dossier, every tenth to the resolution system, in both runs alike.
        code = (
            poisoned
            if sent % 10 == 0
            else pushed[sent // 10 % len(pushed)]
            if sent % 10 == 5
            else healthy[sent % len(healthy)]
        )
        sequences[code] = sequences.get(code, 0) + 1
        system, key = (ground.SECTOR, sector) if code in pushed else (ground.RESOLUTION_SYSTEM, resolution)
        raw = ground.request("POST", "/v1/events", ground.event(system, code, sequences[code]), key)
        await send(raw, (code, sequences[code]) if code in healthy else None)
        sent += 1
        await asyncio.sleep(max(0.0, begun + sent / RATE_PER_S - time.monotonic()))
    for _reader, writer in connections:
        writer.close()
    return accepted


async def _lags(place: ground.Ground, accepted: dict[tuple[str, int], float]) -> list[float]:
    """Wait for the last row of the healthy lanes, then match each event with the arrival of its row."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        arrived: dict[str, list[float]] = {}
        page = ground.fetch(f"http://127.0.0.1:{place.ports.portal}/_simulator/dossiers?limit=1000&fields=0")[
            "dossiers"
        ]
        assert isinstance(page, list)
        for held in page:
            rows = [row for row in held["progress"] if row["repeat_of"] < 0]
            arrived[held["code"]] = [_seconds(row["at"]) for row in rows]
        if all(len(arrived.get(code, ())) >= sequence for code, sequence in accepted):
            return [arrived[code][sequence - 1] - at for (code, sequence), at in accepted.items()]
        await asyncio.sleep(0.2)
    raise SystemExit("not everything arrived")


def _seconds(at: float | str) -> float:
    return at if isinstance(at, float) else datetime.fromisoformat(str(at)).timestamp()


if __name__ == "__main__":
    raise SystemExit(main())
