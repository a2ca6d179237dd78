"""A gateway whose receipts promise a standby: the database's machine dies, a standby takes its place, nobody does anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.line.nodes import FIRST, several
from tests.line.program import Answer, until
from tests.line.running import Line
from tests.line.words import AHEAD, event
from tests.postgres import fail_over, hosts_of, served, standbys_of, wait_for_standby

_SETTINGS = {"fsync": "off", "full_page_writes": "off", "wal_retrieve_retry_interval": "100ms"}
_LIMIT_S = 60.0


def test_the_gateway_goes_on_by_itself_on_the_standby_that_is_promoted(
    tmp_path: Path, program_environment: dict[str, str]
) -> None:
    """What was acknowledged is known there and delivered once; receipts say `sync-standby` before and after."""
    with served(**_SETTINGS) as primary:
        database = primary.database().rpartition("/")[2]
        wait_for_standby(primary, "ANY 1 (s1, s2)")
        with standbys_of(primary, "s1", "s2") as standbys:
            dsn = hosts_of([primary, *standbys], database)
            promised = {"storage__postgres__durability": "sync-standby"}
            with several(tmp_path / "line", program_environment, dsn, FIRST, **promised) as nodes:
                line = nodes.line
                code = line.new_dossier()
                first, second = (event(AHEAD, code, 1, "received"), event(AHEAD, code, 2, "processing"))
                assert _told(line.push(first)) == (202, "sync-standby")
                line.portal_has(code, ["2"], _LIMIT_S)
                promoted = fail_over(primary, standbys)
                taken = until(lambda: _taken(line, second), "the gateway takes events again", _LIMIT_S)
                assert _told(taken)[1] == "sync-standby"
                line.portal_has(code, ["2", "4"], _LIMIT_S)
                again = line.push(first)
                assert (again.status, again.tree["status"]) == (200, "duplicate")
                assert promoted.say("SELECT count(*) FROM audit WHERE kind = 'store.restored'", database) == "0"


def _told(answer: Answer) -> tuple[int, str]:
    receipt = answer.tree
    return answer.status, receipt.get("original", receipt)["durability"]


def _taken(line: Line, wanted: dict[str, Any]) -> Answer | None:
    """Repeat an event, as producers do, until there is a receipt."""
    answer = line.push(wanted)
    assert answer.status in (200, 202, 503), answer
    return None if answer.status == 503 else answer
