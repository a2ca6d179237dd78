"""The post of a demonstration laid out: one carrier, which is a simulator on loopback, and the configuration for it."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from string import Template

from gateway.cli.installation import write_safely

CUSTOMER = "BVHTTDL01"
CARRIER = "vnpost"
STEP_S = 0.4
"""Between two steps of a parcel, in seconds: a way of days in the time of a look."""

_CONFIGURATION = Template("""
# Bưu chính công ích: một đơn vị vận chuyển, do bộ mô phỏng đóng vai.
[upstreams.postal]
connector = "postal"
concurrency = 8
rate_per_s = 1000.0     # mô phỏng
burst = 200             # mô phỏng
timeout_s = 5.0         # mô phỏng
lease_s = 10.0          # mô phỏng
enquiry_s = 0.5         # mô phỏng
[upstreams.postal.retry]
base_s = 0.2            # mô phỏng
cap_s = 3.0             # mô phỏng
[upstreams.postal.settings.tracking]
interval_s = 0.5        # mô phỏng; thật: 300
[upstreams.postal.settings.agencies.default]
name = "Bộ phận Một cửa (ví dụ)"
phone = "02400000000"
[upstreams.postal.settings.agencies.default.place]
province = "01"
text = "51 đường Ví Dụ, phường Cửa Nam, thành phố Hà Nội"
[[upstreams.postal.settings.carriers]]
name = "$carrier"
profile = "h2"
customer = "$customer"
base_url = "http://127.0.0.1:$port/h2/apiVNPostNGSP/p1.0/"
token_url = "http://127.0.0.1:$port/h2/token"
order_number_unique = true   # mô phỏng; thật: chỉ đặt khi đơn vị vận chuyển xác nhận
allow_plain = ["127.0.0.1"]
[upstreams.postal.settings.carriers.secrets]
consumer_key = "file:keys/postal.key"
consumer_secret = "file:keys/postal.secret"
[upstreams.postal.settings.carriers.statuses]
$statuses
""")
# What the codes of the simulated feed mean; of the real one only 4 is known, so an installation learns them from its carrier.
_STATUSES = {
    1: "accepted",
    2: "collecting",
    3: "collected",
    4: "delivered",
    5: "in_transit",
    6: "at_office",
    7: "out_for_delivery",
    8: "failed_attempt",
    9: "returning",
    10: "returned",
    11: "cancelled",
    12: "exception",
    13: "collect_failed",
    14: "cod_collected",
    15: "cod_remitted",
}


def lay_out_post(folder: Path, port: int) -> None:
    """Add the post to the installation in `folder`: the gateway's half and the simulator's."""
    words = {name: secrets.token_urlsafe(24) for name in ("key", "secret")}
    for name, word in words.items():
        write_safely(folder / f"keys/postal.{name}", f"{word}\n".encode())
    statuses = "\n".join(f'{code} = "{means}"' for code, means in _STATUSES.items())
    configuration = folder / "gateway.toml"
    chosen = {"carrier": CARRIER, "customer": CUSTOMER, "port": str(port), "statuses": statuses}
    told = configuration.read_text(encoding="utf-8") + _CONFIGURATION.substitute(chosen)
    write_safely(configuration, told.encode(), mode=0o644)
    write_safely(folder / "simulators/postal.toml", _simulated(words["key"], words["secret"]).encode())


def _simulated(key: str, secret: str) -> str:
    """The options of the simulator. A failed collection before each way would only make it longer."""
    return (
        f"[script]\nstep_s = {STEP_S}\ncod_after_s = {STEP_S}\n"
        f"[h2]\ncustomer = {json.dumps(CUSTOMER)}\nconsumer_key = {json.dumps(key)}\n"
        f"consumer_secret = {json.dumps(secret)}\nnumbers_unique = true\n"
    )
