"""For all changes of a genuine token: nothing of it is believed. For all texts: a token, or a refusal with a code."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk, jwt

from connectors.vneid.jose import JoseRefused, KeySet, opened, read_keys
from connectors.vneid.refusals import reasons

_CLAIMS: dict[str, Any] = {"sub": "u-000000", "aud": "ung-dung", "exp": 2_000_000_000}
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ "


@cache
def _genuine() -> tuple[str, KeySet]:
    key = jwk.ECKey.generate_key("P-256", {"kid": "k", "use": "sig"})
    token = jwt.encode({"alg": "ES256", "kid": "k"}, _CLAIMS, key, algorithms=["ES256"])
    return token, read_keys({"keys": [key.as_dict(private=False)]})


def test_the_genuine_token_is_believed() -> None:
    """Without this, refusing everything would keep the law below."""
    token, keys = _genuine()
    assert opened(token, keys, ["ES256"]).claims == _CLAIMS


@given(st.data())
def test_a_token_of_which_one_character_differs_is_refused(data: st.DataObject) -> None:
    """Header, payload and signature alike: base64url has one form, and the signature covers every other byte."""
    token, keys = _genuine()
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(_ALPHABET).filter(lambda character: character != token[place]))
    with pytest.raises(JoseRefused) as raised:
        opened(token[:place] + other + token[place + 1 :], keys, ["ES256"])
    assert raised.value.code in reasons()


@given(st.text(max_size=200) | st.text(_ALPHABET, max_size=200))
def test_any_text_is_refused_with_a_code_that_has_words(text: str) -> None:
    """Whatever a provider puts where a token belongs."""
    _, keys = _genuine()
    with pytest.raises(JoseRefused) as raised:
        opened(text, keys, ["ES256", "RS256"])
    assert raised.value.code in reasons()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_MEMBERS = st.dictionaries(
    st.sampled_from(["kty", "n", "e", "crv", "x", "y", "kid", "use", "alg", "key_ops", "k"]), _JSON
)


@given(st.lists(_MEMBERS | _JSON, max_size=5), st.sampled_from(["RSA", "EC", "OKP", "oct", "AKP"]))
def test_any_key_set_is_read_or_refused(members: list[Any], kind: str) -> None:
    """A member that is no key is skipped; the good one beside it is kept."""
    _, good = _genuine()
    named = [{**member, "kty": kind} if isinstance(member, dict) else member for member in members]
    public = good.keys[0][1].as_dict(private=False)
    assert len(read_keys({"keys": [*named, public]}).candidates("k", "ES256")) >= 1
