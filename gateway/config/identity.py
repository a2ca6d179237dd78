"""What can be set about identity: sign-ons through identity providers, and questions to registers."""

from __future__ import annotations

import msgspec

from gateway.config.identity_questions import Proofs, Questions


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of these settings: frozen, strict."""


class Identity(Struct, frozen=True):
    """Who somebody is; without this section no route of identity exists, and what a snapshot says of verification is believed.

    `public_url` is the edge as browsers reach it (https, behind whatever proxy stands there); the addresses that providers and
    browsers get are made of it and never of a request's Host. Empty: no sign-ons. `return_urls` are the only addresses to which
    a browser is sent back, each whole and letter by letter.

    A sign-on must come back from its provider within `sign_on_s`, and be redeemed `ticket_s` after that (identity facts 1.2: 10
    minutes). What ends its session at the provider is kept for `session_s`. At most `open_limit` are under way; one caller
    begins `begins_per_minute`, and from one network address browsers are answered `edge_per_minute` times a minute.
    `trusted_proxies` (addresses or networks) are believed about the address they forward for (X-Forwarded-For).

    `questions`: lawful questions to registers; without it nobody asks. `proofs`: what a dossier's proof of identity is worth.
    """

    public_url: str = ""
    return_urls: tuple[str, ...] = ()
    sign_on_s: float = 600.0
    ticket_s: float = 120.0
    session_s: float = 36_000.0
    open_limit: int = 20_000
    begins_per_minute: int = 600
    edge_per_minute: int = 120
    trusted_proxies: tuple[str, ...] = ()
    questions: Questions | None = None
    proofs: Proofs = Proofs()
