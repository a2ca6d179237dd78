"""For all claims of any JSON type: an account, or a refusal that has words."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.vneid.profiles._claims.accounts import Login, Rules
from connectors.vneid.profiles._claims.reading import Claims, ClaimsRefused
from connectors.vneid.profiles.cdvcqg.mapping import to_account
from connectors.vneid.profiles.cdvcqg.messages import CLAIM_SET, CLAIMS
from mappings.codes import IdentityType

_RULES = Rules("cdvcqg", CLAIM_SET)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*CLAIMS, "khac"]), _JSON))
def test_whatever_a_provider_sends_becomes_an_account_or_a_refusal_that_has_words(tree: dict[str, Any]) -> None:
    """No claim of any type breaks a sign-on in another way; numbers of an account are digits of their length."""
    try:
        account = to_account(Claims({"TechID": "T-000000", "LoaiTaiKhoan": "1", **tree}), Login(), _RULES)
    except ClaimsRefused as error:
        assert error.code in ("claims_incomplete", "claims_ambiguous", "claims_oversize", "account_kind_unknown")
        return
    assert account.subject_key
    if account.id_type is IdentityType.CCCD:
        assert len(account.id_number) == 12
        assert account.id_number.isascii()
        assert account.id_number.isdigit()
