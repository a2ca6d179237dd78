"""From VNeID's claims to an account: few claims, no contact data, the account level as a number (identity facts 1.4)."""

from __future__ import annotations

from connectors.vneid.profiles._claims.accounts import Login, Rules, account_of
from connectors.vneid.profiles._claims.reading import Claims
from mappings.identity import Account


def to_account(claims: Claims, login: Login, rules: Rules) -> Account:
    """The account behind the claims."""
    return account_of(claims, login, rules)
