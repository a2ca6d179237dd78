"""The feed of a carrier followed to its end: every page asked for over HTTP, every scan in a ledger, one transaction a page.

Peer: a bare aiohttp client that reads the same pages of the same server on the same core and goes by the same cursor. The
gateway stores each scan with its change, its audit row and its proof, so the ratio says what a durable scan costs beside one
that is read and forgotten. One scan in ten is of a parcel that was ordered here; the others are strays, as in a feed that other
systems share. Afterwards the store itself is counted: each scan once, no more and no less.

Memory: what the gateway holds at a fifth of the feed and what it held at most afterwards; it must not grow with the feed.
With `--kills N` the gateway meets SIGKILL so often while it follows and is started again: then only the count is told, which is
the promise that a crash leaves no gap and doubles nothing (`make prove`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import ground
import pairing
import uvloop
from aiohttp import ClientSession, web

from gateway.cli.installation import write_safely

PAGE = 1_000
AIM = 0.01
GROWTH_MIB = 64.0
STEPS = 10
"""How many scans there are of each parcel."""

OURS = 10
"""One parcel in so many was ordered here."""

CUSTOMER = "BENCH01"
BEGAN = 1_760_000_000
STATUSES = {str(step): "in_transit" for step in range(STEPS)} | {"0": "collected"}

_CONFIG = """
[upstreams.postal]
connector = "postal"
concurrency = 64
rate_per_s = 100000.0
burst = 2000
[upstreams.postal.settings.agencies.default]
name = "Bộ phận đo tốc độ"
phone = "02400000000"
place = {{ province = "01", text = "51 Ngô Quyền, Hà Nội" }}
[upstreams.postal.settings.tracking]
interval_s = 1.0
page_size = {page}
[[upstreams.postal.settings.carriers]]
name = "vnpost"
profile = "h2"
customer = "{customer}"
base_url = "http://127.0.0.1:{port}/p1.0"
token_url = "http://127.0.0.1:{port}/token"
allow_plain = ["127.0.0.1"]
order_number_unique = true
secrets = {{ consumer_key = "file:keys/post-key", consumer_secret = "file:keys/post-secret" }}
options = {{ settle_s = 0.0 }}
statuses = {{ {statuses} }}
"""


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed of `events` scans that is nowhere kept: each page is made of its cursor alone."""

    events: int

    @property
    def parcels(self) -> int:
        """How many parcels it speaks of."""
        return max(1, self.events // STEPS)

    def page(self, after: str, size: int) -> bytes:
        """The records behind an id."""
        first = int(after[8:], 16) + 1
        last = min(first + size - 1, self.events)
        records = ",".join(self._record(number) for number in range(first, last + 1))
        pages = -(-(self.events - first + 1) // size)
        head = f'{{"_size":{self.events - first + 1},"_total_pages":{pages},"_returned":{last - first + 1}'
        return f'{head},"_embedded":{{"rh:doc":[{records}]}}}}'.encode()

    def last(self) -> str:
        """The id of the newest record."""
        return self._id(self.events)

    def _id(self, number: int) -> str:
        return f"{BEGAN + number:08x}{number:016x}"

    def _record(self, number: int) -> str:
        step, parcel = divmod(number - 1, self.parcels)
        return (
            f'{{"_id":{{"$oid":"{self._id(number)}"}},"CustomerCode":"{CUSTOMER}","OrderNumber":"{order_number(parcel)}",'
            f'"EventTime":{(BEGAN + number) * 1000},"POSID":"100000","ItemCode":null,"StatusCode":{min(step, STEPS - 1)},'
            '"StatusMessage":"Bưu gửi đang được vận chuyển","Notes":null}'
        )


def order_number(parcel: int) -> str:
    """The number of a parcel: one in `OURS` is of a dossier of ours."""
    code = ground.dossier_code(parcel // OURS)
    return f"{code}-T" if parcel % OURS == 0 else f"KHAC-{parcel:08d}"


def serve(port: int, events: int) -> None:
    """The carrier: tokens, orders that are always taken, and the feed, which is quiet until it is opened."""
    feed, opened = Feed(events), asyncio.Event()

    async def token(_request: web.Request) -> web.Response:
        return web.json_response({"access_token": "bench", "token_type": "Bearer", "expires_in": 3600})

    async def taken(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"Status": 1, "Message": "OK"}, status=201)

    async def tracking(request: web.Request) -> web.Response:
        if not opened.is_set():
            return web.Response(body=b'{"_size":0,"_total_pages":0,"_returned":0}', content_type="application/json")
        body = feed.page(request.query["lastId"], int(request.query["pagesize"]))
        return web.Response(body=body, content_type="application/json")

    async def opening(_request: web.Request) -> web.Response:
        opened.set()
        return web.Response()

    async def ready(_request: web.Request) -> web.Response:
        return web.Response()

    async def run() -> None:
        app = web.Application(client_max_size=1 << 20)
        app.router.add_post("/token", token)
        app.router.add_post("/p1.0/order/post", taken)
        app.router.add_get("/p1.0/order/tracking", tracking)
        app.router.add_post("/open", opening)
        app.router.add_get("/readyz", ready)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()

    uvloop.run(run())


def read_bare(port: int, last: str) -> None:
    """The peer: reads the feed by its cursor and forgets it. Prints seconds and how many records it saw."""

    async def run() -> tuple[float, int]:
        cursor, seen = "0" * 24, 0
        begun = time.perf_counter()
        async with ClientSession() as session:
            while cursor != last:
                query = {"pagesize": str(PAGE), "lastId": cursor}
                async with session.get(f"http://127.0.0.1:{port}/p1.0/order/tracking", params=query) as answer:
                    docs = json.loads(await answer.read())["_embedded"]["rh:doc"]
                seen += len(docs)
                cursor = docs[-1]["_id"]["$oid"]
        return time.perf_counter() - begun, seen

    os.sched_setaffinity(0, {ground.core(0)})
    print(json.dumps(uvloop.run(run())))


def asked(number: int) -> bytes:
    """A request for a delivery, as the resolution system sends it."""
    tree = {
        "request_id": f"bench-{number}",
        "dossier_code": ground.dossier_code(number),
        "procedure_code": "1.001234",
        "procedure_name": "Cấp giấy phép (đo tốc độ)",
        "direction": "deliver",
        "citizen": {
            "name": "Nguyễn Văn Mẫu",
            "phone": "0900000000",
            "place": {"list_version": "GSO-2025-07", "province": "79", "text": "Số 1, phường Ví Dụ"},
        },
        "contents": "Giấy phép",
    }
    return json.dumps(tree, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Followed:
    """How long the whole feed took, the CPU seconds of it, and the memory of the gateway in MiB."""

    seconds: float
    cpu_s: float
    early_mib: float
    peak_mib: float


class Track:
    """The gateway that follows and the carrier that is followed."""

    def __init__(self, place: ground.Ground, feed: Feed) -> None:
        self.place, self.feed = place, feed
        self._store = place.folder / "data/journal.db"

    def prepare(self) -> None:
        """Order the parcels that are ours, and wait until the carrier has them all."""
        count = -(-self.feed.parcels // OURS)
        key, connections = ground.resolution_key(self.place), 32
        bodies = [asked(number) for number in range(count)]
        lines = [
            [ground.request("POST", "/v1/shipments", body, key) for body in bodies[part::connections]]
            for part in range(connections)
        ]
        answers = asyncio.run(ground.drive(self.place.ports.gateway, lines, 1_200))
        wrong = {answer.status for answer in answers} - {200, 201, 202}
        if wrong or len(answers) != count:
            raise SystemExit(f"ordering parcels failed: {len(answers)} of {count}, {wrong}")
        self._until(lambda: self._count("ledger_change:postal:shipments") >= 2 * count, 1_200)

    def follow(self, port: int) -> Followed:
        """Open the feed and wait for its last record."""
        pid = self.place.running["gateway"].pid
        before, used, begun = self._scans(), pairing.cpu_s(pid), time.perf_counter()
        ground.order("POST", f"http://127.0.0.1:{port}/open", {})
        self._until(lambda: self._scans() - before >= self.feed.events // 5, 3_600)
        early = _mib(pid, "VmRSS")
        self._until(self._ended, 7_200)
        seconds, cpu_s = time.perf_counter() - begun, pairing.cpu_s(pid) - used
        self._judged(before)
        return Followed(seconds, cpu_s, early, _mib(pid, "VmHWM"))

    def follow_killed(self, port: int, kills: int) -> None:
        """The same with a gateway that is killed so often on the way, each time at a moment of no choice."""
        before = self._scans()
        ground.order("POST", f"http://127.0.0.1:{port}/open", {})
        for number in range(1, kills + 1):
            self._until(partial(self._reached, before + self.feed.events * number // (kills + 2)), 3_600)
            time.sleep(random.random())
            gateway = self.place.running.pop("gateway")
            gateway.kill()
            gateway.wait()
            print(f"killed with {self._scans() - before} of {self.feed.events} scans stored", flush=True)
            self.place.start_gateway(ground.core(0))
        self._until(self._ended, 7_200)
        self._judged(before)

    def _reached(self, scans: int) -> bool:
        return self._scans() >= scans

    def _ended(self) -> bool:
        return self._cursor() == self.feed.last()

    def _judged(self, before: int) -> None:
        """Each scan once: as many changes of parcels and strays as records, and the feed's own ledger counted as many."""
        stored, counted = self._scans() - before, self._counted()
        if not stored == counted == self.feed.events:
            raise SystemExit(f"{self.feed.events} scans in the feed, {stored} in the ledgers, {counted} counted")

    def _scans(self) -> int:
        return self._count("ledger_change:postal:shipments") + self._count("ledger_change:postal:strays")

    def _count(self, kind: str) -> int:
        return int(self._row("SELECT count(*) FROM record WHERE kind = ?", kind))

    def _cursor(self) -> str:
        state = self._row("SELECT state FROM record WHERE kind = 'cursor' AND id = ?", "postal/feed_h2")
        return str(json.loads(state)["cursor"]).partition("#")[0] if state else ""

    def _counted(self) -> int:
        state = self._row("SELECT state FROM record WHERE kind = 'ledger:postal:feeds' AND id = ?", "vnpost")
        return int(json.loads(state)["state"]["records"])

    def _row(self, query: str, value: str) -> str:
        with contextlib.closing(sqlite3.connect(f"file:{self._store}?mode=ro", uri=True)) as rows:
            found = rows.execute(query, (value,)).fetchone()
            return found[0] if found is not None else ""

    def _until(self, done: Callable[[], bool], limit_s: float) -> None:
        end = time.monotonic() + limit_s
        while not done():
            if time.monotonic() > end or self.place.running["gateway"].poll() is not None:
                log = (self.place.folder / "gateway.log").read_text(errors="replace")
                raise SystemExit("the feed was not followed to its end:\n" + log[-3000:])
            time.sleep(0.5)


def _mib(pid: int, name: str) -> float:
    """Memory of a process: `VmRSS` now, `VmHWM` at most so far."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def main() -> int:
    """Follow the feed and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="20,000 events instead of 1,000,000")
    parser.add_argument("--events", type=int, default=0, help="another number of events")
    parser.add_argument("--kills", type=int, default=0, help="kill the gateway so often while it follows")
    parser.add_argument("--serve", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--bare", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    feed = Feed(arguments.events or (20_000 if arguments.quick else 1_000_000))
    if arguments.serve:
        serve(arguments.serve, feed.events)
        return 0
    if arguments.bare:
        read_bare(arguments.bare, feed.last())
        return 0
    return _measured(feed, arguments.kills)


def _measured(feed: Feed, kills: int) -> int:
    (port,) = ground.free_ports(1)
    with ground.ground() as place:
        for name in ("post-key", "post-secret"):
            write_safely(place.folder / f"keys/{name}", b"bench-secret-77ab")
        statuses = ", ".join(f'"{code}" = "{means}"' for code, means in STATUSES.items())
        config = place.folder / "gateway.toml"
        told = _CONFIG.format(page=PAGE, customer=CUSTOMER, port=port, statuses=statuses)
        config.write_text(config.read_text(encoding="utf-8") + told, encoding="utf-8")
        here = [sys.executable, __file__, "--events", str(feed.events)]
        place.start_command("carrier", ground.aside(0), [*here, "--serve", str(port)])
        place.wait_for(f"http://127.0.0.1:{port}/readyz", "carrier")
        place.start_simulators(ground.aside(1))
        place.start_gateway(ground.core(0))
        track = Track(place, feed)
        track.prepare()
        if kills:
            track.follow_killed(port, kills)
            print(f"feed of {feed.events} events, {kills} times SIGKILL: each scan once, none lost: held")
            return 0
        followed = track.follow(port)
        # The bare reader has the same core; the gateway, whose feed is quiet now, does nothing meanwhile.
        bare = subprocess.run([*here, "--bare", str(port)], check=True, capture_output=True, text=True)
    seconds, seen = json.loads(bare.stdout)
    if seen != feed.events:
        raise SystemExit(f"the bare reader saw {seen} of {feed.events}")
    return _summary(feed, followed, seconds)


def _summary(feed: Feed, followed: Followed, bare_s: float) -> int:
    """The figures; 1 when the aim was missed or memory grew."""
    ratio, grown = bare_s / followed.seconds, followed.peak_mib - followed.early_mib
    kept = ratio >= AIM and grown <= GROWTH_MIB
    print(
        f"feed of {feed.events} events: {feed.events / followed.seconds:.0f}/s followed "
        f"({followed.cpu_s / feed.events * 1e6:.0f} us of CPU each), {feed.events / bare_s:.0f}/s read by a bare client, "
        f"ratio {ratio:.3f} (aim {AIM})"
    )
    print(
        f"memory: {followed.early_mib:.0f} MiB at a fifth of the feed, {followed.peak_mib:.0f} MiB at most "
        f"(+{grown:.0f}, bound {GROWTH_MIB:.0f}): {'held' if kept else 'MISSED'}"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
