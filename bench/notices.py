"""Notices of payment: each one's HMAC-SHA512 checked on the raw text, its payment judged, its journal durable, then acknowledged.

Peer: a bare aiohttp server that reads the same requests and answers the same body, on the same core, with the same load.
Interleaved rounds, medians. Every notice is the first of its payment: it makes a fee paid, proposes the change to the resolution
system, and the signed push of that is on its way while the next notices come. Aim: 0.02 of the bare server. Prints p50/p99.

Core 0 belongs to the server under measurement; simulators and load share the others. The ratio of CPU times is printed as well.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import hmac
import json
import multiprocessing
import multiprocessing.pool
import sqlite3
import statistics
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import urlencode

import ground
import pairing

from connectors.payment.references import attempt_ref, payment_id_of
from gateway.cli.installation import write_safely

CONNECTIONS = 48
AIM = 0.02
BARE_TIMES = 12
AMOUNT = 500_000
SECRET = "bench-hash-secret-0b1d"
ACKNOWLEDGED = b'{"RspCode":"00","Message":"Confirm Success"}'
_VIET_NAM = timezone(timedelta(hours=7))

_CONFIG = """
[listen.edge]
host = "127.0.0.1"
port = {edge}
concurrency = 256

[upstreams.payment]
connector = "payment"
concurrency = 64
rate_per_s = 100000.0
burst = 2000
[upstreams.payment.settings]
public_url = "https://cong.example.gov.vn"
create_wait_s = 0
[upstreams.payment.settings.beneficiaries.default]
account = "0011001234567"
bank_code = "VIETCOMBANK"
account_name = "CUC DO TOC DO"
[[upstreams.payment.settings.providers]]
profile = "vnpay"
merchant = "BENCHTMN"
sources = ["127.0.0.1"]
allow_plain = ["127.0.0.1"]
keys = [{{ id = "bench", secret = "file:keys/pay-vnpay" }}]
[upstreams.payment.settings.providers.endpoints]
pay = "http://127.0.0.1:{edge}/paymentv2/vpcpay.html"
api = "http://127.0.0.1:{edge}/merchant_webapi/api/transaction"
"""


def asked(number: int) -> bytes:
    """A request for a fee, as the resolution system sends it."""
    tree = {
        "request_id": f"bench-{number}",
        "dossier_code": ground.dossier_code(number),
        "procedure_code": "1.001234",
        "procedure_name": "Cấp giấy phép (đo tốc độ)",
        "unit_code": "000.00.00.G16",
        "unit_name": "Cục đo tốc độ",
        "fee_lines": [{"kind": "charge", "code": "PTD01", "name": "Phí thẩm định", "amount": AMOUNT}],
        "amount": AMOUNT,
        "payer": {"name": "Nguyễn Văn Mẫu", "number": "001090000000"},
    }
    return json.dumps(tree, ensure_ascii=False).encode()


def notice(number: int) -> bytes:
    """VNPAY's word that this fee is paid, as its server sends it."""
    payment_id = payment_id_of(ground.RESOLUTION_SYSTEM, f"bench-{number}")
    fields = {
        "vnp_Amount": str(AMOUNT * 100),
        "vnp_BankCode": "NCB",
        "vnp_BankTranNo": f"VNP{14_000_000 + number}",
        "vnp_CardType": "ATM",
        "vnp_OrderInfo": "Thanh toan phi",
        "vnp_PayDate": f"{datetime.now(UTC).astimezone(_VIET_NAM):%Y%m%d%H%M%S}",
        "vnp_ResponseCode": "00",
        "vnp_TmnCode": "BENCHTMN",
        "vnp_TransactionNo": str(14_000_000 + number),
        "vnp_TransactionStatus": "00",
        "vnp_TxnRef": attempt_ref(payment_id, 1),
    }
    query = urlencode(sorted(fields.items()))
    signature = hmac.new(SECRET.encode(), query.encode(), hashlib.sha512).hexdigest()
    target = f"/v1/callbacks/payment/vnpay?{query}&vnp_SecureHash={signature}"
    return f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


@dataclass(frozen=True, slots=True)
class Round:
    """One round: notices a second at either server, CPU microseconds of each, and how long the answers took."""

    bare: float
    bare_cpu_us: float
    notices: float
    cpu_us: float
    latencies_ms: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """Verified, journalled and acknowledged, beside read and answered."""
        return self.notices / self.bare

    @property
    def cpu_ratio(self) -> float:
        """The same in CPU time."""
        return self.bare_cpu_us / self.cpu_us


