"""Two gateways on one PostgreSQL: what one takes on the other may deliver, once and in order, and either may die."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.line.nodes import FIRST, Nodes, several
from tests.line.program import ask, until
from tests.line.words import AHEAD, PAPER, SECTOR, event
from tests.postgres import Server

pytestmark = pytest.mark.xdist_group("nodes")
SECOND = "gateway-2"
SLOW_S = 60.0  # several programs start and stop on a machine that does other things too
CARRIER = "worker-1"
REASON = ("--reason", "Theo văn bản của chủ quản hệ thống")


@pytest.fixture(scope="module")
def nodes(
    tmp_path_factory: pytest.TempPathFactory, program_environment: dict[str, str], database_server: Server
) -> Iterator[Nodes]:
    """Two nodes that started at the same moment on an empty database."""
    dsn = database_server.database()
    with several(tmp_path_factory.mktemp("nodes"), program_environment, dsn, FIRST, SECOND) as running:
        yield running
    database_server.drop(dsn)


@pytest.fixture(scope="module", autouse=True)
def _operator(nodes: Nodes) -> None:
    """The first operator of the installation, added at the first node."""
    person = ("an", "--new-key", "--person", "CB-001", "--role", "admin", "--role", "operator", *REASON)
    assert nodes.command(FIRST, "operators", "add", *person).code == 0


@pytest.fixture(autouse=True)
def _both_run(nodes: Nodes) -> Iterator[None]:
    """Whoever was killed runs again for the next test."""
    yield
    nodes.start(*(name for name in (FIRST, SECOND) if name not in nodes.line.program.running))


def _arrived(nodes: Nodes, code: str) -> bool:
    return _states(nodes, code) == PORTAL


def _missing(nodes: Nodes, code: str) -> str:
    return f"{code} arrived, not {nodes.line.portal(code)}"


def _both_live(nodes: Nodes, name: str) -> Any:
    """The rows of all nodes when two of them live, beat every few seconds and hold places; nothing as long as it is not so."""
    answer = nodes.command(name, "nodes", "--json")
    rows = answer.tree["nodes"]
    live = [row for row in rows if row["state"] == "live"]
    sends = sum(row["held"].get("national_dvc", 0) for row in rows) >= 1
    good = answer.code == 0 and len(live) == 2 and sends and all(row["silent_s"] < 5 for row in live)
    return rows if good else None


def _paused(nodes: Nodes, name: str) -> object:
    return _health(nodes, name)["pauses"]


def _dossiers(nodes: Nodes, count: int) -> list[str]:
    return [nodes.line.new_dossier() for _ in range(count)]


STATES = ("received", "processing", "awaiting_supplement", "processing")
PORTAL = ["2", "4", "5", "4"]


def test_events_pushed_to_either_node_are_delivered_once_and_in_order(nodes: Nodes) -> None:
    """Events of one dossier alternate between the nodes; the portal has each once, in the order of acceptance."""
    codes = _dossiers(nodes, 6)
    for sequence, state in enumerate(STATES, start=1):
        for number, code in enumerate(codes):
            node = (FIRST, SECOND)[(number + sequence) % 2]
            answer = nodes.at(node).push(event(AHEAD, code, sequence, state))
            assert answer.status == 202, answer
    for code in codes:
        nodes.line.portal_has(code, PORTAL, SLOW_S)
        view = nodes.at(SECOND).settled(code)
        attempts = [attempt for delivery in view["deliveries"] for attempt in delivery["attempts"]]
        assert {attempt["outcome"] for attempt in attempts} == {"delivered"}
        assert [push["sequence"] for push in nodes.line.pushes(code)] == [1, 2, 3, 4]
        assert nodes.at(FIRST).view(code) == nodes.at(SECOND).view(code)


def test_every_node_lists_all_of_them(nodes: Nodes) -> None:
    """`gateway nodes` says at either node who lives, what each runs and may send; the probes say that they agree."""
    for name in (FIRST, SECOND):
        rows = until(partial(_both_live, nodes, name), f"{name} lists both, and who may send")
        health = _health(nodes, name)
        runs = {(row["generation"], row["version"]) for row in rows}
        assert runs == {(health["config_generation"], health["version"])}
        assert health["node"] == {"name": name, "live": 2, "agree": True}
    assert "mất liên lạc" not in nodes.command(FIRST, "nodes").out


def test_a_second_start_of_a_node_that_runs_fails_before_it_takes_anything(nodes: Nodes) -> None:
    """Its port is taken, so it ends with 78; the first one has kept its name, is ready, and takes events and delivers them."""
    (code,) = _dossiers(nodes, 1)
    second = nodes.command(FIRST, "serve")
    assert (second.code, "không mở được" in second.err) == (78, True)
    as_worker = nodes.command(FIRST, "worker")
    assert (as_worker.code, "không mở được" in as_worker.err) == (78, True)
    assert ask("GET", f"http://127.0.0.1:{nodes.ports[FIRST]}/readyz").status == 200
    assert nodes.at(FIRST).push(event(AHEAD, code, 1, STATES[0])).status == 202
    nodes.line.portal_has(code, PORTAL[:1], SLOW_S)
    assert nodes.command(FIRST, "nodes").code == 0


def test_a_killed_node_leaves_nothing_undelivered(nodes: Nodes) -> None:
    """SIGKILL in the middle: what it took on is delivered by the other, in order, and what the other is given too."""
    codes = _dossiers(nodes, 6)
    for code in codes:
        assert nodes.at(FIRST).push(event(AHEAD, code, 1, STATES[0])).status == 202
    nodes.line.program.stop(FIRST, signal.SIGKILL)
    other = nodes.at(SECOND)
    for sequence, state in enumerate(STATES[1:], start=2):
        for code in codes:
            assert other.push(event(AHEAD, code, sequence, state)).status == 202
    for code in codes:
        until(partial(_arrived, nodes, code), partial(_missing, nodes, code))
        assert [push["sequence"] for push in nodes.line.pushes(code)] == [1, 2, 3, 4]
    until(lambda: nodes.command(SECOND, "nodes").code == 1, "the silent one is told of")


def test_a_file_that_one_node_took_on_is_read_at_the_other_when_the_first_is_gone(nodes: Nodes) -> None:
    """The content stands in the store that both share: what comes back is what was sent, and no node's disk has it."""
    (code,) = _dossiers(nodes, 1)
    first, second = nodes.at(FIRST), nodes.at(SECOND)
    assert first.push(event(AHEAD, code, 1, "received")).status == 202
    assert first.upload(AHEAD, code, PAPER).status == 201
    assert second.upload(AHEAD, code, PAPER).status == 200
    nodes.line.program.stop(FIRST, signal.SIGKILL)
    assert second.download(AHEAD, code, hashlib.sha256(PAPER).hexdigest()).body == PAPER
    lying = [path for data in nodes.line.folder.glob("data-*/content") for path in data.rglob("*") if path.is_file()]
    assert lying == []


