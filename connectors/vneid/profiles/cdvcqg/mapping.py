"""From the portal's claims to an account: WSO2 texts, joined values, numbers as text (identity facts 1.4, 1.5)."""

from __future__ import annotations

from connectors.vneid.profiles._claims.accounts import Login, Rules, account_of
from connectors.vneid.profiles._claims.reading import Claims
from mappings.identity import Account


def to_account(claims: Claims, login: Login, rules: Rules) -> Account:
    """The account behind the claims; `sub` is no key here, because it may carry a domain or a tenant (facts 1.4)."""
    return account_of(claims, login, rules)