class Track:
    """The two servers under measurement and the load that drives them."""

    def __init__(self, place: ground.Ground, edge: int, bare_port: int, pool: multiprocessing.pool.Pool) -> None:
        self.place, self.edge, self.bare_port, self.pool = place, edge, bare_port, pool
        self.told = 0

    def prepare(self, count: int) -> None:
        """Ask for fees, which then wait to be paid."""
        key = ground.resolution_key(self.place)
        bodies = [asked(number) for number in range(count)]
        lines = [
            [ground.request("POST", "/v1/payments", body, key) for body in bodies[part::CONNECTIONS]]
            for part in range(CONNECTIONS)
        ]
        answers = asyncio.run(ground.drive(self.place.ports.gateway, lines, 600))
        wrong = {answer.status for answer in answers} - {201, 202}
        if wrong or len(answers) != count:
            raise SystemExit(f"asking for fees failed: {len(answers)} of {count}, {wrong}")

    def run(self, count: int) -> Round:
        """The next `count` notices, to the bare server and to the gateway."""
        numbers = range(self.told, self.told + count)
        lines = [[notice(number) for number in numbers[part::CONNECTIONS]] for part in range(CONNECTIONS)]
        self.told += count
        used = pairing.cpu_s(self.place.running["bare"].pid)
        # The bare server is so much quicker that it gets the same lines several times over.
        quick = pairing.drive(self.pool, self.bare_port, [line * BARE_TIMES for line in lines], 600.0)
        bare_cpu_us = (pairing.cpu_s(self.place.running["bare"].pid) - used) / len(quick) * 1e6
        used = pairing.cpu_s(self.place.running["gateway"].pid)
        answers = pairing.drive(self.pool, self.edge, lines, 600.0)
        cpu_us = (pairing.cpu_s(self.place.running["gateway"].pid) - used) / len(answers) * 1e6
        wrong = {answer.status for answer in answers} - {200}
        if wrong or len(answers) != count:
            raise SystemExit(f"unexpected answers: {len(answers)} of {count}, {wrong}")
        latencies = tuple((a.answered - a.asked) * 1000 for a in answers)
        return Round(pairing.rate(quick), bare_cpu_us, pairing.rate(answers), cpu_us, latencies)

    def paid(self) -> int:
        """How many fees are paid by now: each holds the transaction that paid it, in the store itself."""
        store = self.place.folder / "data/journal.db"
        with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as rows:
            (count,) = rows.execute("SELECT count(*) FROM record WHERE kind = 'ledger_claim:payment'").fetchone()
            return int(count)


def main() -> int:
    """Run the rounds and print the ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="three short rounds")
    parser.add_argument("--bare", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.bare:
        pairing.bare(arguments.bare, "GET", "/v1/callbacks/payment/vnpay", (200, ACKNOWLEDGED))
        return 0
    rounds, count = (3, 400) if arguments.quick else (5, 1_500)
    edge, bare_port = ground.free_ports(2)
    with ground.ground() as place, multiprocessing.get_context("spawn").Pool(2) as pool:
        write_safely(place.folder / "keys/pay-vnpay", SECRET.encode())
        config = place.folder / "gateway.toml"
        config.write_text(config.read_text(encoding="utf-8") + _CONFIG.format(edge=edge), encoding="utf-8")
        place.start_simulators(ground.aside(0))
        place.start_gateway(ground.core(0))
        place.start_command("bare", ground.core(0), [sys.executable, __file__, "--bare", str(bare_port)])
        place.wait_for(f"http://127.0.0.1:{bare_port}/readyz", "bare")
        track = Track(place, edge, bare_port, pool)
        track.prepare(rounds * count)
        done = [_told(number, track.run(count)) for number in range(1, rounds + 1)]
        if track.paid() != rounds * count:
            raise SystemExit(f"acknowledged {rounds * count}, but {track.paid()} are paid")
    return _summary(done)


def _told(number: int, found: Round) -> Round:
    print(
        f"round {number}: bare {found.bare:7.0f}/s, notices {found.notices:6.0f}/s, ratio {found.ratio:.3f} "
        f"(CPU {found.cpu_ratio:.3f}: {found.bare_cpu_us:.0f} of {found.cpu_us:.0f} us), "
        f"p99 {ground.percentile(found.latencies_ms, 0.99):.0f} ms",
        flush=True,
    )
    return found


def _summary(done: list[Round]) -> int:
    """The medians; 1 when the aim was missed."""
    ratio = statistics.median(found.ratio for found in done)
    latencies = [latency for found in done for latency in found.latencies_ms]
    print(
        f"verified and journalled notices: median {statistics.median(found.notices for found in done):.0f}/s, "
        f"ratio {ratio:.3f} to bare aiohttp (CPU {statistics.median(found.cpu_ratio for found in done):.3f}), "
        f"p50 {ground.percentile(latencies, 0.5):.0f} ms, p99 {ground.percentile(latencies, 0.99):.0f} ms, "
        f"aim {AIM}: {'held' if ratio >= AIM else 'MISSED'}"
    )
    return 0 if ratio >= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