def test_the_evidence_of_both_nodes_holds_while_they_work(nodes: Nodes) -> None:
    """Chains of all starts so far, killed ones too, checked at either node by the same command."""
    (code,) = _dossiers(nodes, 1)
    assert nodes.at(SECOND).push(event(AHEAD, code, 1, "received")).status == 202
    checked = nodes.command(SECOND, "evidence", "check", "--json")
    assert checked.code == 0, checked
    assert checked.tree["holds"] and checked.tree["chains"] > 2 and checked.tree["notes_vi"] == []


def test_what_one_node_is_told_holds_on_the_other(nodes: Nodes) -> None:
    """An operator who was added at the first node decides at the second; a consent that is revoked there ends here."""
    (code,) = _dossiers(nodes, 1)
    first, second = nodes.at(FIRST), nodes.at(SECOND)
    assert first.push(event(SECTOR, code, 1, "received")).status == 202
    assert first.get(f"/v1/dossiers/{code}", SECTOR).status == 200
    assert nodes.command(SECOND, "consent", "revoke", SECTOR, *REASON).code == 0
    assert first.push(event(SECTOR, code, 2, "processing")).tree["code"] == "consent_revoked"
    assert first.get(f"/v1/dossiers/{code}", SECTOR).tree["code"] == "consent_revoked"
    assert first.upload(SECTOR, code, PAPER).tree["code"] == "consent_revoked"
    anew = ("--number", "77/VB", "--date", "2026-02-01", "--procedures", "*", "--keep-keys")
    assert nodes.command(FIRST, "consent", "add", SECTOR, *anew, *REASON).code == 0
    until(lambda: second.upload(SECTOR, code, PAPER).status in (200, 201), "the second node lets it in again")


