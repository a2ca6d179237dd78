"""Networks that calls may come from, as settings write them: addresses and CIDR ranges."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks_of(sources: Sequence[str]) -> tuple[Network, ...]:
    """The networks that are written in the settings; raises `ValueError` for anything else."""
    return tuple(ipaddress.ip_network(source) for source in sources)


def within(peer: str, networks: Sequence[Network]) -> bool:
    """Whether an address is in one of the networks; IPv4 within IPv6 is IPv4, what is no address is nowhere."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    known = getattr(address, "ipv4_mapped", None) or address
    return any(known in network for network in networks if network.version == known.version)
