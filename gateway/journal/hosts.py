"""The hosts of one connection string: each is asked by itself, so that a silent one does not use up the patience for all.

The library has one time limit for all hosts together: a machine that lost its power says nothing, and would hide the one that has
taken its place.
"""

from __future__ import annotations

import re

# Not `urllib.parse`: since CVE-2024-11168 it refuses a bracketed address behind a comma; libpq's URIs may have one.
_URI = re.compile(r"(postgres(?:ql)?://)([^/?#]*)(.*)", re.DOTALL)


def each(dsn: str) -> tuple[str, ...]:
    """The connection string once for each host before its path, in their order; itself where there is one, or it is no URI."""
    found = _URI.fullmatch(dsn)
    if found is None:
        return (dsn,)
    scheme, place, rest = found.groups()
    user, at, named = place.rpartition("@")
    hosts = named.split(",")
    if len(hosts) == 1 or named.count("[") != named.count("]"):
        return (dsn,)
    return tuple(f"{scheme}{user}{at}{host}{rest}" for host in hosts)
