"""Results in the running gateway: the watch that judges them, the routes that show them. Without [results] nothing is judged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from connectors.kit.contract import Coordination
from gateway.app import InternalParts
from gateway.bootstrap.lines import read_routes
from gateway.bootstrap.verification import result_rules, rules_of
from gateway.bootstrap.watches import keep_watch
from gateway.config import Loaded
from gateway.coordination.gcra import RateLimit
from gateway.coordination.shares import Live, alone
from gateway.errors import ConfigError
from gateway.intake.accept import Door
from gateway.intake.files import FileDoor
from gateway.intake.result_handlers import Judging, LookUp, PeerLimit, ResultDoor
from gateway.intake.result_watch import House, ResultRules, ResultWatch, Store
from gateway.intake.verification import Verifier
from gateway.journal.cabinet import Cabinet
from gateway.signatures.common_status import CommonStatus
from gateway.signatures.examining import Rules
from gateway.signatures.keys import open_keys
from gateway.signatures.outfit import Outfit, outfitted
from gateway.signatures.papers import PaperBench, PaperDesk
from gateway.signatures.pens import SigningDesk
from gateway.signatures.requests import Bench, SignatureRequests
from gateway.signatures.uses import Uses
from gateway.signatures.workplace import swept
from signing.errors import SigningError

_log = logging.getLogger("gateway")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What results need of the house around them; `verifier` None: the one that the configuration describes.

    `let_sign` hears who signs papers of connectors, None where nobody does. `live` says how many nodes share what is limited;
    `judges` is False where another process judges what is named. `values` is where nodes keep what all of them may use.
    """

    door: Door
    cabinet: Cabinet
    house: House
    verifier: Verifier | None = None
    let_sign: Callable[[SigningDesk | None], None] = lambda _desk: None
    live: Live = alone
    judges: bool = True
    values: Coordination | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """The routes of results, and the tools of signatures where results are judged."""

    door: ResultDoor
    outfit: Outfit | None = None


def rules_for(loaded: Loaded) -> tuple[Rules, ResultRules] | None:
    """What is trusted, and what the ministry decided; raises `ConfigError` for what cannot be meant. None without [results]."""
    settings = loaded.settings.results
    if settings is None:
        return None
    return rules_of(loaded, settings), result_rules(loaded, settings, read_routes(loaded))


async def open_results(loaded: Loaded, around: Surroundings, house: AsyncExitStack) -> Opened:
    """The routes of results, and the watch while the house stands."""
    store = Store(around.door.journal, around.cabinet, around.door.clock)
    rules, settings = rules_for(loaded), loaded.settings.results
    if rules is None or settings is None:
        _log.warning("[results] is not configured: results are withheld from the outside")
        return Opened(ResultDoor(around.door, store))
    outfit = await _outfit(loaded, rules[0], around, house)
    judging = Judging(around.verifier or outfit.examiner, rules[1])
    if around.judges:
        keep_watch(house, ResultWatch(store, judging.verifier, judging.rules, around.house).run(), "results")
    return Opened(ResultDoor(around.door, store, judging, settings.public_url, settings.max_validation_bytes), outfit)


async def _outfit(loaded: Loaded, rules: Rules, around: Surroundings, house: AsyncExitStack) -> Outfit:
    """Workers that read, whoever asks for status and stamps; raises `ConfigError` for what cannot be opened."""
    tools = outfitted(loaded.settings.signing, rules, around.door.clock, loaded.base, around.house.reach)
    try:
        outfit = await house.enter_async_context(tools)
    except SigningError as error:
        raise ConfigError((error.message_vi,)) from error
    if around.values is not None:
        outfit.examiner.status.share(CommonStatus(around.values))
    return outfit


def look_up(loaded: Loaded, door: Door, count: Callable[[str], None]) -> LookUp | None:
    """The look-up for the public; none where results are not judged, since there is nothing to look up."""
    settings = loaded.settings.results
    if settings is None:
        return None
    per_minute = settings.look_ups_per_minute
    limit = PeerLimit(RateLimit(per_minute / 60, max(1, per_minute // 3)), door.clock)
    return LookUp(door.journal, limit, count)


async def with_results(
    loaded: Loaded, parts: InternalParts, around: Surroundings, house: AsyncExitStack
) -> InternalParts:
    """The parts with the routes of results and, where there are keys, whoever signs for systems."""
    opened = await open_results(loaded, around, house)
    signers = None
    if opened.outfit is not None and parts.files is not None:
        signers = await open_signers(loaded, opened.outfit, parts.files, around.live)
    around.let_sign(signers.papers if signers is not None else None)
    return replace(parts, results=opened.door, signatures=signers.requests if signers is not None else None)


@dataclass(frozen=True, slots=True)
class Signers:
    """Who signs with the configured keys: files of dossiers for systems, papers for connectors."""

    requests: SignatureRequests
    papers: PaperDesk


async def open_signers(loaded: Loaded, outfit: Outfit, file_door: FileDoor, live: Live = alone) -> Signers | None:
    """Who signs; None without keys. Raises `ConfigError` for a key that cannot be opened."""
    work = loaded.data_dir() / loaded.settings.signing.work_dir
    if (
        loaded.settings.signing.keys or work.is_dir()
    ):  # documents of a last life may lie there, whatever is configured now
        await asyncio.to_thread(swept, work)
    if not loaded.settings.signing.keys:
        return None
    keys = await open_keys(loaded)
    door, reach = file_door.door, file_door.reach
    uses = Uses(door.clock, live)
    requests = SignatureRequests(Bench(file_door, outfit.issuer, keys, uses, work, reach))
    return Signers(requests, PaperDesk(PaperBench(door.journal, door.clock, outfit.issuer, keys, uses, work, reach)))
