"""The routes of identity on either listener, as the composition root hands them to the applications."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True, slots=True)
class IdentityRoutes:
    """What stands on the internal listener, and what strangers reach; both are empty without `[identity]`."""

    internal: tuple[web.RouteDef, ...] = ()
    edge: tuple[web.RouteDef, ...] = ()

    def beside(self, other: IdentityRoutes) -> IdentityRoutes:
        """These and those of another part."""
        return IdentityRoutes((*self.internal, *other.internal), (*self.edge, *other.edge))
