"""The original of an event proves who sent it, years later, without asking us."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.evidence.original import Original, pack, signed_parts, unpack

_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126))


@given(_TEXT, _TEXT, st.none() | _TEXT, st.lists(st.tuples(_TEXT, _TEXT)), st.binary())
def test_what_was_packed_is_read_again(
    method: str, path: str, query: str | None, headers: list[tuple[str, str]], body: bytes
) -> None:
    """Head and body come back byte for byte, whatever the body holds."""
    original = Original(method, path, query, tuple(headers))
    assert unpack(pack(original, body)) == (original, body)


def test_only_what_a_signature_is_made_of_is_kept() -> None:
    """No cookie, no address, no agent: the signed parts and nothing else."""
    headers = [
        ("Signature", "sig1=:AA==:"),
        ("Cookie", "a=b"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("Content-Type", "a/b"),
    ]
    kept = signed_parts("POST", "/v1/events", None, headers)
    assert kept.headers == (("signature", "sig1=:AA==:"), ("content-type", "a/b"))
