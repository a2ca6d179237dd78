"""Trouble with a provider, told to operators: in the log each time, as an alarm where a person has to put something right."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.kit.errors import NeedsPerson
from gateway.clock import Clock
from gateway.identity.providers import Provider

NEEDS_PERSON = "sign_on.needs_person"
"""The alarm: credentials, consent or contract of a provider are at fault, so that nobody signs on through it."""

_EVERY_S = 900.0

_log = logging.getLogger("gateway.identity")


def unheard(_code: str, _upstream: str, _detail_vi: str) -> None:
    """Nobody listens."""


@dataclass(slots=True)
class Trouble:
    """Tells of failures. One provider raises its alarm at most every 15 minutes: every person who tries would raise it."""

    clock: Clock
    alarm: Callable[[str, str, str], None] = unheard
    _raised: dict[str, float] = field(default_factory=dict)

    def tell(self, provider: Provider, code: str, error: Exception) -> None:
        """A step with the provider failed, with this stable code; no text of a refusal goes into the log."""
        _log.warning("sign-on failed", extra={"provider": provider.name, "upstream": provider.upstream, "code": code})
        if not isinstance(error, NeedsPerson):
            return
        now, last = self.clock.instant(), self._raised.get(provider.name)
        if last is None or now - last >= _EVERY_S:
            self._raised[provider.name] = now
            self.alarm(NEEDS_PERSON, provider.upstream, f"{provider.traits.title_vi}: {error.message_vi}")
