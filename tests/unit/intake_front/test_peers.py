"""Whose requests are counted together: the address behind our own proxies, and never one that a stranger wrote."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.intake.peers import Proxies

OURS = Proxies.of(("10.0.0.0/8", "2001:db8::/32", "127.0.0.1"))


def test_without_a_proxy_of_ours_nothing_forwarded_is_believed() -> None:
    """Anybody may write the header."""
    assert OURS.peer("203.0.113.7", ["198.51.100.1"]) == "203.0.113.7"
    assert Proxies().peer("10.0.0.1", ["198.51.100.1"]) == "10.0.0.1"


def test_the_last_address_that_is_no_proxy_of_ours_counts() -> None:
    """Over several proxies and several headers; what stands before it may be invented."""
    assert OURS.peer("10.0.0.1", ["1.2.3.4, 203.0.113.7", "10.9.9.9"]) == "203.0.113.7"
    assert OURS.peer("2001:db8::1", ["203.0.113.7"]) == "203.0.113.7"
    assert OURS.peer("10.0.0.1", []) == "10.0.0.1"
    assert OURS.peer("10.0.0.1", ["10.0.0.2"]) == "10.0.0.2"


def test_a_port_makes_nobody_another_peer() -> None:
    """Proxies that write the port along would else give every connection a limit of its own."""
    for written in ("203.0.113.7:50001", "203.0.113.7:50002", "[203.0.113.7]", "203.0.113.7"):
        assert OURS.peer("10.0.0.1", [f"1.2.3.4, {written}, 10.0.0.2:443"]) == "203.0.113.7"
    for written in ("[2001:db9::7]:50001", "[2001:db9::7]", "2001:db9::7"):
        assert OURS.peer("10.0.0.1", [written]) == "2001:db9::7"


def test_what_is_no_address_ends_the_way() -> None:
    """A proxy that writes a name (`unknown`, RFC 7239 6) makes one peer of all whom it hides."""
    assert OURS.peer("10.0.0.1", ["203.0.113.7, unknown"]) == "unknown"


@given(st.lists(st.text(max_size=20), max_size=6), st.text(max_size=20))
def test_a_stranger_cannot_choose_whom_he_is_taken_for(written: list[str], remote: str) -> None:
    """Whatever stands in the header: from outside, the address of the connection counts."""
    assert Proxies.of(("10.0.0.0/8",)).peer(f"x{remote}", written) == f"x{remote}"
