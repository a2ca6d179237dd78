"""Identity in the running gateway: sign-ons and lawful questions. Without [identity] none of their routes exist."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace

from gateway.app import InternalParts
from gateway.bootstrap.guests import Outside
from gateway.config import Loaded
from gateway.identity.routing import IdentityRoutes


async def with_identity(loaded: Loaded, outside: Outside, parts: InternalParts, house: AsyncExitStack) -> InternalParts:
    """The parts with the routes of identity; raises `ConfigError` for what cannot be meant. What runs ends with the house."""
    if loaded.settings.identity is None:
        return parts
    return replace(parts, identity=IdentityRoutes())
