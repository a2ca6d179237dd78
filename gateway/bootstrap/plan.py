"""The plan of a house: everything that a configuration can be refused for before anything of it runs or the store is touched."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from gateway.admin.ledger_decisions import Decidable
from gateway.admin.reconciling import ReadLine
from gateway.admin.views import Viewable
from gateway.bootstrap import guests
from gateway.bootstrap.ground import Footing
from gateway.bootstrap.guests import Outside
from gateway.bootstrap.lines import open_lines
from gateway.bootstrap.reading_back import readable
from gateway.config import Loaded
from gateway.dispatch.polling import PollLine
from gateway.intake.authenticate import Authenticator
from gateway.intake.foreign import check_profiles
from gateway.intake.ledgers import LedgerBook
from gateway.intake.register import Register


@dataclass(frozen=True, slots=True)
class Plan:
    """A configuration that was read, with its connectors built and nothing of it running."""

    loaded: Loaded
    outside: Outside
    polls: tuple[PollLine, ...]
    book: LedgerBook
    decidable: Mapping[str, Decidable]
    viewable: Mapping[str, Viewable]
    readable: Mapping[str, ReadLine]
    register: Register
    authenticator: Authenticator


@asynccontextmanager
async def planned(loaded: Loaded, footing: Footing) -> AsyncIterator[Plan]:
    """Build the connectors, check what they bring along, read keys and callers; the connectors are closed at the end.

    Raises `ConfigError` with the faults of the first thing that cannot be meant.
    """
    async with AsyncExitStack() as lines:
        outside = await open_lines(loaded, footing.clock, footing.coordination, lines, footing.metrics.call_again)
        polls, book = guests.poll_lines(outside), guests.ledger_book(outside, loaded)
        decidable, viewable = guests.decidable(outside), guests.viewable(outside)
        register = Register.load(loaded)
        authenticator = Authenticator.load(loaded, register)
        check_profiles(loaded.settings.callers)
        yield Plan(loaded, outside, polls, book, decidable, viewable, readable(outside), register, authenticator)
