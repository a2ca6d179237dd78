"""A provider that listens, and clients in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from aiohttp import web

from connectors.kit.contract import Coordination, Kit
from connectors.kit.ground import LoneCoordination
from connectors.kit.secrets import read_setting
from connectors.kit.signing_on import Errand, Secrets, Wish
from connectors.vneid.sign_on import SignOnProviders
from connectors.vneid.sign_on_settings import ProviderSettings
from tests.connectors.vneid.sign_on.scripted import CALLBACK, CLIENT, SECRET, Build, Clock, Desk, ScriptedProvider


@pytest.fixture
def clock() -> Clock:
    """A clock that a test can turn."""
    return Clock()


@pytest.fixture
async def provider(clock: Clock) -> AsyncIterator[ScriptedProvider]:
    """A provider that listens."""
    scripted = ScriptedProvider(clock)
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", scripted.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    scripted.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield scripted
    finally:
        await runner.cleanup()


@pytest.fixture
def settings(provider: ScriptedProvider) -> Callable[..., ProviderSettings]:
    """Settings for that provider, changed by keyword."""

    def build(**more: Any) -> ProviderSettings:
        host = urlsplit(provider.base_url).netloc
        tree = {
            "name": "cdvcqg",
            "profile": "cdvcqg",
            "issuer": provider.issuer,
            "hosts": [host, "xacthuc.example.gov.vn"],
            "authorize_url": f"{provider.base_url}/oauth2/authorize",
            "token_url": f"{provider.base_url}/oauth2/token",
            "jwks_url": f"{provider.base_url}/oauth2/jwks",
            "userinfo_url": f"{provider.base_url}/oauth2/userinfo",
            "par_url": f"{provider.base_url}/oauth2/par",
            "logout_url": f"{provider.base_url}/oidc/logout",
            "client_id": CLIENT,
            "client_secret": "env:s",
            "allow_plain": ["127.0.0.1"],
        }
        return msgspec.convert({**tree, **more}, ProviderSettings, dec_hook=read_setting)

    return build


@pytest.fixture
async def desk(
    provider: ScriptedProvider, settings: Callable[..., ProviderSettings], clock: Clock
) -> AsyncIterator[Build]:
    """Builds a client in front of the provider: `desk(wish=…, secrets=…, **settings)`; closed at the end."""
    opened: list[SignOnProviders] = []

    def build(
        wish: Wish | None = None,
        secrets: dict[str, str] | None = None,
        coordination: Coordination | None = None,
        **more: Any,
    ) -> Desk:
        known = {"env:s": SECRET, **(secrets or {})}
        kit = Kit("vneid", clock.now, clock.instant, coordination or LoneCoordination(), known.__getitem__)
        client = SignOnProviders((settings(**more),), kit)
        opened.append(client)
        errand = Errand("cdvcqg", CALLBACK, Secrets("s" * 43, "n" * 43, "v" * 43), wish or Wish())
        return Desk(provider, client, clock, errand)

    yield build
    for client in opened:
        await client.close()
