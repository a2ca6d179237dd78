"""The NGSP adapter behind an LGSP: one address, the verb in its query, and prices (postal facts 3.3)."""

from __future__ import annotations

from connectors.postal.profiles.h3.mapping import H3
from connectors.postal.profiles.h3.options import H3Options
from connectors.postal.speaking import Dialect

PROFILE = Dialect(
    name="h3",
    title_vi="Bưu điện Việt Nam (qua LGSP)",
    options_type=H3Options,
    open=H3,
    roles=(),
    more_roles=("consumer_key", "consumer_secret", "token_key"),
)
