"""The NGSP adapter of the post, called directly: orders, cancellations and a feed of all scans (postal facts 2)."""

from __future__ import annotations

from connectors.postal.profiles._ngsp.options import NgspOptions
from connectors.postal.profiles.h2.mapping import H2
from connectors.postal.speaking import Dialect

PROFILE = Dialect(
    name="h2",
    title_vi="Bưu điện Việt Nam (trục NGSP)",
    options_type=NgspOptions,
    open=H2,
    roles=("consumer_key", "consumer_secret"),
)
