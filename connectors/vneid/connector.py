"""Định danh: people signed on through CDVCQG or VNeID, and questions to CSDLQG về dân cư. Two halves, put together.

`sign_on.py` knows the providers' protocol, `population.py` that of the database. Whatever the configuration leaves out is said
to be switched off, and has no effect.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from connectors.kit.contract import Answer, Budget, Health, Kit, Question
from connectors.kit.errors import CannotMap
from connectors.kit.signing_on import Errand, LoggedOut, Session, SignedOn, SignOnTraits
from connectors.vneid.population import Population
from connectors.vneid.settings import Settings as Settings
from connectors.vneid.sign_on import SignOnProviders


class Vneid:
    """SignOn, Lookup and Probe."""

    def __init__(self, sign_on: SignOnProviders, population: Population | None) -> None:
        self._sign_on = sign_on
        self._population = population

    def providers(self) -> Mapping[str, SignOnTraits]:
        """The providers that are switched on, the default one first."""
        return self._sign_on.providers()

    async def begin(self, errand: Errand, budget: Budget) -> str:
        """The address that the browser must be sent to."""
        return await self._sign_on.begin(errand, budget)

    async def finish(self, errand: Errand, params: Mapping[str, str], budget: Budget) -> SignedOn:
        """The account behind a callback."""
        return await self._sign_on.finish(errand, params, budget)

    def logout_address(self, session: Session, return_uri: str, state: str) -> str:
        """Where to send the browser to end the provider's session; empty where there is no such place."""
        return self._sign_on.logout_address(session, return_uri, state)

    async def read_logout(self, provider: str, form: Mapping[str, str], budget: Budget) -> LoggedOut:
        """A back-channel logout request, judged."""
        return await self._sign_on.read_logout(provider, form, budget)

    def operations(self) -> Collection[str]:
        """The questions about persons that are switched on; none without the population half."""
        return self._population.operations if self._population is not None else ()

    async def ask(self, question: Question) -> Answer:
        """What the population database says to one lawful question."""
        if self._population is None:
            raise CannotMap("Chưa khai kết nối với CSDLQG về dân cư (population).")
        return await self._population.ask(question)

    async def check(self) -> Health:
        """Both halves; the first that is not ready speaks for both."""
        halves = [self._sign_on.check] if self._sign_on.providers() else []
        halves += [self._population.check] if self._population is not None else []
        seen = [await check() for check in halves]
        broken = next((health for health in seen if not health.ready), None)
        latency_ms = sum(health.latency_ms for health in seen)
        if broken is not None:
            return Health(ready=False, detail_vi=broken.detail_vi, latency_ms=latency_ms)
        return Health(True, " ".join(health.detail_vi for health in seen) or "Chưa bật phần nào.", latency_ms)

    async def close(self) -> None:
        """Release sockets."""
        await self._sign_on.close()
        if self._population is not None:
            await self._population.close()


def create(settings: Settings, kit: Kit) -> Vneid:
    """The connector for one upstream."""
    population = Population(settings.population, kit) if settings.population is not None else None
    return Vneid(SignOnProviders(settings.providers, kit), population)