def test_a_planned_pause_holds_on_both_nodes_and_is_told_once(nodes: Nodes) -> None:
    """Announced at one node it begins and ends on every node, and the feed says each of it once."""
    (code,) = _dossiers(nodes, 1)
    begins = datetime.now(UTC) + timedelta(seconds=1)
    notice = ("--notice", "Bảo trì đường truyền tới cổng")
    window = ("national_dvc", "--from", begins.isoformat(), *notice, *REASON)
    assert nodes.command(SECOND, "pause", *window).code == 0
    for name in (FIRST, SECOND):
        until(partial(_paused, nodes, name), f"{name} knows of the pause")
    until(lambda: _told(nodes, "pause.began"), "it has begun")
    assert nodes.at(FIRST).push(event(AHEAD, code, 1, "received")).status == 202
    assert nodes.at(SECOND).push(event(AHEAD, code, 2, "processing")).status == 202
    until(lambda: len(nodes.line.pushes(code)) == 2, "the resolution system was pushed to")
    assert nodes.line.portal(code) is None
    (planned,) = nodes.command(FIRST, "pause", "--list", "--json").tree["windows"]
    assert nodes.command(FIRST, "pause", "--cancel", planned["window"], *REASON).code == 0
    nodes.line.portal_has(code, PORTAL[:2], SLOW_S)
    assert [len(_told(nodes, f"pause.{kind}")) for kind in ("planned", "began", "cancelled")] == [1, 1, 1]


def test_a_change_is_rolled_out_node_by_node_while_events_go_on(nodes: Nodes) -> None:
    """Each node takes it over when told to, by command or SIGHUP; a wrong file changes nothing; both say that they differ."""
    first, second = (_health(nodes, name)["config_generation"] for name in (FIRST, SECOND))
    assert first == second
    with _config(nodes) as write, _traffic(nodes) as pushed:
        write("[storage]\n", "[intake]\nmax_body_bytes = 4096\n[storage]\n")
        assert nodes.command(FIRST, "reload", *REASON).code == 0
        assert (_too_large(nodes, FIRST), _too_large(nodes, SECOND)) == (413, 400)
        for name in (FIRST, SECOND):
            until(partial(_agree, nodes, name, False), f"{name} says that they differ")
        told = nodes.command(SECOND, "nodes")
        assert told.code == 1 and "cấu hình khác nhau" in told.out

        write("max_body_bytes = 4096", "max_body_bytes = 4096\nmax_depht = 9")
        _hang_up(nodes, SECOND)
        until(lambda: "configuration kept" in nodes.line.program.log(SECOND), "the second node refuses it")
        assert "intake.max_depht" in nodes.line.program.log(SECOND)
        assert _runs(nodes, SECOND, second) and _too_large(nodes, SECOND) == 400

        write("\nmax_depht = 9", "")
        _hang_up(nodes, SECOND)
        for name in (SECOND, FIRST):
            until(partial(_agree, nodes, name, True), f"{name} says that they agree again")
        assert (_too_large(nodes, FIRST), _too_large(nodes, SECOND)) == (413, 413)
        assert nodes.command(SECOND, "nodes").code == 0

        write("[intake]\nmax_body_bytes = 4096\n", "")
        for name in (FIRST, SECOND):
            _hang_up(nodes, name)
            until(partial(_runs, nodes, name, first), f"{name} is back")
        until(lambda: len(pushed) > 10, "events went on meanwhile")
    for code in pushed:
        nodes.line.portal_has(code, PORTAL[:2], SLOW_S)
        assert [push["sequence"] for push in nodes.line.pushes(code)] == [1, 2]


