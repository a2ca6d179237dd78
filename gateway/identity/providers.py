"""The identity providers of the configuration: which upstream signs whom on, and how one is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from connectors.kit.contract import Budget
from connectors.kit.signing_on import Errand, Secrets, SignOn, SignOnTraits, Wish
from gateway.clock import Clock
from gateway.config import Upstream
from gateway.errors import ConfigError, UpstreamUnavailable
from gateway.journal.store import Journal

CALLBACKS = "/v1/callbacks"

Count = Callable[[str, str], None]
"""Counts a sign-on by provider (empty where none is known) and what came of it."""


@dataclass(slots=True)
class Places:
    """How many calls from outside may wait for one provider at a time: one that hangs must not take the whole edge with it."""

    left: int = 16

    @contextmanager
    def one(self) -> Iterator[None]:
        """Have a place; raises `UpstreamUnavailable` at once where none is left, so that nothing has moved."""
        if self.left <= 0:
            raise UpstreamUnavailable("Quá nhiều lượt đang chờ hệ thống định danh này; hãy thử lại.", retry_after_s=5)
        self.left -= 1
        try:
            yield
        finally:
            self.left += 1


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider: the upstream that it belongs to, and the connector that speaks with it.

    `timeout_s` bounds one step with it, all calls of that step together. Browsers take `places`; whoever claims that a session
    has ended takes one of the `notices`, which needs no secret and so must never be in the way of a browser.
    """

    upstream: str
    traits: SignOnTraits
    connector: SignOn
    timeout_s: float
    places: Places = field(default_factory=Places)
    notices: Places = field(default_factory=Places)

    @property
    def name(self) -> str:
        """Its name in the configuration, unique among all upstreams."""
        return self.traits.name

    @property
    def callback(self) -> str:
        """The path to which it sends browsers back."""
        return f"{CALLBACKS}/{self.upstream}/{self.name}"

    def errand(self, public_url: str, secrets: Secrets, wish: Wish) -> Errand:
        """One sign-on as this provider sees it."""
        return Errand(self.name, f"{public_url}{self.callback}", secrets, wish)

    def budget(self, clock: Clock) -> Budget:
        """The time of one step, from now."""
        return Budget(clock.instant() + self.timeout_s, self.timeout_s)


@dataclass(frozen=True, slots=True)
class Providers:
    """All providers that are switched on, the default one first."""

    by_name: Mapping[str, Provider]

    def chosen(self, name: str) -> Provider | None:
        """The provider of this name; the default one where none is named."""
        return self.by_name.get(name or next(iter(self.by_name), ""))

    def all(self) -> tuple[Provider, ...]:
        """Every one, in order."""
        return tuple(self.by_name.values())


def find_providers(lines: Iterable[tuple[str, Upstream, object]], limit_s: float, concurrency: int = 64) -> Providers:
    """The providers of every upstream that signs people on, in the order of the configuration.

    A step with one takes at most its upstream's `timeout_s`, and `limit_s`. Of the `concurrency` calls that the edge answers at
    a time, all providers together take at most half for browsers and a quarter for notices. Raises `ConfigError` where two
    upstreams name providers alike: nobody could tell which one is meant.
    """
    found: dict[str, Provider] = {}
    faults = []
    for code, settings, connector in lines:
        if not settings.enabled or not isinstance(connector, SignOn):
            continue
        for name, traits in connector.providers().items():
            if name in found:
                told = f"nhà cung cấp {name!r} trùng tên với upstreams.{found[name].upstream}; hãy đặt tên khác nhau"
                faults.append(f"upstreams.{code}.settings: {told}")
            else:
                found[name] = Provider(code, traits, connector, min(settings.timeout_s, limit_s))
    if faults:
        raise ConfigError(tuple(faults))
    shares = max(1, len(found))
    browsers, notices = max(1, concurrency // 2 // shares), max(1, concurrency // 4 // shares)
    return Providers(
        {name: replace(one, places=Places(browsers), notices=Places(notices)) for name, one in found.items()}
    )


async def not_paused(journal: Journal, provider: Provider) -> None:
    """Raises `UpstreamUnavailable` while people have paused the provider's upstream."""
    if (await journal.upstream(provider.upstream)).paused:
        told = f"Đăng nhập qua {provider.traits.title_vi} đang tạm dừng; hãy thử lại sau."
        raise UpstreamUnavailable(told, retry_after_s=60)
