"""From which network address somebody calls the edge, behind proxies that are believed and no others (RFC 7239 8.1)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

# Some proxies write the port along, `203.0.113.7:50001` or `[2001:db8::7]:50001`: each connection would be a peer of its own.
_WITH_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?", re.ASCII)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Proxies:
    """The networks whose X-Forwarded-For is believed."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, written: Sequence[str]) -> Proxies:
        """From addresses and networks as they stand in the configuration; raises `ValueError` for anything else."""
        return cls(tuple(ipaddress.ip_network(text) for text in written))

    def peer(self, remote: str, forwarded: Sequence[str]) -> str:
        """The last address on the way that no proxy of ours has: what stands before it, anybody may have written.

        `forwarded` are the values of X-Forwarded-For, as they came.
        """
        hops = [_bare(hop.strip()) for value in forwarded for hop in value.split(",")]
        peer = remote
        while hops and self._trusts(peer):
            peer = hops.pop() or peer
        return peer

    def _trusts(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address.version == network.version and address in network for network in self.networks)


def _bare(hop: str) -> str:
    """The address of a hop without its port and its brackets; what is no address stays as it is."""
    found = _WITH_PORT.fullmatch(hop)
    return (found[1] or found[2]) if found is not None else hop