def test_the_door_and_the_worker_run_as_processes_of_their_own(nodes: Nodes) -> None:
    """What a door without a worker takes on waits in its lane until `gateway worker` runs; that one has probes and no door."""
    (code,) = _dossiers(nodes, 1)
    for name in (FIRST, SECOND):
        nodes.line.program.stop(name)
    try:
        nodes.start(FIRST, how=("serve", "--without-worker"))
        door = nodes.at(FIRST)
        assert door.push(event(AHEAD, code, 1, "received")).status == 202
        assert [lane["waiting"] for lane in door.view(code)["lanes"]] == [1]
        nodes.start(CARRIER, how=("worker",))
        nodes.line.portal_has(code, PORTAL[:1], SLOW_S)
        worker = nodes.at(CARRIER)
        assert ask("GET", worker.url() + "/healthz").tree["status"] == "ok"
        assert b'outcome="delivered"' in ask("GET", worker.url() + "/metrics").body
        assert _status(nodes.ports[CARRIER], "POST", "/v1/events") == 404
        assert nodes.command(CARRIER, "lanes", "--json").code == 0
        _the_worker_is_reloaded(nodes, code)
    finally:
        for name in (FIRST, CARRIER):
            if name in nodes.line.program.running:
                nodes.line.program.stop(name)


def _the_worker_is_reloaded(nodes: Nodes, code: str) -> None:
    """By command and by SIGHUP, beside a door that is not: what it no longer sends waits, and goes out when it may again."""
    door, before = nodes.at(FIRST), _health(nodes, CARRIER)["config_generation"]
    with _config(nodes) as write:
        write("[upstreams.national_dvc]\n", "[upstreams.national_dvc]\nenabled = false\n")
        assert nodes.command(CARRIER, "reload", *REASON).code == 0
        assert door.push(event(AHEAD, code, 2, "processing")).status == 202
        until(lambda: len(nodes.line.pushes(code)) == 2, "the worker goes on with the others")
        assert _states(nodes, code) == PORTAL[:1]
        until(partial(_agree, nodes, FIRST, False), "the door sees another configuration at the worker")
    _hang_up(nodes, CARRIER)
    nodes.line.portal_has(code, PORTAL[:2], SLOW_S)
    assert _runs(nodes, CARRIER, before)
    until(partial(_agree, nodes, FIRST, True), "the door sees the same again")


@contextlib.contextmanager
def _config(nodes: Nodes) -> Iterator[Callable[[str, str], None]]:
    """Puts another text in the place of one in the file of all nodes; at the end it is as it was."""
    path = nodes.line.config
    original = path.read_text(encoding="utf-8")

    def write(old: str, new: str) -> None:
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")

    try:
        yield write
    finally:
        path.write_text(original, encoding="utf-8")


@contextlib.contextmanager
def _traffic(nodes: Nodes) -> Iterator[list[str]]:
    """Events of new dossiers, one at each node, for as long as the block lasts; every one is accepted."""
    codes: list[str] = []
    ended = threading.Event()

    def push() -> None:
        while not ended.wait(0.1):
            code = nodes.line.new_dossier()
            for sequence, name in enumerate((FIRST, SECOND), start=1):
                answer = nodes.at(name).push(event(AHEAD, code, sequence, STATES[sequence - 1]))
                assert answer.status == 202, answer
            codes.append(code)

    with ThreadPoolExecutor(1) as pool:
        pushing = pool.submit(push)
        try:
            yield codes
        finally:
            ended.set()
        pushing.result()


def _hang_up(nodes: Nodes, name: str) -> None:
    nodes.line.program.running[name].send_signal(signal.SIGHUP)


def _too_large(nodes: Nodes, name: str) -> int:
    """The answer to five thousand bytes that mean nothing: 413 where so many are too many, otherwise 400."""
    return nodes.at(name).call(AHEAD, "POST", "/v1/events", b"x" * 5_000).status


def _agree(nodes: Nodes, name: str, expected: bool) -> bool:
    return _health(nodes, name)["node"]["agree"] is expected


def _runs(nodes: Nodes, name: str, generation: str) -> bool:
    return bool(_health(nodes, name)["config_generation"] == generation)


def _status(port: int, method: str, path: str) -> int:
    """The answer of a process that is no door: the published description says nothing of it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path)
        return connection.getresponse().status


def _health(nodes: Nodes, name: str) -> Any:
    return ask("GET", nodes.at(name).url() + "/healthz").tree


def _told(nodes: Nodes, kind: str) -> list[Any]:
    return [row for row in nodes.at(SECOND).feed() if row["kind"] == kind]


def _states(nodes: Nodes, code: str) -> list[str]:
    held = nodes.line.portal(code)
    return [row["state"] for row in held["progress"] if row["repeat_of"] < 0] if held else []
