"""What a prefix held is removed where nobody uses it any more, and nothing else."""

from __future__ import annotations

from gateway.coordination.contact import RedisOptions
from gateway.coordination.errands import emptied
from tests.redis_server import Server


async def test_every_name_under_the_prefix_is_gone_and_every_other_stays(redis: Server) -> None:
    """More of them than one page holds."""
    for number in range(1_200):
        redis.say("SET", f"tthc:trial:{number}", "1")
    for other in ("tthc:trial", "tthc:trialled:1", "tthc:kept:1"):
        redis.say("SET", other, "1")
    assert await emptied(RedisOptions(redis.url(), b"", prefix="tthc:trial", answer_s=10.0))
    assert redis.say("DBSIZE") == ":3"


async def test_a_server_that_is_away_is_said_to_be(redis: Server) -> None:
    """Nothing is raised: what Redis holds may be lost, and may be left."""
    redis.stop()
    assert not await emptied(RedisOptions(redis.url(), b"", prefix="tthc:trial"))
