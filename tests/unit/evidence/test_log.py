"""The chain of evidence: what is bound cannot be changed, moved, left out or re-cut without breaking a link."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence.log import GENESIS, Link, chain, walk

_DIGESTS = st.lists(st.binary(max_size=40), max_size=4).map(tuple)


def _linked(contents: list[tuple[bytes, ...]], head: bytes = GENESIS, first: int = 1) -> list[Link]:
    links = []
    for n, digests in enumerate(contents, first):
        head = chain(head, digests)
        links.append(Link(n, digests, head))
    return links


def test_a_leaf_is_what_the_docstring_says_byte_by_byte() -> None:
    """The encoding is a promise to auditors: prefix, count, then each part with its length, eight bytes big-endian."""
    head, digest = b"\x11" * 32, b"\x22" * 32
    told = b"\x02tthc-gateway/chain/v1" + (1).to_bytes(8, "big")
    for part in (head, digest):
        told += len(part).to_bytes(8, "big") + part
    assert chain(head, (digest,)) == hashlib.sha256(told).digest()


def test_a_leaf_can_never_be_taken_for_a_node_of_a_merkle_tree() -> None:
    """RFC 6962, 2.1: 0x00 and 0x01 are the tree's; a link begins with neither, so it is no hash of a tree's input."""
    digest = b"\x22" * 32
    assert chain(GENESIS, (digest,)) not in (
        hashlib.sha256(b"\x00" + digest).digest(),
        hashlib.sha256(b"\x01" + digest).digest(),
    )


@given(st.tuples(st.binary(max_size=40), _DIGESTS), st.tuples(st.binary(max_size=40), _DIGESTS))
def test_different_inputs_give_different_leaves(
    one: tuple[bytes, tuple[bytes, ...]], two: tuple[bytes, tuple[bytes, ...]]
) -> None:
    """Lengths stand in front, so parts cannot flow into each other."""
    assert (chain(*one) == chain(*two)) is (one == two)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((b"ab", (b"c",)), (b"a", (b"bc",))),
        ((b"", (b"ab",)), (b"", (b"a", b"b"))),
        ((b"", ()), (b"", (b"",))),
        ((b"a", ()), (b"", (b"a",))),
    ],
)
def test_parts_cannot_flow_into_each_other(
    left: tuple[bytes, tuple[bytes, ...]], right: tuple[bytes, tuple[bytes, ...]]
) -> None:
    """The shapes that a plain concatenation would confuse."""
    assert chain(*left) != chain(*right)


@given(st.lists(_DIGESTS, max_size=12), st.integers(0, 5))
def test_a_chain_that_was_kept_holds(contents: list[tuple[bytes, ...]], at: int) -> None:
    """From its genesis, and from any leaf of it on."""
    links = _linked(contents)
    assert walk(links, first=1) is None
    cut = min(at, len(links))
    assert walk(links[cut:], head=links[cut - 1].leaf if cut else GENESIS, first=cut + 1) is None


@given(st.lists(_DIGESTS, min_size=1, max_size=8), st.data())
def test_the_first_broken_link_is_named(contents: list[tuple[bytes, ...]], data: st.DataObject) -> None:
    """Whether the content, the value or the number was touched."""
    links = _linked(contents)
    at = data.draw(st.integers(0, len(links) - 1))
    broken = data.draw(
        st.sampled_from(
            [
                replace(links[at], digests=(*links[at].digests, b"more")),
                replace(links[at], leaf=bytes(32)),
                replace(links[at], n=links[at].n + 1),
            ]
        )
    )
    found = walk([*links[:at], broken, *links[at + 1 :]], first=1)
    assert found is not None and found.n == at + 1 and str(at + 1) in found.reason_vi


@given(st.lists(_DIGESTS, min_size=2, max_size=8), st.data())
def test_a_link_that_was_cut_out_is_missed(contents: list[tuple[bytes, ...]], data: st.DataObject) -> None:
    """Also the first one, when the walk knows where the chain begins."""
    links = _linked(contents)
    at = data.draw(st.integers(0, len(links) - 2))
    found = walk([*links[:at], *links[at + 1 :]], first=1)
    assert found is not None and found.n == at + 1


def test_a_rewritten_tail_that_is_consistent_in_itself_breaks_at_the_seam() -> None:
    """Recomputing later links does not help while the earlier head is known."""
    honest = _linked([(b"a",), (b"b",), (b"c",)])
    forged = _linked([(b"x",), (b"c",)], head=b"\x00" * 32, first=2)
    found = walk([honest[0], *forged], first=1)
    assert found is not None and found.n == 2
