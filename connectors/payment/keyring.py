"""Which keys are in force: the newest signs, every one verifies, and the one that did is named (abuse case A34)."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from connectors.kit.errors import CredentialsRefused
from connectors.payment.speaking import Account, Key

_ALWAYS = datetime.min.replace(tzinfo=UTC)


def in_force(account: Account, role: str) -> Sequence[Key]:
    """The keys of a role that are good now, the newest (by `not_before`) first."""
    now = account.now()
    good = [
        key
        for key in account.keys(role)
        if key.value and (key.not_before or _ALWAYS) <= now and (key.not_after is None or now < key.not_after)
    ]
    return sorted(good, key=lambda key: key.not_before or _ALWAYS, reverse=True)


def signing_key(account: Account, role: str = "main") -> Key:
    """The key that signs now. Raises `CredentialsRefused` where none is in force: that is for people, not for a repeat."""
    keys = in_force(account, role)
    if not keys:
        raise CredentialsRefused(f"Chưa có khóa «{role}» còn hiệu lực của đơn vị trung gian {account.name}.")
    return keys[0]


def verified_by(keys: Sequence[Key], digest: Callable[[Key], str], presented: str, *, any_case: bool = True) -> str:
    """The id of the key whose digest was presented, "" for none; every key is tried, in constant time.

    Letter case does not count for hex (payment facts 4.1); `any_case` False for what is written otherwise. `digest` is the
    text of the signature that the key would have made.
    """
    found = ""
    given = presented.encode("utf-8", "surrogatepass")
    for key in keys:
        expected = digest(key).encode()
        same = (
            hmac.compare_digest(expected.lower(), given.lower()) if any_case else hmac.compare_digest(expected, given)
        )
        if same:
            found = found or key.id
    return found
