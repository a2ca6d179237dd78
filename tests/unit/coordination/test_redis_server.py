"""The Redis that the tests start is a real one: it can be frozen, emptied and started again in the same place."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.cli.demonstration.servers import ServerFailed
from tests.redis_server import Server, served


def test_the_tests_own_server_keeps_until_it_is_emptied_or_stopped() -> None:
    """A stop is a wipe: nothing of it lies on a disk."""
    with served() as server:
        server.say("SET", "kept", "1")
        assert server.say("EXISTS", "kept") == ":1"
        server.kill_clients()
        server.wipe()
        assert server.say("EXISTS", "kept") == ":0"
        server.say("SET", "kept", "1")
        server.freeze()
        server.thaw()
        assert server.say("EXISTS", "kept") == ":1"
        with pytest.raises(ServerFailed, match="wrong number of arguments"):
            server.say("SET", "kept")
        server.stop()
        server.start()
        assert server.say("EXISTS", "kept") == ":0"


def test_one_that_is_frozen_ends_with_whoever_started_it() -> None:
    """It outlives nobody: not even where no signal but one reaches it, nor where it had ended before it was killed."""

    def start_and_freeze(server: Server) -> None:
        server.start()
        server.freeze()

    with served() as server:
        server.stop()
        with ThreadPoolExecutor(1) as starter:
            starter.submit(start_and_freeze, server).result()
        assert server.process is not None
        assert server.process.wait(60) == -signal.SIGKILL
        server.kill()
        server.start()
        assert server.answers()
