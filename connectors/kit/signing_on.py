"""The capability SignOn: sending a person to an identity provider, and making one account of what comes back.

The gateway owns the course of a sign-on (its record, its browser, its single use); the connector owns the provider's protocol
(OpenID Connect Core 1.0) and knows no store and no browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from connectors.kit.contract import Budget
from mappings.identity import Account


@dataclass(frozen=True, slots=True)
class Secrets:
    """What one sign-on keeps on the server: each 256 bits of chance in base64url, single use (identity facts 1.2)."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wish:
    """What one sign-on asks of the provider: `min_ial` 0 and empty `min_acr` are no demand.

    `fresh`: have the person log in again (`prompt=login`).
    """

    min_ial: int = 0
    min_acr: str = ""
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Errand:
    """One sign-on as the provider sees it: the same value at its beginning and at its end."""

    provider: str
    redirect_uri: str
    secrets: Secrets
    wish: Wish = Wish()


@dataclass(frozen=True, slots=True)
class SignOnTraits:
    """A provider of the configuration, as people may choose it.

    `acr_levels` are the levels that may be demanded of a sign-on, lowest first; empty: nobody knows them.
    """

    name: str
    profile: str
    title_vi: str
    acr_levels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """What is needed to end the session at the provider later, and to recognise its own end of it."""

    provider: str
    sub: str = field(default="", repr=False)
    sid: str = field(default="", repr=False)
    id_token: str = field(default="", repr=False)
    logout_uri: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SignedOn:
    """The end of a sign-on that succeeded."""

    account: Account
    session: Session


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """A back-channel logout that proved genuine (OpenID Connect Back-Channel Logout 1.0, 2.6).

    Whether `jti` was seen before is for the gateway to say: it remembers.
    """

    provider: str
    jti: str
    sub: str = field(default="", repr=False)
    sid: str = field(default="", repr=False)


class SignOnRefused(Exception):
    """Đăng nhập không thành: nothing is in doubt, the person may begin again.

    `code` is stable (`access_denied`, `wrong_issuer`, `nonce_mismatch`, `token_expired`, `assurance_too_low`…; every code is
    a row of `sign_on_refusals.csv` with the words for the person); neither code nor text repeats a claim or a token.
    """

    def __init__(self, code: str, message_vi: str) -> None:
        self.code = code
        self.message_vi = message_vi
        super().__init__(f"{code}: {message_vi}")


@runtime_checkable
class SignOn(Protocol):
    """A connector that signs people on. Raises `SignOnRefused` and `DeliveryError`, nothing else."""

    def providers(self) -> Mapping[str, SignOnTraits]:
        """The providers that are switched on, the default one first; the same each time."""
        ...

    async def begin(self, errand: Errand, budget: Budget) -> str:
        """The address that the browser must be sent to (with PAR the request was pushed before)."""
        ...

    async def finish(self, errand: Errand, params: Mapping[str, str], budget: Budget) -> SignedOn:
        """The account behind a callback with the query `params`.

        The code is exchanged at most once: `NoAnswer` after the exchange may have left means that the person begins again.
        """
        ...

    def logout_address(self, session: Session, return_uri: str, state: str) -> str:
        """Where to send the browser to end the provider's session; empty where the provider offers none."""
        ...

    async def read_logout(self, provider: str, form: Mapping[str, str], budget: Budget) -> LoggedOut:
        """A back-channel logout request, judged; raises `SignOnRefused` for one that is not genuine."""
        ...
